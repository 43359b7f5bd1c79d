//! Reads amounts out of tokens: digits and number words with their scale and unit.
//! Knows nothing of the other text.

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

const SMALL: [&str; 20] = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
];
const TENS: [&str; 8] = [
    "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety",
];
const ORDINALS: [&str; 20] = [
    "zeroth",
    "first",
    "second",
    "third",
    "fourth",
    "fifth",
    "sixth",
    "seventh",
    "eighth",
    "ninth",
    "tenth",
    "eleventh",
    "twelfth",
    "thirteenth",
    "fourteenth",
    "fifteenth",
    "sixteenth",
    "seventeenth",
    "eighteenth",
    "nineteenth",
];
const SCALES: [(&str, f64); 12] = [
    ("dozen", 12.0),
    ("hundred", 100.0),
    ("thousand", 1e3),
    ("k", 1e3),
    ("lakh", 1e5),
    ("lakhs", 1e5),
    ("lac", 1e5),
    ("million", 1e6),
    ("crore", 1e7),
    ("crores", 1e7),
    ("billion", 1e9),
    ("trillion", 1e12),
];
const DECADES: [(&str, f64); 8] = [
    ("twenties", 1920.0),
    ("thirties", 1930.0),
    ("forties", 1940.0),
    ("fifties", 1950.0),
    ("sixties", 1960.0),
    ("seventies", 1970.0),
    ("eighties", 1980.0),
    ("nineties", 1990.0),
];
/// Words before a lone I, V or X that make a number of it.
const NUMBERED: [&str; 30] = [
    "war",
    "part",
    "chapter",
    "volume",
    "phase",
    "type",
    "class",
    "act",
    "book",
    "grade",
    "title",
    "article",
    "section",
    "stage",
    "elizabeth",
    "charles",
    "james",
    "henry",
    "edward",
    "louis",
    "napoleon",
    "francis",
    "george",
    "final",
    "fantasy",
    "rocky",
    "level",
    "schedule",
    "group",
    "factor",
];

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

fn scale(token: &Token) -> Option<f64> {
    let word = token.kind == Kind::Word;
    let known = SCALES.iter().find(|(name, _)| *name == token.lower);
    known.filter(|_| word).map(|(_, size)| *size)
}

fn position(list: &[&str], token: &Token) -> Option<f64> {
    if token.kind != Kind::Word {
        return None;
    }
    let place = list.iter().position(|word| *word == token.lower)?;
    u32::try_from(place).ok().map(f64::from)
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
        let mut value = token.value;
        let mut count = 1;
        while let Some(size) = tokens.get(at + count).and_then(scale) {
            value *= size;
            count += 1;
        }
        if and_a_half(&tokens[at + count..]) {
            (value, count) = (value + 0.5, count + 3);
        }
        return Some(made(value, count, false, token.form));
    }
    if token.kind != Kind::Word || !english {
        return None;
    }
    if let Some(value) = roman(tokens, at) {
        return Some(made(value, 1, false, Form::Plain));
    }
    if let Some(value) = position(&ORDINALS, token) {
        return Some(made(value, 1, value <= 2.0, Form::Ordinal));
    }
    if let Some((_, year)) = DECADES.iter().find(|(word, _)| *word == token.lower) {
        return Some(made(*year, 1, true, Form::Decade));
    }
    if let Some(quantity) = one_and_a_half(tokens, at) {
        return Some(quantity);
    }
    if let Some((value, count)) = fraction(&tokens[at..]) {
        return Some(made(value, count, false, Form::Plain));
    }
    let (mut value, mut count) = in_words(&tokens[at..])?;
    if and_a_half(&tokens[at + count..]) {
        (value, count) = (value + 0.5, count + 3);
    }
    let weak = count == 1 && (value <= 1.0);
    Some(made(value, count, weak, Form::Plain))
}

/// "And a half".
fn and_a_half(tokens: &[Token]) -> bool {
    matches!(tokens, [and, a, half, ..] if and.is("and") && a.is("a") && half.is("half"))
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

/// `half a dozen`, `half an hour`, `half a cup`, `one third`, `two quarters`, and how many tokens it takes.
fn fraction(tokens: &[Token]) -> Option<(f64, usize)> {
    let [first, second, ..] = tokens else {
        return None;
    };
    if first.is("half") {
        let article = usize::from(second.is_of(&["a", "an"]));
        let counted = tokens.get(1 + article)?;
        let times = scale(counted);
        // Half of what has no measure is another thing, not an amount: a half brother.
        let measured = times.is_some() || unit_of(counted).is_some();
        return measured.then_some((
            times.unwrap_or(1.0) / 2.0,
            1 + article + usize::from(times.is_some()),
        ));
    }
    let part = match second.lower.as_str() {
        "half" | "halves" => 2.0,
        "third" | "thirds" => 3.0,
        "quarter" | "quarters" => 4.0,
        "fifth" | "fifths" => 5.0,
        _ => return None,
    };
    let several = position(&SMALL, first).filter(|n| (1.0..part).contains(n))?;
    Some((several / part, 2))
}

/// A number written in words, and how many tokens it takes.
fn in_words(tokens: &[Token]) -> Option<(f64, usize)> {
    let (mut total, mut part, mut count) = (0.0, 0.0, 0);
    while let Some(token) = tokens.get(count) {
        let next = tokens.get(count + 1);
        if let Some(unit) = position(&SMALL, token) {
            // "nine eleven" are two numbers.
            if count > 0 && part % 10.0 != 0.0 {
                break;
            }
            part += unit;
        } else if let Some(ten) = position(&TENS, token) {
            if count > 0 && part % 100.0 != 0.0 {
                break;
            }
            part += (ten + 2.0) * 10.0;
        } else if let Some(size) = scale(token) {
            let times = if part == 0.0 { 1.0 } else { part };
            if size <= 100.0 {
                part = times * size;
            } else {
                total += times * size;
                part = 0.0;
            }
        } else if let Some(ordinal) = position(&ORDINALS, token)
            && count > 0
        {
            part += ordinal;
            count += 1;
            break;
        } else if !(token.is("and")
            && count > 0
            && scale(&tokens[count - 1]).is_some()
            && next.is_some_and(|t| position(&SMALL, t).or(position(&TENS, t)).is_some()))
        {
            break;
        }
        count += 1;
    }
    (count > 0).then_some((total + part, count))
}

/// A roman numeral where nothing else can be meant.
fn roman(tokens: &[Token], at: usize) -> Option<f64> {
    let token = &tokens[at];
    let letters = token.raw.as_bytes();
    if token.starts || letters.len() > 6 || !letters.iter().all(|b| b"IVX".contains(b)) {
        return None;
    }
    let before = tokens.get(at.checked_sub(1)?)?;
    if letters.len() == 1 && !before.is_of(&NUMBERED) {
        return None;
    }
    let size = |b: &u8| match b {
        b'I' => 1.0,
        b'V' => 5.0,
        _ => 10.0,
    };
    let sizes: Vec<f64> = letters.iter().map(size).collect();
    let signed = sizes.iter().enumerate().map(|(i, size)| {
        let smaller = sizes.get(i + 1).is_some_and(|next| next > size);
        if smaller { -size } else { *size }
    });
    Some(signed.sum())
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
