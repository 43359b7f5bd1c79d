//! Serves a remembered answer again in the shape of a fresh one: a new id and
//! date, as JSON or as a stream, whichever way it first came.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::{Map, Value, json};

use super::answer::Answer;
use super::chunk::DONE;
use super::ids::{completion_id, unix_seconds};

/// Bytes of text in one replayed chunk: small enough that a client which renders
/// as it reads shows progress, large enough that framing stays a minor cost.
const PIECE: usize = 256;

/// An answer that is served many times.
#[derive(Debug, Clone)]
pub struct Replay {
    answer: Arc<Answer>,
}

impl Replay {
    /// Prepares an answer.
    #[must_use]
    pub fn new(answer: impl Into<Arc<Answer>>) -> Self {
        Self {
            answer: answer.into(),
        }
    }

    /// The answer itself.
    #[must_use]
    pub fn answer(&self) -> &Answer {
        &self.answer
    }

    /// Bytes that it holds in memory, roughly.
    #[must_use]
    pub fn weight(&self) -> usize {
        self.answer.json().get().len() + 256
    }

    /// As the body of a plain response.
    #[must_use]
    pub fn json(&self) -> Bytes {
        let head = format!(
            r#"{{"id":"{}","object":"chat.completion","created":{},"#,
            completion_id(),
            unix_seconds()
        );
        // An answer always has `choices`, so that something follows its `{`.
        let tail = self.answer.json().get().get(1..).unwrap_or_default();
        let mut body = String::with_capacity(head.len() + tail.len());
        body.push_str(&head);
        body.push_str(tail);
        body.into()
    }

    /// As the whole body of an event stream; none if the answer cannot be read.
    #[must_use]
    pub fn events(&self, include_usage: bool) -> Option<Bytes> {
        let mut out = String::new();
        self.chunks(include_usage, |chunk| {
            let json = serde_json::to_string(chunk).unwrap_or_default();
            out.extend(["data: ", &json, "\n\n"]);
        })?;
        out.extend(["data: ", DONE, "\n\n"]);
        Some(out.into())
    }

    /// Cuts it into chunks, each of which `take` is given; none if the answer cannot be read.
    pub fn chunks(&self, include_usage: bool, take: impl FnMut(&Map<String, Value>)) -> Option<()> {
        if !self.answer.is_readable() {
            return None;
        }
        let mut members = self.answer.members();
        let usage = members.shift_remove("usage");
        let choices = members.shift_remove("choices");
        let mut out = Stream::begin(members, include_usage, take);
        for choice in choices
            .as_ref()
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
        {
            out.choice(choice);
        }
        out.end(usage);
        Some(())
    }
}

struct Stream<T> {
    base: Map<String, Value>,
    take: T,
    include_usage: bool,
}

impl<T: FnMut(&Map<String, Value>)> Stream<T> {
    fn begin(members: Map<String, Value>, include_usage: bool, take: T) -> Self {
        let mut base = Map::new();
        base.insert("id".into(), completion_id().into());
        base.insert("object".into(), "chat.completion.chunk".into());
        base.insert("created".into(), unix_seconds().into());
        base.extend(members);
        Self {
            base,
            take,
            include_usage,
        }
    }

    fn choice(&mut self, choice: &Value) {
        let index = choice.get("index").cloned().unwrap_or(json!(0));
        let empty = Map::new();
        let message = choice
            .get("message")
            .and_then(Value::as_object)
            .unwrap_or(&empty);
        self.delta(&index, opening(message));
        for (key, value) in message {
            match value {
                Value::String(text) if key != "role" => {
                    for piece in pieces(text) {
                        self.delta(&index, json!({ key: piece }));
                    }
                }
                Value::Array(calls) if key == "tool_calls" => {
                    for (i, call) in calls.iter().enumerate() {
                        let mut call = call.clone();
                        if let Value::Object(call) = &mut call {
                            call.shift_insert(0, "index".into(), json!(i));
                        }
                        self.delta(&index, json!({ key: [call] }));
                    }
                }
                _ => {}
            }
        }
        let mut last = fragment(&index, json!({}));
        for (key, value) in choice.as_object().into_iter().flatten() {
            if !matches!(key.as_str(), "index" | "message" | "delta") {
                last[key] = value.clone();
            }
        }
        self.chunk(json!([last]), Value::Null);
    }

    fn delta(&mut self, index: &Value, delta: Value) {
        self.chunk(json!([fragment(index, delta)]), Value::Null);
    }

    fn chunk(&mut self, choices: Value, usage: Value) {
        self.base.insert("choices".into(), choices);
        if self.include_usage {
            self.base.insert("usage".into(), usage);
        }
        (self.take)(&self.base);
    }

    fn end(mut self, usage: Option<Value>) {
        if let (true, Some(usage)) = (self.include_usage, usage) {
            self.chunk(json!([]), usage);
        }
    }
}

/// A choice of a chunk that is not the last.
fn fragment(index: &Value, delta: Value) -> Value {
    json!({"index": index, "delta": delta, "logprobs": null, "finish_reason": null})
}

