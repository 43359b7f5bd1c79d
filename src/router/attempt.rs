//! Tries the chosen candidates until one answers. Once a client may have seen a part of an answer nothing is tried
//! again, so a stream is held back until it says something.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use futures_util::future::{Either, select};
use tokio::time::{Instant, sleep};

use super::Router;
use super::backoff::{chance, pause};
use super::choose::Turn;
use super::health::{Health, Refused};
use super::held::{Held, Leased, hold_back};
use super::plan::{Candidate, Plan};
use crate::chat::{ChatRequest, Dialect, InvalidRequest};
use crate::dialect::Target;
use crate::provider::{
    Call, ClientHeaders, Deadlines, Failure, FailureKind, Quota, Remedy, Reply, UpstreamError,
};

/// Tokens of an answer where the provider wants a number and neither the client nor the catalogue gives one.
const MAX_TOKENS: u64 = 4096;

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
    /// Whether another candidate than the first in turn gave it.
    pub fallback: bool,
    /// Whether another model gave it than those whose answers are the route's own.
    pub other_model: bool,
    /// Whether the built-in demo provider made it up.
    pub demo: bool,
}

/// What is the same in each attempt of one request.
struct Errand<'a> {
    router: &'a Router,
    request: &'a ChatRequest,
    stream: bool,
    headers: ClientHeaders,
    ends: Option<Instant>,
    /// Tokens that it is thought to take.
    tokens: u64,
    attempts: AtomicU32,
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
        self.budget.lock().request(std::time::Instant::now());
        let ends = Instant::now().checked_add(self.deadlines.total);
        let chosen = self.choose(plan, request, stream).await?;
        let errand = Errand {
            router: self,
            request,
            stream,
            headers,
            ends,
            tokens: chosen.tokens,
            attempts: AtomicU32::new(0),
        };
        let mut failed: Option<Failure> = None;
        let mut turns = chosen.turns.iter().enumerate();
        while let Some((place, turn)) = turns.next() {
            let next = chosen
                .turns
                .get(place + 1)
                .filter(|_| place + 1 < chosen.ready);
            let (place, answer) = match next {
                Some(next) if !self.retry.hedge_after.is_zero() => {
                    let (second, answer) = errand.hedged(turn, next).await;
                    if second.is_asked() {
                        turns.next();
                    }
                    (place + usize::from(second == Second::Answers), answer)
                }
                _ => (place, errand.candidate(&turn.candidate).await),
            };
            let failure = match answer {
                Ok(reply) => return Ok(errand.answered(reply, plan, &chosen.turns[place], place)),
                Err(failure) => failure,
            };
            let ends = failure.remedy() == Remedy::Nothing;
            // That one could not be asked says nothing of why the others failed.
            if failed.is_none() || !failure.kind.is_unasked() {
                failed = Some(failure);
            }
            if ends {
                break;
            }
        }
        let empty = || Failure::because(FailureKind::Rejected, "the plan is empty");
        Err(failed.unwrap_or_else(empty))
    }
}

/// What became of the candidate that is asked when the first says nothing.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Second {
    /// It was not needed.
    Unasked,
    /// It was asked and the first was quicker, or both failed.
    Asked,
    /// It was quicker.
    Answers,
}

impl Second {
    fn is_asked(self) -> bool {
        self != Self::Unasked
    }
}

