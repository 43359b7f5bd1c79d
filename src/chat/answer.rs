//! A whole answer: a `chat.completion` without the members that are fresh each
//! time it is served, its id and its date.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::record::Unstorable;

/// A provider's answer that is not a chat completion.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AnswerError {
    /// Not JSON, or not an object.
    #[error("the answer is not a JSON object")]
    NotAnObject,
    /// No choice with a message in it.
    #[error("the answer has no choices")]
    NoChoices,
}

/// A complete answer, from a plain response or put together from a stream.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Answer {
    body: Map<String, Value>,
}

impl Answer {
    /// Parses the body of a plain response.
    ///
    /// # Errors
    /// [`AnswerError`] if it is not a chat completion.
    pub fn parse(body: &[u8]) -> Result<Self, AnswerError> {
        match serde_json::from_slice(body) {
            Ok(Value::Object(body)) => Self::from_members(body),
            _ => Err(AnswerError::NotAnObject),
        }
    }

    /// Takes a completion's members as they are.
    ///
    /// # Errors
    /// [`AnswerError::NoChoices`] if no choice holds a message.
    pub fn from_members(mut body: Map<String, Value>) -> Result<Self, AnswerError> {
        let choices = body.get("choices").and_then(Value::as_array);
        let whole = choices.is_some_and(|choices| {
            !choices.is_empty()
                && choices
                    .iter()
                    .all(|c| c.get("message").is_some_and(Value::is_object))
        });
        if !whole {
            return Err(AnswerError::NoChoices);
        }
        for fresh in ["id", "created", "object"] {
            body.shift_remove(fresh);
        }
        Ok(Self { body })
    }

    /// Whether it may be remembered: complete, one choice, ended by itself.
    ///
    /// # Errors
    /// The reason why not.
    pub fn storable(&self) -> Result<(), Unstorable> {
        if self.body.get("error").is_some_and(|e| !e.is_null()) {
            return Err(Unstorable::Error);
        }
        match self.choices() {
            [choice] => match choice.get("finish_reason").and_then(Value::as_str) {
                Some("stop") => Ok(()),
                _ => Err(Unstorable::FinishReason),
            },
            _ => Err(Unstorable::SeveralChoices),
        }
    }

    /// The model that answered, as it names itself.
    #[must_use]
    pub fn model(&self) -> Option<&str> {
        self.body.get("model").and_then(Value::as_str)
    }

    /// Tokens of the prompt and of the answer, if the provider counted them.
    #[must_use]
    pub fn tokens(&self) -> Option<(u64, u64)> {
        let usage = self.body.get("usage")?;
        let prompt = usage.get("prompt_tokens")?.as_u64()?;
        let completion = usage.get("completion_tokens")?.as_u64()?;
        Some((prompt, completion))
    }

    /// The text of the first choice; empty when it has none.
    #[must_use]
    pub fn text(&self) -> &str {
        self.choices()
            .first()
            .and_then(|c| c.get("message")?.get("content")?.as_str())
            .unwrap_or("")
    }

    /// Its members without id, object and date.
    #[must_use]
    pub fn members(&self) -> &Map<String, Value> {
        &self.body
    }

    /// Its choices.
    #[must_use]
    pub fn choices(&self) -> &[Value] {
        self.body
            .get("choices")
            .and_then(Value::as_array)
            .map_or(&[], Vec::as_slice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn answer(finish: &str) -> Value {
        json!({"id": "x", "object": "chat.completion", "created": 1, "model": "m",
            "choices": [{"index": 0, "message": {"role": "assistant", "content": "Paris"},
                "finish_reason": finish}],
            "usage": {"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4}})
    }

    #[test]
    fn only_a_complete_single_answer_may_be_stored() {
        let parse = |v: &Value| Answer::parse(v.to_string().as_bytes()).unwrap();
        assert_eq!(parse(&answer("stop")).storable(), Ok(()));
        for finish in ["length", "content_filter", "tool_calls"] {
            let why = parse(&answer(finish)).storable();
            assert_eq!(why, Err(Unstorable::FinishReason), "{finish}");
        }
        let mut two = answer("stop");
        two["choices"] = json!([two["choices"][0], two["choices"][0]]);
        assert_eq!(parse(&two).storable(), Err(Unstorable::SeveralChoices));
        let mut failed = answer("stop");
        failed["error"] = json!({"message": "overloaded"});
        assert_eq!(parse(&failed).storable(), Err(Unstorable::Error));
    }

    #[test]
    fn what_is_fresh_each_time_is_not_kept() {
        let kept = Answer::parse(answer("stop").to_string().as_bytes()).unwrap();
        assert!(!kept.members().contains_key("id") && !kept.members().contains_key("created"));
        assert_eq!((kept.text(), kept.tokens()), ("Paris", Some((3, 1))));
    }

    #[test]
    fn a_body_that_is_no_completion_is_refused() {
        assert_eq!(Answer::parse(b"<html>"), Err(AnswerError::NotAnObject));
        assert_eq!(Answer::parse(b"{}"), Err(AnswerError::NoChoices));
        assert_eq!(
            Answer::parse(br#"{"choices":[]}"#),
            Err(AnswerError::NoChoices)
        );
    }
}
