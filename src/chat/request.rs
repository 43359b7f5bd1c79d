//! A chat request as it came in, checked, with the one part that may be
//! compared by meaning, the last user text, told apart from everything else.

use std::sync::OnceLock;

use bytes::Bytes;
use serde_json::error::Category;
use serde_json::{Map, Value};

use super::canonical::CanonicalHasher;
use super::completion;
use super::dialect::Dialect;
use super::json::{inexact_numbers, parse_strict};
use super::meaning::{HINTS, is_idle_choice, meaning, tools};
use super::question::{NoQuestion, question_of};
use super::shape;
use super::splice::{members, quoted, with_members};

/// Members that do not change the answer; who may see it is decided apart from these, see `end_user`.
/// Everything else, known or not, is part of the scope: a field of tomorrow cannot be forgotten.
const NOT_IN_SCOPE: [&str; 8] = [
    "stream",
    "stream_options",
    "user",
    "safety_identifier",
    "metadata",
    "store",
    "service_tier",
    "prompt_cache_key",
];

/// Names of the longest answer: whichever of them is used, it means the same.
pub(super) const LENGTHS: [&str; 2] = ["max_tokens", "max_completion_tokens"];

/// A fault in a request body, worded for the client.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct InvalidRequest {
    /// Path of the faulty field, `messages[0].role`; none for a fault of the whole body.
    pub param: Option<String>,
    /// What is wrong with it.
    pub message: String,
}

impl InvalidRequest {
    /// A fault of the field at `param`.
    pub fn at(param: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            param: Some(param.into()),
            message: message.into(),
        }
    }

    /// A fault of the whole body.
    pub fn whole(message: impl Into<String>) -> Self {
        Self {
            param: None,
            message: message.into(),
        }
    }
}

/// A checked request for the next turn of a conversation, whatever dialect it came in.
#[derive(Debug, Clone)]
pub struct ChatRequest {
    dialect: Dialect,
    /// As it came in: what goes on to a provider of the same dialect, so that nothing is lost by parsing.
    raw: Bytes,
    /// In the canonical form.
    body: Map<String, Value>,
    /// Numbers of which `body` holds less than `raw`, each with its place among all numbers.
    inexact: Vec<(u64, String)>,
    model: String,
    question: Result<String, NoQuestion>,
    /// Bytes of all texts, once somebody has asked for them.
    text_bytes: OnceLock<usize>,
}

impl ChatRequest {
    /// Parses and checks the body of a chat-completion request.
    ///
    /// # Errors
    /// Bad JSON, or a known field that is missing, of the wrong type or out of range.
    pub fn parse(body: impl Into<Bytes>) -> Result<Self, InvalidRequest> {
        let raw = body.into();
        let body = parse_object(&raw)?;
        Self::translated(Dialect::Chat, raw, body)
    }

    /// Checks a request that came as `raw` in `dialect`, `body` being the same in the canonical form.
    ///
    /// # Errors
    /// A known field of the canonical form that is missing, of the wrong type or out of range.
    pub fn translated(
        dialect: Dialect,
        raw: Bytes,
        body: Map<String, Value>,
    ) -> Result<Self, InvalidRequest> {
        let model = shape::check(&body)?.to_owned();
        let question = match dialect {
            Dialect::Completions => Err(NoQuestion::Verbatim),
            _ => question_of(&body),
        };
        let text = std::str::from_utf8(&raw).unwrap_or_default();
        let inexact = inexact_numbers(text).into_iter();
        let inexact = inexact.map(|(place, number)| (place, number.to_owned()));
        Ok(Self {
            dialect,
            inexact: inexact.collect(),
            raw,
            body,
            model,
            question,
            text_bytes: OnceLock::new(),
        })
    }

    /// The dialect that it came in.
    #[must_use]
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// The model name that the client asked for.
    #[must_use]
    pub fn model(&self) -> &str {
        &self.model
    }

