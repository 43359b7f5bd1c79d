//! Who does what to whom: the same words in other places.

use super::reading::{Kind, Reading};
use super::{Finding, Pair};

/// Words beside which it matters what stands on which side.
const PIVOTS: [&str; 16] = [
    "to", "from", "into", "than", "over", "before", "after", "without", "instead", "by", "beat",
    "of", "for", "with", "against", "as",
];
/// Words that may be changed round freely, beside which it does not.
const EVEN: [&str; 6] = ["and", "or", "vs", "between", "versus", "with"];

/// The content words of a text, in order, each once.
fn order(reading: &Reading) -> Vec<&str> {
    let mut seen = Vec::new();
    for token in reading
        .tokens
        .iter()
        .filter(|t| t.is_content() || t.kind == Kind::Number)
    {
        if !seen.contains(&token.stem.as_str()) {
            seen.push(token.stem.as_str());
        }
    }
    seen
}

/// The content word next to each pivot: after it, before it.
fn around<'a>(reading: &'a Reading, pivot: &str) -> Option<(Option<&'a str>, Option<&'a str>)> {
    let at = reading.tokens.iter().position(|t| t.text == pivot)?;
    let content = |t: &&super::Token| t.is_content();
    let before = reading.tokens[..at].iter().rev().find(content);
    let after = reading.tokens[at + 1..].iter().find(content);
    Some((
        before.map(|t| t.stem.as_str()),
        after.map(|t| t.stem.as_str()),
    ))
}

fn is_passive(reading: &Reading) -> bool {
    reading.has("by")
        && [
            "is", "are", "was", "were", "be", "been", "being", "get", "gets",
        ]
        .iter()
        .any(|v| reading.has(v))
}

/// `from A to B` and `from B to A`, `A beats B` and `B beats A`.
pub(super) fn direction(pair: &Pair<'_>) -> Finding {
    let (a, b) = (order(pair.a), order(pair.b));
    if !pair.only_a().is_empty() || !pair.only_b().is_empty() || a.len() < 2 {
        return Finding::Equal;
    }
    let crossed = |p: &str| match (around(pair.a, p), around(pair.b, p)) {
        (Some((before_a, after_a)), Some((before_b, after_b))) => {
            let swapped = before_a.is_some()
                && before_a == after_b
                && after_a == before_b
                && before_a != after_a;
            // `from Rome to Paris` and `from Paris to Rome`: another word behind the same pivot, and the
            // first one behind another.
            let moved = after_a.is_some()
                && after_b.is_some()
                && after_a != after_b
                && PIVOTS.iter().filter(|q| **q != p).any(|q| {
                    around(pair.a, q).is_some_and(|(_, x)| x == after_b)
                        && around(pair.b, q).is_some_and(|(_, x)| x == after_a)
                });
            swapped || moved
        }
        _ => false,
    };
    let even = EVEN.iter().any(|w| pair.a.has(w)) && EVEN.iter().any(|w| pair.b.has(w));
    if PIVOTS
        .iter()
        .any(|p| !(even && EVEN.contains(p)) && crossed(p))
    {
        return Finding::Different("direction_changed");
    }
    if a == b || even {
        return Finding::Equal;
    }
    if exchanged(&a, &b) && is_passive(pair.a) == is_passive(pair.b) {
        return Finding::Different("roles_changed");
    }
    Finding::Equal
}

/// Whether two words have changed places around one that stayed between them.
fn exchanged(a: &[&str], b: &[&str]) -> bool {
    let place = |word: &str| b.iter().position(|w| *w == word);
    let moved: Vec<_> = (0..a.len().min(b.len()))
        .filter(|i| a[*i] != b[*i])
        .collect();
    match moved[..] {
        [i, j] if a.len() == b.len() => {
            j - i > 1 && place(a[i]) == Some(j) && place(a[j]) == Some(i)
        }
        _ => false,
    }
}
