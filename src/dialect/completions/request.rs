//! A client's request in the canonical form, and the names its members have.

use serde_json::{Map, Value, json};

use crate::chat::InvalidRequest;

/// Tokens of an answer to a request that names no number, as OpenAI's completions have it.
const TOKENS: u64 = 16;

/// Members that chat completions has under the same name, with the same meaning.
const SAME: [&str; 16] = [
    "model",
    "n",
    "stop",
    "stream",
    "stream_options",
    "temperature",
    "top_p",
    "presence_penalty",
    "frequency_penalty",
    "logit_bias",
    "seed",
    "user",
    "safety_identifier",
    "metadata",
    "service_tier",
    "top_k",
];

/// Members that are told under another name, or not at all.
const OWN: [&str; 6] = [
    "prompt",
    "max_tokens",
    "suffix",
    "echo",
    "best_of",
    "logprobs",
];

/// The canonical form of `body`.
///
/// # Errors
/// A member that is faulty, or that no chat model can be asked for, by its name.
pub fn request(body: &Map<String, Value>) -> Result<Map<String, Value>, InvalidRequest> {
    let given = |name: &str| body.get(name).filter(|value| !value.is_null());
    unavailable_members(body)?;
    let mut told = Map::new();
    for name in SAME {
        if let Some(value) = given(name) {
            told.insert(name.into(), value.clone());
        }
    }
    let message = json!({"role": "user", "content": prompt(given("prompt"))?});
    told.insert("messages".into(), json!([message]));
    let most = match given("max_tokens") {
        None => TOKENS.into(),
        Some(most) if most.as_u64().is_some_and(|most| most > 0) => most.clone(),
        Some(_) => return Err(wrong("max_tokens", "an integer of at least 1")),
    };
    told.insert("max_completion_tokens".into(), most);
    let known = |name: &str| SAME.contains(&name) || OWN.contains(&name);
    let unknown = body.iter().filter(|(name, v)| !v.is_null() && !known(name));
    let unknown: Map<_, _> = unknown.map(|(k, v)| (k.clone(), v.clone())).collect();
    if !unknown.is_empty() {
        told.insert("foreign".into(), json!({"completions": unknown}));
    }
    Ok(told)
}

/// One text, which may be the only one of an array.
fn prompt(value: Option<&Value>) -> Result<&str, InvalidRequest> {
    match value {
        None => Err(InvalidRequest::at("prompt", "`prompt` is required.")),
        Some(Value::String(text)) => Ok(text),
        Some(Value::Array(prompts)) => match prompts.as_slice() {
            [Value::String(text)] => Ok(text),
            _ => Err(InvalidRequest::at(
                "prompt",
                "Only one prompt, as text, is available here; send tokens as text, and several prompts one by one.",
            )),
        },
        Some(_) => Err(wrong("prompt", "a string")),
    }
}

fn unavailable_members(body: &Map<String, Value>) -> Result<(), InvalidRequest> {
    let one = json!(1);
    let answers = body.get("n").filter(|n| !n.is_null()).unwrap_or(&one);
    for name in ["suffix", "echo", "logprobs", "best_of"] {
        let says_nothing = match body.get(name) {
            None | Some(Value::Null) => true,
            Some(Value::String(suffix)) => name == "suffix" && suffix.is_empty(),
            Some(Value::Bool(echo)) => name == "echo" && !echo,
            // To choose the best of as many as are given back is no choice.
            Some(best) => name == "best_of" && best == answers,
        };
        if !says_nothing {
            let message = format!("`{name}` is not available here; leave it out.");
            return Err(InvalidRequest::at(name, message));
        }
    }
    Ok(())
}

fn wrong(name: &str, expected: &str) -> InvalidRequest {
    InvalidRequest::at(name, format!("`{name}` must be {expected}."))
}

/// The client's own path of a field that `path` names in the canonical form.
#[must_use]
pub fn param(path: &str) -> String {
    let head = path.split(['.', '[']).next().unwrap_or(path);
    let own = match head {
        "messages" => "prompt",
        "max_completion_tokens" => "max_tokens",
        _ => path.strip_prefix("foreign.completions.").unwrap_or(path),
    };
    own.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::ChatRequest;

    fn with(name: &str, value: Value) -> Map<String, Value> {
        let mut body = json!({"model": "m", "prompt": "Once"});
        body[name] = value;
        body.as_object().cloned().unwrap()
    }

    fn told(body: &Map<String, Value>) -> Value {
        let told = request(body).unwrap();
        ChatRequest::parse(Value::Object(told.clone()).to_string()).unwrap();
        told.into()
    }

    #[test]
    fn a_prompt_is_the_users_message_and_an_answer_short() {
        let message = json!([{"role": "user", "content": "Once"}]);
        let canonical = json!({"model": "m", "messages": message, "max_completion_tokens": 16});
        assert_eq!(told(&with("prompt", json!("Once"))), canonical);
        assert_eq!(told(&with("prompt", json!(["Once"]))), canonical);
        let longer = told(&with("max_tokens", json!(99)));
        assert_eq!(longer["max_completion_tokens"], 99);
    }

    #[test]
    fn settings_are_carried_over_and_what_says_nothing_is_not() {
        for (name, value) in [
            ("n", json!(2)),
            ("stop", json!(["\n"])),
            ("temperature", json!(0.5)),
            ("logit_bias", json!({"50256": -100})),
            ("stream_options", json!({"include_usage": true})),
        ] {
            assert_eq!(told(&with(name, value.clone()))[name], value);
        }
        for (name, value) in [
            ("suffix", json!("")),
            ("echo", json!(false)),
            ("best_of", json!(1)),
            ("logprobs", Value::Null),
            ("of_tomorrow", Value::Null),
        ] {
            assert_eq!(
                told(&with(name, value)),
                told(&with("n", Value::Null)),
                "{name}"
            );
        }
        let foreign = &told(&with("of_tomorrow", json!(1)))["foreign"];
        assert_eq!(*foreign, json!({"completions": {"of_tomorrow": 1}}));
    }

    #[test]
    fn each_faulty_or_unavailable_member_is_named() {
        for (name, value) in [
            ("prompt", Value::Null),
            ("prompt", json!(["a", "b"])),
            ("prompt", json!([1, 2])),
            ("prompt", json!([[1, 2]])),
            ("prompt", json!(1)),
            ("suffix", json!("end")),
            ("echo", json!(true)),
            ("best_of", json!(2)),
            ("logprobs", json!(0)),
            ("max_tokens", json!(0)),
        ] {
            let fault = request(&with(name, value.clone())).unwrap_err();
            assert_eq!(fault.param.as_deref(), Some(name), "{value}");
        }
    }

    #[test]
    fn fields_have_the_clients_names() {
        for (path, own) in [
            ("messages[0].content", "prompt"),
            ("max_completion_tokens", "max_tokens"),
            ("foreign.completions.x", "x"),
            ("stop", "stop"),
        ] {
            assert_eq!(param(path), own);
        }
    }
}
