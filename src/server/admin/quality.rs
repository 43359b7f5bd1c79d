//! How good a policy is, and how good another one would be: by what was decided and by what was said of it.

use std::collections::BTreeMap;

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use serde_json::{Value, json};

use super::evidence::shown;
use super::scopes::effect;
use super::{Door, Reply, blocking, body, caller, finish, must_see, query};
use crate::cache::policy::{ByModel, Policy, PolicyDraft, PolicyKind, Rules, Stage};
use crate::chat::number::{shortest, usd};
use crate::chat::{RequestId, unix_ms};
use crate::config::Pattern;
use crate::evidence::budget::Standing;
use crate::evidence::decision::Decision;
use crate::evidence::estimate::{JudgeErrors, Stratum, estimate, labels_needed};
use crate::evidence::label::{Opinion, Source};
use crate::evidence::whatif::{Case, compare, curve, nearest_boundary};
use crate::gateway::error::{ApiError, Code};
use crate::identity::Role;
use crate::telemetry::QualityGauge;

/// Pairs that are read for one answer, the newest: about ten seconds on a small machine.
const MOST_REREAD: usize = 2000;

/// Decisions that a preview names as worth a label.
const TO_LABEL: usize = 20;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct QualityQuery {
    namespace: String,
    /// Requests for models of this name or pattern alone.
    model: Option<Pattern>,
}

/// `GET /admin/v1/quality`
pub(super) async fn quality(request: HttpRequest, door: web::Data<Door>) -> HttpResponse {
    let id = RequestId::fresh();
    let told = async {
        let caller = caller::with_role(&request, &door, Role::Analyst)?;
        let query: QualityQuery = query(&request)?;
        must_see(&caller, &query.namespace)?;
        let door = door.clone();
        blocking(move || Ok(live(&door, &query))).await
    };
    finish(id, told.await)
}

/// The share of wrong hits among those that were served.
fn live(door: &Door, query: &QualityQuery) -> Value {
    let (namespace, model) = (query.namespace.as_str(), query.model.as_ref());
    let policies = door.gateway.policies().by_model(namespace);
    let policy = policies.whole();
    let mut cases = door.gateway.evidence().cases(namespace);
    cases.retain(|c| model.is_none_or(|m| m.matches(&c.decision.model)));
    let judge = door.gateway.evidence().judge_errors(|n| n == namespace);
    let now = |c: &&Case| decided_by(&c.decision, policy);
    let all: Vec<&Case> = cases.iter().collect();
    let current: Vec<&Case> = cases.iter().filter(now).collect();
    json!({
        "object": "quality",
        "namespace": namespace,
        "model": model.map(Pattern::as_str),
        "policy_version": policy.version,
        "under_this_version": served(&current, &judge),
        "all_remembered": served(&all, &judge),
        "judge": {"checked_by_people": judge, "missed_at_most": judge.missed_at_most()},
        "budget": door.gateway.budget_standing(&policies, None),
        "budgets_by_model": budgets_by_model(door, &policies),
        "room": door.gateway.cache().rooms().taken_by(namespace, model.map(Pattern::as_str)),
        "labels_needed": {"1_percent": labels_needed(0.01), "5_percent": labels_needed(0.05)},
    })
}

/// Where the parts of a policy stand that go by a budget of their own.
fn budgets_by_model(door: &Door, policies: &ByModel) -> BTreeMap<String, Standing> {
    let standing = |pattern: &str| {
        let standing = door.gateway.budget_standing(policies, Some(pattern))?;
        Some((pattern.to_owned(), standing))
    };
    policies.own_rules().filter_map(standing).collect()
}

/// Whether a policy decided. What a change decided for a share of the requests is told with the change.
fn decided_by(decision: &Decision, policy: &Policy) -> bool {
    let trial = decision.change.as_ref();
    let trial = trial.is_some_and(|t| t.in_force && t.stage == Stage::Share);
    decision.policy_version == policy.version && !trial
}

