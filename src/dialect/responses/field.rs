//! Reads members of a client's JSON by type; a fault names the member's path.

use serde_json::{Map, Value};

use crate::chat::InvalidRequest;

pub(super) type Object = Map<String, Value>;

/// The member `name` of `object`, where null says as much as nothing.
pub(super) fn given<'a>(object: &'a Object, name: &str) -> Option<&'a Value> {
    object.get(name).filter(|value| !value.is_null())
}

/// `name` as a member of what stands at `at`.
pub(super) fn path(at: &str, name: &str) -> String {
    if at.is_empty() {
        return name.to_owned();
    }
    format!("{at}.{name}")
}

pub(super) fn text<'a>(
    object: &'a Object,
    at: &str,
    name: &str,
) -> Result<Option<&'a str>, InvalidRequest> {
    let Some(value) = given(object, name) else {
        return Ok(None);
    };
    let text = value.as_str();
    text.map(Some)
        .ok_or_else(|| wrong(path(at, name), "a string"))
}

pub(super) fn required<'a>(
    object: &'a Object,
    at: &str,
    name: &str,
) -> Result<&'a str, InvalidRequest> {
    text(object, at, name)?.ok_or_else(|| missing(path(at, name)))
}

pub(super) fn boolean(
    object: &Object,
    at: &str,
    name: &str,
) -> Result<Option<bool>, InvalidRequest> {
    let Some(value) = given(object, name) else {
        return Ok(None);
    };
    let fits = value.as_bool();
    fits.map(Some)
        .ok_or_else(|| wrong(path(at, name), "a boolean"))
}

pub(super) fn array<'a>(
    object: &'a Object,
    at: &str,
    name: &str,
) -> Result<Option<&'a [Value]>, InvalidRequest> {
    let Some(value) = given(object, name) else {
        return Ok(None);
    };
    let items = value.as_array().map(Vec::as_slice);
    items
        .map(Some)
        .ok_or_else(|| wrong(path(at, name), "an array"))
}

pub(super) fn object<'a>(value: &'a Value, at: &str) -> Result<&'a Object, InvalidRequest> {
    value.as_object().ok_or_else(|| wrong(at, "an object"))
}

/// Refuses what `object` says beyond `known`.
pub(super) fn only(object: &Object, at: &str, known: &[&str]) -> Result<(), InvalidRequest> {
    let mut all = object.iter().filter(|(_, value)| !value.is_null());
    match all.find(|(name, _)| !known.contains(&name.as_str())) {
        Some((name, _)) => Err(unavailable(path(at, name))),
        None => Ok(()),
    }
}

pub(super) fn missing(at: impl Into<String>) -> InvalidRequest {
    let at = at.into();
    let message = format!("`{at}` is required.");
    InvalidRequest::at(at, message)
}

pub(super) fn wrong(at: impl Into<String>, expected: &str) -> InvalidRequest {
    let at = at.into();
    let message = format!("`{at}` must be {expected}.");
    InvalidRequest::at(at, message)
}

/// The refusal of a member that means something which no model here can be told.
pub(super) fn unavailable(at: impl Into<String>) -> InvalidRequest {
    let at = at.into();
    let message = format!("`{at}` is not available here; leave it out.");
    InvalidRequest::at(at, message)
}

/// The same for one value of a member that is known otherwise.
pub(super) fn unavailable_value(
    at: impl Into<String>,
    value: &str,
    instead: &str,
) -> InvalidRequest {
    let at = at.into();
    let message = format!("`{value}` is not available here as `{at}`; {instead}.");
    InvalidRequest::at(at, message)
}
