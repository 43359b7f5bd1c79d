//! What is left of a chunk once it has been looked at: the line that goes on to the clients.

use serde_json::{Map, Value};

use super::splice::{Object, members};

/// Bytes that a line takes beside its text.
const OVERHEAD: usize = 64;

/// A chunk's JSON in one line, and all that must be known to pass it on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// Empty for an event of another dialect that says nothing in the canonical form.
    json: Box<str>,
    usage: Usage,
    native: Option<Box<str>>,
}

/// What a chunk has to do with token counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Usage {
    /// It has no such member.
    Absent,
    /// They stand beside words.
    Beside,
    /// There is nothing else in it.
    Alone,
}

/// Names of what the provider said and a chunk cannot hold.
const FOREIGN: &str = "foreign";
const FOREIGN_MEMBER: &str = "\"foreign\":";

impl Frame {
    pub(super) fn new(json: Box<str>, usage: Usage, native: Option<Box<str>>) -> Self {
        Self {
            json,
            usage,
            native,
        }
    }

    /// Bytes that it holds in memory, roughly.
    #[must_use]
    pub fn weight(&self) -> usize {
        self.json.len() + self.native().map_or(0, str::len) + OVERHEAD
    }

    /// The provider's own event, for a client of the provider's dialect.
    #[must_use]
    pub fn native(&self) -> Option<&str> {
        self.native.as_deref()
    }

    /// Its members; none if it has none or they cannot be read.
    #[must_use]
    pub fn members(&self) -> Option<Map<String, Value>> {
        serde_json::from_str(&self.json).ok()
    }

    /// As one server-sent event, without usage unless the client asked for it; `None` if
    /// nothing is left of it then.
    #[must_use]
    pub fn to_event(&self, include_usage: bool) -> Option<String> {
        match self.usage {
            _ if self.json.is_empty() => None,
            Usage::Beside if !include_usage => self.without(&["usage", FOREIGN]),
            Usage::Alone if !include_usage => None,
            // What the answer lacks is a mark of this gateway's own.
            _ if self.json.contains(FOREIGN_MEMBER) => self.without(&[FOREIGN]),
            _ => Some(event(&self.json)),
        }
    }

    fn without(&self, left_out: &[&str]) -> Option<String> {
        let mut rest = Object::with_capacity(self.json.len());
        for (name, value) in members(&self.json).ok()? {
            if !left_out.contains(&name.as_ref()) {
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

#[cfg(test)]
mod tests {
    use crate::chat::Chunk;

    fn event(data: &str, include_usage: bool) -> Option<String> {
        let chunk = Chunk::parse(data).unwrap();
        chunk.into_frame().to_event(include_usage)
    }

    #[test]
    fn usage_is_stripped_for_a_client_that_did_not_ask() {
        let last = r#"{"id":"a","choices":[],"usage":{"total_tokens":3}}"#;
        assert_eq!(event(last, false), None);
        assert!(event(last, true).unwrap().contains("total_tokens"));
        let middle = r#"{"id":"a","usage":null,"choices":[{"delta":{"content":"a"}}]}"#;
        assert_eq!(
            event(middle, false).unwrap(),
            "data: {\"id\":\"a\",\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\n"
        );
        let lines = "{\n\"usage\":null,\"choices\":[{\n}]}";
        assert_eq!(event(lines, false).unwrap(), "data: {\"choices\":[{}]}\n\n");
    }

    #[test]
    fn the_mark_of_what_a_chunk_cannot_hold_is_nobodys_business() {
        let last = r#"{"id":"a","foreign":{"gemini":["inlineData"]},"choices":[{"finish_reason":"stop"}]}"#;
        for include_usage in [false, true] {
            let told = event(last, include_usage).unwrap();
            assert_eq!(
                told,
                "data: {\"id\":\"a\",\"choices\":[{\"finish_reason\":\"stop\"}]}\n\n"
            );
        }
        let said = r#"{"id":"a","choices":[{"delta":{"content":"\"foreign\":"}}]}"#;
        assert!(event(said, true).unwrap().contains("foreign"));
    }

    #[test]
    fn usage_is_stripped_where_the_rest_cannot_be_read() {
        let half = r#"{"usage":null,"choices":[{"delta":{"content":"\ud83d"}}]}"#;
        assert_eq!(
            event(half, false).unwrap(),
            "data: {\"choices\":[{\"delta\":{\"content\":\"\\ud83d\"}}]}\n\n"
        );
        assert_eq!(event(r#"{"choices":[],"usage":{"x":1e999}}"#, false), None);
    }

    #[test]
    fn a_chunk_goes_on_as_it_came_in_one_line() {
        let spaced = r#"{ "x": 1e2, "choices": [] }"#;
        assert_eq!(event(spaced, true).unwrap(), format!("data: {spaced}\n\n"));
        let lines = event(
            "{\n\"choices\":\r\n[],\n\"x\":0.10000000000000000001}",
            true,
        );
        assert_eq!(
            lines.unwrap(),
            "data: {\"choices\":[],\"x\":0.10000000000000000001}\n\n"
        );
    }
}
