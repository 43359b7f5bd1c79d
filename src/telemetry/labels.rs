//! The labels of hot metrics, as enums: what can be counted is known beforehand.

/// How a request was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// From memory, the same request; or along with one under way.
    HitExact,
    /// From memory, another wording.
    HitSemantic,
    /// By a provider.
    Miss,
    /// By a provider, the cache left aside.
    Bypass,
    /// By a provider, to renew what is remembered.
    Refresh,
    /// Some of it from memory, the rest by a provider.
    Partial,
}

impl Outcome {
    /// As replies spell it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::HitExact => "hit-exact",
            Self::HitSemantic => "hit-semantic",
            Self::Miss => "miss",
            Self::Bypass => "bypass",
            Self::Refresh => "refresh",
            Self::Partial => "partial",
        }
    }

    /// Whether no provider was asked for it.
    #[must_use]
    pub fn is_hit(self) -> bool {
        matches!(self, Self::HitExact | Self::HitSemantic)
    }
}

/// How a request ended; the label of its metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// It was answered.
    Answered(Outcome),
    /// It was refused: identity, limits, validity, too many calls.
    Refused,
    /// It was let in and failed.
    Error,
    /// Its caller went away.
    Cancelled,
}

impl Ending {
    /// Each in the place that [`Self::index`] gives.
    pub(super) const ALL: [Self; 9] = [
        Self::Answered(Outcome::HitExact),
        Self::Answered(Outcome::HitSemantic),
        Self::Answered(Outcome::Miss),
        Self::Answered(Outcome::Bypass),
        Self::Answered(Outcome::Refresh),
        Self::Answered(Outcome::Partial),
        Self::Refused,
        Self::Error,
        Self::Cancelled,
    ];

    pub(super) fn index(self) -> usize {
        match self {
            Self::Answered(outcome) => outcome as usize,
            Self::Refused => 6,
            Self::Error => 7,
            Self::Cancelled => 8,
        }
    }

    /// The label's value: names of metrics and their labels know no hyphen.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Answered(Outcome::HitExact) => "hit_exact",
            Self::Answered(Outcome::HitSemantic) => "hit_semantic",
            Self::Answered(outcome) => outcome.as_str(),
            Self::Refused => "refused",
            Self::Error => "error",
            Self::Cancelled => "cancelled",
        }
    }
}

/// A part of a request's time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Reading and checking the body.
    Parse,
    /// The exact tier.
    Lookup,
    /// The question's vector, its wait in the queue included.
    Embed,
    /// The nearest neighbours and the verdict.
    Search,
    /// Both questions read together, the wait in the queue included.
    Verify,
    /// A provider, until the first byte of its answer.
    Upstream,
    /// Handing the answer to the writer.
    Store,
}

impl Stage {
    pub(super) const ALL: [Self; 7] = [
        Self::Parse,
        Self::Lookup,
        Self::Embed,
        Self::Search,
        Self::Verify,
        Self::Upstream,
        Self::Store,
    ];

    /// The label's value.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Parse => "parse",
            Self::Lookup => "lookup",
            Self::Embed => "embed",
            Self::Search => "search",
            Self::Verify => "verify",
            Self::Upstream => "upstream",
            Self::Store => "store",
        }
    }
}
