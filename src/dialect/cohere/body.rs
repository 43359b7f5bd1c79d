//! Writes a canonical request as a body of `/v2/chat`.

use serde_json::{Map, Value, json};

use super::super::members::{asked, foreign, items};
use super::super::target::{Target, inexpressible};
use super::messages::{self, Messages};
use super::{NAME, settings, tools};
use crate::chat::InvalidRequest;
use crate::dialect::messages::with_refusals_said;

/// Writes a request.
///
/// # Errors
/// The field that cannot be expressed.
pub fn body(
    request: &Map<String, Value>,
    target: &Target<'_>,
) -> Result<Map<String, Value>, InvalidRequest> {
    for (key, value) in asked(request) {
        let placed = matches!(
            key,
            "messages" | "tools" | "tool_choice" | "parallel_tool_calls"
        );
        if key == "foreign" {
            return Err(foreign(value, NAME));
        }
        if !placed && !settings::knows(key) {
            return Err(inexpressible(key, NAME));
        }
    }
    let Messages { turns, documents } =
        messages::read(&with_refusals_said(items(request, "", "messages")?))?;
    let mut body = Map::new();
    body.insert("model".into(), target.model.into());
    body.insert("messages".into(), turns.into());
    // It has no default there.
    body.insert("stream".into(), target.stream.into());
    if !documents.all.is_empty() {
        body.insert("documents".into(), documents.all.into());
        if !documents.cited {
            // There it is what happens with documents unless one says otherwise.
            body.insert("citation_options".into(), json!({"mode": "OFF"}));
        }
    }
    tools::write(request, &mut body)?;
    settings::write(request, &mut body)?;
    Ok(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(request: &Value, stream: bool) -> Result<Value, String> {
        let target = Target {
            model: "command-a",
            stream,
            max_tokens: 4096,
        };
        let body = body(request.as_object().unwrap(), &target);
        body.map(Value::Object).map_err(|e| e.param.unwrap())
    }

    fn with(key: &str, value: Value) -> Value {
        let mut request = json!({"model": "m", "messages": [{"role": "user", "content": "Hi"}]});
        request[key] = value;
        request
    }

    #[test]
    fn a_request_has_everything_in_its_place() {
        let request = json!({"model": "m", "stream": true, "temperature": 0.5, "user": "u",
            "messages": [{"role": "developer", "content": "Be brief."},
                {"role": "user", "content": "Hi"}],
            "tools": [{"type": "function", "function": {"name": "f", "parameters": {}}}],
            "tool_choice": "required", "parallel_tool_calls": true});
        let body = json!({"model": "command-a", "stream": true,
            "messages": [{"role": "system", "content": "Be brief."},
                {"role": "user", "content": "Hi"}],
            "tools": [{"type": "function", "function": {"name": "f", "parameters": {}}}],
            "tool_choice": "REQUIRED", "temperature": 0.5});
        assert_eq!(of(&request, true).unwrap(), body);
    }

    #[test]
    fn documents_stand_beside_the_messages() {
        let document = |cited: bool| {
            json!([{"role": "user", "content": [
                {"type": "file", "title": "T", "citations": {"enabled": cited},
                    "file": {"file_data": "data:text/plain;base64,w6k="}},
                {"type": "text", "text": "What is it?"}]}])
        };
        let body = of(&with("messages", document(false)), false).unwrap();
        assert_eq!(
            body["documents"],
            json!([{"data": {"text": "é", "title": "T"}}])
        );
        assert_eq!(body["citation_options"], json!({"mode": "OFF"}));
        let asked = json!([{"type": "text", "text": "What is it?"}]);
        assert_eq!(body["messages"][0]["content"], asked);
        let body = of(&with("messages", document(true)), false).unwrap();
        assert!(body.get("citation_options").is_none());
    }

    #[test]
    fn what_cannot_be_asked_is_refused_by_name() {
        for (key, value) in [
            ("n", json!(2)),
            ("logit_bias", json!({"1": 2})),
            ("top_logprobs", json!(2)),
            ("modalities", json!(["audio"])),
            ("verbosity", json!("low")),
            ("web_search_options", json!({})),
            ("functions", json!([{"name": "f"}])),
            ("min_p", json!(0.1)),
        ] {
            assert_eq!(of(&with(key, value), false).unwrap_err(), key);
        }
        let foreign = json!({"responses": {"previous_response_id": "r"}});
        let refused = of(&with("foreign", foreign), false).unwrap_err();
        assert_eq!(refused, "previous_response_id");
        let bare = of(&with("n", json!(1)), false).unwrap();
        let named: Vec<_> = bare.as_object().unwrap().keys().collect();
        assert_eq!(named, ["model", "messages", "stream"]);
    }
}
