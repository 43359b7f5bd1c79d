//! The guards of yes and no: negation and words of opposite meaning, weighed
//! together, since "not bad" is near to "good". Knows nothing of the subject.

use std::sync::LazyLock;

use super::Finding;
use super::lexicon::Keys;
use super::pair::Pair;
use super::reading::Reading;
use super::token::{Capital, Kind, Token};
use super::words::{hash, stem};

const LIST: &str = include_str!("lists/antonyms.txt");
/// Share of content words two texts must have in common before a "not" decides.
const MUCH_THE_SAME: f32 = 0.7;
/// The same for a pair of opposites.
const SOMEWHAT_THE_SAME: f32 = 0.4;

/// Each word with the lines it stands in and its side there.
static OPPOSITES: LazyLock<Keys<Vec<(u16, bool)>>> = LazyLock::new(|| {
    let mut known: Keys<Vec<(u16, bool)>> = Keys::default();
    let lines = LIST.lines().filter(|line| !line.starts_with('#'));
    for (line, number) in lines.zip(0..) {
        let Some((left, right)) = line.split_once('/') else {
            continue;
        };
        for (words, side) in [(left, false), (right, true)] {
            for word in words.split_whitespace() {
                known
                    .entry(hash(&stem(word)))
                    .or_default()
                    .push((number, side));
            }
        }
    }
    known
});

const NEGATORS: [&str; 19] = [
    "not", "never", "no", "none", "nobody", "nothing", "nowhere", "neither", "without", "hardly",
    "barely", "scarcely", "rarely", "seldom", "non", "lack", "nor", "unable", "except",
];
/// Verbs that "no" may follow: "contain no sugar".
const TAKING_NO: [&str; 20] = [
    "contain", "eat", "need", "use", "require", "make", "see", "cost", "show", "find", "want",
    "get", "take", "pay", "leave", "found", "made", "drink", "receive", "say",
];
const AUXILIARIES: [&str; 19] = [
    "is", "are", "am", "was", "were", "do", "does", "did", "can", "could", "would", "should",
    "will", "have", "has", "had", "might", "must", "may",
];
const PRONOUNS: [&str; 9] = ["you", "we", "i", "it", "they", "there", "he", "she", "this"];
const PREFIXES: [&str; 9] = ["un", "in", "im", "ir", "il", "dis", "non", "mis", "de"];

/// Whether a word has opposites in the list.
pub(super) fn is_known(token: &Token) -> bool {
    OPPOSITES.contains_key(&token.key)
}

/// Whether two words are opposites, by the list or by a prefix.
pub(super) fn are_opposite(a: &Token, b: &Token) -> bool {
    if a.kind != Kind::Word || b.kind != Kind::Word {
        return false;
    }
    // Few words have opposites: the second is not looked for in vain.
    if let Some(x) = OPPOSITES.get(&a.key)
        && let Some(y) = OPPOSITES.get(&b.key)
    {
        let clash = |(line, side): &(u16, bool)| y.contains(&(*line, !side));
        if x.iter().any(clash) {
            return true;
        }
    }
    prefixed(&a.stem, &b.stem) || prefixed(&b.stem, &a.stem) || suffixed(&a.lower, &b.lower)
}

fn prefixed(root: &str, word: &str) -> bool {
    // They have two or three letters: most words differ in length by something else.
    let may = matches!(word.len().checked_sub(root.len()), Some(2 | 3)) && root.len() > 3;
    let prefix = || word.strip_suffix(root);
    may && prefix().is_some_and(|prefix| PREFIXES.contains(&prefix))
}

fn suffixed(a: &str, b: &str) -> bool {
    let ends = |x: &str, y: &str| {
        let root = x.strip_suffix("ful");
        root.is_some() && root == y.strip_suffix("less")
    };
    ends(a, b) || ends(b, a)
}

