//! How an answer is put to the client: in the dialect of its request, whole or as a stream. What a provider of the
//! same dialect says goes on as it came; everything else is written anew from the canonical form.

use bytes::Bytes;

use super::error::ApiError;
use crate::chat::{ChatRequest, DONE, Dialect, Frame, InvalidRequest, Replay, RequestId};
use crate::dialect::Writer;

/// Says answers to one client.
#[derive(Debug, Clone)]
pub enum Voice {
    /// In OpenAI's chat completions.
    Chat {
        /// Whether the client wants the usage as a last chunk of a stream.
        include_usage: bool,
    },
}

impl Voice {
    /// Reads the body of a request in `dialect`; what no client speaks is read as chat completions.
    ///
    /// # Errors
    /// What is wrong with it, in the client's words.
    pub fn read(_dialect: Dialect, body: Bytes) -> Result<(ChatRequest, Self), InvalidRequest> {
        let request = ChatRequest::parse(body)?;
        let voice = Self::of(&request);
        Ok((request, voice))
    }

    /// The voice for a request in chat completions.
    #[must_use]
    pub fn of(request: &ChatRequest) -> Self {
        Self::Chat {
            include_usage: request.include_usage(),
        }
    }

    /// The dialect.
    #[must_use]
    pub fn dialect(&self) -> Dialect {
        match self {
            Self::Chat { .. } => Dialect::Chat,
        }
    }

    /// A whole answer as the body of a plain reply; none if it cannot be read.
    #[must_use]
    pub fn json(&self, replay: &Replay) -> Option<Bytes> {
        match self {
            Self::Chat { .. } => Some(replay.json()),
        }
    }

    /// The same as the body of an event stream.
    #[must_use]
    pub fn events(&self, replay: &Replay) -> Option<Bytes> {
        match self {
            Self::Chat { include_usage } => replay.events(*include_usage),
        }
    }

    /// Says an answer that is still coming from a provider of the dialect `upstream`.
    #[must_use]
    pub fn speech(&self, _upstream: Dialect) -> Speech {
        match self {
            Self::Chat { include_usage } => Speech::Chat {
                include_usage: *include_usage,
            },
        }
    }
}

/// Says one streamed answer.
pub enum Speech {
    /// As OpenAI's chunks.
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
                writer.error(told, error.status()).into()
            }
        }
    }
}
