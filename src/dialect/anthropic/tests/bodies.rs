//! What a chat request becomes for the API, and what it cannot.

use serde_json::{Value, json};

use super::*;
use crate::dialect::anthropic::answer_of;

#[test]
fn words_of_another_dialect_are_refused_by_their_name() {
    let foreign = json!({"gemini": {"safetySettings": []}});
    assert_eq!(refused(&chat_with("foreign", foreign)), "safetySettings");
    let part = json!({"type": "foreign", "dialect": "gemini", "block": {}});
    let message = json!([{"role": "user", "content": [part]}]);
    assert_eq!(refused(&chat(message)), "messages[0].content[0]");
}

#[test]
fn results_of_tools_are_one_message_with_what_the_user_says_next() {
    let messages = json!([{"role": "user", "content": "hi"},
        {"role": "assistant", "content": null, "tool_calls": [
            {"id": "a", "type": "function", "function": {"name": "f", "arguments": ""}},
            {"id": "b", "type": "function", "function": {"name": "f", "arguments": "{\"x\": [1, {}]}"}}]},
        {"role": "tool", "tool_call_id": "a", "content": "1", "name": "f"},
        {"role": "tool", "tool_call_id": "b", "content": [{"type": "text", "text": "2"}]},
        {"role": "user", "content": "So?"},
        {"role": "user", "content": "Well?"}]);
    let expected = json!([{"role": "user", "content": "hi"},
        {"role": "assistant", "content": [
            {"type": "tool_use", "id": "a", "name": "f", "input": {}},
            {"type": "tool_use", "id": "b", "name": "f", "input": {"x": [1, {}]}}]},
        {"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": "a", "content": "1"},
            {"type": "tool_result", "tool_use_id": "b", "content": [{"type": "text", "text": "2"}]},
            {"type": "text", "text": "So?"}]},
        {"role": "user", "content": "Well?"}]);
    assert_eq!(written(&chat(messages))["messages"], expected);
}

#[test]
fn a_chat_request_becomes_one_of_the_api() {
    let mut canonical = chat_with(
        "tools",
        json!([{"type": "function", "function": {"name": "f"}}]),
    );
    canonical["stop"] = json!("x");
    canonical["parallel_tool_calls"] = json!(false);
    canonical["reasoning_effort"] = json!("minimal");
    canonical["safety_identifier"] = json!("s");
    canonical["user"] = json!("u");
    for (hint, value) in [
        ("n", json!(1)),
        ("logprobs", json!(false)),
        ("store", json!(true)),
        ("metadata", json!({"a": "b"})),
        ("prompt_cache_key", json!("k")),
        ("service_tier", json!("flex")),
        ("modalities", json!(["text"])),
        ("presence_penalty", json!(0)),
        ("logit_bias", json!({})),
        ("response_format", json!({"type": "text"})),
        ("stream_options", json!({"include_usage": true})),
        ("seed", Value::Null),
    ] {
        canonical[hint] = value;
    }
    let target = Target {
        stream: true,
        ..TARGET
    };
    let body = Value::Object(body(object(&canonical), &target).unwrap());
    let expected = json!({"model": "m", "max_tokens": 4096, "messages": [{"role": "user", "content": "hi"}],
        "tools": [{"name": "f", "input_schema": {"type": "object"}}],
        "tool_choice": {"type": "auto", "disable_parallel_tool_use": true},
        "stop_sequences": ["x"], "thinking": {"type": "disabled"}, "metadata": {"user_id": "s"}, "stream": true});
    assert_eq!(body, expected);
}

#[test]
fn an_answer_has_room_beside_what_is_thought() {
    let thinking = json!({"type": "enabled", "budget_tokens": 10_000});
    assert_eq!(
        written(&chat_with("thinking", thinking))["max_tokens"],
        14_096
    );
    assert_eq!(written(&chat_with("max_tokens", json!(7)))["max_tokens"], 7);
    // A choice without tools is none.
    let idle = written(&chat_with("tool_choice", json!("auto")));
    assert!(idle.get("tool_choice").is_none());
}

#[test]
fn what_the_api_cannot_express_is_refused_by_name() {
    for (name, value, path) in [
        ("n", json!(2), "n"),
        ("seed", json!(1), "seed"),
        ("logprobs", json!(true), "logprobs"),
        ("logit_bias", json!({"5": 1}), "logit_bias"),
        ("presence_penalty", json!(0.5), "presence_penalty"),
        ("verbosity", json!("low"), "verbosity"),
        ("x_vendor", json!(1), "x_vendor"),
        ("functions", json!([{"name": "f"}]), "functions"),
        ("modalities", json!(["text", "audio"]), "modalities"),
        ("temperature", json!(1.1), "temperature"),
        ("reasoning_effort", json!("huge"), "reasoning_effort"),
        (
            "response_format",
            json!({"type": "json_object"}),
            "response_format",
        ),
        (
            "response_format",
            json!({"type": "json_schema", "json_schema": {"schema": {}, "description": "d"}}),
            "response_format.json_schema.description",
        ),
        (
            "thinking",
            json!({"type": "enabled"}),
            "thinking.budget_tokens",
        ),
        ("thinking", json!({"type": "auto"}), "thinking.type"),
        (
            "tools",
            json!([{"type": "custom", "custom": {"name": "f"}}]),
            "tools[0]",
        ),
        (
            "tools",
            json!([{"type": "function", "function": {"name": "f", "x": 1}}]),
            "tools[0].function.x",
        ),
        (
            "tool_choice",
            json!({"type": "allowed_tools"}),
            "tool_choice",
        ),
    ] {
        assert_eq!(refused(&chat_with(name, value)), path);
    }
    let mut torn = chat_with("thinking", json!({"type": "adaptive"}));
    torn["reasoning_effort"] = json!("none");
    assert_eq!(refused(&torn), "reasoning_effort");
}

