//! The conversation, message by message, and the documents in it.

use serde_json::{Map, Value, json};

use super::super::media::{Source, source};
use super::super::members::{items, object, only, text, wrong};
use super::super::messages::{called, only_in_message, only_in_tool_message, thoughts};
use super::super::target::inexpressible;
use super::NAME;
use super::documents::Documents;
use crate::chat::InvalidRequest;

/// What was said.
#[derive(Debug, Default)]
pub(super) struct Messages {
    /// Each turn in its own form.
    pub(super) turns: Vec<Value>,
    /// What stands beside them there.
    pub(super) documents: Documents,
}

/// Reads the messages of a request.
pub(super) fn read(messages: &[Value]) -> Result<Messages, InvalidRequest> {
    let mut read = Messages::default();
    for (i, message) in messages.iter().enumerate() {
        let at = format!("messages[{i}]");
        let message = object(message, &at)?;
        let turn = match text(message, &at, "role")? {
            "system" | "developer" => {
                only_in_message(message, &at, &[], NAME)?;
                json!({"role": "system", "content": texts(message, &at)?})
            }
            "user" => {
                only_in_message(message, &at, &[], NAME)?;
                let content = asked(message, &at, &mut read.documents)?;
                json!({"role": "user", "content": content})
            }
            "assistant" => said(message, &at)?,
            "tool" => {
                let earlier = messages.get(..i).unwrap_or_default();
                given(message, earlier, &at)?
            }
            _ => return Err(inexpressible(format!("{at}.role"), NAME)),
        };
        read.turns.push(turn);
    }
    Ok(read)
}

/// The content of a message where only texts may stand: a text, or parts of one.
fn texts(message: &Map<String, Value>, at: &str) -> Result<Value, InvalidRequest> {
    if let Some(text @ Value::String(_)) = message.get("content") {
        return Ok(text.clone());
    }
    let mut parts = Vec::new();
    for (j, part) in items(message, at, "content")?.iter().enumerate() {
        let at = format!("{at}.content[{j}]");
        let part = object(part, &at)?;
        if text(part, &at, "type")? != "text" {
            return Err(inexpressible(at, NAME));
        }
        parts.push(text_part(part, &at)?);
    }
    Ok(parts.into())
}

fn text_part(part: &Map<String, Value>, at: &str) -> Result<Value, InvalidRequest> {
    only(part, at, &["type", "text", "cache_control"], NAME)?;
    Ok(json!({"type": "text", "text": text(part, at, "text")?}))
}

fn asked(
    message: &Map<String, Value>,
    at: &str,
    documents: &mut Documents,
) -> Result<Value, InvalidRequest> {
    if let Some(text @ Value::String(_)) = message.get("content") {
        return Ok(text.clone());
    }
    let mut parts = Vec::new();
    for (j, part) in items(message, at, "content")?.iter().enumerate() {
        let at = format!("{at}.content[{j}]");
        let part = object(part, &at)?;
        match text(part, &at, "type")? {
            "text" => parts.push(text_part(part, &at)?),
            "image_url" => parts.push(image(part, &at)?),
            "file" => documents.add(part, &at)?,
            _ => return Err(inexpressible(at, NAME)),
        }
    }
    Ok(or_empty(parts))
}

fn image(part: &Map<String, Value>, at: &str) -> Result<Value, InvalidRequest> {
    only(part, at, &["type", "image_url", "cache_control"], NAME)?;
    let at = format!("{at}.image_url");
    let image = object(part.get("image_url").unwrap_or(&Value::Null), &at)?;
    only(image, &at, &["url", "detail"], NAME)?;
    let url = text(image, &at, "url")?;
    let reachable = match source(url) {
        Some(Source::Inline { .. }) => true,
        Some(Source::Remote { uri, .. }) => !uri.starts_with("gs:"),
        None => false,
    };
    if !reachable {
        let expected = "a `data:` URL in base64 or an `https:` address";
        return Err(wrong(format!("{at}.url"), expected));
    }
    let mut written = json!({ "url": url });
    let detail = image.get("detail").and_then(Value::as_str);
    let detail = detail.filter(|d| matches!(*d, "auto" | "low" | "high"));
    if let (Some(detail), Value::Object(written)) = (detail, &mut written) {
        written.insert("detail".into(), detail.into());
    }
    Ok(json!({"type": "image_url", "image_url": written}))
}

