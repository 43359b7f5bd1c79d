//! Inputs of tools in a client's own words. A parsed number holds no more than a float; what is handed on as text need
//! not be rounded.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::chat::is_exact;

#[derive(Deserialize)]
struct Request<'a> {
    #[serde(borrow)]
    messages: Vec<Message<'a>>,
}

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow, default)]
    content: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Block<'a> {
    #[serde(borrow, default)]
    id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    input: Option<&'a RawValue>,
}

/// Gives the calls in `canonical` the arguments that `raw`, of which it was made, has for them, where they would
/// otherwise be rounded.
pub fn keep_digits(raw: &[u8], canonical: &mut Map<String, Value>) {
    let text = std::str::from_utf8(raw).unwrap_or_default();
    if !text.contains("tool_use") || is_exact(text) {
        return;
    }
    let Ok(request) = serde_json::from_str::<Request<'_>>(text) else {
        return;
    };
    let contents = request
        .messages
        .iter()
        .filter_map(|message| message.content);
    let mut blocks = contents.flat_map(|content| {
        serde_json::from_str::<Vec<Block<'_>>>(content.get()).unwrap_or_default()
    });
    let messages = canonical.get_mut("messages").and_then(Value::as_array_mut);
    for call in messages.into_iter().flatten().flat_map(calls) {
        // They stand in the same order; between them are blocks of other kinds, and calls that became foreign parts.
        let id = call.get("id").and_then(Value::as_str).map(str::to_owned);
        let own =
            blocks.find(|block| block.input.is_some() && block.id.as_deref() == id.as_deref());
        let input = own.and_then(|block| block.input).map(RawValue::get);
        if let (Some(input), Some(arguments)) = (input, call.pointer_mut("/function/arguments"))
            && !is_exact(input)
        {
            *arguments = input.into();
        }
    }
}

fn calls(message: &mut Value) -> impl Iterator<Item = &mut Value> {
    let calls = message.get_mut("tool_calls").and_then(Value::as_array_mut);
    calls.into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::super::request;
    use super::*;
    use crate::chat::parse_object;

    #[test]
    fn a_number_of_any_length_is_handed_on_as_it_was_written() {
        let call = |id: &str, input: &str| {
            format!(r#"{{"type":"tool_use","id":"{id}","name":"f","input":{input}}}"#)
        };
        let odd = r#"{"type":"tool_use","id":"o","name":"f","input":{"x":1},"of_tomorrow":1}"#;
        let body = format!(
            r#"{{"model":"m","max_tokens":1,"messages":[{{"role":"user","content":"Hi"}},
            {{"role":"assistant","content":[{{"type":"text","text":"é"}},{odd},{},{}]}},
            {{"role":"assistant","content":[{}]}}]}}"#,
            call("a", r#"{"x": 36893488147419103233}"#),
            call("b", r#"{"x": 2}"#),
            call("c", r#"{"x":0.10000000000000000001}"#),
        );
        let mut canonical = request(&parse_object(body.as_bytes()).unwrap()).unwrap();
        keep_digits(body.as_bytes(), &mut canonical);
        let messages = canonical["messages"].as_array_mut().unwrap();
        let told: Vec<_> = messages
            .iter_mut()
            .flat_map(calls)
            .map(|call| call["function"]["arguments"].as_str().unwrap().to_owned())
            .collect();
        assert_eq!(
            told,
            [
                r#"{"x": 36893488147419103233}"#,
                r#"{"x":2}"#,
                r#"{"x":0.10000000000000000001}"#
            ]
        );
    }
}
