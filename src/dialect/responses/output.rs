//! The output of a response: takes an answer's message whole or in deltas and keeps its items in order.

use std::borrow::Cow;

use serde_json::{Value, json};
use uuid::Uuid;

use super::events::Events;
use super::field::Object;
use super::item::{Call, Kind, Message, Place, Thought};
use crate::dialect::members::{Piece, parts_of};

const OPEN: &str = "in_progress";
const WHOLE: &str = "completed";
const CUT: &str = "incomplete";

/// Items up to now.
#[derive(Debug)]
pub(super) struct Output {
    /// What the ids of the response and of its items have in common.
    stem: String,
    slots: Vec<Slot>,
    calls: Vec<Call>,
}

#[derive(Debug)]
struct Slot {
    item: Item,
    status: &'static str,
}

#[derive(Debug)]
enum Item {
    Thought(Thought),
    Message(Message),
    /// The call at this place.
    Call(usize),
}

impl Output {
    /// An output without items.
    pub(super) fn new() -> Self {
        Self {
            stem: Uuid::new_v4().as_simple().to_string(),
            slots: Vec::new(),
            calls: Vec::new(),
        }
    }

    /// The id of the response.
    pub(super) fn id(&self) -> String {
        format!("resp_{}", self.stem)
    }

    /// Takes a delta, or a whole message; `logprobs` are those of its text's tokens.
    pub(super) fn take(&mut self, delta: &Object, logprobs: Vec<Value>, events: &mut Events) {
        let thought = delta.get("reasoning_content").filter(|r| !r.is_null());
        let mut thought = text(thought.or_else(|| delta.get("reasoning"))).into_owned();
        for piece in parts_of(delta.get("content")) {
            if let Piece::Thought(text) = piece {
                thought.push_str(text);
            }
        }
        let blocks = items(delta, "thinking_blocks");
        if !thought.is_empty() || !blocks.is_empty() {
            self.think(&thought, blocks, events);
        }
        for (kind, name, logprobs) in [
            (Kind::Text, "content", logprobs),
            (Kind::Refusal, "refusal", Vec::new()),
        ] {
            let said = text(delta.get(name));
            if !said.is_empty() || !logprobs.is_empty() {
                self.say((kind, &said), logprobs, events);
            }
        }
        for annotation in items(delta, "annotations") {
            self.annotate(flat(annotation), events);
        }
        for fragment in items(delta, "tool_calls") {
            self.call(fragment, events);
        }
    }

    fn think(&mut self, text: &str, blocks: &[Value], events: &mut Events) {
        let open = |item: &Item| matches!(item, Item::Thought(_));
        let at = self.current(open, || Item::Thought(Thought::default()), events);
        let place = self.place(at);
        if let Some(Item::Thought(thought)) = self.item(at) {
            thought.text(&place, text, events);
            for block in blocks {
                thought.block(&place, block, events);
            }
        }
    }

    fn say(&mut self, said: (Kind, &str), logprobs: Vec<Value>, events: &mut Events) {
        let at = self.message(events);
        let place = self.place(at);
        if let Some(Item::Message(message)) = self.item(at) {
            message.say(&place, said, logprobs, events);
        }
    }

    fn annotate(&mut self, annotation: Value, events: &mut Events) {
        let at = self.message(events);
        let place = self.place(at);
        if let Some(Item::Message(message)) = self.item(at) {
            message.annotate(&place, annotation, events);
        }
    }

    fn message(&mut self, events: &mut Events) -> usize {
        let open = |item: &Item| matches!(item, Item::Message(_));
        self.current(open, || Item::Message(Message::default()), events)
    }

