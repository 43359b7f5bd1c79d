//! Reading a canonical request for another dialect: which of its members say something, and how those are refused
//! that have no place where they would go.

use serde_json::{Map, Value};

use super::target::inexpressible;
use crate::chat::InvalidRequest;

/// Hints: an answer means the same without them.
const HINTS: [&str; 9] = [
    "user",
    "safety_identifier",
    "metadata",
    "store",
    "service_tier",
    "prompt_cache_key",
    "prompt_cache_retention",
    "stream_options",
    "cache_control",
];

/// A piece of what a model says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    /// To whoever asked.
    Said(&'a str),
    /// To itself.
    Thought(&'a str),
}

impl<'a> Piece<'a> {
    /// In words, whoever they are for.
    pub(super) fn text(self) -> &'a str {
        match self {
            Self::Said(text) | Self::Thought(text) => text,
        }
    }
}

/// The pieces of a content: of a text that one, and of parts, which some servers write, those that hold text.
pub(super) fn parts_of(content: Option<&Value>) -> Vec<Piece<'_>> {
    let parts = match content {
        Some(Value::String(text)) if !text.is_empty() => return vec![Piece::Said(text)],
        Some(Value::Array(parts)) => parts,
        _ => return Vec::new(),
    };
    let mut pieces = Vec::new();
    for part in parts {
        match part.get("type").and_then(Value::as_str) {
            Some("thinking") => {
                let thoughts = parts_of(part.get("thinking")).into_iter();
                pieces.extend(thoughts.map(|thought| Piece::Thought(thought.text())));
            }
            _ => pieces.extend(part.get("text").and_then(Value::as_str).map(Piece::Said)),
        }
    }
    pieces
}

/// The members of a request that ask for something, hints and defaults left out.
pub(super) fn asked(request: &Map<String, Value>) -> impl Iterator<Item = (&str, &Value)> {
    let has_tools = request.get("tools").is_some_and(says_something);
    let members = request.iter().map(|(key, value)| (key.as_str(), value));
    members.filter(move |(key, value)| {
        let idle = match *key {
            "parallel_tool_calls" => !has_tools,
            "tool_choice" => !has_tools && matches!(value.as_str(), Some("auto" | "none")),
            _ => false,
        };
        !idle && !is_hint(key) && !is_default(key, value)
    })
}

/// Whether a member that is there is more than an empty place.
pub(super) fn says_something(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Array(items) => !items.is_empty(),
        Value::Object(members) => !members.is_empty(),
        _ => true,
    }
}

fn is_hint(key: &str) -> bool {
    HINTS.contains(&key) || matches!(key, "model" | "stream")
}

/// Whether the value is what its absence says as well.
fn is_default(key: &str, value: &Value) -> bool {
    match key {
        // Its mere presence asks for a search.
        "web_search_options" => value.is_null(),
        "n" => value.is_null() || value.as_u64() == Some(1),
        "presence_penalty" | "frequency_penalty" => value.is_null() || value.as_f64() == Some(0.0),
        "top_logprobs" => value.is_null() || value.as_u64() == Some(0),
        "logprobs" => value.as_bool() != Some(true),
        "parallel_tool_calls" => value.as_bool() != Some(false),
        "response_format" => {
            !says_something(value) || value.get("type").is_some_and(|t| t == "text")
        }
        "modalities" => {
            let modes = value.as_array().map_or(&[][..], Vec::as_slice);
            modes.iter().all(|mode| mode == "text")
        }
        _ => !says_something(value),
    }
}

/// Refuses what `object`, which stands at `path`, says beside the `known` members.
pub(super) fn only(
    object: &Map<String, Value>,
    path: &str,
    known: &[&str],
    dialect: &str,
) -> Result<(), InvalidRequest> {
    let mut members = object.iter();
    let strange = members
        .find(|(key, value)| says_something(value) && !known.contains(&key.as_str()))
        .map(|(key, _)| inexpressible(format!("{path}.{key}"), dialect));
    strange.map_or(Ok(()), Err)
}

/// The refusal of what only another dialect has a word for, by that word.
pub(super) fn foreign(kept: &Value, dialect: &str) -> InvalidRequest {
    let dialects = kept.as_object().into_iter().flatten();
    let mut names = dialects.flat_map(|(_, of)| of.as_object().into_iter().flatten());
    let name = names.next().map_or("foreign", |(name, _)| name.as_str());
    inexpressible(name, dialect)
}

/// A fault of the field at `path`, which must be `expected`.
pub(super) fn wrong(path: impl Into<String>, expected: &str) -> InvalidRequest {
    let path = path.into();
    let message = format!("`{path}` must be {expected}.");
    InvalidRequest::at(path, message)
}

