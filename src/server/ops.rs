//! For whoever runs it: is it alive, is it ready, what has it counted.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::json;

use super::admin::{blocking, gauges, sees};
use super::{Door, caller, reply};
use crate::chat::{RequestId, unix_ms};
use crate::gateway::error::{ApiError, Code};
use crate::identity::Role;
use crate::router::TargetPhase;
use crate::router::breaker::Phase;
use crate::store::Status;
use crate::telemetry::{UpstreamGauge, quality_text, upstream_text};

/// `GET /healthz`: the process answers.
pub(super) async fn healthz() -> HttpResponse {
    reply::json(RequestId::fresh(), &json!({"status": "ok"}))
}

/// `GET /readyz`: traffic may come. A degraded store is no reason to stay away: requests pass through.
pub(super) async fn readyz(door: web::Data<Door>) -> HttpResponse {
    let cache = door.gateway.cache();
    let leaving = door.drain.leaving();
    let store = match cache.memory().store().status() {
        Status::Healthy => "healthy",
        Status::Degraded(_) => "degraded",
    };
    let body = json!({
        "status": if leaving { "draining" } else { "ready" },
        "store": store,
        "semantic": cache.embedder().is_some(),
        "index": if cache.indexed() { "loaded" } else { "loading" },
    });
    let status = if leaving {
        StatusCode::SERVICE_UNAVAILABLE
    } else {
        StatusCode::OK
    };
    reply::status(status, RequestId::fresh()).json(body)
}

/// `GET /metrics` beside the API: off loopback it needs a key.
pub(super) async fn metrics(request: HttpRequest, door: web::Data<Door>) -> HttpResponse {
    if !door.metrics_here {
        let elsewhere = "Metrics are served at their own address.";
        return reply::fault(&ApiError::new(Code::NotFound, elsewhere));
    }
    match caller::caller(&request, &door) {
        // The names of other tenants' namespaces are their own business.
        Ok(caller) => {
            let all = caller.role.allows(Role::Admin);
            page(&door, all, move |namespace| sees(&caller, namespace)).await
        }
        Err(error) => reply::fault(&error),
    }
}

/// `GET /metrics` at its own address, which the operator chose.
pub(super) async fn metrics_alone(door: web::Data<Door>) -> HttpResponse {
    page(&door, true, |_| true).await
}

async fn page(
    door: &web::Data<Door>,
    all: bool,
    sees: impl Fn(&str) -> bool + Send + 'static,
) -> HttpResponse {
    levels(door);
    let known = door.clone();
    // Without it the page tells all the rest.
    let quality = blocking(move || Ok(gauges(&known, sees))).await;
    let page = door.recorder.render()
        + &quality_text(&quality.unwrap_or_default())
        + &upstream_text(&upstreams(door, all));
    reply::status(StatusCode::OK, RequestId::fresh())
        .content_type("text/plain; version=0.0.4; charset=utf-8")
        .body(page)
}

/// How providers stand. What models other tenants' clients name is their own business.
fn upstreams(door: &Door, all: bool) -> Vec<UpstreamGauge> {
    let known = door.gateway.upstreams().into_iter();
    let told = known.filter(|target| all || target.named);
    let gauge = |target: TargetPhase| UpstreamGauge {
        state: match target.phase {
            Phase::Closed => 0,
            Phase::Probing => 1,
            Phase::Open => 2,
        },
        provider: target.provider,
        model: target.model,
    };
    told.map(gauge).collect()
}

/// Sets what goes up and down.
fn levels(door: &Door) {
    let cache = door.gateway.cache();
    let metrics = door.gateway.metrics();
    let (mut entries, mut dead) = (0, 0.0);
    for (_, partition) in cache.semantic().all() {
        entries += partition.len();
        #[allow(clippy::cast_precision_loss, reason = "a gauge of a share")]
        let here = partition.dead_share(unix_ms()) * partition.len() as f32;
        dead += here;
    }
    #[allow(clippy::cast_precision_loss, reason = "a gauge of a share")]
    let share = if entries == 0 {
        0.0
    } else {
        dead / entries as f32
    };
    let embedder = cache.embedder();
    let queue = embedder.as_ref().map_or(0, |e| e.queue_depth());
    let verifier = embedder.as_ref().and_then(|e| e.verifier());
    #[allow(
        clippy::cast_precision_loss,
        reason = "gauges of counts far below 2^52"
    )]
    {
        metrics.index_entries.set(entries as f64);
        metrics.misses_in_flight.set(door.gateway.misses() as f64);
        metrics.embed_queue_depth.set(queue as f64);
        let queue = verifier.map_or(0, |v| v.queue_depth());
        metrics.verifier_queue_depth.set(queue as f64);
        let waiting = cache.memory().store().stats().pending;
        metrics.store_queue_depth.set(waiting as f64);
    }
    metrics.index_dead_share.set(f64::from(share));
}
