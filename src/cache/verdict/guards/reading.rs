//! One text, read once: words with their stems, numbers with their values, code, flags and
//! identifiers as they stand. Knows letters, not meaning.

use super::lists;
use super::numerals;

/// Tokens of a text that are read; guards say nothing about longer ones.
const MOST: usize = 400;

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Letters.
    Word,
    /// A number, in digits or words.
    Number,
    /// Between backticks.
    Code,
    /// `--force`, `-rf`.
    Flag,
    /// Digits and letters in one: an address, a path, an order, a hash.
    Identifier,
}

/// One piece of a text.
#[derive(Debug, Clone, PartialEq)]
pub struct Token {
    /// In lower case, without the punctuation around it; code as it stands.
    pub text: String,
    /// Without its ending.
    pub stem: String,
    /// What it is.
    pub kind: Kind,
    /// The value of a number.
    pub value: Option<f64>,
    /// Whether it begins with a capital where a sentence does not begin.
    pub named: bool,
    /// Whether it was in capitals altogether.
    pub shouted: bool,
    /// Whether a possessive `'s` was taken from it.
    pub owner: bool,
}

impl Token {
    fn word(text: &str, named: bool, shouted: bool) -> Self {
        let text = lists::spelling(text).to_owned();
        Self {
            stem: stem(&text),
            text,
            kind: Kind::Word,
            value: None,
            named,
            shouted,
            owner: false,
        }
    }

    fn plain(text: String, kind: Kind, value: Option<f64>) -> Self {
        Self {
            stem: text.clone(),
            text,
            kind,
            value,
            named: false,
            shouted: false,
            owner: false,
        }
    }

    /// Whether it says something of the matter, and is not a word that only holds others together.
    #[must_use]
    pub fn is_content(&self) -> bool {
        self.kind != Kind::Word || !lists::is_stop(&self.text)
    }
}

/// A text that was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    pub(super) tokens: Vec<Token>,
    /// What stood between quotation marks, in lower case.
    pub(super) quoted: Vec<String>,
    english: bool,
    long: bool,
    /// Whether capitals tell names here: not where all or none of the words have one.
    pub(super) cased: bool,
}

impl Reading {
    /// Reads a text. Only its beginning if it is very long.
    #[must_use]
    pub fn of(text: &str) -> Self {
        let text = text.replace(['\u{2019}', '\u{2018}'], "'");
        let mut reader = Reader::default();
        // Parts between backticks are code; an odd one at the end encloses nothing.
        let parts: Vec<&str> = text.split('`').collect();
        let closed = parts.len() % 2 == 1;
        for (i, part) in parts.iter().enumerate() {
            if i % 2 == 1 && (closed || i + 1 < parts.len()) {
                reader.code(part);
            } else {
                reader.prose(part);
            }
        }
        reader.finish(&text)
    }

    /// Stems of what says something of the matter, in order; numbers by their value.
    pub fn content(&self) -> impl Iterator<Item = &str> {
        let content = self.tokens.iter().filter(|t| t.is_content());
        content.map(|t| t.stem.as_str())
    }

    /// All words in lower case, in order.
    pub fn lower(&self) -> impl Iterator<Item = &str> {
        self.tokens.iter().map(|t| t.text.as_str())
    }

    /// Whether it is in English, as far as can be told from its small words.
    #[must_use]
    pub fn is_english(&self) -> bool {
        self.english
    }

    /// Whether it was too long to be read to its end.
    #[must_use]
    pub fn is_long(&self) -> bool {
        self.long
    }

    pub(super) fn words(&self) -> impl Iterator<Item = &Token> {
        self.tokens.iter().filter(|t| t.kind == Kind::Word)
    }

    pub(super) fn has(&self, text: &str) -> bool {
        self.tokens.iter().any(|t| t.text == text)
    }

    /// Whether these words follow each other somewhere.
    pub(super) fn says(&self, phrase: &[&str]) -> bool {
        self.tokens
            .windows(phrase.len())
            .any(|w| w.iter().zip(phrase).all(|(t, p)| t.text == *p))
    }
}

#[derive(Default)]
struct Reader {
    tokens: Vec<Token>,
    quoted: Vec<String>,
    capitals: usize,
    smalls: usize,
    begun: bool,
    long: bool,
}

impl Reader {
    fn code(&mut self, code: &str) {
        let code = code.trim();
        if !code.is_empty() {
            self.push(Token::plain(code.to_owned(), Kind::Code, None));
        }
        self.begun = true;
    }

    fn push(&mut self, token: Token) {
        if self.tokens.len() < MOST {
            self.tokens.push(token);
        } else {
            self.long = true;
        }
    }

    fn prose(&mut self, text: &str) {
        for piece in text.split(|c: char| c.is_whitespace() || matches!(c, '\u{2014}' | '\u{2013}'))
        {
            if self.long {
                return;
            }
            self.piece(piece);
        }
        self.quotes(text);
    }

