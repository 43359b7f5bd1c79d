//! What is known of a candidate whatever a policy makes of it, and what a rule makes of that. The same
//! facts decide a request now and tell later what another rule would have decided. Pure.

use super::guards::{COUNT, Finding};
use super::rule::{Rule, WhenUnsure};

/// What is known of a candidate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Facts {
    /// Exact cosine to the question asked.
    pub similarity: f32,
    /// How far the two could be compared.
    pub standing: Standing,
    /// Guards that found a difference, one bit each in the order of [`super::guards::GUARDS`].
    pub different: u32,
    /// What was said of the candidate's answer before.
    pub history: History,
}

/// How far two questions could be compared.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Standing {
    /// One was asked before the other in the same conversation.
    EarlierTurn,
    /// Somebody said that the one's answer is wrong for the other.
    Blocked,
    /// The encoder sees no difference, but there is one.
    SameTokens,
    /// The same question in the same words.
    SameQuestion,
    /// The text of the one remembered was not kept.
    NoText,
    /// Both texts were read.
    Compared {
        /// The model's probability that the answer serves.
        probability: f32,
        /// Whether the guards can read both.
        readable: bool,
    },
}

/// How often an entry's answer was said to be right and wrong, each time counted by how far it is trusted.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct History {
    /// Right.
    pub right: f32,
    /// Wrong.
    pub wrong: f32,
}

/// What a rule makes of a candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Call {
    /// It serves.
    Serve,
    /// The guard of this number forbids it.
    Vetoed(usize),
    /// Its likeness is not enough.
    BelowThreshold,
    /// Its probability is not enough.
    BelowProbability,
    /// It cannot be read well enough for so careful a rule.
    Unsure,
    /// As [`Standing::SameTokens`].
    SameTokens,
    /// As [`Standing::EarlierTurn`].
    EarlierTurn,
    /// As [`Standing::Blocked`].
    Blocked,
}

/// How many judgements of an entry's answers weigh as much as the model's opinion of a pair. Small, since
/// an entry that was wrong twice is worth a call to a provider, and large enough that one careless report
/// does not end a good one.
const PRIOR: f32 = 4.0;

impl History {
    /// A probability after what was said of the entry: the mean of a beta distribution that starts at the
    /// model's opinion with the weight of four judgements.
    #[must_use]
    pub fn shrink(self, probability: f32) -> f32 {
        if self == Self::default() {
            return probability;
        }
        (PRIOR * probability + self.right) / (PRIOR + self.right + self.wrong)
    }

    /// A cosine after what was said of the entry: each time that it was wrong once more than right
    /// doubles the distance. Being right brings nobody nearer.
    #[must_use]
    pub fn widen(self, similarity: f32) -> f32 {
        let more = (self.wrong - self.right).max(0.0);
        1.0 - (1.0 - similarity) * more.exp2()
    }
}

impl Rule {
    /// What this rule makes of a candidate, and how likely it serves by the measure that decides, 0 to 1.
    #[must_use]
    pub fn call(&self, facts: &Facts) -> (Call, f32) {
        let similarity = facts.history.widen(facts.similarity);
        // A similarity that is not a number is a no.
        let alike = similarity >= self.cosine;
        let far = !alike && self.probability.is_none();
        match facts.standing {
            Standing::EarlierTurn => (Call::EarlierTurn, 0.0),
            Standing::Blocked => (Call::Blocked, 0.0),
            _ if far => (Call::BelowThreshold, similarity.max(0.0)),
            Standing::SameTokens => (Call::SameTokens, 0.0),
            Standing::SameQuestion => self.compare(similarity, facts.history.shrink(1.0), true),
            Standing::NoText => self.guess(similarity),
            Standing::Compared {
                probability,
                readable,
            } => match self.guards.first_of(facts.different) {
                Some(guard) => (Call::Vetoed(guard), 0.0),
                None => self.compare(similarity, facts.history.shrink(probability), readable),
            },
        }
    }

