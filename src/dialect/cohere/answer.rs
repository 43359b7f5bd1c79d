//! Reads a whole answer.

use serde_json::{Map, Value, json};

use super::super::Fault;
use super::super::chunks::mark_lost;
use super::said;

/// Reads an answer: its canonical members without id and date. It does not say which model gave it.
///
/// # Errors
/// It is none, or the provider says in it that it failed.
pub fn answer(body: &[u8]) -> Result<Map<String, Value>, Fault> {
    let parsed: Result<Map<String, Value>, _> = serde_json::from_slice(body);
    let whole = parsed.map_err(|e| Fault::Malformed(e.to_string()))?;
    let Some(Value::Object(told)) = whole.get("message") else {
        return Err(match whole.get("message").and_then(Value::as_str) {
            Some(error) => said::failure(error),
            None => Fault::Malformed("the answer has no message".into()),
        });
    };
    let mut lost = Vec::new();
    let message = message(told, &mut lost)?;
    let reason = whole.get("finish_reason").and_then(Value::as_str);
    let reason = reason.ok_or_else(|| Fault::Malformed("the answer did not finish".into()))?;
    let finish = said::finish(reason, message.contains_key("tool_calls"))?;
    let pieces = whole.get("logprobs").and_then(Value::as_array);
    let mut merged = false;
    let logprobs = pieces.map(|pieces| said::logprobs(pieces.iter(), &mut merged));
    lost.extend(merged.then(|| "logprobs".to_owned()));
    let mut members = Map::new();
    members.insert(
        "choices".into(),
        json!([{"index": 0, "message": message, "logprobs": logprobs, "finish_reason": finish}]),
    );
    if let Some(usage) = whole.get("usage").and_then(said::usage) {
        members.insert("usage".into(), usage);
    }
    mark_lost(&mut members, "cohere", &lost);
    Ok(members)
}

fn message(told: &Map<String, Value>, lost: &mut Vec<String>) -> Result<Map<String, Value>, Fault> {
    let (mut words, mut thought) = (None::<String>, String::new());
    match told.get("content") {
        Some(Value::String(text)) => words = Some(text.clone()),
        Some(Value::Array(parts)) => {
            for part in parts {
                let text = |key: &str| part.get(key).and_then(Value::as_str).unwrap_or_default();
                match text("type") {
                    "text" => words.get_or_insert_default().push_str(text("text")),
                    "thinking" => thought.push_str(text("thinking")),
                    other => lost.push(other.to_owned()),
                }
            }
        }
        _ => {}
    }
    if let Some(plan) = told.get("tool_plan").and_then(Value::as_str) {
        let both = !thought.is_empty() && !plan.is_empty();
        thought.push_str(if both { "\n" } else { "" });
        thought.push_str(plan);
    }
    let calls = told.get("tool_calls").and_then(Value::as_array);
    let calls: Result<Vec<_>, _> = calls.into_iter().flatten().map(call).collect();
    let calls = calls?;
    let known = ["role", "content", "tool_plan", "tool_calls"];
    let nothing = |value: &Value| value.is_null() || value.as_array().is_some_and(Vec::is_empty);
    let strange = told.iter().filter(|(_, value)| !nothing(value));
    let strange = strange
        .map(|(key, _)| key)
        .filter(|key| !known.contains(&key.as_str()));
    lost.extend(strange.cloned());
    let mut message = Map::new();
    message.insert("role".into(), "assistant".into());
    let content = match words {
        None if !calls.is_empty() => Value::Null,
        words => words.unwrap_or_default().into(),
    };
    message.insert("content".into(), content);
    message.insert("refusal".into(), Value::Null);
    if !thought.is_empty() {
        message.insert("reasoning_content".into(), thought.into());
    }
    if !calls.is_empty() {
        message.insert("tool_calls".into(), calls.into());
    }
    Ok(message)
}

