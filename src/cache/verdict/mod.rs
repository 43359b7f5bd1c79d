//! Decides whether a remembered answer serves a question: typed guards that can veto, then one
//! cosine or one calibrated probability, as the policy says. Pure.
//!
//! Read [`judge`] for the decision, [`guards`] for what two texts may not differ in, [`features`]
//! and [`model`] for the probability. A reader of both questions would be one more feature.

pub mod features;
pub mod guards;
pub mod model;
mod rule;
#[cfg(test)]
mod tests;

pub use rule::{GuardSet, Rule, WhenUnsure};

use self::features::Features;
use self::guards::{Finding, Pair, Reading};
use crate::embed::{Question, TokenDigest};

/// What is known of the question asked and of one remembered.
#[derive(Debug, Clone, Copy)]
pub struct Evidence<'a> {
    /// The question asked.
    pub asked: &'a str,
    /// The same, read for the guards.
    pub reading: &'a Reading,
    /// Digest of its token ids.
    pub asked_tokens: &'a TokenDigest,
    /// What was kept of the question remembered.
    pub stored: &'a Question,
    /// Digest of its token ids.
    pub stored_tokens: &'a TokenDigest,
    /// Exact cosine of their vectors.
    pub similarity: f32,
    /// By how much it is more alike than the best of the others; none without others.
    pub gap: Option<f32>,
}

/// The decision, with its reason where it is no.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The answer serves.
    Serve,
    /// Not alike enough.
    BelowThreshold,
    /// Not likely enough to serve.
    BelowProbability,
    /// The encoder sees no difference between the two, but there is one.
    SameTokens,
    /// A guard says that they ask different things; why.
    Vetoed(&'static str),
    /// It answers another turn of the same conversation.
    EarlierTurn,
    /// The guards cannot read them, and the policy takes no chances.
    Unsure(&'static str),
}

impl Verdict {
    /// The reason as headers and logs spell it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Serve => "similar",
            Self::BelowThreshold => "below_threshold",
            Self::BelowProbability => "below_probability",
            Self::EarlierTurn => "earlier_turn",
            Self::SameTokens => "same_tokens_other_text",
            Self::Vetoed(why) | Self::Unsure(why) => why,
        }
    }
}

/// A decision with what led to it.
#[derive(Debug, Clone)]
pub struct Judgement {
    /// The decision.
    pub verdict: Verdict,
    /// How likely the answer serves by the measure that decided, 0 to 1; 0 after a veto.
    pub score: f32,
    /// What each guard found, in the order of [`guards::GUARDS`]; none without both texts.
    pub findings: Option<[Finding; guards::COUNT]>,
    /// What the model saw; none where it was not asked.
    pub features: Option<Features>,
}

impl Judgement {
    /// One question was asked before the other in the same conversation.
    #[must_use]
    pub fn earlier_turn() -> Self {
        Self::no(Verdict::EarlierTurn, 0.0)
    }

    fn no(verdict: Verdict, score: f32) -> Self {
        Self {
            verdict,
            score,
            findings: None,
            features: None,
        }
    }
}

/// Judges one remembered question.
#[must_use]
pub fn judge(evidence: &Evidence<'_>, rule: &Rule) -> Judgement {
    let similarity = evidence.similarity;
    // Written so that a similarity that is not a number is a no.
    let alike = similarity >= rule.cosine;
    if !alike && rule.probability.is_none() {
        return Judgement::no(Verdict::BelowThreshold, similarity.max(0.0));
    }
    let blind = evidence.asked_tokens == evidence.stored_tokens;
    if blind && !evidence.stored.is(evidence.asked) {
        return Judgement::no(Verdict::SameTokens, 0.0);
    }
    match evidence.stored.text() {
        // The encoder sees the same tokens, and the words are the same question: nothing to compare.
        _ if blind && alike => Judgement::no(Verdict::Serve, 1.0),
        Some(stored) => judge_texts(evidence, &Reading::of(stored), rule),
        None => unread(evidence, rule),
    }
}

fn judge_texts(evidence: &Evidence<'_>, stored: &Reading, rule: &Rule) -> Judgement {
    let pair = Pair::of(stored, evidence.reading);
    let findings = guards::examine(&pair);
    let features = Features::of(evidence, &pair, &findings);
    let judged = |verdict, score| Judgement {
        verdict,
        score,
        findings: Some(findings),
        features: Some(features),
    };
    if let Some(why) = rule.guards.veto(&findings) {
        return judged(Verdict::Vetoed(why), 0.0);
    }
    let score = rule.measure(evidence.similarity, &features);
    let least = match unreadable(&pair) {
        Some(why) if rule.when_unsure != WhenUnsure::Serve => match rule.strict() {
            Some(least) if score >= least => least,
            _ => return judged(Verdict::Unsure(why), score),
        },
        _ => rule.least(),
    };
    // Written so that what is not a number is a no.
    let enough = score >= least && evidence.similarity >= rule.cosine;
    let verdict = match (enough, rule.probability) {
        (true, _) => Verdict::Serve,
        (false, Some(least)) if score < least => Verdict::BelowProbability,
        (false, _) => Verdict::BelowThreshold,
    };
    judged(verdict, score)
}

/// Why the guards cannot read a pair, if they cannot.
fn unreadable(pair: &Pair<'_>) -> Option<&'static str> {
    let both = [pair.a, pair.b];
    if both.iter().any(|reading| reading.is_too_long()) {
        return Some("too_long_to_compare");
    }
    let foreign = both.iter().any(|reading| !reading.is_english());
    foreign.then_some("not_english")
}

/// Without the stored text only the cosine is known.
fn unread(evidence: &Evidence<'_>, rule: &Rule) -> Judgement {
    let similarity = evidence.similarity;
    match (rule.probability, rule.strict()) {
        (None, Some(least)) if similarity >= least => Judgement::no(Verdict::Serve, similarity),
        (None, _) => Judgement::no(Verdict::Unsure("text_not_kept"), similarity),
        // No text, no probability: a cosine cannot stand for one.
        (Some(_), _) => Judgement::no(Verdict::Unsure("text_not_kept"), 0.0),
    }
}
