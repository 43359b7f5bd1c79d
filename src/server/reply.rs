//! How answers and errors look on the wire: status, headers, body.

use actix_web::body::{BodyStream, MessageBody};
use actix_web::http::StatusCode;
use actix_web::http::header::{
    AGE, CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER,
};
use actix_web::{HttpResponse, HttpResponseBuilder};
use futures_util::stream;
use serde::Serialize;

use super::drain::{Drain, UnderWay};
use super::rates;
use crate::cache::entry::label;
use crate::chat::{Dialect, RequestId};
use crate::gateway::error::{ApiError, Code};
use crate::gateway::via::Stale;
use crate::gateway::{Body, LiveAnswer, Outcome, Piece, Served, Via};

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-reprise-request-id");
const CACHE: HeaderName = HeaderName::from_static("x-reprise-cache");
const REASON: HeaderName = HeaderName::from_static("x-reprise-reason");
const SIMILARITY: HeaderName = HeaderName::from_static("x-reprise-similarity");
const ENTRY: HeaderName = HeaderName::from_static("x-reprise-entry");
const TTL_CLASS: HeaderName = HeaderName::from_static("x-reprise-ttl-class");
const PROVIDER: HeaderName = HeaderName::from_static("x-reprise-provider");
const MODEL: HeaderName = HeaderName::from_static("x-reprise-model");
const CACHE_STATUS: HeaderName = HeaderName::from_static("cache-status");
const SHOULD_RETRY: HeaderName = HeaderName::from_static("x-should-retry");
const RETRY_AFTER_MS: HeaderName = HeaderName::from_static("retry-after-ms");

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const EVENTS: HeaderValue = HeaderValue::from_static("text/event-stream; charset=utf-8");

/// An answer with all that its headers tell.
pub(super) fn answer(
    dialect: Dialect,
    id: RequestId,
    served: Served,
    drain: &std::sync::Arc<Drain>,
    under_way: UnderWay,
) -> HttpResponse {
    let mut response = HttpResponse::Ok();
    identify(&mut response, id);
    identify_in(dialect, &mut response, id);
    describe(&mut response, &served.via);
    match served.body {
        Body::Json(body) => response.insert_header((CONTENT_TYPE, JSON)).body(body),
        Body::Events(body) => events(&mut response).body(body),
        Body::Live(live) => events(&mut response).body(live_body(live, drain.clone(), under_way)),
    }
}

/// An error, with the ids and hints that clients act on.
pub(super) fn error(id: RequestId, error: &ApiError) -> HttpResponse {
    error_in(Dialect::Chat, id, error)
}

/// The same for a client of `dialect`.
pub(super) fn error_in(dialect: Dialect, id: RequestId, error: &ApiError) -> HttpResponse {
    let status =
        StatusCode::from_u16(error.status_in(dialect)).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = HttpResponse::build(status);
    identify(&mut response, id);
    identify_in(dialect, &mut response, id);
    if let Some(after) = error.retry_after {
        let seconds = after.as_secs() + u64::from(after.subsec_nanos() > 0);
        set(&mut response, RETRY_AFTER, &seconds.to_string());
        set(
            &mut response,
            RETRY_AFTER_MS,
            &after.as_millis().to_string(),
        );
    }
    // SDKs retry 408, 409, 429 and 5xx by themselves: where that cannot help they are told so.
    if status.is_server_error() || matches!(status.as_u16(), 408 | 409 | 429) {
        let hint = if error.retryable() { "true" } else { "false" };
        set(&mut response, SHOULD_RETRY, hint);
    }
    if let Some(via) = &error.via {
        describe(&mut response, via);
    }
    if let Some(standing) = &error.standing {
        rates::tell(&mut response, standing);
    }
    response.json(error.body(dialect, id))
}

/// An error of a request that got no further than its address.
pub(super) fn fault(what: &ApiError) -> HttpResponse {
    error(RequestId::fresh(), what)
}

/// The headers of an answer that is told later.
pub(super) fn told(id: RequestId, via: Option<&Via>) -> Vec<(String, String)> {
    let mut response = HttpResponse::Ok();
    identify(&mut response, id);
    if let Some(via) = via {
        describe(&mut response, via);
    }
    let response = response.finish();
    let headers = response.headers().iter();
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    headers
        .map(|(name, value)| (name.to_string(), text(value)))
        .collect()
}

/// Any value as JSON.
pub(super) fn json(id: RequestId, value: &impl Serialize) -> HttpResponse {
    status(StatusCode::OK, id).json(value)
}

/// The head of any other answer.
pub(super) fn status(status: StatusCode, id: RequestId) -> HttpResponseBuilder {
    let mut response = HttpResponse::build(status);
    identify(&mut response, id);
    response
}

