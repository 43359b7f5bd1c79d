//! A provider's stream in Anthropic's form, read event by event as canonical chunks.

mod blocks;

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::answer_of::{beside, ending, malformed, note};
use super::error::as_openai;
use super::fields::text;
use super::usage::{from_anthropic, is_foreign_reason};
use super::{BESIDE, NAME};
use crate::chat::{completion_id, unix_seconds};
use crate::dialect::order::{BLOCK_ORDER, Written};
use crate::dialect::{Fault, Heard};
use blocks::Block;

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
        // Counts that nobody made are not nought.
        if !self.usage.is_empty() {
            let mut usage = self.chunk(json!([]));
            usage["usage"] = from_anthropic(&self.usage);
            heard.chunks.push(usage);
        }
        self.done = true;
        heard.done = true;
        Ok(())
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
