//! All that is measured of one name: its windows and how many are under way. Takes from several at once, all or none.

use std::ops::DerefMut;

use super::window::{Room, Window};

const MINUTE_MS: u64 = 60_000;
const DAY_MS: u64 = 86_400_000;

/// What a window counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Requests.
    Requests,
    /// Tokens.
    Tokens,
}

/// One of the limits of a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Requests in a minute.
    RequestsPerMinute,
    /// Requests in a day.
    RequestsPerDay,
    /// Tokens in a minute.
    TokensPerMinute,
    /// Tokens in a day.
    TokensPerDay,
    /// Requests at a time.
    Concurrency,
}

impl Kind {
    /// As settings and metrics spell it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RequestsPerMinute => "requests_per_minute",
            Self::RequestsPerDay => "requests_per_day",
            Self::TokensPerMinute => "tokens_per_minute",
            Self::TokensPerDay => "tokens_per_day",
            Self::Concurrency => "concurrency",
        }
    }

    /// What follows the number in a sentence.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::RequestsPerMinute => "requests per minute",
            Self::RequestsPerDay => "requests per day",
            Self::TokensPerMinute => "tokens per minute",
            Self::TokensPerDay => "tokens per day",
            Self::Concurrency => "requests at a time",
        }
    }

    /// What is counted; none where nothing is but what is under way.
    #[must_use]
    pub fn unit(self) -> Option<Unit> {
        match self {
            Self::RequestsPerMinute | Self::RequestsPerDay => Some(Unit::Requests),
            Self::TokensPerMinute | Self::TokensPerDay => Some(Unit::Tokens),
            Self::Concurrency => None,
        }
    }
}

/// How much a name may use; what is none is without limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[allow(missing_docs, reason = "`Kind` says what each is")]
pub struct Rates {
    pub requests_per_minute: Option<u64>,
    pub requests_per_day: Option<u64>,
    pub tokens_per_minute: Option<u64>,
    pub tokens_per_day: Option<u64>,
    pub concurrency: Option<u64>,
}

/// What is to be taken.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Want {
    /// Requests.
    pub requests: u64,
    /// Tokens.
    pub tokens: u64,
    /// Places among those under way.
    pub places: u64,
}

impl Want {
    fn of(self, kind: Kind) -> u64 {
        match kind.unit() {
            Some(Unit::Requests) => self.requests,
            Some(Unit::Tokens) => self.tokens,
            None => self.places,
        }
    }
}

/// What is left of the limit that is nearest to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Left {
    /// How much may be used.
    pub limit: u64,
    /// How much of it is left.
    pub remaining: u64,
    /// Milliseconds until all of it is left again.
    pub reset: u64,
}

impl Left {
    /// Whichever is nearer to its end; where both are as near, the one that stays so for longer.
    #[must_use]
    pub fn nearer(self, other: Self) -> Self {
        let key = |left: &Self| (left.remaining, u64::MAX - left.reset);
        if key(&other) < key(&self) {
            other
        } else {
            self
        }
    }
}

/// Why nothing was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusal {
    /// The meter without room, by its place among those asked.
    pub meter: usize,
    /// Its limit without room.
    pub kind: Kind,
    /// How much may be used.
    pub limit: u64,
    /// When there may be room; where nobody knows, in 0 milliseconds.
    pub room: Room,
}

/// What one name has used.
#[derive(Debug, Clone)]
pub struct Meter {
    windows: Vec<(Kind, Window)>,
    places: Option<u64>,
    under_way: u64,
    /// The latest `now` seen: callers read the clock before they wait for their turn.
    latest: u64,
}

impl Meter {
    /// Nothing used of what may be.
    #[must_use]
    pub fn new(rates: &Rates) -> Self {
        let windows = [
            (
                Kind::RequestsPerMinute,
                MINUTE_MS,
                rates.requests_per_minute,
            ),
            (Kind::RequestsPerDay, DAY_MS, rates.requests_per_day),
            (Kind::TokensPerMinute, MINUTE_MS, rates.tokens_per_minute),
            (Kind::TokensPerDay, DAY_MS, rates.tokens_per_day),
        ];
        let windows = windows.into_iter();
        let windows =
            windows.filter_map(|(kind, span, limit)| Some((kind, Window::new(span, limit?))));
        Self {
            windows: windows.collect(),
            places: rates.concurrency,
            under_way: 0,
            latest: 0,
        }
    }

