//! The one error table: each code with its HTTP status, OpenAI type, whether a
//! client should try again, and so its metric label. Messages are for clients:
//! no key, path or inside detail is ever part of one.

mod causes;

use std::time::Duration;

use super::via::Via;
use crate::chat::{Dialect, RequestId};
use crate::dialect::anthropic;
use crate::guard::Standing;
use crate::telemetry::Ending;

/// Everything that can be wrong, as `error.code` spells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Code {
    /// The request itself.
    InvalidRequest,
    /// What the dialects of all providers for the model cannot express.
    UnsupportedField,
    /// A header that controls the cache.
    InvalidHeader,
    /// No key, or one that is not valid.
    InvalidApiKey,
    /// A key that may not do this.
    Forbidden,
    /// A namespace of somebody else's.
    NamespaceForbidden,
    /// Refused while the gateway runs without keys.
    OpenModeRefused,
    /// No provider answers to that model name.
    ModelNotFound,
    /// No such address.
    NotFound,
    /// No such method at this address.
    MethodNotAllowed,
    /// The body did not arrive in time.
    RequestTimeout,
    /// The body is too large.
    RequestTooLarge,
    /// The head is too large.
    HeadersTooLarge,
    /// Changed by somebody else meanwhile.
    Conflict,
    /// The response that is to be continued is not there.
    PreviousResponseNotFound,
    /// `If-Match` is missing.
    PreconditionRequired,
    /// Too much waits already.
    QueueFull,
    /// The tenant keeps as many files as it may.
    FileQuota,
    /// `only` was asked and nothing is remembered.
    CacheMiss,
    /// The gateway is stopping.
    ShuttingDown,
    /// The provider says so: 429.
    RateLimited,
    /// A limit of the gateway's own, within which there will soon be room.
    OverLimit,
    /// The same, for longer than a client's retries go on.
    OverLimitForLong,
    /// More calls to providers than the gateway makes at a time.
    Overloaded,
    /// The model of this process has as much to embed as it takes at a time.
    EmbedderBusy,
    /// The provider is overloaded: 503.
    UpstreamOverloaded,
    /// Every provider for the model is left alone for a while.
    UpstreamResting,
    /// No provider for the model has room for another call.
    UpstreamBusy,
    /// The provider failed.
    UpstreamError,
    /// The provider refuses the gateway's account.
    UpstreamAuth,
    /// The provider cannot be understood.
    UpstreamMalformed,
    /// The provider took too long.
    UpstreamTimeout,
    /// The provider cannot be reached.
    UpstreamUnreachable,
    /// The provider rejects the request.
    UpstreamRejected,
    /// A change could not be written down.
    StorageFailed,
    /// A fault of this gateway.
    Internal,
}

/// A row of the table.
struct Row {
    code: &'static str,
    status: u16,
    kind: &'static str,
    /// Whether the client's own retries may help.
    retryable: bool,
}

const fn row(code: &'static str, status: u16, kind: &'static str, retryable: bool) -> Row {
    Row {
        code,
        status,
        kind,
        retryable,
    }
}

const INVALID: &str = "invalid_request_error";
const SERVER: &str = "server_error";

impl Code {
    fn row(self) -> Row {
        match self {
            Self::InvalidRequest => row("invalid_request", 400, INVALID, false),
            Self::UnsupportedField => row("unsupported_field", 400, INVALID, false),
            Self::InvalidHeader => row("invalid_header", 400, INVALID, false),
            Self::InvalidApiKey => row("invalid_api_key", 401, INVALID, false),
            Self::Forbidden => row("forbidden", 403, "permission_error", false),
            Self::NamespaceForbidden => row("namespace_forbidden", 403, "permission_error", false),
            Self::OpenModeRefused => row("open_mode_refused", 403, "permission_error", false),
            Self::ModelNotFound => row("model_not_found", 404, INVALID, false),
            Self::NotFound => row("not_found", 404, INVALID, false),
            Self::PreviousResponseNotFound => {
                row("previous_response_not_found", 400, INVALID, false)
            }
            Self::MethodNotAllowed => row("method_not_allowed", 405, INVALID, false),
            Self::RequestTimeout => row("request_timeout", 408, INVALID, true),
            Self::Conflict => row("conflict", 409, INVALID, false),
            Self::RequestTooLarge => row("request_too_large", 413, INVALID, false),
            Self::PreconditionRequired => row("precondition_required", 428, INVALID, false),
            Self::HeadersTooLarge => row("headers_too_large", 431, INVALID, false),
            // The gateway has tried again as often as it may: the SDK's own tries would multiply that.
            Self::RateLimited => row("rate_limit_exceeded", 429, "rate_limit_error", false),
            Self::OverLimit => row("rate_limit_exceeded", 429, "rate_limit_error", true),
            Self::OverLimitForLong => row("rate_limit_exceeded", 429, "rate_limit_error", false),
            Self::Overloaded => row("overloaded", 503, SERVER, true),
            Self::QueueFull => row("queue_full", 429, "rate_limit_error", true),
            Self::FileQuota => row("file_quota_exceeded", 400, INVALID, false),
            Self::CacheMiss => row("cache_miss", 504, "cache_miss", false),
            Self::ShuttingDown => row("shutting_down", 503, SERVER, true),
            Self::EmbedderBusy => row("embedder_busy", 503, SERVER, true),
            Self::UpstreamOverloaded => row("upstream_overloaded", 503, SERVER, false),
            Self::UpstreamResting => row("upstream_resting", 503, SERVER, true),
            Self::UpstreamBusy => row("upstream_busy", 503, SERVER, true),
            Self::UpstreamError => row("upstream_error", 502, SERVER, false),
            Self::UpstreamAuth => row("upstream_auth", 502, SERVER, false),
            Self::UpstreamMalformed => row("upstream_malformed", 502, SERVER, false),
            Self::UpstreamTimeout => row("upstream_timeout", 504, SERVER, false),
            Self::UpstreamUnreachable => row("upstream_unreachable", 502, SERVER, false),
            Self::UpstreamRejected => row("upstream_rejected", 400, INVALID, false),
            Self::StorageFailed => row("storage_failed", 503, SERVER, true),
            Self::Internal => row("internal_error", 500, SERVER, false),
        }
    }

