//! OpenAI's responses: made, continued, read again and deleted. Those of a tenant are kept for a while, unless the
//! request says that they are not.

use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::{Value, json};

use super::admin::{blocking, finish};
use super::talk::talk;
use super::{Door, caller};
use crate::chat::{Dialect, RequestId};
use crate::gateway::error::{ApiError, Code};
use crate::work::{Kept, shown, unavailable};

/// `POST /v1/responses`
pub(super) async fn create(
    request: HttpRequest,
    payload: web::Payload,
    door: web::Data<Door>,
) -> HttpResponse {
    let who = caller::caller(&request, &door);
    talk(Dialect::Responses, who, request, payload, door).await
}

/// `GET /v1/responses/{id}`
pub(super) async fn retrieve(
    request: HttpRequest,
    name: web::Path<String>,
    door: web::Data<Door>,
) -> HttpResponse {
    of_one(request, name, door, |kept| kept.response.clone()).await
}

/// `GET /v1/responses/{id}/input_items`
pub(super) async fn input(
    request: HttpRequest,
    name: web::Path<String>,
    door: web::Data<Door>,
) -> HttpResponse {
    of_one(request, name, door, |kept| {
        let id = |item: Option<&Value>| item.and_then(|i| i.get("id")).cloned();
        json!({"object": "list", "data": kept.input, "has_more": false,
            "first_id": id(kept.input.first()), "last_id": id(kept.input.last())})
    })
    .await
}

/// `DELETE /v1/responses/{id}`
pub(super) async fn delete(
    request: HttpRequest,
    name: web::Path<String>,
    door: web::Data<Door>,
) -> HttpResponse {
    let id = RequestId::fresh();
    let deleted = async {
        let caller = caller::caller(&request, &door)?;
        let all = door.responses.clone().ok_or_else(unavailable)?;
        blocking(move || {
            let tenant = caller.tenant.as_str();
            match all.delete(tenant, &name).map_err(|_| unavailable())? {
                true => Ok(json!({"id": *name, "object": "response", "deleted": true})),
                false => Err(unknown(&name)),
            }
        })
        .await
    };
    finish(id, deleted.await)
}

async fn of_one(
    request: HttpRequest,
    name: web::Path<String>,
    door: web::Data<Door>,
    told: impl FnOnce(&Kept) -> Value + Send + 'static,
) -> HttpResponse {
    let id = RequestId::fresh();
    let read = async {
        let caller = caller::caller(&request, &door)?;
        let all = door.responses.clone().ok_or_else(unavailable)?;
        blocking(move || {
            let tenant = caller.tenant.as_str();
            let kept = all.find(tenant, &name).map_err(|_| unavailable())?;
            kept.map(|kept| told(&kept)).ok_or_else(|| unknown(&name))
        })
        .await
    };
    finish(id, read.await)
}

fn unknown(id: &str) -> ApiError {
    let message = format!("Response with id '{}' not found.", shown(id));
    ApiError::new(Code::NotFound, message)
}