    /// Uses `amount` more, whether there is room or not.
    pub fn add(&mut self, now: u64, unit: Unit, amount: u64) {
        let now = self.pass(now);
        for (_, window) in self.counting(unit) {
            window.take(now, amount);
        }
    }

    /// Gives back `amount` of what was taken at `at`.
    pub fn give_back(&mut self, at: u64, unit: Unit, amount: u64) {
        for (_, window) in self.counting(unit) {
            window.give_back(at, amount);
        }
    }

    /// Frees a place.
    pub fn leave(&mut self) {
        self.under_way = self.under_way.saturating_sub(1);
    }

    /// What is left of the limit on `unit` that is nearest to its end; none without such a limit.
    pub fn left(&mut self, now: u64, unit: Unit) -> Option<Left> {
        let now = self.pass(now);
        let each = self.counting(unit).map(|(_, window)| Left {
            limit: window.limit(),
            remaining: window.remaining(),
            reset: window.reset(now),
        });
        each.reduce(Left::nearer)
    }

    /// Whether nothing is used, so that a fresh one would be the same.
    pub fn is_idle(&mut self, now: u64) -> bool {
        self.pass(now);
        self.under_way == 0 && self.windows.iter().all(|(_, window)| window.is_idle())
    }

    fn counting(&mut self, unit: Unit) -> impl Iterator<Item = &mut (Kind, Window)> {
        let counts = move |(kind, _): &&mut (Kind, Window)| kind.unit() == Some(unit);
        self.windows.iter_mut().filter(counts)
    }

    fn pass(&mut self, now: u64) -> u64 {
        self.latest = self.latest.max(now);
        for (_, window) in &mut self.windows {
            window.pass(self.latest);
        }
        self.latest
    }

    /// Each limit with when it has room.
    fn rooms(&self, want: Want) -> impl Iterator<Item = (Kind, u64, Room)> {
        let windows = self.windows.iter().map(move |(kind, window)| {
            let room = window.room(self.latest, want.of(*kind));
            (*kind, window.limit(), room)
        });
        let full = |limit: u64| self.under_way.saturating_add(want.places) > limit;
        let places = self.places.map(|limit| match limit {
            limit if want.places > 0 && full(limit) => (Kind::Concurrency, limit, Room::In(0)),
            limit => (Kind::Concurrency, limit, Room::Now),
        });
        windows.chain(places)
    }
}

