//! Why a provider did not answer, and what may help. It knows no HTTP client
//! and no retry schedule.

use std::fmt;
use std::time::Duration;

use super::quota::Quota;
use crate::chat::InvalidRequest;

/// A call that did not lead to an answer. Holds no credential, and nothing of the
/// provider's that a client must not read except `detail`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind}")]
pub struct Failure {
    /// What went wrong.
    pub kind: FailureKind,
    /// How long the provider asks to be left alone.
    pub retry_after: Option<Duration>,
    /// What it said of how much may be sent to it.
    pub quota: Option<Box<Quota>>,
    /// What the provider itself said, if it said something.
    pub upstream: Option<Box<UpstreamError>>,
    /// Whether a part of a plain answer was there already: it is paid for, and another would be too.
    pub begun: bool,
    /// For the log, never for a client: the cause as this side saw it.
    pub detail: Option<String>,
}

/// A provider's own error object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpstreamError {
    /// The HTTP status; 200 for an error inside an answer that had begun.
    pub status: u16,
    /// Its words, fit for the client; blank of our credentials, at most 4 KiB.
    pub message: String,
    /// Its `type`.
    pub kind: Option<String>,
    /// Its `code`.
    pub code: Option<String>,
    /// The field of the request that it blames.
    pub param: Option<String>,
}

/// The ways in which a call fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FailureKind {
    /// No connection: refused, no such host, no valid certificate, too slow.
    Connect,
    /// Connected, but no answer began in time.
    FirstByteTimeout,
    /// The answer stopped coming.
    IdleTimeout,
    /// The whole took too long.
    TotalTimeout,
    /// The connection ended before the answer did.
    Reset,
    /// The answer is not in the dialect.
    Malformed,
    /// The answer, or one event of it, is larger than is read here.
    TooLarge,
    /// It refuses this gateway's own account: credentials or payment.
    Auth,
    /// This gateway's account sends too much.
    RateLimited,
    /// It refuses the request itself: the client's to mend.
    Rejected,
    /// Its dialect has no word for what the request says: it was not asked.
    Inexpressible,
    /// It is left alone for a while after failures, or because it asked for that: it was not asked.
    Resting,
    /// All that may be sent to it now is on its way: it was not asked.
    Busy,
    /// It asks to come back later: 408, 409, 503, 529.
    Overloaded,
    /// It broke: any other 5xx.
    Server,
    /// An error object inside an answer that had begun well.
    InStream,
}

/// What may help against a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remedy {
    /// The same call again, after a pause.
    Again,
    /// Another provider or model, at once.
    Elsewhere,
    /// Nothing.
    Nothing,
}

impl FailureKind {
    /// As metrics spell it.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::FirstByteTimeout => "first_byte_timeout",
            Self::IdleTimeout => "idle_timeout",
            Self::TotalTimeout => "total_timeout",
            Self::Reset => "reset",
            Self::Malformed => "malformed",
            Self::TooLarge => "too_large",
            Self::Auth => "auth",
            Self::RateLimited => "rate_limited",
            Self::Rejected => "rejected",
            Self::Inexpressible => "inexpressible",
            Self::Resting => "resting",
            Self::Busy => "busy",
            Self::Overloaded => "overloaded",
            Self::Server => "server",
            Self::InStream => "in_stream",
        }
    }

    /// Whether the provider was not asked at all.
    #[must_use]
    pub fn is_unasked(self) -> bool {
        matches!(self, Self::Inexpressible | Self::Resting | Self::Busy)
    }

    /// Whether the same call to the same provider may succeed later.
    #[must_use]
    pub fn retryable(self) -> bool {
        match self {
            Self::Connect
            | Self::FirstByteTimeout
            | Self::IdleTimeout
            | Self::TotalTimeout
            | Self::Reset
            | Self::Malformed
            | Self::RateLimited
            | Self::Overloaded
            | Self::Server
            | Self::InStream => true,
            Self::Resting | Self::Busy => true,
            Self::TooLarge | Self::Auth | Self::Rejected | Self::Inexpressible => false,
        }
    }
}

impl fmt::Display for FailureKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connect => "the provider cannot be reached",
            Self::FirstByteTimeout => "the provider did not begin to answer in time",
            Self::IdleTimeout => "the provider stopped in the middle of its answer",
            Self::TotalTimeout => "the provider did not finish in time",
            Self::Reset => "the provider closed the connection before its answer was complete",
            Self::Malformed => "the provider's answer cannot be understood",
            Self::TooLarge => "the provider's answer is too large",
            Self::Auth => "the provider refuses this gateway's account",
            Self::RateLimited => "the provider limits this gateway's rate",
            Self::Rejected => "the provider rejects the request",
            Self::Inexpressible => "the provider's dialect cannot express the request",
            Self::Resting => "the provider is left alone for a while after failures",
            Self::Busy => "as much as may be sent to the provider is on its way",
            Self::Overloaded => "the provider is overloaded",
            Self::Server => "the provider failed",
            Self::InStream => "the provider failed in the middle of its answer",
        })
    }
}