    /// As metrics and `error.code` spell it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.row().code
    }
}

/// A refusal or failure as the client gets it.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{message}")]
pub struct ApiError {
    /// Its row in the table.
    pub code: Code,
    /// What is wrong, in the client's words.
    pub message: String,
    /// The field at fault.
    pub param: Option<String>,
    /// When it makes sense to come back.
    pub retry_after: Option<Duration>,
    /// A status, type and code in the place of the table's: the provider's own where they are the client's business,
    /// and OpenAI's where it has one for what is wrong.
    pub upstream: Option<Box<UpstreamWords>>,
    /// What memory had to say before it came to this.
    pub via: Option<Box<Via>>,
    /// How the gateway's own limits stand for the client, if it has any.
    pub standing: Option<Box<Standing>>,
}

/// What a provider said of a client's fault.
#[derive(Debug, Clone, PartialEq)]
pub struct UpstreamWords {
    /// HTTP status.
    pub status: u16,
    /// `error.type`.
    pub kind: Option<String>,
    /// `error.code`.
    pub code: Option<String>,
}

impl ApiError {
    /// An error without further detail.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            param: None,
            retry_after: None,
            upstream: None,
            via: None,
            standing: None,
        }
    }

    /// The HTTP status.
    #[must_use]
    pub fn status(&self) -> u16 {
        match &self.upstream {
            Some(words) => words.status,
            None => self.code.row().status,
        }
    }

    /// Whether the client's own retries may help.
    #[must_use]
    pub fn retryable(&self) -> bool {
        self.code.row().retryable
    }

    /// As what a request that came to this is counted.
    #[must_use]
    pub fn ending(&self) -> Ending {
        match &self.via {
            // A miss that was not to be mended is a miss.
            Some(via) if via.withheld => Ending::Answered(via.outcome),
            _ if self.status() < 500 || self.code == Code::Overloaded => Ending::Refused,
            _ => Ending::Error,
        }
    }

    /// The event that ends a stream of `dialect` which cannot go on.
    #[must_use]
    pub fn event(&self, dialect: Dialect, id: RequestId) -> bytes::Bytes {
        let body = self.body(dialect, id);
        match dialect {
            Dialect::Messages => format!("event: error\ndata: {body}\n\n").into(),
            _ => format!("data: {body}\n\n").into(),
        }
    }

    /// As a client of `dialect` reads it.
    #[must_use]
    pub fn body(&self, dialect: Dialect, id: RequestId) -> serde_json::Value {
        match dialect {
            Dialect::Messages => {
                let (id, message) = (id.to_string(), &self.message);
                // That dialect has no place for the field but the message.
                let named = self
                    .param
                    .as_ref()
                    .filter(|param| !message.contains(*param));
                let message = match named {
                    Some(param) => format!("{param}: {message}"),
                    None => message.clone(),
                };
                anthropic::error(self.status_in(dialect), &message, Some(&id))
            }
            _ => self.openai(),
        }
    }

    /// The HTTP status that a client of `dialect` expects.
    #[must_use]
    pub fn status_in(&self, dialect: Dialect) -> u16 {
        match (dialect, self.code) {
            // Anthropic's own for it, by which its clients know.
            (
                Dialect::Messages,
                Code::UpstreamOverloaded
                | Code::UpstreamBusy
                | Code::UpstreamResting
                | Code::Overloaded,
            ) => 529,
            _ => self.status(),
        }
    }

    /// The `error` object of the OpenAI dialect; no member is ever missing.
    #[must_use]
    pub fn openai(&self) -> serde_json::Value {
        let row = self.code.row();
        let words = self.upstream.as_ref();
        let kind = words.and_then(|w| w.kind.as_deref()).unwrap_or(row.kind);
        let code = words.and_then(|w| w.code.as_deref()).unwrap_or(row.code);
        serde_json::json!({"error": {
            "message": self.message, "type": kind, "param": self.param, "code": code}})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_member_of_an_error_is_ever_missing() {
        let body = ApiError::new(Code::NotFound, "no").openai();
        for member in ["message", "type", "param", "code"] {
            assert!(body["error"].get(member).is_some(), "{member}");
        }
    }
}
