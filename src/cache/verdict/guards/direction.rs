//! The guard of order: who does it to whom, from where to where, what into what.
//! Knows nothing of what the words mean.

use super::Finding;
use super::digits::MONTHS;
use super::pair::Pair;
use super::reading::Reading;
use super::subject;
use super::token::{Kind, Token};

/// Words the two things may be exchanged around without a change.
const EVEN: [&str; 15] = [
    "and", "or", "vs", "versus", "nor", "+", "*", "×", "plus", "times", "with", "&", "/", "v", "to",
];
/// Words that make a relation the same from both ends.
const MUTUAL: [&str; 66] = [
    "between",
    "difference",
    "different",
    "differ",
    "similar",
    "similarity",
    "same",
    "distance",
    "far",
    "compare",
    "comparison",
    "common",
    "equal",
    "equivalent",
    "related",
    "relation",
    "relationship",
    "friend",
    "friends",
    "married",
    "both",
    "together",
    "compatible",
    "mix",
    "combine",
    "better",
    "prefer",
    "choose",
    "synonym",
    "near",
    "dating",
    "date",
    "engaged",
    "divorced",
    "sibling",
    "siblings",
    "cousin",
    "cousins",
    "colleague",
    "colleagues",
    "coworker",
    "coworkers",
    "partner",
    "partners",
    "neighbor",
    "neighbors",
    "roommate",
    "roommates",
    "classmate",
    "classmates",
    "twin",
    "twins",
    "rival",
    "rivals",
    "enemies",
    "allies",
    "acquainted",
    "connected",
    "linked",
    "adjacent",
    "parallel",
    "perpendicular",
    "identical",
    "resemble",
    "border",
    "overlap",
];
/// The same word before and behind its verb, and verbs before one and before many.
const CASES: [[&str; 2]; 7] = [
    ["i", "me"],
    ["we", "us"],
    ["he", "him"],
    ["she", "her"],
    ["they", "them"],
    ["do", "does"],
    ["am", "is"],
];
/// Longest thing that is exchanged, in words.
const THING: usize = 6;

/// Where a text goes from and to, as ranges of tokens.
type Route = (usize, usize, usize);

/// Whether two words are one, but for what their place makes of them: `I`, `me`.
fn same(a: &Token, b: &Token) -> bool {
    let either = |words: [&str; 2]| a.is_of(&words) && b.is_of(&words);
    a.key == b.key || CASES.into_iter().any(either)
}

fn equal(a: &[Token], b: &[Token]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(x, y)| same(x, y))
}

/// Where `M` and `S` begin and end where the texts are `P X M Y S` and `P Y M X S`.
pub(super) struct Exchange {
    first: usize,
    pub(super) middle: std::ops::Range<usize>,
    after: usize,
}

/// What changed places, if that is all that did.
pub(super) fn exchanged(a: &[Token], b: &[Token]) -> Option<Exchange> {
    if a.len() != b.len() || a.len() > 80 {
        return None;
    }
    let head = a.iter().zip(b).take_while(|(x, y)| same(x, y)).count();
    let tail = a.iter().rev().zip(b.iter().rev());
    let tail = tail.take_while(|(x, y)| same(x, y)).count();
    // A word both things share ("New York", "New Delhi") belongs to them and not to what is around.
    for back in 0..=1.min(head) {
        for fore in 0..=1.min(tail) {
            let (from, to) = (head - back, a.len().checked_sub(tail - fore)?);
            if from >= to {
                continue;
            }
            let (a, b) = (&a[from..to], &b[from..to]);
            for x in 1..=THING.min(a.len() - 1) {
                for y in 1..=THING.min(a.len() - x) {
                    let n = a.len();
                    let fits = equal(&a[..x], &b[n - x..])
                        && equal(&a[n - y..], &b[..y])
                        && equal(&a[x..n - y], &b[y..n - x]);
                    if fits && n > x + y {
                        return Some(Exchange {
                            first: from,
                            middle: from + x..to - y,
                            after: to,
                        });
                    }
                }
            }
        }
    }
    None
}

/// `Are all cats mammals?`, `Are all mammals cats?`: two things side by side, of which one is said of the other.
fn is_inverted(a: &[Token], b: &[Token]) -> bool {
    let says = |tokens: &[Token]| {
        tokens
            .first()
            .is_some_and(|t| t.is_of(&["is", "are", "was", "were"]))
    };
    let counted = a.get(1).is_some_and(|t| t.is_of(&["all", "every", "most"]));
    let turned = |x: usize| {
        let rest = (&a[2..], &b[2..]);
        equal(&rest.0[..x], &rest.1[rest.1.len() - x..])
            && equal(&rest.0[x..], &rest.1[..rest.1.len() - x])
    };
    says(a)
        && counted
        && equal(&a[..2], &b[..2.min(b.len())])
        && a.len() == b.len()
        && (1..a.len() - 2).any(turned)
}

