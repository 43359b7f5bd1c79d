//! The labels of hot metrics, as enums: what can be counted is known beforehand.

/// How a request ended; the label of its metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// An equal request was remembered.
    HitExact,
    /// A question of the same meaning was remembered.
    HitSemantic,
    /// A provider answered.
    Miss,
    /// A provider answered and the cache was not asked.
    Bypass,
    /// A provider answered anew because the caller wanted it so.
    Refresh,
    /// It was refused before any lookup: identity, limits, validity.
    Refused,
    /// It was let in and failed.
    Error,
    /// Its caller went away.
    Cancelled,
}

impl Outcome {
    pub(super) const ALL: [Self; 8] = [
        Self::HitExact,
        Self::HitSemantic,
        Self::Miss,
        Self::Bypass,
        Self::Refresh,
        Self::Refused,
        Self::Error,
        Self::Cancelled,
    ];

    /// The label's value.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::HitExact => "hit_exact",
            Self::HitSemantic => "hit_semantic",
            Self::Miss => "miss",
            Self::Bypass => "bypass",
            Self::Refresh => "refresh",
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
    /// A provider, until the first byte of its answer.
    Upstream,
    /// Handing the answer to the writer.
    Store,
}

impl Stage {
    pub(super) const ALL: [Self; 6] = [
        Self::Parse,
        Self::Lookup,
        Self::Embed,
        Self::Search,
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
            Self::Upstream => "upstream",
            Self::Store => "store",
        }
    }
}
