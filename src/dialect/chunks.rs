//! The chunks of one streamed answer in the canonical form, which all carry the same id, date and model, and the
//! members of answers that are written alike in every dialect.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::chat::{completion_id, unix_seconds};

/// Writes the chunks of one stream.
#[derive(Debug)]
pub(super) struct Chunks {
    id: String,
    created: u64,
    /// Who answers.
    pub(super) model: String,
    /// Choices that have begun.
    opened: BTreeSet<u64>,
}

impl Chunks {
    /// A stream that begins now.
    pub(super) fn new(model: &str) -> Self {
        Self {
            id: completion_id(),
            created: unix_seconds(),
            model: model.to_owned(),
            opened: BTreeSet::new(),
        }
    }

    /// A piece of the choice with that index; the first one says whose it is.
    pub(super) fn delta(
        &mut self,
        index: u64,
        delta: Map<String, Value>,
        logprobs: Value,
    ) -> Value {
        let delta = self.opened(index, delta);
        self.chunk(
            json!([{"index": index, "delta": delta, "logprobs": logprobs, "finish_reason": null}]),
        )
    }

    /// The end of the choice with that index.
    pub(super) fn finish(&mut self, index: u64, delta: Map<String, Value>, reason: &str) -> Value {
        let delta = self.opened(index, delta);
        self.chunk(
            json!([{"index": index, "delta": delta, "logprobs": null, "finish_reason": reason}]),
        )
    }

    /// The last chunk, which counts the tokens.
    pub(super) fn usage(&self, usage: Value) -> Value {
        let mut chunk = self.chunk(json!([]));
        if let Value::Object(chunk) = &mut chunk {
            chunk.insert("usage".into(), usage);
        }
        chunk
    }

    fn opened(&mut self, index: u64, mut delta: Map<String, Value>) -> Map<String, Value> {
        if self.opened.insert(index) {
            delta.shift_insert(0, "role".into(), "assistant".into());
        }
        delta
    }

    fn chunk(&self, choices: Value) -> Value {
        json!({"id": self.id, "object": "chat.completion.chunk", "created": self.created,
            "model": self.model, "choices": choices})
    }
}

/// Marks an answer, or a chunk of one, as less than what the provider said: `lost` names what of it has no place in
/// the canonical form.
pub(super) fn mark_lost(members: &mut Map<String, Value>, dialect: &str, lost: &[String]) {
    if !lost.is_empty() {
        members.insert("foreign".into(), json!({ dialect: lost }));
    }
}

/// A provider's error as OpenAI writes one.
pub(super) fn error(message: &str, status: Option<u64>, code: Value) -> Value {
    let kind = match status {
        Some(401) => "authentication_error",
        Some(403) => "permission_error",
        Some(429) => "rate_limit_error",
        // OpenAI has no word for it.
        Some(503 | 529) => "overloaded_error",
        Some(400..=499) => "invalid_request_error",
        _ => "server_error",
    };
    json!({"message": message, "type": kind, "param": null, "code": code})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_choice_says_once_whose_it_is() {
        let mut chunks = Chunks::new("m");
        let mut delta = |index| {
            let chunk = chunks.delta(index, Map::new(), Value::Null);
            chunk["choices"][0]["delta"].clone()
        };
        let role = json!({"role": "assistant"});
        assert_eq!(
            (delta(0), delta(1), delta(0)),
            (role.clone(), role, json!({}))
        );
    }

    #[test]
    fn an_error_has_a_type_for_its_status() {
        let kind = |status| error("x", status, Value::Null)["type"].take();
        assert_eq!(kind(Some(401)), "authentication_error");
        assert_eq!(kind(Some(403)), "permission_error");
        assert_eq!(kind(Some(404)), "invalid_request_error");
        assert_eq!(kind(Some(429)), "rate_limit_error");
        assert_eq!(kind(Some(503)), "overloaded_error");
        assert_eq!(
            (kind(Some(500)), kind(None)),
            (json!("server_error"), json!("server_error"))
        );
    }
}
