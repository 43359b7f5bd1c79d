//! Requests there and back: what a client of the API writes is canonical in between and the same for a provider.

use serde_json::{Value, json};

use super::*;
use crate::chat::{CanonicalHasher, ChatRequest};
use crate::dialect::anthropic::has_unsigned_thoughts;

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
    messages_come_back(&json!([
        {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}], "x": 1}]));
    let first = json!([{"role": "system", "content": "C"}]);
    assert_eq!(fault(&asking(&first)), "messages[0].role");
}

#[test]
fn thoughts_that_nobody_signed_are_text_and_left_out_where_signatures_are_wanted() {
    let messages = json!([{"role": "user", "content": "hi"}, {"role": "assistant", "content": [
        {"type": "thinking", "thinking": "hm", "signature": ""}, {"type": "text", "text": "a"}]}]);
    let canonical = read(&asking(&messages));
    let said = &canonical["messages"][1];
    assert_eq!(
        (&said["reasoning_content"], said.get("thinking_blocks")),
        (&json!("hm"), None)
    );
    assert!(has_unsigned_thoughts(object(&canonical)));
    assert_eq!(written(&canonical)["messages"][1]["content"], "a");
}

#[test]
fn an_empty_list_is_no_number() {
    for name in ["max_tokens", "temperature", "top_k", "stream", "thinking"] {
        for value in [json!([]), json!({})] {
            assert!(fault(&with(name, value)).starts_with(name), "{name}");
        }
    }
    assert_eq!(fault(&with("tools", json!({}))), "tools");
    assert_eq!(fault(&with("system", json!({}))), "system");
    for (name, value) in [
        ("tools", json!([])),
        ("metadata", json!({})),
        ("system", json!([])),
    ] {
        read(&with(name, value));
    }
}

#[test]
fn a_search_is_asked_for_by_naming_it() {
    let canonical = chat_with("web_search_options", json!({}));
    assert_eq!(refused(&canonical), "web_search_options");
}
