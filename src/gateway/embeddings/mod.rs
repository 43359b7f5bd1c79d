//! Vectors of texts: each text is looked up by itself, and only those that are not remembered are asked for, equal ones
//! once. Two requests that miss the same text at the same time both ask: a vector costs little, and whoever waited for a
//! neighbour's batch would wait for all of it.

mod gather;
mod here;

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;

use super::Gateway;
use super::ask::{Served, freshness, millis};
use super::endpoints::{EndpointAsk, aside, nothing_remembered};
use super::error::ApiError;
use super::limits::Limited;
use super::serve::Body;
use super::via::Via;
use crate::cache::controls::Read;
use crate::cache::embeddings::{self, Kept};
use crate::cache::freshness::Freshness;
use crate::cache::scope::Namespace;
use crate::chat::unix_ms;
use crate::config::TtlClass;
use crate::dialect::embeddings::{Request, write};
use crate::guard::{Admission, Estimate};
use crate::provider::Endpoint;
use crate::router;
use crate::store::RowKey;
use crate::telemetry::Outcome;

/// Where all of them come in.
const ENDPOINT: Endpoint = Endpoint::Embeddings;

/// A request that was admitted.
struct Errand {
    ask: EndpointAsk,
    request: Arc<Request>,
    namespace: Namespace,
    route: router::Plan,
    freshness: Freshness,
    /// Why nothing is read, if so.
    unread: Option<(Outcome, &'static str)>,
    /// For how long what comes is remembered; 0: not at all.
    keep_ms: u64,
    /// The newest invalidation before anything was asked for.
    generation: u64,
    /// The key of each item.
    keys: Vec<RowKey>,
}

/// A vector and the tokens of its text.
#[derive(Clone)]
struct Vector {
    numbers: Arc<[f32]>,
    tokens: u64,
}

/// Vectors by the keys of their items, all of one model.
#[derive(Default)]
struct Vectors {
    all: HashMap<RowKey, Vector>,
    /// The model as the provider named it.
    told: String,
}

impl Gateway {
    /// Answers a request for vectors.
    pub(super) async fn embed(&self, ask: EndpointAsk) -> Result<Served, ApiError> {
        let body = ask.body.clone();
        let request = aside(body.len(), move || Request::read(&body)).await??;
        if here::is_own(request.model(), self.cache.embedder().as_ref()) {
            return self.embed_here(&ask, request).await;
        }
        let errand = self.errand(ask, request).await?;
        let model = errand.request.model();
        let pass = self.pass(&errand.ask.caller, model, ENDPOINT.as_str());
        let limited = errand.ask.limited(ENDPOINT, model, &pass);
        let mut admission = self.let_in(limited)?;
        let answered = self.vectors(&errand, limited, &mut admission).await;
        self.let_out(limited, answered, admission)
    }

    async fn vectors(
        &self,
        errand: &Errand,
        limited: Limited<'_>,
        admission: &mut Admission,
    ) -> Result<Served, ApiError> {
        let remembered = self.remembered(errand);
        let found = errand
            .keys
            .iter()
            .filter(|key| remembered.all.contains_key(*key));
        let (found, items) = (found.count(), errand.keys.len());
        let via = errand.via(found);
        if found == items {
            self.spared(errand, &remembered);
            return errand.told(remembered, via).await;
        }
        if errand.ask.controls.only {
            return Err(nothing_remembered(via));
        }
        let (reserved, _slot) = self
            .room_for(limited, admission, errand.estimate(&remembered))
            .await?;
        let answered = self
            .gather(errand, remembered, via.clone(), &reserved)
            .await;
        answered.map_err(|error| ApiError {
            via: error.via.or_else(|| Some(Box::new(via.failed()))),
            ..error
        })
    }

    /// Admits a request: where its vectors live, what may be read and written, who would make them.
    async fn errand(&self, ask: EndpointAsk, request: Request) -> Result<Errand, ApiError> {
        let namespace = self.namespace_of(&ask)?;
        let route = self.route_to(request.model(), &ask.caller, ask.forced.as_ref())?;
        let decider = self.policy_for(&namespace.label, request.model(), ask.id);
        // What a model makes of a text does not change.
        let class = route.keeping.ttl_class.unwrap_or(TtlClass::Static);
        let of_policy = decider.policy.freshness(class, decider.forgotten_ms);
        let freshness = freshness(&ask.controls, of_policy);
        let unread = self.unread(&ask, &request, &namespace, freshness.ttl_ms);
        let bypass = matches!(unread, Some((Outcome::Bypass, _)));
        let ttl_ms = ask
            .controls
            .ttl
            .map_or(u64::MAX, millis)
            .min(freshness.ttl_ms);
        let (origin, headers) = (route.origin(), ask.headers.clone());
        let (request, home) = (Arc::new(request), namespace.clone());
        let asked = request.clone();
        let keys = move || {
            let ground = embeddings::ground(&home, &origin, &headers, &asked);
            let items = asked.items().iter();
            items.map(|item| embeddings::key(&ground, item)).collect()
        };
        Ok(Errand {
            keys: aside(ask.body.len(), keys).await?,
            keep_ms: if namespace.write && !bypass {
                ttl_ms
            } else {
                0
            },
            generation: self.cache.memory().marks().generation(),
            ask,
            request,
            namespace,
            route,
            freshness,
            unread,
        })
    }

