//! Asks for the vectors that are not remembered, and puts them together with those that are. Vectors of two models are
//! never told in one answer: where another model has to answer, it is asked for all.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Instant;

use futures_util::{StreamExt, TryStreamExt, stream};

use super::{ENDPOINT, Errand, Gateway, Vector, Vectors, plain};
use crate::cache::embeddings::{Fresh, Home};
use crate::cache::hygiene;
use crate::chat::Unstorable;
use crate::dialect::embeddings::{Answer, apportioned};
use crate::gateway::ask::Served;
use crate::gateway::endpoints::{aside, understood};
use crate::gateway::error::ApiError;
use crate::gateway::via::Via;
use crate::guard::Reservation;
use crate::provider::{Failure, FailureKind};
use crate::router::{self, Brought, Candidate, Failures, most_inputs};
use crate::telemetry::Stage;

/// Calls of one request under way at a time, where it takes several.
const AT_ONCE: usize = 4;

/// One call and what it is for.
struct Part {
    places: Vec<usize>,
    /// With what it says, none where that cannot be kept.
    brought: Brought<Option<Answer>>,
}

impl Gateway {
    pub(super) async fn gather(
        &self,
        errand: &Errand,
        remembered: Vectors,
        via: Via,
        reserved: &Reservation,
    ) -> Result<Served, ApiError> {
        let tokens = errand.estimate(&remembered).prompt;
        let order = self.router.order_at(&errand.route, ENDPOINT, tokens).await;
        let order = order.map_err(|failure| ApiError::from(&failure))?;
        let mut failures = Failures::default();
        let mut known = Some(remembered);
        let mut places = errand.places(|key| {
            !known
                .as_ref()
                .is_some_and(|known| known.all.contains_key(key))
        });
        for candidates in errand.route.by_model(order) {
            let asked = Instant::now();
            let failure = match self.ask_for(errand, &candidates, &places).await {
                Ok(parts) => {
                    self.metrics.stage(Stage::Upstream, asked.elapsed());
                    return self
                        .put_together(errand, (known, parts), via, reserved)
                        .await;
                }
                Err(failure) => failure,
            };
            if failures.add(failure) {
                break;
            }
            if known.take().is_some_and(|known| !known.all.is_empty()) {
                places = errand.places(|_| true);
            }
        }
        let mut error = ApiError::from(&failures.told());
        errand.in_the_clients_words(&places, &mut error);
        Err(error)
    }

    /// Has candidates of one model embed items, in as many calls as it takes.
    async fn ask_for(
        &self,
        errand: &Errand,
        candidates: &[Candidate],
        places: &[usize],
    ) -> Result<Vec<Part>, Failure> {
        let calls: Vec<_> = places
            .chunks(most_inputs(candidates))
            .map(|places| self.ask_for_part(errand, candidates, places.to_vec()))
            .collect();
        stream::iter(calls).buffered(AT_ONCE).try_collect().await
    }

    async fn ask_for_part(
        &self,
        errand: &Errand,
        candidates: &[Candidate],
        places: Vec<usize>,
    ) -> Result<Part, Failure> {
        let body = |model: &str| errand.request.body_for(model, &places);
        let count = places.len();
        let call = router::Errand {
            endpoint: ENDPOINT,
            headers: &errand.ask.headers,
            body: &body,
            read: &move |body| Box::pin(understood(body, move |body| Answer::read(body, count))),
        };
        let brought = self.router.exchange(candidates, &call).await?;
        Ok(Part { places, brought })
    }

    /// Remembers what came and makes the answer of it. `known` is what was remembered before, none if another model
    /// than that answers.
    async fn put_together(
        &self,
        errand: &Errand,
        (known, mut parts): (Option<Vectors>, Vec<Part>),
        via: Via,
        reserved: &Reservation,
    ) -> Result<Served, ApiError> {
        // Where nobody counted, what was thought to be asked.
        reserved.heard(1);
        let keep_ms = if known.is_some() { errand.keep_ms } else { 0 };
        let via = if known.is_some() { via } else { via.useless() };
        let via = brought_by(&mut parts, via);
        let known = known.unwrap_or_default();
        let asked = parts.iter().map(|part| part.places.len()).sum();
        self.metrics.embedded("provider", asked);
        let whole = parts.len() == 1 && known.all.is_empty() && asked == errand.keys.len();
        let as_it_came = parts
            .first()
            .filter(|_| whole)
            .map(|part| part.brought.body.clone());
        let fresh = errand.vectors(parts).await?;
        let mut fresh = match (fresh, &as_it_came) {
            (Some(fresh), _) => fresh,
            (None, Some(body)) => {
                if keep_ms > 0 {
                    self.metrics.not_stored(Unstorable::Unparseable.as_str());
                }
                return Ok(plain(via, body.clone()));
            }
            (None, None) => {
                let why = "vectors in a form that cannot be put together";
                let failure = Failure::because(FailureKind::Malformed, why);
                return Err(ApiError::from(&failure));
            }
        };
        reserved.counted(fresh.all.values().map(|vector| vector.tokens).sum());
        self.keep(errand, &fresh, keep_ms);
        if let Some(body) = as_it_came {
            return Ok(plain(via, body));
        }
        self.spared(errand, &known);
        fresh.all.extend(known.all);
        errand.told(fresh, via).await
    }