/// Whether a negator at this place denies nothing: a suggestion, a tag, an idiom.
fn is_idle(tokens: &[Token], at: usize) -> bool {
    let before = at.checked_sub(1).and_then(|i| tokens.get(i));
    let after = tokens.get(at + 1);
    let next = |words: &[&str]| after.is_some_and(|t| t.is_of(words));
    if tokens[at].is("no") {
        // A speaker's correction: "the north, no, the south".
        let small = after.is_none_or(|t| t.stop && !t.is_of(&["one", "more", "other", "longer"]));
        let named = |t: &Token| t.capital != Capital::None && !t.starts;
        let verb = |t: &Token| t.stop || t.lower.ends_with('s') || t.is_of(&TAKING_NO);
        let corrected = before.is_some_and(|t| !verb(t))
            || before.is_some_and(named) && after.is_some_and(named);
        return small
            || corrected
            || next(&["matter", "doubt", "wait", "sorry"])
            || tokens[at].starts;
    }
    if tokens[at].is("nor") {
        return tokens[..at].iter().any(|t| t.is("neither"));
    }
    if !tokens[at].is("not") {
        return false;
    }
    let Some(before) = before else { return true };
    let asks = before.is_of(&AUXILIARIES) && next(&PRONOUNS);
    let opens = before.starts
        || at < 2
        || tokens[at - 2].is_of(&["why", "so", "and"]) && next(&["you", "we"]);
    let closes = at + 2 >= tokens.len() || tokens[at + 2].starts;
    next(&["only", "just"])
        || before.is_of(&["or", "if", "why", "whether", "but"])
        || (asks && (opens || closes))
}

/// How often a text denies, in words that are no part of a pair of opposites.
fn negators(reading: &Reading, paired: &[usize]) -> usize {
    let tokens = reading.tokens();
    let lacks = |i: usize| tokens[i].kind == Kind::Word && tokens[i].stem == "lack";
    let denies = |i: &usize| {
        (tokens[*i].is_of(&NEGATORS) || lacks(*i)) && !paired.contains(i) && !is_idle(tokens, *i)
    };
    (0..tokens.len()).filter(denies).count()
}

/// The content words that are denied, in their order.
pub(super) fn denied(reading: &Reading) -> Vec<u64> {
    let tokens = reading.tokens();
    let denies = |i: &usize| tokens[*i].is_of(&NEGATORS) && !is_idle(tokens, *i);
    let word = |i: usize| tokens[i + 1..].iter().find(|t| !t.stop).map(|t| t.key);
    (0..tokens.len()).filter(denies).filter_map(word).collect()
}

/// How the two texts stand to each other in yes and no.
struct Polarity {
    /// One side denies once more than the other.
    denied: bool,
    /// Places of opposite words, in a and b.
    flips: Vec<(usize, usize)>,
}

fn weigh(pair: &Pair<'_>) -> Polarity {
    let (a, b) = (pair.a.tokens(), pair.b.tokens());
    let mut flips: Vec<(usize, usize)> = Vec::new();
    for i in pair.only_a() {
        let fits = |j: &&usize| {
            let small = a[*i].stop || b[**j].stop;
            are_opposite(&a[*i], &b[**j])
                && (!small || pair.is_aligned(*i, **j))
                && flips.iter().all(|(_, used)| used != *j)
        };
        if let Some(j) = pair.only_b().iter().find(fits) {
            flips.push((*i, *j));
        }
    }
    // "Less" and "fewer" are one.
    let low = [
        "fewer", "fewest", "lower", "lowest", "smaller", "smallest", "minimum", "minimal",
    ];
    let has = |tokens: &[Token], only: &[usize]| only.iter().any(|i| tokens[*i].is_of(&low));
    let lowered = has(a, pair.only_a()) || has(b, pair.only_b());
    let degree = |tokens: &[Token], only: &[usize], paired: &[usize]| {
        let least = |i: &&usize| {
            let follows = tokens
                .get(**i + 1)
                .is_some_and(|t| !t.stop && t.kind == Kind::Word);
            let less = tokens[**i].is_of(&["less", "least"]) && follows;
            let avoids = ["avoid", "refuse", "fail", "instead"]
                .iter()
                .any(|w| tokens[**i].stem == *w || tokens[**i].is(w));
            // "Sugar-free", "free of sugar".
            let lead = i.checked_sub(1).is_some_and(|before| !tokens[before].stop);
            let of = tokens
                .get(**i + 1)
                .is_some_and(|t| t.is_of(&["of", "from"]));
            let free = tokens[**i].is("free") && (lead || of);
            ((less && !lowered) || avoids || free) && !paired.contains(i)
        };
        only.iter().filter(least).count()
    };
    let (paired_a, paired_b): (Vec<usize>, Vec<usize>) = flips.iter().copied().unzip();
    // "Always" and "never" are opposites already.
    let counted = negators(pair.a, &paired_a) + negators(pair.b, &paired_b);
    let less = degree(a, pair.only_a(), &paired_a) + degree(b, pair.only_b(), &paired_b);
    Polarity {
        denied: (counted + less) % 2 == 1,
        flips,
    }
}

