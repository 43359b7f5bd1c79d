//! The word lists of the guards, read once: phrases with the class they belong to
//! and the member they name. Knows nothing of questions.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::LazyLock;

use super::words::{hash, stem};

/// A map whose keys are hashes already.
pub(super) type Keys<V> = HashMap<u64, V, BuildHasherDefault<Already>>;

/// Hands a key that is a hash through.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Already(u64);

impl Hasher for Already {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 << 8) | u64::from(*byte);
        }
    }

    fn write_u64(&mut self, key: u64) {
        self.0 = key;
    }
}

/// What a list is about, which says the guard that reads it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Family {
    /// Proper names.
    Name,
    /// Common nouns of one sort: animals, dishes, illnesses.
    Sort,
    /// Months, days, relative times.
    Time,
    /// Before, now, already: words of time with other uses.
    Phase,
    /// All, some, none.
    Quantity,
    /// Can, should, must.
    Mode,
    /// Languages an answer may be asked for in.
    Language,
    /// Forms an answer may be asked for in.
    Format,
    /// Short or long.
    Length,
    /// For whom.
    Audience,
    /// What is to be done with the subject.
    Task,
}

/// How a phrase must be written to count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Need {
    /// In any way.
    Any,
    /// With a capital that is not the one of the sentence.
    Capital,
    /// In capitals.
    Caps,
}

/// One meaning of a phrase.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sense {
    /// What the list is about.
    pub(super) family: Family,
    /// The list.
    pub(super) class: u16,
    /// The member of the list, the same for its other names.
    pub(super) member: u32,
    /// How it must be written.
    pub(super) need: Need,
}

/// Longest phrase in words.
pub(super) const LONGEST: usize = 4;

const LISTS: [&str; 4] = [
    include_str!("lists/names.txt"),
    include_str!("lists/tech.txt"),
    include_str!("lists/sorts.txt"),
    include_str!("lists/choices.txt"),
];

/// All phrases.
pub(super) struct Lexicon {
    phrases: Keys<Vec<Sense>>,
    longest: Keys<usize>,
    people: Vec<u16>,
}

/// The lists, read at first use.
pub(super) static LEXICON: LazyLock<Lexicon> = LazyLock::new(Lexicon::read);

/// Joins the keys of a phrase's words into one.
pub(super) fn join(sum: u64, key: u64) -> u64 {
    sum.rotate_left(7).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ key
}

impl Lexicon {
    fn read() -> Self {
        let mut lexicon = Self {
            phrases: Keys::default(),
            longest: Keys::default(),
            people: Vec::new(),
        };
        let (mut class, mut member) = (0, 0);
        for list in LISTS {
            let mut family = None;
            for line in list.lines().filter(|line| !line.starts_with('#')) {
                if let Some(head) = line.strip_prefix('[') {
                    class += 1;
                    if ["name/leader]", "name/person]", "name/first]"].contains(&head) {
                        lexicon.people.push(class);
                    }
                    family = named(head.split(['/', ']']).next().unwrap_or(""));
                    continue;
                }
                let Some(family) = family else { continue };
                for entry in line.split(',').filter(|entry| !entry.trim().is_empty()) {
                    member += 1;
                    for phrase in entry.split('|') {
                        lexicon.add(phrase.trim(), family, class, member);
                    }
                }
            }
        }
        lexicon
    }

    fn add(&mut self, phrase: &str, family: Family, class: u16, member: u32) {
        let bare = phrase.trim_start_matches('^');
        let need = match phrase.len() - bare.len() {
            0 => Need::Any,
            1 => Need::Capital,
            _ => Need::Caps,
        };
        let mut words = bare.split(' ').map(|word| hash(&stem(word)));
        let Some(first) = words.next() else { return };
        let mut count = 1;
        let whole = words.fold(join(0, first), |sum, key| {
            count += 1;
            join(sum, key)
        });
        let longest = self.longest.entry(first).or_default();
        *longest = (*longest).max(count);
        self.phrases.entry(whole).or_default().push(Sense {
            family,
            class,
            member,
            need,
        });
    }

    /// Words in the longest phrase that starts with this one, zero where none does.
    pub(super) fn longest(&self, first: u64) -> usize {
        self.longest.get(&first).copied().unwrap_or(0).min(LONGEST)
    }

    /// The meanings of a phrase, by the joined key of its words.
    pub(super) fn senses(&self, phrase: u64) -> &[Sense] {
        self.phrases.get(&phrase).map_or(&[], Vec::as_slice)
    }
}

/// Whether a list holds people.
pub(super) fn is_person(class: u16) -> bool {
    LEXICON.people.contains(&class)
}

fn named(name: &str) -> Option<Family> {
    Some(match name {
        "name" => Family::Name,
        "sort" => Family::Sort,
        "time" => Family::Time,
        "phase" => Family::Phase,
        "quantity" => Family::Quantity,
        "mode" => Family::Mode,
        "language" => Family::Language,
        "format" => Family::Format,
        "length" => Family::Length,
        "audience" => Family::Audience,
        "task" => Family::Task,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn senses(phrase: &str) -> &'static [Sense] {
        let key = phrase
            .split(' ')
            .fold(0, |sum, word| join(sum, hash(&stem(word))));
        LEXICON.senses(key)
    }

    #[test]
    fn each_head_of_a_list_names_a_family() {
        for line in LISTS.iter().flat_map(|list| list.lines()) {
            if let Some(head) = line.strip_prefix('[') {
                assert!(
                    named(head.split(['/', ']']).next().unwrap()).is_some(),
                    "{head}"
                );
            }
        }
    }

    #[test]
    fn other_names_of_one_thing_are_one_member() {
        let member = |phrase| senses(phrase)[0].member;
        assert_eq!(member("united states"), member("usa"));
        assert_eq!(member("nyc"), member("new york city"));
        assert_ne!(member("france"), member("germany"));
    }
}
