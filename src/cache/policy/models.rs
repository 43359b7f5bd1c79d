//! Where a policy decides otherwise for the requests that ask for some models. A route is asked for by the name of
//! its model, so this is how it has a policy, too.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::narrowest::Narrowest;
use super::past::Past;
use super::{Point, Policy, PolicyError, PolicyKind};
use crate::cache::freshness::times::{self, TtlClassesDraft};
use crate::cache::verdict::{Grey, Rule, Verify, WhenUnsure};
use crate::chat::number::short_option;
use crate::config::Pattern;

/// Patterns of one policy.
const PATTERNS: usize = 32;
/// Bytes of one pattern.
const PATTERN_BYTES: usize = 200;

/// What holds otherwise for the models of one pattern; what is absent is as in the rest of the policy.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ModelPolicy {
    /// As [`Policy::kind`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<PolicyKind>,
    /// As [`Policy::threshold`].
    #[serde(
        serialize_with = "short_option",
        skip_serializing_if = "Option::is_none"
    )]
    pub threshold: Option<f32>,
    /// As [`Policy::probability`].
    #[serde(
        serialize_with = "short_option",
        skip_serializing_if = "Option::is_none"
    )]
    pub probability: Option<f32>,
    /// As [`Policy::budget`]; it goes by the labels of these models alone.
    #[serde(
        serialize_with = "short_option",
        skip_serializing_if = "Option::is_none"
    )]
    pub budget: Option<f32>,
    /// As [`Policy::guards`]; a whole set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub guards: Option<BTreeMap<String, bool>>,
    /// As [`Policy::when_unsure`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub when_unsure: Option<WhenUnsure>,
    /// As [`Policy::verifier`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verifier: Option<Verify>,
    /// As [`Policy::grey`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grey: Option<Grey>,
    /// As [`Policy::public`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub public: Option<bool>,
    /// As [`Policy::ttl_s`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ttl_s: Option<u64>,
    /// As [`Policy::ttl_classes`]; what it leaves out is as in the rest of the policy.
    #[serde(
        deserialize_with = "times::draft",
        skip_serializing_if = "Option::is_none"
    )]
    pub ttl_classes: Option<TtlClassesDraft>,
    /// As [`Policy::stale_while_revalidate_s`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stale_while_revalidate_s: Option<u64>,
    /// As [`Policy::stale_if_error_s`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stale_if_error_s: Option<u64>,
    /// As [`Policy::capacity_entries`], of these models together, which then take nothing of the room of the rest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub capacity_entries: Option<u64>,
    /// As [`Policy::temperature_max`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub temperature_max: Option<f64>,
    /// As [`Policy::point`].
    #[serde(skip)]
    pub point: Point,
}

impl ModelPolicy {
    /// Whether requests are decided by another rule, and so prove nothing for the rest of the policy.
    fn decides(&self) -> bool {
        self.kind.is_some()
            || self.threshold.is_some()
            || self.probability.is_some()
            || self.budget.is_some()
            || self.guards.is_some()
            || self.when_unsure.is_some()
            || self.verifier.is_some()
            || self.grey.is_some()
    }
}

/// A policy ready to be asked what holds for a model.
#[derive(Debug, Clone)]
pub struct ByModel {
    all: Arc<Policy>,
    parts: Narrowest<Part>,
    past: Vec<Past>,
}

/// What holds for the models of a pattern.
#[derive(Debug, Clone)]
struct Part {
    /// Whether a rule of its own decides.
    decides: bool,
    policy: Arc<Policy>,
}

impl ByModel {
    /// Makes a policy ready.
    #[must_use]
    pub fn new(policy: Policy) -> Self {
        let part = |(pattern, own): (&String, &ModelPolicy)| {
            let part = Part {
                decides: own.decides(),
                policy: Arc::new(policy.with(pattern, own)),
            };
            (pattern.clone(), part)
        };
        Self {
            parts: Narrowest::new(policy.models.iter().map(part)),
            past: policy.past_times.iter().map(Past::new).collect(),
            all: Arc::new(policy),
        }
    }

    /// The whole policy.
    #[must_use]
    pub fn whole(&self) -> &Arc<Policy> {
        &self.all
    }

    /// What holds for a model.
    #[must_use]
    pub fn of(&self, model: &str) -> &Arc<Policy> {
        let found = self.parts.of(model);
        found.map_or(&self.all, |(_, part)| &part.policy)
    }

