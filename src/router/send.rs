//! One request on its way through the router: an order is chosen, its candidates are tried until one answers, and
//! another order is chosen where others took the room meanwhile.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::Router;
use super::choose::{Asked, Chosen, SHORTEST_WAIT, Turn};
use super::failures::Failures;
use super::form::Told;
use super::hedge::Second;
use super::plan::Plan;
use crate::chat::{ChatRequest, Dialect};
use crate::provider::{ClientHeaders, Failure, FailureKind, Reply};

/// An answer and where it came from.
#[derive(Debug)]
pub struct Answered {
    /// The dialect in which its bytes and its native events are.
    pub dialect: Dialect,
    /// The answer; a stream begins with its first frame, none is lost by the holding back.
    pub reply: Reply,
    /// The provider that gave it.
    pub provider: String,
    /// That provider's name for the model.
    pub model: String,
    /// Calls that were made for it, over all candidates.
    pub attempt: u32,
    /// Whether a canary gave it.
    pub canary: bool,
    /// Whether another candidate than the first in turn gave it.
    pub fallback: bool,
    /// Whether another model gave it than those whose answers are the route's own.
    pub other_model: bool,
    /// Whether the built-in demo provider made it up.
    pub demo: bool,
}

impl Router {
    /// Gets an answer: each candidate in the order that is chosen now, each as often as its failures allow. It is
    /// asked for in pieces if `stream`. Dropping the future, or the stream in the reply, cancels the provider's work.
    ///
    /// # Errors
    /// The last candidate's failure, or the one that no other candidate could mend; that a candidate's dialect
    /// cannot express the request, or that it may not be asked now, only if that is so of all of them.
    pub async fn send(
        &self,
        plan: &Plan,
        request: &ChatRequest,
        stream: bool,
        headers: ClientHeaders,
    ) -> Result<Answered, Failure> {
        let now = Instant::now();
        let patience = if plan.once {
            Duration::ZERO
        } else {
            self.budget.lock().request(now.into_std());
            self.retry.queue
        };
        let asked = Asked::of(plan, request, stream);
        let errand = Errand {
            router: self,
            request,
            stream,
            headers,
            ends: now.checked_add(self.deadlines.total),
            once: plan.once,
            tokens: asked.tokens(),
            attempts: AtomicU32::new(0),
        };
        let until = now + patience.min(errand.left());
        loop {
            let chosen = self.choose(plan, &asked, until.into_std()).await?;
            let answered = errand.run(plan, &chosen).await;
            if errand.was_overtaken(answered.as_ref().err()) && Instant::now() < until {
                sleep(SHORTEST_WAIT).await;
                continue;
            }
            chosen.note_canary(answered.as_ref().ok());
            return answered;
        }
    }
}

/// What is the same in each attempt of one request.
pub(super) struct Errand<'a> {
    pub(super) router: &'a Router,
    pub(super) request: &'a ChatRequest,
    pub(super) stream: bool,
    pub(super) headers: ClientHeaders,
    pub(super) ends: Option<Instant>,
    /// Whether it is worth one try only.
    pub(super) once: bool,
    /// Tokens that it is thought to take.
    pub(super) tokens: u64,
    pub(super) attempts: AtomicU32,
}

impl Errand<'_> {
    /// Whether others took the room since it was chosen: then nobody was asked.
    fn was_overtaken(&self, failure: Option<&Failure>) -> bool {
        let taken = |kind| matches!(kind, FailureKind::Busy | FailureKind::Resting);
        failure.is_some_and(|f| taken(f.kind)) && self.attempts.load(Ordering::Relaxed) == 0
    }

    /// Tries the chosen ones in their order until one of them answers.
    pub(super) async fn run(&self, plan: &Plan, chosen: &Chosen) -> Result<Answered, Failure> {
        let mut failures = Failures::default();
        let mut turns = chosen.turns.iter().enumerate();
        while let Some((place, turn)) = turns.next() {
            let next = chosen.turns.get(place + 1);
            let next = next.filter(|_| place + 1 < chosen.ready);
            let (place, answer) = match next {
                Some(next) if self.hedges() => {
                    let (second, answer) = self.hedged(turn, next).await;
                    if second.is_asked() {
                        turns.next();
                    }
                    (place + usize::from(second == Second::Answers), answer)
                }
                _ => (place, self.candidate(&turn.candidate, next.is_some()).await),
            };
            let failure = match answer {
                Ok(told) => return Ok(self.answered(told, plan, &chosen.turns[place], place)),
                Err(failure) => failure,
            };
            if failures.add(failure) {
                break;
            }
        }
        Err(failures.told())
    }

    pub(super) fn left(&self) -> Duration {
        self.ends.map_or(Duration::MAX, |ends| {
            ends.saturating_duration_since(Instant::now())
        })
    }

    fn answered(&self, told: Told, plan: &Plan, turn: &Turn, place: usize) -> Answered {
        let candidate = &turn.candidate;
        let other_model = !turn.own && !plan.is_own_model(&candidate.model);
        Answered {
            reply: told.reply,
            provider: candidate.provider.name().to_owned(),
            model: candidate.model.clone(),
            dialect: told.dialect,
            attempt: self.attempts.load(Ordering::Relaxed),
            canary: turn.canary,
            fallback: place > 0,
            other_model,
            demo: candidate.provider.is_demo(),
        }
    }
}
