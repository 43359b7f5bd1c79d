//! A canonical answer as a text completion, whole or as the chunks of a stream.

use serde_json::{Map, Value, json};

use super::super::members::{Piece, parts_of};
use super::BESIDE;
use crate::chat::{DONE, completion_id, unix_seconds};

/// The `text_completion`, with an id of its own, of a canonical answer.
#[must_use]
pub fn answer(members: &Map<String, Value>) -> Map<String, Value> {
    let choices = choices(members).iter();
    let choices: Vec<Value> = choices.map(|choice| told(choice, "message").1).collect();
    let mut told = head(&id(), unix_seconds(), members);
    told.insert("choices".into(), choices.into());
    if let Some(usage) = members.get("usage") {
        told.insert("usage".into(), usage.clone());
    }
    told
}

/// The events of an answer of a provider of text completions, each choice in one: what is told of its tokens stays
/// beside its text.
#[must_use]
pub fn replay(members: &Map<String, Value>, include_usage: bool) -> String {
    let mut said = String::new();
    let (id, created) = (id(), unix_seconds());
    let mut chunk = |choices: Value, usage: Value| {
        let mut told = head(&id, created, members);
        told.insert("choices".into(), choices);
        if include_usage {
            told.insert("usage".into(), usage);
        }
        said += &event(&serde_json::to_string(&told).unwrap_or_default());
    };
    for choice in choices(members) {
        chunk(json!([told(choice, "message").1]), Value::Null);
    }
    if let (true, Some(usage)) = (include_usage, members.get("usage")) {
        chunk(json!([]), usage.clone());
    }
    said + &event(DONE)
}

/// Whether an answer says more beside its texts than a chat would.
#[must_use]
pub fn tells_of_tokens(members: &Map<String, Value>) -> bool {
    let logprobs = |choice: &Value| {
        let beside = choice.get(BESIDE).and_then(|beside| beside.get("logprobs"));
        beside.is_some_and(|logprobs| !logprobs.is_null())
    };
    choices(members).iter().any(logprobs)
}

/// Writes the chunks of a canonical answer.
#[derive(Debug)]
pub struct Writer {
    id: String,
    created: u64,
    include_usage: bool,
    ended: bool,
}

impl Writer {
    /// A stream with token counts at its end if `include_usage` asks for them.
    #[must_use]
    pub fn new(include_usage: bool) -> Self {
        Self {
            id: id(),
            created: unix_seconds(),
            include_usage,
            ended: false,
        }
    }

    /// The event that a chunk makes, if it says anything in this form.
    pub fn chunk(&mut self, chunk: &Map<String, Value>) -> String {
        let choices = choices(chunk).iter().map(|choice| told(choice, "delta"));
        let choices: Vec<Value> = choices
            .filter_map(|(says, choice)| says.then_some(choice))
            .collect();
        let usage = chunk
            .get("usage")
            .filter(|u| self.include_usage && !u.is_null());
        if choices.is_empty() && usage.is_none() {
            return String::new();
        }
        let mut told = head(&self.id, self.created, chunk);
        told.insert("choices".into(), choices.into());
        if self.include_usage {
            told.insert("usage".into(), usage.cloned().unwrap_or_default());
        }
        event(&serde_json::to_string(&told).unwrap_or_default())
    }

    /// The last event, once the answer is whole.
    pub fn end(&mut self) -> String {
        if std::mem::replace(&mut self.ended, true) {
            return String::new();
        }
        event(DONE)
    }

    /// The last event of an answer that failed on the way; `error` is as OpenAI writes one.
    pub fn error(&mut self, error: &Value) -> String {
        if std::mem::replace(&mut self.ended, true) {
            return String::new();
        }
        event(&json!({"error": error}).to_string())
    }
}

fn event(data: &str) -> String {
    format!("data: {data}\n\n")
}

fn id() -> String {
    completion_id().replacen("chatcmpl-", "cmpl-", 1)
}

fn head(id: &str, created: u64, members: &Map<String, Value>) -> Map<String, Value> {
    let mut head = Map::new();
    head.insert("id".into(), id.into());
    head.insert("object".into(), "text_completion".into());
    head.insert("created".into(), created.into());
    for name in ["model", "system_fingerprint"] {
        if let Some(value) = members.get(name) {
            head.insert(name.into(), value.clone());
        }
    }
    if let Some(Value::Object(beside)) = members.get(BESIDE) {
        head.extend(beside.clone());
    }
    head
}

