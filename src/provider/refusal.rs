//! Turns a provider's error, in whichever of the usual shapes it comes, into a
//! failure, and takes out what a client must not see.

use std::time::SystemTime;

use reqwest::StatusCode;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use super::body::Body;
use super::failure::{Failure, FailureKind, UpstreamError};
use super::retry_after::{quota, retry_after};

/// Bytes read of an error's body; what is longer is a page for people.
pub(super) const MAX_BODY: usize = 64 << 10;
/// Bytes kept of its message.
const MAX_MESSAGE: usize = 4 << 10;

/// Takes this gateway's credentials out of what a provider says.
pub(super) struct Scrub {
    secrets: Vec<SecretString>,
}

impl Scrub {
    pub(super) fn new(secrets: impl IntoIterator<Item = SecretString>) -> Self {
        let secrets = secrets.into_iter();
        let secrets = secrets.filter(|secret| !secret.expose_secret().is_empty());
        Self {
            secrets: secrets.collect(),
        }
    }

    fn clean(&self, text: &str) -> String {
        let without = |text: String, secret: &SecretString| match secret.expose_secret() {
            secret if text.contains(secret) => text.replace(secret, "[key]"),
            _ => text,
        };
        let mut text = self.secrets.iter().fold(text.to_owned(), without);
        let mut cut = MAX_MESSAGE.min(text.len());
        while !text.is_char_boundary(cut) {
            cut -= 1;
        }
        text.truncate(cut);
        text
    }
}

/// Reads a response that is not a success.
pub(super) async fn refused(mut body: Body, scrub: &Scrub) -> Failure {
    let status = body.response().status();
    let headers = body.response().headers();
    let kind = kind(status);
    let limited = kind == FailureKind::RateLimited;
    let retry_after = retry_after(headers, limited, SystemTime::now());
    let quota = quota(headers, SystemTime::now()).map(Box::new);
    let upstream = if kind == FailureKind::Auth {
        // Its words would name the key or the account behind it.
        silent(status)
    } else {
        let said = serde_json::from_slice(&body.beginning(MAX_BODY).await);
        let said = alone(said.unwrap_or_default());
        spoken(status.as_u16(), said.get("error").unwrap_or(&said), scrub)
    };
    Failure {
        retry_after,
        quota,
        upstream: Some(Box::new(upstream)),
        ..Failure::because(kind, format!("status {}", status.as_u16()))
    }
}

/// Google's errors come in an array of their own where a stream was asked for.
fn alone(said: Value) -> Value {
    match said {
        Value::Array(mut items) if items.len() == 1 => items.remove(0),
        said => said,
    }
}

pub(super) fn kind(status: StatusCode) -> FailureKind {
    match status.as_u16() {
        401 | 402 | 403 | 407 => FailureKind::Auth,
        429 => FailureKind::RateLimited,
        408 | 409 | 503 | 529 => FailureKind::Overloaded,
        // Something behind it failed: Bedrock says so of the model itself.
        424 => FailureKind::Server,
        400..=499 => FailureKind::Rejected,
        500..=599 => FailureKind::Server,
        // A redirect is not followed: it could carry the key to another host.
        _ => FailureKind::Malformed,
    }
}

pub(super) fn silent(status: StatusCode) -> UpstreamError {
    UpstreamError {
        status: status.as_u16(),
        message: FailureKind::Auth.to_string(),
        kind: None,
        code: None,
        param: None,
    }
}

/// OpenAI's error object, or as much of it as there is; servers that only speak the dialect
/// send a bare string, or `message` or `detail` at the top.
pub(super) fn spoken(status: u16, error: &Value, scrub: &Scrub) -> UpstreamError {
    let text = |key: &str| match error.get(key)? {
        Value::String(text) => Some(scrub.clean(text)),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    };
    let message = match error {
        Value::String(message) => Some(scrub.clean(message)),
        _ => text("message").or_else(|| text("detail")),
    };
    UpstreamError {
        status,
        message: message.unwrap_or_else(|| "The provider gave no reason.".to_owned()),
        kind: text("type"),
        code: text("code"),
        param: text("param"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(error: &Value) -> UpstreamError {
        spoken(400, error, &Scrub::new(Some("sk-secret".to_owned().into())))
    }

    #[test]
    fn no_secret_is_told_whichever_of_them_it_is() {
        let secrets = ["sk-one", "", "two"].map(|secret| secret.to_owned().into());
        assert_eq!(Scrub::new(secrets).clean("sk-one, two."), "[key], [key].");
    }

    #[test]
    fn the_usual_shapes_of_an_error_are_understood() {
        let full = json!({"message": "bad", "type": "invalid_request_error",
            "code": "x", "param": "messages"});
        let read_full = read(&full);
        assert_eq!(read_full.message, "bad");
        assert_eq!(read_full.kind.as_deref(), Some("invalid_request_error"));
        assert_eq!(read_full.code.as_deref(), Some("x"));
        assert_eq!(read_full.param.as_deref(), Some("messages"));
        assert_eq!(read(&json!("bad")).message, "bad");
        assert_eq!(read(&json!({"detail": "bad"})).message, "bad");
        assert_eq!(read(&json!({"code": 404})).code.as_deref(), Some("404"));
        assert!(!read(&Value::Null).message.is_empty());
    }

    #[test]
    fn an_error_in_an_array_of_its_own_is_that_error() {
        assert_eq!(alone(json!([{"error": 1}])), json!({"error": 1}));
        assert_eq!(alone(json!([1, 2])), json!([1, 2]));
    }

    #[test]
    fn our_key_is_taken_out_of_every_field() {
        let said = json!({"message": "key sk-secret is odd", "type": "sk-secret",
            "code": "sk-secret", "param": "sk-secret"});
        assert!(!format!("{:?}", read(&said)).contains("sk-secret"));
    }

    #[test]
    fn a_long_message_is_cut_between_characters() {
        let long = json!({"message": "ä".repeat(5000)});
        assert_eq!(read(&long).message.len(), MAX_MESSAGE);
        let odd = json!({"message": format!("x{}", "ä".repeat(5000))});
        assert_eq!(read(&odd).message.len(), MAX_MESSAGE - 1);
    }

    #[test]
    fn each_status_has_its_kind() {
        let cases = [
            (301, FailureKind::Malformed),
            (400, FailureKind::Rejected),
            (401, FailureKind::Auth),
            (402, FailureKind::Auth),
            (403, FailureKind::Auth),
            (404, FailureKind::Rejected),
            (408, FailureKind::Overloaded),
            (424, FailureKind::Server),
            (429, FailureKind::RateLimited),
            (500, FailureKind::Server),
            (529, FailureKind::Overloaded),
        ];
        for (status, want) in cases {
            assert_eq!(
                kind(StatusCode::from_u16(status).unwrap()),
                want,
                "{status}"
            );
        }
    }
}
