//! Puts items together to canonical messages: what a model said in one turn is several items there and one message
//! here. Remembers which item each came from.

use serde_json::{Map, Value, json};

use super::content::content;

/// Messages, and where each came from.
#[derive(Debug, Default)]
pub(super) struct Messages {
    list: Vec<Value>,
    origins: Vec<Origin>,
    open: Option<Turn>,
}

/// The items that a message was made of.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Origin {
    /// The first of them.
    pub(super) first: usize,
    /// The one whose content it has, if that is one item's alone.
    pub(super) content: Option<usize>,
    /// Those of its tool calls.
    pub(super) calls: Vec<usize>,
}

/// What a model said up to now in one turn.
#[derive(Debug, Default)]
struct Turn {
    thought: Vec<String>,
    blocks: Vec<Value>,
    foreign: Vec<Value>,
    content: Vec<Value>,
    calls: Vec<Value>,
    origin: Origin,
}

impl Messages {
    /// A whole message that is not the model's.
    pub(super) fn message(&mut self, message: Value, item: usize) {
        self.close();
        self.list.push(message);
        self.origins.push(Origin {
            first: item,
            content: Some(item),
            calls: Vec::new(),
        });
    }

    /// Something the model said.
    pub(super) fn said(&mut self, parts: Vec<Value>, item: usize) {
        // A second text is a message of its own, unless calls wait for results that must follow at once.
        let told = |turn: &Turn| !turn.content.is_empty() && turn.calls.is_empty();
        let turn = self.turn(item, told);
        let alone = turn.content.is_empty() && turn.foreign.is_empty();
        turn.origin.content = alone.then_some(item);
        turn.content.extend(parts);
    }

    /// A call of a tool.
    pub(super) fn called(&mut self, call: Value, item: usize) {
        let turn = self.turn(item, |_| false);
        turn.calls.push(call);
        turn.origin.calls.push(item);
    }

    /// What the model thought, and signed blocks of the same.
    pub(super) fn thought(&mut self, text: String, blocks: Vec<Value>, item: usize) {
        // Without text it stands for what another server keeps, and says nothing here.
        if text.is_empty() && blocks.is_empty() {
            return;
        }
        let turn = self.thinking(item);
        turn.thought.extend((!text.is_empty()).then_some(text));
        turn.blocks.extend(blocks);
    }

    /// What the model thought, in a form that another server sealed.
    pub(super) fn sealed(&mut self, part: Value, item: usize) {
        let turn = self.thinking(item);
        turn.origin.content = None;
        turn.foreign.push(part);
    }

    fn thinking(&mut self, item: usize) -> &mut Turn {
        self.turn(item, |turn| {
            !turn.content.is_empty() && turn.calls.is_empty()
        })
    }

    /// The open turn, or a new one if there is none or it is `over`.
    fn turn(&mut self, item: usize, over: impl Fn(&Turn) -> bool) -> &mut Turn {
        if self.open.as_ref().is_some_and(over) {
            self.close();
        }
        self.open.get_or_insert_with(|| Turn {
            origin: Origin {
                first: item,
                ..Origin::default()
            },
            ..Turn::default()
        })
    }

    fn close(&mut self) {
        if let Some(turn) = self.open.take() {
            self.origins.push(turn.origin.clone());
            self.list.push(turn.into_message());
        }
    }

    /// All messages, and where they came from.
    pub(super) fn end(mut self) -> (Vec<Value>, Vec<Origin>) {
        self.close();
        (self.list, self.origins)
    }
}

impl Turn {
    fn into_message(mut self) -> Value {
        let mut message = Map::new();
        message.insert("role".into(), "assistant".into());
        self.foreign.append(&mut self.content);
        let said = match (self.foreign.is_empty(), self.calls.is_empty()) {
            (true, true) => "".into(),
            (true, false) => Value::Null,
            (false, _) => content(self.foreign),
        };
        message.insert("content".into(), said);
        if !self.thought.is_empty() {
            let text = self.thought.join("\n\n");
            message.insert("reasoning_content".into(), text.into());
        }
        if !self.blocks.is_empty() {
            message.insert("thinking_blocks".into(), self.blocks.into());
        }
        if !self.calls.is_empty() {
            message.insert("tool_calls".into(), json!(self.calls));
        }
        message.into()
    }
}
