//! The names of fields that are at fault.

use serde_json::{Value, json};

use super::*;
use crate::dialect::anthropic::param;

#[test]
fn a_fault_names_the_clients_own_field() {
    for (body, path) in [
        (json!({"max_tokens": 1, "messages": []}), "model"),
        (json!({"model": "m", "max_tokens": 1}), "messages"),
        (asking(&json!([])), "messages"),
        (asking(&json!(["a"])), "messages[0]"),
        (asking(&json!([{"role": "user"}])), "messages[0].content"),
        (with("system", json!([{"type": "text"}])), "system[0].text"),
        (with("temperature", json!(1.5)), "temperature"),
        (with("max_tokens", json!(-1)), "max_tokens"),
        (with("stop_sequences", json!([1])), "stop_sequences"),
        (with("metadata", json!({"user_id": 1})), "metadata.user_id"),
        (with("stream", json!("yes")), "stream"),
    ] {
        assert_eq!(fault(&body), path, "{body}");
    }
    for (name, value, path) in [
        ("thinking", json!({"type": "enabled"}), "budget_tokens"),
        ("tool_choice", json!({"type": "tool"}), "name"),
        ("output_config", json!({"effort": 1}), "effort"),
        (
            "output_config",
            json!({"format": {"type": "json_schema"}}),
            "format.schema",
        ),
    ] {
        assert_eq!(fault(&with(name, value)), format!("{name}.{path}"));
    }
    let tools = json!([{"name": "f"}]);
    assert_eq!(fault(&with("tools", tools)), "tools[0].input_schema");
    let mut endless = asking(&json!([{"role": "user", "content": "a"}]));
    endless["max_tokens"] = Value::Null;
    assert_eq!(fault(&endless), "max_tokens");
}

#[test]
fn a_fault_inside_a_message_is_named_by_its_place() {
    for (message, path) in [
        (json!({"role": "tool", "content": "a"}), "role"),
        (json!({"role": "user", "content": 1}), "content"),
        (
            json!({"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "f", "input": "{}"}]}),
            "content[0].input",
        ),
        (
            json!({"role": "assistant", "content": [{"type": "thinking"}]}),
            "content[0].thinking",
        ),
    ] {
        let messages = json!([{"role": "user", "content": "a"}, message]);
        assert_eq!(fault(&asking(&messages)), format!("messages[1].{path}"));
    }
    let nested = json!({"type": "tool_result", "tool_use_id": "t", "content": [{"type": "text"}]});
    for (block, path) in [
        (json!({"text": "a"}), "type"),
        (json!({"type": "text"}), "text"),
        (json!({"type": "image"}), "source"),
        (
            json!({"type": "image", "source": {"type": "base64", "data": "x"}}),
            "source.media_type",
        ),
        (
            json!({"type": "text", "text": "a", "cache_control": 1}),
            "cache_control",
        ),
        (
            json!({"type": "tool_result", "content": "a"}),
            "tool_use_id",
        ),
        (nested, "content[0].text"),
    ] {
        let messages = json!([{"role": "user", "content": [block]}]);
        assert_eq!(
            fault(&asking(&messages)),
            format!("messages[0].content[0].{path}")
        );
    }
}

#[test]
fn a_member_of_a_document_is_named_and_not_the_document_alone() {
    let source = json!({"type": "text", "media_type": "text/plain", "data": "d"});
    let body = asking(
        &json!([{"role": "user", "content": [{"type": "text", "text": "a"},
        {"type": "document", "source": source, "title": "T", "context": "C"}]}]),
    );
    let canonical = read(&body);
    for (path, own) in [
        ("title", "title"),
        ("context", "context"),
        ("citations.enabled", "citations"),
        ("file.file_data", "source"),
    ] {
        let path = format!("messages[0].content[1].{path}");
        let own = format!("messages[0].content[1].{own}");
        assert_eq!(param(&path, object(&canonical)), own);
    }
}

#[test]
fn a_canonical_field_has_the_clients_name() {
    let mut body = asking(&json!([
        {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]},
        {"role": "assistant", "content": [
            {"type": "thinking", "thinking": "x", "signature": "s"}, {"type": "text", "text": "c"},
            {"type": "tool_use", "id": "t", "name": "f", "input": {}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": [
            {"type": "text", "text": "d"}, {"type": "text", "text": "e"}]}]},
        {"role": "assistant", "content": "g"},
        {"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": "u", "content": "d"}, {"type": "text", "text": "h"}]},
        {"role": "assistant", "content": "i"}]));
    body["system"] = json!("S");
    body["tools"] = json!([{"name": "f", "input_schema": {}}]);
    let canonical = read(&body);
    for (path, own) in [
        ("max_completion_tokens", "max_tokens"),
        ("stop", "stop_sequences"),
        ("user", "metadata.user_id"),
        ("temperature", "temperature"),
        ("response_format.json_schema.schema", "output_config.format"),
        ("tools[0].function.parameters", "tools[0].input_schema"),
        ("tools[0].function.name", "tools[0].name"),
        ("tools[0]", "tools[0]"),
        ("tool_choice.function", "tool_choice"),
        ("messages", "messages"),
        ("messages[0].content", "system"),
        ("messages[1].content[1]", "messages[0].content[1]"),
        ("messages[1].name", "messages[0]"),
        ("messages[2].content", "messages[1].content"),
        (
            "messages[2].tool_calls[0].function.arguments",
            "messages[1].content[2].input",
        ),
        (
            "messages[3].content[1]",
            "messages[2].content[0].content[1]",
        ),
        ("messages[3].tool_call_id", "messages[2].content[0]"),
        ("messages[4].content", "messages[3].content"),
        // One message or two: that cannot be told any more, for these nor for what follows.
        ("messages[5].content", "messages"),
        ("messages[6].content", "messages"),
        ("messages[7].content", "messages"),
        ("messages[99]", "messages"),
        ("messages[x]", "messages"),
    ] {
        assert_eq!(param(path, object(&canonical)), own, "{path}");
    }
    body["tools"] =
        json!([{"type": "bash_20250124", "name": "bash"}, {"name": "f", "input_schema": {}}]);
    assert_eq!(
        param("tools[0].function.name", object(&read(&body))),
        "tools"
    );
}
