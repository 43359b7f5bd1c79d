//! OpenAI's chat completions as a provider's dialect: the canonical form without what other dialects added to it.

use serde_json::{Map, Value, json};

use super::target::{Target, inexpressible};
use crate::chat::InvalidRequest;

/// What people call it.
const NAME: &str = "OpenAI's chat completions";

/// Budgets of thought, in tokens, up to which an effort is low and medium.
const EFFORTS: [(u64, &str); 2] = [(2048, "low"), (16_384, "medium")];

/// How a server differs from OpenAI's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taste {
    /// Whether a stream counts its tokens only where it is asked to.
    pub asks_usage: bool,
    /// Members that it takes beyond OpenAI's.
    pub extra: Vec<String>,
    /// Whether it knows the longest answer as `max_completion_tokens`; all know it as `max_tokens`, but for OpenAI's
    /// own newer models.
    pub newer_length: bool,
    /// Whether text completions may be asked of it as such.
    pub completions: bool,
}

impl Default for Taste {
    fn default() -> Self {
        Self {
            asks_usage: true,
            extra: Vec::new(),
            newer_length: false,
            completions: true,
        }
    }
}

/// Writes a request of another dialect's client; one of this dialect goes on as it came.
///
/// # Errors
/// The field that cannot be expressed.
pub fn body(
    request: &Map<String, Value>,
    target: &Target<'_>,
    taste: &Taste,
) -> Result<Map<String, Value>, InvalidRequest> {
    let takes = |key: &str| taste.extra.iter().any(|extra| extra == key);
    let mut body = Map::with_capacity(request.len() + 2);
    for (key, value) in request {
        match key.as_str() {
            "foreign" => return Err(foreign(value)),
            "top_k" | "thinking" if takes(key) => {
                body.insert(key.clone(), value.clone());
            }
            "top_k" if !value.is_null() => return Err(inexpressible(key, NAME)),
            "max_tokens" | "max_completion_tokens" => {
                let name = if taste.newer_length {
                    "max_completion_tokens"
                } else {
                    "max_tokens"
                };
                body.insert(name.into(), value.clone());
            }
            // What is stored is stored here.
            "store" | "metadata" => {}
            "top_k" | "cache_control" | "stream" | "stream_options" => {}
            "thinking" => {
                let given = request
                    .get("reasoning_effort")
                    .is_some_and(|e| !e.is_null());
                if let (false, Some(effort)) = (given, effort(value)) {
                    body.insert("reasoning_effort".into(), effort.into());
                }
            }
            "messages" => {
                let messages = value.as_array().map_or(&[][..], Vec::as_slice);
                let written: Result<Vec<_>, _> = messages
                    .iter()
                    .enumerate()
                    .map(|(i, m)| message(i, m))
                    .collect();
                body.insert(key.clone(), written?.into());
            }
            "tools" => {
                let tools = value.as_array().map_or(&[][..], Vec::as_slice);
                body.insert(key.clone(), tools.iter().map(without_hint).collect());
            }
            _ => {
                body.insert(key.clone(), value.clone());
            }
        }
    }
    body.insert("model".into(), target.model.into());
    if target.stream {
        body.insert("stream".into(), true.into());
        if taste.asks_usage {
            body.insert("stream_options".into(), json!({"include_usage": true}));
        }
    }
    Ok(body)
}

/// The refusal of what only another dialect has a word for, by that word.
pub(super) fn foreign(kept: &Value) -> InvalidRequest {
    let of_dialects = kept.as_object().into_iter().flatten();
    let mut names = of_dialects.flat_map(|(_, of)| of.as_object().into_iter().flatten());
    let name = names.next().map_or("foreign", |(name, _)| name.as_str());
    inexpressible(name, NAME)
}

fn effort(thinking: &Value) -> Option<&'static str> {
    let budget = thinking.get("budget_tokens")?.as_u64()?;
    let named = EFFORTS.iter().find(|(most, _)| budget <= *most);
    Some(named.map_or("high", |(_, name)| name))
}

fn message(i: usize, message: &Value) -> Result<Value, InvalidRequest> {
    let Value::Object(message) = message else {
        return Ok(message.clone());
    };
    let failed = message.get("is_error").and_then(Value::as_bool) == Some(true);
    let is_tool = message.get("role").and_then(Value::as_str) == Some("tool");
    let mut written = Map::with_capacity(message.len());
    for (key, value) in message {
        let value = match (key.as_str(), value) {
            // What a model thought in an earlier turn is nothing that was said.
            (
                "thinking_blocks" | "reasoning_content" | "is_error" | "cache_control"
                | "block_order",
                _,
            ) => {
                continue;
            }
            ("content", Value::String(text)) if failed => Value::from(told_as_error(text)),
            ("content", Value::Array(parts)) => content(i, parts, is_tool, failed)?,
            ("tool_calls", Value::Array(calls)) => calls.iter().map(without_hint).collect(),
            _ => value.clone(),
        };
        written.insert(key.clone(), value);
    }
    Ok(written.into())
}

