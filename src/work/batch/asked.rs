//! What a client asks for when it begins a batch.

use serde_json::{Map, Value};

use super::super::ask::shown;
use super::row::Endpoint;
use crate::chat::parse_object;
use crate::gateway::error::{ApiError, Code};

/// What a batch is to be.
#[derive(Debug)]
pub struct NewBatch {
    pub(super) input_file_id: String,
    pub(super) endpoint: Endpoint,
    pub(super) metadata: Option<Map<String, Value>>,
    /// Seconds for which the files made of its answers are kept.
    pub(super) output_s: Option<u64>,
}

impl NewBatch {
    /// Reads the body of a request. Members that are not known here change nothing.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(body: &[u8]) -> Result<Self, ApiError> {
        let body = parse_object(body)?;
        let input_file_id = text(&body, "input_file_id")?.to_owned();
        let endpoint = endpoint(text(&body, "endpoint")?)?;
        if text(&body, "completion_window")? != "24h" {
            let message = "`completion_window` must be \"24h\".".to_owned();
            return Err(at("completion_window", message));
        }
        Ok(Self {
            input_file_id,
            endpoint,
            metadata: metadata(&body)?.cloned(),
            output_s: output_s(&body)?,
        })
    }
}

fn endpoint(named: &str) -> Result<Endpoint, ApiError> {
    Endpoint::parse(named).ok_or_else(|| {
        let named = shown(named);
        let message = format!(
            "`{named}` cannot be batched here: use /v1/chat/completions, /v1/completions, /v1/responses or /v1/embeddings."
        );
        at("endpoint", message)
    })
}

fn metadata(body: &Map<String, Value>) -> Result<Option<&Map<String, Value>>, ApiError> {
    let Some(metadata) = object(body, "metadata")? else {
        return Ok(None);
    };
    let fits = |(name, value): (&String, &Value)| {
        let value = value.as_str();
        (1..=64).contains(&name.chars().count()) && value.is_some_and(|v| v.chars().count() <= 512)
    };
    if metadata.len() > 16 || !metadata.iter().all(fits) {
        let message = "`metadata` may have 16 texts of 512 characters with names of 64.".to_owned();
        return Err(at("metadata", message));
    }
    Ok(Some(metadata))
}

fn output_s(body: &Map<String, Value>) -> Result<Option<u64>, ApiError> {
    let Some(after) = object(body, "output_expires_after")? else {
        return Ok(None);
    };
    if after.get("anchor").and_then(Value::as_str) != Some("created_at") {
        let message = "`output_expires_after.anchor` must be \"created_at\".".to_owned();
        return Err(at("output_expires_after.anchor", message));
    }
    let seconds = after.get("seconds").and_then(Value::as_u64);
    let Some(seconds) = seconds.filter(|seconds| *seconds > 0) else {
        let message = "`output_expires_after.seconds` must be a positive integer.".to_owned();
        return Err(at("output_expires_after.seconds", message));
    };
    Ok(Some(seconds))
}

fn text<'a>(body: &'a Map<String, Value>, name: &str) -> Result<&'a str, ApiError> {
    match body.get(name) {
        Some(Value::String(text)) => Ok(text),
        None | Some(Value::Null) => Err(at(name, format!("`{name}` is required."))),
        Some(_) => Err(at(name, format!("`{name}` must be a string."))),
    }
}

fn object<'a>(
    body: &'a Map<String, Value>,
    name: &str,
) -> Result<Option<&'a Map<String, Value>>, ApiError> {
    match body.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Object(object)) => Ok(Some(object)),
        Some(_) => Err(at(name, format!("`{name}` must be an object."))),
    }
}

pub(super) fn at(param: &str, message: String) -> ApiError {
    ApiError {
        param: Some(param.into()),
        ..ApiError::new(Code::InvalidRequest, message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn fault(name: &str, value: Value) -> (Option<String>, String) {
        let mut body = json!({"input_file_id": "file-1", "endpoint": "/v1/embeddings",
            "completion_window": "24h"});
        body[name] = value;
        let fault = NewBatch::parse(body.to_string().as_bytes()).unwrap_err();
        (fault.param, fault.message)
    }

    #[test]
    fn each_member_that_is_wrong_is_named_with_what_it_must_be() {
        let after = "output_expires_after";
        let cases = [
            ("input_file_id", json!(1), "input_file_id", "a string"),
            ("endpoint", json!(["x"]), "endpoint", "a string"),
            (
                "completion_window",
                json!(24),
                "completion_window",
                "a string",
            ),
            ("completion_window", json!("1h"), "completion_window", "24h"),
            ("metadata", json!("x"), "metadata", "an object"),
            ("metadata", json!({"a": 1}), "metadata", "texts"),
            (after, json!(3600), after, "an object"),
            (
                after,
                json!({"anchor": "now", "seconds": 1}),
                "output_expires_after.anchor",
                "created_at",
            ),
            (
                after,
                json!({"anchor": "created_at", "seconds": "1"}),
                "output_expires_after.seconds",
                "a positive integer",
            ),
        ];
        for (name, value, param, told) in cases {
            let (named, message) = fault(name, value.clone());
            assert_eq!(named.as_deref(), Some(param), "{name}: {value}");
            assert!(message.contains(told), "{message}");
        }
        assert_eq!(fault("endpoint", Value::Null).1, "`endpoint` is required.");
    }

    #[test]
    fn what_is_no_object_is_told_as_a_whole() {
        for body in ["[]", "{", "\"x\""] {
            let fault = NewBatch::parse(body.as_bytes()).unwrap_err();
            assert_eq!((fault.param, fault.code), (None, Code::InvalidRequest));
        }
    }
}
