//! Reads numbers that are written in words: `twenty-one`, `half a dozen`, `nineteen ninety-nine`, `XIV`. Knows nothing
//! of units but that half of something needs a measure.

use super::token::{Kind, Token};
use super::units::unit_of;

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
pub(super) const ORDINALS: [&str; 20] = [
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
const SCALES: [(&str, f64); 15] = [
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
    ("mn", 1e6),
    ("bn", 1e9),
    ("tn", 1e12),
];
pub(super) const DECADES: [(&str, f64); 8] = [
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

pub(super) fn scale(token: &Token) -> Option<f64> {
    let word = token.kind == Kind::Word;
    let known = SCALES.iter().find(|(name, _)| *name == token.lower);
    known.filter(|_| word).map(|(_, size)| *size)
}

pub(super) fn position(list: &[&str], token: &Token) -> Option<f64> {
    if token.kind != Kind::Word {
        return None;
    }
    let place = list.iter().position(|word| *word == token.lower)?;
    u32::try_from(place).ok().map(f64::from)
}

/// "And a half".
pub(super) fn and_a_half(tokens: &[Token]) -> bool {
    matches!(tokens, [and, a, half, ..] if and.is("and") && a.is("a") && half.is("half"))
}

/// `nineteen ninety-nine`, `twenty twenty`: a year said in two halves, and how many tokens it takes.
pub(super) fn year(tokens: &[Token]) -> Option<(f64, usize)> {
    let teen = |token: &Token| position(&SMALL, token).filter(|n| *n >= 10.0);
    let ten = |token: &Token| position(&TENS, token).map(|n| (n + 2.0) * 10.0);
    let [first, second, rest @ ..] = tokens else {
        return None;
    };
    // Of smaller ones an hour and its minutes are meant: "ten thirty".
    let century = teen(first)
        .filter(|n| *n >= 16.0)
        .or_else(|| ten(first).filter(|n| *n <= 20.0))?;
    if second.is("oh")
        && let Some(unit) = rest
            .first()
            .and_then(|t| position(&SMALL, t))
            .filter(|n| *n < 10.0)
    {
        return Some((century * 100.0 + unit, 3));
    }
    let tens = ten(second);
    let unit = rest
        .first()
        .and_then(|t| position(&SMALL, t))
        .filter(|n| tens.is_some() && (1.0..10.0).contains(n));
    let within = teen(second).or(tens)?;
    Some((
        century * 100.0 + within + unit.unwrap_or(0.0),
        2 + usize::from(unit.is_some()),
    ))
}

/// `half a dozen`, `half an hour`, `half a cup`, `one third`, `two quarters`, and how many tokens it takes.
pub(super) fn fraction(tokens: &[Token]) -> Option<(f64, usize)> {
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
    // "A third" may be one more, "a third of" is a part.
    let one = first.is("a") && tokens.get(2).is_some_and(|t| t.is("of"));
    let several = position(&SMALL, first).or(one.then_some(1.0));
    let several = several.filter(|n| (1.0..part).contains(n))?;
    Some((several / part, 2))
}

/// A number written in words, and how many tokens it takes.
pub(super) fn in_words(tokens: &[Token]) -> Option<(f64, usize)> {
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
pub(super) fn roman(tokens: &[Token], at: usize) -> Option<f64> {
    let token = &tokens[at];
    let letters = token.raw.as_bytes();
    // Of numbers with L in them short ones are sizes and names: XL.
    let known = |b: &u8| b"IVX".contains(b) || *b == b'L' && letters.len() > 3;
    if token.starts || letters.len() > 6 || !letters.iter().all(known) {
        return None;
    }
    let before = tokens.get(at.checked_sub(1)?)?;
    if letters.len() == 1 && !before.is_of(&NUMBERED) {
        return None;
    }
    let size = |b: &u8| match b {
        b'I' => 1.0,
        b'V' => 5.0,
        b'L' => 50.0,
        _ => 10.0,
    };
    let sizes: Vec<f64> = letters.iter().map(size).collect();
    let signed = sizes.iter().enumerate().map(|(i, size)| {
        let smaller = sizes.get(i + 1).is_some_and(|next| next > size);
        if smaller { -size } else { *size }
    });
    Some(signed.sum())
}
