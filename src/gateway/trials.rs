//! Changes on their way: which policy decides a request, what the other one would have, and whether the change
//! goes wrong.

use std::sync::{Arc, OnceLock};

use super::Gateway;
use super::ask::Plan;
use crate::cache::Cache;
use crate::cache::policy::{Policy, Stage, Trial};
use crate::cache::semantic::Nearest;
use crate::cache::verdict::Rule;
use crate::cache::verdict::facts::Call;
use crate::chat::RequestId;
use crate::evidence::decision::OnTrial;
use crate::evidence::watch::{Seen, seen};

type Hook = dyn Fn(&str, &Trial, &Seen) + Send + Sync;

/// Who is told of a change that goes wrong.
#[derive(Default)]
pub(super) struct Watch {
    hook: OnceLock<Box<Hook>>,
}

/// What decides a request.
pub(super) struct Decider {
    /// The policy, for its model.
    pub(super) policy: Arc<Policy>,
    /// What earlier times of that model had let die, in Unix milliseconds.
    pub(super) forgotten_ms: u64,
    /// The change that is under way in its namespace, whether it decides or not.
    pub(super) trial: Option<Arc<Trial>>,
}

impl Decider {
    /// The rule of the change under way, for a model.
    pub(super) fn beside(&self, cache: &Cache, model: &str, at_least: Option<f32>) -> Option<Rule> {
        let trial = self.trial.as_ref()?;
        Some(cache.ruled(trial.policy.of(model).rule(at_least)))
    }
}

impl Gateway {
    /// What decides a request for a model.
    pub(super) fn policy_for(&self, namespace: &str, model: &str, id: RequestId) -> Decider {
        let trial = self.policies.trial(namespace);
        let taken = trial.as_ref().filter(|t| t.takes(id.second_draw()));
        let (policy, forgotten_ms) = match taken {
            Some(taken) => (
                taken.policy.of(model).clone(),
                taken.policy.forgotten(model),
            ),
            None => self.policies.of_model(namespace, model),
        };
        Decider {
            policy,
            forgotten_ms,
            trial,
        }
    }

    /// What the change under way makes of a request by its candidates.
    pub(super) fn on_trial(plan: &Plan, nearest: &Nearest) -> Option<OnTrial> {
        let trial = plan.trial.as_ref()?;
        let rule = plan.lookup.beside?;
        let mut candidates = std::iter::once(nearest).chain(&nearest.others);
        let serves = candidates.any(|n| rule.call(&n.judgement.facts).0 == Call::Serve);
        Some(OnTrial {
            id: trial.id.clone(),
            stage: trial.stage,
            in_force: trial.takes(plan.ask.id.second_draw()) || trial.stage == Stage::Applied,
            serves,
        })
    }

    /// Has `hook` called with the namespace of a change that goes wrong more often than it may; once, for all.
    pub fn when_wrong(&self, hook: impl Fn(&str, &Trial, &Seen) + Send + Sync + 'static) {
        // A second one would never be called: there is one gateway to one door.
        drop(self.watch.hook.set(Box::new(hook)));
    }

    /// How the change under way in a namespace fares. Blocks.
    #[must_use]
    pub fn seen(&self, namespace: &str, id: &str, bound: f64) -> Seen {
        let cases = self.evidence.cases(namespace);
        let judge = self.evidence.judge_errors(|n| n == namespace);
        seen(&cases, id, bound, &judge)
    }

    /// Looks whether the change that is served in a namespace goes wrong. Blocks.
    pub fn look_after(&self, namespace: &str) {
        let trial = self.policies.trial(namespace);
        let Some(trial) = trial.filter(|t| t.stage.is_served()) else {
            return;
        };
        let seen = self.seen(namespace, &trial.id, trial.bound);
        if let (true, Some(hook)) = (seen.evidence >= 1.0, self.watch.hook.get()) {
            hook(namespace, &trial, &seen);
        }
    }
}