/// What is known of the hits of each policy in force, for the namespaces that pass `sees`. Blocks.
pub(in crate::server) fn gauges(door: &Door, sees: impl Fn(&str) -> bool) -> Vec<QualityGauge> {
    let (evidence, policies) = (door.gateway.evidence(), door.gateway.policies());
    let mut strata: BTreeMap<String, Stratum> = BTreeMap::new();
    let counts = |d: &Decision| {
        d.is_hit() && sees(&d.namespace) && decided_by(d, &policies.of(&d.namespace))
    };
    for decision in evidence.decisions(usize::MAX, counts) {
        let label = evidence.label_of(decision.request_id);
        let namespace = decision.namespace.clone();
        strata.entry(namespace).or_default().add(label.as_deref());
    }
    let gauge = |(namespace, stratum): (String, Stratum)| {
        let judge = evidence.judge_errors(|n| n == namespace);
        let known = estimate(&[stratum], &judge);
        let policy = policies.of(&namespace);
        QualityGauge {
            hits: known.hits,
            labelled: known.labelled,
            wrong_share: known.wrong_share,
            upper_95: known.upper_95,
            budget: (policy.kind == PolicyKind::Budget).then(|| shortest(policy.budget)),
            namespace,
        }
    };
    strata.into_iter().map(gauge).collect()
}

