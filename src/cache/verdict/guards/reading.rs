//! One text, read once: its tokens, amounts, listed phrases and question word.
//! Knows nothing of the other text.

use super::chords::join as join_keys;
use super::lexicon::{Family, LEXICON, Need, Sense, join};
use super::quantity::{self, Quantity};
use super::question::{self, Asked};
use super::scan::Scan;
use super::token::{Capital, Kind, Token};

/// Least share of English function words of a text that is English.
const ENGLISH: usize = 6;

/// Words of a text that need not have any.
const SHORT: usize = 5;

/// Words that begin a question, or a part of one that goes on with what was said.
const ASKING: [&str; 34] = [
    "what", "who", "whom", "whose", "which", "when", "where", "why", "how", "is", "are", "was",
    "were", "am", "do", "does", "did", "can", "could", "will", "would", "should", "shall", "may",
    "might", "must", "has", "have", "had", "and", "or", "but", "so", "then",
];

/// A listed phrase in a text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mark {
    /// First token.
    pub(super) first: usize,
    /// Tokens it covers.
    pub(super) count: usize,
    /// What it is.
    pub(super) sense: Sense,
}

/// One text, read once.
#[derive(Debug)]
pub struct Reading {
    tokens: Vec<Token>,
    quotes: Vec<String>,
    signs: Vec<String>,
    quantities: Vec<Quantity>,
    marks: Vec<Mark>,
    asked: Option<Asked>,
    titled: bool,
    english: bool,
    too_long: bool,
    corrected: bool,
}

impl Reading {
    /// Reads a text; at most its first 400 words.
    #[must_use]
    pub fn of(text: &str) -> Self {
        let mut scan = Scan::of(text);
        join_keys(&mut scan.tokens);
        let english = looks_english(&scan.tokens);
        Self {
            quantities: quantity::read(&scan.tokens, english),
            marks: if english {
                marks(&scan.tokens)
            } else {
                Vec::new()
            },
            asked: if english {
                question::asked(&scan.tokens)
            } else {
                None
            },
            titled: is_titled(&scan.tokens),
            english,
            corrected: corrects_itself(&scan.tokens),
            tokens: scan.tokens,
            quotes: scan.quotes,
            signs: scan.signs,
            too_long: scan.too_long,
        }
    }

    /// Stems of the words that carry the subject: no stop words. A word that is a
    /// number or a code stands as it is.
    pub fn content(&self) -> impl Iterator<Item = &str> {
        let content = self.tokens.iter().filter(|token| !token.stop);
        content.map(|token| token.stem.as_str())
    }

    /// Whether the text is English, so that all guards can read it.
    #[must_use]
    pub fn is_english(&self) -> bool {
        self.english
    }

    /// How many words and numbers were read.
    #[must_use]
    pub fn words(&self) -> usize {
        self.tokens.len()
    }

    /// Whether the text is longer than what was read of it.
    #[must_use]
    pub fn is_too_long(&self) -> bool {
        self.too_long
    }

    /// Whether the speaker takes words back: which of them count, only the end tells.
    #[must_use]
    pub fn corrects_itself(&self) -> bool {
        self.corrected
    }

    /// Whether the text begins as a question does, whatever mark is at its end.
    #[must_use]
    pub fn asks(&self) -> bool {
        self.tokens.first().is_some_and(|t| t.is_of(&ASKING))
    }

    /// Everything read, in its order.
    #[must_use]
    pub fn tokens(&self) -> &[Token] {
        &self.tokens
    }

    /// What stands between quotation marks, in small letters, with the `!` or `?` at its end.
    #[must_use]
    pub fn quotes(&self) -> &[String] {
        &self.quotes
    }

    /// What the first question of the text asks for.
    #[must_use]
    pub fn asked(&self) -> Option<Asked> {
        self.asked
    }

    /// Signs of mathematics and code, in their order.
    pub(super) fn signs(&self) -> &[String] {
        &self.signs
    }

    pub(super) fn quantities(&self) -> &[Quantity] {
        &self.quantities
    }

