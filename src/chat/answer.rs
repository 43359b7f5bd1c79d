//! A whole answer: a `chat.completion` without the members that are fresh each
//! time it is served, its id and its date. Kept as the text that came, of which
//! only what decides about it is parsed.

use std::sync::Arc;

use serde::{Deserialize, Serialize, Serializer};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::readable::is_readable;
use super::record::Unstorable;
use super::splice::{Object, members};

/// A provider's answer that is not a chat completion.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AnswerError {
    /// Not JSON, or not an object.
    #[error("the answer is not a JSON object")]
    NotAnObject,
    /// No choice with a message in it.
    #[error("the answer has no choices")]
    NoChoices,
}

/// A complete answer, from a plain response or put together from a stream.
#[derive(Debug, Clone)]
pub struct Answer {
    json: Arc<RawValue>,
    model: Option<String>,
    tokens: Option<Tokens>,
    storable: Result<(), Unstorable>,
    readable: bool,
}

/// What a message holds beside what it says.
const BESIDE: [&str; 6] = [
    "role",
    "reasoning",
    "reasoning_content",
    "reasoning_details",
    "thinking_blocks",
    "block_order",
];

/// What of a choice decides about the answer.
#[derive(Deserialize)]
struct Choice<'a> {
    #[serde(borrow)]
    message: Option<&'a RawValue>,
    #[serde(borrow, default)]
    finish_reason: Option<&'a RawValue>,
}

/// The part of a completion that holds its text.
#[derive(Deserialize)]
struct Told<'a> {
    #[serde(borrow)]
    choices: Vec<Spoken<'a>>,
}

#[derive(Deserialize)]
struct Spoken<'a> {
    #[serde(borrow, default)]
    message: Option<Content<'a>>,
}

#[derive(Deserialize)]
struct Content<'a> {
    #[serde(borrow, default)]
    content: Option<&'a RawValue>,
}

impl Spoken<'_> {
    fn text(self) -> String {
        let content = self.message.and_then(|message| message.content);
        let text = content.and_then(|content| serde_json::from_str(content.get()).ok());
        text.unwrap_or_default()
    }
}

#[derive(Deserialize)]
struct Usage {
    prompt_tokens: u64,
    completion_tokens: u64,
    #[serde(default)]
    prompt_tokens_details: Option<Details>,
    #[serde(default)]
    cache_creation_input_tokens: Option<u64>,
}

#[derive(Deserialize)]
struct Details {
    #[serde(default)]
    cached_tokens: Option<u64>,
}

/// Tokens of a prompt and its answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tokens {
    /// Of the prompt.
    pub prompt: u64,
    /// Of these, read from the provider's own cache.
    pub cached: u64,
    /// Of these, written to it.
    pub written: u64,
    /// Of the answer.
    pub completion: u64,
}

impl Answer {
    /// Parses the body of a plain response, or an answer as [`Answer::json`] gives it.
    ///
    /// # Errors
    /// [`AnswerError`] if it is not a chat completion.
    pub fn parse(body: &[u8]) -> Result<Self, AnswerError> {
        let body = std::str::from_utf8(body).map_err(|_| AnswerError::NotAnObject)?;
        let members = members(body).map_err(|_| AnswerError::NotAnObject)?;
        let mut kept = Object::with_capacity(body.len());
        let (mut model, mut tokens, mut failed, mut lacks) = (None, None, false, false);
        let mut choices = Err(AnswerError::NoChoices);
        let mut texts = false;
        for (name, value) in &members {
            match name.as_ref() {
                "id" | "created" | "object" => continue,
                "model" => model = serde_json::from_str(value.get()).ok(),
                "usage" => tokens = count(value),
                "error" => failed = value.get() != "null",
                // What another dialect said and this form cannot hold would be missing from it.
                "foreign" => lacks = value.get() != "null",
                "choices" => choices = storable(value),
                // Several prompts have an answer each.
                "text_completion" => texts = true,
                _ => {}
            }
            kept.push(name, value.get());
        }
        let (ended, several) = choices?;
        let json = RawValue::from_string(kept.end()).map_err(|_| AnswerError::NotAnObject)?;
        let readable = is_readable(json.get());
        Ok(Self {
            storable: match ended {
                _ if failed => Err(Unstorable::Error),
                _ if lacks => Err(Unstorable::UnknownDelta),
                _ if several && !texts => Err(Unstorable::SeveralChoices),
                Ok(()) | Err(Unstorable::ToolCalls) if !readable => Err(Unstorable::Unparseable),
                other => other,
            },
            json: json.into(),
            model,
            tokens,
            readable,
        })
    }

