//! What a text completion asks for and a chat has no word for, as the canonical form keeps it: see the table in
//! [`crate::dialect`].

use serde_json::{Map, Value};

use super::dialect::Dialect;
use super::request::{ChatRequest, LENGTHS};
use super::splice::members;

/// Bytes of text that make a token, more or less.
const TOKEN_BYTES: usize = 4;

/// A member of the client's own.
pub(super) fn member<'a>(body: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    body.get("foreign")?.get("completions")?.get(name)
}

/// Whether a client says itself how long the answer may be.
pub(super) fn says_length(raw: &[u8]) -> bool {
    let text = std::str::from_utf8(raw).unwrap_or_default();
    let said = members(text).unwrap_or_default();
    let mut said = said.iter();
    said.any(|(name, value)| name == "max_tokens" && value.get() != "null")
}

/// How many prompts there are.
pub(super) fn prompts(body: &Map<String, Value>) -> u64 {
    let several = member(body, "prompt").and_then(Value::as_u64);
    several.unwrap_or(1).max(1)
}

/// Answers that are made: the best of so many are told, to each prompt.
pub(super) fn answers(body: &Map<String, Value>) -> u64 {
    let told = body.get("n").and_then(Value::as_u64).unwrap_or(1);
    let made = member(body, "best_of").and_then(Value::as_u64);
    let each = made.unwrap_or(1).max(told).max(1);
    each.saturating_mul(prompts(body))
}

/// About as many bytes as the text of a prompt in tokens has.
pub(super) fn token_bytes(part: &Value) -> usize {
    let tokens = part.get("block").and_then(|block| block.get("tokens"));
    let tokens = tokens.and_then(Value::as_array).map_or(0, Vec::len);
    tokens.saturating_mul(TOKEN_BYTES)
}

/// What comes after the answer.
pub(super) fn suffix(body: &Map<String, Value>) -> Option<&str> {
    member(body, "suffix")?.as_str()
}

impl ChatRequest {
    /// The text that is to come after the answer, which belongs to what is asked.
    #[must_use]
    pub fn suffix(&self) -> Option<&str> {
        suffix(self.body())
    }

    /// Whether a part of what is asked is in tokens, which nobody here can read.
    #[must_use]
    pub fn holds_tokens(&self) -> bool {
        let parts = |message: &Value| {
            let parts = message.get("content").and_then(Value::as_array);
            parts.is_some_and(|parts| parts.iter().any(|part| token_bytes(part) > 0))
        };
        self.dialect() == Dialect::Completions && self.messages().iter().any(parts)
    }

    /// Answers that are to be told: so many to each prompt.
    #[must_use]
    pub fn choices(&self) -> u64 {
        let each = self.body().get("n").and_then(Value::as_u64).unwrap_or(1);
        each.max(1).saturating_mul(prompts(self.body()))
    }

    /// Answers that are made for it, whether they are told or not.
    #[must_use]
    pub fn answers(&self) -> u64 {
        answers(self.body())
    }

    /// Tokens that an answer may have, where the client says so.
    #[must_use]
    pub fn most_output(&self) -> Option<u64> {
        let number = |name: &str| self.body().get(name).and_then(Value::as_u64);
        let [older, newer] = LENGTHS;
        let most = number(newer).or_else(|| number(older));
        most.or_else(|| member(self.body(), older)?.as_u64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn asking(members: Value) -> Map<String, Value> {
        let mut body = json!({"n": 2});
        body["foreign"] = json!({ "completions": members });
        body.as_object().cloned().unwrap()
    }

    #[test]
    fn each_prompt_has_its_answers_and_the_best_are_made_of_more() {
        for (members, count) in [
            (json!({}), 2),
            (json!({"prompt": 3}), 6),
            (json!({"best_of": 5}), 5),
            (json!({"best_of": 1}), 2),
            (json!({"best_of": 5, "prompt": 3}), 15),
        ] {
            assert_eq!(answers(&asking(members.clone())), count, "{members}");
        }
    }

    #[test]
    fn a_length_is_said_or_left_open() {
        for (raw, said) in [
            (r#"{"max_tokens": 16}"#, true),
            (r#"{"max_tokens": null}"#, false),
            (r#"{"prompt": "max_tokens"}"#, false),
        ] {
            assert_eq!(says_length(raw.as_bytes()), said, "{raw}");
        }
    }

    #[test]
    fn a_suffix_and_tokens_count_as_text() {
        let ending = asking(json!({"suffix": "the end"}));
        assert_eq!(suffix(&ending), Some("the end"));
        let part =
            json!({"type": "foreign", "dialect": "completions", "block": {"tokens": [1, 2]}});
        assert_eq!(token_bytes(&part), 8);
        assert_eq!(token_bytes(&json!({"type": "image_url"})), 0);
    }
}