    /// What stands between double quotation marks.
    fn quotes(&mut self, text: &str) {
        let marks = ['"', '\u{201c}', '\u{201d}'];
        let parts: Vec<&str> = text.split(marks).collect();
        let inside = parts.iter().skip(1).step_by(2).take(parts.len() / 2);
        self.quoted.extend(inside.map(|q| {
            q.trim()
                .trim_end_matches(['.', ',', '?', '!'])
                .to_lowercase()
        }));
    }

    fn piece(&mut self, piece: &str) {
        let trimmed = piece.trim_matches(|c: char| {
            !(c.is_alphanumeric()
                || matches!(
                    c,
                    '-' | '/'
                        | '#'
                        | '$'
                        | '%'
                        | '\u{20ac}'
                        | '\u{a3}'
                        | '\u{b0}'
                        | '+'
                        | '@'
                        | '\\'
                        | '.'
                ))
        });
        let trimmed = trimmed.trim_end_matches(['.', '-', '/']);
        let trimmed = if trimmed.len() > 1 && trimmed.starts_with('.') {
            trimmed
        } else {
            trimmed.trim_start_matches('.')
        };
        if trimmed.chars().any(char::is_alphanumeric) {
            self.token(trimmed);
        }
        // An abbreviation's full stop ends no sentence.
        let ends = piece.ends_with(['?', '!', ':'])
            || (piece.ends_with('.') && trimmed.chars().count() > 3);
        self.begun = !ends && (self.begun || !trimmed.is_empty());
    }

    fn token(&mut self, text: &str) {
        if is_flag(text) {
            return self.push(Token::plain(text.to_owned(), Kind::Flag, None));
        }
        if is_address(text) {
            return self.push(Token::plain(text.to_lowercase(), Kind::Identifier, None));
        }
        let digits = text.chars().any(|c| c.is_ascii_digit());
        if digits && self.with_digits(text) {
            return;
        }
        for word in
            text.split(|c: char| !(c.is_alphanumeric() || matches!(c, '\'' | '+' | '#' | '&')))
        {
            self.word(word);
        }
    }

    /// Numbers, numbers with a unit, versions, codes. False if it is none of these.
    fn with_digits(&mut self, text: &str) -> bool {
        if let Some((value, unit)) = numerals::digits(text) {
            self.push(Token::plain(
                numerals::shown(value),
                Kind::Number,
                Some(value),
            ));
            if !unit.is_empty() {
                self.word(unit);
            }
            return true;
        }
        let lower = text.to_lowercase();
        let parts: Vec<&str> = lower.split(['-', '_']).collect();
        // `gpt-4`, `mp3`, `covid-19`: a name and its number, however it is joined.
        if parts.len() <= 2 && lower.len() <= 12 {
            let joined = parts.concat();
            let at = joined.find(|c: char| c.is_ascii_digit()).unwrap_or(0);
            let (name, number) = joined.split_at(at);
            let number_only =
                !number.is_empty() && number.chars().all(|c| c.is_ascii_digit() || c == '.');
            if number_only && name.chars().all(char::is_alphabetic) && number.len() <= 4 {
                if !name.is_empty() {
                    self.word(name);
                }
                let value = number.trim_end_matches('.').parse().ok();
                self.push(Token::plain(number.to_owned(), Kind::Number, value));
                return true;
            }
        }
        if parts.len() > 1
            && parts
                .iter()
                .all(|p| p.chars().all(char::is_alphabetic) || numerals::digits(p).is_some())
            && !lower.starts_with('#')
            && parts.len() <= 3
            && !text.chars().any(char::is_uppercase)
        {
            // `10-year-old`, `2-3`.
            for part in parts {
                self.token(part);
            }
            return true;
        }
        let code = lower.trim_start_matches('#').to_owned();
        self.push(Token::plain(code, Kind::Identifier, None));
        true
    }

    fn word(&mut self, word: &str) {
        let word = word.trim_matches('\'');
        if word.is_empty() {
            return;
        }
        let capital = word.chars().next().is_some_and(char::is_uppercase);
        let shouted = word.chars().count() > 1
            && word.chars().all(|c| c.is_uppercase() || !c.is_alphabetic());
        let inner = word.chars().skip(1).any(char::is_uppercase);
        let lower = word.to_lowercase();
        let (parts, owner) = contraction(&lower);
        let named = (capital && self.begun) || inner;
        if !lists::is_stop(&lower) {
            *(if capital {
                &mut self.capitals
            } else {
                &mut self.smalls
            }) += 1;
        }
        for part in parts {
            let mut token = Token::word(
                part,
                named && !lists::is_stop(part) && !lists::is_common(part),
                shouted,
            );
            token.owner = owner;
            self.push(token);
        }
        self.begun = true;
    }

