//! What is held: a stream until it says something, and a lease for as long as its answer takes to come, which tells at
//! its end what became of it.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use futures_util::{Stream, StreamExt, stream};
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};

use super::Router;
use super::breaker::Outcome;
use super::health::{Health, Lease, Refused};
use super::strategy::Standing;
use crate::provider::{Event, EventStream, Failure, FailureKind};

/// Frames held back at most; a provider that opens with more than that has begun.
const MAX_HELD: usize = 64;

/// A lease whose end is heard by those who wait for room.
pub(super) struct Held {
    lease: Option<Lease>,
    /// Whether a stream was asked for.
    stream: bool,
    freed: Arc<Notify>,
}

impl Held {
    pub(super) fn new(lease: Lease, stream: bool, freed: Arc<Notify>) -> Self {
        Self {
            lease: Some(lease),
            stream,
            freed,
        }
    }

    /// The answer has begun.
    pub(super) fn answered(&mut self) {
        if let Some(lease) = &mut self.lease {
            lease.answered(self.stream, Instant::now());
        }
    }

    /// It failed, and holds nothing any more.
    pub(super) fn failed(mut self, failure: &Failure) {
        let slow = matches!(
            failure.kind,
            FailureKind::FirstByteTimeout | FailureKind::IdleTimeout
        );
        if let Some(lease) = &mut self.lease {
            lease.failed(Outcome::of(failure), slow, Instant::now());
        }
    }

    /// It is over and came to so many tokens, if that is known.
    pub(super) fn end(mut self, tokens: Option<u64>) {
        if let Some(lease) = self.lease.take() {
            lease.end(tokens, Instant::now());
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Some(lease) = self.lease.take() {
            lease.give_up(self.stream, Instant::now());
        }
        self.freed.notify_waiters();
    }
}

impl Router {
    /// Waits until one that is left alone may be asked again, if that is soon: a limit without a time gives it the
    /// same rest as one that it asks for.
    pub(super) async fn rested(&self, health: &Health, left: Duration) {
        if let Standing::Open(rest) = health.look(0, Instant::now()).standing
            && rest <= self.retry.max.min(left)
        {
            sleep(rest).await;
        }
    }

    /// Leave for a call of about so many tokens; where there is no room it waits for some, at most so long.
    ///
    /// # Errors
    /// Why it may not be made.
    pub(super) async fn lease(
        &self,
        health: &Arc<Health>,
        tokens: u64,
        stream: bool,
        most: Duration,
    ) -> Result<Held, Failure> {
        let until = Instant::now() + most;
        loop {
            let freed = self.freed.notified();
            let refused = match health.begin(tokens, Instant::now()) {
                Ok(lease) => return Ok(Held::new(lease, stream, self.freed.clone())),
                Err(refused) => refused,
            };
            let left = until.saturating_duration_since(Instant::now());
            let wait = match refused {
                Refused::Full(block) => block.wait(left, left),
                Refused::Open(_) => None,
            };
            match wait {
                Some(wait) => drop(timeout(wait, freed).await),
                None => return Err(unasked(refused)),
            }
        }
    }
}

/// What is told of one that may not be asked now.
fn unasked(refused: Refused) -> Failure {
    let (kind, rest) = match refused {
        Refused::Open(rest) => (FailureKind::Resting, rest),
        Refused::Full(block) => (FailureKind::Busy, block.about()),
    };
    metrics::counter!("reprise_upstream_refused_total", "reason" => kind.label()).increment(1);
    Failure {
        retry_after: Some(rest).filter(|rest| !rest.is_zero()),
        ..Failure::new(kind)
    }
}

/// A stream that holds its lease.
pub(super) struct Leased {
    events: EventStream,
    held: Option<Held>,
    tokens: Option<u64>,
}

impl Leased {
    pub(super) fn new(events: EventStream, held: Held) -> Self {
        Self {
            events,
            held: Some(held),
            tokens: None,
        }
    }

    fn hear(&mut self, event: Option<&Result<Event, Failure>>) {
        match event {
            Some(Ok(Event::Chunk(chunk))) => {
                let total = chunk.usage().and_then(|u| u.get("total_tokens")?.as_u64());
                self.tokens = total.or(self.tokens);
            }
            Some(Err(failure)) => {
                if let Some(held) = self.held.take() {
                    held.failed(failure);
                }
            }
            Some(Ok(Event::Done)) | None => {
                if let Some(held) = self.held.take() {
                    held.end(self.tokens);
                }
            }
        }
    }
}

impl Stream for Leased {
    type Item = Result<Event, Failure>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let polled = self.events.as_mut().poll_next(cx);
        if let Poll::Ready(event) = &polled {
            self.hear(event.as_ref());
        }
        polled
    }
}

/// Waits until a stream says something; what came before is put in front of it again.
pub(super) async fn hold_back(mut events: EventStream) -> Result<EventStream, Failure> {
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
