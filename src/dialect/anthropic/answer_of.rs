//! A provider's whole answer in Anthropic's form as a canonical one.

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::super::order::{BLOCK_ORDER, Kind, Written};
use super::error::as_openai;
use super::fields::text;
use super::usage::{finish_reason, from_anthropic, is_foreign_reason};
use super::{BESIDE, NAME};
use crate::dialect::Fault;

/// Reads the body of an answer.
///
/// # Errors
/// [`Fault::Said`] for an error, [`Fault::Malformed`] for what is no answer.
pub fn answer_of(body: &[u8]) -> Result<Map<String, Value>, Fault> {
    let whole: Map<String, Value> =
        serde_json::from_slice(body).map_err(|e| Fault::Malformed(e.to_string()))?;
    if text(&whole, "type") == Some("error") || whole.get("error").is_some_and(|e| !e.is_null()) {
        return Err(Fault::Said(as_openai(
            whole.get("error").unwrap_or(&Value::Null),
        )));
    }
    let blocks = whole.get("content").and_then(Value::as_array);
    let blocks = blocks.ok_or_else(|| malformed("an answer has no content"))?;
    let stop =
        text(&whole, "stop_reason").ok_or_else(|| malformed("an answer has no stop_reason"))?;
    let inputs: Inputs<'_> = serde_json::from_slice(body).unwrap_or_default();
    let mut inputs = inputs.content.into_iter();
    let mut message = Message::default();
    for block in blocks {
        let input = inputs.next().and_then(|block| block.input);
        message.add(block, input.map(RawValue::get))?;
    }
    let mut lost = message.lost.clone();
    let mut canonical = Map::new();
    if let Some(model) = text(&whole, "model") {
        canonical.insert("model".into(), model.into());
    }
    let mut choice = json!({"index": 0, "message": message.whole(), "logprobs": null});
    ending(&whole, stop, &mut choice);
    canonical.insert("choices".into(), json!([choice]));
    if let Some(usage) = whole.get("usage").and_then(Value::as_object) {
        canonical.insert("usage".into(), from_anthropic(usage));
    }
    lost.extend(is_foreign_reason(stop).then(|| stop.to_owned()));
    beside(&whole, &mut canonical, &mut lost);
    if !lost.is_empty() {
        canonical.insert("foreign".into(), json!({ NAME: lost }));
    }
    Ok(canonical)
}

/// The inputs of tools as they stand in the text, so that numbers and the order of keys stay.
#[derive(Deserialize, Default)]
struct Inputs<'a> {
    #[serde(borrow)]
    content: Vec<Input<'a>>,
}

#[derive(Deserialize)]
struct Input<'a> {
    #[serde(borrow, default)]
    input: Option<&'a RawValue>,
}

pub(super) fn malformed(why: &str) -> Fault {
    Fault::Malformed(why.to_owned())
}

/// Gives a choice the reason why the answer ended.
pub(super) fn ending(from: &Map<String, Value>, stop: &str, choice: &mut Value) {
    choice["finish_reason"] = finish_reason(stop).into();
    if let Some(sequence) = text(from, "stop_sequence") {
        choice["stop_reason"] = sequence.into();
    }
    if let Some(details) = from
        .get("stop_details")
        .filter(|details| !is_hollow(details))
    {
        choice["stop_details"] = details.clone();
    }
}

/// Takes over what stands beside the content and belongs to this one answer.
pub(super) fn beside(
    from: &Map<String, Value>,
    to: &mut Map<String, Value>,
    lost: &mut Vec<String>,
) {
    for name in BESIDE {
        if let Some(value) = from.get(name).filter(|value| !is_hollow(value)) {
            to.insert(name.into(), value.clone());
            note(lost, name);
        }
    }
}

/// Adds a name once.
pub(super) fn note(lost: &mut Vec<String>, name: &str) {
    if !lost.iter().any(|known| known == name) {
        lost.push(name.to_owned());
    }
}

