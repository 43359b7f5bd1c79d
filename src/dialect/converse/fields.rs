//! Members of a canonical request: whether they say anything, and the refusals that name them.

use serde_json::{Map, Value};

use super::NAME;
use crate::chat::InvalidRequest;
use crate::dialect::inexpressible;

/// The refusal of a field that the dialect has no word for.
pub(super) fn refused(path: impl Into<String>) -> InvalidRequest {
    inexpressible(path, NAME)
}

/// The refusal of a field of another type than `expected`.
pub(super) fn wrong(path: impl Into<String>, expected: &str) -> InvalidRequest {
    let path = path.into();
    let message = format!("`{path}` must be {expected}.");
    InvalidRequest::at(path, message)
}

/// Whether a value means anything: null and what is empty are as good as absent.
pub(super) fn says(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(members) => !members.is_empty(),
        _ => true,
    }
}

/// The member `name` if it means anything.
pub(super) fn said<'a>(members: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    members.get(name).filter(|value| says(value))
}

/// The same member, not null: empty it means something too.
pub(super) fn given<'a>(members: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    members.get(name).filter(|value| !value.is_null())
}

/// Refuses the first member that means something and is not `known`.
pub(super) fn only(
    members: &Map<String, Value>,
    at: &str,
    known: &[&str],
) -> Result<(), InvalidRequest> {
    let more = |(name, value): &(&String, &Value)| !known.contains(&name.as_str()) && says(value);
    match members.iter().find(more) {
        Some((name, _)) => Err(refused(format!("{at}.{name}"))),
        None => Ok(()),
    }
}

/// The object at `at`.
pub(super) fn object<'a>(
    value: &'a Value,
    at: &str,
) -> Result<&'a Map<String, Value>, InvalidRequest> {
    value.as_object().ok_or_else(|| wrong(at, "an object"))
}

/// The object under `name`, which must be there.
pub(super) fn object_in<'a>(
    members: &'a Map<String, Value>,
    at: &str,
    name: &str,
) -> Result<&'a Map<String, Value>, InvalidRequest> {
    let value = members.get(name).unwrap_or(&Value::Null);
    object(value, &format!("{at}.{name}"))
}

/// The string under `name`, which must be there.
pub(super) fn string_in<'a>(
    members: &'a Map<String, Value>,
    at: &str,
    name: &str,
) -> Result<&'a str, InvalidRequest> {
    let value = members.get(name).and_then(Value::as_str);
    value.ok_or_else(|| wrong(format!("{at}.{name}"), "a string"))
}

/// The string under `name`, if there is one.
pub(super) fn optional<'a>(
    members: &'a Map<String, Value>,
    at: &str,
    name: &str,
) -> Result<Option<&'a str>, InvalidRequest> {
    match given(members, name) {
        None => Ok(None),
        Some(_) => string_in(members, at, name).map(Some),
    }
}
