//! Where a policy decides otherwise for the requests that ask for some models. A route is asked for by the name of
//! its model, so this is how it has a policy, too.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Point, Policy, PolicyError, PolicyKind, never};
use crate::cache::freshness::times::TtlClassesDraft;
use crate::cache::verdict::{Rule, WhenUnsure};
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
    /// As [`Policy::public`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub public: Option<bool>,
    /// As [`Policy::ttl_s`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ttl_s: Option<u64>,
    /// As [`Policy::ttl_classes`]; what it leaves out is as in the rest of the policy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ttl_classes: Option<TtlClassesDraft>,
    /// As [`Policy::stale_while_revalidate_s`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stale_while_revalidate_s: Option<u64>,
    /// As [`Policy::stale_if_error_s`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stale_if_error_s: Option<u64>,
    /// As [`Policy::temperature_max`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub temperature_max: Option<f64>,
    /// As [`Policy::forgotten_before_ms`], in place of it; follows from the changes, whatever a draft says.
    #[serde(skip_serializing_if = "never")]
    pub forgotten_before_ms: u64,
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
    }

    /// Whether anything but what was forgotten is said.
    fn says_anything(&self) -> bool {
        let said = Self {
            forgotten_before_ms: 0,
            point: Point::default(),
            ..self.clone()
        };
        said != Self::default()
    }
}

/// A policy ready to be asked what holds for a model.
#[derive(Debug, Clone)]
pub struct ByModel {
    all: Arc<Policy>,
    /// The narrowest pattern first.
    parts: Vec<Part>,
}

/// What holds for the models of a pattern.
#[derive(Debug, Clone)]
struct Part {
    pattern: Pattern,
    /// The pattern whose rule decides; none where it is that of the rest of the policy.
    decides: Option<String>,
    policy: Arc<Policy>,
}

impl ByModel {
    /// Makes a policy ready.
    #[must_use]
    pub fn new(policy: Policy) -> Self {
        let (said, silent): (Vec<_>, Vec<_>) = policy
            .models
            .iter()
            .partition(|(_, own)| own.says_anything());
        let said = said.into_iter().filter_map(|(pattern, own)| {
            Some(Part {
                pattern: Pattern::parse(pattern).ok()?,
                decides: own.decides().then(|| pattern.clone()),
                policy: Arc::new(policy.with(pattern, own)),
            })
        });
        let mut made = Self {
            parts: said.collect(),
            all: Arc::new(policy.clone()),
        };
        made.sort();
        let silent = silent.into_iter().filter_map(|(pattern, own)| {
            Some(Part {
                pattern: Pattern::parse(pattern).ok()?,
                decides: made.deciding(pattern).map(str::to_owned),
                policy: Arc::new(Policy {
                    forgotten_before_ms: own.forgotten_before_ms,
                    ..Policy::clone(made.of(pattern))
                }),
            })
        });
        let silent: Vec<Part> = silent.collect();
        made.parts.extend(silent);
        made.sort();
        made
    }

    /// A plain name before patterns, and of patterns the one that says more.
    fn sort(&mut self) {
        self.parts
            .sort_by_key(|p| (!p.pattern.is_exact(), Reverse(p.pattern.as_str().len())));
    }

    fn find(&self, model: &str) -> Option<&Part> {
        self.parts.iter().find(|p| p.pattern.matches(model))
    }

    /// The whole policy.
    #[must_use]
    pub fn whole(&self) -> &Arc<Policy> {
        &self.all
    }

    /// What holds for a model.
    #[must_use]
    pub fn of(&self, model: &str) -> &Arc<Policy> {
        self.find(model).map_or(&self.all, |part| &part.policy)
    }

    /// The pattern by whose own rule a model's requests are decided; none where it is that of the rest.
    #[must_use]
    pub fn deciding(&self, model: &str) -> Option<&str> {
        self.find(model)?.decides.as_deref()
    }

    /// What holds under one of the patterns that decide by a rule of their own, or for the rest.
    #[must_use]
    pub fn ruling(&self, pattern: Option<&str>) -> Option<&Arc<Policy>> {
        let Some(pattern) = pattern else {
            return Some(&self.all);
        };
        let of_it =
            |p: &&Part| p.pattern.as_str() == pattern && p.decides.as_deref() == Some(pattern);
        self.parts.iter().find(of_it).map(|part| &part.policy)
    }

    /// The patterns that decide by a rule of their own.
    pub fn own_rules(&self) -> impl Iterator<Item = &str> {
        let patterns = self.all.models.keys().map(String::as_str);
        patterns.filter(|pattern| self.ruling(Some(pattern)).is_some())
    }

    /// What holds for the models of a pattern, as far as that is one answer.
    #[must_use]
    pub fn of_pattern(&self, pattern: &str) -> &Arc<Policy> {
        let found = self.parts.iter().find(|p| p.pattern.as_str() == pattern);
        found.map_or_else(|| self.of(pattern), |part| &part.policy)
    }

    /// How two questions are judged under it.
    #[must_use]
    pub fn rules(&self) -> Rules {
        let parts = self.parts.iter();
        Rules {
            all: self.all.rule(None),
            models: parts
                .map(|p| (p.pattern.clone(), p.policy.rule(None)))
                .collect(),
        }
    }
}

