//! Misses whose question is surely that of a call under way: they are served what that call leaves in memory, as by a hit,
//! or make their own call.

use super::Gateway;
use super::ask::{Plan, Served};
use super::error::ApiError;
use crate::cache::near_flight::Offer;
use crate::cache::{Found, Miss};
use crate::embed::Question;
use std::sync::Arc;

/// Why it was a hit.
const REASON: &str = "similar_flight";

impl Gateway {
    /// Waits for a call that surely answers this request as well; none if the request has to make its own,
    /// with what is known by then in `miss`.
    pub(super) async fn wait_for_similar(
        self: &Arc<Self>,
        plan: &Arc<Plan>,
        miss: &mut Miss,
    ) -> Option<Result<Served, ApiError>> {
        // Where an answer is not remembered there would be nothing to find.
        let offers = plan.keep_ms > 0 && plan.write_semantic;
        let offer = plan.lookup.question.as_ref().ok().filter(|_| offers);
        let offer = offer.map(|question| Offer {
            namespace: plan.namespace.label.clone(),
            question: Question::keep(question, plan.policy.keep_text),
            keep_ms: plan.keep_ms,
        });
        let missed = std::mem::take(miss);
        let found = self.cache.wait_for_similar(&plan.lookup, missed, offer);
        let (entry, similarity) = match found.await {
            Found::Nothing(rest) => {
                *miss = rest;
                return None;
            }
            Found::Exact(entry) => {
                self.note_exact(plan, &entry);
                (entry, None)
            }
            Found::Similar(nearest) => {
                self.note_compared(plan, &nearest, REASON);
                self.remember_hit(plan);
                self.check_hit(plan, &nearest);
                (nearest.entry, Some(nearest.similarity))
            }
        };
        let served = self.serve_hit(plan, &entry, similarity);
        Some(served.map(|mut served| {
            served.via.reason = REASON;
            served
        }))
    }
}
