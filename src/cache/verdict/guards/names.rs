//! Who and what is named: persons, places, products, languages; known ones also in small letters.

use super::pair::within;
use super::reading::{Kind, Reading, Token};
use super::{Finding, Pair, lists};

/// Whether a token names something of its own.
fn is_name(reading: &Reading, token: &Token) -> bool {
    let short = token.text.len() <= 2 && !token.shouted;
    token.kind == Kind::Word
        && !lists::is_stop(&token.text)
        && (token.named && reading.cased || lists::known_name(&token.text).is_some() && !short)
}

fn named<'a>(reading: &'a Reading, left: &[&'a Token]) -> Vec<&'a Token> {
    left.iter()
        .copied()
        .filter(|t| is_name(reading, t))
        .collect()
}

/// Whether one is written with the first letters of the others.
fn is_short_for(short: &str, long: &[&Token]) -> bool {
    let initials: String = long.iter().filter_map(|t| t.text.chars().next()).collect();
    short.len() >= 2 && initials.contains(short)
}

/// Another name in the place of a name.
pub(super) fn names(pair: &Pair<'_>) -> Finding {
    let (left_a, left_b) = pair.left();
    let (a, b) = (named(pair.a, &left_a), named(pair.b, &left_b));
    let explained = |t: &&&Token, others: &[&Token], reading: &Reading| {
        let known = lists::known_name(&t.text).is_some();
        let typo = |o: &&Token| {
            !known
                && within(&t.text, &o.text, if t.text.len() >= 7 { 2 } else { 1 })
                && t.text.len() >= 4
        };
        let all: Vec<&Token> = reading.words().filter(|t| t.is_content()).collect();
        others.iter().any(typo)
            || is_short_for(&t.text, &all)
            || others.iter().any(|o| is_short_for(&o.text, &[**t]))
    };
    let a: Vec<_> = a
        .iter()
        .filter(|t| !explained(t, &left_b, pair.b))
        .collect();
    let b: Vec<_> = b
        .iter()
        .filter(|t| !explained(t, &left_a, pair.a))
        .collect();
    match (a.len(), b.len()) {
        (0, 0) => Finding::Equal,
        (0, _) | (_, 0) => Finding::Unsure("name_on_one_side"),
        _ => Finding::Different("name_changed"),
    }
}

/// A name that only one of them has, with or without another word in its place.
pub(super) fn name_missing(pair: &Pair<'_>) -> Finding {
    match names(pair) {
        Finding::Unsure(why) => Finding::Different(why),
        other => match other {
            Finding::Different(why) => Finding::Unsure(why),
            other => other,
        },
    }
}

/// Whose the matter is.
fn owners(reading: &Reading) -> Vec<&'static str> {
    let owner = |t: &Token| match t.text.as_str() {
        "my" | "our" | "mine" | "ours" => Some("mine"),
        "your" | "yours" => Some("yours"),
        "his" => Some("his"),
        "her" | "hers" => Some("hers"),
        "their" | "theirs" => Some("theirs"),
        _ => None,
    };
    reading.words().filter_map(owner).collect()
}

/// `my account` and `her account`.
pub(super) fn possessors(pair: &Pair<'_>) -> Finding {
    let (a, b) = (owners(pair.a), owners(pair.b));
    // In advice to anybody `my` and `your` are the same person.
    let anybody = |o: &&str| matches!(*o, "mine" | "yours");
    let (third_a, third_b): (Vec<_>, Vec<_>) = (
        a.iter().filter(|o| !anybody(o)).collect(),
        b.iter().filter(|o| !anybody(o)).collect(),
    );
    if third_a != third_b && !a.is_empty() && !b.is_empty() {
        return Finding::Different("possessor_changed");
    }
    match a == b {
        true => Finding::Equal,
        false => Finding::Unsure("possessor_on_one_side"),
    }
}
