//! Streams there and back: a provider's events are chunks in between and the same events for a client.

use serde_json::{Value, json};

use super::events::{
    block, call, chunks, empty_text, piece, recorded, start, stream, text, thought, written,
};
use crate::dialect::Fault;
use crate::dialect::anthropic::{Reader, answer_of};

#[track_caller]
fn comes_back(events: &[Value]) -> Vec<Value> {
    let chunks = chunks(events);
    assert_eq!(written(&chunks), events);
    chunks
}

#[test]
fn a_text_streams_through_and_is_recorded_as_the_whole_answer_reads() {
    let said = [text("Grüß"), text("e 🎉\n")];
    let chunks = comes_back(&stream(vec![block(0, empty_text(), &said)], "end_turn"));
    assert_eq!(chunks[0]["choices"][0]["delta"]["role"], "assistant");
    assert_eq!(chunks[0]["model"], "claude-x");
    let ids: std::collections::BTreeSet<_> =
        chunks.iter().map(|chunk| chunk["id"].to_string()).collect();
    assert_eq!(ids.len(), 1);
    let finished: Vec<_> = chunks
        .iter()
        .filter(|c| !c["choices"][0]["finish_reason"].is_null())
        .collect();
    assert_eq!(finished.len(), 1);
    let last = chunks.last().unwrap();
    assert_eq!(
        (&last["choices"], &last["usage"]["total_tokens"]),
        (&json!([]), &json!(16))
    );
    let whole = json!({"type": "message", "role": "assistant", "model": "claude-x",
        "content": [{"type": "text", "text": "Grüße 🎉\n"}], "stop_reason": "end_turn",
        "usage": {"input_tokens": 9, "output_tokens": 7}});
    let whole = Value::Object(answer_of(whole.to_string().as_bytes()).unwrap());
    assert_eq!(recorded(&chunks), Some(whole));
}

#[test]
fn thoughts_and_calls_stream_through_in_pieces() {
    let events = stream(
        vec![
            thought(0, &["Let me", " see."], "sig=="),
            block(1, json!({"type": "redacted_thinking", "data": "xyz"}), &[]),
            block(2, empty_text(), &[text("I'll look.")]),
            block(
                3,
                call("t1"),
                &[piece("{\"z\": 1.0,"), piece(" \"a\": \"é\"}")],
            ),
            block(4, call("t2"), &[piece("{}")]),
        ],
        "tool_use",
    );
    let chunks = comes_back(&events);
    let calls: Vec<_> = chunks
        .iter()
        .filter_map(|c| c["choices"][0]["delta"].get("tool_calls"))
        .collect();
    assert_eq!(
        calls[0][0],
        json!({"index": 0, "id": "t1", "type": "function",
        "function": {"name": "f", "arguments": ""}})
    );
    assert_eq!(
        calls[2][0],
        json!({"index": 0, "function": {"arguments": " \"a\": \"é\"}"}})
    );
    assert_eq!(calls[3][0]["index"], 1);
    let signed = json!([{"type": "thinking", "thinking": "Let me see.", "signature": "sig=="}]);
    let told = chunks
        .iter()
        .find_map(|chunk| chunk["choices"][0]["delta"].get("thinking_blocks"));
    assert_eq!(told, Some(&signed));
    let finish = chunks.iter().rev().nth(1).unwrap();
    assert_eq!(finish["choices"][0]["finish_reason"], "tool_calls");
    assert_eq!(finish["choices"][0]["delta"], json!({}));
}

#[test]
fn a_call_without_arguments_has_empty_ones() {
    let silent = stream(vec![block(0, call("t"), &[piece("")])], "tool_use");
    let said = stream(vec![block(0, call("t"), &[piece("{}")])], "tool_use");
    assert_eq!(written(&chunks(&silent)), said);
    let whole = json!({"type": "tool_use", "id": "t", "name": "f", "input": {"a": 1}});
    let at_once = chunks(&stream(vec![block(0, whole, &[])], "tool_use"));
    let call = &recorded(&at_once).unwrap()["choices"][0]["message"]["tool_calls"][0];
    assert_eq!(call["function"]["arguments"], "{\"a\":1}");
}

#[test]
fn an_order_of_its_own_streams_through_and_is_told_at_the_end() {
    let events = stream(
        vec![
            thought(0, &["a"], "s1"),
            block(1, empty_text(), &[text("é")]),
            thought(2, &["a"], "s2"),
            block(3, empty_text(), &[text("y")]),
            block(4, empty_text(), &[text("z")]),
        ],
        "max_tokens",
    );
    let chunks = comes_back(&events);
    let finish = chunks.iter().rev().nth(1).unwrap();
    let order = &finish["choices"][0]["delta"]["block_order"];
    assert_eq!(order.as_array().unwrap().len(), 5);
    assert_eq!(order[1], json!({"type": "content", "bytes": 2}));
    assert_eq!(recorded(&chunks), None);
}

