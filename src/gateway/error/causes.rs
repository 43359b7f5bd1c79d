//! What parts of the gateway call wrong, as rows of the one error table.

use super::{ApiError, Code, UpstreamWords};
use crate::cache::controls::BadControl;
use crate::cache::policy::PolicyError;
use crate::cache::scope::NamespaceError;
use crate::chat::InvalidRequest;
use crate::dialect::embeddings::Refusal;
use crate::provider::{Failure, FailureKind};

impl From<InvalidRequest> for ApiError {
    fn from(fault: InvalidRequest) -> Self {
        Self {
            param: fault.param,
            ..Self::new(Code::InvalidRequest, fault.message)
        }
    }
}

impl From<Refusal> for ApiError {
    fn from(fault: Refusal) -> Self {
        let words = fault.code.map(|code| UpstreamWords {
            status: 400,
            kind: None,
            code: Some(code.to_owned()),
        });
        Self {
            param: fault.param,
            upstream: words.map(Box::new),
            ..Self::new(Code::InvalidRequest, fault.message)
        }
    }
}

impl From<BadControl> for ApiError {
    fn from(fault: BadControl) -> Self {
        Self {
            param: Some(fault.header.into()),
            ..Self::new(Code::InvalidHeader, fault.to_string())
        }
    }
}

impl From<NamespaceError> for ApiError {
    fn from(fault: NamespaceError) -> Self {
        let code = match fault {
            NamespaceError::Forbidden | NamespaceError::Tenants { .. } => Code::NamespaceForbidden,
            NamespaceError::BadName => Code::InvalidHeader,
        };
        Self {
            param: Some("x-reprise-namespace".into()),
            ..Self::new(code, fault.to_string())
        }
    }
}

impl From<PolicyError> for ApiError {
    fn from(fault: PolicyError) -> Self {
        let message = fault.to_string();
        match fault {
            PolicyError::OutOfRange { param, .. } => Self {
                param: Some(param.into()),
                ..Self::new(Code::InvalidRequest, message)
            },
            PolicyError::OfModel { param, .. } => Self {
                param: Some(param),
                ..Self::new(Code::InvalidRequest, message)
            },
            PolicyError::Stale { .. } => Self::new(Code::Conflict, message),
        }
    }
}

impl From<&Failure> for ApiError {
    fn from(failure: &Failure) -> Self {
        let code = match failure.kind {
            FailureKind::Connect => Code::UpstreamUnreachable,
            FailureKind::FirstByteTimeout
            | FailureKind::IdleTimeout
            | FailureKind::TotalTimeout => Code::UpstreamTimeout,
            FailureKind::Malformed | FailureKind::TooLarge => Code::UpstreamMalformed,
            FailureKind::Auth => Code::UpstreamAuth,
            FailureKind::RateLimited => Code::RateLimited,
            FailureKind::Rejected => Code::UpstreamRejected,
            FailureKind::Inexpressible => Code::UnsupportedField,
            FailureKind::Resting => Code::UpstreamResting,
            FailureKind::Busy => Code::UpstreamBusy,
            FailureKind::Overloaded => Code::UpstreamOverloaded,
            FailureKind::Reset | FailureKind::Server | FailureKind::InStream => Code::UpstreamError,
        };
        let mut error = Self::new(code, format!("{}.", capitalised(&failure.kind.to_string())));
        error.retry_after = failure.retry_after;
        // Only what the client itself can mend is passed on in the provider's own words.
        if let (Code::UnsupportedField, Some(said)) = (code, &failure.upstream) {
            error.message.clone_from(&said.message);
            error.param.clone_from(&said.param);
        }
        let clients = matches!(code, Code::UpstreamRejected | Code::RateLimited);
        if let (true, Some(said)) = (clients, &failure.upstream) {
            if !said.message.is_empty() {
                error.message.clone_from(&said.message);
            }
            error.param.clone_from(&said.param);
            error.upstream = Some(Box::new(UpstreamWords {
                status: said.status,
                kind: said.kind.clone(),
                code: said.code.clone(),
            }));
        }
        error
    }
}

fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(chars).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::UpstreamError;

    fn failure(kind: FailureKind, status: u16) -> Failure {
        let mut failure = Failure::because(kind, "secret detail");
        failure.upstream = Some(Box::new(UpstreamError {
            status,
            message: "words of the provider".into(),
            kind: Some("t".into()),
            code: Some("c".into()),
            param: Some("p".into()),
        }));
        failure
    }

    #[test]
    fn a_clients_fault_is_told_in_the_providers_words() {
        let error = ApiError::from(&failure(FailureKind::Rejected, 422));
        assert_eq!(error.status(), 422);
        let body = error.openai();
        assert_eq!(body["error"]["message"], "words of the provider");
        assert_eq!(body["error"]["code"], "c");
        assert_eq!(body["error"]["param"], "p");
    }

    #[test]
    fn the_gateways_own_account_is_nobodys_business() {
        let error = ApiError::from(&failure(FailureKind::Auth, 401));
        assert_eq!(error.status(), 502);
        let body = error.openai().to_string();
        assert!(!body.contains("words of the provider") && !body.contains("secret"));
    }
}
