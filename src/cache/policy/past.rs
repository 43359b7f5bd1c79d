//! Times to live that were in force before: what they had let die of any model stays dead, whatever patterns come
//! after them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::narrowest::Narrowest;
use super::{Policy, never};

/// Tables that are kept of one policy; of older ones all that they let live is forgotten.
const KEPT: usize = 32;

/// How long answers were remembered until a change.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct PastTimes {
    /// Unix milliseconds of the change.
    pub until_ms: u64,
    /// As [`Policy::ttl_s`] was.
    pub ttl_s: u64,
    /// As [`Policy::forgotten_before_ms`] was.
    #[serde(default, skip_serializing_if = "never")]
    pub forgotten_before_ms: u64,
    /// The same for models, by pattern; null where they had no time of their own.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub models: BTreeMap<String, Option<u64>>,
}

/// A table ready to be asked.
#[derive(Debug, Clone)]
pub(super) struct Past {
    until_ms: u64,
    ttl_s: u64,
    forgotten_before_ms: u64,
    models: Narrowest<Option<u64>>,
}

impl Past {
    pub(super) fn new(times: &PastTimes) -> Self {
        let models = times.models.iter().map(|(p, ttl_s)| (p.clone(), *ttl_s));
        Self {
            until_ms: times.until_ms,
            ttl_s: times.ttl_s,
            forgotten_before_ms: times.forgotten_before_ms,
            models: Narrowest::new(models),
        }
    }

    /// Unix milliseconds: what was remembered of a model before then was dead when the change came.
    pub(super) fn forgotten(&self, model: &str) -> u64 {
        let own = self.models.of(model).and_then(|(_, ttl_s)| *ttl_s);
        let ttl_ms = own.unwrap_or(self.ttl_s).saturating_mul(1000);
        // At its very end an answer is dead already, hence the one more.
        let oldest = self.until_ms.saturating_add(1).saturating_sub(ttl_ms);
        match own {
            Some(_) => oldest,
            None => oldest.max(self.forgotten_before_ms),
        }
    }
}

impl Policy {
    /// The times in force, as a table that ends now.
    fn times(&self, until_ms: u64) -> PastTimes {
        let models = self.models.iter().map(|(p, own)| (p.clone(), own.ttl_s));
        PastTimes {
            until_ms,
            ttl_s: self.ttl_s,
            forgotten_before_ms: self.forgotten_before_ms,
            models: models.collect(),
        }
    }

    /// The same after `before`, which ends at `now_ms` (Unix milliseconds).
    pub(super) fn forgetting(mut self, before: &Self, now_ms: u64) -> Self {
        let (had, has) = (before.times(now_ms), self.times(now_ms));
        let by_model = !had.models.is_empty() || !has.models.is_empty();
        let changed = (had.ttl_s, &had.models) != (has.ttl_s, &has.models);
        self.past_times.clone_from(&before.past_times);
        if by_model && changed {
            self.past_times.push(had);
        }
        let own = self.models.iter().map(|(p, own)| self.with(p, own));
        let longest_ms = own.map(|policy| policy.longest_ms()).max();
        let longest_ms = longest_ms.unwrap_or(0).max(self.longest_ms());
        self.past_times
            .retain(|past| past.until_ms.saturating_add(longest_ms) > now_ms);
        if let Some(more) = self.past_times.len().checked_sub(KEPT + 1) {
            // Better too much than what had died.
            let last = self.past_times.drain(..=more).next_back();
            self.past_times.insert(
                0,
                PastTimes {
                    until_ms: last.map_or(0, |past| past.until_ms),
                    ..PastTimes::default()
                },
            );
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::super::{ByModel, tests::policies};
    use super::*;

    const NOW: u64 = 100_000_000;

    fn changed(before: &Policy, json: &str, now_ms: u64) -> Policy {
        let draft = serde_json::from_str(json).unwrap();
        before.changed(&draft, now_ms).unwrap()
    }

    fn forgotten(policy: &Policy, model: &str) -> u64 {
        let policy = ByModel::new(policy.clone());
        let forgotten_ms = policy.of(model).forgotten_before_ms;
        forgotten_ms.max(policy.forgotten(model))
    }

    #[test]
    fn what_a_shorter_time_of_some_models_let_die_stays_dead_under_any_other_patterns() {
        let short = changed(
            &policies().of("a"),
            r#"{"models":{"*-mini":{"ttl_s":60}}}"#,
            NOW - 1_000_000,
        );
        let dead = NOW + 1 - 60_000;
        for models in [
            "{}",
            r#"{"gpt*":{"threshold":0.5}}"#,
            r#"{"gpt-4o-mini*":{"threshold":0.5}}"#,
            r#"{"*-mini":{"ttl_s":60},"gpt-4o*":{"ttl_s":3600},"gpt-4o-m*":{"ttl_s":9000}}"#,
        ] {
            let after = changed(&short, &format!(r#"{{"models":{models}}}"#), NOW);
            assert_eq!(forgotten(&after, "gpt-4o-mini"), dead, "{models}");
            let other = forgotten(&after, "gpt-4o");
            assert!(
                other <= NOW + 1 - 86_400_000,
                "{models}: others lose nothing"
            );
            // Sent back whole it stays so, and gone back to what was before it all.
            let whole = serde_json::to_string(&after).unwrap();
            let whole = changed(&after, &whole, NOW);
            assert_eq!(forgotten(&whole, "gpt-4o-mini"), dead);
            let back = after.restored(&policies().of("a"), NOW).unwrap();
            assert!(forgotten(&back, "gpt-4o-mini") >= dead);
            // Once nothing of it could live any more, nothing is kept of it.
            let late = back.restored(&policies().of("a"), NOW + 86_400_000);
            assert!(late.unwrap().past_times.len() <= 1);
        }
    }

    #[test]
    fn what_all_had_let_die_stays_dead_for_models_that_get_a_time_of_their_own() {
        let short = changed(&policies().of("a"), r#"{"ttl_s":60}"#, NOW - 10_000);
        let long = changed(&short, r#"{"ttl_s":86400}"#, NOW);
        let own = changed(&long, r#"{"models":{"m":{"ttl_s":90000}}}"#, NOW + 5);
        assert_eq!(forgotten(&own, "m"), NOW + 1 - 60_000);
    }

    #[test]
    fn a_policy_that_changes_its_times_again_and_again_stays_small() {
        let mut policy = Policy::clone(&policies().of("a"));
        for round in 0..50 {
            let json = format!(r#"{{"models":{{"m-{round}":{{"ttl_s":60}}}}}}"#);
            policy = changed(&policy, &json, NOW + round);
        }
        assert!(policy.past_times.len() <= KEPT + 1);
        assert!(forgotten(&policy, "m-0") > NOW - 60_000);
    }
}
