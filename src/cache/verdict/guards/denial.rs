//! Which words of a text deny something: "not" and its kin, verbs that say that something is not done,
//! less of something. Knows nothing of opposites or of the other text.

use super::reading::Reading;
use super::token::{Capital, Kind, Token};

/// Words that deny whatever stands around them.
const NEGATORS: [&str; 23] = [
    "not", "never", "no", "none", "nobody", "noone", "nothing", "nowhere", "neither", "without",
    "sans", "hardly", "barely", "scarcely", "rarely", "seldom", "non", "lack", "nor", "unable",
    "except", "but", "yet",
];
/// Words of which "but" takes something away.
const ALL: [&str; 6] = [
    "everyone",
    "everybody",
    "everything",
    "anything",
    "anyone",
    "all",
];
/// Words that say of what follows them that it is not there or not done, and have no other use.
const WANTING: [&str; 12] = [
    "incapable",
    "impossible",
    "powerless",
    "absent",
    "absence",
    "missing",
    "devoid",
    "exempt",
    "bereft",
    "ineligible",
    "unwilling",
    "reluctant",
];
/// Verbs that "no" may follow: "contain no sugar".
const TAKING_NO: [&str; 42] = [
    "contain", "eat", "need", "use", "require", "make", "see", "cost", "show", "find", "want",
    "get", "take", "pay", "leave", "found", "made", "drink", "receive", "say", "offer", "provide",
    "give", "produce", "allow", "accept", "charge", "serve", "feel", "carry", "include", "involve",
    "cause", "support", "know", "own", "keep", "mean", "add", "hold", "bear", "speak",
];
const AUXILIARIES: [&str; 19] = [
    "is", "are", "am", "was", "were", "do", "does", "did", "can", "could", "would", "should",
    "will", "have", "has", "had", "might", "must", "may",
];
const ASKING: [&str; 8] = [
    "what", "which", "who", "where", "when", "why", "how", "whose",
];
/// Words that headlines write small.
const SMALL: [&str; 14] = [
    "a", "an", "the", "of", "in", "on", "to", "for", "and", "or", "at", "by", "with", "from",
];
const PRONOUNS: [&str; 9] = ["you", "we", "i", "it", "they", "there", "he", "she", "this"];
/// Small words of which there may be none: "no need".
const COUNTED: [&str; 7] = [
    "one", "other", "need", "help", "such", "further", "possible",
];
/// What somebody is asked to do by "why don't you": of other verbs it asks for a reason.
const ASKED_FOR: [&str; 20] = [
    "tell", "give", "show", "help", "explain", "try", "write", "make", "let", "describe", "say",
    "start", "go", "come", "take", "just", "talk", "list", "find", "suggest",
];
/// Verbs that say of another that it is not done: stems.
const UNDOING: [&str; 16] = [
    "avoid", "refus", "fail", "neglect", "omit", "exclud", "forbid", "prohibit", "ban", "refrain",
    "declin", "skip", "deni", "depriv", "withhold", "disallow",
];
/// The same before another verb: "stop biting", but not "stop the server".
const ENDING: [&str; 5] = ["stop", "quit", "prevent", "ceas", "keep"];

/// Whether a negator at this place denies nothing: a suggestion, a tag, an idiom.
fn is_idle(tokens: &[Token], at: usize) -> bool {
    if has_tag(tokens, at) {
        return true;
    }
    match tokens[at].lower.as_str() {
        "no" => is_idle_no(tokens, at),
        "nor" => tokens[..at].iter().any(|t| t.is("neither")),
        "not" => is_idle_not(tokens, at),
        "nothing" => tokens
            .get(at + 1)
            .is_some_and(|t| t.is_of(&["but", "except"])),
        // "Yet to pay".
        "yet" => !tokens.get(at + 1).is_some_and(|t| t.is("to")),
        // "Everyone but me".
        "but" => !at.checked_sub(1).is_some_and(|i| tokens[i].is_of(&ALL)),
        _ => false,
    }
}

/// `Spiders are not insects, are they?`, `Whales are not fish, right?`: a statement that asks whether it is so.
fn has_tag(tokens: &[Token], at: usize) -> bool {
    let asks = |t: &Token| t.is_of(&AUXILIARIES) || t.is_of(&ASKING);
    let tail = tokens.get(at + 1..).unwrap_or_default();
    let [.., before, last] = tail else {
        return false;
    };
    let told = before.is_of(&AUXILIARIES) && last.is_of(&PRONOUNS) && tail.len() > 2;
    (told || last.is("right") && is_said_of(before)) && !tokens.first().is_none_or(asks)
}

