//! Canonical chunks as the server-sent events of Anthropic's Messages API. Blocks come one after the other there:
//! pieces of a call that would stand inside another wait until that is complete.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::BESIDE;
use super::answer::{Block, blocks, ending, first_choice, opening, stop, text_block, tool_use};
use super::error::error;
use super::fields::text;
use super::usage::{Ending, to_anthropic};

type Members = Map<String, Value>;

/// Bytes of text in one event of a whole answer, so that a client which shows what it reads shows progress.
const PIECE: usize = 256;

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
    calls: BTreeMap<u64, Call>,
    usage: Option<Value>,
    ending: Ending,
    beside: Members,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Open {
    Text,
    Thinking,
    /// By the index of the call.
    Call(u64),
    Foreign,
}

/// A call of a tool as it comes.
#[derive(Debug, Default)]
struct Call {
    members: Members,
    name: String,
    arguments: String,
    /// How much of the arguments is written.
    written: usize,
    complete: bool,
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
        let thought = pieces("reasoning_content");
        for block in items("thinking_blocks") {
            self.thinking_block(block, thought.is_some());
        }
        if let Some(thought) = thought {
            self.think(thought);
        }
        for event in items("foreign") {
            self.foreign(event);
        }
        if let Some(said) = pieces("content") {
            self.say(said);
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

    fn call(&mut self, fragment: &Value) {
        let Some(fragment) = fragment.as_object() else {
            return;
        };
        self.ending.calls = true;
        let unnumbered = || self.calls.len() as u64;
        let index = fragment.get("index").and_then(Value::as_u64);
        let index = index.unwrap_or_else(unnumbered);
        let call = self.calls.entry(index).or_default();
        let function = fragment.get("function");
        let of = |name: &str| function.and_then(|function| function.get(name)?.as_str());
        if call.name.is_empty() {
            of("name").unwrap_or_default().clone_into(&mut call.name);
        }
        call.arguments.push_str(of("arguments").unwrap_or_default());
        for (name, value) in fragment.iter().filter(|(_, value)| !value.is_null()) {
            if !call.members.contains_key(name) {
                call.members.insert(name.clone(), value.clone());
            }
        }
        if call.complete && call.written < call.arguments.len() {
            let told =
                json!({"message": "The model went on with a call of a tool that was complete."});
            let event = self.error(&told, 500);
            self.out = event;
            return;
        }
        self.write_waiting(false);
    }

    /// Writes what there is of the calls, the first that is not complete as far as it goes; at the end, all.
    fn write_waiting(&mut self, end: bool) {
        loop {
            let next = self.calls.iter().find(|(_, call)| !call.complete);
            let Some((&index, call)) = next else {
                return;
            };
            if call.name.is_empty() && !end {
                return;
            }
            if self.open != Some(Open::Call(index)) {
                let id = text(&call.members, "id");
                let block = tool_use(id, Some(&call.name), Some(&call.members));
                self.start(Open::Call(index), block);
            }
            self.write_arguments(index);
            let another = self.calls.range(index + 1..).next().is_some();
            if !another || (!end && !self.is_whole(index)) {
                return;
            }
            self.close();
        }
    }

    fn write_arguments(&mut self, index: u64) {
        let Some(call) = self.calls.get_mut(&index) else {
            return;
        };
        let more = call
            .arguments
            .get(call.written..)
            .unwrap_or_default()
            .to_owned();
        call.written = call.arguments.len();
        if !more.is_empty() {
            self.piece(json!({"type": "input_json_delta", "partial_json": more}));
        }
    }

    /// Whether the arguments of a call can be taken for all of them.
    fn is_whole(&self, index: u64) -> bool {
        let call = self.calls.get(&index);
        call.is_some_and(|call| {
            serde_json::from_str::<serde::de::IgnoredAny>(&call.arguments).is_ok()
        })
    }
}

/// A whole answer as a stream.
#[must_use]
pub fn replay(members: &Members) -> String {
    let choice = first_choice(members);
    let mut writer = Writer::new(members.get("usage"));
    writer.ending = ending(members, choice);
    for name in BESIDE {
        if let Some(value) = members.get(name) {
            writer.beside.insert(name.into(), value.clone());
        }
    }
    writer.begin(members.get("model"));
    let message = choice.and_then(|choice| choice.get("message")?.as_object());
    for block in message.map(blocks).unwrap_or_default() {
        writer.block(block);
    }
    writer.end()
}

impl Writer {
    fn block(&mut self, block: Block<'_>) {
        match block {
            Block::Whole(block) if block.get("type").is_some_and(|kind| kind == "thinking") => {
                self.close();
                let thought = text_of(&block, "thinking");
                pieces(thought).for_each(|piece| self.think(piece));
                self.foretold.clear();
                self.thinking_block(&block, true);
            }
            Block::Whole(block) => self.start(Open::Foreign, block),
            Block::Text(said, cited) => {
                self.start(Open::Text, text_block("", None));
                pieces(said).for_each(|piece| self.say(piece));
                for citation in cited.and_then(Value::as_array).into_iter().flatten() {
                    self.piece(json!({"type": "citations_delta", "citation": citation}));
                }
            }
            Block::Call { head, arguments } => {
                self.start(Open::Foreign, head);
                pieces(arguments).for_each(|piece| {
                    self.piece(json!({"type": "input_json_delta", "partial_json": piece}));
                });
            }
        }
        self.close();
    }
}

fn text_of<'a>(block: &'a Value, name: &str) -> &'a str {
    block.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// Cuts a text between characters.
fn pieces(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let end = (PIECE.min(rest.len())..=rest.len()).find(|end| rest.is_char_boundary(*end))?;
        let (piece, after) = rest.split_at_checked(end)?;
        rest = after;
        (!piece.is_empty()).then_some(piece)
    })
}
