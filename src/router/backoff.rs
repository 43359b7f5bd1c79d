//! How long to wait before a candidate is tried again. Pure: chance comes in as a value.

use std::time::Duration;

use super::Retry;

/// The pause before the try after `failed` tries; `None` if waiting is not worth it because
/// the provider asks for more than the longest pause, or there is less than that time left.
/// `chance` spreads the clients that failed together: the pause is anywhere between none and
/// its bound (full jitter), but never shorter than the provider asks.
pub(super) fn pause(
    retry: &Retry,
    failed: u32,
    asked: Option<Duration>,
    left: Duration,
    chance: u32,
) -> Option<Duration> {
    let doubled = retry
        .base
        .saturating_mul(1 << failed.saturating_sub(1).min(30));
    let bound = doubled.min(retry.max);
    let jittered = bound.mul_f64(f64::from(chance) / f64::from(u32::MAX));
    let asked = asked.unwrap_or_default();
    let pause = jittered.max(asked);
    (asked <= retry.max && pause < left).then_some(pause)
}

/// Randomness for one pause or one choice.
pub(super) fn chance() -> u32 {
    rand::random()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::router::budget::Allowance;

    const RETRY: Retry = Retry {
        max_attempts: 5,
        base: Duration::from_millis(100),
        max: Duration::from_secs(1),
        allowance: Allowance {
            share: 1.0,
            per_second: 1.0,
        },
        queue: Duration::ZERO,
        hedge_after: Duration::ZERO,
    };
    const LONG: Duration = Duration::from_secs(60);

    fn ms(ms: u64) -> Option<Duration> {
        Some(Duration::from_millis(ms))
    }

    #[test]
    fn the_bound_doubles_up_to_the_longest_pause() {
        let bounds = [1, 2, 3, 4, 5, 99].map(|n| pause(&RETRY, n, None, LONG, u32::MAX));
        assert_eq!(bounds, [100, 200, 400, 800, 1000, 1000].map(ms));
    }

    #[test]
    fn chance_chooses_anywhere_below_the_bound() {
        assert_eq!(pause(&RETRY, 1, None, LONG, 0), ms(0));
        let half = pause(&RETRY, 1, None, LONG, u32::MAX / 2).unwrap();
        assert!(half > Duration::from_millis(49) && half < Duration::from_millis(51));
    }

    #[test]
    fn what_the_provider_asks_for_is_the_least_and_too_much_is_not_waited_for() {
        assert_eq!(pause(&RETRY, 1, ms(700), LONG, u32::MAX), ms(700));
        assert_eq!(pause(&RETRY, 1, ms(1001), LONG, 0), None);
    }

    #[test]
    fn no_pause_outlasts_the_deadline() {
        let left = Duration::from_millis(50);
        assert_eq!(pause(&RETRY, 1, None, left, u32::MAX), None);
        assert_eq!(pause(&RETRY, 1, ms(60), left, 0), None);
        assert_eq!(pause(&RETRY, 1, ms(40), left, 0), ms(40));
    }
}