    fn unread(
        &self,
        ask: &EndpointAsk,
        request: &Request,
        namespace: &Namespace,
        ttl_ms: u64,
    ) -> Option<(Outcome, &'static str)> {
        let controls = &ask.controls;
        let kept = self.config.cache && self.cache.embeddings().is_some();
        let bypass = match () {
            () if !kept => Some("cache_off"),
            () if controls.off => Some(controls.reason.unwrap_or("off")),
            () if !gives_floats(request) => Some("not_floats"),
            () if ttl_ms == 0 => Some("ttl_never"),
            () => None,
        };
        let refresh = || match controls.read {
            Read::Nothing => Some(controls.reason.unwrap_or("refresh")),
            _ if !namespace.read => Some("write_only_namespace"),
            _ => None,
        };
        let bypass = bypass.map(|why| (Outcome::Bypass, why));
        bypass.or_else(|| refresh().map(|why| (Outcome::Refresh, why)))
    }

    fn remembered(&self, errand: &Errand) -> Vectors {
        let mut found = Vectors::default();
        let Some(memory) = self.cache.embeddings().filter(|_| errand.unread.is_none()) else {
            return found;
        };
        let now_ms = unix_ms();
        for key in &errand.keys {
            if let Some(kept) = memory.find(key, &errand.freshness, now_ms) {
                kept.told().clone_into(&mut found.told);
                found.all.insert(*key, Vector::from(&*kept));
            }
        }
        found
    }

    /// Counts what remembered vectors spared.
    fn spared(&self, errand: &Errand, found: &Vectors) {
        let spared = errand.keys.iter().filter_map(|key| found.all.get(key));
        let (texts, tokens) =
            spared.fold((0, 0), |(texts, tokens), v| (texts + 1, tokens + v.tokens));
        self.metrics.embedded("memory", texts);
        if texts > 0 {
            let usd = self.prices.cost(errand.request.model(), tokens, 0);
            self.metrics.saved(tokens, 0, usd);
        }
    }
}

impl Errand {
    /// Tokens that the texts beside those that are `known` have.
    fn estimate(&self, known: &Vectors) -> Estimate {
        let places = self.places(|key| !known.all.contains_key(key)).into_iter();
        Estimate {
            prompt: places.map(|place| self.request.tokens(place)).sum(),
            answer: 0,
        }
    }

    /// How it is answered if `found` of its items are remembered.
    fn via(&self, found: usize) -> Via {
        let items = self.keys.len();
        let (outcome, reason) = match (self.unread, found) {
            (Some(unread), _) => unread,
            (None, 0) => (Outcome::Miss, "not_remembered"),
            (None, found) if found == items => (Outcome::HitExact, "same_texts"),
            (None, _) => (Outcome::Partial, "some_texts"),
        };
        let mut via = Via::new(outcome, reason);
        if outcome == Outcome::Partial {
            via.marks
                .push(("x-reprise-hits", format!("{found}/{items}")));
        }
        via
    }

    /// The answer, written out of vectors of all items.
    async fn told(&self, vectors: Vectors, via: Via) -> Result<Served, ApiError> {
        let bytes = vectors.all.values().map(|v| v.numbers.len() * 4).sum();
        let (keys, format) = (self.keys.clone(), self.request.format());
        let via = Via {
            model: via.model.or_else(|| Some(vectors.told.clone())),
            ..via
        };
        let body = move || {
            let all: Vec<&Vector> = keys.iter().filter_map(|key| vectors.all.get(key)).collect();
            let tokens = all.iter().map(|v| v.tokens).sum();
            let numbers: Vec<&[f32]> = all.iter().map(|v| &*v.numbers).collect();
            write(&numbers, &vectors.told, tokens, format)
        };
        Ok(plain(via, aside(bytes, body).await?))
    }
}

impl From<&Kept> for Vector {
    fn from(kept: &Kept) -> Self {
        Self {
            numbers: kept.numbers.clone(),
            tokens: kept.tokens,
        }
    }
}

fn plain(via: Via, body: Bytes) -> Served {
    Served {
        via,
        body: Body::Json(body),
    }
}

/// Some servers give integers or bits if they are asked to, which would be read as floats.
fn gives_floats(request: &Request) -> bool {
    let kind = request
        .member("output_dtype")
        .or_else(|| request.member("embedding_types"));
    kind.is_none_or(|kind| kind == "float")
}
