//! Stale answers, where the policy allows them (RFC 5861): at once while one call in the background renews them, or in
//! place of a failure of all providers.

use std::sync::Arc;

use super::Gateway;
use super::ask::{Plan, Served};
use super::error::{ApiError, Code};
use super::fetch::{AnswerFlight, fetch};
use super::via::Stale;
use crate::cache::flight::{Boarding, Heard, Rider};
use crate::cache::{Found, Miss};
use crate::embed::Embedded;
use crate::guard::Reservation;

impl Gateway {
    /// Serves what went stale a little while ago and has it renewed meanwhile; none if there is no such answer.
    pub(super) async fn stale_meanwhile(
        self: &Arc<Self>,
        plan: &Arc<Plan>,
        miss: &Miss,
    ) -> Option<Result<Served, ApiError>> {
        // What could not be remembered would be renewed for nobody, with each request again.
        if plan.keep_ms == 0 {
            return None;
        }
        let window = plan.policy.stale().while_revalidate_ms();
        let found = self
            .cache
            .look_up_stale(&plan.lookup, window, miss.embedded.as_ref());
        let found = found.await?;
        match &found {
            Found::Exact(entry) => self.note_exact(plan, entry),
            Found::Similar(nearest) => self.note_nearest(plan, nearest),
            Found::Nothing(_) => {}
        }
        // Whoever asks memory alone has no provider asked, now or a little later.
        if !plan.only {
            self.renew(plan, miss.embedded.clone());
        }
        Some(self.serve_stale(plan, &found, Stale::WhileRevalidate))
    }

    /// What is served where no provider answered: something stale if the policy allows it, else the error.
    pub(super) async fn stale_instead(
        &self,
        plan: &Plan,
        embedded: Option<Embedded>,
        error: ApiError,
    ) -> Result<Served, ApiError> {
        let window = plan.policy.stale().if_error_ms();
        if !is_providers(error.code) {
            return Err(error);
        }
        let found = self
            .cache
            .look_up_stale(&plan.lookup, window, embedded.as_ref());
        match found.await {
            Some(found) => self.serve_stale(plan, &found, Stale::IfError),
            None => Err(error),
        }
    }

    fn serve_stale(&self, plan: &Plan, found: &Found, why: Stale) -> Result<Served, ApiError> {
        let (entry, similarity) = match found {
            Found::Exact(entry) => (entry, None),
            Found::Similar(nearest) => (&nearest.entry, Some(nearest.similarity)),
            Found::Nothing(miss) => return Err(super::serve::withheld(plan, miss)),
        };
        let mut served = self.replayed(plan, entry, similarity)?;
        served.via.stale = Some(why);
        served.via.reason = why.as_str();
        self.metrics.stale(why.as_str());
        Ok(served)
    }

    /// Makes the call that renews an answer, unless somebody makes it already or too many are made.
    fn renew(self: &Arc<Self>, plan: &Arc<Plan>, embedded: Option<Embedded>) {
        let Ok(permit) = self.renewals.clone().try_acquire_owned() else {
            self.metrics.renewed("too_many");
            return;
        };
        let key = plan.flight_key(self.cache.memory().marks().generation());
        let Boarding::Lead(pilot, rider, ()) = self.flights.board(key, plan.keep_ms) else {
            return;
        };
        let miss = Miss {
            embedded,
            ..Miss::default()
        };
        // Nobody asked for it: it counts for nobody, and has its own bound.
        let call = fetch(self.clone(), plan.clone(), miss, pilot, Reservation::none());
        let metrics = self.metrics.clone();
        tokio::spawn(async move {
            // Somebody stays aboard, or the call would be given up once those who joined it have left.
            let (well, ()) = tokio::join!(ends_well(rider), call);
            metrics.renewed(if well { "renewed" } else { "failed" });
            drop(permit);
        });
    }
}

async fn ends_well(mut rider: Rider<AnswerFlight>) -> bool {
    loop {
        match rider.next().await {
            Heard::Item(_) => {}
            Heard::End(end) => return matches!(end, Some(Ok(_))),
        }
    }
}

/// Whether a failure is the provider's, or that none could be asked, and not the client's, the account's or
/// the gateway's own.
fn is_providers(code: Code) -> bool {
    matches!(
        code,
        Code::UpstreamError
            | Code::UpstreamOverloaded
            | Code::UpstreamResting
            | Code::UpstreamBusy
            | Code::UpstreamTimeout
            | Code::UpstreamUnreachable
            | Code::UpstreamMalformed
            | Code::Overloaded
    )
}
