//! A request for the next turn of a conversation, in whichever dialect it comes: what its head and body say becomes
//! a question to the gateway, and what that says becomes the reply.

use std::borrow::Cow;
use std::time::Instant;

use actix_web::http::header::HeaderName;
use actix_web::http::header::HeaderValue;
use actix_web::{HttpRequest, HttpResponse, web};
use bytes::Bytes;

use super::{Door, body, jobs, refusal, reply};
use crate::cache::controls::Controls;
use crate::cache::tags;
use crate::chat::{ChatRequest, Dialect, RequestId};
use crate::gateway::ask::{Ask, ROUTE, endpoint};
use crate::gateway::error::{ApiError, Code};
use crate::gateway::head::{CONVERSATION, END_USER, Head, forced, printable};
use crate::gateway::{Served, Voice};
use crate::identity::Caller;
use crate::provider::{ClientHeaders, forwardable};
use crate::telemetry::{Ending, Metrics, Stage};
use crate::work;

/// Whether the answer is to be fetched later.
pub(super) const ASYNC: &str = "x-reprise-async";
/// Whom to tell that it is there.
pub(super) const WEBHOOK: &str = "x-reprise-webhook";

/// The headers of our own that a request may have; the last two are the operator's and a proxy's.
const CONTROLS: [&str; 13] = [
    "x-reprise-cache",
    "x-reprise-namespace",
    "x-reprise-threshold",
    "x-reprise-ttl",
    tags::TAGS,
    tags::PROMPT_VERSION,
    END_USER,
    CONVERSATION,
    ROUTE,
    ASYNC,
    WEBHOOK,
    "x-reprise-tenant",
    "x-reprise-request-id",
];

/// Answers a request for the next turn of a conversation, of a known caller.
pub(super) async fn talk(
    dialect: Dialect,
    who: Result<Caller, ApiError>,
    request: HttpRequest,
    payload: web::Payload,
    door: web::Data<Door>,
) -> HttpResponse {
    if jobs::wanted(&request) {
        return jobs::accept(dialect, who, request, payload, door).await;
    }
    let (id, started) = (RequestId::fresh(), Instant::now());
    // In a box, since it is large and handed from one to the next until it is first polled.
    let asked = Box::pin(async {
        let ask = read(dialect, (id, started), who?, (&request, payload), &door).await?;
        door.gateway
            .metrics()
            .stage(Stage::Parse, started.elapsed());
        door.gateway.answer(ask).await
    });
    answered(dialect, (id, started), &door, asked).await
}

/// Waits for the answer to a request, unless the gateway stops, and counts how it ends.
pub(super) async fn answered(
    dialect: Dialect,
    (id, started): (RequestId, Instant),
    door: &Door,
    asked: impl Future<Output = Result<Served, ApiError>>,
) -> HttpResponse {
    let metrics = door.gateway.metrics();
    let Some(under_way) = door.drain.enter() else {
        return reply::error_in(dialect, id, &leaving());
    };
    let mut counted = Counted {
        metrics,
        started,
        ending: Ending::Cancelled,
    };
    // What has no first word by then would end without any.
    let answered = tokio::select! {
        biased;
        answered = asked => answered,
        () = door.drain.cut() => Err(leaving()),
    };
    match answered {
        Ok(served) => {
            counted.ending = Ending::Answered(served.via.outcome);
            reply::answer(dialect, id, served, &door.drain, under_way)
        }
        Err(error) => {
            metrics.error(error.code.as_str());
            counted.ending = error.ending();
            reply::error_in(dialect, id, &error)
        }
    }
}

pub(super) async fn read(
    dialect: Dialect,
    (id, started): (RequestId, Instant),
    caller: Caller,
    (request, payload): (&HttpRequest, web::Payload),
    door: &Door,
) -> Result<Ask, ApiError> {
    let body = body::read(request, payload, door.limits).await?;
    known(request)?;
    let controls = Controls::parse(|name| joined(request, name))?;
    let (parsed, voice) = match dialect {
        Dialect::Responses => {
            let (kept, tenant) = (door.responses.clone(), caller.tenant.clone());
            beside(move || work::read(dialect, kept.as_ref(), tenant.as_str(), body)).await?
        }
        _ => parse(dialect, body).await?,
    };
    Ok(Ask {
        id,
        caller,
        endpoint: endpoint(dialect),
        voice,
        request: parsed,
        controls,
        end_user: printable(joined(request, END_USER), END_USER)?,
        forced: forced(joined(request, ROUTE))?,
        conversation: printable(joined(request, CONVERSATION), CONVERSATION)?,
        headers: client_headers(request),
        started,
    })
}

