//! Typed guards: what two questions may not differ in, each found by one pure function over both
//! texts. They read English; of other languages they compare what is written alike everywhere.
//!
//! A guard that says [`Finding::Different`] vetoes a hit where the policy has it switched on.

mod form;
mod lists;
mod names;
mod numerals;
mod pair;
mod polarity;
mod quantities;
mod reading;
mod roles;

pub use pair::Pair;
pub use reading::{Kind, Reading, Token};

/// What a guard found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finding {
    /// Both say the same of what it looks at, or nothing.
    Equal,
    /// They say different things; how.
    Different(&'static str),
    /// It cannot tell; why.
    Unsure(&'static str),
}

/// One guard.
pub struct Guard {
    /// As policies and tables spell it.
    pub name: &'static str,
    /// Whether it may veto unless a policy says otherwise.
    pub by_default: bool,
    examine: fn(&Pair<'_>) -> Finding,
}

const fn on(name: &'static str, examine: fn(&Pair<'_>) -> Finding) -> Guard {
    Guard {
        name,
        by_default: true,
        examine,
    }
}

const fn off(name: &'static str, examine: fn(&Pair<'_>) -> Finding) -> Guard {
    Guard {
        by_default: false,
        ..on(name, examine)
    }
}

/// How many there are.
pub const COUNT: usize = 20;

/// All of them; those that cost more paraphrases than they catch are off by default.
pub const GUARDS: [Guard; COUNT] = [
    on("numbers", quantities::numbers),
    off("number_missing", quantities::number_missing),
    on("units", quantities::units),
    on("dates", quantities::dates),
    on("identifiers", quantities::identifiers),
    on("code", quantities::code),
    on("quotes", quantities::quotes),
    on("negation", polarity::negation),
    on("antonyms", polarity::antonyms),
    on("quantifiers", polarity::quantifiers),
    on("modality", polarity::modals),
    on("names", names::names),
    off("name_missing", names::name_missing),
    on("possessors", names::possessors),
    on("direction", roles::direction),
    on("question_word", form::question_word),
    on("language", form::target_language),
    on("format", form::requested_form),
    on("audience", form::audience),
    on("task", form::tasks),
];

/// What each guard finds, in the order of [`GUARDS`].
#[must_use]
pub fn examine(pair: &Pair<'_>) -> [Finding; COUNT] {
    std::array::from_fn(|i| (GUARDS[i].examine)(pair))
}

/// Why the guards cannot read a pair, if they cannot.
#[must_use]
pub fn unreadable(pair: &Pair<'_>) -> Option<&'static str> {
    let both = [pair.a, pair.b];
    if both.iter().any(|r| r.is_long()) {
        return Some("too_long_to_compare");
    }
    both.iter()
        .any(|r| !r.is_english())
        .then_some("not_english")
}
