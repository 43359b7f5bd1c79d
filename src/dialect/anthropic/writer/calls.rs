//! Calls of tools in a stream. Blocks come one after the other there: pieces of a call that would stand inside
//! another wait until that is complete.

use serde_json::{Map, Value, json};

use super::super::answer::tool_use;
use super::super::fields::text;
use super::{Open, Writer};

/// A call of a tool as it comes.
#[derive(Debug, Default)]
pub(super) struct Call {
    /// As its pieces say it.
    index: Option<u64>,
    members: Map<String, Value>,
    name: String,
    arguments: String,
    /// How much of the arguments is written.
    written: usize,
    pub(super) complete: bool,
}

impl Writer {
    /// Takes a piece of a call.
    pub(super) fn call(&mut self, fragment: &Value) {
        let Some(fragment) = fragment.as_object() else {
            return;
        };
        self.ending.calls = true;
        let index = fragment.get("index").and_then(Value::as_u64);
        let place = self.place(index, text(fragment, "id").unwrap_or_default());
        let call = self.calls.entry(place).or_default();
        call.index = index;
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
        self.say_held(false);
    }

    /// The place of the call that a piece belongs to, in the order in which they came; a piece without an index is a
    /// call of its own. Some servers give every call the same index, and only another id begins another call.
    fn place(&self, index: Option<u64>, id: &str) -> u64 {
        let own = |call: &Call| {
            let known = text(&call.members, "id").unwrap_or_default();
            index.is_some()
                && call.index == index
                && (id.is_empty() || known.is_empty() || known == id)
        };
        let known = self.calls.iter().rev().find(|(_, call)| own(call));
        known.map_or(self.calls.len() as u64, |(place, _)| *place)
    }

    /// Holds a text back that comes while a call is open: it would end that call, whose rest may be on its way.
    pub(super) fn holds(&mut self, said: &str) -> bool {
        let inside = matches!(self.open, Some(Open::Call(place)) if !self.is_whole(place));
        if inside {
            self.held.push_str(said);
        }
        inside
    }

    /// Says what was held back, once the call is whole or at the end.
    pub(super) fn say_held(&mut self, end: bool) {
        let inside = matches!(self.open, Some(Open::Call(place)) if !self.is_whole(place));
        if self.held.is_empty() || (inside && !end) {
            return;
        }
        let held = std::mem::take(&mut self.held);
        self.say(&held);
    }

    /// Writes what there is of the calls, the first that is not complete as far as it goes; at the end, all.
    pub(super) fn write_waiting(&mut self, end: bool) {
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
