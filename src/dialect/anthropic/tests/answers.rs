//! Whole answers there and back.

use serde_json::{Value, json};

use super::object;
use crate::chat::{Answer, Unstorable};
use crate::dialect::Fault;
use crate::dialect::anthropic::{answer, answer_of};

/// A message of the API's with this content.
fn message(content: &Value, stop_reason: &str) -> Value {
    json!({"id": "msg_1", "type": "message", "role": "assistant", "model": "claude-x", "content": content,
        "stop_reason": stop_reason, "stop_sequence": null, "usage": {"input_tokens": 3, "output_tokens": 5}})
}

fn canonical(message: &Value) -> Value {
    Value::Object(answer_of(message.to_string().as_bytes()).unwrap())
}

fn written(canonical: &Value) -> Value {
    let mut message = answer(object(canonical));
    let id = message.insert("id".into(), "msg_1".into()).unwrap();
    assert!(id.as_str().unwrap().starts_with("msg_"));
    message.into()
}

fn storable(canonical: &Value) -> Result<(), Unstorable> {
    Answer::from_members(object(canonical).clone())
        .unwrap()
        .storable()
}

#[track_caller]
fn comes_back(message: &Value) -> Value {
    let canonical = canonical(message);
    assert_eq!(&written(&canonical), message, "{canonical}");
    canonical
}

fn chat(message: Value, finish_reason: &str) -> Value {
    json!({"model": "m", "choices": [{"index": 0, "message": message, "finish_reason": finish_reason}]})
}

#[test]
fn a_text_comes_back_byte_for_byte() {
    let text = json!([{"type": "text", "text": "Grüße 🎉\n\t\"x\" \u{2028}\0"}]);
    let canonical = comes_back(&message(&text, "end_turn"));
    let choice = &canonical["choices"][0];
    assert_eq!(choice["message"]["content"], text[0]["text"]);
    assert_eq!(choice["finish_reason"], "stop");
    assert!(choice["message"]["refusal"].is_null() && choice["logprobs"].is_null());
    assert!(canonical.get("id").is_none() && canonical.get("foreign").is_none());
    assert_eq!(canonical["usage"]["total_tokens"], 8);
    assert_eq!(storable(&canonical), Ok(()));
}

#[test]
fn thoughts_and_calls_come_back_with_what_signs_them() {
    let content = json!([
        {"type": "thinking", "thinking": "Hm, ", "signature": "s1"},
        {"type": "redacted_thinking", "data": "xyz"},
        {"type": "thinking", "thinking": "so.", "signature": "s2"},
        {"type": "text", "text": "I'll look."},
        {"type": "tool_use", "id": "t1", "name": "f", "input": {"z": 1, "a": [null, "é"]}},
        {"type": "tool_use", "id": "t2", "name": "g", "input": {}}]);
    let canonical = comes_back(&message(&content, "tool_use"));
    let said = &canonical["choices"][0]["message"];
    assert_eq!(said["reasoning_content"], "Hm, so.");
    assert_eq!(said["thinking_blocks"][1], content[1]);
    assert_eq!(said["tool_calls"][1]["function"]["arguments"], "{}");
    assert!(said.get("block_order").is_none());
    assert_eq!(storable(&canonical), Err(Unstorable::ToolCalls));
    let silent = json!([{"type": "tool_use", "id": "t", "name": "f", "input": {}}]);
    let canonical = comes_back(&message(&silent, "tool_use"));
    assert!(canonical["choices"][0]["message"]["content"].is_null());
}

#[test]
fn arguments_are_the_providers_own_text() {
    let call = r#"{"type":"message","stop_reason":"tool_use","content":[{"type":"tool_use","id":"t","name":"f",
        "input":{"z": 1e2, "a":0.10000000000000000001 }}]}"#;
    let canonical = Value::Object(answer_of(call.as_bytes()).unwrap());
    let call = &canonical["choices"][0]["message"]["tool_calls"][0];
    assert_eq!(
        call["function"]["arguments"],
        r#"{"z": 1e2, "a":0.10000000000000000001 }"#
    );
}

#[test]
fn blocks_in_an_order_of_their_own_come_back_in_it() {
    let (a, b) = (
        json!({"type": "text", "text": "é"}),
        json!({"type": "text", "text": "b"}),
    );
    let thought = json!({"type": "thinking", "thinking": "x", "signature": "s"});
    let call = json!({"type": "tool_use", "id": "t", "name": "f", "input": {}});
    for content in [
        json!([a, b]),
        json!([call, a]),
        json!([thought, a, thought, b, call]),
        json!([{"type": "text", "text": ""}]),
    ] {
        let canonical = comes_back(&message(&content, "max_tokens"));
        assert!(canonical["choices"][0]["message"]["block_order"].is_array());
    }
}

