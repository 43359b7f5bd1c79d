//! One `chat.completion.chunk` of a streamed answer.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::frame::{Frame, Usage};
use super::json::parse_strict;
use super::splice::{Member, members};

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

/// A chunk as it came, and parsed where it can be. Of another dialect's stream: what its event says as a chunk, if it
/// says something, and the event itself.
#[derive(Debug, Clone, PartialEq)]
pub struct Chunk {
    /// Empty for an event that says nothing in the canonical form.
    raw: String,
    data: Option<Map<String, Value>>,
    error: Option<Value>,
    usage: Usage,
    content: bool,
    native: Option<Box<str>>,
}

impl Chunk {
    /// A chunk that was made here, out of another dialect's event.
    ///
    /// # Errors
    /// [`ChunkError`] when it is neither a chunk nor an error object.
    pub fn made(chunk: Value) -> Result<Self, ChunkError> {
        let raw = chunk.to_string();
        match chunk {
            Value::Object(members) => Self::read(&raw, members),
            _ => Err(ChunkError::NotAnObject),
        }
    }

    /// A chunk of text completions: goes on as it came, `raw`, and says what `canonical` says.
    ///
    /// # Errors
    /// [`ChunkError`] when that is neither a chunk nor an error object.
    pub fn told(raw: &str, canonical: &str) -> Result<Self, ChunkError> {
        let raw = raw.to_owned();
        Ok(Self {
            raw,
            ..Self::parse(canonical)?
        })
    }

    /// An event of another dialect that only its own clients can make something of.
    #[must_use]
    pub fn silent() -> Self {
        Self {
            raw: String::new(),
            data: None,
            error: None,
            usage: Usage::Absent,
            content: false,
            native: None,
        }
    }

    /// The same with the provider's own event, as text for a client of the provider's dialect.
    #[must_use]
    pub fn with_native(self, event: String) -> Self {
        Self {
            native: Some(event.into()),
            ..self
        }
    }

    /// Whether it says nothing in the canonical form.
    #[must_use]
    pub fn is_silent(&self) -> bool {
        self.raw.is_empty()
    }

    /// Parses the `data:` of one event (not `[DONE]`). What is JSON but cannot be read, such as one half
    /// of an emoji, or could be read in two ways, is a chunk all the same: who reads it may see more in it.
    ///
    /// # Errors
    /// [`ChunkError`] when it is neither a chunk nor an error object.
    pub fn parse(data: &str) -> Result<Self, ChunkError> {
        match parse_strict(data.as_bytes()) {
            Ok(Value::Object(members)) => Self::read(data, members),
            Ok(_) => Err(ChunkError::NotAnObject),
            Err(_) => Self::skimmed(data),
        }
    }

    fn read(raw: &str, data: Map<String, Value>) -> Result<Self, ChunkError> {
        let error = data.get("error").filter(|e| !e.is_null()).cloned();
        let choices = data.get("choices").and_then(Value::as_array);
        if error.is_none() && choices.is_none() {
            return Err(ChunkError::NoChoices);
        }
        let choices = choices.map_or(&[][..], Vec::as_slice);
        Ok(Self {
            raw: raw.to_owned(),
            usage: usage(data.contains_key("usage"), choices.is_empty()),
            content: choices.iter().any(choice_says_something),
            data: Some(data),
            error,
            native: None,
        })
    }

    fn skimmed(raw: &str) -> Result<Self, ChunkError> {
        let members = members(raw).map_err(|_| ChunkError::NotAnObject)?;
        let error = member(&members, "error").filter(|e| e.get() != "null");
        let choices = member(&members, "choices").filter(|c| c.get().starts_with('['));
        if error.is_none() && choices.is_none() {
            return Err(ChunkError::NoChoices);
        }
        let choices: Option<Vec<Skimmed<'_>>> =
            choices.map_or(Some(Vec::new()), |c| serde_json::from_str(c.get()).ok());
        let has_usage = member(&members, "usage").is_some();
        Ok(Self {
            raw: raw.to_owned(),
            data: None,
            error: error.map(|e| serde_json::from_str(e.get()).unwrap_or_default()),
            usage: usage(has_usage, choices.as_ref().is_some_and(Vec::is_empty)),
            // What is in choices of another shape is not known: it may be words.
            content: choices.is_none_or(|all| all.iter().any(Skimmed::says_something)),
            native: None,
        })
    }

    /// The error object of a failure inside the stream.
    #[must_use]
    pub fn error(&self) -> Option<&Value> {
        self.error.as_ref()
    }

    /// Its members; none if they cannot be read.
    #[must_use]
    pub fn members(&self) -> Option<&Map<String, Value>> {
        self.data.as_ref()
    }

