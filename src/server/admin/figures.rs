//! What there is and how much of it; snapshots of the index.

use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::{Value, json};

use super::{Door, blocking, caller, finish};
use crate::cache::reembed::Standing;
use crate::chat::RequestId;
use crate::gateway::error::{ApiError, Code};
use crate::identity::Role;
use crate::store::Status;

pub(super) async fn stats(request: HttpRequest, door: web::Data<Door>) -> HttpResponse {
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
            "rooms": cache.rooms().taken(),
            "next_embedding": door.reembedding.as_ref().map(|change| next_embedding(&change.standing())),
            "under_way": door.drain.under_way(), "flights": door.gateway.flights(),
        })
    });
    finish(id, counted)
}

fn next_embedding(standing: &Standing) -> Value {
    json!({"state": standing.state.as_str(), "model": standing.model,
        "reembedded": standing.reembedded, "remaining": standing.remaining,
        "left_out": standing.left_out})
}

pub(super) async fn snapshot(request: HttpRequest, door: web::Data<Door>) -> HttpResponse {
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
