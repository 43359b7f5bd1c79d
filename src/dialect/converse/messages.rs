//! The conversation: what a system says apart from it, turns of one role in one message, calls of tools and
//! what came of them.

use std::borrow::Cow;

use serde_json::{Map, Value, json};

use super::family::Family;
use super::fields::{given, object, object_in, only, optional, refused, said, string_in, wrong};
use super::parts::{Parts, Place};
use crate::chat::{InvalidRequest, parse_strict};
use crate::dialect::order::{self, BLOCK_ORDER};

/// Longest id of a call that Bedrock takes.
const MAX_ID: usize = 64;

/// A request's messages in the dialect.
#[derive(Debug)]
pub(super) struct Conversation {
    /// What a system says before anybody else does.
    pub(super) system: Vec<Value>,
    /// Everything else.
    turns: Vec<(&'static str, Vec<Value>)>,
    /// Whether tools were called, which Bedrock takes only where tools are described.
    pub(super) calls: bool,
    parts: Parts,
}

impl Conversation {
    /// Reads canonical messages.
    ///
    /// # Errors
    /// The first thing that the dialect has no word for, by its path.
    pub(super) fn read(messages: &[Value], family: Family) -> Result<Self, InvalidRequest> {
        let mut all = Self {
            system: Vec::new(),
            turns: Vec::new(),
            calls: false,
            parts: Parts::new(family),
        };
        for (i, message) in messages.iter().enumerate() {
            let at = format!("messages[{i}]");
            let message = object(message, &at)?;
            match string_in(message, &at, "role")? {
                "system" | "developer" => all.system(message, &at)?,
                "user" => all.user(message, &at)?,
                "assistant" => all.assistant(message, &at)?,
                "tool" => all.tool(message, &at)?,
                _ => return Err(refused(format!("{at}.role"))),
            }
        }
        if all.turns.is_empty() {
            return Err(refused("messages"));
        }
        Ok(all)
    }

    /// Its messages, as the body has them.
    pub(super) fn messages(self) -> Value {
        let message = |(role, blocks)| json!({"role": role, "content": Value::Array(blocks)});
        self.turns.into_iter().map(message).collect()
    }

    /// Turns of one role are one message: roles must alternate.
    fn push(&mut self, role: &'static str, blocks: Vec<Value>) {
        match self.turns.last_mut() {
            Some((last, all)) if *last == role => all.extend(blocks),
            _ => self.turns.push((role, blocks)),
        }
    }

    fn system(&mut self, message: &Map<String, Value>, at: &str) -> Result<(), InvalidRequest> {
        only(message, at, &["role", "content", "cache_control"])?;
        let blocks = self.content(message, at, Place::Words)?;
        if self.turns.is_empty() {
            self.system.extend(blocks);
        } else if !blocks.is_empty() {
            // Said later it stays in its place, for which there is a role of its own.
            self.push("system", blocks);
        }
        Ok(())
    }

    fn user(&mut self, message: &Map<String, Value>, at: &str) -> Result<(), InvalidRequest> {
        only(message, at, &["role", "content", "cache_control"])?;
        let blocks = self.content(message, at, Place::User)?;
        self.say("user", blocks, at)
    }

    fn assistant(&mut self, message: &Map<String, Value>, at: &str) -> Result<(), InvalidRequest> {
        const KNOWN: [&str; 8] = [
            "role",
            "content",
            "cache_control",
            "reasoning_content",
            "thinking_blocks",
            "tool_calls",
            BLOCK_ORDER,
            // What another provider signed is nothing that was said.
            "extra_content",
        ];
        only(message, at, &KNOWN)?;
        if said(message, BLOCK_ORDER).is_some() {
            let blocks = self.in_order(message, at)?;
            return self.say("assistant", blocks, at);
        }
        let mut blocks = thoughts(message, at)?;
        blocks.extend(self.content(message, at, Place::Words)?);
        if let Some(calls) = said(message, "tool_calls") {
            let calls = calls.as_array();
            let calls = calls.ok_or_else(|| wrong(format!("{at}.tool_calls"), "an array"))?;
            for (i, call) in calls.iter().enumerate() {
                blocks.push(tool_use(call, &format!("{at}.tool_calls[{i}]"))?);
            }
            self.calls = true;
        }
        self.say("assistant", blocks, at)
    }