/// Takes from all meters or from none; gives the time at which it was taken.
///
/// # Errors
/// The limit without room for which must be waited longest.
pub fn take<M: DerefMut<Target = Meter>>(
    meters: &mut [(M, Want)],
    now: u64,
) -> Result<u64, Refusal> {
    let now = meters.iter().fold(now, |now, (m, _)| now.max(m.latest));
    let mut refused: Option<Refusal> = None;
    for (meter, (m, want)) in meters.iter_mut().enumerate() {
        m.pass(now);
        for (kind, limit, room) in m.rooms(*want).filter(|(.., room)| *room != Room::Now) {
            if refused.is_none_or(|worst| worst.room < room) {
                refused = Some(Refusal {
                    meter,
                    kind,
                    limit,
                    room,
                });
            }
        }
    }
    if let Some(refused) = refused {
        return Err(refused);
    }
    for (m, want) in meters {
        for (kind, window) in &mut m.windows {
            window.take(now, want.of(*kind));
        }
        m.under_way = m.under_way.saturating_add(want.places);
    }
    Ok(now)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn meter(requests: u64, tokens: u64, places: u64) -> Meter {
        Meter::new(&Rates {
            requests_per_minute: Some(requests),
            tokens_per_day: Some(tokens),
            concurrency: Some(places),
            ..Rates::default()
        })
    }

    fn want(requests: u64, tokens: u64, places: u64) -> Want {
        Want {
            requests,
            tokens,
            places,
        }
    }

    fn state(meter: &Meter) -> (Vec<u64>, u64) {
        let left = meter.windows.iter().map(|(_, window)| window.remaining());
        (left.collect(), meter.under_way)
    }

    proptest! {
        #[test]
        fn a_request_refused_by_one_limit_uses_nothing_of_the_others(
            limits in prop::collection::vec((0_u64..4, 0_u64..40, 0_u64..4), 1..4),
            asked in prop::collection::vec((0_u64..30_000, 0_u64..2, 0_u64..12, 0_u64..2), 1..40),
        ) {
            let mut meters: Vec<_> = limits.iter().map(|(r, t, p)| meter(*r, *t, *p)).collect();
            let mut now = 0;
            for (later, requests, tokens, places) in asked {
                now += later;
                meters.iter_mut().for_each(|m| { m.pass(now); });
                let before: Vec<_> = meters.iter().map(state).collect();
                let wanted = want(requests, tokens, places);
                let mut asked: Vec<_> = meters.iter_mut().map(|m| (m, wanted)).collect();
                let taken = take(&mut asked, now);
                for (meter, (left, under_way)) in meters.iter().zip(before) {
                    let less = if taken.is_ok() { wanted } else { Want::default() };
                    let used = [less.requests, less.tokens];
                    let left: Vec<_> = left.iter().zip(used).map(|(l, u)| l - u).collect();
                    prop_assert_eq!(state(meter), (left, under_way + less.places));
                }
            }
        }
    }

    #[test]
    fn the_limit_that_must_be_waited_for_longest_is_told() {
        let (mut key, mut team) = (meter(1, 10, 9), meter(9, 9, 1));
        let taken = take(
            &mut [(&mut key, want(1, 5, 1)), (&mut team, want(1, 5, 1))],
            7,
        );
        assert_eq!(taken, Ok(7));
        let told = |want, key: &mut Meter, team: &mut Meter| {
            let refused = take(&mut [(key, want), (team, want)], 1_000).unwrap_err();
            (refused.meter, refused.kind, refused.room)
        };
        let next = told(want(1, 0, 1), &mut key, &mut team);
        assert_eq!(next, (0, Kind::RequestsPerMinute, Room::In(59_007)));
        let next = told(want(1, 5, 1), &mut key, &mut team);
        assert_eq!(next, (1, Kind::TokensPerDay, Room::In(DAY_MS - 993)));
        let next = told(want(0, 0, 1), &mut key, &mut team);
        assert_eq!(next, (1, Kind::Concurrency, Room::In(0)));
        let next = told(want(0, 11, 0), &mut key, &mut team);
        assert_eq!(next, (0, Kind::TokensPerDay, Room::Never));
    }

    #[test]
    fn the_limit_nearest_to_its_end_is_the_one_that_is_told() {
        let mut both = Meter::new(&Rates {
            requests_per_minute: Some(10),
            requests_per_day: Some(12),
            ..Rates::default()
        });
        let left = |limit, remaining, reset| {
            Some(Left {
                limit,
                remaining,
                reset,
            })
        };
        assert_eq!(both.left(0, Unit::Requests), left(10, 10, 0));
        take(&mut [(&mut both, want(9, 0, 0))], 0).unwrap();
        assert_eq!(both.left(1, Unit::Requests), left(10, 1, MINUTE_MS - 1));
        assert_eq!(
            both.left(MINUTE_MS, Unit::Requests),
            left(12, 3, DAY_MS - MINUTE_MS)
        );
        assert_eq!(both.left(0, Unit::Tokens), None);
    }

    #[test]
    fn a_clock_read_before_ones_turn_came_is_late_and_not_wrong() {
        let mut meter = meter(5, 5, 5);
        take(&mut [(&mut meter, want(1, 0, 0))], 900).unwrap();
        assert_eq!(take(&mut [(&mut meter, want(1, 0, 0))], 400), Ok(900));
        meter.give_back(900, Unit::Requests, 2);
        assert!(meter.is_idle(0));
    }
}
