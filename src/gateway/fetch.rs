//! The call behind a miss: asks the router, passes on what comes, remembers it,
//! and only then says that it is complete, so that whoever asks next finds it.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use futures_util::StreamExt;

use super::Gateway;
use super::ask::{Plan, asked_last};
use super::error::{ApiError, Code};
use super::limits::{hear, hear_whole};
use crate::cache::Miss;
use crate::cache::entry::Fresh;
use crate::cache::flight::{Cargo, Full, Pilot};
use crate::cache::hygiene;
use crate::cache::memory::Moment;
use crate::chat::{Answer, Dialect, Frame, Recorder, Unstorable};
use crate::embed::{Embedded, Question};
use crate::guard::Reservation;
use crate::provider::{Event, EventStream, Failure, FailureKind, Reply};
use crate::router::Answered;
use crate::telemetry::Stage;

/// What flies: chunks of an answer, or a whole one.
pub(super) struct AnswerFlight;

impl Cargo for AnswerFlight {
    type Head = Arc<Head>;
    type Item = Arc<Frame>;
    type End = Result<End, ApiError>;

    fn weight(item: &Arc<Frame>) -> usize {
        item.weight()
    }
}

/// Who answers, known before the first word of the answer.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) provider: String,
    pub(super) model: String,
    pub(super) dialect: Dialect,
    pub(super) headers: Vec<(String, String)>,
}

/// How an answer ended well.
#[derive(Debug, Clone)]
pub(super) enum End {
    /// Streamed to its end; the whole of it, if it could be put together without loss.
    Streamed(Option<Arc<Answer>>),
    /// Whole from the start: the provider's bytes and what they say.
    Whole(Bytes, Arc<Answer>),
}

impl End {
    /// The whole answer, if there is one.
    fn answer(&self) -> Option<&Arc<Answer>> {
        match self {
            Self::Streamed(whole) => whole.as_ref(),
            Self::Whole(_, answer) => Some(answer),
        }
    }
}

/// Makes the call and flies it home.
pub(super) async fn fetch(
    gateway: Arc<Gateway>,
    plan: Arc<Plan>,
    mut miss: Miss,
    pilot: Pilot<AnswerFlight>,
    reserved: Reservation,
) {
    let (nearest, announced) = (miss.nearest.take(), miss.announced.take());
    let call = Fetch {
        gateway: &gateway,
        plan: &plan,
        reserved: &reserved,
        began: gateway.cache.memory().moment(),
    };
    // The vector of a first question is made while the provider thinks.
    let vector = async {
        let vector = call.vector(miss).await;
        if let Some(announced) = &announced {
            announced.found_by(vector.as_ref());
        }
        vector
    };
    let answer = async {
        let told = call.call(&pilot).await;
        if let Ok((End::Whole(_, answer), _)) = &told {
            hear_whole(&reserved, answer);
        }
        told
    };
    let (vector, end) = tokio::join!(vector, answer);
    let end = match end {
        Ok((end, answered)) => {
            let vector = call.renewed(vector).await;
            call.remember(&end, &answered, vector, pilot.keep_ms());
            if let (Some(nearest), Some(fresh)) = (nearest, end.answer()) {
                gateway.check_near_miss(&plan, nearest, fresh.clone());
            }
            Ok(end)
        }
        Err(error) => Err(error),
    };
    // Before its riders know: they may ask the next thing at once.
    drop(reserved);
    pilot.land(end);
    // Only now, so that whoever waited for it finds the answer in memory.
    drop(announced);
}

struct Fetch<'a> {
    gateway: &'a Arc<Gateway>,
    plan: &'a Plan,
    reserved: &'a Reservation,
    began: Moment,
}

/// What is known of who answered once the reply itself is taken apart.
struct From {
    demo: bool,
    other_model: bool,
    refused: Option<Unstorable>,
}

