//! The conversation: instructions apart from turns of a user and of the model, what tools gave among the user's.

use serde_json::{Map, Value, json};

use super::super::members::{items, object, only, says_something, text, wrong};
use super::super::messages::{called, only_in_message, only_in_tool_message, thoughts};
use super::super::order::{BLOCK_ORDER, Place, places, usual_places};
use super::super::target::inexpressible;
use super::parts::{part, parts, texts};
use super::{NAME, has_levels, signature};
use crate::chat::{InvalidRequest, parse_strict};

/// What was said.
#[derive(Debug, Default)]
pub(super) struct Contents {
    /// Parts of the instructions.
    pub(super) system: Vec<Value>,
    /// All other turns.
    pub(super) turns: Vec<Value>,
}

/// Reads the messages of a request to `model`.
pub(super) fn read(messages: &[Value], model: &str) -> Result<Contents, InvalidRequest> {
    let strict = has_levels(model);
    let mut contents = Contents::default();
    let mut after_tool = false;
    for (i, message) in messages.iter().enumerate() {
        let at = format!("messages[{i}]");
        let message = object(message, &at)?;
        let role = text(message, &at, "role")?;
        match role {
            // There is one place for instructions, before everything else.
            "system" | "developer" if contents.turns.is_empty() => {
                only_in_message(message, &at, &[], NAME)?;
                contents.system.extend(texts(message, &at)?);
            }
            "user" => {
                only_in_message(message, &at, &[], NAME)?;
                contents.turns.push(turn("user", parts(message, &at)?));
            }
            "assistant" => {
                let mut parts = said(message, &at)?;
                if strict {
                    signature::fill_in(&mut parts);
                }
                contents.turns.push(turn("model", parts));
            }
            "tool" => {
                let earlier = messages.get(..i).unwrap_or_default();
                let given = given(message, earlier, &at)?;
                // What was called for together is given together.
                match contents.turns.last_mut().and_then(|t| t.get_mut("parts")) {
                    Some(Value::Array(parts)) if after_tool => parts.push(given),
                    _ => contents.turns.push(turn("user", vec![given])),
                }
            }
            _ => return Err(inexpressible(format!("{at}.role"), NAME)),
        }
        after_tool = role == "tool";
    }
    Ok(contents)
}

fn turn(role: &str, mut parts: Vec<Value>) -> Value {
    if parts.is_empty() {
        parts.push(json!({"text": ""}));
    }
    json!({"role": role, "parts": parts})
}

/// A turn of the model, in the order in which it was said. What was thought comes first where nothing tells its place.
fn said(message: &Map<String, Value>, at: &str) -> Result<Vec<Value>, InvalidRequest> {
    let known = ["tool_calls", "reasoning_content", "thinking_blocks"];
    only_in_message(message, at, &known, NAME)?;
    let told = |key: &str| message.get(key).is_some_and(says_something);
    let order = Some(message).filter(|_| told(BLOCK_ORDER)).and_then(places);
    let in_place = order.is_some() && told("thinking_blocks");
    let mut said: Vec<_> = thoughts(message).map(thought).collect();
    if in_place {
        said.clear();
    }
    for place in order.unwrap_or_else(|| usual_places(message)) {
        let next = match place {
            Place::Thinking(block) => block.get("thinking").and_then(Value::as_str).map(thought),
            Place::Part(j, written) => Some(part(written, &format!("{at}.content[{j}]"))?),
            Place::Text(text, _) => Some(json!({ "text": text })),
            Place::Call(j, made) => Some(call(made, &format!("{at}.tool_calls[{j}]"))?),
            Place::Foreign(_) => None,
        };
        let thinks = matches!(place, Place::Thinking(_));
        said.extend(next.filter(|_| in_place || !thinks));
    }
    if !items(message, at, "tool_calls")?.is_empty() {
        said.retain(|part| part.get("text").is_none_or(|text| text != ""));
    }
    if let Some(signature) = signature::of(message) {
        signature::of_words(&mut said, signature);
    }
    Ok(said)
}

