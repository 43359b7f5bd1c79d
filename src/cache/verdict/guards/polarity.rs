//! Yes and no: negations and opposites. Two changes undo each other, so they are judged together.

use super::reading::{Reading, Token};
use super::{Finding, Pair, lists};

/// Words that negate, wherever they stand.
const NO: [&str; 12] = [
    "not", "no", "never", "without", "none", "neither", "nor", "hardly", "barely", "nobody",
    "nothing", "nowhere",
];
/// Verbs whose `not` at the head of a question changes nothing: `Isn't it …`, `Why don't you …`.
const HEADS: [&str; 22] = [
    "is", "are", "was", "were", "do", "does", "did", "can", "could", "will", "would", "should",
    "has", "have", "had", "am", "must", "shall", "may", "might", "ought", "need",
];

/// How often a text says no.
fn negations(reading: &Reading) -> usize {
    let words: Vec<&str> = reading.words().map(|t| t.text.as_str()).collect();
    let counts = |(i, word): (usize, &&str)| {
        let before = i.checked_sub(1).map_or("", |j| words[j]);
        let after = words.get(i + 1).copied().unwrap_or_default();
        let head = i == 1 && HEADS.contains(&before) && *word == "not" && after != "to";
        let idle = head
            || after == "only" && *word == "not"
            || before == "or" && *word == "not"
            || *word == "no" && matches!(after, "matter" | "doubt" | "1" | "one")
            || before == "if" && *word == "not";
        NO.contains(word) && !idle
    };
    words
        .iter()
        .enumerate()
        .filter(|found| counts(*found))
        .count()
}

/// Whether the words that only one of them has turn each other round.
fn opposites(only_a: &[&Token], only_b: &[&Token]) -> usize {
    let turned = |a: &&&Token| {
        only_b
            .iter()
            .any(|b| lists::are_opposite((&a.text, &a.stem), (&b.text, &b.stem)))
    };
    only_a.iter().filter(turned).count()
}

/// `safe` and `not safe`, `enable` and `disable`; `easy` and `not difficult` are neither.
pub(super) fn negation(pair: &Pair<'_>) -> Finding {
    let (a, b) = (negations(pair.a), negations(pair.b));
    if a % 2 == b % 2 {
        return Finding::Equal;
    }
    let (only_a, only_b) = pair.left();
    match opposites(&only_a, &only_b) {
        0 => Finding::Different("negation_changed"),
        _ => Finding::Unsure("double_negation"),
    }
}

/// `before` and `after`, `largest` and `smallest`.
pub(super) fn antonyms(pair: &Pair<'_>) -> Finding {
    let (only_a, only_b) = pair.left();
    match opposites(&only_a, &only_b) {
        0 => Finding::Equal,
        _ if negations(pair.a) % 2 != negations(pair.b) % 2 => Finding::Unsure("double_negation"),
        2 => Finding::Unsure("turned_twice"),
        _ => Finding::Different("opposite"),
    }
}

/// Words that say of how many, by what they mean.
fn quantifier(word: &str) -> Option<&'static str> {
    Some(match word {
        "all" | "every" | "each" | "always" | "everyone" | "everybody" | "whole" | "entire" => {
            "all"
        }
        "some" | "sometimes" | "several" | "few" => "some",
        "many" | "often" | "most" | "mostly" | "usually" => "many",
        "only" | "just" | "exclusively" | "solely" => "only",
        "least" => "least",
        "exactly" => "exactly",
        "both" => "both",
        "either" => "either",
        "neither" | "none" | "never" => "none",
        "first" => "first",
        "last" => "last",
        _ => return None,
    })
}

/// `all`, `some`, `only`, `at least`, `at most`.
pub(super) fn quantifiers(pair: &Pair<'_>) -> Finding {
    let (only_a, only_b) = pair.left();
    let of = |tokens: &[&Token]| -> Vec<&'static str> {
        tokens.iter().filter_map(|t| quantifier(&t.text)).collect()
    };
    let (a, b) = (of(&only_a), of(&only_b));
    match (a.is_empty(), b.is_empty()) {
        (true, true) => Finding::Equal,
        (false, false) if a.iter().all(|x| b.contains(x)) => Finding::Equal,
        (false, false) => Finding::Different("quantifier_changed"),
        _ => Finding::Unsure("quantifier_on_one_side"),
    }
}

/// What a question begun by a modal verb asks of its matter.
fn modality(reading: &Reading) -> Option<&'static str> {
    let words: Vec<&str> = reading.lower().take(4).collect();
    Some(match *words.first()? {
        "can" | "could" => "can",
        "should" | "ought" => "should",
        "must" => "must",
        "may" | "might" => "may",
        "will" | "would" => "will",
        "do" | "does"
            if words
                .windows(2)
                .any(|w| matches!(w, ["have" | "need", "to"])) =>
        {
            "must"
        }
        "do" | "does" | "did" => "do",
        _ => return None,
    })
}

/// `Can I …`, `Should I …`, `Must I …`.
pub(super) fn modals(pair: &Pair<'_>) -> Finding {
    match (modality(pair.a), modality(pair.b)) {
        (Some(a), Some(b)) if a == b => Finding::Equal,
        (Some(_), Some(_)) => Finding::Different("modality_changed"),
        (None, None) => Finding::Equal,
        _ => Finding::Unsure("modality_on_one_side"),
    }
}
