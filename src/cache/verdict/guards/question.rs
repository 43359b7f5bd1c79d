//! The guard of what is asked for: a person, a time, a place, a reason, a number.
//! Knows nothing of the subject.

use super::Finding;
use super::pair::Pair;
use super::token::Token;
use super::units::unit_of;

/// What a question asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// A thing or anything.
    What,
    /// A choice.
    Which,
    /// A person.
    Who,
    /// A time.
    When,
    /// A place.
    Where,
    /// A reason.
    Why,
    /// A way.
    How,
    /// A number or an amount.
    HowMany,
    /// A duration or a length.
    HowLong,
    /// A frequency.
    HowOften,
    /// A distance.
    HowFar,
    /// An age.
    HowOld,
}

/// Share of content words two texts must have in common before a question word decides.
const MUCH_THE_SAME: f32 = 0.7;

/// What the noun behind "what" or "which" makes of it.
const NOUNS: [(&str, Asked); 22] = [
    ("year", Asked::When),
    ("date", Asked::When),
    ("day", Asked::When),
    ("time", Asked::When),
    ("month", Asked::When),
    ("century", Asked::When),
    ("place", Asked::Where),
    ("location", Asked::Where),
    ("person", Asked::Who),
    ("people", Asked::Who),
    ("man", Asked::Who),
    ("woman", Asked::Who),
    ("author", Asked::Who),
    ("reason", Asked::Why),
    ("reasons", Asked::Why),
    ("cause", Asked::Why),
    ("causes", Asked::Why),
    ("number", Asked::HowMany),
    ("amount", Asked::HowMany),
    ("age", Asked::HowOld),
    ("way", Asked::How),
    ("ways", Asked::How),
];
/// Words a question may begin with before it asks.
const LEADS: [&str; 16] = [
    "tell",
    "know",
    "explain",
    "say",
    "wonder",
    "wondering",
    "ask",
    "curious",
    "question",
    "find",
    "show",
    "describe",
    "understand",
    "want",
    "need",
    "idea",
];

/// Verbs that follow a question word.
const AUXILIARIES: [&str; 15] = [
    "is", "are", "was", "were", "do", "does", "did", "will", "would", "can", "could", "should",
    "has", "have", "shall",
];
/// Amounts that "what is the" asks for as well as "how much".
const AMOUNTS: [&str; 27] = [
    "cost",
    "price",
    "salary",
    "fee",
    "pay",
    "age",
    "length",
    "distance",
    "height",
    "population",
    "number",
    "amount",
    "charge",
    "rate",
    "time",
    "limit",
    "average",
    "size",
    "weight",
    "duration",
    "fine",
    "penalty",
    "tax",
    "tip",
    "interest",
    "temperature",
    "speed",
];

/// What the first question of a text asks for, where nothing but an introduction is before it.
pub(super) fn asked(tokens: &[Token]) -> Option<Asked> {
    let lead = |t: &Token| t.stop || t.is_of(&LEADS);
    for (i, token) in tokens.iter().enumerate() {
        if let Some(found) = by_word(token, &tokens[i + 1..]) {
            return Some(found);
        }
        // A question word that asks for nothing alone, or a subject: what follows is another clause.
        if !lead(token) || token.is_of(&["when", "where", "why", "how"]) {
            return None;
        }
    }
    None
}

fn by_word(token: &Token, rest: &[Token]) -> Option<Asked> {
    let next = rest.first();
    let is = |words: &[&str]| next.is_some_and(|t| t.is_of(words));
    Some(match token.lower.as_str() {
        "who" | "whom" => Asked::Who,
        // "When and why", "when you ask": not what is asked for alone, or at all.
        "when" | "where" | "why" | "how" if is(&["and", "or"]) => return None,
        "when" if next.is_some_and(|t| !t.is_of(&AUXILIARIES)) => return None,
        "when" => Asked::When,
        "where" => Asked::Where,
        "why" => Asked::Why,
        "how" if is(&["come"]) => Asked::Why,
        "how" if is(&["much", "many"]) => match rest.get(1) {
            Some(t) if t.is("time") => Asked::HowLong,
            Some(t) if t.is("times") => Asked::HowOften,
            Some(t) if t.is_of(&["miles", "kilometers", "kilometres", "km"]) => Asked::HowFar,
            Some(t) if t.is_of(&["days", "hours", "minutes", "weeks", "months"]) => Asked::HowLong,
            _ => Asked::HowMany,
        },
        "how" if is(&["long"]) => Asked::HowLong,
        "how" if is(&["often", "frequently"]) => Asked::HowOften,
        "how" if is(&["far"]) => Asked::HowFar,
        "how" if is(&["old"]) => Asked::HowOld,
        // "How big" asks for something else than "how", but for what is in the word behind.
        "how" if !next.is_some_and(|t| t.stop) => return None,
        "how" => Asked::How,
        "what" | "which" => by_noun(token, rest),
        _ => return None,
    })
}

