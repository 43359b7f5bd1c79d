//! Which headers cross the gateway, either way: lists of what may pass, so that
//! a header of tomorrow, a cookie or a credential stays behind by default.

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

const FORWARDED: [&str; 3] = ["openai-organization", "openai-project", "openai-beta"];
const FORWARDED_PREFIX: &str = "x-stainless-";

const PASSED_BACK: [&str; 3] = ["openai-processing-ms", "openai-version", "openai-model"];
const PASSED_BACK_PREFIXES: [&str; 2] = ["x-ratelimit-", "retry-after"];

/// Whether a client's header goes on to the provider.
#[must_use]
pub fn forwardable(name: &str) -> bool {
    let prefix = name.get(..FORWARDED_PREFIX.len());
    prefix.is_some_and(|p| p.eq_ignore_ascii_case(FORWARDED_PREFIX))
        || FORWARDED.iter().any(|f| name.eq_ignore_ascii_case(f))
}

/// Adds the client's headers that may go along; one that is not valid is left out.
pub(super) fn forward(client: &[(String, String)], to: &mut HeaderMap) {
    for (name, value) in client {
        if !forwardable(name) {
            continue;
        }
        if let (Ok(name), Ok(value)) = (
            HeaderName::from_bytes(name.as_bytes()),
            HeaderValue::from_str(value),
        ) {
            to.append(name, value);
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
