//! Reads a whole answer.

use serde_json::{Map, Value, json};

use super::super::Fault;
use super::super::chunks::mark_lost;
use super::candidate::{self, Finish, Said};
use super::{response, signature};

/// Reads an answer: its canonical members without id and date.
///
/// # Errors
/// It is none, or the provider says in it that it failed.
pub fn answer(body: &[u8]) -> Result<Map<String, Value>, Fault> {
    let response = response::parse(body)?;
    let id = response.get("responseId").and_then(Value::as_str);
    let mut choices = Vec::new();
    let mut lost = Vec::new();
    let mut written = response::arguments(body).into_iter();
    for (index, candidate) in response::candidates(&response) {
        let written = written.next().unwrap_or_default();
        let of = (candidate, written.as_slice());
        let mut said = candidate::read(of, index, 0, id.unwrap_or_default())?;
        lost.append(&mut said.lost);
        let Some(finish) = said.finish else {
            return Err(Fault::Malformed("a candidate did not finish".into()));
        };
        choices.push(choice(index, said, finish));
    }
    if choices.is_empty() {
        if !response::is_blocked(&response) {
            return Err(Fault::Malformed("the answer has no candidates".into()));
        }
        choices.push(choice(0, Said::default(), Finish::Filtered));
    }
    let mut members = Map::new();
    if let Some(model) = response.get("modelVersion").filter(|m| m.is_string()) {
        members.insert("model".into(), model.clone());
    }
    members.insert("choices".into(), choices.into());
    if let Some(usage) = response::usage(&response) {
        members.insert("usage".into(), usage);
    }
    mark_lost(&mut members, "gemini", &lost);
    Ok(members)
}

fn choice(index: u64, said: Said, finish: Finish) -> Value {
    let calls = !said.calls.is_empty();
    let content = match said.text {
        // A call alone, and what a filter took, have no words; everything else has at least none of them.
        None if calls || finish == Finish::Filtered => Value::Null,
        text => text.unwrap_or_default().into(),
    };
    let mut message = Map::new();
    message.insert("role".into(), "assistant".into());
    message.insert("content".into(), content);
    message.insert("refusal".into(), Value::Null);
    if !said.thought.is_empty() {
        message.insert("reasoning_content".into(), said.thought.into());
    }
    if calls {
        message.insert("tool_calls".into(), said.calls.into_iter().collect());
    }
    if let Some(signature) = said.signature {
        message.insert("extra_content".into(), signature::extra(&signature));
    }
    json!({"index": index, "message": message, "logprobs": said.logprobs,
        "finish_reason": finish.reason(calls)})
}

#[cfg(test)]
mod tests;
