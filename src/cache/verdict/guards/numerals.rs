//! Numbers as they are written: in digits, with groups, signs and multipliers, and in words.

use super::lists;
use super::reading::{Kind, Token};

/// The value of a number in digits and the unit that is glued to it: `1,000`, `5mg`, `$3.5k`, `20%`, `2nd`, `1990s`.
pub(super) fn digits(text: &str) -> Option<(f64, &str)> {
    let text = text.trim_start_matches(['#', '+']);
    let (sign, rest) = match text.strip_prefix('-') {
        Some(rest) => (-1.0, rest),
        None => (1.0, text),
    };
    let (currency, rest) = match rest.chars().next()? {
        '$' => ("dollar", &rest[1..]),
        '\u{20ac}' => ("euro", &rest['\u{20ac}'.len_utf8()..]),
        '\u{a3}' => ("pound", &rest['\u{a3}'.len_utf8()..]),
        _ => ("", rest),
    };
    let end = rest
        .find(|c: char| !(c.is_ascii_digit() || matches!(c, ',' | '.' | '/')))
        .unwrap_or(rest.len());
    let (number, unit) = rest.split_at(end);
    let number = number.trim_end_matches(['.', ',']);
    let value = plain(number)?;
    let (factor, unit) = match unit.trim_start_matches('-').to_ascii_lowercase().as_str() {
        "k" => (1e3, ""),
        "m" if !currency.is_empty() => (1e6, ""),
        "bn" | "b" if !currency.is_empty() => (1e9, ""),
        "st" | "nd" | "rd" | "th" => (1.0, ""),
        "s" | "'s" if number.len() == 4 || number.len() == 2 => (1.0, "decade"),
        _ => (1.0, unit.trim_start_matches('-')),
    };
    let unit = if unit.is_empty() { currency } else { unit };
    if !unit.is_empty()
        && unit != "decade"
        && currency.is_empty()
        && !lists::is_unit(&unit.to_lowercase())
    {
        return None;
    }
    Some((sign * value * factor, unit))
}

/// `1,000`, `1.5`, `1/2`; none for versions such as `1.2.3`, dates and other codes.
fn plain(number: &str) -> Option<f64> {
    if let Some((a, b)) = number.split_once('/') {
        let (a, b): (f64, f64) = (a.parse().ok()?, b.parse().ok()?);
        return (b != 0.0 && a < b && b <= 16.0).then(|| a / b);
    }
    let groups: Vec<&str> = number.split(',').collect();
    let grouped = groups.len() > 1;
    let whole = |g: &&str| g.split('.').next().is_some_and(|g| g.len() == 3);
    if grouped && !groups[1..].iter().all(whole) {
        return None;
    }
    groups.concat().parse().ok()
}

/// A number as text, so that equal ones are written alike.
pub(super) fn shown(value: f64) -> String {
    if value.fract() == 0.0 && value.abs() < 1e15 {
        format!("{value:.0}")
    } else {
        format!("{value}")
    }
}

/// Puts number words together: `two hundred` and `200` are one number; `5 million` too.
pub(super) fn join_words(tokens: Vec<Token>) -> Vec<Token> {
    let mut joined: Vec<Token> = Vec::with_capacity(tokens.len());
    let mut rest = tokens.into_iter().peekable();
    while let Some(token) = rest.next() {
        let Some(mut sum) = start(&token) else {
            joined.push(token);
            continue;
        };
        let mut named = token.kind == Kind::Word;
        while let Some(next) = rest.peek() {
            let Some(more) = follow(sum, next, named) else {
                break;
            };
            named |= next.kind == Kind::Word;
            sum = more;
            rest.next();
        }
        joined.push(Token {
            text: shown(sum),
            stem: shown(sum),
            kind: Kind::Number,
            value: Some(sum),
            named: false,
            shouted: false,
            owner: false,
        });
    }
    joined
}

fn start(token: &Token) -> Option<f64> {
    match token.kind {
        Kind::Number => token.value,
        // `one` stands for all sorts of things, `second` for time.
        Kind::Word if token.text != "one" && token.text != "second" && !token.named => {
            lists::number(&token.text)
                .or_else(|| lists::multiplier(&token.text).filter(|_| token.text == "dozen"))
        }
        _ => None,
    }
}

/// The number with one word more, if that goes on with it.
fn follow(so_far: f64, next: &Token, named: bool) -> Option<f64> {
    if next.kind != Kind::Word {
        return None;
    }
    if let Some(times) = lists::multiplier(&next.text) {
        return Some(so_far * times);
    }
    let small = lists::number(&next.text)?;
    // `twenty five`, `one hundred five`: smaller than the last place, and only after words.
    let fits = named
        && so_far >= 20.0
        && small > 0.0
        && so_far % 10.0 == 0.0
        && small < if so_far >= 100.0 { 100.0 } else { 10.0 };
    fits.then_some(so_far + small)
}
