//! The ways to a gateway: one inside this process, or one that runs elsewhere and is
//! reached by its socket or its URL. Knows what an answer cost in tokens, not in money.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::provider::local::Method;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use serde_json::Value;

use crate::cache::controls::Controls;
use crate::chat::{Answer, ChatRequest, DONE, RequestId};
use crate::gateway::ask::Ask;
use crate::gateway::error::ApiError;
use crate::gateway::{Body, Gateway, LiveAnswer, Outcome, Piece, Voice};
use crate::identity::{Caller, Role, TenantId};
use crate::provider::local::{Local, LocalReply};

/// Who a request in a tenant's name comes from.
const OPERATOR: &str = "operator";
const CHAT: &str = "/v1/chat/completions";
/// The status of a call that was given up: the provider may have answered it all the same.
const TIMED_OUT: u16 = 504;
/// Time between two looks at whether the index is loaded, and the longest time to wait for it.
const LOOK: Duration = Duration::from_millis(10);
const LOADING: Duration = Duration::from_secs(300);

/// How a question was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// Whether a provider was paid for it.
    pub paid: bool,
    /// The model that answered, if known.
    pub model: Option<String>,
    /// Tokens of prompt and answer, if counted.
    pub tokens: Option<(u64, u64)>,
}

/// Why a question was not answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// `error.code` of the reply, or a word for what kept it from coming.
    pub kind: String,
    /// In words.
    pub message: String,
    /// HTTP status; none without a reply.
    pub status: Option<u16>,
    /// When to come back, if it says so.
    pub retry_after: Option<Duration>,
    /// Whether a provider may have been paid all the same: it left, and nobody knows what became of it.
    pub maybe_paid: bool,
}

impl Refusal {
    fn without_reply(kind: &str, message: String) -> Self {
        Self {
            kind: kind.into(),
            message,
            status: None,
            retry_after: None,
            maybe_paid: true,
        }
    }

    /// Whether the same request may be answered a little later: 429 and 503.
    #[must_use]
    pub fn passes(&self) -> bool {
        matches!(self.status, Some(429 | 503))
    }

    /// Whether it is about this one request, and says nothing of the next.
    #[must_use]
    pub fn is_the_requests_own(&self) -> bool {
        let status = self.status.unwrap_or(0);
        (400..500).contains(&status) && !matches!(status, 401 | 403 | 408 | 429)
    }
}

/// A gateway to ask.
pub trait Driver: Send + Sync {
    /// Asks, once.
    fn ask<'a>(&'a self, request: &'a ChatRequest) -> BoxFuture<'a, Result<Told, Refusal>>;

    /// Waits until it can find what is remembered: before that it would pay for it again.
    fn ready(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {})
    }

    /// Returns once a kill of this process cannot lose what was answered so far; false if it still may.
    fn settle(&self) -> BoxFuture<'_, bool> {
        Box::pin(async { true })
    }
}

/// A gateway inside this process, which holds the data folder.
pub struct InProcess {
    gateway: Arc<Gateway>,
    caller: Caller,
    controls: Controls,
}

impl InProcess {
    /// Asks in a tenant's name, in its default namespace or a named one.
    #[must_use]
    pub fn new(gateway: Arc<Gateway>, tenant: TenantId, namespace: Option<String>) -> Self {
        Self {
            gateway,
            caller: Caller {
                tenant,
                role: Role::App,
                key_id: Some(OPERATOR.into()),
            },
            controls: Controls {
                namespace,
                ..Controls::default()
            },
        }
    }

    async fn answer(&self, request: &ChatRequest) -> Result<Told, Refusal> {
        let ask = Ask {
            id: RequestId::fresh(),
            caller: self.caller.clone(),
            endpoint: "chat/completions",
            voice: Voice::of(request),
            request: request.clone(),
            controls: self.controls.clone(),
            end_user: None,
            forced: None,
            conversation: None,
            headers: Arc::default(),
            started: Instant::now(),
        };
        let served = self.gateway.answer(ask).await.map_err(refused)?;
        let tokens = match served.body {
            Body::Json(body) => Answer::parse(&body).ok().and_then(|a| a.tokens()),
            Body::Events(_) => None,
            Body::Live(live) => drained(live).await.map(|()| None)?,
        };
        Ok(Told {
            paid: !served.via.outcome.is_hit(),
            model: served.via.model,
            tokens,
        })
    }
}

