//! Writes down how a request passed the cache, for whoever wants it explained.

use super::Gateway;
use super::ask::Plan;
use crate::cache::Miss;
use crate::cache::entry::Cached;
use crate::cache::semantic::Nearest;
use crate::chat::{Answer, unix_ms};
use crate::embed::Question;
use crate::evidence::decision::{Care, Decision, DecisionOutcome, KeyParts, Word};
use crate::telemetry::Outcome;

impl Gateway {
    /// The same request was answered from memory.
    pub(super) fn note_exact(&self, plan: &Plan, entry: &Cached) {
        let usd = self.price(plan, entry.replay.answer());
        self.evidence.note(Decision {
            entry: Some(entry.id),
            entry_created_ms: Some(entry.created_ms),
            usd,
            ..self.passage(plan, DecisionOutcome::HitExact, "same_request")
        });
    }

    /// Something was compared, and served or not.
    pub(super) fn note_nearest(&self, plan: &Plan, nearest: &Nearest) {
        let keep = plan.policy.keep_text;
        let asked = plan.lookup.question.as_deref().unwrap_or_default();
        let outcome = match nearest.serves() {
            true => DecisionOutcome::Hit,
            false => DecisionOutcome::NearMiss,
        };
        let candidate = nearest.entry.question_text().filter(|_| keep);
        let mark = Question::keep(asked, false).mark();
        self.evidence.note(Decision {
            question: keep.then(|| asked.to_owned()),
            candidate: candidate.map(str::to_owned),
            entry: Some(nearest.entry.id),
            entry_created_ms: Some(nearest.entry.created_ms),
            similarity: Some(nearest.similarity),
            score: Some(nearest.judgement.score),
            usd: self.price(plan, nearest.entry.replay.answer()),
            candidates: Decision::candidates(nearest, mark, keep),
            ..self.passage(plan, outcome, nearest.judgement.verdict.as_str())
        });
    }

    /// Nothing was compared.
    pub(super) fn note_miss(&self, plan: &Plan, miss: &Miss) {
        let (outcome, reason) = match plan.unread {
            Some((Outcome::Bypass, why)) => (DecisionOutcome::Bypass, why),
            Some((_, why)) => (DecisionOutcome::Refresh, why),
            None => (DecisionOutcome::Miss, miss.reason),
        };
        self.evidence.note(self.passage(plan, outcome, reason));
    }

    /// What holds for every request.
    fn passage(&self, plan: &Plan, outcome: DecisionOutcome, reason: &'static str) -> Decision {
        let (rule, key) = (&plan.lookup.rule, &plan.lookup.key);
        Decision {
            time_ms: unix_ms(),
            request_id: plan.ask.id,
            tenant: plan.ask.caller.tenant.as_str().to_owned(),
            namespace: plan.namespace.label.clone(),
            model: plan.ask.request.model().to_owned(),
            outcome,
            reason: Word::Borrowed(reason),
            question: None,
            candidate: None,
            entry: None,
            entry_created_ms: None,
            similarity: None,
            score: None,
            threshold: rule.cosine,
            probability: rule.probability,
            care: Care {
                guards: plan.policy.guards.clone(),
                when_unsure: plan.policy.when_unsure,
            },
            policy_version: plan.policy.version,
            usd: None,
            draw: plan.ask.id.draw(),
            key: KeyParts {
                scope: hex(&key.scope),
                exact: hex(&key.exact),
                origin: plan.origin.clone(),
                asker: plan.asker.as_ref().map(|asker| hex(asker)),
                personal: plan.personal,
                history: Word::Borrowed(plan.history),
            },
            candidates: Vec::new(),
        }
    }

    /// What an answer cost, by list price.
    pub(super) fn price(&self, plan: &Plan, answer: &Answer) -> Option<f64> {
        let (prompt, completion) = answer.tokens()?;
        self.prices
            .cost(plan.ask.request.model(), prompt, completion)
    }
}

/// How hashes are written where people see them.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: [char; 16] = [
        '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f',
    ];
    let nibbles = bytes.iter().flat_map(|b| [b >> 4, b & 15]);
    nibbles.map(|n| DIGITS[usize::from(n)]).collect()
}

/// A hash as [`hex`] wrote it.
pub(super) fn from_hex(text: &str) -> Option<[u8; 32]> {
    let mut hash = [0; 32];
    let digits = text.as_bytes().chunks_exact(2);
    if text.len() != 2 * hash.len() {
        return None;
    }
    for (byte, pair) in hash.iter_mut().zip(digits) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(hash)
}