/// Bodies above this size are parsed beside the worker, which has others to serve meanwhile:
/// below it the hand-over takes longer than it saves.
const LARGE_BYTES: usize = 256 * 1024;

async fn parse(dialect: Dialect, body: Bytes) -> Result<(ChatRequest, Voice), ApiError> {
    if body.len() <= LARGE_BYTES {
        return Ok(Voice::read(dialect, body)?);
    }
    beside(move || Ok(Voice::read(dialect, body)?)).await
}

/// Reads a body beside the worker.
async fn beside(
    read: impl FnOnce() -> Result<(ChatRequest, Voice), ApiError> + Send + 'static,
) -> Result<(ChatRequest, Voice), ApiError> {
    let parsed = tokio::task::spawn_blocking(read).await;
    // Only a panic or the end of the process leaves it without a result.
    parsed.map_err(|_| refusal::error(Code::Internal))?
}

/// Counts a request when it is over, also when its client left before that.
struct Counted<'a> {
    metrics: &'a Metrics,
    started: Instant,
    ending: Ending,
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.metrics.request(self.ending, self.started.elapsed());
    }
}

/// Refuses a control that is none: what a client meant as a restriction must not be overlooked.
pub(super) fn known(request: &HttpRequest) -> Result<(), ApiError> {
    let ours = |name: &&HeaderName| name.as_str().starts_with("x-reprise-");
    let mut unknown = request.headers().keys().filter(ours);
    let unknown = unknown.find(|name| !CONTROLS.contains(&name.as_str()));
    unknown.map_or(Ok(()), |name| {
        let told = format!("`{name}` is no header that this gateway knows.");
        Err(ApiError {
            param: Some(name.to_string()),
            ..ApiError::new(Code::InvalidHeader, told)
        })
    })
}

/// All values of a header as one list. What is no text is kept as such, to be refused and not overlooked.
pub(super) fn joined<'a>(request: &'a HttpRequest, name: &'static str) -> Option<Cow<'a, str>> {
    // A name that is known beforehand needs neither be read nor copied.
    let mut values = request.headers().get_all(HeaderName::from_static(name));
    let text = |value: &'a HeaderValue| String::from_utf8_lossy(value.as_bytes());
    let first = text(values.next()?);
    Some(values.fold(first, |list, value| list + ", " + text(value)))
}

/// What the head says, to be kept until the request is asked.
///
/// # Errors
/// A header of ours that is none.
pub(super) fn lasting(request: &HttpRequest) -> Result<Head, ApiError> {
    known(request)?;
    let headers = request.headers().iter();
    let headers =
        headers.map(|(name, value)| (name.as_str(), String::from_utf8_lossy(value.as_bytes())));
    let ours = |name: &str| name.starts_with("x-reprise-") && ![ASYNC, WEBHOOK].contains(&name);
    Ok(Head::of(headers, ours))
}

/// Those of the client's headers that a provider may see. Most requests have none of them.
pub(super) fn client_headers(request: &HttpRequest) -> ClientHeaders {
    request
        .headers()
        .iter()
        .filter(|(name, _)| forwardable(name.as_str()))
        .filter_map(|(name, value)| {
            Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned()))
        })
        .collect()
}

pub(super) fn leaving() -> ApiError {
    ApiError {
        retry_after: Some(std::time::Duration::from_secs(1)),
        ..ApiError::new(
            Code::ShuttingDown,
            "The gateway is stopping; send the request again.",
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    fn body(numbers: usize) -> Bytes {
        let message = r#"{"model":"m","messages":[{"role":"user","content":"hello"}],"x":["#;
        format!("{message}{}0]}}", "0,".repeat(numbers)).into()
    }

    #[tokio::test]
    async fn a_large_body_is_parsed_beside_the_worker_and_a_small_one_at_once() {
        let small = parse(Dialect::Chat, body(10)).now_or_never();
        assert!(small.is_some_and(|parsed| parsed.is_ok()));
        // Hundreds of milliseconds' work cannot be done at the first look.
        assert!(parse(Dialect::Chat, body(900_000)).now_or_never().is_none());
        let (parsed, _) = parse(Dialect::Chat, body(200_000)).await.unwrap();
        assert_eq!(parsed.model(), "m");
    }
}