/// The object at `path`.
pub(super) fn object<'a>(
    value: &'a Value,
    path: &str,
) -> Result<&'a Map<String, Value>, InvalidRequest> {
    value.as_object().ok_or_else(|| wrong(path, "an object"))
}

/// The text under `key` of the object at `path`.
pub(super) fn text<'a>(
    object: &'a Map<String, Value>,
    path: &str,
    key: &str,
) -> Result<&'a str, InvalidRequest> {
    let text = object.get(key).and_then(Value::as_str);
    text.ok_or_else(|| wrong(format!("{path}.{key}"), "a string"))
}

/// The items under `key`; none where it is absent or null.
pub(super) fn items<'a>(
    object: &'a Map<String, Value>,
    path: &str,
    key: &str,
) -> Result<&'a [Value], InvalidRequest> {
    match object.get(key) {
        None | Some(Value::Null) => Ok(&[]),
        Some(Value::Array(items)) => Ok(items),
        Some(_) if path.is_empty() => Err(wrong(key, "an array")),
        Some(_) => Err(wrong(format!("{path}.{key}"), "an array")),
    }
}

/// Most tokens of an answer: the client may say it in either of two ways, but not in both differently.
pub(super) fn most_tokens(request: &Map<String, Value>) -> Result<Option<u64>, InvalidRequest> {
    let number = |key: &str| match request.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => value
            .as_u64()
            .map(Some)
            .ok_or_else(|| wrong(key, "an integer")),
    };
    match (number("max_completion_tokens")?, number("max_tokens")?) {
        (Some(one), Some(other)) if one != other => Err(wrong(
            "max_tokens",
            "left out beside `max_completion_tokens`",
        )),
        (one, other) => Ok(one.or(other)),
    }
}

/// Texts that end an answer.
pub(super) fn stops(stop: &Value) -> Result<Value, InvalidRequest> {
    match stop {
        Value::String(one) => Ok(Value::from(vec![one.as_str()])),
        Value::Array(all) if all.iter().all(Value::is_string) => Ok(stop.clone()),
        _ => Err(wrong("stop", "a string or an array of strings")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn left(request: &Value) -> Vec<&str> {
        let request = request.as_object().unwrap();
        asked(request).map(|(key, _)| key).collect()
    }

    #[test]
    fn hints_and_what_absence_says_as_well_ask_for_nothing() {
        let idle = json!({"model": "m", "stream": true, "stream_options": {"include_usage": true},
            "user": "u", "safety_identifier": "s", "metadata": {"a": "b"}, "store": true,
            "service_tier": "flex", "prompt_cache_key": "k", "prompt_cache_retention": "24h",
            "cache_control": {"type": "ephemeral"}, "seed": null, "logit_bias": {}, "stop": [],
            "n": 1, "presence_penalty": 0, "frequency_penalty": 0.0, "logprobs": false,
            "top_logprobs": 0, "modalities": ["text"], "response_format": {"type": "text"},
            "tools": [], "tool_choice": "auto", "parallel_tool_calls": false,
            "web_search_options": null, "foreign": {}});
        assert_eq!(left(&idle), Vec::<&str>::new());
    }

    #[test]
    fn what_asks_for_something_is_left() {
        let busy = json!({"n": 2, "presence_penalty": 0.1, "logprobs": true, "top_logprobs": 1,
            "modalities": ["text", "audio"], "response_format": {"type": "json_object"},
            "tools": [{}], "tool_choice": "auto", "parallel_tool_calls": false,
            "web_search_options": {}, "temperature": 0, "whatever": false});
        assert_eq!(left(&busy).len(), busy.as_object().unwrap().len());
        for choice in [json!("required"), json!({"type": "function"})] {
            assert_eq!(left(&json!({"tool_choice": choice})), ["tool_choice"]);
        }
    }

    #[test]
    fn two_ways_to_say_how_long_must_say_the_same() {
        let most = |request: Value| most_tokens(request.as_object().unwrap());
        assert_eq!(most(json!({"max_tokens": 3})).unwrap(), Some(3));
        let both = json!({"max_tokens": 3, "max_completion_tokens": 3});
        assert_eq!(most(both).unwrap(), Some(3));
        let two = most(json!({"max_tokens": 3, "max_completion_tokens": 4})).unwrap_err();
        assert_eq!(two.param.as_deref(), Some("max_tokens"));
    }

    #[test]
    fn a_foreign_member_is_refused_by_its_own_name() {
        let refused = foreign(&json!({"messages": {"container": {"id": "x"}}}), "Y");
        assert_eq!(refused.param.as_deref(), Some("container"));
        assert!(refused.message.contains('Y'));
    }
}
