//! A policy that is not in force, or not for long: decided beside the one that is, or for a share of the requests.

use serde::{Deserialize, Serialize};

use super::ByModel;

/// How far a change has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// It is written down.
    Draft,
    /// It decides beside the policy in force, and what it decides is logged and not served.
    Shadow,
    /// It serves a share of the requests.
    Share,
    /// It is the policy in force.
    Applied,
    /// Somebody gave it up.
    Withdrawn,
    /// Its hits were wrong too often, and it was given up by itself.
    RolledBack,
    /// Another change came into force before it did.
    Superseded,
}

impl Stage {
    /// As replies and metrics spell it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Shadow => "shadow",
            Self::Share => "share",
            Self::Applied => "applied",
            Self::Withdrawn => "withdrawn",
            Self::RolledBack => "rolled_back",
            Self::Superseded => "superseded",
        }
    }

    /// Whether it may come after `before` when somebody asks for it.
    #[must_use]
    pub fn may_follow(self, before: Self) -> bool {
        use Stage::{Applied, Draft, Shadow, Share, Withdrawn};
        match self {
            Shadow => before == Draft,
            Share | Applied => matches!(before, Shadow | Share),
            Withdrawn => matches!(before, Draft | Shadow | Share),
            _ => false,
        }
    }

    /// Whether its hits are watched.
    #[must_use]
    pub fn is_served(self) -> bool {
        matches!(self, Self::Share | Self::Applied)
    }
}

/// A change on its way.
#[derive(Debug, Clone)]
pub struct Trial {
    /// Name of the change.
    pub id: String,
    /// How far it has come: shadow, share or applied.
    pub stage: Stage,
    /// Part of the requests that it serves, 0 to 1; all once applied.
    pub share: f32,
    /// Share of its hits that may be wrong before it is rolled back.
    pub bound: f64,
    /// The policy that it makes.
    pub policy: ByModel,
}

impl Trial {
    /// Whether it decides the request with this number between 0 and 1.
    #[must_use]
    pub fn takes(&self, draw: f32) -> bool {
        self.stage == Stage::Share && draw < self.share
    }
}
