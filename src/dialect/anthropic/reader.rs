//! A provider's stream in Anthropic's form, read event by event as canonical chunks.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::answer_of::{beside, ending, malformed, more_of_call, note};
use super::error::as_openai;
use super::fields::text;
use super::order::{BLOCK_ORDER, Kind, Written};
use super::usage::{from_anthropic, is_foreign_reason};
use super::{BESIDE, NAME};
use crate::chat::{completion_id, unix_seconds};
use crate::dialect::{Fault, Heard};

type Members = Map<String, Value>;

/// Reads one stream.
#[derive(Debug)]
pub struct Reader {
    id: String,
    created: u64,
    model: Value,
    /// The message has begun.
    begun: bool,
    done: bool,
    role_told: bool,
    /// Blocks that are not complete, by their index.
    open: BTreeMap<u64, Block>,
    order: Written,
    calls: usize,
    spoke: bool,
    usage: Members,
    /// What the last events said of how the answer ended.
    end: Members,
    lost: Vec<String>,
}

#[derive(Debug)]
enum Block {
    /// With its handle in the order.
    Text(usize),
    /// A thought as it grows, or one that came whole.
    Thinking(Members),
    Call {
        index: usize,
        /// Arguments for the case that none come in pieces.
        input: String,
        heard: bool,
    },
    Foreign,
}

impl Reader {
    /// A reader that calls the model `model` until the provider does.
    #[must_use]
    pub fn new(model: &str) -> Self {
        Self {
            id: completion_id(),
            created: unix_seconds(),
            model: model.into(),
            begun: false,
            done: false,
            role_told: false,
            open: BTreeMap::new(),
            order: Written::default(),
            calls: 0,
            spoke: false,
            usage: Map::new(),
            end: Map::new(),
            lost: Vec::new(),
        }
    }

    /// Reads the next event. One of a kind that is not known says nothing.
    ///
    /// # Errors
    /// [`Fault::Said`] for an error, [`Fault::Malformed`] for a known event that cannot be understood.
    pub fn event(&mut self, name: Option<&str>, data: &str) -> Result<Heard, Fault> {
        let mut heard = Heard::default();
        if self.done || name.is_some_and(|name| !KNOWN.contains(&name)) {
            return Ok(heard);
        }
        let event: Members =
            serde_json::from_str(data).map_err(|e| Fault::Malformed(e.to_string()))?;
        let kind = text(&event, "type").or(name).unwrap_or_default();
        if kind == "error" {
            return Err(Fault::Said(as_openai(
                event.get("error").unwrap_or(&Value::Null),
            )));
        }
        if KNOWN.contains(&kind) && self.begun == (kind == "message_start") {
            return Err(malformed(
                "an event stands before its message, or in a second one",
            ));
        }
        match kind {
            "message_start" => self.begin(&event)?,
            "content_block_start" => self.block_start(event, &mut heard.chunks)?,
            "content_block_delta" => self.block_delta(event, &mut heard.chunks)?,
            "content_block_stop" => {
                let index = index(&event)?;
                let block = self.open.remove(&index);
                let block = block.ok_or_else(|| malformed("a block ends that had not begun"))?;
                self.block_stop(block, Some(event), &mut heard.chunks);
            }
            "message_delta" => self.message_delta(&event)?,
            "message_stop" => self.message_stop(&mut heard)?,
            _ => {}
        }
        Ok(heard)
    }

    fn begin(&mut self, event: &Members) -> Result<(), Fault> {
        let message = event.get("message").and_then(Value::as_object);
        let message = message.ok_or_else(|| malformed("a stream begins without a message"))?;
        self.begun = true;
        if let Some(model) = message.get("model").filter(|model| model.is_string()) {
            self.model = model.clone();
        }
        self.hear_usage(message);
        self.hear_end(message);
        Ok(())
    }

    fn hear_usage(&mut self, from: &Members) {
        let usage = from.get("usage").and_then(Value::as_object);
        let counted = usage
            .into_iter()
            .flatten()
            .filter(|(_, value)| !value.is_null());
        self.usage
            .extend(counted.map(|(name, value)| (name.clone(), value.clone())));
    }

    /// Later words count; a null takes none back.
    fn hear_end(&mut self, from: &Members) {
        for name in ["stop_reason", "stop_sequence", "stop_details"]
            .into_iter()
            .chain(BESIDE)
        {
            if let Some(value) = from.get(name).filter(|value| !value.is_null()) {
                self.end.insert(name.into(), value.clone());
            }
        }
    }

