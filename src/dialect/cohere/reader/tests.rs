use super::*;
use crate::chat::{Chunk, Recorder};
use crate::dialect::cohere::answer;

fn event(kind: &str, index: u64, message: Value) -> Value {
    json!({"type": kind, "index": index, "delta": {"message": message}})
}

fn text(text: &str) -> Value {
    event("content-delta", 0, json!({"content": {"text": text}}))
}

fn thinking(text: &str) -> Value {
    event("content-delta", 0, json!({"content": {"thinking": text}}))
}

fn opened(index: u64, name: &str) -> Value {
    let function = json!({"name": name, "arguments": ""});
    let call = json!({"id": format!("{name}1"), "type": "function", "function": function});
    event("tool-call-start", index, json!({"tool_calls": call}))
}

fn arguments(index: u64, fragment: &str) -> Value {
    let call = json!({"function": {"arguments": fragment}});
    event("tool-call-delta", index, json!({"tool_calls": call}))
}

fn closed(index: u64) -> Value {
    json!({"type": "tool-call-end", "index": index})
}

fn ended(reason: &str) -> Value {
    json!({"type": "message-end", "delta": {"finish_reason": reason,
        "usage": {"tokens": {"input_tokens": 2.0, "output_tokens": 3.0}}}})
}

fn heard(events: &[Value]) -> Result<(Vec<Value>, bool), Fault> {
    let mut reader = Reader::new("command-a");
    let (mut chunks, mut done) = (Vec::new(), 0);
    for event in events {
        let heard = reader.event(event["type"].as_str(), &event.to_string())?;
        done += u8::from(heard.done);
        chunks.extend(heard.chunks);
    }
    assert!(done < 2);
    Ok((chunks, done == 1))
}

