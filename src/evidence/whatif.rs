//! What another rule would have made of the decisions that are remembered: hits gained and lost, and what
//! the labels say of them. Pure.
//!
//! Candidates that could not serve under the rule of their time were not judged, but for the nearest; under a
//! much looser one a farther candidate might have served where the nearest is vetoed, which is not seen here.

use std::cmp::Ordering;
use std::sync::Arc;

use serde::Serialize;

use super::decision::{Decision, DecisionOutcome};
use super::estimate::{Estimate, JudgeErrors, Stratum, estimate};
use super::label::{Label, Opinion, Source};
use crate::cache::pairs::Unheard;
use crate::cache::policy::Rules;
use crate::cache::verdict::Rule;
use crate::cache::verdict::facts::{Call, Facts, Verified};
use crate::chat::number::{short, usd};

/// A decision by meaning, ready to be decided again.
#[derive(Debug, Clone)]
pub struct Case {
    /// The decision.
    pub decision: Arc<Decision>,
    /// What counts of all that was said of it.
    pub label: Option<Arc<Label>>,
    facts: Vec<Facts>,
}

/// The answer to "what if".
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Comparison {
    /// Decisions that were decided again.
    pub decisions: usize,
    /// Hits that only the other rule would serve.
    pub gained: usize,
    /// Of these: labelled right and wrong, by whomever.
    pub gained_right: usize,
    /// As above.
    pub gained_wrong: usize,
    /// Hits that it would not serve any more.
    pub lost: usize,
    /// Of these: labelled right and wrong, by whomever.
    pub lost_right: usize,
    /// As above.
    pub lost_wrong: usize,
    /// US dollars by list price of the hits gained, less those of the hits lost.
    pub usd: f64,
    /// The share of wrong hits as it is.
    pub before: Estimate,
    /// And as it would be.
    pub after: Estimate,
}

/// One number that a rule could have.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Point {
    /// The number.
    #[serde(serialize_with = "short")]
    pub at: f32,
    /// Share of the decisions by meaning that would be hits.
    pub hit_rate: f64,
    /// What is known of their share of wrong ones.
    #[serde(flatten)]
    pub estimate: Estimate,
}

impl Case {
    /// Makes a decision ready.
    #[must_use]
    pub fn of(decision: Arc<Decision>, label: Option<Arc<Label>>) -> Self {
        let facts = decision.candidates.iter().map(|c| c.facts()).collect();
        Self {
            decision,
            label,
            facts,
        }
    }

    /// Candidates of which one of some rules would ask the verifier where nobody did, by their places.
    #[must_use]
    pub fn unheard(&self, rules: &[Rule]) -> Vec<usize> {
        let open = |place: &usize| rules.iter().any(|r| r.unheard(&self.facts[*place]));
        (0..self.facts.len()).filter(open).collect()
    }

    /// A candidate's question and the one asked, where both texts are kept.
    #[must_use]
    pub fn pair(&self, place: usize) -> Option<Unheard> {
        let candidate = &self.decision.candidates[place];
        Some(Unheard {
            stored: candidate.question.clone()?,
            asked: self.decision.question.clone()?,
            similarity: candidate.similarity,
            gap: candidate.gap,
        })
    }

    /// What the verifier says of a candidate.
    pub fn hear(&mut self, place: usize, said: Verified) {
        self.facts[place].verified = said;
    }

    /// The candidate that a rule would serve, by its place.
    #[must_use]
    pub fn serves(&self, rule: &Rule) -> Option<usize> {
        let called = self.facts.iter().map(|facts| rule.call(facts)).enumerate();
        let serving = called.filter(|(_, (call, _))| *call == Call::Serve);
        // Of equal ones the first, which is the nearest.
        let best = serving.reduce(|best, next| if next.1.1 > best.1.1 { next } else { best });
        best.map(|(place, _)| place)
    }

    /// How sure a rule is of the candidate that decided; 0 after a veto.
    #[must_use]
    pub fn score(&self, rule: &Rule) -> f32 {
        self.facts.first().map_or(0.0, |facts| rule.call(facts).1)
    }

    /// What was said of serving this candidate: a label speaks of the first alone.
    fn opinion(&self, place: usize) -> Option<&Label> {
        self.label.as_deref().filter(|_| place == 0)
    }
}

