//! How much may be sent to one target now: a cap on calls at a time, requests and tokens a minute as configured, and what
//! the target itself said of its limits. Takes `now`; waiting is somebody else's.

use std::time::{Duration, Instant};

use super::window::Window;
use crate::provider::{Quota, Room};

const MINUTE: Duration = Duration::from_secs(60);

/// What may be sent; none: as much as one likes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Limits {
    /// Calls at a time.
    pub at_once: Option<u32>,
    /// Requests a minute.
    pub requests_per_minute: Option<u64>,
    /// Tokens a minute, of prompts and answers together.
    pub tokens_per_minute: Option<u64>,
}

/// Why nothing may be sent now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Block {
    /// As many calls as may be are under way: until one of them ends.
    Busy,
    /// For so long.
    For(Duration),
}

/// Leave to make one call.
#[derive(Debug)]
#[must_use]
pub struct Taken {
    tokens: u64,
    at: Instant,
}

/// What was sent to one target, and what it said.
#[derive(Debug)]
pub struct Outbound {
    limits: Limits,
    in_flight: u32,
    requests: Window,
    tokens: Window,
    requests_said: Option<Said>,
    tokens_said: Option<Said>,
}

/// What a target said of one of its limits, and what was sent since.
#[derive(Debug, Clone, Copy)]
struct Said {
    limit: Option<u64>,
    remaining: u64,
    reset: Duration,
    at: Instant,
    since: u64,
}

impl Outbound {
    /// Nothing was sent yet.
    #[must_use]
    pub fn new(limits: Limits, now: Instant) -> Self {
        Self {
            limits,
            in_flight: 0,
            requests: Window::new(MINUTE, now),
            tokens: Window::new(MINUTE, now),
            requests_said: None,
            tokens_said: None,
        }
    }

    /// Calls under way.
    #[must_use]
    pub fn in_flight(&self) -> u32 {
        self.in_flight
    }

    /// Whether a call of about so many tokens may be made.
    ///
    /// # Errors
    /// Why not now.
    pub fn check(&self, tokens: u64, now: Instant) -> Result<(), Block> {
        if self
            .limits
            .at_once
            .is_some_and(|most| self.in_flight >= most)
        {
            return Err(Block::Busy);
        }
        let limits = [
            (&self.requests, self.limits.requests_per_minute, 1),
            (&self.tokens, self.limits.tokens_per_minute, tokens),
        ];
        let own = limits.into_iter().filter_map(|(window, limit, need)| {
            // What is more than a whole minute's goes alone, else it would never.
            let room = limit?.saturating_sub(need);
            Some(window.until(room, now))
        });
        let said = [(self.requests_said, 1), (self.tokens_said, tokens)];
        let said = said
            .into_iter()
            .filter_map(|(said, need)| Some(said?.wait(need, now)));
        match own.chain(said).max().unwrap_or_default() {
            Duration::ZERO => Ok(()),
            wait => Err(Block::For(wait)),
        }
    }

    /// Leave for a call of about so many tokens.
    ///
    /// # Errors
    /// Why not now.
    pub fn take(&mut self, tokens: u64, now: Instant) -> Result<Taken, Block> {
        self.check(tokens, now)?;
        self.in_flight += 1;
        self.count(1, tokens, now);
        Ok(Taken { tokens, at: now })
    }

    /// A call has ended; `used` is what it came to, if that is known.
    pub fn finish(&mut self, taken: Taken, used: Option<u64>, now: Instant) {
        self.in_flight = self.in_flight.saturating_sub(1);
        let used = used.unwrap_or(taken.tokens);
        self.count(0, used.saturating_sub(taken.tokens), now);
        let spared = taken.tokens.saturating_sub(used);
        self.tokens.take_back(spared, taken.at);
    }

    /// A call was not made after all.
    pub fn cancel(&mut self, taken: Taken) {
        self.in_flight = self.in_flight.saturating_sub(1);
        self.requests.take_back(1, taken.at);
        self.tokens.take_back(taken.tokens, taken.at);
        let said = [
            (&mut self.requests_said, 1),
            (&mut self.tokens_said, taken.tokens),
        ];
        for (said, amount) in said {
            if let Some(said) = said {
                said.since = said.since.saturating_sub(amount);
            }
        }
    }

    /// Takes down what the target said.
    pub fn learn(&mut self, quota: &Quota, now: Instant) {
        let said = |room: Option<Room>| Said::of(room?, now);
        self.requests_said = said(quota.requests).or(self.requests_said);
        self.tokens_said = said(quota.tokens).or(self.tokens_said);
    }