/// A turn of the model. Beside calls what it thought is its plan for them; alone it is a part of the content.
fn said(message: &Map<String, Value>, at: &str) -> Result<Value, InvalidRequest> {
    let known = ["tool_calls", "reasoning_content", "thinking_blocks"];
    only_in_message(message, at, &known, NAME)?;
    let thought: String = thoughts(message).collect();
    let words = texts(message, at)?;
    let is_empty = words == "" || words == json!([]);
    let mut calls = Vec::new();
    for (j, made) in items(message, at, "tool_calls")?.iter().enumerate() {
        calls.push(call(made, &format!("{at}.tool_calls[{j}]"))?);
    }
    let mut turn = Map::new();
    turn.insert("role".into(), "assistant".into());
    if calls.is_empty() {
        let content = match thought.as_str() {
            "" if is_empty => "".into(),
            "" => words,
            thought => after(thought, words),
        };
        turn.insert("content".into(), content);
        return Ok(turn.into());
    }
    if !thought.is_empty() {
        turn.insert("tool_plan".into(), thought.into());
    }
    if !is_empty {
        turn.insert("content".into(), words);
    }
    turn.insert("tool_calls".into(), calls.into());
    Ok(turn.into())
}

fn after(thought: &str, words: Value) -> Value {
    let mut parts = vec![json!({"type": "thinking", "thinking": thought})];
    match words {
        Value::Array(words) => parts.extend(words),
        Value::String(text) if !text.is_empty() => {
            parts.push(json!({"type": "text", "text": text}))
        }
        _ => {}
    }
    parts.into()
}

fn call(call: &Value, at: &str) -> Result<Value, InvalidRequest> {
    let call = object(call, at)?;
    // What another provider signed is nothing that was said.
    let known = ["id", "index", "type", "function", "extra_content"];
    only(call, at, &known, NAME)?;
    if call.get("type").is_some_and(|kind| kind != "function") {
        return Err(inexpressible(format!("{at}.type"), NAME));
    }
    let id = text(call, at, "id")?;
    let at = format!("{at}.function");
    let function = object(call.get("function").unwrap_or(&Value::Null), &at)?;
    only(function, &at, &["name", "arguments"], NAME)?;
    let arguments = match function.get("arguments") {
        None | Some(Value::Null) => "{}",
        Some(_) => text(function, &at, "arguments")?,
    };
    // Some models write none at all where a tool takes none.
    let arguments = if arguments.trim().is_empty() {
        "{}"
    } else {
        arguments
    };
    let name = text(function, &at, "name")?;
    Ok(json!({"id": id, "type": "function",
        "function": {"name": name, "arguments": arguments}}))
}

/// What a tool gave; that it failed is told as a document with its error.
fn given(
    message: &Map<String, Value>,
    earlier: &[Value],
    at: &str,
) -> Result<Value, InvalidRequest> {
    let id = text(message, at, "tool_call_id")?;
    only_in_tool_message(message, at, called(id, earlier), NAME)?;
    let mut content = texts(message, at)?;
    if message.get("is_error").and_then(Value::as_bool) == Some(true) {
        if let Value::Array(parts) = &mut content {
            let texts = parts.iter_mut().filter_map(|part| part.get_mut("text"));
            let mut texts: Vec<_> = texts.map(Value::take).collect();
            content = match texts.pop() {
                Some(only) if texts.is_empty() => only,
                last => texts.into_iter().chain(last).collect(),
            };
        }
        content = json!([{"type": "document", "document": {"data": {"error": content}}}]);
    }
    if let Value::Array(parts) = content {
        content = or_empty(parts);
    }
    Ok(json!({"role": "tool", "tool_call_id": id, "content": content}))
}