    /// Fragments of a call belong together by `index`; a whole call has none.
    fn call(&mut self, fragment: &Value, events: &mut Events) {
        let function = fragment.get("function").unwrap_or(&Value::Null);
        let (id, name) = (text(fragment.get("id")), text(function.get("name")));
        let arguments = text(function.get("arguments"));
        let index = fragment.get("index").and_then(Value::as_u64);
        let own = |call: &Call| match index {
            // Some servers give every call the same index.
            Some(_) => {
                call.index == index && (id.is_empty() || call.id == *id || call.id.is_empty())
            }
            None => name.is_empty(),
        };
        let known = self.calls.iter().rposition(own);
        let at = known.unwrap_or_else(|| {
            self.calls.push(Call {
                index,
                ..Call::default()
            });
            self.calls.len() - 1
        });
        let Some(call) = self.calls.get_mut(at) else {
            return;
        };
        if call.id.is_empty() {
            call.id.push_str(&id);
        }
        if call.name.is_empty() {
            call.name.push_str(&name);
        }
        call.arguments.push_str(&arguments);
        let extra = fragment
            .get("extra_content")
            .filter(|extra| !extra.is_null());
        if let Some(extra) = extra {
            call.extra = Some(extra.clone());
        }
        match call.item {
            Some(item) => Call::delta(&self.place(item), &arguments, events),
            None if !call.name.is_empty() => self.open_call(at, events),
            None => {}
        }
    }

    fn open_call(&mut self, at: usize, events: &mut Events) {
        self.close_said(events);
        let slot = self.slots.len();
        let Some(call) = self.calls.get_mut(at) else {
            return;
        };
        if call.id.is_empty() {
            call.id = format!("call_{}", Uuid::new_v4().as_simple());
        }
        call.item = Some(slot);
        // It opens empty; what it holds already is its first delta.
        let arguments = std::mem::take(&mut call.arguments);
        self.open(Item::Call(at), events);
        Call::delta(&self.place(slot), &arguments, events);
        if let Some(call) = self.calls.get_mut(at) {
            call.arguments = arguments;
        }
    }

    /// The last item if it is open and one of those meant, or a new one.
    fn current(
        &mut self,
        meant: impl Fn(&Item) -> bool,
        new: impl FnOnce() -> Item,
        events: &mut Events,
    ) -> usize {
        let mut open = self.slots.iter();
        if let Some(at) = open.rposition(|slot| slot.status == OPEN && meant(&slot.item)) {
            return at;
        }
        self.close_said(events);
        self.open(new(), events)
    }

    fn open(&mut self, item: Item, events: &mut Events) -> usize {
        let at = self.slots.len();
        self.slots.push(Slot { item, status: OPEN });
        let added = json!({"output_index": at, "item": self.json(at)});
        events.say("response.output_item.added", added);
        at
    }

    /// Closes what is thought or said: something else follows. Calls stay open, as their fragments may alternate.
    fn close_said(&mut self, events: &mut Events) {
        let said = |slot: &Slot| slot.status == OPEN && !matches!(slot.item, Item::Call(_));
        if let Some(at) = self.slots.iter().rposition(said) {
            self.close(at, WHOLE, events);
        }
    }

    fn close(&mut self, at: usize, status: &'static str, events: &mut Events) {
        let place = self.place(at);
        let Some(slot) = self.slots.get_mut(at) else {
            return;
        };
        slot.status = status;
        match &slot.item {
            Item::Thought(thought) => thought.close(&place, events),
            Item::Message(message) => message.close(&place, events),
            Item::Call(call) => {
                if let Some(call) = self.calls.get(*call) {
                    call.close(&place, events);
                }
            }
        }
        let done = json!({"output_index": at, "item": self.json(at)});
        events.say("response.output_item.done", done);
    }

    /// Whether tools are called.
    pub(super) fn calls(&self) -> bool {
        !self.calls.is_empty()
    }

    /// Closes everything; the last item is the one that was `cut`, if one was.
    pub(super) fn end(&mut self, cut: bool, events: &mut Events) {
        let nameless = |call: &Call| call.item.is_none();
        while let Some(at) = self.calls.iter().position(nameless) {
            self.open_call(at, events);
        }
        // An answer without a word is an empty one.
        let thought = |slot: &Slot| matches!(slot.item, Item::Thought(_));
        if self.slots.iter().all(thought) {
            self.say((Kind::Text, ""), Vec::new(), events);
        }
        for at in 0..self.slots.len() {
            let open = self.slots.get(at).is_some_and(|slot| slot.status == OPEN);
            let last = at + 1 == self.slots.len();
            if open {
                self.close(at, if cut && last { CUT } else { WHOLE }, events);
            }
        }
    }

