//! Asks another endpoint than chat: candidate by candidate, each as often as its failures allow, as `attempt` does it
//! for conversations, and by the same limits and breakers. An answer comes whole or not at all, so nothing is held back.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use tokio::time::{Instant, sleep};

use super::Router;
use super::attempt::learn;
use super::choose::{Asked, name_at};
use super::failures::Failures;
use super::health::Health;
use super::held::Held;
use super::plan::{Candidate, Plan};
use crate::chat::Dialect;
use crate::provider::{
    ClientHeaders, Deadlines, Endpoint, Exchange, Exchanged, Failure, FailureKind,
};

/// Bytes of a body to a token.
const BYTES_A_TOKEN: u64 = 4;

/// What is asked, whoever answers.
pub struct Errand<'a, T> {
    /// Where.
    pub endpoint: Endpoint,
    /// The client's headers.
    pub headers: &'a ClientHeaders,
    /// Writes the body for a model by the provider's own name.
    pub body: &'a (dyn Fn(&str) -> Bytes + Send + Sync),
    /// Reads an answer, or says why it is none: for the log, never for a client.
    pub read: &'a Reader<T>,
}

/// What understands an answer.
pub type Reader<T> = dyn Fn(Bytes) -> BoxFuture<'static, Result<T, String>> + Send + Sync;

/// An answer and where it came from.
#[derive(Debug)]
pub struct Brought<T> {
    /// The body.
    pub body: Bytes,
    /// What it says.
    pub read: T,
    /// Those of the provider's headers that a client may see.
    pub headers: Vec<(String, String)>,
    /// The provider that gave it.
    pub provider: String,
    /// That provider's name for the model.
    pub model: String,
}

impl Plan {
    /// Candidates in their order, those of one model together and the route's own model first: what two models make of
    /// a text does not go together.
    #[must_use]
    pub fn by_model(&self, ordered: Vec<Candidate>) -> Vec<Vec<Candidate>> {
        let mut models: Vec<Vec<Candidate>> = Vec::new();
        for candidate in ordered {
            let same = models
                .iter_mut()
                .find(|all| all[0].model == candidate.model);
            match same {
                Some(all) => all.push(candidate),
                None => models.push(vec![candidate]),
            }
        }
        let own = self.first_model();
        models.sort_by_key(|all| all[0].model != own);
        models
    }

    /// Whether the first candidate speaks a dialect.
    #[must_use]
    pub fn speaks(&self, dialect: Dialect) -> bool {
        let first = self.candidates().next();
        first.is_some_and(|first| first.provider.dialect() == dialect)
    }

    /// The family of the first candidate's models in the catalogue.
    #[must_use]
    pub fn first_family(&self) -> Option<Arc<str>> {
        self.candidates().next()?.family
    }

    /// Whether a provider is the first candidate.
    #[must_use]
    pub fn is_first(&self, provider: &str) -> bool {
        let first = self.candidates().next();
        first.is_some_and(|first| first.provider.name() == provider)
    }

    /// The first candidate's name for the model.
    #[must_use]
    pub fn first_model(&self) -> String {
        let first = self.candidates().next();
        first.map_or_else(String::new, |first| first.model)
    }
}

/// Texts that each of some candidates embeds in one call.
#[must_use]
pub fn most_inputs(candidates: &[Candidate]) -> usize {
    let each = candidates.iter().map(|c| c.provider.most_inputs());
    each.min().unwrap_or(1).max(1)
}

impl Router {
    /// The order in which the candidates for a call of about so many tokens are asked now. Waits a little for room if
    /// nobody has any.
    ///
    /// # Errors
    /// Nobody may be asked now.
    pub async fn order_at(
        &self,
        plan: &Plan,
        endpoint: Endpoint,
        tokens: u64,
    ) -> Result<Vec<Candidate>, Failure> {
        let asked = Asked::at(endpoint, tokens);
        let until = std::time::Instant::now() + self.retry.queue;
        let chosen = self.choose(plan, &asked, until).await?;
        let turns = chosen.turns.into_iter();
        Ok(turns.map(|turn| turn.candidate).collect())
    }

    /// Gets an answer from the first of some candidates that gives one. Dropping the future cancels the provider's
    /// work.
    ///
    /// # Errors
    /// The last candidate's failure, or the one that no other candidate could mend; that a candidate has no such
    /// endpoint only if that is so of all of them.
    pub async fn exchange<T>(
        &self,
        candidates: &[Candidate],
        errand: &Errand<'_, T>,
    ) -> Result<Brought<T>, Failure> {
        let now = Instant::now();
        self.budget.lock().request(now.into_std());
        let mut trial = Trial {
            router: self,
            errand,
            ends: now.checked_add(self.deadlines.total),
            attempts: 0,
        };
        let mut failures = Failures::default();
        for (place, candidate) in candidates.iter().enumerate() {
            let last = place + 1 == candidates.len();
            let failure = match trial.candidate(candidate, last).await {
                Ok(brought) => return Ok(brought),
                Err(failure) => failure,
            };
            if failures.add(failure) {
                break;
            }
        }
        Err(failures.told())
    }
}

