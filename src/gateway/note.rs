//! Writes down how a request passed the cache, for whoever wants it explained.

use super::Gateway;
use super::ask::Plan;
use crate::cache::Miss;
use crate::cache::entry::Cached;
use crate::cache::history::{LeftOut, is_system};
use crate::cache::scope::{CacheKey, Ground};
use crate::cache::semantic::Nearest;
use crate::chat::number::usd;
use crate::chat::{Answer, joined_text, unix_ms};
use crate::embed::Question;
use crate::evidence::decision::{Care, Decision, DecisionOutcome, KeyParts, Word};
use crate::evidence::hex;
use crate::evidence::prompts::PromptParts;
use crate::ledger::Usage;
use crate::telemetry::Outcome;

impl Gateway {
    /// The same request was answered from memory.
    pub(super) fn note_exact(&self, plan: &Plan, entry: &Cached) {
        if !self.notes_plain() {
            return;
        }
        self.evidence.note(Decision {
            entry: Some(entry.id),
            entry_created_ms: Some(entry.created_ms),
            usd: self.price(plan, entry.replay.answer()),
            ..self.passage(plan, DecisionOutcome::HitExact, "same_request")
        });
    }

    /// Something was compared, and served or not.
    pub(super) fn note_nearest(&self, plan: &Plan, nearest: &Nearest) {
        self.note_compared(plan, nearest, nearest.judgement.verdict.as_str());
    }

    /// The same, for a reason of its own.
    pub(super) fn note_compared(&self, plan: &Plan, nearest: &Nearest, reason: &'static str) {
        // Asked again: the policy may have changed meanwhile.
        let keep = self.policies.of(&plan.namespace.label).keep_text;
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
            change: Self::on_trial(plan, nearest),
            candidates: Decision::candidates(nearest, mark, keep),
            ..self.passage(plan, outcome, reason)
        });
    }

    /// Nothing was compared.
    pub(super) fn note_miss(&self, plan: &Plan, miss: &Miss) {
        if !self.notes_plain() {
            return;
        }
        let (outcome, reason) = match plan.unread {
            Some((Outcome::Bypass, why)) => (DecisionOutcome::Bypass, why),
            Some((_, why)) => (DecisionOutcome::Refresh, why),
            None => (DecisionOutcome::Miss, miss.reason),
        };
        let passage = self.passage(plan, outcome, reason);
        let keep = self.policies.of(&plan.namespace.label).keep_text;
        let asked = plan.lookup.question.as_deref().ok();
        self.evidence.note(Decision {
            // Under another system prompt it may have been asked before.
            question: asked
                .filter(|_| keep && passage.key.prompt.is_some())
                .map(str::to_owned),
            ..passage
        });
    }

    /// What tells whether it was asked before under another system prompt.
    fn prompt_of(&self, plan: &Plan) -> Option<PromptParts> {
        let asked = plan.lookup.question.as_deref().ok()?;
        let before = plan.ask.request.before().iter();
        let texts = before.filter(|m| is_system(m));
        let texts: Vec<String> = texts.map(|m| joined_text(m.get("content"))).collect();
        if texts.is_empty() {
            return None;
        }
        let namespace = &plan.namespace;
        let keep = self.policies.of(&namespace.label).keep_text;
        let (system, shape) = self.evidence.prompts().meet(&namespace.label, texts, keep);
        let ground = Ground {
            namespace,
            origin: &plan.origin,
            headers: &plan.ask.headers,
            history: &plan.history,
            asker: plan.asker.as_ref().filter(|_| plan.personal),
            left_out: LeftOut::All,
        };
        let rest = CacheKey::of(&ground, &plan.ask.request).scope;
        let (first, _) = rest.split_first_chunk()?;
        Some(PromptParts {
            system,
            shape,
            rest: u64::from_le_bytes(*first),
            asked: Question::keep(asked, false).mark(),
        })
    }

    fn notes_plain(&self) -> bool {
        let wanted = self.evidence.wants_plain(unix_ms());
        if !wanted {
            self.metrics.decisions_left_out.increment(1);
        }
        wanted
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
                // Which is never where none runs.
                verifier: Some(rule.verify),
                grey: Some(plan.policy.grey),
            },
            policy_version: plan.policy.version,
            policy_models: plan.policy.of_models.clone(),
            change: None,
            usd: None,
            draw: plan.ask.id.draw(),
            key: KeyParts {
                scope: key.scope,
                exact: key.exact,
                origin: plan.origin.clone(),
                asker: plan.asker.as_ref().map(|asker| hex(asker)),
                personal: plan.personal,
                history: Word::Borrowed(plan.history.standing.as_str()),
                prompt: self.prompt_of(plan),
            },
            candidates: Vec::new(),
        }
    }

    /// What an answer cost, by list price.
    pub(super) fn price(&self, plan: &Plan, answer: &Answer) -> Option<f64> {
        let counted = answer.counted()?;
        let usage = Usage {
            prompt: counted.prompt,
            cached: counted.cached,
            written: counted.written,
            completion: counted.completion,
        };
        let cost = |model: &str| self.prices.cost_at(None, model, &usage);
        // An alias has no price of its own.
        let asked = cost(plan.ask.request.model());
        asked.or_else(|| cost(answer.model()?)).map(usd)
    }
}
