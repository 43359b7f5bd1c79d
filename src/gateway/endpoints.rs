//! The endpoints beside conversations that only pass on what is asked: moderations, and the tokens of a conversation
//! where its provider counts them.

use std::time::Instant;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::Gateway;
use super::ask::Served;
use super::error::{ApiError, Code};
use super::limits::{Limited, NOTHING};
use super::serve::Body;
use super::via::Via;
use crate::cache::controls::Controls;
use crate::cache::scope::Namespace;
use crate::chat::{Dialect, InvalidRequest, RequestId, parse_object};
use crate::dialect::anthropic;
use crate::guard::Pass;
use crate::identity::Caller;
use crate::provider::{ClientHeaders, Endpoint, Failure};
use crate::router::forced::Forced;
use crate::router::{Brought, Errand, Plan};
use crate::telemetry::{Outcome, Stage};

/// What judges harm where the client names no model, as at OpenAI.
const MODERATOR: &str = "omni-moderation-latest";

/// Bytes of a body above which it is read, or written, beside the worker.
const LARGE_BYTES: usize = 256 * 1024;

/// Says why an answer is none.
type Check = fn(&[u8]) -> Result<(), String>;

/// One request to such an endpoint, with its caller.
#[derive(Debug)]
pub struct EndpointAsk {
    /// Its id.
    pub id: RequestId,
    /// Who asks.
    pub caller: Caller,
    /// The body as it came.
    pub body: Bytes,
    /// How the cache may treat it.
    pub controls: Controls,
    /// Where it is to go in place of its route.
    pub forced: Option<Forced>,
    /// The client's headers that a provider may see.
    pub headers: ClientHeaders,
}

impl Gateway {
    /// Answers a request to an endpoint beside conversations.
    ///
    /// # Errors
    /// What the client did wrong or may not do, or what no provider could answer.
    pub async fn answer_at(
        &self,
        endpoint: Endpoint,
        ask: EndpointAsk,
    ) -> Result<Served, ApiError> {
        match endpoint {
            Endpoint::Embeddings => self.embed(ask).await,
            Endpoint::Moderations => self.moderate(ask).await,
            Endpoint::CountTokens => self.count_tokens(ask).await,
        }
    }

    async fn moderate(&self, ask: EndpointAsk) -> Result<Served, ApiError> {
        let mut members = self.members(&ask).await?;
        if !members.contains_key("input") {
            return Err(InvalidRequest::at("input", "`input` is missing.").into());
        }
        let model = members.entry("model").or_insert(Value::Null);
        if model.is_null() {
            *model = MODERATOR.into();
        }
        let route = self.route_to(model_of(&members)?, &ask.caller, ask.forced.as_ref())?;
        self.pass_on((Endpoint::Moderations, judged), &ask, &route, &members)
            .await
    }

    async fn count_tokens(&self, ask: EndpointAsk) -> Result<Served, ApiError> {
        let members = self.members(&ask).await?;
        let route = self.route_to(model_of(&members)?, &ask.caller, ask.forced.as_ref())?;
        if route.speaks(Dialect::Messages) {
            return self
                .pass_on((Endpoint::CountTokens, counted), &ask, &route, &members)
                .await;
        }
        let model = model_of(&members)?.to_owned();
        let pass = self.pass(&ask.caller, &model, Endpoint::CountTokens.as_str());
        let limited = ask.limited(Endpoint::CountTokens, &model, &pass);
        let mut admission = self.let_in(limited)?;
        let estimated = match self.reserve(limited, &mut admission, NOTHING) {
            Ok(_) => estimated(ask.body.len(), members).await,
            Err(error) => Err(error),
        };
        self.let_out(limited, estimated, admission)
    }

    /// The body's members, of a caller who may use the namespace that is named.
    async fn members(&self, ask: &EndpointAsk) -> Result<Map<String, Value>, ApiError> {
        self.namespace_of(ask)?;
        let body = ask.body.clone();
        let members = aside(body.len(), move || parse_object(&body)).await??;
        if ask.controls.only {
            return Err(nothing_remembered(Via::new(Outcome::Miss, "not_cached")));
        }
        Ok(members)
    }

    pub(super) fn namespace_of(&self, ask: &EndpointAsk) -> Result<Namespace, ApiError> {
        let tenant = ask.caller.tenant.as_str();
        let wanted = ask.controls.namespace.as_deref();
        let known = |name: &str| self.keyring.knows_tenant(name);
        Ok(Namespace::resolve(
            tenant,
            wanted,
            &self.config.shared,
            known,
        )?)
    }

