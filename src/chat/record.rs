//! Puts a streamed answer together while it passes through. What it cannot put
//! together without loss it refuses to, so that a replay never differs.

use serde_json::{Map, Value, json};

use super::answer::Answer;
use super::chunk::Chunk;

/// Why an answer is not remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unstorable {
    /// It holds, or ended in, an error.
    Error,
    /// It did not end by itself, or does not say how.
    FinishReason,
    /// It was cut by length.
    Truncated,
    /// A filter cut it or took its place.
    Filtered,
    /// The model says in so many words that it will not answer.
    Refusal,
    /// It calls tools.
    ToolCalls,
    /// It has more than one choice.
    SeveralChoices,
    /// The stream ended without its last chunk.
    Incomplete,
    /// It carries members that cannot be put together from fragments.
    UnknownDelta,
    /// It is JSON that can be passed on and not read.
    Unparseable,
    /// It is larger than an entry may be.
    TooLarge,
}

impl Unstorable {
    /// The reason as metrics spell it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::FinishReason => "finish_reason",
            Self::Truncated => "truncated",
            Self::Filtered => "filtered",
            Self::Refusal => "refusal",
            Self::ToolCalls => "tool_calls",
            Self::SeveralChoices => "several_choices",
            Self::Incomplete => "incomplete",
            Self::UnknownDelta => "unknown_delta",
            Self::Unparseable => "unparseable",
            Self::TooLarge => "too_large",
        }
    }
}

/// Collects the chunks of one stream.
#[derive(Debug)]
pub struct Recorder {
    base: Map<String, Value>,
    message: Map<String, Value>,
    tools: Vec<Map<String, Value>>,
    finish: Option<Value>,
    /// The stop sequence that ended it.
    stop_reason: Option<Value>,
    usage: Option<Value>,
    refused: Option<Unstorable>,
    /// Bytes of text collected, and how many may be.
    held: usize,
    limit: usize,
}