/// Whether "right" behind a word is no part of what is said: not "turn right".
fn is_said_of(before: &Token) -> bool {
    !before.stop
        && !before.is_of(&[
            "turn", "feel", "work", "fit", "sit", "look", "add", "left", "human",
        ])
}

/// A speaker's correction, "the north, no, the south", or an idiom.
fn is_idle_no(tokens: &[Token], at: usize) -> bool {
    let before = at.checked_sub(1).and_then(|i| tokens.get(i));
    let after = tokens.get(at + 1);
    let next = |words: &[&str]| after.is_some_and(|t| t.is_of(words));
    if next(&["longer", "more"]) {
        return false;
    }
    // "No. 10", "No Country for Old Men": a number, or the beginning of a name.
    // In a headline a capital says nothing.
    let plain = |t: &Token| t.kind == Kind::Word && t.capital == Capital::None && !t.is_of(&SMALL);
    let cased = tokens.iter().any(|t| plain(t) && !t.starts);
    let capital = |t: &Token| cased && t.capital != Capital::None;
    let begun = capital(&tokens[at]) && before.is_some_and(|t| !capital(t));
    let numbered = after.is_some_and(|t| t.kind == Kind::Number);
    if begun && (numbered || after.is_some_and(capital)) {
        return true;
    }
    // "No down payment".
    let within = after.is_some_and(|t| t.is_of(&["down", "up", "in", "on", "over", "out"]))
        && tokens.get(at + 2).is_some_and(|t| !t.stop);
    let small = after.is_none_or(|t| t.stop && !t.is_of(&COUNTED)) && !within;
    let named = |t: &Token| capital(t) && !t.starts;
    let takes = |t: &Token| {
        let base = t.lower.strip_suffix("ing").unwrap_or(&t.lower);
        let same = |verb: &str| verb.trim_end_matches('e') == base.trim_end_matches('e');
        t.kind == Kind::Word && TAKING_NO.iter().any(|verb| same(verb))
    };
    let verb = |t: &Token| t.stop || t.lower.ends_with('s') || takes(t);
    let corrected =
        before.is_some_and(|t| !verb(t)) || before.is_some_and(named) && after.is_some_and(named);
    small || corrected || next(&["matter", "doubt", "wait", "sorry"]) || tokens[at].starts
}

/// `Why don't you tell me`, `isn't it`, `or not`, `not only`.
fn is_idle_not(tokens: &[Token], at: usize) -> bool {
    let Some(before) = at.checked_sub(1).and_then(|i| tokens.get(i)) else {
        return true;
    };
    let after = tokens.get(at + 1);
    let next = |words: &[&str]| after.is_some_and(|t| t.is_of(words));
    let asks = before.is_of(&AUXILIARIES) && next(&PRONOUNS);
    let begins = before.starts || at < 2;
    // "Isn't coffee bad" is answered as "is coffee bad" is; "do not" may be an order.
    if begins && before.is_of(&AUXILIARIES) && !before.is("do") {
        return true;
    }
    let then = tokens.get(at + 2);
    let requested = next(&["you", "we"]) && then.is_some_and(|t| t.is_of(&ASKED_FOR));
    let suggests = !begins && tokens[at - 2].is_of(&["why", "so", "and"]) && requested;
    let closes = then.is_none_or(|t| t.starts);
    // "If not, why", but not "if not treated".
    let bare = after.is_none_or(|t| t.stop || t.starts);
    // "I don't know how to": asked how, whether one knows or not; but not of people who do not know.
    let knows = at == 2
        && tokens[0].is("i")
        && next(&["know", "understand", "remember"])
        && then.is_some_and(|t| t.is_of(&ASKING) || t.is("if"));
    next(&["only", "just", "limited", "least"])
        || knows
        || before.is_of(&["or", "whether"])
        || before.is_of(&["if", "why"]) && bare
        || (asks && (begins || suggests || closes))
}

/// How often a text denies, in words that are no part of a pair of opposites.
pub(super) fn negators(reading: &Reading, paired: &[usize]) -> usize {
    let tokens = reading.tokens();
    let lacks = |i: usize| tokens[i].kind == Kind::Word && tokens[i].stem == "lack";
    let denies = |i: &usize| {
        let says = tokens[*i].is_of(&NEGATORS) && !is_idle(tokens, *i);
        (says || lacks(*i)) && !paired.contains(i)
    };
    (0..tokens.len()).filter(denies).count()
}