    /// Whether the client wants server-sent events.
    #[must_use]
    pub fn stream(&self) -> bool {
        self.body.get("stream").and_then(Value::as_bool) == Some(true)
    }

    /// Whether the client wants the usage as a last chunk of a stream.
    #[must_use]
    pub fn include_usage(&self) -> bool {
        self.body
            .get("stream_options")
            .and_then(|o| o.get("include_usage"))
            .and_then(Value::as_bool)
            == Some(true)
    }

    /// Sampling temperature, if the client set one.
    #[must_use]
    pub fn temperature(&self) -> Option<f64> {
        self.body.get("temperature").and_then(Value::as_f64)
    }

    /// The text that may be compared by meaning, or why there is none.
    ///
    /// # Errors
    /// The reason why this request can only be matched exactly.
    pub fn question(&self) -> Result<&str, NoQuestion> {
        self.question.as_deref().map_err(|why| *why)
    }

    /// The whole body as it came in.
    #[must_use]
    pub fn raw(&self) -> &Bytes {
        &self.raw
    }

    /// The whole request in the canonical form, member order kept.
    #[must_use]
    pub fn body(&self) -> &Map<String, Value> {
        &self.body
    }

    /// Adds to `hasher` everything that must be equal before two questions may be compared.
    pub fn hash_scope(&self, hasher: &mut CanonicalHasher) {
        self.hash_settings(hasher);
        hasher.bytes(&self.before().len().to_le_bytes());
        for message in self.before() {
            hasher.value(&meaning(message));
        }
    }

    /// The part of [`ChatRequest::hash_scope`] that holds whatever was said before: model settings, tools,
    /// and the last message without its text.
    pub fn hash_settings(&self, hasher: &mut CanonicalHasher) {
        // To go on with a text is another thing than to answer it.
        if self.dialect == Dialect::Completions {
            hasher.text("completion");
            // Where no length is said, each server has a usual one of its own.
            if completion::says_length(&self.raw) {
                hasher.text("of its own length");
            }
        }
        let (tools, idle_choice) = (tools(&self.body), is_idle_choice(&self.body));
        let counts = |key: &str| match key {
            "messages" => false,
            "tool_choice" => !idle_choice,
            _ => !LENGTHS.contains(&key) && !NOT_IN_SCOPE.contains(&key) && !HINTS.contains(&key),
        };
        let members = self
            .body
            .iter()
            .map(|(key, value)| match (key.as_str(), &tools) {
                ("tools", Some(tools)) => ("tools", tools),
                (key, _) => (key, value),
            });
        hasher.members(members.filter(|(key, value)| counts(key) && !value.is_null()));
        for length in LENGTHS.iter().filter_map(|name| self.body.get(*name)) {
            if !length.is_null() {
                hasher.text("length").value(length);
            }
        }
        // The parsed form does not tell these apart: they must be written alike, in the same places.
        for (place, number) in &self.inexact {
            hasher.bytes(&place.to_le_bytes()).text(number);
        }
        let Some(last) = self.messages().last().map(meaning) else {
            return;
        };
        match (&self.question, &*last) {
            (Ok(_), Value::Object(last)) => {
                hasher.text("question");
                hasher.object(last, |key, _| key != "content");
                hasher.bytes(&text_parts(last).to_le_bytes());
            }
            (_, last) => {
                hasher.text("whole").value(last);
            }
        }
    }

    /// All messages but the last.
    #[must_use]
    pub fn before(&self) -> &[Value] {
        self.messages()
            .split_last()
            .map_or(&[], |(_, before)| before)
    }

    /// The last message.
    #[must_use]
    pub fn last(&self) -> Option<&Value> {
        self.messages().last()
    }

    /// Whom the app says that it asks for: `safety_identifier`, or `user` as it was called before.
    #[must_use]
    pub fn end_user(&self) -> Option<&str> {
        let named = |key| self.body.get(key).and_then(Value::as_str);
        let named = named("safety_identifier").or_else(|| named("user"));
        named.filter(|id| !id.is_empty())
    }

