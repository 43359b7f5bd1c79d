//! A provider's answer, or a chunk of it, in the canonical form. Its text is never parsed further than it must be, so
//! that no number changes and what can only be passed on still can be.

use serde::de::Error;
use serde_json::value::RawValue;

use super::BESIDE;
use crate::chat::{Object, members};

/// Where the text of a choice goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Said {
    /// In a whole answer.
    Message,
    /// In a chunk of one.
    Delta,
}

/// Members of an answer that a chat completion has as well.
const SAME: [&str; 7] = [
    "id",
    "object",
    "created",
    "model",
    "usage",
    "system_fingerprint",
    "error",
];

/// The canonical form of `body`, as JSON.
///
/// # Errors
/// It is no JSON object, or its choices are none.
pub fn canonical(body: &str, said: Said) -> Result<String, serde_json::Error> {
    let mut told = Object::with_capacity(body.len() + 128);
    let mut beside = Object::with_capacity(0);
    for (name, value) in members(body)? {
        match name.as_ref() {
            "choices" => told.push(&name, &choices(value, said)?),
            name if SAME.contains(&name) => told.push(name, value.get()),
            _ => beside.push(&name, value.get()),
        }
    }
    told.push(BESIDE, &beside.end());
    Ok(told.end())
}

fn choices(value: &RawValue, said: Said) -> Result<String, serde_json::Error> {
    let choices: Option<Vec<&RawValue>> = serde_json::from_str(value.get())?;
    let choices = choices.into_iter().flatten();
    let told: Result<Vec<_>, _> = choices.map(|c| choice(c.get(), said)).collect();
    Ok(format!("[{}]", told?.join(",")))
}

fn choice(choice: &str, said: Said) -> Result<String, serde_json::Error> {
    let mut told = Object::with_capacity(choice.len() + 128);
    let mut beside = Object::with_capacity(0);
    for (name, value) in members(choice)? {
        match name.as_ref() {
            "text" => {
                if said == Said::Message && !value.get().starts_with('"') {
                    return Err(serde_json::Error::custom("a choice whose text is none"));
                }
                let (place, message) = message(value.get(), said);
                told.push(place, &message);
            }
            "index" | "finish_reason" => told.push(&name, value.get()),
            _ => beside.push(&name, value.get()),
        }
    }
    told.push(BESIDE, &beside.end());
    Ok(told.end())
}

