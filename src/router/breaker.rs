//! Whether one target is left alone for a while: it is after failures in a row, after too large a share of failures, and
//! for as long as it asks for itself. Takes `now`; knows no lock and no timer.
//!
//! Open, it lets nobody through until its cool-down is over, and then one request at a time, whose outcome decides.

use std::time::{Duration, Instant};

use super::strategy::Standing;
use super::window::Window;
use crate::provider::{Failure, FailureKind};

/// What is obeyed of what a provider asks for: a date in a wrong time zone must not retire it for a day.
const LONGEST_REST: Duration = Duration::from_secs(3600);

/// When it opens and for how long.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rules {
    /// Failures in a row; 0: not by these.
    pub consecutive_failures: u32,
    /// Share of failures in the window.
    pub error_rate: f64,
    /// Outcomes in the window below which the share says nothing.
    pub min_requests: u32,
    /// How far back the share looks.
    pub window: Duration,
    /// The first cool-down; it doubles with each that follows soon.
    pub cool_down: Duration,
    /// The longest.
    pub max_cool_down: Duration,
    /// After so long a probe counts as lost, and another may go.
    pub probe_timeout: Duration,
}

/// What a call says of the target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It is well.
    Answered,
    /// It is not, and may have said when to come back.
    Failed(Option<Duration>),
    /// It had enough of us, which is no failure, and may have said when to come back.
    Limited(Option<Duration>),
    /// Nothing: the request itself was at fault, or somebody gave up.
    Unknown,
}

/// Leave to make one call. The outcome is reported with it; for a stream that breaks off later a second one may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub struct Permit {
    epoch: u64,
    probe: bool,
}

/// What is remembered of one target's outcomes.
#[derive(Debug)]
pub struct Breaker {
    rules: Rules,
    state: State,
    /// Counts openings and probes: what was permitted before the last of them says nothing any more.
    epoch: u64,
    in_a_row: u32,
    /// Answers in a row that began and broke off.
    broken_off: u32,
    good: Window,
    bad: Window,
    /// Openings that followed each other soon, and when the last one ended.
    openings: u32,
    closed: Option<Instant>,
    /// What the target asked for, and how often in a row it did so.
    rest: Option<Instant>,
    limited: u32,
}

#[derive(Debug, Clone, Copy)]
enum State {
    Closed,
    /// `probe`: when one was let through.
    Open {
        until: Instant,
        probe: Option<Instant>,
    },
}

/// A breaker's state, for eyes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Everybody may pass.
    Closed,
    /// Nobody may.
    Open,
    /// One may, or is on the way.
    Probing,
}

impl Outcome {
    /// What a failed call says of the target.
    #[must_use]
    pub fn of(failure: &Failure) -> Self {
        match failure.kind {
            FailureKind::Connect
            | FailureKind::FirstByteTimeout
            | FailureKind::IdleTimeout
            | FailureKind::Reset
            | FailureKind::Malformed
            | FailureKind::Overloaded
            | FailureKind::Server
            | FailureKind::InStream => Self::Failed(failure.retry_after),
            FailureKind::RateLimited => Self::Limited(failure.retry_after),
            // The time for everything may have been spent elsewhere, and a refused account may be of a client's own
            // naming (`OpenAI-Organization`): nobody must be able to shut a provider for all others.
            FailureKind::TotalTimeout
            | FailureKind::TooLarge
            | FailureKind::Auth
            | FailureKind::Rejected
            | FailureKind::Inexpressible
            | FailureKind::Resting
            | FailureKind::Busy => Self::Unknown,
        }
    }
}

impl Breaker {
    /// A closed one.
    #[must_use]
    pub fn new(rules: Rules, now: Instant) -> Self {
        Self {
            rules,
            state: State::Closed,
            epoch: 0,
            in_a_row: 0,
            broken_off: 0,
            good: Window::new(rules.window, now),
            bad: Window::new(rules.window, now),
            openings: 0,
            closed: None,
            rest: None,
            limited: 0,
        }
    }

    /// Whether the target may be asked.
    #[must_use]
    pub fn standing(&self, now: Instant) -> Standing {
        let resting = self.rest.map_or(Duration::ZERO, |r| left(r, now));
        let (closed, open) = match self.state {
            State::Closed => (true, Duration::ZERO),
            State::Open { until, probe } => {
                let lost = probe.and_then(|p| p.checked_add(self.rules.probe_timeout));
                let probing = lost.map_or(Duration::ZERO, |lost| left(lost, now));
                // Most probes are told of long before they count as lost: nobody is sent away for that long.
                let probing = probing.min(self.rules.cool_down);
                (false, left(until, now).max(probing))
            }
        };
        match resting.max(open) {
            Duration::ZERO if closed => Standing::Ready,
            Duration::ZERO => Standing::Probe,
            wait => Standing::Open(wait),
        }
    }

    /// Its state.
    #[must_use]
    pub fn phase(&self, now: Instant) -> Phase {
        match self.state {
            State::Closed => Phase::Closed,
            State::Open { until, .. } if now < until => Phase::Open,
            State::Open { .. } => Phase::Probing,
        }
    }