fn thought(text: &str) -> Value {
    json!({"text": text, "thought": true})
}

fn call(call: &Value, at: &str) -> Result<Value, InvalidRequest> {
    let call = object(call, at)?;
    let known = ["id", "index", "type", "function", "extra_content"];
    only(call, at, &known, NAME)?;
    if call.get("type").is_some_and(|kind| kind != "function") {
        return Err(inexpressible(format!("{at}.type"), NAME));
    }
    let mut written = Map::new();
    if let Some(id) = call.get("id").filter(|id| id.is_string()) {
        written.insert("id".into(), id.clone());
    }
    let at = format!("{at}.function");
    let function = object(call.get("function").unwrap_or(&Value::Null), &at)?;
    only(function, &at, &["name", "arguments"], NAME)?;
    written.insert("name".into(), text(function, &at, "name")?.into());
    let arguments = function.get("arguments").filter(|a| !a.is_null());
    let arguments = arguments.map_or(Some("{}"), Value::as_str);
    let at = format!("{at}.arguments");
    let arguments = arguments.ok_or_else(|| wrong(at.as_str(), "a string"))?;
    written.insert("args".into(), object_of(arguments, &at)?);
    let mut part = json!({ "functionCall": written });
    if let (Some(signature), Value::Object(part)) = (signature::of(call), &mut part) {
        part.insert("thoughtSignature".into(), signature.into());
    }
    Ok(part)
}

/// Arguments as the object that they are written as; some models write none at all.
fn object_of(arguments: &str, at: &str) -> Result<Value, InvalidRequest> {
    if arguments.trim().is_empty() {
        return Ok(json!({}));
    }
    let parsed = parse_strict(arguments.as_bytes()).ok();
    let parsed = parsed.filter(Value::is_object);
    parsed.ok_or_else(|| wrong(at, "a JSON object"))
}

