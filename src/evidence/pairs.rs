//! What two policies make of pairs of questions that somebody brought along. Pure.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};

use super::estimate::{Estimate, JudgeErrors, Stratum, estimate};
use crate::cache::verdict::Rule;
use crate::cache::verdict::facts::{Call, Facts};
use crate::chat::number::short;

/// A pair as it is uploaded.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct UploadedPair {
    /// The question that is remembered.
    pub a: String,
    /// The question that is asked.
    pub b: String,
    /// 1 when one answer serves both, 0 when it does not; absent where nobody has said.
    #[serde(default)]
    pub label: Option<u8>,
}

/// A pair that was looked at.
#[derive(Debug, Clone, PartialEq)]
pub struct Looked {
    /// Its line in the upload, from 1.
    pub line: usize,
    /// What was uploaded.
    pub pair: UploadedPair,
    /// What a policy decides on.
    pub facts: Facts,
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PairsComparison {
    /// Pairs that were judged.
    pub pairs: usize,
    /// Pairs that only the other policy would serve.
    pub gained: usize,
    /// Of these: rightly.
    pub gained_right: usize,
    /// Of these: wrongly.
    pub gained_wrong: usize,
    /// Pairs that only the policy in force serves.
    pub lost: usize,
    /// Of these: rightly.
    pub lost_right: usize,
    /// Of these: wrongly.
    pub lost_wrong: usize,
    /// What the labels say of what is served now.
    pub before: Estimate,
    /// And of what would be.
    pub after: Estimate,
    /// Pairs without a label that are nearest to what would decide.
    pub to_label: Vec<Open>,
}

/// A pair that nobody has spoken of.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Open {
    /// Its line in the upload, from 1.
    pub line: usize,
    /// The question remembered.
    pub a: String,
    /// The question asked.
    pub b: String,
    /// How likely it serves by the measure that would decide.
    #[serde(serialize_with = "short")]
    pub score: f32,
}

/// Pairs that are named as worth a label.
const TO_LABEL: usize = 20;

/// Compares two rules on pairs.
#[must_use]
pub fn compare(pairs: &[Looked], before: &Rule, after: &Rule) -> PairsComparison {
    let serves = |rule: &Rule, looked: &Looked| rule.call(&looked.facts).0 == Call::Serve;
    let gained = |l: &&Looked| !serves(before, l) && serves(after, l);
    let lost = |l: &&Looked| serves(before, l) && !serves(after, l);
    let count = |of: &dyn Fn(&&Looked) -> bool, label: Option<u8>| {
        let found = pairs.iter().filter(of);
        found
            .filter(|l| label.is_none() || l.pair.label == label)
            .count()
    };
    let known = |rule: &Rule| {
        let served = pairs.iter().filter(|l| serves(rule, l));
        let stratum = served.fold(Stratum::default(), |mut sum, looked| {
            sum.hits += 1;
            sum.labelled += usize::from(looked.pair.label.is_some());
            sum.wrong += usize::from(looked.pair.label == Some(0));
            sum
        });
        estimate(&[stratum], &JudgeErrors::default())
    };
    PairsComparison {
        pairs: pairs.len(),
        gained: count(&gained, None),
        gained_right: count(&gained, Some(1)),
        gained_wrong: count(&gained, Some(0)),
        lost: count(&lost, None),
        lost_right: count(&lost, Some(1)),
        lost_wrong: count(&lost, Some(0)),
        before: known(before),
        after: known(after),
        to_label: open(pairs, after),
    }
}

fn open(pairs: &[Looked], rule: &Rule) -> Vec<Open> {
    let least = rule.probability.unwrap_or(rule.cosine);
    let unlabelled = pairs.iter().filter(|l| l.pair.label.is_none());
    let mut open: Vec<Open> = unlabelled
        .map(|l| Open {
            line: l.line,
            a: l.pair.a.clone(),
            b: l.pair.b.clone(),
            score: rule.call(&l.facts).1,
        })
        .collect();
    let distance = |open: &Open| (open.score - least).abs();
    open.sort_by(|a, b| {
        let order = distance(a).partial_cmp(&distance(b));
        order.unwrap_or(Ordering::Equal)
    });
    open.truncate(TO_LABEL);
    open
}
