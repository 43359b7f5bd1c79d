//! Tries one candidate, as often as its failures allow. Once a client may have seen a part of an answer nothing is tried
//! again, so a stream is held back until it says something.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use tokio::time::sleep;

use super::form::{Told, lacks_completions};
use super::health::Health;
use super::held::{Held, Leased, hold_back};
use super::plan::Candidate;
use super::send::Errand;
use crate::chat::Dialect;
use crate::dialect::Target;
use crate::provider::{Call, Deadlines, Failure, FailureKind, Quota, Reply};

/// Tokens of an answer where the provider wants a number and neither the client nor the catalogue gives one.
const MAX_TOKENS: u64 = 4096;

/// A request as a provider is asked it.
#[derive(Clone)]
pub(super) struct Wording {
    pub(super) dialect: Dialect,
    pub(super) body: Bytes,
    /// Whether it was asked in another dialect just now: who has an answer to come waits for room like after a failure.
    pub(super) again: bool,
}

impl Errand<'_> {
    /// Writes the request for a candidate.
    pub(super) fn worded(
        &self,
        dialect: Dialect,
        candidate: &Candidate,
    ) -> Result<Wording, Failure> {
        let target = Target {
            model: &candidate.model,
            stream: self.stream,
            max_tokens: self.most_tokens(candidate),
        };
        let body = candidate.provider.body(dialect, self.request, &target);
        let body = body.map_err(Failure::inexpressible)?;
        Ok(Wording {
            dialect,
            body,
            again: false,
        })
    }

    /// Tries one candidate until it answers or is not worth another try; `others` may be asked in its place.
    pub(super) async fn tried(
        &self,
        candidate: &Candidate,
        wording: Wording,
        others: bool,
    ) -> Result<Told, Failure> {
        let now = std::time::Instant::now();
        let (provider, model) = (candidate.provider.name(), candidate.model.as_str());
        let health = self.router.healths.of(provider, model, now);
        let mut failed: Option<Failure> = None;
        for tries in 1.. {
            let patient = (failed.is_some() || wording.again) && !others;
            let held = match self.lease(health.as_ref(), patient).await {
                Ok(held) => held,
                Err(unasked) => return Err(failed.unwrap_or(unasked)),
            };
            let failure = match self.attempt(candidate, wording.clone(), held).await {
                Ok(reply) => {
                    let (Reply::Whole { headers, .. } | Reply::Stream { headers, .. }) = &reply;
                    learn(health.as_deref(), headers);
                    let dialect = wording.dialect;
                    return Ok(Told { reply, dialect });
                }
                Err(failure) => failure,
            };
            if let (Some(health), Some(quota)) = (&health, &failure.quota) {
                health.learn(quota, std::time::Instant::now());
            }
            let wait = match self.once {
                true => None,
                false => self.router.again(&failure, tries, others, self.left()),
            };
            let Some(wait) = wait else {
                return Err(failure);
            };
            failed = Some(failure);
            sleep(wait).await;
        }
        Err(Failure::new(FailureKind::TotalTimeout))
    }

    /// Leave to make a call; who is `patient` waits a little until it rested, and for room.
    async fn lease(
        &self,
        health: Option<&Arc<Health>>,
        patient: bool,
    ) -> Result<Option<Held>, Failure> {
        let Some(health) = health else {
            return Ok(None);
        };
        let most = if patient {
            self.router.rested(health, self.left()).await;
            self.router.retry.queue.min(self.left())
        } else {
            Duration::ZERO
        };
        let held = self.router.lease(health, self.tokens, self.stream, most);
        held.await.map(Some)
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
        wording: Wording,
        held: Option<Held>,
    ) -> Result<Reply, Failure> {
        let left = self.left();
        if left.is_zero() {
            return Err(Failure::new(FailureKind::TotalTimeout));
        }
        self.attempts.fetch_add(1, Ordering::Relaxed);
        let call = Call {
            model: candidate.model.clone(),
            dialect: wording.dialect,
            body: wording.body,
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
        self.note(candidate, wording.dialect, &reply);
        match (reply, held) {
            (Err(failure), Some(held)) => {
                held.failed(&failure);
                Err(failure)
            }
            (Ok(reply), Some(held)) => Ok(begun(reply, held)),
            (reply, None) => reply,
        }
    }

    fn note(&self, candidate: &Candidate, dialect: Dialect, reply: &Result<Reply, Failure>) {
        let provider = candidate.provider.name();
        let outcome = match reply {
            Ok(_) => "ok",
            Err(failure) if lacks_completions(dialect, failure) => "no_completions",
            Err(failure) => failure.kind.label(),
        };
        metrics::counter!(
            "reprise_upstream_attempts_total",
            "provider" => provider.to_owned(),
            "outcome" => outcome
        )
        .increment(1);
        if let Err(failure) = reply
            && !lacks_completions(dialect, failure)
        {
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
}

/// Lets go of the lease when the answer is whole.
fn begun(reply: Reply, mut held: Held) -> Reply {
    held.answered();
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

/// Takes down what a provider says of its limits beside its answer.
pub(super) fn learn(health: Option<&Health>, headers: &[(String, String)]) {
    let texts = headers.iter().map(|(n, v)| (n.as_str(), v.as_str()));
    if let (Some(health), Some(quota)) = (health, Quota::read(texts, SystemTime::now())) {
        health.learn(&quota, std::time::Instant::now());
    }
}
