//! Whether a remembered answer is young enough, by the date that it was given, the
//! policy as it stands now, and the request. Pure: all times are Unix milliseconds.

pub mod class;
pub mod times;

/// How young an answer must be to serve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Freshness {
    /// Longest life that the policy allows now, in milliseconds.
    pub ttl_ms: u64,
    /// Date before which the policy has let every answer die.
    pub born_ms: u64,
    /// Greatest age that the request puts up with, in milliseconds.
    pub max_age_ms: u64,
    /// Milliseconds for which it must be fresh still.
    pub min_fresh_ms: u64,
    /// Milliseconds after its end for which it may be served stale; 0 where only a fresh one will do.
    pub stale_ms: u64,
    /// Age from which on the policy lets nobody have it, whatever is asked and stale or not, in milliseconds.
    pub gone_ms: u64,
    /// Date before which every answer is gone for everybody.
    pub gone_before_ms: u64,
}

/// When an answer was given, and when it was to be forgotten.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dates {
    /// When it was given.
    pub created_ms: u64,
    /// From when on it is stale, as decided when it was remembered.
    pub fresh_ms: u64,
    /// From when on it is not served at all, as decided then.
    pub expires_ms: u64,
}

impl Freshness {
    /// From when on an answer is not fresh to anybody: the policy may have become shorter since it
    /// was remembered, but never makes it live longer.
    #[must_use]
    pub fn end(&self, dates: Dates) -> u64 {
        if dates.created_ms < self.born_ms {
            return 0;
        }
        let end = dates.created_ms.saturating_add(self.ttl_ms);
        end.min(dates.fresh_ms)
    }

    /// Whether it may be served to this request.
    #[must_use]
    pub fn admits(&self, dates: Dates, now_ms: u64) -> bool {
        let age = now_ms.saturating_sub(dates.created_ms);
        let rest = self.end(dates).saturating_sub(now_ms);
        let fresh = rest > 0 && rest >= self.min_fresh_ms;
        (fresh || self.admits_stale(dates, now_ms)) && age <= self.max_age_ms
    }

    /// Whether it went stale so short a while ago that it may be served all the same.
    fn admits_stale(&self, dates: Dates, now_ms: u64) -> bool {
        let end = self.end(dates);
        let until = end.saturating_add(self.stale_ms).min(dates.expires_ms);
        let died = dates.created_ms < self.born_ms || self.is_gone(dates, now_ms);
        self.min_fresh_ms == 0 && !died && (end..until).contains(&now_ms)
    }

    /// Whether it will never be served again, to no other question either.
    #[must_use]
    pub fn is_gone(&self, dates: Dates, now_ms: u64) -> bool {
        let last = dates.created_ms.saturating_add(self.gone_ms);
        dates.created_ms < self.gone_before_ms || now_ms >= last.min(dates.expires_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANY: Freshness = Freshness {
        ttl_ms: 1000,
        born_ms: 0,
        max_age_ms: u64::MAX,
        min_fresh_ms: 0,
        stale_ms: 0,
        gone_ms: 5000,
        gone_before_ms: 0,
    };

    /// Given at 500, to be forgotten at 1500.
    const ANSWER: Dates = Dates {
        created_ms: 500,
        fresh_ms: 1500,
        expires_ms: 1500,
    };

    #[test]
    fn an_answer_serves_until_its_date() {
        assert!(ANY.admits(ANSWER, 1499));
        assert!(!ANY.admits(ANSWER, 1500));
    }

    #[test]
    fn a_shorter_policy_ends_it_earlier_and_a_longer_one_no_later() {
        let policy = |ttl_ms| Freshness { ttl_ms, ..ANY };
        assert_eq!(policy(300).end(ANSWER), 800);
        assert!(policy(300).admits(ANSWER, 799) && !policy(300).admits(ANSWER, 800));
        assert_eq!(policy(u64::MAX).end(ANSWER), 1500);
    }

    #[test]
    fn what_a_policy_let_die_stays_dead() {
        let since = |born_ms| Freshness { born_ms, ..ANY };
        assert!(since(500).admits(ANSWER, 600));
        assert!(!since(501).admits(ANSWER, 600));
    }

    #[test]
    fn what_went_stale_is_admitted_within_its_window_by_those_who_put_up_with_it() {
        let kept = Dates {
            expires_ms: 2500,
            ..ANSWER
        };
        let stale = |stale_ms| Freshness { stale_ms, ..ANY };
        assert!(!ANY.admits(kept, 1500), "nobody asked for it");
        assert!(stale(300).admits(kept, 1499) && stale(300).admits(kept, 1799));
        assert!(!stale(300).admits(kept, 1800));
        assert!(stale(9000).admits(kept, 2499) && !stale(9000).admits(kept, 2500));
        assert!(
            !stale(300).admits(ANSWER, 1500),
            "it was not to be kept for that"
        );
        let wants = Freshness {
            max_age_ms: 1000,
            ..stale(300)
        };
        assert!(wants.admits(kept, 1500) && !wants.admits(kept, 1501));
        let fresh = Freshness {
            min_fresh_ms: 1,
            ..stale(300)
        };
        assert!(!fresh.admits(kept, 1500));
        let died = Freshness {
            born_ms: 501,
            ..stale(300)
        };
        assert!(!died.admits(kept, 1500));
    }

    #[test]
    fn what_is_too_old_for_one_question_is_not_gone_for_all() {
        let hour = Freshness { ttl_ms: 100, ..ANY };
        assert!(!hour.admits(ANSWER, 700) && !hour.is_gone(ANSWER, 700));
        assert!(hour.is_gone(ANSWER, 1500));
        let shorter = Freshness {
            gone_ms: 150,
            ..hour
        };
        assert!(shorter.is_gone(ANSWER, 650));
        let since = |born_ms, gone_before_ms| Freshness {
            born_ms,
            gone_before_ms,
            ..ANY
        };
        assert!(!since(501, 0).admits(ANSWER, 600) && !since(501, 0).is_gone(ANSWER, 600));
        assert!(since(501, 501).is_gone(ANSWER, 600));
    }

    #[test]
    fn a_request_may_want_it_younger_or_fresh_for_longer() {
        let wants = |max_age_ms, min_fresh_ms| Freshness {
            max_age_ms,
            min_fresh_ms,
            ..ANY
        };
        assert!(wants(100, 0).admits(ANSWER, 600) && !wants(100, 0).admits(ANSWER, 601));
        assert!(wants(u64::MAX, 900).admits(ANSWER, 600));
        assert!(!wants(u64::MAX, 901).admits(ANSWER, 600));
        assert!(!wants(u64::MAX, u64::MAX).admits(ANSWER, 500));
    }
}