#[test]
fn what_the_canonical_form_cannot_hold_streams_through_and_is_never_recorded() {
    let citation = json!({"type": "web_search_result_location", "url": "u", "cited_text": "c"});
    let search = json!({"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}});
    let mut events = stream(
        vec![
            block(0, empty_text(), &[text("x")]),
            block(1, search, &[piece("{\"query\": \"q\"}")]),
            block(
                2,
                json!({"type": "web_search_tool_result", "tool_use_id": "s", "content": []}),
                &[],
            ),
            block(
                3,
                empty_text(),
                &[
                    text("y"),
                    json!({"type": "citations_delta", "citation": citation}),
                ],
            ),
        ],
        "pause_turn",
    );
    let last = events.len() - 2;
    events[last]["delta"]["container"] = json!({"id": "c"});
    let chunks = comes_back(&events);
    let finish = chunks.iter().rev().nth(1).unwrap();
    let names = [
        "server_tool_use",
        "web_search_tool_result",
        "citations",
        "pause_turn",
        "container",
    ];
    assert_eq!(finish["foreign"]["anthropic"], json!(names));
    assert_eq!(finish["choices"][0]["finish_reason"], "length");
    assert_eq!(recorded(&chunks), None);
}

#[test]
fn a_stop_sequence_and_a_refusal_are_told() {
    for (name, value, reason) in [
        ("stop_sequence", json!("\nEND"), "stop_sequence"),
        (
            "stop_details",
            json!({"type": "refusal", "category": "bio", "explanation": "e"}),
            "refusal",
        ),
    ] {
        let mut events = stream(vec![block(0, empty_text(), &[text("x")])], reason);
        let last = events.len() - 2;
        events[last]["delta"][name] = value;
        comes_back(&events);
    }
}

#[test]
fn an_answer_that_says_nothing_is_an_answer() {
    let chunks = comes_back(&stream(vec![], "end_turn"));
    let whole = recorded(&chunks).unwrap();
    assert_eq!(whole["choices"][0]["message"]["content"], "");
    assert_eq!(whole["choices"][0]["message"]["role"], "assistant");
}

#[test]
fn counts_that_nobody_made_are_not_told() {
    let mut events = stream(vec![], "end_turn");
    events[0]["message"]["usage"] = Value::Null;
    events[1]["usage"] = Value::Null;
    assert!(
        chunks(&events)
            .iter()
            .all(|chunk| chunk.get("usage").is_none())
    );
}

#[test]
fn a_stream_that_just_stops_is_not_done() {
    let events = stream(vec![block(0, empty_text(), &[text("x")])], "end_turn");
    let mut reader = Reader::new("m");
    for event in &events[..events.len() - 1] {
        let heard = reader.event(None, &event.to_string()).unwrap();
        assert!(!heard.done);
        assert!(
            heard
                .chunks
                .iter()
                .all(|chunk| chunk["choices"][0]["finish_reason"].is_null())
        );
    }
    let heard = reader
        .event(None, &events[events.len() - 1].to_string())
        .unwrap();
    assert!(heard.done);
    let again = reader.event(None, &events[0].to_string()).unwrap();
    assert!(!again.done && again.chunks.is_empty());
}

#[test]
fn what_is_new_says_nothing_and_what_is_known_must_be_whole() {
    let mut reader = Reader::new("m");
    for (name, data) in [
        ("ping", "{\"type\": \"ping\"}"),
        ("ping", ""),
        ("some_day", "{"),
        ("some_day", "{\"index\": 0}"),
    ] {
        assert!(reader.event(Some(name), data).unwrap().chunks.is_empty());
    }
    let begun = || {
        let mut reader = Reader::new("m");
        reader.event(None, &start().to_string()).unwrap();
        reader
            .event(None, &block(0, empty_text(), &[])[0].to_string())
            .unwrap();
        reader
    };
    let begin = |index: Value, block: Value| json!({"type": "content_block_start", "index": index, "content_block": block});
    let delta = |index: u64, delta: Value| json!({"type": "content_block_delta", "index": index, "delta": delta});
    for odd in [
        start(),
        json!({"type": "message_stop"}),
        json!({"type": "message_delta"}),
        begin(json!(0), empty_text()),
        begin(json!("a"), empty_text()),
        begin(json!(1), json!({})),
        begin(json!(1), json!({"type": "tool_use", "id": "t"})),
        delta(5, text("x")),
        delta(0, piece("{")),
        delta(0, json!({"type": "text_delta"})),
        delta(0, json!("x")),
        json!({"type": "content_block_stop", "index": 7}),
    ] {
        let fault = begun().event(None, &odd.to_string());
        assert!(matches!(fault, Err(Fault::Malformed(_))), "{odd}");
    }
    let early = Reader::new("m").event(None, &block(0, empty_text(), &[])[0].to_string());
    assert!(matches!(early, Err(Fault::Malformed(_))));
    assert!(matches!(
        begun().event(Some("message_stop"), "{"),
        Err(Fault::Malformed(_))
    ));
    let new = delta(0, json!({"type": "some_day", "x": 1}));
    assert!(
        begun()
            .event(None, &new.to_string())
            .unwrap()
            .chunks
            .is_empty()
    );
    let error =
        json!({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}});
    let Err(Fault::Said(told)) = begun().event(Some("error"), &error.to_string()) else {
        panic!("an error says what it is");
    };
    assert_eq!(told["message"], "Overloaded");
}
