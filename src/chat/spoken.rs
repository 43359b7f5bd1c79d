//! One choice of a streamed answer, put together from its fragments.

use serde_json::{Map, Value, json};

use super::record::Unstorable;

/// How much text may be collected.
#[derive(Debug)]
pub(super) struct Room {
    held: usize,
    limit: usize,
}

impl Room {
    pub(super) fn of(limit: usize) -> Self {
        Self { held: 0, limit }
    }

    fn hold(&mut self, text: &str) -> Result<(), Unstorable> {
        self.held += text.len();
        if self.held > self.limit {
            return Err(Unstorable::TooLarge);
        }
        Ok(())
    }
}

/// What of a choice has come.
#[derive(Debug, Default)]
pub(super) struct Spoken {
    message: Map<String, Value>,
    tools: Vec<Map<String, Value>>,
    finish: Option<Value>,
    /// The stop sequence that ended it.
    stop_reason: Option<Value>,
    /// What a text completion says beside its text.
    beside: Option<Map<String, Value>>,
}

impl Spoken {
    /// The whole of it; none if it has no end.
    pub(super) fn whole(mut self, index: usize) -> Option<Value> {
        let finish = self.finish?;
        self.message
            .entry("role")
            .or_insert_with(|| json!("assistant"));
        self.message.entry("content").or_insert(Value::Null);
        // What was thought came before what was said, and is told again in that order.
        for (place, key) in (1..).zip(["reasoning", "reasoning_content", "thinking_blocks"]) {
            if let Some(thought) = self.message.shift_remove(key) {
                let place = place.min(self.message.len());
                self.message.shift_insert(place, key.into(), thought);
            }
        }
        if !self.tools.is_empty() {
            let tools = self.tools.into_iter().map(Value::Object).collect();
            self.message.insert("tool_calls".into(), tools);
        }
        let mut choice = json!({"index": index, "message": self.message, "logprobs": null,
            "finish_reason": finish});
        if let Some(stop) = self.stop_reason {
            choice["stop_reason"] = stop;
        }
        if let Some(beside) = self.beside {
            choice["text_completion"] = Value::Object(beside);
        }
        Some(choice)
    }

    /// Adds the next fragment.
    pub(super) fn add(&mut self, choice: &Value, room: &mut Room) -> Result<(), Unstorable> {
        let known = |key: &str| {
            matches!(
                key,
                "index" | "delta" | "finish_reason" | "stop_reason" | "text_completion"
            )
        };
        let more = choice.as_object().into_iter().flatten();
        if more.into_iter().any(|(k, v)| !known(k) && !v.is_null()) {
            return Err(Unstorable::UnknownDelta);
        }
        if let Some(Value::Object(beside)) = choice.get("text_completion") {
            let all = self.beside.get_or_insert_default();
            for (key, value) in beside {
                put_beside(all, key, value, room)?;
            }
        }
        if let Some(Value::Object(delta)) = choice.get("delta") {
            for (key, value) in delta {
                self.member(key, value, room)?;
            }
        }
        if let Some(finish) = choice.get("finish_reason").filter(|f| !f.is_null()) {
            self.finish = Some(finish.clone());
        }
        if let Some(stop) = choice.get("stop_reason").filter(|s| !s.is_null()) {
            self.stop_reason = Some(stop.clone());
        }
        Ok(())
    }

    fn member(&mut self, key: &str, value: &Value, room: &mut Room) -> Result<(), Unstorable> {
        match value {
            Value::Null => {
                self.message.entry(key).or_insert(Value::Null);
                Ok(())
            }
            Value::Array(calls) if key == "tool_calls" => {
                calls.iter().try_for_each(|c| self.tool(c, room))
            }
            Value::String(text) => {
                room.hold(text)?;
                put(&mut self.message, key, text, TEXTS.contains(&key))
            }
            // Said once, when all else has been said.
            Value::Array(_) if key == "block_order" => {
                self.message.insert(key.into(), value.clone());
                Ok(())
            }
            Value::Object(_) if key == "extra_content" => {
                self.message.insert(key.into(), value.clone());
                Ok(())
            }
            Value::Array(items) if items.is_empty() => Ok(()),
            // Each block of what was thought comes once, whole.
            Value::Array(blocks) if key == "thinking_blocks" => {
                room.hold(&value.to_string())?;
                match self.message.entry(key).or_insert_with(|| json!([])) {
                    Value::Array(all) => all.extend(blocks.iter().cloned()),
                    _ => return Err(Unstorable::UnknownDelta),
                }
                Ok(())
            }
            _ => Err(Unstorable::UnknownDelta),
        }
    }

