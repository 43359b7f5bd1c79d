//! Whether a turn stands alone: no word that reaches back, a subject of its own, and nothing said
//! before that its answer would have to heed. In doubt it does not: that costs a provider call,
//! the other way a wrong answer.

use super::Standing::{self, Alone, Needs};
use super::earlier;
use super::words::{Words, list};
use crate::cache::verdict::guards::Reading;

/// Whether a question stands alone after what the user said before it, oldest first.
#[must_use]
pub fn stands_alone(question: &str, earlier: &[&str]) -> Standing {
    let reading = Reading::of(question);
    let words = Words::of(&reading);
    if !reading.is_english() {
        return Needs("not_english");
    }
    if reading.is_too_long() || question.lines().filter(|l| !l.trim().is_empty()).count() > 1 {
        return Needs("long");
    }
    let reach = link(&words)
        .or_else(|| pronoun(&words))
        .or_else(|| besides(&words))
        .or_else(|| definite(&words))
        .or_else(|| no_subject(&words));
    if let Some(why) = reach {
        return Needs(why);
    }
    match earlier.iter().find_map(|turn| earlier::binds(turn)) {
        Some(why) => Needs(why),
        None => Alone,
    }
}

fn link(words: &Words<'_>) -> Option<&'static str> {
    let links = list("links").iter().any(|phrase| words.begins(phrase));
    (links || words.len() < 3).then_some("ellipsis")
}

fn pronoun(words: &Words<'_>) -> Option<&'static str> {
    let reaches = |i: usize| {
        let word = words.at(i);
        let next = words.at(i + 1);
        let before = i.checked_sub(1).map_or("", |j| words.at(j));
        match word {
            // `Is it safe to …`, `How long does it take to …`: the subject comes later.
            "it" => !comes_later(words, i),
            // `Is there a …`, `How many … are there`.
            "there" => {
                !(matches!(before, "is" | "are" | "was" | "were")
                    || matches!(next, "is" | "are" | "was" | "were"))
            }
            // `one of`, `no one`, `both X and Y`, `either X or Y`.
            "one" => next != "of" && before != "no",
            "both" => !words.has(&["and"]),
            "either" | "neither" => !words.has(&["or", "nor"]),
            "such" => next != "as",
            // `something that grows`: a clause behind its noun.
            "that" => !(before == "something" || before == "anything" || before == "someone"),
            _ => true,
        }
    };
    let found = (0..words.len()).any(|i| list("pronouns").contains(&words.at(i)) && reaches(i));
    found.then_some("pronoun")
}

fn besides(words: &Words<'_>) -> Option<&'static str> {
    let compared = words.has(&["than", "or", "versus", "vs", "between", "compared"]);
    let reaches = |i: usize| match words.at(i) {
        "more" => !compared,
        "other" | "next" => words.at(i + 1) != "than",
        "similar" => words.at(i + 1) != "to",
        word => list("besides").contains(&word),
    };
    let beside = (0..words.len()).any(reaches);
    // `Which is cheaper?`, but not `Is A cheaper than B?`.
    let comparative = |i: usize| {
        let word = words.at(i);
        matches!(word, "better" | "worse" | "less" | "fewer")
            || word.len() > 5 && word.ends_with("ier")
    };
    let open = !compared && (0..words.len()).any(comparative);
    (beside || open).then_some("comparison")
}

/// `the symptoms`, `the band`: known from before, unless what follows says which.
fn definite(words: &Words<'_>) -> Option<&'static str> {
    let mut i = 0;
    while let Some(at) = (i..words.len()).find(|i| words.at(*i) == "the") {
        if !is_told(words, at + 1) {
            return Some("definite");
        }
        i = at + 1;
    }
    None
}

/// Whether a noun group from `at` on says itself which one it means.
fn is_told(words: &Words<'_>, at: usize) -> bool {
    let mut end = at;
    while end < words.len() && !words.tokens[end].stop {
        if words.is_specific(end) {
            return true;
        }
        end += 1;
    }
    list("complements").contains(&words.at(end))
        && (end + 1..words.len())
            .any(|i| !words.tokens[i].stop && !list("vague").contains(&words.at(i)))
}

/// `is it safe to swim`, `does it take to boil an egg`: a clause stands for `it`.
fn comes_later(words: &Words<'_>, it: usize) -> bool {
    let asked = it > 0
        && matches!(
            words.at(it - 1),
            "is" | "was" | "does" | "would" | "will" | "did"
        );
    let clause = matches!(words.at(it + 2), "to" | "that" | "for");
    asked && clause && !words.has(&["than", "as"]) && words.at(it + 1) != "related"
}

/// Whether it says what it is about, whole: a definition of one thing, or enough of its own words
/// that nothing is left open. A name alone is not enough: `How does Salt Lake City differ?`.
fn no_subject(words: &Words<'_>) -> Option<&'static str> {
    let whole = defines(words) || asks_of_one(words) || attributes(words) || tells_all(words);
    (!whole).then_some("no_subject")
}

fn is_own(words: &Words<'_>, i: usize) -> bool {
    let word = words.at(i);
    !words.tokens[i].stop
        && !list("vague").contains(&word)
        && !list("tasks").contains(&word)
        && !list("loose").contains(&word)
}

/// `What is taurine?`, `Who was Anne Bonny?`, `Tell me about lung cancer.`
fn defines(words: &Words<'_>) -> bool {
    let Some(length) = list("defining")
        .iter()
        .find(|p| words.begins(p))
        .map(|p| p.split(' ').count())
    else {
        return false;
    };
    let from = length + usize::from(matches!(words.at(length), "a" | "an"));
    let things = from..words.len();
    let short = (1..=3).contains(&things.len());
    // Of a person one name is not enough.
    let person = words.at(0) == "who" && things.len() < 2;
    short && !person && things.clone().all(|i| is_own(words, i))
}

/// `How is cassoulet made?`, `Is chilli a stew?`, `What happened in the Milgram experiment?`
fn asks_of_one(words: &Words<'_>) -> bool {
    let n = words.len();
    let own = |range: std::ops::Range<usize>| {
        !range.is_empty()
            && range
                .clone()
                .all(|i| is_own(words, i) || matches!(words.at(i), "a" | "an"))
    };
    let is = matches!(words.at(0), "is" | "are");
    let kind = (2..n)
        .find(|i| matches!(words.at(*i), "a" | "an"))
        .is_some_and(|a| is && own(1..a) && own(a + 1..n));
    let made = words.begins("how is")
        && matches!(words.at(n - 1), "made" | "pronounced" | "spelled")
        && own(2..n - 1);
    let event =
        words.begins("what happened") && matches!(words.at(3), "the") && n >= 6 && own(4..n);
    kind || made || event
}

/// `the history of Irish stew`: an attribute, and at least two words of its own that say of what.
fn attributes(words: &Words<'_>) -> bool {
    let of =
        (1..words.len()).find(|i| words.at(*i) == "of" && list("vague").contains(&words.at(i - 1)));
    let open = (0..words.len()).any(|i| {
        list("open").contains(&words.at(i)) && !words.says("side effects")
            || list("loose").contains(&words.at(i))
    });
    let vague =
        of.is_some_and(|of| (of + 1..words.len()).filter(|i| is_own(words, *i)).count() >= 2);
    // `the capital of France`: of something that has a name.
    let named = (1..words.len()).any(|i| {
        let of_a_name = (i + 1..words.len()).any(|j| words.is_specific(j));
        words.at(i) == "of" && is_own(words, i - 1) && of_a_name
    });
    !open && (vague || named)
}

/// At least three words of its own, and none that is open without something beside it.
fn tells_all(words: &Words<'_>) -> bool {
    let own = (0..words.len()).filter(|i| is_own(words, *i)).count();
    let open = (0..words.len())
        .any(|i| list("open").contains(&words.at(i)) || list("loose").contains(&words.at(i)));
    // What is only named, and not asked about, leaves open what of it.
    let named = ["tell me", "describe", "explain", "discuss"]
        .iter()
        .any(|p| words.begins(p));
    own >= 3 && !open && !named
}
