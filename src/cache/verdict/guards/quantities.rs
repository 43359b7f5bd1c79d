//! Numbers, units, times, codes: what must be equal to the letter, however it is written.

use super::reading::{Kind, Reading, Token};
use super::{Finding, Pair, lists};

/// A number with what it counts.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Amount {
    value: f64,
    unit: Option<lists::Unit>,
}

fn amounts(reading: &Reading) -> Vec<Amount> {
    let tokens = &reading.tokens;
    let amount = |(i, token): (usize, &Token)| {
        let value = token.value?;
        let next = tokens
            .get(i + 1)
            .map(|t| t.text.as_str())
            .unwrap_or_default();
        Some(Amount {
            value,
            unit: lists::unit(next),
        })
    };
    tokens.iter().enumerate().filter_map(amount).collect()
}

fn equal(a: &Amount, b: &Amount) -> bool {
    let near = |x: f64, y: f64| (x - y).abs() <= 1e-6 * x.abs().max(y.abs());
    match (a.unit, b.unit) {
        (Some(x), Some(y)) if x.kind == y.kind => near(a.value * x.factor, b.value * y.factor),
        (Some(_), Some(_)) => false,
        _ => near(a.value, b.value),
    }
}

/// What of each list the other does not hold.
fn rest<T>(a: &[T], b: &[T], same: impl Fn(&T, &T) -> bool) -> (usize, usize) {
    let mut taken = vec![false; b.len()];
    let mut left = 0;
    for x in a {
        match (0..b.len()).find(|j| !taken[*j] && same(x, &b[*j])) {
            Some(j) => taken[j] = true,
            None => left += 1,
        }
    }
    (left, taken.iter().filter(|t| !**t).count())
}

/// `5 mg` and `50 mg`, `in 2010` and `in 2022`.
pub(super) fn numbers(pair: &Pair<'_>) -> Finding {
    let (a, b) = (amounts(pair.a), amounts(pair.b));
    match rest(&a, &b, |x, y| {
        x.value.to_bits() == y.value.to_bits() || equal(x, y)
    }) {
        (0, 0) => Finding::Equal,
        (_, 0) | (0, _) => Finding::Unsure("number_on_one_side"),
        _ => Finding::Different("number_changed"),
    }
}

/// A number that only one of them has: `the 10 largest cities` and `the largest cities`.
pub(super) fn number_missing(pair: &Pair<'_>) -> Finding {
    let (a, b) = (amounts(pair.a), amounts(pair.b));
    match rest(&a, &b, equal) {
        (0, 0) => Finding::Equal,
        (1.., 0) | (0, 1..) => Finding::Different("number_on_one_side"),
        _ => Finding::Unsure("number_changed"),
    }
}

/// `5 mg` and `5 g`; `in miles` and `in kilometres`.
pub(super) fn units(pair: &Pair<'_>) -> Finding {
    let (a, b) = (amounts(pair.a), amounts(pair.b));
    let differ = |x: &Amount, y: &Amount| x.value.to_bits() == y.value.to_bits() && !equal(x, y);
    if a.len() == b.len() && a.iter().zip(&b).any(|(x, y)| differ(x, y)) {
        return Finding::Different("unit_changed");
    }
    let (only_a, only_b) = pair.left();
    let named = |tokens: &[&Token]| {
        tokens
            .iter()
            .any(|t| t.text.len() > 2 && lists::is_unit(&t.text))
    };
    let changed = named(&only_a) && named(&only_b);
    // `5 km` and `5000 m` are the same amount in other words.
    let converted = !a.is_empty() && rest(&a, &b, equal) == (0, 0);
    match changed && !converted {
        true => Finding::Different("unit_changed"),
        false => Finding::Equal,
    }
}

/// Words that say when, by what they mean.
fn times(reading: &Reading) -> Vec<&'static str> {
    let mut found = Vec::new();
    for token in reading.words() {
        found.extend(match token.text.as_str() {
            "today" | "tonight" => Some("today"),
            "tomorrow" => Some("tomorrow"),
            "yesterday" => Some("yesterday"),
            "now" | "currently" | "nowadays" | "presently" => Some("now"),
            "formerly" | "previously" => Some("formerly"),
            "soon" | "upcoming" => Some("soon"),
            "weekend" => Some("weekend"),
            "morning" => Some("morning"),
            "evening" => Some("evening"),
            "night" => Some("night"),
            "noon" => Some("noon"),
            "midnight" => Some("midnight"),
            "daily" => Some("daily"),
            "weekly" => Some("weekly"),
            "monthly" => Some("monthly"),
            "yearly" | "annually" | "annual" => Some("yearly"),
            "hourly" => Some("hourly"),
            _ => None,
        });
    }
    for which in [
        ("last", "past"),
        ("next", "future"),
        ("this", "this"),
        ("previous", "past"),
        ("past", "past"),
        ("coming", "future"),
    ] {
        for span in [
            "week", "month", "year", "season", "quarter", "century", "decade", "time", "summer",
            "winter",
        ] {
            if reading.says(&[which.0, span]) {
                found.push(which.1);
            }
        }
    }
    found
}

/// `today` and `tomorrow`, `last week` and `next week`.
pub(super) fn dates(pair: &Pair<'_>) -> Finding {
    let (a, b) = (times(pair.a), times(pair.b));
    match rest(&a, &b, |x, y| x == y) {
        (0, 0) => Finding::Equal,
        (_, 0) | (0, _) => Finding::Unsure("time_on_one_side"),
        _ => Finding::Different("time_changed"),
    }
}

/// Identifiers, flags and code: a change of one sign is another thing.
pub(super) fn identifiers(pair: &Pair<'_>) -> Finding {
    let exact = |r: &Reading| -> Vec<String> {
        let odd = r
            .tokens
            .iter()
            .filter(|t| matches!(t.kind, Kind::Identifier | Kind::Flag));
        odd.map(|t| t.text.clone()).collect()
    };
    verbatim(&exact(pair.a), &exact(pair.b), "identifier_changed")
}

/// Code between backticks.
pub(super) fn code(pair: &Pair<'_>) -> Finding {
    let code = |r: &Reading| -> Vec<String> {
        let code = r.tokens.iter().filter(|t| t.kind == Kind::Code);
        code.map(|t| t.text.split_whitespace().collect::<Vec<_>>().join(" "))
            .collect()
    };
    verbatim(&code(pair.a), &code(pair.b), "code_changed")
}

/// What stands between quotation marks.
pub(super) fn quotes(pair: &Pair<'_>) -> Finding {
    verbatim(&pair.a.quoted, &pair.b.quoted, "quote_changed")
}

fn verbatim(a: &[String], b: &[String], changed: &'static str) -> Finding {
    match rest(a, b, |x, y| x == y) {
        (0, 0) => Finding::Equal,
        (_, 0) | (0, _) => Finding::Unsure("on_one_side"),
        _ => Finding::Different(changed),
    }
}