    fn keep(&self, errand: &Errand, fresh: &Vectors, keep_ms: u64) {
        let Some(memory) = self.cache.embeddings().filter(|_| keep_ms > 0) else {
            return;
        };
        let personal_may = errand.route.keeping.personal;
        let places = errand.places(|key| fresh.all.contains_key(key)).into_iter();
        let mut left_out = 0;
        let rows = places.filter_map(|place| {
            let (key, item) = (errand.keys.get(place)?, errand.request.items().get(place)?);
            if !personal_may && item.as_str().is_none_or(hygiene::is_personal) {
                left_out += 1;
                return None;
            }
            let vector = fresh.all.get(key)?;
            Some(Fresh {
                key: *key,
                numbers: vector.numbers.clone(),
                tokens: vector.tokens,
            })
        });
        let rows = rows.collect();
        let tags = &errand.ask.controls.tags;
        let home = Home {
            tenant: errand.ask.caller.tenant.to_string(),
            namespace: errand.namespace.label.clone(),
            model: errand.request.model().to_owned(),
            told: fresh.told.clone(),
            tags: tags.tags.clone(),
            prompt_version: tags.prompt_version.clone(),
            generation: errand.generation,
        };
        let refused = memory.keep(home, rows, keep_ms);
        if let Some(why) = refused.or((left_out > 0).then_some("personal_data")) {
            self.metrics.not_stored(why);
        }
    }
}

/// The same with who answered last.
fn brought_by(parts: &mut [Part], via: Via) -> Via {
    match parts.last_mut() {
        Some(Part { brought, .. }) => Via {
            provider: Some(std::mem::take(&mut brought.provider)),
            model: Some(brought.model.clone()),
            headers: std::mem::take(&mut brought.headers),
            ..via
        },
        None => via,
    }
}

impl Via {
    /// The same where what was remembered is of no use.
    fn useless(self) -> Self {
        Self {
            marks: Vec::new(),
            ..self.failed()
        }
    }
}

impl Errand {
    /// The places of the items that are wanted, of equal ones the first.
    pub(super) fn places(&self, wanted: impl Fn(&[u8; 32]) -> bool) -> Vec<usize> {
        let mut seen = HashSet::new();
        let keys = self.keys.iter().enumerate();
        let first = keys.filter(|(_, key)| wanted(key) && seen.insert(**key));
        first.map(|(place, _)| place).collect()
    }

    /// What all parts of an answer hold, if that can be kept.
    async fn vectors(&self, parts: Vec<Part>) -> Result<Option<Vectors>, ApiError> {
        let bytes = parts.iter().map(|part| part.brought.body.len()).sum();
        let (keys, request) = (self.keys.clone(), Arc::clone(&self.request));
        let read = move || {
            let mut read = Vectors::default();
            for part in parts {
                let answer = part.brought.read?;
                let weights: Vec<u64> = part.places.iter().map(|p| request.weight(*p)).collect();
                let tokens = apportioned(answer.tokens, &weights);
                for ((place, numbers), tokens) in part.places.iter().zip(answer.vectors).zip(tokens)
                {
                    let key = keys.get(*place).copied().unwrap_or_default();
                    let numbers = numbers.into();
                    read.all.insert(key, Vector { numbers, tokens });
                }
                read.told = match answer.model.is_empty() {
                    true => part.brought.model,
                    false => answer.model,
                };
            }
            Some(read)
        };
        aside(bytes, read).await
    }

    /// A provider that was asked for some of the items counts them anew.
    fn in_the_clients_words(&self, places: &[usize], error: &mut ApiError) {
        let Some(param) = &error.param else {
            return;
        };
        let told = param
            .strip_prefix("input[")
            .and_then(|rest| rest.split_once(']'));
        let place = told.and_then(|(number, _)| places.get(number.parse::<usize>().ok()?));
        if let (Some((number, rest)), Some(place)) = (told, place) {
            let (theirs, own) = (format!("input[{number}]"), self.request.name_of(*place));
            let own_param = format!("{own}{rest}");
            error.message = error.message.replace(&theirs, &own);
            error.param = Some(own_param);
        }
    }
}
