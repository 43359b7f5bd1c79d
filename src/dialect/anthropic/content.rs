//! A client's messages of Anthropic's Messages API as canonical ones: blocks become parts, calls of tools and their
//! results get members and messages of their own.

use serde_json::{Map, Value, json};

use super::super::order::{BLOCK_ORDER, Kind};
use super::blocks::{content as plain, foreign, part, simplest};
use super::fields::{
    boolean, copy_object, given, missing, object, path, required, required_object, says_nothing,
    unknown, wrong,
};
use crate::chat::InvalidRequest;

type Block = Map<String, Value>;

/// Translates the message at `i` and adds what it says to `to`.
pub(super) fn message(
    i: usize,
    message: &Value,
    to: &mut Vec<Value>,
) -> Result<(), InvalidRequest> {
    let at = format!("messages[{i}]");
    let message = object(&at, message)?;
    let role = required(message, &at, "role")?;
    let more = more(message);
    let content = given(message, "content");
    let at = path(&at, "content");
    match role {
        "user" => user(&at, content.ok_or_else(|| missing(&at))?, more, to),
        "assistant" => {
            let content = content.ok_or_else(|| missing(&at))?;
            to.push(assistant(&at, content, more)?.into());
            Ok(())
        }
        // At the top of the conversation it would be taken for the system prompt.
        "system" if i > 0 => {
            let content = match content {
                Some(content) => plain(&at, content)?,
                None if more.is_some() => json!([]),
                None => return Err(missing(at)),
            };
            let content = with(content, more);
            to.push(json!({"role": "system", "content": content}));
            Ok(())
        }
        "system" => Err(InvalidRequest::at(
            "messages[0].role",
            "The first message cannot be the system's; use `system` for that.",
        )),
        _ => Err(InvalidRequest::at(
            format!("messages[{i}].role"),
            format!("`{role}` is not a role; use one of user, assistant, system."),
        )),
    }
}

/// What a message says beside its role and content, as a part of the latter: there nobody can overlook it.
fn more(message: &Block) -> Option<Value> {
    let mut more = message.clone();
    more.retain(|name, value| !matches!(name.as_str(), "role" | "content") && !says_nothing(value));
    (!more.is_empty()).then(|| foreign(&more))
}

fn with(content: Value, more: Option<Value>) -> Value {
    let Some(more) = more else {
        return content;
    };
    match content {
        Value::Array(mut parts) => {
            parts.push(more);
            parts.into()
        }
        text => json!([{"type": "text", "text": text}, more]),
    }
}

fn user(
    at: &str,
    content: &Value,
    more: Option<Value>,
    to: &mut Vec<Value>,
) -> Result<(), InvalidRequest> {
    let turn = |parts| json!({"role": "user", "content": parts});
    if content.is_string() {
        to.push(turn(with(content.clone(), more)));
        return Ok(());
    }
    let blocks = content
        .as_array()
        .ok_or_else(|| wrong(at, "a string or an array of blocks"))?;
    let before = to.len();
    let mut parts = Vec::new();
    for (i, block) in blocks.iter().enumerate() {
        let at = format!("{at}[{i}]");
        match tool_result(&at, object(&at, block)?)? {
            Some(result) => {
                if !parts.is_empty() {
                    to.push(turn(simplest(std::mem::take(&mut parts))));
                }
                to.push(result);
            }
            None => parts.push(part(&at, block)?),
        }
    }
    parts.extend(more);
    if !parts.is_empty() || to.len() == before {
        to.push(turn(simplest(parts)));
    }
    Ok(())
}

/// The result of a tool as a message of its own; none for any other block, and one that says more.
fn tool_result(at: &str, block: &Block) -> Result<Option<Value>, InvalidRequest> {
    let known = [
        "type",
        "tool_use_id",
        "content",
        "is_error",
        "cache_control",
    ];
    if required(block, at, "type")? != "tool_result" {
        return Ok(None);
    }
    let id = required(block, at, "tool_use_id")?;
    let inner = path(at, "content");
    let content = match given(block, "content") {
        None => json!(""),
        Some(content) => plain(&inner, content)?,
    };
    if unknown(block, &known).is_some() {
        return Ok(None);
    }
    let mut result = Map::new();
    result.insert("role".into(), "tool".into());
    result.insert("tool_call_id".into(), id.into());
    result.insert("content".into(), content);
    if let Some(failed) = given(block, "is_error") {
        // Unsaid, it did not.
        if boolean(&path(at, "is_error"), failed)? {
            result.insert("is_error".into(), true.into());
        }
    }
    copy_object(block, at, "cache_control", &mut result)?;
    Ok(Some(result.into()))
}

