//! The policies in force: read without a lock, changed one at a time and as a whole.

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use parking_lot::Mutex;

use super::{ByModel, Point, Policy, PolicyDraft, PolicyError, Trial};
use crate::chat::unix_ms;

/// All policies in force.
pub struct Policies {
    default: ArcSwap<Policy>,
    by_namespace: ArcSwap<HashMap<String, Arc<ByModel>>>,
    /// Changes under way, by namespace.
    trials: ArcSwap<HashMap<String, Arc<Trial>>>,
    changing: Mutex<()>,
}

impl Policies {
    /// Starts from the configured default and what was stored.
    #[must_use]
    pub fn new(default: Policy, stored: impl IntoIterator<Item = Policy>) -> Self {
        let by_namespace = stored
            .into_iter()
            .map(|p| (p.namespace.clone(), Arc::new(ByModel::new(p))))
            .collect();
        Self {
            default: ArcSwap::from_pointee(default),
            by_namespace: ArcSwap::from_pointee(by_namespace),
            trials: ArcSwap::default(),
            changing: Mutex::new(()),
        }
    }

    /// The configured default for a namespace, which is version 0.
    #[must_use]
    pub fn configured(&self, namespace: &str) -> Policy {
        Policy {
            namespace: namespace.to_owned(),
            ..Policy::clone(&self.default.load())
        }
    }

    /// The policy in force for a namespace, whatever it says of some models.
    #[must_use]
    pub fn of(&self, namespace: &str) -> Arc<Policy> {
        if let Some(policy) = self.by_namespace.load().get(namespace) {
            return policy.whole().clone();
        }
        Arc::new(self.configured(namespace))
    }

    /// What holds in a namespace for a model, with [`ByModel::forgotten`].
    #[must_use]
    pub fn of_model(&self, namespace: &str, model: &str) -> (Arc<Policy>, u64) {
        if let Some(policy) = self.by_namespace.load().get(namespace) {
            return (policy.of(model).clone(), policy.forgotten(model));
        }
        (Arc::new(self.configured(namespace)), 0)
    }

    /// The policy in force for a namespace, ready to be asked for many models.
    #[must_use]
    pub fn by_model(&self, namespace: &str) -> Arc<ByModel> {
        if let Some(policy) = self.by_namespace.load().get(namespace) {
            return policy.clone();
        }
        Arc::new(ByModel::new(self.configured(namespace)))
    }

    /// Whether a namespace has a policy of its own.
    #[must_use]
    pub fn has_own(&self, namespace: &str) -> bool {
        self.by_namespace.load().contains_key(namespace)
    }

    /// Namespaces with a policy of their own.
    #[must_use]
    pub fn own(&self) -> Vec<Arc<Policy>> {
        let all = self.by_namespace.load();
        all.values().map(|p| p.whole().clone()).collect()
    }

    /// The change under way in a namespace.
    #[must_use]
    pub fn trial(&self, namespace: &str) -> Option<Arc<Trial>> {
        self.trials.load().get(namespace).cloned()
    }

    /// Namespaces with a change under way.
    #[must_use]
    pub fn on_trial(&self) -> Vec<String> {
        self.trials.load().keys().cloned().collect()
    }

    /// Says which change is under way in a namespace, if any.
    pub fn set_trial(&self, namespace: &str, trial: Option<Trial>) {
        let _one_at_a_time = self.changing.lock();
        let mut all = HashMap::clone(&self.trials.load());
        match trial {
            Some(trial) => all.insert(namespace.to_owned(), Arc::new(trial)),
            None => all.remove(namespace),
        };
        self.trials.store(Arc::new(all));
    }

    /// Says where a budget serves from now: that of a namespace while it is at `version`, for the models of a
    /// `pattern` or all others, or that of all without a policy of their own.
    pub fn set_point(&self, own: Option<(&str, u64)>, pattern: Option<&str>, point: Point) {
        let _one_at_a_time = self.changing.lock();
        let Some((namespace, version)) = own else {
            let default = Policy::clone(&self.default.load());
            self.default.store(Arc::new(default.at(pattern, point)));
            return;
        };
        let mut all = HashMap::clone(&self.by_namespace.load());
        let policy = all.get(namespace).map(|p| p.whole());
        let Some(policy) = policy.filter(|p| p.version == version) else {
            return;
        };
        let policy = Policy::clone(policy).at(pattern, point);
        all.insert(namespace.to_owned(), Arc::new(ByModel::new(policy)));
        self.by_namespace.store(Arc::new(all));
    }

    /// Changes one, if it still is at version `expected`. `store` gets it as it was and as it will be, and
    /// writes that down; what it could not write does not come into force. Gives the policy after.
    ///
    /// # Errors
    /// [`PolicyError`], or what `store` said; nothing changed then.
    pub fn change<E: From<PolicyError>>(
        &self,
        namespace: &str,
        expected: u64,
        draft: &PolicyDraft,
        store: impl FnOnce(&Policy, &Policy) -> Result<(), E>,
    ) -> Result<Arc<Policy>, E> {
        draft.check_reason()?;
        let change = |before: &Policy| before.changed(draft, unix_ms());
        self.change_by(namespace, expected, change, store)
    }

    /// Changes one to what `change` makes of it, as [`Policies::change`] does.
    ///
    /// # Errors
    /// [`PolicyError`], or what `store` said; nothing changed then.
    pub fn change_by<E: From<PolicyError>>(
        &self,
        namespace: &str,
        expected: u64,
        change: impl FnOnce(&Policy) -> Result<Policy, PolicyError>,
        store: impl FnOnce(&Policy, &Policy) -> Result<(), E>,
    ) -> Result<Arc<Policy>, E> {
        let _one_at_a_time = self.changing.lock();
        let before = self.of(namespace);
        if before.version != expected {
            let current = before.version;
            return Err(PolicyError::Stale { current }.into());
        }
        let after = Arc::new(change(&before)?);
        store(&before, &after)?;
        let mut all = HashMap::clone(&self.by_namespace.load());
        let ready = ByModel::new(Policy::clone(&after));
        all.insert(namespace.to_owned(), Arc::new(ready));
        self.by_namespace.store(Arc::new(all));
        Ok(after)
    }
}
