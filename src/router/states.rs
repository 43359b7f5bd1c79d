//! How the targets stand, for eyes.

use std::time::Instant;

use super::Router;
use super::breaker::Phase;

/// How one of them stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetPhase {
    /// The provider's name.
    pub provider: String,
    /// Its own name for the model.
    pub model: String,
    /// Its breaker's state.
    pub phase: Phase,
    /// Whether the settings name it, and not only some client.
    pub named: bool,
}

impl Router {
    /// All of which something is known.
    #[must_use]
    pub fn states(&self) -> Vec<TargetPhase> {
        let now = Instant::now();
        let known = self.healths.all().into_iter();
        let known = known.filter(|(.., health)| !health.is_blank(now));
        known
            .map(|(provider, model, health)| TargetPhase {
                phase: health.phase(now),
                named: self.table.names(&provider, &model),
                provider,
                model,
            })
            .collect()
    }
}
