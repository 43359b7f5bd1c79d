//! The list of models: in OpenAI's form, and in Anthropic's for clients that name a version of its API.

use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::{Value, json};

use super::{Door, address, caller, reply};
use crate::chat::{Dialect, RequestId};
use crate::dialect::anthropic;
use crate::gateway::error::ApiError;
use crate::gateway::listing::unlisted;
use crate::router::Models;

/// `GET /v1/models`
pub(super) async fn models(request: HttpRequest, door: web::Data<Door>) -> HttpResponse {
    let (id, dialect) = (RequestId::fresh(), address::dialect(request.head()));
    let listed = async {
        caller::caller(&request, &door)?;
        let Models { mut list, missing } = door.gateway.models().await;
        if let (Some(missing), true) = (missing.first(), list.is_empty()) {
            return Err(unlisted(missing));
        }
        list.extend(door.gateway.local_model());
        match dialect {
            Dialect::Messages => Ok(anthropic::models(&list, |name| parameter(&request, name))?),
            _ => Ok(json!({"object": "list", "data": list})),
        }
    };
    told(id, dialect, listed.await)
}

/// `GET /v1/models/{id}`
pub(super) async fn model(
    request: HttpRequest,
    name: web::Path<String>,
    door: web::Data<Door>,
) -> HttpResponse {
    let (id, dialect) = (RequestId::fresh(), address::dialect(request.head()));
    let found = async {
        caller::caller(&request, &door)?;
        let model = door.gateway.model(&name).await?;
        match dialect {
            Dialect::Messages => Ok(anthropic::model(&model)),
            _ => Ok(model),
        }
    };
    told(id, dialect, found.await)
}

fn told(id: RequestId, dialect: Dialect, outcome: Result<Value, ApiError>) -> HttpResponse {
    match outcome {
        Ok(value) => reply::json(id, &value),
        Err(error) => reply::error_in(dialect, id, &error),
    }
}

fn parameter(request: &HttpRequest, name: &str) -> Option<String> {
    let query = web::Query::<Vec<(String, String)>>::from_query(request.query_string()).ok()?;
    let mut found = query
        .into_inner()
        .into_iter()
        .filter(|(known, _)| known == name);
    found.next().map(|(_, value)| value)
}