/// The content words that are denied, in their order; none where a question begins so that its subject stands
/// between: "why doesn't my car start".
pub(super) fn denied(reading: &Reading) -> Option<Vec<u64>> {
    let tokens = reading.tokens();
    let denies = |i: &usize| tokens[*i].is_of(&NEGATORS) && !is_idle(tokens, *i);
    let word = |i: usize| tokens[i + 1..].iter().find(|t| !t.stop).map(|t| t.key);
    let turned = |i: usize| {
        let asks = i > 0 && tokens[i].is("not") && tokens[i - 1].is_of(&AUXILIARIES);
        asks && tokens[..i].iter().all(|t| t.stop)
    };
    let at: Vec<usize> = (0..tokens.len()).filter(denies).collect();
    let plain = !at.iter().any(|i| turned(*i));
    plain.then(|| at.into_iter().filter_map(word).collect())
}

/// Whether a word takes from what follows it, or says that it is not done. Where `lowered`, "less" is but
/// another word for a lower degree.
pub(super) fn lessens(tokens: &[Token], at: usize, lowered: bool) -> bool {
    let after = tokens.get(at + 1);
    let follows = after.is_some_and(|t| !t.stop && t.kind == Kind::Word);
    let less = tokens[at].is_of(&["less", "least"]) && follows;
    let stem = tokens[at].stem.as_str();
    let undoes = tokens[at].is("instead")
        || tokens[at].is_of(&WANTING)
        || UNDOING.contains(&stem)
        || ends_an_act(tokens, at);
    // "Sugar-free", "free of sugar".
    let lead = at.checked_sub(1).is_some_and(|before| !tokens[before].stop);
    let of = after.is_some_and(|t| t.is_of(&["of", "from"]));
    let free = tokens[at].is("free") && (lead || of);
    (less && !lowered) || undoes || free || excludes(tokens, at)
}

/// `Opt out of`, `say no to`, `stay away from`, `other than`: at the word that tells.
pub(super) fn excludes(tokens: &[Token], at: usize) -> bool {
    let after = |words: &[&str]| tokens.get(at + 1).is_some_and(|t| t.is_of(words));
    let before = |words: &[&str]| at > 0 && tokens[at - 1].is_of(words);
    match tokens[at].lower.as_str() {
        "out" => before(&[
            "opt", "opts", "opting", "leave", "leaves", "leaving", "left", "rule", "rules",
            "ruling",
        ]),
        "no" => before(&["say", "says", "saying", "said"]) && after(&["to"]),
        "away" => {
            let kept = |t: &Token| {
                t.is_of(&[
                    "stay", "stays", "staying", "keep", "keeps", "keeping", "kept",
                ])
            };
            after(&["from"]) && tokens[at.saturating_sub(3)..at].iter().any(kept)
        }
        "clear" => before(&["steer", "steering"]) && after(&["of"]),
        "other" => after(&["than"]),
        "apart" | "aside" => after(&["from"]),
        _ => false,
    }
}

/// `Stop biting`, `prevent the dog from biting`.
fn ends_an_act(tokens: &[Token], at: usize) -> bool {
    let act = |t: &Token| t.kind == Kind::Word && t.lower.ends_with("ing") && t.lower != t.stem;
    let far = tokens.iter().skip(at + 1).take(5);
    let kept_from = far
        .clone()
        .zip(far.skip(1))
        .any(|(x, y)| x.is("from") && act(y));
    let before = tokens.get(at + 1).is_some_and(act) && !tokens[at].is("keep");
    ENDING.contains(&tokens[at].stem.as_str()) && (before || kept_from)
}

/// Whether a word says of another, or of a thing, that it is not done or not there.
pub(super) fn undoes(token: &Token) -> bool {
    let stem = token.stem.as_str();
    let verb = UNDOING.contains(&stem) || ENDING.contains(&stem);
    token.kind == Kind::Word && (verb || token.is_of(&WANTING))
}

/// Whether a text says "no cost", "no charge".
pub(super) fn is_costless(tokens: &[Token]) -> bool {
    let costs = ["cost", "charge", "fee", "fees"];
    tokens
        .windows(2)
        .any(|w| w[0].is("no") && w[1].is_of(&costs))
}

/// Whether a word says nothing but that something is not so.
pub(super) fn only_denies(token: &Token) -> bool {
    let stem = token.stem.as_str();
    let undoes = UNDOING.contains(&stem) || ENDING.contains(&stem) || stem == "lack";
    let excluding = [
        "free", "opt", "opts", "steer", "say", "says", "stay", "stays", "leaves", "leave", "rule",
        "rules",
    ];
    undoes || token.is_of(&NEGATORS) || token.is_of(&WANTING) || token.is_of(&excluding)
}