fn or_empty(parts: Vec<Value>) -> Value {
    if parts.is_empty() {
        return "".into();
    }
    parts.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(messages: Value) -> Result<Value, String> {
        let read = read(messages.as_array().unwrap());
        read.map(|r| r.turns.into()).map_err(|e| e.param.unwrap())
    }

    fn call(id: &str, arguments: &str) -> Value {
        json!({"id": id, "type": "function", "function": {"name": "f", "arguments": arguments}})
    }

    #[test]
    fn texts_and_images_go_as_they_are() {
        let image = |detail: &str| json!({"type": "image_url", "image_url": {"url": "https://x.test/a", "detail": detail}});
        let text = |text: &str| json!({"type": "text", "text": text});
        let mut hinted = text("é");
        hinted["cache_control"] = json!({"type": "ephemeral"});
        let messages = json!([{"role": "system", "content": [text("Be brief.")]},
            {"role": "user", "content": [hinted, image("low")]},
            {"role": "assistant", "content": "Hi."}, {"role": "developer", "content": "Go on."}]);
        let turns = json!([{"role": "system", "content": [text("Be brief.")]},
            {"role": "user", "content": [text("é"), image("low")]},
            {"role": "assistant", "content": "Hi."}, {"role": "system", "content": "Go on."}]);
        assert_eq!(of(messages).unwrap(), turns);
        let odd = of(json!([{"role": "user", "content": [image("original")]}])).unwrap();
        assert_eq!(
            odd[0]["content"][0]["image_url"],
            json!({"url": "https://x.test/a"})
        );
    }

    #[test]
    fn calls_have_a_plan_and_tools_give_texts_or_errors() {
        let text = |text: &str| json!({"type": "text", "text": text});
        let failed = |content: Value| json!({"role": "tool", "tool_call_id": "b", "is_error": true, "content": content});
        let mut signed = call("b", "");
        signed["extra_content"] = json!({"google": {"thought_signature": "x"}});
        let turns = of(json!([
            {"role": "assistant", "content": null, "reasoning_content": "I will look.",
                "tool_calls": [call("a", "{\"x\": 1}"), signed]},
            {"role": "tool", "tool_call_id": "a", "name": "f", "content": "3"},
            failed(json!("no")), failed(json!([text("no")])), failed(json!([text("a"), text("b")]))]));
        let turns = turns.unwrap();
        assert_eq!(
            turns[0],
            json!({"role": "assistant", "tool_plan": "I will look.",
                "tool_calls": [call("a", "{\"x\": 1}"), call("b", "{}")]})
        );
        assert_eq!(
            turns[1],
            json!({"role": "tool", "tool_call_id": "a", "content": "3"})
        );
        let error =
            |error: Value| json!([{"type": "document", "document": {"data": {"error": error}}}]);
        assert_eq!(turns[2]["content"], error(json!("no")));
        assert_eq!(turns[3]["content"], error(json!("no")));
        assert_eq!(turns[4]["content"], error(json!(["a", "b"])));
    }

    #[test]
    fn thoughts_without_calls_are_parts_of_the_content() {
        let thinking = |text: &str| json!({"type": "thinking", "thinking": text});
        let text = json!({"type": "text", "text": "Yes."});
        let turns = of(json!([
            {"role": "assistant", "reasoning_content": "Hm.", "content": "Yes.", "thinking_blocks": [
                {"type": "thinking", "thinking": "Hm.", "signature": "x"}]},
            {"role": "assistant", "content": [text], "thinking_blocks": [
                {"type": "thinking", "thinking": "So"}, {"type": "redacted_thinking", "data": "x"}]},
            {"role": "assistant", "content": null},
            {"role": "assistant", "content": "Yes.", "tool_calls": [call("a", "{}")]}]));
        let turns = turns.unwrap();
        assert_eq!(turns[0]["content"], json!([thinking("Hm."), text]));
        assert_eq!(turns[1]["content"], json!([thinking("So"), text]));
        assert_eq!(turns[2], json!({"role": "assistant", "content": ""}));
        assert_eq!(turns[3]["content"], "Yes.");
    }

    #[test]
    fn what_a_message_cannot_say_is_refused_by_name() {
        let part = |role: &str, part: Value| json!([{"role": role, "tool_call_id": "a", "content": [part]}]);
        let image = json!({"type": "image_url", "image_url": {"url": "gs://b/a.png"}});
        let sound = json!({"type": "input_audio", "input_audio": {"data": "", "format": "wav"}});
        let pdf =
            json!({"type": "file", "file": {"file_data": "data:application/pdf;base64,eA=="}});
        for (messages, param) in [
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
                json!([{"role": "assistant", "tool_calls": [{"id": "a", "type": "custom"}]}]),
                "messages[0].tool_calls[0].type",
            ),
            (part("tool", image.clone()), "messages[0].content[0]"),
            (
                json!([{"role": "tool", "tool_call_id": "a", "name": "g", "content": "x"}]),
                "messages[0].name",
            ),
            (
                json!([{"role": "user", "content": [image]}]),
                "messages[0].content[0].image_url.url",
            ),
            (
                json!([{"role": "user", "content": [sound]}]),
                "messages[0].content[0]",
            ),
            (
                json!([{"role": "user", "content": [pdf]}]),
                "messages[0].content[0].file.file_data",
            ),
        ] {
            assert_eq!(of(messages.clone()).unwrap_err(), param, "{messages}");
        }
    }
}
