//! Cuts what has digits in it: amounts with what stands at them, dates, times,
//! versions, codes. Knows nothing of the words around.

use super::figures::{fraction, scientific};
use super::scan::Scan;
use super::token::{Form, Kind, Token};
use super::units;

const CURRENCIES: [(char, &str); 5] = [
    ('$', "dollar"),
    ('€', "euro"),
    ('£', "sterling"),
    ('¥', "yen"),
    ('₹', "rupee"),
];
pub(super) const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];
/// Digits from which on a number is a code: nobody writes such an amount without grouping.
const CODE_DIGITS: usize = 9;

/// Cuts a piece that holds at least one digit.
pub(super) fn cut(core: &str, starts: bool, scan: &mut Scan) {
    if let Some((first, rest)) = core.split_once('(')
        && !first.is_empty()
        && !rest.is_empty()
    {
        scan.piece(first, starts);
        scan.piece(rest, false);
        return;
    }
    let bare = core.trim_start_matches(['#', '~', '≈', '+']);
    let (currency, amount) = match bare.chars().next() {
        Some(sign) => match CURRENCIES.iter().find(|(c, _)| *c == sign) {
            Some((c, name)) => (Some(*name), &bare[c.len_utf8()..]),
            None => (None, bare),
        },
        None => (None, bare),
    };
    let negative = amount.len() > 1 && amount.starts_with(['-', '−']);
    let plain = amount.trim_start_matches(['-', '−']);
    if let Some((value, rest)) = fraction(plain) {
        scan.tokens.push(Token::number(core, value, Form::Plain));
        suffix_words(rest, scan);
        return;
    }
    if let Some(value) = scientific(plain) {
        let value = if negative { -value } else { value };
        scan.tokens.push(Token::number(core, value, Form::Plain));
        return;
    }
    if plain.starts_with(|c: char| c.is_ascii_digit()) {
        number(plain, negative, currency.is_some(), scan);
        if let Some(name) = currency {
            scan.words(name, false);
        }
    } else {
        mixed(core, starts, scan);
    }
}

