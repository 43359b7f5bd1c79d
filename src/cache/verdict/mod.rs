//! Decides whether a remembered answer serves a question: typed guards that can veto, then one
//! cosine or one calibrated probability, as the policy says. Pure.
//!
//! Read [`judge`] for the decision, [`facts`] for what of it depends on the policy, [`guards`] for what two
//! texts may not differ in, [`features`] and [`model`] for the probability. What the verifier says comes later, where
//! the rule asks it, and changes a [`Judgement`] by [`Judgement::heard`].

pub mod facts;
pub mod features;
pub mod guards;
pub mod model;
mod rule;
#[cfg(test)]
mod tests;

pub use rule::{Grey, GuardSet, Rule, Verify, WhenUnsure};

use self::facts::{Call, Facts, History, Standing, Verified};
use self::features::Features;
use self::guards::{Finding, Pair, Reading};
use self::model::Model;
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
    /// What is known of the one remembered besides its words.
    pub known: Known,
}

/// What is known of a remembered question besides its words.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Known {
    /// Whether it and the one asked are turns of one conversation.
    pub earlier_turn: bool,
    /// Whether its answer was said to be wrong for the one asked.
    pub blocked: bool,
    /// What was said of its answer before.
    pub history: History,
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
    /// It was said to be wrong for this question.
    Blocked,
    /// The guards cannot read them, and the policy takes no chances.
    Unsure(&'static str),
    /// The verifier was asked and said nothing, and without it this is not enough.
    Unverified,
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
            Self::Blocked => "reported_wrong",
            Self::SameTokens => "same_tokens_other_text",
            Self::Unverified => "not_verified",
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
    /// What the policy decided on.
    pub facts: Facts,
    /// What else was found where both texts were read.
    pub read: Option<Read>,
}

/// What was found in two texts.
#[derive(Debug, Clone, Copy)]
pub struct Read {
    /// What each guard found, in the order of [`guards::GUARDS`].
    pub findings: [Finding; guards::COUNT],
    /// What the model saw.
    pub features: Features,
    /// Why the guards cannot read the texts, if they cannot.
    pub unreadable: Option<&'static str>,
}

/// Judges one remembered question.
#[must_use]
pub fn judge(evidence: &Evidence<'_>, rule: &Rule) -> Judgement {
    let (standing, read) = look(evidence);
    let facts = Facts {
        similarity: evidence.similarity,
        standing,
        different: read.as_ref().map_or(0, |r| facts::different(&r.findings)),
        history: evidence.known.history,
        verified: Verified::Unasked,
    };
    let (call, score) = rule.call(&facts);
    Judgement {
        verdict: verdict(call, read.as_ref()),
        score,
        facts,
        read,
    }
}

impl Judgement {
    /// Whether the verifier is to be asked under `rule`.
    #[must_use]
    pub fn asks(&self, rule: &Rule) -> bool {
        rule.open(&self.facts)
    }

    /// Whether it is left at that nobody asked the verifier, for want of time or because others were likelier.
    #[must_use]
    pub fn passed_over(&self) -> bool {
        self.verdict == Verdict::Unverified && self.facts.verified == Verified::Unasked
    }

    /// The judgement after the verifier was asked: with its log-odds, or none where it said nothing.
    #[must_use]
    pub fn heard(mut self, log_odds: Option<f32>, rule: &Rule) -> Self {
        self.facts.verified = match (log_odds, self.read.as_mut()) {
            (Some(log_odds), Some(read)) => {
                read.features = read.features.verified(log_odds);
                Verified::said(log_odds, &read.features)
            }
            _ => Verified::Silent,
        };
        let (call, score) = rule.call(&self.facts);
        self.verdict = verdict(call, self.read.as_ref());
        self.score = score;
        self
    }
}

fn verdict(call: Call, read: Option<&Read>) -> Verdict {
    match call {
        Call::Serve => Verdict::Serve,
        Call::Vetoed(guard) => match read.map(|r| r.findings[guard]) {
            Some(Finding::Different(why)) => Verdict::Vetoed(why),
            _ => Verdict::Vetoed("guard"),
        },
        Call::BelowThreshold => Verdict::BelowThreshold,
        Call::BelowProbability => Verdict::BelowProbability,
        Call::Unsure => {
            Verdict::Unsure(read.map_or(TEXT_NOT_KEPT, |r| r.unreadable.unwrap_or("unsure")))
        }
        Call::Unverified => Verdict::Unverified,
        Call::SameTokens => Verdict::SameTokens,
        Call::EarlierTurn => Verdict::EarlierTurn,
        Call::Blocked => Verdict::Blocked,
    }
}

const TEXT_NOT_KEPT: &str = "text_not_kept";

fn look(evidence: &Evidence<'_>) -> (Standing, Option<Read>) {
    if evidence.known.earlier_turn {
        return (Standing::EarlierTurn, None);
    }
    if evidence.known.blocked {
        return (Standing::Blocked, None);
    }
    let blind = evidence.asked_tokens == evidence.stored_tokens;
    let same = evidence.stored.is(evidence.asked);
    if blind && !same {
        return (Standing::SameTokens, None);
    }
    let same = same && (blind || asks_alike(evidence));
    match evidence.stored.text() {
        // The words are the same question, whatever mark is at its end: nothing to compare.
        _ if same => (Standing::SameQuestion, None),
        Some(stored) => read(evidence, &Reading::of(stored)),
        None => (Standing::NoText, None),
    }
}

/// Whether two texts of the same words both ask or both tell: `Anna passed.` is not `Anna passed?`. Where the words
/// themselves ask, the mark says nothing.
fn asks_alike(evidence: &Evidence<'_>) -> bool {
    let marked = |text: &str| text.trim_end().ends_with('?');
    let stored = evidence.stored.text();
    stored.is_some_and(|stored| marked(stored) == marked(evidence.asked)) || evidence.reading.asks()
}

fn read(evidence: &Evidence<'_>, stored: &Reading) -> (Standing, Option<Read>) {
    let pair = Pair::of(stored, evidence.reading);
    let findings = guards::examine(&pair);
    let features = Features::of(evidence, &pair, &findings);
    let unreadable = unreadable(&pair);
    let standing = Standing::Compared {
        // Without a model nothing is likely.
        probability: Model::committed().map_or(0.0, |m| m.probability(&features)),
        readable: unreadable.is_none(),
    };
    let read = Read {
        findings,
        features,
        unreadable,
    };
    (standing, Some(read))
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
