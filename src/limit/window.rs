//! A sliding window: how much was used within the last minute or day.
//!
//! It is a log in which what lies within a 120th of the window is one entry. An entry counts until the newest in it
//! has left, so that no stretch of the window's length ever holds more than the limit. What shares an entry counts at
//! most a 120th of the window too long: the error is 0.9 % at most, and always a refusal too many. A log holds 122
//! entries at most, which is 3 kB.

use std::collections::VecDeque;

/// Parts of a window that are told apart.
const PARTS: u64 = 120;

/// When there is room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Room {
    /// At once.
    Now,
    /// In so many milliseconds, if nobody takes it before.
    In(u64),
    /// More is wanted than the whole of it.
    Never,
}

/// What was used at about the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Entry {
    first: u64,
    last: u64,
    amount: u64,
}

/// The log of one limit. All times are milliseconds of one clock.
#[derive(Debug, Clone)]
pub struct Window {
    span: u64,
    limit: u64,
    used: u64,
    log: VecDeque<Entry>,
}

impl Window {
    /// An empty window of `span` milliseconds, in which `limit` may be used.
    #[must_use]
    pub fn new(span: u64, limit: u64) -> Self {
        Self {
            span,
            limit,
            used: 0,
            log: VecDeque::new(),
        }
    }

    /// Lets go of what has left the window by `now`.
    pub fn pass(&mut self, now: u64) {
        while let Some(oldest) = self.log.front() {
            if now < oldest.last.saturating_add(self.span) {
                return;
            }
            self.used = self.used.saturating_sub(oldest.amount);
            self.log.pop_front();
        }
    }

    /// When there is room for `amount` more; for nothing there always is.
    #[must_use]
    pub fn room(&self, now: u64, amount: u64) -> Room {
        let over = self.used.saturating_add(amount).saturating_sub(self.limit);
        if amount == 0 || over == 0 {
            return Room::Now;
        }
        if amount > self.limit {
            return Room::Never;
        }
        let mut left = 0;
        let enough = self.log.iter().find(|entry| {
            left += entry.amount;
            left >= over
        });
        enough.map_or(Room::Never, |entry| Room::In(self.leaves(now, entry)))
    }

    /// Uses `amount`, whether there is room or not.
    pub fn take(&mut self, now: u64, amount: u64) {
        if amount == 0 {
            return;
        }
        self.used = self.used.saturating_add(amount);
        match self.log.back_mut() {
            Some(newest) if now < newest.first.saturating_add(self.span / PARTS) => {
                newest.last = newest.last.max(now);
                newest.amount = newest.amount.saturating_add(amount);
            }
            _ => self.log.push_back(Entry {
                first: now,
                last: now,
                amount,
            }),
        }
    }

    /// Gives back `amount` of what was used at `at`; what has left by now has come back by itself.
    pub fn give_back(&mut self, at: u64, amount: u64) {
        let place = self.log.partition_point(|entry| entry.last < at);
        let Some(entry) = self.log.get_mut(place).filter(|e| e.first <= at) else {
            return;
        };
        let less = amount.min(entry.amount);
        entry.amount -= less;
        self.used = self.used.saturating_sub(less);
        if entry.amount == 0 {
            self.log.remove(place);
        }
    }

    /// How much may be used.
    #[must_use]
    pub fn limit(&self) -> u64 {
        self.limit
    }

    /// How much of it is left.
    #[must_use]
    pub fn remaining(&self) -> u64 {
        self.limit.saturating_sub(self.used)
    }

    /// Milliseconds until all of it is left again, if nobody uses any.
    #[must_use]
    pub fn reset(&self, now: u64) -> u64 {
        self.log.back().map_or(0, |entry| self.leaves(now, entry))
    }