    /// The blocks of a message that tells their order: thoughts that were signed must come back where they stood.
    fn in_order(
        &mut self,
        message: &Map<String, Value>,
        at: &str,
    ) -> Result<Vec<Value>, InvalidRequest> {
        let places = order::places(message);
        let places = places.ok_or_else(|| refused(format!("{at}.{BLOCK_ORDER}")))?;
        let mut blocks = match said(message, "thinking_blocks") {
            Some(_) => Vec::new(),
            None => thoughts(message, at)?,
        };
        for place in places {
            match place {
                order::Place::Thinking(block) => {
                    blocks.push(thought(block, &format!("{at}.thinking_blocks"))?);
                }
                order::Place::Text(text, None) => {
                    let text = Value::from(text);
                    blocks.extend(self.parts.blocks(Some(&text), at, Place::Words)?);
                }
                order::Place::Part(i, part) => {
                    let at = format!("{at}.content[{i}]");
                    blocks.extend(self.parts.part(part, &at, Place::Words)?);
                }
                order::Place::Call(i, call) => {
                    blocks.push(tool_use(call, &format!("{at}.tool_calls[{i}]"))?);
                    self.calls = true;
                }
                order::Place::Text(_, Some(_)) | order::Place::Foreign(_) => {
                    return Err(refused(format!("{at}.content")));
                }
            }
        }
        if !blocks.is_empty() {
            blocks.extend(self.parts.cache_point(message));
        }
        Ok(blocks)
    }

    fn tool(&mut self, message: &Map<String, Value>, at: &str) -> Result<(), InvalidRequest> {
        const KNOWN: [&str; 6] = [
            "role",
            "content",
            "cache_control",
            "tool_call_id",
            "is_error",
            // What it names is known by the id.
            "name",
        ];
        only(message, at, &KNOWN)?;
        let content = message.get("content");
        let blocks = self
            .parts
            .blocks(content, &format!("{at}.content"), Place::Result)?;
        let id = call_id(string_in(message, at, "tool_call_id")?);
        let mut result = json!({"toolUseId": id, "content": Value::Array(blocks)});
        match given(message, "is_error") {
            None | Some(Value::Bool(false)) => {}
            Some(Value::Bool(true)) => result["status"] = "error".into(),
            Some(_) => return Err(wrong(format!("{at}.is_error"), "a boolean")),
        }
        let mut blocks = vec![json!({"toolResult": result})];
        let parts = content.and_then(Value::as_array).into_iter().flatten();
        let marked = parts.filter_map(Value::as_object).chain([message]);
        blocks.extend(marked.filter_map(|m| self.parts.cache_point(m)).next_back());
        self.calls = true;
        self.push("user", blocks);
        Ok(())
    }

    fn content(
        &mut self,
        message: &Map<String, Value>,
        at: &str,
        place: Place,
    ) -> Result<Vec<Value>, InvalidRequest> {
        let content = message.get("content");
        let mut blocks = self
            .parts
            .blocks(content, &format!("{at}.content"), place)?;
        if !blocks.is_empty() {
            blocks.extend(self.parts.cache_point(message));
        }
        Ok(blocks)
    }

    /// A message of nothing is refused: without it two turns of the other role would become one.
    fn say(
        &mut self,
        role: &'static str,
        blocks: Vec<Value>,
        at: &str,
    ) -> Result<(), InvalidRequest> {
        if blocks.is_empty() {
            return Err(refused(format!("{at}.content")));
        }
        self.push(role, blocks);
        Ok(())
    }
}

/// What was thought before the message: in signed blocks, or as plain text where there are none.
fn thoughts(message: &Map<String, Value>, at: &str) -> Result<Vec<Value>, InvalidRequest> {
    if let Some(blocks) = said(message, "thinking_blocks") {
        let at = format!("{at}.thinking_blocks");
        let blocks = blocks.as_array().ok_or_else(|| wrong(&at, "an array"))?;
        let blocks = blocks.iter().enumerate();
        return blocks
            .map(|(i, block)| thought(block, &format!("{at}[{i}]")))
            .collect();
    }
    let text = optional(message, at, "reasoning_content")?;
    let text = text.filter(|text| !text.is_empty());
    let block = |text| json!({"reasoningContent": {"reasoningText": {"text": text}}});
    Ok(text.map(block).into_iter().collect())
}

fn thought(block: &Value, at: &str) -> Result<Value, InvalidRequest> {
    let block = object(block, at)?;
    match string_in(block, at, "type")? {
        "thinking" => {
            only(
                block,
                at,
                &["type", "thinking", "signature", "cache_control"],
            )?;
            let mut text = json!({"text": string_in(block, at, "thinking")?});
            if let Some(signature) = optional(block, at, "signature")? {
                text["signature"] = signature.into();
            }
            Ok(json!({"reasoningContent": {"reasoningText": text}}))
        }
        "redacted_thinking" => {
            only(block, at, &["type", "data", "cache_control"])?;
            let data = string_in(block, at, "data")?;
            Ok(json!({"reasoningContent": {"redactedContent": data}}))
        }
        _ => Err(refused(at)),
    }
}

fn tool_use(call: &Value, at: &str) -> Result<Value, InvalidRequest> {
    let call = object(call, at)?;
    if given(call, "type").is_some_and(|kind| kind != "function") {
        return Err(refused(at));
    }
    // Streams number their calls, and some clients send the numbers back.
    only(
        call,
        at,
        &[
            "type",
            "id",
            "index",
            "function",
            "cache_control",
            "extra_content",
        ],
    )?;
    let function = object_in(call, at, "function")?;
    let at_function = format!("{at}.function");
    only(function, &at_function, &["name", "arguments"])?;
    let name = string_in(function, &at_function, "name")?;
    let arguments = string_in(function, &at_function, "arguments")?;
    let input = match parse_strict(arguments.as_bytes()) {
        Ok(input @ Value::Object(_)) => input,
        // A function without arguments is often called with none at all.
        _ if arguments.trim().is_empty() => json!({}),
        _ => {
            return Err(wrong(
                format!("{at_function}.arguments"),
                "the text of a JSON object",
            ));
        }
    };
    let id = call_id(string_in(call, at, "id")?);
    Ok(json!({"toolUse": {"toolUseId": id, "name": name, "input": input}}))
}

/// The id of a call as Bedrock takes it. One of another dialect may be longer or of other characters; a digest
/// joins the call and its result as well.
fn call_id(id: &str) -> Cow<'_, str> {
    let fits = |c: char| c.is_ascii_alphanumeric() || "_.:-".contains(c);
    if !id.is_empty() && id.len() <= MAX_ID && id.chars().all(fits) {
        return id.into();
    }
    blake3::hash(id.as_bytes()).to_hex().to_string().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn conversation(request: &Value) -> Result<Conversation, InvalidRequest> {
        Conversation::read(request["messages"].as_array().unwrap(), Family::Claude)
    }

