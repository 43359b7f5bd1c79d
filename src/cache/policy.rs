//! What the analysts decide per namespace: when a stored answer serves and how long
//! it is remembered. Read without a lock, changed as a whole.

mod draft;
mod in_force;
mod lasting;
mod models;
mod narrowest;
mod past;
mod trial;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::freshness::times::TtlClasses;
use super::spans::Spans;
use super::verdict::{Grey, GuardSet, Rule, Verify, WhenUnsure};
use crate::chat::number::short;

pub use draft::{PolicyDraft, PolicyError};
pub use in_force::Policies;
pub use models::{ByModel, ModelPolicy, Rules};
pub(super) use narrowest::Narrowest;
pub use past::PastTimes;
pub use trial::{Stage, Trial};

/// How a namespace decides.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Policy {
    /// The namespace it holds for.
    pub namespace: String,
    /// The pattern of models for which it holds otherwise than for the rest; none in the policy itself.
    #[serde(skip)]
    pub of_models: Option<String>,
    /// Counts its changes; 0 is the configured default, never stored.
    pub version: u64,
    /// How it decides.
    pub kind: PolicyKind,
    /// Least cosine similarity of a hit, where the kind is `threshold`.
    #[serde(serialize_with = "short")]
    pub threshold: f32,
    /// Least probability that the stored answer serves, where the kind is `probability`.
    #[serde(default = "default_probability", serialize_with = "short")]
    pub probability: f32,
    /// Share of the hits by meaning that may be wrong, where the kind is `budget`.
    #[serde(default = "default_budget", serialize_with = "short")]
    pub budget: f32,
    /// Where the labels let a budget serve from; reckoned, never stored.
    #[serde(skip)]
    pub point: Point,
    /// Guards switched on or off by name, where that differs from the default; `*` means all others.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub guards: BTreeMap<String, bool>,
    /// What becomes of a hit where the guards cannot read the texts.
    #[serde(default)]
    pub when_unsure: WhenUnsure,
    /// When the verifier is asked, where a probability decides.
    #[serde(default)]
    pub verifier: Verify,
    /// Where that is, if it is asked of what is open.
    #[serde(default)]
    pub grey: Grey,
    /// Whether questions that speak of the asker (my, our …) are answered alike for everybody.
    #[serde(default)]
    pub public: bool,
    /// Seconds that an answer is remembered; hits do not extend it. A shorter time holds for what
    /// is remembered already, a longer one only for what comes.
    pub ttl_s: u64,
    /// Seconds of the classes of questions whose answers last otherwise.
    #[serde(default)]
    pub ttl_classes: TtlClasses,
    /// Seconds after its end for which an answer is served at once while one call renews it; 0: not.
    #[serde(default)]
    pub stale_while_revalidate_s: u64,
    /// Seconds after its end for which it is served where no provider answers; 0: not.
    #[serde(default)]
    pub stale_if_error_s: u64,
    /// Most entries that are remembered in the namespace, without those of models that have room of their own; 0: as
    /// many as the store has room for.
    #[serde(default)]
    pub capacity_entries: u64,
    /// Highest temperature whose answers may stand for another wording.
    pub temperature_max: f64,
    /// What is left out of system prompts before they are compared, by patterns.
    #[serde(default, skip_serializing_if = "Spans::is_empty")]
    pub system_ignore: Spans,
    /// Whether the text of questions is kept: in the decision log and with what is remembered.
    pub keep_text: bool,
    /// What holds otherwise for some models, by name or pattern; the narrowest that fits holds.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub models: BTreeMap<String, ModelPolicy>,
    /// Times to live that were in force before, where some were for models: these revive nothing either.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub past_times: Vec<PastTimes>,
    /// Unix milliseconds: what was remembered before then an earlier, shorter `ttl_s` had let die.
    #[serde(default, skip_serializing_if = "never")]
    pub forgotten_before_ms: u64,
}

/// For policies that were stored before there were probabilities.
fn default_probability() -> f32 {
    DEFAULT_PROBABILITY
}

/// Least probability of a hit unless something else is configured.
pub const DEFAULT_PROBABILITY: f32 = 0.66;

/// For policies that were stored before there were budgets.
fn default_budget() -> f32 {
    DEFAULT_BUDGET
}

