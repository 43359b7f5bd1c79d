//! Keeps the operating point of each budget at what its labels support. A namespace with a policy of its own
//! goes by its own labels; all others share the default policy, and so their labels.

use std::collections::HashMap;

use parking_lot::Mutex;

use super::Gateway;
use crate::cache::policy::{ByModel, Point, Policy, PolicyKind};
use crate::chat::number::shortest;
use crate::evidence::budget::{Ladder, Observation, Standing};
use crate::evidence::label::Label;

/// The ladders, by what goes by them.
#[derive(Default)]
pub(super) struct Budgets {
    ladders: Mutex<HashMap<Whose, Kept>>,
}

/// The namespace whose policy it is, none for the default; and the pattern of the models that it decides by a rule
/// of their own, none for all others.
type Whose = (Option<String>, Option<String>);

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

    /// Reckons the budgets of a namespace's own policy, or of the default, from what is remembered. Blocks.
    pub fn reckon(&self, own: Option<&str>) {
        let mut ladders = self.budgets.ladders.lock();
        ladders.retain(|(namespace, _), _| namespace.as_deref() != own);
        let policies = self.policies.by_model(own.unwrap_or_default());
        let version = policies.whole().version;
        for pattern in std::iter::once(None).chain(policies.own_rules().map(Some)) {
            let policy = policies.ruling(pattern);
            let Some(policy) = policy.filter(|p| p.kind == PolicyKind::Budget) else {
                continue;
            };
            let ladder = self.ladder(own, &policies, (pattern, policy));
            self.settle((own, pattern), version, &ladder);
            let whose = (own.map(str::to_owned), pattern.map(str::to_owned));
            ladders.insert(whose, Kept { version, ladder });
        }
    }

    /// Hears what was said of a decision. `again`: it replaces what was said before. Blocks.
    pub(super) fn reckon_with(&self, label: &Label, again: bool) {
        let policies = self.policies.by_model(&label.namespace);
        let policy = policies.of(&label.model);
        if policy.kind != PolicyKind::Budget {
            return;
        }
        let own = Some(label.namespace.as_str()).filter(|n| self.policies.has_own(n));
        let pattern = policies.deciding(&label.model);
        let mut ladders = self.budgets.ladders.lock();
        let kept = ladders.get_mut(&(own.map(str::to_owned), pattern.map(str::to_owned)));
        let Some(kept) = kept.filter(|k| k.version == policy.version && !again) else {
            drop(ladders);
            return self.reckon(own);
        };
        let judge = self.evidence.judge_errors(|n| self.pooled(own, n));
        if let Some(told) = Observation::of(label, &self.cache.ruled(policy.rule(None)), &judge) {
            kept.ladder.hear(&told);
            self.settle((own, pattern), kept.version, &kept.ladder);
        }
    }

    /// Where the policy of a namespace would stand by what is remembered, in its part for the models of a pattern
    /// or for all others; none where that does not go by a budget. Blocks.
    #[must_use]
    pub fn budget_standing(&self, policies: &ByModel, pattern: Option<&str>) -> Option<Standing> {
        let policy = policies.ruling(pattern);
        let policy = policy.filter(|p| p.kind == PolicyKind::Budget)?;
        let namespace = policy.namespace.as_str();
        let own = policy.version > 0 || self.policies.has_own(namespace);
        let own = Some(namespace).filter(|_| own);
        Some(self.ladder(own, policies, (pattern, policy)).standing())
    }

    /// A policy with its budgets at what is remembered. Blocks.
    #[must_use]
    pub fn at_its_points(&self, policy: &Policy) -> ByModel {
        let policies = ByModel::new(policy.clone());
        let patterns = std::iter::once(None).chain(policies.own_rules().map(Some));
        let standings = patterns.filter_map(|p| Some((p, self.budget_standing(&policies, p)?)));
        let placed = standings.fold(policy.clone(), |policy, (pattern, standing)| {
            let point = Point {
                serving_from: standing.serving_from,
                learning: true,
            };
            policy.at(pattern, point)
        });
        ByModel::new(placed)
    }

    fn ladder(
        &self,
        own: Option<&str>,
        policies: &ByModel,
        (pattern, policy): (Option<&str>, &Policy),
    ) -> Ladder {
        let judge = self.evidence.judge_errors(|n| self.pooled(own, n));
        let counts = |l: &Label| {
            l.sampled && self.pooled(own, &l.namespace) && policies.deciding(&l.model) == pattern
        };
        let mut labels = self.evidence.labels(usize::MAX, counts);
        // Newest first is how they are listed, and of one request the most trusted counts.
        labels.reverse();
        let counted = labels.iter().filter(|l| self.evidence.counts(l));
        let rule = self.cache.ruled(policy.rule(None));
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

    fn settle(&self, (own, pattern): (Option<&str>, Option<&str>), version: u64, ladder: &Ladder) {
        let point = Point {
            serving_from: ladder.serving_from(),
            learning: ladder.is_learning(),
        };
        let policies = self.policies.by_model(own.unwrap_or_default());
        let Some(before) = policies.ruling(pattern).map(|p| p.point) else {
            return;
        };
        if before == point {
            return;
        }
        self.policies
            .set_point(own.map(|n| (n, version)), pattern, point);
        if before.serving_from != point.serving_from {
            let (namespace, models) = (own.unwrap_or("*"), pattern.unwrap_or("*"));
            let from = point.serving_from;
            tracing::info!(namespace, models, before = ?before.serving_from, now = ?from, "a budget serves from another probability");
            if before.serving_from.is_some()
                && from.is_none_or(|now| Some(now) > before.serving_from)
            {
                self.metrics.budgets_tightened.increment(1);
            }
        }
    }
}
