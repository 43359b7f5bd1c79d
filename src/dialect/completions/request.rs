//! A client's request in the canonical form, and the names its members have.

use serde_json::{Map, Value, json};

use crate::chat::InvalidRequest;

/// Tokens of an answer to a request that names no number, as OpenAI's completions have it.
const TOKENS: u64 = 16;

/// What chat completions calls the longest answer.
const LENGTH: &str = "max_completion_tokens";

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

/// Members that are told under another name.
const OWN: [&str; 2] = ["prompt", "max_tokens"];

/// What the members that chat has no word for are kept under.
pub(super) const NAME: &str = "completions";

/// The canonical form of `body`.
///
/// # Errors
/// A member that is faulty, by its name.
pub fn request(body: &Map<String, Value>) -> Result<Map<String, Value>, InvalidRequest> {
    let mut told = Map::new();
    let mut own = own_members(body);
    for name in SAME {
        if let Some(value) = given(body, name) {
            told.insert(name.into(), value.clone());
        }
    }
    let (content, prompts) = prompt(given(body, "prompt"))?;
    told.insert(
        "messages".into(),
        json!([{"role": "user", "content": content}]),
    );
    if prompts > 1 {
        own.insert("prompt".into(), prompts.into());
    }
    match given(body, "max_tokens") {
        None => told.insert(LENGTH.into(), TOKENS.into()),
        // Nothing but the prompt itself is wanted, with what is thought of its tokens.
        Some(none) if none.as_u64() == Some(0) => own.insert("max_tokens".into(), none.clone()),
        Some(most) if most.is_u64() => told.insert(LENGTH.into(), most.clone()),
        Some(_) => return Err(wrong("max_tokens", "an integer of at least 0")),
    };
    if !own.is_empty() {
        told.insert("foreign".into(), json!({ NAME: own }));
    }
    Ok(told)
}

fn given<'a>(body: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    body.get(name).filter(|value| !value.is_null())
}

/// What a message holds that says the prompt, and how many prompts it is: a text, or a part for each of several texts
/// and for each list of tokens.
fn prompt(value: Option<&Value>) -> Result<(Value, usize), InvalidRequest> {
    let is_token = |value: &Value| value.is_u64();
    match value {
        None => Err(InvalidRequest::at("prompt", "`prompt` is required.")),
        Some(Value::String(text)) => Ok((text.as_str().into(), 1)),
        Some(Value::Array(tokens)) if !tokens.is_empty() && tokens.iter().all(is_token) => {
            Ok((json!([part_of_tokens(tokens)]), 1))
        }
        Some(Value::Array(prompts)) => match prompts.as_slice() {
            [Value::String(text)] => Ok((text.as_str().into(), 1)),
            [] => Err(unknown_prompt()),
            prompts => {
                let parts: Result<Vec<Value>, _> = prompts.iter().map(part).collect();
                Ok((parts?.into(), prompts.len()))
            }
        },
        Some(_) => Err(unknown_prompt()),
    }
}

fn part(prompt: &Value) -> Result<Value, InvalidRequest> {
    match prompt {
        Value::String(text) => Ok(json!({"type": "text", "text": text})),
        Value::Array(tokens) if !tokens.is_empty() && tokens.iter().all(Value::is_u64) => {
            Ok(part_of_tokens(tokens))
        }
        _ => Err(unknown_prompt()),
    }
}

fn part_of_tokens(tokens: &[Value]) -> Value {
    json!({"type": "foreign", "dialect": NAME, "block": {"tokens": tokens}})
}

fn unknown_prompt() -> InvalidRequest {
    wrong("prompt", "a text, a list of tokens, or a list of such")
}

/// What chat has no word for, without what says nothing.
fn own_members(body: &Map<String, Value>) -> Map<String, Value> {
    let one = json!(1);
    let answers = given(body, "n").unwrap_or(&one);
    let says_nothing = |name: &str, value: &Value| match name {
        "suffix" => value.as_str() == Some(""),
        "echo" => value.as_bool() == Some(false),
        // To choose the best of as many as are given back is no choice.
        "best_of" => value == answers,
        _ => value.is_null(),
    };
    let known = |name: &str| SAME.contains(&name) || OWN.contains(&name);
    let own = body
        .iter()
        .filter(|(name, value)| !known(name) && !value.is_null() && !says_nothing(name, value));
    own.map(|(name, value)| (name.clone(), value.clone()))
        .collect()
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
    use crate::chat::{ChatRequest, Dialect};

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
    }

    #[test]
    fn what_chat_has_no_word_for_is_kept_under_its_own_name() {
        for (name, value) in [
            ("suffix", json!("end")),
            ("echo", json!(true)),
            ("best_of", json!(2)),
            ("logprobs", json!(0)),
            ("max_tokens", json!(0)),
            ("of_tomorrow", json!(1)),
        ] {
            let told = told(&with(name, value.clone()));
            assert_eq!(told["foreign"], json!({"completions": {name: value}}));
        }
        assert!(
            told(&with("max_tokens", json!(0)))
                .get("max_completion_tokens")
                .is_none()
        );
    }

    #[test]
    fn each_prompt_is_a_part_and_several_are_counted() {
        let content = |prompt: Value| {
            let told = told(&with("prompt", prompt));
            let count = told["foreign"]["completions"]["prompt"].clone();
            (told["messages"][0]["content"].clone(), count)
        };
        let text = |text: &str| json!({"type": "text", "text": text});
        let tokens = |tokens: Value| json!({"type": "foreign", "dialect": "completions", "block": {"tokens": tokens}});
        let (one, two) = (tokens(json!([1, 2])), tokens(json!([3])));
        for (prompt, parts, count) in [
            (json!(["a", "b"]), json!([text("a"), text("b")]), json!(2)),
            (json!([1, 2]), json!([one]), Value::Null),
            (json!([[1, 2]]), json!([one]), Value::Null),
            (json!([[1, 2], [3]]), json!([one, two]), json!(2)),
            (json!(["a", [3]]), json!([text("a"), two]), json!(2)),
        ] {
            assert_eq!(content(prompt), (parts, count));
        }
    }

    #[test]
    fn no_text_is_met_by_other_wordings_and_all_of_it_is_asked() {
        let translated = |name: &str, value: Value| {
            let told = request(&with(name, value)).unwrap();
            ChatRequest::translated(Dialect::Completions, "{}".into(), told).unwrap()
        };
        for (name, value, choices, tokens) in [
            ("prompt", json!("a"), 1, false),
            ("prompt", json!(["a", "b"]), 2, false),
            ("prompt", json!([1, 2]), 1, true),
            ("prompt", json!([[1], [2]]), 2, true),
            ("n", json!(2), 2, false),
            ("suffix", json!("end"), 1, false),
        ] {
            let request = translated(name, value);
            assert_eq!(request.question().unwrap_err().as_str(), "verbatim");
            assert_eq!(
                (request.choices(), request.holds_tokens()),
                (choices, tokens)
            );
            assert_eq!(request.suffix(), (name == "suffix").then_some("end"));
        }
    }

    #[test]
    fn each_faulty_member_is_named() {
        for (name, value) in [
            ("prompt", Value::Null),
            ("prompt", json!(1)),
            ("prompt", json!([])),
            ("prompt", json!([[]])),
            ("prompt", json!([1, "a"])),
            ("prompt", json!([1.5])),
            ("prompt", json!([{}, {}])),
            ("max_tokens", json!(-1)),
            ("max_tokens", json!("many")),
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