impl Fetch<'_> {
    /// The vector under which the answer will be found, unless the lookup made it already.
    async fn vector(&self, miss: Miss) -> Option<Embedded> {
        if self.plan.keep_ms == 0 || !self.plan.write_semantic {
            return None;
        }
        let question = self.plan.lookup.question.as_ref().ok()?;
        match miss.embedded {
            Some(embedded) => Some(embedded),
            None => self.gateway.cache.embed(question).await.ok(),
        }
    }

    /// The same, made anew where the model has changed while the provider thought.
    async fn renewed(&self, vector: Option<Embedded>) -> Option<Embedded> {
        let question = self.plan.lookup.question.as_ref().ok()?;
        let cache = &self.gateway.cache;
        cache.renewed(vector?, question).await.ok()
    }

    async fn call(&self, pilot: &Pilot<AnswerFlight>) -> Result<(End, From), ApiError> {
        let asked = Instant::now();
        let Answered {
            reply,
            provider,
            model,
            dialect,
            other_model,
            demo,
            ..
        } = self.ask().await?;
        let mut from = From {
            demo,
            other_model,
            refused: None,
        };
        let (end, headers) = match reply {
            Reply::Whole {
                body,
                answer,
                headers,
            } => (Ok((body, answer)), headers),
            Reply::Stream { events, headers } => (Err(events), headers),
        };
        self.gateway.metrics.stage(Stage::Upstream, asked.elapsed());
        pilot.head(Arc::new(Head {
            provider,
            model,
            dialect,
            headers,
        }));
        let tools = self.plan.route.keeping.tool_calls;
        match end {
            Ok((body, answer)) => {
                from.refused = answer.storable_with(tools).err();
                Ok((End::Whole(body, Arc::new(answer)), from))
            }
            Err(events) => {
                let whole = self.stream(events, pilot).await?;
                let storable = whole.as_ref().map_err(|why| *why);
                from.refused = storable.and_then(|a| a.storable_with(tools)).err();
                Ok((End::Streamed(whole.ok().map(Arc::new)), from))
            }
        }
    }

    /// Asks the providers, a shadow among them if there is one.
    async fn ask(&self) -> Result<Answered, ApiError> {
        let ask = &self.plan.ask;
        let (request, headers) = (&ask.request, &ask.headers);
        let (router, route) = (&self.gateway.router, &self.plan.route);
        router.shadow(route, request, headers);
        let answered = router.send(route, request, request.stream(), headers.clone());
        answered.await.map_err(|failure| {
            // The router has warned of each attempt by now.
            tracing::debug!(request = %ask.id, kind = failure.kind.label(), "no provider answered");
            self.in_the_clients_words(ApiError::from(&failure))
        })
    }

    /// Names the field that cannot be expressed as the client knows it.
    fn in_the_clients_words(&self, mut error: ApiError) -> ApiError {
        if let (Code::UnsupportedField, Some(path)) = (error.code, &error.param) {
            let ask = &self.plan.ask;
            let own = ask.voice.param(path, &ask.request);
            error.message = error
                .message
                .replace(&format!("`{path}`"), &format!("`{own}`"));
            error.param = Some(own);
        }
        error
    }

    /// Passes a stream on and puts it together.
    async fn stream(
        &self,
        mut events: EventStream,
        pilot: &Pilot<AnswerFlight>,
    ) -> Result<Result<Answer, Unstorable>, ApiError> {
        let mut recorder = Recorder::new(self.gateway.config.max_entry_bytes);
        let mut begun = false;
        while let Some(event) = events.next().await {
            match event {
                Ok(Event::Chunk(chunk)) => {
                    hear(self.reserved, &chunk);
                    recorder.push(&chunk);
                    let first = !begun && chunk.is_content();
                    let passed = pilot.push(Arc::new(chunk.into_frame()));
                    passed.map_err(|Full| self.broke_off(&too_large()))?;
                    if first {
                        // What came along with the first words must not hold them up.
                        begun = true;
                        tokio::task::yield_now().await;
                    }
                }
                Ok(Event::Done) => return Ok(recorder.finish(true)),
                Err(failure) => return Err(self.broke_off(&failure)),
            }
        }
        Err(ApiError::new(
            Code::UpstreamError,
            "The provider's stream ended before its answer did.",
        ))
    }

    fn broke_off(&self, failure: &Failure) -> ApiError {
        tracing::warn!(request = %self.plan.ask.id, kind = failure.kind.label(),
            detail = failure.detail.as_deref(), "a stream broke off");
        ApiError::from(failure)
    }

    fn remember(&self, end: &End, from: &From, vector: Option<Embedded>, ttl_ms: u64) {
        if ttl_ms == 0 {
            return;
        }
        let refused = from.refused.map(Unstorable::as_str);
        let foreign =
            (from.other_model && !self.plan.route.keeping.fallback).then_some("fallback_model");
        let lacks = end
            .answer()
            .is_some_and(|answer| self.lacks_answers(answer));
        let lacks = lacks.then_some(Unstorable::Incomplete.as_str());
        let not_stored = match (refused.or(foreign).or(lacks), end.answer()) {
            (Some(reason), _) => Some(reason),
            (None, None) => Some(Unstorable::Incomplete.as_str()),
            (None, Some(answer)) => self.objection(answer).or_else(|| {
                let started = Instant::now();
                let fresh = self.fresh(Arc::clone(answer), vector, ttl_ms, from);
                let (_, refused) = self.gateway.cache.remember(fresh);
                self.gateway.metrics.stage(Stage::Store, started.elapsed());
                refused
            }),
        };
        if let Some(reason) = not_stored {
            self.gateway.metrics.not_stored(reason);
        }
    }

    /// Whether not each prompt of a text completion has got as many answers as were asked for.
    fn lacks_answers(&self, answer: &Answer) -> bool {
        let request = &self.plan.ask.request;
        request.dialect() == Dialect::Completions && !answer.has_choices(request.choices())
    }

    /// Why what is said in it is not written down.
    fn objection(&self, answer: &Answer) -> Option<&'static str> {
        let asked = asked_last(&self.plan.ask.request);
        hygiene::objection(&asked, answer, self.plan.route.keeping.personal)
    }

    fn fresh(
        &self,
        answer: Arc<Answer>,
        vector: Option<Embedded>,
        ttl_ms: u64,
        from: &From,
    ) -> Fresh {
        let plan = self.plan;
        // Asked again: the policy may have changed while the provider thought.
        let keep_text = self.gateway.policies.of(&plan.namespace.label).keep_text;
        let question = plan.lookup.question.as_ref().ok().zip(vector);
        let question = question.map(|(text, vector)| (Question::keep(text, keep_text), vector));
        Fresh {
            key: plan.lookup.key,
            namespace: plan.namespace.label.clone(),
            tenant: plan.ask.caller.tenant.to_string(),
            model: plan.ask.request.model().to_owned(),
            origin: plan.origin.clone(),
            question,
            asker: plan.asker,
            earlier: plan.lookup.earlier.clone(),
            began: self.began,
            ttl_ms,
            // Who wants it forgotten sooner does not want it stale either.
            stale_ms: match plan.ask.controls.ttl {
                None if ttl_ms >= plan.keep_ms => plan.policy.stale().longest_ms(),
                _ => 0,
            },
            tags: plan.ask.controls.tags.clone(),
            durable: !from.demo,
            answer,
        }
    }
}

fn too_large() -> Failure {
    Failure::because(
        FailureKind::TooLarge,
        "the stream is longer than is held for those who share it",
    )
}
