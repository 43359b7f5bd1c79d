//! What more than one file of this dialect has to do with.

mod answers;
mod bodies;
mod events;
mod faults;
mod requests;
mod streams;
mod writing;

use serde_json::{Map, Value, json};

use super::{body, request};
use crate::dialect::Target;

pub(super) const TARGET: Target<'static> = Target {
    model: "m",
    stream: false,
    max_tokens: 4096,
};

pub(super) fn object(value: &Value) -> &Map<String, Value> {
    value.as_object().unwrap()
}

pub(super) fn read(body: &Value) -> Value {
    Value::Object(request(object(body)).unwrap())
}

pub(super) fn written(canonical: &Value) -> Value {
    Value::Object(body(object(canonical), &TARGET).unwrap())
}

/// A client's body with these messages.
pub(super) fn asking(messages: &Value) -> Value {
    json!({"model": "m", "max_tokens": 9, "messages": messages})
}

pub(super) fn with(name: &str, value: Value) -> Value {
    let mut body = asking(&json!([{"role": "user", "content": "hi"}]));
    body[name] = value;
    body
}

pub(super) fn chat(messages: Value) -> Value {
    json!({"model": "m", "messages": messages})
}

pub(super) fn chat_with(name: &str, value: Value) -> Value {
    let mut canonical = chat(json!([{"role": "user", "content": "hi"}]));
    canonical[name] = value;
    canonical
}

/// The field that a client's body is at fault for.
pub(super) fn fault(body: &Value) -> String {
    request(object(body)).unwrap_err().param.unwrap_or_default()
}

/// The field that the API cannot express.
pub(super) fn refused(canonical: &Value) -> String {
    body(object(canonical), &TARGET)
        .unwrap_err()
        .param
        .unwrap_or_default()
}

#[track_caller]
pub(super) fn comes_back(body: &Value) {
    let canonical = read(body);
    assert_eq!(&written(&canonical), body, "{canonical}");
}

#[track_caller]
pub(super) fn messages_come_back(messages: &Value) {
    comes_back(&asking(messages));
}
