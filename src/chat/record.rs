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
    /// It did not end by itself: cut by length, filtered, or a tool call.
    FinishReason,
    /// It has more than one choice.
    SeveralChoices,
    /// The stream ended without its last chunk.
    Incomplete,
    /// It carries members that cannot be put together from fragments.
    UnknownDelta,
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
            Self::SeveralChoices => "several_choices",
            Self::Incomplete => "incomplete",
            Self::UnknownDelta => "unknown_delta",
            Self::TooLarge => "too_large",
        }
    }
}

/// Collects the chunks of one stream.
#[derive(Debug, Default)]
pub struct Recorder {
    base: Map<String, Value>,
    message: Map<String, Value>,
    tools: Vec<Map<String, Value>>,
    finish: Option<Value>,
    usage: Option<Value>,
    refused: Option<Unstorable>,
}

impl Recorder {
    /// An empty recorder.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the next chunk.
    pub fn push(&mut self, chunk: &Chunk) {
        if self.refused.is_some() {
            return;
        }
        if chunk.error().is_some() {
            self.refused = Some(Unstorable::Error);
            return;
        }
        for (key, value) in chunk.members() {
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
        for choice in chunk.choices() {
            if let Err(why) = self.choice(choice) {
                self.refused = Some(why);
                return;
            }
        }
    }

    /// Token counts seen so far: prompt and completion.
    #[must_use]
    pub fn tokens(&self) -> Option<(u64, u64)> {
        let usage = self.usage.as_ref()?;
        let prompt = usage.get("prompt_tokens")?.as_u64()?;
        Some((prompt, usage.get("completion_tokens")?.as_u64()?))
    }

    /// The whole answer; `complete` says whether the stream ended with `[DONE]`.
    ///
    /// # Errors
    /// The reason why it must not be remembered.
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
        if !self.tools.is_empty() {
            let tools = self.tools.into_iter().map(Value::Object).collect();
            self.message.insert("tool_calls".into(), tools);
        }
        let mut body = self.base;
        body.insert(
            "choices".into(),
            json!([{"index": 0, "message": self.message, "logprobs": null, "finish_reason": finish}]),
        );
        if let Some(usage) = self.usage {
            body.insert("usage".into(), usage);
        }
        let answer = Answer::from_members(body).map_err(|_| Unstorable::Incomplete)?;
        answer.storable().map(|()| answer)
    }

    fn choice(&mut self, choice: &Value) -> Result<(), Unstorable> {
        if choice.get("index").and_then(Value::as_u64).unwrap_or(0) != 0 {
            return Err(Unstorable::SeveralChoices);
        }
        if choice.get("logprobs").is_some_and(|l| !l.is_null()) {
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
        Ok(())
    }

    fn member(&mut self, key: &str, value: &Value) -> Result<(), Unstorable> {
        match (key, value) {
            (_, Value::Null) => {
                self.message.entry(key).or_insert(Value::Null);
                Ok(())
            }
            ("role", role) => {
                self.message.insert(key.into(), role.clone());
                Ok(())
            }
            ("tool_calls", Value::Array(calls)) => calls.iter().try_for_each(|c| self.tool(c)),
            (_, Value::String(text)) => append(&mut self.message, key, text),
            (_, Value::Array(items)) if items.is_empty() => Ok(()),
            _ => Err(Unstorable::UnknownDelta),
        }
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
        let (Some(call), Value::Object(fragment)) = (self.tools.get_mut(index), fragment) else {
            return Err(Unstorable::UnknownDelta);
        };
        for (key, value) in fragment {
            match (key.as_str(), value) {
                ("index", _) | (_, Value::Null) => {}
                ("id" | "type", value) => {
                    call.insert(key.clone(), value.clone());
                }
                ("function", Value::Object(function)) => {
                    let whole = call.entry("function").or_insert_with(|| json!({}));
                    let Value::Object(whole) = whole else {
                        return Err(Unstorable::UnknownDelta);
                    };
                    for (key, value) in function {
                        let text = value.as_str().ok_or(Unstorable::UnknownDelta)?;
                        append(whole, key, text)?;
                    }
                }
                _ => return Err(Unstorable::UnknownDelta),
            }
        }
        Ok(())
    }
}

fn append(map: &mut Map<String, Value>, key: &str, text: &str) -> Result<(), Unstorable> {
    match map.get_mut(key) {
        Some(Value::String(whole)) => whole.push_str(text),
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
        record(chunks, complete).unwrap_err()
    }

    fn record(chunks: &[Value], complete: bool) -> Result<Answer, Unstorable> {
        let mut recorder = Recorder::new();
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
        assert_eq!(refused(&long, true), Unstorable::FinishReason);
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
}