    /// Lets one call through.
    ///
    /// # Errors
    /// How long nobody is let through.
    pub fn admit(&mut self, now: Instant) -> Result<Permit, Duration> {
        let probe = match self.standing(now) {
            Standing::Ready => false,
            Standing::Probe => true,
            Standing::Full(wait) | Standing::Open(wait) => return Err(wait),
        };
        if let State::Open { probe, .. } = &mut self.state {
            *probe = Some(now);
            self.epoch += 1;
        }
        let epoch = self.epoch;
        Ok(Permit { epoch, probe })
    }

    /// Takes down what came of a call.
    pub fn report(&mut self, permit: Permit, outcome: Outcome, now: Instant) {
        match outcome {
            Outcome::Failed(Some(asked)) => self.rest_for(asked, now),
            Outcome::Limited(asked) => self.limit(asked, now),
            _ => {}
        }
        if permit.epoch != self.epoch {
            return;
        }
        match (self.state, outcome) {
            (State::Closed, Outcome::Answered) => {
                self.good.add(1, now);
                self.in_a_row = 0;
                self.limited = 0;
            }
            (State::Closed, Outcome::Failed(_)) => {
                self.bad.add(1, now);
                self.in_a_row += 1;
                if self.is_breached(now) {
                    self.open(now);
                }
            }
            (State::Closed, Outcome::Limited(_) | Outcome::Unknown) => {}
            (State::Open { .. }, Outcome::Answered) if permit.probe => self.close(now),
            (State::Open { .. }, Outcome::Failed(_)) if permit.probe => self.open(now),
            (State::Open { until, .. }, _) => {
                let probe = None;
                self.state = State::Open { until, probe };
            }
        }
    }

    /// Takes down that an answer which had begun at `begun` broke off: it was none after all.
    pub fn broke_off(&mut self, permit: Permit, outcome: Outcome, begun: Instant, now: Instant) {
        let counted = permit.epoch == self.epoch && matches!(self.state, State::Closed);
        if counted && matches!(outcome, Outcome::Failed(_)) {
            self.good.take_back(1, begun);
            self.broken_off += 1;
        }
        self.report(permit, outcome, now);
    }

    /// Takes down that an answer came to its end.
    pub fn ended(&mut self, permit: Permit) {
        if permit.epoch == self.epoch {
            self.broken_off = 0;
        }
    }

    /// Whether nothing that anybody would miss has been taken down.
    #[must_use]
    pub fn is_blank(&self, now: Instant) -> bool {
        let heard = [&self.good, &self.bad].map(|window| window.sum(now));
        heard == [0, 0]
            && self.in_a_row == 0
            && matches!(self.state, State::Closed)
            && self.rest.is_none_or(|rest| rest <= now)
    }

    fn is_breached(&self, now: Instant) -> bool {
        let rules = &self.rules;
        let (good, bad) = (self.good.sum(now), self.bad.sum(now));
        #[allow(
            clippy::cast_precision_loss,
            reason = "calls within a window are far below 2^53"
        )]
        let rate = bad as f64 / (good + bad).max(1) as f64;
        let by_rate = good + bad >= u64::from(rules.min_requests) && rate >= rules.error_rate;
        // Streams that all break off begin well each time, which ends each row of failures.
        let most = self.in_a_row.max(self.broken_off);
        let in_a_row = rules.consecutive_failures > 0 && most >= rules.consecutive_failures;
        by_rate || in_a_row
    }

    fn open(&mut self, now: Instant) {
        let soon = |closed: Instant| now.saturating_duration_since(closed) < self.rules.window;
        let again = matches!(self.state, State::Open { .. }) || self.closed.is_some_and(soon);
        self.openings = if again { self.openings + 1 } else { 1 };
        let wait = self.cool_down(self.openings);
        self.state = State::Open {
            until: now.checked_add(wait).unwrap_or(now),
            probe: None,
        };
        self.epoch += 1;
    }

    fn close(&mut self, now: Instant) {
        self.state = State::Closed;
        self.closed = Some(now);
        self.in_a_row = 0;
        self.broken_off = 0;
        self.limited = 0;
        self.good = Window::new(self.rules.window, now);
        self.bad = Window::new(self.rules.window, now);
        self.good.add(1, now);
    }

    /// Calls that were on their way when the rest began are told the same: only the first of them counts.
    fn limit(&mut self, asked: Option<Duration>, now: Instant) {
        if self.rest.is_none_or(|rest| rest <= now) {
            self.limited += 1;
        }
        let own = || self.cool_down(self.limited);
        self.rest_for(asked.unwrap_or_else(own), now);
    }

    fn rest_for(&mut self, asked: Duration, now: Instant) {
        let until = now.checked_add(asked.min(LONGEST_REST));
        self.rest = self.rest.max(until);
    }

    fn cool_down(&self, times: u32) -> Duration {
        let doubled = 1_u32 << times.saturating_sub(1).min(30);
        let wait = self.rules.cool_down.saturating_mul(doubled);
        wait.min(self.rules.max_cool_down)
    }
}

fn left(until: Instant, now: Instant) -> Duration {
    until.saturating_duration_since(now)
}

#[cfg(test)]
mod tests;
