//! A canonical conversation as Anthropic's system prompt and messages.

use serde_json::{Map, Value, json};

use super::super::order::{BLOCK_ORDER, Place, places};
use super::fields::{given, object, path, required, required_object, says_nothing, text, wrong};
use super::{TITLE, parts};
use crate::chat::{InvalidRequest, parse_strict};
use crate::dialect::inexpressible;

type Message = Map<String, Value>;

/// Members of a message that is only said.
const SPOKEN: [&str; 3] = ["role", "content", "cache_control"];

/// System prompt and messages.
#[derive(Debug, Default)]
pub(super) struct Turns {
    pub(super) system: Option<Value>,
    pub(super) messages: Vec<Value>,
    /// The last of them holds results of tools, and what the user says next belongs to it.
    open: bool,
}

/// Translates a conversation.
pub(super) fn turns(messages: &[Value]) -> Result<Turns, InvalidRequest> {
    let is_system = |message: &Value| {
        let role = message.get("role").and_then(Value::as_str);
        matches!(role, Some("system" | "developer"))
    };
    let head = messages
        .iter()
        .take_while(|message| is_system(message))
        .count();
    let (system, rest) = messages.split_at_checked(head).unwrap_or_default();
    let mut turns = Turns {
        system: prompt(system)?,
        ..Turns::default()
    };
    for (i, message) in rest.iter().enumerate() {
        let at = format!("messages[{}]", head + i);
        turns.add(&at, object(&at, message)?)?;
    }
    Ok(turns)
}

/// The system prompt out of the messages that the conversation begins with.
fn prompt(messages: &[Value]) -> Result<Option<Value>, InvalidRequest> {
    let mut blocks = Vec::new();
    for (i, message) in messages.iter().enumerate() {
        let at = format!("messages[{i}]");
        let message = object(&at, message)?;
        only(&at, message, &SPOKEN)?;
        let content = given(message, "content").unwrap_or(&Value::Null);
        let at = path(&at, "content");
        let content = marked(message, parts::content(&at, content)?);
        if messages.len() == 1 {
            return Ok(Some(content));
        }
        blocks.extend(parts::blocks_of(content));
    }
    Ok((!blocks.is_empty()).then_some(blocks.into()))
}

/// Refuses a member that is none of `known` and says something; an empty text says as little as nothing.
fn only(at: &str, message: &Message, known: &[&str]) -> Result<(), InvalidRequest> {
    let mut others = message.iter().filter(|(name, value)| {
        !known.contains(&name.as_str()) && !says_nothing(value) && *value != ""
    });
    match others.next() {
        Some((name, _)) => Err(inexpressible(path(at, name), TITLE)),
        None => Ok(()),
    }
}

/// Puts a mark for the provider's cache that stands at the message on its last block.
fn marked(message: &Message, content: Value) -> Value {
    let Some(mark) = given(message, "cache_control") else {
        return content;
    };
    let mut blocks = parts::blocks_of(content);
    if let Some(Value::Object(last)) = blocks.last_mut() {
        last.entry("cache_control").or_insert_with(|| mark.clone());
    }
    blocks.into()
}

impl Turns {
    fn add(&mut self, at: &str, message: &Message) -> Result<(), InvalidRequest> {
        let inner = path(at, "content");
        let content = given(message, "content").unwrap_or(&Value::Null);
        let open = std::mem::take(&mut self.open);
        match required(message, at, "role")? {
            "tool" => {
                let result = result(at, message)?;
                self.append(open, vec![result]);
                self.open = true;
            }
            "user" => {
                only(at, message, &SPOKEN)?;
                let said = marked(message, parts::content(&inner, content)?);
                if open {
                    self.append(open, parts::blocks_of(said));
                } else {
                    self.push("user", said);
                }
                self.tell_more(content);
            }
            "system" | "developer" => {
                only(at, message, &SPOKEN)?;
                let said = marked(message, parts::content(&inner, content)?);
                self.push("system", said);
                self.tell_more(content);
            }
            "assistant" => {
                self.push("assistant", marked(message, assistant(at, message)?));
                self.tell_more(content);
            }
            _ => return Err(inexpressible(path(at, "role"), TITLE)),
        }
        Ok(())
    }

    fn push(&mut self, role: &str, content: Value) {
        self.messages
            .push(json!({"role": role, "content": content}));
    }

    /// Adds blocks to the user's last message, if it is still open.
    fn append(&mut self, open: bool, blocks: Vec<Value>) {
        let last = self.messages.last_mut().filter(|_| open);
        match last.and_then(|last| last.get_mut("content")?.as_array_mut()) {
            Some(content) => content.extend(blocks),
            None => self.push("user", blocks.into()),
        }
    }

    /// Gives the last message what its content tells of the message itself.
    fn tell_more(&mut self, content: &Value) {
        let parts = content.as_array().into_iter().flatten();
        let last = self.messages.last_mut().and_then(Value::as_object_mut);
        if let Some(last) = last {
            for more in parts.filter_map(parts::members_of_message) {
                last.extend(more.clone());
            }
        }
    }
}

