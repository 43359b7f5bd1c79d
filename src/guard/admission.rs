//! One request's way past the limits that apply to it. What is taken is taken from all of them or from none, and
//! everything that was taken comes back by itself: places when the permit is dropped, tokens when the call is over.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use crate::config::Per;
use crate::limit::{self, Kind, Left, Meter, Room, Unit, Want};

/// One limit as it applies to a request.
#[derive(Debug)]
pub(super) struct Gate {
    pub(super) per: Per,
    pub(super) count_hits: bool,
    pub(super) meter: Arc<Mutex<Meter>>,
}

/// The limits that apply to a request, in the order in which all requests lock them.
#[derive(Debug, Clone)]
pub struct Pass {
    gates: Arc<[Gate]>,
    begun: Instant,
}

/// Why a request is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refused {
    /// Whose limit it is.
    pub per: Per,
    /// Which of them.
    pub kind: Kind,
    /// Its number.
    pub limit: u64,
    /// When there may be room; at once where nobody knows.
    pub room: Room,
}

/// What is left, of the limits that are nearest to their end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Standing {
    /// Requests; none without a limit on them.
    pub requests: Option<Left>,
    /// Tokens.
    pub tokens: Option<Left>,
}

impl Standing {
    /// Whether there is no limit to tell of.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.requests.is_none() && self.tokens.is_none()
    }
}

/// Tokens that a call will probably take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Estimate {
    /// For what is asked.
    pub prompt: u64,
    /// For what is answered.
    pub answer: u64,
}

impl Pass {
    pub(super) fn new(gates: Arc<[Gate]>, begun: Instant) -> Self {
        Self { gates, begun }
    }

    /// Lets a request in as far as memory: it counts where hits count as well.
    ///
    /// # Errors
    /// The limit without room.
    pub fn admit(&self) -> Result<Admission, Refused> {
        let asked = if self.gates.iter().any(|gate| gate.count_hits) {
            Some(self.take(|gate| Want {
                requests: u64::from(gate.count_hits),
                ..Want::default()
            })?)
        } else {
            None
        };
        Ok(Admission {
            pass: self.clone(),
            asked,
            called: None,
        })
    }

    /// Takes the tokens of a call alone, for a request that was let in already.
    ///
    /// # Errors
    /// The limit without room.
    pub fn reserve(&self, estimate: Estimate) -> Result<Reservation, Refused> {
        let tokens = estimate.prompt.saturating_add(estimate.answer);
        let at = self.take(|_| Want {
            tokens,
            ..Want::default()
        })?;
        Ok(Reservation::new(self.clone(), at, estimate))
    }

    /// What is left.
    #[must_use]
    pub fn standing(&self) -> Standing {
        let now = self.now();
        let left = |unit| {
            let each = self.gates.iter();
            let each = each.filter_map(|gate| gate.meter.lock().left(now, unit));
            each.reduce(Left::nearer)
        };
        Standing {
            requests: left(Unit::Requests),
            tokens: left(Unit::Tokens),
        }
    }

    fn now(&self) -> u64 {
        millis(self.begun.elapsed())
    }

    fn take(&self, want: impl Fn(&Gate) -> Want) -> Result<u64, Refused> {
        let now = self.now();
        let meters = self.gates.iter();
        let mut meters: Vec<_> = meters.map(|g| (g.meter.lock(), want(g))).collect();
        limit::take(&mut meters, now).map_err(|refusal| Refused {
            per: self.gates.get(refusal.meter).map_or(Per::Global, |g| g.per),
            kind: refusal.kind,
            limit: refusal.limit,
            room: refusal.room,
        })
    }
}

/// A request that was let in. Its places are free again when it is dropped.
#[derive(Debug)]
pub struct Admission {
    pass: Pass,
    /// When it was counted where hits count as well.
    asked: Option<u64>,
    /// When it was counted where only misses do, and got its places.
    called: Option<u64>,
}

impl Admission {
    /// Goes on to a provider.
    ///
    /// # Errors
    /// The limit without room; nothing is used then, not even what was before.
    pub fn lead(&mut self, estimate: Estimate) -> Result<Reservation, Refused> {
        let tokens = estimate.prompt.saturating_add(estimate.answer);
        let at = self.call(tokens)?;
        Ok(Reservation::new(self.pass.clone(), at, estimate))
    }