    fn count(&mut self, requests: u64, tokens: u64, now: Instant) {
        self.requests.add(requests, now);
        self.tokens.add(tokens, now);
        let said = [
            (&mut self.requests_said, requests),
            (&mut self.tokens_said, tokens),
        ];
        for (said, amount) in said {
            if let Some(said) = said {
                said.since = said.since.saturating_add(amount);
            }
        }
    }
}

impl Block {
    /// How long to wait for it to end, if that is worth it: at most `most`, and less than what is left of the request's
    /// own time.
    #[must_use]
    pub fn wait(self, most: Duration, left: Duration) -> Option<Duration> {
        let wait = match self {
            Self::Busy => most.min(left),
            Self::For(wait) => wait,
        };
        (wait <= most && wait <= left && !most.is_zero()).then_some(wait)
    }

    /// The same for whoever looks from outside: nobody knows when a call ends.
    #[must_use]
    pub fn about(self) -> Duration {
        match self {
            Self::Busy => Duration::from_millis(100),
            Self::For(wait) => wait,
        }
    }
}

impl Said {
    fn of(room: Room, now: Instant) -> Option<Self> {
        Some(Self {
            limit: room.limit,
            remaining: room.remaining?,
            reset: room.reset?,
            at: now,
            since: 0,
        })
    }

