//! All that is remembered of one target between requests: its breaker, what was sent to it and to its provider, how
//! long it takes. Behind locks that are held for as long as it takes to look something up. Takes `now`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::breaker::{Breaker, Outcome, Permit, Phase, Rules};
use super::ewma::PeakEwma;
use super::outbound::{Block, Limits, Outbound, Taken};
use super::strategy::{Latency, Standing, TargetState};
use crate::provider::Quota;

/// One target's.
#[derive(Debug)]
pub struct Health {
    decay: Duration,
    /// Always locked before the provider's.
    state: Mutex<State>,
    provider: Arc<Sent>,
}

/// What was sent to a provider, whichever of its models, by the limits that the settings name.
#[derive(Debug)]
pub struct Sent(Mutex<Outbound>);

impl Sent {
    /// Nothing yet.
    #[must_use]
    pub fn new(limits: Limits, now: Instant) -> Self {
        Self(Mutex::new(Outbound::new(limits, now)))
    }
}

#[derive(Debug)]
struct State {
    breaker: Breaker,
    /// By what the target says itself.
    outbound: Outbound,
    first_word: PeakEwma,
    whole: PeakEwma,
}

/// Why a call may not be made now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// The target is left alone for so long.
    Open(Duration),
    /// There is no room for the call.
    Full(Block),
}

/// Leave to make one call. Dropped without a word of what came of it, it frees what it held and blames nobody.
#[derive(Debug)]
#[must_use]
pub struct Lease {
    health: Arc<Health>,
    permit: Permit,
    /// Of the target and of its provider.
    taken: Option<[Taken; 2]>,
    begun: Instant,
    told: Told,
}

/// What has been said of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    Nothing,
    Begun(Instant),
    Failed,
}

impl Health {
    /// Nothing is known yet. `decay` is how soon a slow answer is forgotten.
    #[must_use]
    pub fn new(rules: Rules, decay: Duration, provider: Arc<Sent>, now: Instant) -> Self {
        Self {
            decay,
            provider,
            state: Mutex::new(State {
                breaker: Breaker::new(rules, now),
                outbound: Outbound::new(Limits::default(), now),
                first_word: PeakEwma::default(),
                whole: PeakEwma::default(),
            }),
        }
    }

    /// What is known for a call of about so many tokens; prices and abilities are not known here.
    #[must_use]
    pub fn look(&self, tokens: u64, now: Instant) -> TargetState {
        let state = self.state.lock();
        let latency = |ewma: &PeakEwma| ewma.read(now).map(|(ms, age)| Latency { ms, age });
        let room = state.outbound.check(tokens, now);
        let room = room.and_then(|()| self.provider.0.lock().check(tokens, now));
        let standing = match (state.breaker.standing(now), room) {
            (Standing::Ready | Standing::Probe, Err(block)) => Standing::Full(block.about()),
            (standing, _) => standing,
        };
        TargetState {
            in_flight: state.outbound.in_flight(),
            first_word: latency(&state.first_word),
            whole: latency(&state.whole),
            standing,
            ..TargetState::default()
        }
    }

    /// The breaker's state, for metrics.
    #[must_use]
    pub fn phase(&self, now: Instant) -> Phase {
        self.state.lock().breaker.phase(now)
    }

    /// Whether nothing that anybody would miss is remembered.
    #[must_use]
    pub fn is_blank(&self, now: Instant) -> bool {
        let state = self.state.lock();
        let measured = [&state.first_word, &state.whole].map(|ewma| ewma.read(now));
        measured == [None, None] && state.outbound.in_flight() == 0 && state.breaker.is_blank(now)
    }

    /// Leave for a call of about so many tokens.
    ///
    /// # Errors
    /// Why not now.
    pub fn begin(self: &Arc<Self>, tokens: u64, now: Instant) -> Result<Lease, Refused> {
        let mut state = self.state.lock();
        let mut provider = self.provider.0.lock();
        // The room first: a probe that finds none would be lost.
        let taken = state.outbound.take(tokens, now).map_err(Refused::Full)?;
        let of_provider = match provider.take(tokens, now) {
            Ok(taken) => taken,
            Err(block) => {
                state.outbound.cancel(taken);
                return Err(Refused::Full(block));
            }
        };
        let permit = match state.breaker.admit(now) {
            Ok(permit) => permit,
            Err(wait) => {
                state.outbound.cancel(taken);
                provider.cancel(of_provider);
                return Err(Refused::Open(wait));
            }
        };
        Ok(Lease {
            health: Arc::clone(self),
            permit,
            taken: Some([taken, of_provider]),
            begun: now,
            told: Told::Nothing,
        })
    }

    /// Takes down what the target said of its limits.
    pub fn learn(&self, quota: &Quota, now: Instant) {
        self.state.lock().outbound.learn(quota, now);
    }

