//! The policy of namespaces that have none of their own: that of the configuration, and what earlier
//! configurations of this data folder have let die.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::cache::freshness::times::TtlClasses;
use crate::cache::policy::{Point, Policy, PolicyKind};
use crate::cache::spans::Spans;
use crate::cache::verdict::{Grey, Verify, WhenUnsure};
use crate::chat::unix_ms;
use crate::config::{AskVerifier, Config, Decide};
use crate::store::StateStore;

/// Where the state keeps [`Seen`]: table and row.
const SEEN: (&str, &str) = ("defaults", "ttl");

/// The default time to live of the last start, and what came of those before.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Seen {
    ttl_s: u64,
    forgotten_before_ms: u64,
}

/// The default policy. A default that grew since the last start revives nothing, as a policy's own
/// change does not; so the last one is written down where it is another.
pub(super) fn default_policy(config: &Config, state: &StateStore) -> Policy {
    let configured = configured(config);
    let stored = state.get(SEEN.0, SEEN.1);
    let stored: Option<Seen> = stored.and_then(|row| serde_json::from_value(row).ok());
    let policy = match stored {
        Some(Seen {
            ttl_s,
            forgotten_before_ms,
        }) => configured.following(ttl_s, forgotten_before_ms, unix_ms()),
        None => configured,
    };
    let seen = Seen {
        ttl_s: policy.ttl_s,
        forgotten_before_ms: policy.forgotten_before_ms,
    };
    if stored != Some(seen)
        && let Ok(row) = serde_json::to_value(seen)
        && let Err(cause) = state.put(SEEN.0, SEEN.1, &row)
    {
        // The next start compares with an earlier one then, which is no worse than having none.
        tracing::warn!(%cause, "the default time to live is not written down");
    }
    policy
}

pub(super) fn configured(config: &Config) -> Policy {
    #[allow(
        clippy::cast_possible_truncation,
        reason = "a cosine, a probability and a share, compared as f32"
    )]
    let (threshold, probability, budget) = (
        config.cache.threshold as f32,
        config.cache.probability as f32,
        config.cache.budget as f32,
    );
    Policy {
        namespace: String::new(),
        of_models: None,
        version: 0,
        kind: match config.cache.decide {
            Decide::Threshold => PolicyKind::Threshold,
            Decide::Probability => PolicyKind::Probability,
            Decide::Budget => PolicyKind::Budget,
        },
        threshold,
        probability,
        budget,
        point: Point::default(),
        guards: BTreeMap::new(),
        when_unsure: WhenUnsure::default(),
        verifier: match config.cache.verifier {
            AskVerifier::Grey => Verify::Grey,
            AskVerifier::Always => Verify::Always,
            AskVerifier::Never => Verify::Never,
        },
        grey: Grey::default(),
        public: false,
        ttl_s: config.cache.ttl_s,
        ttl_classes: TtlClasses {
            lasting: Some(config.cache.ttl_static_s).filter(|s| *s > 0),
            time_sensitive: config.cache.ttl_time_sensitive_s,
            never: config.cache.ttl_never_s,
        },
        stale_while_revalidate_s: config.cache.stale_while_revalidate_s,
        stale_if_error_s: config.cache.stale_if_error_s,
        capacity_entries: 0,
        temperature_max: config.cache.temperature_max,
        system_ignore: Spans::default(),
        keep_text: config.cache.keep_text,
        models: BTreeMap::new(),
        past_times: Vec::new(),
        forgotten_before_ms: 0,
    }
}