    /// Takes a completion's members as they are.
    ///
    /// # Errors
    /// [`AnswerError::NoChoices`] if no choice holds a message.
    pub fn from_members(members: Map<String, Value>) -> Result<Self, AnswerError> {
        Self::parse(Value::Object(members).to_string().as_bytes())
    }

    /// Whether it may be remembered: complete, one choice unless it is of text completions, ended by itself.
    ///
    /// # Errors
    /// The reason why not.
    pub fn storable(&self) -> Result<(), Unstorable> {
        self.storable
    }

    /// The same where a complete call of tools may be remembered as well, if `tool_calls` says so.
    ///
    /// # Errors
    /// The reason why not.
    pub fn storable_with(&self, tool_calls: bool) -> Result<(), Unstorable> {
        match self.storable {
            Err(Unstorable::ToolCalls) if tool_calls => Ok(()),
            other => other,
        }
    }

    /// Whether its members can be read. One where they cannot is only good for a client
    /// that gets its text as it came.
    #[must_use]
    pub fn is_readable(&self) -> bool {
        self.readable
    }

    /// The model that answered, as it names itself.
    #[must_use]
    pub fn model(&self) -> Option<&str> {
        self.model.as_deref()
    }

    /// Tokens of the prompt and of the answer, if the provider counted them.
    #[must_use]
    pub fn tokens(&self) -> Option<(u64, u64)> {
        self.tokens.map(|t| (t.prompt, t.completion))
    }

    /// The same in full.
    #[must_use]
    pub fn counted(&self) -> Option<Tokens> {
        self.tokens
    }

    /// Its members as JSON, without id, object and date.
    #[must_use]
    pub fn json(&self) -> &Arc<RawValue> {
        &self.json
    }

    /// Its members, parsed; none if they cannot be read.
    #[must_use]
    pub fn members(&self) -> Map<String, Value> {
        serde_json::from_str(self.json.get()).unwrap_or_default()
    }

    /// The text of the first choice; empty when it has none.
    #[must_use]
    pub fn text(&self) -> String {
        self.each_text().into_iter().next().unwrap_or_default()
    }

    /// Whether it has so many choices, each in a place of its own.
    #[must_use]
    pub fn has_choices(&self, count: u64) -> bool {
        let members = self.members();
        let choices = members.get("choices").and_then(Value::as_array);
        let places = choices
            .into_iter()
            .flatten()
            .map(|choice| choice.get("index")?.as_u64());
        let mut places: Vec<_> = places.collect();
        places.sort_unstable();
        // A single one needs no number.
        places == [None] && count == 1 || places.into_iter().eq((0..count).map(Some))
    }

    /// The text of each choice.
    #[must_use]
    pub fn each_text(&self) -> Vec<String> {
        // Nothing but the texts is made out of it, as long as no name stands there twice.
        if let Ok(told) = serde_json::from_str::<Told<'_>>(self.json.get()) {
            return told.choices.into_iter().map(Spoken::text).collect();
        }
        let members = self.members();
        let choices = members.get("choices").and_then(Value::as_array);
        let text = |choice: &Value| {
            let text = choice.pointer("/message/content").and_then(Value::as_str);
            text.unwrap_or_default().to_owned()
        };
        choices.into_iter().flatten().map(text).collect()
    }

    /// All texts of all messages, those that they hand to tools included.
    #[must_use]
    pub fn texts(&self) -> Vec<String> {
        let mut found = Vec::new();
        let mut members = self.members();
        let choices = members.get_mut("choices").and_then(Value::as_array_mut);
        for choice in choices.into_iter().flatten() {
            if let Some(message) = choice.get_mut("message") {
                gather(message.take(), &mut found);
            }
        }
        found
    }
}

