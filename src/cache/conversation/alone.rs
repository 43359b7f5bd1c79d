//! Whether a turn stands alone: no word that reaches back, a subject of its own, and nothing said
//! before that its answer would have to heed. In doubt it does not: that costs a provider call,
//! the other way a wrong answer.

use super::Standing::{self, Alone, Needs};
use super::earlier;
use super::words::Words;
use crate::cache::verdict::guards::Reading;

/// Words that stand for something said before.
const PRONOUNS: [&str; 34] = [
    "it",
    "its",
    "itself",
    "they",
    "them",
    "their",
    "theirs",
    "themselves",
    "he",
    "him",
    "his",
    "himself",
    "she",
    "her",
    "hers",
    "herself",
    "this",
    "that",
    "these",
    "those",
    "such",
    "one",
    "ones",
    "same",
    "former",
    "latter",
    "both",
    "neither",
    "either",
    "here",
    "there",
    "then",
    "aforementioned",
    "said",
];
/// Words that set something beside what was said before.
const BESIDES: [&str; 18] = [
    "other",
    "others",
    "another",
    "else",
    "instead",
    "too",
    "also",
    "again",
    "more",
    "further",
    "additional",
    "additionally",
    "similar",
    "similarly",
    "likewise",
    "rest",
    "next",
    "previous",
];
/// Beginnings that go on with what was said before.
const LINKS: [&str; 40] = [
    "and",
    "but",
    "or",
    "so",
    "also",
    "then",
    "because",
    "yes",
    "yeah",
    "yep",
    "no",
    "nope",
    "sure",
    "ok",
    "okay",
    "right",
    "great",
    "cool",
    "nice",
    "wow",
    "oh",
    "hm",
    "hmm",
    "ah",
    "well",
    "interesting",
    "really",
    "thanks",
    "thank",
    "sorry",
    "actually",
    "wait",
    "what about",
    "how about",
    "how so",
    "why not",
    "what if",
    "if so",
    "i see",
    "i meant",
];
/// Words that say something only of a subject beside them.
const VAGUE: [&str; 125] = [
    "advantage",
    "advantages",
    "age",
    "alternative",
    "alternatives",
    "answer",
    "answers",
    "aspect",
    "aspects",
    "available",
    "background",
    "benefit",
    "benefits",
    "best",
    "better",
    "big",
    "biggest",
    "case",
    "cases",
    "cause",
    "caused",
    "causes",
    "challenge",
    "challenges",
    "characteristics",
    "cheap",
    "cheaper",
    "cheapest",
    "code",
    "common",
    "compare",
    "comparison",
    "con",
    "cons",
    "cost",
    "costs",
    "coverage",
    "date",
    "definition",
    "detail",
    "details",
    "develop",
    "developed",
    "die",
    "died",
    "difference",
    "differences",
    "different",
    "disadvantage",
    "disadvantages",
    "effect",
    "effective",
    "effects",
    "end",
    "example",
    "examples",
    "expensive",
    "factor",
    "factors",
    "famous",
    "feature",
    "features",
    "first",
    "form",
    "function",
    "good",
    "happen",
    "happened",
    "happens",
    "history",
    "idea",
    "impact",
    "important",
    "influence",
    "information",
    "kind",
    "kinds",
    "largest",
    "last",
    "long",
    "main",
    "major",
    "meaning",
    "method",
    "methods",
    "model",
    "models",
    "name",
    "names",
    "option",
    "options",
    "origin",
    "people",
    "place",
    "point",
    "points",
    "popular",
    "price",
    "problem",
    "problems",
    "process",
    "pros",
    "purpose",
    "question",
    "reason",
    "reasons",
    "result",
    "results",
    "risk",
    "risks",
    "role",
    "second",
    "side",
    "significance",
    "size",
    "source",
    "sources",
    "step",
    "steps",
    "symptom",
    "symptoms",
    "time",
    "type",
    "types",
    "version",
];
/// What is done to something that must be named.
const TASKS: [&str; 52] = [
    "continue",
    "proceed",
    "go",
    "fix",
    "rewrite",
    "rephrase",
    "reword",
    "summarize",
    "summarise",
    "shorten",
    "expand",
    "elaborate",
    "explain",
    "clarify",
    "describe",
    "improve",
    "simplify",
    "repeat",
    "retry",
    "stop",
    "list",
    "show",
    "translate",
    "convert",
    "format",
    "debug",
    "test",
    "run",
    "try",
    "refactor",
    "optimize",
    "optimise",
    "add",
    "remove",
    "change",
    "update",
    "make",
    "write",
    "give",
    "tell",
    "compare",
    "check",
    "correct",
    "redo",
    "undo",
    "finish",
    "complete",
    "work",
    "use",
    "used",
    "mean",
    "happen",
];
/// Adjectives of something that is not said: `typical dishes`, `recent tasks`.
const LOOSE: [&str; 36] = [
    "style",
    "styled",
    "typical",
    "traditional",
    "natural",
    "recent",
    "new",
    "notable",
    "important",
    "popular",
    "famous",
    "common",
    "special",
    "unique",
    "early",
    "late",
    "modern",
    "current",
    "original",
    "local",
    "known",
    "available",
    "possible",
    "necessary",
    "key",
    "significant",
    "specific",
    "certain",
    "various",
    "whole",
    "own",
    "increased",
    "top",
    "big",
    "free",
    "healthy",
];
/// Words that need two things beside them, or something to be of.
const OPEN: [&str; 44] = [
    "begin",
    "begun",
    "origin",
    "origins",
    "differ",
    "differs",
    "compare",
    "compares",
    "difference",
    "differences",
    "similarities",
    "relationship",
    "relation",
    "role",
    "impact",
    "influence",
    "influenced",
    "member",
    "members",
    "part",
    "parts",
    "start",
    "started",
    "survive",
    "survived",
    "create",
    "created",
    "absorption",
    "originate",
    "originated",
    "spread",
    "treatment",
    "treatments",
    "symptom",
    "symptoms",
    "cure",
    "prevent",
    "founded",
    "invented",
    "discovered",
    "team",
    "concerns",
    "issues",
    "side",
];
/// Beginnings of a question after what something is.
const DEFINING: [&str; 19] = [
    "what causes",
    "tell about",
    "what is",
    "what are",
    "what was",
    "what were",
    "who is",
    "who was",
    "who were",
    "who are",
    "define",
    "explain",
    "describe",
    "tell me about",
    "what does",
    "please explain",
    "can you explain",
    "could you explain",
    "explain what is",
];
/// Beginnings of an attribute's complement: `the capital of France`.
const COMPLEMENTS: [&str; 16] = [
    "of", "in", "for", "between", "on", "at", "from", "to", "with", "about", "behind", "against",
    "during", "among", "within", "per",
];

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
    let links = LINKS.iter().any(|phrase| words.begins(phrase));
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
    let found = (0..words.len()).any(|i| PRONOUNS.contains(&words.at(i)) && reaches(i));
    found.then_some("pronoun")
}