    /// Has the first provider answer that can, in a way that `read` takes for an answer. Nothing is counted in tokens
    /// here.
    async fn pass_on(
        &self,
        (endpoint, read): (Endpoint, Check),
        ask: &EndpointAsk,
        route: &Plan,
        members: &Map<String, Value>,
    ) -> Result<Served, ApiError> {
        let model = model_of(members)?;
        let pass = self.pass(&ask.caller, model, endpoint.as_str());
        let limited = ask.limited(endpoint, model, &pass);
        let body = |model: &str| {
            let mut members = members.clone();
            members.insert("model".into(), model.into());
            Bytes::from(Value::Object(members).to_string())
        };
        let errand = Errand {
            endpoint,
            headers: &ask.headers,
            body: &body,
            read: &move |body| Box::pin(understood(body, read)),
        };
        let mut admission = self.let_in(limited)?;
        let brought = match self.room_for(limited, &mut admission, NOTHING).await {
            Ok(_room) => self.bring(route, &errand).await,
            Err(error) => Err(error),
        };
        self.let_out(limited, brought, admission)
    }

    async fn bring(&self, route: &Plan, errand: &Errand<'_, ()>) -> Result<Served, ApiError> {
        let asked = Instant::now();
        let via = Via::new(Outcome::Bypass, "not_cached");
        let brought = self.ask_in_order(route, errand).await;
        let brought = brought.map_err(|failure| ApiError {
            via: Some(Box::new(via.clone())),
            ..ApiError::from(&failure)
        })?;
        self.metrics.stage(Stage::Upstream, asked.elapsed());
        Ok(Served {
            via: Via {
                provider: Some(brought.provider),
                model: Some(brought.model),
                headers: brought.headers,
                ..via
            },
            body: Body::Json(brought.body),
        })
    }

    async fn ask_in_order(
        &self,
        route: &Plan,
        errand: &Errand<'_, ()>,
    ) -> Result<Brought<()>, Failure> {
        let order = self.router.order_at(route, errand.endpoint, 0).await?;
        self.router.exchange(&order, errand).await
    }
}

impl EndpointAsk {
    pub(super) fn limited<'a>(
        &'a self,
        endpoint: Endpoint,
        model: &'a str,
        pass: &'a Pass,
    ) -> Limited<'a> {
        Limited {
            caller: &self.caller,
            model,
            endpoint: endpoint.as_str(),
            pass,
        }
    }
}

/// Reads an answer of a provider.
///
/// # Errors
/// Why it is none; for the log, never for a client.
pub(super) async fn understood<T: Send + 'static>(
    body: Bytes,
    read: impl FnOnce(&[u8]) -> Result<T, String> + Send + 'static,
) -> Result<T, String> {
    let read = aside(body.len(), move || read(&body)).await;
    read.unwrap_or_else(|_| Err("it could not be read".to_owned()))
}

/// Whether an answer judges anything.
fn judged(body: &[u8]) -> Result<(), String> {
    #[derive(Deserialize)]
    struct Judged {
        results: Vec<Map<String, Value>>,
    }
    let judged: Judged = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    match judged.results.is_empty() {
        true => Err("no results".to_owned()),
        false => Ok(()),
    }
}

/// Whether an answer counts.
fn counted(body: &[u8]) -> Result<(), String> {
    #[derive(Deserialize)]
    struct Counted {
        #[serde(rename = "input_tokens")]
        _tokens: u64,
    }
    let counted: Result<Counted, _> = serde_json::from_slice(body);
    counted.map(drop).map_err(|error| error.to_string())
}

/// The tokens of a conversation where nobody counts them.
async fn estimated(bytes: usize, members: Map<String, Value>) -> Result<Served, ApiError> {
    let told = aside(bytes, move || anthropic::estimate(&members)).await??;
    let via = Via {
        withheld: true,
        marks: vec![("x-reprise-estimated", "true".to_owned())],
        ..Via::new(Outcome::Bypass, "estimated")
    };
    Ok(Served {
        via,
        body: Body::Json(told.to_string().into()),
    })
}

/// The refusal of a request that only memory was to answer.
pub(super) fn nothing_remembered(via: Via) -> ApiError {
    let via = Via {
        outcome: Outcome::Miss,
        withheld: true,
        ..via
    };
    ApiError {
        via: Some(Box::new(via)),
        ..ApiError::new(Code::CacheMiss, "Nothing remembered serves this request.")
    }
}

/// Does work on `bytes` of text or numbers: beside the worker, which has others to serve, if they are many.
pub(super) async fn aside<T: Send + 'static>(
    bytes: usize,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, ApiError> {
    if bytes <= LARGE_BYTES {
        return Ok(work());
    }
    // Only a panic or the end of the process leaves it without a result.
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|_| ApiError::new(Code::Internal, "The request failed."))
}

fn model_of(members: &Map<String, Value>) -> Result<&str, InvalidRequest> {
    match members.get("model") {
        Some(Value::String(model)) if !model.is_empty() => Ok(model),
        Some(_) => Err(InvalidRequest::at(
            "model",
            "`model` must be the name of a model.",
        )),
        None => Err(InvalidRequest::at("model", "`model` is missing.")),
    }
}
