//! What is done about failures, whoever asks and for what: whether one candidate is tried again, and which of several
//! candidates' failures is told.

use std::time::{Duration, Instant};

use super::Router;
use super::backoff::{chance, pause};
use crate::provider::{Failure, FailureKind, Remedy};

/// The failures of one candidate after the other, as far as one of them is to be told.
#[derive(Debug, Default)]
pub struct Failures {
    told: Option<Failure>,
}

impl Failures {
    /// Takes down the next one; whether nobody else is to be asked after it.
    pub fn add(&mut self, failure: Failure) -> bool {
        let ends = failure.remedy() == Remedy::Nothing;
        // That one could not be asked says nothing of why the others failed; that one could be asked later says more
        // than that another never can.
        let kind = self.told.as_ref().map(|told| told.kind);
        if matches!(kind, None | Some(FailureKind::Inexpressible)) || !failure.kind.is_unasked() {
            self.told = Some(failure);
        }
        ends
    }

    /// The one that is told; of no candidate at all, that there was none.
    #[must_use]
    pub fn told(self) -> Failure {
        let empty = || Failure::because(FailureKind::Rejected, "nobody is to be asked");
        self.told.unwrap_or_else(empty)
    }
}

impl Router {
    /// The pause before a candidate that has failed so often is tried again within the time that is `left`, if it is;
    /// `others` may be asked in its place.
    pub(super) fn again(
        &self,
        failure: &Failure,
        tries: u32,
        others: bool,
        left: Duration,
    ) -> Option<Duration> {
        let wants_rest = failure.kind == FailureKind::RateLimited || failure.retry_after.is_some();
        let again = failure.remedy() == Remedy::Again && tries < self.retry.max_attempts;
        if !again || (wants_rest && others) {
            return None;
        }
        let wait = pause(&self.retry, tries, failure.retry_after, left, chance())?;
        let allowed = self.budget.lock().retry(Instant::now());
        allowed.then_some(wait)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(kinds: &[FailureKind]) -> FailureKind {
        let mut failures = Failures::default();
        for kind in kinds {
            failures.add(Failure::new(*kind));
        }
        failures.told().kind
    }

    #[test]
    fn the_last_failure_of_whoever_was_asked_is_told() {
        use FailureKind::{Inexpressible, Rejected, Resting, Server};
        assert_eq!(told(&[Inexpressible, Server, Resting]), Server);
        assert_eq!(told(&[Server, Inexpressible]), Server);
        assert_eq!(told(&[Resting, Inexpressible]), Resting);
        assert_eq!(told(&[Inexpressible, Resting]), Resting);
        assert_eq!(told(&[]), Rejected);
    }
}