    fn message_delta(&mut self, event: &Members) -> Result<(), Fault> {
        let delta = event.get("delta").and_then(Value::as_object);
        let delta = delta.ok_or_else(|| malformed("a message_delta has no delta"))?;
        self.hear_end(delta);
        self.hear_end(event);
        self.hear_usage(event);
        Ok(())
    }

    fn block_start(&mut self, event: Members, chunks: &mut Vec<Value>) -> Result<(), Fault> {
        let index = index(&event)?;
        let block = event.get("content_block").and_then(Value::as_object);
        let block = block.ok_or_else(|| malformed("a block begins without one"))?;
        let opened = match text(block, "type") {
            Some("text") => {
                let said = text(block, "text").unwrap_or_default().to_owned();
                if self.order.ends_in_text() {
                    // The only word for the end of one text and the beginning of the next.
                    chunks.push(self.foreign(event.clone()));
                }
                let handle = self.order.begin_text();
                self.say(handle, &said, chunks);
                Block::Text(handle)
            }
            Some("thinking" | "redacted_thinking") => {
                self.order.add(Kind::Thinking);
                if let Some(thought) = text(block, "thinking").filter(|thought| !thought.is_empty())
                {
                    let delta = json!({ "reasoning_content": thought });
                    chunks.push(self.delta(delta));
                }
                Block::Thinking(block.clone())
            }
            Some("tool_use") => self.call(block, chunks)?,
            Some(other) => {
                note(&mut self.lost, other);
                chunks.push(self.foreign(event.clone()));
                Block::Foreign
            }
            None => return Err(malformed("a block has no type")),
        };
        match self.open.insert(index, opened) {
            None => Ok(()),
            Some(_) => Err(malformed("a block begins twice")),
        }
    }

    fn say(&mut self, handle: usize, said: &str, chunks: &mut Vec<Value>) {
        if !said.is_empty() {
            self.spoke = true;
            self.order.grow(handle, said.len(), &[]);
            let delta = json!({ "content": said });
            chunks.push(self.delta(delta));
        }
    }

    fn call(&mut self, block: &Members, chunks: &mut Vec<Value>) -> Result<Block, Fault> {
        let (Some(id), Some(name)) = (text(block, "id"), text(block, "name")) else {
            return Err(malformed("a tool_use block has no id or name"));
        };
        let index = self.calls;
        let function = json!({"name": name, "arguments": ""});
        let mut call = json!({"index": index, "id": id, "type": "function", "function": function});
        for (name, value) in more_of_call(block) {
            note(&mut self.lost, &name);
            call[name] = value;
        }
        self.calls += 1;
        self.order.add(Kind::ToolUse);
        let delta = json!({ "tool_calls": [call] });
        chunks.push(self.delta(delta));
        let input = block.get("input").filter(|input| input.is_object());
        Ok(Block::Call {
            index,
            input: input.map_or_else(|| "{}".to_owned(), Value::to_string),
            heard: false,
        })
    }

    fn block_delta(&mut self, event: Members, chunks: &mut Vec<Value>) -> Result<(), Fault> {
        let index = index(&event)?;
        let mut block = self.open.remove(&index);
        let block_of = block
            .as_mut()
            .ok_or_else(|| malformed("a delta has no block"))?;
        let delta = event.get("delta").and_then(Value::as_object);
        let delta = delta.ok_or_else(|| malformed("a content_block_delta has no delta"))?;
        let kind = text(delta, "type").ok_or_else(|| malformed("a delta has no type"))?;
        let piece = |name: &str| text(delta, name).ok_or_else(|| malformed("a delta has no text"));
        match (kind, block_of) {
            (_, Block::Foreign) => chunks.push(self.foreign(event)),
            ("text_delta", Block::Text(handle)) => self.say(*handle, piece("text")?, chunks),
            ("citations_delta", Block::Text(handle)) => {
                let cited = delta.get("citation").cloned();
                self.order.grow(*handle, 0, cited.as_slice());
                note(&mut self.lost, "citations");
                chunks.push(self.foreign(event));
            }
            ("thinking_delta", Block::Thinking(block)) => {
                let more = piece("thinking")?;
                append(block, "thinking", more);
                let delta = json!({ "reasoning_content": more });
                chunks.extend((!more.is_empty()).then(|| self.delta(delta)));
            }
            // It comes whole.
            ("signature_delta", Block::Thinking(block)) => {
                block.insert("signature".into(), piece("signature")?.into());
            }
            ("input_json_delta", Block::Call { index, heard, .. }) => {
                let more = piece("partial_json")?;
                if !more.is_empty() {
                    *heard = true;
                    chunks.push(self.arguments(*index, more));
                }
            }
            ("text_delta" | "thinking_delta" | "signature_delta" | "input_json_delta", _) => {
                return Err(malformed("a delta is not of its block's kind"));
            }
            (other, _) => note(&mut self.lost, other),
        }
        self.open.extend(block.map(|block| (index, block)));
        Ok(())
    }