    fn read(request: &Value) -> Value {
        let mut read = conversation(request).unwrap();
        let system = std::mem::take(&mut read.system);
        json!({"system": system, "messages": read.messages()})
    }

    /// The path that a request is refused at.
    fn refused_at(request: &Value) -> String {
        let refusal = conversation(request).expect_err(&request.to_string());
        refusal.param.unwrap()
    }

    #[test]
    fn systems_stand_apart_until_somebody_has_spoken() {
        let request = json!({"messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "developer", "content": [{"type": "text", "text": "Rhyme.",
                "cache_control": {"type": "ephemeral", "ttl": "1h"}}]},
            {"role": "user", "content": "Hi"},
            {"role": "system", "content": "Now in prose."}]});
        let read = read(&request);
        let cache = json!({"cachePoint": {"type": "default", "ttl": "1h"}});
        assert_eq!(
            read["system"],
            json!([{"text": "Be brief."}, {"text": "Rhyme."}, cache])
        );
        assert_eq!(
            read["messages"][1],
            json!({"role": "system", "content": [{"text": "Now in prose."}]})
        );
    }

    #[test]
    fn turns_of_one_role_are_one_message() {
        let request = json!({"messages": [
            {"role": "user", "content": "One."}, {"role": "user", "content": "Two."},
            {"role": "assistant", "content": "Three."},
            {"role": "assistant", "content": [{"type": "text", "text": "Four."}]},
            {"role": "user", "content": "Five."}]});
        assert_eq!(
            read(&request)["messages"],
            json!([
            {"role": "user", "content": [{"text": "One."}, {"text": "Two."}]},
            {"role": "assistant", "content": [{"text": "Three."}, {"text": "Four."}]},
            {"role": "user", "content": [{"text": "Five."}]}])
        );
    }

    #[test]
    fn results_of_parallel_calls_are_in_one_message_with_what_follows() {
        let call = |id: &str, name: &str, arguments: &str| {
            json!({"id": id, "type": "function",
            "function": {"name": name, "arguments": arguments}})
        };
        let request = json!({"messages": [
            {"role": "user", "content": "Go."},
            {"role": "assistant", "content": null, "tool_calls": [
                call("a", "f", r#"{"größe": 1.50, "x": [1, 2]}"#), call("b", "g", "")]},
            {"role": "tool", "tool_call_id": "a", "content": "sunny"},
            {"role": "tool", "tool_call_id": "b", "is_error": true, "content": [
                {"type": "text", "text": "no"},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBO"}}]},
            {"role": "user", "content": "And?"}]});
        assert_eq!(
            read(&request)["messages"],
            json!([
            {"role": "user", "content": [{"text": "Go."}]},
            {"role": "assistant", "content": [
                {"toolUse": {"toolUseId": "a", "name": "f", "input": {"größe": 1.50, "x": [1, 2]}}},
                {"toolUse": {"toolUseId": "b", "name": "g", "input": {}}}]},
            {"role": "user", "content": [
                {"toolResult": {"toolUseId": "a", "content": [{"text": "sunny"}]}},
                {"toolResult": {"toolUseId": "b", "status": "error", "content": [{"text": "no"},
                    {"image": {"format": "png", "source": {"bytes": "iVBO"}}}]}},
                {"text": "And?"}]}])
        );
    }

    #[test]
    fn an_id_that_bedrock_does_not_take_still_joins_call_and_result() {
        let joined = |id: &str| {
            let read = read(&json!({"messages": [
                {"role": "user", "content": "Go."},
                {"role": "assistant", "tool_calls": [{"id": id, "type": "function",
                    "function": {"name": "f", "arguments": "{}"}}]},
                {"role": "tool", "tool_call_id": id, "content": ""}]}));
            let call = read.pointer("/messages/1/content/0/toolUse/toolUseId");
            let result = read.pointer("/messages/2/content/0/toolResult").unwrap();
            assert_eq!(call, result.get("toolUseId"));
            assert_eq!(result["content"], json!([]));
            call.unwrap().as_str().unwrap().to_owned()
        };
        assert_eq!(joined("toolu_bdrk_01.a:b-c"), "toolu_bdrk_01.a:b-c");
        assert_eq!(joined("call|ü").len(), 64);
        let long = "a".repeat(65);
        assert_eq!(joined(&long).len(), 64);
        assert_ne!(joined(&long), joined(&"a".repeat(66)));
    }

    #[test]
    fn thoughts_go_back_signed_as_they_came() {
        let request = json!({"messages": [
            {"role": "user", "content": "Hi"},
            {"role": "assistant", "content": "Hello.", "reasoning_content": "Hm.",
                "thinking_blocks": [
                {"type": "thinking", "thinking": "Hm.", "signature": "c2ln"},
                {"type": "redacted_thinking", "data": "AAEC"}]},
            {"role": "user", "content": "Bye"},
            {"role": "assistant", "content": "Bye.", "reasoning_content": "So."}]});
        let read = read(&request);
        assert_eq!(
            read["messages"][1]["content"],
            json!([
            {"reasoningContent": {"reasoningText": {"text": "Hm.", "signature": "c2ln"}}},
            {"reasoningContent": {"redactedContent": "AAEC"}}, {"text": "Hello."}])
        );
        assert_eq!(
            read["messages"][3]["content"][0],
            json!({"reasoningContent": {"reasoningText": {"text": "So."}}})
        );
    }

    #[test]
    fn messages_that_cannot_be_said_are_refused_by_their_paths() {
        let call = |function: Value| {
            json!({"role": "assistant", "tool_calls": [
            {"id": "a", "type": "function", "function": function}]})
        };
        for (message, path) in [
            (
                json!({"role": "user", "content": "Hi", "name": "Ann"}),
                "messages[1].name",
            ),
            (
                json!({"role": "user", "content": ""}),
                "messages[1].content",
            ),
            (
                json!({"role": "assistant", "content": null}),
                "messages[1].content",
            ),
            (
                json!({"role": "assistant", "content": "A", "refusal": "No."}),
                "messages[1].refusal",
            ),
            (
                json!({"role": "assistant", "content": [{"type": "image_url", "image_url": {}}]}),
                "messages[1].content[0]",
            ),
            (
                json!({"role": "function", "name": "f", "content": "1"}),
                "messages[1].role",
            ),
            (
                call(json!({"name": "f", "arguments": "[1]"})),
                "messages[1].tool_calls[0].function.arguments",
            ),
            (
                call(json!({"name": "f", "arguments": "{"})),
                "messages[1].tool_calls[0].function.arguments",
            ),
            (
                json!({"role": "tool", "content": "1"}),
                "messages[1].tool_call_id",
            ),
        ] {
            let request = json!({"messages": [{"role": "user", "content": "Go."}, message]});
            assert_eq!(refused_at(&request), path, "{request}");
        }
        let alone = json!({"messages": [{"role": "system", "content": "Be brief."}]});
        assert_eq!(refused_at(&alone), "messages");
    }
    #[test]
    fn a_cache_point_stands_behind_what_is_marked() {
        let mark = json!({"type": "ephemeral"});
        let read = read(&json!({"messages": [
            {"role": "user", "content": "Go.", "cache_control": mark},
            {"role": "tool", "tool_call_id": "a", "content": [
                {"type": "text", "text": "1", "cache_control": mark}, {"type": "text", "text": "2"}]},
            {"role": "tool", "tool_call_id": "b", "content": "3"}]}));
        let point = json!({"cachePoint": {"type": "default"}});
        assert_eq!(
            read["messages"][0]["content"],
            json!([{"text": "Go."}, point,
                {"toolResult": {"toolUseId": "a", "content": [{"text": "1"}, {"text": "2"}]}}, point,
                {"toolResult": {"toolUseId": "b", "content": [{"text": "3"}]}}])
        );
    }
}
