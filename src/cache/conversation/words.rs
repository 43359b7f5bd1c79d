//! Words as the rules of this folder look at them: small letters, contractions written out.

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::cache::verdict::guards::{Capital, Kind, Reading, Token};

/// A text as its words.
pub(super) struct Words<'a> {
    pub(super) tokens: &'a [Token],
}

impl<'a> Words<'a> {
    pub(super) fn of(reading: &'a Reading) -> Self {
        Self {
            tokens: reading.tokens(),
        }
    }

    pub(super) fn at(&self, i: usize) -> &'a str {
        self.tokens.get(i).map_or("", |t| t.lower.as_str())
    }

    pub(super) fn len(&self) -> usize {
        self.tokens.len()
    }

    /// Where one of `words` first stands.
    pub(super) fn place(&self, words: &[&str]) -> Option<usize> {
        (0..self.len()).find(|i| words.contains(&self.at(*i)))
    }

    pub(super) fn has(&self, words: &[&str]) -> bool {
        self.place(words).is_some()
    }

    /// Whether it begins with these words.
    pub(super) fn begins(&self, phrase: &str) -> bool {
        self.phrase_at(0, phrase)
    }

    /// Whether these words follow each other somewhere.
    pub(super) fn says(&self, phrase: &str) -> bool {
        (0..self.len()).any(|i| self.phrase_at(i, phrase))
    }

    pub(super) fn phrase_at(&self, at: usize, phrase: &str) -> bool {
        let mut words = phrase.split(' ').enumerate();
        words.all(|(i, word)| self.at(at + i) == word)
    }

    /// Whether a word names something of its own by its letters: a capital inside a sentence, a
    /// number, code, an identifier.
    pub(super) fn is_specific(&self, i: usize) -> bool {
        let Some(token) = self.tokens.get(i) else {
            return false;
        };
        let capital =
            token.capital == Capital::All || token.capital == Capital::First && !token.starts;
        token.kind != Kind::Word || capital && !token.stop
    }

    /// Whether a word names one thing: not a number alone, nor a day, a month, a given name or the like, which many
    /// things share.
    pub(super) fn is_named(&self, i: usize) -> bool {
        let number = self.tokens.get(i).is_some_and(|t| t.kind == Kind::Number);
        // `John Lennon`, but not `John`.
        let beside =
            |at: Option<usize>| at.is_some_and(|at| at < self.len() && self.is_specific(at));
        let shared = list("given").contains(&self.at(i))
            && !beside(i.checked_sub(1))
            && !beside(Some(i + 1));
        self.is_specific(i) && !number && !shared && !list("calendar").contains(&self.at(i))
    }
}

/// The lists in `lists.txt`, by name.
static LISTS: LazyLock<HashMap<&'static str, Vec<&'static str>>> = LazyLock::new(|| {
    let lines = include_str!("lists.txt").lines();
    let named = lines
        .filter(|l| !l.starts_with('#'))
        .filter_map(|l| l.split_once(':'));
    let lists = named.map(|(name, words)| (name, words.split(',').map(str::trim).collect()));
    lists.collect()
});

/// One of the lists; empty where it is not there, which tests exclude.
pub(super) fn list(name: &str) -> &'static [&'static str] {
    let found = LISTS.get(name);
    debug_assert!(found.is_some(), "no list {name}");
    found.map_or(&[], Vec::as_slice)
}

/// The names of all lists.
#[cfg(test)]
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    LISTS.keys().copied()
}
