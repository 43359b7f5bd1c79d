//! OpenAI's responses: made, continued, read again and deleted. Those of a tenant are kept for a while, unless the
//! request says that they are not.

use std::sync::Arc;

use actix_web::{HttpRequest, HttpResponse, web};
use bytes::Bytes;
use serde_json::{Map, Value, json};

use super::admin::{blocking, finish};
use super::talk::talk;
use super::{Door, caller};
use crate::chat::{ChatRequest, Dialect, RequestId, parse_object};
use crate::dialect::responses;
use crate::gateway::Voice;
use crate::gateway::error::{ApiError, Code};
use crate::identity::Caller;
use crate::work::{Kept, Responses};

/// `POST /v1/responses`
pub(super) async fn create(
    request: HttpRequest,
    payload: web::Payload,
    door: web::Data<Door>,
) -> HttpResponse {
    let who = caller::caller(&request, &door);
    talk(Dialect::Responses, who, request, payload, door).await
}

/// Reads the body of a request for a response, with what it continues. Blocks.
pub(super) fn read(
    kept: Option<&Arc<Responses>>,
    caller: &Caller,
    raw: Bytes,
) -> Result<(ChatRequest, Voice), ApiError> {
    let mut body = parse_object(&raw)?;
    let tenant = caller.tenant.as_str().to_owned();
    let previous = body.get("previous_response_id").and_then(Value::as_str);
    let earlier = match previous {
        Some(id) => found(kept, &tenant, id)?.turns.clone(),
        None => Vec::new(),
    };
    let referred = responses::references(&body);
    let referred = referred
        .iter()
        .filter_map(|id| found(kept, &tenant, id).ok());
    let referred: Vec<Value> = referred.map(|kept| kept.response.clone()).collect();
    responses::resolve(&mut body, &referred);
    let input = input_items(&body);
    let kept = kept.cloned();
    let keep = move |response: &Value, turns: Vec<Value>| {
        let id = response.get("id").and_then(Value::as_str);
        if let (Some(all), Some(id)) = (&kept, id) {
            let response = response.clone();
            let input = input.clone();
            all.keep(
                &tenant,
                id,
                Kept {
                    response,
                    input,
                    turns,
                },
            );
        }
    };
    Ok(Voice::responses(raw, body, &earlier, Box::new(keep))?)
}

fn found(kept: Option<&Arc<Responses>>, tenant: &str, id: &str) -> Result<Arc<Kept>, ApiError> {
    let all = kept.ok_or_else(unavailable)?;
    let found = all.find(tenant, id).map_err(|_| unavailable())?;
    found.ok_or_else(|| ApiError {
        param: Some("previous_response_id".into()),
        ..ApiError::new(
            Code::PreviousResponseNotFound,
            format!("Previous response with id '{}' not found.", shown(id)),
        )
    })
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

/// An id as it is repeated to the client: it may be as long as an address.
fn shown(id: &str) -> String {
    id.chars().take(64).collect()
}

fn unavailable() -> ApiError {
    ApiError::new(Code::StorageFailed, "Stored responses cannot be read now.")
}

/// The items of a request's input, each with an id.
fn input_items(body: &Map<String, Value>) -> Vec<Value> {
    let text = |text: &str| {
        let content = json!([{"type": "input_text", "text": text}]);
        json!({"type": "message", "role": "user", "content": content})
    };
    let items = match body.get("input") {
        Some(Value::String(said)) => vec![text(said)],
        Some(Value::Array(items)) => items.clone(),
        _ => Vec::new(),
    };
    let identified = items.into_iter().map(|mut item| {
        if let Value::Object(item) = &mut item {
            let usual = item
                .get("type")
                .and_then(Value::as_str)
                .unwrap_or("message");
            let prefix = match usual {
                "message" => "msg",
                "reasoning" => "rs",
                "function_call" => "fc",
                _ => "item",
            };
            let usual = usual.to_owned();
            item.entry("type").or_insert_with(|| usual.into());
            let fresh = || format!("{prefix}_{}", uuid::Uuid::new_v4().as_simple()).into();
            item.entry("id").or_insert_with(fresh);
            if prefix == "msg" {
                item.entry("status").or_insert_with(|| "completed".into());
                if let Some(Value::String(said)) = item.get("content") {
                    let content = json!([{"type": "input_text", "text": said}]);
                    item.insert("content".into(), content);
                }
            }
        }
        item
    });
    identified.collect()
}
