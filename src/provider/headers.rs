//! Which headers cross the gateway, either way: lists of what may pass, so that
//! a header of tomorrow, a cookie or a credential stays behind by default.

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

const OPENAIS: [&str; 3] = ["openai-organization", "openai-project", "openai-beta"];
const ANTHROPICS: [&str; 2] = ["anthropic-beta", "anthropic-version"];
/// What the official clients say of themselves; both providers' are made by one generator.
const TELEMETRY: &str = "x-stainless-";

const PASSED_BACK: [&str; 3] = ["openai-processing-ms", "openai-version", "openai-model"];
const PASSED_BACK_PREFIXES: [&str; 3] = ["x-ratelimit-", "anthropic-ratelimit-", "retry-after"];

/// Whether a client's header goes on to some provider.
#[must_use]
pub fn forwardable(name: &str) -> bool {
    is_openais(name) || is_anthropics(name)
}

/// Whether a header is meant for OpenAI and servers like it.
pub(super) fn is_openais(name: &str) -> bool {
    is_telemetry(name) || OPENAIS.iter().any(|f| name.eq_ignore_ascii_case(f))
}

/// Whether a header is meant for Anthropic.
pub(super) fn is_anthropics(name: &str) -> bool {
    is_telemetry(name) || ANTHROPICS.iter().any(|f| name.eq_ignore_ascii_case(f))
}

fn is_telemetry(name: &str) -> bool {
    let prefix = name.get(..TELEMETRY.len());
    prefix.is_some_and(|p| p.eq_ignore_ascii_case(TELEMETRY))
}

/// Adds the client's headers that may go along; one that is not valid is left out.
pub(super) fn forward(client: &[(String, String)], may: impl Fn(&str) -> bool, to: &mut HeaderMap) {
    for (name, value) in client {
        if !may(name) {
            continue;
        }
        if let (Ok(name), Ok(value)) = (
            HeaderName::from_bytes(name.as_bytes()),
            HeaderValue::from_str(value),
        ) {
            to.insert(name, value);
        }
    }
}

/// The provider's headers that a client may see.
pub(super) fn passed_back(upstream: &HeaderMap) -> Vec<(String, String)> {
    let seen = |name: &str| {
        PASSED_BACK.contains(&name) || PASSED_BACK_PREFIXES.iter().any(|p| name.starts_with(p))
    };
    upstream
        .iter()
        .filter(|(name, _)| seen(name.as_str()))
        .filter_map(|(name, value)| Some((name.as_str().to_owned(), value.to_str().ok()?.into())))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_listed_client_headers_are_forwarded() {
        for name in ["OpenAI-Organization", "openai-beta", "x-stainless-lang"] {
            assert!(forwardable(name), "{name}");
        }
        for name in ["authorization", "cookie", "x-api-key", "x-stainless", "é"] {
            assert!(!forwardable(name), "{name}");
        }
    }

    #[test]
    fn only_listed_upstream_headers_come_back() {
        let mut upstream = HeaderMap::new();
        for name in [
            "set-cookie",
            "server",
            "x-request-id",
            "openai-organization",
        ] {
            upstream.insert(name, HeaderValue::from_static("secret"));
        }
        for name in ["retry-after-ms", "x-ratelimit-limit-tokens", "openai-model"] {
            upstream.insert(name, HeaderValue::from_static("1"));
        }
        let mut names: Vec<_> = passed_back(&upstream).into_iter().map(|(n, _)| n).collect();
        names.sort();
        assert_eq!(
            names,
            ["openai-model", "retry-after-ms", "x-ratelimit-limit-tokens"]
        );
    }
}
