//! Reads a stream of events that open, continue and close parts of one message.

use serde_json::{Map, Value, json};

use super::super::chunks::{Chunks, mark_lost};
use super::super::{Fault, Heard};
use super::said;

/// Understands one stream.
#[derive(Debug)]
pub struct Reader {
    chunks: Chunks,
    /// Calls that were opened, by their places in the message as the provider counts them, and whether their arguments
    /// have begun.
    calls: Vec<(u64, bool)>,
    has_text: bool,
    thought: bool,
    planned: bool,
    lost: Vec<String>,
    ended: bool,
}

impl Reader {
    /// For an answer of `model`, which no event names.
    #[must_use]
    pub fn new(model: &str) -> Self {
        Self {
            chunks: Chunks::new(model),
            calls: Vec::new(),
            has_text: false,
            thought: false,
            planned: false,
            lost: Vec::new(),
            ended: false,
        }
    }

    /// What an event says.
    ///
    /// # Errors
    /// It is not in the dialect, or says that the provider failed.
    pub fn event(&mut self, name: Option<&str>, data: &str) -> Result<Heard, Fault> {
        // Some send the mark of another dialect after the end of this one.
        if data.is_empty() || data == "[DONE]" || self.ended {
            return Ok(Heard::default());
        }
        let event: Value =
            serde_json::from_str(data).map_err(|e| Fault::Malformed(e.to_string()))?;
        let kind = event.get("type").and_then(Value::as_str).or(name);
        let kind = kind.unwrap_or_default();
        let message = event.pointer("/delta/message").unwrap_or(&Value::Null);
        let chunks = match kind {
            "message-end" => return self.end(event.get("delta").unwrap_or(&Value::Null)),
            "content-start" | "content-delta" => self.content(&event, message),
            "tool-plan-delta" => self.plan(message.get("tool_plan")),
            "tool-call-start" => Some(self.open(place(&event), message.get("tool_calls"))?),
            "tool-call-delta" => self.arguments(place(&event), message)?,
            "tool-call-end" => self.close(place(&event)),
            "citation-start" => self.lose("citations"),
            "message-start" | "content-end" | "citation-end" | "debug" => None,
            _ => match event.get("message").and_then(Value::as_str) {
                Some(error) => return Err(said::failure(error)),
                None if !event.is_object() || kind.is_empty() => {
                    return Err(Fault::Malformed("an event has no type".into()));
                }
                None => self.lose(kind),
            },
        };
        Ok(Heard {
            chunks: chunks.into_iter().collect(),
            done: false,
        })
    }

    fn content(&mut self, event: &Value, message: &Value) -> Option<Value> {
        let mut delta = Map::new();
        let mut text = |ours: &str, theirs: &str| {
            let text = message.get("content").and_then(|c| c.get(theirs)?.as_str());
            let text = text.filter(|text| !text.is_empty());
            text.map(|text| delta.insert(ours.into(), text.into()))
                .is_some()
        };
        self.thought |= text("reasoning_content", "thinking");
        self.has_text |= text("content", "text");
        let kind = message.pointer("/content/type").and_then(Value::as_str);
        if let Some(strange) = kind.filter(|kind| !matches!(*kind, "text" | "thinking")) {
            self.lose(strange);
        }
        let mut merged = false;
        let piece = event.get("logprobs").filter(|piece| !piece.is_null());
        let logprobs = piece.map(|piece| said::logprobs([piece].into_iter(), &mut merged));
        if merged {
            self.lose("logprobs");
        }
        let something = !delta.is_empty() || logprobs.is_some();
        something.then(|| self.chunks.delta(0, delta, logprobs.unwrap_or_default()))
    }

    fn plan(&mut self, plan: Option<&Value>) -> Option<Value> {
        let plan = plan.and_then(Value::as_str).filter(|p| !p.is_empty())?;
        let after = self.thought && !self.planned;
        self.planned = true;
        let plan = if after {
            format!("\n{plan}")
        } else {
            plan.to_owned()
        };
        Some(self.delta("reasoning_content", plan.into()))
    }

    fn open(&mut self, place: u64, call: Option<&Value>) -> Result<Value, Fault> {
        let mut call = said::call(call.unwrap_or(&Value::Null))?;
        let begun = call
            .get("function")
            .is_some_and(|f| f.get("arguments").is_some_and(|a| a != ""));
        call.shift_insert(0, "index".into(), self.calls.len().into());
        self.calls.push((place, begun));
        Ok(self.delta("tool_calls", json!([call])))
    }

    fn arguments(&mut self, place: u64, message: &Value) -> Result<Option<Value>, Fault> {
        let fragment = message.pointer("/tool_calls/function/arguments");
        let fragment = fragment.and_then(Value::as_str).filter(|f| !f.is_empty());
        let Some(index) = self.calls.iter().rposition(|(of, _)| *of == place) else {
            return Err(Fault::Malformed("arguments of no call".into()));
        };
        Ok(fragment.map(|fragment| self.fragment(index, fragment)))
    }

    /// A call that takes nothing may end without any arguments; they are an object all the same.
    fn close(&mut self, place: u64) -> Option<Value> {
        let index = self.calls.iter().rposition(|(of, _)| *of == place)?;
        let begun = self.calls.get(index).is_none_or(|(_, begun)| *begun);
        (!begun).then(|| self.fragment(index, "{}"))
    }

    fn fragment(&mut self, index: usize, fragment: &str) -> Value {
        if let Some((_, begun)) = self.calls.get_mut(index) {
            *begun = true;
        }
        let call = json!({"index": index, "function": {"arguments": fragment}});
        self.delta("tool_calls", json!([call]))
    }

    fn end(&mut self, delta: &Value) -> Result<Heard, Fault> {
        if let Some(error) = delta.get("error").and_then(Value::as_str) {
            return Err(said::failure(error));
        }
        let reason = delta.get("finish_reason").and_then(Value::as_str);
        let reason = reason.ok_or_else(|| Fault::Malformed("an end without a reason".into()))?;
        let calls = !self.calls.is_empty();
        let reason = said::finish(reason, calls)?;
        let mut last = Map::new();
        if !self.has_text && !calls {
            last.insert("content".into(), "".into());
        }
        let mut finish = self.chunks.finish(0, last, reason);
        if let Value::Object(finish) = &mut finish {
            mark_lost(finish, "cohere", &self.lost);
        }
        let mut chunks = vec![finish];
        let usage = delta.get("usage").and_then(said::usage);
        chunks.extend(usage.map(|usage| self.chunks.usage(usage)));
        self.ended = true;
        Ok(Heard { chunks, done: true })
    }

    fn delta(&mut self, key: &str, value: Value) -> Value {
        let delta = Map::from_iter([(key.to_owned(), value)]);
        self.chunks.delta(0, delta, Value::Null)
    }

    fn lose(&mut self, name: &str) -> Option<Value> {
        if !self.lost.iter().any(|lost| lost == name) {
            self.lost.push(name.to_owned());
        }
        None
    }
}

fn place(event: &Value) -> u64 {
    event.get("index").and_then(Value::as_u64).unwrap_or(0)
}

#[cfg(test)]
mod tests;