    /// Leaves open items as they are, for good.
    pub(super) fn abandon(&mut self) {
        let mut open = self.slots.iter_mut().filter(|slot| slot.status == OPEN);
        open.by_ref().for_each(|slot| slot.status = CUT);
    }

    /// All items.
    pub(super) fn items(&self) -> Vec<Value> {
        (0..self.slots.len()).map(|at| self.json(at)).collect()
    }

    fn item(&mut self, at: usize) -> Option<&mut Item> {
        self.slots.get_mut(at).map(|slot| &mut slot.item)
    }

    /// An item's id holds that of its response, so that a reference to it says where to look.
    fn place(&self, at: usize) -> Place {
        let prefix = match self.slots.get(at).map(|slot| &slot.item) {
            Some(Item::Thought(_)) => "rs",
            Some(Item::Message(_)) => "msg",
            Some(Item::Call(_)) | None => "fc",
        };
        Place {
            id: format!("{prefix}_{}{at:02x}", self.stem),
            index: at,
        }
    }

    fn json(&self, at: usize) -> Value {
        let id = self.place(at).id;
        let Some(Slot { item, status }) = self.slots.get(at) else {
            return Value::Null;
        };
        match item {
            Item::Thought(thought) => thought.json(&id, status),
            Item::Message(message) => message.json(&id, status),
            Item::Call(call) => {
                let call = self.calls.get(*call);
                call.map(|call| call.json(&id, status)).unwrap_or_default()
            }
        }
    }
}

/// The response that an item's id belongs to; none if the id is not ours.
pub(super) fn response_of(item: &str) -> Option<String> {
    let (prefix, rest) = item.split_once('_')?;
    let stem = rest.get(..32)?;
    let number = rest.get(32..)?;
    let hex = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_hexdigit());
    let ours = matches!(prefix, "rs" | "msg" | "fc") && hex(stem) && hex(number);
    ours.then(|| format!("resp_{stem}"))
}

/// A text, or that of its parts where a server writes parts.
fn text(value: Option<&Value>) -> Cow<'_, str> {
    match value {
        Some(Value::String(text)) => text.into(),
        Some(Value::Array(parts)) => {
            let texts = parts.iter().filter_map(|part| part.get("text")?.as_str());
            texts.collect::<String>().into()
        }
        _ => "".into(),
    }
}

fn items<'a>(delta: &'a Object, name: &str) -> &'a [Value] {
    let items = delta.get(name).and_then(Value::as_array);
    items.map(Vec::as_slice).unwrap_or_default()
}