    /// Adds the question word for word, part by part: two parts are not one that reads the same.
    pub fn hash_question(&self, hasher: &mut CanonicalHasher) {
        if self.question.is_err() {
            return;
        }
        match self.messages().last().and_then(|m| m.get("content")) {
            Some(Value::Array(parts)) => {
                for part in parts {
                    hasher.text(part.get("text").and_then(Value::as_str).unwrap_or(""));
                }
            }
            Some(Value::String(text)) => {
                hasher.text(text);
            }
            _ => {}
        }
    }

    /// The body to send to a provider of the client's own dialect: the client's own bytes, but with the
    /// provider's model name, and in one piece unless `stream`. A stream in one of OpenAI's dialects is asked for its
    /// token counts if `asks_usage`.
    #[must_use]
    pub fn native_body(&self, model: &str, stream: bool, asks_usage: bool) -> Bytes {
        match (self.dialect, stream == self.stream()) {
            (Dialect::Chat | Dialect::Completions, true) if asks_usage => self.counted_body(model),
            (Dialect::Chat | Dialect::Completions, false) => {
                // Options of a stream are refused where there is none; as nothing they are allowed.
                self.changed(model, &[("stream", "false"), ("stream_options", "null")])
            }
            (_, true) if model == self.model => self.raw.clone(),
            (_, true) => self.changed(model, &[]),
            (_, false) => self.changed(model, &[("stream", if stream { "true" } else { "false" })]),
        }
    }

    /// A body with usage always asked for in a stream.
    fn counted_body(&self, model: &str) -> Bytes {
        let options = (self.stream() && !self.include_usage()).then(|| self.stream_options());
        if options.is_none() && model == self.model {
            return self.raw.clone();
        }
        let options = options.as_deref().map(|o| ("stream_options", o));
        self.changed(model, options.as_slice())
    }

    /// The client's own bytes with another model name and `changes`.
    fn changed(&self, model: &str, changes: &[(&str, &str)]) -> Bytes {
        let model = quoted(model);
        let mut all = vec![("model", model.as_str())];
        all.extend(changes);
        let changes = all;
        let text = std::str::from_utf8(&self.raw).unwrap_or_default();
        with_members(text, &changes).unwrap_or_default().into()
    }

