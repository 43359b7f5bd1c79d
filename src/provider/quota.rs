//! What a provider says in its headers of how much it will still take: OpenAI's `x-ratelimit-…`, Anthropic's
//! `anthropic-ratelimit-…`, the `ratelimit-…` of others, and what compatible servers made of them.

use std::time::{Duration, SystemTime};

use super::spans::span;

/// What it will still take.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Quota {
    /// In requests.
    pub requests: Option<Room>,
    /// In tokens.
    pub tokens: Option<Room>,
}

/// What is left of one limit; of several in the same unit the scarcest.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Room {
    /// All of it.
    pub limit: Option<u64>,
    /// What is left.
    pub remaining: Option<u64>,
    /// Until all of it is there again.
    pub reset: Option<Duration>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Unit {
    Requests,
    Tokens,
}

#[derive(Clone, Copy)]
enum Field {
    Limit,
    Remaining,
    Reset,
}

impl Quota {
    /// Reads headers, their names in lower case; `None` if none of them says anything.
    #[must_use]
    pub fn read<'a>(
        headers: impl Iterator<Item = (&'a str, &'a str)>,
        now: SystemTime,
    ) -> Option<Self> {
        let mut rooms: Vec<(Unit, String, Room)> = Vec::new();
        for (name, value) in headers {
            let Some((unit, field, scope)) = meaning(name) else {
                continue;
            };
            let known = rooms.iter_mut().find(|(u, s, _)| *u == unit && *s == scope);
            let mut room = Room::default();
            let at = known.map_or(&mut room, |(.., room)| room);
            at.note(field, value, now);
            if room != Room::default() {
                rooms.push((unit, scope, room));
            }
        }
        let scarcest = |unit| {
            let of_unit = rooms.iter().filter(|(u, ..)| *u == unit).map(|r| r.2);
            of_unit.min_by_key(|room| room.remaining.unwrap_or(u64::MAX))
        };
        let (requests, tokens) = (scarcest(Unit::Requests), scarcest(Unit::Tokens));
        (requests.is_some() || tokens.is_some()).then_some(Self { requests, tokens })
    }

    /// How long nothing will be taken, if something is used up; `limited`: something is, so that it is what nothing is
    /// known to be left of.
    #[must_use]
    pub fn exhausted(&self, limited: bool) -> Option<Duration> {
        let rooms = [self.requests, self.tokens].into_iter().flatten();
        let empty = rooms.filter(|room| room.remaining.map_or(limited, |left| left == 0));
        empty.filter_map(|room| room.reset).max()
    }
}

impl Room {
    fn note(&mut self, field: Field, value: &str, now: SystemTime) {
        match field {
            Field::Limit => self.limit = count(value),
            Field::Remaining => self.remaining = count(value),
            Field::Reset => self.reset = span(value, now),
        }
    }
}

/// What a header is about, and what else its name says (`minute`, `input`), by which those that belong together are
/// found.
fn meaning(name: &str) -> Option<(Unit, Field, String)> {
    const PREFIXES: [&str; 3] = ["x-ratelimit-", "anthropic-ratelimit-", "ratelimit-"];
    let rest = PREFIXES.iter().find_map(|p| name.strip_prefix(p))?;
    let (mut unit, mut field, mut scope) = (Unit::Requests, None, String::new());
    for word in rest.split('-') {
        match word {
            "requests" | "request" | "req" => {}
            "tokens" | "token" => unit = Unit::Tokens,
            "limit" => field = Some(Field::Limit),
            "remaining" => field = Some(Field::Remaining),
            "reset" => field = Some(Field::Reset),
            other => scope.push_str(other),
        }
    }
    Some((unit, field?, scope))
}

