//! The admin API: policies, decisions, entries, figures and snapshots. An analyst
//! sees the own tenant, an admin all of them; what is changed is audited.

use actix_web::http::header::{ETAG, IF_MATCH};
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Door, body, caller, reply};
use crate::cache::decisions::DecisionOutcome;
use crate::cache::entry::{Cached, label, parse_label};
use crate::cache::policy::{Policy, PolicyDraft, PolicyError};
use crate::cache::scope::is_label;
use crate::chat::{RequestId, unix_ms};
use crate::gateway::error::{ApiError, Code};
use crate::identity::{Caller, Role};
use crate::store::{AuditEvent, EntryFilter, Order, Status};

type Reply = Result<Value, ApiError>;

/// Rows that one page of a list holds at most.
const PAGE: usize = 1000;

pub(super) fn routes(config: &mut web::ServiceConfig) {
    let no = || web::to(super::method_not_allowed);
    config
        .service(
            web::resource("/admin/v1/policies/{namespace:.+}")
                .route(web::get().to(policy))
                .route(web::put().to(put_policy))
                .default_service(no()),
        )
        .service(
            web::resource("/admin/v1/decisions")
                .route(web::get().to(decisions))
                .default_service(no()),
        )
        .service(
            web::resource("/admin/v1/entries")
                .route(web::get().to(entries))
                .route(web::delete().to(delete_entries))
                .default_service(no()),
        )
        .service(
            web::resource("/admin/v1/entries/{id}")
                .route(web::get().to(entry))
                .route(web::delete().to(delete_entry))
                .default_service(no()),
        )
        .service(
            web::resource("/admin/v1/stats")
                .route(web::get().to(stats))
                .default_service(no()),
        )
        .service(
            web::resource("/admin/v1/snapshot")
                .route(web::post().to(snapshot))
                .default_service(no()),
        );
}

fn finish(id: RequestId, outcome: Reply) -> HttpResponse {
    match outcome {
        Ok(value) => reply::json(id, &value),
        Err(error) => reply::error(id, &error),
    }
}

/// Whether a caller may look into a namespace: an admin into all, an analyst into the own tenant's.
fn sees(caller: &Caller, namespace: &str) -> bool {
    let tenant = caller.tenant.as_str();
    let own = namespace == tenant
        || namespace
            .split_once('/')
            .is_some_and(|(owner, _)| owner == tenant);
    caller.role.allows(Role::Admin) || own
}

fn must_see(caller: &Caller, namespace: &str) -> Result<(), ApiError> {
    if !is_label(namespace) {
        return Err(ApiError::new(
            Code::NotFound,
            "That is no namespace's name.",
        ));
    }
    if sees(caller, namespace) {
        return Ok(());
    }
    Err(ApiError::new(
        Code::NamespaceForbidden,
        "This key may not look into that namespace.",
    ))
}

// ---- policies

