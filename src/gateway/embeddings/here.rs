//! Vectors by the model of this process, for whoever names it. Any text is taken that is neither empty nor too long.

use std::time::{Duration, Instant};

use futures_util::{StreamExt, TryStreamExt, stream};
use serde_json::{Value, json};

use super::{ENDPOINT, plain};
use crate::dialect::embeddings::{Refusal, Request, write};
use crate::embed::{Embedded, Embedder, Outcome as Made, Read, Skip, Unavailable};
use crate::gateway::Gateway;
use crate::gateway::ask::Served;
use crate::gateway::endpoints::{EndpointAsk, aside, nothing_remembered};
use crate::gateway::error::{ApiError, Code};
use crate::gateway::limits::Limited;
use crate::gateway::via::Via;
use crate::guard::{Admission, Estimate};
use crate::telemetry::Outcome;

/// What stands before the names of this process's models.
const PREFIX: &str = "local/";
/// The model that is meant where none is loaded.
const USUAL: &str = "all-MiniLM-L6-v2";
/// What a request may say.
const MEMBERS: [&str; 5] = ["model", "input", "encoding_format", "dimensions", "user"];
/// Texts of one request that wait for a place at a time.
const AT_ONCE: usize = 32;
/// How long a request may take: as long as a provider may think by default.
const PATIENCE: Duration = Duration::from_secs(60);
/// When to come back.
const SOON: Duration = Duration::from_secs(1);

/// Whether a name means a model of this process.
pub(super) fn is_own(model: &str, embedder: Option<&Embedder>) -> bool {
    let name = model.strip_prefix(PREFIX);
    name.is_some_and(|name| name == USUAL || embedder.is_some_and(|e| e.name() == name))
}

impl Gateway {
    /// The model of this process, as a list of models tells of it.
    pub(in crate::gateway) fn own_model(&self) -> Option<Value> {
        let embedder = self
            .cache
            .embedder()
            .filter(|_| self.config.serve_at_once > 0)?;
        Some(json!({
            "id": format!("{PREFIX}{}", embedder.name()), "object": "model", "created": 0,
            "owned_by": "reprise", "task": "embeddings", "context_window": embedder.window(),
            "dimensions": embedder.dimension(), "modalities": {"input": ["text"], "output": []},
            "capabilities": [],
            "price": {"input": 0.0, "output": 0.0, "unit": "usd_per_million_tokens"}}))
    }

    pub(super) async fn embed_here(
        &self,
        ask: &EndpointAsk,
        request: Request,
    ) -> Result<Served, ApiError> {
        self.namespace_of(ask)?;
        let model = request.model().to_owned();
        let embedder = self.cache.embedder().filter(|embedder| {
            self.config.serve_at_once > 0 && model.strip_prefix(PREFIX) == Some(embedder.name())
        });
        let embedder = embedder.ok_or_else(|| not_here(&model))?;
        check(&request, embedder.dimension())?;
        let via = Via {
            withheld: true,
            model: Some(model.clone()),
            ..Via::new(Outcome::Bypass, "local")
        };
        if ask.controls.only {
            return Err(nothing_remembered(via));
        }
        let (format, reader) = (request.format(), embedder.clone());
        let reads = aside(ask.body.len(), move || read_all(&reader, &request)).await??;
        let pass = self.pass(&ask.caller, &model, ENDPOINT.as_str());
        let named = model.clone();
        let limited = ask.limited(ENDPOINT, &named, &pass);
        let mut admission = self.let_in(limited)?;
        let made = self
            .made_here(&embedder, reads, (limited, &mut admission))
            .await;
        let told = match made {
            Ok((made, tokens)) => {
                let bytes = 4 * embedder.dimension() * made.len();
                let body = move || {
                    let numbers: Vec<&[f32]> = made.iter().map(|made| &*made.embedding).collect();
                    write(&numbers, &model, tokens, format)
                };
                aside(bytes, body).await.map(|body| plain(via, body))
            }
            Err(error) => Err(error),
        };
        self.let_out(limited, told, admission)
    }

    /// The vectors of some texts, and their tokens.
    async fn made_here(
        &self,
        embedder: &Embedder,
        reads: Vec<Read>,
        (limited, admission): (Limited<'_>, &mut Admission),
    ) -> Result<(Vec<Embedded>, u64), ApiError> {
        let tokens = reads.iter().map(|read| read.tokens() as u64).sum();
        let estimate = Estimate {
            prompt: tokens,
            answer: 0,
        };
        let reserved = self.reserve(limited, admission, estimate)?;
        let _place = self.served_here.try_acquire().map_err(|_| busy())?;
        let made = all(embedder, reads).await?;
        reserved.counted(tokens);
        self.metrics.embedded("local", made.len());
        Ok((made, tokens))
    }
}

async fn all(embedder: &Embedder, reads: Vec<Read>) -> Result<Vec<Embedded>, ApiError> {
    let deadline = Instant::now() + PATIENCE;
    let made = reads.into_iter().map(|read| async move {
        match embedder.embed_read(read, deadline).await {
            Made::Embedded(embedded) => Ok(embedded),
            Made::Unavailable(Unavailable::QueueFull | Unavailable::Deadline) => Err(busy()),
            Made::Unavailable(Unavailable::Failed) | Made::Skipped(_) => Err(ApiError::new(
                Code::Internal,
                "The text could not be embedded.",
            )),
        }
    });
    stream::iter(made).buffered(AT_ONCE).try_collect().await
}

fn read_all(embedder: &Embedder, request: &Request) -> Result<Vec<Read>, Refusal> {
    let items = request.items().iter().enumerate();
    let read = |(place, item): (usize, &Value)| {
        let name = request.name_of(place);
        let Value::String(text) = item else {
            let told = format!("Invalid type for '{name}': this model takes text, not tokens.");
            return Err(Refusal::of(name, "invalid_type", told));
        };
        embedder.read(text).map_err(|skip| {
            let (code, what) = match skip {
                Skip::TooLong => ("string_above_max_length", "it is too long"),
                Skip::Empty => ("empty_string", "it is empty"),
                _ => ("invalid_value", "it cannot be read"),
            };
            let told = format!(
                "Invalid '{name}': {what}. This model takes texts of 1 to {} tokens.",
                embedder.window()
            );
            Refusal::of(name, code, told)
        })
    };
    items.map(read).collect()
}

fn check(request: &Request, dimension: usize) -> Result<(), Refusal> {
    if let Some(name) = request.names().find(|name| !MEMBERS.contains(name)) {
        let told = format!("Unrecognized request argument supplied: {name}");
        return Err(Refusal::of(name, "unknown_parameter", told));
    }
    match request.member("dimensions") {
        Some(asked) if *asked != json!(dimension) => {
            let told = format!("Invalid value for 'dimensions': this model gives {dimension}.");
            Err(Refusal::of("dimensions", "invalid_value", told))
        }
        _ => Ok(()),
    }
}

fn not_here(model: &str) -> ApiError {
    ApiError {
        param: Some("model".into()),
        ..ApiError::new(
            Code::ModelNotFound,
            format!("The model `{model}` is not loaded in this gateway."),
        )
    }
}

fn busy() -> ApiError {
    ApiError {
        retry_after: Some(SOON),
        ..ApiError::new(
            Code::EmbedderBusy,
            "The model of this gateway has as much to embed as it takes at a time; come back soon.",
        )
    }
}
