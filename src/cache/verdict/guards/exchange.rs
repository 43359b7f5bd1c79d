//! The same words with their yes and no in other places: which word is denied, and which of two
//! opposites comes where. Knows nothing of what only one text has.

use super::denial::denied;
use super::opposites::{are_opposite, is_known};
use super::pair::Pair;
use super::reading::Reading;
use super::token::Token;

/// Words that join two opposites of which neither comes first.
const JOINING: [&str; 12] = [
    "and", "or", "vs", "versus", "to", "from", "nor", "than", "between", "the", "a", "an",
];
/// Opposites whose order says nothing by itself: from where to where is for the guard of order to say.
const PLACING: [&str; 2] = ["from", "to"];

/// Whether both texts hold the same content words, not all of them in the same places.
fn same_words(pair: &Pair<'_>) -> bool {
    pair.places() > 0 && pair.strays() == (0, 0) && pair.common() > 1
}

/// `animals that fly and don't swim`, `animals that don't fly and swim`.
pub(super) fn denies_another_word(pair: &Pair<'_>) -> bool {
    if !same_words(pair) {
        return false;
    }
    let (Some(a), Some(b)) = (denied(pair.a), denied(pair.b)) else {
        return false;
    };
    !a.is_empty() && a.len() == b.len() && a != b
}

/// `turn the heating on and the light off`, `turn the heating off and the light on`.
pub(super) fn exchanges_opposites(pair: &Pair<'_>) -> bool {
    if !same_words(pair) {
        return false;
    }
    let a = opposites(pair.a);
    // Few texts hold any: the other is not looked through in vain.
    !a.is_empty() && {
        let b = opposites(pair.b);
        a.iter().any(|(x, y)| b.contains(&(*y, *x)))
    }
}

/// Pairs of opposites in one text, in their order, that are not merely joined: `on or off`.
fn opposites(reading: &Reading) -> Vec<(u64, u64)> {
    let tokens = reading.tokens();
    let mut found = Vec::new();
    let placing = |t: &Token| t.is_of(&PLACING);
    // A small word is an opposite by the lists or not at all.
    let may = |(_, t): &(usize, &Token)| !t.stop || is_known(t);
    let telling: Vec<(usize, &Token)> = tokens.iter().enumerate().filter(may).collect();
    for (n, &(i, first)) in telling.iter().enumerate().filter(|(_, (_, t))| !placing(t)) {
        for &(j, second) in &telling[n + 1..] {
            // "Left-handed or right-handed": what is behind both is not between them.
            let behind = tokens.get(j + 1).map(|t| t.key);
            let joins = |t: &Token| t.is_of(&JOINING) || Some(t.key) == behind;
            let joined = || tokens[i + 1..j].iter().all(joins);
            // Opposites are rare: what is asked of few comes last.
            if are_opposite(first, second) && !joined() {
                found.push((first.key, second.key));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::check::{different, survives};

    #[test]
    fn another_word_that_is_denied_is_another_question() {
        different(
            "negation",
            "Which birds swim but do not fly?",
            "Which birds do not swim but fly?",
        );
        survives(
            "Which birds swim but do not fly?",
            "Which birds swim but don't fly?",
        );
    }

    #[test]
    fn opposites_in_each_others_place_are_another_question() {
        different(
            "antonyms",
            "How do I turn the heating on and the light off?",
            "How do I turn the heating off and the light on?",
        );
        survives(
            "How long is the flight to Paris from London?",
            "How long is the flight from London to Paris?",
        );
        survives(
            "Are more people left-handed or right-handed?",
            "Are more people right-handed or left-handed?",
        );
        survives(
            "Is it colder in the north or the south?",
            "Is it colder in the south or the north?",
        );
        different(
            "antonyms",
            "What is the northernmost point of Norway?",
            "What is the southernmost point of Norway?",
        );
        survives(
            "How do I switch it on or off?",
            "How do I switch it off or on?",
        );
        survives(
            "What is the difference between buying and selling?",
            "What is the difference between selling and buying?",
        );
    }
}
