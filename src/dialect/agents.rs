//! What agents run into who send back what they got: signed thoughts and calls in their order, what another provider
//! signed, refusals, and servers that write answers in ways of their own.

use serde_json::{Map, Value, json};

use super::chat::Taste;
use super::{Target, anthropic, chat, cohere, completions, converse, gemini, responses};

const TARGET: Target<'static> = Target {
    model: "anthropic.claude-x",
    stream: false,
    max_tokens: 4096,
};

type Body = Result<Map<String, Value>, crate::chat::InvalidRequest>;

fn object(value: &Value) -> &Map<String, Value> {
    value.as_object().unwrap()
}

/// A canonical request in each dialect that is not the canonical one.
fn everywhere(request: &Value) -> [(&'static str, Body); 4] {
    let request = object(request);
    [
        ("anthropic", anthropic::body(request, &TARGET)),
        ("converse", converse::body(request, &TARGET)),
        ("gemini", gemini::body(request, &TARGET)),
        ("cohere", cohere::body(request, &TARGET)),
    ]
}

#[track_caller]
fn asked(assistant: Value, rest: &[Value]) -> Value {
    let mut messages = vec![json!({"role": "user", "content": "Go."}), assistant];
    messages.extend_from_slice(rest);
    let tool =
        json!({"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}});
    json!({"model": "m", "messages": messages, "tools": [tool]})
}

fn call(more: Value) -> Value {
    let mut call =
        json!({"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}});
    call.as_object_mut().unwrap().extend(object(&more).clone());
    call
}

fn given() -> Value {
    json!({"role": "tool", "tool_call_id": "a", "content": "1"})
}

fn signed() -> Value {
    json!({"extra_content": {"google": {"thought_signature": "U0lH"}}})
}

#[test]
fn what_google_signed_goes_back_to_google_and_is_left_out_elsewhere() {
    let assistant = json!({"role": "assistant", "content": null, "tool_calls": [call(signed())]});
    for (dialect, body) in everywhere(&asked(assistant, &[given()])) {
        let told = Value::Object(body.unwrap()).to_string();
        assert_eq!(
            told.contains("U0lH"),
            dialect == "gemini",
            "{dialect}: {told}"
        );
        assert!(!told.contains("extra_content"), "{dialect}: {told}");
    }
}

#[test]
fn an_anthropic_client_gives_a_call_back_as_it_got_it() {
    let message = json!({"role": "assistant", "content": null, "tool_calls": [call(signed())]});
    let told =
        json!({"choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}]});
    let got = anthropic::answer(object(&told));
    let history = json!({"model": "m", "max_tokens": 9, "messages": [
        {"role": "user", "content": "Go."},
        {"role": "assistant", "content": got["content"]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "a", "content": "1"}]}]});
    let canonical = anthropic::request(object(&history)).unwrap();
    let sent = gemini::body(&canonical, &TARGET).unwrap();
    assert!(Value::Object(sent).to_string().contains("U0lH"));
}

#[test]
fn a_client_of_responses_gives_a_call_back_as_it_got_it() {
    let message = json!({"role": "assistant", "content": null, "tool_calls": [call(signed())]});
    let told = json!({"model": "m", "choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}]});
    let body = json!({"model": "m", "input": "Go."});
    let got = responses::answer(object(&told), &responses::Echo::new(object(&body)));
    let next = json!({"model": "m", "input": [{"role": "user", "content": "Go."}, got["output"][0],
        {"type": "function_call_output", "call_id": "a", "output": "1"}]});
    let canonical = responses::request(object(&next), &[]).unwrap();
    let sent = gemini::body(&canonical, &TARGET).unwrap();
    assert!(Value::Object(sent).to_string().contains("U0lH"));
}

fn event(text: &str) -> Vec<Value> {
    let data = text.lines().filter_map(|line| line.strip_prefix("data: "));
    data.map(|data| serde_json::from_str(data).unwrap())
        .collect()
}

/// What an Anthropic client hears of a stream of these deltas, as one message's content.
fn heard(deltas: &[Value]) -> Value {
    let mut writer = anthropic::Writer::new(None);
    let mut told = String::new();
    for delta in deltas {
        let chunk =
            json!({"model": "m", "choices": [{"index": 0, "delta": delta, "finish_reason": null}]});
        told += &writer.chunk(object(&chunk));
    }
    told += &writer.end();
    let mut blocks: Vec<Value> = Vec::new();
    for event in event(&told) {
        assert_ne!(event["type"], "error", "{told}");
        let at = usize::try_from(event["index"].as_u64().unwrap_or_default()).unwrap();
        match event["type"].as_str().unwrap() {
            "content_block_start" => blocks.push(json!([event["content_block"]["type"], ""])),
            "content_block_delta" => {
                let delta = object(&event["delta"]);
                let pieces = ["text", "thinking", "partial_json"];
                let piece = pieces
                    .iter()
                    .find_map(|name| delta.get(*name)?.as_str())
                    .unwrap();
                let so_far = blocks[at][1].as_str().unwrap().to_owned();
                blocks[at][1] = (so_far + piece).into();
            }
            _ => {}
        }
    }
    blocks.into()
}

fn piece(index: u64, id: Option<&str>, name: Option<&str>, arguments: &str) -> Value {
    let call = json!({"index": index, "id": id, "type": "function",
        "function": {"name": name, "arguments": arguments}});
    json!({"tool_calls": [call]})
}

#[test]
fn two_calls_under_one_index_are_two_calls() {
    let told = heard(&[
        piece(0, Some("a"), Some("f"), r#"{"x":1}"#),
        piece(0, Some("b"), Some("g"), r#"{"y""#),
        piece(0, None, None, ":2}"),
    ]);
    assert_eq!(
        told,
        json!([["tool_use", r#"{"x":1}"#], ["tool_use", r#"{"y":2}"#]])
    );
}

#[test]
fn words_inside_a_call_are_said_behind_it() {
    let told = heard(&[
        piece(0, Some("a"), Some("f"), ""),
        json!({"content": "\n"}),
        piece(0, None, None, "{}"),
    ]);
    assert_eq!(told, json!([["tool_use", "{}"], ["text", "\n"]]));
}

#[test]
fn an_answer_in_parts_is_said_and_what_is_thought_in_it_is_thought() {
    let parts = json!([
        {"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}]},
        {"type": "text", "text": "A"}]);
    let told = heard(&[json!({"content": parts}), json!({"content": "B"})]);
    assert_eq!(told, json!([["thinking", "Hm."], ["text", "AB"]]));
    let whole = json!({"choices": [{"index": 0, "finish_reason": "stop",
        "message": {"role": "assistant", "content": parts}}]});
    let message = anthropic::answer(object(&whole));
    assert_eq!(message["content"][0]["thinking"], "Hm.");
    assert_eq!(message["content"][1]["text"], "A");
    assert_eq!(
        completions::answer(object(&whole))["choices"][0]["text"],
        "A"
    );
}

#[test]
fn thoughts_by_their_other_name_are_thoughts() {
    assert_eq!(
        heard(&[json!({"reasoning": "Hm."}), json!({"content": "A"})]),
        json!([["thinking", "Hm."], ["text", "A"]])
    );
    let whole = json!({"choices": [{"index": 0, "finish_reason": "stop",
        "message": {"role": "assistant", "content": "A", "reasoning": "Hm."}}]});
    assert_eq!(
        anthropic::answer(object(&whole))["content"][0]["thinking"],
        "Hm."
    );
}

#[test]
fn blocks_in_an_order_of_their_own_are_taken_everywhere_and_kept_at_bedrock() {
    let thinking = |text: &str| json!({"type": "thinking", "thinking": text, "signature": "c2ln"});
    let history = json!({"model": "m", "max_tokens": 9, "messages": [
        {"role": "user", "content": "Go."},
        {"role": "assistant", "content": [thinking("t1"), {"type": "text", "text": "A"}, thinking("t2"),
            {"type": "tool_use", "id": "a", "name": "f", "input": {}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "a", "content": "1"}]}],
        "tools": [{"name": "f", "input_schema": {"type": "object"}}]});
    let canonical = Value::Object(anthropic::request(object(&history)).unwrap());
    for (dialect, body) in everywhere(&canonical) {
        let body = Value::Object(body.unwrap_or_else(|e| panic!("{dialect}: {e:?}")));
        if dialect == "converse" {
            let kinds = body["messages"][1]["content"].as_array().unwrap().iter();
            let kinds: Vec<_> = kinds
                .map(|b| b.as_object().unwrap().keys().next().unwrap())
                .collect();
            assert_eq!(
                kinds,
                ["reasoningContent", "text", "reasoningContent", "toolUse"]
            );
        }
    }
}

#[test]
fn an_answer_of_bedrocks_comes_back_in_the_order_in_which_it_came() {
    let reasoning = |text: &str| json!({"reasoningContent": {"reasoningText": {"text": text, "signature": "c2ln"}}});
    let content = json!([reasoning("t1"), {"text": "A"}, reasoning("t2"),
        {"toolUse": {"toolUseId": "a", "name": "f", "input": {}}}]);
    let told = json!({"output": {"message": {"role": "assistant", "content": content}}, "stopReason": "tool_use",
        "usage": {"inputTokens": 1, "outputTokens": 1, "totalTokens": 2}});
    let answer = converse::answer(told.to_string().as_bytes()).unwrap();
    let message = answer["choices"][0]["message"].clone();
    let sent = converse::body(object(&asked(message, &[given()])), &TARGET).unwrap();
    assert_eq!(sent["messages"][1]["content"], content);
}

#[test]
fn a_stream_of_bedrocks_tells_the_order_where_it_matters() {
    let mut reader = converse::Reader::new("m");
    let mut events = vec![("messageStart", json!({"role": "assistant"}))];
    for (i, delta) in [
        json!({"reasoningContent": {"text": "t1"}}),
        json!({"text": "A"}),
        json!({"reasoningContent": {"text": "t2"}}),
    ]
    .into_iter()
    .enumerate()
    {
        let thinks = delta.get("reasoningContent").is_some();
        events.push((
            "contentBlockDelta",
            json!({"contentBlockIndex": i, "delta": delta}),
        ));
        if thinks {
            let signature = json!({"reasoningContent": {"signature": "c2ln"}});
            events.push((
                "contentBlockDelta",
                json!({"contentBlockIndex": i, "delta": signature}),
            ));
        }
        events.push(("contentBlockStop", json!({"contentBlockIndex": i})));
    }
    events.push(("messageStop", json!({"stopReason": "end_turn"})));
    let mut order = Value::Null;
    for (name, data) in events {
        for chunk in reader.event(Some(name), &data.to_string()).unwrap().chunks {
            if let Some(told) = chunk.pointer("/choices/0/delta/block_order") {
                order = told.clone();
            }
        }
    }
    let thinking = json!({"type": "thinking"});
    assert_eq!(
        order,
        json!([thinking, {"type": "content", "bytes": 1}, thinking])
    );
}

#[test]
fn a_refusal_in_the_history_is_what_was_said_there() {
    for assistant in [
        json!({"role": "assistant", "content": null, "refusal": "I can't."}),
        json!({"role": "assistant", "content": [{"type": "refusal", "refusal": "I can't."}]}),
    ] {
        let user = json!({"role": "user", "content": "Why?"});
        for (dialect, body) in everywhere(&asked(assistant.clone(), &[user])) {
            let told =
                Value::Object(body.unwrap_or_else(|e| panic!("{dialect}: {e:?}"))).to_string();
            assert!(told.contains("I can't."), "{dialect}: {told}");
        }
    }
}

fn document(part: Value) -> Value {
    json!({"model": "m", "messages": [{"role": "user", "content": [part]}]})
}

#[test]
fn a_documents_address_is_refused_by_name_where_only_its_bytes_are_taken() {
    let request =
        document(json!({"type": "file", "file": {"file_url": "https://x.example/a.pdf"}}));
    let body = chat::body(object(&request), &TARGET, &Taste::default());
    let refused = body.unwrap_err().param.unwrap();
    assert_eq!(refused, "messages[0].content[0].file.file_url");
    let asked = json!({"model": "m", "input": [{"role": "user", "content": [
        {"type": "input_file", "file_url": "https://x.example/a.pdf"}]}]});
    let canonical = responses::request(object(&asked), &[]).unwrap();
    let sent = Value::Object(anthropic::body(&canonical, &TARGET).unwrap()).to_string();
    assert!(
        sent.contains(r#""url":"https://x.example/a.pdf""#),
        "{sent}"
    );
}

#[test]
fn a_documents_title_is_its_name_where_it_has_no_other() {
    let file = json!({"file_data": "data:application/pdf;base64,JVBERg=="});
    let request = document(json!({"type": "file", "title": "Rules", "file": file}));
    let body = chat::body(object(&request), &TARGET, &Taste::default()).unwrap();
    assert_eq!(
        body["messages"][0]["content"][0]["file"]["filename"],
        "Rules"
    );
}
