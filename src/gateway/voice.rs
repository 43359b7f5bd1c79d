//! How an answer is put to the client: in the dialect of its request, whole or as a stream. What a provider of the
//! same dialect says goes on as it came; everything else is written anew from the canonical form.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use serde_json::{Map, Value};

use super::error::ApiError;
use crate::chat::{
    ChatRequest, DONE, Dialect, Frame, InvalidRequest, Replay, RequestId, parse_object,
};
use crate::dialect::{Writer, anthropic, completions, responses};

/// Says answers to one client.
#[derive(Debug, Clone)]
pub enum Voice {
    /// In OpenAI's chat completions.
    Chat {
        /// Whether the client wants the usage as a last chunk of a stream.
        include_usage: bool,
    },
    /// In OpenAI's older completions.
    Completions {
        /// Whether the client wants the usage as a last chunk of a stream.
        include_usage: bool,
    },
    /// In Anthropic's messages.
    Messages,
    /// In OpenAI's responses.
    Responses(Arc<Responding>),
}

/// A response that is being made.
pub struct Responding {
    /// The client's request.
    body: Map<String, Value>,
    /// The same in the canonical form.
    request: Map<String, Value>,
    echo: responses::Echo,
    /// Messages in front of its own.
    earlier: usize,
    keep: Option<Keep>,
}

/// Is given a finished response and the messages up to it, without instructions.
pub type Keep = Box<dyn Fn(&Value, Vec<Value>) + Send + Sync>;

impl Voice {
    /// Reads the body of a request in `dialect`; what no client speaks, and what needs more than its body, is read as
    /// chat completions.
    ///
    /// # Errors
    /// What is wrong with it, in the client's words.
    pub fn read(dialect: Dialect, raw: Bytes) -> Result<(ChatRequest, Self), InvalidRequest> {
        match dialect {
            Dialect::Completions => {
                let canonical = completions::request(&parse_object(&raw)?)?;
                let request = ChatRequest::translated(dialect, raw, canonical)?;
                let include_usage = request.include_usage();
                Ok((request, Self::Completions { include_usage }))
            }
            Dialect::Messages => {
                let mut canonical = anthropic::request(&parse_object(&raw)?)?;
                anthropic::keep_digits(&raw, &mut canonical);
                let request = ChatRequest::translated(dialect, raw, canonical)?;
                Ok((request, Self::Messages))
            }
            _ => {
                let request = ChatRequest::parse(raw)?;
                let voice = Self::of(&request);
                Ok((request, voice))
            }
        }
    }

    /// The voice for a request in chat completions.
    #[must_use]
    pub fn of(request: &ChatRequest) -> Self {
        Self::Chat {
            include_usage: request.include_usage(),
        }
    }

    /// Reads the body of a request for a response that continues after the messages `earlier`; `keep` is given it once
    /// it is finished.
    ///
    /// # Errors
    /// What is wrong with it, in the client's words.
    pub fn responses(
        raw: Bytes,
        body: Map<String, Value>,
        earlier: &[Value],
        keep: Keep,
    ) -> Result<(ChatRequest, Self), InvalidRequest> {
        let canonical = responses::request(&body, earlier)?;
        let echo = responses::Echo::new(&body);
        let request = ChatRequest::translated(Dialect::Responses, raw, canonical)?;
        let voice = Responding {
            keep: echo.store().then_some(keep),
            echo,
            body,
            request: request.body().clone(),
            earlier: earlier.len(),
        };
        Ok((request, Self::Responses(Arc::new(voice))))
    }

    /// A whole answer as the body of a plain reply; none if it cannot be read.
    #[must_use]
    pub fn json(&self, replay: &Replay) -> Option<Bytes> {
        let answer = replay.answer();
        if matches!(self, Self::Chat { .. }) {
            return Some(replay.json());
        }
        if !answer.is_readable() {
            return None;
        }
        let body = match self {
            Self::Chat { .. } => return None,
            Self::Completions { .. } => completions::answer(&answer.members()),
            Self::Messages => anthropic::answer(&answer.members()),
            Self::Responses(responding) => {
                let response = responses::answer(&answer.members(), &responding.echo);
                let response = Value::Object(response);
                responding.keep(&response);
                return Some(response.to_string().into());
            }
        };
        Some(Value::Object(body).to_string().into())
    }

    /// The same as the body of an event stream.
    #[must_use]
    pub fn events(&self, replay: &Replay) -> Option<Bytes> {
        match self {
            Self::Chat { include_usage } => replay.events(*include_usage),
            Self::Completions { include_usage } => {
                let answer = replay.answer();
                let members = answer.is_readable().then(|| answer.members())?;
                if completions::tells_of_tokens(&members) {
                    return Some(completions::replay(&members, *include_usage).into());
                }
                let mut writer = completions::Writer::new(*include_usage);
                let mut said = String::new();
                replay.chunks(*include_usage, |chunk| said.push_str(&writer.chunk(chunk)))?;
                said.push_str(&writer.end());
                Some(said.into())
            }
            Self::Messages => {
                let answer = replay.answer();
                let readable = answer.is_readable();
                readable.then(|| anthropic::replay(&answer.members()).into())
            }
            Self::Responses(responding) => {
                let answer = replay.answer();
                let mut writer = responses::Writer::new(responding.echo.clone());
                let mut said = answer
                    .is_readable()
                    .then(|| writer.whole(&answer.members()))?;
                said.push_str(&writer.end());
                if let Some(response) = writer.finished() {
                    responding.keep(response);
                }
                Some(said.into())
            }
        }
    }