/// Whether one side has no subject of its own: the other only adds to it.
fn is_added(pair: &Pair<'_>) -> bool {
    let own = |of: &Reading, only: &[usize]| {
        let words = only.iter().map(|i| &of.tokens()[*i]);
        words
            .filter(|t| !t.stop && !t.is_of(&NEGATORS) && !t.is("free"))
            .count()
    };
    own(pair.a, pair.only_a()).min(own(pair.b, pair.only_b())) == 0
}

/// One side says not what the other says.
pub(super) fn negation(pair: &Pair<'_>) -> Finding {
    let found = weigh(pair);
    match (found.denied, found.flips.is_empty()) {
        (false, true) if super::exchange::denies_another_word(pair) => {
            Finding::Different("negation_moved")
        }
        (false, _) => Finding::Equal,
        (true, false) => Finding::Unsure("negated_opposite"),
        (true, true) if pair.likeness() >= MUCH_THE_SAME && is_added(pair) => {
            Finding::Different("negation_changed")
        }
        (true, true) => Finding::Unsure("negation_in_other_words"),
    }
}

/// A word on one side, its opposite on the other.
pub(super) fn antonyms(pair: &Pair<'_>) -> Finding {
    let found = weigh(pair);
    let degree = |i: usize| pair.a.tokens()[i].is_of(&["more", "most", "less", "least"]);
    let graded = found.flips.iter().filter(|(i, _)| degree(*i)).count();
    match (found.flips.len(), found.denied) {
        (0, false) if super::exchange::exchanges_opposites(pair) => {
            Finding::Different("opposites_exchanged")
        }
        (0, _) => Finding::Equal,
        (_, true) => Finding::Unsure("negated_opposite"),
        (1, false) if super::direction::than_swapped(pair) => Finding::Unsure("comparison_turned"),
        (2, false) if graded == 1 => Finding::Unsure("graded_opposite"),
        _ if pair.likeness() >= SOMEWHAT_THE_SAME => Finding::Different("opposite_word"),
        _ => Finding::Unsure("opposite_in_other_words"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::check::{different, survives};

    #[test]
    fn a_denial_is_another_question() {
        for (a, b) in [
            (
                "Which foods are safe for dogs?",
                "Which foods are not safe for dogs?",
            ),
            (
                "Can I fly with a passport?",
                "Can I fly without a passport?",
            ),
            ("Why does my phone charge?", "Why doesn't my phone charge?"),
            ("I have been to Rome", "I have never been to Rome"),
            (
                "Which snacks are made with sugar?",
                "Which snacks are sugar-free?",
            ),
        ] {
            different("negation", a, b);
        }
    }

    #[test]
    fn an_opposite_is_another_question() {
        for (a, b) in [
            ("How do I enable dark mode?", "How do I disable dark mode?"),
            (
                "How do I turn the light on?",
                "How do I turn the light off?",
            ),
            ("What to eat before a run?", "What to eat after a run?"),
            ("How do I install Docker?", "How do I uninstall Docker?"),
            ("Is this legal?", "Is this illegal?"),
            (
                "Which is the most useful tool?",
                "Which is the least useful tool?",
            ),
            ("Is it a useful tool?", "Is it a useless tool?"),
            ("Where do I buy shares?", "Where do I sell shares?"),
        ] {
            different("antonyms", a, b);
        }
    }

    #[test]
    fn what_denies_nothing_survives() {
        for (a, b) in [
            (
                "Why don't you tell me a joke?",
                "Why do you tell me a joke?",
            ),
            (
                "It is cold in Rome, isn't it?",
                "It is cold in Rome, is it?",
            ),
            ("Is it a bad idea?", "Is it not a good idea?"),
            (
                "Which phone is the least expensive?",
                "Which phone is the cheapest?",
            ),
            ("Is Oslo colder than Rome?", "Is Rome hotter than Oslo?"),
            ("Should I go or not?", "Should I go?"),
            (
                "Which snacks are without sugar?",
                "Which snacks are sugar-free?",
            ),
        ] {
            survives(a, b);
        }
    }
}
