//! Reads a request's body, within its limits of size and time.

use actix_web::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use actix_web::{HttpRequest, web};
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, de};

use super::Limits;
use crate::gateway::error::{ApiError, Code};

/// Reads the whole body.
///
/// # Errors
/// Too large (told before it is read where its length is declared), too slow, cut short, or of
/// another type than JSON.
pub(super) async fn read(
    request: &HttpRequest,
    payload: web::Payload,
    limits: Limits,
) -> Result<Bytes, ApiError> {
    check_kind(request, &["application/json"])?;
    whole(request, payload, limits).await
}

/// The same of lines of JSON.
///
/// # Errors
/// As [`read`].
pub(super) async fn read_lines(
    request: &HttpRequest,
    payload: web::Payload,
    limits: Limits,
) -> Result<Bytes, ApiError> {
    let kinds = [
        "application/x-ndjson",
        "application/jsonl",
        "application/json",
    ];
    check_kind(request, &kinds)?;
    whole(request, payload, limits).await
}

/// Parses an object. A list of values in the order of its members, which derived readers take as well, is none.
///
/// # Errors
/// What does not fit.
pub(super) fn object<T: DeserializeOwned>(body: &[u8]) -> Result<T, serde_json::Error> {
    match body.trim_ascii_start().first() {
        Some(b'{') => serde_json::from_slice(body),
        _ => Err(de::Error::custom("it is no JSON object")),
    }
}

/// The same of a member.
///
/// # Errors
/// What does not fit.
pub(super) fn member<'de, D: Deserializer<'de>, T: DeserializeOwned>(
    value: D,
) -> Result<T, D::Error> {
    let object = serde_json::Map::deserialize(value)?;
    serde_json::from_value(object.into()).map_err(de::Error::custom)
}

async fn whole(
    request: &HttpRequest,
    mut payload: web::Payload,
    limits: Limits,
) -> Result<Bytes, ApiError> {
    let declared = request.headers().get(CONTENT_LENGTH);
    let declared = declared.and_then(|l| l.to_str().ok()?.parse::<usize>().ok());
    if declared.is_some_and(|length| length > limits.body_bytes) {
        return Err(too_large(limits));
    }
    let mut body = BytesMut::with_capacity(declared.unwrap_or(0).min(64 * 1024));
    let reading = async {
        while let Some(part) = payload.next().await {
            let part = part.map_err(|_| {
                ApiError::new(
                    Code::InvalidRequest,
                    "The request body ended before its time.",
                )
            })?;
            // A body that came in one piece is not copied.
            if body.is_empty() && declared == Some(part.len()) {
                // The dispatcher must see the end of the payload, or it closes the connection.
                drop(payload.next().await);
                return Ok(part);
            }
            if body.len() + part.len() > limits.body_bytes {
                return Err(too_large(limits));
            }
            body.extend_from_slice(&part);
        }
        Ok(body.freeze())
    };
    match tokio::time::timeout(limits.body_time, reading).await {
        Ok(read) => read,
        Err(_) => Err(ApiError::new(
            Code::RequestTimeout,
            "The request body did not arrive in time.",
        )),
    }
}

/// Checks what the head says of the body.
fn check_kind(request: &HttpRequest, kinds: &[&str]) -> Result<(), ApiError> {
    let headers = request.headers();
    if headers.contains_key(CONTENT_ENCODING) {
        return Err(ApiError::new(
            Code::InvalidRequest,
            "A compressed request body is not accepted.",
        ));
    }
    let kind = headers.get(CONTENT_TYPE).and_then(|v| v.to_str().ok());
    let json = kind.is_none_or(|kind| {
        let essence = kind.split(';').next().unwrap_or("").trim();
        kinds.iter().any(|kind| essence.eq_ignore_ascii_case(kind))
    });
    if !json {
        return Err(ApiError::new(
            Code::InvalidRequest,
            format!("The content type must be {}.", kinds[0]),
        ));
    }
    Ok(())
}

fn too_large(limits: Limits) -> ApiError {
    ApiError::new(
        Code::RequestTooLarge,
        format!(
            "The request body is larger than {} bytes.",
            limits.body_bytes
        ),
    )
}
