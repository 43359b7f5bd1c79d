//! Errors as Anthropic writes them.

use serde_json::{Value, json};

/// The body of an error: `request_id` is null where there is none.
#[must_use]
pub fn error(status: u16, message: &str, request_id: Option<&str>) -> Value {
    json!({
        "type": "error",
        "error": {"type": kind(status), "message": message},
        "request_id": request_id,
    })
}

/// Anthropic's name for the kind of error that a status stands for.
fn kind(status: u16) -> &'static str {
    match status {
        401 => "authentication_error",
        402 => "billing_error",
        403 => "permission_error",
        404 => "not_found_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        504 => "timeout_error",
        529 => "overloaded_error",
        400..=499 => "invalid_request_error",
        _ => "api_error",
    }
}

/// An error object of Anthropic's as OpenAI writes one.
pub(super) fn as_openai(error: &Value) -> Value {
    let kind = error.get("type").and_then(Value::as_str);
    let message = error.get("message").and_then(Value::as_str);
    // An account without credit is the one case in which OpenAI's code decides what is tried next.
    let code = (kind == Some("billing_error")).then_some("insufficient_quota");
    json!({
        "message": message.unwrap_or("The provider gave no reason."),
        "type": kind.unwrap_or("api_error"),
        "param": null,
        "code": code,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_status_has_its_kind() {
        for (status, kind) in [
            (400, "invalid_request_error"),
            (401, "authentication_error"),
            (402, "billing_error"),
            (403, "permission_error"),
            (404, "not_found_error"),
            (413, "request_too_large"),
            (422, "invalid_request_error"),
            (429, "rate_limit_error"),
            (500, "api_error"),
            (503, "api_error"),
            (504, "timeout_error"),
            (529, "overloaded_error"),
        ] {
            assert_eq!(error(status, "m", None)["error"]["type"], kind, "{status}");
        }
    }

    #[test]
    fn an_error_has_the_members_that_clients_read() {
        let text = error(400, "No \"é\".", Some("req_1")).to_string();
        let expected = r#"{"type":"error","error":{"type":"invalid_request_error","message":"No \"é\"."},"request_id":"req_1"}"#;
        assert_eq!(text, expected);
    }

    #[test]
    fn anthropics_error_is_told_as_openai_tells_one() {
        let told = as_openai(&json!({"type": "overloaded_error", "message": "Overloaded"}));
        assert_eq!(
            (&told["type"], &told["message"]),
            (&json!("overloaded_error"), &json!("Overloaded"))
        );
        assert!(told["code"].is_null() && told["param"].is_null());
        assert_eq!(
            as_openai(&json!({"type": "billing_error"}))["code"],
            "insufficient_quota"
        );
        assert_eq!(as_openai(&json!("odd"))["type"], "api_error");
    }
}
