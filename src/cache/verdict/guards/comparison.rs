//! The guard of comparison: the cheapest is not the fastest, the second largest is
//! not the largest. Opposites are left to the guard of antonyms.

use super::Finding;
use super::pair::Pair;
use super::reading::Reading;
use super::token::Token;

/// Superlatives without the ending.
const IRREGULAR: [&str; 6] = ["best", "worst", "most", "least", "furthest", "farthest"];
/// Words that only look like superlatives.
const PLAIN: [&str; 22] = [
    "interest", "request", "forest", "guest", "suggest", "invest", "protest", "contest", "harvest",
    "arrest", "west", "honest", "modest", "test", "digest", "quest", "chest", "conquest", "latest",
    "pest", "budapest", "everest",
];
/// Comparatives that need no "than".
const COMPARATIVE: [&str; 6] = ["better", "worse", "more", "less", "fewer", "greater"];

/// Comparatives that may stand for each other.
const UP: &[&str] = &[
    "more", "greater", "higher", "larger", "bigger", "better", "over",
];
const DOWN: &[&str] = &["less", "fewer", "lower", "smaller", "worse"];
/// Superlatives that may, of temperatures.
const HOT: &[&str] = &["highest", "hottest", "warmest"];
const COLD: &[&str] = &["lowest", "coldest"];

fn is_superlative(token: &Token) -> bool {
    let ending = token.lower.len() > 4 && token.lower.ends_with("est");
    token.is_of(&IRREGULAR) || (ending && !token.is_of(&PLAIN) && token.lower != "rest")
}

fn is_comparative(reading: &Reading, at: usize) -> bool {
    let tokens = reading.tokens();
    let than = tokens.get(at + 1).is_some_and(|t| t.is("than"));
    let ending = tokens[at].lower.len() > 4 && tokens[at].lower.ends_with("er");
    tokens[at].is_of(&COMPARATIVE) || (than && ending)
}

/// Whether a place in the order is named before a superlative.
fn is_ranked(reading: &Reading, only: &[usize]) -> bool {
    let tokens = reading.tokens();
    let ranks = |i: &usize| tokens[*i].is_of(&["second", "third", "fourth", "fifth"]);
    only.iter()
        .any(|i| ranks(i) && tokens.get(i + 1).is_some_and(is_superlative))
}

/// What is compared or how.
pub(super) fn examine(pair: &Pair<'_>) -> Finding {
    let (a, b) = (pair.a.tokens(), pair.b.tokens());
    let alike = |i: usize, j: usize| {
        // More and less may be made even by an opposite beside them: that is weighed elsewhere.
        super::opposites::are_opposite(&a[i], &b[j])
            || [UP, DOWN]
                .iter()
                .any(|same| a[i].is_of(same) && b[j].is_of(same))
    };
    let heat = a.iter().any(|t| t.is_of(&["temperature", "temperatures"]));
    let alike = |i: usize, j: usize| {
        let same = |words: &[&str]| a[i].is_of(words) && b[j].is_of(words);
        alike(i, j) || heat && (same(HOT) || same(COLD))
    };
    let graded = |i: usize, j: usize| {
        !alike(i, j) && (is_superlative(&a[i]) && is_superlative(&b[j]))
            || (!alike(i, j) && is_comparative(pair.a, i) && is_comparative(pair.b, j))
    };
    let changed = pair.only_a().iter().any(|i| {
        pair.only_b()
            .iter()
            .any(|j| pair.is_aligned(*i, *j) && graded(*i, *j))
    });
    // "Most beautiful" and "prettiest": what is graded is another word, not another degree.
    let mixed = |of: &Reading, only: &[usize]| {
        only.iter()
            .any(|i| of.tokens()[*i].is_of(&["most", "more", "least", "less"]))
    };
    let (mixed_a, mixed_b) = (mixed(pair.a, pair.only_a()), mixed(pair.b, pair.only_b()));
    if changed && mixed_a == mixed_b {
        Finding::Different("comparison_changed")
    } else if is_ranked(pair.a, pair.only_a()) || is_ranked(pair.b, pair.only_b()) {
        Finding::Different("rank_changed")
    } else {
        Finding::Equal
    }
}

#[cfg(test)]
mod tests {
    use super::super::check::{different, survives};

    #[test]
    fn another_comparison_is_another_question() {
        different(
            "comparison",
            "What is the cheapest phone?",
            "What is the fastest phone?",
        );
        different(
            "comparison",
            "Which is the longest river?",
            "Which is the second longest river?",
        );
        different(
            "comparison",
            "Is Rome bigger than Oslo?",
            "Is Rome warmer than Oslo?",
        );
    }

    #[test]
    fn one_degree_in_two_words_survives() {
        survives("What is the biggest city?", "What is the largest city?");
        survives(
            "What was the hottest temperature ever recorded?",
            "What was the highest temperature ever recorded?",
        );
        survives(
            "Which is the prettiest town?",
            "Which is the most beautiful town?",
        );
    }
}
