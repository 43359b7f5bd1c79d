//! Requests whose answer is fetched later: taken down at once, looked at and cancelled under an address of their own.

use std::time::Instant;

use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_TYPE, LOCATION, RETRY_AFTER};
use actix_web::{HttpRequest, HttpResponse, web};
use bytes::Bytes;
use serde_json::json;

use super::admin::blocking;
use super::files::work;
use super::talk::{ASYNC, WEBHOOK, lasting, leaving, read};
use super::{Door, caller, reply};
use crate::chat::{ChatRequest, Dialect, RequestId};
use crate::gateway::error::{ApiError, Code};
use crate::identity::Caller;
use crate::work::{Ended, NewJob};

/// Whether a request's head asks for its answer to come later, or for what only such requests have.
pub(super) fn wanted(request: &HttpRequest) -> bool {
    let headers = request.headers();
    headers.contains_key(ASYNC) || headers.contains_key(WEBHOOK)
}

/// The body of a request that may be answered later.
fn fit(request: &ChatRequest, most: usize) -> Result<Bytes, ApiError> {
    if request.stream() {
        let message = "What is answered later cannot stream.";
        return Err(ApiError {
            param: Some("stream".into()),
            ..ApiError::new(Code::InvalidRequest, message)
        });
    }
    let body = request.raw();
    if body.len() > most {
        let message = format!("What is answered later may have {most} bytes.");
        return Err(ApiError::new(Code::RequestTooLarge, message));
    }
    Ok(body.clone())
}

/// Takes a request down, checked as if it were answered at once.
pub(super) async fn accept(
    dialect: Dialect,
    who: Result<Caller, ApiError>,
    request: HttpRequest,
    payload: web::Payload,
    door: web::Data<Door>,
) -> HttpResponse {
    let id = RequestId::fresh();
    let Some(_under_way) = door.drain.enter() else {
        return reply::error_in(dialect, id, &leaving());
    };
    let accepted = async {
        let work = work(&door)?;
        let caller = who?;
        let webhook = wishes(&request)?;
        if let Some(url) = &webhook {
            work.jobs.check_webhook(url)?;
        }
        // Those whom no key stands for could not be told from others later.
        if !door.gateway.keyring().admits(&caller) {
            return Err(bad(ASYNC, "needs a key that is kept here"));
        }
        let ask = read(
            dialect,
            (id, Instant::now()),
            caller.clone(),
            (&request, payload),
            &door,
        )
        .await?;
        let body = fit(&ask.request, work.jobs.body_limit())?;
        door.gateway.vet(ask)?;
        let new = NewJob {
            caller,
            dialect,
            head: lasting(&request)?,
            body,
            webhook,
        };
        let jobs = work.jobs.clone();
        let after = jobs.retry_after_s();
        let (name, shown) = blocking(move || jobs.accept(new)).await?;
        Ok((name, shown, after))
    };
    match accepted.await {
        Ok((name, shown, after)) => reply::status(StatusCode::ACCEPTED, id)
            .insert_header((LOCATION, format!("/v1/jobs/{name}")))
            .insert_header((RETRY_AFTER, after.to_string()))
            .insert_header((CONTENT_TYPE, "application/json"))
            .body(shown),
        Err(error) => {
            door.gateway.metrics().error(error.code.as_str());
            reply::error_in(dialect, id, &error)
        }
    }
}

/// Whom to tell, of a request that is to be answered later.
fn wishes(request: &HttpRequest) -> Result<Option<String>, ApiError> {
    let one = |name: &'static str| {
        let mut values = request.headers().get_all(name);
        let Some(first) = values.next() else {
            return Ok(None);
        };
        let text = first.to_str().ok().filter(|_| values.next().is_none());
        let text = text.ok_or_else(|| bad(name, "must be one text"))?;
        Ok(Some(text.trim().to_owned()))
    };
    match one(ASYNC)?.as_deref() {
        Some("true") => one(WEBHOOK),
        None => Err(bad(WEBHOOK, "goes with `x-reprise-async: true` alone")),
        Some(_) => Err(bad(ASYNC, "must be `true`, or left out")),
    }
}

fn bad(header: &str, what: &str) -> ApiError {
    ApiError {
        param: Some(header.into()),
        ..ApiError::new(Code::InvalidHeader, format!("`{header}` {what}."))
    }
}

/// `GET /v1/jobs/{id}`
pub(super) async fn retrieve(
    request: HttpRequest,
    name: web::Path<String>,
    door: web::Data<Door>,
) -> HttpResponse {
    let id = RequestId::fresh();
    let found = async {
        let caller = caller::caller(&request, &door)?;
        let jobs = work(&door)?.jobs.clone();
        let after = jobs.retry_after_s();
        let shown = blocking(move || jobs.find(caller.tenant.as_str(), &name)).await?;
        Ok((shown, after))
    };
    match found.await {
        Ok((shown, after)) => reply::status(StatusCode::OK, id)
            .insert_header((RETRY_AFTER, after.to_string()))
            .insert_header((CONTENT_TYPE, "application/json"))
            .body(shown),
        Err(error) => reply::error(id, &error),
    }
}

/// `DELETE /v1/jobs/{id}`
pub(super) async fn end(
    request: HttpRequest,
    name: web::Path<String>,
    door: web::Data<Door>,
) -> HttpResponse {
    let id = RequestId::fresh();
    let ended = async {
        let caller = caller::caller(&request, &door)?;
        let jobs = work(&door)?.jobs.clone();
        blocking(move || {
            Ok(match jobs.end(caller.tenant.as_str(), &name)? {
                Ended::Cancelled(shown) => shown,
                Ended::Forgotten => {
                    json!({"id": *name, "object": "reprise.job", "deleted": true}).to_string()
                }
            })
        })
        .await
    };
    match ended.await {
        Ok(shown) => reply::status(StatusCode::OK, id)
            .insert_header((CONTENT_TYPE, "application/json"))
            .body(shown),
        Err(error) => reply::error(id, &error),
    }
}