/// A tool's message as a block.
fn result(at: &str, message: &Message) -> Result<Value, InvalidRequest> {
    // The name of the function stands in the call that the id names.
    let known = [
        "role",
        "content",
        "tool_call_id",
        "name",
        "is_error",
        "cache_control",
    ];
    only(at, message, &known)?;
    let id = required(message, at, "tool_call_id")?;
    let content = given(message, "content").unwrap_or(&Value::Null);
    let content = parts::content(&path(at, "content"), content)?;
    let mut block = json!({"type": "tool_result", "tool_use_id": id, "content": content});
    if message.get("is_error").and_then(Value::as_bool) == Some(true) {
        block["is_error"] = true.into();
    }
    if let Some(mark) = given(message, "cache_control") {
        block["cache_control"] = mark.clone();
    }
    Ok(block)
}

/// The content of an assistant's message.
fn assistant(at: &str, message: &Message) -> Result<Value, InvalidRequest> {
    let known = [
        "role",
        "content",
        "tool_calls",
        "thinking_blocks",
        "reasoning_content",
        BLOCK_ORDER,
        "cache_control",
        // What another provider signed is nothing that was said.
        "extra_content",
    ];
    only(at, message, &known)?;
    let places = places(message).ok_or_else(|| {
        let message = "`block_order` does not fit the blocks of its message.";
        InvalidRequest::at(path(at, BLOCK_ORDER), message)
    })?;
    if let (Some(Value::String(text)), [] | [Place::Text(_, None)]) =
        (message.get("content"), places.as_slice())
    {
        return Ok(text.as_str().into());
    }
    let mut blocks = Vec::with_capacity(places.len());
    for place in places {
        blocks.extend(match place {
            Place::Thinking(block) if is_unsigned(block) => None,
            Place::Thinking(block) | Place::Foreign(block) => Some(block.clone()),
            Place::Text(text, cited) => Some(cited_text(text, cited)),
            Place::Part(_, part) if parts::members_of_message(part).is_some() => None,
            Place::Part(i, part) => Some(parts::block(&format!("{at}.content[{i}]"), part)?),
            Place::Call(i, call) => Some(tool_use(&format!("{at}.tool_calls[{i}]"), call)?),
        });
    }
    Ok(blocks.into())
}

fn cited_text(text: &str, cited: Option<&Value>) -> Value {
    let mut block = parts::text_block(text);
    if let Some(cited) = cited {
        block["citations"] = cited.clone();
    }
    block
}

/// Whether a request hands over thoughts that nobody signed. They are refused there, and nothing that was said: a model
/// that does not sign had them.
#[must_use]
pub fn has_unsigned_thoughts(request: &Message) -> bool {
    let messages = request.get("messages").and_then(Value::as_array);
    let mut messages = messages.into_iter().flatten().filter_map(Value::as_object);
    messages.any(|message| {
        let blocks = message.get("thinking_blocks").and_then(Value::as_array);
        let mut unsigned = blocks
            .into_iter()
            .flatten()
            .filter(|block| is_unsigned(block));
        let plain = text(message, "reasoning_content").is_some_and(|text| !text.is_empty());
        unsigned.next().is_some() || (plain && blocks.is_none())
    })
}

fn is_unsigned(block: &Value) -> bool {
    let of = |name: &str| block.get(name).and_then(Value::as_str);
    of("type") == Some("thinking") && of("signature").unwrap_or_default().is_empty()
}

fn tool_use(at: &str, call: &Value) -> Result<Value, InvalidRequest> {
    let call = object(at, call)?;
    if text(call, "type").is_some_and(|kind| kind != "function") {
        return Err(inexpressible(at, TITLE));
    }
    // A client that put a stream together may have kept the index.
    only(
        at,
        call,
        &[
            "id",
            "type",
            "function",
            "index",
            "cache_control",
            "extra_content",
        ],
    )?;
    let id = required(call, at, "id")?;
    let function = required_object(call, at, "function")?;
    let inner = path(at, "function");
    only(&inner, function, &["name", "arguments"])?;
    let name = required(function, &inner, "name")?;
    let arguments = given(function, "arguments").map_or(Some(""), Value::as_str);
    let input = arguments
        .and_then(object_of)
        .ok_or_else(|| wrong(path(&inner, "arguments"), "a JSON object in a string"))?;
    let mut block = json!({"type": "tool_use", "id": id, "name": name, "input": input});
    if let Some(mark) = given(call, "cache_control") {
        block["cache_control"] = mark.clone();
    }
    Ok(block)
}

/// The object that a call's arguments are. None at all are an empty one.
fn object_of(arguments: &str) -> Option<Value> {
    if arguments.trim().is_empty() {
        return Some(json!({}));
    }
    parse_strict(arguments.as_bytes())
        .ok()
        .filter(Value::is_object)
}