    fn compare(&self, similarity: f32, probability: f32, readable: bool) -> (Call, f32) {
        let score = match self.probability {
            Some(_) => probability,
            None => similarity,
        };
        let least = match self.when_unsure {
            unsure if !readable && unsure != WhenUnsure::Serve => match self.strict() {
                Some(least) if score >= least => least,
                _ => return (Call::Unsure, score),
            },
            _ => self.least(),
        };
        // Written so that what is not a number is a no.
        let enough = score >= least && similarity >= self.cosine;
        let call = match (enough, self.probability) {
            (true, _) => Call::Serve,
            (false, Some(_)) if score >= least => Call::BelowThreshold,
            (false, Some(_)) => Call::BelowProbability,
            (false, None) => Call::BelowThreshold,
        };
        (call, score)
    }

    /// Without the stored text only the cosine is known, and a cosine cannot stand for a probability.
    fn guess(&self, similarity: f32) -> (Call, f32) {
        match (self.probability, self.strict()) {
            (None, Some(least)) if similarity >= least => (Call::Serve, similarity),
            (None, _) => (Call::Unsure, similarity),
            (Some(_), _) => (Call::Unsure, 0.0),
        }
    }
}

/// The guards that found a difference, one bit each.
#[must_use]
pub fn different(findings: &[Finding; COUNT]) -> u32 {
    let says = findings
        .iter()
        .enumerate()
        .filter(|(_, f)| f.is_different());
    says.fold(0, |set, (i, _)| set | 1 << i)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compared(probability: f32, history: History) -> Facts {
        Facts {
            similarity: 0.96,
            standing: Standing::Compared {
                probability,
                readable: true,
            },
            different: 0,
            history,
        }
    }

    fn said(right: f32, wrong: f32) -> History {
        History { right, wrong }
    }

    fn probable() -> Rule {
        Rule {
            probability: Some(0.7),
            ..Rule::by_cosine(0.0)
        }
    }

    #[test]
    fn an_entry_that_was_wrong_reaches_less_far_and_one_that_was_right_further() {
        let call = |p, history| probable().call(&compared(p, history)).0;
        assert_eq!(call(0.8, said(0.0, 0.0)), Call::Serve);
        assert_eq!(call(0.8, said(0.0, 1.0)), Call::BelowProbability);
        assert_eq!(call(0.8, said(4.0, 1.0)), Call::Serve);
        assert_eq!(call(0.65, said(0.0, 0.0)), Call::BelowProbability);
        assert_eq!(call(0.65, said(2.0, 0.0)), Call::Serve);
    }

    #[test]
    fn a_wrong_answer_must_be_twice_as_near_by_the_cosine_and_a_right_one_as_near_as_before() {
        let rule = Rule::by_cosine(0.94);
        let call = |history| rule.call(&compared(0.0, history)).0;
        assert_eq!(call(said(3.0, 0.0)), Call::Serve);
        assert_eq!(call(said(0.0, 0.5)), Call::Serve);
        assert_eq!(call(said(0.0, 1.0)), Call::BelowThreshold);
        assert_eq!(call(said(1.0, 1.0)), Call::Serve);
    }

    #[test]
    fn what_is_blocked_does_not_serve_however_alike() {
        let facts = Facts {
            standing: Standing::Blocked,
            ..compared(1.0, said(9.0, 0.0))
        };
        for rule in [probable(), Rule::by_cosine(0.0)] {
            assert_eq!(rule.call(&facts), (Call::Blocked, 0.0));
        }
    }

    #[test]
    fn the_same_question_serves_until_its_entry_was_wrong_too_often() {
        let call = |wrong| {
            let facts = Facts {
                similarity: 1.0,
                standing: Standing::SameQuestion,
                ..compared(0.0, said(0.0, wrong))
            };
            probable().call(&facts).0
        };
        assert_eq!(call(1.0), Call::Serve);
        assert_eq!(call(2.0), Call::BelowProbability);
    }
}
