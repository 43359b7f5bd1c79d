//! One request's passage through the cache, kept so that it can be explained, labelled and replayed under
//! another policy. Texts are there only where the policy keeps them.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::candidate::Candidate;
use super::prompts::PromptParts;
use super::wire::{entry_label, hash};
use crate::cache::policy::Stage;
use crate::cache::semantic::Nearest;
use crate::cache::verdict::{Grey, GuardSet, Rule, Verify, WhenUnsure};
use crate::chat::RequestId;
use crate::chat::number::{short, short_option};

/// A word of our own, or one read back from disk.
pub type Word = Cow<'static, str>;

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DecisionOutcome {
    /// The answer to another wording was served.
    Hit,
    /// There was a candidate, and it was not served.
    NearMiss,
    /// The answer to the same request was served.
    HitExact,
    /// There was nothing to compare with.
    Miss,
    /// Memory was not asked, its answer is renewed.
    Refresh,
    /// Memory was not asked.
    Bypass,
}

/// One request's passage.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Decision {
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
    /// What was decided.
    pub outcome: DecisionOutcome,
    /// Why.
    pub reason: Word,
    /// The question, where the policy keeps text.
    pub question: Option<String>,
    /// The remembered question that decided, where the policy keeps text.
    pub candidate: Option<String>,
    /// The entry served, or the best that was not.
    #[serde(with = "entry_label")]
    pub entry: Option<u64>,
    /// Unix milliseconds of its answer.
    pub entry_created_ms: Option<u64>,
    /// Exact cosine to its question.
    #[serde(serialize_with = "short_option")]
    pub similarity: Option<f32>,
    /// How likely it serves by the measure that decided; 0 after a veto.
    #[serde(serialize_with = "short_option")]
    pub score: Option<f32>,
    /// Least cosine in force.
    #[serde(serialize_with = "short")]
    pub threshold: f32,
    /// Least probability in force, where the policy decides by that.
    #[serde(serialize_with = "short_option")]
    pub probability: Option<f32>,
    /// What it did with guards and unreadable texts.
    #[serde(flatten)]
    pub care: Care,
    /// Version of the policy in force.
    pub policy_version: u64,
    /// The pattern under which it says something for the model asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy_models: Option<String>,
    /// The change that was under way, and what it made of the request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change: Option<OnTrial>,
    /// US dollars by list price of the answer in question: what a hit spared, or would have.
    pub usd: Option<f64>,
    /// A number drawn evenly from 0 to 1: whoever takes the smallest draws first takes a fair sample.
    #[serde(serialize_with = "short")]
    pub draw: f32,
    /// What had to be equal.
    pub key: KeyParts,
    /// The candidates that were judged, the one that decided first.
    pub candidates: Vec<Candidate>,
}

/// What a change under way made of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OnTrial {
    /// Name of the change.
    pub id: String,
    /// How far it had come.
    pub stage: Stage,
    /// Whether it was what decided.
    pub in_force: bool,
    /// Whether it serves, or would have.
    pub serves: bool,
}

/// How careful the policy in force was, beside its numbers.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Care {
    /// Guards that it switched on or off.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub guards: BTreeMap<String, bool>,
    /// What it did where the guards could not read.
    pub when_unsure: WhenUnsure,
    /// When it asked the verifier; absent in decisions of builds that had none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verifier: Option<Verify>,
    /// Where that was, if it asked it of what was open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grey: Option<Grey>,
}

/// What had to be equal before anything was compared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyParts {
    /// Hash of all but the question.
    #[serde(with = "hash")]
    pub scope: [u8; 32],
    /// Hash of the whole request.
    #[serde(with = "hash")]
    pub exact: [u8; 32],
    /// Provider, base URL and model that a miss asks first.
    pub origin: String,
    /// Who asked, by keyed hash in hexadecimal, if the app said so.
    pub asker: Option<String>,
    /// Whether the question speaks of the one who asks.
    pub personal: bool,
    /// `alone` where the turns before count for nothing, else why they count.
    pub history: Word,
    /// What its place depends on, where a system prompt comes before a question that may be compared by meaning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt: Option<PromptParts>,
}

impl Decision {
    /// Its candidates as they come from a search, the one that decided first.
    #[must_use]
    pub fn candidates(nearest: &Nearest, asked: u64, keep_text: bool) -> Vec<Candidate> {
        let all = std::iter::once(nearest).chain(&nearest.others);
        all.map(|n| Candidate::of(n, asked, keep_text)).collect()
    }

    /// The rule that decided.
    #[must_use]
    pub fn rule(&self) -> Rule {
        Rule {
            cosine: self.threshold,
            probability: self.probability,
            guards: GuardSet::chosen(&self.care.guards),
            when_unsure: self.care.when_unsure,
            verify: self.care.verifier.unwrap_or(Verify::Never),
            grey: self.care.grey.unwrap_or_default(),
        }
    }

    /// Whether another wording's answer was served.
    #[must_use]
    pub fn is_hit(&self) -> bool {
        self.outcome == DecisionOutcome::Hit
    }

    /// Whether anything was compared.
    #[must_use]
    pub fn compared(&self) -> bool {
        matches!(
            self.outcome,
            DecisionOutcome::Hit | DecisionOutcome::NearMiss
        )
    }

    /// The candidate that it is about; the entry itself where the same request was answered.
    #[must_use]
    pub fn subject(&self) -> Option<Candidate> {
        if let Some(first) = self.candidates.first() {
            return Some(first.clone());
        }
        let (entry, created_ms) = self.entry.zip(self.entry_created_ms)?;
        Some(Candidate::same_request(entry, created_ms))
    }

    /// Forgets its texts.
    pub fn forget_texts(&mut self) {
        self.question = None;
        self.candidate = None;
        for candidate in &mut self.candidates {
            candidate.forget_text();
        }
    }

    /// Whether it holds any text.
    #[must_use]
    pub fn has_texts(&self) -> bool {
        let candidates = self.candidates.iter().any(|c| c.question.is_some());
        self.question.is_some() || self.candidate.is_some() || candidates
    }
}

/// A hit, for tests.
#[cfg(test)]
pub(super) fn sample(question: &str) -> Decision {
    Decision {
        time_ms: 1,
        request_id: RequestId::fresh(),
        tenant: "t".into(),
        namespace: "t".into(),
        model: "m".into(),
        outcome: DecisionOutcome::Hit,
        reason: "similar".into(),
        question: Some(question.to_owned()),
        candidate: Some("what?".into()),
        entry: Some(7),
        entry_created_ms: Some(1),
        similarity: Some(0.97),
        score: Some(0.9),
        threshold: 0.0,
        probability: Some(0.7),
        care: Care::default(),
        policy_version: 0,
        policy_models: None,
        change: None,
        usd: None,
        draw: 0.5,
        key: KeyParts {
            scope: [1; 32],
            exact: [2; 32],
            origin: "o".into(),
            asker: None,
            personal: false,
            history: "alone".into(),
            prompt: None,
        },
        candidates: Vec::new(),
    }
}
