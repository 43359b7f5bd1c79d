//! Reading the messages of a canonical request for another dialect.

use std::borrow::Cow;

use serde_json::{Map, Value, json};

use super::members::{only, says_something};
use super::order::BLOCK_ORDER;
use crate::chat::InvalidRequest;

/// What a message may hold beside its content that is nothing that was said: hints, what another provider signed, and in
/// which order its blocks came, where a dialect has none.
const ABOUT: [&str; 5] = [
    "role",
    "content",
    "cache_control",
    BLOCK_ORDER,
    "extra_content",
];

/// Refuses what the message at `path` says beside its content and the `known` members.
pub(super) fn only_in_message(
    message: &Map<String, Value>,
    path: &str,
    known: &[&str],
    dialect: &str,
) -> Result<(), InvalidRequest> {
    only(message, path, &[&ABOUT[..], known].concat(), dialect)
}

/// The same for what a tool gave, which may say the name of the tool again if that is the name that was called.
pub(super) fn only_in_tool_message(
    message: &Map<String, Value>,
    path: &str,
    called: Option<&str>,
    dialect: &str,
) -> Result<(), InvalidRequest> {
    let own = message.get("name").and_then(Value::as_str);
    let known = ["tool_call_id", "is_error", "name"];
    let known = if own == called {
        &known[..]
    } else {
        &known[..2]
    };
    only_in_message(message, path, known, dialect)
}

/// The messages with what a model refused as what it said, for dialects that tell the two not apart.
pub(super) fn with_refusals_said(messages: &[Value]) -> Cow<'_, [Value]> {
    let refuses = |message: &Value| {
        let parts = message.get("content").and_then(Value::as_array);
        let mut parts = parts.into_iter().flatten();
        refusal(message).is_some() || parts.any(|part| refusal_of_part(part).is_some())
    };
    if !messages.iter().any(refuses) {
        return messages.into();
    }
    let mut messages = messages.to_vec();
    for message in messages.iter_mut().filter(|message| refuses(message)) {
        if let Some(refusal) = refusal(message).map(str::to_owned) {
            message["content"] = refusal.into();
            message["refusal"] = Value::Null;
        }
        let parts = message.get_mut("content").and_then(Value::as_array_mut);
        for part in parts.into_iter().flatten() {
            if let Some(refusal) = refusal_of_part(part) {
                *part = json!({"type": "text", "text": refusal});
            }
        }
    }
    messages.into()
}

/// What an assistant's message refuses that says nothing else.
fn refusal(message: &Value) -> Option<&str> {
    let said = |content: &Value| says_something(content) && *content != "";
    let said = message.get("content").is_some_and(said);
    let refusal = message.get("refusal")?.as_str();
    refusal.filter(|refusal| !said && !refusal.is_empty())
}

fn refusal_of_part(part: &Value) -> Option<&str> {
    let refuses = part.get("type").is_some_and(|kind| kind == "refusal");
    part.get("refusal").filter(|_| refuses)?.as_str()
}

/// What the model thought, as text. Signatures of one provider mean nothing to another.
pub(super) fn thoughts(message: &Map<String, Value>) -> impl Iterator<Item = &str> {
    let plain = message.get("reasoning_content").and_then(Value::as_str);
    let plain = plain.filter(|text| !text.is_empty());
    let blocks = message.get("thinking_blocks").and_then(Value::as_array);
    let blocks = blocks.filter(|_| plain.is_none()).into_iter().flatten();
    let blocks = blocks.filter_map(|block| block.get("thinking")?.as_str());
    plain.into_iter().chain(blocks)
}

/// The name of the function that the last call with that id was for, among `earlier` messages.
pub(super) fn called<'a>(id: &str, earlier: &'a [Value]) -> Option<&'a str> {
    let messages = earlier.iter().rev();
    let calls = messages.filter_map(|message| message.get("tool_calls")?.as_array());
    let mut calls = calls.flat_map(|calls| calls.iter().rev());
    let call = calls.find(|call| call.get("id").is_some_and(|i| i == id))?;
    call.pointer("/function/name")?.as_str()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn thoughts_are_told_once() {
        let told = |message: Value| {
            let message = message.as_object().unwrap();
            thoughts(message).map(str::to_owned).collect::<Vec<_>>()
        };
        let blocks = json!([{"type": "thinking", "thinking": "a", "signature": "x"},
            {"type": "redacted_thinking", "data": "x"}, {"type": "thinking", "thinking": "b"}]);
        let both = json!({"reasoning_content": "ab", "thinking_blocks": blocks});
        assert_eq!(told(both), ["ab"]);
        let only = json!({"reasoning_content": "", "thinking_blocks": blocks});
        assert_eq!(told(only), ["a", "b"]);
        assert!(told(json!({"content": "x"})).is_empty());
    }

    #[test]
    fn a_tools_name_is_the_one_that_was_called() {
        let call = |name: &str| json!({"id": "a", "function": {"name": name}});
        let earlier = json!([{"tool_calls": [call("f"), call("g")]}, {"tool_calls": null}]);
        let called = called("a", earlier.as_array().unwrap());
        assert_eq!(called, Some("g"));
        let message = json!({"role": "tool", "tool_call_id": "a", "name": "g", "content": "x"});
        let message = message.as_object().unwrap();
        assert!(only_in_tool_message(message, "m", called, "Y").is_ok());
        let refused = only_in_tool_message(message, "m", Some("f"), "Y").unwrap_err();
        assert_eq!(refused.param.as_deref(), Some("m.name"));
    }

    #[test]
    fn what_is_not_said_is_no_reason_to_refuse() {
        let message = json!({"role": "user", "content": "x", "cache_control": {"type": "ephemeral"},
            "extra_content": {"google": {}}, "refusal": null, "annotations": [], "audio": {}});
        assert!(only_in_message(message.as_object().unwrap(), "m", &[], "Y").is_ok());
        let message = json!({"role": "user", "content": "x", "mood": false});
        let refused = only_in_message(message.as_object().unwrap(), "m", &[], "Y").unwrap_err();
        assert_eq!(refused.param.as_deref(), Some("m.mood"));
    }
}
