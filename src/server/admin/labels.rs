//! What analysts say of decisions, and all that was said.

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use serde_json::{Value, json};

use super::evidence::{QueueOrder, decided};
use super::{Door, blocking, body, caller, finish, must_see, query, rows, sees};
use crate::chat::{RequestId, unix_ms};
use crate::evidence::label::{Label, Opined, Opinion, Source};
use crate::gateway::error::{ApiError, Code};
use crate::identity::{Caller, Role};

/// Characters of a note.
const NOTE: usize = 1000;

/// What somebody says of a request's answer.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::server) struct Saying {
    pub(in crate::server) request_id: String,
    verdict: Opinion,
    note: Option<String>,
    queue: Option<QueueOrder>,
}

impl Saying {
    /// Reads a body.
    ///
    /// # Errors
    /// Not what is expected, or a note that is too long.
    pub(in crate::server) fn parse(body: &[u8]) -> Result<Self, ApiError> {
        let saying: Self = body::object(body)
            .map_err(|e| ApiError::new(Code::InvalidRequest, format!("Not a judgement: {e}")))?;
        match &saying.note {
            Some(note) if note.chars().count() > NOTE => Err(ApiError {
                param: Some("note".into()),
                ..ApiError::new(
                    Code::InvalidRequest,
                    format!("`note` may have {NOTE} characters."),
                )
            }),
            _ => Ok(saying),
        }
    }

    /// The same as somebody's word; their own words only where the policy keeps text.
    pub(in crate::server) fn by(
        self,
        source: Source,
        by: Option<String>,
        keep_text: bool,
    ) -> Opined {
        Opined {
            time_ms: unix_ms(),
            verdict: self.verdict,
            source,
            by,
            note: self.note.filter(|_| keep_text),
            // What an app chooses to speak of stands for nothing but itself.
            sampled: source == Source::Analyst && self.queue == Some(QueueOrder::Random),
            share: None,
        }
    }
}

/// `POST /admin/v1/labels`
pub(super) async fn add(
    request: HttpRequest,
    payload: web::Payload,
    door: web::Data<Door>,
) -> HttpResponse {
    let id = RequestId::fresh();
    let taken = async {
        let caller = caller::with_role(&request, &door, Role::Analyst)?;
        let body = body::read(&request, payload, door.limits).await?;
        let saying = Saying::parse(&body)?;
        let asked = saying.request_id.parse();
        let asked = asked.map_err(|_| super::evidence::no_decision())?;
        let door = door.clone();
        blocking(move || {
            let decision = decided(&door, &caller, asked)?;
            let keep = door.gateway.policies().of(&decision.namespace).keep_text;
            let opined = saying.by(
                Source::Analyst,
                caller.key_id.as_deref().map(str::to_owned),
                keep,
            );
            let verdict = opined.verdict;
            let effect = door.gateway.opine(&decision, opined)?;
            Ok(
                json!({"object": "label", "request_id": asked, "verdict": verdict,
                "effect": effect.as_str()}),
            )
        })
        .await
    };
    finish(id, taken.await)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LabelQuery {
    namespace: Option<String>,
    source: Option<Source>,
    verdict: Option<Opinion>,
    limit: Option<usize>,
}

/// `GET /admin/v1/labels`
pub(super) async fn list(request: HttpRequest, door: web::Data<Door>) -> HttpResponse {
    let id = RequestId::fresh();
    let listed = async {
        let caller = caller::with_role(&request, &door, Role::Analyst)?;
        let query: LabelQuery = query(&request)?;
        if let Some(namespace) = &query.namespace {
            must_see(&caller, namespace)?;
        }
        let (door, limit) = (door.clone(), rows(query.limit)?);
        blocking(move || Ok(found(&door, &caller, &query, limit))).await
    };
    finish(id, listed.await)
}

fn found(door: &Door, caller: &Caller, query: &LabelQuery, limit: usize) -> Value {
    let labels = door.gateway.evidence().labels(limit, |l| {
        query.namespace.as_ref().is_none_or(|n| *n == l.namespace)
            && query.source.is_none_or(|s| s == l.source)
            && query.verdict.is_none_or(|v| v == l.verdict)
            && sees(caller, &l.namespace)
    });
    let data: Vec<_> = labels.iter().map(|l| shown(door, l)).collect();
    json!({"object": "list", "data": data})
}

/// A label as it is shown; without texts where the policy keeps none any more.
pub(super) fn shown(door: &Door, label: &Label) -> Value {
    let mut label = label.clone();
    if !door.gateway.policies().of(&label.namespace).keep_text {
        label.forget_texts();
    }
    json!(label)
}
