//! Requests there and back: what a client of the API writes is canonical in between and the same for a provider.

use serde_json::{Map, Value, json};

use super::{body, param, request};
use crate::chat::{CanonicalHasher, ChatRequest};
use crate::dialect::Target;

const TARGET: Target<'static> = Target {
    model: "m",
    stream: false,
    max_tokens: 4096,
};

fn object(value: &Value) -> &Map<String, Value> {
    value.as_object().unwrap()
}

fn read(body: &Value) -> Value {
    Value::Object(request(object(body)).unwrap())
}

fn written(canonical: &Value) -> Value {
    Value::Object(body(object(canonical), &TARGET).unwrap())
}

/// A client's body with these messages.
fn asking(messages: &Value) -> Value {
    json!({"model": "m", "max_tokens": 9, "messages": messages})
}

fn with(name: &str, value: Value) -> Value {
    let mut body = asking(&json!([{"role": "user", "content": "hi"}]));
    body[name] = value;
    body
}

fn chat(messages: Value) -> Value {
    json!({"model": "m", "messages": messages})
}

fn chat_with(name: &str, value: Value) -> Value {
    let mut canonical = chat(json!([{"role": "user", "content": "hi"}]));
    canonical[name] = value;
    canonical
}

/// The field that a client's body is at fault for.
fn fault(body: &Value) -> String {
    request(object(body)).unwrap_err().param.unwrap_or_default()
}

/// The field that the API cannot express.
fn refused(canonical: &Value) -> String {
    body(object(canonical), &TARGET)
        .unwrap_err()
        .param
        .unwrap_or_default()
}

#[track_caller]
fn comes_back(body: &Value) {
    let canonical = read(body);
    assert_eq!(&written(&canonical), body, "{canonical}");
}

#[track_caller]
fn messages_come_back(messages: &Value) {
    comes_back(&asking(messages));
}

#[test]
fn settings_have_their_canonical_names_and_come_back() {
    let body = json!({
        "model": "m", "max_tokens": 9, "system": "Be brief.",
        "messages": [{"role": "user", "content": "hi"}],
        "temperature": 0.5, "top_p": 0.9, "top_k": 40, "stop_sequences": ["a", "\n"],
        "metadata": {"user_id": "u"}, "service_tier": "standard_only",
        "thinking": {"type": "enabled", "budget_tokens": 2048, "display": "omitted"},
        "output_config": {"effort": "xhigh", "format": {"type": "json_schema",
            "schema": {"type": "object", "properties": {"b": {}, "a": {}}}}},
        "cache_control": {"type": "ephemeral", "ttl": "1h"},
    });
    let canonical = read(&body);
    assert_eq!(
        canonical["messages"][0],
        json!({"role": "system", "content": "Be brief."})
    );
    assert_eq!(canonical["max_completion_tokens"], 9);
    assert_eq!(canonical["stop"], json!(["a", "\n"]));
    assert_eq!(
        (&canonical["user"], &canonical["top_k"]),
        (&json!("u"), &json!(40))
    );
    assert_eq!(canonical["service_tier"], "default");
    assert_eq!(canonical["reasoning_effort"], "xhigh");
    let format = &canonical["response_format"]["json_schema"];
    assert_eq!(
        format["schema"].to_string(),
        r#"{"type":"object","properties":{"b":{},"a":{}}}"#
    );
    assert!(canonical.get("foreign").is_none());
    comes_back(&body);
}

#[test]
fn what_says_nothing_is_left_out() {
    let mut body = asking(&json!([{"role": "user", "content": "hi"}]));
    let plain = read(&body);
    for name in [
        "system",
        "temperature",
        "tools",
        "mcp_servers",
        "container",
        "thinking",
        "metadata",
    ] {
        body[name] = Value::Null;
    }
    body["stop_sequences"] = json!([]);
    body["context_management"] = json!({});
    assert_eq!(read(&body), plain);
}

