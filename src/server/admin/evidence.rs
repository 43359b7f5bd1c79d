//! What was decided by meaning, and why.

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use serde_json::json;

use super::{Door, caller, finish, must_see, query, rows, sees};
use crate::cache::decisions::{Decision, DecisionOutcome};
use crate::chat::RequestId;
use crate::identity::Role;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DecisionQuery {
    namespace: Option<String>,
    outcome: Option<DecisionFilter>,
    limit: Option<usize>,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "snake_case")]
enum DecisionFilter {
    Hit,
    NearMiss,
}

pub(super) async fn decisions(request: HttpRequest, door: web::Data<Door>) -> HttpResponse {
    let id = RequestId::fresh();
    let listed = caller::with_role(&request, &door, Role::Analyst).and_then(|caller| {
        let query: DecisionQuery = query(&request)?;
        if let Some(namespace) = &query.namespace {
            must_see(&caller, namespace)?;
        }
        let limit = rows(query.limit)?;
        let wanted = query.outcome.map(|o| match o {
            DecisionFilter::Hit => DecisionOutcome::Hit,
            DecisionFilter::NearMiss => DecisionOutcome::NearMiss,
        });
        let data = door.gateway.decisions().list(limit, |d| {
            query.namespace.as_ref().is_none_or(|n| *n == d.namespace)
                && wanted.is_none_or(|w| w == d.outcome)
                && sees(&caller, &d.namespace)
        });
        let data: Vec<_> = data.into_iter().map(|d| shown(&door, d)).collect();
        Ok(json!({"object": "list", "data": data}))
    });
    finish(id, listed)
}

/// A decision that was under way when the policy stopped keeping text has it still, but does not show it.
fn shown(door: &Door, decision: Decision) -> Decision {
    if door.gateway.policies().of(&decision.namespace).keep_text {
        return decision;
    }
    Decision {
        question: None,
        candidate: None,
        ..decision
    }
}