    /// Unix milliseconds: what was remembered of a model before then earlier times had let die, under whatever
    /// patterns; on top of what its policy says.
    #[must_use]
    pub fn forgotten(&self, model: &str) -> u64 {
        let all = self.past.iter().map(|past| past.forgotten(model));
        all.max().unwrap_or(0)
    }

    /// The pattern by whose own rule a model's requests are decided; none where it is that of the rest.
    #[must_use]
    pub fn deciding(&self, model: &str) -> Option<&str> {
        let (pattern, part) = self.parts.of(model)?;
        part.decides.then_some(pattern)
    }

    /// What holds under one of the patterns that decide by a rule of their own, or for the rest.
    #[must_use]
    pub fn ruling(&self, pattern: Option<&str>) -> Option<&Arc<Policy>> {
        let Some(pattern) = pattern else {
            return Some(&self.all);
        };
        let part = self.parts.named(pattern).filter(|part| part.decides);
        part.map(|part| &part.policy)
    }

    /// The patterns that decide by a rule of their own.
    pub fn own_rules(&self) -> impl Iterator<Item = &str> {
        let patterns = self.all.models.keys().map(String::as_str);
        patterns.filter(|pattern| self.ruling(Some(pattern)).is_some())
    }

    /// What holds for the models of a pattern, as far as that is one answer.
    #[must_use]
    pub fn of_pattern(&self, pattern: &str) -> &Arc<Policy> {
        let named = self.parts.named(pattern);
        named.map_or_else(|| self.of(pattern), |part| &part.policy)
    }

    /// How two questions are judged under it.
    #[must_use]
    pub fn rules(&self) -> Rules {
        Rules {
            all: self.all.rule(None),
            models: self.parts.map(|part| part.policy.rule(None)),
        }
    }
}

/// How two questions are judged, by the model that is asked for.
#[derive(Debug, Clone)]
pub struct Rules {
    all: Rule,
    models: Narrowest<Rule>,
}

impl Rules {
    /// One rule for all models.
    #[must_use]
    pub fn one(rule: Rule) -> Self {
        Self {
            all: rule,
            models: Narrowest::default(),
        }
    }

    /// Each of them as `of` makes it.
    #[must_use]
    pub fn map(&self, of: impl Fn(Rule) -> Rule) -> Self {
        Self {
            all: of(self.all),
            models: self.models.map(|rule| of(*rule)),
        }
    }

    /// The rule of a model.
    #[must_use]
    pub fn of(&self, model: &str) -> &Rule {
        self.models.of(model).map_or(&self.all, |(_, rule)| rule)
    }
}

impl Policy {
    /// The same where something holds otherwise.
    pub(super) fn with(&self, pattern: &str, own: &ModelPolicy) -> Self {
        Self {
            of_models: Some(pattern.to_owned()),
            kind: own.kind.unwrap_or(self.kind),
            threshold: own.threshold.unwrap_or(self.threshold),
            probability: own.probability.unwrap_or(self.probability),
            budget: own.budget.unwrap_or(self.budget),
            point: if own.decides() { own.point } else { self.point },
            guards: own.guards.clone().unwrap_or_else(|| self.guards.clone()),
            when_unsure: own.when_unsure.unwrap_or(self.when_unsure),
            verifier: own.verifier.unwrap_or(self.verifier),
            grey: own.grey.unwrap_or(self.grey),
            public: own.public.unwrap_or(self.public),
            ttl_s: own.ttl_s.unwrap_or(self.ttl_s),
            ttl_classes: self.ttl_classes.changed(own.ttl_classes),
            stale_while_revalidate_s: own
                .stale_while_revalidate_s
                .unwrap_or(self.stale_while_revalidate_s),
            stale_if_error_s: own.stale_if_error_s.unwrap_or(self.stale_if_error_s),
            capacity_entries: own.capacity_entries.unwrap_or(self.capacity_entries),
            temperature_max: own.temperature_max.unwrap_or(self.temperature_max),
            // A time of its own was not shortened when that of all others was.
            forgotten_before_ms: match own.ttl_s {
                Some(_) => 0,
                None => self.forgotten_before_ms,
            },
            models: BTreeMap::new(),
            past_times: Vec::new(),
            ..self.clone()
        }
    }

    /// The same where a budget serves from another point: that of the models of a pattern, or of all others.
    #[must_use]
    pub fn at(mut self, pattern: Option<&str>, point: Point) -> Self {
        match pattern {
            None => self.point = point,
            Some(pattern) => {
                if let Some(own) = self.models.get_mut(pattern) {
                    own.point = point;
                }
            }
        }
        self
    }

