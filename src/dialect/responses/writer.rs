//! Writes the chunks of a canonical answer as the stream of events of a response.

use serde_json::{Map, Value, json};

use super::echo::{Echo, Standing};
use super::events::Events;
use super::field::{Object, given};
use super::output::Output;
use super::usage::usage;
use crate::chat::unix_seconds;

/// One response while it is written.
#[derive(Debug)]
pub struct Writer {
    echo: Echo,
    created_at: u64,
    events: Events,
    output: Output,
    begun: bool,
    finish: Option<String>,
    usage: Option<Value>,
    finished: Option<Value>,
}

impl Writer {
    /// A response to the request that `echo` repeats.
    #[must_use]
    pub fn new(echo: Echo) -> Self {
        Self {
            echo,
            created_at: unix_seconds(),
            events: Events::default(),
            output: Output::new(),
            begun: false,
            finish: None,
            usage: None,
            finished: None,
        }
    }

    /// One that is not streamed.
    pub(super) fn unheard(echo: Echo) -> Self {
        Self {
            events: Events::unheard(),
            ..Self::new(echo)
        }
    }

    /// The response's id.
    #[must_use]
    pub fn id(&self) -> String {
        self.output.id()
    }

    /// The events that a chunk makes.
    pub fn chunk(&mut self, chunk: &Map<String, Value>) -> String {
        self.take(chunk, "delta");
        self.events.take()
    }

    /// Takes a chunk, or a whole answer where `said` is `message`.
    pub(super) fn take(&mut self, chunk: &Object, said: &str) {
        if self.finished.is_some() {
            return;
        }
        self.begin(chunk);
        if let Some(counted) = given(chunk, "usage") {
            self.usage = Some(counted.clone());
        }
        let choices = chunk.get("choices").and_then(Value::as_array);
        // Responses have one answer, and cannot be asked for more.
        let index = |choice: &Value| choice.get("index").and_then(Value::as_u64).unwrap_or(0);
        for choice in choices.into_iter().flatten().filter(|c| index(c) == 0) {
            let nothing = Map::new();
            let message = choice.get(said).and_then(Value::as_object);
            let logprobs = logprobs(choice);
            let output = &mut self.output;
            output.take(message.unwrap_or(&nothing), logprobs, &mut self.events);
            if let Some(finish) = choice.get("finish_reason").and_then(Value::as_str) {
                self.finish = Some(finish.to_owned());
            }
        }
    }

    fn begin(&mut self, head: &Object) {
        if self.begun {
            return;
        }
        self.begun = true;
        self.echo.served(head);
        for kind in ["response.created", "response.in_progress"] {
            let response = self.response(Standing {
                status: "in_progress",
                ..Standing::default()
            });
            self.events.say(kind, json!({"response": response}));
        }
    }

    /// The last events, once the answer is whole.
    pub fn end(&mut self) -> String {
        if self.finished.is_some() {
            return String::new();
        }
        self.begin(&Map::new());
        let incomplete = match self.finish.as_deref() {
            Some("length") => Some("max_output_tokens"),
            Some("content_filter") => Some("content_filter"),
            _ => None,
        };
        self.output.end(incomplete.is_some(), &mut self.events);
        let (kind, status) = match incomplete {
            Some(_) => ("response.incomplete", "incomplete"),
            None => ("response.completed", "completed"),
        };
        let response = self.response(Standing {
            status,
            completed_at: incomplete.is_none().then(unix_seconds),
            incomplete,
            ..Standing::default()
        });
        self.events.say(kind, json!({"response": response}));
        self.finished = Some(response);
        self.events.take()
    }

    /// The last events of an answer that failed on the way; `error` is as OpenAI writes one.
    pub fn error(&mut self, error: &Value) -> String {
        if self.finished.is_some() {
            return String::new();
        }
        self.begin(&Map::new());
        let member = |name: &str| error.get(name).and_then(Value::as_str);
        let message = member("message").unwrap_or("The answer failed on the way.");
        let said = json!({"code": member("code").or(member("type")), "message": message,
            "param": member("param")});
        self.events.say("error", said);
        self.output.abandon();
        let response = self.response(Standing {
            status: "failed",
            error: json!({"code": code(error), "message": message}),
            ..Standing::default()
        });
        self.events
            .say("response.failed", json!({"response": response}));
        self.finished = Some(response);
        self.events.take()
    }

    /// The response object as it was last said, once it is completed, incomplete or failed.
    #[must_use]
    pub fn finished(&self) -> Option<&Value> {
        self.finished.as_ref()
    }

    pub(super) fn into_finished(self) -> Option<Value> {
        self.finished
    }

    fn response(&self, stands: Standing) -> Value {
        let stands = Standing {
            output: self.output.items(),
            usage: usage(self.usage.as_ref()),
            ..stands
        };
        let response = self.echo.response(&self.id(), self.created_at, stands);
        response.into()
    }
}

/// The words that a failed response has for what went wrong.
fn code(error: &Value) -> &'static str {
    let says = |word: &str| {
        let mut members = ["code", "type"].into_iter();
        members.any(|name| {
            let value = error.get(name).and_then(Value::as_str);
            value.is_some_and(|value| value.contains(word))
        })
    };
    if says("rate_limit") || says("insufficient_quota") {
        "rate_limit_exceeded"
    } else if says("invalid_request") || says("content_policy") {
        "invalid_prompt"
    } else {
        "server_error"
    }
}

/// A choice's token probabilities, each with the members that responses always have.
fn logprobs(choice: &Value) -> Vec<Value> {
    let tokens = choice
        .pointer("/logprobs/content")
        .and_then(Value::as_array);
    let mut tokens = tokens.cloned().unwrap_or_default();
    for token in &mut tokens {
        let Value::Object(token) = token else {
            continue;
        };
        let top = token.entry("top_logprobs").or_insert(Value::Null);
        if top.is_null() {
            *top = json!([]);
        }
        for other in top.as_array_mut().into_iter().flatten() {
            if let Value::Object(other) = other {
                with_bytes(other);
            }
        }
        with_bytes(token);
    }
    tokens
}

fn with_bytes(token: &mut Object) {
    if given(token, "bytes").is_none() {
        token.insert("bytes".into(), json!([]));
    }
}
