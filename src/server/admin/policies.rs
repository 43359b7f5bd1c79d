//! Reading and changing how a namespace decides.

use actix_web::http::header::{ETAG, IF_MATCH};
use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::json;

use super::changes::superseded;
use super::versions::{self, Made};
use super::{Door, audit, blocking, body, caller, must_see, reply};
use crate::cache::policy::{Policy, PolicyDraft, PolicyError};
use crate::chat::RequestId;
use crate::evidence::Whose;
use crate::gateway::error::{ApiError, Code};
use crate::identity::{Caller, Role};
use crate::store::RowChange;

pub(super) async fn policy(
    request: HttpRequest,
    namespace: web::Path<String>,
    door: web::Data<Door>,
) -> HttpResponse {
    let id = RequestId::fresh();
    let found = caller::with_role(&request, &door, Role::Analyst)
        .and_then(|caller| must_see(&caller, &namespace))
        .map(|()| door.gateway.policies().of(&namespace));
    match found {
        Ok(policy) => policy_reply(id, &policy),
        Err(error) => reply::error(id, &error),
    }
}

pub(super) async fn put_policy(
    request: HttpRequest,
    namespace: web::Path<String>,
    payload: web::Payload,
    door: web::Data<Door>,
) -> HttpResponse {
    let id = RequestId::fresh();
    let changed = async {
        let caller = caller::with_role(&request, &door, Role::Analyst)?;
        must_see(&caller, &namespace)?;
        let expected = if_match(&request)?.ok_or_else(|| {
            ApiError::new(
                Code::PreconditionRequired,
                "Send `If-Match` with the version that you mean to change.",
            )
        })?;
        let body = body::read(&request, payload, door.limits).await?;
        let draft: PolicyDraft = body::object(&body)
            .map_err(|e| ApiError::new(Code::InvalidRequest, format!("Not a policy: {e}")))?;
        let (door, namespace) = (door.clone(), namespace.to_string());
        blocking(move || change_policy(&door, &caller, &namespace, expected, &draft)).await
    };
    match changed.await {
        Ok(policy) => policy_reply(id, &policy),
        Err(error) => reply::error(id, &error),
    }
}

fn change_policy(
    door: &Door,
    caller: &Caller,
    namespace: &str,
    expected: u64,
    draft: &PolicyDraft,
) -> Result<Policy, ApiError> {
    let made = Made {
        by: caller,
        reason: draft.reason.as_deref(),
        back_to: None,
    };
    let store =
        |before: &Policy, after: &Policy| write_down(door, &made, (before, after), Vec::new());
    let policies = door.gateway.policies();
    let after = policies.change(namespace, expected, draft, store)?;
    superseded(door, namespace);
    in_force(door, &after)
}

/// Audits a change and stores it with its version, and with `more` that goes with it.
///
/// # Errors
/// What could not be written: the change is not made then.
pub(super) fn write_down(
    door: &Door,
    made: &Made<'_>,
    (before, after): (&Policy, &Policy),
    more: Vec<RowChange>,
) -> Result<(), ApiError> {
    let namespace = after.namespace.as_str();
    // The trail comes first: a change that nobody could account for is not made.
    let target = ("policy.put", namespace);
    audit(door, made.by, target, (json!(before), json!(after)))?;
    let mut rows = versions::rows_of(made, after);
    rows.push(RowChange {
        table: "policies",
        key: namespace.to_owned(),
        value: Some(json!(after)),
    });
    rows.extend(more);
    // All at once: whenever the process ends, what is in force is what is told of.
    let stored = door.state.put_all(&rows);
    stored.map_err(|cause| {
        tracing::error!(%cause, "a policy could not be stored");
        // The trail already tells of a change that was not made. If this line fails as well, it is the
        // next change that shows it: that one's `before` is not this one's `after`.
        let target = ("policy.put.failed", namespace);
        drop(audit(door, made.by, target, (json!(after), json!(before))));
        ApiError::new(
            Code::StorageFailed,
            "The change could not be stored and was not made.",
        )
    })
}

/// What follows from a policy that has come into force.
///
/// # Errors
/// Texts that could not be wiped from the disk.
pub(super) fn in_force(door: &Door, policy: &Policy) -> Result<Policy, ApiError> {
    door.gateway.reckon(Some(&policy.namespace));
    if !policy.keep_text {
        forget_texts(door, &policy.namespace)?;
    }
    Ok(policy.clone())
}

/// Wipes texts where a policy keeps none: a process that ended right after that policy had come into force has left
/// them. Blocks.
pub(in crate::server) fn wipe_texts(door: &Door) {
    for policy in door.gateway.policies().own() {
        if !policy.keep_text {
            // It is told in the log, and they are not shown; the next start tries again.
            drop(forget_texts(door, &policy.namespace));
        }
    }
}

/// The policy is in force already: what cannot be wiped from the disk now is not shown any more.
fn forget_texts(door: &Door, namespace: &str) -> Result<(), ApiError> {
    let whose = Whose {
        namespace: Some(namespace.to_owned()),
        ..Whose::default()
    };
    door.gateway.evidence().forget_texts(&whose).map_err(|cause| {
        tracing::error!(%cause, "the texts of decisions could not be wiped");
        ApiError::new(
            Code::StorageFailed,
            "The policy is changed, but texts of earlier decisions are on the disk still: send it again.",
        )
    })
}

pub(super) fn policy_reply(id: RequestId, policy: &Policy) -> HttpResponse {
    let mut response = reply::json(id, policy);
    if let Ok(tag) = format!("\"{}\"", policy.version).parse() {
        response.headers_mut().insert(ETAG, tag);
    }
    response
}

/// The version that `If-Match` names, if it is there: `"3"`, `W/"3"` or bare `3`.
pub(super) fn if_match(request: &HttpRequest) -> Result<Option<u64>, ApiError> {
    let Some(value) = request.headers().get(IF_MATCH) else {
        return Ok(None);
    };
    let version = value.to_str().ok().map(|v| {
        let v = v.trim();
        v.strip_prefix("W/").unwrap_or(v).trim_matches('"')
    });
    let version = version.and_then(|v| v.parse().ok());
    version.map(Some).ok_or_else(|| {
        ApiError::from(PolicyError::OutOfRange {
            param: "If-Match",
            expected: "a version, such as \"3\"",
        })
    })
}