#[test]
fn tools_and_their_choice_come_back() {
    let tool = json!({"name": "f", "description": "Does é.", "strict": true,
        "input_schema": {"type": "object", "properties": {"z": {"type": "number"}, "a": {}}},
        "cache_control": {"type": "ephemeral"}});
    let mut body = with(
        "tools",
        json!([tool, {"name": "g", "input_schema": {"type": "object"}}]),
    );
    let canonical = read(&body);
    let first = &canonical["tools"][0];
    assert_eq!(first["function"]["parameters"], tool["input_schema"]);
    assert_eq!(
        (&first["type"], &first["cache_control"]["type"]),
        (&json!("function"), &json!("ephemeral"))
    );
    for (choice, word) in [
        (json!({"type": "auto"}), json!("auto")),
        (
            json!({"type": "any", "disable_parallel_tool_use": true}),
            json!("required"),
        ),
        (json!({"type": "none"}), json!("none")),
        (
            json!({"type": "tool", "name": "f"}),
            json!({"type": "function", "function": {"name": "f"}}),
        ),
    ] {
        body["tool_choice"] = choice;
        let canonical = read(&body);
        assert_eq!(canonical["tool_choice"], word);
        let one = canonical.get("parallel_tool_calls").is_some();
        assert_eq!(one, word == "required");
        comes_back(&body);
    }
}

#[test]
fn tools_of_the_api_stay_where_they_stood() {
    let tools = json!([{"type": "web_search_20250305", "name": "web_search"},
        {"name": "f", "input_schema": {"type": "object"}}]);
    let body = with("tools", tools.clone());
    let canonical = read(&body);
    assert_eq!(canonical["foreign"]["anthropic"]["tools"], tools);
    assert_eq!(canonical["tools"][0]["function"]["name"], "f");
    comes_back(&body);
    let deferred = json!([{"name": "f", "input_schema": {}, "defer_loading": true}]);
    assert!(read(&with("tools", deferred))["foreign"].is_object());
    let usual = json!([{"type": "custom", "name": "f", "input_schema": {"type": "object"},
        "defer_loading": false, "allowed_callers": ["direct"], "input_examples": []}]);
    assert!(read(&with("tools", usual)).get("foreign").is_none());
}

#[test]
fn what_has_no_canonical_word_comes_back_untouched() {
    for (name, value) in [
        (
            "mcp_servers",
            json!([{"type": "url", "url": "https://x", "name": "n"}]),
        ),
        ("container", json!("c_1")),
        (
            "context_management",
            json!({"edits": [{"type": "clear_tool_uses_20250919"}]}),
        ),
        ("some_day", json!(false)),
        ("max_tokens", json!(0)),
        ("thinking", json!({"type": "between_tools"})),
        ("metadata", json!({"user_id": "u", "more": 1})),
        (
            "output_config",
            json!({"effort": "low", "task_budget": {"type": "tokens", "total": 9}}),
        ),
        ("tool_choice", json!({"type": "some_day"})),
        ("service_tier", json!("some_day")),
    ] {
        let body = with(name, value.clone());
        assert_eq!(read(&body)["foreign"]["anthropic"][name], value);
        let mut back = written(&read(&body));
        if name == "max_tokens" {
            assert_eq!(back["max_tokens"], 0);
        }
        back["max_tokens"] = body["max_tokens"].clone();
        assert_eq!(back, body, "{name}");
    }
}

#[test]
fn words_of_another_dialect_are_refused_by_their_name() {
    let foreign = json!({"gemini": {"safetySettings": []}});
    assert_eq!(refused(&chat_with("foreign", foreign)), "safetySettings");
    let part = json!({"type": "foreign", "dialect": "gemini", "block": {}});
    let message = json!([{"role": "user", "content": [part]}]);
    assert_eq!(refused(&chat(message)), "messages[0].content[0]");
}

