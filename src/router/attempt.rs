//! Tries a plan's candidates until one answers. Once a client may have seen a part
//! of an answer nothing is tried again, so a stream is held back until it says something.

use std::time::Duration;

use futures_util::{StreamExt, stream};
use tokio::time::{Instant, sleep};

use super::backoff::{chance, pause};
use super::plan::{Candidate, Plan};
use super::{Retry, Router};
use crate::chat::{ChatRequest, Dialect, InvalidRequest};
use crate::dialect::Target;
use crate::provider::{
    Call, ClientHeaders, Deadlines, Event, EventStream, Failure, FailureKind, Remedy, Reply,
    UpstreamError,
};

/// Tokens of an answer where the provider wants a number and the client gave none.
const MAX_TOKENS: u64 = 4096;

/// Frames held back at most; a provider that opens with more than that has begun.
const MAX_HELD: usize = 64;

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
    /// Which try it was, counted from 1 over all candidates.
    pub attempt: u32,
    /// Whether another candidate than the first gave it.
    pub fallback: bool,
    /// Whether another model than the first candidate's gave it.
    pub other_model: bool,
    /// Whether the built-in demo provider made it up.
    pub demo: bool,
}

/// What is the same in each attempt of one request.
struct Errand<'a> {
    request: &'a ChatRequest,
    stream: bool,
    headers: ClientHeaders,
    deadlines: Deadlines,
    retry: Retry,
    ends: Option<Instant>,
    attempts: u32,
}

impl Router {
    /// Gets an answer: each candidate in order, each as often as its failures allow.
    /// It is asked for in pieces if `stream`. Dropping the future, or the stream in the reply, cancels the
    /// provider's work.
    ///
    /// # Errors
    /// The last candidate's failure, or the one that no other candidate could mend; that a candidate's dialect
    /// cannot express the request only if that is so of all of them.
    pub async fn send(
        &self,
        plan: &Plan,
        request: &ChatRequest,
        stream: bool,
        headers: ClientHeaders,
    ) -> Result<Answered, Failure> {
        let mut errand = Errand {
            request,
            stream,
            headers,
            deadlines: self.deadlines,
            retry: self.retry,
            ends: Instant::now().checked_add(self.deadlines.total),
            attempts: 0,
        };
        let mut failed: Option<Failure> = None;
        for (place, candidate) in plan.candidates.iter().enumerate() {
            let failure = match errand.candidate(candidate).await {
                Ok(reply) => return Ok(errand.answered(reply, plan, place)),
                Err(failure) => failure,
            };
            let ends = failure.remedy() == Remedy::Nothing;
            // What one dialect lacks says nothing of why the others failed.
            if failed.is_none() || failure.kind != FailureKind::Inexpressible {
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

impl Errand<'_> {
    /// Tries one candidate until it answers or is not worth another try.
    async fn candidate(&mut self, candidate: &Candidate) -> Result<Reply, Failure> {
        let target = Target {
            model: &candidate.model,
            stream: self.stream,
            max_tokens: MAX_TOKENS,
        };
        let body = candidate.provider.body(self.request, &target);
        let body = body.map_err(inexpressible)?;
        let mut tries = 0;
        loop {
            tries += 1;
            let failure = match self.attempt(candidate, body.clone()).await {
                Ok(reply) => return Ok(reply),
                Err(failure) => failure,
            };
            let again = failure.remedy() == Remedy::Again && tries < self.retry.max_attempts;
            let asked = failure.retry_after;
            let wait = again
                .then(|| pause(&self.retry, tries, asked, self.left(), chance()))
                .flatten();
            let Some(wait) = wait else {
                return Err(failure);
            };
            sleep(wait).await;
        }
    }

    /// One call, up to the first event that says something.
    async fn attempt(
        &mut self,
        candidate: &Candidate,
        body: bytes::Bytes,
    ) -> Result<Reply, Failure> {
        let left = self.left();
        if left.is_zero() {
            return Err(Failure::new(FailureKind::TotalTimeout));
        }
        self.attempts += 1;
        let call = Call {
            model: candidate.model.clone(),
            body,
            stream: self.stream,
            headers: self.headers.clone(),
            deadlines: Deadlines {
                total: left,
                ..self.deadlines
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
        reply
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
            let attempt = self.attempts;
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

    fn answered(&self, reply: Reply, plan: &Plan, place: usize) -> Answered {
        let candidate = &plan.candidates[place];
        Answered {
            reply,
            provider: candidate.provider.name().to_owned(),
            model: candidate.model.clone(),
            dialect: candidate.provider.dialect(),
            attempt: self.attempts,
            fallback: place > 0,
            other_model: candidate.model != plan.candidates[0].model,
            demo: candidate.provider.is_demo(),
        }
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

/// Waits until a stream says something; what came before is put in front of it again.
async fn hold_back(mut events: EventStream) -> Result<EventStream, Failure> {
    let mut held = Vec::new();
    while held.len() < MAX_HELD {
        let event = match events.next().await {
            Some(event) => event?,
            None => return Err(Failure::new(FailureKind::Reset)),
        };
        if event == Event::Done {
            let why = "the stream ended without an answer";
            return Err(Failure::because(FailureKind::Malformed, why));
        }
        let says = matches!(&event, Event::Chunk(chunk) if chunk.is_content());
        held.push(Ok(event));
        if says {
            break;
        }
    }
    Ok(Box::pin(stream::iter(held).chain(events).fuse()))
}
