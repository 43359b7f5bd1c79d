//! Reads amounts out of tokens: digits and number words with their scale and unit.
//! Knows nothing of the other text.

use super::digits::MONTHS;
use super::number_words::{
    DECADES, and_a_half, fraction, in_words, large_ordinal, ordinal, roman, scale, times, year,
};
use super::reading::Reading;
use super::token::{Form, Kind, Token};
use super::units::{Unit, named, unit_of};

/// An amount in a text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Quantity {
    /// The number.
    pub(super) value: f64,
    /// What it counts, where a unit follows.
    pub(super) unit: Option<Unit>,
    /// First token.
    pub(super) first: usize,
    /// Tokens it covers.
    pub(super) count: usize,
    /// Whether the word has uses in which it counts nothing: "one", "first".
    pub(super) weak: bool,
    /// How it was written.
    pub(super) form: Form,
}

/// All amounts of a text in their order.
pub(super) fn read(tokens: &[Token], english: bool) -> Vec<Quantity> {
    let mut found: Vec<Quantity> = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let Some(mut quantity) = amount(tokens, at, english) else {
            at += 1;
            continue;
        };
        with_unit(&mut quantity, tokens);
        at += quantity.count;
        found.push(quantity);
    }
    found
}

/// Whether a token is part of an amount.
pub(super) fn covers(reading: &Reading, token: usize) -> bool {
    let amounts = reading.quantities().iter();
    amounts
        .clone()
        .any(|q| (q.first..q.first + q.count).contains(&token))
}

fn amount(tokens: &[Token], at: usize, english: bool) -> Option<Quantity> {
    let token = &tokens[at];
    let made = |value, count, weak, form| Quantity {
        value,
        unit: None,
        first: at,
        count,
        weak,
        form,
    };
    if token.kind == Kind::Number {
        let (value, count) = in_figures(tokens, at);
        let unit = named("m").filter(|_| is_run(tokens, at));
        return Some(Quantity {
            unit,
            ..made(value, count, false, token.form)
        });
    }
    if token.kind != Kind::Word || !english {
        return None;
    }
    if let Some(value) = roman(tokens, at) {
        return Some(made(value, 1, false, Form::Plain));
    }
    if let Some(value) = ordinal(token).or_else(|| large_ordinal(token)) {
        // "The first" may be any, "May first" is a day.
        let dated = at > 0 && tokens[at - 1].is_of(&MONTHS);
        return Some(made(value, 1, value <= 2.0 && !dated, Form::Ordinal));
    }
    if let Some(value) = times(&tokens[at..]) {
        return Some(made(value, 1, value <= 1.0, Form::Plain));
    }
    if let Some((_, year)) = DECADES.iter().find(|(word, _)| *word == token.lower) {
        return Some(made(*year, 1, true, Form::Decade));
    }
    if let Some(quantity) = one_and_a_half(tokens, at) {
        return Some(quantity);
    }
    if let Some((value, count)) = fraction(&tokens[at..]) {
        // "Half of 250" may also be said without a part: "250 divided by 2".
        let weak = token.is("half") && tokens[at + 1].is("of");
        return Some(made(value, count, weak, Form::Plain));
    }
    if let Some((value, count)) = year(&tokens[at..]) {
        return Some(made(value, count, false, Form::Plain));
    }
    let (mut value, mut count) = in_words(&tokens[at..])?;
    (value, count) = with_half(tokens, at, value, count);
    let weak = count == 1 && (value <= 1.0);
    Some(made(value, count, weak, Form::Plain))
}

/// `1.5 million`, `1 1/2 cups`: a number in figures, and how many tokens it takes.
fn in_figures(tokens: &[Token], at: usize) -> (f64, usize) {
    let token = &tokens[at];
    let (mut value, mut count) = (token.value, 1);
    let part = tokens.get(at + 1).filter(|t| is_part(t));
    if let Some(part) = part.filter(|_| value.fract() == 0.0 && token.form == Form::Plain) {
        value += part.value;
        count += 1;
    }
    while let Some(size) = tokens.get(at + count).and_then(scale) {
        value *= size;
        count += 1;
    }
    with_half(tokens, at, value, count)
}

/// `a 5k run`: thousands of metres.
fn is_run(tokens: &[Token], at: usize) -> bool {
    const RUN: [&str; 14] = [
        "run",
        "runs",
        "running",
        "ran",
        "runner",
        "race",
        "races",
        "jog",
        "jogging",
        "walk",
        "train",
        "training",
        "marathon",
        "treadmill",
    ];
    let token = &tokens[at];
    let digits = token.raw.parse().unwrap_or(token.value);
    let thousands = token.value >= 1e3 && token.value < 1e6 && digits < token.value;
    thousands
        && tokens.get(at + 1).and_then(unit_of).is_none()
        && tokens.iter().any(|t| t.is_of(&RUN))
}