    /// Whether nothing in it is used.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.log.is_empty()
    }

    fn leaves(&self, now: u64, entry: &Entry) -> u64 {
        entry.last.saturating_add(self.span).saturating_sub(now)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MINUTE: u64 = 60_000;
    const SLACK: u64 = MINUTE / PARTS;

    /// The plainest thing that could be right.
    #[derive(Default)]
    struct Naive(Vec<(u64, u64)>);

    impl Naive {
        fn used(&self, now: u64, span: u64) -> u64 {
            let within = self.0.iter().filter(|(at, _)| now < at + span);
            within.map(|(_, amount)| amount).sum()
        }
    }

    fn is_open(window: &mut Window, now: u64, amount: u64) -> bool {
        window.pass(now);
        window.room(now, amount) == Room::Now
    }

    proptest! {
        #[test]
        fn it_admits_what_a_whole_log_admits_but_for_a_120th_of_the_window(
            limit in 1_u64..60,
            asked in prop::collection::vec((0_u64..4_000, 1_u64..6), 1..300),
        ) {
            let (mut window, mut log, mut now) = (Window::new(MINUTE, limit), Naive::default(), 0);
            for (later, amount) in asked {
                now += later;
                if is_open(&mut window, now, amount) {
                    prop_assert!(log.used(now, MINUTE) + amount <= limit);
                    window.take(now, amount);
                    log.0.push((now, amount));
                } else {
                    prop_assert!(log.used(now, MINUTE + SLACK) + amount > limit);
                }
                prop_assert!(window.log.len() as u64 <= PARTS + 2);
            }
        }

        #[test]
        fn there_is_room_when_it_says_so_and_not_a_moment_before(
            limit in 1_u64..20,
            asked in prop::collection::vec((0_u64..900, 1_u64..6), 1..80),
        ) {
            let (mut window, mut now) = (Window::new(MINUTE, limit), 0);
            for (later, amount) in asked {
                now += later;
                window.pass(now);
                match window.room(now, amount) {
                    Room::Now => window.take(now, amount),
                    Room::Never => prop_assert!(amount > limit),
                    Room::In(wait) => {
                        prop_assert!((1..=MINUTE).contains(&wait));
                        prop_assert!(!is_open(&mut window.clone(), now + wait - 1, amount));
                        prop_assert!(is_open(&mut window.clone(), now + wait, amount));
                    }
                }
            }
        }

        #[test]
        fn what_is_given_back_was_never_used(
            limit in 1_u64..30,
            asked in prop::collection::vec((0_u64..3_000, 1_u64..6, any::<bool>()), 1..200),
        ) {
            let (mut given, mut plain, mut now) = (Window::new(MINUTE, limit), Window::new(MINUTE, limit), 0);
            for (later, amount, back) in asked {
                now += later;
                given.pass(now);
                plain.pass(now);
                given.take(now, amount);
                if back {
                    given.give_back(now, amount);
                } else {
                    plain.take(now, amount);
                }
                // An entry may have begun with what was given back.
                prop_assert!(given.used >= plain.used);
                let gone = |window: &Window| { let mut w = window.clone(); w.pass(now + SLACK); w.used };
                prop_assert!(gone(&given) <= plain.used);
            }
        }
    }

    #[test]
    fn a_full_window_is_open_again_when_its_first_has_left() {
        let mut window = Window::new(MINUTE, 2);
        window.take(0, 1);
        window.take(10_000, 1);
        assert_eq!(window.room(10_000, 1), Room::In(50_000));
        assert_eq!(window.room(10_000, 2), Room::In(60_000));
        assert_eq!(window.room(10_000, 3), Room::Never);
        assert_eq!((window.remaining(), window.reset(10_000)), (0, 60_000));
        window.pass(60_000);
        assert_eq!((window.remaining(), window.reset(60_000)), (1, 10_000));
        window.pass(70_000);
        assert!(window.is_idle());
    }

    #[test]
    fn what_was_used_beyond_the_limit_is_waited_for() {
        let mut window = Window::new(MINUTE, 10);
        window.take(0, 25);
        window.take(30_000, 5);
        assert_eq!((window.remaining(), window.room(30_000, 0)), (0, Room::Now));
        assert_eq!(window.room(30_000, 5), Room::In(30_000));
        assert_eq!(window.room(30_000, 6), Room::In(60_000));
    }

    #[test]
    fn what_has_left_is_not_given_back_again() {
        let mut window = Window::new(MINUTE, 10);
        window.take(0, 4);
        window.pass(60_000);
        window.take(60_000, 3);
        window.give_back(0, 4);
        assert_eq!(window.remaining(), 7);
        window.give_back(60_000, 1);
        assert_eq!(window.remaining(), 8);
    }
}
