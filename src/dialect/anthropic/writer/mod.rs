//! Canonical chunks as the server-sent events of Anthropic's Messages API.

mod calls;
mod replay;

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::BESIDE;
use super::answer::{opening, stop, text_block};
use super::error::error;
use super::fields::text;
use super::usage::{Ending, to_anthropic};
use crate::dialect::members::{Piece, parts_of};
use calls::Call;

pub use replay::replay;

type Members = Map<String, Value>;

/// Writes one stream.
#[derive(Debug, Default)]
pub struct Writer {
    out: String,
    begun: bool,
    /// Nothing may follow an error, or the end.
    closed: bool,
    /// The index of the next block.
    next: u64,
    open: Option<Open>,
    /// What was thought in the open block.
    thought: String,
    /// What signed blocks said before it came as plain text.
    foretold: String,
    /// In the order in which they began.
    calls: BTreeMap<u64, Call>,
    /// Text that came inside of a call.
    held: String,
    usage: Option<Value>,
    ending: Ending,
    beside: Members,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Open {
    Text,
    Thinking,
    /// By the place of the call.
    Call(u64),
    Foreign,
}

impl Writer {
    /// A writer that tells these token counts at once, as chat completions write them, if they are known already.
    #[must_use]
    pub fn new(usage: Option<&Value>) -> Self {
        Self {
            usage: usage.filter(|usage| !usage.is_null()).cloned(),
            ..Self::default()
        }
    }

    /// The events for the next chunk, possibly none.
    pub fn chunk(&mut self, chunk: &Members) -> String {
        if self.closed {
            return String::new();
        }
        self.begin(chunk.get("model"));
        if let Some(usage) = chunk.get("usage").filter(|usage| !usage.is_null()) {
            self.usage = Some(usage.clone());
        }
        self.ending.hear_foreign(chunk);
        for name in BESIDE {
            if let Some(value) = chunk.get(name) {
                self.beside.insert(name.into(), value.clone());
            }
        }
        let choices = chunk.get("choices").and_then(Value::as_array);
        for choice in choices.into_iter().flatten() {
            if choice.get("index").and_then(Value::as_u64).unwrap_or(0) == 0 {
                self.ending.hear(choice);
                if let Some(delta) = choice.get("delta").and_then(Value::as_object) {
                    self.delta(delta);
                }
            }
        }
        std::mem::take(&mut self.out)
    }

    /// The events that end a complete stream.
    pub fn end(&mut self) -> String {
        if !self.closed {
            self.begin(None);
            self.close();
            self.write_waiting(true);
            self.say_held(true);
            self.close();
            self.stop();
        }
        std::mem::take(&mut self.out)
    }

    /// The event of a failure, told in OpenAI's words, after which nothing follows.
    pub fn error(&mut self, told: &Value, status: u16) -> String {
        if !self.closed {
            self.closed = true;
            let message = told.get("message").and_then(Value::as_str);
            self.emit(
                "error",
                error(status, message.unwrap_or("The request failed."), None),
            );
        }
        std::mem::take(&mut self.out)
    }

    fn emit(&mut self, kind: &str, event: Value) {
        let data = event.to_string();
        self.out
            .extend(["event: ", kind, "\ndata: ", &data, "\n\n"]);
    }

    fn begin(&mut self, model: Option<&Value>) {
        if self.begun {
            return;
        }
        self.begun = true;
        let mut message = opening(model);
        message.insert("content".into(), json!([]));
        message.insert("stop_reason".into(), Value::Null);
        message.insert("stop_sequence".into(), Value::Null);
        let mut usage = to_anthropic(self.usage.as_ref());
        usage.insert("output_tokens".into(), 0.into());
        usage.shift_remove("output_tokens_details");
        message.insert("usage".into(), usage.into());
        self.emit(
            "message_start",
            json!({"type": "message_start", "message": message}),
        );
    }

    fn stop(&mut self) {
        self.closed = true;
        let mut delta = stop(&self.ending);
        let mut event = Map::new();
        event.insert("type".into(), "message_delta".into());
        for (name, value) in std::mem::take(&mut self.beside) {
            if name == "container" {
                delta.insert(name, value);
            } else {
                event.insert(name, value);
            }
        }
        event.insert("delta".into(), delta.into());
        event.insert("usage".into(), to_anthropic(self.usage.as_ref()).into());
        self.emit("message_delta", event.into());
        self.emit("message_stop", json!({"type": "message_stop"}));
    }

