//! The life of a change to a policy: written down, decided beside the policy in force, tried on a share of the
//! requests, applied; given up by hand, or by itself where its hits go wrong.

mod record;
mod watch;

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use serde_json::{Value, json};

pub(in crate::server) use self::watch::resume;
pub(in crate::server) use self::watch::superseded;

use self::record::{Change, Step};
use super::policies::{in_force, write_down};
use super::quality::comparison;
use super::versions::Made;
use super::{Door, Reply, audit, blocking, body, caller, finish, must_see, query, rows, sees};
use crate::cache::policy::{ByModel, Policy, PolicyDraft, PolicyError, PolicyKind, Stage, Trial};
use crate::chat::number::shortest;
use crate::chat::{RequestId, unix_ms};
use crate::gateway::error::{ApiError, Code};
use crate::identity::{Caller, Role};

/// Share of a change's hits that may be wrong where nobody says otherwise.
const BOUND: f64 = 0.05;
/// Bounds that make sense, as those of a budget.
const BOUNDS: std::ops::RangeInclusive<f64> = 0.001..=0.5;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewChange {
    namespace: String,
    #[serde(deserialize_with = "body::member")]
    policy: PolicyDraft,
    /// Share of its hits that may be wrong before it is rolled back.
    bound: Option<f64>,
}

/// `POST /admin/v1/changes`
pub(super) async fn create(
    request: HttpRequest,
    payload: web::Payload,
    door: web::Data<Door>,
) -> HttpResponse {
    let id = RequestId::fresh();
    let made = async {
        let caller = caller::with_role(&request, &door, Role::Analyst)?;
        let body = body::read(&request, payload, door.limits).await?;
        let wanted: NewChange = body::object(&body)
            .map_err(|e| ApiError::new(Code::InvalidRequest, format!("Not a change: {e}")))?;
        must_see(&caller, &wanted.namespace)?;
        let door = door.clone();
        blocking(move || draft(&door, &caller, &wanted)).await
    };
    finish(id, made.await)
}

