//! What was decided and why, what would have decided otherwise, and which decisions are worth a look.

use std::cmp::Ordering;
use std::sync::Arc;

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Door, Reply, blocking, caller, finish, must_see, query, rows, sees};
use crate::chat::RequestId;
use crate::evidence::decision::{Decision, DecisionOutcome};
use crate::evidence::explain::otherwise;
use crate::evidence::label::Source;
use crate::gateway::error::{ApiError, Code};
use crate::identity::{Caller, Role};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DecisionQuery {
    namespace: Option<String>,
    outcome: Option<DecisionOutcome>,
    limit: Option<usize>,
}

pub(super) async fn decisions(request: HttpRequest, door: web::Data<Door>) -> HttpResponse {
    let id = RequestId::fresh();
    let listed = async {
        let caller = caller::with_role(&request, &door, Role::Analyst)?;
        let query: DecisionQuery = query(&request)?;
        if let Some(namespace) = &query.namespace {
            must_see(&caller, namespace)?;
        }
        let (door, limit) = (door.clone(), rows(query.limit)?);
        blocking(move || Ok(list(&door, &caller, &query, limit))).await
    };
    finish(id, listed.await)
}

fn list(door: &Door, caller: &Caller, query: &DecisionQuery, limit: usize) -> Value {
    let evidence = door.gateway.evidence();
    let keep = |d: &Decision| {
        query.namespace.as_ref().is_none_or(|n| *n == d.namespace)
            && query.outcome.is_none_or(|w| w == d.outcome)
            && sees(caller, &d.namespace)
    };
    let compared = matches!(
        query.outcome,
        None | Some(DecisionOutcome::Hit | DecisionOutcome::NearMiss)
    );
    let found = match compared {
        true => evidence.decisions(limit, keep),
        false => evidence.plain(limit, keep),
    };
    let data: Vec<Value> = found.iter().map(|d| json!(shown(door, d))).collect();
    json!({"object": "list", "data": data})
}

/// A decision that was under way when the policy stopped keeping text has it still, but does not show it.
pub(super) fn shown(door: &Door, decision: &Arc<Decision>) -> Arc<Decision> {
    let mut decision = decision.clone();
    let keeps = door.gateway.policies().of(&decision.namespace).keep_text;
    if !keeps && decision.has_texts() {
        Arc::make_mut(&mut decision).forget_texts();
    }
    decision
}

pub(super) async fn explain(
    request: HttpRequest,
    asked: web::Path<String>,
    door: web::Data<Door>,
) -> HttpResponse {
    let id = RequestId::fresh();
    let explained = async {
        let caller = caller::with_role(&request, &door, Role::Analyst)?;
        let asked = asked.parse().map_err(|_| no_decision())?;
        let door = door.clone();
        blocking(move || {
            let decision = decided(&door, &caller, asked)?;
            Ok(explanation(&door, &decision))
        })
        .await
    };
    finish(id, explained.await)
}

/// The decision of a request that the caller may look at; of others it is not even told that they are there.
pub(super) fn decided(
    door: &Door,
    caller: &Caller,
    id: RequestId,
) -> Result<Arc<Decision>, ApiError> {
    let found = door.gateway.evidence().find(id);
    let found = found.filter(|d| sees(caller, &d.namespace));
    found.ok_or_else(no_decision)
}

pub(super) fn no_decision() -> ApiError {
    ApiError::new(
        Code::NotFound,
        "No decision of such a request is remembered.",
    )
}

fn explanation(door: &Door, decision: &Arc<Decision>) -> Value {
    let labels = door.gateway.evidence().said_of(decision.request_id);
    let labels: Vec<_> = labels
        .iter()
        .map(|l| super::labels::shown(door, l))
        .collect();
    let entry = decision.entry.and_then(|entry| {
        let found = door.gateway.cache().memory().load(entry)?;
        (Some(found.created_ms) == decision.entry_created_ms).then_some(found.expires_ms)
    });
    json!({
        "object": "explanation",
        "decision": shown(door, decision),
        "otherwise": otherwise(decision),
        "labels": labels,
        "entry_is_remembered": entry.is_some(),
        "entry_expires_ms": entry,
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct QueueQuery {
    namespace: String,
    #[serde(default)]
    order: QueueOrder,
    outcome: Option<DecisionOutcome>,
    limit: Option<usize>,
}

/// Which decisions are worth a look first.
#[derive(Deserialize, Clone, Copy, Default, PartialEq)]
#[serde(rename_all = "snake_case")]
pub(super) enum QueueOrder {
    /// A fair sample: what is said of it may be counted.
    #[default]
    Random,
    /// Those whose score is nearest to what decides: they tell most about where that should be.
    Boundary,
}

pub(super) async fn queue(request: HttpRequest, door: web::Data<Door>) -> HttpResponse {
    let id = RequestId::fresh();
    let listed = async {
        let caller = caller::with_role(&request, &door, Role::Analyst)?;
        let query: QueueQuery = query(&request)?;
        must_see(&caller, &query.namespace)?;
        let (door, limit) = (door.clone(), rows(query.limit)?);
        blocking(move || unlabelled(&door, &query, limit)).await
    };
    finish(id, listed.await)
}

fn unlabelled(door: &Door, query: &QueueQuery, limit: usize) -> Reply {
    let evidence = door.gateway.evidence();
    let by_people = |d: &Decision| {
        let label = evidence.label_of(d.request_id);
        label.is_some_and(|l| l.source >= Source::App)
    };
    let mut open = evidence.decisions(usize::MAX, |d| {
        d.namespace == query.namespace
            && query.outcome.is_none_or(|w| w == d.outcome)
            && !by_people(d)
    });
    let rank = |d: &Decision| match query.order {
        QueueOrder::Random => d.draw,
        QueueOrder::Boundary => from_boundary(d),
    };
    open.sort_by(|a, b| rank(a).partial_cmp(&rank(b)).unwrap_or(Ordering::Equal));
    let waiting = open.len();
    open.truncate(limit);
    let data: Vec<Value> = open.iter().map(|d| json!(shown(door, d))).collect();
    Ok(json!({"object": "list", "data": data, "waiting": waiting}))
}

/// How far a decision's score was from the number that it was compared with.
fn from_boundary(decision: &Decision) -> f32 {
    let least = decision.probability.unwrap_or(decision.threshold);
    decision
        .score
        .map_or(f32::MAX, |score| (score - least).abs())
}