    fn delta(&mut self, delta: &Members) {
        let pieces = |name: &str| text(delta, name).filter(|text| !text.is_empty());
        let items = |name: &str| {
            delta
                .get(name)
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
        };
        // Both names are in use.
        let thought = pieces("reasoning_content").or_else(|| pieces("reasoning"));
        for block in items("thinking_blocks") {
            self.thinking_block(block, thought.is_some());
        }
        if let Some(thought) = thought {
            self.think(thought);
        }
        for event in items("foreign") {
            self.foreign(event);
        }
        for piece in parts_of(delta.get("content")) {
            match piece {
                Piece::Thought(thought) => self.think(thought),
                Piece::Said(said) if self.holds(said) => {}
                Piece::Said(said) => self.say(said),
            }
        }
        if let Some(refusal) = pieces("refusal") {
            self.ending.refuses = true;
            self.say(refusal);
        }
        for call in items("tool_calls") {
            self.call(call);
        }
    }

    fn start(&mut self, open: Open, block: Value) {
        self.close();
        let event =
            json!({"type": "content_block_start", "index": self.next, "content_block": block});
        self.emit("content_block_start", event);
        self.next += 1;
        self.open = Some(open);
    }

    /// A piece of the open block.
    fn piece(&mut self, delta: Value) {
        let index = self.next.saturating_sub(1);
        let event = json!({"type": "content_block_delta", "index": index, "delta": delta});
        self.emit("content_block_delta", event);
    }

    fn close(&mut self) {
        if let Some(open) = self.open.take() {
            if let Open::Call(index) = open
                && let Some(call) = self.calls.get_mut(&index)
            {
                call.complete = true;
            }
            self.thought.clear();
            let index = self.next.saturating_sub(1);
            self.emit(
                "content_block_stop",
                json!({"type": "content_block_stop", "index": index}),
            );
        }
    }

    fn say(&mut self, said: &str) {
        if self.open != Some(Open::Text) {
            self.start(Open::Text, text_block("", None));
        }
        self.piece(json!({"type": "text_delta", "text": said}));
    }

    fn think(&mut self, thought: &str) {
        let mut thought = thought;
        if let Some(rest) = self.foretold.strip_prefix(thought) {
            self.foretold = rest.to_owned();
            return;
        }
        if let Some(rest) = thought.strip_prefix(&self.foretold) {
            thought = rest;
        }
        self.foretold.clear();
        if self.open != Some(Open::Thinking) {
            self.start(
                Open::Thinking,
                json!({"type": "thinking", "thinking": "", "signature": ""}),
            );
        }
        self.thought.push_str(thought);
        self.piece(json!({"type": "thinking_delta", "thinking": thought}));
    }

    /// A block of what was thought; `beside` says whether its text stands beside it too.
    fn thinking_block(&mut self, block: &Value, beside: bool) {
        let member = |name: &str| block.get(name).and_then(Value::as_str).unwrap_or_default();
        let (thought, signature) = (member("thinking"), member("signature"));
        if member("type") != "thinking" {
            self.start(Open::Foreign, block.clone());
            self.close();
            return;
        }
        if signature.is_empty() {
            if !beside && !thought.is_empty() && thought != self.thought {
                self.think(thought);
            }
            return;
        }
        let pending =
            self.open == Some(Open::Thinking) && (thought == self.thought || thought.is_empty());
        if !pending {
            self.start(
                Open::Thinking,
                json!({"type": "thinking", "thinking": "", "signature": ""}),
            );
            if !thought.is_empty() {
                self.foretold.push_str(thought);
                self.piece(json!({"type": "thinking_delta", "thinking": thought}));
            }
        }
        self.piece(json!({"type": "signature_delta", "signature": signature}));
        self.close();
    }

    /// An event that a provider of this dialect wrote, in its new place.
    fn foreign(&mut self, event: &Value) {
        let mut event = event.clone();
        let kind = event
            .get("type")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned();
        match kind.as_str() {
            "content_block_start" => {
                let block = event.get("content_block").cloned().unwrap_or_default();
                if block.get("type").is_some_and(|kind| kind == "text") {
                    self.start(Open::Text, text_block("", None));
                } else {
                    self.start(Open::Foreign, block);
                }
            }
            "content_block_delta" => {
                if self.open.is_none() {
                    self.start(Open::Text, text_block("", None));
                }
                event["index"] = self.next.saturating_sub(1).into();
                self.emit(&kind, event);
            }
            "content_block_stop" => self.close(),
            _ => {}
        }
    }
}
