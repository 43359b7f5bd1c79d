//! `POST /v1/feedback`: what apps say of the answers that they were served.

use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::json;

use super::admin::{Saying, blocking, finish};
use super::{Door, body, caller};
use crate::chat::RequestId;
use crate::evidence::label::Source;
use crate::gateway::error::{ApiError, Code};

pub(super) async fn feedback(
    request: HttpRequest,
    payload: web::Payload,
    door: web::Data<Door>,
) -> HttpResponse {
    let id = RequestId::fresh();
    let taken = async {
        let caller = caller::caller(&request, &door)?;
        let body = body::read(&request, payload, door.limits).await?;
        let saying = Saying::parse(&body)?;
        let asked: RequestId = saying.request_id.parse().map_err(|_| unknown())?;
        let door = door.clone();
        blocking(move || {
            let decision = door.gateway.evidence().find(asked);
            // Of another tenant's request it is not even told that it is there.
            let decision = decision.filter(|d| d.tenant == caller.tenant.as_str());
            let decision = decision.ok_or_else(unknown)?;
            let keep = door.gateway.policies().of(&decision.namespace).keep_text;
            let opined = saying.by(
                Source::App,
                caller.key_id.as_deref().map(str::to_owned),
                keep,
            );
            let verdict = opined.verdict;
            let effect = door.gateway.hear(&decision, opined)?;
            Ok(
                json!({"object": "feedback", "request_id": asked, "verdict": verdict,
                "effect": effect.as_str()}),
            )
        })
        .await
    };
    finish(id, taken.await)
}

fn unknown() -> ApiError {
    ApiError {
        param: Some("request_id".into()),
        ..ApiError::new(
            Code::NotFound,
            "No such request of yours is remembered: its id is in the answer's `x-reprise-request-id`.",
        )
    }
}
