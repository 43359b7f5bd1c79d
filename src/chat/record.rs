//! Puts a streamed answer together while it passes through. What it cannot put
//! together without loss it refuses to, so that a replay never differs.

use serde_json::{Map, Value, json};

use super::answer::Answer;
use super::chunk::Chunk;
use super::spoken::{Room, Spoken};

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
    /// It says nothing.
    Empty,
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
            Self::Empty => "empty",
            Self::ToolCalls => "tool_calls",
            Self::SeveralChoices => "several_choices",
            Self::Incomplete => "incomplete",
            Self::UnknownDelta => "unknown_delta",
            Self::Unparseable => "unparseable",
            Self::TooLarge => "too_large",
        }
    }
}

/// Choices of text completions that are put together: as many answers as a list of prompts may have.
const MOST_CHOICES: usize = 4096;

/// Holds what text completions say beside what a chat has words for.
const BESIDE: &str = "text_completion";

/// Collects the chunks of one stream.
#[derive(Debug)]
pub struct Recorder {
    base: Map<String, Value>,
    choices: Vec<Spoken>,
    usage: Option<Value>,
    refused: Option<Unstorable>,
    room: Room,
}

impl Recorder {
    /// An empty recorder that takes up to `limit` bytes of text.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self {
            base: Map::new(),
            choices: Vec::new(),
            usage: None,
            refused: None,
            room: Room::of(limit),
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
            match (key.as_str(), value) {
                ("choices" | "usage" | "id" | "object" | "created", _) => {}
                (BESIDE, Value::Object(said)) => {
                    // Not every chunk says all of it.
                    let all = self.base.entry(BESIDE).or_insert_with(|| json!({}));
                    if let Value::Object(all) = all {
                        all.extend(said.clone());
                    }
                }
                _ => {
                    self.base.insert(key.clone(), value.clone());
                }
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
    pub fn finish(self, complete: bool) -> Result<Answer, Unstorable> {
        if let Some(why) = self.refused {
            return Err(why);
        }
        if !complete || self.choices.is_empty() {
            return Err(Unstorable::Incomplete);
        }
        let choices = self.choices.into_iter().enumerate();
        let choices: Option<Vec<Value>> = choices.map(|(at, spoken)| spoken.whole(at)).collect();
        let mut body = self.base;
        body.insert(
            "choices".into(),
            choices.ok_or(Unstorable::Incomplete)?.into(),
        );
        if let Some(usage) = self.usage {
            body.insert("usage".into(), usage);
        }
        Answer::from_members(body).map_err(|_| Unstorable::Incomplete)
    }

    fn choice(&mut self, choice: &Value) -> Result<(), Unstorable> {
        let index = choice.get("index").and_then(Value::as_u64).unwrap_or(0);
        let index = usize::try_from(index).unwrap_or(usize::MAX);
        let most = match self.base.contains_key(BESIDE) {
            true => MOST_CHOICES,
            false => 1,
        };
        if index >= most {
            return Err(Unstorable::SeveralChoices);
        }
        if index >= self.choices.len() {
            self.choices.resize_with(index + 1, Spoken::default);
        }
        match self.choices.get_mut(index) {
            Some(spoken) => spoken.add(choice, &mut self.room),
            None => Err(Unstorable::SeveralChoices),
        }
    }
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
