//! How much came in during the last while, counted in slices of it. Takes `now`.

use std::time::{Duration, Instant};

/// Slices of a window; one more is kept, so that what is still partly inside counts whole.
const SLICES: u64 = 60;

/// A sliding sum that never reports less than there was.
#[derive(Debug, Clone)]
pub struct Window {
    length: Duration,
    start: Instant,
    /// Sums by the number of their slice, which each entry carries so that an old one is known.
    slices: Vec<(u64, u64)>,
}

impl Window {
    /// An empty one.
    #[must_use]
    pub fn new(length: Duration, now: Instant) -> Self {
        Self {
            length: length.max(Duration::from_millis(SLICES)),
            start: now,
            slices: Vec::new(),
        }
    }

    /// Adds what came in.
    pub fn add(&mut self, amount: u64, now: Instant) {
        let slice = self.slice(now);
        self.slices.retain(|(s, _)| s + SLICES >= slice);
        match self.slices.iter_mut().find(|(s, _)| *s == slice) {
            Some((_, sum)) => *sum = sum.saturating_add(amount),
            None => self.slices.push((slice, amount)),
        }
    }

    /// Takes back what was added at that time and never came.
    pub fn take_back(&mut self, amount: u64, added: Instant) {
        let slice = self.slice(added);
        if let Some((_, sum)) = self.slices.iter_mut().find(|(s, _)| *s == slice) {
            *sum = sum.saturating_sub(amount);
        }
    }

    /// The sum over the last while.
    #[must_use]
    pub fn sum(&self, now: Instant) -> u64 {
        let slice = self.slice(now);
        let inside = self.slices.iter().filter(|(s, _)| s + SLICES >= slice);
        inside.fold(0, |sum, (_, amount)| sum.saturating_add(*amount))
    }

    /// How long until the sum is at most `most`, if nothing is added.
    #[must_use]
    pub fn until(&self, most: u64, now: Instant) -> Duration {
        let mut excess = self.sum(now).saturating_sub(most);
        let slice = self.slice(now);
        let inside = self.slices.iter().filter(|(s, _)| s + SLICES >= slice);
        for (s, amount) in inside {
            if excess == 0 {
                break;
            }
            excess = excess.saturating_sub(*amount);
            if excess == 0 {
                return self.begin_of(s + SLICES + 1).saturating_duration_since(now);
            }
        }
        Duration::ZERO
    }

    fn slice(&self, now: Instant) -> u64 {
        let since = now.saturating_duration_since(self.start).as_nanos();
        let length = self.length.as_nanos().max(1);
        u64::try_from(since * u128::from(SLICES) / length).unwrap_or(u64::MAX / 2)
    }

    fn begin_of(&self, slice: u64) -> Instant {
        let nanos = self.length.as_nanos() * u128::from(slice);
        let nanos = u64::try_from(nanos.div_ceil(u128::from(SLICES))).unwrap_or(u64::MAX);
        let begin = self.start.checked_add(Duration::from_nanos(nanos));
        begin.unwrap_or(self.start)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn what_is_older_than_the_window_does_not_count() {
        let start = Instant::now();
        let mut window = Window::new(MINUTE, start);
        window.add(5, start);
        window.add(7, start + Duration::from_secs(30));
        let sums = [30, 60, 61, 91].map(|s| window.sum(start + Duration::from_secs(s)));
        assert_eq!(sums, [12, 12, 7, 0]);
    }

    #[test]
    fn what_never_came_is_taken_back_where_it_was_added() {
        let start = Instant::now();
        let later = start + Duration::from_secs(30);
        let mut window = Window::new(MINUTE, start);
        window.add(5, start);
        window.add(7, later);
        window.take_back(3, start);
        assert_eq!(window.sum(later), 9);
        assert_eq!(window.sum(start + Duration::from_secs(61)), 7);
        window.take_back(99, later);
        assert_eq!(window.sum(later), 2);
    }

    proptest! {
        #[test]
        fn the_sum_never_leaves_out_what_came_within_the_window(
            came in prop::collection::vec((0_u64..200_000, 0_u64..10), 0..40),
            last in 0_u64..100_000,
        ) {
            let start = Instant::now();
            let at = |ms| start + Duration::from_millis(ms);
            let mut came = came;
            came.sort_unstable();
            let now = came.last().map_or(0, |c| c.0) + last;
            let mut window = Window::new(MINUTE, start);
            for (ms, amount) in &came {
                window.add(*amount, at(*ms));
            }
            let within = |ms: u64| came.iter().filter(|c| c.0 + ms > now).map(|c| c.1).sum::<u64>();
            let sum = window.sum(at(now));
            prop_assert!(sum >= within(60_000) && sum <= within(62_000));
        }

        #[test]
        fn after_the_wait_there_is_room_and_not_long_before(
            came in prop::collection::vec((0_u64..59_000, 1_u64..10), 1..20),
            most in 0_u64..60,
        ) {
            let start = Instant::now();
            let mut came = came;
            came.sort_unstable();
            let mut window = Window::new(MINUTE, start);
            for (ms, amount) in &came {
                window.add(*amount, start + Duration::from_millis(*ms));
            }
            let now = start + Duration::from_millis(59_000);
            let wait = window.until(most, now);
            prop_assert!(window.sum(now + wait) <= most);
            let before = now + wait.saturating_sub(Duration::from_millis(1));
            prop_assert!(wait.is_zero() || window.sum(before) > most);
        }
    }
}
