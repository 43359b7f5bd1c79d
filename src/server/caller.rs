//! Who is calling: the key out of a request's head, or the open mode's rules.

use actix_web::HttpRequest;
use actix_web::http::Method;
use actix_web::http::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderName, ORIGIN};
use actix_web::http::uri::Authority;

use super::Door;
use crate::gateway::error::{ApiError, Code};
use crate::identity::{Caller, OpenRequest, Role, open_mode_guard};

const X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// The caller of a request.
///
/// # Errors
/// No valid key, or, where none is needed, a request that a foreign page may have sent.
pub(super) fn caller(request: &HttpRequest, door: &Door) -> Result<Caller, ApiError> {
    if door.open && !door.gateway.keyring().demands_key() {
        return open(
            request,
            matches!(*request.method(), Method::POST | Method::PUT),
        );
    }
    keyed(request, door)
}

/// The caller of a request that comes as a form.
///
/// # Errors
/// As [`caller`].
pub(super) fn of_form(request: &HttpRequest, door: &Door) -> Result<Caller, ApiError> {
    if door.open && !door.gateway.keyring().demands_key() {
        // A browser sends forms unasked, but says where from: by an origin, which is looked at, or by this.
        let headers = request.headers();
        let site = headers
            .get("sec-fetch-site")
            .filter(|_| !headers.contains_key(ORIGIN));
        if site.is_some_and(|site| !["same-origin", "none"].iter().any(|own| site == own)) {
            let message = "Without keys a form from another site is refused.";
            return Err(ApiError::new(Code::OpenModeRefused, message));
        }
        return open(request, false);
    }
    keyed(request, door)
}

fn keyed(request: &HttpRequest, door: &Door) -> Result<Caller, ApiError> {
    let Some(key) = key(request) else {
        return Err(ApiError::new(
            Code::InvalidApiKey,
            "An API key is needed: send it as `Authorization: Bearer KEY` or as `x-api-key: KEY`.",
        ));
    };
    door.gateway
        .keyring()
        .authenticate(key)
        .ok_or_else(|| ApiError::new(Code::InvalidApiKey, "The API key is not valid."))
}

/// The caller, who must at least have `role`, and a key if something is changed.
///
/// # Errors
/// As [`caller`], or a role that may not do this.
pub(super) fn with_role(
    request: &HttpRequest,
    door: &Door,
    role: Role,
) -> Result<Caller, ApiError> {
    let caller = caller(request, door)?;
    if caller.is_anonymous() {
        return match *request.method() {
            Method::GET | Method::HEAD => Ok(caller),
            _ => Err(ApiError::new(
                Code::OpenModeRefused,
                "Without keys the admin API is read-only: make a key with `reprise keys create`.",
            )),
        };
    }
    if !caller.role.allows(role) {
        return Err(ApiError::new(Code::Forbidden, "This key may not do that."));
    }
    Ok(caller)
}

/// `json` says that a body must be JSON, which browsers do not send elsewhere unasked.
fn open(request: &HttpRequest, json: bool) -> Result<Caller, ApiError> {
    // Said twice, or in no known letters, is as good as foreign.
    let header = |name| {
        let mut values = request.headers().get_all(&name);
        let first = values.next()?;
        let clear = first.to_str().ok().filter(|_| values.next().is_none());
        Some(clear.unwrap_or("?"))
    };
    open_mode_guard(OpenRequest {
        host: header(HOST),
        authority: request.uri().authority().map(Authority::as_str),
        origin: header(ORIGIN),
        content_type: header(CONTENT_TYPE),
        is_post: json,
    })
    .map_err(|refusal| ApiError::new(Code::OpenModeRefused, refusal.to_string()))?;
    Ok(Caller::anonymous())
}

fn key(request: &HttpRequest) -> Option<&str> {
    let bearer = header(request, AUTHORIZATION).and_then(|value| {
        let (scheme, key) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| key.trim())
    });
    bearer.or_else(|| header(request, X_API_KEY).map(str::trim))
}

fn header(request: &HttpRequest, name: HeaderName) -> Option<&str> {
    request.headers().get(name)?.to_str().ok()
}