    fn finish(self, text: &str) -> Reading {
        let tokens = numerals::join_words(self.tokens);
        let english = is_english(&tokens, text);
        let mostly = self.capitals > 3 && self.smalls * 2 < self.capitals;
        Reading {
            tokens,
            quoted: self.quoted,
            english,
            long: self.long,
            cased: !mostly,
        }
    }
}

fn is_flag(text: &str) -> bool {
    let name = text.trim_start_matches('-');
    let dashes = text.len() - name.len();
    (dashes == 2 && name.len() > 1 || dashes == 1 && name.len() <= 3)
        && name.starts_with(|c: char| c.is_ascii_alphabetic())
}

/// An e-mail or web address, or a path.
fn is_address(text: &str) -> bool {
    let inner = text.trim_matches('/');
    text.contains("://")
        || text.contains('\\')
        || (text.contains('@') && text.contains('.'))
        || text.starts_with("/") && inner.len() > 1
        || text.starts_with("www.")
        || inner.matches('/').count() > 1
}

/// A word's parts where an apostrophe joins two, and whether it owned what follows.
fn contraction(word: &str) -> (Vec<&str>, bool) {
    if let Some(whole) = lists::unjoined(word) {
        return (whole.to_vec(), false);
    }
    if let Some(verb) = word.strip_suffix("n't") {
        return (vec![verb, "not"], false);
    }
    for (end, full) in [
        ("'m", "am"),
        ("'re", "are"),
        ("'ve", "have"),
        ("'ll", "will"),
        ("'d", "would"),
    ] {
        if let Some(who) = word.strip_suffix(end) {
            return (vec![who, full], false);
        }
    }
    match word.strip_suffix("'s") {
        Some(who) if lists::takes_is(who) => (vec![who, "is"], false),
        Some(owner) => (vec![owner], true),
        None => (vec![word], false),
    }
}

/// By its small words: English ones must not be fewer than those of the languages around it.
fn is_english(tokens: &[Token], text: &str) -> bool {
    let words = || tokens.iter().filter(|t| t.kind == Kind::Word);
    let letters = text.chars().filter(|c| c.is_alphabetic());
    let (latin, other) = letters.fold((0, 0), |(latin, other), c| {
        if c.is_ascii() {
            (latin + 1, other)
        } else {
            (latin, other + 1)
        }
    });
    let english = words()
        .filter(|t| lists::is_stop(&t.text) || lists::is_common(&t.text))
        .count();
    let foreign = words().filter(|t| lists::is_foreign(&t.text)).count();
    let total = words().count();
    other * 10 <= latin
        && english >= foreign
        && (english * 6 >= total || total <= 4 && foreign == 0)
}

/// A word without the commonest endings. Not a root: two words of one stem are forms of one word.
pub(super) fn stem(word: &str) -> String {
    if let Some(irregular) = lists::irregular(word) {
        return irregular.to_owned();
    }
    let n = word.chars().count();
    if n <= 3 || !word.is_ascii() {
        return word.to_owned();
    }
    let cut = |end: &str, least: usize| word.strip_suffix(end).filter(|s| s.len() >= least);
    let base = if let Some(s) = cut("ies", 2) {
        format!("{s}y")
    } else if let Some(s) = cut("sses", 1) {
        format!("{s}ss")
    } else if let Some(s) = cut("ches", 2)
        .map(|s| format!("{s}ch"))
        .or_else(|| cut("shes", 2).map(|s| format!("{s}sh")))
        .or_else(|| cut("xes", 2).map(|s| format!("{s}x")))
    {
        s
    } else if word.ends_with("ss") || word.ends_with("us") || word.ends_with("is") {
        word.to_owned()
    } else if let Some(s) = cut("s", 3) {
        s.to_owned()
    } else if let Some(s) = cut("ied", 2) {
        format!("{s}y")
    } else if let Some(s) = cut("ing", 3).filter(|s| has_vowel(s)) {
        undoubled(s)
    } else if let Some(s) = cut("ed", 3).filter(|s| has_vowel(s)) {
        undoubled(s)
    } else {
        word.to_owned()
    };
    // `making`, `make`, `makes`: the silent e goes from all of them.
    match base.strip_suffix('e') {
        Some(s) if s.len() >= 3 && !s.ends_with('e') => s.to_owned(),
        _ => base,
    }
}

fn has_vowel(s: &str) -> bool {
    s.contains(['a', 'e', 'i', 'o', 'u', 'y'])
}

/// `running` → `run`.
fn undoubled(s: &str) -> String {
    let bytes = s.as_bytes();
    let n = bytes.len();
    let double =
        n > 3 && bytes[n - 1] == bytes[n - 2] && !matches!(bytes[n - 1], b'l' | b's' | b'e' | b'o');
    s[..if double { n - 1 } else { n }].to_owned()
}
