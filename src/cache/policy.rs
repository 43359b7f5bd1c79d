//! What the analysts decide per namespace: how alike two questions must be and
//! how long an answer is remembered. Read without a lock, changed as a whole.

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

/// How a namespace decides.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Policy {
    /// The namespace it holds for.
    pub namespace: String,
    /// Counts its changes; 0 is the configured default, never stored.
    pub version: u64,
    /// How it decides.
    pub kind: PolicyKind,
    /// Least cosine similarity of a hit.
    pub threshold: f32,
    /// Seconds that an answer is remembered; hits do not extend it.
    pub ttl_s: u64,
    /// Highest temperature whose answers may stand for another wording.
    pub temperature_max: f64,
    /// Whether the decision log keeps the question's text.
    pub keep_text: bool,
}

/// How a policy decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PolicyKind {
    /// One cosine against one number.
    Threshold,
}

/// A change to a policy as an analyst sends it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyDraft {
    /// Must name the namespace of the address, if it is there.
    #[serde(default)]
    pub namespace: Option<String>,
    /// Ignored: `If-Match` says which version is changed.
    #[serde(default)]
    pub version: Option<u64>,
    /// How to decide; as before if absent.
    #[serde(default)]
    pub kind: Option<PolicyKind>,
    /// As before if absent.
    #[serde(default)]
    pub threshold: Option<f32>,
    /// As before if absent.
    #[serde(default)]
    pub ttl_s: Option<u64>,
    /// As before if absent.
    #[serde(default)]
    pub temperature_max: Option<f64>,
    /// As before if absent.
    #[serde(default)]
    pub keep_text: Option<bool>,
}

/// Why a change is refused.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum PolicyError {
    /// A value is out of its range.
    #[error("`{param}` must be {expected}")]
    OutOfRange {
        /// The field.
        param: &'static str,
        /// Its range.
        expected: &'static str,
    },
    /// Somebody changed it in between.
    #[error("the policy is at version {current} by now")]
    Stale {
        /// The version in force.
        current: u64,
    },
    /// It could not be written down, so it was not changed.
    #[error("the change could not be stored")]
    NotStored,
}

/// Longest time to live: ten years, so that an expiry never overflows.
const TTL_MAX_S: u64 = 10 * 365 * 86_400;

impl Policy {
    /// The policy after `draft`, one version on.
    ///
    /// # Errors
    /// [`PolicyError::OutOfRange`] naming the field.
    pub fn changed(&self, draft: &PolicyDraft) -> Result<Self, PolicyError> {
        let next = Self {
            namespace: self.namespace.clone(),
            version: self.version + 1,
            kind: draft.kind.unwrap_or(self.kind),
            threshold: draft.threshold.unwrap_or(self.threshold),
            ttl_s: draft.ttl_s.unwrap_or(self.ttl_s),
            temperature_max: draft.temperature_max.unwrap_or(self.temperature_max),
            keep_text: draft.keep_text.unwrap_or(self.keep_text),
        };
        if draft
            .namespace
            .as_ref()
            .is_some_and(|n| *n != self.namespace)
        {
            return Err(PolicyError::OutOfRange {
                param: "namespace",
                expected: "the one in the address",
            });
        }
        next.check()
    }

    fn check(self) -> Result<Self, PolicyError> {
        let out = |param, expected| Err(PolicyError::OutOfRange { param, expected });
        if !(0.0..=1.0).contains(&self.threshold) {
            return out("threshold", "between 0 and 1");
        }
        if !(1..=TTL_MAX_S).contains(&self.ttl_s) {
            return out("ttl_s", "between 1 and 315360000");
        }
        if !(0.0..=2.0).contains(&self.temperature_max) {
            return out("temperature_max", "between 0 and 2");
        }
        Ok(self)
    }
}

/// All policies in force.
pub struct Policies {
    default: Policy,
    by_namespace: ArcSwap<HashMap<String, Arc<Policy>>>,
    changing: Mutex<()>,
}

impl Policies {
    /// Starts from the configured default and what was stored.
    #[must_use]
    pub fn new(default: Policy, stored: impl IntoIterator<Item = Policy>) -> Self {
        let by_namespace = stored
            .into_iter()
            .map(|p| (p.namespace.clone(), Arc::new(p)))
            .collect();
        Self {
            default,
            by_namespace: ArcSwap::from_pointee(by_namespace),
            changing: Mutex::new(()),
        }
    }

    /// The policy in force for a namespace.
    #[must_use]
    pub fn of(&self, namespace: &str) -> Arc<Policy> {
        if let Some(policy) = self.by_namespace.load().get(namespace) {
            return policy.clone();
        }
        Arc::new(Policy {
            namespace: namespace.to_owned(),
            ..self.default.clone()
        })
    }

    /// Changes one, if it still is at version `expected`. `store` writes it down; what it
    /// could not write does not come into force. Gives the policy before and after.
    ///
    /// # Errors
    /// [`PolicyError`]; nothing changed then.
    pub fn change(
        &self,
        namespace: &str,
        expected: u64,
        draft: &PolicyDraft,
        store: impl FnOnce(&Policy) -> bool,
    ) -> Result<(Arc<Policy>, Arc<Policy>), PolicyError> {
        let _one_at_a_time = self.changing.lock();
        let before = self.of(namespace);
        if before.version != expected {
            return Err(PolicyError::Stale {
                current: before.version,
            });
        }
        let after = Arc::new(before.changed(draft)?);
        if !store(&after) {
            return Err(PolicyError::NotStored);
        }
        let mut all = HashMap::clone(&self.by_namespace.load());
        all.insert(namespace.to_owned(), after.clone());
        self.by_namespace.store(Arc::new(all));
        Ok((before, after))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policies() -> Policies {
        let default = Policy {
            namespace: String::new(),
            version: 0,
            kind: PolicyKind::Threshold,
            threshold: 0.92,
            ttl_s: 86_400,
            temperature_max: 1.0,
            keep_text: true,
        };
        Policies::new(default, [])
    }

    fn draft(json: &str) -> PolicyDraft {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn a_change_is_in_force_at_once_and_counted() {
        let policies = policies();
        let change = draft(r#"{"threshold":0.95}"#);
        policies.change("a", 0, &change, |_| true).unwrap();
        let now = policies.of("a");
        assert_eq!((now.version, now.threshold, now.ttl_s), (1, 0.95, 86_400));
        assert_eq!(policies.of("b").threshold, 0.92);
    }

    #[test]
    fn a_stale_change_and_one_that_is_not_stored_change_nothing() {
        let policies = policies();
        let change = draft(r#"{"threshold":0.95}"#);
        let stale = policies.change("a", 7, &change, |_| true);
        assert_eq!(stale, Err(PolicyError::Stale { current: 0 }));
        let lost = policies.change("a", 0, &change, |_| false);
        assert_eq!(lost, Err(PolicyError::NotStored));
        assert_eq!(policies.of("a").version, 0);
    }

    #[test]
    fn values_out_of_range_are_refused_by_name() {
        for (json, name) in [
            (r#"{"threshold":1.1}"#, "threshold"),
            (r#"{"ttl_s":0}"#, "ttl_s"),
            (r#"{"temperature_max":3}"#, "temperature_max"),
            (r#"{"namespace":"b"}"#, "namespace"),
        ] {
            let refused = policies().change("a", 0, &draft(json), |_| true);
            assert!(matches!(refused, Err(PolicyError::OutOfRange { param, .. }) if param == name));
        }
        assert!(serde_json::from_str::<PolicyDraft>(r#"{"treshold":1}"#).is_err());
    }
}
