//! A change to a policy as an analyst sends it, and why one is refused.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, de};
use serde_json::{Map, Value};

use super::{ModelPolicy, PolicyKind};
use crate::cache::freshness::times::{self, TtlClassesDraft};
use crate::cache::verdict::{Grey, Verify, WhenUnsure};

/// A change to a policy as an analyst sends it.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyDraft {
    /// Must name the namespace of the address, if it is there.
    #[serde(default)]
    pub namespace: Option<String>,
    /// Ignored: `If-Match` says which version is changed.
    #[serde(default)]
    pub version: Option<u64>,
    /// Ignored: it follows from the changes of `ttl_s`.
    #[serde(default)]
    pub forgotten_before_ms: Option<u64>,
    /// How to decide; as before if absent.
    #[serde(default)]
    pub kind: Option<PolicyKind>,
    /// As before if absent.
    #[serde(default)]
    pub threshold: Option<f32>,
    /// As before if absent.
    #[serde(default)]
    pub probability: Option<f32>,
    /// As before if absent.
    #[serde(default)]
    pub budget: Option<f32>,
    /// As before if absent; a whole new set if not.
    #[serde(default)]
    pub guards: Option<BTreeMap<String, bool>>,
    /// As before if absent.
    #[serde(default)]
    pub when_unsure: Option<WhenUnsure>,
    /// As before if absent.
    #[serde(default)]
    pub verifier: Option<Verify>,
    /// As before if absent; both numbers anew if not.
    #[serde(default)]
    pub grey: Option<Grey>,
    /// As before if absent.
    #[serde(default)]
    pub public: Option<bool>,
    /// As before if absent.
    #[serde(default)]
    pub ttl_s: Option<u64>,
    /// As before if absent, and so is each of its members.
    #[serde(default, deserialize_with = "times::draft")]
    pub ttl_classes: Option<TtlClassesDraft>,
    /// As before if absent.
    #[serde(default)]
    pub stale_while_revalidate_s: Option<u64>,
    /// As before if absent.
    #[serde(default)]
    pub stale_if_error_s: Option<u64>,
    /// As before if absent.
    #[serde(default)]
    pub capacity_entries: Option<u64>,
    /// As before if absent.
    #[serde(default)]
    pub temperature_max: Option<f64>,
    /// As before if absent; a whole new list if not.
    #[serde(default)]
    pub system_ignore: Option<Vec<String>>,
    /// As before if absent.
    #[serde(default)]
    pub keep_text: Option<bool>,
    /// Ignored: it follows from the changes.
    #[serde(default)]
    pub past_times: Option<de::IgnoredAny>,
    /// As before if absent; all patterns anew if not.
    #[serde(default, deserialize_with = "models")]
    pub models: Option<BTreeMap<String, ModelPolicy>>,
    /// Why, for whoever looks at the versions later.
    #[serde(default)]
    pub reason: Option<String>,
}

/// Objects by pattern; a list of values in the order of their members is none.
fn models<'de, D: Deserializer<'de>>(
    value: D,
) -> Result<Option<BTreeMap<String, ModelPolicy>>, D::Error> {
    let said = Option::<BTreeMap<String, Map<String, Value>>>::deserialize(value)?;
    let parsed = said.map(|said| {
        let parsed = said.into_iter().map(|(pattern, own)| {
            let own = serde_json::from_value(own.into());
            own.map(|own| (pattern, own)).map_err(de::Error::custom)
        });
        parsed.collect()
    });
    parsed.transpose()
}

impl PolicyDraft {
    /// Whether its reason is short enough to be kept.
    ///
    /// # Errors
    /// [`PolicyError::OutOfRange`] if not.
    pub fn check_reason(&self) -> Result<(), PolicyError> {
        match &self.reason {
            Some(reason) if reason.chars().count() > REASON_MAX => Err(PolicyError::OutOfRange {
                param: "reason",
                expected: "at most 1000 characters",
            }),
            _ => Ok(()),
        }
    }
}

/// Characters of a reason.
const REASON_MAX: usize = 1000;

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
    /// A value that holds for some models is.
    #[error("`{param}` must be {expected}")]
    OfModel {
        /// The field, with the pattern.
        param: String,
        /// Its range.
        expected: &'static str,
    },
    /// Somebody changed it in between.
    #[error("the policy is at version {current} by now")]
    Stale {
        /// The version in force.
        current: u64,
    },
}