impl Driver for InProcess {
    fn ask<'a>(&'a self, request: &'a ChatRequest) -> BoxFuture<'a, Result<Told, Refusal>> {
        Box::pin(self.answer(request))
    }

    fn ready(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            let begun = Instant::now();
            while !self.gateway.cache().indexed() && begun.elapsed() < LOADING {
                tokio::time::sleep(LOOK).await;
            }
        })
    }

    fn settle(&self) -> BoxFuture<'_, bool> {
        let store = self.gateway.cache().memory().store().clone();
        let flushed = tokio::task::spawn_blocking(move || store.flush().is_ok());
        Box::pin(async { flushed.await.unwrap_or(false) })
    }
}

/// A gateway that runs, by its socket or its URL. It keeps what it answers by itself.
pub struct Remote {
    local: Local,
    headers: Vec<(&'static str, String)>,
}

impl Remote {
    /// The gateway of a data folder, in a tenant's name: `local` is its operator's socket.
    #[must_use]
    pub fn by_socket(local: Local, tenant: &TenantId, namespace: Option<String>) -> Self {
        let mut remote = Self::by_url(local, namespace);
        let tenant = ("x-reprise-tenant", tenant.to_string());
        remote.headers.push(tenant);
        remote
    }

    /// A gateway anywhere, in the name of the tenant whose key `local` sends.
    #[must_use]
    pub fn by_url(local: Local, namespace: Option<String>) -> Self {
        let namespace = namespace.map(|name| ("x-reprise-namespace", name));
        Self {
            local,
            headers: namespace.into_iter().collect(),
        }
    }

    async fn answer(&self, request: &ChatRequest) -> Result<Told, Refusal> {
        let body = request.raw().clone();
        let headers: Vec<_> = self.headers.iter().map(|(n, v)| (*n, v.as_str())).collect();
        let reply = self.local.send(Method::POST, CHAT, Some(body), &headers);
        match reply.await {
            Ok(reply) => read(&reply),
            Err(e) => Err(Refusal {
                maybe_paid: e.was_sent(),
                ..Refusal::without_reply("unreachable", e.to_string())
            }),
        }
    }
}

impl Driver for Remote {
    fn ask<'a>(&'a self, request: &'a ChatRequest) -> BoxFuture<'a, Result<Told, Refusal>> {
        Box::pin(self.answer(request))
    }
}

fn read(reply: &LocalReply) -> Result<Told, Refusal> {
    if reply.status >= 300 {
        let code = reply.body.get("error").and_then(|e| e.get("code"));
        let code = code.and_then(Value::as_str).map(str::to_owned);
        return Err(Refusal {
            kind: code.unwrap_or_else(|| format!("http_{}", reply.status)),
            message: reply.message().to_owned(),
            status: Some(reply.status),
            retry_after: reply.retry_after,
            maybe_paid: reply.status == TIMED_OUT,
        });
    }
    let Some(outcome) = reply.mark("cache") else {
        let message = "what answers there is no Reprise gateway".to_owned();
        return Err(Refusal::without_reply("not_reprise", message));
    };
    let tokens = Answer::parse(reply.body.to_string().as_bytes())
        .ok()
        .and_then(|a| a.tokens());
    let hits = [Outcome::HitExact, Outcome::HitSemantic];
    Ok(Told {
        paid: !hits.iter().any(|hit| hit.as_str() == outcome),
        model: reply.mark("model").map(str::to_owned),
        tokens,
    })
}

fn refused(error: ApiError) -> Refusal {
    let said = error.upstream.as_ref().and_then(|w| w.code.clone());
    Refusal {
        kind: said.unwrap_or_else(|| error.code.as_str().to_owned()),
        status: Some(error.status()),
        retry_after: error.retry_after,
        maybe_paid: error.status() == TIMED_OUT,
        message: error.message,
    }
}

/// Hears a stream out: only one heard to its end is remembered.
async fn drained(mut live: LiveAnswer) -> Result<(), Refusal> {
    loop {
        if let Piece::Last(last) = live.next().await {
            return if is_done(&last) {
                Ok(())
            } else {
                let message = String::from_utf8_lossy(&last).into_owned();
                Err(Refusal::without_reply("broken_stream", message))
            };
        }
    }
}

fn is_done(last: &Bytes) -> bool {
    last.windows(DONE.len()).any(|w| w == DONE.as_bytes())
}
