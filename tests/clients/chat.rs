//! OpenAI's chat completions.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Call, Heard, Said, Told, openai_error, parse, sse, text, usage};

#[track_caller]
pub(super) fn whole(body: &Value) -> Said {
    assert_eq!(body["object"], "chat.completion", "{body}");
    assert!(text(&body["id"]).starts_with("chatcmpl-"), "{body}");
    let choice = &body["choices"][0];
    let message = &choice["message"];
    assert_eq!(message["role"], "assistant", "{body}");
    let calls = message["tool_calls"].as_array().into_iter().flatten();
    let calls = calls.map(|call| {
        assert_eq!(call["type"], "function", "{call}");
        Call {
            id: text(&call["id"]),
            name: text(&call["function"]["name"]),
            arguments: parse(&text(&call["function"]["arguments"])),
        }
    });
    Said {
        text: message["content"].as_str().unwrap_or("").to_owned(),
        thought: message["reasoning_content"]
            .as_str()
            .unwrap_or("")
            .to_owned(),
        calls: calls.collect(),
        finish: text(&choice["finish_reason"]),
        usage: usage(&body["usage"]),
        ..Said::default()
    }
}

/// One role first, one reason to finish, then the usage if there is one, then `[DONE]`; or one error as the last of it.
#[track_caller]
pub(super) fn stream(body: &str) -> Heard {
    let events = sse::events(body);
    let mut said = Said::default();
    let mut calls: BTreeMap<u64, (String, String, String)> = BTreeMap::new();
    let (mut done, mut id) = (false, None);
    for (place, (name, data)) in events.iter().enumerate() {
        assert!(name.is_none() && !done, "{body}");
        if *data == "[DONE]" {
            done = true;
            continue;
        }
        let chunk = parse(data);
        if chunk.get("error").is_some() {
            assert_eq!(place + 1, events.len(), "words behind an error: {body}");
            return broken(said, &chunk);
        }
        assert_eq!(chunk["object"], "chat.completion.chunk", "{chunk}");
        assert_eq!(id.get_or_insert_with(|| chunk["id"].clone()), &chunk["id"]);
        said.usage = usage(&chunk["usage"]).or(said.usage);
        let choice = &chunk["choices"][0];
        let delta = &choice["delta"];
        assert!(place > 0 || delta["role"] == "assistant", "no role: {body}");
        said.text += delta["content"].as_str().unwrap_or("");
        said.thought += delta["reasoning_content"].as_str().unwrap_or("");
        for call in delta["tool_calls"].as_array().into_iter().flatten() {
            let known = calls.entry(call["index"].as_u64().unwrap()).or_default();
            let (function, part) = (&call["function"], |value: &Value| {
                value.as_str().unwrap_or("").to_owned()
            });
            known.0 += &part(&call["id"]);
            known.1 += &part(&function["name"]);
            known.2 += &part(&function["arguments"]);
        }
        if let Some(finish) = choice["finish_reason"].as_str() {
            assert!(said.finish.is_empty(), "two ends: {body}");
            finish.clone_into(&mut said.finish);
        }
    }
    assert!(done, "no [DONE]: {body}");
    assert!(!said.finish.is_empty(), "no reason to finish: {body}");
    said.calls = calls
        .into_values()
        .map(|(id, name, arguments)| Call {
            id,
            name,
            arguments: parse(&arguments),
        })
        .collect();
    Heard::Whole(Box::new(said))
}

#[track_caller]
pub(super) fn broken(said: Said, error: &Value) -> Heard {
    let (what, message, param) = openai_error(error);
    Heard::Broken {
        text: said.text,
        told: Told {
            status: 200,
            what,
            message,
            param,
        },
    }
}
