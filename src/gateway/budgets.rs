//! Keeps the operating point of each budget at what its labels support. A namespace with a policy of its own
//! goes by its own labels; all others share the default policy, and so their labels.

use std::collections::HashMap;

use parking_lot::Mutex;

use super::Gateway;
use crate::cache::policy::{Point, Policy, PolicyKind};
use crate::cache::verdict::Rule;
use crate::chat::number::shortest;
use crate::evidence::budget::{Ladder, Observation, Standing};
use crate::evidence::label::Label;

/// The ladders, by the namespace whose policy it is; none for the default.
#[derive(Default)]
pub(super) struct Budgets {
    ladders: Mutex<HashMap<Option<String>, Kept>>,
}

struct Kept {
    /// Version of the policy that it belongs to.
    version: u64,
    ladder: Ladder,
}

impl Gateway {
    /// Reckons all budgets from what is remembered. Blocks.
    pub fn reckon_budgets(&self) {
        self.reckon(None);
        for policy in self.policies.own() {
            self.reckon(Some(&policy.namespace));
        }
    }

    /// Reckons the budget of a namespace's own policy, or of the default, from what is remembered. Blocks.
    pub fn reckon(&self, own: Option<&str>) {
        let mut ladders = self.budgets.ladders.lock();
        let policy = self.policies.of(own.unwrap_or_default());
        if policy.kind != PolicyKind::Budget {
            ladders.remove(&own.map(str::to_owned));
            return;
        }
        let ladder = self.ladder(own, &policy);
        self.settle(own, policy.version, &ladder);
        let kept = Kept {
            version: policy.version,
            ladder,
        };
        ladders.insert(own.map(str::to_owned), kept);
    }

    /// Hears what was said of a decision. `again`: it replaces what was said before. Blocks.
    pub(super) fn reckon_with(&self, label: &Label, again: bool) {
        let policy = self.policies.of(&label.namespace);
        if policy.kind != PolicyKind::Budget {
            return;
        }
        let own = Some(label.namespace.as_str()).filter(|n| self.policies.has_own(n));
        let mut ladders = self.budgets.ladders.lock();
        let kept = ladders.get_mut(&own.map(str::to_owned));
        let Some(kept) = kept.filter(|k| k.version == policy.version && !again) else {
            drop(ladders);
            return self.reckon(own);
        };
        let judge = self.evidence.judge_errors(|n| self.pooled(own, n));
        if let Some(told) = Observation::of(label, &policy.rule(None), &judge) {
            kept.ladder.hear(&told);
            self.settle(own, kept.version, &kept.ladder);
        }
    }

    /// Where a policy of kind `budget` would stand by what is remembered. Blocks.
    #[must_use]
    pub fn budget_standing(&self, namespace: &str, policy: &Policy) -> Standing {
        let own = policy.version > 0 || self.policies.has_own(namespace);
        let own = Some(namespace).filter(|_| own);
        self.ladder(own, policy).standing()
    }

    fn ladder(&self, own: Option<&str>, policy: &Policy) -> Ladder {
        let judge = self.evidence.judge_errors(|n| self.pooled(own, n));
        let mut labels = self
            .evidence
            .labels(usize::MAX, |l| l.sampled && self.pooled(own, &l.namespace));
        // Newest first is how they are listed, and of one request the most trusted counts.
        labels.reverse();
        let counted = labels.iter().filter(|l| self.evidence.counts(l));
        let rule = policy.rule(None);
        let told = counted.filter_map(|l| Observation::of(l, &rule, &judge));
        Ladder::of(shortest(policy.budget), told)
    }

    /// Whether what is said in a namespace counts for a policy.
    fn pooled(&self, own: Option<&str>, namespace: &str) -> bool {
        match own {
            Some(own) => own == namespace,
            None => !self.policies.has_own(namespace),
        }
    }

    fn settle(&self, own: Option<&str>, version: u64, ladder: &Ladder) {
        let point = Point {
            serving_from: ladder.serving_from(),
            learning: ladder.is_learning(),
        };
        let before = self.policies.of(own.unwrap_or_default()).point;
        if before == point {
            return;
        }
        self.policies.set_point(own.map(|n| (n, version)), point);
        if before.serving_from != point.serving_from {
            let namespace = own.unwrap_or("*");
            let from = point.serving_from;
            tracing::info!(namespace, before = ?before.serving_from, now = ?from, "a budget serves from another probability");
            if before.serving_from.is_some()
                && from.is_none_or(|now| Some(now) > before.serving_from)
            {
                self.metrics.budgets_tightened.increment(1);
            }
        }
    }
}

/// A rule that decides by a budget's probability.
#[must_use]
pub fn rule_at(policy: &Policy, standing: &Standing) -> Rule {
    let point = Point {
        serving_from: standing.serving_from,
        learning: false,
    };
    Policy {
        point,
        ..policy.clone()
    }
    .rule(None)
}