    /// How long until there is room for `need`. Limits fill up evenly until they are whole again; where nobody said how
    /// much that is, nothing comes before.
    fn wait(&self, need: u64, now: Instant) -> Duration {
        let gone = now.saturating_duration_since(self.at);
        let Some(to_reset) = self.reset.checked_sub(gone).filter(|d| !d.is_zero()) else {
            return Duration::ZERO;
        };
        let need = self.limit.map_or(need, |limit| need.min(limit));
        let lacking = (need + self.since).saturating_sub(self.remaining);
        let coming = self
            .limit
            .map_or(0, |limit| limit.saturating_sub(self.remaining));
        if lacking == 0 {
            return Duration::ZERO;
        }
        if lacking >= coming {
            return to_reset;
        }
        #[allow(
            clippy::cast_precision_loss,
            reason = "counts of a minute are far below 2^53"
        )]
        let filled = self.reset.mul_f64(lacking as f64 / coming as f64);
        filled.saturating_sub(gone)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NONE: Limits = Limits {
        at_once: None,
        requests_per_minute: None,
        tokens_per_minute: None,
    };

    fn new(limits: Limits) -> (Outbound, Instant) {
        let now = Instant::now();
        (Outbound::new(limits, now), now)
    }

    fn seconds(s: u64) -> Duration {
        Duration::from_secs(s)
    }

    fn room(limit: Option<u64>, remaining: u64, reset: u64) -> Option<Room> {
        Some(Room {
            limit,
            remaining: Some(remaining),
            reset: Some(seconds(reset)),
        })
    }

    #[test]
    fn no_more_calls_are_under_way_than_may_be() {
        let (mut outbound, now) = new(Limits {
            at_once: Some(2),
            ..NONE
        });
        let (first, _second) = (
            outbound.take(1, now).unwrap(),
            outbound.take(1, now).unwrap(),
        );
        assert_eq!(outbound.check(1, now), Err(Block::Busy));
        assert_eq!(outbound.in_flight(), 2);
        outbound.finish(first, None, now);
        assert_eq!(outbound.check(1, now), Ok(()));
    }

    #[test]
    fn requests_of_the_last_minute_count() {
        let (mut outbound, now) = new(Limits {
            requests_per_minute: Some(2),
            ..NONE
        });
        for at in [0, 30] {
            let now = now + seconds(at);
            let taken = outbound.take(1, now).unwrap();
            outbound.finish(taken, None, now);
        }
        let blocked = outbound.check(1, now + seconds(30));
        assert_eq!(blocked, Err(Block::For(seconds(31))));
        assert_eq!(outbound.check(1, now + seconds(61)), Ok(()));
    }

    #[test]
    fn tokens_count_as_guessed_until_they_are_known() {
        let (mut outbound, now) = new(Limits {
            tokens_per_minute: Some(100),
            ..NONE
        });
        let taken = outbound.take(80, now).unwrap();
        assert!(outbound.check(30, now).is_err());
        outbound.finish(taken, Some(60), now + seconds(9));
        assert_eq!(outbound.check(40, now + seconds(9)), Ok(()));
        let taken = outbound.take(10, now + seconds(9)).unwrap();
        outbound.finish(taken, Some(40), now + seconds(10));
        assert!(outbound.check(1, now + seconds(10)).is_err());
    }

    #[test]
    fn what_is_more_than_a_whole_minute_may_take_goes_alone() {
        let (mut outbound, now) = new(Limits {
            tokens_per_minute: Some(100),
            ..NONE
        });
        let taken = outbound.take(500, now).unwrap();
        outbound.finish(taken, None, now);
        assert!(outbound.check(500, now + seconds(30)).is_err());
        assert_eq!(outbound.check(500, now + seconds(61)), Ok(()));
    }

    #[test]
    fn a_call_that_was_not_made_does_not_count() {
        let (mut outbound, now) = new(Limits {
            at_once: Some(1),
            requests_per_minute: Some(1),
            tokens_per_minute: Some(10),
        });
        let requests = room(None, 1, 60);
        let tokens = room(None, 10, 60);
        outbound.learn(&Quota { requests, tokens }, now);
        let taken = outbound.take(10, now).unwrap();
        outbound.cancel(taken);
        assert_eq!(outbound.check(10, now), Ok(()));
    }

    #[test]
    fn what_a_target_said_is_kept_to_until_it_is_whole_again() {
        let (mut outbound, now) = new(NONE);
        let (requests, tokens) = (room(None, 1, 20), None);
        outbound.learn(&Quota { requests, tokens }, now);
        let taken = outbound.take(1, now).unwrap();
        outbound.finish(taken, None, now);
        let later = now + seconds(5);
        assert_eq!(outbound.check(1, later), Err(Block::For(seconds(15))));
        assert_eq!(outbound.check(1, now + seconds(20)), Ok(()));
    }

    #[test]
    fn a_limit_whose_whole_is_known_fills_up_evenly() {
        let (mut outbound, now) = new(NONE);
        let (requests, tokens) = (None, room(Some(1000), 0, 60));
        outbound.learn(&Quota { requests, tokens }, now);
        assert_eq!(outbound.check(500, now), Err(Block::For(seconds(30))));
        assert_eq!(outbound.check(500, now + seconds(30)), Ok(()));
        assert_eq!(outbound.check(5000, now), Err(Block::For(seconds(60))));
    }

    #[test]
    fn what_is_more_than_the_whole_of_a_limit_goes_when_it_is_whole() {
        let (mut outbound, now) = new(NONE);
        let (requests, tokens) = (None, room(Some(1000), 1000, 60));
        outbound.learn(&Quota { requests, tokens }, now);
        assert_eq!(outbound.check(5000, now), Ok(()));
    }

    #[test]
    fn what_it_says_later_replaces_what_it_said() {
        let (mut outbound, now) = new(NONE);
        let tokens = None;
        for (remaining, want) in [(0, false), (3, true)] {
            let requests = room(None, remaining, 60);
            outbound.learn(&Quota { requests, tokens }, now);
            assert_eq!(outbound.check(1, now).is_ok(), want);
        }
        outbound.learn(&Quota::default(), now);
        for _ in 0..3 {
            drop(outbound.take(1, now).unwrap());
        }
        assert!(outbound.take(1, now).is_err(), "nothing new was said");
    }

    #[test]
    fn a_wait_is_bounded_by_what_is_worth_it_and_what_is_left() {
        let most = seconds(2);
        assert_eq!(
            Block::For(seconds(1)).wait(most, seconds(9)),
            Some(seconds(1))
        );
        assert_eq!(Block::For(seconds(3)).wait(most, seconds(9)), None);
        assert_eq!(Block::For(seconds(2)).wait(most, seconds(1)), None);
        assert_eq!(Block::Busy.wait(most, seconds(9)), Some(most));
        assert_eq!(Block::Busy.wait(most, seconds(1)), Some(seconds(1)));
        assert_eq!(Block::Busy.wait(Duration::ZERO, seconds(1)), None);
    }

    proptest! {
        #[test]
        fn no_minute_sees_more_than_the_limit(
            asks in prop::collection::vec((0_u64..20_000, 1_u64..50), 0..80),
        ) {
            let (mut outbound, start) = new(Limits {
                requests_per_minute: Some(10),
                tokens_per_minute: Some(200),
                ..NONE
            });
            let (mut at, mut sent) = (0, Vec::new());
            for (later, tokens) in asks {
                at += later;
                let now = start + Duration::from_millis(at);
                match outbound.take(tokens, now) {
                    Ok(taken) => {
                        outbound.finish(taken, None, now);
                        sent.push((at, tokens));
                    }
                    Err(Block::For(wait)) => prop_assert!(outbound.check(tokens, now + wait).is_ok()),
                    Err(Block::Busy) => prop_assert!(false),
                }
            }
            for (end, _) in &sent {
                let minute = sent.iter().filter(|(at, _)| at <= end && at + 60_000 > *end);
                let (requests, tokens) = minute.fold((0, 0), |(r, t), s| (r + 1, t + s.1));
                prop_assert!(requests <= 10 && tokens <= 200);
            }
        }
    }
}