    /// The client's stream options, with usage asked for.
    fn stream_options(&self) -> String {
        let text = std::str::from_utf8(&self.raw).unwrap_or_default();
        let members = members(text).unwrap_or_default();
        let asked = members.iter().find(|(name, _)| name == "stream_options");
        let asked = asked.map_or("{}", |(_, options)| options.get());
        let usage = ("include_usage", "true");
        // They may be null, which says as much as nothing.
        with_members(asked, &[usage]).unwrap_or_else(|_| r#"{"include_usage":true}"#.to_owned())
    }

    /// Length of all message texts in bytes: a base for estimating tokens.
    #[must_use]
    pub fn text_bytes(&self) -> usize {
        let text = |part: &Value| match part.get("text").and_then(Value::as_str) {
            Some(text) => text.len(),
            None => completion::token_bytes(part),
        };
        let said = |message: &Value| match message.get("content") {
            Some(Value::String(text)) => text.len(),
            Some(Value::Array(parts)) => parts.iter().map(text).sum(),
            _ => 0,
        };
        let all = || {
            let said: usize = self.messages().iter().map(said).sum();
            said + self.suffix().map_or(0, str::len)
        };
        *self.text_bytes.get_or_init(all)
    }

    pub(super) fn messages(&self) -> &[Value] {
        self.body
            .get("messages")
            .and_then(Value::as_array)
            .map_or(&[], Vec::as_slice)
    }
}

/// Parses a request body.
///
/// # Errors
/// Bad JSON, or JSON that is no object.
pub fn parse_object(raw: &[u8]) -> Result<Map<String, Value>, InvalidRequest> {
    let value = parse_strict(raw).map_err(|e| {
        InvalidRequest::whole(match e.classify() {
            Category::Data => format!("The request body is JSON that is not taken here: {e}"),
            _ => format!("The request body is not valid JSON: {e}"),
        })
    })?;
    match value {
        Value::Object(body) => Ok(body),
        _ => Err(InvalidRequest::whole(
            "The request body must be a JSON object.",
        )),
    }
}

/// How the last user text was laid out: a plain string and a single text part say the same.
fn text_parts(message: &Map<String, Value>) -> usize {
    match message.get("content") {
        Some(Value::Array(parts)) => parts.len(),
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn parse(body: &Value) -> ChatRequest {
        ChatRequest::parse(body.to_string()).unwrap()
    }

    fn scope(body: &Value) -> [u8; 32] {
        let mut hasher = CanonicalHasher::new("t");
        parse(body).hash_scope(&mut hasher);
        hasher.finish()
    }

    fn base() -> Value {
        json!({"model": "m", "messages": [
            {"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}]})
    }

    fn with(key: &str, value: Value) -> Value {
        let mut body = base();
        body[key] = value;
        body
    }

    #[test]
    fn the_question_and_delivery_are_outside_the_scope() {
        let mut reworded = base();
        reworded["messages"][1]["content"] = json!("Hello?");
        assert_eq!(scope(&base()), scope(&reworded));
        reworded["messages"][1]["content"] = json!([{"type": "text", "text": "Hello?"}]);
        assert_eq!(scope(&base()), scope(&reworded));
        for key in ["stream", "store"] {
            assert_eq!(scope(&base()), scope(&with(key, json!(true))), "{key}");
        }
        for key in [
            "user",
            "safety_identifier",
            "service_tier",
            "prompt_cache_key",
        ] {
            assert_eq!(scope(&base()), scope(&with(key, json!("x"))), "{key}");
        }
        assert_eq!(scope(&base()), scope(&with("metadata", json!({"a": "b"}))));
    }

    #[test]
    fn what_is_only_written_otherwise_is_one_scope() {
        let mut developer = base();
        developer["messages"][0]["role"] = json!("developer");
        assert_eq!(scope(&base()), scope(&developer));
        let mark = json!({"type": "ephemeral"});
        let mut marked = base();
        for i in [0, 1] {
            let text = marked["messages"][i]["content"].take();
            marked["messages"][i]["content"] =
                json!([{"type": "text", "text": text, "cache_control": mark}]);
        }
        assert_eq!(scope(&base()), scope(&marked));
        assert_eq!(parse(&marked).question(), Ok("Hi?"));
        let none = with("tool_choice", json!("none"));
        assert_ne!(scope(&base()), scope(&none));
        let tools = json!([{"type": "function", "function": {"name": "f"}}]);
        let mut hinted = tools.clone();
        hinted[0]["cache_control"] = mark.clone();
        let (plain, mut auto) = (with("tools", tools), with("tools", hinted));
        auto["cache_control"] = mark;
        auto["tool_choice"] = json!("auto");
        assert_eq!(scope(&plain), scope(&auto));
        let mut forced = plain.clone();
        for choice in ["none", "required"] {
            forced["tool_choice"] = json!(choice);
            assert_ne!(scope(&plain), scope(&forced), "{choice}");
        }
    }

    #[test]
    fn every_other_field_is_part_of_the_scope() {
        let fields = [
            ("model", json!("n")),
            ("temperature", json!(0.5)),
            ("max_tokens", json!(5)),
            ("stop", json!("x")),
            (
                "tools",
                json!([{"type": "function", "function": {"name": "f"}}]),
            ),
            ("response_format", json!({"type": "json_object"})),
            ("reasoning_effort", json!("low")),
            ("a_field_of_tomorrow", json!(1)),
        ];
        for (key, value) in fields {
            assert_ne!(scope(&base()), scope(&with(key, value)), "{key}");
        }
        let mut system = base();
        system["messages"][0]["content"] = json!("Be long.");
        assert_ne!(scope(&base()), scope(&system));
        let mut named = base();
        named["messages"][1]["name"] = json!("ann");
        assert_ne!(scope(&base()), scope(&named));
    }

    #[test]
    fn what_cannot_be_compared_by_meaning_says_why() {
        let image = json!([{"type": "image_url", "image_url": {"url": "data:,"}}]);
        let cases = [
            (with("n", json!(2)), NoQuestion::SeveralChoices),
            (with("logprobs", json!(true)), NoQuestion::Logprobs),
            (with("seed", json!(7)), NoQuestion::Seed),
            (
                with("messages", json!([{"role": "user", "content": " \n"}])),
                NoQuestion::Empty,
            ),
            (
                with("messages", json!([{"role": "user", "content": image}])),
                NoQuestion::NonText,
            ),
            (
                with(
                    "messages",
                    json!([{"role": "tool", "tool_call_id": "c", "content": "3"}]),
                ),
                NoQuestion::LastNotUser,
            ),
        ];
        for (body, why) in cases {
            assert_eq!(parse(&body).question(), Err(why), "{body}");
        }
    }

    #[test]
    fn a_question_with_any_other_part_is_no_question() {
        let refusal = |words: &str| {
            let parts =
                json!([{"type": "text", "text": "Hi?"}, {"type": "refusal", "refusal": words}]);
            with("messages", json!([{"role": "user", "content": parts}]))
        };
        assert_eq!(parse(&refusal("a")).question(), Err(NoQuestion::NonText));
        assert_ne!(scope(&refusal("a")), scope(&refusal("b")));
    }

    #[test]
    fn without_a_question_the_last_message_is_part_of_the_scope() {
        let tool = |text: &str| {
            with(
                "messages",
                json!([{"role": "tool", "tool_call_id": "c", "content": text}]),
            )
        };
        assert_ne!(scope(&tool("3")), scope(&tool("4")));
    }

    #[test]
    fn the_upstream_body_keeps_unknown_fields_and_asks_for_usage() {
        let mut body = with("stream", json!(true));
        body["x_vendor"] = json!({"deep": [1, 2]});
        let sent: Value =
            serde_json::from_slice(&parse(&body).native_body("up", true, true)).unwrap();
        assert_eq!(sent["model"], "up");
        assert_eq!(sent["x_vendor"], json!({"deep": [1, 2]}));
        assert_eq!(sent["stream_options"], json!({"include_usage": true}));
    }

    #[test]
    fn a_body_goes_on_as_it_came() {
        let text = r#"{ "model":"m", "x":1e2,"y":0.30000000000000004441,
            "messages":[{"role":"user","content":"Hi?"}]}"#;
        let request = ChatRequest::parse(text).unwrap();
        assert_eq!(request.native_body("m", false, true), text);
        let other = request.native_body("up", false, true);
        let other = std::str::from_utf8(&other).unwrap();
        assert!(
            other.contains(r#""x":1e2,"y":0.30000000000000004441,"#),
            "{other}"
        );
        let streamed = text.replace("{ ", r#"{"stream":true,"stream_options":{"a":1e2},"#);
        let sent = ChatRequest::parse(streamed)
            .unwrap()
            .native_body("m", true, true);
        let sent = std::str::from_utf8(&sent).unwrap();
        assert!(
            sent.contains(r#""stream_options":{"a":1e2,"include_usage":true}"#),
            "{sent}"
        );
    }

    #[test]
    fn numbers_beyond_a_floats_digits_part_the_scope() {
        let scope = |number: &str| {
            let body = format!(
                r#"{{"model":"m","top_p":{number},"messages":[{{"role":"user","content":"Hi?"}}]}}"#
            );
            let mut hasher = CanonicalHasher::new("t");
            ChatRequest::parse(body).unwrap().hash_scope(&mut hasher);
            hasher.finish()
        };
        assert_ne!(scope("0.70000000000000001"), scope("0.70000000000000002"));
        assert_ne!(scope("0.70000000000000001"), scope("0.7"));
        assert_eq!(scope("0.7"), scope("7e-1"));
    }
}