/// Whether what connects the exchanged things is the same from both ends.
fn is_even(exchange: &Exchange, all: &[Token]) -> bool {
    let (middle, before) = (&all[exchange.middle.clone()], &all[..exchange.first]);
    let directed = before.iter().any(|t| {
        t.is_of(&[
            "from",
            "convert",
            "translate",
            "change",
            "turn",
            "transfer",
            "migrate",
            "move",
            "prefer",
            "subtract",
        ])
    });
    // Not the things themselves: "Can I sue my neighbor?"
    let things =
        |i: usize| (exchange.first..exchange.after).contains(&i) && !exchange.middle.contains(&i);
    let relates = |(i, t): (usize, &Token)| t.is_of(&MUTUAL) && !things(i);
    let mutual =
        all.iter().enumerate().any(relates) && !directed && !all.iter().any(|t| t.is("than"));
    // `left-handed or right-handed`, `to fly or to drive`: a word at each of the two is no link.
    let around = [before.last(), all.get(exchange.after)];
    let shared = |t: &Token| around.into_iter().flatten().any(|x| same(x, t));
    let mut links = middle
        .iter()
        .filter(|t| !t.is_of(&["the", "a", "an"]) && !shared(t))
        .peekable();
    // `20 July 1969`: the parts of a date stand in any order.
    let dated = matches!(middle, [month] if month.is_of(&MONTHS))
        && [exchange.first, exchange.middle.end]
            .iter()
            .all(|i| all[*i].kind == Kind::Number);
    if dated {
        return true;
    }
    let even = links.peek().is_some() && links.all(|t| t.is_of(&EVEN) && !t.is("to"));
    even || mutual
}

/// The content tokens of a run, as keys.
fn content(tokens: &[Token]) -> Vec<u64> {
    let content = tokens.iter().filter(|t| !t.stop);
    content.map(|t| t.meaning).collect()
}

/// From where to where, in whatever words.
fn route(tokens: &[Token]) -> Option<Route> {
    let from = tokens.iter().position(|t| t.is("from"))?;
    let to = tokens[from..].iter().position(|t| t.is_of(&["to", "into"]));
    if let Some(to) = to {
        return Some((from + 1, from + to, from + to + 1));
    }
    None
}

fn ends(tokens: &[Token]) -> Option<(Vec<u64>, Vec<u64>)> {
    let take = |tokens: &[Token]| -> Vec<u64> {
        let end = tokens
            .iter()
            .position(|t| t.is_of(&["by", "in", "with", "and", "from", "for"]));
        content(&tokens[..end.unwrap_or(tokens.len())])
    };
    if let Some((first, middle, last)) = route(tokens) {
        return Some((content(&tokens[first..middle]), take(&tokens[last..])));
    }
    // "to B from A"
    let to = tokens.iter().position(|t| t.is_of(&["to", "into"]))?;
    let from = tokens[to..].iter().position(|t| t.is("from"))? + to;
    Some((take(&tokens[from + 1..]), content(&tokens[to + 1..from])))
}

fn is_turned(a: &(Vec<u64>, Vec<u64>), b: &(Vec<u64>, Vec<u64>)) -> bool {
    let meets = |x: &[u64], y: &[u64]| !x.is_empty() && x.first() == y.first();
    meets(&a.0, &b.1) && meets(&a.1, &b.0) && a.0 != a.1
}

/// What is compared with what: the first words of their own on both sides.
fn compared(reading: &Reading) -> Option<(u64, u64)> {
    let tokens = reading.tokens();
    let than = tokens.iter().position(|t| t.is("than"))?;
    let right = tokens[than + 1..].iter().find(|t| !t.stop)?;
    let mut left = tokens[..than].iter().filter(|t| !t.stop);
    let first = left.next()?;
    Some((first.meaning, right.meaning))
}

/// Whether both compare the same two things, in opposite order.
pub(super) fn than_swapped(pair: &Pair<'_>) -> bool {
    let both = compared(pair.a).zip(compared(pair.b));
    both.is_some_and(|(a, b)| a.0 == b.1 && a.1 == b.0)
}

/// Verb, doer and done-to of a passive clause: "was B bought by A".
fn passive(tokens: &[Token]) -> Option<(u64, u64, u64)> {
    let by = tokens.iter().position(|t| t.is("by"))?;
    let verb = tokens[..by].iter().rposition(|t| !t.stop)?;
    let is = |t: &Token| {
        t.is_of(&[
            "is", "are", "was", "were", "been", "being", "be", "get", "got",
        ])
    };
    if !tokens[..verb].iter().any(is) {
        return None;
    }
    let doer = tokens[by + 1..].iter().find(|t| !t.stop)?;
    let done = tokens[..verb].iter().rfind(|t| !t.stop)?;
    Some((tokens[verb].key, doer.key, done.key))
}

