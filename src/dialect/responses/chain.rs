//! What of a response a later request goes on from: the turns behind its `previous_response_id`, and items of it
//! that are referred to instead of being sent again.

use serde_json::{Map, Value};

use super::field::Object;
use super::input;
use super::output::response_of;
use super::request::instructed;

/// What was said up to and with a response, as canonical messages without instructions: `body` is the client's
/// request, `request` its canonical form and `response` the finished response object.
#[must_use]
pub fn turns(
    body: &Map<String, Value>,
    request: &Map<String, Value>,
    response: &Value,
) -> Vec<Value> {
    let messages = request.get("messages").and_then(Value::as_array);
    let messages = messages.map(Vec::as_slice).unwrap_or_default();
    let mut turns = messages.to_vec();
    if instructed(body) && !turns.is_empty() {
        turns.remove(0);
    }
    let answered = input::messages(response.get("output"), "output");
    turns.extend(answered.map(|(messages, _)| messages).unwrap_or_default());
    turns
}

/// The ids of the responses that the item references in `body` point into.
#[must_use]
pub fn references(body: &Map<String, Value>) -> Vec<String> {
    let mut ids: Vec<String> = Vec::new();
    for id in items(body).iter().filter_map(referred) {
        if let Some(response) = response_of(id).filter(|r| !ids.contains(r)) {
            ids.push(response);
        }
    }
    ids
}

/// Puts items of `responses`, which are response objects, in the place of references to them. A reference that
/// is left is refused later on.
pub fn resolve(body: &mut Map<String, Value>, responses: &[Value]) {
    let output = |response: &'_ Value| response.get("output").and_then(Value::as_array).cloned();
    let known: Vec<Value> = responses.iter().filter_map(output).flatten().collect();
    let Some(Value::Array(items)) = body.get_mut("input") else {
        return;
    };
    for item in items {
        let found =
            referred(item).and_then(|id| known.iter().find(|known| id_of(known) == Some(id)));
        if let Some(found) = found {
            *item = found.clone();
        }
    }
}

fn items(body: &Object) -> &[Value] {
    let items = body.get("input").and_then(Value::as_array);
    items.map(Vec::as_slice).unwrap_or_default()
}

fn referred(item: &Value) -> Option<&str> {
    let kind = item.get("type").and_then(Value::as_str);
    // The type may be left out where nothing else is said.
    let bare = kind.is_none() && item.get("role").is_none();
    id_of(item).filter(|_| bare || kind == Some("item_reference"))
}

fn id_of(item: &Value) -> Option<&str> {
    item.get("id").and_then(Value::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dialect::responses::{Echo, answer, request};
    use serde_json::json;

    fn object(value: &Value) -> &Object {
        value.as_object().unwrap()
    }

    fn answered(body: &Value, message: &Value) -> Value {
        let members = json!({"model": "m", "choices": [
            {"index": 0, "message": message, "finish_reason": "stop"}]});
        answer(object(&members), &Echo::new(object(body))).into()
    }

    fn message() -> Value {
        json!({"role": "assistant", "content": "Grüße", "reasoning_content": "Hmm",
            "thinking_blocks": [{"type": "thinking", "thinking": "Hmm", "signature": "s"}],
            "tool_calls": [{"id": "c1", "type": "function",
                "function": {"name": "f", "arguments": "{}"}}]})
    }

    #[test]
    fn the_turns_are_all_that_was_said_but_the_instructions() {
        let body = json!({"model": "m", "instructions": "Be brief.",
            "input": [{"role": "system", "content": "a"}, {"role": "user", "content": "b"}]});
        let earlier = [json!({"role": "user", "content": "0"})];
        let canonical = request(object(&body), &earlier).unwrap();
        let response = answered(&body, &message());
        let turns = turns(object(&body), &canonical, &response);
        assert_eq!(
            json!(turns),
            json!([{"role": "user", "content": "0"},
            {"role": "system", "content": "a"}, {"role": "user", "content": "b"}, message()])
        );
    }

    #[test]
    fn an_item_that_is_referred_to_is_as_good_as_sent() {
        let body = json!({"model": "m", "input": "b"});
        let response = answered(&body, &message());
        let output = response["output"].as_array().unwrap();
        let refer = |item: &Value| json!({"type": "item_reference", "id": item["id"]});
        let mut next = json!({"model": "m", "input": [{"role": "user", "content": "b"},
            refer(&output[0]), {"id": output[1]["id"]}, output[2],
            {"type": "function_call_output", "call_id": "c1", "output": "3"}]});
        assert_eq!(
            references(object(&next)),
            [response["id"].as_str().unwrap()]
        );
        let mut resolved = object(&next).clone();
        resolve(&mut resolved, std::slice::from_ref(&response));
        let told = request(&resolved, &[]).unwrap();
        assert_eq!(told["messages"][1], message());
        next["input"][1]["id"] = json!("rs_of_another");
        let mut unresolved = object(&next).clone();
        resolve(&mut unresolved, &[response]);
        let fault = request(&unresolved, &[]).unwrap_err();
        assert_eq!(fault.param.unwrap(), "input[1].id");
    }
}
