//! The OpenAI dialect: chat completions and the list of models.

use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::{Value, json};

use super::talk::talk;
use super::{Door, caller, reply};
use crate::chat::{Dialect, RequestId};
use crate::gateway::error::{ApiError, Code};
use crate::router::Models;

/// `POST /v1/chat/completions`
pub(super) async fn chat(
    request: HttpRequest,
    payload: web::Payload,
    door: web::Data<Door>,
) -> HttpResponse {
    let who = caller::caller(&request, &door);
    talk(Dialect::Chat, who, request, payload, door).await
}

/// `POST /v1/completions`
pub(super) async fn completions(
    request: HttpRequest,
    payload: web::Payload,
    door: web::Data<Door>,
) -> HttpResponse {
    let who = caller::caller(&request, &door);
    talk(Dialect::Completions, who, request, payload, door).await
}

/// `POST /v1/messages`, Anthropic's.
pub(super) async fn messages(
    request: HttpRequest,
    payload: web::Payload,
    door: web::Data<Door>,
) -> HttpResponse {
    let who = caller::caller(&request, &door);
    talk(Dialect::Messages, who, request, payload, door).await
}

/// `GET /v1/models`
pub(super) async fn models(request: HttpRequest, door: web::Data<Door>) -> HttpResponse {
    let id = RequestId::fresh();
    if let Err(error) = caller::caller(&request, &door) {
        return reply::error(id, &error);
    }
    match door.gateway.models().await {
        Models {
            list,
            missing: Some(failure),
        } if list.is_empty() => reply::error(id, &ApiError::from(&failure)),
        Models { list, .. } => reply::json(id, &json!({"object": "list", "data": list})),
    }
}

/// `GET /v1/models/{id}`
pub(super) async fn model(
    request: HttpRequest,
    name: web::Path<String>,
    door: web::Data<Door>,
) -> HttpResponse {
    let id = RequestId::fresh();
    if let Err(error) = caller::caller(&request, &door) {
        return reply::error(id, &error);
    }
    let models = door.gateway.models().await;
    let named = |m: &&Value| m.get("id").and_then(Value::as_str) == Some(name.as_str());
    match (models.list.iter().find(named), models.missing) {
        (Some(model), _) => reply::json(id, model),
        // It may be one of those that nobody could tell of.
        (None, Some(failure)) => reply::error(id, &ApiError::from(&failure)),
        (None, None) => {
            let mut error = ApiError::new(
                Code::ModelNotFound,
                format!("The model `{name}` does not exist here."),
            );
            error.param = Some("model".into());
            reply::error(id, &error)
        }
    }
}
