//! The settings of what comes in: `[[limits]]` and `[overload]`. What each means and why its default is what it is
//! stand in `default.toml`; here are only the types.

use std::time::Duration;

use serde::Deserialize;

use super::pattern::Pattern;

/// By what requests are counted together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Per {
    /// The key that was shown.
    Key,
    /// The tenant of that key.
    Team,
    /// The model that is asked for.
    Model,
    /// The address that is asked.
    Endpoint,
    /// Nothing: all together.
    Global,
}

impl Per {
    /// As settings and metrics spell it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Key => "key",
            Self::Team => "team",
            Self::Model => "model",
            Self::Endpoint => "endpoint",
            Self::Global => "global",
        }
    }
}

/// One of `[[limits]]`: how much each name may use.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "default.toml documents each setting")]
pub struct Limit {
    pub per: Per,
    #[serde(default = "every_name", rename = "match")]
    pub names: Vec<Pattern>,
    #[serde(default)]
    pub requests_per_minute: Option<u64>,
    #[serde(default)]
    pub requests_per_day: Option<u64>,
    #[serde(default)]
    pub tokens_per_minute: Option<u64>,
    #[serde(default)]
    pub tokens_per_day: Option<u64>,
    #[serde(default)]
    pub concurrency: Option<u64>,
    #[serde(default)]
    pub count_hits: bool,
}

/// What a limit calls the addresses of the API: their paths behind the version.
pub(super) const ENDPOINTS: [&str; 7] = [
    "chat/completions",
    "completions",
    "responses",
    "messages",
    "messages/count_tokens",
    "embeddings",
    "moderations",
];

fn every_name() -> Vec<Pattern> {
    vec![Pattern::any()]
}

impl Limit {
    /// Its numbers, each with its name; none where there is no such limit.
    #[must_use]
    pub fn numbers(&self) -> [(&'static str, Option<u64>); 5] {
        [
            ("requests_per_minute", self.requests_per_minute),
            ("requests_per_day", self.requests_per_day),
            ("tokens_per_minute", self.tokens_per_minute),
            ("tokens_per_day", self.tokens_per_day),
            ("concurrency", self.concurrency),
        ]
    }

    /// Whether it limits requests in a time.
    #[must_use]
    pub fn limits_requests(&self) -> bool {
        self.requests_per_minute.is_some() || self.requests_per_day.is_some()
    }
}

/// `[overload]`: what becomes of misses when there are too many.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "default.toml documents each setting")]
pub struct Overload {
    pub max_misses: usize,
    pub wait_ms: u64,
}

impl Overload {
    /// `wait_ms` as a duration.
    #[must_use]
    pub fn wait(&self) -> Duration {
        Duration::from_millis(self.wait_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Faults;
    use crate::config::tests::from_file;

    fn told(text: &str) -> Vec<String> {
        let Faults(faults) = from_file(text).unwrap_err();
        let told = |f: crate::config::Fault| format!("{} {}", f.path, f.message);
        faults.into_iter().map(told).collect()
    }

    #[test]
    fn without_any_limit_only_overload_is_minded() {
        let config = from_file("").unwrap();
        assert!(config.limits.is_empty());
        assert_eq!(
            config.overload.max_misses,
            config.server.max_connections / 10
        );
        assert_eq!(config.overload.wait(), Duration::from_millis(500));
    }

    #[test]
    fn a_limit_is_for_every_name_and_for_misses_unless_it_says_otherwise() {
        let config = from_file("[[limits]]\nper = 'team'\ntokens_per_day = 7").unwrap();
        let limit = &config.limits[0];
        assert_eq!((limit.per, limit.tokens_per_day), (Per::Team, Some(7)));
        assert!(limit.names[0].matches("anybody") && !limit.count_hits);
        let named = "[[limits]]\nper = 'model'\nmatch = ['gpt-*']\nconcurrency = 2";
        let limit = &from_file(named).unwrap().limits[0];
        assert!(limit.names[0].matches("gpt-4o") && !limit.names[0].matches("o3"));
    }

    #[test]
    fn a_limit_that_would_limit_nothing_is_refused() {
        let bare = told("[[limits]]\nper = 'key'");
        assert!(bare[0].starts_with("limits[0] needs at least one of `requests_per_minute`"));
        let nothing = "[[limits]]\nper = 'key'\nconcurrency = 0\nmatch = []\ncount_hits = true";
        assert_eq!(
            told(nothing),
            [
                "limits[0].concurrency must be at least 1",
                "limits[0].match must not be empty",
                "limits[0].count_hits is not looked at without a limit on requests",
            ]
        );
    }

    #[test]
    fn a_limit_on_what_is_no_endpoint_or_on_nameless_requests_is_refused() {
        let on = |per: &str, name: &str| {
            told(&format!(
                "[[limits]]\nper = '{per}'\nmatch = ['{name}']\nconcurrency = 1"
            ))
        };
        let refused = on("endpoint", "/v1/embeddings");
        assert!(
            refused[0]
                .starts_with("limits[0].match[0] is no endpoint; these are: chat/completions,")
        );
        assert!(on("global", "x")[0].starts_with("limits[0].match[0] is not looked at"));
        for name in ["embeddings", "messages*", "*"] {
            let text = format!("[[limits]]\nper = 'endpoint'\nmatch = ['{name}']\nconcurrency = 1");
            assert!(from_file(&text).is_ok(), "{name}");
        }
    }

    #[test]
    fn what_is_wrong_in_a_limit_is_told_once_and_by_its_field() {
        assert_eq!(
            told("[[limits]]\nper = 'tenant'\nrequests_per_day = -1"),
            [
                "limits[0].per must be one of \"key\", \"team\", \"model\", \"endpoint\", \"global\"",
                "limits[0].requests_per_day must not be negative",
            ]
        );
        assert_eq!(
            told("[[limits]]\nrequests_per_hour = 1\nconcurrency = 1"),
            [
                "limits[0].requests_per_hour is not a setting; did you mean `requests_per_day`?",
                "limits[0].per is missing",
            ]
        );
    }
}
