//! The guard of order: who does it to whom, from where to where, what into what.
//! Knows nothing of what the words mean.

use super::Finding;
use super::compound;
use super::pair::Pair;
use super::reading::Reading;
use super::relation;
use super::subject;
use super::swap;
use super::token::{Kind, Token};

/// Where a text goes from and to, as ranges of tokens.
type Route = (usize, usize, usize);

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
    if subject::is_suffered(a, b) || subject::is_suffered(b, a) {
        return Finding::Different("roles_swapped");
    }
    if swap::is_inverted(a, b) {
        return Finding::Different("roles_swapped");
    }
    if let Some(exchange) = swap::exchanged(a, b) {
        if relation::is_even(&exchange, a) {
            return Finding::Equal;
        }
        if relation::may_be_even(&exchange, a) {
            return Finding::Unsure("other_order");
        }
        return Finding::Different("order_swapped");
    }
    if compound::is_recompounded(pair)
        || swap::is_requantified(pair)
        || swap::is_permuted(pair)
        || swap::names_turned(pair)
    {
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
    // The same words in another order for no reason known here: an adverb or a place moved, or more did.
    if only_a + only_b == 0 && pair.places() > 0 && content(a) != content(b) {
        return Finding::Unsure("other_order");
    }
    Finding::Equal
}

#[cfg(test)]
mod tests {
    use super::super::check::{different, survives};
    use super::*;

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
    fn the_same_words_in_another_order_are_not_held_for_equal() {
        let found = |a: &str, b: &str| {
            let (a, b) = (Reading::of(a), Reading::of(b));
            examine(&Pair::of(&a, &b))
        };
        let moved = found(
            "How do I sort a list in Java?",
            "In Java, how do I sort a list?",
        );
        assert_eq!(moved, Finding::Unsure("other_order"));
        assert_eq!(found("Where is Oslo?", "Where's Oslo?"), Finding::Equal);
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
