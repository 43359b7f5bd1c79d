//! One word, number or name of a text as the guards see it. Knows nothing of its neighbours.

use super::words::{hash, is_stop, meaning, stem};

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A word.
    Word,
    /// A number in digits.
    Number,
    /// A number with two dots or more.
    Version,
    /// A span between backticks.
    Code,
    /// An option of a command.
    Flag,
    /// An address, a path, an order number, a product code.
    Identifier,
}

/// How a token begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Capital {
    /// With a small letter or none.
    None,
    /// With a capital.
    First,
    /// Two letters or more, all of them capitals.
    All,
}

/// How a number was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// As an amount.
    Plain,
    /// As a place in an order: 1st.
    Ordinal,
    /// As ten years: 1990s.
    Decade,
    /// As a time of day, in minutes from midnight, morning or afternoon not known.
    Clock,
    /// As a time of day, in minutes from midnight.
    FullClock,
}

/// One word, number or name.
#[derive(Debug, Clone)]
pub struct Token {
    /// As it was written.
    pub raw: String,
    /// In small letters, without marks around it.
    pub lower: String,
    /// What its forms and spellings share; for what is no word, the same as `lower`.
    pub stem: String,
    /// Hash of the stem.
    pub key: u64,
    /// Hash that synonyms share.
    pub meaning: u64,
    /// What it is.
    pub kind: Kind,
    /// How it begins.
    pub capital: Capital,
    /// Whether a sentence begins here.
    pub starts: bool,
    /// Whether it carries no subject.
    pub stop: bool,
    /// Whether it was written as an owner: "wife's".
    pub owner: bool,
    /// The number, zero for what is none.
    pub value: f64,
    /// How the number was written.
    pub form: Form,
}

impl Token {
    /// A word of a text.
    pub(super) fn word(raw: &str, lower: String, starts: bool) -> Self {
        let mut letters = raw.chars().filter(|c| c.is_alphabetic());
        let first = letters.next().is_some_and(char::is_uppercase);
        let mut rest = letters.peekable();
        let capital = match (first, rest.peek().is_some()) {
            (true, true) if rest.all(char::is_uppercase) => Capital::All,
            (true, _) => Capital::First,
            // A capital further in marks a name too: iPhone.
            _ if raw.chars().any(char::is_uppercase) => Capital::First,
            _ => Capital::None,
        };
        let stop = is_stop(&lower);
        let stem = stem(&lower);
        let key = hash(&stem);
        Self {
            raw: raw.to_owned(),
            stem,
            meaning: meaning(key),
            key,
            lower,
            kind: Kind::Word,
            capital,
            starts,
            stop,
            owner: false,
            value: 0.0,
            form: Form::Plain,
        }
    }

    /// A number in digits; two that are equal have one key.
    pub(super) fn number(raw: &str, value: f64, form: Form) -> Self {
        let key = value.to_bits() ^ 0x5bd1_e995;
        Self {
            value,
            form,
            ..Self::other(Kind::Number, raw, key)
        }
    }

    /// Anything compared by one spelling.
    pub(super) fn exact(kind: Kind, raw: &str, spelling: &str) -> Self {
        Self {
            lower: spelling.to_owned(),
            stem: spelling.to_owned(),
            ..Self::other(kind, raw, hash(spelling))
        }
    }

    fn other(kind: Kind, raw: &str, key: u64) -> Self {
        Self {
            raw: raw.to_owned(),
            lower: raw.to_lowercase(),
            stem: raw.to_lowercase(),
            key,
            meaning: key,
            kind,
            capital: Capital::None,
            starts: false,
            stop: false,
            owner: false,
            value: 0.0,
            form: Form::Plain,
        }
    }

    /// A number for its small letters: the same for the same, two of a text never meet but by chance.
    pub(in super::super) fn spelling(&self) -> u64 {
        hash(&self.lower)
    }

    /// Whether it is a word with this spelling in small letters.
    pub(super) fn is(&self, lower: &str) -> bool {
        self.kind == Kind::Word && self.lower == lower
    }

    /// Whether it is a word with one of these spellings.
    pub(super) fn is_of(&self, lowers: &[&str]) -> bool {
        self.kind == Kind::Word && lowers.contains(&self.lower.as_str())
    }
}
