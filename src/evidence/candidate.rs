//! One remembered question that a request was compared with, as it is kept: all that a policy decides on, so
//! that another one can be tried on it later.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::decision::Word;
use super::wire::{hex, one_entry};
use crate::cache::semantic::Nearest;
use crate::cache::verdict::Read;
use crate::cache::verdict::facts::{Facts, History, Standing, Verified};
use crate::cache::verdict::features::BASE;
use crate::cache::verdict::guards::{Finding, GUARDS};
use crate::chat::number::{short, short_option, shortest};

/// One candidate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Candidate {
    /// The entry.
    #[serde(with = "one_entry")]
    pub entry: u64,
    /// Its question, where the policy keeps text.
    pub question: Option<String>,
    /// Who asked that, by keyed hash in hexadecimal, where its text is here and the app said so: the entry may be
    /// lost by the time that somebody wants it deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asker: Option<String>,
    /// Mark of its question and of the one asked, in hexadecimal.
    pub marks: [String; 2],
    /// Unix milliseconds of its answer.
    pub created_ms: u64,
    /// Exact cosine.
    #[serde(serialize_with = "short")]
    pub similarity: f32,
    /// By how much it is more alike than the best of the others.
    #[serde(serialize_with = "short_option")]
    pub gap: Option<f32>,
    /// How likely it serves by the measure that decided.
    #[serde(serialize_with = "short")]
    pub score: f32,
    /// What was decided of it.
    pub verdict: Word,
    /// How far it could be compared.
    pub standing: Word,
    /// The probability that it serves by cosine and guards' findings, before any veto and without the verifier; only
    /// where both texts were read.
    #[serde(serialize_with = "short_option")]
    pub model_probability: Option<f32>,
    /// What the verifier said, if it was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verifier: Option<VerifierWord>,
    /// Why the guards could not read the texts, if so.
    pub unreadable: Option<Word>,
    /// Guards that found a difference or could not tell.
    pub guards: Vec<GuardFinding>,
    /// What the model saw beside the guards' findings, by name.
    pub features: BTreeMap<Word, f64>,
    /// How often the entry's answer was said to be right and wrong by then, weighted by trust.
    pub said_right: f32,
    /// As above.
    pub said_wrong: f32,
}

/// What the model that reads both questions said.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VerifierWord {
    /// Its own probability that one answer serves both; none where it said nothing.
    #[serde(serialize_with = "short_option")]
    pub says: Option<f32>,
    /// The probability that the answer serves, by that, cosine and guards' findings together.
    #[serde(serialize_with = "short_option")]
    pub probability: Option<f32>,
}

/// What one guard found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GuardFinding {
    /// Its name.
    pub guard: Word,
    /// Whether it says `different`, or is `unsure`.
    pub finding: Word,
    /// Why.
    pub reason: Word,
}

impl Candidate {
    pub(super) fn of(nearest: &Nearest, asked: u64, keep_text: bool) -> Self {
        let judged = &nearest.judgement;
        let question = nearest.entry.question.as_ref();
        let text = nearest.entry.question_text().filter(|_| keep_text);
        let (standing, model_probability) = told(judged.facts.standing);
        let read = judged.read.as_ref();
        let asker = nearest.entry.asker.filter(|_| text.is_some());
        Self {
            entry: nearest.entry.id,
            question: text.map(str::to_owned),
            asker: asker.map(|asker| hex(&asker)),
            marks: [question.map_or(0, |q| q.mark()), asked].map(|m| format!("{m:016x}")),
            created_ms: nearest.entry.created_ms,
            similarity: nearest.similarity,
            gap: nearest.gap,
            score: judged.score,
            verdict: judged.verdict.as_str().into(),
            standing: standing.into(),
            model_probability,
            verifier: word(judged.facts.verified),
            unreadable: read.and_then(|r| r.unreadable).map(Word::from),
            guards: read.map(findings).unwrap_or_default(),
            features: read.map(features).unwrap_or_default(),
            said_right: judged.facts.history.right,
            said_wrong: judged.facts.history.wrong,
        }
    }

    /// Drops the text, and whose it was.
    pub(super) fn forget_text(&mut self) {
        self.question = None;
        self.asker = None;
    }

