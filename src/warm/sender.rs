//! How one item is asked: behind a near one that is on its way, in its turn, and again a
//! little later where it is put off. It knows no money.

use std::cell::RefCell;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::driver::{Driver, Refusal, Told};
use super::fold::{Fold, Place};
use super::lines::Item;
use super::pace::Pace;
use super::run::{Stop, stopped};
use crate::embed::{Embedded, Embedder, Outcome};

/// Times that a request is sent again after 429 or 503.
const RETRIES: u32 = 4;
/// First wait where none is asked for; doubled each time.
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// Longest wait that is obeyed; a gateway that asks for more is not ready to be warmed.
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// Longest time that a vector may take. Nobody waits for it, and without one a call may be paid twice.
const VECTOR_WAIT: Duration = Duration::from_secs(10);

/// What became of an item.
pub(super) enum Fate {
    /// Answered from memory, after one like it.
    Folded(Told),
    /// The run was stopped before it left.
    Unsent,
    /// Asked for itself.
    Asked(Result<Told, Refusal>),
}

/// What all requests on their way share.
pub(super) struct Sender<'a> {
    pub(super) driver: &'a dyn Driver,
    pub(super) encoder: Option<Embedder>,
    pub(super) pace: Pace,
    pub(super) fold: RefCell<Fold>,
    pub(super) stop: watch::Receiver<Stop>,
}

impl Sender<'_> {
    pub(super) async fn send(&self, item: &Item) -> Fate {
        let Some(embedded) = self.vector(item).await else {
            return self.ask(item).await;
        };
        loop {
            let place = self.fold.borrow_mut().place(item, &embedded);
            match place {
                Place::Ahead(ahead) => {
                    let fate = self.ask(item).await;
                    if matches!(fate, Fate::Asked(Ok(_))) {
                        ahead.answered();
                    }
                    return fate;
                }
                Place::Behind(other) => {
                    if !other.answered().await {
                        // The other one failed: another wording may do better.
                        continue;
                    }
                    // Asked all the same: whether the other's answer serves it is for the gateway to
                    // decide, by its own threshold and policy.
                    return match self.ask(item).await {
                        Fate::Asked(Ok(told)) if !told.paid => Fate::Folded(told),
                        fate => fate,
                    };
                }
            }
        }
    }

    async fn vector(&self, item: &Item) -> Option<Embedded> {
        let question = item.request.question().ok()?;
        let deadline = Instant::now() + VECTOR_WAIT;
        match self.encoder.as_ref()?.embed(question, deadline).await {
            Outcome::Embedded(embedded) => Some(embedded),
            Outcome::Skipped(_) | Outcome::Unavailable(_) => None,
        }
    }

    async fn ask(&self, item: &Item) -> Fate {
        let mut tries = 0;
        loop {
            tokio::select! {
                biased;
                () = stopped(&self.stop, Stop::Soon) => return Fate::Unsent,
                () = self.pace.turn() => {}
            }
            match self.driver.ask(&item.request).await {
                Err(refusal) if refusal.passes() && tries < RETRIES => {
                    let wait = refusal.retry_after.unwrap_or(FIRST_WAIT * 2_u32.pow(tries));
                    if wait > LONGEST_WAIT {
                        return Fate::Asked(Err(refusal));
                    }
                    tries += 1;
                    // What one request is told holds for all of them.
                    self.pace.hold(wait);
                }
                told => return Fate::Asked(told),
            }
        }
    }
}
