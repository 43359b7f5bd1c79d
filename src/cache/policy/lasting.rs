//! How long a policy lets answers live, and what it has let die before.

use super::Policy;
use crate::cache::freshness::Freshness;
use crate::cache::freshness::times::StaleWindows;
use crate::config::TtlClass;

/// Longest time to live: ten years, so that an expiry never overflows.
const TTL_MAX_S: u64 = 10 * 365 * 86_400;

impl Policy {
    /// How young an answer must be for a question of a class, as far as the policy says it; `forgotten_ms` is
    /// [`ByModel::forgotten`](super::ByModel::forgotten) of its model.
    #[must_use]
    pub fn freshness(&self, class: TtlClass, forgotten_ms: u64) -> Freshness {
        // A time of its own was not shortened when that of all others was, and so nothing of it died then.
        let apart = self.ttl_classes.lasting.is_some();
        let before_ms = self.forgotten_before_ms.max(forgotten_ms);
        let forgotten = |apart| if apart { 0 } else { before_ms };
        Freshness {
            ttl_ms: self
                .ttl_classes
                .seconds(class, self.ttl_s)
                .saturating_mul(1000),
            born_ms: forgotten(apart && class == TtlClass::Static),
            max_age_ms: u64::MAX,
            min_fresh_ms: 0,
            stale_ms: 0,
            gone_ms: self.longest_ms(),
            gone_before_ms: forgotten(apart),
        }
    }

    /// The longest that any answer is served, fresh or stale.
    pub(super) fn longest_ms(&self) -> u64 {
        let longest_s = self.ttl_classes.longest(self.ttl_s);
        longest_s
            .saturating_mul(1000)
            .saturating_add(self.stale().longest_ms())
    }

    /// How long what is stale may be served.
    #[must_use]
    pub fn stale(&self) -> StaleWindows {
        StaleWindows {
            while_revalidate_s: self.stale_while_revalidate_s,
            if_error_s: self.stale_if_error_s,
        }
    }

    /// The same, coming after one with the time to live `ttl_s`: what that had let die by `now_ms`, or
    /// others before it, stays dead.
    #[must_use]
    pub fn following(self, ttl_s: u64, forgotten_before_ms: u64, now_ms: u64) -> Self {
        let before = Self {
            ttl_s,
            forgotten_before_ms,
            ..self.clone()
        };
        Self {
            forgotten_before_ms: before.forgotten_when(self.ttl_s, now_ms),
            ..self
        }
    }

    /// What is forgotten once `ttl_s` is in force: a longer time revives nothing.
    pub(super) fn forgotten_when(&self, ttl_s: u64, now_ms: u64) -> u64 {
        if ttl_s > self.ttl_s {
            self.oldest_alive(now_ms)
        } else {
            self.forgotten_before_ms
        }
    }

    /// Date of the oldest answer that this policy lets live.
    fn oldest_alive(&self, now_ms: u64) -> u64 {
        let ttl_ms = self.ttl_s.saturating_mul(1000);
        // At its very end an answer is dead already, hence the one more.
        let oldest = now_ms.saturating_add(1).saturating_sub(ttl_ms);
        oldest.max(self.forgotten_before_ms)
    }

    /// The first of its times that makes no sense, and what it must be.
    pub(super) fn misfit_of_times(&self) -> Option<(&'static str, &'static str)> {
        let most = "at most 315360000";
        let misfits = [
            (
                !(1..=TTL_MAX_S).contains(&self.ttl_s),
                "ttl_s",
                "between 1 and 315360000",
            ),
            (
                !self.ttl_classes.fit(TTL_MAX_S),
                "ttl_classes",
                "seconds by class, each at most 315360000",
            ),
            (
                self.stale_while_revalidate_s > TTL_MAX_S,
                "stale_while_revalidate_s",
                most,
            ),
            (self.stale_if_error_s > TTL_MAX_S, "stale_if_error_s", most),
        ];
        let first = misfits.into_iter().find(|(misfit, ..)| *misfit);
        first.map(|(_, param, expected)| (param, expected))
    }
}