#[test]
fn images_and_documents_are_parts_and_come_back() {
    let mark = json!({"type": "ephemeral"});
    let messages = json!([{"role": "user", "content": [
        {"type": "text", "text": "What is this? é", "cache_control": mark},
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBO"}},
        {"type": "image", "source": {"type": "url", "url": "https://x/a.png"}, "cache_control": mark},
        {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBE"},
            "title": "T", "context": "C", "citations": {"enabled": true}},
        {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "Grüße, \"x\""}},
        {"type": "document", "source": {"type": "url", "url": "https://x/a.pdf"}},
    ]}]);
    let canonical = read(&asking(&messages));
    let parts = &canonical["messages"][0]["content"];
    assert_eq!(parts[0]["cache_control"], mark);
    assert_eq!(
        parts[1],
        json!({"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBO"}})
    );
    assert_eq!(parts[2]["image_url"]["url"], "https://x/a.png");
    assert_eq!(
        parts[3]["file"]["file_data"],
        "data:application/pdf;base64,JVBE"
    );
    assert_eq!(
        (&parts[3]["title"], &parts[3]["context"]),
        (&json!("T"), &json!("C"))
    );
    assert_eq!(parts[5]["file"]["file_url"], "https://x/a.pdf");
    messages_come_back(&messages);
}

#[test]
fn blocks_without_a_canonical_word_are_foreign_parts() {
    for block in [
        json!({"type": "image", "source": {"type": "file", "file_id": "f"}}),
        json!({"type": "image", "source": {"type": "url", "url": "https://x"},
            "transformations": {"oversized_image": "error"}}),
        json!({"type": "document", "source": {"type": "content", "content": "c"}}),
        json!({"type": "search_result", "source": "s", "title": "t", "content": []}),
        json!({"type": "text", "text": "a", "citations": [{"type": "char_location"}]}),
        json!({"type": "tool_result", "tool_use_id": "t", "toolset_name": "browser"}),
        json!({"type": "some_day"}),
    ] {
        let messages = json!([{"role": "user", "content": [block]}]);
        let part = json!({"type": "foreign", "dialect": "anthropic", "block": block});
        let canonical = read(&asking(&messages));
        assert_eq!(canonical["messages"][0]["content"][0], part);
        messages_come_back(&messages);
    }
    let call = json!({"type": "tool_use", "id": "t", "name": "f", "input": {},
        "caller": {"type": "code_execution_20250825", "tool_id": "x"}});
    messages_come_back(
        &json!([{"role": "user", "content": "hi"}, {"role": "assistant", "content": [call]}]),
    );
}

#[test]
fn calls_of_tools_and_their_results_come_back() {
    let messages = json!([
        {"role": "user", "content": "Weather?"},
        {"role": "assistant", "content": [
            {"type": "thinking", "thinking": "Let me see.", "signature": "sig"},
            {"type": "redacted_thinking", "data": "xyz"},
            {"type": "text", "text": "I'll look."},
            {"type": "tool_use", "id": "t1", "name": "f", "input": {"z": 1.5, "a": "é"}},
            {"type": "tool_use", "id": "t2", "name": "g", "input": {}, "cache_control": {"type": "ephemeral"}}]},
        {"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": "t1", "content": "18 °C"},
            {"type": "tool_result", "tool_use_id": "t2", "is_error": true, "content": [
                {"type": "text", "text": "no"},
                {"type": "image", "source": {"type": "url", "url": "https://x/a.png"}}]},
            {"type": "text", "text": "Go on."}]},
    ]);
    let canonical = read(&asking(&messages));
    let turns = canonical["messages"].as_array().unwrap();
    let roles: Vec<_> = turns.iter().map(|m| m["role"].as_str().unwrap()).collect();
    assert_eq!(roles, ["user", "assistant", "tool", "tool", "user"]);
    let said = &turns[1];
    assert_eq!(said["content"], "I'll look.");
    assert_eq!(said["reasoning_content"], "Let me see.");
    assert_eq!(said["thinking_blocks"][1]["data"], "xyz");
    assert_eq!(
        said["tool_calls"][0]["function"]["arguments"],
        r#"{"z":1.5,"a":"é"}"#
    );
    assert!(said.get("block_order").is_none());
    assert_eq!(
        (&turns[2]["tool_call_id"], &turns[2]["content"]),
        (&json!("t1"), &json!("18 °C"))
    );
    assert!(turns[2].get("is_error").is_none() && turns[3]["is_error"] == true);
    let mut back = messages;
    // A single text is written in short.
    assert_eq!(written(&canonical)["messages"], back);
    back[1]["content"] = json!([{"type": "text", "text": "I'll look."}]);
    let short = read(&asking(&back));
    assert_eq!(short["messages"][1]["content"], "I'll look.");
}

