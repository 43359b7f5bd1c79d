//! From the body of a request, in whichever dialect, to a question for the gateway and the voice that answers it. Also
//! asks such a question where no client waits.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::responses::{Kept, Responses};
use crate::chat::{ChatRequest, Dialect, RequestId, parse_object};
use crate::dialect::responses;
use crate::gateway::ask::{Ask, endpoint};
use crate::gateway::endpoints::EndpointAsk;
use crate::gateway::error::{ApiError, Code};
use crate::gateway::head::Head;
use crate::gateway::{Body, Gateway, Served, Via, Voice};
use crate::identity::{Caller, Role, TenantId};
use crate::provider::Endpoint;
use crate::telemetry::Ending;

/// Reads the body of a request of `tenant`, with what it continues. Blocks where it is one for a response.
///
/// # Errors
/// What is wrong with it, in the client's words.
pub fn read(
    dialect: Dialect,
    kept: Option<&Arc<Responses>>,
    tenant: &str,
    raw: Bytes,
) -> Result<(ChatRequest, Voice), ApiError> {
    match dialect {
        Dialect::Responses => response(kept, tenant, raw),
        _ => Ok(Voice::read(dialect, raw)?),
    }
}

/// Reads the body of a request for a response, with what it continues. Blocks.
fn response(
    kept: Option<&Arc<Responses>>,
    tenant: &str,
    raw: Bytes,
) -> Result<(ChatRequest, Voice), ApiError> {
    let mut body = parse_object(&raw)?;
    let tenant = tenant.to_owned();
    let previous = body.get("previous_response_id").and_then(Value::as_str);
    let earlier = match previous {
        Some(id) => found(kept, &tenant, id)?.turns.clone(),
        None => Vec::new(),
    };
    let referred = responses::references(&body);
    let referred = referred
        .iter()
        .filter_map(|id| found(kept, &tenant, id).ok());
    let referred: Vec<Value> = referred.map(|kept| kept.response.clone()).collect();
    responses::resolve(&mut body, &referred);
    let input = input_items(&body);
    let kept = kept.cloned();
    let keep = move |response: &Value, turns: Vec<Value>| {
        let id = response.get("id").and_then(Value::as_str);
        if let (Some(all), Some(id)) = (&kept, id) {
            let response = response.clone();
            let input = input.clone();
            all.keep(
                &tenant,
                id,
                Kept {
                    response,
                    input,
                    turns,
                },
            );
        }
    };
    Ok(Voice::responses(raw, body, &earlier, Box::new(keep))?)
}

fn found(kept: Option<&Arc<Responses>>, tenant: &str, id: &str) -> Result<Arc<Kept>, ApiError> {
    let all = kept.ok_or_else(unavailable)?;
    let found = all.find(tenant, id).map_err(|_| unavailable())?;
    found.ok_or_else(|| ApiError {
        param: Some("previous_response_id".into()),
        ..ApiError::new(
            Code::PreviousResponseNotFound,
            format!("Previous response with id '{}' not found.", shown(id)),
        )
    })
}

/// An id as it is repeated to the client: it may be as long as an address.
#[must_use]
pub fn shown(id: &str) -> String {
    id.chars().take(64).collect()
}

/// The error of a store that does not answer.
#[must_use]
pub fn unavailable() -> ApiError {
    ApiError::new(Code::StorageFailed, "What is stored cannot be read now.")
}

/// The items of a request's input, each with an id.
fn input_items(body: &Map<String, Value>) -> Vec<Value> {
    let text = |text: &str| {
        let content = json!([{"type": "input_text", "text": text}]);
        json!({"type": "message", "role": "user", "content": content})
    };
    let items = match body.get("input") {
        Some(Value::String(said)) => vec![text(said)],
        Some(Value::Array(items)) => items.clone(),
        _ => Vec::new(),
    };
    let identified = items.into_iter().map(|mut item| {
        if let Value::Object(item) = &mut item {
            let usual = item
                .get("type")
                .and_then(Value::as_str)
                .unwrap_or("message");
            let prefix = match usual {
                "message" => "msg",
                "reasoning" => "rs",
                "function_call" => "fc",
                _ => "item",
            };
            let usual = usual.to_owned();
            item.entry("type").or_insert_with(|| usual.into());
            let fresh = || format!("{prefix}_{}", uuid::Uuid::new_v4().as_simple()).into();
            item.entry("id").or_insert_with(fresh);
            if prefix == "msg" {
                item.entry("status").or_insert_with(|| "completed".into());
                if let Some(Value::String(said)) = item.get("content") {
                    let content = json!([{"type": "input_text", "text": said}]);
                    item.insert("content".into(), content);
                }
            }
        }
        item
    });
    identified.collect()
}