#[test]
fn a_stream_is_opened_continued_finished_and_counted() {
    let (chunks, done) = heard(&[
        json!({"type": "message-start", "id": "m", "delta": {"message": {"role": "assistant",
            "content": [], "tool_plan": "", "tool_calls": [], "citations": []}}}),
        event(
            "content-start",
            0,
            json!({"content": {"type": "text", "text": ""}}),
        ),
        text("Pa"),
        text("ris 🗼"),
        json!({"type": "content-end", "index": 0}),
        ended("COMPLETE"),
        ended("COMPLETE"),
    ])
    .unwrap();
    assert!(done);
    for chunk in &chunks {
        assert_eq!(
            (&chunk["id"], &chunk["model"]),
            (&chunks[0]["id"], &json!("command-a"))
        );
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
    assert_eq!(chunks[3]["usage"]["total_tokens"], 5);
}

#[test]
fn calls_come_in_fragments_by_index() {
    let (chunks, done) = heard(&[
        event("tool-plan-delta", 0, json!({"tool_plan": "I will look."})),
        opened(1, "f"),
        arguments(1, "{\"a\":"),
        arguments(1, "\"é\"}"),
        closed(1),
        opened(2, "g"),
        closed(2),
        ended("TOOL_CALL"),
    ])
    .unwrap();
    assert!(done);
    let delta = |i: usize| chunks[i]["choices"][0]["delta"].clone();
    let plan = json!({"role": "assistant", "reasoning_content": "I will look."});
    assert_eq!(delta(0), plan);
    let function = json!({"name": "f", "arguments": ""});
    let first = json!({"index": 0, "id": "f1", "type": "function", "function": function});
    assert_eq!(delta(1), json!({"tool_calls": [first]}));
    let fragment = |index: u64, arguments: &str| json!({"tool_calls": [{"index": index, "function": {"arguments": arguments}}]});
    assert_eq!(delta(2), fragment(0, "{\"a\":"));
    assert_eq!(delta(3), fragment(0, "\"é\"}"));
    assert_eq!(delta(4)["tool_calls"][0]["index"], 1);
    assert_eq!(delta(5), fragment(1, "{}"));
    assert_eq!(chunks[6]["choices"][0]["finish_reason"], "tool_calls");
}

#[test]
fn what_is_recorded_is_what_a_whole_answer_says() {
    let part = |kind: &str, text: &str| json!({"type": kind, kind: text});
    let call = |name: &str, arguments: &str| {
        json!({"id": format!("{name}1"), "type": "function",
            "function": {"name": name, "arguments": arguments}})
    };
    let plan = |plan: &str| event("tool-plan-delta", 0, json!({"tool_plan": plan}));
    for (events, message, reason) in [
        (
            vec![thinking("H"), thinking("m."), text("Yes"), text(".")],
            json!({"content": [part("thinking", "Hm."), part("text", "Yes.")]}),
            "COMPLETE",
        ),
        (
            vec![
                thinking("Hm."),
                plan("I will"),
                plan(" look."),
                opened(0, "f"),
                arguments(0, "{\"a\":1}"),
                closed(0),
                opened(1, "g"),
                closed(1),
            ],
            json!({"content": [part("thinking", "Hm.")], "tool_plan": "I will look.",
                "tool_calls": [call("f", "{\"a\":1}"), call("g", "")]}),
            "TOOL_CALL",
        ),
        (vec![], json!({"content": []}), "COMPLETE"),
    ] {
        let end = ended(reason);
        let whole = json!({"message": message, "finish_reason": reason,
            "usage": end["delta"]["usage"]});
        let mut whole = Value::Object(answer(whole.to_string().as_bytes()).unwrap());
        whole["model"] = json!("command-a");
        let mut recorder = Recorder::new(usize::MAX);
        for chunk in heard(&[events, vec![end]].concat()).unwrap().0 {
            recorder.push(&Chunk::parse(&chunk.to_string()).unwrap());
        }
        let mut recorded = Value::Object(recorder.finish(true).unwrap().members());
        recorded["choices"][0]["message"]["refusal"] = Value::Null;
        assert_eq!(recorded, whole);
    }
}

#[test]
fn what_has_no_place_is_named_at_the_end() {
    let citation = json!({"citations": {"start": 0, "end": 1, "text": "a"}});
    let (chunks, _) = heard(&[
        text("a"),
        event("citation-start", 0, citation),
        json!({"type": "citation-end", "index": 0}),
        json!({"type": "picture-start"}),
        event("content-start", 1, json!({"content": {"type": "sound"}})),
        ended("COMPLETE"),
    ])
    .unwrap();
    assert_eq!(
        chunks[1]["foreign"],
        json!({"cohere": ["citations", "picture-start", "sound"]})
    );
    assert!(chunks[0].get("foreign").is_none());
}

#[test]
fn probabilities_come_with_their_words() {
    let mut event = text("a");
    event["logprobs"] = json!({"text": "a", "token_ids": [1], "logprobs": [-0.5]});
    let (chunks, _) = heard(&[event, ended("COMPLETE")]).unwrap();
    assert_eq!(
        chunks[0]["choices"][0]["logprobs"]["content"][0]["logprob"],
        -0.5
    );
    assert!(chunks[1].get("foreign").is_none());
}

#[test]
fn a_stream_that_just_stops_is_not_done() {
    assert!(!heard(&[text("a")]).unwrap().1);
    let endless = json!({"type": "message-end", "delta": {}});
    assert!(matches!(heard(&[endless]), Err(Fault::Malformed(_))));
}

#[test]
fn failures_inside_a_stream_end_it() {
    let told =
        json!({"type": "message-end", "delta": {"finish_reason": "ERROR", "error": "Broke."}});
    let bare = json!({"id": "x", "message": "Broke."});
    for event in [told, bare] {
        let Err(Fault::Said(error)) = heard(&[text("a"), event.clone()]) else {
            panic!("{event}");
        };
        assert_eq!(error["message"], "Broke.");
    }
    assert!(matches!(heard(&[ended("TIMEOUT")]), Err(Fault::Said(_))));
    let orphan = arguments(3, "{}");
    for broken in [
        orphan,
        json!({"x": 1}),
        json!([1]),
        event("tool-call-start", 0, json!({})),
    ] {
        assert!(
            matches!(
                heard(std::slice::from_ref(&broken)),
                Err(Fault::Malformed(_))
            ),
            "{broken}"
        );
    }
    let mut reader = Reader::new("m");
    assert!(matches!(reader.event(None, "{"), Err(Fault::Malformed(_))));
    assert_eq!(reader.event(None, "[DONE]"), Ok(Heard::default()));
}
