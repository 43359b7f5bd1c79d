//! The order of an assistant message's blocks. The canonical form keeps what was thought, what was said and the
//! calls of tools in members of their own, which stand for just this order; any other is told by `block_order`.

use serde_json::{Map, Value, json};

/// The member that tells the order: a list of `{"type": …}`, each the next of its kind.
pub(super) const BLOCK_ORDER: &str = "block_order";

/// What a place in the order is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// The next of `thinking_blocks`.
    Thinking,
    /// The next part of `content`, or so many `bytes` of it where it is a string.
    Content,
    /// The next of `tool_calls`.
    ToolUse,
}

impl Kind {
    pub(super) fn entry(self) -> Value {
        json!({ "type": self.as_str() })
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Thinking => "thinking",
            Self::Content => "content",
            Self::ToolUse => "tool_use",
        }
    }
}

/// What stands at a place.
#[derive(Debug, PartialEq)]
pub(super) enum Place<'a> {
    /// A member of `thinking_blocks`.
    Thinking(&'a Value),
    /// A part of `content`, and its index there.
    Part(usize, &'a Value),
    /// A piece of `content`, and what it cites.
    Text(&'a str, Option<&'a Value>),
    /// A member of `tool_calls`, and its index there.
    Call(usize, &'a Value),
    /// A block that the canonical form has no word for.
    Foreign(&'a Value),
}

/// The blocks of an assistant message in their order; none if `block_order` and the message do not fit together.
pub(super) fn places(message: &Map<String, Value>) -> Option<Vec<Place<'_>>> {
    let order = message.get(BLOCK_ORDER).and_then(Value::as_array);
    let Some(order) = order.filter(|order| !order.is_empty()) else {
        return Some(usual_places(message));
    };
    let mut left = Left::of(message);
    let mut found = Vec::with_capacity(order.len());
    for entry in order {
        found.push(left.told(entry)?);
    }
    left.is_empty().then_some(found)
}

/// The same without a look at `block_order`.
pub(super) fn usual_places(message: &Map<String, Value>) -> Vec<Place<'_>> {
    let mut left = Left::of(message);
    let mut found = Vec::new();
    for kind in [Kind::Thinking, Kind::Content, Kind::ToolUse] {
        while let Some(place) = left.next(kind) {
            found.push(place);
        }
    }
    found
}

/// The order of an answer's blocks as they come.
#[derive(Debug, Default)]
pub(super) struct Written {
    entries: Vec<Entry>,
}

#[derive(Debug)]
enum Entry {
    Of(Kind),
    Text { bytes: usize, cited: Vec<Value> },
    Foreign(Value),
}

impl Written {
    /// Adds a thought or a call.
    pub(super) fn add(&mut self, kind: Kind) {
        self.entries.push(Entry::Of(kind));
    }

    /// Adds a text that is still to come; the number is its handle.
    pub(super) fn begin_text(&mut self) -> usize {
        let (bytes, cited) = (0, Vec::new());
        self.entries.push(Entry::Text { bytes, cited });
        self.entries.len() - 1
    }

    /// Adds to a text, and what that cites.
    pub(super) fn grow(&mut self, text: usize, more: usize, citations: &[Value]) {
        if let Some(Entry::Text { bytes, cited }) = self.entries.get_mut(text) {
            *bytes += more;
            cited.extend_from_slice(citations);
        }
    }

    /// Adds a block that the canonical form has no word for.
    pub(super) fn add_foreign(&mut self, block: Value) {
        self.entries.push(Entry::Foreign(block));
    }

    /// Whether the last block was a text.
    pub(super) fn ends_in_text(&self) -> bool {
        matches!(self.entries.last(), Some(Entry::Text { .. }))
    }

    /// What has to be told; nothing where the message stands for this order anyway.
    pub(super) fn told(&self) -> Option<Value> {
        let mut texts = 0;
        let mut kinds = Vec::with_capacity(self.entries.len());
        for entry in &self.entries {
            kinds.push(match entry {
                Entry::Of(kind) => *kind,
                Entry::Text { bytes, cited } if *bytes > 0 && cited.is_empty() => {
                    texts += 1;
                    Kind::Content
                }
                _ => return Some(self.all()),
            });
        }
        (texts > 1 || !kinds.is_sorted()).then(|| self.all())
    }

    fn all(&self) -> Value {
        let entries = self.entries.iter().map(|entry| match entry {
            Entry::Of(kind) => kind.entry(),
            Entry::Text { bytes, cited } => {
                let mut entry = Kind::Content.entry();
                entry["bytes"] = (*bytes).into();
                if !cited.is_empty() {
                    entry["citations"] = cited.clone().into();
                }
                entry
            }
            Entry::Foreign(block) => json!({"type": "foreign", "block": block}),
        });
        entries.collect()
    }
}

type Items<'a> = std::iter::Enumerate<std::slice::Iter<'a, Value>>;

/// What of a message has no place yet.
struct Left<'a> {
    thinking: Items<'a>,
    parts: Items<'a>,
    text: &'a str,
    calls: Items<'a>,
}

