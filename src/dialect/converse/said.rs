//! What whole answers and streams say in the same way: why the model stopped, tokens, thoughts, failures, and
//! what of them the canonical form cannot hold.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::KEY;
use crate::dialect::Fault;

/// Names of what an answer held and the canonical form has no word for.
#[derive(Debug, Default)]
pub(super) struct Lost(Vec<String>);

impl Lost {
    /// Notes `name`, once.
    pub(super) fn note(&mut self, name: &str) {
        if !self.0.iter().any(|known| known == name) {
            self.0.push(name.to_owned());
        }
    }

    /// The canonical member `foreign`; none if nothing was lost.
    pub(super) fn member(&self) -> Option<Value> {
        (!self.0.is_empty()).then(|| json!({KEY: self.0}))
    }
}

/// The canonical reason for `stop_reason`, a Converse one, of an answer that calls tools or not.
///
/// # Errors
/// The model wrote what nobody can read: that is a failure, not an answer.
pub(super) fn finish_reason(
    stop_reason: &str,
    calls: bool,
    lost: &mut Lost,
) -> Result<&'static str, Fault> {
    Ok(match stop_reason {
        "max_tokens" | "model_context_window_exceeded" => "length",
        "guardrail_intervened" | "content_filtered" => "content_filter",
        "malformed_model_output" | "malformed_tool_use" => {
            let message = "The model's output was malformed.";
            return Err(failure(message, "server_error", stop_reason));
        }
        "end_turn" | "stop_sequence" | "tool_use" if calls => "tool_calls",
        "end_turn" | "stop_sequence" | "tool_use" => "stop",
        // A reason of tomorrow may mean that the answer is not whole.
        other => {
            lost.note(other);
            "stop"
        }
    })
}

/// Tokens as Converse counts them: those read from and written to the prompt cache apart from the other input.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Usage {
    input_tokens: u64,
    output_tokens: u64,
    cache_read_input_tokens: Option<u64>,
    cache_write_input_tokens: Option<u64>,
}

impl Usage {
    /// The canonical form, in which the prompt is all input.
    pub(super) fn canonical(self) -> Value {
        let read = self.cache_read_input_tokens.unwrap_or_default();
        let written = self.cache_write_input_tokens.unwrap_or_default();
        let prompt = self.input_tokens.saturating_add(read);
        let prompt = prompt.saturating_add(written);
        let mut usage = json!({
            "prompt_tokens": prompt,
            "completion_tokens": self.output_tokens,
            "total_tokens": prompt.saturating_add(self.output_tokens),
        });
        if self.cache_read_input_tokens.is_some() {
            usage["prompt_tokens_details"] = json!({"cached_tokens": read});
        }
        if self.cache_write_input_tokens.is_some() {
            usage["cache_creation_input_tokens"] = written.into();
        }
        usage
    }
}

/// One thought, whole or as far as it came.
#[derive(Debug, Default)]
pub(super) struct Thought {
    pub(super) text: String,
    pub(super) signature: Option<String>,
    pub(super) redacted: Option<String>,
}

impl Thought {
    /// Whether it must be given back as it is for the conversation to go on.
    pub(super) fn is_signed(&self) -> bool {
        self.signature.is_some() || self.redacted.is_some()
    }

    /// The canonical block.
    pub(super) fn block(self) -> Value {
        if let Some(data) = self.redacted {
            return json!({"type": "redacted_thinking", "data": data});
        }
        let mut block = json!({"type": "thinking", "thinking": self.text});
        if let Some(signature) = self.signature {
            block["signature"] = signature.into();
        }
        block
    }
}

/// The stop sequence among the model's own fields, which is asked for; any other was asked for by the client, and
/// is lost.
pub(super) fn stop_sequence(fields: Option<Map<String, Value>>, lost: &mut Lost) -> Option<String> {
    let mut fields = fields?;
    let stop = fields.remove("stop_sequence");
    if fields.values().any(|value| !value.is_null()) {
        lost.note("additionalModelResponseFields");
    }
    stop.and_then(|stop| stop.as_str().map(str::to_owned))
}

