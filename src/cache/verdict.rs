//! Decides whether a remembered answer serves a question, from the exact cosine
//! of the two and from their texts. Pure.

use crate::embed::{Question, TokenDigest};

/// What is known of the question asked and of one remembered.
#[derive(Debug, Clone, Copy)]
pub struct Evidence<'a> {
    /// The question asked.
    pub asked: &'a str,
    /// Digest of its token ids.
    pub asked_tokens: &'a TokenDigest,
    /// What was kept of the question remembered.
    pub stored: &'a Question,
    /// Digest of its token ids.
    pub stored_tokens: &'a TokenDigest,
    /// Exact cosine of their vectors.
    pub similarity: f32,
    /// Least similarity of a hit.
    pub threshold: f32,
}

/// The decision, with its reason where it is no.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The answer serves.
    Serve,
    /// Not alike enough.
    BelowThreshold,
    /// The encoder sees no difference between the two, but there is one.
    SameTokens,
}

impl Verdict {
    /// The reason as headers and logs spell it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Serve => "similar",
            Self::BelowThreshold => "below_threshold",
            Self::SameTokens => "same_tokens_other_text",
        }
    }
}

/// Judges one remembered question.
#[must_use]
pub fn judge(evidence: &Evidence<'_>) -> Verdict {
    // Written so that a similarity that is not a number is a no.
    let alike = evidence.similarity >= evidence.threshold;
    if !alike {
        return Verdict::BelowThreshold;
    }
    let blind = evidence.asked_tokens == evidence.stored_tokens;
    if blind && !evidence.stored.is(evidence.asked) {
        return Verdict::SameTokens;
    }
    Verdict::Serve
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The verdict, which does not depend on the form in which the stored question was kept.
    fn verdict(asked: &str, stored: &str, same: bool, similarity: f32) -> Verdict {
        let (a, b) = (TokenDigest([0; 16]), TokenDigest([1; 16]));
        let [text, digest] = [true, false].map(|as_text| {
            judge(&Evidence {
                asked,
                asked_tokens: &a,
                stored: &Question::keep(stored, as_text),
                stored_tokens: if same { &a } else { &b },
                similarity,
                threshold: 0.92,
            })
        });
        assert_eq!(text, digest);
        text
    }

    #[test]
    fn likeness_decides_from_the_threshold_on() {
        assert_eq!(verdict("a", "b", false, 0.92), Verdict::Serve);
        assert_eq!(verdict("a", "b", false, 0.9199), Verdict::BelowThreshold);
        assert_eq!(verdict("a", "b", false, f32::NAN), Verdict::BelowThreshold);
    }

    #[test]
    fn what_the_encoder_cannot_tell_apart_is_compared_as_text() {
        assert_eq!(
            verdict("Is US ok", "Is us ok", true, 1.0),
            Verdict::SameTokens
        );
        assert_eq!(verdict("años", "anos", true, 1.0), Verdict::SameTokens);
        assert_eq!(verdict("Hi there?", "hi  there", true, 1.0), Verdict::Serve);
    }
}