    /// What came of looking at it without a request: an active probe.
    pub fn probed(&self, outcome: Outcome, now: Instant) {
        let mut state = self.state.lock();
        if let Ok(permit) = state.breaker.admit(now) {
            state.breaker.report(permit, outcome, now);
        }
    }
}

impl Lease {
    /// The answer has begun: for a stream its first word, for a whole answer all of it.
    pub fn answered(&mut self, stream: bool, now: Instant) {
        self.told = Told::Begun(now);
        let took = now.saturating_duration_since(self.begun);
        let decay = self.health.decay;
        let mut state = self.health.state.lock();
        state.breaker.report(self.permit, Outcome::Answered, now);
        let ewma = if stream {
            &mut state.first_word
        } else {
            &mut state.whole
        };
        ewma.observe(took, decay, now);
    }

    /// It failed, at the beginning or, for a stream, later. `slow`: it took too long, which is a measure too.
    pub fn failed(&mut self, outcome: Outcome, slow: bool, now: Instant) {
        let told = std::mem::replace(&mut self.told, Told::Failed);
        let took = now.saturating_duration_since(self.begun);
        let decay = self.health.decay;
        let mut state = self.health.state.lock();
        if let Told::Begun(begun) = told {
            return state.breaker.broke_off(self.permit, outcome, begun, now);
        }
        state.breaker.report(self.permit, outcome, now);
        if slow {
            state.first_word.observe(took, decay, now);
            state.whole.observe(took, decay, now);
        }
    }

    /// It is over; `used` is how many tokens it came to, if that is known.
    pub fn end(mut self, used: Option<u64>, now: Instant) {
        if let Told::Begun(_) = self.told {
            self.health.state.lock().breaker.ended(self.permit);
        }
        self.free(used, now);
    }

    /// Nobody waits for it any more. That it had not begun by then is all that is known of how long it takes.
    pub fn give_up(mut self, stream: bool, now: Instant) {
        if self.told == Told::Nothing {
            let took = now.saturating_duration_since(self.begun);
            let mut state = self.health.state.lock();
            if stream {
                state.first_word.at_least(took, now);
            }
            state.whole.at_least(took, now);
        }
        self.free(None, now);
    }

