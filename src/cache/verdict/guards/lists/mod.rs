//! What is known of words before any text is read: the lists in this folder, each written by hand
//! from general knowledge, and small tables of forms. Data, and how to look it up.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use super::reading::stem;

type Set = LazyLock<HashSet<&'static str>>;
type Map = LazyLock<HashMap<&'static str, &'static str>>;

static STOPS: Set = LazyLock::new(|| words(include_str!("stops.txt")));
static COMMON: Set = LazyLock::new(|| words(include_str!("common.txt")));
static FOREIGN: Set = LazyLock::new(|| words(include_str!("foreign.txt")));
static SPELLINGS: Map = LazyLock::new(|| first_of(include_str!("synonyms.txt"), ' '));
static PLACES: Map = LazyLock::new(|| first_of(include_str!("places.txt"), ','));
static PEOPLES: Map = LazyLock::new(|| first_of(include_str!("peoples.txt"), ','));
static PRODUCTS: Map = LazyLock::new(|| first_of(include_str!("products.txt"), ','));
static UNITS: LazyLock<HashMap<&'static str, Unit>> = LazyLock::new(units);
static ANTONYMS: LazyLock<HashMap<String, Vec<String>>> = LazyLock::new(antonyms);

/// A unit of measure.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Unit {
    /// What it measures: two units of one kind can be turned into each other.
    pub(super) kind: &'static str,
    /// How many of the kind's own unit it is.
    pub(super) factor: f64,
}

fn lines(text: &'static str) -> impl Iterator<Item = &'static str> {
    text.lines()
        .map(str::trim)
        .filter(|l| !l.is_empty() && !l.starts_with('#'))
}

fn words(text: &'static str) -> HashSet<&'static str> {
    lines(text).flat_map(str::split_whitespace).collect()
}

/// Each word of a line to its first.
fn first_of(text: &'static str, between: char) -> HashMap<&'static str, &'static str> {
    let mut map = HashMap::new();
    for line in lines(text) {
        let mut words = line.split(between).map(str::trim);
        if let Some(first) = words.next() {
            map.insert(first, first);
            map.extend(words.map(|word| (word, first)));
        }
    }
    map
}

fn units() -> HashMap<&'static str, Unit> {
    let mut map = HashMap::new();
    for line in lines(include_str!("units.txt")) {
        let mut parts = line.split_whitespace();
        if let (Some(kind), Some(Ok(factor))) = (parts.next(), parts.next().map(str::parse)) {
            map.extend(parts.map(|name| (name, Unit { kind, factor })));
        }
    }
    map
}

fn antonyms() -> HashMap<String, Vec<String>> {
    let mut map: HashMap<String, Vec<String>> = HashMap::new();
    for line in lines(include_str!("antonyms.txt")) {
        if let Some((a, b)) = line.split_once(' ') {
            for (a, b) in [(a, b), (b, a)] {
                map.entry(a.to_owned()).or_default().push(b.to_owned());
                map.entry(stem(a)).or_default().push(stem(b));
            }
        }
    }
    map
}

/// Whether a word only holds others together.
pub(super) fn is_stop(word: &str) -> bool {
    STOPS.contains(word)
}

/// Whether a word is too common to be a name.
pub(super) fn is_common(word: &str) -> bool {
    COMMON.contains(word)
}

/// Whether a word is a small one of another language, and none of English.
pub(super) fn is_foreign(word: &str) -> bool {
    FOREIGN.contains(word) && !STOPS.contains(word)
}

/// The usual spelling of a word.
pub(super) fn spelling(word: &str) -> &str {
    SPELLINGS.get(word).copied().unwrap_or(word)
}

/// The usual name of what a word names, whatever its capitals: a place, a people, a product.
pub(super) fn known_name(word: &str) -> Option<&'static str> {
    let word = word.strip_suffix("'s").unwrap_or(word);
    place(word)
        .or_else(|| people(word))
        .or_else(|| PRODUCTS.get(word).copied())
}

/// The usual name of a place.
pub(super) fn place(word: &str) -> Option<&'static str> {
    PLACES.get(word).copied()
}

/// The usual name of a people, a language, a faith or a currency.
pub(super) fn people(word: &str) -> Option<&'static str> {
    PEOPLES.get(word).copied()
}

/// Whether one word turns the other round.
pub(super) fn are_opposite(a: (&str, &str), b: (&str, &str)) -> bool {
    let listed = |a: &str, b: &str| {
        ANTONYMS
            .get(a)
            .is_some_and(|others| others.iter().any(|o| o == b))
    };
    listed(a.0, b.0) || listed(a.1, b.1) || negated(a.0, b.0) || negated(b.0, a.0)
}

/// `unhappy` of `happy`, `careless` of `careful`.
fn negated(longer: &str, word: &str) -> bool {
    let prefixed = [
        "un", "in", "im", "il", "ir", "dis", "non", "mis", "anti", "de",
    ]
    .iter()
    .any(|p| {
        longer
            .strip_prefix(p)
            .is_some_and(|rest| rest.trim_start_matches('-') == word && word.len() >= 4)
    });
    let less = longer
        .strip_suffix("less")
        .is_some_and(|root| root.len() >= 3 && word.strip_suffix("ful") == Some(root));
    prefixed
        && !matches!(
            longer,
            "invaluable"
                | "inflammable"
                | "invalid"
                | "important"
                | "indifferent"
                | "understand"
                | "understood"
                | "discover"
                | "disease"
                | "inside"
                | "interior"
        )
        || less
}