    /// Its choices; empty in the usage chunk, and if they cannot be read.
    #[must_use]
    pub fn choices(&self) -> &[Value] {
        self.members()
            .and_then(|data| data.get("choices")?.as_array())
            .map_or(&[], Vec::as_slice)
    }

    /// Token counts, which only the last chunk carries.
    #[must_use]
    pub fn usage(&self) -> Option<&Value> {
        self.members()?.get("usage").filter(|u| !u.is_null())
    }

    /// Whether it carries anything a reader would see. Before such a chunk another
    /// provider can still take over and a plain error can still be sent.
    #[must_use]
    pub fn is_content(&self) -> bool {
        self.content
    }

    /// What goes on to the clients. What was parsed is given up: it takes many times the room.
    #[must_use]
    pub fn into_frame(self) -> Frame {
        let mut json = self.raw;
        // A line end between members would end the line of an event. Inside a text there is none.
        json.retain(|c| c != '\n' && c != '\r');
        Frame::new(json.into(), self.usage, self.native)
    }
}

/// What is looked at of a choice that cannot be read.
#[derive(Deserialize)]
struct Skimmed<'a> {
    #[serde(borrow, default)]
    delta: Option<&'a RawValue>,
    #[serde(borrow, default)]
    finish_reason: Option<&'a RawValue>,
}

impl Skimmed<'_> {
    fn says_something(&self) -> bool {
        let said = |(name, value): &(Cow<'_, str>, &RawValue)| {
            name != "role" && !matches!(value.get(), "null" | "\"\"" | "[]")
        };
        let delta = self.delta.map(RawValue::get).filter(|d| *d != "null");
        let delta = delta.is_some_and(|d| members(d).map_or(true, |all| all.iter().any(said)));
        delta || self.finish_reason.is_some_and(|f| f.get() != "null")
    }
}

fn member<'a>(members: &[Member<'a>], wanted: &str) -> Option<&'a RawValue> {
    let mut last = members.iter().rev();
    last.find_map(|(name, value)| (name == wanted).then_some(*value))
}

fn usage(present: bool, no_choices: bool) -> Usage {
    match (present, no_choices) {
        (false, _) => Usage::Absent,
        (true, false) => Usage::Beside,
        (true, true) => Usage::Alone,
    }
}

fn choice_says_something(choice: &Value) -> bool {
    let finished = choice.get("finish_reason").is_some_and(|f| !f.is_null());
    finished || choice.get("delta").is_some_and(delta_says_something)
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
    fn what_cannot_be_read_is_a_chunk_all_the_same() {
        let half = chunk(r#"{"choices":[{"delta":{"content":"\ud83d"}}]}"#);
        assert!(half.is_content() && half.members().is_none());
        assert!(chunk(r#"{"x":1e999,"choices":[{"finish_reason":"stop"}]}"#).is_content());
        let twice = chunk(r#"{"choices":[{"delta":{"content":"a","content":"b"}}]}"#);
        assert!(twice.is_content() && twice.members().is_none());
        let odd = r#"{"choices":[{"delta":{"$serde_json::private::RawValue":"[1]"}}]}"#;
        let name = "$serde_json::private::RawValue";
        assert_eq!(chunk(odd).choices()[0]["delta"][name], "[1]");
        assert!(chunk(r#"{"choices":[{"delta":{"\ud83d":1}}]}"#).is_content());
        for silent in [
            r#"{"x":1e999,"choices":[{"delta":{"role":"\ud83d","content":""}}]}"#,
            r#"{"x":1e999,"choices":[{"delta":null,"finish_reason":null}]}"#,
            r#"{"x":1e999,"choices":[]}"#,
        ] {
            assert!(!chunk(silent).is_content(), "{silent}");
        }
        let failed = chunk(r#"{"x":1e999,"error":{"message":"no"}}"#);
        assert_eq!(failed.error().unwrap()["message"], "no");
        assert!(chunk(r#"{"error":{"message":"\ud83d"}}"#).error().is_some());
    }

    #[test]
    fn what_is_not_a_chunk_is_an_error() {
        for text in ["[1]", "{", "[1e999]", r#"{"choices":[],"x":1e999"#] {
            assert_eq!(Chunk::parse(text), Err(ChunkError::NotAnObject), "{text}");
        }
        for text in [r#"{"id":1}"#, r#"{"id":1e999,"choices":null}"#] {
            assert_eq!(Chunk::parse(text), Err(ChunkError::NoChoices), "{text}");
        }
        assert!(chunk(r#"{"error":{"message":"x"}}"#).error().is_some());
    }
}