fn message(text: &str, said: Said) -> (&'static str, String) {
    match said {
        Said::Message => {
            let message = format!("{{\"role\":\"assistant\",\"content\":{text}}}");
            ("message", message)
        }
        Said::Delta => ("delta", format!("{{\"content\":{text}}}")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Writer, answer, replay};
    use super::*;
    use crate::chat::{Answer, Chunk, Recorder, Unstorable};
    use serde_json::{Value, json};

    fn probabilities(tokens: &[&str], from: usize) -> Value {
        let each: Vec<Value> = tokens.iter().map(|t| json!({*t: -0.5})).collect();
        let offsets: Vec<usize> = (from..from + tokens.len()).collect();
        json!({"tokens": tokens, "token_logprobs": vec![-0.5; tokens.len()],
            "top_logprobs": each, "text_offset": offsets})
    }

    fn native() -> Value {
        json!({"id": "cmpl-1", "object": "text_completion", "created": 1, "model": "m",
            "system_fingerprint": "fp", "kv_transfer_params": {"a": 1}, "choices": [
            {"text": "ab", "index": 0, "logprobs": probabilities(&["a", "b"], 0), "finish_reason": "stop",
                "stop_reason": null, "prompt_logprobs": [null]},
            {"text": "", "index": 1, "logprobs": null, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}})
    }

    fn whole(body: &Value) -> Answer {
        let told = canonical(&body.to_string(), Said::Message).unwrap();
        Answer::parse(told.as_bytes()).unwrap()
    }

    /// Without what is fresh each time.
    fn stale(mut body: Value) -> Value {
        for name in ["id", "created"] {
            body[name] = Value::Null;
        }
        body
    }

    #[test]
    fn an_answer_is_told_again_as_it_was() {
        let kept = whole(&native());
        assert_eq!(kept.storable(), Ok(()));
        assert_eq!((kept.text().as_str(), kept.tokens()), ("ab", Some((1, 2))));
        let again = Value::Object(answer(&kept.members()));
        assert_eq!(stale(again), stale(native()));
    }

    #[test]
    fn a_text_is_a_text() {
        for text in [json!(5), json!(["a"]), json!({"a": 1}), Value::Null] {
            let mut body = native();
            body["choices"][1]["text"] = text.clone();
            assert!(
                canonical(&body.to_string(), Said::Message).is_err(),
                "{text}"
            );
        }
    }

    #[test]
    fn each_choice_decides_whether_an_answer_may_be_kept() {
        let mut cut = native();
        cut["choices"][1]["finish_reason"] = "length".into();
        assert_eq!(whole(&cut).storable(), Err(Unstorable::Truncated));
    }

    #[test]
    fn what_can_only_be_passed_on_is_told_to_nobody_else() {
        let half = r#"{"choices":[{"text":"\ud83d","index":0,"finish_reason":"stop"}]}"#;
        let told = canonical(half, Said::Message).unwrap();
        let kept = Answer::parse(told.as_bytes()).unwrap();
        assert_eq!(kept.storable(), Err(Unstorable::Unparseable));
        for body in ["", "[]", r#"{"choices":[1]}"#, r#"{"choices":"x"}"#] {
            assert!(canonical(body, Said::Message).is_err(), "{body}");
        }
    }

    fn chunk(choices: &Value, usage: &Value) -> String {
        json!({"id": "cmpl-1", "object": "text_completion", "created": 1, "model": "m",
            "system_fingerprint": "fp", "kv_transfer_params": {"a": 1}, "choices": choices, "usage": usage})
        .to_string()
    }

    fn recorded(chunks: &[String]) -> Answer {
        let mut recorder = Recorder::new(1024);
        for raw in chunks {
            let told = canonical(raw, Said::Delta).unwrap();
            recorder.push(&Chunk::told(raw, &told).unwrap());
        }
        recorder.finish(true).unwrap()
    }

    #[test]
    fn a_stream_is_the_same_answer_and_is_streamed_again() {
        let piece = |index: u64, text: &str, from: usize, finish: Value| {
            let logprobs = match text {
                "" => Value::Null,
                text => probabilities(&[text], from),
            };
            let mut choice = json!({"text": text, "index": index, "logprobs": logprobs, "finish_reason": finish});
            if index == 0 && choice["finish_reason"].is_null() {
                choice["stop_reason"] = Value::Null;
                choice["prompt_logprobs"] = json!([null]);
            }
            chunk(&json!([choice]), &Value::Null)
        };
        let chunks = [
            piece(0, "a", 0, Value::Null),
            piece(1, "", 0, Value::Null),
            piece(0, "b", 1, Value::Null),
            piece(1, "", 0, json!("stop")),
            piece(0, "", 0, json!("stop")),
            chunk(&json!([]), &native()["usage"]),
        ];
        let kept = recorded(&chunks);
        assert_eq!(kept.storable(), Ok(()));
        let again = Value::Object(answer(&kept.members()));
        assert_eq!(stale(again), stale(native()));
        let events = replay(&kept.members(), true);
        let events = events
            .split("\n\n")
            .filter_map(|e| e.strip_prefix("data: "));
        let events: Vec<String> = events.filter(|e| *e != "[DONE]").map(Into::into).collect();
        let again = Value::Object(answer(&recorded(&events).members()));
        assert_eq!(stale(again), stale(native()));
    }

    #[test]
    fn a_chunk_goes_on_as_it_came() {
        let raw = r#"{"id":"c","choices":[{"text":"a","index":0,"x":1e2}],"usage":null}"#;
        let told = canonical(raw, Said::Delta).unwrap();
        let read = Chunk::told(raw, &told).unwrap();
        assert!(read.is_content());
        let mut writer = Writer::new(false);
        let members = read.members().unwrap().clone();
        assert!(writer.chunk(&members).contains("\"text\":\"a\""));
        let frame = read.into_frame();
        assert_eq!(frame.to_event(true).unwrap(), format!("data: {raw}\n\n"));
        let bare = raw.replace(",\"usage\":null", "");
        assert_eq!(frame.to_event(false).unwrap(), format!("data: {bare}\n\n"));
    }
}