fn draft(door: &Door, caller: &Caller, wanted: &NewChange) -> Reply {
    wanted.policy.check_reason()?;
    let before = door.gateway.policies().of(&wanted.namespace);
    let policy = before.changed(&wanted.policy, unix_ms())?;
    let bound = wanted.bound.unwrap_or(match policy.kind {
        PolicyKind::Budget => shortest(policy.budget),
        _ => BOUND,
    });
    if !BOUNDS.contains(&bound) {
        return Err(out_of_range("bound", "between 0.001 and 0.5").into());
    }
    let change = Change {
        id: record::fresh_id(),
        namespace: wanted.namespace.clone(),
        stage: Stage::Draft,
        share: 0.0,
        bound,
        base_version: before.version,
        applied_version: None,
        before: Policy::clone(&before),
        policy,
        steps: vec![Step::by(caller, Stage::Draft, wanted.policy.reason.clone())],
    };
    let _one_at_a_time = door.changes.lock();
    audit(
        door,
        caller,
        ("change.draft", &change.id),
        (Value::Null, json!(change)),
    )?;
    record::keep(door, &change)?;
    Ok(told(door, &change))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ChangeQuery {
    namespace: Option<String>,
    limit: Option<usize>,
}

/// `GET /admin/v1/changes`
pub(super) async fn list(request: HttpRequest, door: web::Data<Door>) -> HttpResponse {
    let id = RequestId::fresh();
    let listed = caller::with_role(&request, &door, Role::Analyst).and_then(|caller| {
        let query: ChangeQuery = query(&request)?;
        if let Some(namespace) = &query.namespace {
            must_see(&caller, namespace)?;
        }
        let wanted = |c: &Change| {
            sees(&caller, &c.namespace)
                && query.namespace.as_ref().is_none_or(|n| *n == c.namespace)
        };
        let mut found: Vec<_> = record::all(&door).into_iter().filter(wanted).collect();
        found.sort_by_key(|c| std::cmp::Reverse(c.time_ms()));
        found.truncate(rows(query.limit)?);
        let data: Vec<Value> = found.iter().map(Change::shown).collect();
        Ok(json!({"object": "list", "data": data}))
    });
    finish(id, listed)
}

/// `GET /admin/v1/changes/{id}`
pub(super) async fn one(
    request: HttpRequest,
    name: web::Path<String>,
    door: web::Data<Door>,
) -> HttpResponse {
    let id = RequestId::fresh();
    let found = async {
        let caller = caller::with_role(&request, &door, Role::Analyst)?;
        let (door, name) = (door.clone(), name.into_inner());
        blocking(move || Ok(told(&door, &find(&door, &caller, &name)?))).await
    };
    finish(id, found.await)
}

/// A change that this caller may see.
fn find(door: &Door, caller: &Caller, name: &str) -> Result<Change, ApiError> {
    let found = record::find(door, name).filter(|c| sees(caller, &c.namespace));
    found.ok_or_else(|| ApiError::new(Code::NotFound, "No such change is remembered."))
}

/// A change with what it would do, and what it did so far.
fn told(door: &Door, change: &Change) -> Value {
    let mut told = change.shown();
    let seen = door
        .gateway
        .seen(&change.namespace, &change.id, change.bound);
    told["seen"] = json!(seen);
    if matches!(change.stage, Stage::Draft | Stage::Shadow | Stage::Share) {
        told["preview"] = comparison(door, &change.namespace, &change.policy, None);
    }
    told
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Move {
    stage: Stage,
    /// Part of the requests that it is to decide.
    share: Option<f32>,
    reason: Option<String>,
}

/// `POST /admin/v1/changes/{id}`
pub(super) async fn advance(
    request: HttpRequest,
    name: web::Path<String>,
    payload: web::Payload,
    door: web::Data<Door>,
) -> HttpResponse {
    let id = RequestId::fresh();
    let moved = async {
        let caller = caller::with_role(&request, &door, Role::Analyst)?;
        let body = body::read(&request, payload, door.limits).await?;
        let wanted: Move = body::object(&body)
            .map_err(|e| ApiError::new(Code::InvalidRequest, format!("Not a stage: {e}")))?;
        let (door, name) = (door.clone(), name.into_inner());
        blocking(move || {
            let change = {
                let _one_at_a_time = door.changes.lock();
                let change = find(&door, &caller, &name)?;
                go(&door, &caller, change, &wanted)?
            };
            // What is known of it from before may be enough to give it up again.
            door.gateway.look_after(&change.namespace);
            let change = find(&door, &caller, &change.id)?;
            Ok(told(&door, &change))
        })
        .await
    };
    finish(id, moved.await)
}

fn go(door: &Door, caller: &Caller, change: Change, wanted: &Move) -> Result<Change, ApiError> {
    check(door, &change, wanted)?;
    let before = json!(change.shown());
    let mut next = change;
    next.stage = wanted.stage;
    next.share = match wanted.stage {
        Stage::Share => wanted.share.unwrap_or(0.0),
        Stage::Applied => 1.0,
        _ => 0.0,
    };
    let step = Step::by(caller, wanted.stage, wanted.reason.clone());
    next.steps.push(step);
    let action = format!("change.{}", wanted.stage.as_str());
    audit(door, caller, (&action, &next.id), (before, next.shown()))?;
    if next.stage == Stage::Applied {
        return apply(door, caller, next, wanted.reason.as_deref());
    }
    record::keep(door, &next)?;
    match next.stage {
        // Another one may be under way.
        Stage::Withdrawn if !is_under_way(door, &next) => {}
        Stage::Withdrawn => door.gateway.policies().set_trial(&next.namespace, None),
        _ => on_trial(door, &next),
    }
    Ok(next)
}

fn check(door: &Door, change: &Change, wanted: &Move) -> Result<(), ApiError> {
    let draft = PolicyDraft {
        reason: wanted.reason.clone(),
        ..PolicyDraft::default()
    };
    draft.check_reason()?;
    if !wanted.stage.may_follow(change.stage) {
        let words = format!(
            "A change goes from draft to shadow, to share, to applied, or is withdrawn; this one is {}.",
            change.stage.as_str()
        );
        return Err(conflict(words));
    }
    let fits = match (wanted.stage, wanted.share) {
        (Stage::Share, Some(share)) => share > 0.0 && share < 1.0,
        (Stage::Share, None) => false,
        (_, share) => share.is_none(),
    };
    if !fits {
        let expected = "above 0 and below 1, with the stage `share` alone";
        return Err(out_of_range("share", expected).into());
    }
    if wanted.stage == Stage::Withdrawn {
        return Ok(());
    }
    let current = door.gateway.policies().of(&change.namespace).version;
    if current != change.base_version {
        return Err(PolicyError::Stale { current }.into());
    }
    let other = door.gateway.policies().trial(&change.namespace);
    match other.filter(|t| t.id != change.id && t.stage != Stage::Applied) {
        Some(other) => Err(conflict(format!(
            "The change {} is under way in this namespace: withdraw it first.",
            other.id
        ))),
        None => Ok(()),
    }
}

fn is_under_way(door: &Door, change: &Change) -> bool {
    let trial = door.gateway.policies().trial(&change.namespace);
    trial.is_some_and(|t| t.id == change.id)
}

/// Brings a change into force, and writes it down with the policy that it makes.
fn apply(
    door: &Door,
    caller: &Caller,
    mut change: Change,
    reason: Option<&str>,
) -> Result<Change, ApiError> {
    let first = change.steps.first().and_then(|s| s.reason.clone());
    let made = Made {
        by: caller,
        reason: reason.or(first.as_deref()),
        back_to: None,
    };
    let (policy, base, namespace) = (
        change.policy.clone(),
        change.base_version,
        change.namespace.clone(),
    );
    let make = |before: &Policy| before.restored(&policy, unix_ms());
    let store = |before: &Policy, after: &Policy| {
        change.applied_version = Some(after.version);
        write_down(door, &made, (before, after), record::rows_of(door, &change))
    };
    let policies = door.gateway.policies();
    let after = policies.change_by(&namespace, base, make, store)?;
    on_trial(door, &change);
    in_force(door, &after)?;
    Ok(change)
}

/// Lets a change decide what its stage lets it.
fn on_trial(door: &Door, change: &Change) {
    let placed = door.gateway.at_its_points(&change.policy);
    let policy = Policy {
        // Its hits are told by the change; a version of its own it has once it is applied.
        version: change.base_version,
        ..Policy::clone(placed.whole())
    };
    let trial = Trial {
        id: change.id.clone(),
        stage: change.stage,
        share: change.share,
        bound: change.bound,
        policy: ByModel::new(policy),
    };
    door.gateway
        .policies()
        .set_trial(&change.namespace, Some(trial));
}

fn conflict(words: impl Into<String>) -> ApiError {
    ApiError::new(Code::Conflict, words)
}

fn out_of_range(param: &'static str, expected: &'static str) -> PolicyError {
    PolicyError::OutOfRange { param, expected }
}