impl Errand<'_> {
    /// Tries one candidate, and another one as well if it says nothing for a while: the first to begin answers.
    async fn hedged(&self, first: &Turn, next: &Turn) -> (Second, Result<Reply, Failure>) {
        let retry = &self.router.retry;
        let one = std::pin::pin!(self.candidate(&first.candidate));
        let patience = std::pin::pin!(sleep(retry.hedge_after));
        let one = match select(one, patience).await {
            Either::Left((answer, _)) => return (Second::Unasked, answer),
            Either::Right(((), one)) => one,
        };
        if !self.router.budget.lock().retry(std::time::Instant::now()) {
            return (Second::Unasked, one.await);
        }
        metrics::counter!("reprise_upstream_hedges_total").increment(1);
        let two = std::pin::pin!(self.candidate(&next.candidate));
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

    /// Tries one candidate until it answers or is not worth another try.
    async fn candidate(&self, candidate: &Candidate) -> Result<Reply, Failure> {
        let target = Target {
            model: &candidate.model,
            stream: self.stream,
            max_tokens: self.most_tokens(candidate),
        };
        let body = candidate.provider.body(self.request, &target);
        let body = body.map_err(inexpressible)?;
        let now = std::time::Instant::now();
        let (provider, model) = (candidate.provider.name(), candidate.model.as_str());
        let health = self.router.healths.of(provider, model, now);
        let mut failed: Option<Failure> = None;
        for tries in 1.. {
            let held = match self.lease(health.as_ref(), failed.is_some()).await {
                Ok(held) => held,
                Err(unasked) => return Err(failed.unwrap_or(unasked)),
            };
            let failure = match self.attempt(candidate, body.clone(), held).await {
                Ok(reply) => {
                    learn(health.as_deref(), &reply);
                    return Ok(reply);
                }
                Err(failure) => failure,
            };
            let wait = self.wait(&failure, tries);
            if let (Some(health), Some(quota)) = (&health, &failure.quota) {
                health.learn(quota, std::time::Instant::now());
            }
            let Some(wait) = wait else {
                return Err(failure);
            };
            failed = Some(failure);
            sleep(wait).await;
        }
        Err(Failure::new(FailureKind::TotalTimeout))
    }

    /// The pause before another try, if there is to be one.
    fn wait(&self, failure: &Failure, tries: u32) -> Option<Duration> {
        let retry = &self.router.retry;
        if failure.remedy() != Remedy::Again || tries >= retry.max_attempts {
            return None;
        }
        let wait = pause(retry, tries, failure.retry_after, self.left(), chance())?;
        let allowed = self.router.budget.lock().retry(std::time::Instant::now());
        allowed.then_some(wait)
    }

    /// Leave to make a call. Whoever tries `again` waits for what the provider itself asked for.
    async fn lease(
        &self,
        health: Option<&Arc<Health>>,
        again: bool,
    ) -> Result<Option<Held>, Failure> {
        let Some(health) = health else {
            return Ok(None);
        };
        let freed = self.router.freed.clone();
        let lease = |lease| Some(Held::new(lease, freed.clone()));
        let refused = match health.begin(self.tokens, std::time::Instant::now()) {
            Ok(held) => return Ok(lease(held)),
            Err(refused) => refused,
        };
        let rest = match refused {
            Refused::Open(wait) => wait,
            Refused::Full(block) => block.about(),
        };
        if again && rest <= self.router.retry.max && rest < self.left() {
            sleep(rest).await;
            if let Ok(held) = health.begin(self.tokens, std::time::Instant::now()) {
                return Ok(lease(held));
            }
        }
        let kind = match refused {
            Refused::Open(_) => FailureKind::Resting,
            Refused::Full(_) => FailureKind::Busy,
        };
        metrics::counter!("reprise_upstream_refused_total", "reason" => kind.label()).increment(1);
        Err(Failure {
            retry_after: Some(rest).filter(|rest| !rest.is_zero()),
            ..Failure::new(kind)
        })
    }

    fn most_tokens(&self, candidate: &Candidate) -> u64 {
        let Some(live) = self.router.prices.catalogue() else {
            return MAX_TOKENS;
        };
        let catalogue = live.current();
        let entry = catalogue.find(candidate.family.as_deref(), &candidate.model);
        let most = entry.and_then(|entry| entry.max_output_tokens);
        most.unwrap_or(MAX_TOKENS)
    }

    /// One call, up to the first event that says something.
    async fn attempt(
        &self,
        candidate: &Candidate,
        body: Bytes,
        mut held: Option<Held>,
    ) -> Result<Reply, Failure> {
        let left = self.left();
        if left.is_zero() {
            return Err(Failure::new(FailureKind::TotalTimeout));
        }
        self.attempts.fetch_add(1, Ordering::Relaxed);
        let call = Call {
            model: candidate.model.clone(),
            body,
            stream: self.stream,
            headers: self.headers.clone(),
            deadlines: Deadlines {
                total: left,
                ..self.router.deadlines
            },
        };
        let reply = match candidate.provider.chat(call).await {
            Ok(Reply::Stream { events, headers }) => {
                let events = hold_back(events).await;
                events.map(|events| Reply::Stream { events, headers })
            }
            other => other,
        };
        self.note(candidate, &reply);
        match (reply, &mut held) {
            (Err(failure), Some(held)) => {
                held.failed(&failure);
                Err(failure)
            }
            (Ok(reply), Some(_)) => Ok(self.begun(reply, held)),
            (reply, None) => reply,
        }
    }

    /// Lets go of the lease when the answer is whole.
    fn begun(&self, reply: Reply, held: Option<Held>) -> Reply {
        let Some(mut held) = held else {
            return reply;
        };
        held.answered(self.stream);
        match reply {
            Reply::Whole {
                body,
                answer,
                headers,
            } => {
                held.end(answer.tokens().map(|(prompt, said)| prompt + said));
                Reply::Whole {
                    body,
                    answer,
                    headers,
                }
            }
            Reply::Stream { events, headers } => Reply::Stream {
                events: Box::pin(Leased::new(events, held)),
                headers,
            },
        }
    }

    fn note(&self, candidate: &Candidate, reply: &Result<Reply, Failure>) {
        let provider = candidate.provider.name();
        let outcome = match reply {
            Ok(_) => "ok",
            Err(failure) => failure.kind.label(),
        };
        metrics::counter!(
            "reprise_upstream_attempts_total",
            "provider" => provider.to_owned(),
            "outcome" => outcome
        )
        .increment(1);
        if let Err(failure) = reply {
            // What the provider said stays out: it may repeat the question.
            let status = failure.upstream.as_ref().map(|u| u.status);
            let (model, detail) = (candidate.model.as_str(), failure.detail.as_deref());
            let attempt = self.attempts.load(Ordering::Relaxed);
            tracing::warn!(
                provider,
                model,
                attempt,
                outcome,
                status,
                detail,
                "attempt failed"
            );
        }
    }

    fn left(&self) -> Duration {
        self.ends.map_or(Duration::MAX, |ends| {
            ends.saturating_duration_since(Instant::now())
        })
    }

    fn answered(&self, reply: Reply, plan: &Plan, turn: &Turn, place: usize) -> Answered {
        let candidate = &turn.candidate;
        let usual = plan.candidates().next();
        let other_model = !turn.own && usual.is_none_or(|first| first.model != candidate.model);
        Answered {
            reply,
            provider: candidate.provider.name().to_owned(),
            model: candidate.model.clone(),
            dialect: candidate.provider.dialect(),
            attempt: self.attempts.load(Ordering::Relaxed),
            fallback: place > 0,
            other_model,
            demo: candidate.provider.is_demo(),
        }
    }
}

/// Takes down what a provider says of its limits beside its answer.
fn learn(health: Option<&Health>, reply: &Reply) {
    let (Reply::Whole { headers, .. } | Reply::Stream { headers, .. }) = reply;
    let texts = headers.iter().map(|(n, v)| (n.as_str(), v.as_str()));
    if let (Some(health), Some(quota)) = (health, Quota::read(texts, SystemTime::now())) {
        health.learn(&quota, std::time::Instant::now());
    }
}

fn inexpressible(field: InvalidRequest) -> Failure {
    Failure {
        upstream: Some(Box::new(UpstreamError {
            status: 400,
            message: field.message,
            kind: None,
            code: None,
            param: field.param,
        })),
        ..Failure::new(FailureKind::Inexpressible)
    }
}
