//! The items of an output while they grow, each with the events that tell of it.

use serde_json::{Value, json};

use super::events::Events;
use super::thought;

/// Where an item stands.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) id: String,
    pub(super) index: usize,
}

impl Place {
    /// `members` with the place in front.
    fn with(&self, members: Value) -> Value {
        let mut all = json!({"item_id": self.id, "output_index": self.index});
        if let (Value::Object(all), Value::Object(members)) = (&mut all, members) {
            all.extend(members);
        }
        all
    }
}

/// What the model thought.
#[derive(Debug, Default)]
pub(super) struct Thought {
    text: String,
    blocks: Vec<Value>,
    /// Whether the text is that of the blocks.
    by_block: bool,
}

impl Thought {
    /// Adds plain text; what blocks have said already is not said again.
    pub(super) fn text(&mut self, place: &Place, text: &str, events: &mut Events) {
        if !self.by_block {
            self.say(place, text, events);
        }
    }

    /// Adds a signed block or a piece of one.
    pub(super) fn block(&mut self, place: &Place, block: &Value, events: &mut Events) {
        if self.by_block || self.text.is_empty() {
            self.by_block = true;
            self.say(place, thought::thinking(block), events);
        }
        thought::add(&mut self.blocks, block);
    }

    fn say(&mut self, place: &Place, text: &str, events: &mut Events) {
        if text.is_empty() {
            return;
        }
        if self.text.is_empty() {
            let part = json!({"summary_index": 0, "part": {"type": "summary_text", "text": ""}});
            events.say("response.reasoning_summary_part.added", place.with(part));
        }
        self.text.push_str(text);
        let delta = place.with(json!({"summary_index": 0, "delta": text}));
        events.say("response.reasoning_summary_text.delta", delta);
    }

    pub(super) fn close(&self, place: &Place, events: &mut Events) {
        if self.text.is_empty() {
            return;
        }
        let text = json!({"summary_index": 0, "text": self.text});
        events.say("response.reasoning_summary_text.done", place.with(text));
        let part = json!({"summary_index": 0, "part": {"type": "summary_text", "text": self.text}});
        events.say("response.reasoning_summary_part.done", place.with(part));
    }

    pub(super) fn json(&self, id: &str, status: &str) -> Value {
        let part = json!({"type": "summary_text", "text": self.text});
        let summary = Vec::from_iter((!self.text.is_empty()).then_some(part));
        let mut item = json!({"id": id, "type": "reasoning", "status": status, "summary": summary});
        if !self.blocks.is_empty() {
            item["encrypted_content"] = thought::sealed(&self.blocks).into();
        }
        item
    }
}

/// What kind of text a part holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Refusal,
}

#[derive(Debug)]
struct Part {
    kind: Kind,
    text: String,
    logprobs: Vec<Value>,
    annotations: Vec<Value>,
}

impl Part {
    fn json(&self) -> Value {
        match self.kind {
            Kind::Text => json!({"type": "output_text", "text": self.text,
                "annotations": self.annotations, "logprobs": self.logprobs}),
            Kind::Refusal => json!({"type": "refusal", "refusal": self.text}),
        }
    }

    fn close(&self, place: &Place, index: usize, events: &mut Events) {
        let (kind, said) = match self.kind {
            Kind::Text => (
                "response.output_text.done",
                json!({"content_index": index, "text": self.text, "logprobs": self.logprobs}),
            ),
            Kind::Refusal => (
                "response.refusal.done",
                json!({"content_index": index, "refusal": self.text}),
            ),
        };
        events.say(kind, place.with(said));
        let part = json!({"content_index": index, "part": self.json()});
        events.say("response.content_part.done", place.with(part));
    }
}

/// What the model said, or why it will not.
#[derive(Debug, Default)]
pub(super) struct Message {
    parts: Vec<Part>,
}

impl Message {
    /// Adds text; `logprobs` are those of its tokens.
    pub(super) fn say(
        &mut self,
        place: &Place,
        (kind, text): (Kind, &str),
        logprobs: Vec<Value>,
        events: &mut Events,
    ) {
        let Some((index, part)) = self.part(place, kind, events) else {
            return;
        };
        part.text.push_str(text);
        if text.is_empty() && logprobs.is_empty() {
            return;
        }
        match kind {
            Kind::Text => {
                let delta = json!({"content_index": index, "delta": text, "logprobs": logprobs});
                events.say("response.output_text.delta", place.with(delta));
                part.logprobs.extend(logprobs);
            }
            Kind::Refusal => {
                let delta = json!({"content_index": index, "delta": text});
                events.say("response.refusal.delta", place.with(delta));
            }
        }
    }

    /// Adds a citation to the text.
    pub(super) fn annotate(&mut self, place: &Place, annotation: Value, events: &mut Events) {
        let Some((index, part)) = self.part(place, Kind::Text, events) else {
            return;
        };
        let added = json!({"content_index": index, "annotation_index": part.annotations.len(),
            "annotation": annotation});
        events.say("response.output_text.annotation.added", place.with(added));
        part.annotations.push(annotation);
    }

    /// The last part if it is of this kind, or a new one.
    fn part(&mut self, at: &Place, kind: Kind, events: &mut Events) -> Option<(usize, &mut Part)> {
        if self.parts.last().is_none_or(|part| part.kind != kind) {
            self.close(at, events);
            let part = Part {
                kind,
                text: String::new(),
                logprobs: Vec::new(),
                annotations: Vec::new(),
            };
            let added = json!({"content_index": self.parts.len(), "part": part.json()});
            events.say("response.content_part.added", at.with(added));
            self.parts.push(part);
        }
        let index = self.parts.len().checked_sub(1)?;
        Some((index, self.parts.get_mut(index)?))
    }

    pub(super) fn close(&self, place: &Place, events: &mut Events) {
        if let Some(last) = self.parts.last() {
            last.close(place, self.parts.len() - 1, events);
        }
    }

    pub(super) fn json(&self, id: &str, status: &str) -> Value {
        let content: Vec<Value> = self.parts.iter().map(Part::json).collect();
        json!({"id": id, "type": "message", "status": status, "role": "assistant", "content": content})
    }
}

/// A call of a tool.
#[derive(Debug, Default)]
pub(super) struct Call {
    /// By which its fragments are told from those of other calls.
    pub(super) index: Option<u64>,
    pub(super) id: String,
    pub(super) name: String,
    pub(super) arguments: String,
    /// What a provider signed of it, and wants back.
    pub(super) extra: Option<Value>,
    /// Where it stands among the items, once it is known what it calls.
    pub(super) item: Option<usize>,
}

impl Call {
    pub(super) fn delta(place: &Place, arguments: &str, events: &mut Events) {
        if !arguments.is_empty() {
            let delta = place.with(json!({"delta": arguments}));
            events.say("response.function_call_arguments.delta", delta);
        }
    }

    pub(super) fn close(&self, place: &Place, events: &mut Events) {
        let done = place.with(json!({"name": self.name, "arguments": self.arguments}));
        events.say("response.function_call_arguments.done", done);
    }

    pub(super) fn json(&self, id: &str, status: &str) -> Value {
        let mut told = json!({"id": id, "type": "function_call", "status": status, "call_id": self.id,
            "name": self.name, "arguments": self.arguments});
        if let Some(extra) = &self.extra {
            told["extra_content"] = extra.clone();
        }
        told
    }
}