impl<'a> Left<'a> {
    fn of(message: &'a Map<String, Value>) -> Self {
        let items = |name: &str| {
            let items = message.get(name).and_then(Value::as_array);
            items.map_or(&[][..], Vec::as_slice).iter().enumerate()
        };
        Self {
            thinking: items("thinking_blocks"),
            parts: items("content"),
            text: message
                .get("content")
                .and_then(Value::as_str)
                .unwrap_or_default(),
            calls: items("tool_calls"),
        }
    }

    /// The next of a kind.
    fn next(&mut self, kind: Kind) -> Option<Place<'a>> {
        match kind {
            Kind::Thinking => self
                .thinking
                .next()
                .map(|(_, block)| Place::Thinking(block)),
            Kind::Content if self.text.is_empty() => self
                .parts
                .next()
                .map(|(index, part)| Place::Part(index, part)),
            Kind::Content => Some(Place::Text(std::mem::take(&mut self.text), None)),
            Kind::ToolUse => self
                .calls
                .next()
                .map(|(index, call)| Place::Call(index, call)),
        }
    }

    /// What an entry of `block_order` is for.
    fn told(&mut self, entry: &'a Value) -> Option<Place<'a>> {
        let said = entry.get("type").and_then(Value::as_str)?;
        if said == "foreign" {
            return entry.get("block").map(Place::Foreign);
        }
        if let Some(bytes) = entry.get("bytes").and_then(Value::as_u64) {
            let (piece, rest) = self.text.split_at_checked(usize::try_from(bytes).ok()?)?;
            self.text = rest;
            return Some(Place::Text(piece, entry.get("citations")));
        }
        let mut kinds = [Kind::Thinking, Kind::Content, Kind::ToolUse].into_iter();
        self.next(kinds.find(|kind| kind.as_str() == said)?)
    }

    fn is_empty(&self) -> bool {
        let lists = [&self.thinking, &self.parts, &self.calls];
        self.text.is_empty() && lists.into_iter().all(|list| list.len() == 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(message: &Value) -> Option<Vec<String>> {
        let places = places(message.as_object().unwrap())?;
        let told = places.iter().map(|place| match place {
            Place::Thinking(block) => format!("t{block}"),
            Place::Part(index, part) => format!("p{index}{part}"),
            Place::Text(text, _) => format!("s{text}"),
            Place::Call(index, call) => format!("c{index}{call}"),
            Place::Foreign(block) => format!("f{block}"),
        });
        Some(told.collect())
    }

    #[test]
    fn without_a_word_thoughts_come_first_and_calls_last() {
        let message = json!({"tool_calls": [7], "content": "é", "thinking_blocks": [1, 2]});
        assert_eq!(kinds(&message).unwrap(), ["t1", "t2", "sé", "c07"]);
        let message = json!({"content": [3, 4], "tool_calls": null, "block_order": []});
        assert_eq!(kinds(&message).unwrap(), ["p03", "p14"]);
        assert!(kinds(&json!({"content": ""})).unwrap().is_empty());
    }

    #[test]
    fn another_order_is_told_block_by_block() {
        let order = json!([{"type": "content"}, {"type": "tool_use"}, {"type": "content"}]);
        let message = json!({"content": [3, 4], "tool_calls": [7], "block_order": order});
        assert_eq!(kinds(&message).unwrap(), ["p03", "c07", "p14"]);
        let order = json!([{"type": "content", "bytes": 2}, {"type": "foreign", "block": 9},
            {"type": "content", "bytes": 0}, {"type": "content"}]);
        let message = json!({"content": "éa", "block_order": order});
        assert_eq!(kinds(&message).unwrap(), ["sé", "f9", "s", "sa"]);
    }

    #[test]
    fn an_answer_tells_its_order_only_where_it_must() {
        let mut written = Written::default();
        written.add(Kind::Thinking);
        let text = written.begin_text();
        written.grow(text, 3, &[]);
        written.add(Kind::ToolUse);
        assert_eq!(written.told(), None);
        assert!(!written.ends_in_text());
        let text = written.begin_text();
        written.grow(text, 2, &[json!(1)]);
        assert!(written.ends_in_text());
        let told = json!([{"type": "thinking"}, {"type": "content", "bytes": 3}, {"type": "tool_use"},
            {"type": "content", "bytes": 2, "citations": [1]}]);
        assert_eq!(written.told(), Some(told));
        let mut cut = Written::default();
        for _ in 0..2 {
            let text = cut.begin_text();
            cut.grow(text, 1, &[]);
        }
        assert!(cut.told().is_some());
        let mut empty = Written::default();
        empty.begin_text();
        assert!(empty.told().is_some());
    }

    #[test]
    fn an_order_that_does_not_fit_is_none() {
        for order in [
            json!([{"type": "content"}]),
            json!([{"type": "content"}, {"type": "tool_use"}, {"type": "tool_use"}]),
            json!([{"type": "content", "bytes": 1}, {"type": "tool_use"}]),
            json!([{"type": "content", "bytes": 9}, {"type": "tool_use"}]),
            json!([{"type": "x"}, {"type": "content"}, {"type": "tool_use"}]),
            json!([1]),
        ] {
            let message = json!({"content": "é", "tool_calls": [7], "block_order": order});
            assert_eq!(kinds(&message), None, "{order}");
        }
    }
}
