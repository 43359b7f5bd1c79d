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
/// From twentieth on in tens.
const TENTHS: [&str; 8] = [
    "twentieth",
    "thirtieth",
    "fortieth",
    "fiftieth",
    "sixtieth",
    "seventieth",
    "eightieth",
    "ninetieth",
];
/// What each part of a number may end with to be a place in an order.
const LARGE: [(&str, f64); 3] = [
    ("hundredth", 100.0),
    ("thousandth", 1e3),
    ("millionth", 1e6),
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
/// Names and words that a longer number of that kind follows.
const FOLLOWED: [&str; 30] = [
    "bowl",
    "john",
    "pius",
    "paul",
    "benedict",
    "gregory",
    "leo",
    "clement",
    "innocent",
    "urban",
    "boniface",
    "julius",
    "richard",
    "william",
    "philip",
    "alexander",
    "nicholas",
    "peter",
    "catherine",
    "ramses",
    "ramesses",
    "frederick",
    "wilhelm",
    "alfonso",
    "ferdinand",
    "gustav",
    "christian",
    "episode",
    "wrestlemania",
    "mark",
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

/// A place in an order: `third`, `fortieth`.
pub(super) fn ordinal(token: &Token) -> Option<f64> {
    let tens = || position(&TENTHS, token).map(|n| (n + 2.0) * 10.0);
    position(&ORDINALS, token).or_else(tens)
}

/// `hundredth`, also as the end of `two hundredth`.
pub(super) fn large_ordinal(token: &Token) -> Option<f64> {
    let known = LARGE.iter().find(|(name, _)| token.is(name));
    known.map(|(_, size)| *size)
}

/// `twice`, `thrice`, `once a day`: how many times.
pub(super) fn times(tokens: &[Token]) -> Option<f64> {
    const OFTEN: [&str; 11] = [
        "a", "an", "per", "every", "each", "in", "daily", "weekly", "monthly", "yearly", "annually",
    ];
    match tokens.first()? {
        // Alone it may be no count: "once I am there".
        t if t.is("once") && tokens.get(1).is_some_and(|t| t.is_of(&OFTEN)) => Some(1.0),
        t if t.is("twice") => Some(2.0),
        t if t.is("thrice") => Some(3.0),
        _ => None,
    }
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

/// `quarter cup`, `quarter of a cup`: a part of a measure that needs no article.
fn measured_part(first: &Token, second: &Token) -> Option<f64> {
    let whole = second.is("of") || unit_of(second).is_some();
    (first.is("quarter") && whole).then_some(0.25)
}

/// `half of 250`, `half a dozen`, `half an hour`, `half a cup`, `one third`, `two quarters`, and how many tokens it takes.
pub(super) fn fraction(tokens: &[Token]) -> Option<(f64, usize)> {
    let [first, second, ..] = tokens else {
        return None;
    };
    if first.is("half") && second.is("of") {
        let number = |t: &Token| t.kind == Kind::Number || position(&SMALL, t).is_some();
        return tokens.get(2).is_some_and(number).then_some((0.5, 1));
    }
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
    if let Some(value) = measured_part(first, second) {
        return Some((value, 1));
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
        } else if let Some(place) = ordinal(token).filter(|_| count > 0) {
            part += place;
            count += 1;
            break;
        } else if let Some(size) = large_ordinal(token).filter(|_| count > 0) {
            part = part.max(1.0) * size;
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

/// A roman numeral where nothing else can be meant: `XIV`, and in small letters behind what such numbers follow.
pub(super) fn roman(tokens: &[Token], at: usize) -> Option<f64> {
    let token = &tokens[at];
    let letters = token.raw.as_bytes();
    let small = letters.len() > 1 && letters.iter().all(u8::is_ascii_lowercase);
    let possible = |b: &u8| b"IVXL".contains(&if small { b.to_ascii_uppercase() } else { *b });
    if token.starts || letters.len() > 6 || !letters.iter().all(possible) {
        return None;
    }
    let before = tokens.get(at.checked_sub(1)?)?;
    let followed = || before.is_of(&NUMBERED) || (letters.len() > 1 && before.is_of(&FOLLOWED));
    // Of numbers with L in them short ones are sizes and names: XL.
    let plain = letters.len() > 3 || (letters.len() > 1 && !letters.contains(&b'L'));
    if (small || !plain) && !followed() {
        return None;
    }
    let size = |b: &u8| match b.to_ascii_uppercase() {
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

#[cfg(test)]
mod tests {
    use super::super::check::{different, survives};

    #[test]
    fn another_count_in_words_is_another_question() {
        for (a, b) in [
            (
                "Should I take this pill once daily?",
                "Should I take this pill twice daily?",
            ),
            ("Can I take it once a day?", "Can I take it twice a day?"),
            (
                "Can I take it twice a day?",
                "Can I take it three times a day?",
            ),
            ("Can I take it twice a day?", "Can I take it thrice a day?"),
            (
                "What is a sixtieth birthday called?",
                "What is a seventieth birthday called?",
            ),
            (
                "Who was the thirtieth president?",
                "Who was the fortieth president?",
            ),
            (
                "Who was the twenty-first president?",
                "Who was the twentieth president?",
            ),
            (
                "What is one hundredth of 5?",
                "What is one thousandth of 5?",
            ),
            ("Add ¼ cup of sugar", "Add ½ cup of sugar"),
            ("How much is ⅓ of 90?", "How much is ⅔ of 90?"),
            (
                "how many grams in quarter cup",
                "how many grams in third cup",
            ),
            ("who won super bowl xxv", "who won super bowl xxiv"),
            ("who won Super Bowl LV", "who won Super Bowl LVI"),
            ("who was pope john xxiii", "who was pope john xxii"),
            (
                "what is final fantasy vii about",
                "what is final fantasy viii about",
            ),
            ("who was king george vi", "who was king george iv"),
            ("Who was Louis XIV?", "Who was Louis the Fifteenth?"),
        ] {
            different("numbers", a, b);
        }
    }

    #[test]
    fn one_count_in_two_spellings_survives() {
        for (a, b) in [
            (
                "Can I take it twice a day?",
                "Can I take it two times a day?",
            ),
            ("Can I take it twice a day?", "Can I take it 2 times a day?"),
            ("Can I take it twice a day?", "Can I take it twice daily?"),
            ("Can I take it once a day?", "Can I take it once daily?"),
            (
                "Can I take it thrice a day?",
                "Can I take it 3 times a day?",
            ),
            (
                "Can I take it once a day?",
                "Can I take it one time per day?",
            ),
            (
                "How do I reset it once I am logged in?",
                "How do I reset it when I am logged in?",
            ),
            (
                "Who was the 21st president?",
                "Who was the twenty-first president?",
            ),
            (
                "Who was the 20th president?",
                "Who was the twentieth president?",
            ),
            (
                "Who was the 100th president?",
                "Who was the hundredth president?",
            ),
            (
                "What happened in the twentieth century?",
                "What happened in the 20th century?",
            ),
            ("How long is a quarter mile?", "How long is 1/4 mile?"),
            ("who won super bowl xxv", "who won super bowl 25"),
            ("who was pope john paul ii", "who was Pope John Paul II"),
            ("who won world war ii", "who won world war 2"),
            ("Who was Louis XIV?", "Who was Louis the Fourteenth?"),
            ("Who was Henry VIII?", "who was henry the eighth"),
            ("Who was Elizabeth II?", "Who was Elizabeth the Second?"),
            (
                "What is the 14th amendment?",
                "What is the Fourteenth Amendment?",
            ),
            (
                "What did Tesla earn in the third quarter of 2020?",
                "What did Tesla earn in the 3rd quarter of 2020?",
            ),
        ] {
            survives(a, b);
        }
    }
}
