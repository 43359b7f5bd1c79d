//! The newest decisions by meaning: what was asked, what was nearest, and why it
//! was served or not. Bounded, in memory; the analyst's first evidence.

use std::collections::VecDeque;

use parking_lot::Mutex;
use serde::Serialize;

/// What became of a near candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DecisionOutcome {
    /// It was served.
    Hit,
    /// It was the best there was, and was not served.
    NearMiss,
}

/// One decision.
#[derive(Debug, Clone, Serialize)]
pub struct Decision {
    /// Unix milliseconds.
    pub time_ms: u64,
    /// The request.
    pub request_id: String,
    /// Label of its namespace.
    pub namespace: String,
    /// What was decided.
    pub outcome: DecisionOutcome,
    /// The question, where the policy keeps text.
    pub question: Option<String>,
    /// The remembered question, where the policy keeps text.
    pub candidate: Option<String>,
    /// The entry that was nearest.
    pub entry: String,
    /// Exact cosine to it.
    pub similarity: f32,
    /// How likely it serves by the measure that decided; 0 after a veto.
    pub score: f32,
    /// Least cosine in force.
    pub threshold: f32,
    /// Least probability in force, where the policy decides by that.
    pub probability: Option<f32>,
    /// Version of the policy in force.
    pub policy_version: u64,
    /// Why.
    pub reason: &'static str,
}

/// The newest decisions, oldest first.
pub struct Decisions {
    newest: Mutex<VecDeque<Decision>>,
    capacity: usize,
}

impl Decisions {
    /// Keeps up to `capacity` decisions.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self {
            newest: Mutex::default(),
            capacity,
        }
    }

    /// Adds one and forgets the oldest when full.
    pub fn add(&self, decision: Decision) {
        if self.capacity == 0 {
            return;
        }
        let mut newest = self.newest.lock();
        if newest.len() >= self.capacity {
            newest.pop_front();
        }
        newest.push_back(decision);
    }

    /// Drops the texts of a namespace whose policy keeps none any more.
    pub fn forget_texts(&self, namespace: &str) {
        let mut newest = self.newest.lock();
        for decision in newest.iter_mut().filter(|d| d.namespace == namespace) {
            decision.question = None;
            decision.candidate = None;
        }
    }

    /// Up to `limit` that pass `keep`, newest first.
    #[must_use]
    pub fn list(&self, limit: usize, keep: impl Fn(&Decision) -> bool) -> Vec<Decision> {
        let newest = self.newest.lock();
        let kept = newest.iter().rev().filter(|d| keep(d));
        kept.take(limit).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decision(time_ms: u64, namespace: &str) -> Decision {
        Decision {
            time_ms,
            request_id: String::new(),
            namespace: namespace.into(),
            outcome: DecisionOutcome::Hit,
            question: None,
            candidate: None,
            entry: String::new(),
            similarity: 1.0,
            score: 1.0,
            threshold: 0.9,
            probability: None,
            policy_version: 0,
            reason: "similar",
        }
    }

    #[test]
    fn the_newest_come_first_and_the_oldest_are_forgotten() {
        let log = Decisions::new(3);
        for time in 0..5 {
            log.add(decision(time, if time == 3 { "b" } else { "a" }));
        }
        let times = |namespace: &str| -> Vec<u64> {
            let kept = log.list(10, |d| d.namespace == namespace);
            kept.iter().map(|d| d.time_ms).collect()
        };
        assert_eq!(times("a"), [4, 2]);
        assert_eq!(log.list(1, |_| true)[0].time_ms, 4);
    }

    #[test]
    fn texts_of_one_namespace_can_be_forgotten() {
        let log = Decisions::new(3);
        for namespace in ["a", "b"] {
            log.add(Decision {
                question: Some("who?".into()),
                candidate: Some("what?".into()),
                ..decision(1, namespace)
            });
        }
        log.forget_texts("a");
        let [b, a] = &log.list(9, |_| true)[..] else {
            panic!("both are still there")
        };
        assert_eq!((&a.question, &a.candidate), (&None, &None));
        assert!(b.question.is_some() && b.candidate.is_some());
    }
}