/// How two questions are judged, by the model that is asked for.
#[derive(Debug, Clone)]
pub struct Rules {
    all: Rule,
    models: Vec<(Pattern, Rule)>,
}

impl Rules {
    /// One rule for all models.
    #[must_use]
    pub fn one(rule: Rule) -> Self {
        Self {
            all: rule,
            models: Vec::new(),
        }
    }

    /// The rule of a model.
    #[must_use]
    pub fn of(&self, model: &str) -> &Rule {
        let found = self.models.iter().find(|(p, _)| p.matches(model));
        found.map_or(&self.all, |(_, rule)| rule)
    }
}

impl Policy {
    /// The same where something holds otherwise.
    fn with(&self, pattern: &str, own: &ModelPolicy) -> Self {
        Self {
            of_models: Some(pattern.to_owned()),
            kind: own.kind.unwrap_or(self.kind),
            threshold: own.threshold.unwrap_or(self.threshold),
            probability: own.probability.unwrap_or(self.probability),
            budget: own.budget.unwrap_or(self.budget),
            point: if own.decides() { own.point } else { self.point },
            guards: own.guards.clone().unwrap_or_else(|| self.guards.clone()),
            when_unsure: own.when_unsure.unwrap_or(self.when_unsure),
            public: own.public.unwrap_or(self.public),
            ttl_s: own.ttl_s.unwrap_or(self.ttl_s),
            ttl_classes: self.ttl_classes.changed(own.ttl_classes),
            stale_while_revalidate_s: own
                .stale_while_revalidate_s
                .unwrap_or(self.stale_while_revalidate_s),
            stale_if_error_s: own.stale_if_error_s.unwrap_or(self.stale_if_error_s),
            temperature_max: own.temperature_max.unwrap_or(self.temperature_max),
            forgotten_before_ms: own.forgotten_before_ms,
            models: BTreeMap::new(),
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

    /// The same after `before`: what that had let die by `now_ms` stays dead, model by model.
    pub(super) fn forgetting(mut self, before: &Self, now_ms: u64) -> Self {
        let old = ByModel::new(before.clone());
        let gone = before
            .models
            .keys()
            .filter(|p| !self.models.contains_key(*p));
        let gone: Vec<String> = gone.cloned().collect();
        for (pattern, own) in &mut self.models {
            let ttl_s = own.ttl_s.unwrap_or(self.ttl_s);
            own.forgotten_before_ms = old.of_pattern(pattern).forgotten_when(ttl_s, now_ms);
            own.point = Point::default();
        }
        self.models.retain(|_, own| own.says_anything());
        // A pattern that is not there any more is kept for what it let die, as long as anything of that could live.
        let new = ByModel::new(self.clone());
        for pattern in gone.into_iter().chain(before.silent()) {
            let next = new.of_pattern(&pattern);
            let forgotten_before_ms = old.of_pattern(&pattern).forgotten_when(next.ttl_s, now_ms);
            let matters = forgotten_before_ms.saturating_add(next.longest_ms()) > now_ms;
            if matters && forgotten_before_ms > next.forgotten_before_ms {
                let own = ModelPolicy {
                    forgotten_before_ms,
                    ..ModelPolicy::default()
                };
                self.models.entry(pattern).or_insert(own);
            }
        }
        self
    }

    /// Patterns that are kept for what they let die alone.
    fn silent(&self) -> Vec<String> {
        let silent = self.models.iter().filter(|(_, own)| !own.says_anything());
        silent.map(|(pattern, _)| pattern.clone()).collect()
    }

    /// Refuses patterns that are none, and what a policy must not say under one.
    pub(super) fn check_models(&self) -> Result<(), PolicyError> {
        let out = |expected| PolicyError::OutOfRange {
            param: "models",
            expected,
        };
        let said = self.models.values().filter(|own| own.says_anything());
        if said.count() > PATTERNS {
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
    fn what_a_shorter_time_of_some_models_let_die_stays_dead_when_it_is_gone() {
        let before = changed(&policies().of("a"), r#"{"models":{"m":{"ttl_s":60}}}"#);
        let forgotten =
            |policy: &Policy, model| ByModel::new(policy.clone()).of(model).forgotten_before_ms;
        assert_eq!(forgotten(&before, "m"), 0, "only shortened");
        let after = changed(&before, r#"{"models":{"*":{"threshold":0.5}}}"#);
        let dead = NOW + 1 - 60_000;
        assert_eq!(forgotten(&after, "m"), dead);
        let ready = ByModel::new(after.clone());
        assert_eq!(ready.of("m").threshold, 0.5, "the rule is the wider one's");
        assert_eq!(forgotten(&after, "n"), 0, "others lose nothing");
        // Sent back whole, or changed elsewhere, it stays so.
        let whole = serde_json::to_string(&after).unwrap();
        assert_eq!(forgotten(&changed(&after, &whole), "m"), dead);
        let gone = changed(&after, r#"{"models":{}}"#);
        assert_eq!(forgotten(&gone, "m"), dead);
        let back = gone.restored(&policies().of("a"), NOW).unwrap();
        assert_eq!(forgotten(&back, "m"), dead);
        // Once nothing of it could live any more, nothing is kept of it.
        let later = NOW + 86_400_000;
        let late = gone.restored(&policies().of("a"), later).unwrap();
        assert!(late.models.is_empty());
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
