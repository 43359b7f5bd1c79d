//! Streams for a client out of what another provider said, or memory.

use serde_json::{Value, json};

use super::events::{block, delta, empty_text, events, fragment, stream, text, written};
use super::object;
use crate::chat::Replay;
use crate::dialect::anthropic::{Writer, answer, replay};

#[test]
fn chunks_of_another_provider_are_events_of_the_api() {
    let mut finish = delta(json!({}));
    finish["choices"][0]["finish_reason"] = "stop".into();
    let chunks = [
        delta(json!({"role": "assistant", "content": ""})),
        delta(json!({"reasoning_content": "hm"})),
        delta(json!({"content": "a"})),
        finish,
        json!({"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 7}}),
    ];
    let unsigned = block(
        0,
        json!({"type": "thinking", "thinking": "", "signature": ""}),
        &[json!({"type": "thinking_delta", "thinking": "hm"})],
    );
    let mut expected = stream(
        vec![unsigned, block(1, empty_text(), &[text("a")])],
        "end_turn",
    );
    expected[0]["message"]["model"] = "m".into();
    assert_eq!(written(&chunks), expected);
}

#[test]
fn calls_whose_pieces_are_mixed_come_one_after_the_other() {
    let mut finish = delta(json!({}));
    finish["choices"][0]["finish_reason"] = "tool_calls".into();
    let chunks = [
        fragment(0, "a", "{\"x\":"),
        fragment(1, "b", "{"),
        fragment(0, "", "1}"),
        fragment(1, "", "}"),
        finish,
    ];
    let events = written(&chunks);
    let told: Vec<_> = events
        .iter()
        .filter(|event| event.get("index").is_some())
        .collect();
    let indices: Vec<_> = told
        .iter()
        .map(|event| event["index"].as_u64().unwrap())
        .collect();
    assert!(indices.is_sorted(), "{indices:?}");
    let arguments = |index: u64| -> String {
        let pieces = told.iter().filter(|event| event["index"] == index);
        pieces
            .filter_map(|event| event["delta"]["partial_json"].as_str())
            .collect()
    };
    assert_eq!(
        (arguments(0), arguments(1)),
        ("{\"x\":1}".into(), "{}".into())
    );
    assert_eq!(events[events.len() - 2]["delta"]["stop_reason"], "tool_use");
    // Never complete, and yet all of it is there.
    let cut = written(&[fragment(0, "a", "{"), fragment(1, "b", "{}")]);
    assert_eq!(
        cut.iter()
            .filter(|event| event["type"] == "content_block_stop")
            .count(),
        2
    );
    let late = [
        fragment(0, "a", "{}"),
        delta(json!({"content": "x"})),
        fragment(0, "", "!"),
    ];
    assert_eq!(written(&late).last().unwrap()["type"], "error");
}

#[test]
fn foreign_events_take_the_place_that_is_theirs() {
    let blocks = block(
        7,
        json!({"type": "some_day"}),
        &[json!({"type": "some_delta"})],
    );
    let mut chunks = vec![delta(json!({"content": "a"}))];
    chunks.extend(
        blocks
            .iter()
            .map(|event| delta(json!({ "foreign": [event] }))),
    );
    let told = written(&chunks);
    let indices: Vec<_> = told
        .iter()
        .filter_map(|event| event.get("index")?.as_u64())
        .collect();
    assert_eq!(indices, [0, 0, 0, 1, 1, 1]);
}

#[test]
fn an_error_ends_a_stream_and_nothing_follows() {
    let mut writer = Writer::new(Some(&json!({"prompt_tokens": 12, "completion_tokens": 3})));
    let begun = events(&writer.chunk(object(&delta(json!({"content": "a"})))));
    assert_eq!(
        begun[0]["message"]["usage"],
        json!({"input_tokens": 12, "output_tokens": 0})
    );
    let told = json!({"message": "The provider failed.", "type": "server_error"});
    let failed = events(&writer.error(&told, 529));
    assert_eq!(
        failed,
        [json!({"type": "error", "request_id": null,
        "error": {"type": "overloaded_error", "message": "The provider failed."}})]
    );
    assert_eq!(
        writer.end() + &writer.chunk(object(&delta(json!({"content": "b"})))),
        ""
    );
}

#[test]
fn a_remembered_answer_streams_as_the_message_that_it_is() {
    let long = "é".repeat(400);
    let message = json!({"role": "assistant", "reasoning_content": "ab",
        "thinking_blocks": [{"type": "thinking", "thinking": "a", "signature": "s"},
            {"type": "thinking", "thinking": "b", "signature": "t"}],
        "content": long, "tool_calls": [
            {"id": "t", "type": "function", "function": {"name": "f", "arguments": "{\"a\": 1.0}"}}]});
    let members = json!({"model": "m", "usage": {"prompt_tokens": 9, "completion_tokens": 7},
        "choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}]});
    let told = events(&replay(object(&members)));
    let texts = told
        .iter()
        .filter(|event| event["delta"]["type"] == "text_delta");
    assert_eq!(texts.count(), 4);
    let again = Replay::new(crate::chat::Answer::from_members(object(&members).clone()).unwrap());
    let chunks = String::from_utf8(again.events(true).unwrap().to_vec()).unwrap();
    let chunks = chunks
        .lines()
        .filter_map(|line| line.strip_prefix("data: {"));
    let chunks: Vec<Value> = chunks
        .map(|data| serde_json::from_str(&format!("{{{data}")).unwrap())
        .collect();
    for events in [told, written(&chunks)] {
        let mut message = events[0]["message"].clone();
        let mut blocks: Vec<Value> = Vec::new();
        for event in &events {
            match event["type"].as_str().unwrap() {
                "content_block_start" => blocks.push(event["content_block"].clone()),
                "content_block_delta" => grow(blocks.last_mut().unwrap(), &event["delta"]),
                _ => {}
            }
        }
        message["content"] = blocks.into();
        let end = &events[events.len() - 2];
        message["stop_reason"] = end["delta"]["stop_reason"].clone();
        message["usage"] = end["usage"].clone();
        let mut whole = answer(object(&members));
        whole.insert("id".into(), "msg_1".into());
        let arguments = whole["content"][3]["input"].to_string();
        whole["content"][3]["input"] = arguments.replace(':', ": ").into();
        assert_eq!(message, Value::Object(whole));
    }
}

/// Adds a delta to its block; the input of a tool stays text.
fn grow(block: &mut Value, delta: &Value) {
    let (name, more) = match delta["type"].as_str().unwrap() {
        "text_delta" => ("text", &delta["text"]),
        "thinking_delta" => ("thinking", &delta["thinking"]),
        "signature_delta" => ("signature", &delta["signature"]),
        _ => ("input", &delta["partial_json"]),
    };
    let before = block[name].as_str().unwrap_or_default().to_owned();
    block[name] = (before + more.as_str().unwrap()).into();
}
