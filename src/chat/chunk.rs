//! One `chat.completion.chunk` of a streamed answer.

use serde_json::{Map, Value};

use super::splice::{Object, members};

/// The payload that ends an OpenAI stream.
pub const DONE: &str = "[DONE]";

/// A stream payload that is not a chunk.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChunkError {
    /// Not a JSON object.
    #[error("a stream event is not a JSON object")]
    NotAnObject,
    /// No `choices` array and no `error`.
    #[error("a stream event has no choices")]
    NoChoices,
}

/// A chunk as it came, in one line, and parsed.
#[derive(Debug, Clone, PartialEq)]
pub struct Chunk {
    raw: String,
    data: Map<String, Value>,
}

impl Chunk {
    /// Parses the `data:` of one event (not `[DONE]`).
    ///
    /// # Errors
    /// [`ChunkError`] when it is neither a chunk nor an error object.
    pub fn parse(data: &str) -> Result<Self, ChunkError> {
        let raw = data;
        let Ok(Value::Object(data)) = serde_json::from_str(raw) else {
            return Err(ChunkError::NotAnObject);
        };
        let has_error = data.get("error").is_some_and(|e| !e.is_null());
        if !has_error && !data.get("choices").is_some_and(Value::is_array) {
            return Err(ChunkError::NoChoices);
        }
        // A line end between members would end the line of an event.
        let raw = if raw.contains(['\n', '\r']) {
            serde_json::to_string(&data).unwrap_or_default()
        } else {
            raw.to_owned()
        };
        Ok(Self { raw, data })
    }

    /// The error object of a failure inside the stream.
    #[must_use]
    pub fn error(&self) -> Option<&Value> {
        self.data.get("error").filter(|e| !e.is_null())
    }

    /// Its members.
    #[must_use]
    pub fn members(&self) -> &Map<String, Value> {
        &self.data
    }

    /// Its choices; empty in the usage chunk.
    #[must_use]
    pub fn choices(&self) -> &[Value] {
        self.data
            .get("choices")
            .and_then(Value::as_array)
            .map_or(&[], Vec::as_slice)
    }

    /// Token counts, which only the last chunk carries.
    #[must_use]
    pub fn usage(&self) -> Option<&Value> {
        self.data.get("usage").filter(|u| !u.is_null())
    }

    /// Whether it carries anything a reader would see. Before such a chunk another
    /// provider can still take over and a plain error can still be sent.
    #[must_use]
    pub fn is_content(&self) -> bool {
        self.choices().iter().any(|choice| {
            let finished = choice.get("finish_reason").is_some_and(|f| !f.is_null());
            finished || choice.get("delta").is_some_and(delta_says_something)
        })
    }

    /// The chunk as one server-sent event, without usage unless the client asked for it;
    /// `None` if nothing is left of it then.
    #[must_use]
    pub fn to_event(&self, include_usage: bool) -> Option<String> {
        if !include_usage && self.data.contains_key("usage") {
            return self.without_usage();
        }
        Some(event(&self.raw))
    }

    fn without_usage(&self) -> Option<String> {
        if self.choices().is_empty() {
            return None;
        }
        let mut rest = Object::with_capacity(self.raw.len());
        for (name, value) in members(&self.raw).ok()? {
            if name != "usage" {
                rest.push(&name, value.get());
            }
        }
        Some(event(&rest.end()))
    }
}

fn event(json: &str) -> String {
    let mut event = String::with_capacity(json.len() + 8);
    event.extend(["data: ", json, "\n\n"]);
    event
}

fn delta_says_something(delta: &Value) -> bool {
    let Value::Object(delta) = delta else {
        return false;
    };
    delta.iter().any(|(key, value)| match value {
        _ if key == "role" => false,
        Value::Null => false,
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        _ => true,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk(data: &str) -> Chunk {
        Chunk::parse(data).unwrap()
    }

    #[test]
    fn a_role_alone_is_not_content() {
        assert!(
            !chunk(r#"{"choices":[{"delta":{"role":"assistant","content":""}}]}"#).is_content()
        );
        assert!(chunk(r#"{"choices":[{"delta":{"content":"a"}}]}"#).is_content());
        assert!(chunk(r#"{"choices":[{"delta":{"tool_calls":[{"index":0}]}}]}"#).is_content());
        assert!(chunk(r#"{"choices":[{"delta":{},"finish_reason":"stop"}]}"#).is_content());
    }

    #[test]
    fn usage_is_stripped_for_a_client_that_did_not_ask() {
        let last = chunk(r#"{"id":"a","choices":[],"usage":{"total_tokens":3}}"#);
        assert_eq!(last.to_event(false), None);
        assert!(last.to_event(true).unwrap().contains("total_tokens"));
        let middle = chunk(r#"{"id":"a","usage":null,"choices":[{"delta":{"content":"a"}}]}"#);
        let lines = chunk("{\n\"usage\":null,\"choices\":[{\n}]}");
        assert_eq!(
            lines.to_event(false).unwrap(),
            "data: {\"choices\":[{}]}\n\n"
        );
        assert_eq!(
            middle.to_event(false).unwrap(),
            "data: {\"id\":\"a\",\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\n"
        );
    }

    #[test]
    fn a_chunk_goes_on_as_it_came_in_one_line() {
        let spaced = r#"{ "x": 1e2, "choices": [] }"#;
        assert_eq!(
            chunk(spaced).to_event(true).unwrap(),
            format!("data: {spaced}\n\n")
        );
        let lines = chunk("{\n\"choices\":\r\n[]}").to_event(true).unwrap();
        assert_eq!(lines, "data: {\"choices\":[]}\n\n");
    }

    #[test]
    fn what_is_not_a_chunk_is_an_error() {
        assert_eq!(Chunk::parse("[1]"), Err(ChunkError::NotAnObject));
        assert_eq!(Chunk::parse("{"), Err(ChunkError::NotAnObject));
        assert_eq!(Chunk::parse(r#"{"id":1}"#), Err(ChunkError::NoChoices));
        assert!(chunk(r#"{"error":{"message":"x"}}"#).error().is_some());
    }
}