/// A fraction below one in figures.
fn is_part(token: &Token) -> bool {
    token.kind == Kind::Number && !token.raw.contains('.') && token.value > 0.0 && token.value < 1.0
}

/// `one and a half`, `three and a half million`.
fn with_half(tokens: &[Token], at: usize, value: f64, count: usize) -> (f64, usize) {
    if !and_a_half(&tokens[at + count..]) {
        return (value, count);
    }
    let size = tokens.get(at + count + 3).and_then(scale);
    (
        (value + 0.5) * size.unwrap_or(1.0),
        count + 3 + usize::from(size.is_some()),
    )
}

/// `an hour and a half`.
fn one_and_a_half(tokens: &[Token], at: usize) -> Option<Quantity> {
    let measured = tokens.get(at + 1).and_then(unit_of);
    let unit = measured.filter(|_| tokens[at].is_of(&["a", "an", "one"]))?;
    and_a_half(tokens.get(at + 2..)?).then_some(Quantity {
        value: 1.5,
        unit: Some(unit),
        first: at,
        count: 5,
        weak: false,
        form: Form::Plain,
    })
}

/// `miles per hour`, `km/h`: a unit of speed, and how many tokens it takes.
fn per_hour(tokens: &[Token]) -> Option<(Unit, usize)> {
    let hour = |at: usize, names: &[&str]| tokens.get(at).is_some_and(|t| t.is_of(names));
    let count = match tokens.get(1)? {
        t if t.is_of(&["per", "an", "a"]) && hour(2, &["hour", "h"]) => 3,
        _ if hour(1, &["h", "hr"]) => 2,
        _ => return None,
    };
    let (length, kilometre) = (unit_of(&tokens[0])?, named("km")?);
    let speed = named("kph")?;
    let size = speed.size * length.size / kilometre.size;
    (length.dimension == kilometre.dimension).then_some((Unit { size, ..speed }, count))
}

/// `in the morning`, `at night` behind an hour: minutes from midnight, and how many tokens it takes.
fn daytime(hour: &Quantity, tokens: &[Token]) -> Option<(f64, usize)> {
    let minutes = match hour.form {
        Form::Plain => hour.value * 60.0,
        Form::Clock => hour.value,
        _ => return None,
    };
    let half = minutes % 720.0;
    // From six on a night is of the evening.
    let night = if half >= 360.0 { half + 720.0 } else { half };
    let (value, count) = match tokens {
        [at, the, part, ..] if at.is("in") && the.is("the") => match part.lower.as_str() {
            "morning" => (half, 3),
            "afternoon" | "evening" => (half + 720.0, 3),
            _ => return None,
        },
        [at, part, ..] if at.is("at") && part.is("night") => (night, 2),
        _ => return None,
    };
    (minutes <= 720.0).then_some((value, count))
}

/// Takes in the unit, the half of the day, or the sign behind an amount.
fn with_unit(quantity: &mut Quantity, tokens: &[Token]) {
    if quantity.unit.is_some() {
        return;
    }
    let next = quantity.first + quantity.count;
    let Some(token) = tokens.get(next) else {
        return;
    };
    if quantity.form == Form::Plain && token.is_of(&["am", "pm"]) && quantity.value <= 12.0 {
        let afternoon = if token.is("pm") { 720.0 } else { 0.0 };
        quantity.value = (quantity.value * 60.0) % 720.0 + afternoon;
        quantity.form = Form::FullClock;
        quantity.count += 1;
    } else if quantity.form == Form::Clock && token.is_of(&["am", "pm"]) {
        let afternoon = if token.is("pm") { 720.0 } else { 0.0 };
        quantity.value = quantity.value % 720.0 + afternoon;
        quantity.form = Form::FullClock;
        quantity.count += 1;
    } else if let Some((minutes, count)) = daytime(quantity, &tokens[next..]) {
        quantity.value = minutes;
        quantity.form = Form::FullClock;
        quantity.weak = false;
        quantity.count += count;
    } else if quantity.form == Form::Plain && token.is("oclock") {
        quantity.value *= 60.0;
        quantity.form = Form::Clock;
        quantity.count += 1;
    } else if quantity.form == Form::Plain {
        let degree = token.is_of(&["degree", "degrees", "°"]);
        let exact = tokens.get(next + 1).filter(|_| degree).and_then(unit_of);
        let speed = per_hour(&tokens[next..]);
        let long = exact.map(|unit| (unit, 2)).or(speed);
        let found = long.or_else(|| unit_of(token).map(|unit| (unit, 1)));
        quantity.unit = found.map(|(unit, _)| unit);
        quantity.count += found.map_or(0, |(_, count)| count);
        // "one year" counts, "one" alone may not.
        quantity.weak &= quantity.unit.is_none();
    }
}
