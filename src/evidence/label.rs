//! What somebody said of one decision: whether the answer of its candidate serves the question asked.

use serde::{Deserialize, Serialize};

use super::candidate::Candidate;
use super::decision::{Decision, DecisionOutcome};
use crate::cache::reach::{Pair, Said};
use crate::chat::RequestId;
use crate::chat::number::{short, short_option};

/// Right or wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Opinion {
    /// The stored answer serves the question asked.
    Right,
    /// It does not.
    Wrong,
}

/// Who said so, the least trusted first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// Somebody asked for a fresh answer after this one.
    Refresh,
    /// The fresh answer was compared with the stored one.
    Judge,
    /// The app that asked, or its user.
    App,
    /// An analyst.
    Analyst,
}

impl Opinion {
    /// As replies and metrics spell it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Right => "right",
            Self::Wrong => "wrong",
        }
    }
}

impl Source {
    /// As replies and metrics spell it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Refresh => "refresh",
            Self::Judge => "judge",
            Self::App => "app",
            Self::Analyst => "analyst",
        }
    }

    /// How far it is believed, 0 to 1: how much of one certain judgement its word counts for.
    #[must_use]
    pub fn trust(self) -> f32 {
        match self {
            // People also ask again because they liked the answer, or by habit.
            Self::Refresh => 0.2,
            // Not enough to keep two questions apart by itself.
            Self::Judge => 0.4,
            Self::App | Self::Analyst => 1.0,
        }
    }
}

/// What somebody said of one decision.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Label {
    /// Unix milliseconds.
    pub time_ms: u64,
    /// The request.
    pub request_id: RequestId,
    /// Whose it was.
    pub tenant: String,
    /// Label of its namespace.
    pub namespace: String,
    /// The model asked for.
    pub model: String,
    /// What was said.
    pub verdict: Opinion,
    /// By whom.
    pub source: Source,
    /// Id of their key.
    pub by: Option<String>,
    /// Their words.
    pub note: Option<String>,
    /// What had been decided.
    pub outcome: DecisionOutcome,
    /// Unix milliseconds of the decision.
    pub decided_ms: u64,
    /// Version of the policy that decided.
    pub policy_version: u64,
    /// Whether chance chose the decision to be looked at, so that it may stand for others.
    #[serde(default)]
    pub sampled: bool,
    /// The chance with which it was chosen; none where nobody can say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share: Option<f32>,
    /// Least probability that served then, where that decided.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        serialize_with = "short_option"
    )]
    pub least: Option<f32>,
    /// The decision's draw: see [`Decision::draw`].
    #[serde(serialize_with = "short")]
    pub draw: f32,
    /// The question, where the policy keeps text.
    pub question: Option<String>,
    /// Who asked, by keyed hash in hexadecimal, if the app said so.
    pub asker: Option<String>,
    /// The candidate that it is about.
    pub candidate: Candidate,
}

/// Who says what, and when.
#[derive(Debug, Clone)]
pub struct Opined {
    /// Unix milliseconds.
    pub time_ms: u64,
    /// What.
    pub verdict: Opinion,
    /// Who.
    pub source: Source,
    /// Id of their key.
    pub by: Option<String>,
    /// Their words.
    pub note: Option<String>,
    /// Whether chance chose the decision to be looked at.
    pub sampled: bool,
    /// The chance with which it was chosen; none where nobody can say.
    pub share: Option<f32>,
}

impl Label {
    /// What is said of a decision; none where it had no candidate.
    #[must_use]
    pub fn of(decision: &Decision, opined: Opined) -> Option<Self> {
        Some(Self {
            time_ms: opined.time_ms,
            request_id: decision.request_id,
            tenant: decision.tenant.clone(),
            namespace: decision.namespace.clone(),
            model: decision.model.clone(),
            verdict: opined.verdict,
            source: opined.source,
            by: opined.by,
            note: opined.note,
            outcome: decision.outcome,
            decided_ms: decision.time_ms,
            policy_version: decision.policy_version,
            sampled: opined.sampled,
            share: opined.share,
            least: decision.probability,
            draw: decision.draw,
            question: decision.question.clone(),
            asker: decision.key.asker.clone(),
            candidate: decision.subject()?,
        })
    }

    /// Whether the answer was served.
    #[must_use]
    pub fn served(&self) -> bool {
        self.outcome == DecisionOutcome::Hit
    }

    /// What it means for the entry and the two questions.
    #[must_use]
    pub fn said(&self) -> Said {
        let (stored, asked) = self.candidate.pair();
        Said {
            entry: (self.candidate.entry, self.candidate.created_ms),
            pair: Pair::of(&self.namespace, stored, asked),
            right: self.verdict == Opinion::Right,
            trust: self.source.trust(),
        }
    }

    /// Forgets its texts, and whoever's words came with it.
    pub fn forget_texts(&mut self) {
        self.question = None;
        self.candidate.forget_text();
        self.note = None;
    }
}
