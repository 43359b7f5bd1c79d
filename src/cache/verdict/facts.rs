//! What is known of a candidate whatever a policy makes of it, and what a rule makes of that. The same
//! facts decide a request now and tell later what another rule would have decided. Pure.

use super::features::Features;
use super::guards::{COUNT, Finding};
use super::model::Model;
use super::rule::{Rule, WhenUnsure, halfway};

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
    /// What the model said that read both.
    pub verified: Verified,
}

/// What the verifier said of a candidate.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Verified {
    /// It was not asked.
    #[default]
    Unasked,
    /// It was, and said nothing in time, or could not read them.
    Silent,
    /// What it said.
    Said {
        /// Its own log-odds that one answer serves both.
        log_odds: f32,
        /// The probability that the answer serves, by all that is known.
        probability: f32,
    },
}

impl Verified {
    /// What was said of a pair with these features.
    #[must_use]
    pub fn said(log_odds: f32, features: &Features) -> Self {
        let model = Model::with_verifier();
        Self::Said {
            log_odds,
            probability: model.map_or(0.0, |m| m.probability(&features.verified(log_odds))),
        }
    }
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
        /// The probability that the answer serves by cosine and guards, without the verifier.
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
    /// The verifier was asked and said nothing, and without it this is not enough.
    Unverified,
    /// As [`Standing::SameTokens`].
    SameTokens,
    /// As [`Standing::EarlierTurn`].
    EarlierTurn,
    /// As [`Standing::Blocked`].
    Blocked,
}

