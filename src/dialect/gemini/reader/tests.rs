use super::*;
use crate::chat::{Chunk, Recorder};
use crate::dialect::gemini::answer;

fn said(parts: Value, reason: Option<&str>) -> Value {
    let mut candidate = json!({"content": {"role": "model", "parts": parts}});
    if let Some(reason) = reason {
        candidate["finishReason"] = json!(reason);
    }
    json!({"candidates": [candidate], "responseId": "r", "modelVersion": "gemini-3-pro"})
}

fn counted(mut response: Value, tokens: u64) -> Value {
    response["usageMetadata"] = json!({"promptTokenCount": 2, "candidatesTokenCount": tokens,
        "totalTokenCount": 2 + tokens});
    response
}

fn heard(events: &[Value]) -> Result<Vec<Value>, Fault> {
    let mut reader = Reader::new("asked-for");
    let mut chunks = Vec::new();
    for event in events {
        let heard = reader.event(None, &event.to_string())?;
        assert!(!heard.done);
        chunks.extend(heard.chunks);
    }
    let heard = reader.end()?;
    assert!(heard.done);
    assert_eq!(reader.end().unwrap(), Heard::default());
    chunks.extend(heard.chunks);
    Ok(chunks)
}

#[test]
fn a_stream_is_opened_continued_finished_and_counted() {
    let events = [
        counted(said(json!([{"text": "Pa"}]), None), 1),
        counted(said(json!([{"text": "ris 🗼"}]), None), 2),
        counted(said(json!([{"text": ""}]), Some("STOP")), 3),
        said(json!([]), None),
    ];
    let chunks = heard(&events).unwrap();
    let id = chunks[0]["id"].as_str().unwrap();
    assert!(id.starts_with("chatcmpl-"));
    for chunk in &chunks {
        assert_eq!(
            (&chunk["id"], &chunk["created"]),
            (&json!(id), &chunks[0]["created"])
        );
        assert_eq!(chunk["model"], "gemini-3-pro");
        assert_eq!(chunk["object"], "chat.completion.chunk");
    }
    let choice = |delta: Value, finish: Value| json!([{"index": 0, "delta": delta, "logprobs": null, "finish_reason": finish}]);
    let choices: Vec<_> = chunks.iter().map(|c| c["choices"].clone()).collect();
    assert_eq!(
        choices,
        [
            choice(json!({"role": "assistant", "content": "Pa"}), Value::Null),
            choice(json!({"content": "ris 🗼"}), Value::Null),
            choice(json!({}), json!("stop")),
            json!([]),
        ]
    );
    assert_eq!(chunks[3]["usage"]["completion_tokens"], 3);
    assert!(chunks[2].get("usage").is_none());
}

#[test]
fn what_is_recorded_is_what_a_whole_answer_says() {
    let whole = |parts: Value| {
        let response = counted(said(parts, Some("STOP")), 5).to_string();
        answer(response.as_bytes()).unwrap()
    };
    let recorded = |events: &[Value]| {
        let mut recorder = Recorder::new(usize::MAX);
        for chunk in heard(events).unwrap() {
            recorder.push(&Chunk::parse(&chunk.to_string()).unwrap());
        }
        let mut members = recorder.finish(true).unwrap().members();
        let message = &mut members["choices"][0]["message"];
        message["refusal"] = Value::Null;
        members
    };
    let text = [
        json!({"text": "Hm.", "thought": true}),
        json!({"text": "So"}),
        json!({"text": "."}),
    ];
    let call = json!({"functionCall": {"name": "f", "args": {"a": [1, "é"]}}});
    let calls = [call.clone(), call];
    for parts in [&text[..], &calls, &[]] {
        let mut events: Vec<_> = parts.iter().map(|p| said(json!([p]), None)).collect();
        events.push(counted(said(json!([]), Some("STOP")), 5));
        let whole = whole(json!(parts));
        let recorded = recorded(&events);
        assert_eq!(Value::from(recorded), Value::from(whole));
    }
}

#[test]
fn calls_come_whole_with_their_places_and_signatures() {
    let call = |name: &str| json!({"functionCall": {"name": name, "id": name, "args": {}}});
    let mut signed_call = call("f");
    signed_call["thoughtSignature"] = json!("c2ln");
    let events = [
        said(json!([signed_call, call("g")]), None),
        said(
            json!([call("h"), {"text": "", "thoughtSignature": "ZW5k"}]),
            Some("STOP"),
        ),
    ];
    let chunks = heard(&events).unwrap();
    let calls = |i: usize| chunks[i]["choices"][0]["delta"]["tool_calls"].clone();
    let function = json!({"name": "f", "arguments": "{}"});
    assert_eq!(
        calls(0)[0],
        json!({"index": 0, "id": "f", "type": "function", "function": function,
            "extra_content": signature::extra("c2ln")})
    );
    assert_eq!(
        (&calls(0)[1]["index"], &calls(1)[0]["index"]),
        (&json!(1), &json!(2))
    );
    let delta = &chunks[1]["choices"][0]["delta"];
    assert_eq!(delta["extra_content"], signature::extra("ZW5k"));
    assert_eq!(chunks[2]["choices"][0]["finish_reason"], "tool_calls");
}

