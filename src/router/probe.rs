//! Looks at providers that are left alone without sending them a request of a client's: whoever lists its models is
//! there again.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Router;
use super::breaker::{Outcome, Phase};

/// How long one may take.
const PATIENCE: Duration = Duration::from_secs(5);

impl Router {
    /// Probes for as long as the router lives, if it is to.
    pub fn keep_probing(self: &Arc<Self>) {
        let every = self.probe_every;
        if every.is_zero() {
            return;
        }
        let router = Arc::downgrade(self);
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(every).await;
                let Some(router) = router.upgrade() else {
                    return;
                };
                router.probe().await;
            }
        });
    }

    async fn probe(&self) {
        for (provider, _, health) in self.healths.all() {
            if health.phase(Instant::now()) == Phase::Closed {
                continue;
            }
            let mut providers = self.table.providers();
            let Some(provider) = providers.find(|p| p.name() == provider) else {
                continue;
            };
            let outcome = match provider.models(PATIENCE).await {
                Ok(_) => Outcome::Answered,
                Err(failure) => Outcome::of(&failure),
            };
            health.probed(outcome, Instant::now());
        }
    }
}
