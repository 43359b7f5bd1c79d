//! Whether a turn stands alone: no word that reaches back, a subject of its own, and nothing said
//! before that its answer would have to heed. In doubt it does not: that costs a provider call,
//! the other way a wrong answer.

use super::Standing::{self, Alone, Needs};
use super::earlier;
use super::whole::says_whole;
use super::words::{Words, list};
use crate::cache::verdict::guards::{Kind, Reading};

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
        .or_else(|| material(&words))
        .or_else(|| (!says_whole(&words)).then_some("no_subject"));
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
    (links || words.len() < 3 && words.at(0) != "define").then_some("ellipsis")
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
            // `Brunel and his bridges`: of what stands right before it.
            "its" | "their" | "his" | "her" => before != "and" || i < 2 || words.tokens[i - 2].stop,
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
        list("comparatives").contains(&word) || word.len() > 5 && word.ends_with("ier")
    };
    let open = !compared && (0..words.len()).any(comparative);
    (beside || open).then_some("comparison")
}

/// `the symptoms`, `the band`: known from before, unless what follows says which.
fn definite(words: &Words<'_>) -> Option<&'static str> {
    let mut i = 0;
    while let Some(at) = (i..words.len()).find(|i| words.at(*i) == "the") {
        // `Who invented the telephone?`: there is one invention.
        let found =
            at == 2 && matches!(words.at(1), "invented" | "discovered") && words.at(0) == "who";
        if !found && !is_told(words, at + 1) {
            return Some("definite");
        }
        i = at + 1;
    }
    None
}

/// Whether a noun group from `at` on says itself which one it means.
fn is_told(words: &Words<'_>, at: usize) -> bool {
    let end = (at..words.len())
        .find(|i| words.tokens[*i].stop)
        .unwrap_or(words.len());
    // Of what differs from place to place a name says only where: `the SQL query`, `the Berlin office`.
    let head = end.checked_sub(1).map_or("", |i| words.at(i));
    let differs = (at..end).any(|i| {
        list("elsewhere").contains(&words.at(i)) || list("relational").contains(&words.at(i))
    });
    // `which language would be the easiest`: of what is named before.
    if end == at + 1 && is_extreme(head) && head.ends_with("est") && at > 2 {
        return true;
    }
    if end > at + 1 && list("sayings").contains(&words.at(at)) {
        return true;
    }
    // There is one sky.
    let named = |i: usize| words.is_named(i) && !differs || list("unique").contains(&words.at(i));
    (at..end).any(named) || is_complemented(words, at..end, head)
}

/// Whether what follows a noun group says of what it is: any thing after `of`; after words that may say as well when,
/// where or for whom (`the dose for adults`, `the train to Berlin`) only what leaves nothing open.
fn is_complemented(words: &Words<'_>, group: std::ops::Range<usize>, head: &str) -> bool {
    let (word, after) = (words.at(group.end), group.end + 1..words.len());
    let tells = |i: &usize| !words.tokens[*i].stop && !list("vague").contains(&words.at(*i));
    let told = after.clone().filter(tells).count();
    let singled = group.clone().any(|i| is_extreme(words.at(i)));
    let named = after.clone().any(|i| words.is_named(i));
    match word {
        "to" => singled && told >= 2,
        "for" => told > 0 && (singled || named || list("namers").contains(&head)),
        "in" | "on" | "at" => told > 0 && (singled || named),
        _ => told > 0 && list("complements").contains(&word),
    }
}

/// `the tallest`, `the first`: of all that there are, one.
fn is_extreme(word: &str) -> bool {
    let first = matches!(
        word,
        "best" | "worst" | "most" | "least" | "first" | "last" | "only"
    );
    first || word.len() > 5 && word.ends_with("est")
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

const COUNTED: [&str; 9] = [
    "one", "two", "three", "four", "five", "six", "seven", "eight", "nine",
];

/// `Add error handling`, `explain line 10`: work on what was handed over or answered before.
fn material(words: &Words<'_>) -> Option<&'static str> {
    let counted = |i: usize| words.tokens[i].kind == Kind::Number || COUNTED.contains(&words.at(i));
    let placed = (1..words.len()).any(|i| counted(i) && list("places").contains(&words.at(i - 1)));
    let edits = list("edits").contains(&words.at(usize::from(words.begins("please"))));
    (placed || edits).then_some("material")
}
