//! What a reply tells about how it was come by.

use super::Outcome;
use crate::config::TtlClass;

/// What the reply's headers tell.
#[derive(Debug, Clone, PartialEq)]
pub struct Via {
    /// How it was answered.
    pub outcome: Outcome,
    /// Why.
    pub reason: &'static str,
    /// Exact cosine to the entry served, or to the best that was not.
    pub similarity: Option<f32>,
    /// The entry served.
    pub entry: Option<u64>,
    /// Its age in seconds.
    pub age_s: Option<u64>,
    /// Seconds for which it will be served still.
    pub ttl_s: Option<u64>,
    /// How long an answer to it lasts, by class.
    pub class: Option<TtlClass>,
    /// Whether it came along with another request's call.
    pub collapsed: bool,
    /// Whether no provider was asked though memory had nothing that serves.
    pub withheld: bool,
    /// The provider that answered.
    pub provider: Option<String>,
    /// The model that answered.
    pub model: Option<String>,
    /// The provider's headers that a client may see.
    pub headers: Vec<(String, String)>,
}

impl Via {
    /// How and why, nothing else known.
    #[must_use]
    pub fn new(outcome: Outcome, reason: &'static str) -> Self {
        Self {
            outcome,
            reason,
            similarity: None,
            entry: None,
            age_s: None,
            ttl_s: None,
            class: None,
            collapsed: false,
            withheld: false,
            provider: None,
            model: None,
            headers: Vec::new(),
        }
    }

    /// The same of a call that failed: whoever shared it had a miss.
    #[must_use]
    pub(super) fn failed(self) -> Self {
        let outcome = match self.outcome {
            Outcome::HitExact | Outcome::HitSemantic => Outcome::Miss,
            other => other,
        };
        Self { outcome, ..self }
    }
}
