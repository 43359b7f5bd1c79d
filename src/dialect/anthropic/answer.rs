//! A canonical answer as the message that a client of Anthropic's Messages API gets.

use serde_json::{Map, Value, json};

use super::super::members::{Piece, parts_of};
use super::super::order::{Place, places, usual_places};
use super::answer_of::more_of_call;
use super::fields::text;
use super::usage::{Ending, to_anthropic};
use super::{BESIDE, fresh, message_id};

type Members = Map<String, Value>;

/// The whole message, with an id of its own. Of several choices it is the first.
#[must_use]
pub fn answer(members: &Members) -> Members {
    let mut written = opening(members.get("model"));
    let choice = first_choice(members);
    let message = choice.and_then(|choice| choice.get("message")?.as_object());
    let ending = ending(members, choice);
    let blocks = message.map(blocks).unwrap_or_default();
    let blocks: Value = blocks.iter().map(Block::whole).collect();
    written.insert("content".into(), blocks);
    written.extend(stop(&ending));
    written.insert("usage".into(), to_anthropic(members.get("usage")).into());
    for name in BESIDE {
        if let Some(value) = members.get(name) {
            written.insert(name.into(), value.clone());
        }
    }
    written
}

/// The members that every message begins with.
pub(super) fn opening(model: Option<&Value>) -> Members {
    let mut message = Map::new();
    message.insert("id".into(), message_id().into());
    message.insert("type".into(), "message".into());
    message.insert("role".into(), "assistant".into());
    let model = model.and_then(Value::as_str).unwrap_or_default();
    message.insert("model".into(), model.into());
    message
}

/// The members that say how a message ended.
pub(super) fn stop(ending: &Ending) -> Members {
    let (reason, sequence) = ending.stop_reason().unzip();
    let mut stop = Map::new();
    stop.insert("stop_reason".into(), reason.into());
    stop.insert("stop_sequence".into(), sequence.flatten().into());
    if let Some(details) = &ending.stop_details {
        stop.insert("stop_details".into(), details.clone());
    }
    stop
}

pub(super) fn first_choice(members: &Members) -> Option<&Value> {
    members.get("choices")?.as_array()?.first()
}

/// How a whole answer ended.
pub(super) fn ending(members: &Members, choice: Option<&Value>) -> Ending {
    let mut ending = Ending::default();
    ending.hear_foreign(members);
    if let Some(choice) = choice {
        ending.hear(choice);
        let of_message = |name: &str| choice.get("message").and_then(|message| message.get(name));
        let calls = of_message("tool_calls").and_then(Value::as_array);
        ending.calls = calls.is_some_and(|calls| !calls.is_empty());
        let refusal = of_message("refusal").and_then(Value::as_str);
        ending.refuses = refusal.is_some_and(|refusal| !refusal.is_empty());
    }
    ending
}

/// A block of an answer.
#[derive(Debug)]
pub(super) enum Block<'a> {
    /// Thought, or foreign: it is written as it is.
    Whole(Value),
    Text(&'a str, Option<&'a Value>),
    Call {
        /// The block without its input.
        head: Value,
        arguments: &'a str,
    },
}

/// The blocks of a message in their order.
pub(super) fn blocks(message: &Members) -> Vec<Block<'_>> {
    let mut found = Vec::new();
    // Both names are in use.
    let thoughts = text(message, "reasoning_content").or_else(|| text(message, "reasoning"));
    let thoughts = thoughts.unwrap_or_default();
    let signed = message
        .get("thinking_blocks")
        .is_some_and(|blocks| !super::fields::says_nothing(blocks));
    if !thoughts.is_empty() && !signed {
        // Nobody signed them; the member must be there all the same.
        found.push(Block::Whole(
            json!({"type": "thinking", "thinking": thoughts, "signature": ""}),
        ));
    }
    // An answer whose order does not fit it still says all that it says.
    let in_order = places(message).unwrap_or_else(|| usual_places(message));
    found.extend(in_order.into_iter().filter_map(block));
    let refusal = text(message, "refusal").filter(|refusal| !refusal.is_empty());
    found.extend(refusal.map(|refusal| Block::Text(refusal, None)));
    found
}

fn block(place: Place<'_>) -> Option<Block<'_>> {
    match place {
        Place::Thinking(block) | Place::Foreign(block) => Some(Block::Whole(block.clone())),
        Place::Text(said, cited) => Some(Block::Text(said, cited)),
        Place::Part(_, part) if part.get("type").is_some_and(|kind| kind == "thinking") => {
            let thought = parts_of(part.get("thinking")).into_iter();
            let thought: String = thought.map(Piece::text).collect();
            let block = json!({"type": "thinking", "thinking": thought, "signature": ""});
            Some(Block::Whole(block))
        }
        Place::Part(_, part) => {
            let said = part.get("text").and_then(Value::as_str);
            said.map(|said| Block::Text(said, None))
        }
        Place::Call(_, call) => Some(call_block(call)),
    }
}

fn call_block(call: &Value) -> Block<'_> {
    let function = call.get("function");
    let of = |name: &str| function.and_then(|function| function.get(name)?.as_str());
    let id = call.get("id").and_then(Value::as_str);
    let head = tool_use(id, of("name"), call.as_object());
    let arguments = of("arguments").unwrap_or_default();
    Block::Call { head, arguments }
}

/// A tool_use block with an empty input. A call without an id gets one.
pub(super) fn tool_use(id: Option<&str>, name: Option<&str>, call: Option<&Members>) -> Value {
    let id = id.filter(|id| !id.is_empty()).map(str::to_owned);
    let id = id.unwrap_or_else(|| fresh("toolu"));
    let mut head =
        json!({"type": "tool_use", "id": id, "name": name.unwrap_or_default(), "input": {}});
    let mut more = call.map(more_of_call).unwrap_or_default();
    more.retain(|name, _| !matches!(name.as_str(), "index" | "function" | "cache_control"));
    for (name, value) in more {
        head[name] = value;
    }
    head
}

impl Block<'_> {
    fn whole(&self) -> Value {
        match self {
            Self::Whole(block) => block.clone(),
            Self::Text(said, cited) => text_block(said, *cited),
            Self::Call { head, arguments } => {
                let mut block = head.clone();
                block["input"] = input(arguments);
                block
            }
        }
    }
}

pub(super) fn text_block(said: &str, cited: Option<&Value>) -> Value {
    let mut block = json!({"type": "text", "text": said});
    if let Some(cited) = cited {
        block["citations"] = cited.clone();
    }
    block
}

/// What the model wrote for a tool. Here it has to be an object: anything else is handed on inside of one, for the
/// tool to refuse.
fn input(arguments: &str) -> Value {
    if arguments.trim().is_empty() {
        return json!({});
    }
    match serde_json::from_str(arguments) {
        Ok(input @ Value::Object(_)) => input,
        _ => json!({ "arguments": arguments }),
    }
}