fn choices(members: &Map<String, Value>) -> &[Value] {
    let choices = members.get("choices").and_then(Value::as_array);
    choices.map(Vec::as_slice).unwrap_or_default()
}

/// A choice, and whether it says anything. What is said in the place of an answer is its text here.
fn told(choice: &Value, said: &str) -> (bool, Value) {
    let message = choice.get(said).unwrap_or(&Value::Null);
    let member = |name: &str| message.get(name).and_then(Value::as_str);
    let said = parts_of(message.get("content")).into_iter();
    let said = said.filter_map(|piece| match piece {
        Piece::Said(text) => Some(text),
        Piece::Thought(_) => None,
    });
    let text: String = said.chain(member("refusal")).collect();
    let finish = match choice.get("finish_reason").and_then(Value::as_str) {
        None => Value::Null,
        Some(finish @ ("length" | "content_filter")) => finish.into(),
        Some(_) => "stop".into(),
    };
    let says = !text.is_empty() || !finish.is_null();
    let index = choice.get("index").cloned().unwrap_or(json!(0));
    let mut told = json!({"text": text, "index": index, "logprobs": null, "finish_reason": finish});
    if let (Value::Object(told), Some(Value::Object(beside))) = (&mut told, choice.get(BESIDE)) {
        told.extend(beside.clone());
    }
    (says, told)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(value: &Value) -> Map<String, Value> {
        value.as_object().cloned().unwrap()
    }

    fn chunk(delta: &Value, finish: &Value) -> Map<String, Value> {
        object(
            &json!({"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1,
            "model": "m", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}),
        )
    }

    fn data(event: &str) -> Value {
        serde_json::from_str(event.strip_prefix("data: ").unwrap()).unwrap()
    }

    #[test]
    fn an_answer_is_its_text() {
        let usage = json!({"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3});
        let told = answer(&object(&json!({"model": "m", "usage": usage, "choices": [
            {"index": 0, "message": {"content": "Grüße 🍎"}, "finish_reason": "length"},
            {"index": 1, "message": {"content": null, "refusal": "No."}, "finish_reason": "stop"}]})));
        assert!(told["id"].as_str().unwrap().starts_with("cmpl-"));
        assert_eq!(
            (&told["object"], &told["usage"]),
            (&json!("text_completion"), &usage)
        );
        assert_eq!(
            told["choices"],
            json!([
            {"text": "Grüße 🍎", "index": 0, "logprobs": null, "finish_reason": "length"},
            {"text": "No.", "index": 1, "logprobs": null, "finish_reason": "stop"}])
        );
    }

    #[test]
    fn a_stream_says_only_what_has_text() {
        let mut writer = Writer::new(false);
        assert_eq!(
            writer.chunk(&chunk(
                &json!({"role": "assistant", "content": ""}),
                &Value::Null
            )),
            ""
        );
        let first = data(&writer.chunk(&chunk(&json!({"content": "Grü"}), &Value::Null)));
        let last = data(&writer.chunk(&chunk(&json!({}), &json!("stop"))));
        assert_eq!(
            (&first["choices"][0]["text"], &first["id"]),
            (&json!("Grü"), &last["id"])
        );
        assert_eq!(last["choices"][0]["finish_reason"], "stop");
        let counted = object(&json!({"choices": [], "usage": {"total_tokens": 3}}));
        assert_eq!(writer.chunk(&counted), "");
        assert_eq!(writer.end(), "data: [DONE]\n\n");
        assert_eq!(writer.end(), "");
    }

    #[test]
    fn tokens_are_counted_for_who_asked() {
        let mut writer = Writer::new(true);
        let first = data(&writer.chunk(&chunk(&json!({"content": "a"}), &Value::Null)));
        assert_eq!(first["usage"], Value::Null);
        let counted = object(&json!({"choices": [], "usage": {"total_tokens": 3}}));
        let last = data(&writer.chunk(&counted));
        assert_eq!(
            (&last["choices"], &last["usage"]["total_tokens"]),
            (&json!([]), &json!(3))
        );
    }

    #[test]
    fn a_failure_ends_the_stream() {
        let mut writer = Writer::new(false);
        let told = data(&writer.error(&json!({"message": "no"})));
        assert_eq!(told, json!({"error": {"message": "no"}}));
        assert_eq!(writer.end(), "");
    }
}
