//! What would have decided otherwise: the smallest changes of the policy in force under which a request
//! would have been answered from memory, or not. Pure.

use serde::Serialize;
use serde_json::{Value, json};

use super::candidate::Candidate;
use super::decision::{Decision, DecisionOutcome};
use crate::cache::policy::PROBABILITY_MIN;
use crate::cache::verdict::facts::Call;
use crate::cache::verdict::guards::GUARDS;
use crate::cache::verdict::{Rule, Verify, WhenUnsure};

/// A change and what it would have done.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Otherwise {
    /// What differs from the policy that decided.
    #[serde(rename = "if")]
    pub change: Value,
    /// What would have been decided.
    pub then: DecisionOutcome,
    /// The entry that would have been served.
    pub entry: Option<String>,
}

/// What would have decided otherwise.
#[must_use]
pub fn otherwise(decision: &Decision) -> Vec<Otherwise> {
    let rule = decision.rule();
    match decision.outcome {
        DecisionOutcome::Hit => {
            let served = decision.candidates.first();
            served.map(|c| refused(c, &rule)).into_iter().collect()
        }
        DecisionOutcome::NearMiss => {
            let candidates = decision.candidates.iter();
            candidates.filter_map(|c| served(c, &rule)).collect()
        }
        _ => Vec::new(),
    }
}

/// What would have refused a candidate that was served.
fn refused(candidate: &Candidate, rule: &Rule) -> Otherwise {
    let change = match rule.probability {
        Some(_) => json!({"probability": above(reach(candidate, rule))}),
        None => json!({"threshold": above(candidate.score)}),
    };
    Otherwise {
        change,
        then: DecisionOutcome::NearMiss,
        entry: None,
    }
}

/// The greatest probability that a policy may ask for and still serve: twice as far from certainty as its own where it had to
/// be surer.
fn reach(candidate: &Candidate, rule: &Rule) -> f32 {
    let just_above = Rule {
        probability: Some((2.0 * candidate.score - 1.0).max(0.0) + 1e-4),
        ..*rule
    };
    match just_above.call(&candidate.facts()).0 {
        Call::Serve => candidate.score,
        _ => 2.0 * candidate.score - 1.0,
    }
}

/// What would have served a candidate, if its words allow it at all.
fn served(candidate: &Candidate, rule: &Rule) -> Option<Otherwise> {
    let facts = candidate.facts();
    let mut bold = *rule;
    let mut change = json!({});
    // At most one of each: guards, texts that cannot be read, a verifier that said nothing, one number.
    for _ in 0..5 {
        let (call, score) = bold.call(&facts);
        match call {
            Call::Serve => {
                return Some(Otherwise {
                    change,
                    then: DecisionOutcome::Hit,
                    entry: Some(crate::cache::entry::label(candidate.entry)),
                });
            }
            Call::Vetoed(_) => {
                let off = bold.guards.all_of(facts.different);
                change["guards"] = off.iter().map(|i| (GUARDS[*i].name, false)).collect();
                bold.guards = bold.guards.without(facts.different);
            }
            Call::Unsure if bold.when_unsure != WhenUnsure::Serve => {
                change["when_unsure"] = json!(WhenUnsure::Serve);
                bold.when_unsure = WhenUnsure::Serve;
            }
            Call::Unverified => {
                change["verifier"] = json!(Verify::Never);
                bold.verify = Verify::Never;
            }
            Call::BelowProbability if score >= PROBABILITY_MIN => {
                change["probability"] = json!(below(score));
                bold.probability = Some(score);
            }
            // The verifier's own refusal, where without it there would have been none.
            Call::BelowProbability if bold.open(&facts) => {
                change["verifier"] = json!(Verify::Never);
                bold.verify = Verify::Never;
            }
            Call::BelowThreshold => {
                let similarity = facts.history.widen(facts.similarity).max(0.0);
                change["threshold"] = json!(below(similarity));
                bold.cosine = similarity;
            }
            _ => return None,
        }
    }
    None
}

/// Four decimals, not above the number.
fn below(number: f32) -> f64 {
    (f64::from(number) * 1e4).floor() / 1e4
}

/// Four decimals, above the number.
fn above(number: f32) -> f64 {
    ((f64::from(number) * 1e4).floor() + 1.0) / 1e4
}