/// A count, which some write with a fraction.
fn count(text: &str) -> Option<u64> {
    let number: f64 = text.trim().parse().ok()?;
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a count that is neither negative nor infinite saturates"
    )]
    (number.is_finite() && number >= 0.0).then_some(number as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(headers: &[(&str, &str)]) -> Option<Quota> {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_735_689_600);
        Quota::read(headers.iter().copied(), now)
    }

    fn room(limit: u64, remaining: u64, reset_ms: u64) -> Option<Room> {
        Some(Room {
            limit: Some(limit),
            remaining: Some(remaining),
            reset: Some(Duration::from_millis(reset_ms)),
        })
    }

    #[test]
    fn openais_are_read() {
        let quota = read(&[
            ("content-type", "application/json"),
            ("x-ratelimit-limit-requests", "60"),
            ("x-ratelimit-limit-tokens", "150000"),
            ("x-ratelimit-remaining-requests", "59"),
            ("x-ratelimit-remaining-tokens", "149984"),
            ("x-ratelimit-reset-requests", "20ms"),
            ("x-ratelimit-reset-tokens", "6m0s"),
        ]);
        let (requests, tokens) = (room(60, 59, 20), room(150_000, 149_984, 360_000));
        assert_eq!(quota, Some(Quota { requests, tokens }));
    }

    #[test]
    fn anthropics_are_read_and_the_scarcest_tokens_count() {
        let quota = read(&[
            ("anthropic-ratelimit-requests-limit", "50"),
            ("anthropic-ratelimit-requests-remaining", "49"),
            ("anthropic-ratelimit-requests-reset", "2025-01-01T00:00:01Z"),
            ("anthropic-ratelimit-input-tokens-limit", "40000"),
            ("anthropic-ratelimit-input-tokens-remaining", "39000"),
            (
                "anthropic-ratelimit-input-tokens-reset",
                "2025-01-01T00:00:02Z",
            ),
            ("anthropic-ratelimit-output-tokens-limit", "8000"),
            ("anthropic-ratelimit-output-tokens-remaining", "1000"),
            (
                "anthropic-ratelimit-output-tokens-reset",
                "2025-01-01T00:00:52Z",
            ),
        ]);
        let (requests, tokens) = (room(50, 49, 1000), room(8000, 1000, 52_000));
        assert_eq!(quota, Some(Quota { requests, tokens }));
    }

    #[test]
    fn a_minutes_limit_and_a_days_are_kept_apart() {
        let quota = read(&[
            ("x-ratelimit-remaining-requests-day", "5"),
            ("x-ratelimit-reset-requests-day", "33011.382"),
            ("x-ratelimit-remaining-requests-minute", "9"),
            ("x-ratelimit-reset-requests-minute", "12"),
        ]);
        let requests = quota.unwrap().requests.unwrap();
        assert_eq!(requests.remaining, Some(5));
        assert_eq!(requests.reset, Some(Duration::from_millis(33_011_382)));
    }

    #[test]
    fn one_without_a_unit_counts_requests() {
        let quota = read(&[
            ("x-ratelimit-limit", "10"),
            ("x-ratelimit-remaining", "0"),
            ("x-ratelimit-reset", "1735689660000"),
        ]);
        assert_eq!(quota.unwrap().requests, room(10, 0, 60_000));
        let draft = read(&[("ratelimit-remaining", "3"), ("ratelimit-reset", "7")]);
        assert_eq!(draft.unwrap().requests.unwrap().remaining, Some(3));
    }

    #[test]
    fn what_is_used_up_is_waited_for_to_the_last() {
        let used_up = |requests: &str, tokens: &str| {
            let quota = read(&[
                ("x-ratelimit-remaining-requests", requests),
                ("x-ratelimit-remaining-tokens", tokens),
                ("x-ratelimit-reset-requests", "1s"),
                ("x-ratelimit-reset-tokens", "9s"),
            ]);
            quota.unwrap().exhausted(false).map(|d| d.as_secs())
        };
        assert_eq!(used_up("0", "0"), Some(9));
        assert_eq!(used_up("0", "5"), Some(1));
        assert_eq!(used_up("3", "5"), None);
    }

    #[test]
    fn nonsense_says_nothing() {
        assert_eq!(read(&[("x-ratelimit-remaining-requests", "many")]), None);
        assert_eq!(read(&[("x-ratelimit-remaining-tokens", "-1")]), None);
        assert_eq!(read(&[("x-ratelimit-policy", "60;w=60")]), None);
        assert_eq!(read(&[("retry-after", "1")]), None);
        assert_eq!(read(&[]), None);
    }
}
