//! How far a change of the embedding model is, as metrics and the admin API show it.

use std::sync::Arc;

use parking_lot::Mutex;

use crate::telemetry::Metrics;

/// What a change is at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// The next model is being loaded.
    Loading,
    /// What is remembered is embedded anew.
    Running,
    /// The next model is the one in use; what came meanwhile is seen to.
    Switched,
    /// Nothing is left to do, and the vectors of the model before may go.
    Done,
    /// The next model cannot be used; the first one stays.
    Failed,
}

impl State {
    /// The state as the admin API spells it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Loading => "loading",
            Self::Running => "running",
            Self::Switched => "switched",
            Self::Done => "done",
            Self::Failed => "failed",
        }
    }
}

/// How far a change is.
#[derive(Debug, Clone)]
pub struct Standing {
    /// What it is at.
    pub state: State,
    /// The next model's name, once it is loaded.
    pub model: Option<String>,
    /// Entries embedded anew since the start of this process.
    pub reembedded: u64,
    /// Entries still to be looked at.
    pub remaining: u64,
    /// Entries that get no vector of the next model, most of them because their text is not kept.
    pub left_out: u64,
}

/// Counts while the thread works.
pub struct Progress {
    standing: Mutex<Standing>,
    metrics: Arc<Metrics>,
}

impl Progress {
    pub(super) fn new(metrics: Arc<Metrics>) -> Self {
        Self {
            standing: Mutex::new(Standing {
                state: State::Loading,
                model: None,
                reembedded: 0,
                remaining: 0,
                left_out: 0,
            }),
            metrics,
        }
    }

    pub(super) fn standing(&self) -> Standing {
        self.standing.lock().clone()
    }

    pub(super) fn loaded(&self, model: &str) {
        let mut standing = self.standing.lock();
        standing.model = Some(model.to_owned());
        standing.state = State::Running;
    }

    pub(super) fn made(&self) {
        self.standing.lock().reembedded += 1;
        self.metrics.reembedded.increment(1);
    }

    pub(super) fn remaining(&self, entries: u64) {
        self.standing.lock().remaining = entries;
        #[allow(clippy::cast_precision_loss, reason = "a count far below 2^52")]
        self.metrics.reembedding_remaining.set(entries as f64);
    }

    pub(super) fn left_out(&self, reason: &'static str) {
        self.standing.lock().left_out += 1;
        self.metrics.reembedding_left_out(reason);
    }

    pub(super) fn switched(&self) {
        self.standing.lock().state = State::Switched;
    }

    pub(super) fn done(&self) {
        self.standing.lock().state = State::Done;
    }

    pub(super) fn fault(&self, fault: &'static str) {
        self.standing.lock().state = State::Failed;
        self.metrics.reembedding_fault(fault);
    }
}