async fn policy(
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

async fn put_policy(
    request: HttpRequest,
    namespace: web::Path<String>,
    payload: web::Payload,
    door: web::Data<Door>,
) -> HttpResponse {
    let id = RequestId::fresh();
    let changed = async {
        let caller = caller::with_role(&request, &door, Role::Analyst)?;
        must_see(&caller, &namespace)?;
        let expected = if_match(&request)?;
        let body = body::read(&request, payload, door.limits).await?;
        let draft: PolicyDraft = serde_json::from_slice(&body)
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
    let store = |policy: &Policy| {
        let row = serde_json::to_value(policy).unwrap_or_default();
        door.state
            .put("policies", namespace, &row)
            .map_err(|cause| tracing::error!(%cause, "a policy could not be stored"))
            .is_ok()
    };
    let (before, after) = door
        .gateway
        .policies()
        .change(namespace, expected, draft, store)?;
    audit(
        door,
        caller,
        "policy.put",
        namespace,
        &json!(*before),
        &json!(*after),
    )?;
    Ok(Policy::clone(&after))
}

fn policy_reply(id: RequestId, policy: &Policy) -> HttpResponse {
    let mut response = reply::json(id, policy);
    if let Ok(tag) = format!("\"{}\"", policy.version).parse() {
        response.headers_mut().insert(ETAG, tag);
    }
    response
}

/// The version that `If-Match` names: `"3"`, `W/"3"` or bare `3`; `*` takes any.
fn if_match(request: &HttpRequest) -> Result<u64, ApiError> {
    let Some(value) = request.headers().get(IF_MATCH) else {
        return Err(ApiError::new(
            Code::PreconditionRequired,
            "Send `If-Match` with the version that you mean to change.",
        ));
    };
    let version = value.to_str().ok().map(|v| {
        let v = v.trim();
        v.strip_prefix("W/").unwrap_or(v).trim_matches('"')
    });
    version.and_then(|v| v.parse().ok()).ok_or_else(|| {
        ApiError::from(PolicyError::OutOfRange {
            param: "If-Match",
            expected: "a version, such as \"3\"",
        })
    })
}

// ---- decisions

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

async fn decisions(request: HttpRequest, door: web::Data<Door>) -> HttpResponse {
    let id = RequestId::fresh();
    let listed = caller::with_role(&request, &door, Role::Analyst).and_then(|caller| {
        let query: DecisionQuery = query(&request)?;
        if let Some(namespace) = &query.namespace {
            must_see(&caller, namespace)?;
        }
        let limit = query.limit.unwrap_or(100).min(PAGE);
        let wanted = query.outcome.map(|o| match o {
            DecisionFilter::Hit => DecisionOutcome::Hit,
            DecisionFilter::NearMiss => DecisionOutcome::NearMiss,
        });
        let data = door.gateway.decisions().list(limit, |d| {
            query.namespace.as_ref().is_none_or(|n| *n == d.namespace)
                && wanted.is_none_or(|w| w == d.outcome)
                && sees(&caller, &d.namespace)
        });
        Ok(json!({"object": "list", "data": data}))
    });
    finish(id, listed)
}

// ---- entries

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct EntryQuery {
    tenant: Option<String>,
    namespace: Option<String>,
    model: Option<String>,
    cursor: Option<u64>,
    limit: Option<usize>,
}

impl EntryQuery {
    fn filter(&self) -> EntryFilter {
        EntryFilter {
            tenant: self.tenant.clone(),
            namespace: self.namespace.clone(),
            model: self.model.clone(),
        }
    }
}

async fn entries(request: HttpRequest, door: web::Data<Door>) -> HttpResponse {
    let id = RequestId::fresh();
    let listed = async {
        caller::with_role(&request, &door, Role::Admin)?;
        let query: EntryQuery = query(&request)?;
        let door = door.clone();
        blocking(move || Ok(list(&door, &query))).await
    };
    finish(id, listed.await)
}

fn list(door: &Door, query: &EntryQuery) -> Value {
    let memory = door.gateway.cache().memory();
    let (filter, limit) = (query.filter(), query.limit.unwrap_or(100).clamp(1, PAGE));
    let page = memory
        .store()
        .list(&filter, Order::Newest, query.cursor, limit);
    let mut data: Vec<Value> = Vec::new();
    if query.cursor.is_none() {
        let transient = memory.transients(&filter);
        data.extend(transient.iter().take(limit).map(|e| summary(e)));
    }
    let stored = page.entries.into_iter().filter_map(Cached::from_stored);
    data.extend(stored.map(|e| summary(&e)));
    json!({"object": "list", "data": data, "cursor": page.cursor})
}

async fn entry(
    request: HttpRequest,
    entry: web::Path<String>,
    door: web::Data<Door>,
) -> HttpResponse {
    let id = RequestId::fresh();
    let shown = async {
        caller::with_role(&request, &door, Role::Admin)?;
        let entry = entry_id(&entry)?;
        let memory = door.gateway.cache().memory().clone();
        let found = blocking(move || Ok(memory.load(entry))).await?;
        let found = found.ok_or_else(no_entry)?;
        let mut shown = summary(&found);
        shown["answer"] = json!(found.replay.answer());
        Ok(shown)
    };
    finish(id, shown.await)
}

async fn delete_entry(
    request: HttpRequest,
    entry: web::Path<String>,
    door: web::Data<Door>,
) -> HttpResponse {
    let id = RequestId::fresh();
    let deleted = async {
        let caller = caller::with_role(&request, &door, Role::Admin)?;
        let entry = entry_id(&entry)?;
        let door = door.clone();
        blocking(move || {
            let deleted = door.gateway.cache().forget(&[entry]);
            if deleted == 0 {
                return Err(no_entry());
            }
            let target = label(entry);
            audit(
                &door,
                &caller,
                "entry.delete",
                &target,
                &Value::Null,
                &Value::Null,
            )?;
            Ok(json!({"deleted": deleted}))
        })
        .await
    };
    finish(id, deleted.await)
}

async fn delete_entries(request: HttpRequest, door: web::Data<Door>) -> HttpResponse {
    let id = RequestId::fresh();
    let deleted = async {
        let caller = caller::with_role(&request, &door, Role::Admin)?;
        let query: EntryQuery = query(&request)?;
        if query.tenant.is_none() && query.namespace.is_none() && query.model.is_none() {
            return Err(ApiError::new(
                Code::InvalidRequest,
                "Say which entries: `tenant`, `namespace` or `model`.",
            ));
        }
        let door = door.clone();
        blocking(move || delete_where(&door, &caller, &query)).await
    };
    finish(id, deleted.await)
}

fn delete_where(door: &Door, caller: &Caller, query: &EntryQuery) -> Reply {
    let (cache, filter) = (door.gateway.cache(), query.filter());
    let transient = cache.memory().transients(&filter);
    let mut deleted = cache.forget(&transient.iter().map(|e| e.id).collect::<Vec<_>>());
    let mut cursor = None;
    loop {
        let page = cache
            .memory()
            .store()
            .list(&filter, Order::Newest, cursor, PAGE);
        deleted += cache.forget(&page.entries.iter().map(|e| e.id).collect::<Vec<_>>());
        cursor = page.cursor;
        if cursor.is_none() {
            break;
        }
    }
    let target =
        json!({"tenant": query.tenant, "namespace": query.namespace, "model": query.model});
    let after = json!({"deleted": deleted});
    audit(
        door,
        caller,
        "entries.delete",
        &target.to_string(),
        &Value::Null,
        &after,
    )?;
    Ok(after)
}

fn summary(entry: &Cached) -> Value {
    json!({
        "id": label(entry.id),
        "tenant": entry.tenant,
        "namespace": entry.namespace,
        "model": entry.model,
        "origin": entry.origin,
        "question": entry.question,
        "created_ms": entry.created_ms,
        "expires_ms": entry.expires_ms,
    })
}

fn entry_id(text: &str) -> Result<u64, ApiError> {
    parse_label(text).ok_or_else(no_entry)
}

fn no_entry() -> ApiError {
    ApiError::new(Code::NotFound, "There is no such entry.")
}

// ---- figures

async fn stats(request: HttpRequest, door: web::Data<Door>) -> HttpResponse {
    let id = RequestId::fresh();
    let counted = caller::with_role(&request, &door, Role::Admin).map(|_| {
        let cache = door.gateway.cache();
        let stored = cache.memory().store().stats();
        let (hot_bytes, hot_entries) = cache.memory().hot_size();
        let status = match cache.memory().store().status() {
            Status::Healthy => json!("healthy"),
            Status::Degraded(_) => json!("degraded"),
        };
        json!({
            "store": {"status": status, "entries": stored.entries, "bytes": stored.stored_bytes,
                "pending_bytes": stored.pending_bytes, "dropped_writes": stored.dropped_writes,
                "corrupt_records": stored.corrupt_records},
            "hot": {"bytes": hot_bytes, "entries": hot_entries},
            "index": {"scopes": cache.semantic().all().len(), "entries": cache.semantic().len(),
                "loaded": cache.indexed()},
            "embedding": cache.embedder().map(|e| json!({"model": e.name(),
                "dimension": e.dimension(), "queue": e.queue_depth()})),
            "under_way": door.drain.under_way(), "flights": door.gateway.flights(),
        })
    });
    finish(id, counted)
}

async fn snapshot(request: HttpRequest, door: web::Data<Door>) -> HttpResponse {
    let id = RequestId::fresh();
    let taken = async {
        caller::with_role(&request, &door, Role::Admin)?;
        let upkeep = door.upkeep.clone();
        let entries = blocking(move || {
            upkeep
                .snapshot()
                .map_err(|why| ApiError::new(Code::StorageFailed, why))
        })
        .await?;
        Ok(json!({"entries": entries}))
    };
    finish(id, taken.await)
}

// ---- shared

fn query<T: serde::de::DeserializeOwned>(request: &HttpRequest) -> Result<T, ApiError> {
    web::Query::from_query(request.query_string())
        .map(web::Query::into_inner)
        .map_err(|e| ApiError::new(Code::InvalidRequest, format!("The query string: {e}")))
}

fn audit(
    door: &Door,
    caller: &Caller,
    action: &str,
    target: &str,
    before: &Value,
    after: &Value,
) -> Result<(), ApiError> {
    let event = AuditEvent {
        ts_ms: unix_ms(),
        actor: caller.key_id.as_deref().unwrap_or("anonymous").to_owned(),
        action: action.to_owned(),
        target: target.to_owned(),
        before: before.clone(),
        after: after.clone(),
    };
    door.audit.append(&event).map(|_| ()).map_err(|cause| {
        tracing::error!(%cause, "the audit log could not be written");
        ApiError::new(Code::StorageFailed, "The change could not be audited.")
    })
}

/// Runs what may wait for the disk on a thread that may wait.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ApiError> + Send + 'static,
) -> Result<T, ApiError> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|_| Err(ApiError::new(Code::Internal, "The request failed.")))
}