/// What an assistant message is put together from.
#[derive(Default)]
struct Turn {
    parts: Vec<Value>,
    thinking: Vec<Value>,
    calls: Vec<Value>,
    order: Vec<Kind>,
}

fn assistant(at: &str, content: &Value, more: Option<Value>) -> Result<Block, InvalidRequest> {
    let mut message = Map::new();
    message.insert("role".into(), "assistant".into());
    if content.is_string() {
        message.insert("content".into(), with(content.clone(), more));
        return Ok(message);
    }
    let blocks = content
        .as_array()
        .ok_or_else(|| wrong(at, "a string or an array of blocks"))?;
    let mut turn = Turn::default();
    for (i, block) in blocks.iter().enumerate() {
        turn.add(&format!("{at}[{i}]"), block)?;
    }
    if let Some(more) = more {
        turn.parts.push(more);
        turn.order.push(Kind::Content);
    }
    turn.fill(&mut message);
    Ok(message)
}

impl Turn {
    fn add(&mut self, at: &str, block: &Value) -> Result<(), InvalidRequest> {
        let members = object(at, block)?;
        let kind = match required(members, at, "type")? {
            "thinking" | "redacted_thinking" => {
                self.thinking.push(thought(at, members)?);
                Kind::Thinking
            }
            "tool_use" => match tool_call(at, members)? {
                Some(call) => {
                    self.calls.push(call);
                    Kind::ToolUse
                }
                None => {
                    self.parts.push(foreign(members));
                    Kind::Content
                }
            },
            _ => {
                self.parts.push(part(at, block)?);
                Kind::Content
            }
        };
        self.order.push(kind);
        Ok(())
    }

    fn fill(mut self, message: &mut Block) {
        let content = if self.parts.is_empty() {
            Value::Null
        } else {
            simplest(self.parts)
        };
        message.insert("content".into(), content);
        let thoughts = self
            .thinking
            .iter()
            .filter_map(|block| block.get("thinking")?.as_str());
        let thoughts: String = thoughts.collect();
        if !thoughts.is_empty() {
            message.insert("reasoning_content".into(), thoughts.into());
        }
        // Without a signature they came from somebody who does not sign, and knows them as text.
        let unsigned = |block: &Value| block.get("signature").is_some_and(|s| s == "");
        let signed = !self.thinking.iter().all(unsigned);
        if signed {
            message.insert("thinking_blocks".into(), self.thinking.into());
        }
        if !self.calls.is_empty() {
            message.insert("tool_calls".into(), self.calls.into());
        }
        self.order.retain(|kind| signed || *kind != Kind::Thinking);
        if !self.order.is_sorted() {
            let told: Vec<_> = self.order.iter().map(|kind| kind.entry()).collect();
            message.insert(BLOCK_ORDER.into(), told.into());
        }
    }
}

fn thought(at: &str, block: &Block) -> Result<Value, InvalidRequest> {
    let mut thought = block.clone();
    thought.retain(|_, value| !says_nothing(value));
    if required(block, at, "type")? == "thinking" {
        required(block, at, "thinking")?;
        if given(block, "signature").is_some() {
            required(block, at, "signature")?;
        }
        thought.entry("signature").or_insert_with(|| "".into());
    } else {
        required(block, at, "data")?;
    }
    Ok(thought.into())
}

/// A call of a tool; none if the block says more of it than a call can.
fn tool_call(at: &str, block: &Block) -> Result<Option<Value>, InvalidRequest> {
    let id = required(block, at, "id")?;
    let name = required(block, at, "name")?;
    let input = required_object(block, at, "input")?;
    let by_model = |caller: &Value| caller.get("type").is_some_and(|kind| kind == "direct");
    // What another provider signed comes back from clients that send blocks as they got them.
    let known = [
        "type",
        "id",
        "name",
        "input",
        "cache_control",
        "caller",
        "extra_content",
    ];
    if unknown(block, &known).is_some() || !given(block, "caller").is_none_or(by_model) {
        return Ok(None);
    }
    let arguments = Value::Object(input.clone()).to_string();
    let mut call = Map::new();
    call.insert("id".into(), id.into());
    call.insert("type".into(), "function".into());
    call.insert(
        "function".into(),
        json!({"name": name, "arguments": arguments}),
    );
    copy_object(block, at, "cache_control", &mut call)?;
    copy_object(block, at, "extra_content", &mut call)?;
    Ok(Some(call.into()))
}
