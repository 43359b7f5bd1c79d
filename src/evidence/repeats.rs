//! Requests that were asked before under another system prompt, and missed for that. Pure.

use std::collections::{HashMap, HashSet};

use super::decision::{Decision, DecisionOutcome};
use super::prompts::{Prompt, PromptParts, Shape, marked};
use crate::cache::spans::Spans;

/// A request whose prompt is told by marks.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// Its decision.
    pub decision: &'a Decision,
    /// Its marks.
    pub parts: PromptParts,
    /// What it would be looked up by.
    pub place: Place,
}

/// What must be equal but for the question: what is left of the system prompt, and all else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Place {
    prompt: u64,
    rest: u64,
}

impl Place {
    /// What is left of the system prompt.
    #[must_use]
    pub fn prompt(&self) -> u64 {
        self.prompt
    }
}

impl Request<'_> {
    /// Whether it was asked of a provider though memory was looked into.
    #[must_use]
    pub fn missed(&self) -> bool {
        let outcome = self.decision.outcome;
        matches!(outcome, DecisionOutcome::Miss | DecisionOutcome::NearMiss)
    }
}

/// Requests in the order of their time. `left` gives what is left of the prompt of one with these marks.
pub fn in_order<'a>(
    decisions: impl IntoIterator<Item = &'a Decision>,
    left: impl Fn(&PromptParts) -> u64,
) -> Vec<Request<'a>> {
    let request = |decision: &'a Decision| {
        let parts = decision.key.prompt?;
        let place = Place {
            prompt: left(&parts),
            rest: parts.rest,
        };
        Some(Request {
            decision,
            parts,
            place,
        })
    };
    let mut requests: Vec<_> = decisions.into_iter().filter_map(request).collect();
    requests.sort_by_key(|r| r.decision.time_ms);
    requests
}

/// What is left of prompts under patterns.
pub struct Left(HashMap<u64, u64>);

impl Left {
    /// What is left of a prompt; the prompt itself, where its shape's are not known to be united.
    #[must_use]
    pub fn of(&self, parts: &PromptParts) -> u64 {
        self.0.get(&parts.shape).copied().unwrap_or(parts.system)
    }
}

/// What is left of the prompts of each shape, where that is the same of all of them that are known: the others stay
/// apart.
#[must_use]
pub fn left(shapes: &[Shape], ignored: &Spans) -> Left {
    let kept = |prompt: &Prompt| {
        let kept: Vec<&str> = prompt.iter().flat_map(|text| ignored.kept(text)).collect();
        marked(kept.into_iter())
    };
    let one = |(shape, samples): &Shape| {
        let found: HashSet<u64> = samples.iter().map(kept).collect();
        let [only] = found.into_iter().collect::<Vec<_>>()[..] else {
            return None;
        };
        Some((*shape, only))
    };
    Left(shapes.iter().filter_map(one).collect())
}

/// For each request that missed, an earlier one with the same question in the same place under another prompt, not
/// older than `ttl_ms` says; by their places in `requests`, which are in the order of their time.
#[must_use]
pub fn same_words(
    requests: &[Request<'_>],
    ttl_ms: impl Fn(&Request<'_>) -> u64,
) -> Vec<(usize, usize)> {
    let mut newest: HashMap<(Place, u64), usize> = HashMap::new();
    let mut found = Vec::new();
    for (at, request) in requests.iter().enumerate() {
        let earlier = newest.insert((request.place, request.parts.asked), at);
        let Some(earlier) = earlier.filter(|_| request.missed()) else {
            continue;
        };
        let before = &requests[earlier];
        let age = request.decision.time_ms - before.decision.time_ms;
        if before.parts.system != request.parts.system && age <= ttl_ms(request) {
            found.push((at, earlier));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::decision::sample;
    use super::*;

    fn decision(time_ms: u64, system: u64, asked: u64, outcome: DecisionOutcome) -> Decision {
        let mut decision = sample("q");
        (decision.time_ms, decision.outcome) = (time_ms, outcome);
        decision.key.prompt = Some(PromptParts {
            system,
            shape: 1,
            rest: 2,
            asked,
        });
        decision
    }

    #[test]
    fn a_miss_asked_before_under_another_prompt_was_lost() {
        use DecisionOutcome::{HitExact, Miss};
        let decisions = [
            decision(1, 1, 7, Miss),
            decision(2, 1, 7, HitExact),
            decision(3, 2, 7, Miss),
            decision(4, 3, 8, Miss),
            decision(5, 3, 7, Miss),
            decision(5000, 4, 7, Miss),
        ];
        let requests = in_order(&decisions, |_| 0);
        assert_eq!(same_words(&requests, |_| 1000), [(2, 1), (4, 2)]);
        let apart = in_order(&decisions, |parts| parts.system);
        assert!(same_words(&apart, |_| 1000).is_empty());
    }

    #[test]
    fn patterns_unite_a_shape_only_if_they_take_all_that_differs() {
        let prompt = |text: &str| vec![text.to_owned()];
        let shapes = [
            (1, vec![prompt("Now 2026-11-27"), prompt("Now 2026-11-28")]),
            (2, vec![prompt("Id a12345b"), prompt("Id a12345c")]),
        ];
        let dates = Spans::parse(&[r"\d{4}-\d{2}-\d{2}"]).unwrap();
        let found = left(&shapes, &dates).0;
        assert!(found.contains_key(&1) && !found.contains_key(&2));
    }
}