fn gather(value: Value, found: &mut Vec<String>) {
    match value {
        Value::String(text) => found.push(text),
        Value::Array(items) => items.into_iter().for_each(|item| gather(item, found)),
        Value::Object(members) => members.into_iter().for_each(|(_, v)| gather(v, found)),
        _ => {}
    }
}

impl Serialize for Answer {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.json.serialize(serializer)
    }
}

fn count(usage: &RawValue) -> Option<Tokens> {
    let usage: Usage = serde_json::from_str(usage.get()).ok()?;
    let details = usage.prompt_tokens_details;
    Some(Tokens {
        prompt: usage.prompt_tokens,
        cached: details.and_then(|d| d.cached_tokens).unwrap_or(0),
        written: usage.cache_creation_input_tokens.unwrap_or(0),
        completion: usage.completion_tokens,
    })
}

/// Whether each of these choices may be remembered, and whether they are several.
fn storable(choices: &RawValue) -> Result<(Result<(), Unstorable>, bool), AnswerError> {
    let choices: Vec<Choice<'_>> =
        serde_json::from_str(choices.get()).map_err(|_| AnswerError::NoChoices)?;
    let whole = |choice: &Choice<'_>| choice.message.is_some_and(|m| m.get().starts_with('{'));
    if choices.is_empty() || !choices.iter().all(whole) {
        return Err(AnswerError::NoChoices);
    }
    let mut says = false;
    let ended = choices.iter().try_for_each(|choice| {
        says |= ended_well(choice)?;
        Ok(())
    });
    let ended = ended.and_then(|()| says.then_some(()).ok_or(Unstorable::Empty));
    Ok((ended, choices.len() > 1))
}

/// Whether a choice that ended by itself says anything.
fn ended_well(choice: &Choice<'_>) -> Result<bool, Unstorable> {
    let finish = choice.finish_reason.map(RawValue::get);
    let finish: Option<&str> = finish.and_then(|f| serde_json::from_str(f).ok());
    let signs = choice.message.map(Signs::of).unwrap_or_default();
    match finish {
        Some("length") => Err(Unstorable::Truncated),
        Some("content_filter") => Err(Unstorable::Filtered),
        _ if signs.refuses => Err(Unstorable::Refusal),
        Some("stop" | "tool_calls" | "function_call") if signs.calls => Err(Unstorable::ToolCalls),
        Some("stop") => Ok(signs.says),
        _ => Err(Unstorable::FinishReason),
    }
}

/// What a message says beside its text, whatever its choice says of how it ended.
#[derive(Default)]
struct Signs {
    /// In the place for it, why the model will not answer.
    refuses: bool,
    /// That it wants something done.
    calls: bool,
    /// Anything at all: text, or what only its dialect has a word for. Thoughts alone are no answer.
    says: bool,
}

impl Signs {
    fn of(message: &RawValue) -> Self {
        let none = |calls: &RawValue| serde_json::from_str::<Option<[(); 0]>>(calls.get()).is_ok();
        let mut signs = Self::default();
        for (name, value) in members(message.get()).unwrap_or_default() {
            match name.as_ref() {
                "refusal" => signs.refuses |= !matches!(value.get(), "null" | "\"\""),
                "tool_calls" => signs.calls |= !none(value),
                "function_call" => signs.calls |= value.get() != "null",
                name if BESIDE.contains(&name) => {}
                _ => signs.says |= !is_blank(value.get()),
            }
        }
        signs
    }
}

/// Whether a JSON value holds nothing: a text at most white space.
fn is_blank(json: &str) -> bool {
    let Some(text) = json.strip_prefix('"') else {
        return matches!(json, "null" | "[]" | "{}");
    };
    let mut rest = text.trim_end_matches('"');
    loop {
        rest = rest.trim_start();
        let spaces = ["\\n", "\\r", "\\t"];
        match spaces.iter().find_map(|space| rest.strip_prefix(space)) {
            Some(behind) => rest = behind,
            None => return rest.is_empty(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn answer(finish: &str) -> Value {
        json!({"id": "x", "object": "chat.completion", "created": 1, "model": "m",
            "choices": [{"index": 0, "message": {"role": "assistant", "content": "Paris"},
                "finish_reason": finish}],
            "usage": {"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4}})
    }

    #[test]
    fn only_a_complete_single_answer_may_be_stored() {
        let parse = |v: &Value| Answer::parse(v.to_string().as_bytes()).unwrap();
        assert_eq!(parse(&answer("stop")).storable(), Ok(()));
        for (finish, why) in [
            ("length", Unstorable::Truncated),
            ("content_filter", Unstorable::Filtered),
            // It ends in calls, and there are none.
            ("tool_calls", Unstorable::FinishReason),
        ] {
            assert_eq!(parse(&answer(finish)).storable(), Err(why), "{finish}");
        }
        let mut refused = answer("stop");
        refused["choices"][0]["message"]["refusal"] = json!("I can't help with that.");
        assert_eq!(parse(&refused).storable(), Err(Unstorable::Refusal));
        refused["choices"][0]["message"]["refusal"] = Value::Null;
        assert_eq!(parse(&refused).storable(), Ok(()));
        let mut two = answer("stop");
        two["choices"] = json!([two["choices"][0], two["choices"][0]]);
        assert_eq!(parse(&two).storable(), Err(Unstorable::SeveralChoices));
        let mut failed = answer("stop");
        failed["error"] = json!({"message": "overloaded"});
        assert_eq!(parse(&failed).storable(), Err(Unstorable::Error));
    }

    #[test]
    fn a_tool_call_is_not_stored_whatever_it_ended_with() {
        let with = |member: &str, value: Value| {
            let mut called = answer("stop");
            called["choices"][0]["message"][member] = value;
            Answer::parse(called.to_string().as_bytes())
                .unwrap()
                .storable()
        };
        let call = json!({"id": "c", "type": "function",
            "function": {"name": "f", "arguments": "{}"}});
        let name = json!({"name": "f", "arguments": "{}"});
        let calls = Err(Unstorable::ToolCalls);
        assert_eq!(with("tool_calls", json!([call])), calls);
        assert_eq!(with("tool_calls", json!({"0": call})), calls);
        assert_eq!(with("function_call", name), calls);
        for (member, none) in [
            ("tool_calls", json!([])),
            ("tool_calls", Value::Null),
            ("function_call", Value::Null),
        ] {
            assert_eq!(with(member, none), Ok(()), "{member}");
        }
    }

    #[test]
    fn a_whole_tool_call_may_be_stored_by_whoever_allows_it() {
        let mut called = answer("tool_calls");
        let call = json!({"id": "c", "type": "function",
            "function": {"name": "f", "arguments": "{\"to\":\"Ann\"}"}});
        called["choices"][0]["message"]["tool_calls"] = json!([call]);
        let parse = |v: &Value| Answer::parse(v.to_string().as_bytes()).unwrap();
        let whole = parse(&called);
        assert_eq!(whole.storable_with(false), Err(Unstorable::ToolCalls));
        assert_eq!(whole.storable_with(true), Ok(()));
        assert!(whole.texts().contains(&"{\"to\":\"Ann\"}".to_owned()));
        called["choices"][0]["finish_reason"] = json!("length");
        assert_eq!(
            parse(&called).storable_with(true),
            Err(Unstorable::Truncated)
        );
    }

    #[test]
    fn an_answer_that_says_nothing_is_not_stored() {
        let said = |message: Value| {
            let mut said = answer("stop");
            said["choices"][0]["message"] = message;
            Answer::parse(said.to_string().as_bytes())
                .unwrap()
                .storable()
        };
        for nothing in [
            json!({"content": null}),
            json!({"role": "assistant", "content": "", "annotations": []}),
            json!({"content": " \n\t", "reasoning_content": "Hm."}),
            json!({"content": []}),
        ] {
            assert_eq!(said(nothing.clone()), Err(Unstorable::Empty), "{nothing}");
        }
        for something in [
            json!({"content": "[]"}),
            json!({"content": "null"}),
            json!({"content": "\n{}"}),
            json!({"content": "\\n"}),
            json!({"content": "\""}),
            json!({"content": null, "audio": {"id": "a"}}),
        ] {
            assert_eq!(said(something.clone()), Ok(()), "{something}");
        }
    }

    #[test]
    fn an_answer_that_can_only_be_passed_on_is_not_stored() {
        let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
        for (content, more) in [(r"half \ud83d", "1"), ("a", "1e999"), ("a", &deep)] {
            let text = format!(
                r#"{{"choices":[{{"message":{{"content":"{content}"}},"finish_reason":"stop"}}],"x":{more}}}"#
            );
            let kept = Answer::parse(text.as_bytes()).unwrap();
            assert_eq!(kept.storable(), Err(Unstorable::Unparseable), "{more:.9}");
            assert!(!kept.is_readable());
            assert_eq!(kept.json().get(), text);
        }
    }

    #[test]
    fn what_is_fresh_each_time_is_not_kept() {
        let kept = Answer::parse(answer("stop").to_string().as_bytes()).unwrap();
        assert!(!kept.members().contains_key("id") && !kept.members().contains_key("created"));
        assert_eq!(
            (kept.text().as_str(), kept.tokens()),
            ("Paris", Some((3, 1)))
        );
    }

    #[test]
    fn the_rest_is_kept_as_it_came() {
        let text = r#"{"id":"x","choices":[{"message":{"content":"a"},"finish_reason":"stop"}],
            "usage":null,"model":7,"cost":0.10000000000000000001,"x":1e2}"#;
        let kept = Answer::parse(text.as_bytes()).unwrap();
        assert_eq!(
            (kept.model(), kept.tokens(), kept.storable()),
            (None, None, Ok(()))
        );
        let kept = kept.json().get();
        assert!(
            kept.ends_with(r#""cost":0.10000000000000000001,"x":1e2}"#),
            "{kept}"
        );
    }

    #[test]
    fn each_choice_has_a_place_of_its_own() {
        let has = |places: Value, count: u64| {
            let choice = |place: &Value| json!({"index": place, "message": {"content": "a"}});
            let choices: Vec<_> = places.as_array().unwrap().iter().map(choice).collect();
            let answer = json!({ "choices": choices }).to_string();
            Answer::parse(answer.as_bytes()).unwrap().has_choices(count)
        };
        assert!(has(json!([0]), 1) && has(json!([1, 0]), 2) && has(json!([null]), 1));
        for places in [
            json!([0]),
            json!([0, 0]),
            json!([0, 2]),
            json!([0, 1, 2]),
            json!([0, null]),
        ] {
            assert!(!has(places.clone(), 2), "{places}");
        }
        assert!(!has(json!([7]), 1));
    }

    #[test]
    fn a_body_that_is_no_completion_is_refused() {
        let refused = |body: &str| Answer::parse(body.as_bytes()).unwrap_err();
        assert_eq!(refused("<html>"), AnswerError::NotAnObject);
        for body in ["{}", r#"{"choices":[]}"#, r#"{"choices":[{"message":1}]}"#] {
            assert_eq!(refused(body), AnswerError::NoChoices, "{body}");
        }
    }
}
