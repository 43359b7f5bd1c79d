//! What a reply tells about how it was come by.

use super::Outcome;
use crate::config::TtlClass;
use crate::guard::Standing;

/// Why something stale is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stale {
    /// A call renews it meanwhile.
    WhileRevalidate,
    /// No provider answered.
    IfError,
}

impl Stale {
    /// As headers and metrics spell it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::WhileRevalidate => "stale_while_revalidate",
            Self::IfError => "stale_if_error",
        }
    }
}

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
    /// Seconds for which it is fresh still, below 0 if it is stale.
    pub ttl_s: Option<i64>,
    /// Why it was served though it is stale, if it is.
    pub stale: Option<Stale>,
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
    /// How the gateway's own limits stand for the client, if it has any.
    pub standing: Option<Standing>,
    /// What only some endpoints tell, as headers.
    pub marks: Vec<(&'static str, String)>,
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
            stale: None,
            class: None,
            collapsed: false,
            withheld: false,
            provider: None,
            model: None,
            headers: Vec::new(),
            standing: None,
            marks: Vec::new(),
        }
    }

    /// The same of a call that failed: whoever shared it had a miss.
    #[must_use]
    pub(super) fn failed(self) -> Self {
        let outcome = match self.outcome {
            Outcome::HitExact | Outcome::HitSemantic | Outcome::Partial => Outcome::Miss,
            other => other,
        };
        Self { outcome, ..self }
    }
}
