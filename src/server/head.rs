//! What the head of every request must be, whatever its address: of a size, and of a client that
//! goes on to speak HTTP.

use actix_web::dev::ServiceRequest;
use actix_web::http::header::UPGRADE;
use actix_web::http::{ConnectionType, Method};
use actix_web::{HttpResponse, web};

use super::{Door, address, refusal, reply};
use crate::chat::RequestId;
use crate::gateway::error::{ApiError, Code};

/// The answer to a head that is not heard at any address.
pub(super) fn refused(request: &ServiceRequest) -> Option<HttpResponse> {
    let (error, closes) = if is_too_large(request) {
        (refusal::error(Code::HeadersTooLarge), false)
    } else if leaves_http(request) {
        let message = "This address speaks plain HTTP only.";
        (ApiError::new(Code::InvalidRequest, message), true)
    } else {
        return None;
    };
    if let Some(door) = request.app_data::<web::Data<Door>>() {
        door.gateway.metrics().error(error.code.as_str());
    }
    let dialect = address::dialect(request.head());
    let mut answer = reply::error_in(dialect, RequestId::fresh(), &error);
    if closes {
        answer.head_mut().set_connection_type(ConnectionType::Close);
    }
    Some(answer)
}

/// Whether the headers are too large together; the library holds their number.
fn is_too_large(request: &ServiceRequest) -> bool {
    let headers = request.headers().iter();
    let bytes: usize = headers
        .map(|(name, value)| name.as_str().len() + value.len() + 4)
        .sum();
    bytes > refusal::HEAD_KIB * 1024
}

/// Whether the library takes all that follows on the connection for this request's body, which
/// then has no end. Any other upgrade is an offer that a server may leave: clients make them
/// (`h2c`) and go on in HTTP/1.1.
fn leaves_http(request: &ServiceRequest) -> bool {
    let mut upgrades = request.headers().get_all(UPGRADE);
    let websocket = |name: &[u8]| name.trim_ascii().eq_ignore_ascii_case(b"websocket");
    request.method() == Method::CONNECT || upgrades.any(|value| websocket(value.as_bytes()))
}
