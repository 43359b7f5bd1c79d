//! What apps and analysts say of an answer: taken down, and in force at once.

use std::sync::Arc;

use super::Gateway;
use super::error::{ApiError, Code};
use crate::cache::entry::Cached;
use crate::evidence::decision::{Decision, DecisionOutcome};
use crate::evidence::label::{Label, Opined, Opinion};

/// What saying so did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// There is nothing to learn from it: nothing had been served or compared, or what is remembered is not theirs.
    None,
    /// It is kept, and does not count: somebody who is trusted more spoke of the same request.
    Outweighed,
    /// It counts as evidence; the entry reaches as far as that allows.
    Counted,
    /// The two questions are kept apart from now on.
    Blocked,
    /// The entry is gone: its answer was wrong for its own question.
    Forgotten,
}

impl Effect {
    /// As replies spell it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Outweighed => "outweighed",
            Self::Counted => "counted",
            Self::Blocked => "blocked",
            Self::Forgotten => "forgotten",
        }
    }
}

impl Gateway {
    /// Takes down what an app says of the answer that it was given. One that came from a provider says nothing of
    /// what was remembered; if it was wrong, it is not remembered any more either. Blocks.
    ///
    /// # Errors
    /// As [`Gateway::opine`].
    pub fn hear(&self, decision: &Decision, opined: Opined) -> Result<Effect, ApiError> {
        use DecisionOutcome::{Hit, HitExact};
        if matches!(decision.outcome, Hit | HitExact) {
            return self.opine(decision, opined);
        }
        let wrong = Some(opined.verdict).filter(|v| *v == Opinion::Wrong);
        let (memory, exact) = (self.cache.memory(), &decision.key.exact);
        let stored = wrong.and_then(|_| memory.hot(exact).or_else(|| memory.load_exact(exact)));
        // What was remembered before is not the answer that this request was given.
        let own = stored.filter(|e| e.created_ms >= decision.time_ms && is_own(e, decision));
        let own = own.filter(|entry| !self.was_renewed(entry, decision));
        own.map_or(Ok(Effect::None), |entry| self.forget(&entry))
    }

    /// Whether somebody had the answer renewed after this request: what is remembered then is not the one it was given.
    fn was_renewed(&self, entry: &Cached, decision: &Decision) -> bool {
        let between = decision.time_ms..=entry.created_ms;
        let renews = |d: &Decision| {
            d.outcome == DecisionOutcome::Refresh
                && d.key.exact == decision.key.exact
                && d.request_id != decision.request_id
                && between.contains(&d.time_ms)
        };
        let mut found = self.evidence.decisions(1, renews);
        found.extend(self.evidence.plain(1, renews));
        !found.is_empty()
    }

    /// Forgets an entry. It is gone from the disk, too: a crash must not bring it back.
    fn forget(&self, entry: &Cached) -> Result<Effect, ApiError> {
        self.cache.forget(&[entry.id]);
        self.cache.memory().store().flush().map_err(|cause| {
            tracing::error!(%cause, "a wrong answer could not be deleted");
            let told = "It is not served any more, but that could not be written to disk.";
            ApiError::new(Code::StorageFailed, told)
        })?;
        Ok(Effect::Forgotten)
    }

    /// Takes down what somebody says of a decision. On disk and in force when this returns. Blocks.
    ///
    /// # Errors
    /// [`Code::StorageFailed`]; what was not written down does not count.
    pub fn opine(&self, decision: &Decision, opined: Opined) -> Result<Effect, ApiError> {
        let verdict = opined.verdict;
        let Some(label) = Label::of(decision, opined) else {
            return Ok(Effect::None);
        };
        let (said, entry) = (label.said(), label.candidate.entry);
        let entry = self.cache.memory().load(entry);
        let entry = entry.filter(|e| e.created_ms == said.entry.1);
        let source = label.source;
        let turned = self.evidence.opine(label, self.cache.semantic().reach());
        let turned = turned.map_err(|cause| {
            tracing::error!(%cause, "a label could not be written");
            ApiError::new(Code::StorageFailed, "It could not be written down.")
        })?;
        self.metrics.label(source.as_str(), verdict.as_str());
        if let Some(after) = &turned.after {
            self.reckon_with(after, turned.before.is_some());
            self.look_after(&after.namespace);
        }
        if turned.after.is_some_and(|counts| counts.source != source) {
            return Ok(Effect::Outweighed);
        }
        // Where there is room for no label it is gone again, and counts for nothing.
        let dropped = |l: &Arc<Label>| l.request_id == decision.request_id && l.source == source;
        let counted = match turned.gone.iter().any(dropped) {
            true => Effect::None,
            false => Effect::Counted,
        };
        if verdict == Opinion::Right {
            return Ok(counted);
        }
        // For its own question no other block can help.
        let own = said.pair.is_none() && decision.outcome != DecisionOutcome::NearMiss;
        let may_forget = |e: &Arc<Cached>| own && said.trust >= 1.0 && is_own(e, decision);
        if let Some(entry) = entry.filter(may_forget) {
            return self.forget(&entry);
        }
        match said.pair {
            Some(pair) if self.cache.semantic().reach().is_blocked(Some(pair)) => {
                Ok(Effect::Blocked)
            }
            _ => Ok(counted),
        }
    }
}

/// Whether whoever asked may have an entry forgotten: in a shared namespace it may be another's.
fn is_own(entry: &Cached, decision: &Decision) -> bool {
    entry.tenant == decision.tenant
}