/// What a tool gave. A text is the tool's whole output, whatever it looks like.
fn given(
    message: &Map<String, Value>,
    earlier: &[Value],
    at: &str,
) -> Result<Value, InvalidRequest> {
    let id = text(message, at, "tool_call_id")?;
    let own = message.get("name").and_then(Value::as_str);
    let Some(name) = called(id, earlier).or(own) else {
        let at = format!("{at}.tool_call_id");
        return Err(wrong(at, "the id of a call in an earlier message"));
    };
    only_in_tool_message(message, at, Some(name), NAME)?;
    let (texts, media): (Vec<_>, Vec<_>) = parts(message, at)?
        .into_iter()
        .partition(|part| part.get("text").is_some());
    let mut texts: Vec<_> = texts
        .into_iter()
        .filter_map(|mut part| part.get_mut("text").map(Value::take))
        .collect();
    let output = match texts.len() {
        0 => Value::from(""),
        1 => texts.remove(0),
        _ => texts.into(),
    };
    let failed = message.get("is_error").and_then(Value::as_bool) == Some(true);
    let key = if failed { "error" } else { "output" };
    let mut response = json!({"id": id, "name": name, "response": {key: output}});
    if let (false, Value::Object(response)) = (media.is_empty(), &mut response) {
        response.insert("parts".into(), media.into());
    }
    Ok(json!({ "functionResponse": response }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(messages: Value) -> Result<Value, String> {
        let contents = read(messages.as_array().unwrap(), "gemini-2.5-pro");
        let both = contents.map(|c| json!({"system": c.system, "turns": c.turns}));
        both.map_err(|e| e.param.unwrap())
    }

    fn turns(messages: Value) -> Value {
        of(messages).unwrap()["turns"].take()
    }

    fn call(id: &str, name: &str, arguments: &str) -> Value {
        json!({"id": id, "type": "function", "function": {"name": name, "arguments": arguments}})
    }

    #[test]
    fn instructions_stand_apart_from_the_turns() {
        let messages = json!([{"role": "system", "content": "Be brief."},
            {"role": "developer", "content": [{"type": "text", "text": "Be kind."}]},
            {"role": "user", "content": "Hé?"}, {"role": "assistant", "content": "Hi."}]);
        let contents = json!({"system": [{"text": "Be brief."}, {"text": "Be kind."}],
            "turns": [{"role": "user", "parts": [{"text": "Hé?"}]},
                {"role": "model", "parts": [{"text": "Hi."}]}]});
        assert_eq!(of(messages).unwrap(), contents);
    }

    #[test]
    fn calls_and_what_they_gave_belong_together_by_id() {
        let messages = json!([{"role": "user", "content": "?"},
            {"role": "assistant", "content": null,
                "tool_calls": [call("a", "f", "{\"x\":1.5}"), call("b", "g", "")]},
            {"role": "tool", "tool_call_id": "b", "content": "{\"y\": 1}"},
            {"role": "tool", "tool_call_id": "a", "is_error": true, "content": [
                {"type": "text", "text": "no"},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,eA=="}}]},
            {"role": "user", "content": "And?"}]);
        let turns = turns(messages);
        assert_eq!(turns.as_array().unwrap().len(), 4);
        assert_eq!(
            turns[1],
            json!({"role": "model", "parts": [
                {"functionCall": {"id": "a", "name": "f", "args": {"x": 1.5}}},
                {"functionCall": {"id": "b", "name": "g", "args": {}}}]})
        );
        assert_eq!(
            turns[2],
            json!({"role": "user", "parts": [
                {"functionResponse": {"id": "b", "name": "g", "response": {"output": "{\"y\": 1}"}}},
                {"functionResponse": {"id": "a", "name": "f", "response": {"error": "no"},
                    "parts": [{"inlineData": {"mimeType": "image/png", "data": "eA=="}}]}}]})
        );
    }

    #[test]
    fn an_id_that_comes_again_means_the_last_call() {
        let asked = |name| json!({"role": "assistant", "tool_calls": [call("a", name, "{}")]});
        let tool = json!({"role": "tool", "tool_call_id": "a", "content": "1"});
        let turns = turns(json!([asked("f"), tool, asked("g"), tool]));
        assert_eq!(turns[1]["parts"][0]["functionResponse"]["name"], "f");
        assert_eq!(turns[3]["parts"][0]["functionResponse"]["name"], "g");
    }

    #[test]
    fn thoughts_and_signatures_return_to_where_they_came_from() {
        let sign = |signature: &str| json!({"google": {"thought_signature": signature}});
        let mut signed = call("a", "f", "{}");
        signed["extra_content"] = sign("c2ln");
        let turns = turns(json!([
            {"role": "assistant", "content": "Well.", "reasoning_content": "Hm.",
                "thinking_blocks": [{"type": "thinking", "thinking": "Hm.", "signature": "x"}],
                "extra_content": sign("dGV4dA=="), "tool_calls": [signed, call("b", "f", "{}")]},
            {"role": "assistant", "content": "", "thinking_blocks": [
                {"type": "redacted_thinking", "data": "x"}, {"type": "thinking", "thinking": "So."}],
                "tool_calls": [call("c", "f", "{}")]},
            {"role": "assistant", "content": null, "extra_content": sign("ZW5k")}]));
        let called = |id: &str| json!({"id": id, "name": "f", "args": {}});
        assert_eq!(
            turns[0]["parts"],
            json!([{"text": "Hm.", "thought": true},
                {"text": "Well.", "thoughtSignature": "dGV4dA=="},
                {"functionCall": called("a"), "thoughtSignature": "c2ln"},
                {"functionCall": called("b")}])
        );
        assert_eq!(
            turns[1]["parts"],
            json!([{"text": "So.", "thought": true}, {"functionCall": called("c")}])
        );
        assert_eq!(
            turns[2]["parts"],
            json!([{"text": "", "thoughtSignature": "ZW5k"}])
        );
    }

    #[test]
    fn what_was_said_after_a_call_stands_after_it() {
        let (text, calling) = (json!({"type": "content"}), json!({"type": "tool_use"}));
        let block = |text: &str| json!({"type": "thinking", "thinking": text, "signature": "x"});
        let thinking = json!({"type": "thinking"});
        let turns = turns(json!([
            {"role": "assistant", "tool_calls": [call("a", "f", "{}"), call("b", "f", "{}")],
                "content": [{"type": "text", "text": "One."}, {"type": "text", "text": "Two."}],
                "block_order": [text, calling, text, calling],
                "extra_content": {"google": {"thought_signature": "c2ln"}}},
            {"role": "assistant", "content": "é.", "tool_calls": [call("c", "f", "{}")],
                "reasoning_content": "Hm.So.", "thinking_blocks": [block("Hm."), block("So.")],
                "block_order": [thinking, calling, thinking, {"type": "content", "bytes": 3}]},
            {"role": "assistant", "content": "No.", "tool_calls": [call("d", "f", "{}")],
                "block_order": [calling]}]));
        let called = |id: &str| json!({"functionCall": {"id": id, "name": "f", "args": {}}});
        let thought = |text: &str| json!({"text": text, "thought": true});
        assert_eq!(
            turns[0]["parts"],
            json!([{"text": "One."}, called("a"),
                {"text": "Two.", "thoughtSignature": "c2ln"}, called("b")])
        );
        assert_eq!(
            turns[1]["parts"],
            json!([thought("Hm."), called("c"), thought("So."), {"text": "é."}])
        );
        // An order that does not fit tells nothing.
        assert_eq!(turns[2]["parts"], json!([{"text": "No."}, called("d")]));
    }

    #[test]
    fn a_call_that_nobody_signed_says_so_where_a_model_would_refuse_it() {
        let messages = [json!({"role": "assistant", "tool_calls": [call("a", "f", "{}")]})];
        let signed = |model: &str| {
            let turns = read(&messages, model).unwrap().turns;
            turns[0]["parts"][0].get("thoughtSignature").is_some()
        };
        assert!(signed("gemini-3-pro") && !signed("gemini-2.5-pro"));
    }

    #[test]
    fn what_a_message_cannot_say_is_refused_by_name() {
        let user = json!({"role": "user", "content": "?"});
        let bad =
            |arguments| json!([{"role": "assistant", "tool_calls": [call("a", "f", arguments)]}]);
        for (messages, param) in [
            (
                json!([user, {"role": "system", "content": "x"}]),
                "messages[1].role",
            ),
            (
                json!([{"role": "function", "name": "f", "content": "x"}]),
                "messages[0].role",
            ),
            (
                json!([{"role": "user", "name": "Ann", "content": "x"}]),
                "messages[0].name",
            ),
            (
                json!([{"role": "assistant", "refusal": "no"}]),
                "messages[0].refusal",
            ),
            (
                json!([{"role": "assistant", "audio": {"id": "x"}}]),
                "messages[0].audio",
            ),
            (
                json!([{"role": "assistant", "function_call": {"name": "f"}}]),
                "messages[0].function_call",
            ),
            (
                json!([{"role": "tool", "tool_call_id": "z", "content": "x"}]),
                "messages[0].tool_call_id",
            ),
            (
                json!([{"role": "assistant", "tool_calls": [{"type": "custom"}]}]),
                "messages[0].tool_calls[0].type",
            ),
            (bad("[1]"), "messages[0].tool_calls[0].function.arguments"),
            (
                bad("{\"a\":1,\"a\":2}"),
                "messages[0].tool_calls[0].function.arguments",
            ),
            (
                json!([{"role": "system", "content": [{"type": "image_url",
                    "image_url": {"url": "data:image/png;base64,eA=="}}]}]),
                "messages[0].content[0]",
            ),
        ] {
            assert_eq!(of(messages.clone()).unwrap_err(), param, "{messages}");
        }
        let echoed = json!([{"role": "assistant", "content": "x", "refusal": null,
            "annotations": [], "audio": null, "tool_calls": null, "function_call": null}]);
        assert!(of(echoed).is_ok());
    }
}