/// Splits after the digits, dots and commas a number begins with.
fn run(text: &str) -> (&str, &str) {
    let end = text
        .find(|c: char| !c.is_ascii_digit() && c != '.' && c != ',')
        .unwrap_or(text.len());
    let digits = text[..end].trim_end_matches(['.', ',']);
    (digits, &text[digits.len()..])
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

fn whole(text: &str) -> f64 {
    text.parse().unwrap_or(0.0)
}

fn number(text: &str, negative: bool, money: bool, scan: &mut Scan) {
    let (digits, rest) = run(text);
    let parts: Vec<&str> = text.split(['-', '–', '/', ':']).collect();
    if parts.len() >= 3 && parts.iter().all(|part| is_digits(part)) {
        long_parts(text, &parts, scan);
        return;
    }
    if let [first, second, ..] = parts[..]
        && is_digits(first)
        && second.len() >= 2
        && text[first.len()..].starts_with(':')
    {
        let (minutes, suffix) = run(second);
        clock(text, whole(first) * 60.0 + whole(minutes), suffix, scan);
        return;
    }
    if let [first, second] = parts[..]
        && is_digits(first)
        && is_digits(second)
        && text.contains('/')
        && whole(second) > 0.0
    {
        let value = whole(first) / whole(second);
        // The day, which nobody calls by a fraction.
        if text == "9/11" {
            scan.word("September", false);
            scan.tokens.push(Token::number("11", 11.0, Form::Plain));
            return;
        }
        // "The 80/20 rule", "the 80-20 rule": two parts of a whole.
        if near_hundred(whole(first) + whole(second)) {
            for part in [first, second] {
                scan.tokens
                    .push(Token::number(part, whole(part), Form::Plain));
            }
            return;
        }
        scan.tokens.push(Token::number(text, value, Form::Plain));
        return;
    }
    if digits.matches('.').count() >= 2 && !is_grouped(digits, '.') {
        let spelling = digits.trim_end_matches(".0");
        scan.tokens
            .push(Token::exact(Kind::Version, text, spelling));
        suffix_words(rest, scan);
        return;
    }
    if rest.is_empty() && is_digits(digits) && digits.len() >= CODE_DIGITS {
        scan.tokens
            .push(Token::exact(Kind::Identifier, text, digits));
        return;
    }
    let value = amount(digits) * if negative { -1.0 } else { 1.0 };
    suffixed(text, (digits, rest), (value, money), scan);
}

fn near_hundred(sum: f64) -> bool {
    (sum - 100.0).abs() < 0.5
}

/// Three runs of digits or more: a date, a time with seconds, a telephone or book number.
fn long_parts(text: &str, parts: &[&str], scan: &mut Scan) {
    let month = parts.get(1).map_or(0.0, |month| whole(month));
    if parts.len() == 3
        && text.contains('-')
        && parts[0].len() == 4
        && (1.0..=12.0).contains(&month)
    {
        let name = MONTHS.iter().zip(1..).find(|(_, i)| f64::from(*i) == month);
        scan.tokens
            .push(Token::number(parts[0], whole(parts[0]), Form::Plain));
        if let Some((name, _)) = name {
            scan.words(name, false);
        }
        scan.tokens
            .push(Token::number(parts[2], whole(parts[2]), Form::Plain));
        return;
    }
    let spelling = if text.contains('/') {
        let short: Vec<&str> = parts.iter().map(|p| p.trim_start_matches('0')).collect();
        short.join("/")
    } else {
        parts.concat()
    };
    scan.tokens
        .push(Token::exact(Kind::Identifier, text, &spelling));
}

/// A time of day: with the half of the day where it is known.
fn clock(text: &str, minutes: f64, suffix: &str, scan: &mut Scan) {
    let suffix: String = suffix.chars().filter(|c| c.is_alphabetic()).collect();
    let half = minutes % 720.0;
    let (value, form) = match suffix.to_lowercase().as_str() {
        "am" => (half, Form::FullClock),
        "pm" => (half + 720.0, Form::FullClock),
        _ if minutes >= 780.0 => (minutes, Form::FullClock),
        _ => (minutes, Form::Clock),
    };
    scan.tokens.push(Token::number(text, value, form));
}

/// An amount with what stands behind it without a blank.
fn suffixed(
    text: &str,
    (digits, rest): (&str, &str),
    (value, money): (f64, bool),
    scan: &mut Scan,
) {
    let lower = rest.to_lowercase();
    let series = is_series(rest, scan);
    let mut push = |value, form| scan.tokens.push(Token::number(digits, value, form));
    match lower.as_str() {
        "" => push(value, Form::Plain),
        "st" | "nd" | "rd" | "th" => push(value, Form::Ordinal),
        "s" | "'s" if digits.ends_with('0') && (digits.len() == 4 || digits.len() == 2) => {
            let year = if digits.len() == 2 {
                value + 1900.0
            } else {
                value
            };
            push(year, Form::Decade);
        }
        "am" | "pm" | "a.m" | "p.m" => clock(text, value * 60.0, &lower, scan),
        "k" => push(value * 1e3, Form::Plain),
        "m" if money || rest == "M" => push(value * 1e6, Form::Plain),
        "mn" | "mm" if money => push(value * 1e6, Form::Plain),
        "bn" => push(value * 1e9, Form::Plain),
        "b" if money => push(value * 1e9, Form::Plain),
        "$" | "€" | "£" | "₹" => {
            push(value, Form::Plain);
            let name = CURRENCIES.iter().find(|(sign, _)| rest.starts_with(*sign));
            scan.word(name.map_or("", |(_, name)| name), false);
        }
        "%" => {
            push(value, Form::Plain);
            scan.word("percent", false);
        }
        _ if units::is_unit(&lower) => {
            push(value, Form::Plain);
            scan.word(rest, false);
        }
        _ if series => {
            let spelling = format!("{digits}{}", &lower[1..]);
            scan.tokens
                .push(Token::exact(Kind::Identifier, text, &spelling));
        }
        _ if rest.starts_with(['-', '–', '/', ',', '.', '+', '%', ')', '(']) => {
            push(value, Form::Plain);
            suffix_words(rest, scan);
        }
        _ => {
            let spelling: String = text.chars().filter(|c| c.is_alphanumeric()).collect();
            scan.tokens.push(Token::exact(
                Kind::Identifier,
                text,
                &spelling.to_lowercase(),
            ));
        }
    }
}

/// `1040-SR`, `form 941-x`: letters behind a hyphen that are part of a code.
fn is_series(rest: &str, scan: &Scan) -> bool {
    let Some(letters) = rest.strip_prefix('-').filter(|l| (1..3).contains(&l.len())) else {
        return false;
    };
    let form = scan.tokens.last().is_some_and(|t| t.is("form"));
    // Of an amount thousands and millions are meant, or a unit.
    let sized = matches!(letters, "K" | "M" | "B") || units::is_unit(&letters.to_lowercase());
    let capitals = letters.bytes().all(|b| b.is_ascii_uppercase());
    (form && letters.bytes().all(|b| b.is_ascii_alphabetic())) || (capitals && !sized)
}

/// What follows a number after a hyphen or the like: a second number or words.
fn suffix_words(rest: &str, scan: &mut Scan) {
    let rest = rest.trim_start_matches(|c: char| !c.is_alphanumeric());
    if rest.starts_with(|c: char| c.is_ascii_digit()) {
        number(rest, false, false, scan);
    } else if !rest.is_empty() {
        scan.words(rest, false);
    }
}

/// Letters with digits among them: a name with its number, or a code.
fn mixed(core: &str, starts: bool, scan: &mut Scan) {
    let end = core
        .find(|c: char| !c.is_alphabetic())
        .unwrap_or(core.len());
    let (letters, rest) = core.split_at(end);
    let tail = rest.trim_start_matches(['-', '.']);
    let (digits, after) = run(tail);
    let numbered = !digits.is_empty() && after.is_empty();
    if letters.eq_ignore_ascii_case("rs") && !digits.is_empty() {
        number(tail, false, true, scan);
        scan.word("rupee", false);
        return;
    }
    let is_version = letters.eq_ignore_ascii_case("v") || letters.eq_ignore_ascii_case("ver");
    if numbered && is_version {
        scan.word("version", starts);
        number(tail, false, false, scan);
        return;
    }
    let coded = letters.chars().all(char::is_uppercase) && digits.len() > 2;
    if numbered && letters.chars().count() > 2 && !coded {
        scan.word(letters, starts);
        number(tail, false, false, scan);
        return;
    }
    // Words with a number among them: "top-10-list", "his/her2".
    let pieces: Vec<&str> = core
        .split(['-', '/', '–'])
        .filter(|p| !p.is_empty())
        .collect();
    let wordy = pieces
        .first()
        .is_some_and(|piece| piece.chars().all(char::is_lowercase) && piece.len() > 2);
    if pieces.len() > 1 && wordy {
        for piece in pieces {
            if piece.starts_with(|c: char| c.is_ascii_digit()) {
                number(piece, false, false, scan);
            } else {
                scan.words(piece, false);
            }
        }
        return;
    }
    let spelling: String = core.chars().filter(|c| c.is_alphanumeric()).collect();
    scan.tokens.push(Token::exact(
        Kind::Identifier,
        core,
        &spelling.to_lowercase(),
    ));
}

/// Whether a number is grouped in thousands by this sign.
fn is_grouped(digits: &str, sign: char) -> bool {
    let mut parts = digits.split(sign);
    let first = parts.next().unwrap_or("");
    // 1,00,000 is grouped too, in the Indian way.
    (1..=3).contains(&first.len())
        && parts.all(|part| part.len() == 3 || part.len() == 2)
        && digits
            .rsplit(sign)
            .next()
            .is_some_and(|last| last.len() == 3)
}

/// The value of digits with dots and commas.
fn amount(digits: &str) -> f64 {
    let comma = digits.contains(',');
    let head = digits.split('.').next().unwrap_or("");
    let clean: String = if comma && is_grouped(head, ',') {
        digits.chars().filter(|c| *c != ',').collect()
    } else if comma && !digits.contains('.') && digits.matches(',').count() == 1 {
        digits.replace(',', ".")
    } else if comma {
        // 1.000,5 as most of Europe writes it.
        digits
            .chars()
            .filter(|c| *c != '.')
            .map(|c| if c == ',' { '.' } else { c })
            .collect()
    } else if digits.matches('.').count() > 1 {
        digits.chars().filter(|c| *c != '.').collect()
    } else {
        digits.to_owned()
    };
    clean.parse().unwrap_or(0.0)
}
