//! The versions of a namespace's policy: who made each, when and why, and the way back to any of them.

use actix_web::{HttpRequest, HttpResponse, web};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::changes::superseded;
use super::policies::{if_match, in_force, policy_reply, write_down};
use super::{Door, blocking, body, caller, finish, must_see, query, reply, rows};
use crate::cache::policy::{Policy, PolicyDraft, PolicyError};
use crate::chat::{RequestId, unix_ms};
use crate::gateway::error::{ApiError, Code};
use crate::identity::{Caller, Role};
use crate::store::RowChange;

const TABLE: &str = "policy_versions";
/// Versions of one namespace that are kept.
const KEPT: u64 = 100;

/// Who makes a change, and why.
pub(super) struct Made<'a> {
    pub(super) by: &'a Caller,
    pub(super) reason: Option<&'a str>,
    /// The version that it goes back to.
    pub(super) back_to: Option<u64>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Version {
    version: u64,
    /// Unix milliseconds.
    time_ms: Option<u64>,
    /// Id of the key of who made it.
    author: Option<String>,
    reason: Option<String>,
    back_to: Option<u64>,
    policy: Policy,
}

/// The rows of a new version, which is kept for as long as there are not many newer ones.
pub(super) fn rows_of(made: &Made<'_>, policy: &Policy) -> Vec<RowChange> {
    let version = Version {
        version: policy.version,
        time_ms: Some(unix_ms()),
        author: made.by.key_id.as_deref().map(str::to_owned),
        reason: made.reason.map(str::to_owned),
        back_to: made.back_to,
        policy: policy.clone(),
    };
    let row = |version, value| RowChange {
        table: TABLE,
        key: row(&policy.namespace, version),
        value,
    };
    let old = policy.version.checked_sub(KEPT);
    let dropped = old.map(|old| row(old, None));
    let kept = row(policy.version, Some(json!(version)));
    std::iter::once(kept).chain(dropped).collect()
}

fn row(namespace: &str, version: u64) -> String {
    format!("{namespace} {version}")
}

/// One version; the configured default is version 0 of all.
fn find(door: &Door, namespace: &str, version: u64) -> Option<Version> {
    let policies = door.gateway.policies();
    if version == 0 {
        return Some(Version {
            version: 0,
            time_ms: None,
            author: None,
            reason: Some("the configured default".into()),
            back_to: None,
            policy: policies.configured(namespace),
        });
    }
    let stored = door.state.get(TABLE, &row(namespace, version));
    serde_json::from_value(stored?).ok()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct VersionQuery {
    namespace: String,
    limit: Option<usize>,
}

/// `GET /admin/v1/versions`
pub(super) async fn list(request: HttpRequest, door: web::Data<Door>) -> HttpResponse {
    let id = RequestId::fresh();
    let listed = caller::with_role(&request, &door, Role::Analyst).and_then(|caller| {
        let query: VersionQuery = query(&request)?;
        must_see(&caller, &query.namespace)?;
        let newest = door.gateway.policies().of(&query.namespace).version;
        let kept = (newest.saturating_sub(KEPT).max(1)..=newest).rev();
        let found = kept
            .chain([0])
            .filter_map(|version| find(&door, &query.namespace, version));
        let data: Vec<Value> = found.take(rows(query.limit)?).map(|v| json!(v)).collect();
        Ok(json!({"object": "list", "data": data}))
    });
    finish(id, listed)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rollback {
    namespace: String,
    /// The one before the one in force, if absent; that one must not go back itself.
    version: Option<u64>,
    reason: Option<String>,
}

/// `POST /admin/v1/rollback`
pub(super) async fn rollback(
    request: HttpRequest,
    payload: web::Payload,
    door: web::Data<Door>,
) -> HttpResponse {
    let id = RequestId::fresh();
    let done = async {
        let caller = caller::with_role(&request, &door, Role::Analyst)?;
        let body = body::read(&request, payload, door.limits).await?;
        let wanted: Rollback = body::object(&body)
            .map_err(|e| ApiError::new(Code::InvalidRequest, format!("Not a rollback: {e}")))?;
        must_see(&caller, &wanted.namespace)?;
        let (door, seen) = (door.clone(), if_match(&request)?);
        blocking(move || go_back(&door, &caller, &wanted, seen)).await
    };
    match done.await {
        Ok(policy) => policy_reply(id, &policy),
        Err(error) => reply::error(id, &error),
    }
}

fn go_back(
    door: &Door,
    caller: &Caller,
    wanted: &Rollback,
    seen: Option<u64>,
) -> Result<Policy, ApiError> {
    let policies = door.gateway.policies();
    let current = policies.of(&wanted.namespace).version;
    if seen.is_some_and(|seen| seen != current) {
        return Err(PolicyError::Stale { current }.into());
    }
    let old = target(door, wanted, current)?;
    let said = PolicyDraft {
        reason: wanted.reason.clone(),
        ..PolicyDraft::default()
    };
    said.check_reason()?;
    let made = Made {
        by: caller,
        reason: wanted.reason.as_deref(),
        back_to: Some(old.version),
    };
    let store =
        |before: &Policy, after: &Policy| write_down(door, &made, (before, after), Vec::new());
    let restore = |before: &Policy| before.restored(&old.policy, unix_ms());
    let after = policies.change_by(&wanted.namespace, current, restore, store)?;
    superseded(door, &wanted.namespace);
    in_force(door, &after)
}

/// The version to go back to. Without a name it is the one before, but not from one that goes back itself: whoever sends
/// the same again because the reply was lost must not get the policy that they left.
fn target(door: &Door, wanted: &Rollback, current: u64) -> Result<Version, ApiError> {
    let back_to = find(door, &wanted.namespace, current).and_then(|v| v.back_to);
    if let (None, Some(back_to)) = (wanted.version, back_to) {
        let words = format!(
            "Version {current}, which is in force, goes back to version {back_to} already. Name the `version` to go to another."
        );
        return Err(ApiError::new(Code::Conflict, words));
    }
    let version = wanted.version.or_else(|| current.checked_sub(1));
    let old = version.filter(|v| *v < current);
    let old = old.and_then(|v| find(door, &wanted.namespace, v));
    old.ok_or_else(|| {
        ApiError::from(PolicyError::OutOfRange {
            param: "version",
            expected: "that of a policy that was in force before and is remembered",
        })
    })
}
