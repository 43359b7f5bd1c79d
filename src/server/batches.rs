//! OpenAI's batches: begun, looked at and cancelled.

use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::Value;

use super::admin::{blocking, finish, query};
use super::files::work;
use super::{Door, body, caller, talk};
use crate::chat::RequestId;
use crate::gateway::error::ApiError;
use crate::work::{Batches, NewBatch, Page};

/// `POST /v1/batches`
pub(super) async fn create(
    request: HttpRequest,
    payload: web::Payload,
    door: web::Data<Door>,
) -> HttpResponse {
    let created = async {
        let caller = caller::caller(&request, &door)?;
        let body = body::read(&request, payload, door.limits).await?;
        let head = talk::lasting(&request)?;
        let batches = work(&door)?.batches.clone();
        let asked = NewBatch::parse(&body)?;
        blocking(move || batches.create(&caller, head, asked)).await
    };
    finish(RequestId::fresh(), created.await)
}

/// `GET /v1/batches`
pub(super) async fn list(request: HttpRequest, door: web::Data<Door>) -> HttpResponse {
    let listed = async {
        let caller = caller::caller(&request, &door)?;
        let batches = work(&door)?.batches.clone();
        let page = Page::asked(&query::<Vec<_>>(&request)?, &["limit", "after"])?;
        blocking(move || batches.list(caller.tenant.as_str(), &page)).await
    };
    finish(RequestId::fresh(), listed.await)
}

/// `GET /v1/batches/{id}`
pub(super) async fn retrieve(
    request: HttpRequest,
    name: web::Path<String>,
    door: web::Data<Door>,
) -> HttpResponse {
    of_one(request, name, door, Batches::find).await
}

/// `POST /v1/batches/{id}/cancel`
pub(super) async fn cancel(
    request: HttpRequest,
    name: web::Path<String>,
    door: web::Data<Door>,
) -> HttpResponse {
    of_one(request, name, door, Batches::cancel).await
}

async fn of_one(
    request: HttpRequest,
    name: web::Path<String>,
    door: web::Data<Door>,
    work_on: fn(&Batches, &str, &str) -> Result<Value, ApiError>,
) -> HttpResponse {
    let done = async {
        let caller = caller::caller(&request, &door)?;
        let batches = work(&door)?.batches.clone();
        blocking(move || work_on(&batches, caller.tenant.as_str(), &name)).await
    };
    finish(RequestId::fresh(), done.await)
}