/// The unit that a word names.
pub(super) fn unit(word: &str) -> Option<Unit> {
    UNITS
        .get(word)
        .copied()
        .or_else(|| word.strip_suffix('s').and_then(|w| UNITS.get(w).copied()))
        .or_else(|| word.strip_suffix("es").and_then(|w| UNITS.get(w).copied()))
}

/// Whether a word names a unit.
pub(super) fn is_unit(word: &str) -> bool {
    unit(word).is_some()
}

/// The value of a number word below a hundred.
pub(super) fn number(word: &str) -> Option<f64> {
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
    const ORDINALS: [&str; 9] = [
        "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth", "twelfth",
    ];
    const ORDERS: [f64; 9] = [3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 12.0];
    let at = |list: &[&str]| list.iter().position(|w| *w == word);
    #[allow(clippy::cast_precision_loss, reason = "small numbers")]
    let small = |i: usize| i as f64;
    at(&SMALL)
        .map(small)
        .or_else(|| at(&TENS).map(|i| small(i + 2) * 10.0))
        .or_else(|| at(&ORDINALS).map(|i| ORDERS[i]))
        .or(match word {
            "hundred" => Some(100.0),
            "thousand" => Some(1000.0),
            "half" => Some(0.5),
            "twice" => Some(2.0),
            "thrice" => Some(3.0),
            _ => None,
        })
        .filter(|_| !matches!(word, "hundred" | "thousand"))
}

/// What a number before it is multiplied by.
pub(super) fn multiplier(word: &str) -> Option<f64> {
    Some(match word {
        "dozen" => 12.0,
        "hundred" => 100.0,
        "thousand" => 1e3,
        "million" | "mio" => 1e6,
        "billion" => 1e9,
        "trillion" => 1e12,
        "lakh" => 1e5,
        "crore" => 1e7,
        _ => return None,
    })
}

/// The stem of a form that no rule makes.
pub(super) fn irregular(word: &str) -> Option<&'static str> {
    Some(match word {
        "men" => "man",
        "women" => "woman",
        "children" | "kids" | "kid" => "child",
        "people" => "person",
        "feet" => "foot",
        "teeth" => "tooth",
        "mice" => "mous",
        "geese" => "goos",
        "lives" => "lif",
        "wives" => "wif",
        "knives" => "knif",
        "leaves" | "left" => "leav",
        "wolves" => "wolf",
        "went" | "gone" | "goes" => "go",
        "made" => "mak",
        "said" => "say",
        "took" | "taken" => "tak",
        "came" => "com",
        "saw" | "seen" => "see",
        "knew" | "known" => "know",
        "gave" | "given" => "giv",
        "found" => "find",
        "thought" => "think",
        "told" => "tell",
        "became" => "becom",
        "felt" => "feel",
        "brought" => "bring",
        "began" | "begun" => "begin",
        "kept" => "keep",
        "held" => "hold",
        "wrote" | "written" => "writ",
        "stood" => "stand",
        "heard" => "hear",
        "meant" => "mean",
        "met" => "meet",
        "ran" => "run",
        "paid" => "pay",
        "sat" => "sit",
        "spoke" | "spoken" => "speak",
        "led" => "lead",
        "grew" | "grown" => "grow",
        "lost" => "los",
        "fell" | "fallen" => "fall",
        "sent" => "send",
        "built" => "build",
        "understood" => "understand",
        "drew" | "drawn" => "draw",
        "broke" | "broken" => "break",
        "spent" => "spend",
        "rose" | "risen" => "ris",
        "drove" | "driven" => "driv",
        "bought" => "buy",
        "wore" | "worn" => "wear",
        "chose" | "chosen" => "choos",
        "ate" | "eaten" => "eat",
        "drank" | "drunk" => "drink",
        "slept" => "sleep",
        "taught" => "teach",
        "caught" => "catch",
        "sold" => "sell",
        "won" => "win",
        "flew" | "flown" => "fly",
        "forgot" | "forgotten" => "forget",
        "died" | "dying" => "die",
        "lied" | "lying" => "lie",
        "used" => "us",
        _ => return None,
    })
}

/// The words of a contraction that no rule takes apart.
pub(super) fn unjoined(word: &str) -> Option<&'static [&'static str]> {
    Some(match word {
        "can't" | "cannot" | "cant" => &["can", "not"],
        "won't" | "wont" => &["will", "not"],
        "shan't" => &["shall", "not"],
        "ain't" => &["is", "not"],
        "dont" => &["do", "not"],
        "doesnt" => &["does", "not"],
        "didnt" => &["did", "not"],
        "isnt" => &["is", "not"],
        "arent" => &["are", "not"],
        "shouldnt" => &["should", "not"],
        "couldnt" => &["could", "not"],
        "wouldnt" => &["would", "not"],
        "im" => &["i", "am"],
        "ive" => &["i", "have"],
        "whats" => &["what", "is"],
        "whos" => &["who", "is"],
        "hows" => &["how", "is"],
        "wheres" => &["where", "is"],
        "thats" => &["that", "is"],
        "gonna" => &["going", "to"],
        "wanna" => &["want", "to"],
        "gotta" => &["have", "to"],
        "let's" | "lets" => &["let", "us"],
        "y'all" => &["you"],
        "o'clock" => &["oclock"],
        _ => return None,
    })
}

/// Whether `'s` behind this word is `is`, not a possessive.
pub(super) fn takes_is(word: &str) -> bool {
    matches!(
        word,
        "what"
            | "who"
            | "where"
            | "when"
            | "how"
            | "why"
            | "it"
            | "that"
            | "there"
            | "he"
            | "she"
            | "here"
            | "this"
            | "which"
    )
}
