//! Counting on the hot path: handles registered once, so that a request hashes
//! no label. Does not know how they are shown.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use metrics::{Counter, Gauge, Histogram, counter, gauge, histogram};

use super::labels::{Ending, Outcome, Stage};
use super::table;

/// Handles of everything that a request touches. Made by [`super::Recorder::metrics`].
#[derive(Clone)]
pub struct Metrics {
    requests: [(Counter, Histogram); 9],
    stages: [Histogram; 7],
    hits: [Counter; 2],
    tokens_saved: [Counter; 2],
    nano_usd_saved: Arc<AtomicU64>,
    /// Texts waiting for the model.
    pub embed_queue_depth: Gauge,
    /// Requests waiting for the verifier.
    pub verifier_queue_depth: Gauge,
    /// Writes waiting for the store.
    pub store_queue_depth: Gauge,
    /// Remembered questions.
    pub index_entries: Gauge,
    /// 0 to 1.
    pub index_dead_share: Gauge,
    /// Calls to providers.
    pub misses_in_flight: Gauge,
    /// Misses that wait for a call whose question is much like theirs.
    pub similar_waiting: Gauge,
    /// Remembered questions embedded anew.
    pub reembedded: Counter,
    /// Entries still to be looked at for the next model.
    pub reembedding_remaining: Gauge,
    /// Entries dropped for room.
    pub evictions: Counter,
    /// Those of them that went for room in their own namespace.
    pub namespace_evictions: Counter,
    /// Decisions that are not taken down, since there are too many.
    pub decisions_left_out: Counter,
    /// Changes that were given up by themselves.
    pub changes_rolled_back: Counter,
    /// Times that a budget took back what it served.
    pub budgets_tightened: Counter,
}

impl Metrics {
    /// `nano_usd_saved` is rendered by the recorder.
    pub(super) fn new(nano_usd_saved: Arc<AtomicU64>) -> Self {
        gauge!(table::BUILD_INFO, "version" => env!("CARGO_PKG_VERSION")).set(1.0);
        let request = |ending: Ending| {
            let label = ending.label();
            let count = counter!(table::REQUESTS, "outcome" => label);
            (
                count,
                histogram!(table::REQUEST_SECONDS, "outcome" => label),
            )
        };
        Self {
            requests: Ending::ALL.map(request),
            stages: Stage::ALL.map(|s| histogram!(table::STAGE_SECONDS, "stage" => s.label())),
            hits: ["exact", "semantic"].map(|kind| counter!(table::HITS, "kind" => kind)),
            tokens_saved: ["prompt", "completion"]
                .map(|kind| counter!(table::TOKENS_SAVED, "kind" => kind)),
            nano_usd_saved,
            embed_queue_depth: gauge!(table::EMBED_QUEUE),
            verifier_queue_depth: gauge!(table::VERIFIER_QUEUE),
            store_queue_depth: gauge!(table::STORE_QUEUE),
            index_entries: gauge!(table::INDEX_ENTRIES),
            index_dead_share: gauge!(table::INDEX_DEAD),
            misses_in_flight: gauge!(table::MISSES),
            similar_waiting: gauge!(table::SIMILAR_WAITING),
            reembedded: counter!(table::REEMBEDDED),
            reembedding_remaining: gauge!(table::REEMBEDDING_REMAINING),
            evictions: counter!(table::EVICTIONS),
            namespace_evictions: counter!(table::NAMESPACE_EVICTIONS),
            changes_rolled_back: counter!(table::ROLLED_BACK),
            budgets_tightened: counter!(table::BUDGETS_TIGHTENED),
            decisions_left_out: counter!(table::EVIDENCE_LOST, "reason" => "too_many"),
        }
    }

    /// Counts a request that is answered, and a hit if it was one. `took` runs
    /// until the first byte of the answer.
    pub fn request(&self, ending: Ending, took: Duration) {
        let (count, seconds) = &self.requests[ending.index()];
        count.increment(1);
        seconds.record(took);
        match ending {
            Ending::Answered(Outcome::HitExact) => self.hits[0].increment(1),
            Ending::Answered(Outcome::HitSemantic) => self.hits[1].increment(1),
            _ => {}
        }
    }

    /// Counts the time of one stage.
    pub fn stage(&self, stage: Stage, took: Duration) {
        self.stages[stage as usize].record(took);
    }