fn identify(response: &mut HttpResponseBuilder, id: RequestId) {
    let id = id.to_string();
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.insert_header((X_REQUEST_ID, value.clone()));
        response.insert_header((REQUEST_ID, value));
    }
}

/// The header by which clients of `dialect` know a request.
fn identify_in(dialect: Dialect, response: &mut HttpResponseBuilder, id: RequestId) {
    if dialect == Dialect::Messages {
        set(
            response,
            HeaderName::from_static("request-id"),
            &id.to_string(),
        );
    }
}

fn describe(response: &mut HttpResponseBuilder, via: &Via) {
    response.insert_header((CACHE, HeaderValue::from_static(via.outcome.as_str())));
    response.insert_header((REASON, HeaderValue::from_static(via.reason)));
    set(response, CACHE_STATUS, &cache_status(via));
    if let Some(similarity) = via.similarity {
        set(response, SIMILARITY, &format!("{similarity:.4}"));
    }
    if let Some(entry) = via.entry {
        set(response, ENTRY, &label(entry));
    }
    if let Some(class) = via.class {
        response.insert_header((TTL_CLASS, HeaderValue::from_static(class.as_str())));
    }
    if let Some(age) = via.age_s {
        set(response, AGE, &age.to_string());
    }
    if let Some(provider) = &via.provider {
        set(response, PROVIDER, provider);
    }
    if let Some(model) = &via.model {
        set(response, MODEL, model);
    }
    if let Some(standing) = &via.standing {
        rates::tell(response, standing);
    }
    for (name, value) in &via.marks {
        set(response, HeaderName::from_static(name), value);
    }
    for (name, value) in &via.headers {
        if let Ok(name) = HeaderName::from_bytes(name.as_bytes()) {
            set(response, name, value);
        }
    }
}

/// RFC 9211: what this cache did, in a form that any tool can read.
fn cache_status(via: &Via) -> String {
    match via.outcome {
        // It was forwarded, and what is stale was all that could be had (RFC 5861, section 4).
        _ if via.stale == Some(Stale::IfError) => format!(
            "reprise; fwd=stale; ttl={}; detail={}",
            via.ttl_s.unwrap_or(0),
            via.reason
        ),
        Outcome::HitExact if via.collapsed => "reprise; fwd=miss; collapsed".into(),
        Outcome::HitExact => format!("reprise; hit; ttl={}; detail=exact", via.ttl_s.unwrap_or(0)),
        Outcome::HitSemantic => {
            format!(
                "reprise; hit; ttl={}; detail=semantic",
                via.ttl_s.unwrap_or(0)
            )
        }
        // Neither a hit nor forwarded: the member stands for itself.
        _ if via.withheld => format!("reprise; detail={}", via.reason),
        Outcome::Miss if via.collapsed => "reprise; fwd=miss; collapsed".into(),
        Outcome::Miss => format!("reprise; fwd=miss; detail={}", via.reason),
        Outcome::Bypass => format!("reprise; fwd=bypass; detail={}", via.reason),
        Outcome::Refresh => format!("reprise; fwd=request; detail={}", via.reason),
        Outcome::Partial => format!("reprise; fwd=partial; detail={}", via.reason),
    }
}

/// Sets a header whose value may come from outside; one that is no header value is left out.
fn set(response: &mut HttpResponseBuilder, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.insert_header((name, value));
    }
}

fn events(response: &mut HttpResponseBuilder) -> &mut HttpResponseBuilder {
    response
        .insert_header((CONTENT_TYPE, EVENTS))
        .insert_header((CACHE_CONTROL, HeaderValue::from_static("no-cache")))
        // Proxies that buffer would hold the stream back.
        .insert_header(("x-accel-buffering", "no"))
}

struct Live {
    answer: LiveAnswer,
    drain: std::sync::Arc<Drain>,
    _under_way: UnderWay,
}

fn live_body(
    answer: LiveAnswer,
    drain: std::sync::Arc<Drain>,
    under_way: UnderWay,
) -> impl MessageBody {
    let live = Live {
        answer,
        drain,
        _under_way: under_way,
    };
    BodyStream::new(Box::pin(stream::unfold(Some(live), |live| async move {
        let mut live = live?;
        let piece = tokio::select! {
            biased;
            piece = live.answer.next() => piece,
            () = live.drain.cut() => live.answer.broken(&stopping()),
        };
        let next = match piece {
            Piece::Bytes(bytes) => (bytes, Some(live)),
            Piece::Last(bytes) => (bytes, None),
        };
        Some((Ok::<_, std::convert::Infallible>(next.0), next.1))
    })))
}

fn stopping() -> ApiError {
    let message = "The gateway is stopping; send the request again.";
    ApiError::new(Code::ShuttingDown, message)
}