    /// Says an answer that is still coming from a provider of the dialect `upstream`.
    #[must_use]
    pub fn speech(&self, upstream: Dialect) -> Speech {
        match self {
            Self::Chat { include_usage } => Speech::Chat {
                include_usage: *include_usage,
            },
            // Its chunks go on as they came, like those of a chat.
            Self::Completions { include_usage } if upstream == Dialect::Completions => {
                Speech::Chat {
                    include_usage: *include_usage,
                }
            }
            Self::Completions { include_usage } => {
                Speech::Written(Box::new(completions::Writer::new(*include_usage)))
            }
            Self::Messages if upstream == Dialect::Messages => Speech::Native(upstream),
            Self::Messages => Speech::Written(Box::new(anthropic::Writer::new(None))),
            Self::Responses(responding) => Speech::Written(Box::new(Streamed {
                writer: responses::Writer::new(responding.echo.clone()),
                responding: responding.clone(),
            })),
        }
    }

    /// The client's own name for the field at `path` of its request in the canonical form.
    #[must_use]
    pub fn param(&self, path: &str, request: &ChatRequest) -> String {
        match self {
            Self::Chat { .. } => path.to_owned(),
            Self::Completions { .. } => completions::param(path),
            Self::Messages => anthropic::param(path, request.body()),
            Self::Responses(responding) => {
                responses::param(path, &responding.body, responding.earlier)
            }
        }
    }
}

impl Responding {
    fn keep(&self, response: &Value) {
        if let Some(keep) = &self.keep {
            keep(
                response,
                responses::turns(&self.body, &self.request, response),
            );
        }
    }
}

impl fmt::Debug for Responding {
    /// Without what was said.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Responding").finish_non_exhaustive()
    }
}

/// A response in events, which is kept at its end.
struct Streamed {
    writer: responses::Writer,
    responding: Arc<Responding>,
}

impl Writer for Streamed {
    fn chunk(&mut self, chunk: &Map<String, Value>) -> String {
        self.writer.chunk(chunk)
    }

    fn end(&mut self) -> String {
        let said = self.writer.end();
        if let Some(response) = self.writer.finished() {
            self.responding.keep(response);
        }
        said
    }

    fn error(&mut self, error: &Value, _status: u16) -> String {
        self.writer.error(error)
    }
}

impl Writer for anthropic::Writer {
    fn chunk(&mut self, chunk: &Map<String, Value>) -> String {
        self.chunk(chunk)
    }

    fn end(&mut self) -> String {
        self.end()
    }

    fn error(&mut self, error: &Value, status: u16) -> String {
        self.error(error, status)
    }
}

impl Writer for completions::Writer {
    fn chunk(&mut self, chunk: &Map<String, Value>) -> String {
        self.chunk(chunk)
    }

    fn end(&mut self) -> String {
        self.end()
    }

    fn error(&mut self, error: &Value, _status: u16) -> String {
        self.error(error)
    }
}

/// Says one streamed answer.
pub enum Speech {
    /// In OpenAI's chunks, as they came.
    Chat {
        /// Whether the client wants the usage as a last chunk.
        include_usage: bool,
    },
    /// In the provider's own events.
    Native(Dialect),
    /// In events that are made here.
    Written(Box<dyn Writer>),
}

impl Speech {
    /// What a frame is to the client; it may be nothing.
    pub fn frame(&mut self, frame: &Frame) -> Option<Bytes> {
        match self {
            Self::Chat { include_usage } => frame.to_event(*include_usage).map(Into::into),
            Self::Native(_) => frame.native().map(|event| event.to_owned().into()),
            Self::Written(writer) => {
                let text = writer.chunk(&frame.members()?);
                (!text.is_empty()).then(|| text.into())
            }
        }
    }

    /// The end of a complete answer.
    pub fn end(&mut self) -> Bytes {
        match self {
            Self::Chat { .. } => format!("data: {DONE}\n\n").into(),
            // The provider's last event was one of the frames.
            Self::Native(_) => Bytes::new(),
            Self::Written(writer) => writer.end().into(),
        }
    }

    /// The one event that ends an answer which cannot go on.
    pub fn error(&mut self, error: &ApiError, id: RequestId) -> Bytes {
        match self {
            Self::Chat { .. } => format!("data: {}\n\n", error.openai()).into(),
            Self::Native(dialect) => error.event(*dialect, id),
            Self::Written(writer) => {
                let told = error.openai();
                let told = told.get("error").unwrap_or(&told);
                // Only Anthropic's events tell it, as a kind of error.
                writer
                    .error(told, error.status_in(Dialect::Messages))
                    .into()
            }
        }
    }
}