#[test]
fn what_the_canonical_form_cannot_hold_is_named_and_comes_back() {
    let citations = json!([{"type": "char_location", "cited_text": "c", "document_index": 0,
        "document_title": null, "start_char_index": 0, "end_char_index": 1}]);
    let content = json!([
        {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {"query": "q"}},
        {"type": "web_search_tool_result", "tool_use_id": "s", "content": []},
        {"type": "text", "text": "So: ", "citations": citations},
        {"type": "text", "text": "yes."},
        {"type": "tool_use", "id": "t", "name": "f", "input": {}, "caller": {"type": "code_execution_20250825", "tool_id": "s"}}]);
    let mut whole = message(&content, "pause_turn");
    whole["container"] = json!({"id": "c", "expires_at": "2026-01-01T00:00:00Z"});
    let canonical = comes_back(&whole);
    let names = [
        "server_tool_use",
        "web_search_tool_result",
        "citations",
        "caller",
        "pause_turn",
        "container",
    ];
    assert_eq!(canonical["foreign"]["anthropic"], json!(names));
    let choice = &canonical["choices"][0];
    assert_eq!(choice["message"]["content"], "So: yes.");
    assert_eq!(choice["finish_reason"], "length");
    let mut hollow = message(
        &json!([{"type": "text", "text": "a", "citations": null},
        {"type": "tool_use", "id": "t", "name": "f", "input": {}, "caller": {"type": "direct"}}]),
        "tool_use",
    );
    hollow["context_management"] = json!({"applied_edits": []});
    hollow["diagnostics"] = json!({"cache_miss_reason": null});
    assert!(self::canonical(&hollow).get("foreign").is_none());
}

#[test]
fn the_end_of_an_answer_comes_back() {
    let text = json!([{"type": "text", "text": "a"}]);
    for (reason, finish, may) in [
        ("end_turn", "stop", Ok(())),
        ("max_tokens", "length", Err(Unstorable::Truncated)),
        (
            "model_context_window_exceeded",
            "length",
            Err(Unstorable::UnknownDelta),
        ),
        ("pause_turn", "length", Err(Unstorable::UnknownDelta)),
    ] {
        let canonical = comes_back(&message(&text, reason));
        assert_eq!(canonical["choices"][0]["finish_reason"], finish);
        assert_eq!(storable(&canonical), may);
    }
    let mut stopped = message(&text, "stop_sequence");
    stopped["stop_sequence"] = json!("\nEND");
    let canonical = comes_back(&stopped);
    assert_eq!(canonical["choices"][0]["stop_reason"], "\nEND");
    assert_eq!(canonical["choices"][0]["finish_reason"], "stop");
    let mut refused = message(&json!([]), "refusal");
    refused["stop_details"] = json!({"type": "refusal", "category": null, "explanation": "e"});
    let canonical = comes_back(&refused);
    assert_eq!(canonical["choices"][0]["message"]["content"], "");
    assert_eq!(storable(&canonical), Err(Unstorable::Filtered));
}

#[test]
fn what_is_no_answer_is_a_fault() {
    let fault = |body: &Value| answer_of(body.to_string().as_bytes()).unwrap_err();
    let error =
        json!({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}});
    let Fault::Said(told) = fault(&error) else {
        panic!("an error says what it is");
    };
    assert_eq!(
        (&told["type"], &told["message"]),
        (&json!("overloaded_error"), &json!("Overloaded"))
    );
    let text = json!([{"type": "text", "text": "a"}]);
    let mut endless = message(&text, "end_turn");
    endless["stop_reason"] = Value::Null;
    for odd in [
        json!({}),
        json!([]),
        endless,
        message(&json!("a"), "end_turn"),
        message(&json!(["a"]), "end_turn"),
        message(&json!([{"text": "a"}]), "end_turn"),
        message(&json!([{"type": "text"}]), "end_turn"),
        message(
            &json!([{"type": "tool_use", "id": "t", "name": "f", "input": "{}"}]),
            "tool_use",
        ),
        message(&json!([{"type": "tool_use", "input": {}}]), "tool_use"),
    ] {
        assert!(matches!(fault(&odd), Fault::Malformed(_)), "{odd}");
    }
    assert!(matches!(answer_of(b"<html>"), Err(Fault::Malformed(_))));
}

#[test]
fn an_answer_of_another_provider_is_a_message() {
    let message = json!({"role": "assistant", "content": "", "reasoning_content": "hm", "tool_calls": [
        {"id": "", "type": "function", "function": {"name": "f", "arguments": "{\"a\": 1}"}},
        {"id": "c", "type": "function", "function": {"name": "g", "arguments": "[1"}}]});
    let written = written(&chat(message, "stop"));
    assert_eq!(
        written["content"][0],
        json!({"type": "thinking", "thinking": "hm", "signature": ""})
    );
    let call = &written["content"][1];
    assert!(call["id"].as_str().unwrap().starts_with("toolu_"));
    assert_eq!(call["input"], json!({"a": 1}));
    // No object, and yet not lost.
    assert_eq!(written["content"][2]["input"], json!({"arguments": "[1"}));
    assert_eq!(written["stop_reason"], "tool_use");
    assert_eq!(
        written["usage"],
        json!({"input_tokens": 0, "output_tokens": 0})
    );
}

#[test]
fn an_answer_that_says_nothing_and_one_that_refuses_are_messages() {
    let empty = written(&chat(json!({"role": "assistant", "content": ""}), "length"));
    assert_eq!(
        (&empty["content"], &empty["stop_reason"]),
        (&json!([]), &json!("max_tokens"))
    );
    let refusal = json!({"role": "assistant", "content": null, "refusal": "I can't."});
    let refused = written(&chat(refusal, "stop"));
    assert_eq!(
        refused["content"],
        json!([{"type": "text", "text": "I can't."}])
    );
    assert_eq!(refused["stop_reason"], "refusal");
    let odd = json!({"role": "assistant", "content": "a", "block_order": [{"type": "tool_use"}]});
    assert_eq!(written(&chat(odd, "stop"))["content"][0]["text"], "a");
    let keys: Vec<_> = object(&empty).keys().cloned().collect();
    let order = [
        "id",
        "type",
        "role",
        "model",
        "content",
        "stop_reason",
        "stop_sequence",
        "usage",
    ];
    assert_eq!(keys, order);
}
