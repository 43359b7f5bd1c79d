//! Conversations whose requests need nothing but their bodies: chat completions, older completions and Anthropic's
//! messages.

use actix_web::{HttpRequest, HttpResponse, web};

use super::talk::talk;
use super::{Door, caller};
use crate::chat::Dialect;

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