    /// Refuses patterns that are none, and what a policy must not say under one.
    pub(super) fn check_models(&self) -> Result<(), PolicyError> {
        let out = |expected| PolicyError::OutOfRange {
            param: "models",
            expected,
        };
        if self.models.len() > PATTERNS {
            return Err(out("at most 32 names or patterns of models"));
        }
        for (pattern, own) in &self.models {
            if pattern.len() > PATTERN_BYTES || Pattern::parse(pattern).is_err() {
                return Err(out("an object by names or patterns of models"));
            }
            let of_model = |fault| match fault {
                PolicyError::OutOfRange { param, expected } => PolicyError::OfModel {
                    param: format!("models.{pattern}.{param}"),
                    expected,
                },
                other => other,
            };
            let whole = self.with(pattern, own);
            own.moves_nothing(whole.kind).map_err(of_model)?;
            whole.check().map_err(of_model)?;
        }
        Ok(())
    }
}

impl ModelPolicy {
    /// Refuses a number that the kind does not look at.
    fn moves_nothing(&self, kind: PolicyKind) -> Result<(), PolicyError> {
        let (param, expected) = match kind {
            kind if self.threshold.is_some() && kind != PolicyKind::Threshold => (
                "threshold",
                "absent, or come with `\"kind\": \"threshold\"`",
            ),
            kind if self.probability.is_some() && kind != PolicyKind::Probability => (
                "probability",
                "absent, or come with `\"kind\": \"probability\"`",
            ),
            kind if self.budget.is_some() && kind != PolicyKind::Budget => {
                ("budget", "absent, or come with `\"kind\": \"budget\"`")
            }
            _ => return Ok(()),
        };
        Err(PolicyError::OutOfRange { param, expected })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::policy::tests::policies;

    const NOW: u64 = 100_000_000;

    fn changed(before: &Policy, json: &str) -> Policy {
        let draft = serde_json::from_str(json).unwrap();
        before.changed(&draft, NOW).unwrap()
    }

    fn made(json: &str) -> ByModel {
        ByModel::new(changed(&policies().of("a"), json))
    }

    #[test]
    fn a_name_comes_before_patterns_and_the_longer_pattern_before_the_shorter() {
        let policy = made(
            r#"{"models":{"*":{"threshold":0.1},"gpt-4*":{"threshold":0.2},"gpt-4o":{"ttl_s":60}}}"#,
        );
        let threshold = |model| policy.of(model).threshold;
        assert_eq!((threshold("o3"), threshold("gpt-4.1")), (0.1, 0.2));
        // What the narrowest does not say is as in the rest, whatever wider patterns say.
        assert_eq!((threshold("gpt-4o"), policy.of("gpt-4o").ttl_s), (0.92, 60));
        assert_eq!(policy.deciding("gpt-4.1"), Some("gpt-4*"));
        assert_eq!(policy.deciding("gpt-4o"), None, "the rest's rule decides");
        assert_eq!(policy.own_rules().collect::<Vec<_>>(), ["*", "gpt-4*"]);
        assert_eq!(policy.rules().of("gpt-4.1").cosine, 0.2);
    }

    #[test]
    fn a_value_out_of_place_is_refused_with_its_pattern() {
        let before = policies().of("a");
        let refused = |json: &str| {
            let draft = serde_json::from_str(json).unwrap();
            before.changed(&draft, NOW).unwrap_err().to_string()
        };
        for (json, told) in [
            (
                r#"{"models":{"m":{"threshold":7}}}"#,
                "`models.m.threshold` must be between 0 and 1",
            ),
            (
                r#"{"models":{"m":{"probability":0.8}}}"#,
                "`models.m.probability` must be absent",
            ),
            (
                r#"{"models":{"m":{"ttl_s":0}}}"#,
                "`models.m.ttl_s` must be",
            ),
            (
                r#"{"models":{"m":{"capacity_entries":1000000001}}}"#,
                "`models.m.capacity_entries` must be at most",
            ),
            (r#"{"models":{"[m":{"ttl_s":9}}}"#, "`models` must be"),
            (
                r#"{"kind":"probability","models":{"m":{"threshold":0.5}}}"#,
                "`models.m.threshold` must be absent",
            ),
        ] {
            assert!(refused(json).starts_with(told), "{}", refused(json));
        }
        let strange = r#"{"models":{"m":{"keep_text":false}}}"#;
        assert!(serde_json::from_str::<super::super::PolicyDraft>(strange).is_err());
    }
}
