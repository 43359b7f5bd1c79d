//! Calls of tools in a stream. Blocks come one after the other there: pieces of a call that would stand inside
//! another wait until that is complete.

use serde_json::{Map, Value, json};

use super::super::answer::tool_use;
use super::super::fields::text;
use super::{Open, Writer};

/// A call of a tool as it comes.
#[derive(Debug, Default)]
pub(super) struct Call {
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
