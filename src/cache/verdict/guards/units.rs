//! The units of measure, their other names and their sizes, and the guard that
//! compares those which stand without a number. Knows nothing of amounts.

use std::sync::LazyLock;

use super::lexicon::Keys;
use super::pair::Pair;
use super::reading::Reading;
use super::token::{Kind, Token};
use super::words::{hash, stem};
use super::{Finding, quantity};

const LIST: &str = include_str!("lists/units.txt");

/// One unit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Unit {
    /// What it measures: units of two dimensions never measure the same.
    pub(super) dimension: u16,
    /// How many of the dimension's smallest unit it is.
    pub(super) size: f64,
}

static UNITS: LazyLock<Keys<Unit>> = LazyLock::new(|| {
    let mut units = Keys::default();
    let mut names = Vec::new();
    for line in LIST.lines().filter(|line| !line.starts_with('#')) {
        let mut words = line.split_whitespace();
        let (Some(name), Some(size)) = (words.next(), words.next()) else {
            continue;
        };
        let place = names.iter().position(|known| *known == name);
        let dimension = place.unwrap_or_else(|| {
            names.push(name);
            names.len() - 1
        });
        let unit = Unit {
            dimension: u16::try_from(dimension).unwrap_or(0),
            size: size.parse().unwrap_or(1.0),
        };
        for alias in words {
            units.entry(hash(alias)).or_insert(unit);
            units.entry(hash(&stem(alias))).or_insert(unit);
        }
    }
    units
});

/// The unit of this name.
pub(super) fn named(name: &str) -> Option<Unit> {
    UNITS.get(&hash(name)).copied()
}

/// The unit a token names.
pub(super) fn unit_of(token: &Token) -> Option<Unit> {
    if token.kind != Kind::Word {
        return None;
    }
    let exact = UNITS.get(&hash(&token.lower));
    exact.or_else(|| UNITS.get(&token.key)).copied()
}

/// Whether letters written at a number are a unit.
pub(super) fn is_unit(lower: &str) -> bool {
    UNITS.contains_key(&hash(lower)) || UNITS.contains_key(&hash(&stem(lower)))
}

/// Units that stand without a number and are long enough not to be something else.
fn bare(reading: &Reading) -> impl Iterator<Item = (usize, Unit)> {
    let tokens = reading.tokens().iter().enumerate();
    tokens
        .filter(|(i, token)| {
            token.lower.len() > 3 && token.lower != "second" && !quantity::covers(reading, *i)
                || token.is_of(&[
                    "cup", "kg", "km", "cm", "mm", "mph", "usd", "eur", "gbp", "inr",
                ])
        })
        .filter_map(|(i, token)| Some((i, unit_of(token)?)))
}

/// Another unit of the same dimension: "in miles", "in kilometres".
pub(super) fn examine(pair: &Pair<'_>) -> Finding {
    let left = |of: &Reading, other: &Reading| -> Vec<Unit> {
        let mut units: Vec<Unit> = bare(of).map(|(_, unit)| unit).collect();
        let known = |unit: &Unit| {
            other
                .tokens()
                .iter()
                .filter_map(unit_of)
                .any(|u| u == *unit)
        };
        units.retain(|unit| !known(unit));
        units
    };
    let (a, b) = (left(pair.a, pair.b), left(pair.b, pair.a));
    let clash = |x: &Unit| b.iter().any(|y| x.dimension == y.dimension);
    if pair.likeness() >= 0.3 && a.iter().any(clash) {
        Finding::Different("unit_changed")
    } else if a.is_empty() && b.is_empty() {
        Finding::Equal
    } else {
        Finding::Unsure("unit_on_one_side")
    }
}

#[cfg(test)]
mod tests {
    use super::super::check::{different, survives};

    #[test]
    fn another_unit_is_another_question() {
        different(
            "units",
            "How far is it in miles?",
            "How far is it in kilometres?",
        );
        different(
            "units",
            "How many days until Easter?",
            "How many weeks until Easter?",
        );
    }

    #[test]
    fn another_spelling_of_a_unit_is_the_same() {
        survives("How heavy is it in kg?", "How heavy is it in kilograms?");
        survives(
            "How far is it in kilometres?",
            "How far is it in kilometers?",
        );
    }
}
