//! A gateway under trial: asked like a live one, by the same path, and told apart from it only
//! in that what it serves is looked at instead of sent.

use std::sync::Arc;
use std::time::Instant;

use parking_lot::Mutex;
use serde_json::{Value, json};

use crate::cache::Found;
use crate::cache::controls::Controls;
use crate::chat::{ChatRequest, InvalidRequest, RequestId};
use crate::gateway::ask::Ask;
use crate::gateway::error::ApiError;
use crate::gateway::{Body, Gateway, Piece, Voice};
use crate::identity::{Caller, Role, TenantId};

/// The model that every row asks; the stand-in for a provider answers to any name.
const MODEL: &str = "eval";

/// A gateway under trial.
pub struct Trial {
    gateway: Arc<Gateway>,
    at_once: usize,
    /// Wrong hits, if somebody wants to see them.
    wrong: Option<Mutex<Vec<Value>>>,
    /// What the gateway needs for as long as it is asked.
    _held: Box<dyn Send + Sync>,
}

/// What memory said of a question.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Said {
    /// How it was served, if it was.
    pub hit: Option<Hit>,
    /// The score of the best there was: 1 for the same request, 0 for none or after a veto.
    pub score: f32,
    /// Milliseconds of the lookup.
    pub ms: f64,
}

/// A hit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hit {
    /// The same request, word for word.
    Exact,
    /// By meaning, by the answer of this entry.
    Semantic(u64),
}

/// Why a row could not be asked.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "each variant is its source's own line")]
pub enum TrialError {
    #[error(transparent)]
    Request(#[from] InvalidRequest),
    #[error("{0}")]
    Gateway(#[from] ApiError),
    #[error("`{0}` is not the name of a tenant")]
    Tenant(String),
    #[error("an answer that should have been remembered broke off")]
    Broken,
}

/// Where a row is asked: its own memory.
#[derive(Debug, Clone)]
pub struct Place {
    caller: Caller,
    namespace: Option<String>,
}

impl Place {
    /// A tenant's own memory.
    ///
    /// # Errors
    /// [`TrialError::Tenant`]: not a name.
    pub fn tenant(name: &str) -> Result<Self, TrialError> {
        let tenant: TenantId = name
            .parse()
            .map_err(|_| TrialError::Tenant(name.to_owned()))?;
        Ok(Self {
            caller: Caller {
                tenant,
                role: Role::App,
                key_id: None,
            },
            namespace: None,
        })
    }

    /// A memory that no other row touches.
    ///
    /// # Errors
    /// None in practice: the name is our own.
    pub fn row(file: usize, number: usize) -> Result<Self, TrialError> {
        Ok(Self {
            namespace: Some(format!("{file}-{number}")),
            ..Self::tenant("eval")?
        })
    }
}

impl Trial {
    /// Puts a gateway on trial, with up to `at_once` rows on their way. `held` is dropped after it.
    #[must_use]
    pub fn new(gateway: Arc<Gateway>, at_once: usize, held: Box<dyn Send + Sync>) -> Self {
        Self {
            gateway,
            at_once,
            wrong: None,
            _held: held,
        }
    }

    /// Takes wrong hits down.
    #[must_use]
    pub fn telling_wrong(self, wanted: bool) -> Self {
        Self {
            wrong: wanted.then(Mutex::default),
            ..self
        }
    }

    /// Takes a wrong hit down, if somebody wants to see them.
    pub(super) fn tell_wrong(&self, hit: Value) {
        if let Some(wrong) = &self.wrong {
            wrong.lock().push(hit);
        }
    }

    /// The wrong hits since this was last asked.
    #[must_use]
    pub fn wrong_hits(&self) -> Vec<Value> {
        let wrong = self.wrong.as_ref();
        wrong.map_or_else(Vec::new, |wrong| std::mem::take(&mut *wrong.lock()))
    }

    /// Rows that are asked at the same time.
    #[must_use]
    pub fn at_once(&self) -> usize {
        self.at_once
    }

    /// The gateway.
    #[must_use]
    pub fn gateway(&self) -> &Gateway {
        &self.gateway
    }

    /// Waits until all that was asked is judged.
    pub async fn judged(&self) {
        self.gateway.judged().await;
    }

    /// Asks, and waits until the answer is remembered.
    ///
    /// # Errors
    /// What the gateway has against the request.
    pub async fn answer(&self, place: &Place, messages: &[Value]) -> Result<Said, TrialError> {
        let ask = ask(place, messages)?;
        let started = Instant::now();
        let served = self.gateway.answer(ask).await?;
        let ms = millis(started);
        let exact = crate::gateway::Outcome::HitExact;
        let hit = match served.via.entry {
            _ if served.via.outcome == exact => Some(Hit::Exact),
            Some(entry) if served.via.outcome.is_hit() => Some(Hit::Semantic(entry)),
            _ => None,
        };
        if let Body::Live(mut live) = served.body {
            while let Piece::Bytes(_) = live.next().await {}
        }
        let score = served.via.similarity.unwrap_or(0.0);
        Ok(Said { hit, score, ms })
    }

    /// Asks memory alone: what it would serve, and how sure it is.
    ///
    /// # Errors
    /// What the gateway has against the request.
    pub async fn consult(&self, place: &Place, messages: &[Value]) -> Result<Said, TrialError> {
        let ask = ask(place, messages)?;
        let started = Instant::now();
        let found = self.gateway.consult(ask).await?;
        let ms = millis(started);
        let (hit, score) = match found {
            Found::Exact(_) => (Some(Hit::Exact), 1.0),
            Found::Similar(nearest) => (
                Some(Hit::Semantic(nearest.entry.id)),
                nearest.judgement.score,
            ),
            Found::Nothing(miss) => (None, miss.nearest.map_or(0.0, |n| n.judgement.score)),
        };
        Ok(Said { hit, score, ms })
    }
}

/// One user text as messages.
#[must_use]
pub fn question(text: &str) -> Vec<Value> {
    vec![json!({"role": "user", "content": text})]
}

fn ask(place: &Place, messages: &[Value]) -> Result<Ask, TrialError> {
    let body = json!({"model": MODEL, "messages": messages}).to_string();
    let request = ChatRequest::parse(body)?;
    Ok(Ask {
        id: RequestId::fresh(),
        caller: place.caller.clone(),
        endpoint: "chat/completions",
        voice: Voice::of(&request),
        request,
        controls: Controls {
            namespace: place.namespace.clone(),
            ..Controls::default()
        },
        end_user: None,
        forced: None,
        conversation: None,
        headers: Arc::default(),
        started: Instant::now(),
    })
}

fn millis(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1000.0
}