/// What a candidate is measured by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bar {
    Usual,
    /// The guards could not read it, and the policy takes care.
    Unreadable,
    /// The verifier should have read it.
    Unheard,
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
            Standing::SameQuestion => {
                self.compare(similarity, facts.history.shrink(1.0), Bar::Usual)
            }
            Standing::NoText => self.guess(similarity),
            Standing::Compared {
                probability,
                readable,
            } => match self.guards.first_of(facts.different) {
                Some(guard) => (Call::Vetoed(guard), 0.0),
                None => self.weigh(facts, similarity, probability, readable),
            },
        }
    }

    /// Whether the verifier is to be asked of a candidate under this rule: the words were read, no guard vetoes, it is open
    /// whether it serves, and it may.
    #[must_use]
    pub fn open(&self, facts: &Facts) -> bool {
        let Standing::Compared {
            probability,
            readable,
        } = facts.standing
        else {
            return false;
        };
        self.asks(probability)
            && self.guards.first_of(facts.different).is_none()
            && facts.history.widen(facts.similarity) >= self.cosine
            && (readable || self.when_unsure != WhenUnsure::Miss)
    }

    /// Whether this rule would have asked the verifier of a candidate of which it was not asked: what the rule makes of it
    /// is not known.
    #[must_use]
    pub fn unheard(&self, facts: &Facts) -> bool {
        facts.verified == Verified::Unasked && self.open(facts)
    }

    /// By what the verifier said, where this rule asks it; more strictly where it has said nothing.
    fn weigh(&self, facts: &Facts, similarity: f32, alone: f32, readable: bool) -> (Call, f32) {
        let (probability, heard) = match facts.verified {
            Verified::Said { probability, .. } if self.open(facts) => (probability, true),
            _ => (alone, !self.open(facts)),
        };
        let bar = match readable || self.when_unsure == WhenUnsure::Serve {
            false => Bar::Unreadable,
            true if heard => Bar::Usual,
            true => Bar::Unheard,
        };
        self.compare(similarity, facts.history.shrink(probability), bar)
    }

    fn compare(&self, similarity: f32, probability: f32, bar: Bar) -> (Call, f32) {
        let score = match self.probability {
            Some(_) => probability,
            None => similarity,
        };
        let (least, short) = match bar {
            Bar::Usual => (Some(self.least()), None),
            Bar::Unreadable => (self.strict(), Some(Call::Unsure)),
            Bar::Unheard => (Some(halfway(self.least())), Some(Call::Unverified)),
        };
        // Written so that what is not a number is a no.
        let reaches = least.is_some_and(|least| score >= least);
        let call = match (reaches, short) {
            (false, Some(short)) => short,
            (true, _) if similarity >= self.cosine => Call::Serve,
            (false, None) if self.probability.is_some() => Call::BelowProbability,
            _ => Call::BelowThreshold,
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
    use crate::cache::verdict::{Grey, Verify};

    fn compared(probability: f32, history: History) -> Facts {
        Facts {
            similarity: 0.96,
            standing: Standing::Compared {
                probability,
                readable: true,
            },
            different: 0,
            history,
            verified: Verified::Unasked,
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

    fn verified(alone: f32, verified: Verified) -> Facts {
        Facts {
            verified,
            ..compared(alone, said(0.0, 0.0))
        }
    }

    fn asking(verify: Verify) -> Rule {
        Rule {
            verify,
            grey: Grey { from: 0.2, to: 0.9 },
            ..probable()
        }
    }

    #[test]
    fn what_the_verifier_said_decides_where_the_rule_asks_it() {
        let yes = Verified::Said {
            log_odds: 3.0,
            probability: 0.95,
        };
        let no = Verified::Said {
            log_odds: -3.0,
            probability: 0.05,
        };
        let call = |verify, alone, verdict| asking(verify).call(&verified(alone, verdict)).0;
        assert_eq!(call(Verify::Grey, 0.5, yes), Call::Serve);
        assert_eq!(call(Verify::Grey, 0.8, no), Call::BelowProbability);
        // Outside the band nobody asks, so nothing that was said to another rule counts.
        assert_eq!(call(Verify::Grey, 0.1, yes), Call::BelowProbability);
        assert_eq!(call(Verify::Grey, 0.95, no), Call::Serve);
        assert_eq!(call(Verify::Always, 0.1, yes), Call::Serve);
        assert_eq!(call(Verify::Always, 0.95, no), Call::BelowProbability);
        assert_eq!(call(Verify::Never, 0.8, no), Call::Serve);
    }

    #[test]
    fn where_it_said_nothing_the_rest_must_be_surer() {
        let call = |alone, word| asking(Verify::Grey).call(&verified(alone, word)).0;
        assert_eq!(call(0.8, Verified::Silent), Call::Unverified);
        assert_eq!(call(0.86, Verified::Silent), Call::Serve);
        assert_eq!(call(0.95, Verified::Silent), Call::Serve);
        assert_eq!(call(0.1, Verified::Silent), Call::BelowProbability);
        // What nobody asked of is not known either.
        assert_eq!(call(0.8, Verified::Unasked), Call::Unverified);
        let asked = |alone, verdict| asking(Verify::Grey).unheard(&verified(alone, verdict));
        assert!(asked(0.8, Verified::Unasked));
        assert!(!asked(0.8, Verified::Silent) && !asked(0.95, Verified::Unasked));
    }

    #[test]
    fn it_is_not_asked_of_what_cannot_serve() {
        let near = verified(0.5, Verified::Unasked);
        let far = Rule {
            cosine: 0.97,
            ..asking(Verify::Always)
        };
        assert!(asking(Verify::Always).open(&near) && !far.open(&near));
        let foreign = Facts {
            standing: Standing::Compared {
                probability: 0.5,
                readable: false,
            },
            ..near
        };
        let careful = Rule {
            when_unsure: WhenUnsure::Miss,
            ..asking(Verify::Always)
        };
        assert!(asking(Verify::Always).open(&foreign) && !careful.open(&foreign));
    }

    #[test]
    fn a_cosine_decides_without_it() {
        let rule = Rule {
            verify: Verify::Always,
            ..Rule::by_cosine(0.9)
        };
        assert!(!rule.asks(0.5));
        assert_eq!(rule.call(&verified(0.0, Verified::Silent)).0, Call::Serve);
    }
}