/// Who asked, as it is written down.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Who {
    pub(super) tenant: TenantId,
    role: Role,
    key_id: Option<String>,
}

impl Who {
    pub(super) fn of(caller: &Caller) -> Self {
        Self {
            tenant: caller.tenant.clone(),
            role: caller.role,
            key_id: caller.key_id.as_deref().map(str::to_owned),
        }
    }

    pub(super) fn caller(&self) -> Caller {
        Caller {
            tenant: self.tenant.clone(),
            role: self.role,
            key_id: self.key_id.as_deref().map(Into::into),
        }
    }
}

/// What a request asks for.
#[derive(Debug, Clone, Copy)]
pub(super) enum Wish {
    /// An answer.
    Said(Dialect),
    /// Vectors.
    Vectors,
}

/// A request that nobody waits for.
pub(super) struct Asked {
    pub(super) wish: Wish,
    pub(super) caller: Caller,
    pub(super) head: Head,
    pub(super) body: Bytes,
    /// Whether memory alone may answer it now.
    pub(super) only: bool,
}

/// An answer in the client's dialect: one JSON object.
pub(super) struct Answered {
    pub(super) body: Bytes,
    pub(super) via: Via,
}

/// Asks the gateway.
#[derive(Clone)]
pub(super) struct Asker {
    pub(super) gateway: Arc<Gateway>,
    pub(super) responses: Option<Arc<Responses>>,
}

impl Asker {
    /// Asks once, and counts it like a request.
    pub(super) async fn ask(&self, id: RequestId, asked: Asked) -> Result<Answered, ApiError> {
        let mut counted = Counted {
            gateway: &self.gateway,
            started: Instant::now(),
            ending: Ending::Cancelled,
        };
        let answered = self.answer(id, counted.started, asked).await;
        counted.ending = match &answered {
            Ok(answered) => Ending::Answered(answered.via.outcome),
            Err(error) => {
                self.gateway.metrics().error(error.code.as_str());
                error.ending()
            }
        };
        answered
    }

    async fn answer(
        &self,
        id: RequestId,
        started: Instant,
        asked: Asked,
    ) -> Result<Answered, ApiError> {
        if !self.gateway.keyring().admits(&asked.caller) {
            let message = "The key that this was sent with is not valid any more.";
            return Err(ApiError::new(Code::InvalidApiKey, message));
        }
        let served = match asked.wish {
            Wish::Said(dialect) => self.said(dialect, (id, started), asked).await?,
            Wish::Vectors => self.vectors(id, asked).await?,
        };
        match served.body {
            Body::Json(body) => Ok(Answered {
                body,
                via: served.via,
            }),
            // Whoever takes such a request down refuses streams.
            Body::Events(_) | Body::Live(_) => {
                Err(ApiError::new(Code::Internal, "The answer is a stream."))
            }
        }
    }

    async fn vectors(&self, id: RequestId, asked: Asked) -> Result<Served, ApiError> {
        let mut controls = asked.head.controls()?;
        controls.only |= asked.only;
        let ask = EndpointAsk {
            id,
            caller: asked.caller,
            body: asked.body,
            controls,
            forced: asked.head.forced()?,
            headers: asked.head.client_headers(),
        };
        self.gateway.answer_at(Endpoint::Embeddings, ask).await
    }

    async fn said(
        &self,
        dialect: Dialect,
        (id, started): (RequestId, Instant),
        asked: Asked,
    ) -> Result<Served, ApiError> {
        let (kept, caller) = (self.responses.clone(), asked.caller);
        let (tenant, body) = (caller.tenant.clone(), asked.body);
        let reading = tokio::task::spawn_blocking(move || {
            read(dialect, kept.as_ref(), tenant.as_str(), body)
        });
        let failed = |_| ApiError::new(Code::Internal, "The request failed.");
        let (request, voice) = reading.await.map_err(failed)??;
        let mut controls = asked.head.controls()?;
        controls.only |= asked.only;
        let ask = Ask {
            id,
            caller,
            endpoint: endpoint(dialect),
            request,
            voice,
            controls,
            end_user: asked.head.end_user()?,
            forced: asked.head.forced()?,
            conversation: asked.head.conversation()?,
            headers: asked.head.client_headers(),
            started,
        };
        self.gateway.answer(ask).await
    }
}

/// Counts what was asked when it is over, also when it was given up.
struct Counted<'a> {
    gateway: &'a Gateway,
    started: Instant,
    ending: Ending,
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        let metrics = self.gateway.metrics();
        metrics.request(self.ending, self.started.elapsed());
    }
}
