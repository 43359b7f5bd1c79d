//! Shares of the traffic that go elsewhere (a canary) or also elsewhere (a shadow). Pure: what a request falls on is a
//! matter of its own number.

use super::chance::{mix, share, tag};

/// A rule for a share of what it is asked about.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Share {
    share: f64,
    salt: u64,
}

impl Share {
    /// A share between 0 and 1 under the rule's name, by which two rules pick different requests.
    #[must_use]
    pub fn new(rule: &str, share: f64) -> Self {
        let salt = tag(rule);
        Self { share, salt }
    }

    /// Whether it takes what has this number: that of a conversation, which then stays on one side, or that of a
    /// single request. Who is in stays in when the share grows.
    #[must_use]
    pub fn takes(&self, number: u64) -> bool {
        share(mix(number, self.salt)) < self.share
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn none_and_all_are_exact_and_between_them_the_share_is_met() {
        let taken = |share| {
            let rule = Share::new("canary|m", share);
            (0..10_000).filter(|n| rule.takes(*n)).count()
        };
        assert_eq!((taken(0.0), taken(1.0)), (0, 10_000));
        for share in [0.05, 0.25, 0.5] {
            let want = 10_000.0 * share;
            let taken = f64::from(u32::try_from(taken(share)).unwrap());
            assert!((taken - want).abs() < 150.0, "{taken} of {want}");
        }
    }

    #[test]
    fn two_rules_take_different_requests() {
        let (a, b) = (Share::new("a", 0.5), Share::new("b", 0.5));
        let both = (0..10_000).filter(|n| a.takes(*n) && b.takes(*n)).count();
        assert!((2300..2700).contains(&both), "{both}");
    }

    proptest! {
        #[test]
        fn who_is_in_stays_in_when_the_share_grows(n in any::<u64>(), a in 0.0..1.0, b in 0.0..1.0) {
            let (less, more) = if a < b { (a, b) } else { (b, a) };
            let [less, more] = [less, more].map(|share| Share::new("r", share).takes(n));
            prop_assert!(!less || more);
        }
    }
}
