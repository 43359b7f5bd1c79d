//! How long a provider may take, when it is asked again and when it is left alone, and what all groups have in common,
//! as plain values. `default.toml` says what each means.

use std::time::Duration;

use serde::Deserialize;

use super::sections::durations;

/// `[deadlines]`: how long a provider may take.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "default.toml documents each setting")]
pub struct Deadlines {
    pub connect_ms: u64,
    pub first_byte_ms: u64,
    pub idle_ms: u64,
    pub total_ms: u64,
}

/// `[retry]`: repeating a call that failed before its first byte.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "default.toml documents each setting")]
pub struct Retry {
    pub max_attempts: u32,
    pub base_ms: u64,
    pub max_ms: u64,
    pub budget_share: f64,
    pub budget_per_s: f64,
    pub queue_ms: u64,
    pub hedge_after_ms: u64,
}

/// `[breaker]`: when a provider's model is left alone.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "default.toml documents each setting")]
pub struct Breaker {
    pub consecutive_failures: u32,
    pub error_rate: f64,
    pub min_requests: u32,
    pub window_s: u64,
    pub cool_down_ms: u64,
    pub max_cool_down_ms: u64,
    pub probe_every_ms: u64,
}

/// Who may say in a header where a request goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OverrideRole {
    /// Nobody.
    Nobody,
    /// Every key.
    App,
    /// Keys of analysts and admins.
    Analyst,
    /// Keys of admins.
    Admin,
}

/// `[routing]`: what all groups have in common.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "default.toml documents each setting")]
pub struct Routing {
    pub latency_decay_ms: u64,
    pub override_role: OverrideRole,
}

/// `[outbound]`: the way to providers.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "default.toml documents each setting")]
pub struct Outbound {
    pub ca_file: String,
    pub proxy: String,
}

durations! {
    Deadlines {
        connect = from_millis(connect_ms),
        first_byte = from_millis(first_byte_ms),
        idle = from_millis(idle_ms),
        total = from_millis(total_ms),
    }
    Retry {
        base = from_millis(base_ms),
        max = from_millis(max_ms),
        queue = from_millis(queue_ms),
        hedge_after = from_millis(hedge_after_ms),
    }
    Breaker {
        window = from_secs(window_s),
        cool_down = from_millis(cool_down_ms),
        max_cool_down = from_millis(max_cool_down_ms),
        probe_every = from_millis(probe_every_ms),
    }
    Routing { latency_decay = from_millis(latency_decay_ms) }
}