    /// Goes along with a call that somebody else makes, and whose tokens are that one's.
    ///
    /// # Errors
    /// As [`Self::lead`].
    pub fn follow(&mut self) -> Result<(), Refused> {
        self.call(0).map(drop)
    }

    /// Takes back that it was to go on to a provider: none was asked.
    pub fn turn_back(&mut self) {
        self.uncount(self.called, false);
        self.leave();
    }

    /// Takes back all of it: it was turned away.
    pub fn give_back(&mut self) {
        self.turn_back();
        self.uncount(self.asked, true);
        self.asked = None;
    }

    fn uncount(&self, counted: Option<u64>, count_hits: bool) {
        let Some(at) = counted else { return };
        for gate in self.pass.gates.iter() {
            if gate.count_hits == count_hits {
                gate.meter.lock().give_back(at, Unit::Requests, 1);
            }
        }
    }

    fn call(&mut self, tokens: u64) -> Result<u64, Refused> {
        let taken = self.pass.take(|gate| Want {
            requests: u64::from(!gate.count_hits),
            tokens,
            places: 1,
        });
        match taken {
            Ok(at) => self.called = Some(at),
            Err(_) => self.give_back(),
        }
        taken
    }

    fn leave(&mut self) {
        if self.called.take().is_some() {
            for gate in self.pass.gates.iter() {
                gate.meter.lock().leave();
            }
        }
    }
}

impl Drop for Admission {
    fn drop(&mut self) {
        self.leave();
    }
}

/// Tokens of one call, taken by estimate and settled when it is dropped: by the provider's count, else by what was
/// heard of the answer, which is nothing if the call failed or was given up before its first word.
#[derive(Debug)]
pub struct Reservation {
    pass: Pass,
    at: u64,
    estimate: Estimate,
    heard: AtomicU64,
    counted: AtomicU64,
}

impl Reservation {
    fn new(pass: Pass, at: u64, estimate: Estimate) -> Self {
        Self {
            pass,
            at,
            estimate,
            heard: AtomicU64::new(0),
            counted: AtomicU64::new(0),
        }
    }

    /// Of a call that counts for nobody.
    #[must_use]
    pub fn none() -> Self {
        let estimate = Estimate {
            prompt: 0,
            answer: 0,
        };
        Self::new(Pass::new(Arc::new([]), Instant::now()), 0, estimate)
    }

    /// Some tokens of the answer have come, more or less.
    pub fn heard(&self, tokens: u64) {
        self.heard.fetch_add(tokens, Ordering::Relaxed);
    }

    /// The provider has counted: so many, the prompt's among them.
    pub fn counted(&self, tokens: u64) {
        self.counted.store(tokens, Ordering::Relaxed);
    }

    fn used(&self) -> u64 {
        let counted = self.counted.load(Ordering::Relaxed);
        match self.heard.load(Ordering::Relaxed) {
            _ if counted > 0 => counted,
            0 => 0,
            heard => self.estimate.prompt.saturating_add(heard),
        }
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        let reserved = self.estimate.prompt.saturating_add(self.estimate.answer);
        let (used, now) = (self.used(), self.pass.now());
        for gate in self.pass.gates.iter() {
            let mut meter = gate.meter.lock();
            meter.give_back(self.at, Unit::Tokens, reserved.saturating_sub(used));
            // What is more counts from now: the window in which it was reserved may be over.
            meter.add(now, Unit::Tokens, used.saturating_sub(reserved));
        }
    }
}