/// Doer and done-to around a verb of an active clause.
fn active(tokens: &[Token], verb: u64) -> Option<(u64, u64)> {
    let at = tokens
        .iter()
        .position(|t| t.key == verb && t.kind == Kind::Word)?;
    let passive = at > 0 && tokens[at - 1].is_of(&["is", "are", "was", "were", "be", "been"]);
    let leads = tokens
        .get(at + 1)
        .is_some_and(|t| t.is_of(&["for", "in", "on", "at", "with", "as", "by", "into"]));
    if passive || leads {
        return None;
    }
    let doer = tokens[..at].iter().rfind(|t| !t.stop)?;
    let done = tokens[at + 1..].iter().find(|t| !t.stop)?;
    Some((doer.key, done.key))
}

/// Whether one is the other's passive: `Some(true)` with the same roles, `Some(false)` with exchanged ones.
fn voices(a: &[Token], b: &[Token]) -> Option<bool> {
    let (verb, doer, done) = passive(b)?;
    if passive(a).is_some() {
        return None;
    }
    let (first, second) = active(a, verb)?;
    match (
        first == doer && second == done,
        first == done && second == doer,
    ) {
        (true, false) => Some(true),
        (false, true) => Some(false),
        _ => None,
    }
}

/// Exchanged roles, places or sides.
pub(super) fn examine(pair: &Pair<'_>) -> Finding {
    let (a, b) = (pair.a.tokens(), pair.b.tokens());
    match voices(a, b).or_else(|| voices(b, a)) {
        Some(true) => return Finding::Equal,
        Some(false) => return Finding::Different("roles_swapped"),
        None => {}
    }
    if subject::is_turned(a, b) || subject::is_turned(b, a) {
        return Finding::Different("roles_swapped");
    }
    if is_inverted(a, b) {
        return Finding::Different("roles_swapped");
    }
    if let Some(exchange) = exchanged(a, b) {
        if is_even(&exchange, a) {
            return Finding::Equal;
        }
        return Finding::Different("order_swapped");
    }
    let directed = |t: &Token| t.is_of(&["distance", "far", "difference", "between"]);
    let mutual = a.iter().any(directed) && b.iter().any(directed);
    if let (Some(x), Some(y)) = (ends(a), ends(b))
        && !mutual
        && is_turned(&x, &y)
    {
        return Finding::Different("direction_swapped");
    }
    let (only_a, only_b) = pair.strays();
    if only_a + only_b == 0 && than_swapped(pair) {
        return Finding::Different("comparison_swapped");
    }
    Finding::Equal
}

#[cfg(test)]
mod tests {
    use super::super::check::{different, survives};

    #[test]
    fn the_other_way_round_is_another_question() {
        for (a, b) in [
            (
                "How do I get from Rome to Paris?",
                "How do I get from Paris to Rome?",
            ),
            ("Convert miles to kilometres", "Convert kilometres to miles"),
            ("Is Java faster than Python?", "Is Python faster than Java?"),
            ("Did Google buy Motorola?", "Did Motorola buy Google?"),
            (
                "Translate this from French into German",
                "Translate this from German into French",
            ),
            (
                "Train from New York to New Haven",
                "Train from New Haven to New York",
            ),
            (
                "Was Rome attacked by Carthage?",
                "Did Rome attack Carthage?",
            ),
            ("Flights to Oslo from Rome", "Flights from Oslo to Rome"),
            ("Are all cats mammals?", "Are all mammals cats?"),
            ("Can I sue my neighbor?", "Can my neighbor sue me?"),
            (
                "Does my employer owe me money?",
                "Do I owe my employer money?",
            ),
        ] {
            different("direction", a, b);
        }
    }

    #[test]
    fn what_is_the_same_from_both_ends_survives() {
        for (a, b) in [
            (
                "What is the difference between tea and coffee?",
                "What is the difference between coffee and tea?",
            ),
            ("Java vs Python", "Python vs Java"),
            ("Is tea or coffee better?", "Is coffee or tea better?"),
            ("How far is Rome from Paris?", "How far is Paris from Rome?"),
            ("Was Motorola bought by Google?", "Did Google buy Motorola?"),
            ("What is 5 + 3?", "What is 3 + 5?"),
            (
                "Which is bigger, the Earth or the Moon?",
                "Which is bigger, the Moon or the Earth?",
            ),
        ] {
            survives(a, b);
        }
    }
}