/// The first delta: the role, and whatever of the message cannot come in pieces.
fn opening(message: &Map<String, Value>) -> Value {
    let mut delta = Map::new();
    for (key, value) in message {
        match value {
            Value::String(_) if key != "role" => {}
            Value::Array(_) if key == "tool_calls" => {}
            _ => {
                delta.insert(key.clone(), value.clone());
            }
        }
    }
    if message.get("content").is_some_and(Value::is_string) {
        delta.insert("content".into(), "".into());
    }
    Value::Object(delta)
}

/// Cuts a text at character boundaries.
fn pieces(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let end = (PIECE.min(rest.len())..rest.len())
            .find(|i| rest.is_char_boundary(*i))
            .unwrap_or(rest.len());
        let (piece, after) = rest.split_at(end);
        rest = after;
        Some(piece)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::{Chunk, Recorder};

    fn answer(text: &str) -> Answer {
        let body = json!({"model": "m", "system_fingerprint": "fp",
            "choices": [{"index": 0, "message": {"role": "assistant", "content": text,
                "refusal": null}, "logprobs": null, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 2, "completion_tokens": 9, "total_tokens": 11}});
        Answer::parse(body.to_string().as_bytes()).unwrap()
    }

    fn recorded(events: &[u8]) -> Answer {
        let mut recorder = Recorder::new(usize::MAX);
        let text = std::str::from_utf8(events).unwrap();
        let payloads: Vec<_> = text
            .split("\n\n")
            .filter_map(|e| e.strip_prefix("data: "))
            .collect();
        assert_eq!(payloads.last(), Some(&DONE));
        for payload in &payloads[..payloads.len() - 1] {
            recorder.push(&Chunk::parse(payload).unwrap());
        }
        recorder.finish(true).unwrap()
    }

    #[test]
    fn json_has_a_fresh_id_and_the_same_rest() {
        let replay = Replay::new(answer("Grüße"));
        let first: Value = serde_json::from_slice(&replay.json()).unwrap();
        let second: Value = serde_json::from_slice(&replay.json()).unwrap();
        assert_ne!(first["id"], second["id"]);
        assert_eq!(first["object"], "chat.completion");
        let again = Answer::parse(&replay.json()).unwrap();
        assert_eq!(again.json().get(), answer("Grüße").json().get());
    }

    #[test]
    fn a_stream_carries_the_same_answer_byte_for_byte() {
        for text in ["short", "", &"ä🍎 long ".repeat(300)] {
            let replay = Replay::new(answer(text));
            assert_eq!(
                recorded(&replay.events(true).unwrap()).members(),
                answer(text).members()
            );
            assert!(!String::from_utf8_lossy(&replay.events(false).unwrap()).contains("\"usage\""));
        }
    }

    #[test]
    fn tool_calls_survive_a_replay() {
        let mut body = answer("").members();
        body["choices"][0]["message"]["tool_calls"] = json!([
            {"id": "c0", "type": "function", "function": {"name": "f", "arguments": "{}"}}]);
        let whole = Answer::from_members(body).unwrap();
        let again = recorded(&Replay::new(whole.clone()).events(true).unwrap());
        assert_eq!(again.members(), whole.members());
    }

    #[test]
    fn what_a_choice_says_beside_its_message_comes_with_its_last_chunk() {
        let mut body = answer("a").members();
        let filter = json!({"hate": {"filtered": false}});
        body["choices"][0]["content_filter_results"] = filter.clone();
        body["choices"][0]["logprobs"] = json!({"content": []});
        let replay = Replay::new(Answer::from_members(body).unwrap());
        let events = replay.events(false).unwrap();
        let text = std::str::from_utf8(&events).unwrap();
        let chunks = text
            .split("\n\n")
            .filter_map(|e| serde_json::from_str(e.strip_prefix("data: ")?).ok());
        let choices: Vec<Value> = chunks.map(|c: Value| c["choices"][0].clone()).collect();
        let (last, before) = choices.split_last().unwrap();
        assert_eq!(last["content_filter_results"], filter);
        assert_eq!(last["logprobs"], json!({"content": []}));
        assert_eq!(
            (&last["delta"], &last["finish_reason"]),
            (&json!({}), &json!("stop"))
        );
        for choice in before {
            assert!(choice.get("content_filter_results").is_none());
            assert!(choice["logprobs"].is_null() && choice["finish_reason"].is_null());
        }
    }

    #[test]
    fn an_answer_that_cannot_be_read_has_no_stream() {
        let half = r#"{"choices":[{"message":{"content":"\ud83d"},"finish_reason":"stop"}]}"#;
        let replay = Replay::new(Answer::parse(half.as_bytes()).unwrap());
        assert_eq!(replay.events(true), None);
        let json = replay.json();
        assert!(
            std::str::from_utf8(&json)
                .unwrap()
                .contains(r#""content":"\ud83d""#)
        );
    }
}