    /// Arguments of a tool call come in fragments that belong together by `index`.
    fn tool(&mut self, fragment: &Value, room: &mut Room) -> Result<(), Unstorable> {
        let index = fragment.get("index").and_then(Value::as_u64);
        let index = index.map_or(self.tools.len(), |i| {
            usize::try_from(i).unwrap_or(usize::MAX)
        });
        // Fragments open calls in order; a gap means that one was lost.
        if index > self.tools.len() {
            return Err(Unstorable::UnknownDelta);
        }
        if index == self.tools.len() {
            self.tools.push(Map::new());
        }
        let Value::Object(fragment) = fragment else {
            return Err(Unstorable::UnknownDelta);
        };
        for (key, value) in fragment {
            match (key.as_str(), value) {
                ("index", _) | (_, Value::Null) => {}
                ("id" | "type", Value::String(text)) => {
                    room.hold(text)?;
                    put(self.call(index)?, key, text, false)?;
                }
                ("function", Value::Object(function)) => self.function(index, function, room)?,
                ("extra_content", Value::Object(_)) => {
                    self.call(index)?.insert(key.clone(), value.clone());
                }
                _ => return Err(Unstorable::UnknownDelta),
            }
        }
        Ok(())
    }

    fn function(
        &mut self,
        index: usize,
        part: &Map<String, Value>,
        room: &mut Room,
    ) -> Result<(), Unstorable> {
        for (key, value) in part {
            let text = match value {
                Value::Null => continue,
                Value::String(text) => text,
                _ => return Err(Unstorable::UnknownDelta),
            };
            room.hold(text)?;
            let whole = self.call(index)?.entry("function");
            let Value::Object(whole) = whole.or_insert_with(|| json!({})) else {
                return Err(Unstorable::UnknownDelta);
            };
            put(whole, key, text, key == "arguments")?;
        }
        Ok(())
    }

    fn call(&mut self, index: usize) -> Result<&mut Map<String, Value>, Unstorable> {
        self.tools.get_mut(index).ok_or(Unstorable::UnknownDelta)
    }
}

/// Members of a message that come in pieces. All others are said once, or again in full.
const TEXTS: [&str; 4] = ["content", "refusal", "reasoning", "reasoning_content"];

/// Adds a text to the one under `key` if it comes in pieces, and checks that it is the same otherwise.
fn put(
    map: &mut Map<String, Value>,
    key: &str,
    text: &str,
    in_pieces: bool,
) -> Result<(), Unstorable> {
    match map.get_mut(key) {
        Some(Value::String(whole)) if in_pieces || whole.is_empty() => whole.push_str(text),
        Some(Value::String(whole)) if text.is_empty() || whole == text => {}
        Some(Value::Null) | None => {
            map.insert(key.into(), Value::from(text));
        }
        Some(_) => return Err(Unstorable::UnknownDelta),
    }
    Ok(())
}

/// Adds what stands beside a text: token by token where it is a list under `logprobs`, or else said once, or again in
/// full.
fn put_beside(
    all: &mut Map<String, Value>,
    key: &str,
    value: &Value,
    room: &mut Room,
) -> Result<(), Unstorable> {
    room.hold(&value.to_string())?;
    match (all.get_mut(key), value) {
        (None | Some(Value::Null), _) => {
            all.insert(key.into(), value.clone());
        }
        (Some(_), Value::Null) => {}
        (Some(Value::Object(lists)), Value::Object(more)) if key == "logprobs" => {
            for (name, more) in more {
                match (lists.get_mut(name), more) {
                    (Some(Value::Array(list)), Value::Array(more)) => list.extend(more.clone()),
                    (None | Some(Value::Null), _) => drop(lists.insert(name.clone(), more.clone())),
                    (Some(_), Value::Null) => {}
                    _ => return Err(Unstorable::UnknownDelta),
                }
            }
        }
        (Some(said), value) if said == value => {}
        _ => return Err(Unstorable::UnknownDelta),
    }
    Ok(())
}