/// As many as fit.
pub(super) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::super::limits::Limits;
    use super::super::limits::tests::{NAMES, limit};
    use super::*;

    const SOME: Estimate = Estimate {
        prompt: 30,
        answer: 20,
    };

    fn two() -> Limits {
        Limits::new(&[
            limit(Per::Key, |l| {
                l.requests_per_minute = Some(10);
                l.tokens_per_minute = Some(100);
            }),
            limit(Per::Global, |l| l.concurrency = Some(1)),
        ])
    }

    fn left(pass: &Pass) -> (u64, u64) {
        let standing = pass.standing();
        let remaining = |left: Option<Left>| left.unwrap().remaining;
        (remaining(standing.requests), remaining(standing.tokens))
    }

    #[tokio::test(start_paused = true)]
    async fn a_permit_frees_its_place_and_a_refused_request_has_used_nothing() {
        let limits = two();
        let pass = limits.pass(&NAMES);
        let mut first = pass.admit().unwrap();
        let reserved = first.lead(SOME).unwrap();
        let refused = pass.admit().unwrap().lead(SOME).unwrap_err();
        assert_eq!(
            (refused.per, refused.kind, refused.limit),
            (Per::Global, Kind::Concurrency, 1)
        );
        assert_eq!(left(&pass), (9, 50));
        drop(first);
        assert!(pass.admit().unwrap().lead(SOME).is_ok());
        drop(reserved);
        assert_eq!(left(&pass), (8, 100));
    }

    #[tokio::test(start_paused = true)]
    async fn tokens_are_settled_by_the_best_that_is_known() {
        let limits = two();
        let pass = limits.pass(&NAMES);
        let settled = |told: &dyn Fn(&Reservation)| {
            let before = left(&pass).1;
            let reserved = pass.reserve(SOME).unwrap();
            assert_eq!(left(&pass).1, before - 50);
            told(&reserved);
            drop(reserved);
            before - left(&pass).1
        };
        assert_eq!(settled(&|_| {}), 0);
        assert_eq!(settled(&|r| r.heard(2)), 32);
        assert_eq!(
            settled(&|r| {
                r.heard(2);
                r.counted(7);
            }),
            7
        );
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_longer_than_reserved_counts_from_its_end() {
        let limits = two();
        let pass = limits.pass(&NAMES);
        let reserved = pass.reserve(SOME).unwrap();
        advance(Duration::from_secs(70)).await;
        reserved.counted(180);
        drop(reserved);
        let tokens = pass.standing().tokens.unwrap();
        assert_eq!((tokens.remaining, tokens.reset), (0, 60_000));
        let refused = pass.reserve(SOME).unwrap_err();
        assert_eq!(refused.room, Room::In(60_000));
    }

    #[tokio::test(start_paused = true)]
    async fn hits_count_only_where_it_says_so_and_a_miss_counts_once() {
        let limits = Limits::new(&[
            limit(Per::Key, |l| {
                l.requests_per_minute = Some(2);
                l.count_hits = true;
            }),
            limit(Per::Team, |l| {
                l.requests_per_minute = Some(100);
                l.tokens_per_minute = Some(60);
            }),
        ]);
        let pass = limits.pass(&NAMES);
        let remaining = || pass.standing().requests.unwrap().remaining;
        let mut miss = pass.admit().unwrap();
        assert_eq!(remaining(), 1);
        let reserved = miss.lead(SOME).unwrap();
        assert_eq!(remaining(), 1);
        // Too many tokens: the request was none.
        assert!(pass.admit().unwrap().lead(SOME).is_err());
        assert_eq!(remaining(), 1);
        drop(pass.admit().unwrap());
        assert_eq!(pass.admit().unwrap_err().kind, Kind::RequestsPerMinute);
        miss.give_back();
        assert_eq!(remaining(), 1);
        drop(reserved);
    }

    #[test]
    fn many_threads_are_let_in_as_often_as_all_limits_allow_and_no_more() {
        let limits = Limits::new(&[
            limit(Per::Key, |l| l.requests_per_minute = Some(300)),
            limit(Per::Global, |l| l.tokens_per_day = Some(50 * 200)),
            limit(Per::Model, |l| l.requests_per_day = Some(120)),
        ]);
        let let_in = AtomicU64::new(0);
        std::thread::scope(|scope| {
            for thread in 0..8 {
                let (limits, let_in) = (&limits, &let_in);
                scope.spawn(move || {
                    let key = format!("key_{}", thread % 2);
                    let model = if thread < 4 { "a" } else { "b" };
                    for _ in 0..100 {
                        let names = super::super::limits::Names {
                            key: Some(&key),
                            model,
                            ..NAMES
                        };
                        let mut admission = limits.pass(&names).admit().unwrap();
                        if let Ok(reserved) = admission.lead(SOME) {
                            reserved.counted(50);
                            let_in.fetch_add(1, Ordering::Relaxed);
                        }
                    }
                });
            }
        });
        assert_eq!(let_in.into_inner(), 200);
        for (model, names) in [("a", 0), ("b", 1)] {
            let pass = limits.pass(&super::super::limits::Names { model, ..NAMES });
            assert!(pass.reserve(SOME).is_err(), "{names}");
        }
    }
}