    /// Counts what a hit saved; `usd` is `None` where the model has no price.
    pub fn saved(&self, prompt_tokens: u64, completion_tokens: u64, usd: Option<f64>) {
        self.tokens_saved[0].increment(prompt_tokens);
        self.tokens_saved[1].increment(completion_tokens);
        // `as` saturates, so a negative or absurd price adds nothing or stops at the top.
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "saturates"
        )]
        let nano = (usd.unwrap_or_default() * 1e9).round() as u64;
        self.nano_usd_saved.fetch_add(nano, Ordering::Relaxed);
    }

    /// Counts an error answer. `code` comes from the error table, never from outside.
    pub fn error(&self, code: &'static str) {
        counter!(table::ERRORS, "code" => code).increment(1);
    }

    /// Counts a request that a limit turned away. Both come from our own words, never from outside.
    pub fn refused(&self, per: &'static str, kind: &'static str) {
        counter!(table::REFUSALS, "per" => per, "kind" => kind).increment(1);
    }

    /// Counts an answer that is not remembered.
    pub fn not_stored(&self, reason: &'static str) {
        counter!(table::NOT_STORED, "reason" => reason).increment(1);
    }

    /// Counts what was said of an answer. Both come from our own words, never from outside.
    pub fn label(&self, source: &'static str, verdict: &'static str) {
        counter!(table::LABELS, "source" => source, "verdict" => verdict).increment(1);
    }

    /// Counts what came of a check.
    pub fn judged(&self, outcome: &'static str) {
        counter!(table::JUDGED, "outcome" => outcome).increment(1);
    }

    /// Counts decisions that are in memory only.
    pub fn evidence_lost(&self, reason: &'static str, decisions: u64) {
        counter!(table::EVIDENCE_LOST, "reason" => reason).increment(decisions);
    }

    /// Counts an answer that was served though it is stale. `why` comes from our own words.
    pub fn stale(&self, why: &'static str) {
        counter!(table::STALE, "why" => why).increment(1);
    }

    /// Counts a call to renew what is stale, or one that was not made. `outcome` comes from our own words.
    pub fn renewed(&self, outcome: &'static str) {
        counter!(table::RENEWALS, "outcome" => outcome).increment(1);
    }

    /// Counts a miss that waited for a call whose question is much like its own. `outcome` comes from our own words.
    pub fn waited_for_similar(&self, outcome: &'static str) {
        counter!(table::SIMILAR_WAITS, "outcome" => outcome).increment(1);
    }

    /// Counts what was said to hold no more. `by` comes from our own words, never from outside.
    pub fn invalidated(&self, by: &'static str) {
        counter!(table::INVALIDATIONS, "by" => by).increment(1);
    }

    /// Counts an entry that gets no vector of the next model. `reason` comes from our own words.
    pub fn reembedding_left_out(&self, reason: &'static str) {
        counter!(table::REEMBEDDING_LEFT_OUT, "reason" => reason).increment(1);
    }

    /// Counts a next model that cannot be used. `fault` comes from our own words.
    pub fn reembedding_fault(&self, fault: &'static str) {
        counter!(table::REEMBEDDING_FAULTS, "fault" => fault).increment(1);
    }

    /// Counts texts that were embedded for clients. `by` comes from our own words.
    pub fn embedded(&self, by: &'static str, texts: usize) {
        counter!(table::EMBEDDED, "by" => by).increment(texts as u64);
    }

    /// Counts a batch that ended. `status` comes from our own words.
    pub fn batch_ended(&self, status: &'static str) {
        counter!(table::BATCHES, "status" => status).increment(1);
    }

    /// Counts what came of asking a line of a batch. `outcome` comes from our own words.
    pub fn batch_line(&self, outcome: &'static str) {
        counter!(table::BATCH_LINES, "outcome" => outcome).increment(1);
    }

    /// Counts a job that ended. `status` comes from our own words.
    pub fn job_ended(&self, status: &'static str) {
        counter!(table::JOBS, "status" => status).increment(1);
    }

    /// Counts a call of a webhook. `outcome` comes from our own words.
    pub fn webhook(&self, outcome: &'static str) {
        counter!(table::WEBHOOKS, "outcome" => outcome).increment(1);
    }

    /// Says how much has no answer yet. `kind` comes from our own words.
    pub fn work_waiting(&self, kind: &'static str, count: usize) {
        #[allow(clippy::cast_precision_loss, reason = "a count of lines")]
        gauge!(table::WORK_WAITING, "kind" => kind).set(count as f64);
    }

    /// Counts a fault of the cache that became a miss.
    pub fn cache_fault(&self, fault: &'static str) {
        counter!(table::CACHE_FAULTS, "fault" => fault).increment(1);
    }
}
