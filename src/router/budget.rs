//! How many calls may be repeated or hedged: a share of the requests, so that a provider in trouble is not buried under
//! them, and a few a second in any case, so that a quiet gateway may repeat at all. Takes `now`.

use std::time::{Duration, Instant};

use super::window::Window;

/// Requests of this while are what the share is of.
const WHILE: Duration = Duration::from_secs(10);

/// What may be retried.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Allowance {
    /// Retries for each request.
    pub share: f64,
    /// Retries a second besides.
    pub per_second: f64,
}

/// The requests and retries of the last while.
#[derive(Debug)]
pub struct RetryBudget {
    allowance: Allowance,
    requests: Window,
    retries: Window,
}

impl RetryBudget {
    /// A full one.
    #[must_use]
    pub fn new(allowance: Allowance, now: Instant) -> Self {
        Self {
            allowance,
            requests: Window::new(WHILE, now),
            retries: Window::new(WHILE, now),
        }
    }

    /// Takes down a request's first attempt.
    pub fn request(&mut self, now: Instant) {
        self.requests.add(1, now);
    }

    /// Whether there may be one retry more; if so, it counts.
    pub fn retry(&mut self, now: Instant) -> bool {
        #[allow(
            clippy::cast_precision_loss,
            reason = "calls of ten seconds are far below 2^53"
        )]
        let [requests, retries] = [&self.requests, &self.retries].map(|w| w.sum(now) as f64);
        let floor = self.allowance.per_second * WHILE.as_secs_f64();
        let allowed = retries + 1.0 <= requests * self.allowance.share + floor;
        if allowed {
            self.retries.add(1, now);
        }
        allowed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn budget(share: f64, per_second: f64) -> (RetryBudget, Instant) {
        let now = Instant::now();
        let allowance = Allowance { share, per_second };
        (RetryBudget::new(allowance, now), now)
    }

    fn granted(budget: &mut RetryBudget, now: Instant) -> usize {
        (0..1000).filter(|_| budget.retry(now)).count()
    }

    #[test]
    fn retries_are_a_share_of_the_requests() {
        let (mut budget, now) = budget(0.2, 0.0);
        assert_eq!(granted(&mut budget, now), 0);
        for _ in 0..100 {
            budget.request(now);
        }
        assert_eq!(granted(&mut budget, now), 20);
        assert_eq!(granted(&mut budget, now + WHILE / 2), 0, "they are spent");
    }

    #[test]
    fn a_few_are_allowed_without_any_requests() {
        let (mut budget, now) = budget(0.2, 1.0);
        assert_eq!(granted(&mut budget, now), 10);
        assert_eq!(granted(&mut budget, now + WHILE * 2), 10);
    }

    #[test]
    fn old_requests_pay_for_nothing() {
        let (mut budget, now) = budget(1.0, 0.0);
        budget.request(now);
        assert!(!budget.retry(now + WHILE * 2));
    }
}
