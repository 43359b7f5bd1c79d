//! The admin API: policies, decisions, labels, entries, figures and snapshots. An analyst
//! sees the own tenant, an admin all of them; what is changed is audited.

mod changes;
mod document;
mod entries;
mod evidence;
mod figures;
mod invalidate;
mod labels;
mod pairs;
mod policies;
mod quality;
mod scopes;
mod versions;

use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::Value;

use super::address::Address;
use super::{Door, body, caller, reply};
use crate::cache::scope::is_label;
use crate::chat::{RequestId, unix_ms};
use crate::gateway::error::{ApiError, Code};
use crate::identity::{Caller, Role};
use crate::store::AuditEvent;

pub(super) use labels::Saying;

type Reply = Result<Value, ApiError>;

/// Rows that one page of a list holds at most.
const PAGE: usize = 1000;

pub(in crate::server) use changes::resume;
pub(in crate::server) use policies::wipe_texts;
pub(in crate::server) use quality::gauges;

pub(in crate::server) fn routes(config: &mut web::ServiceConfig) {
    config
        .service(
            Address::at("/admin/v1/policies/{namespace:.+}")
                .get(web::to(policies::policy))
                .put(web::to(policies::put_policy)),
        )
        .service(
            Address::at("/admin/v1/changes")
                .get(web::to(changes::list))
                .post(web::to(changes::create)),
        )
        .service(
            Address::at("/admin/v1/changes/{id}")
                .get(web::to(changes::one))
                .post(web::to(changes::advance)),
        )
        .service(Address::at("/admin/v1/openapi.json").get(web::to(document::openapi)))
        .service(Address::at("/admin/v1/versions").get(web::to(versions::list)))
        .service(Address::at("/admin/v1/rollback").post(web::to(versions::rollback)))
        .service(Address::at("/admin/v1/decisions").get(web::to(evidence::decisions)))
        .service(Address::at("/admin/v1/explain/{request_id}").get(web::to(evidence::explain)))
        .service(Address::at("/admin/v1/quality").get(web::to(quality::quality)))
        .service(Address::at("/admin/v1/scopes").get(web::to(scopes::scopes)))
        .service(Address::at("/admin/v1/curve").get(web::to(quality::hit_curve)))
        .service(Address::at("/admin/v1/preview").post(web::to(quality::preview)))
        .service(Address::at("/admin/v1/preview/pairs").post(web::to(pairs::preview)))
        .service(Address::at("/admin/v1/queue").get(web::to(evidence::queue)))
        .service(
            Address::at("/admin/v1/labels")
                .get(web::to(labels::list))
                .post(web::to(labels::add)),
        )
        .service(
            Address::at("/admin/v1/entries")
                .get(web::to(entries::entries))
                .delete(web::to(entries::delete_entries)),
        )
        .service(
            Address::at("/admin/v1/entries/{id}")
                .get(web::to(entries::entry))
                .delete(web::to(entries::delete_entry)),
        )
        .service(Address::at("/admin/v1/invalidate").post(web::to(invalidate::invalidate)))
        .service(Address::at("/admin/v1/stats").get(web::to(figures::stats)))
        .service(Address::at("/admin/v1/snapshot").post(web::to(figures::snapshot)));
}

pub(super) fn finish(id: RequestId, outcome: Reply) -> HttpResponse {
    match outcome {
        Ok(value) => reply::json(id, &value),
        Err(error) => reply::error(id, &error),
    }
}

/// Whether a caller may look into a namespace: an admin into all, an analyst into the own tenant's.
pub(in crate::server) fn sees(caller: &Caller, namespace: &str) -> bool {
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

pub(super) fn query<T: serde::de::DeserializeOwned>(request: &HttpRequest) -> Result<T, ApiError> {
    web::Query::from_query(request.query_string())
        .map(web::Query::into_inner)
        .map_err(|e| ApiError::new(Code::InvalidRequest, format!("The query string: {e}")))
}

/// Rows that a list is asked for.
fn rows(limit: Option<usize>) -> Result<usize, ApiError> {
    match limit {
        Some(0) => Err(ApiError {
            param: Some("limit".into()),
            ..ApiError::new(Code::InvalidRequest, "`limit` must be at least 1.")
        }),
        limit => Ok(limit.unwrap_or(100).min(PAGE)),
    }
}

/// Writes down what was changed, before and after, and by whom.
fn audit(
    door: &Door,
    caller: &Caller,
    what: (&str, &str),
    states: (Value, Value),
) -> Result<(), ApiError> {
    let actor = caller.key_id.as_deref().unwrap_or("anonymous");
    audit_as(door, actor, what, states)
}

/// As [`audit`], by whoever is named.
fn audit_as(
    door: &Door,
    actor: &str,
    (action, target): (&str, &str),
    (before, after): (Value, Value),
) -> Result<(), ApiError> {
    let event = AuditEvent {
        ts_ms: unix_ms(),
        actor: actor.to_owned(),
        action: action.to_owned(),
        target: target.to_owned(),
        before,
        after,
    };
    door.audit.append(&event).map(|_| ()).map_err(|cause| {
        tracing::error!(%cause, "the audit log could not be written");
        ApiError::new(
            Code::StorageFailed,
            "The change could not be audited and was not made.",
        )
    })
}

/// Runs what may wait for the disk on a thread that may wait.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ApiError> + Send + 'static,
) -> Result<T, ApiError> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|_| Err(ApiError::new(Code::Internal, "The request failed.")))
}