impl Failure {
    /// A failure that this side noticed.
    #[must_use]
    pub fn new(kind: FailureKind) -> Self {
        Self {
            kind,
            retry_after: None,
            quota: None,
            upstream: None,
            begun: false,
            detail: None,
        }
    }

    /// The same with its cause for the log.
    #[must_use]
    pub fn because(kind: FailureKind, detail: impl Into<String>) -> Self {
        Self {
            detail: Some(detail.into()),
            ..Self::new(kind)
        }
    }

    /// That a dialect has no word for a field of the request.
    #[must_use]
    pub fn inexpressible(field: InvalidRequest) -> Self {
        let said = UpstreamError {
            status: 400,
            message: field.message,
            kind: None,
            code: None,
            param: field.param,
        };
        Self {
            upstream: Some(Box::new(said)),
            ..Self::new(FailureKind::Inexpressible)
        }
    }

    /// The same, of an answer that had begun.
    #[must_use]
    pub fn of_a_begun_answer(self) -> Self {
        Self {
            begun: true,
            ..self
        }
    }

    /// Whether the provider says that it has no such endpoint, or that the model is not asked there.
    #[must_use]
    pub fn is_of_the_endpoint(&self) -> bool {
        let Some(said) = self
            .upstream
            .as_deref()
            .filter(|_| self.kind == FailureKind::Rejected)
        else {
            return false;
        };
        let azure = said.code.as_deref() == Some("OperationNotSupported");
        matches!(said.status, 404 | 405) || azure
    }

    /// Whether it says that it has no such model at all.
    #[must_use]
    pub fn is_of_the_model(&self) -> bool {
        let said = self.upstream.as_deref();
        let code = said.and_then(|said| said.code.as_deref());
        let kind = said.and_then(|said| said.kind.as_deref());
        code == Some("model_not_found") || kind == Some("NotFoundError")
    }

    /// What may help, as long as the client has seen nothing of the answer.
    #[must_use]
    pub fn remedy(&self) -> Remedy {
        let status = self.upstream.as_ref().map(|u| u.status);
        let code = self.upstream.as_ref().and_then(|u| u.code.as_deref());
        match self.kind {
            _ if self.begun => Remedy::Nothing,
            FailureKind::TotalTimeout => Remedy::Nothing,
            // No such model here; another candidate may have it.
            FailureKind::Rejected if status == Some(404) => Remedy::Elsewhere,
            FailureKind::Rejected => Remedy::Nothing,
            // It may still be generating, at our cost: asking it again doubles that.
            FailureKind::FirstByteTimeout | FailureKind::IdleTimeout => Remedy::Elsewhere,
            // An empty account does not fill up within a back-off.
            FailureKind::RateLimited if code == Some("insufficient_quota") => Remedy::Elsewhere,
            FailureKind::Auth
            | FailureKind::TooLarge
            | FailureKind::Inexpressible
            | FailureKind::Resting
            | FailureKind::Busy => Remedy::Elsewhere,
            _ => Remedy::Again,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(kind: FailureKind, status: u16, code: Option<&str>) -> Failure {
        Failure {
            upstream: Some(Box::new(UpstreamError {
                status,
                message: String::new(),
                kind: None,
                code: code.map(str::to_owned),
                param: None,
            })),
            ..Failure::new(kind)
        }
    }

    #[test]
    fn a_clients_fault_ends_the_attempts_unless_it_is_about_the_model() {
        let remedy = |status| said(FailureKind::Rejected, status, None).remedy();
        assert_eq!(remedy(400), Remedy::Nothing);
        assert_eq!(remedy(422), Remedy::Nothing);
        assert_eq!(remedy(404), Remedy::Elsewhere);
    }

    #[test]
    fn an_empty_account_is_not_asked_again() {
        let remedy = |code| said(FailureKind::RateLimited, 429, code).remedy();
        assert_eq!(remedy(Some("insufficient_quota")), Remedy::Elsewhere);
        assert_eq!(remedy(Some("rate_limit_exceeded")), Remedy::Again);
        assert_eq!(remedy(None), Remedy::Again);
    }

    #[test]
    fn a_slow_provider_is_left_and_a_spent_deadline_ends_all() {
        let remedy = |kind| Failure::new(kind).remedy();
        assert_eq!(remedy(FailureKind::FirstByteTimeout), Remedy::Elsewhere);
        assert_eq!(remedy(FailureKind::TotalTimeout), Remedy::Nothing);
        assert_eq!(remedy(FailureKind::Reset), Remedy::Again);
    }

    #[test]
    fn an_answer_that_had_begun_is_not_bought_twice() {
        for kind in [
            FailureKind::Reset,
            FailureKind::IdleTimeout,
            FailureKind::Malformed,
            FailureKind::TooLarge,
        ] {
            let failure = Failure::new(kind).of_a_begun_answer();
            assert_eq!(failure.remedy(), Remedy::Nothing, "{kind:?}");
        }
    }
}