#[test]
fn a_message_that_the_api_cannot_express_is_refused_by_its_place() {
    let call = |call: Value| json!({"role": "assistant", "tool_calls": [call]});
    let of = |arguments: &str| {
        call(
            json!({"id": "c", "type": "function", "function": {"name": "f", "arguments": arguments}}),
        )
    };
    for (message, path) in [
        (
            json!({"role": "user", "content": "a", "name": "Ann"}),
            "name",
        ),
        (
            json!({"role": "assistant", "content": "a", "refusal": "no"}),
            "refusal",
        ),
        (
            json!({"role": "assistant", "refusal": "", "audio": {"id": "a"}}),
            "audio",
        ),
        (
            json!({"role": "assistant", "content": "a", "block_order": [{"type": "tool_use"}]}),
            "block_order",
        ),
        (
            json!({"role": "function", "content": "a", "name": "f"}),
            "role",
        ),
        (json!({"role": "tool", "content": "a"}), "tool_call_id"),
        (of("[1]"), "tool_calls[0].function.arguments"),
        (of("{\"a\":1,\"a\":2}"), "tool_calls[0].function.arguments"),
        (
            call(json!({"id": "c", "type": "custom", "custom": {}})),
            "tool_calls[0]",
        ),
    ] {
        let canonical = chat(json!([{"role": "user", "content": "hi"}, message]));
        assert_eq!(refused(&canonical), format!("messages[1].{path}"));
    }
    let plain = json!([{"role": "assistant", "content": "", "refusal": null, "annotations": [], "audio": null,
        "tool_calls": []}]);
    assert_eq!(written(&chat(plain))["messages"][0]["content"], "");
}

#[test]
fn a_part_that_the_api_cannot_express_is_refused_by_its_place() {
    for (part, path) in [
        (json!({"type": "input_audio", "input_audio": {}}), ""),
        (
            json!({"type": "image_url", "image_url": {"url": "data:image/tiff;base64,x"}}),
            ".image_url.url",
        ),
        (
            json!({"type": "image_url", "image_url": {"url": "gs://x"}}),
            ".image_url.url",
        ),
        (
            json!({"type": "file", "file": {"file_id": "f"}}),
            ".file.file_id",
        ),
        (
            json!({"type": "file", "file": {"file_data": "data:audio/wav;base64,x"}}),
            ".file.file_data",
        ),
        (json!({"type": "text", "text": "a", "x": 1}), ".x"),
    ] {
        let canonical =
            chat(json!([{"role": "user", "content": [{"type": "text", "text": "a"}, part]}]));
        assert_eq!(refused(&canonical), format!("messages[0].content[1]{path}"));
    }
    let named = json!({"type": "file", "file": {"file_data": "data:application/pdf;base64,JVBE", "filename": "a.pdf"}});
    let canonical = chat(json!([{"role": "user", "content": [named]}]));
    assert_eq!(
        written(&canonical)["messages"][0]["content"][0]["title"],
        "a.pdf"
    );
}

#[test]
fn a_mark_for_the_cache_may_stand_at_a_message() {
    let mark = json!({"type": "ephemeral"});
    let messages = json!([{"role": "system", "content": "S", "cache_control": mark},
        {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}],
            "cache_control": mark}]);
    let body = written(&chat(messages));
    assert_eq!(
        body["system"],
        json!([{"type": "text", "text": "S", "cache_control": mark}])
    );
    let said = &body["messages"][0]["content"];
    assert_eq!(
        (said[0].get("cache_control"), &said[1]["cache_control"]),
        (None, &mark)
    );
}

#[test]
fn an_answer_that_a_client_sends_back_has_its_blocks_in_order() {
    let content = json!([{"type": "thinking", "thinking": "x", "signature": "s"},
        {"type": "text", "text": "é"}, {"type": "tool_use", "id": "t", "name": "f", "input": {"a": 1}},
        {"type": "text", "text": "b"}]);
    let answer = json!({"type": "message", "stop_reason": "tool_use", "content": content});
    let answer = answer_of(answer.to_string().as_bytes()).unwrap();
    let messages = json!([{"role": "user", "content": "hi"}, answer["choices"][0]["message"]]);
    assert_eq!(written(&chat(messages))["messages"][1]["content"], content);
}
