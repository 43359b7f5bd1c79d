//! What checking costs in a day, and the most that it may. Money is set aside before a call, so that calls
//! at the same time do not spend it twice.

use std::sync::Arc;

use parking_lot::Mutex;

const DAY_MS: u64 = 86_400_000;

/// The day's money.
pub(super) struct Spend {
    most: f64,
    today: Arc<Mutex<Today>>,
}

#[derive(Debug, Default)]
struct Today {
    day: u64,
    usd: f64,
}

/// Money that was set aside.
pub(super) struct Held {
    today: Arc<Mutex<Today>>,
    day: u64,
    usd: f64,
}

impl Spend {
    pub(super) fn new(most: f64) -> Self {
        Self {
            most,
            today: Arc::default(),
        }
    }

    /// Sets `usd` aside at `now_ms`; none where the day's money does not reach.
    pub(super) fn hold(&self, usd: f64, now_ms: u64) -> Option<Held> {
        let day = now_ms / DAY_MS;
        let mut today = self.today.lock();
        if today.day != day {
            *today = Today { day, usd: 0.0 };
        }
        // Nothing is allowed where nothing may be spent, however little it costs.
        if self.most <= 0.0 || today.usd + usd > self.most {
            return None;
        }
        today.usd += usd;
        Some(Held {
            today: self.today.clone(),
            day,
            usd,
        })
    }
}

impl Held {
    /// Says what was spent; what was set aside, where nobody knows.
    pub(super) fn settle(self, usd: Option<f64>) {
        let mut today = self.today.lock();
        if let Some(usd) = usd.filter(|_| today.day == self.day) {
            today.usd += usd - self.usd;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_has_so_much_money_and_the_next_one_as_much_again() {
        let spend = Spend::new(1.0);
        let first = spend.hold(0.6, 5).unwrap();
        assert!(spend.hold(0.6, 5).is_none(), "it is set aside");
        first.settle(Some(0.3));
        assert!(spend.hold(0.6, 5).is_some(), "it was cheaper");
        assert!(spend.hold(0.2, 5).is_none());
        assert!(spend.hold(0.9, DAY_MS + 5).is_some());
    }

    #[test]
    fn what_nobody_counted_costs_what_was_set_aside() {
        let spend = Spend::new(1.0);
        spend.hold(0.6, 5).unwrap().settle(None);
        assert!(spend.hold(0.5, 5).is_none());
    }

    #[test]
    fn without_money_nothing_is_asked_not_even_what_is_free() {
        assert!(Spend::new(0.0).hold(0.0, 5).is_none());
    }
}