/// The failure that an exception tells of: its name, as the stream has it, and its payload.
#[must_use]
pub fn exception(name: &str, data: &str) -> Fault {
    let said: Value = serde_json::from_str(data).unwrap_or_default();
    let message = ["message", "Message", "originalMessage"];
    let mut message = message.iter().filter_map(|key| said.get(key)?.as_str());
    let message = message.find(|m| !m.is_empty());
    let kind = match name.to_ascii_lowercase().as_str() {
        "throttlingexception" | "modelnotreadyexception" | "servicequotaexceededexception" => {
            "rate_limit_error"
        }
        "validationexception" | "resourcenotfoundexception" => "invalid_request_error",
        "accessdeniedexception" => "permission_error",
        "serviceunavailableexception" => "overloaded_error",
        _ => "server_error",
    };
    failure(message.unwrap_or("The provider failed."), kind, name)
}

fn failure(message: &str, kind: &str, code: &str) -> Fault {
    Fault::Said(json!({"message": message, "type": kind, "code": code}))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_stop_reason_has_its_canonical_one() {
        let reason = |reason, calls| finish_reason(reason, calls, &mut Lost::default()).unwrap();
        for (theirs, ours) in [
            ("end_turn", "stop"),
            ("stop_sequence", "stop"),
            ("max_tokens", "length"),
            ("model_context_window_exceeded", "length"),
            ("guardrail_intervened", "content_filter"),
            ("content_filtered", "content_filter"),
        ] {
            assert_eq!(reason(theirs, false), ours, "{theirs}");
        }
        assert_eq!(reason("tool_use", true), "tool_calls");
        assert_eq!(reason("end_turn", true), "tool_calls");
    }

    #[test]
    fn a_reason_of_tomorrow_is_noted_as_lost() {
        let mut lost = Lost::default();
        assert_eq!(finish_reason("paused", false, &mut lost), Ok("stop"));
        assert_eq!(lost.member(), Some(json!({"converse": ["paused"]})));
    }

    #[test]
    fn output_that_nobody_can_read_is_a_failure() {
        for reason in ["malformed_model_output", "malformed_tool_use"] {
            let Err(Fault::Said(error)) = finish_reason(reason, true, &mut Lost::default()) else {
                panic!("{reason} is an answer");
            };
            assert_eq!(error["code"], reason);
        }
    }

    #[test]
    fn the_prompt_is_all_input_cached_or_not() {
        let usage = |text| serde_json::from_str::<Usage>(text).unwrap().canonical();
        assert_eq!(
            usage(
                r#"{"inputTokens":3,"outputTokens":5,"totalTokens":1018,
                "cacheReadInputTokens":1000,"cacheWriteInputTokens":10}"#
            ),
            json!({"prompt_tokens": 1013, "completion_tokens": 5, "total_tokens": 1018,
                "prompt_tokens_details": {"cached_tokens": 1000},
                "cache_creation_input_tokens": 10})
        );
        assert_eq!(
            usage(r#"{"inputTokens":3,"outputTokens":5,"totalTokens":8}"#),
            json!({"prompt_tokens": 3, "completion_tokens": 5, "total_tokens": 8})
        );
    }

    #[test]
    fn an_exception_is_told_in_its_own_words() {
        let told = exception("throttlingException", r#"{"message":"Too many tokens."}"#);
        let error = json!({"message": "Too many tokens.", "type": "rate_limit_error",
            "code": "throttlingException"});
        assert_eq!(told, Fault::Said(error));
        let Fault::Said(error) = exception("serviceUnavailableException", "{}") else {
            panic!("an exception is a failure");
        };
        assert_eq!(error["type"], "overloaded_error");
        let Fault::Said(error) = exception("modelStreamErrorException", "not JSON") else {
            panic!("an exception is a failure");
        };
        assert_eq!(error["message"], "The provider failed.");
        assert_eq!(error["type"], "server_error");
    }
}
