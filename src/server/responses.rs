//! OpenAI's responses: made, continued, read again and deleted. Those of a tenant are kept for a while, unless the
//! request says that they are not.

use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::{Value, json};

use super::admin::{blocking, finish, query};
use super::talk::talk;
use super::{Door, caller};
use crate::chat::{Dialect, RequestId};
use crate::gateway::error::{ApiError, Code};
use crate::work::{Kept, Order, Page, shown, unavailable};

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
    let asked = query::<Vec<(String, String)>>(&request);
    let asked = asked.and_then(|asked| at_once_only(&asked));
    match asked {
        Ok(()) => of_one(request, name, door, |kept| Ok(kept.response.clone())).await,
        Err(error) => finish(RequestId::fresh(), Err::<Value, _>(error)),
    }
}

/// `GET /v1/responses/{id}/input_items`
pub(super) async fn input(
    request: HttpRequest,
    name: web::Path<String>,
    door: web::Data<Door>,
) -> HttpResponse {
    let asked = query::<Vec<_>>(&request);
    let page = match asked.and_then(|asked| Page::asked(&asked, &["limit", "after", "order"])) {
        Ok(page) => page,
        Err(error) => return finish(RequestId::fresh(), Err::<Value, _>(error)),
    };
    of_one(request, name, door, move |kept| page_of(&kept.input, &page)).await
}

/// Refuses what would be told as a stream: of a response that was made only its end is kept.
fn at_once_only(asked: &[(String, String)]) -> Result<(), ApiError> {
    let streams = |(name, value): &&(String, String)| match name.as_str() {
        "stream" => value != "false",
        name => name == "starting_after",
    };
    match asked.iter().find(streams) {
        None => Ok(()),
        Some((name, _)) => Err(ApiError {
            param: Some(name.clone()),
            ..ApiError::new(
                Code::InvalidRequest,
                format!("`{name}`: a response that was made is told whole, not as a stream."),
            )
        }),
    }
}

/// A page of a request's items, the last one first unless it says otherwise.
fn page_of(input: &[Value], page: &Page) -> Result<Value, ApiError> {
    let limit = page.limit.unwrap_or(20);
    if !(1..=100).contains(&limit) {
        return Err(ApiError {
            param: Some("limit".into()),
            ..ApiError::new(Code::InvalidRequest, "`limit` must be from 1 to 100.")
        });
    }
    let mut items: Vec<&Value> = input.iter().collect();
    if page.order == Order::Desc {
        items.reverse();
    }
    if let Some(after) = &page.after {
        let is = |item: &&Value| item.get("id").and_then(Value::as_str) == Some(after);
        let at = items.iter().position(is).ok_or_else(|| ApiError {
            param: Some("after".into()),
            ..ApiError::new(
                Code::InvalidRequest,
                "`after` is the id of none of the items.",
            )
        })?;
        items.drain(..=at);
    }
    let more = items.len() > limit;
    items.truncate(limit);
    let id = |item: Option<&&Value>| item.and_then(|i| i.get("id")).cloned();
    Ok(json!({"object": "list", "data": items, "has_more": more,
        "first_id": id(items.first()), "last_id": id(items.last())}))
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
    told: impl FnOnce(&Kept) -> Result<Value, ApiError> + Send + 'static,
) -> HttpResponse {
    let id = RequestId::fresh();
    let read = async {
        let caller = caller::caller(&request, &door)?;
        let all = door.responses.clone().ok_or_else(unavailable)?;
        blocking(move || {
            let tenant = caller.tenant.as_str();
            let kept = all.find(tenant, &name).map_err(|_| unavailable())?;
            told(&*kept.ok_or_else(|| unknown(&name))?)
        })
        .await
    };
    finish(id, read.await)
}

fn unknown(id: &str) -> ApiError {
    let message = format!("Response with id '{}' not found.", shown(id));
    ApiError::new(Code::NotFound, message)
}
