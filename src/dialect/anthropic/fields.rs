//! Fields of a JSON object as a client writes them, checked for type: a null is as good as nothing, and a fault
//! names the field by its path.

use serde_json::{Map, Value};

use crate::chat::InvalidRequest;

/// The member, unless it is null.
pub(super) fn given<'a>(object: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    object.get(name).filter(|value| !value.is_null())
}

/// The member as text, if it is one.
pub(super) fn text<'a>(object: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    object.get(name).and_then(Value::as_str)
}

/// Whether leaving this value out would change nothing.
pub(super) fn says_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
        _ => false,
    }
}

/// The first member that says something and is not `known`.
pub(super) fn unknown<'a>(object: &'a Map<String, Value>, known: &[&str]) -> Option<&'a str> {
    let mut members = object.iter();
    let other =
        members.find(|(name, value)| !known.contains(&name.as_str()) && !says_nothing(value));
    other.map(|(name, _)| name.as_str())
}

/// `name` behind `at`; `at` is empty at the top.
pub(super) fn path(at: &str, name: &str) -> String {
    if at.is_empty() {
        name.to_owned()
    } else {
        format!("{at}.{name}")
    }
}

pub(super) fn missing(path: impl Into<String>) -> InvalidRequest {
    let path = path.into();
    let message = format!("`{path}` is required.");
    InvalidRequest::at(path, message)
}

pub(super) fn wrong(path: impl Into<String>, expected: &str) -> InvalidRequest {
    let path = path.into();
    let message = format!("`{path}` must be {expected}.");
    InvalidRequest::at(path, message)
}

pub(super) fn object<'a>(
    at: &str,
    value: &'a Value,
) -> Result<&'a Map<String, Value>, InvalidRequest> {
    value.as_object().ok_or_else(|| wrong(at, "an object"))
}

pub(super) fn array<'a>(at: &str, value: &'a Value) -> Result<&'a [Value], InvalidRequest> {
    let items = value.as_array().map(Vec::as_slice);
    items.ok_or_else(|| wrong(at, "an array"))
}

/// A text that must be there.
pub(super) fn required<'a>(
    object: &'a Map<String, Value>,
    at: &str,
    name: &str,
) -> Result<&'a str, InvalidRequest> {
    match given(object, name) {
        Some(Value::String(text)) => Ok(text),
        Some(_) => Err(wrong(path(at, name), "a string")),
        None => Err(missing(path(at, name))),
    }
}

/// An object that must be there.
pub(super) fn required_object<'a>(
    holder: &'a Map<String, Value>,
    at: &str,
    name: &str,
) -> Result<&'a Map<String, Value>, InvalidRequest> {
    let value = given(holder, name).ok_or_else(|| missing(path(at, name)))?;
    object(&path(at, name), value)
}

pub(super) fn boolean(path: &str, value: &Value) -> Result<bool, InvalidRequest> {
    value.as_bool().ok_or_else(|| wrong(path, "a boolean"))
}

/// Copies an object under `name`, if there is one.
pub(super) fn copy_object(
    from: &Map<String, Value>,
    at: &str,
    name: &str,
    to: &mut Map<String, Value>,
) -> Result<(), InvalidRequest> {
    if let Some(value) = given(from, name) {
        object(&path(at, name), value)?;
        to.insert(name.to_owned(), value.clone());
    }
    Ok(())
}
