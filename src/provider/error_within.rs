//! An error with status 200, in a stream or in place of an answer: where it stands, and as what it counts.

use reqwest::StatusCode;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::failure::{Failure, FailureKind};
use super::refusal::{MAX_BODY, Scrub, kind, silent, spoken};

/// The error in place of an answer, which some servers send with status 200: under `error`, or the whole of an object
/// that calls itself one. A large answer is not read for it.
pub(super) fn said_no(body: &[u8]) -> Option<Value> {
    #[derive(Deserialize)]
    struct Said<'a> {
        #[serde(borrow)]
        error: Option<&'a RawValue>,
        #[serde(borrow)]
        object: Option<&'a RawValue>,
    }
    if body.len() > MAX_BODY {
        return None;
    }
    let said: Said<'_> = serde_json::from_slice(body).ok()?;
    let error = match (said.error, said.object) {
        (Some(error), _) => serde_json::from_str(error.get()),
        (None, Some(object)) if object.get() == "\"error\"" => serde_json::from_slice(body),
        _ => return None,
    };
    error.ok()
}

/// An error object inside an answer that had begun with 200. Where it says which status it would have had, it counts
/// as that.
pub(super) fn in_stream(error: &Value, scrub: &Scrub) -> Failure {
    let told = told_status(error);
    let kind = match told.map(kind) {
        None | Some(FailureKind::Server | FailureKind::Malformed) => FailureKind::InStream,
        Some(kind) => kind,
    };
    let status = told.filter(|_| kind != FailureKind::InStream);
    let said = match (kind, status) {
        (FailureKind::Auth, Some(status)) => silent(status),
        (_, None) => spoken(200, error, scrub),
        (_, Some(status)) => {
            let mut said = spoken(status.as_u16(), error, scrub);
            // A status is no code that a client could go by.
            said.code = said.code.filter(|code| code != status.as_str());
            said
        }
    };
    Failure {
        upstream: Some(Box::new(said)),
        ..Failure::new(kind)
    }
}

/// What providers call their errors where no status tells them apart (names of OpenAI, Anthropic, Google and AWS), and
/// the status that goes with each. `invalid_request_error` is not among them: servers that send errors with status 200
/// call all of them so.
const NAMED: [(&[&str], u16); 7] = [
    (
        &[
            "context_length_exceeded",
            "invalid_argument",
            "failed_precondition",
            "missing_thought_signature",
            "validationexception",
        ],
        400,
    ),
    (
        &["authentication_error", "invalid_api_key", "unauthenticated"],
        401,
    ),
    (&["billing_error"], 402),
    (&["permission_error", "permission_denied"], 403),
    (&["not_found_error", "model_not_found", "not_found"], 404),
    (
        &[
            "rate_limit_error",
            "rate_limit_exceeded",
            "insufficient_quota",
            "resource_exhausted",
            "throttlingexception",
        ],
        429,
    ),
    (
        &[
            "overloaded_error",
            "server_overloaded",
            "service_unavailable",
            "unavailable",
            "serviceunavailableexception",
        ],
        503,
    ),
];

/// The status that an error object tells of itself: as a number, or by its name. The narrower name counts.
fn told_status(error: &Value) -> Option<StatusCode> {
    let number = |name: &str| match error.get(name)? {
        Value::Number(number) => u16::try_from(number.as_u64()?).ok(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    };
    let named = |name: &str| {
        let said = error.get(name)?.as_str()?.to_ascii_lowercase();
        let known = NAMED
            .iter()
            .find(|(names, _)| names.contains(&said.as_str()));
        known.map(|(_, status)| *status)
    };
    let is_error = |status: &u16| (400..600).contains(status);
    let names = || ["code", "status", "type"].into_iter().filter_map(named);
    // What is said of this gateway's own account is for nobody else, whatever stands beside it.
    let own = names().find(|status| matches!(status, 401..=403));
    let mut numbers = ["code", "status"].into_iter().filter_map(number);
    let status = own
        .or_else(|| numbers.find(is_error))
        .or_else(|| names().next())?;
    StatusCode::from_u16(status).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_overloaded_provider_is_known_inside_of_an_answer_as_well() {
        let kind = |kind| in_stream(&json!({"type": kind}), &Scrub::new(None)).kind;
        assert_eq!(kind("overloaded_error"), FailureKind::Overloaded);
        assert_eq!(kind("api_error"), FailureKind::InStream);
    }

    #[test]
    fn an_error_inside_of_an_answer_counts_as_the_status_that_it_tells() {
        use FailureKind::{InStream, Overloaded, RateLimited, Rejected};
        let plain = "invalid_request_error";
        for (error, kind, status) in [
            (json!({"code": 429}), RateLimited, 429),
            (json!({"code": "503"}), Overloaded, 503),
            (json!({"code": 400, "type": "x"}), Rejected, 400),
            (
                json!({"code": 429, "status": "UNAVAILABLE"}),
                RateLimited,
                429,
            ),
            (json!({"status": "RESOURCE_EXHAUSTED"}), RateLimited, 429),
            (json!({"status": "UNAVAILABLE"}), Overloaded, 503),
            (json!({"status": "FAILED_PRECONDITION"}), Rejected, 400),
            (json!({"type": "insufficient_quota"}), RateLimited, 429),
            (
                json!({"type": plain, "code": "rate_limit_exceeded"}),
                RateLimited,
                429,
            ),
            (json!({"type": plain}), InStream, 200),
            (json!({"code": 500}), InStream, 200),
            (json!({"code": 7, "type": "server_error"}), InStream, 200),
            (json!("code 429"), InStream, 200),
        ] {
            let failure = in_stream(&error, &Scrub::new(None));
            let told = (failure.kind, failure.upstream.unwrap().status);
            assert_eq!(told, (kind, status), "{error}");
        }
    }

    #[test]
    fn an_error_in_place_of_an_answer_is_found_wherever_it_stands() {
        let said = |body: Value| said_no(body.to_string().as_bytes());
        let error = json!({"code": 429});
        assert_eq!(said(json!({"id": 1, "error": error})), Some(error));
        let whole = json!({"object": "error", "code": 429});
        assert_eq!(said(whole.clone()), Some(whole));
        for none in [
            json!({"object": "list", "error": null}),
            json!({"data": []}),
            json!([1]),
        ] {
            assert_eq!(said(none), None);
        }
    }

    #[test]
    fn whom_the_gateway_is_to_a_provider_is_not_told_inside_of_an_answer_either() {
        let error = json!({"type": "authentication_error", "message": "Key 7 of org 8 is off."});
        let numbered = json!({"type": "authentication_error", "code": 400, "message": "org 8"});
        let unpaid =
            json!({"code": "insufficient_quota", "type": "billing_error", "message": "org 8"});
        for error in [error, numbered, unpaid] {
            let failure = in_stream(&error, &Scrub::new(None));
            assert_eq!(failure.kind, FailureKind::Auth, "{error}");
            assert!(!format!("{failure:?}").contains("org 8"));
        }
    }
}