#[test]
fn each_candidate_finishes_once_whatever_its_events_say() {
    let mut events = [
        said(json!([{"text": "a"}]), Some("STOP")),
        said(json!([{"text": "b"}]), Some("MAX_TOKENS")),
    ];
    let second =
        json!({"content": {"parts": [{"text": "z"}]}, "index": 1, "finishReason": "SAFETY"});
    events[0]["candidates"].as_array_mut().unwrap().push(second);
    let chunks = heard(&events).unwrap();
    let ends: Vec<_> = chunks
        .iter()
        .map(|c| (&c["choices"][0]["index"], &c["choices"][0]["finish_reason"]))
        .filter(|(_, finish)| !finish.is_null())
        .collect();
    let end = |index: u64, reason: &str| (json!(index), json!(reason));
    let expected = [end(0, "length"), end(1, "content_filter")];
    assert_eq!(ends, expected.each_ref().map(|(i, r)| (i, r)));
    assert_eq!(
        chunks[1]["choices"][0]["delta"],
        json!({"role": "assistant", "content": "z"})
    );
}

#[test]
fn a_stream_that_just_stops_is_not_done() {
    let unfinished = |events: &[Value]| matches!(heard(events), Err(Fault::Malformed(_)));
    assert!(unfinished(&[]));
    assert!(unfinished(&[
        json!({"usageMetadata": {"promptTokenCount": 1}})
    ]));
    assert!(unfinished(&[said(json!([{"text": "a"}]), None)]));
    let mut two = said(json!([{"text": "a"}]), Some("STOP"));
    let second = json!({"content": {"parts": [{"text": "b"}]}, "index": 1});
    two["candidates"].as_array_mut().unwrap().push(second);
    assert!(unfinished(&[two]));
}

#[test]
fn a_blocked_prompt_is_a_filtered_choice() {
    let blocked = json!({"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}});
    let chunks = heard(&[blocked]).unwrap();
    assert_eq!(
        chunks[0]["choices"],
        json!([{"index": 0, "delta": {"role": "assistant"}, "logprobs": null,
            "finish_reason": "content_filter"}])
    );
    assert_eq!(chunks.len(), 1);
}

#[test]
fn what_has_no_place_is_named_at_the_end() {
    let mut last = said(
        json!([{"text": "b", "thoughtSignature": "Yg=="}]),
        Some("STOP"),
    );
    last["candidates"][0]["groundingMetadata"] = json!({"webSearchQueries": ["x"]});
    let first = said(json!([{"text": "a", "thoughtSignature": "YQ=="}]), None);
    let chunks = heard(&[first, last]).unwrap();
    assert_eq!(
        chunks[2]["foreign"],
        json!({"gemini": ["groundingMetadata", "thoughtSignature"]})
    );
    assert!(chunks[1].get("foreign").is_none());
}

#[test]
fn probabilities_come_with_their_words() {
    let mut event = said(json!([{"text": "a"}]), Some("STOP"));
    event["candidates"][0]["logprobsResult"] =
        json!({"chosenCandidates": [{"token": "a", "logProbability": -0.5}]});
    let chunks = heard(&[event]).unwrap();
    assert_eq!(
        chunks[0]["choices"][0]["logprobs"]["content"][0]["logprob"],
        -0.5
    );
}

#[test]
fn failures_inside_a_stream_end_it() {
    let error = json!({"error": {"code": 503, "message": "Busy.", "status": "UNAVAILABLE"}});
    let Err(Fault::Said(error)) = heard(&[said(json!([{"text": "a"}]), None), error]) else {
        panic!();
    };
    assert_eq!(
        error,
        json!({"message": "Busy.", "type": "overloaded_error", "param": null, "code": "UNAVAILABLE"})
    );
    let malformed = said(json!([]), Some("MALFORMED_FUNCTION_CALL"));
    assert!(matches!(heard(&[malformed]), Err(Fault::Said(_))));
    let mut reader = Reader::new("m");
    for data in ["", "[DONE]", "[1]", "{"] {
        assert!(
            matches!(reader.event(None, data), Err(Fault::Malformed(_))),
            "{data}"
        );
    }
}
