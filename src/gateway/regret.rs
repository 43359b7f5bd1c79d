//! Somebody asks for a fresh answer to what was just answered from memory: weak evidence that it was wrong.

use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::Mutex;

use super::Gateway;
use super::ask::Plan;
use crate::cache::controls::Read;
use crate::chat::{RequestId, unix_ms};
use crate::evidence::label::{Opined, Opinion, Source};

/// Hits that are remembered for it.
const KEPT: usize = 256;
/// Milliseconds after which a request for a fresh answer says nothing of the one before.
const SOON_MS: u64 = 600_000;

/// The last hits by meaning.
#[derive(Default)]
pub(super) struct LastHits {
    hits: Mutex<VecDeque<LastHit>>,
}

struct LastHit {
    time_ms: u64,
    exact: [u8; 32],
    request: RequestId,
}

impl LastHits {
    fn add(&self, hit: LastHit) {
        let mut hits = self.hits.lock();
        hits.truncate(KEPT - 1);
        hits.push_front(hit);
    }

    /// The newest to the same request, which is asked of once.
    fn take(&self, exact: &[u8; 32], now_ms: u64) -> Option<RequestId> {
        let mut hits = self.hits.lock();
        let soon = |hit: &LastHit| now_ms.saturating_sub(hit.time_ms) <= SOON_MS;
        let place = hits.iter().position(|h| h.exact == *exact && soon(h))?;
        hits.remove(place).map(|hit| hit.request)
    }
}

impl Gateway {
    /// Remembers that a request was answered by the answer to another wording.
    pub(super) fn remember_hit(&self, plan: &Plan) {
        self.last_hits.add(LastHit {
            time_ms: unix_ms(),
            exact: plan.lookup.key.exact,
            request: plan.ask.id,
        });
    }

    /// Takes down what it says of the hit before that a fresh answer is wanted; nobody waits for it.
    pub(super) fn hear_refresh(self: &Arc<Self>, plan: &Plan) {
        if plan.ask.controls.read != Read::Nothing {
            return;
        }
        let now_ms = unix_ms();
        let Some(request) = self.last_hits.take(&plan.lookup.key.exact, now_ms) else {
            return;
        };
        let (gateway, tenant) = (self.clone(), plan.ask.caller.tenant.as_str().to_owned());
        drop(tokio::task::spawn_blocking(move || {
            let decision = gateway.evidence.find(request)?;
            let opined = Opined {
                time_ms: now_ms,
                verdict: Opinion::Wrong,
                source: Source::Refresh,
                by: None,
                note: None,
                sampled: false,
                share: None,
            };
            // In a shared namespace the one before may have been another's. That it could not be written is told.
            let own = decision.tenant == tenant;
            own.then(|| gateway.opine(&decision, opined).ok())?
        }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_hits_are_kept_and_asked_of_once_and_soon() {
        let (hits, request) = (LastHits::default(), RequestId::fresh());
        let hit = |time_ms, name: u8| LastHit {
            time_ms,
            exact: [name; 32],
            request,
        };
        hits.add(hit(0, 1));
        hits.add(hit(5, 2));
        assert_eq!(hits.take(&[3; 32], 10), None);
        assert_eq!(hits.take(&[2; 32], 5 + SOON_MS + 1), None);
        assert_eq!(hits.take(&[2; 32], 10), Some(request));
        assert_eq!(hits.take(&[2; 32], 10), None);
        for _ in 0..KEPT {
            hits.add(hit(9, 4));
        }
        assert_eq!(hits.take(&[1; 32], 10), None);
    }
}
