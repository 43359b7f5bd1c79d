//! System prompts that differ in spans alone, the hits that are lost to that, and what leaving the spans out would
//! give.

use std::collections::{HashMap, HashSet};

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Door, blocking, caller, finish, must_see, query};
use crate::cache::policy::Policy;
use crate::cache::replay::Past;
use crate::chat::RequestId;
use crate::evidence::repeats::{Request, in_order, left, same_words};
use crate::evidence::scopes::{Group, groups};
use crate::identity::Role;

/// Questions, the newest, that are compared by meaning: about a second of model time.
const COMPARED: usize = 500;
/// Requests that are named.
const NAMED: usize = 20;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ScopesQuery {
    namespace: String,
}

/// `GET /admin/v1/scopes`
pub(super) async fn scopes(request: HttpRequest, door: web::Data<Door>) -> HttpResponse {
    let id = RequestId::fresh();
    let told = async {
        let caller = caller::with_role(&request, &door, Role::Analyst)?;
        let query: ScopesQuery = query(&request)?;
        must_see(&caller, &query.namespace)?;
        let door = door.clone();
        blocking(move || Ok(listed(&door, &query.namespace))).await
    };
    finish(id, told.await)
}

fn listed(door: &Door, namespace: &str) -> Value {
    let policy = door.gateway.policies().of(namespace);
    let evidence = door.gateway.evidence();
    let shapes = match policy.keep_text {
        true => evidence.prompts().of(namespace),
        false => Vec::new(),
    };
    let groups = groups(&shapes);
    let group_of: HashMap<u64, u64> = (0..)
        .zip(&groups)
        .flat_map(|(n, g)| g.shapes.iter().map(move |shape| (*shape, n)))
        .collect();
    let decisions = evidence.prompted(namespace);
    // Of a prompt whose text is not known its shape is.
    let place = |shape: u64| group_of.get(&shape).copied().unwrap_or(shape);
    let requests = in_order(decisions.iter().map(AsRef::as_ref), |p| place(p.shape));
    let before = left(&shapes, &policy.system_ignore);
    let lost = lost(door, &policy, &requests, |r| before.of(&r.parts));
    let mut told: HashMap<u64, Vec<usize>> = HashMap::new();
    for (at, request) in requests.iter().enumerate() {
        told.entry(place(request.parts.shape)).or_default().push(at);
    }
    let mut data: Vec<(usize, Value)> = told
        .into_iter()
        .filter_map(|(n, members)| {
            let group = usize::try_from(n).ok().and_then(|n| groups.get(n));
            one(group, &members, &requests, &lost)
        })
        .collect();
    data.sort_by_key(|(lost, _)| std::cmp::Reverse(*lost));
    json!({
        "object": "scopes",
        "namespace": namespace,
        "prompts": distinct(requests.iter()),
        "data": data.into_iter().map(|(_, group)| group).collect::<Vec<_>>(),
    })
}

/// One group, if there is more than one prompt in it; and how many hits it lost.
fn one(
    group: Option<&Group>,
    members: &[usize],
    requests: &[Request<'_>],
    lost: &Lost,
) -> Option<(usize, Value)> {
    let prompts = distinct(members.iter().map(|at| &requests[*at]));
    if prompts < 2 {
        return None;
    }
    let here: HashSet<usize> = members.iter().copied().collect();
    let count = |pairs: &[(usize, usize)]| pairs.iter().filter(|p| here.contains(&p.0)).count();
    let (same, alike) = (count(&lost.same_words), count(&lost.by_meaning));
    let looked_at = lost.looked_at.iter().filter(|at| here.contains(at)).count();
    let told = json!({
        "prompts": prompts,
        "requests": members.len(),
        "example": group.map(|g| &g.example),
        "spans": group.map_or(&[][..], |g| &g.spans),
        "system_ignore": group.map_or(&[][..], |g| &g.system_ignore),
        "lost": {"same_words": same, "by_meaning": alike, "looked_at": looked_at},
    });
    Some((same + alike, told))
}

fn distinct<'a, 'b: 'a>(requests: impl Iterator<Item = &'a Request<'b>>) -> usize {
    let prompts: HashSet<u64> = requests.map(|r| r.parts.system).collect();
    prompts.len()
}

