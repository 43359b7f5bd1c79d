//! The last part of the line: from an entry or a flight to what the client gets,
//! in the framing that it asked for.

use std::sync::Arc;

use bytes::Bytes;

use super::Gateway;
use super::ask::{Plan, Served};
use super::error::{ApiError, Code};
use super::fetch::{AnswerFlight, End, Head};
use super::limits::fetch_in_turn;
use super::via::Via;
use super::voice::Speech;
use crate::cache::Miss;
use crate::cache::entry::Cached;
use crate::cache::flight::{Flights, Heard, Pilot, Rider};
use crate::chat::{Answer, Dialect, Replay, RequestId, unix_ms};
use crate::guard::{Admission, Reservation};
use crate::provider::{Failure, FailureKind};
use crate::telemetry::Outcome;

/// An answer in the client's framing.
pub enum Body {
    /// One JSON object.
    Json(Bytes),
    /// A whole event stream.
    Events(Bytes),
    /// An event stream that is still coming.
    Live(LiveAnswer),
}

/// What a live answer says next.
#[derive(Debug)]
pub enum Piece {
    /// Bytes for the client.
    Bytes(Bytes),
    /// The last bytes; the body ends after them.
    Last(Bytes),
}

/// A streamed answer on its way from the provider.
pub struct LiveAnswer {
    rider: Rider<AnswerFlight>,
    speech: Speech,
    id: RequestId,
    admission: Option<Admission>,
}

impl LiveAnswer {
    /// Holds on to the request's places until it is over.
    pub(super) fn hold(&mut self, admission: Admission) {
        self.admission = Some(admission);
    }

    /// Waits for the next bytes. A failure ends the stream with one error event and without its usual end.
    pub async fn next(&mut self) -> Piece {
        loop {
            match self.rider.next().await {
                Heard::Item(frame) => {
                    if let Some(event) = self.speech.frame(&frame) {
                        return Piece::Bytes(event);
                    }
                }
                Heard::End(Some(Ok(_))) => return Piece::Last(self.speech.end()),
                Heard::End(Some(Err(error))) => return self.broken(&error),
                Heard::End(None) => return self.broken(&lost()),
            }
        }
    }

    /// The last words of a stream that cannot go on.
    pub fn broken(&mut self, error: &ApiError) -> Piece {
        Piece::Last(self.speech.error(error, self.id))
    }
}

fn lost() -> ApiError {
    ApiError::new(
        Code::UpstreamError,
        "The call to the provider was given up.",
    )
}

impl Gateway {
    /// Serves a remembered answer, which spares a call.
    pub(super) fn serve_hit(
        &self,
        plan: &Plan,
        entry: &Arc<Cached>,
        similarity: Option<f32>,
    ) -> Result<Served, ApiError> {
        let served = self.replayed(plan, entry, similarity)?;
        self.saved(plan, entry.replay.answer());
        Ok(served)
    }

    /// A remembered answer as it is served.
    pub(super) fn replayed(
        &self,
        plan: &Plan,
        entry: &Arc<Cached>,
        similarity: Option<f32>,
    ) -> Result<Served, ApiError> {
        let now = unix_ms();
        let end = plan.lookup.freshness.end(entry.dates());
        let (outcome, reason) = match similarity {
            None => (Outcome::HitExact, "same_request"),
            Some(_) => (Outcome::HitSemantic, "similar"),
        };
        let via = Via {
            similarity,
            entry: Some(entry.id),
            age_s: Some(now.saturating_sub(entry.created_ms) / 1000),
            ttl_s: Some(
                end.cast_signed()
                    .saturating_sub_unsigned(now)
                    .div_euclid(1000),
            ),
            class: Some(plan.class),
            model: entry.replay.answer().model().map(str::to_owned),
            ..Via::new(outcome, reason)
        };
        let body = said(plan, &entry.replay)?;
        Ok(Served { via, body })
    }

    /// Makes the call for this request and whoever joins it.
    pub(super) async fn lead(
        self: &Arc<Self>,
        plan: &Arc<Plan>,
        miss: Miss,
        (pilot, rider): (Pilot<AnswerFlight>, Rider<AnswerFlight>),
        reserved: Reservation,
    ) -> Result<Served, ApiError> {
        let via = via_of(plan, &miss);
        let call = fetch_in_turn(self.clone(), plan.clone(), miss, pilot, reserved);
        let call = tokio::spawn(call);
        rider.cancels(call.abort_handle());
        self.land(plan, via, rider).await
    }

    /// Waits for a call that somebody else leads; makes its own if that takes too long.
    pub(super) async fn follow(
        self: &Arc<Self>,
        plan: &Arc<Plan>,
        miss: Miss,
        mut rider: Rider<AnswerFlight>,
    ) -> Result<Served, ApiError> {
        let head = tokio::time::timeout(self.config.flight_wait, rider.head()).await;
        if head.is_ok() {
            let via = Via {
                collapsed: true,
                class: Some(plan.class),
                ..Via::new(Outcome::HitExact, "collapsed")
            };
            return self.land(plan, via, rider).await;
        }
        // The call that took too long is not held up for this request's sake.
        drop(rider);
        let reserved = self.may_call(plan)?;
        self.lead(plan, miss, Flights::alone(plan.keep_ms), reserved)
            .await
    }

