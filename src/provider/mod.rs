//! What a provider is: something that answers a chat call, or says in one
//! vocabulary why it could not. The only module that knows an HTTP client; it
//! does not know that there is more than one provider, and it never tries twice.

mod anthropic;
pub mod aws;
mod bedrock;
mod body;
mod cohere;
mod completions;
mod demo;
mod endpoint;
mod error_within;
mod events;
mod failure;
mod gemini;
mod headers;
mod http;
pub mod local;
mod openai;
mod outbound;
mod quota;
mod refusal;
mod remote;
mod retry_after;
mod spans;
mod sse;
mod webhook;
mod wire;

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::Stream;
use futures_util::future::BoxFuture;
use serde_json::Value;

use crate::chat::{Answer, ChatRequest, Chunk, Dialect, InvalidRequest};
use crate::dialect::Target;

pub use anthropic::anthropic;
pub use bedrock::bedrock;
pub use cohere::cohere;
pub use demo::Demo;
pub use endpoint::{Endpoint, Exchange, Exchanged, has_none};
pub use failure::{Failure, FailureKind, Remedy, UpstreamError};
pub use gemini::gemini;
pub use headers::forwardable;
pub use http::ProviderError;
pub use openai::openai;
pub use outbound::{BadOutbound, Outbound};
pub use quota::{Quota, Room};
pub use remote::{Remote, Setup};
pub use spans::span;
pub use webhook::{BadHook, Told, WebhookError, Webhooks};

/// The client's headers that go along, shared by all attempts of one request.
pub type ClientHeaders = Arc<[(String, String)]>;

/// Texts that OpenAI, and whoever follows it, embeds in one call.
pub const MOST_INPUTS: usize = 2048;

/// The events of a streamed answer: chunks, then `Done`; an `Err` is always the last item.
/// Dropping it ends the provider's work.
pub type EventStream = Pin<Box<dyn Stream<Item = Result<Event, Failure>> + Send>>;

/// One request to a provider.
#[derive(Clone)]
pub struct Call {
    /// The provider's own name for the model.
    pub model: String,
    /// The dialect of the body, which the provider speaks.
    pub dialect: Dialect,
    /// The JSON body, as [`Provider::body`] wrote it.
    pub body: Bytes,
    /// Whether that body asks for server-sent events.
    pub stream: bool,
    /// Headers of the client; those that are not [`forwardable`] are left out.
    pub headers: ClientHeaders,
    /// How long the provider may take.
    pub deadlines: Deadlines,
}

/// How long a provider may take, counted from the start of the call. The deadline for
/// connecting belongs to the provider itself: connections outlive calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deadlines {
    /// Until the first byte of the answer's body. A plain answer is written in one go, so
    /// that this is about how long the model may think.
    pub first_byte: Duration,
    /// Between two reads after that.
    pub idle: Duration,
    /// For everything together.
    pub total: Duration,
}

/// An answer that has begun.
pub enum Reply {
    /// A plain one, complete.
    Whole {
        /// The body as it came.
        body: Bytes,
        /// The same, parsed.
        answer: Answer,
        /// Those of the provider's headers that a client may see, in lower case.
        headers: Vec<(String, String)>,
    },
    /// A streamed one, still coming.
    Stream {
        /// Its events.
        events: EventStream,
        /// Those of the provider's headers that a client may see, in lower case.
        headers: Vec<(String, String)>,
    },
}

/// One event of a streamed answer.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// A part of the answer; never an error object, which is a [`Failure`] instead.
    Chunk(Chunk),
    /// The provider says that it is complete.
    Done,
}

/// Somebody who answers chat calls, in a dialect of their own.
pub trait Provider: Send + Sync {
    /// The name by which routes, metrics and headers call it.
    fn name(&self) -> &str;

    /// Where it is, without credentials; part of what a remembered answer belongs to.
    fn base_url(&self) -> &str;

    /// Whether its answers are made up here.
    fn is_demo(&self) -> bool {
        false
    }

    /// The dialect that it speaks. The bytes of a plain answer and native events are in the dialect of their call.
    fn dialect(&self) -> Dialect;

    /// Whether it may be asked in a dialect, be it only for some of its models.
    fn speaks(&self, dialect: Dialect) -> bool {
        dialect == self.dialect()
    }

    /// Writes a request in a dialect that it speaks.
    ///
    /// # Errors
    /// The field that cannot be expressed in it.
    fn body(
        &self,
        dialect: Dialect,
        request: &ChatRequest,
        target: &Target<'_>,
    ) -> Result<Bytes, InvalidRequest>;

    /// Makes one call, once.
    fn chat(&self, call: Call) -> BoxFuture<'_, Result<Reply, Failure>>;

    /// Makes one call to another of its endpoints, once. One that it has not is [`FailureKind::Inexpressible`].
    fn exchange(&self, exchange: Exchange) -> BoxFuture<'_, Result<Exchanged, Failure>> {
        let none = has_none(self.name(), exchange.endpoint);
        Box::pin(async { Err(none) })
    }

    /// Texts that it embeds in one call at most.
    fn most_inputs(&self) -> usize {
        MOST_INPUTS
    }

    /// The models it lists, as it describes them: objects with a string `id`.
    fn models(&self, deadline: Duration) -> BoxFuture<'_, Result<Vec<Value>, Failure>>;
}

impl fmt::Debug for Call {
    /// Without the body: it is somebody's question.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call")
            .field("model", &self.model)
            .field("dialect", &self.dialect)
            .field("bytes", &self.body.len())
            .field("stream", &self.stream)
            .field("deadlines", &self.deadlines)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, headers) = match self {
            Self::Whole { headers, .. } => ("Whole", headers),
            Self::Stream { headers, .. } => ("Stream", headers),
        };
        f.debug_struct(name)
            .field("headers", headers)
            .finish_non_exhaustive()
    }
}