/// A citation without the member that chat completions nests it in.
fn flat(annotation: &Value) -> Value {
    let mut flat = annotation.clone();
    if let Value::Object(members) = &mut flat
        && let Some(Value::Object(nested)) = members.remove("url_citation")
    {
        members.extend(nested);
    }
    flat
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(deltas: &[Value]) -> Vec<Value> {
        let (mut output, mut events) = (Output::new(), Events::default());
        for delta in deltas {
            output.take(delta.as_object().unwrap(), Vec::new(), &mut events);
        }
        output.end(false, &mut events);
        output.items()
    }

    fn fragment(index: u64, id: &str, name: &str, arguments: &str) -> Value {
        let function = json!({"name": name, "arguments": arguments});
        json!({"tool_calls": [{"index": index, "id": id, "type": "function", "function": function}]})
    }

    fn calls(items: &[Value]) -> Vec<[&str; 3]> {
        let names = ["call_id", "name", "arguments"];
        let calls = items.iter();
        calls
            .map(|item| names.map(|name| item[name].as_str().unwrap()))
            .collect()
    }

    #[test]
    fn fragments_of_calls_may_alternate() {
        let items = of(&[
            fragment(0, "c0", "f", ""),
            fragment(1, "c1", "g", "{\"y\""),
            fragment(0, "", "", "{}"),
            fragment(1, "", "", ":2}"),
        ]);
        assert_eq!(calls(&items), [["c0", "f", "{}"], ["c1", "g", "{\"y\":2}"]]);
        let (mut output, mut events) = (Output::new(), Events::default());
        for delta in [fragment(0, "c0", "f", ""), fragment(1, "c1", "g", "")] {
            output.take(delta.as_object().unwrap(), Vec::new(), &mut events);
        }
        assert!(!events.take().contains(".done"));
    }

    #[test]
    fn calls_with_one_index_and_two_ids_are_two() {
        let items = of(&[fragment(0, "c0", "f", "{}"), fragment(0, "c1", "f", "{}")]);
        assert_eq!(calls(&items), [["c0", "f", "{}"], ["c1", "f", "{}"]]);
    }

    #[test]
    fn a_call_opens_once_it_is_known_what_it_calls() {
        let items = of(&[fragment(0, "c0", "", "{"), fragment(0, "", "f", "}")]);
        assert_eq!(calls(&items), [["c0", "f", "{}"]]);
        let (mut output, mut events) = (Output::new(), Events::default());
        let nameless = fragment(0, "c0", "", "{");
        output.take(nameless.as_object().unwrap(), Vec::new(), &mut events);
        assert_eq!(events.take(), "");
        assert_eq!(calls(&of(&[nameless])), [["c0", "", "{"]]);
        let items = of(&[fragment(0, "", "f", "{}")]);
        assert!(calls(&items)[0][0].starts_with("call_"));
    }

    #[test]
    fn items_stand_in_the_order_they_were_said() {
        let items = of(&[
            json!({"reasoning_content": "a"}),
            json!({"content": "b"}),
            fragment(0, "c0", "f", "{}"),
            json!({"reasoning_content": "d"}),
            json!({"content": "e"}),
        ]);
        let kinds: Vec<_> = items
            .iter()
            .map(|item| item["type"].as_str().unwrap())
            .collect();
        assert_eq!(
            kinds,
            [
                "reasoning",
                "message",
                "function_call",
                "reasoning",
                "message"
            ]
        );
        assert!(items.iter().all(|item| item["status"] == "completed"));
    }

    #[test]
    fn what_blocks_said_is_not_said_again() {
        let block = |text| json!({"type": "thinking", "thinking": text, "signature": ""});
        let items = of(&[
            json!({"thinking_blocks": [block("a")]}),
            json!({"thinking_blocks": [block("b")], "reasoning_content": "b"}),
        ]);
        assert_eq!(items[0]["summary"][0]["text"], "ab");
    }

    #[test]
    fn an_answer_without_a_word_is_an_empty_text() {
        let items = of(&[json!({"role": "assistant", "content": ""})]);
        assert_eq!(items[0]["content"][0]["text"], "");
    }

    #[test]
    fn a_citation_is_flat_and_text_in_parts_is_one() {
        let cited = json!({"type": "url_citation", "url_citation": {"url": "https://a.b", "title": "t",
            "start_index": 0, "end_index": 1}});
        let items = of(&[
            json!({"content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}],
            "annotations": [cited]}),
        ]);
        let part = &items[0]["content"][0];
        assert_eq!(part["text"], "ab");
        assert_eq!(
            part["annotations"],
            json!([{"type": "url_citation", "url": "https://a.b",
            "title": "t", "start_index": 0, "end_index": 1}])
        );
    }

    #[test]
    fn an_items_id_leads_to_its_response() {
        let output = Output::new();
        let item = output.place(3).id;
        assert_eq!(response_of(&item), Some(output.id()));
        for other in [
            "msg_67ccd2",
            "resp_1",
            "fc_ä",
            &format!("{item}x"),
            &output.id(),
        ] {
            assert_eq!(response_of(other), None, "{other}");
        }
    }
}