fn content(
    i: usize,
    parts: &[Value],
    is_tool: bool,
    failed: bool,
) -> Result<Value, InvalidRequest> {
    let mut written = Vec::with_capacity(parts.len());
    for (j, part) in parts.iter().enumerate() {
        let path = || format!("messages[{i}].content[{j}]");
        let kind = part.get("type").and_then(Value::as_str);
        let only_text = is_tool && kind != Some("text");
        if only_text || matches!(kind, Some("foreign" | "thinking")) {
            return Err(inexpressible(path(), NAME));
        }
        for member in ["context", "citations"] {
            if part.get(member).is_some_and(|m| !m.is_null()) {
                return Err(inexpressible(format!("{}.{member}", path()), NAME));
            }
        }
        if part
            .pointer("/file/file_url")
            .is_some_and(|url| !url.is_null())
        {
            return Err(inexpressible(format!("{}.file.file_url", path()), NAME));
        }
        let mut part = without_hint(part);
        if let Value::Object(part) = &mut part {
            let title = part.shift_remove("title");
            name_after(title, part);
            if let (true, 0, Some(Value::String(text))) = (failed, j, part.get_mut("text")) {
                *text = told_as_error(text);
            }
        }
        written.push(part);
    }
    Ok(written.into())
}

/// Gives a document without a name its title for one: a model reads both.
fn name_after(title: Option<Value>, part: &mut Map<String, Value>) {
    if let (Some(title @ Value::String(_)), Some(Value::Object(file))) =
        (title, part.get_mut("file"))
    {
        file.entry("filename").or_insert(title);
    }
}

/// There is no mark for a tool that failed but what it says.
fn told_as_error(text: &str) -> String {
    format!("Error: {text}")
}

/// Without the hint what is worth caching, which this dialect decides by itself.
fn without_hint(value: &Value) -> Value {
    let mut value = value.clone();
    if let Value::Object(members) = &mut value {
        members.shift_remove("cache_control");
        members.shift_remove("eager_input_streaming");
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(request: &Value) -> Result<Value, String> {
        let target = Target {
            model: "up",
            stream: false,
            max_tokens: 0,
        };
        let request = request.as_object().unwrap();
        let body = body(request, &target, &Taste::default()).map(Value::Object);
        body.map_err(|e| e.param.unwrap_or_default())
    }

    fn asked(message: Value) -> Value {
        json!({"model": "m", "messages": [message]})
    }

    #[test]
    fn what_other_dialects_added_is_taken_off_again() {
        let mut request = asked(json!({"role": "user", "content": [
            {"type": "text", "text": "Hi", "cache_control": {"type": "ephemeral"}}]}));
        request["tools"] =
            json!([{"type": "function", "cache_control": {}, "function": {"name": "f"}}]);
        request["thinking"] = json!({"type": "enabled", "budget_tokens": 4000});
        let body = written(&request).unwrap();
        assert_eq!(body["model"], "up");
        assert_eq!(body["reasoning_effort"], "medium");
        assert_eq!(
            body["messages"][0]["content"],
            json!([{"type": "text", "text": "Hi"}])
        );
        assert_eq!(
            body["tools"],
            json!([{"type": "function", "function": {"name": "f"}}])
        );
        assert!(body.get("thinking").is_none());
    }

    #[test]
    fn a_call_is_handed_back_without_hints() {
        let call =
            json!({"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}});
        let mut hinted = call.clone();
        hinted["cache_control"] = json!({"type": "ephemeral"});
        let body = written(&asked(json!({"role": "assistant", "tool_calls": [hinted]})));
        assert_eq!(body.unwrap()["messages"][0]["tool_calls"], json!([call]));
    }

    #[test]
    fn a_tool_that_failed_says_so_in_its_words() {
        let body = written(&asked(
            json!({"role": "tool", "tool_call_id": "c", "is_error": true,
            "content": [{"type": "text", "text": "no such file"}]}),
        ));
        let body = body.unwrap();
        let told = &body["messages"][0];
        assert_eq!(told["content"][0]["text"], "Error: no such file");
        assert!(told.get("is_error").is_none());
    }

    #[test]
    fn what_cannot_be_said_is_refused_by_name() {
        let mut request = asked(json!({"role": "user", "content": "Hi"}));
        request["foreign"] = json!({"anthropic": {"mcp_servers": []}});
        assert_eq!(written(&request).unwrap_err(), "mcp_servers");
        let mut request = asked(json!({"role": "user", "content": "Hi"}));
        request["top_k"] = json!(3);
        assert_eq!(written(&request).unwrap_err(), "top_k");
        let part = |part: Value| written(&asked(json!({"role": "user", "content": [part]})));
        let block = json!({"type": "foreign", "dialect": "anthropic", "block": {}});
        assert_eq!(part(block).unwrap_err(), "messages[0].content[0]");
        let image = json!({"type": "image_url", "image_url": {"url": "data:,"}});
        let tool = asked(json!({"role": "tool", "content": [image]}));
        assert_eq!(written(&tool).unwrap_err(), "messages[0].content[0]");
    }

    #[test]
    fn a_stream_counts_its_tokens() {
        let request = asked(json!({"role": "user", "content": "Hi"}));
        let target = Target {
            model: "m",
            stream: true,
            max_tokens: 0,
        };
        let body =
            Value::Object(body(request.as_object().unwrap(), &target, &Taste::default()).unwrap());
        assert_eq!(body["stream_options"]["include_usage"], true);
    }
}