/// Requests that missed though an earlier one could have answered them, by their places; with that one's.
struct Lost {
    same_words: Vec<(usize, usize)>,
    by_meaning: Vec<(usize, usize)>,
    /// What was compared by meaning.
    looked_at: Vec<usize>,
}

/// Looks for them under a policy. `before` tells those apart that were compared when they were asked.
fn lost(
    door: &Door,
    policy: &Policy,
    requests: &[Request<'_>],
    before: impl Fn(&Request<'_>) -> u64,
) -> Lost {
    let apart = |pair: &(usize, usize)| before(&requests[pair.0]) != before(&requests[pair.1]);
    let policies = door.gateway.at_its_points(policy);
    let of = |r: &Request<'_>| policies.of(&r.decision.model);
    let same_words = same_words(requests, |r| of(r).ttl_s.saturating_mul(1000));
    let same_words: Vec<_> = same_words.into_iter().filter(apart).collect();
    let found: HashSet<usize> = same_words.iter().map(|pair| pair.0).collect();
    // A decision that was under way when the policy stopped keeping text has it still.
    let keeps = |r: &Request<'_>| {
        let policy = door.gateway.policies().of(&r.decision.namespace);
        policy.keep_text && r.decision.question.is_some()
    };
    let with_text = (0..requests.len()).filter(|at| keeps(&requests[*at]));
    let with_text: Vec<usize> = with_text.collect();
    let looked_at = with_text[with_text.len().saturating_sub(COMPARED)..].to_vec();
    let past: Vec<_> = looked_at
        .iter()
        .map(|at| Past {
            place: requests[*at].place,
            under: before(&requests[*at]),
            text: requests[*at].decision.question.as_deref().unwrap_or(""),
            rule: door.gateway.cache().ruled(of(&requests[*at]).rule(None)),
            missed: requests[*at].missed() && !found.contains(at),
        })
        .collect();
    let cache = door.gateway.cache();
    let answered = cache.answered_by(&policy.namespace, &past);
    // This is a thread that may wait; the model runs on its own.
    let answered = tokio::runtime::Handle::current().block_on(answered);
    let by_meaning = answered
        .into_iter()
        .map(|(at, earlier)| (looked_at[at], looked_at[earlier]))
        .collect();
    Lost {
        same_words,
        by_meaning,
        looked_at,
    }
}

/// What another policy would give by leaving other spans out; null where it leaves out the same. Blocks.
pub(super) fn effect(door: &Door, namespace: &str, after: &Policy) -> Value {
    let policy = door.gateway.policies().of(namespace);
    if policy.system_ignore == after.system_ignore {
        return Value::Null;
    }
    let evidence = door.gateway.evidence();
    let shapes = evidence.prompts().of(namespace);
    let now = left(&shapes, &after.system_ignore);
    let before = left(&shapes, &policy.system_ignore);
    let decisions = evidence.prompted(namespace);
    let requests = in_order(decisions.iter().map(AsRef::as_ref), |p| now.of(p));
    let lost = lost(door, after, &requests, |r| before.of(&r.parts));
    let known: HashSet<u64> = shapes.iter().map(|(shape, _)| *shape).collect();
    let unknown = requests.iter().filter(|r| !known.contains(&r.parts.shape));
    let places: HashSet<_> = requests.iter().map(|r| r.place.prompt()).collect();
    let named = lost.same_words.iter().chain(&lost.by_meaning).take(NAMED);
    let named: Vec<Value> = named
        .map(|pair| example(&requests, *pair, policy.keep_text))
        .collect();
    json!({
        "requests": requests.len(),
        "prompts": distinct(requests.iter()),
        "prompts_after": places.len(),
        "prompts_unknown": distinct(unknown),
        "gained": {"same_words": lost.same_words.len(), "by_meaning": lost.by_meaning.len(),
            "looked_at": lost.looked_at.len()},
        "examples": named,
    })
}

fn example(requests: &[Request<'_>], (at, earlier): (usize, usize), texts: bool) -> Value {
    let (asked, answer) = (requests[at].decision, requests[earlier].decision);
    json!({
        "request_id": asked.request_id,
        "question": asked.question.as_ref().filter(|_| texts),
        "answered_by": answer.request_id,
        "its_question": answer.question.as_ref().filter(|_| texts),
    })
}