#[test]
fn an_order_of_blocks_of_its_own_is_part_of_the_key() {
    let text = json!({"type": "text", "text": "a"});
    let call = json!({"type": "tool_use", "id": "t", "name": "f", "input": {}});
    let messages = |blocks: &[&Value]| {
        json!([{"role": "user", "content": "hi"}, {"role": "assistant", "content": blocks},
            {"role": "user", "content": "go on"}])
    };
    let key = |messages: &Value| {
        let canonical = read(&asking(messages)).to_string();
        let mut hasher = CanonicalHasher::new("t");
        ChatRequest::parse(canonical)
            .unwrap()
            .hash_scope(&mut hasher);
        hasher.finish()
    };
    let (first, last) = (messages(&[&text, &call]), messages(&[&call, &text]));
    assert_ne!(key(&first), key(&last));
    let thought = json!({"type": "thinking", "thinking": "x", "signature": "s"});
    let mixed = messages(&[&thought, &text, &call, &thought, &text, &call]);
    for turns in [first, last, mixed] {
        let mut back = written(&read(&asking(&turns)))["messages"].clone();
        if back[1]["content"].is_string() {
            back[1]["content"] = json!([text]);
        }
        assert_eq!(back, turns);
    }
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
fn the_head_of_a_conversation_is_the_system_prompt_and_later_words_keep_their_place() {
    let messages = json!([{"role": "system", "content": "A"},
        {"role": "developer", "content": [{"type": "text", "text": "B", "cache_control": {"type": "ephemeral"}}]},
        {"role": "user", "content": "hi"}, {"role": "developer", "content": "C"}]);
    let body = written(&chat(messages));
    assert_eq!(
        body["system"],
        json!([{"type": "text", "text": "A"},
        {"type": "text", "text": "B", "cache_control": {"type": "ephemeral"}}])
    );
    assert_eq!(
        body["messages"],
        json!([{"role": "user", "content": "hi"}, {"role": "system", "content": "C"}])
    );
    messages_come_back(
        &json!([{"role": "user", "content": "hi"}, {"role": "system", "content": "C"}]),
    );
    messages_come_back(&json!([{"role": "user", "content": "hi"},
        {"role": "system", "content": [{"type": "text", "text": "C"}, {"type": "some_day"}], "clear_at": "never"},
        {"role": "assistant", "content": "I"}]));
    let first = json!([{"role": "system", "content": "C"}]);
    assert_eq!(fault(&asking(&first)), "messages[0].role");
}

#[test]
fn thoughts_that_nobody_signed_are_text_and_no_provider_takes_them() {
    let messages = json!([{"role": "user", "content": "hi"}, {"role": "assistant", "content": [
        {"type": "thinking", "thinking": "hm", "signature": ""}, {"type": "text", "text": "a"}]}]);
    let canonical = read(&asking(&messages));
    let said = &canonical["messages"][1];
    assert_eq!(
        (&said["reasoning_content"], said.get("thinking_blocks")),
        (&json!("hm"), None)
    );
    assert_eq!(refused(&canonical), "messages[1].reasoning_content");
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
    let part = |part: Value| json!({"role": "user", "content": [part]});
    for (message, path) in [
        (
            json!({"role": "user", "content": "a", "name": "Ann"}),
            "name",
        ),
        (
            json!({"role": "assistant", "content": "a", "refusal": "no"}),
            "refusal",
        ),
        (json!({"role": "assistant", "audio": {"id": "a"}}), "audio"),
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
        (
            part(json!({"type": "input_audio", "input_audio": {}})),
            "content[0]",
        ),
        (
            part(json!({"type": "image_url", "image_url": {"url": "data:image/tiff;base64,x"}})),
            "content[0].image_url.url",
        ),
        (
            part(json!({"type": "file", "file": {"file_id": "f"}})),
            "content[0].file.file_id",
        ),
        (
            part(json!({"type": "file", "file": {"file_data": "data:audio/wav;base64,x"}})),
            "content[0].file.file_data",
        ),
        (
            part(json!({"type": "text", "text": "a", "x": 1})),
            "content[0].x",
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
fn a_fault_names_the_clients_own_field() {
    let user = |block: Value| asking(&json!([{"role": "user", "content": [block]}]));
    let cases = [
        (json!({"max_tokens": 1, "messages": []}), "model"),
        (
            json!({"model": "m", "messages": [{"role": "user", "content": "a"}]}),
            "max_tokens",
        ),
        (json!({"model": "m", "max_tokens": 1}), "messages"),
        (asking(&json!([])), "messages"),
        (asking(&json!(["a"])), "messages[0]"),
        (
            asking(&json!([{"role": "tool", "content": "a"}])),
            "messages[0].role",
        ),
        (asking(&json!([{"role": "user"}])), "messages[0].content"),
        (
            asking(&json!([{"role": "user", "content": 1}])),
            "messages[0].content",
        ),
        (user(json!({"text": "a"})), "messages[0].content[0].type"),
        (user(json!({"type": "text"})), "messages[0].content[0].text"),
        (
            user(json!({"type": "image"})),
            "messages[0].content[0].source",
        ),
        (
            user(json!({"type": "image", "source": {"type": "base64", "data": "x"}})),
            "messages[0].content[0].source.media_type",
        ),
        (
            user(json!({"type": "text", "text": "a", "cache_control": 1})),
            "messages[0].content[0].cache_control",
        ),
        (
            user(json!({"type": "tool_result", "content": "a"})),
            "messages[0].content[0].tool_use_id",
        ),
        (
            user(json!({"type": "tool_result", "tool_use_id": "t", "content": [{"type": "text"}]})),
            "messages[0].content[0].content[0].text",
        ),
        (with("system", json!([{"type": "text"}])), "system[0].text"),
        (with("temperature", json!(1.5)), "temperature"),
        (with("max_tokens", json!(-1)), "max_tokens"),
        (with("stop_sequences", json!([1])), "stop_sequences"),
        (
            with("thinking", json!({"type": "enabled"})),
            "thinking.budget_tokens",
        ),
        (
            with("tools", json!([{"name": "f"}])),
            "tools[0].input_schema",
        ),
        (
            with("tool_choice", json!({"type": "tool"})),
            "tool_choice.name",
        ),
        (with("metadata", json!({"user_id": 1})), "metadata.user_id"),
        (
            with("output_config", json!({"format": {"type": "json_schema"}})),
            "output_config.format.schema",
        ),
    ];
    for (body, path) in cases {
        assert_eq!(fault(&body), path, "{body}");
    }
    let call = json!([{"role": "user", "content": "a"}, {"role": "assistant", "content": [
        {"type": "tool_use", "id": "t", "name": "f", "input": "{}"}]}]);
    assert_eq!(fault(&asking(&call)), "messages[1].content[0].input");
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