fn served(cases: &[&Case], judge: &JudgeErrors) -> Value {
    let hits = || cases.iter().filter(|c| c.decision.is_hit());
    let labels = || hits().filter_map(|c| c.label.as_deref());
    let mut stratum = Stratum::default();
    hits().for_each(|c| stratum.add(c.label.as_deref()));
    let told = |verdict| {
        let apps = labels().filter(|l| l.source == Source::App);
        apps.filter(|l| l.verdict == verdict).count()
    };
    let saved: f64 = hits().filter_map(|c| c.decision.usd).sum();
    let mut told = json!({
        "decisions": cases.len(),
        "reported": {"right": told(Opinion::Right), "wrong": told(Opinion::Wrong)},
        "usd_saved": usd(saved),
    });
    // Beside each other, so that nobody reads the share without its bound.
    if let (Value::Object(told), Value::Object(known)) =
        (&mut told, json!(estimate(&[stratum], judge)))
    {
        told.extend(known);
    }
    told
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CurveQuery {
    namespace: String,
    kind: Option<PolicyKind>,
    /// Requests for models of this name or pattern alone; if absent, all that no rule of their own decides.
    model: Option<Pattern>,
}

/// `GET /admin/v1/curve`
pub(super) async fn hit_curve(request: HttpRequest, door: web::Data<Door>) -> HttpResponse {
    let id = RequestId::fresh();
    let told = async {
        let caller = caller::with_role(&request, &door, Role::Analyst)?;
        let query: CurveQuery = query(&request)?;
        must_see(&caller, &query.namespace)?;
        let door = door.clone();
        blocking(move || points(&door, &query)).await
    };
    finish(id, told.await)
}

fn points(door: &Door, query: &CurveQuery) -> Reply {
    let policies = door.gateway.policies().by_model(&query.namespace);
    let policy = match &query.model {
        Some(model) => policies.of_pattern(model.as_str()),
        None => policies.whole(),
    };
    let kind = query.kind.unwrap_or(policy.kind);
    let rule = door.gateway.cache().ruled(policy.of_kind(kind).rule(None));
    let mut cases = door.gateway.evidence().cases(&query.namespace);
    cases.retain(|c| match &query.model {
        Some(model) => model.matches(&c.decision.model),
        None => policies.deciding(&c.decision.model).is_none(),
    });
    let rules = Rules::one(rule);
    let unread = reread(door, &query.namespace, &mut cases, &[&rules]);
    let judge = door
        .gateway
        .evidence()
        .judge_errors(|n| n == query.namespace);
    Ok(json!({
        "object": "curve",
        "namespace": query.namespace,
        "model": query.model.as_ref().map(Pattern::as_str),
        "kind": kind,
        "now": shortest(rule.probability.unwrap_or(rule.cosine)),
        "decisions": cases.len(),
        "unread": unread,
        "points": curve(&cases, &rule, &judge),
    }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Draft {
    pub(super) namespace: String,
    #[serde(deserialize_with = "body::member")]
    pub(super) policy: PolicyDraft,
    /// Requests for models of this name or pattern alone.
    pub(super) model: Option<Pattern>,
}

/// `POST /admin/v1/preview`
pub(super) async fn preview(
    request: HttpRequest,
    payload: web::Payload,
    door: web::Data<Door>,
) -> HttpResponse {
    let id = RequestId::fresh();
    let told = async {
        let caller = caller::with_role(&request, &door, Role::Analyst)?;
        let body = body::read(&request, payload, door.limits).await?;
        let draft: Draft = body::object(&body)
            .map_err(|e| ApiError::new(Code::InvalidRequest, format!("Not a preview: {e}")))?;
        must_see(&caller, &draft.namespace)?;
        let door = door.clone();
        blocking(move || tried(&door, &draft)).await
    };
    finish(id, told.await)
}

fn tried(door: &Door, draft: &Draft) -> Reply {
    let policy = door.gateway.policies().of(&draft.namespace);
    let after = policy.changed(&draft.policy, unix_ms())?;
    let mut told = comparison(door, &draft.namespace, &after, draft.model.as_ref());
    told["object"] = json!("preview");
    told["namespace"] = json!(draft.namespace);
    told["model"] = json!(draft.model.as_ref().map(Pattern::as_str));
    told["policy_version"] = json!(policy.version);
    Ok(told)
}

/// Has the verifier read what some rules ask of it and nobody asked then; how many decisions are left of which that is not
/// known, because their text was not kept or it did not come to them. Blocks.
fn reread(door: &Door, namespace: &str, cases: &mut [Case], rules: &[&Rules]) -> usize {
    let rules_of = |case: &Case| {
        rules
            .iter()
            .map(|r| *r.of(&case.decision.model))
            .collect::<Vec<_>>()
    };
    let mut asked = Vec::new();
    for (at, case) in cases.iter().enumerate() {
        let open = case.unheard(&rules_of(case)).into_iter();
        asked.extend(open.filter_map(|place| Some(((at, place), case.pair(place)?))));
    }
    asked.truncate(MOST_REREAD);
    let (places, pairs): (Vec<_>, Vec<_>) = asked.into_iter().unzip();
    let heard = door.gateway.cache().hear(namespace, &pairs);
    // This is a thread that may wait; the model runs on its own.
    let heard = tokio::runtime::Handle::current().block_on(heard);
    for ((at, place), said) in places.into_iter().zip(heard) {
        cases[at].hear(place, said);
    }
    let unknown = |case: &&Case| !case.unheard(&rules_of(case)).is_empty();
    cases.iter().filter(unknown).count()
}

/// What another policy would make of what is remembered, of the models that fit.
pub(super) fn comparison(
    door: &Door,
    namespace: &str,
    after: &Policy,
    model: Option<&Pattern>,
) -> Value {
    let gateway = &door.gateway;
    let ruled = |rule| gateway.cache().ruled(rule);
    let before = gateway.policies().by_model(namespace).rules().map(ruled);
    let system_ignore = effect(door, namespace, after);
    let placed = gateway.at_its_points(after);
    let after = placed.rules().map(ruled);
    let mut cases = gateway.evidence().cases(namespace);
    cases.retain(|c| model.is_none_or(|m| m.matches(&c.decision.model)));
    let unread = reread(door, namespace, &mut cases, &[&before, &after]);
    let judge = gateway.evidence().judge_errors(|n| n == namespace);
    let to_label = nearest_boundary(&cases, &after, TO_LABEL);
    let to_label: Vec<_> = to_label.iter().map(|c| shown(door, &c.decision)).collect();
    json!({
        "budget": gateway.budget_standing(&placed, None),
        "budgets_by_model": budgets_by_model(door, &placed),
        "comparison": compare(&cases, (&before, &after), &judge),
        "unread": unread,
        "to_label": to_label,
        "system_ignore": system_ignore,
    })
}