/// Whether there is nothing in it, however deep one looks.
fn is_hollow(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.iter().all(is_hollow),
        Value::Object(members) => members.values().all(is_hollow),
        _ => false,
    }
}

/// Members of a block that a call has no place for, with their values.
pub(super) fn more_of_call(block: &Map<String, Value>) -> Map<String, Value> {
    let mut more = block.clone();
    more.retain(|name, value| match name.as_str() {
        "type" | "id" | "name" | "input" => false,
        "caller" => value.get("type").is_none_or(|kind| kind != "direct"),
        _ => !is_hollow(value),
    });
    more
}

/// A message as it is put together block by block.
#[derive(Default)]
struct Message {
    content: Option<String>,
    thinking: Vec<Value>,
    calls: Vec<Value>,
    order: Written,
    lost: Vec<String>,
}

impl Message {
    fn add(&mut self, block: &Value, input: Option<&str>) -> Result<(), Fault> {
        let members = block
            .as_object()
            .ok_or_else(|| malformed("a block is not an object"))?;
        match text(members, "type") {
            Some("text") => self.text(members),
            Some("thinking" | "redacted_thinking") => {
                self.thinking.push(block.clone());
                self.order.add(Kind::Thinking);
                Ok(())
            }
            Some("tool_use") => self.call(members, input),
            Some(other) => {
                note(&mut self.lost, other);
                self.order.add_foreign(block.clone());
                Ok(())
            }
            None => Err(malformed("a block has no type")),
        }
    }

    fn text(&mut self, block: &Map<String, Value>) -> Result<(), Fault> {
        let said = text(block, "text").ok_or_else(|| malformed("a text block has no text"))?;
        let cited = block.get("citations").and_then(Value::as_array);
        let cited = cited.map_or(&[][..], Vec::as_slice);
        if !cited.is_empty() {
            note(&mut self.lost, "citations");
        }
        let handle = self.order.begin_text();
        self.order.grow(handle, said.len(), cited);
        self.content.get_or_insert_default().push_str(said);
        Ok(())
    }

    fn call(&mut self, block: &Map<String, Value>, input: Option<&str>) -> Result<(), Fault> {
        let (id, name) = (text(block, "id"), text(block, "name"));
        let (Some(id), Some(name)) = (id, name) else {
            return Err(malformed("a tool_use block has no id or name"));
        };
        let parsed = block.get("input").filter(|input| input.is_object());
        let parsed = parsed.ok_or_else(|| malformed("the input of a tool is not an object"))?;
        let arguments = input.map_or_else(|| parsed.to_string(), str::to_owned);
        let mut call = Map::new();
        call.insert("id".into(), id.into());
        call.insert("type".into(), "function".into());
        call.insert(
            "function".into(),
            json!({"name": name, "arguments": arguments}),
        );
        let more = more_of_call(block);
        more.keys().for_each(|name| note(&mut self.lost, name));
        call.extend(more);
        self.calls.push(call.into());
        self.order.add(Kind::ToolUse);
        Ok(())
    }

    fn whole(self) -> Value {
        let mut message = Map::new();
        message.insert("role".into(), "assistant".into());
        let thoughts = self
            .thinking
            .iter()
            .filter_map(|block| block.get("thinking")?.as_str());
        let thoughts: String = thoughts.collect();
        if !thoughts.is_empty() {
            message.insert("reasoning_content".into(), thoughts.into());
        }
        if !self.thinking.is_empty() {
            message.insert("thinking_blocks".into(), self.thinking.into());
        }
        // Nothing said is told as such only where something else was done.
        let silent = (!self.calls.is_empty()).then_some(Value::Null);
        let silent = silent.unwrap_or_else(|| "".into());
        let content = self.content.map_or(silent, Value::from);
        message.insert("content".into(), content);
        message.insert("refusal".into(), Value::Null);
        if !self.calls.is_empty() {
            message.insert("tool_calls".into(), self.calls.into());
        }
        if let Some(order) = self.order.told() {
            message.insert(BLOCK_ORDER.into(), order);
        }
        message.into()
    }
}