/// Compares what two policies make of the same decisions.
#[must_use]
pub fn compare(
    cases: &[Case],
    (before, after): (&Rules, &Rules),
    judge: &JudgeErrors,
) -> Comparison {
    let mut told = Comparison {
        decisions: cases.len(),
        gained: 0,
        gained_right: 0,
        gained_wrong: 0,
        lost: 0,
        lost_right: 0,
        lost_wrong: 0,
        usd: 0.0,
        before: known(cases, before, judge),
        after: known(cases, after, judge),
    };
    for case in cases {
        let price = case.decision.usd.unwrap_or(0.0);
        let model = &case.decision.model;
        let (was, is) = (case.serves(before.of(model)), case.serves(after.of(model)));
        let said = |place| case.opinion(place).map(|l| l.verdict);
        match (was, is) {
            (None, Some(place)) => {
                told.gained += 1;
                told.usd += price;
                told.gained_right += usize::from(said(place) == Some(Opinion::Right));
                told.gained_wrong += usize::from(said(place) == Some(Opinion::Wrong));
            }
            (Some(place), None) => {
                told.lost += 1;
                told.usd -= price;
                told.lost_right += usize::from(said(place) == Some(Opinion::Right));
                told.lost_wrong += usize::from(said(place) == Some(Opinion::Wrong));
            }
            _ => {}
        }
    }
    told.usd = usd(told.usd);
    told
}

/// What is known of the share of wrong hits under a policy, from labels that chance chose.
#[must_use]
pub fn known(cases: &[Case], rules: &Rules, judge: &JudgeErrors) -> Estimate {
    let kinds = [DecisionOutcome::Hit, DecisionOutcome::NearMiss];
    let strata = kinds.map(|kind| {
        let of_kind = cases.iter().filter(|c| c.decision.outcome == kind);
        let serving = of_kind.filter_map(|c| Some((c, c.serves(rules.of(&c.decision.model))?)));
        serving.fold(Stratum::default(), |mut sum, (case, place)| {
            let label = case.opinion(place).filter(|l| l.sampled);
            sum.hits += 1;
            sum.labelled += usize::from(label.is_some());
            sum.wrong += usize::from(label.is_some_and(|l| l.verdict == Opinion::Wrong));
            sum.judged += usize::from(label.is_some_and(|l| l.source == Source::Judge));
            sum
        })
    });
    estimate(&strata, judge)
}

/// Hit rate against wrong hits at every hundredth of the number that a rule decides by.
#[must_use]
pub fn curve(cases: &[Case], rule: &Rule, judge: &JudgeErrors) -> Vec<Point> {
    let (from, to) = if rule.probability.is_some() {
        (50, 100)
    } else {
        (70, 100)
    };
    (from..=to)
        .map(|hundredths: u8| {
            let at = f32::from(hundredths) / 100.0;
            let moved = match rule.probability {
                Some(_) => Rule {
                    probability: Some(at),
                    ..*rule
                },
                None => Rule {
                    cosine: at,
                    ..*rule
                },
            };
            let estimate = known(cases, &Rules::one(moved), judge);
            Point {
                at,
                hit_rate: share(estimate.hits, cases.len()),
                estimate,
            }
        })
        .collect()
}

/// Those nearest to what a rule decides by that nobody has spoken of yet: they tell most about it.
#[must_use]
pub fn nearest_boundary<'a>(cases: &'a [Case], rules: &Rules, limit: usize) -> Vec<&'a Case> {
    let distance = |case: &Case| {
        let rule = rules.of(&case.decision.model);
        (case.score(rule) - rule.probability.unwrap_or(rule.cosine)).abs()
    };
    let mut open: Vec<_> = cases.iter().filter(|c| c.label.is_none()).collect();
    open.sort_by(|a, b| {
        let order = distance(a).partial_cmp(&distance(b));
        order.unwrap_or(Ordering::Equal)
    });
    open.truncate(limit);
    open
}

#[allow(clippy::cast_precision_loss, reason = "counts of decisions")]
fn share(part: usize, whole: usize) -> f64 {
    match whole {
        0 => 0.0,
        whole => part as f64 / whole as f64,
    }
}
