//! The description of the API, as OpenAPI 3.1: what every address takes, gives and demands.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};

use super::{Door, caller, reply};
use crate::chat::RequestId;

/// It is data: whoever changes an address changes it, and the contract tests hold one against the other.
const DOCUMENT: &str = include_str!("../openapi.json");

/// `GET /admin/v1/openapi.json`: for any key.
pub(super) async fn openapi(request: HttpRequest, door: web::Data<Door>) -> HttpResponse {
    let id = RequestId::fresh();
    match caller::caller(&request, &door) {
        Ok(_) => reply::status(StatusCode::OK, id)
            .content_type("application/json")
            .body(DOCUMENT),
        Err(error) => reply::error(id, &error),
    }
}