    pub(super) fn same_request(entry: u64, created_ms: u64) -> Self {
        let told = Word::Borrowed("same_request");
        Self {
            entry,
            created_ms,
            question: None,
            asker: None,
            marks: [String::new(), String::new()],
            similarity: 1.0,
            gap: None,
            score: 1.0,
            verdict: told.clone(),
            standing: told,
            model_probability: None,
            verifier: None,
            unreadable: None,
            guards: Vec::new(),
            features: BTreeMap::new(),
            said_right: 0.0,
            said_wrong: 0.0,
        }
    }

    /// The marks of its question and of the one asked.
    #[must_use]
    pub fn pair(&self) -> (u64, u64) {
        let mark = |text: &String| u64::from_str_radix(text, 16).unwrap_or(0);
        (mark(&self.marks[0]), mark(&self.marks[1]))
    }

    /// What a policy decides on.
    #[must_use]
    pub fn facts(&self) -> Facts {
        let standing = match (&*self.standing, self.model_probability) {
            ("compared", Some(probability)) => Standing::Compared {
                probability,
                readable: self.unreadable.is_none(),
            },
            ("earlier_turn", _) => Standing::EarlierTurn,
            ("blocked", _) => Standing::Blocked,
            ("same_question", _) => Standing::SameQuestion,
            ("no_text", _) => Standing::NoText,
            // What a later build may say more of is not served on the word of this one.
            _ => Standing::SameTokens,
        };
        let differs = |i: &usize| {
            let name = GUARDS[*i].name;
            let found = self.guards.iter().find(|g| g.guard == name);
            found.is_some_and(|g| g.finding == DIFFERENT)
        };
        Facts {
            similarity: self.similarity,
            standing,
            different: (0..GUARDS.len())
                .filter(differs)
                .fold(0, |set, i| set | 1 << i),
            history: History {
                right: self.said_right,
                wrong: self.said_wrong,
            },
            verified: self.verifier.as_ref().map_or(Verified::Unasked, heard),
        }
    }
}

/// In its own words a probability, which people read more easily than log-odds.
fn word(verified: Verified) -> Option<VerifierWord> {
    match verified {
        Verified::Unasked => None,
        Verified::Silent => Some(VerifierWord {
            says: None,
            probability: None,
        }),
        Verified::Said {
            log_odds,
            probability,
        } => Some(VerifierWord {
            says: Some(1.0 / (1.0 + (-log_odds).exp())),
            probability: Some(probability),
        }),
    }
}

fn heard(word: &VerifierWord) -> Verified {
    match (word.says, word.probability) {
        (Some(says), Some(probability)) => Verified::Said {
            log_odds: (says / (1.0 - says)).ln(),
            probability,
        },
        _ => Verified::Silent,
    }
}

const DIFFERENT: &str = "different";

fn told(standing: Standing) -> (&'static str, Option<f32>) {
    match standing {
        Standing::EarlierTurn => ("earlier_turn", None),
        Standing::Blocked => ("blocked", None),
        Standing::SameTokens => ("same_tokens", None),
        Standing::SameQuestion => ("same_question", None),
        Standing::NoText => ("no_text", None),
        Standing::Compared { probability, .. } => ("compared", Some(probability)),
    }
}

fn findings(read: &Read) -> Vec<GuardFinding> {
    let named = GUARDS.iter().zip(&read.findings);
    named
        .filter_map(|(guard, finding)| {
            let (finding, reason) = match finding {
                Finding::Equal => return None,
                // Where nothing can be read, no guard can tell: said once, not by each of them.
                Finding::Unsure(_) if read.unreadable.is_some() => return None,
                Finding::Unsure(why) => ("unsure", *why),
                Finding::Different(why) => (DIFFERENT, *why),
            };
            Some(GuardFinding {
                guard: guard.name.into(),
                finding: finding.into(),
                reason: reason.into(),
            })
        })
        .collect()
}

fn features(read: &Read) -> BTreeMap<Word, f64> {
    let named = BASE.iter().zip(read.features.0);
    let known = named.filter(|(_, value)| value.is_finite());
    known
        .map(|(name, value)| (Word::from(*name), shortest(value)))
        .collect()
}
