//! Events of a stream, and what is made of them.

use serde_json::{Value, json};

use super::object;
use crate::chat::{Chunk, Recorder};
use crate::dialect::anthropic::{Reader, Writer};

pub(super) fn start() -> Value {
    json!({"type": "message_start", "message": {"id": "msg_1", "type": "message", "role": "assistant",
        "model": "claude-x", "content": [], "stop_reason": null, "stop_sequence": null,
        "usage": {"input_tokens": 0, "output_tokens": 0}}})
}

/// The events of a block that comes in these pieces.
pub(super) fn block(index: u64, block: Value, deltas: &[Value]) -> Vec<Value> {
    let mut events =
        vec![json!({"type": "content_block_start", "index": index, "content_block": block})];
    events.extend(
        deltas
            .iter()
            .map(|delta| json!({"type": "content_block_delta", "index": index, "delta": delta})),
    );
    events.push(json!({"type": "content_block_stop", "index": index}));
    events
}

pub(super) fn end(stop_reason: &str) -> Vec<Value> {
    vec![
        json!({"type": "message_delta", "delta": {"stop_reason": stop_reason, "stop_sequence": null},
            "usage": {"input_tokens": 9, "output_tokens": 7}}),
        json!({"type": "message_stop"}),
    ]
}

pub(super) fn stream(blocks: Vec<Vec<Value>>, stop_reason: &str) -> Vec<Value> {
    let mut events = vec![start()];
    events.extend(blocks.into_iter().flatten());
    events.extend(end(stop_reason));
    events
}

pub(super) fn empty_text() -> Value {
    json!({"type": "text", "text": ""})
}

pub(super) fn text(said: &str) -> Value {
    json!({"type": "text_delta", "text": said})
}

pub(super) fn piece(arguments: &str) -> Value {
    json!({"type": "input_json_delta", "partial_json": arguments})
}

pub(super) fn call(id: &str) -> Value {
    json!({"type": "tool_use", "id": id, "name": "f", "input": {}})
}

pub(super) fn thought(index: u64, said: &[&str], signature: &str) -> Vec<Value> {
    let mut deltas: Vec<_> = said
        .iter()
        .map(|said| json!({"type": "thinking_delta", "thinking": said}))
        .collect();
    deltas.push(json!({"type": "signature_delta", "signature": signature}));
    block(
        index,
        json!({"type": "thinking", "thinking": "", "signature": ""}),
        &deltas,
    )
}

/// The chunks of a complete stream.
pub(super) fn chunks(events: &[Value]) -> Vec<Value> {
    let mut reader = Reader::new("m");
    let mut chunks = Vec::new();
    for (i, event) in events.iter().enumerate() {
        let heard = reader
            .event(event["type"].as_str(), &event.to_string())
            .unwrap();
        assert_eq!(heard.done, i + 1 == events.len(), "{event}");
        chunks.extend(heard.chunks);
    }
    chunks
}

/// The events in a text, which name themselves twice; the id of the message is taken for `msg_1`.
pub(super) fn events(text: &str) -> Vec<Value> {
    let lines = text.split_terminator("\n\n").map(|event| {
        let (name, data) = event.split_once('\n').unwrap();
        let mut event: Value = serde_json::from_str(data.strip_prefix("data: ").unwrap()).unwrap();
        assert_eq!(name.strip_prefix("event: ").unwrap(), event["type"]);
        if event["type"] == "message_start" {
            assert!(event["message"]["id"].as_str().unwrap().starts_with("msg_"));
            event["message"]["id"] = "msg_1".into();
        }
        event
    });
    lines.collect()
}

pub(super) fn written(chunks: &[Value]) -> Vec<Value> {
    let mut writer = Writer::new(None);
    let mut text: String = chunks
        .iter()
        .map(|chunk| writer.chunk(object(chunk)))
        .collect();
    text.push_str(&writer.end());
    assert_eq!(writer.end() + &writer.chunk(object(&chunks[0])), "");
    events(&text)
}

pub(super) fn delta(delta: Value) -> Value {
    json!({"id": "c", "model": "m", "choices": [{"index": 0, "delta": delta, "finish_reason": null}]})
}

pub(super) fn fragment(index: u64, name: &str, arguments: &str) -> Value {
    let mut call = json!({"index": index, "function": {"arguments": arguments}});
    if !name.is_empty() {
        call["id"] = name.into();
        call["function"]["name"] = name.into();
    }
    delta(json!({ "tool_calls": [call] }))
}

/// What a recorder makes of the chunks.
pub(super) fn recorded(chunks: &[Value]) -> Option<Value> {
    let mut recorder = Recorder::new(1 << 20);
    for chunk in chunks {
        recorder.push(&Chunk::parse(&chunk.to_string()).unwrap());
    }
    recorder
        .finish(true)
        .ok()
        .map(|answer| Value::Object(answer.members()))
}