    /// From the flight's first word to the reply; a failure tells what memory had to say, too.
    async fn land(
        self: &Arc<Self>,
        plan: &Arc<Plan>,
        via: Via,
        rider: Rider<AnswerFlight>,
    ) -> Result<Served, ApiError> {
        let told = via.clone();
        let landed = self.disembark(plan, via, rider).await;
        landed.map_err(|error| ApiError {
            via: error.via.or_else(|| Some(Box::new(told.failed()))),
            ..error
        })
    }

    async fn disembark(
        self: &Arc<Self>,
        plan: &Arc<Plan>,
        mut via: Via,
        mut rider: Rider<AnswerFlight>,
    ) -> Result<Served, ApiError> {
        let upstream = match rider.head().await {
            Ok(head) => {
                name(&mut via, &head);
                head.dialect
            }
            Err(end) => return Err(failed(end)),
        };
        if plan.ask.request.stream() {
            return self.land_stream(plan, via, rider, upstream).await;
        }
        let end = loop {
            if let Heard::End(end) = rider.next().await {
                break end;
            }
        };
        let body = match end {
            // The leader gets the provider's own bytes; a follower its own id.
            Some(Ok(End::Whole(body, _)))
                if !via.collapsed && upstream == plan.ask.request.dialect() =>
            {
                Body::Json(body)
            }
            Some(Ok(End::Whole(_, answer) | End::Streamed(Some(answer)))) => {
                said(plan, &Replay::new(answer))?
            }
            // The leader streamed what cannot be put together: this request makes its own call.
            Some(Ok(End::Streamed(None))) => return Box::pin(self.alone(plan)).await,
            end => return Err(failed(end)),
        };
        Ok(Served { via, body })
    }

    async fn land_stream(
        self: &Arc<Self>,
        plan: &Arc<Plan>,
        via: Via,
        mut rider: Rider<AnswerFlight>,
        upstream: Dialect,
    ) -> Result<Served, ApiError> {
        let body = match rider.peek().await {
            Some(Ok(End::Whole(_, answer))) => said(plan, &Replay::new(answer))?,
            Some(Err(error)) => return Err(error),
            _ => Body::Live(LiveAnswer {
                rider,
                speech: plan.ask.voice.speech(upstream),
                id: plan.ask.id,
                admission: None,
            }),
        };
        Ok(Served { via, body })
    }

    /// A call that nobody shares.
    async fn alone(self: &Arc<Self>, plan: &Arc<Plan>) -> Result<Served, ApiError> {
        let reserved = self.may_call(plan)?;
        let miss = Miss {
            reason: "not_shareable",
            ..Miss::default()
        };
        self.lead(plan, miss, Flights::alone(plan.keep_ms), reserved)
            .await
    }

    fn saved(&self, plan: &Plan, answer: &Answer) {
        if let Some((prompt, completion)) = answer.tokens() {
            self.metrics
                .saved(prompt, completion, self.price(plan, answer));
        }
    }
}

/// A whole answer as the client wants it. What cannot be read cannot be put in other words, or cut in pieces.
fn said(plan: &Plan, replay: &Replay) -> Result<Body, ApiError> {
    let voice = &plan.ask.voice;
    let body = if plan.ask.request.stream() {
        voice.events(replay).map(Body::Events)
    } else {
        voice.json(replay).map(Body::Json)
    };
    body.ok_or_else(|| ApiError::from(&Failure::new(FailureKind::Malformed)))
}

fn via_of(plan: &Plan, miss: &Miss) -> Via {
    let (outcome, reason) = plan.unread.unwrap_or((Outcome::Miss, miss.reason));
    Via {
        similarity: miss.nearest.as_ref().map(|n| n.similarity),
        class: Some(plan.class),
        ..Via::new(outcome, reason)
    }
}

/// The refusal of a request that only memory was to answer. It tells all that a miss tells.
pub(super) fn withheld(plan: &Plan, miss: &Miss) -> ApiError {
    let via = Via {
        outcome: Outcome::Miss,
        withheld: true,
        ..via_of(plan, miss)
    };
    ApiError {
        via: Some(Box::new(via)),
        ..ApiError::new(Code::CacheMiss, "Nothing remembered serves this request.")
    }
}

fn name(via: &mut Via, head: &Head) {
    via.provider = Some(head.provider.clone());
    via.model = Some(head.model.clone());
    via.headers.clone_from(&head.headers);
}

fn failed(end: Option<Result<End, ApiError>>) -> ApiError {
    match end {
        Some(Err(error)) => error,
        _ => lost(),
    }
}