    fn block_stop(&mut self, block: Block, event: Option<Members>, chunks: &mut Vec<Value>) {
        match block {
            Block::Text(_) => {}
            Block::Thinking(block) => {
                let delta = json!({ "thinking_blocks": [block] });
                chunks.push(self.delta(delta));
            }
            Block::Call {
                index,
                input,
                heard,
            } => {
                if !heard {
                    chunks.push(self.arguments(index, &input));
                }
            }
            Block::Foreign => chunks.extend(event.map(|event| self.foreign(event))),
        }
    }

    fn message_stop(&mut self, heard: &mut Heard) -> Result<(), Fault> {
        let end = std::mem::take(&mut self.end);
        let stop =
            text(&end, "stop_reason").ok_or_else(|| malformed("a stream ends without a reason"))?;
        for (_, block) in std::mem::take(&mut self.open) {
            self.block_stop(block, None, &mut heard.chunks);
        }
        let mut delta = Map::new();
        if !self.spoke && self.calls == 0 {
            delta.insert("content".into(), "".into());
        }
        delta.extend(
            self.order
                .told()
                .map(|order| (BLOCK_ORDER.to_owned(), order)),
        );
        let mut last = self.delta(delta.into());
        ending(&end, stop, &mut last["choices"][0]);
        let mut lost = std::mem::take(&mut self.lost);
        if is_foreign_reason(stop) {
            note(&mut lost, stop);
        }
        if let Some(last) = last.as_object_mut() {
            beside(&end, last, &mut lost);
            if !lost.is_empty() {
                last.insert("foreign".into(), json!({ NAME: lost }));
            }
        }
        heard.chunks.push(last);
        let mut usage = self.chunk(json!([]));
        usage["usage"] = from_anthropic(&self.usage);
        heard.chunks.push(usage);
        self.done = true;
        heard.done = true;
        Ok(())
    }

    fn arguments(&mut self, index: usize, more: &str) -> Value {
        let call = json!({"index": index, "function": {"arguments": more}});
        self.delta(json!({ "tool_calls": [call] }))
    }

    fn foreign(&mut self, event: Members) -> Value {
        self.delta(json!({ "foreign": [event] }))
    }

    fn delta(&mut self, mut delta: Value) -> Value {
        if let (false, Some(first)) = (self.role_told, delta.as_object_mut()) {
            first.shift_insert(0, "role".into(), "assistant".into());
            first.insert("refusal".into(), Value::Null);
            self.role_told = true;
        }
        let choice = json!({"index": 0, "delta": delta, "logprobs": null, "finish_reason": null});
        self.chunk(json!([choice]))
    }

    fn chunk(&self, choices: Value) -> Value {
        json!({
            "id": self.id,
            "object": "chat.completion.chunk",
            "created": self.created,
            "model": self.model,
            "choices": choices,
        })
    }
}

/// The events that there are. What is new with the API says nothing here.
const KNOWN: [&str; 7] = [
    "message_start",
    "content_block_start",
    "content_block_delta",
    "content_block_stop",
    "message_delta",
    "message_stop",
    "error",
];

fn index(event: &Members) -> Result<u64, Fault> {
    let index = event.get("index").and_then(Value::as_u64);
    index.ok_or_else(|| malformed("an event has no index"))
}

fn append(block: &mut Members, name: &str, more: &str) {
    match block.get_mut(name) {
        Some(Value::String(text)) => text.push_str(more),
        _ => {
            block.insert(name.into(), more.into());
        }
    }
}