impl Recorder {
    /// An empty recorder that takes up to `limit` bytes of text.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self {
            base: Map::new(),
            message: Map::new(),
            tools: Vec::new(),
            finish: None,
            stop_reason: None,
            usage: None,
            refused: None,
            held: 0,
            limit,
        }
    }

    /// Adds the next chunk.
    pub fn push(&mut self, chunk: &Chunk) {
        if self.refused.is_some() {
            return;
        }
        if let Err(why) = self.chunk(chunk) {
            // What will never be asked for takes no room.
            *self = Self {
                refused: Some(why),
                ..Self::new(0)
            };
        }
    }

    fn chunk(&mut self, chunk: &Chunk) -> Result<(), Unstorable> {
        if chunk.is_silent() {
            return Ok(());
        }
        if chunk.error().is_some() {
            return Err(Unstorable::Error);
        }
        for (key, value) in chunk.members().ok_or(Unstorable::UnknownDelta)? {
            if !matches!(
                key.as_str(),
                "choices" | "usage" | "id" | "object" | "created"
            ) {
                self.base.insert(key.clone(), value.clone());
            }
        }
        if let Some(usage) = chunk.usage() {
            self.usage = Some(usage.clone());
        }
        chunk.choices().iter().try_for_each(|c| self.choice(c))
    }

    /// Token counts seen so far: prompt and completion.
    #[must_use]
    pub fn tokens(&self) -> Option<(u64, u64)> {
        let usage = self.usage.as_ref()?;
        let prompt = usage.get("prompt_tokens")?.as_u64()?;
        Some((prompt, usage.get("completion_tokens")?.as_u64()?))
    }

    /// The whole answer, which says itself whether it may be remembered; `complete` tells
    /// whether the stream ended with `[DONE]`.
    ///
    /// # Errors
    /// The reason why it cannot be put together.
    pub fn finish(mut self, complete: bool) -> Result<Answer, Unstorable> {
        if let Some(why) = self.refused {
            return Err(why);
        }
        let (true, Some(finish)) = (complete, self.finish) else {
            return Err(Unstorable::Incomplete);
        };
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
        let mut body = self.base;
        let mut choice =
            json!({"index": 0, "message": self.message, "logprobs": null, "finish_reason": finish});
        if let Some(stop) = self.stop_reason {
            choice["stop_reason"] = stop;
        }
        body.insert("choices".into(), json!([choice]));
        if let Some(usage) = self.usage {
            body.insert("usage".into(), usage);
        }
        Answer::from_members(body).map_err(|_| Unstorable::Incomplete)
    }

    fn choice(&mut self, choice: &Value) -> Result<(), Unstorable> {
        if choice.get("index").and_then(Value::as_u64).unwrap_or(0) != 0 {
            return Err(Unstorable::SeveralChoices);
        }
        let known = |key: &str| matches!(key, "index" | "delta" | "finish_reason" | "stop_reason");
        let more = choice.as_object().into_iter().flatten();
        if more.into_iter().any(|(k, v)| !known(k) && !v.is_null()) {
            return Err(Unstorable::UnknownDelta);
        }
        if let Some(Value::Object(delta)) = choice.get("delta") {
            for (key, value) in delta {
                self.member(key, value)?;
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

    fn member(&mut self, key: &str, value: &Value) -> Result<(), Unstorable> {
        match value {
            Value::Null => {
                self.message.entry(key).or_insert(Value::Null);
                Ok(())
            }
            Value::Array(calls) if key == "tool_calls" => {
                calls.iter().try_for_each(|c| self.tool(c))
            }
            Value::String(text) => {
                self.hold(text)?;
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
                self.hold(&value.to_string())?;
                match self.message.entry(key).or_insert_with(|| json!([])) {
                    Value::Array(all) => all.extend(blocks.iter().cloned()),
                    _ => return Err(Unstorable::UnknownDelta),
                }
                Ok(())
            }
            _ => Err(Unstorable::UnknownDelta),
        }
    }

    fn hold(&mut self, text: &str) -> Result<(), Unstorable> {
        self.held += text.len();
        if self.held > self.limit {
            return Err(Unstorable::TooLarge);
        }
        Ok(())
    }

    /// Arguments of a tool call come in fragments that belong together by `index`.
    fn tool(&mut self, fragment: &Value) -> Result<(), Unstorable> {
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
                    self.hold(text)?;
                    put(self.call(index)?, key, text, false)?;
                }
                ("function", Value::Object(function)) => self.function(index, function)?,
                ("extra_content", Value::Object(_)) => {
                    self.call(index)?.insert(key.clone(), value.clone());
                }
                _ => return Err(Unstorable::UnknownDelta),
            }
        }
        Ok(())
    }

    fn function(&mut self, index: usize, part: &Map<String, Value>) -> Result<(), Unstorable> {
        for (key, value) in part {
            let text = match value {
                Value::Null => continue,
                Value::String(text) => text,
                _ => return Err(Unstorable::UnknownDelta),
            };
            self.hold(text)?;
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

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(chunks: &[Value], complete: bool) -> Unstorable {
        let whole = record(chunks, complete);
        whole.and_then(|whole| whole.storable()).unwrap_err()
    }

    fn record(chunks: &[Value], complete: bool) -> Result<Answer, Unstorable> {
        let mut recorder = Recorder::new(64);
        for chunk in chunks {
            recorder.push(&Chunk::parse(&chunk.to_string()).unwrap());
        }
        recorder.finish(complete)
    }

    fn delta(delta: Value, finish: Value) -> Value {
        json!({"id": "a", "object": "chat.completion.chunk", "created": 1, "model": "m",
            "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})
    }

    fn hello() -> Vec<Value> {
        vec![
            delta(json!({"role": "assistant", "content": ""}), Value::Null),
            delta(json!({"content": "Hel"}), Value::Null),
            delta(json!({"content": "lo"}), Value::Null),
            delta(json!({}), json!("stop")),
            json!({"choices": [], "usage": {"prompt_tokens": 2, "completion_tokens": 1}}),
        ]
    }

    #[test]
    fn a_whole_stream_becomes_an_answer() {
        let answer = record(&hello(), true).unwrap();
        assert_eq!(answer.text(), "Hello");
        assert_eq!(answer.model(), Some("m"));
        assert_eq!(answer.tokens(), Some((2, 1)));
    }

    #[test]
    fn a_cut_stream_is_refused() {
        assert_eq!(refused(&hello(), false), Unstorable::Incomplete);
        assert_eq!(refused(&hello()[..3], true), Unstorable::Incomplete);
    }

    #[test]
    fn errors_lengths_and_second_choices_are_refused() {
        let mut failed = hello();
        failed.insert(2, json!({"error": {"message": "x"}}));
        assert_eq!(refused(&failed, true), Unstorable::Error);
        let mut long = hello();
        long[3] = delta(json!({}), json!("length"));
        assert_eq!(refused(&long, true), Unstorable::Truncated);
        let mut two = hello();
        two[2]["choices"][0]["index"] = json!(1);
        assert_eq!(refused(&two, true), Unstorable::SeveralChoices);
        let mut odd = hello();
        odd[2] = delta(json!({"reasoning_details": [{"a": 1}]}), Value::Null);
        assert_eq!(refused(&odd, true), Unstorable::UnknownDelta);
    }

    #[test]
    fn tool_calls_are_put_together_by_index() {
        let call = |v: Value| delta(json!({"tool_calls": [v]}), Value::Null);
        let chunks = [
            call(json!({"index": 0, "id": "c0", "type": "function",
                "function": {"name": "f", "arguments": ""}})),
            call(json!({"index": 0, "function": {"arguments": "{\"x\":"}})),
            call(json!({"index": 1, "id": "c1", "type": "function",
                "function": {"name": "g", "arguments": "{}"}})),
            call(json!({"index": 0, "function": {"arguments": "1}"}})),
            delta(json!({}), json!("stop")),
        ];
        let answer = record(&chunks, true).unwrap();
        let calls = &answer.members()["choices"][0]["message"]["tool_calls"];
        assert_eq!(calls[0]["function"]["arguments"], "{\"x\":1}");
        assert_eq!(calls[1]["id"], "c1");
    }

    #[test]
    fn a_call_that_ended_with_stop_is_put_together_and_not_stored() {
        let call = json!({"index": 0, "id": "c", "type": "function",
            "function": {"name": "f", "arguments": "{}"}});
        let chunks = [delta(json!({"tool_calls": [call]}), json!("stop"))];
        assert_eq!(refused(&chunks, true), Unstorable::ToolCalls);
    }

    #[test]
    fn what_is_said_again_in_full_is_not_said_twice() {
        let part = |text: &str| {
            let call = json!({"index": 0, "id": "c", "type": "function",
                "function": {"name": "f", "arguments": text}});
            delta(
                json!({"role": "assistant", "type": "text", "reasoning": text, "tool_calls": [call]}),
                Value::Null,
            )
        };
        let chunks = [part("a"), part("b"), delta(json!({}), json!("stop"))];
        let whole = record(&chunks, true).unwrap().members();
        let message = &whole["choices"][0]["message"];
        assert_eq!(
            (&message["type"], &message["reasoning"]),
            (&json!("text"), &json!("ab"))
        );
        let function = json!({"name": "f", "arguments": "ab"});
        assert_eq!(message["tool_calls"][0]["function"], function);
        assert_eq!(message["tool_calls"][0]["id"], "c");
    }

    #[test]
    fn what_changes_on_the_way_is_refused() {
        let name = |name: &str| json!({"tool_calls": [{"index": 0, "function": {"name": name}}]});
        for (one, other) in [
            (json!({"type": "text"}), json!({"type": "image"})),
            (json!({"role": "assistant"}), json!({"role": "user"})),
            (name("f"), name("g")),
        ] {
            let chunks = [
                delta(one.clone(), Value::Null),
                delta(other, Value::Null),
                delta(json!({}), json!("length")),
            ];
            assert_eq!(refused(&chunks, true), Unstorable::UnknownDelta, "{one}");
        }
    }

    #[test]
    fn a_choice_that_says_more_than_is_put_together_is_refused() {
        for (member, value) in [
            (
                "content_filter_results",
                json!({"hate": {"filtered": false}}),
            ),
            ("logprobs", json!({"content": []})),
        ] {
            let mut more = hello();
            more[3]["choices"][0][member] = value;
            assert_eq!(refused(&more, true), Unstorable::UnknownDelta, "{member}");
            more[3]["choices"][0][member] = Value::Null;
            assert_eq!(record(&more, true).unwrap().storable(), Ok(()), "{member}");
        }
    }

    #[test]
    fn a_chunk_that_cannot_be_read_ends_the_recording() {
        let mut recorder = Recorder::new(64);
        let half = r#"{"choices":[{"delta":{"content":"\ud83d"},"finish_reason":"stop"}]}"#;
        recorder.push(&Chunk::parse(half).unwrap());
        assert_eq!(recorder.finish(true).unwrap_err(), Unstorable::UnknownDelta);
    }

    #[test]
    fn more_text_than_an_entry_may_hold_is_not_collected() {
        let mut long = hello();
        long[1] = delta(json!({"content": "x".repeat(65)}), Value::Null);
        assert_eq!(refused(&long, true), Unstorable::TooLarge);
    }
}