fn by_noun(token: &Token, rest: &[Token]) -> Asked {
    let plain = if token.is("which") {
        Asked::Which
    } else {
        Asked::What
    };
    // "what year", "what is the reason", "what is the best way"
    let skipped = [
        "is", "are", "was", "were", "the", "best", "a", "main", "some", "easiest",
    ];
    let Some(noun) = rest.iter().take(5).find(|t| !t.is_of(&skipped)) else {
        return plain;
    };
    let found = NOUNS.iter().find(|(word, _)| noun.is(word));
    let direct = rest.first().is_some_and(|first| first.lower == noun.lower);
    match found {
        // "What is the country's flag" asks for no place.
        Some((_, asked)) if direct || matches!(asked, Asked::Why | Asked::How | Asked::HowMany) => {
            *asked
        }
        _ => plain,
    }
}

/// Whether both texts name a unit, and the same: "how many miles is it", "what is it in miles".
fn shares_unit(pair: &Pair<'_>) -> bool {
    let units = |tokens: &[Token]| -> Vec<_> { tokens.iter().filter_map(unit_of).collect() };
    let (a, b) = (units(pair.a.tokens()), units(pair.b.tokens()));
    a.iter().any(|unit| b.contains(unit))
}

/// Asked for as a number of something: "how much is it in miles" and "how many miles is it" are one question in the same
/// words.
fn is_measured(asked: Asked) -> bool {
    matches!(asked, Asked::HowMany | Asked::HowLong | Asked::HowFar)
}

fn open(asked: Asked) -> bool {
    matches!(asked, Asked::What | Asked::Which)
}

/// One side asks for anything: "what is the year", "when was it".
fn opened(pair: &Pair<'_>, a: Asked, b: Asked) -> Finding {
    let strong = |asked| !open(asked) && asked != Asked::How && asked != Asked::Who;
    let mut tokens = pair.a.tokens().iter().chain(pair.b.tokens());
    let amount = tokens.any(|t| t.is_of(&AMOUNTS)) || shares_unit(pair);
    let only_word = !amount && pair.strays() == (0, 0) && pair.common() > 0;
    if only_word && (strong(a) || strong(b)) {
        Finding::Different("question_word_changed")
    } else {
        Finding::Unsure("open_question")
    }
}

/// "Where can I hire", "what is the way to hire": somebody wants to do it.
fn asks_for_a_way(pair: &Pair<'_>) -> bool {
    let says = |tokens: &[Token], words: &[&str]| tokens.iter().any(|t| t.is_of(words));
    let me = |tokens| says(tokens, &["i", "you", "we", "one"]);
    let way = |tokens| says(tokens, &["way", "ways", "steps"]);
    let (a, b) = (pair.a.tokens(), pair.b.tokens());
    (me(a) || way(a)) && (me(b) || way(b)) && (me(a) || me(b))
}

/// Another thing asked for.
pub(super) fn examine(pair: &Pair<'_>) -> Finding {
    let (Some(a), Some(b)) = (pair.a.asked(), pair.b.asked()) else {
        return Finding::Unsure("no_question_word");
    };
    if a == b {
        return Finding::Equal;
    }
    if open(a) && open(b) {
        return Finding::Equal;
    }
    let (only_a, only_b) = pair.strays();
    if open(a) || open(b) {
        return opened(pair, a, b);
    }
    // "Where can I hire" and "how can I hire" ask for the same way.
    let ways = |asked| matches!(asked, Asked::How | Asked::Where);
    let long = |asked| {
        !matches!(
            asked,
            Asked::Who | Asked::When | Asked::Where | Asked::Why | Asked::How
        )
    };
    if ways(a) && ways(b) && asks_for_a_way(pair) {
        return Finding::Unsure("way_or_place");
    }
    // How many years, how long, how old, when will it: one measure of time.
    let timed = |asked| {
        matches!(
            asked,
            Asked::HowMany | Asked::HowLong | Asked::HowOld | Asked::When
        )
    };
    if timed(a) && timed(b) && pair.places() > 1 {
        return Finding::Unsure("measure_of_time");
    }
    let same_words = only_a + only_b == 0 && pair.places() > 1;
    if is_measured(a) && is_measured(b) && (same_words || shares_unit(pair)) {
        return Finding::Unsure("measure");
    }
    // "How old" and "how long" bring their own words, which are no other subject.
    let same = if long(a) || long(b) {
        MUCH_THE_SAME - 0.2
    } else {
        MUCH_THE_SAME
    };
    if pair.likeness() >= same {
        Finding::Different("question_word_changed")
    } else {
        Finding::Unsure("other_words")
    }
}

#[cfg(test)]
mod tests {
    use super::super::check::{different, survives};

    #[test]
    fn another_question_word_is_another_question() {
        different(
            "question_word",
            "When did Mozart die?",
            "Where did Mozart die?",
        );
        different("question_word", "How do birds fly?", "Why do birds fly?");
        different(
            "question_word",
            "How many dogs are there?",
            "Where are there dogs?",
        );
        different(
            "question_word",
            "How long is the Nile?",
            "How old is the Nile?",
        );
    }

    #[test]
    fn one_question_in_two_wordings_survives() {
        survives("When did Mozart die?", "In what year did Mozart die?");
        survives("Why do birds sing?", "How come birds sing?");
        survives("Why do birds sing?", "What is the reason birds sing?");
        survives("Who wrote Emma?", "Which person wrote Emma?");
        survives(
            "How much is 10,000 steps in miles?",
            "How many miles is 10,000 steps?",
        );
        survives(
            "How do I learn chess?",
            "What is the best way to learn chess?",
        );
    }
}
