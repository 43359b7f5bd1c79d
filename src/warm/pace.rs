//! When the next request may leave: not faster than the rate, and not while the
//! gateway asked to be left alone.

use std::cell::Cell;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::{Instant, sleep_until};

/// Longest time between two turns; points in time must stay within what a clock holds.
const SLOWEST: Duration = Duration::from_secs(86_400);

/// The turns of one run, in the order in which they were asked for.
#[derive(Debug)]
pub struct Pace {
    gap: Duration,
    next: Mutex<Instant>,
    held_until: Cell<Instant>,
}

impl Pace {
    /// At most `rate` turns a second, evenly spread; without a rate as many as are asked for.
    #[must_use]
    pub fn new(rate: Option<f64>) -> Self {
        let gap = |rate: f64| {
            Duration::try_from_secs_f64(1.0 / rate).map_or(SLOWEST, |gap| gap.min(SLOWEST))
        };
        let now = Instant::now();
        Self {
            gap: rate.map_or(Duration::ZERO, gap),
            next: Mutex::new(now),
            held_until: Cell::new(now),
        }
    }

    /// Waits for a turn. A turn given up while waiting is nobody's.
    pub async fn turn(&self) {
        // Held while waiting: whoever asked first goes first.
        let mut next = self.next.lock().await;
        loop {
            let at = (*next).max(self.held_until.get());
            let now = Instant::now();
            if at <= now {
                *next = now + self.gap;
                return;
            }
            sleep_until(at).await;
        }
    }

    /// Gives no turns for this long.
    pub fn hold(&self, time: Duration) {
        let until = Instant::now() + time;
        self.held_until.set(self.held_until.get().max(until));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn turns_come_at_the_rate_and_not_faster_after_a_pause() {
        let pace = Pace::new(Some(10.0));
        let begun = Instant::now();
        tokio::time::advance(Duration::from_secs(1)).await;
        for _ in 0..5 {
            pace.turn().await;
        }
        assert!(begun.elapsed() >= Duration::from_millis(1400), "no burst");
        assert!(begun.elapsed() < Duration::from_millis(1450));
    }

    #[tokio::test(start_paused = true)]
    async fn a_rate_of_next_to_nothing_is_slow_and_not_without_limit() {
        let pace = Pace::new(Some(f64::MIN_POSITIVE));
        let begun = Instant::now();
        pace.turn().await;
        pace.turn().await;
        assert!(begun.elapsed() >= SLOWEST);
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_gets_a_turn_while_it_is_held() {
        let pace = Pace::new(None);
        let begun = Instant::now();
        pace.turn().await;
        assert_eq!(begun.elapsed(), Duration::ZERO);
        pace.hold(Duration::from_secs(3));
        pace.hold(Duration::from_secs(1));
        pace.turn().await;
        assert!(begun.elapsed() >= Duration::from_secs(3));
        assert!(begun.elapsed() < Duration::from_millis(3100));
    }
}
