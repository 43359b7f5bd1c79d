//! The settings as plain values. What each means, its unit and why its default
//! is what it is stand in `default.toml`; here are only the types.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

/// `[server]`: the front door.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "default.toml documents each setting")]
pub struct Server {
    pub bind: String,
    pub workers: usize,
    pub max_connections: usize,
    pub body_limit_bytes: usize,
    pub header_timeout_s: u64,
    pub body_timeout_s: u64,
    pub write_timeout_s: u64,
    pub metrics_bind: String,
    pub drain_notice_ms: u64,
    pub drain_deadline_s: u64,
}

impl Server {
    /// Where to listen; `None` only if `bind` was changed after the checks.
    #[must_use]
    pub fn bind_addr(&self) -> Option<SocketAddr> {
        parse_bind(&self.bind)
    }

    /// Where `/metrics` listens on its own; `None` when it shares `bind`.
    #[must_use]
    pub fn metrics_addr(&self) -> Option<SocketAddr> {
        parse_bind(&self.metrics_bind)
    }

    /// Whether only this machine can reach the gateway.
    #[must_use]
    pub fn bind_is_loopback(&self) -> bool {
        self.bind_addr().is_some_and(|addr| addr.ip().is_loopback())
    }
}

/// `IP:PORT`, `[IPv6]:PORT` or `localhost:PORT`. Other names are refused: what
/// a resolver says must not decide whether a gateway is open.
pub(super) fn parse_bind(text: &str) -> Option<SocketAddr> {
    match text.strip_prefix("localhost:") {
        Some(port) => Some(SocketAddr::from(([127, 0, 0, 1], port.parse().ok()?))),
        None => text.parse().ok(),
    }
}

/// `[data]`: where everything lasting lives.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "default.toml documents each setting")]
pub struct Data {
    pub dir: String,
}

/// `[embedding]`: the local model.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "default.toml documents each setting")]
pub struct Embedding {
    pub enabled: bool,
    pub model_dir: String,
    pub next_model_dir: String,
    pub next_share: f64,
    pub runtime_lib: String,
    pub threads: usize,
    pub queue: usize,
    pub max_batch: usize,
    pub deadline_ms: u64,
    pub serve_at_once: usize,
}

/// `[verifier]`: the local model that reads two questions together.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "default.toml documents each setting")]
pub struct Verifier {
    pub enabled: bool,
    pub model_dir: String,
    pub queue: usize,
    pub deadline_ms: u64,
    pub candidates: usize,
    pub remembered_pairs: u64,
}

/// `[index]`: nearest neighbours.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "default.toml documents each setting")]
pub struct Index {
    pub flat_max: usize,
    pub m: usize,
    pub ef_construction: usize,
    pub ef_search: usize,
    pub candidates: usize,
    pub dead_limit: f64,
    pub snapshot_every_s: u64,
}

/// `[store]`: the truth on disk.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "default.toml documents each setting")]
pub struct Store {
    pub flush_every_ms: u64,
    pub page_cache_bytes: u64,
    pub capacity_bytes: u64,
    pub queue: usize,
    pub compress_min_bytes: usize,
    pub min_free_bytes: u64,
}

/// What becomes of a request that the semantic tier must not answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Ineligible {
    /// It may hit and store equal requests.
    Exact,
    /// It never touches the cache.
    Bypass,
}

/// By what a namespace without a policy of its own decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Decide {
    /// One cosine against one number.
    Threshold,
    /// The calibrated probability that the stored answer serves.
    Probability,
    /// The loosest probability at which labels prove that no more than a share of the hits is wrong.
    Budget,
}

/// When a namespace without a policy of its own asks the verifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AskVerifier {
    /// Where cosine and guards leave it open.
    Grey,
    /// Whatever they say.
    Always,
    /// Of none.
    Never,
}

/// How long the answer to a question stays true.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TtlClass {
    /// It does not change.
    Static,
    /// Nothing is known of it.
    Default,
    /// It may change within the day.
    TimeSensitive,
    /// It is true for a moment, or wanted anew each time.
    Never,
}

impl TtlClass {
    /// As headers and settings spell it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Static => "static",
            Self::Default => "default",
            Self::TimeSensitive => "time_sensitive",
            Self::Never => "never",
        }
    }
}

/// `[cache]`: what counts as the same question, and for how long.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "default.toml documents each setting")]
pub struct Cache {
    pub enabled: bool,
    pub semantic: bool,
    pub decide: Decide,
    pub verifier: AskVerifier,
    pub threshold: f64,
    pub probability: f64,
    pub budget: f64,
    pub ttl_s: u64,
    pub ttl_static_s: u64,
    pub ttl_time_sensitive_s: u64,
    pub ttl_never_s: u64,
    pub stale_while_revalidate_s: u64,
    pub stale_if_error_s: u64,
    pub renewals: usize,
    pub temperature_max: f64,
    pub ineligible: Ineligible,
    pub hot_bytes: u64,
    pub embeddings_bytes: u64,
    pub max_entry_bytes: usize,
    pub flight_wait_ms: u64,
    pub similar_wait_ms: u64,
    pub lookup_deadline_ms: u64,
    pub keep_text: bool,
    pub decisions: usize,
    pub labels: usize,
}

/// `[responses]`: what can be continued.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "default.toml documents each setting")]
pub struct Responses {
    pub ttl_s: u64,
    pub max_bytes: u64,
}

/// `[judge]`: checking what was decided, in the background.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "default.toml documents each setting")]
pub struct Judge {
    pub hits: f64,
    pub near_misses: f64,
    pub model: String,
    pub max_usd_per_day: f64,
    pub at_once: usize,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For eyes.
    Text,
    /// One JSON object a line.
    Json,
}

/// `[log]`: what is written to stderr.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "default.toml documents each setting")]
pub struct Log {
    pub filter: String,
    pub format: LogFormat,
}

/// `[catalogue]`: what is known of models.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "default.toml documents each setting")]
pub struct Catalogue {
    pub file: String,
}

impl Catalogue {
    /// The file of one's own, if there is one.
    #[must_use]
    pub fn own(&self) -> Option<PathBuf> {
        (!self.file.is_empty()).then(|| PathBuf::from(&self.file))
    }
}

/// Gives a setting in `_ms` or `_s` a [`Duration`] accessor without the suffix.
macro_rules! durations {
    ($($section:ident { $($name:ident = $unit:ident($field:ident)),+ $(,)? })+) => {$(
        impl $section {$(
            #[doc = concat!("`", stringify!($field), "` as a duration.")]
            #[must_use]
            pub fn $name(&self) -> Duration {
                Duration::$unit(self.$field)
            }
        )+}
    )+};
}

pub(super) use durations;

durations! {
    Server {
        header_timeout = from_secs(header_timeout_s),
        body_timeout = from_secs(body_timeout_s),
        write_timeout = from_secs(write_timeout_s),
        drain_notice = from_millis(drain_notice_ms),
        drain_deadline = from_secs(drain_deadline_s),
    }
    Embedding { deadline = from_millis(deadline_ms) }
    Verifier { deadline = from_millis(deadline_ms) }
    Index { snapshot_every = from_secs(snapshot_every_s) }
    Store { flush_every = from_millis(flush_every_ms) }
    Cache {
        ttl = from_secs(ttl_s),
        flight_wait = from_millis(flight_wait_ms),
        similar_wait = from_millis(similar_wait_ms),
        lookup_deadline = from_millis(lookup_deadline_ms),
    }
    Responses { ttl = from_secs(ttl_s) }
}
