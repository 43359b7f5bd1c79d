//! A request for the next turn of a conversation, in whichever dialect it comes: what its head and body say becomes
//! a question to the gateway, and what that says becomes the reply.

use std::borrow::Cow;
use std::time::Instant;

use actix_web::http::header::HeaderName;
use actix_web::http::header::HeaderValue;
use actix_web::{HttpRequest, HttpResponse, web};
use bytes::Bytes;

use super::{Door, body, refusal, reply, responses};
use crate::cache::controls::Controls;
use crate::cache::tags;
use crate::chat::{ChatRequest, Dialect, RequestId};
use crate::gateway::ask::{Ask, ROUTE};
use crate::gateway::error::{ApiError, Code};
use crate::gateway::{Served, Voice};
use crate::identity::Caller;
use crate::provider::{ClientHeaders, forwardable};
use crate::router::forced::{BadForced, Forced};
use crate::telemetry::{Ending, Metrics, Stage};

/// Whom an app asks for.
const END_USER: &str = "x-reprise-user";
/// What conversation a request is part of.
const CONVERSATION: &str = "x-reprise-conversation";
/// Bytes of such a name.
const NAME_BYTES: usize = 256;

/// The headers of our own that a request may have; the last two are the operator's and a proxy's.
const CONTROLS: [&str; 11] = [
    "x-reprise-cache",
    "x-reprise-namespace",
    "x-reprise-threshold",
    "x-reprise-ttl",
    tags::TAGS,
    tags::PROMPT_VERSION,
    END_USER,
    CONVERSATION,
    ROUTE,
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
    let (id, started) = (RequestId::fresh(), Instant::now());
    let asked = async {
        let ask = read(dialect, (id, started), who?, (&request, payload), &door).await?;
        door.gateway
            .metrics()
            .stage(Stage::Parse, started.elapsed());
        door.gateway.answer(ask).await
    };
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
            counted.ending = match &error.via {
                // A miss that was not to be mended is a miss.
                Some(via) if via.withheld => Ending::Answered(via.outcome),
                _ if error.status() < 500 || error.code == Code::Overloaded => Ending::Refused,
                _ => Ending::Error,
            };
            reply::error_in(dialect, id, &error)
        }
    }
}

async fn read(
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
            let (kept, who) = (door.responses.clone(), caller.clone());
            beside(move || responses::read(kept.as_ref(), &who, body)).await?
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
        end_user: printable(request, END_USER)?,
        forced: forced(request)?,
        conversation: printable(request, CONVERSATION)?,
        headers: client_headers(request),
        started,
    })
}

/// What limits call the address.
fn endpoint(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Completions => "completions",
        Dialect::Responses => "responses",
        Dialect::Messages => "messages",
        _ => "chat/completions",
    }
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

fn forced(request: &HttpRequest) -> Result<Option<Forced>, ApiError> {
    let named = joined(request, ROUTE);
    let forced = named.map(|named| named.parse()).transpose();
    forced.map_err(|e: BadForced| ApiError {
        param: Some(ROUTE.into()),
        ..ApiError::new(Code::InvalidHeader, format!("`{ROUTE}` {e}."))
    })
}

/// A header that names somebody or something.
fn printable(request: &HttpRequest, header: &str) -> Result<Option<String>, ApiError> {
    let Some(named) = joined(request, header) else {
        return Ok(None);
    };
    let named = named.trim();
    let fits = (1..=NAME_BYTES).contains(&named.len()) && !named.chars().any(char::is_control);
    if fits && !named.contains('\u{fffd}') {
        return Ok(Some(named.to_owned()));
    }
    let told = format!("`{header}` must be 1 to {NAME_BYTES} printable characters.");
    Err(ApiError {
        param: Some(header.into()),
        ..ApiError::new(Code::InvalidHeader, told)
    })
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
pub(super) fn joined<'a>(request: &'a HttpRequest, name: &str) -> Option<Cow<'a, str>> {
    let mut values = request.headers().get_all(name);
    let text = |value: &'a HeaderValue| String::from_utf8_lossy(value.as_bytes());
    let first = text(values.next()?);
    Some(values.fold(first, |list, value| list + ", " + text(value)))
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

fn leaving() -> ApiError {
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
