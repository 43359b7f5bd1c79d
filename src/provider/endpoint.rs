//! A provider's endpoints beside its chat: what is sent there is in the form of whoever invented the endpoint, and so
//! is what comes back, whoever answers.

use std::fmt;

use bytes::Bytes;

use super::failure::{Failure, FailureKind, UpstreamError};
use super::{ClientHeaders, Deadlines};

/// One of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Endpoint {
    /// Vectors of texts, in OpenAI's form.
    Embeddings,
    /// Whether texts and images do harm, in OpenAI's form.
    Moderations,
    /// The tokens of a conversation, in Anthropic's form.
    CountTokens,
}

impl Endpoint {
    /// Its address without the version.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Embeddings => "embeddings",
            Self::Moderations => "moderations",
            Self::CountTokens => "messages/count_tokens",
        }
    }

    /// Bytes that an answer may hold. A thousand vectors written out as numbers are 60 MB.
    pub(super) fn longest(self) -> usize {
        match self {
            Self::Embeddings => 256 << 20,
            Self::Moderations | Self::CountTokens => 32 << 20,
        }
    }
}

/// One request to an endpoint.
#[derive(Clone)]
pub struct Exchange {
    /// Which.
    pub endpoint: Endpoint,
    /// The provider's own name for the model.
    pub model: String,
    /// A JSON object in the form of the endpoint's inventor, which names that model.
    pub body: Bytes,
    /// Headers of the client; those that the provider must not see are left out.
    pub headers: ClientHeaders,
    /// How long the provider may take.
    pub deadlines: Deadlines,
}

/// A whole answer.
#[derive(Debug, Clone)]
pub struct Exchanged {
    /// JSON in the form of the endpoint's inventor.
    pub body: Bytes,
    /// Those of the provider's headers that a client may see, in lower case.
    pub headers: Vec<(String, String)>,
}

/// Whether vectors are asked for: the one endpoint that some providers have in a form of their own.
pub(super) fn embeds(endpoint: Endpoint) -> bool {
    endpoint == Endpoint::Embeddings
}

/// What a provider without an endpoint says, so that the next candidate is asked.
#[must_use]
pub fn has_none(provider: &str, endpoint: Endpoint) -> Failure {
    let message = format!(
        "The provider `{provider}`, which answers for this model, has no `{}`.",
        endpoint.as_str()
    );
    unsaid("model", message)
}

/// The refusal of what a provider's form of an endpoint has no word for.
pub(super) fn unsaid(param: &str, message: String) -> Failure {
    Failure {
        upstream: Some(Box::new(UpstreamError {
            status: 400,
            message,
            kind: None,
            code: None,
            param: Some(param.to_owned()),
        })),
        ..Failure::new(FailureKind::Inexpressible)
    }
}

impl fmt::Debug for Exchange {
    /// Without the body: it is somebody's text.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exchange")
            .field("endpoint", &self.endpoint)
            .field("model", &self.model)
            .field("bytes", &self.body.len())
            .field("deadlines", &self.deadlines)
            .finish_non_exhaustive()
    }
}