    fn free(&mut self, used: Option<u64>, now: Instant) {
        let mut state = self.health.state.lock();
        if let Some([taken, of_provider]) = self.taken.take() {
            state.outbound.finish(taken, used, now);
            self.health.provider.0.lock().finish(of_provider, used, now);
        }
        if std::mem::replace(&mut self.told, Told::Failed) == Told::Nothing {
            state.breaker.report(self.permit, Outcome::Unknown, now);
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if self.taken.is_some() {
            self.free(None, Instant::now());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::Room;

    const DECAY: Duration = Duration::from_secs(5);
    const RULES: Rules = Rules {
        consecutive_failures: 2,
        error_rate: 0.5,
        min_requests: 4,
        window: Duration::from_secs(30),
        cool_down: Duration::from_secs(5),
        max_cool_down: Duration::from_secs(60),
        probe_timeout: Duration::from_secs(20),
    };

    fn new() -> (Arc<Health>, Instant) {
        let now = Instant::now();
        let limits = Limits {
            at_once: Some(2),
            ..Limits::default()
        };
        let provider = Arc::new(Sent::new(limits, now));
        (Arc::new(Health::new(RULES, DECAY, provider, now)), now)
    }

    fn opened() -> (Arc<Health>, Instant) {
        let (health, now) = new();
        for _ in 0..2 {
            let mut lease = health.begin(1, now).unwrap();
            lease.failed(Outcome::Failed(None), false, now);
            lease.end(None, now);
        }
        (health, now)
    }

    #[test]
    fn an_answer_is_measured_by_its_kind() {
        let (health, now) = new();
        let later = now + Duration::from_millis(40);
        for stream in [true, false] {
            let mut lease = health.begin(1, now).unwrap();
            lease.answered(stream, later);
            let seen = health.look(1, later);
            assert_eq!((seen.in_flight, seen.whole.is_some()), (1, !stream));
            lease.end(None, later);
        }
        let first = health.look(1, later).first_word.unwrap();
        assert!((first.ms - 40.0).abs() < 1e-9);
    }

    #[test]
    fn a_failure_is_no_measure_unless_it_is_that_it_took_too_long() {
        let (health, now) = new();
        let later = now + Duration::from_secs(60);
        for (slow, measured) in [(false, false), (true, true)] {
            let mut lease = health.begin(1, now).unwrap();
            lease.failed(Outcome::Unknown, slow, later);
            lease.end(None, later);
            assert_eq!(health.look(1, later).first_word.is_some(), measured);
        }
    }

    #[test]
    fn a_stream_that_stops_later_was_as_quick_to_begin_as_it_was() {
        let (health, now) = new();
        let mut lease = health.begin(1, now).unwrap();
        let begun = now + Duration::from_millis(40);
        lease.answered(true, begun);
        let later = now + Duration::from_secs(60);
        lease.failed(Outcome::Failed(None), true, later);
        lease.end(None, later);
        let first = health.look(1, later).first_word.unwrap();
        assert!((first.ms - 40.0).abs() < 1e-9);
    }

    #[test]
    fn streams_that_break_off_later_count_towards_the_share_of_failures() {
        let (health, now) = new();
        for phase in [Phase::Closed, Phase::Open] {
            let mut lease = health.begin(1, now).unwrap();
            lease.answered(true, now);
            lease.failed(Outcome::Failed(None), false, now);
            lease.end(None, now);
            assert_eq!(health.phase(now), phase);
        }
    }

    #[test]
    fn a_providers_limits_count_over_all_its_models_and_what_a_model_says_for_it_alone() {
        let now = Instant::now();
        let limits = Limits {
            requests_per_minute: Some(2),
            ..Limits::default()
        };
        let provider = Arc::new(Sent::new(limits, now));
        let [a, b] = [(); 2].map(|()| Arc::new(Health::new(RULES, DECAY, provider.clone(), now)));
        let requests = Some(Room {
            limit: None,
            remaining: Some(0),
            reset: Some(Duration::from_secs(9)),
        });
        let tokens = None;
        a.learn(&Quota { requests, tokens }, now);
        let full = Refused::Full(Block::For(Duration::from_secs(9)));
        assert_eq!(a.begin(1, now).unwrap_err(), full);
        for _ in 0..2 {
            b.begin(1, now).unwrap().end(None, now);
        }
        assert!(b.begin(1, now).is_err());
        assert_eq!(
            b.look(1, now).in_flight,
            0,
            "what was refused is not under way"
        );
        let later = now + Duration::from_secs(10);
        assert!(a.begin(1, later).is_err(), "the provider's are used up");
    }

    #[test]
    fn a_dropped_lease_frees_its_place_and_its_probe() {
        let (health, now) = opened();
        let later = now + Duration::from_secs(5);
        drop(health.begin(1, later).unwrap());
        let seen = health.look(1, later);
        assert_eq!((seen.in_flight, seen.standing), (0, Standing::Probe));
    }

    #[test]
    fn a_call_that_is_given_up_before_it_began_tells_how_long_it_takes_at_least() {
        for stream in [true, false] {
            let (health, now) = new();
            let later = now + Duration::from_secs(9);
            health.begin(1, now).unwrap().give_up(stream, later);
            let seen = health.look(1, later);
            assert_eq!((seen.in_flight, seen.standing), (0, Standing::Ready));
            assert!((seen.whole.unwrap().ms - 9000.0).abs() < 1e-9);
            // How soon a stream would have begun is not known of a whole answer.
            assert_eq!(seen.first_word.is_some(), stream);
        }
        let (health, now) = new();
        let mut lease = health.begin(1, now).unwrap();
        lease.answered(true, now + Duration::from_millis(40));
        lease.give_up(true, now + Duration::from_secs(9));
        let first = health.look(1, now).first_word.unwrap();
        assert!((first.ms - 40.0).abs() < 1e-9, "it had begun by then");
    }

    #[test]
    fn what_stands_in_the_way_is_told() {
        let (health, now) = new();
        let _held = [health.begin(1, now).unwrap(), health.begin(1, now).unwrap()];
        assert_eq!(
            health.begin(1, now).unwrap_err(),
            Refused::Full(Block::Busy)
        );
        assert!(matches!(health.look(1, now).standing, Standing::Full(_)));
        let (health, now) = opened();
        for _ in 0..9 {
            let refused = health.begin(1, now).unwrap_err();
            assert_eq!(refused, Refused::Open(Duration::from_secs(5)));
        }
        assert_eq!(
            health.look(1, now).standing,
            Standing::Open(Duration::from_secs(5))
        );
    }

    #[test]
    fn a_full_target_does_not_lose_its_probe() {
        let (health, now) = new();
        let held = [health.begin(1, now).unwrap(), health.begin(1, now).unwrap()];
        for mut lease in held {
            lease.failed(Outcome::Failed(None), false, now);
            std::mem::forget(lease);
        }
        let later = now + Duration::from_secs(5);
        assert_eq!(
            health.begin(1, later).unwrap_err(),
            Refused::Full(Block::Busy)
        );
        assert_eq!(health.phase(later), Phase::Probing);
    }

    #[test]
    fn an_active_probe_closes_an_open_one_after_its_cool_down() {
        let (health, now) = opened();
        health.probed(Outcome::Answered, now);
        assert_eq!(health.phase(now), Phase::Open, "too soon");
        let later = now + Duration::from_secs(5);
        health.probed(Outcome::Answered, later);
        assert_eq!(health.phase(later), Phase::Closed);
    }
}