/// What is the same in each attempt of one errand.
struct Trial<'a, T> {
    router: &'a Router,
    errand: &'a Errand<'a, T>,
    ends: Option<Instant>,
    attempts: u32,
}

impl<T> Trial<'_, T> {
    /// Tries one candidate; only the `last` one is waited for.
    async fn candidate(
        &mut self,
        candidate: &Candidate,
        last: bool,
    ) -> Result<Brought<T>, Failure> {
        let body = (self.errand.body)(&candidate.model);
        let name = name_at(&candidate.model, self.errand.endpoint);
        let (healths, now) = (&self.router.healths, std::time::Instant::now());
        // What comes of it says nothing of the same model's conversations, nor they of it; what may be sent to the
        // provider counts for both.
        let health = healths.of(candidate.provider.name(), &name, now);
        let mut failed: Option<Failure> = None;
        for tries in 1.. {
            let held = match self.lease(health.as_ref(), &body, last).await {
                Ok(held) => held,
                Err(unasked) => return Err(failed.unwrap_or(unasked)),
            };
            let failure = match self.attempt(candidate, body.clone()).await {
                Ok(brought) => {
                    if let Some(mut held) = held {
                        held.answered();
                        held.end(None);
                    }
                    learn(health.as_deref(), &brought.headers);
                    return Ok(brought);
                }
                Err(failure) => failure,
            };
            if let Some(held) = held {
                held.failed(&failure);
            }
            if let (Some(health), Some(quota)) = (&health, &failure.quota) {
                health.learn(quota, std::time::Instant::now());
            }
            let Some(wait) = self.router.again(&failure, tries, !last, self.left()) else {
                return Err(failure);
            };
            failed = Some(failure);
            sleep(wait).await;
        }
        Err(Failure::new(FailureKind::TotalTimeout))
    }

    /// Leave to make a call.
    async fn lease(
        &self,
        health: Option<&Arc<Health>>,
        body: &Bytes,
        last: bool,
    ) -> Result<Option<Held>, Failure> {
        let Some(health) = health else {
            return Ok(None);
        };
        if last && self.attempts > 0 {
            self.router.rested(health, self.left()).await;
        }
        let most = if last {
            self.router.retry.queue.min(self.left())
        } else {
            Duration::ZERO
        };
        let tokens = body.len() as u64 / BYTES_A_TOKEN;
        let held = self.router.lease(health, tokens, false, most);
        held.await.map(Some)
    }

    async fn attempt(&mut self, candidate: &Candidate, body: Bytes) -> Result<Brought<T>, Failure> {
        let left = self.left();
        if left.is_zero() {
            return Err(Failure::new(FailureKind::TotalTimeout));
        }
        self.attempts += 1;
        let exchange = Exchange {
            endpoint: self.errand.endpoint,
            model: candidate.model.clone(),
            body,
            headers: self.errand.headers.clone(),
            deadlines: Deadlines {
                total: left,
                ..self.router.deadlines
            },
        };
        let provider = candidate.provider.name();
        let answered = match candidate.provider.exchange(exchange).await {
            Ok(answered) => self.understood(answered).await,
            Err(failure) => Err(failure),
        };
        self.note(candidate, answered.as_ref().err());
        answered.map(|(answered, read)| Brought {
            body: answered.body,
            read,
            headers: answered.headers,
            provider: provider.to_owned(),
            model: candidate.model.clone(),
        })
    }

    async fn understood(&self, answered: Exchanged) -> Result<(Exchanged, T), Failure> {
        match (self.errand.read)(answered.body.clone()).await {
            Ok(read) => Ok((answered, read)),
            Err(why) => Err(Failure::because(FailureKind::Malformed, why).of_a_begun_answer()),
        }
    }

    fn note(&self, candidate: &Candidate, failure: Option<&Failure>) {
        let provider = candidate.provider.name();
        let outcome = failure.map_or("ok", |failure| failure.kind.label());
        if outcome == FailureKind::Inexpressible.label() {
            // It was not asked.
            return;
        }
        metrics::counter!(
            "reprise_upstream_attempts_total",
            "provider" => provider.to_owned(),
            "outcome" => outcome
        )
        .increment(1);
        if let Some(failure) = failure {
            // What the provider said stays out: it may repeat the text.
            let status = failure.upstream.as_ref().map(|u| u.status);
            let (model, detail) = (candidate.model.as_str(), failure.detail.as_deref());
            let (endpoint, attempt) = (self.errand.endpoint.as_str(), self.attempts);
            tracing::warn!(
                provider,
                model,
                endpoint,
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
}