    pub(super) fn marks(&self, family: Family) -> impl Iterator<Item = &Mark> {
        let marks = self.marks.iter();
        marks.filter(move |mark| mark.sense.family == family)
    }

    /// Whether capitals are not kept for names here: a headline, or shouting.
    pub(super) fn is_titled(&self) -> bool {
        self.titled
    }

    /// Whether a token has this stem.
    pub(super) fn has(&self, key: u64) -> bool {
        self.tokens.iter().any(|token| token.key == key)
    }
}

fn looks_english(tokens: &[Token]) -> bool {
    let words = tokens.iter().filter(|token| token.kind == Kind::Word);
    let count = words.clone().count();
    let stops = words.clone().filter(|token| token.stop).count();
    // "°C" and "µg" are at home in every language.
    let plain = |token: &&Token| token.lower.trim_start_matches(['°', 'µ']).is_ascii();
    let ascii = words.filter(plain).count();
    ascii * 10 >= count * 8 && (count <= SHORT || stops * ENGLISH >= count)
}

/// Whether a speaker takes words back: "the north, no, rather the south".
fn corrects_itself(tokens: &[Token]) -> bool {
    const BACK: [&str; 7] = [
        "no", "rather", "instead", "actually", "wait", "sorry", "oops",
    ];
    const ANEW: [&str; 11] = [
        "what", "where", "who", "when", "how", "which", "why", "the", "not", "tell", "no",
    ];
    let marks = [
        ["i", "mean"],
        ["make", "that"],
        ["scratch", "that"],
        ["no", "i"],
        ["no", "make"],
    ];
    let sounds = ["uh", "um", "er", "erm", "uhm", "oops"];
    let taken_back = |x: &Token, y: &Token| {
        (x.is_of(&BACK) && !x.starts && y.is_of(&ANEW) && !(x.is("instead") && y.is("of")))
            || (x.is_of(&["or", "no", "yes"]) && y.is_of(&BACK))
            || marks
                .iter()
                .any(|[first, second]| x.is(first) && y.is(second))
    };
    let pairs = tokens.windows(2);
    tokens.iter().any(|t| t.is_of(&sounds)) || pairs.into_iter().any(|p| taken_back(&p[0], &p[1]))
}

fn is_titled(tokens: &[Token]) -> bool {
    let words = tokens.iter().filter(|t| t.kind == Kind::Word && !t.starts);
    let long = words.filter(|t| t.lower.len() > 3 || !t.stop);
    let count = long.clone().count();
    let capitals = long.filter(|t| t.capital != Capital::None).count();
    count >= 4 && capitals * 4 >= count * 3
}

fn is_written(need: Need, tokens: &[Token]) -> bool {
    match need {
        Need::Any => true,
        Need::Capital => tokens
            .iter()
            .all(|t| t.capital == Capital::All || (t.capital == Capital::First && !t.starts)),
        Need::Caps => tokens
            .iter()
            .all(|t| !t.raw.chars().any(char::is_lowercase)),
    }
}

/// All listed phrases, the longest at each place; a word of one begins no other of its family.
fn marks(tokens: &[Token]) -> Vec<Mark> {
    let mut found = Vec::new();
    let mut taken = 0;
    for first in 0..tokens.len() {
        let longest = LEXICON.longest(tokens[first].key);
        for count in (1..=longest.min(tokens.len() - first)).rev() {
            let part = &tokens[first..first + count];
            if first + count <= taken
                || part
                    .iter()
                    .any(|t| t.kind != Kind::Word && t.kind != Kind::Number)
            {
                continue;
            }
            let phrase = part.iter().fold(0, |sum, token| join(sum, token.key));
            let before = found.len();
            let senses = LEXICON.senses(phrase).iter();
            found.extend(
                senses
                    .filter(|s| is_written(s.need, part))
                    .map(|sense| Mark {
                        first,
                        count,
                        sense: *sense,
                    }),
            );
            if found.len() > before {
                taken = taken.max(first + count);
                break;
            }
        }
    }
    found
}
