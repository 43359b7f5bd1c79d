//! Reads a stream, each event of which is a whole response that adds to the ones before.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::super::chunks::{Chunks, mark_lost};
use super::super::{Fault, Heard};
use super::candidate::{self, Finish, Said};
use super::{response, signature};

/// Understands one stream.
#[derive(Debug)]
pub struct Reader {
    chunks: Chunks,
    choices: BTreeMap<u64, Choice>,
    response_id: Option<String>,
    usage: Option<Value>,
    lost: Vec<String>,
    ended: bool,
}

/// What is known of a candidate so far.
#[derive(Debug, Default)]
struct Choice {
    has_text: bool,
    calls: usize,
    signature: Option<String>,
    finish: Option<Finish>,
}

impl Reader {
    /// For an answer of `model`, unless it names itself otherwise.
    #[must_use]
    pub fn new(model: &str) -> Self {
        Self {
            chunks: Chunks::new(model),
            choices: BTreeMap::new(),
            response_id: None,
            usage: None,
            lost: Vec::new(),
            ended: false,
        }
    }

    /// What an event says; events have no names in this dialect.
    ///
    /// # Errors
    /// It is not a response, or says that the provider failed.
    pub fn event(&mut self, _name: Option<&str>, data: &str) -> Result<Heard, Fault> {
        let response = response::parse(data.as_bytes())?;
        self.introduce(&response);
        let mut chunks = Vec::new();
        let mut written = response::arguments(data.as_bytes()).into_iter();
        for (index, candidate) in response::candidates(&response) {
            let written = written.next().unwrap_or_default();
            let choice = self.choices.entry(index).or_default();
            let id = self.response_id.as_deref().unwrap_or_default();
            let mut said = candidate::read((candidate, &written), index, choice.calls, id)?;
            if choice.signs_anew(&said) {
                said.lost.push("thoughtSignature".into());
            }
            for lost in said.lost.drain(..) {
                if !self.lost.contains(&lost) {
                    self.lost.push(lost);
                }
            }
            let logprobs = said.logprobs.take();
            let delta = choice.delta(said);
            if !delta.is_empty() || !logprobs.is_null() {
                chunks.push(self.chunks.delta(index, delta, logprobs));
            }
        }
        if response::is_blocked(&response) && self.choices.is_empty() {
            let choice = self.choices.entry(0).or_default();
            choice.finish = Some(Finish::Filtered);
        }
        Ok(Heard {
            chunks,
            done: false,
        })
    }

    /// What the end of the body says. Only here it is sure that a candidate will say no more: some models give every
    /// event a reason to finish.
    ///
    /// # Errors
    /// The stream ended before all candidates did.
    pub fn end(&mut self) -> Result<Heard, Fault> {
        if self.ended {
            return Ok(Heard::default());
        }
        let mut chunks = Vec::with_capacity(self.choices.len() + 1);
        for (index, choice) in &mut self.choices {
            let Some(finish) = choice.finish else {
                chunks.clear();
                break;
            };
            let calls = choice.calls > 0;
            let mut delta = Map::new();
            if !choice.has_text && !calls && finish != Finish::Filtered {
                delta.insert("content".into(), "".into());
            }
            chunks.push(self.chunks.finish(*index, delta, finish.reason(calls)));
        }
        let Some(Value::Object(first)) = chunks.first_mut() else {
            let why = "the stream ended before all candidates did";
            return Err(Fault::Malformed(why.into()));
        };
        mark_lost(first, "gemini", &self.lost);
        chunks.extend(self.usage.take().map(|usage| self.chunks.usage(usage)));
        self.ended = true;
        Ok(Heard { chunks, done: true })
    }

    fn introduce(&mut self, response: &Map<String, Value>) {
        let text = |key: &str| response.get(key).and_then(Value::as_str);
        if self.response_id.is_none() {
            self.response_id = Some(text("responseId").unwrap_or_default().to_owned());
            if let Some(model) = text("modelVersion").filter(|m| !m.is_empty()) {
                model.clone_into(&mut self.chunks.model);
            }
        }
        // Counts are of the whole so far.
        self.usage = response::usage(response).or(self.usage.take());
    }
}

impl Choice {
    fn signs_anew(&mut self, said: &Said) -> bool {
        let Some(signature) = &said.signature else {
            return false;
        };
        let before = self.signature.replace(signature.clone());
        before.is_some_and(|before| before != *signature)
    }

    fn delta(&mut self, said: Said) -> Map<String, Value> {
        let mut delta = Map::new();
        if !said.thought.is_empty() {
            delta.insert("reasoning_content".into(), said.thought.into());
        }
        if let Some(text) = said.text.filter(|text| !text.is_empty()) {
            self.has_text = true;
            delta.insert("content".into(), text.into());
        }
        let mut calls = Vec::with_capacity(said.calls.len());
        for mut call in said.calls {
            call.shift_insert(0, "index".into(), json!(self.calls));
            self.calls += 1;
            calls.push(Value::Object(call));
        }
        if !calls.is_empty() {
            delta.insert("tool_calls".into(), calls.into());
        }
        if let Some(signature) = said.signature {
            delta.insert("extra_content".into(), signature::extra(&signature));
        }
        self.finish = said.finish.or(self.finish);
        delta
    }
}

#[cfg(test)]
mod tests;
