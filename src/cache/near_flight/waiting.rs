//! How many wait.

use crate::telemetry::Metrics;

/// Counted as waiting for as long as it lives, also where the client leaves.
pub(super) struct Waiting<'a>(&'a Metrics);

impl<'a> Waiting<'a> {
    pub(super) fn begin(metrics: &'a Metrics) -> Self {
        metrics.similar_waiting.increment(1.0);
        Self(metrics)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.similar_waiting.decrement(1.0);
    }
}
