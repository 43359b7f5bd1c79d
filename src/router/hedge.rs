//! Asks a second candidate while the first says nothing: the first to begin answers, the other is given up.

use futures_util::future::{Either, select};
use tokio::time::sleep;

use super::choose::Turn;
use super::form::Told;
use super::send::Errand;
use crate::provider::Failure;

/// What became of the candidate that is asked when the first says nothing.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Second {
    /// It was not needed.
    Unasked,
    /// It was asked and the first was quicker, or both failed.
    Asked,
    /// It was quicker.
    Answers,
}

impl Second {
    pub(super) fn is_asked(self) -> bool {
        self != Self::Unasked
    }
}

impl Errand<'_> {
    /// Whether a second one is asked at all.
    pub(super) fn hedges(&self) -> bool {
        !self.once && !self.router.retry.hedge_after.is_zero()
    }

    /// Tries one candidate, and another one as well if it says nothing for a while: the first to begin answers.
    pub(super) async fn hedged(
        &self,
        first: &Turn,
        next: &Turn,
    ) -> (Second, Result<Told, Failure>) {
        let retry = &self.router.retry;
        let one = std::pin::pin!(self.candidate(&first.candidate, true));
        let patience = std::pin::pin!(sleep(retry.hedge_after));
        let one = match select(one, patience).await {
            Either::Left((answer, _)) => return (Second::Unasked, answer),
            Either::Right(((), one)) => one,
        };
        if !self.router.budget.lock().retry(std::time::Instant::now()) {
            return (Second::Unasked, one.await);
        }
        metrics::counter!("reprise_upstream_hedges_total").increment(1);
        let two = std::pin::pin!(self.candidate(&next.candidate, true));
        match select(one, two).await {
            Either::Left((Ok(reply), _)) => (Second::Asked, Ok(reply)),
            Either::Right((Ok(reply), _)) => (Second::Answers, Ok(reply)),
            Either::Left((Err(failure), two)) => match two.await {
                Ok(reply) => (Second::Answers, Ok(reply)),
                Err(_) => (Second::Asked, Err(failure)),
            },
            Either::Right((Err(_), one)) => (Second::Asked, one.await),
        }
    }
}
