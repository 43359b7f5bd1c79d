//! Typed guards: what one decisive word changes between two questions that an
//! encoder holds for the same. Pure functions over the two texts; English first.
//! Knows nothing of vectors, scopes or thresholds.

mod choices;
mod chords;
mod comparison;
mod compound;
mod dates;
mod denial;
mod digits;
mod direction;
mod exchange;
mod factorial;
mod figures;
mod formula;
mod kin;
mod lexicon;
mod literals;
mod marks;
mod names;
mod number_words;
mod numbers;
mod opposites;
mod pair;
mod person;
mod polarity;
mod quantity;
mod question;
mod quoted;
mod reading;
mod relation;
mod scan;
mod signs;
mod subject;
mod swap;
mod token;
mod units;
mod versions;
mod voice;
mod words;

#[cfg(test)]
mod check;

pub use pair::Pair;
pub use question::Asked;
pub use reading::Reading;
pub use token::{Capital, Form, Kind, Token};

/// What a guard found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finding {
    /// Nothing that this guard knows differs.
    Equal,
    /// The two ask for different answers; the reason in snake case.
    Different(&'static str),
    /// The guard cannot tell; the reason in snake case.
    Unsure(&'static str),
}

impl Finding {
    /// Whether the finding forbids serving one's answer for the other.
    #[must_use]
    pub fn is_different(&self) -> bool {
        matches!(self, Self::Different(_))
    }
}

/// One kind of difference and the function that looks for it.
#[derive(Debug, Clone, Copy)]
pub struct Guard {
    /// Its name in settings and logs, in snake case.
    pub name: &'static str,
    /// Whether it is on unless the settings say otherwise: it catches more than it costs on real questions.
    pub by_default: bool,
    /// Whether it reads English words, and so has nothing to say of other languages.
    english: bool,
    examine: fn(&Pair<'_>) -> Finding,
}

/// How many guards there are.
pub const COUNT: usize = 22;

/// A guard that reads English words.
const fn english(name: &'static str, by_default: bool, examine: fn(&Pair<'_>) -> Finding) -> Guard {
    Guard {
        name,
        by_default,
        english: true,
        examine,
    }
}

/// A guard for texts in any language.
const fn anywhere(name: &'static str, examine: fn(&Pair<'_>) -> Finding) -> Guard {
    Guard {
        name,
        by_default: true,
        english: false,
        examine,
    }
}

/// All guards, in the order in which [`examine`] answers.
pub const GUARDS: [Guard; COUNT] = [
    anywhere("numbers", numbers::examine),
    english("units", true, units::examine),
    english("dates", true, dates::examine),
    anywhere("versions", versions::examine),
    anywhere("identifiers", literals::identifiers),
    anywhere("flags", literals::flags),
    anywhere("code", literals::code),
    anywhere("quotes", literals::quotes),
    english("negation", true, polarity::negation),
    english("antonyms", true, polarity::antonyms),
    english("names", true, names::examine),
    english("sorts", true, names::sorts),
    english("direction", true, direction::examine),
    english("comparison", true, comparison::examine),
    english("quantifiers", true, choices::quantifiers),
    // People ask "can I" and "should I" for the same answer more often than for two.
    english("modality", true, choices::modality),
    english("language", true, choices::language),
    english("format", true, choices::format),
    english("audience", true, choices::audience),
    english("question_word", true, question::examine),
    english("task", true, choices::task),
    english("person", true, person::examine),
];

impl Guard {
    /// Looks at one pair.
    #[must_use]
    pub fn examine(&self, pair: &Pair<'_>) -> Finding {
        if pair.a.is_too_long() || pair.b.is_too_long() {
            return Finding::Unsure("too_long");
        }
        if self.english && !(pair.a.is_english() && pair.b.is_english()) {
            return Finding::Unsure("not_english");
        }
        if self.english && (pair.a.corrects_itself() || pair.b.corrects_itself()) {
            return Finding::Unsure("speaker_corrects_themselves");
        }
        (self.examine)(pair)
    }
}

/// What each guard finds, in the order of [`GUARDS`].
#[must_use]
pub fn examine(pair: &Pair<'_>) -> [Finding; COUNT] {
    GUARDS.map(|guard| guard.examine(pair))
}

/// Whether a word stands in one of the lists, so that it is no typing error.
fn is_listed(token: &Token) -> bool {
    lexicon::LEXICON.longest(token.key) > 0 || opposites::is_known(token)
}
