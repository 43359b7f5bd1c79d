//! What the clients of each dialect read: answers in either framing and errors, checked to be of the form that their
//! SDKs rely on. Pure, and shares no code with the gateway.

#![allow(dead_code, reason = "each binary that includes this uses a part of it")]

mod chat;
mod completions;
mod messages;
mod responses;
mod sse;

use serde_json::{Value, json};

/// The dialect of a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Client {
    Chat,
    Completions,
    Messages,
    Responses,
}

/// What became of a request.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Heard {
    /// A complete answer.
    Whole(Box<Said>),
    /// A plain error.
    Refused(Told),
    /// A stream that ended with an error event: the text up to there.
    Broken { text: String, told: Told },
}

/// A complete answer, in whichever framing it came.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Said {
    pub(crate) text: String,
    pub(crate) thought: String,
    /// What proves the thought, in the dialects that have it.
    pub(crate) signature: Option<String>,
    pub(crate) calls: Vec<Call>,
    /// In OpenAI's words.
    pub(crate) finish: String,
    /// The stop sequence that ended it, in the dialects that tell.
    pub(crate) sequence: Option<String>,
    pub(crate) usage: Option<Usage>,
}

/// A tool that is to be called.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Call {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) arguments: Value,
}

/// Tokens; what was read from the provider's prompt cache is part of the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Usage {
    pub(crate) input: u64,
    pub(crate) output: u64,
    pub(crate) cached: u64,
}

/// An error.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Told {
    /// Of a plain error.
    pub(crate) status: u16,
    /// OpenAI's code, or Anthropic's type.
    pub(crate) what: String,
    pub(crate) message: String,
    pub(crate) param: Option<String>,
}

impl Client {
    /// Those that hold conversations.
    pub(crate) const TALKING: [Self; 3] = [Self::Chat, Self::Messages, Self::Responses];
    /// All of them.
    pub(crate) const ALL: [Self; 4] = [
        Self::Chat,
        Self::Completions,
        Self::Messages,
        Self::Responses,
    ];

    /// Where it asks.
    pub(crate) fn path(self) -> &'static str {
        match self {
            Self::Chat => "/v1/chat/completions",
            Self::Completions => "/v1/completions",
            Self::Messages => "/v1/messages",
            Self::Responses => "/v1/responses",
        }
    }

    /// A question without anything else. All mean the same.
    pub(crate) fn question(self, model: &str, question: &str, stream: bool) -> Value {
        let mut body = match self {
            Self::Chat => json!({"messages": [{"role": "user", "content": question}],
                "max_completion_tokens": 1000}),
            Self::Completions => json!({"prompt": question, "max_tokens": 1000}),
            Self::Messages => json!({"messages": [{"role": "user", "content": question}],
                "max_tokens": 1000}),
            Self::Responses => json!({"input": question, "max_output_tokens": 1000}),
        };
        body["model"] = model.into();
        if stream {
            body["stream"] = true.into();
            if matches!(self, Self::Chat | Self::Completions) {
                body["stream_options"] = json!({"include_usage": true});
            }
        }
        body
    }

    /// Reads what came, which must be whole and in the client's dialect.
    #[track_caller]
    pub(crate) fn read(self, status: u16, body: &str) -> Heard {
        if status != 200 {
            let body = parse(body);
            let (what, message, param) = match self {
                Self::Messages => messages::error(&body),
                _ => openai_error(&body),
            };
            return Heard::Refused(Told {
                status,
                what,
                message,
                param,
            });
        }
        let streamed = !body.trim_start().starts_with('{');
        match (self, streamed) {
            (Self::Chat, true) => chat::stream(body),
            (Self::Completions, true) => completions::stream(body),
            (Self::Messages, true) => messages::stream(body),
            (Self::Responses, true) => responses::stream(body),
            (_, false) => {
                let body = parse(body);
                Heard::Whole(Box::new(match self {
                    Self::Chat => chat::whole(&body),
                    Self::Completions => completions::whole(&body),
                    Self::Messages => messages::whole(&body),
                    Self::Responses => responses::whole(&body),
                }))
            }
        }
    }
}

impl Heard {
    /// The answer.
    #[track_caller]
    pub(crate) fn said(self) -> Said {
        match self {
            Self::Whole(said) => *said,
            other => panic!("no answer: {other:?}"),
        }
    }

    /// The plain error.
    #[track_caller]
    pub(crate) fn refused(self) -> Told {
        match self {
            Self::Refused(told) => told,
            other => panic!("no refusal: {other:?}"),
        }
    }
}

#[track_caller]
fn parse(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|e| panic!("{e}: {text}"))
}

#[track_caller]
fn text(value: &Value) -> String {
    let text = value.as_str();
    text.unwrap_or_else(|| panic!("no text: {value}"))
        .to_owned()
}

/// Code, message and field of an error of OpenAI's, no member of which may be missing.
#[track_caller]
fn openai_error(body: &Value) -> (String, String, Option<String>) {
    let error = body["error"].as_object();
    let error = error.unwrap_or_else(|| panic!("no error: {body}"));
    let members: Vec<_> = error.keys().map(String::as_str).collect();
    assert_eq!(members, ["message", "type", "param", "code"], "{body}");
    assert!(!text(&error["type"]).is_empty(), "{body}");
    let param = error["param"].as_str().map(str::to_owned);
    (text(&error["code"]), text(&error["message"]), param)
}

/// Tokens as OpenAI's chat counts them.
#[track_caller]
fn usage(counted: &Value) -> Option<Usage> {
    let count = |name: &str| counted[name].as_u64();
    let (input, output) = (count("prompt_tokens")?, count("completion_tokens")?);
    assert_eq!(count("total_tokens"), Some(input + output), "{counted}");
    let cached = counted["prompt_tokens_details"]["cached_tokens"].as_u64();
    Some(Usage {
        input,
        output,
        cached: cached.unwrap_or(0),
    })
}
