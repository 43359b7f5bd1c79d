//! The endpoints beside conversations: vectors, moderations, and the count of a conversation's tokens.

use std::time::Instant;

use actix_web::{HttpRequest, HttpResponse, web};

use super::talk::{ASYNC, answered, client_headers, joined, known};
use super::{Door, body, caller, jobs};
use crate::cache::controls::Controls;
use crate::chat::{Dialect, RequestId};
use crate::gateway::ask::ROUTE;
use crate::gateway::endpoints::EndpointAsk;
use crate::gateway::error::{ApiError, Code};
use crate::gateway::head::forced;
use crate::identity::Caller;
use crate::provider::Endpoint;
use crate::telemetry::Stage;

/// `POST /v1/embeddings`
pub(super) async fn embeddings(
    request: HttpRequest,
    payload: web::Payload,
    door: web::Data<Door>,
) -> HttpResponse {
    answer(
        (Endpoint::Embeddings, Dialect::Chat),
        request,
        payload,
        door,
    )
    .await
}

/// `POST /v1/moderations`
pub(super) async fn moderations(
    request: HttpRequest,
    payload: web::Payload,
    door: web::Data<Door>,
) -> HttpResponse {
    answer(
        (Endpoint::Moderations, Dialect::Chat),
        request,
        payload,
        door,
    )
    .await
}

/// `POST /v1/messages/count_tokens`
pub(super) async fn count_tokens(
    request: HttpRequest,
    payload: web::Payload,
    door: web::Data<Door>,
) -> HttpResponse {
    answer(
        (Endpoint::CountTokens, Dialect::Messages),
        request,
        payload,
        door,
    )
    .await
}

async fn answer(
    (endpoint, dialect): (Endpoint, Dialect),
    request: HttpRequest,
    payload: web::Payload,
    door: web::Data<Door>,
) -> HttpResponse {
    let (id, started) = (RequestId::fresh(), Instant::now());
    let who = caller::caller(&request, &door);
    let asked = Box::pin(async {
        let ask = read(id, who?, (&request, payload), &door).await?;
        door.gateway
            .metrics()
            .stage(Stage::Parse, started.elapsed());
        door.gateway.answer_at(endpoint, ask).await
    });
    answered(dialect, (id, started), &door, asked).await
}

async fn read(
    id: RequestId,
    caller: Caller,
    (request, payload): (&HttpRequest, web::Payload),
    door: &Door,
) -> Result<EndpointAsk, ApiError> {
    let body = body::read(request, payload, door.limits).await?;
    known(request)?;
    if jobs::wanted(request) {
        let told = "Here each request is answered at once.";
        return Err(ApiError {
            param: Some(ASYNC.into()),
            ..ApiError::new(Code::InvalidHeader, told)
        });
    }
    Ok(EndpointAsk {
        id,
        caller,
        body,
        controls: Controls::parse(|name| joined(request, name))?,
        forced: forced(joined(request, ROUTE))?,
        headers: client_headers(request),
    })
}
