//! Looks at providers that are left alone without sending them a request of a client's: whoever lists its models is
//! there again.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::join_all;

use super::Router;
use super::breaker::Outcome;
use super::health::Health;
use super::strategy::Standing;
use crate::provider::Provider;

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
        let known = self.healths.all();
        let probes = self.table.providers().filter_map(|provider| {
            let of_it = known.iter().filter(|(name, ..)| name == provider.name());
            let of_it = of_it.map(|(.., health)| health);
            // One that is still to be left alone is left alone by this, too.
            let open: Vec<_> = of_it.filter(|health| is_open(health)).collect();
            (!open.is_empty()).then(|| look(provider.as_ref(), open))
        });
        join_all(probes).await;
    }
}

fn is_open(health: &Health) -> bool {
    health.look(0, Instant::now()).standing == Standing::Probe
}

/// Asks once for all of its models that are left alone.
async fn look(provider: &dyn Provider, open: Vec<&Arc<Health>>) {
    let outcome = match provider.models(PATIENCE).await {
        // Who has no list has not been asked.
        Ok(models) if models.is_empty() => return,
        Ok(_) => Outcome::Answered,
        Err(failure) => Outcome::of(&failure),
    };
    for health in open {
        health.probed(outcome, Instant::now());
    }
}