/// A call; one that takes nothing is still written as an object.
fn call(told: &Value) -> Result<Value, Fault> {
    let mut call = Value::Object(said::call(told)?);
    if let Some(arguments) = call.pointer_mut("/function/arguments")
        && *arguments == ""
    {
        *arguments = "{}".into();
    }
    Ok(call)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(answer: &Value) -> Result<Value, Fault> {
        super::answer(answer.to_string().as_bytes()).map(Value::Object)
    }

    fn ended(message: Value, reason: &str) -> Value {
        json!({"id": "c14", "finish_reason": reason, "message": message})
    }

    #[test]
    fn an_answer_has_its_words_and_its_counts() {
        let text = |text: &str| json!({"type": "text", "text": text});
        let mut answer = ended(
            json!({"role": "assistant", "content": [text("Pa"), text("ris 🗼")]}),
            "COMPLETE",
        );
        answer["usage"] = json!({"tokens": {"input_tokens": 2.0, "output_tokens": 3.0}});
        let members = json!({"choices": [{"index": 0, "message": {"role": "assistant",
            "content": "Paris 🗼", "refusal": null}, "logprobs": null, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 2, "completion_tokens": 3, "total_tokens": 5}});
        assert_eq!(of(&answer).unwrap(), members);
    }

    #[test]
    fn thoughts_and_plans_are_kept_apart_from_the_words() {
        let call = |arguments: Value| {
            json!({"id": "f1", "type": "function", "function":
                {"name": "f", "arguments": arguments}})
        };
        let message = |message: Value, reason: &str| {
            let mut choice = of(&ended(message, reason)).unwrap()["choices"][0].take();
            choice["message"].take()
        };
        let thinking = json!({"type": "thinking", "thinking": "Hm."});
        let thought = message(
            json!({"content": [thinking, {"type": "text", "text": "Yes."}]}),
            "COMPLETE",
        );
        assert_eq!(
            (&thought["reasoning_content"], &thought["content"]),
            (&json!("Hm."), &json!("Yes."))
        );
        let planned = message(
            json!({"content": [thinking], "tool_plan": "I will look.", "tool_calls": [
                call(json!("{\"a\":\"é\"}")), call(Value::Null)]}),
            "TOOL_CALL",
        );
        assert_eq!(planned["reasoning_content"], "Hm.\nI will look.");
        assert_eq!(planned["content"], Value::Null);
        assert_eq!(
            planned["tool_calls"],
            json!([call(json!("{\"a\":\"é\"}")), call(json!("{}"))])
        );
    }

    #[test]
    fn what_has_no_place_is_named() {
        let mut answer = ended(
            json!({"content": [{"type": "text", "text": "a"}, {"type": "picture"}],
                "citations": [{"start": 0, "end": 1}], "tool_plan": null}),
            "COMPLETE",
        );
        answer["logprobs"] = json!([{"text": "a", "token_ids": [1, 2], "logprobs": [-1.0, -1.0]}]);
        let read = of(&answer).unwrap();
        assert_eq!(
            read["foreign"],
            json!({"cohere": ["picture", "citations", "logprobs"]})
        );
        assert_eq!(read["choices"][0]["message"]["content"], "a");
        let uncited = ended(json!({"content": [], "citations": []}), "COMPLETE");
        let read = of(&uncited).unwrap();
        assert!(read.get("foreign").is_none());
        assert_eq!(read["choices"][0]["message"]["content"], "");
    }

    #[test]
    fn what_is_no_answer_is_a_fault() {
        let Err(Fault::Said(error)) = of(&json!({"id": "x", "message": "Busy."})) else {
            panic!();
        };
        assert_eq!(
            error,
            json!({"message": "Busy.", "type": "server_error", "param": null, "code": null})
        );
        let message = json!({"content": [{"type": "text", "text": "a"}]});
        assert!(matches!(
            of(&ended(message.clone(), "ERROR")),
            Err(Fault::Said(_))
        ));
        let unnamed = ended(json!({"tool_calls": [{"id": "a"}]}), "TOOL_CALL");
        for broken in [json!({}), json!([]), json!({"message": message}), unnamed] {
            assert!(matches!(of(&broken), Err(Fault::Malformed(_))), "{broken}");
        }
    }
}