/// Share of the hits that may be wrong unless something else is configured.
pub const DEFAULT_BUDGET: f32 = 0.02;

/// Shares that a budget may have: a smaller one would take more labels than are kept.
pub const BUDGETS: std::ops::RangeInclusive<f32> = 0.001..=0.5;

/// Most that a namespace may be bounded to: what is more was meant to be 0.
const CAPACITY_MAX: u64 = 1_000_000_000;

/// Below this more often wrong than right: no policy goes there.
pub const PROBABILITY_MIN: f32 = 0.5;

fn never(date_ms: &u64) -> bool {
    *date_ms == 0
}

/// How a policy decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PolicyKind {
    /// One cosine against one number, after the guards.
    Threshold,
    /// The calibrated probability that the stored answer serves, after the guards.
    Probability,
    /// The loosest probability at which labels prove that no more than a share of the hits is wrong.
    Budget,
}

/// Where the labels let a budget serve from.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Point {
    /// Least probability; none while the labels support none.
    pub serving_from: Option<f32>,
    /// Whether more labels of hits are wanted than are taken otherwise.
    pub learning: bool,
}

impl Policy {
    /// The policy after `draft`, one version on, from `now_ms` (Unix milliseconds) on.
    ///
    /// # Errors
    /// [`PolicyError::OutOfRange`] naming the field.
    pub fn changed(&self, draft: &PolicyDraft, now_ms: u64) -> Result<Self, PolicyError> {
        let ttl_s = draft.ttl_s.unwrap_or(self.ttl_s);
        let next = Self {
            namespace: self.namespace.clone(),
            of_models: None,
            version: self.version + 1,
            kind: draft.kind.unwrap_or(self.kind),
            threshold: draft.threshold.unwrap_or(self.threshold),
            probability: draft.probability.unwrap_or(self.probability),
            budget: draft.budget.unwrap_or(self.budget),
            // What is another budget, or has other guards, is reckoned anew.
            point: Point::default(),
            guards: draft.guards.clone().unwrap_or_else(|| self.guards.clone()),
            when_unsure: draft.when_unsure.unwrap_or(self.when_unsure),
            verifier: draft.verifier.unwrap_or(self.verifier),
            grey: draft.grey.unwrap_or(self.grey),
            public: draft.public.unwrap_or(self.public),
            ttl_s,
            ttl_classes: self.ttl_classes.changed(draft.ttl_classes),
            stale_while_revalidate_s: draft
                .stale_while_revalidate_s
                .unwrap_or(self.stale_while_revalidate_s),
            stale_if_error_s: draft.stale_if_error_s.unwrap_or(self.stale_if_error_s),
            capacity_entries: draft.capacity_entries.unwrap_or(self.capacity_entries),
            temperature_max: draft.temperature_max.unwrap_or(self.temperature_max),
            system_ignore: match &draft.system_ignore {
                Some(patterns) => {
                    Spans::parse(patterns).map_err(|expected| PolicyError::OutOfRange {
                        param: "system_ignore",
                        expected,
                    })?
                }
                None => self.system_ignore.clone(),
            },
            keep_text: draft.keep_text.unwrap_or(self.keep_text),
            models: draft.models.clone().unwrap_or_else(|| self.models.clone()),
            past_times: Vec::new(),
            forgotten_before_ms: self.forgotten_when(ttl_s, now_ms),
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
        self.moves_nothing(&next)?;
        next.check_models()?;
        next.forgetting(self, now_ms).check()
    }

    /// The policy after going back to `old`, one version on, from `now_ms` (Unix milliseconds) on.
    ///
    /// # Errors
    /// [`PolicyError::OutOfRange`] if it was made under other rules.
    pub fn restored(&self, old: &Self, now_ms: u64) -> Result<Self, PolicyError> {
        let back = Self {
            namespace: self.namespace.clone(),
            version: self.version + 1,
            // What died in the meantime stays dead.
            forgotten_before_ms: self.forgotten_when(old.ttl_s, now_ms),
            point: Point::default(),
            ..old.clone()
        };
        back.check_models()?;
        back.forgetting(self, now_ms).check()
    }

    /// The same where it decides in another way.
    #[must_use]
    pub fn of_kind(&self, kind: PolicyKind) -> Self {
        Self {
            kind,
            ..self.clone()
        }
    }

    /// How two questions are judged under it. `at_least` is a cosine that the request asks for on top.
    #[must_use]
    pub fn rule(&self, at_least: Option<f32>) -> Rule {
        let asked = at_least.unwrap_or(0.0);
        let (cosine, probability) = match self.kind {
            PolicyKind::Threshold => (self.threshold, None),
            PolicyKind::Probability => (0.0, Some(self.probability)),
            // Without a point only the same question in the same words serves, which is certain.
            PolicyKind::Budget => (0.0, Some(self.point.serving_from.unwrap_or(1.0))),
        };
        Rule {
            cosine: cosine.max(asked),
            probability,
            guards: GuardSet::chosen(&self.guards),
            when_unsure: self.when_unsure,
            verify: self.verifier,
            grey: self.grey,
        }
    }

    /// Refuses to change a number that the new kind does not look at: that would do nothing, in silence.
    fn moves_nothing(&self, next: &Self) -> Result<(), PolicyError> {
        let moved = |of: fn(&Self) -> f32| of(self).to_bits() != of(next).to_bits();
        let (threshold, probability, budget) = (
            moved(|p| p.threshold),
            moved(|p| p.probability),
            moved(|p| p.budget),
        );
        let (param, expected) = match next.kind {
            kind if threshold && kind != PolicyKind::Threshold => (
                "threshold",
                "as it was, or come with `\"kind\": \"threshold\"`",
            ),
            kind if probability && kind != PolicyKind::Probability => (
                "probability",
                "as it was, or come with `\"kind\": \"probability\"`",
            ),
            kind if budget && kind != PolicyKind::Budget => {
                ("budget", "as it was, or come with `\"kind\": \"budget\"`")
            }
            _ => return Ok(()),
        };
        Err(PolicyError::OutOfRange { param, expected })
    }

    fn check(self) -> Result<Self, PolicyError> {
        let out = |param, expected| Err(PolicyError::OutOfRange { param, expected });
        if !(0.0..=1.0).contains(&self.threshold) {
            return out("threshold", "between 0 and 1");
        }
        if !(PROBABILITY_MIN..=1.0).contains(&self.probability) {
            return out("probability", "between 0.5 and 1");
        }
        if !BUDGETS.contains(&self.budget) {
            return out("budget", "between 0.001 and 0.5");
        }
        if GuardSet::unknown(&self.guards).is_some() {
            return out("guards", "an object of guards by name, with true or false");
        }
        let Grey { from, to } = self.grey;
        if !(0.0..=1.0).contains(&from) || !(from..=1.0).contains(&to) {
            return out(
                "grey",
                "an object with `from` and `to`, between 0 and 1, `to` not below `from`",
            );
        }
        if let Some((param, expected)) = self.misfit_of_times() {
            return out(param, expected);
        }
        if self.capacity_entries > CAPACITY_MAX {
            return out("capacity_entries", "at most 1000000000");
        }
        if !(0.0..=2.0).contains(&self.temperature_max) {
            return out("temperature_max", "between 0 and 2");
        }
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn policies() -> Policies {
        let default = Policy {
            namespace: String::new(),
            of_models: None,
            version: 0,
            kind: PolicyKind::Threshold,
            threshold: 0.92,
            probability: DEFAULT_PROBABILITY,
            budget: DEFAULT_BUDGET,
            point: Point::default(),
            guards: BTreeMap::new(),
            when_unsure: WhenUnsure::default(),
            verifier: Verify::default(),
            grey: Grey::default(),
            public: false,
            ttl_s: 86_400,
            ttl_classes: TtlClasses::default(),
            stale_while_revalidate_s: 0,
            stale_if_error_s: 0,
            capacity_entries: 0,
            temperature_max: 1.0,
            system_ignore: Spans::default(),
            keep_text: true,
            models: BTreeMap::new(),
            past_times: Vec::new(),
            forgotten_before_ms: 0,
        };
        Policies::new(default, [])
    }

    fn stored(_: &Policy, _: &Policy) -> Result<(), PolicyError> {
        Ok(())
    }

    fn draft(json: &str) -> PolicyDraft {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn a_change_is_in_force_at_once_and_counted() {
        let policies = policies();
        let change = draft(r#"{"threshold":0.95}"#);
        policies.change("a", 0, &change, stored).unwrap();
        let now = policies.of("a");
        assert_eq!((now.version, now.threshold, now.ttl_s), (1, 0.95, 86_400));
        assert_eq!(policies.of("b").threshold, 0.92);
    }

    #[test]
    fn a_stale_change_and_one_that_is_not_stored_change_nothing() {
        let policies = policies();
        let change = draft(r#"{"threshold":0.95}"#);
        let stale = policies.change("a", 7, &change, stored);
        assert_eq!(stale, Err(PolicyError::Stale { current: 0 }));
        let full = PolicyError::OutOfRange {
            param: "disk",
            expected: "room",
        };
        let lost = policies.change("a", 0, &change, |before, after| {
            assert_eq!((before.version, after.version), (0, 1));
            Err(full.clone())
        });
        assert_eq!(lost, Err(full));
        assert_eq!(policies.of("a").version, 0);
    }

    #[test]
    fn a_longer_ttl_revives_nothing_that_a_shorter_one_let_die() {
        let of = |policy: &Policy, json, now_ms| policy.changed(&draft(json), now_ms).unwrap();
        let day = policies().of("a");
        let hour = of(&day, r#"{"ttl_s":3600}"#, 100_000_000);
        assert_eq!(hour.forgotten_before_ms, 0, "only shortened");
        let again = of(&hour, r#"{"ttl_s":86400}"#, 100_000_000);
        assert_eq!(again.forgotten_before_ms, 100_000_001 - 3_600_000);
        let longer = of(&again, r#"{"ttl_s":90000}"#, 100_000_000);
        assert_eq!(longer.forgotten_before_ms, again.forgotten_before_ms);
        let other = of(&longer, r#"{"threshold":0.5}"#, 900_000_000);
        assert_eq!(other.forgotten_before_ms, again.forgotten_before_ms);
    }

    #[test]
    fn a_policy_stored_by_an_earlier_build_is_read() {
        let stored = r#"{"namespace":"a","version":3,"kind":"threshold","threshold":0.9,
            "ttl_s":60,"temperature_max":1.0,"keep_text":true}"#;
        let policy: Policy = serde_json::from_str(stored).unwrap();
        assert_eq!((policy.version, policy.forgotten_before_ms), (3, 0));
        assert_eq!(policy.ttl_classes, TtlClasses::default());
        assert_eq!(policy.stale().longest_ms(), 0);
        assert!(
            !serde_json::to_string(&policy)
                .unwrap()
                .contains("forgotten")
        );
    }

    #[test]
    fn a_number_that_the_kind_does_not_look_at_is_not_changed_in_silence() {
        let refused = |json: &str| policies().change("a", 0, &draft(json), stored);
        assert!(matches!(
            refused(r#"{"probability":0.8}"#),
            Err(PolicyError::OutOfRange {
                param: "probability",
                ..
            })
        ));
        assert!(matches!(
            refused(r#"{"kind":"probability","threshold":0.8}"#),
            Err(PolicyError::OutOfRange {
                param: "threshold",
                ..
            })
        ));
        let both = refused(r#"{"kind":"probability","probability":0.8}"#).unwrap();
        assert_eq!(both.rule(None).probability, Some(0.8));
        // A policy as it was shown can be sent back whole.
        let whole = serde_json::to_string(&*policies().of("a")).unwrap();
        refused(&whole).unwrap();
    }

    #[test]
    fn values_out_of_range_are_refused_by_name() {
        for (json, name) in [
            (r#"{"threshold":1.1}"#, "threshold"),
            (r#"{"ttl_s":0}"#, "ttl_s"),
            (r#"{"temperature_max":3}"#, "temperature_max"),
            (r#"{"stale_if_error_s":315360001}"#, "stale_if_error_s"),
            (r#"{"capacity_entries":1000000001}"#, "capacity_entries"),
            (r#"{"ttl_classes":{"time_sensitive":0}}"#, "ttl_classes"),
            (r#"{"namespace":"b"}"#, "namespace"),
        ] {
            let refused = policies().change("a", 0, &draft(json), stored);
            assert!(matches!(refused, Err(PolicyError::OutOfRange { param, .. }) if param == name));
        }
        assert!(serde_json::from_str::<PolicyDraft>(r#"{"treshold":1}"#).is_err());
    }
}