fn besides(words: &Words<'_>) -> Option<&'static str> {
    let compared = words.has(&["than", "or", "versus", "vs", "between", "compared"]);
    let reaches = |i: usize| match words.at(i) {
        "more" => !compared,
        "other" | "next" => words.at(i + 1) != "than",
        "similar" => words.at(i + 1) != "to",
        word => BESIDES.contains(&word),
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
    COMPLEMENTS.contains(&words.at(end))
        && (end + 1..words.len()).any(|i| !words.tokens[i].stop && !VAGUE.contains(&words.at(i)))
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
        && !VAGUE.contains(&word)
        && !TASKS.contains(&word)
        && !LOOSE.contains(&word)
}

/// `What is taurine?`, `Who was Anne Bonny?`, `Tell me about lung cancer.`
fn defines(words: &Words<'_>) -> bool {
    let Some(length) = DEFINING
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
    let of = (1..words.len()).find(|i| words.at(*i) == "of" && VAGUE.contains(&words.at(i - 1)));
    let open = (0..words.len()).any(|i| {
        OPEN.contains(&words.at(i)) && !words.says("side effects") || LOOSE.contains(&words.at(i))
    });
    of.is_some_and(|of| !open && (of + 1..words.len()).filter(|i| is_own(words, *i)).count() >= 2)
}

/// At least three words of its own, and none that is open without something beside it.
fn tells_all(words: &Words<'_>) -> bool {
    let own = (0..words.len()).filter(|i| is_own(words, *i)).count();
    let open =
        (0..words.len()).any(|i| OPEN.contains(&words.at(i)) || LOOSE.contains(&words.at(i)));
    // What is only named, and not asked about, leaves open what of it.
    let named = ["tell me", "describe", "explain", "discuss"]
        .iter()
        .any(|p| words.begins(p));
    own >= 3 && !open && !named
}
