//! One request and its answer in any dialect: what goes wrong before the answer, and with it.

use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use actix_web::body::SizedStream;
use actix_web::http::StatusCode;
use actix_web::http::header::{
    AUTHORIZATION, CONTENT_TYPE, HeaderName, HeaderValue, LOCATION, RETRY_AFTER,
};
use actix_web::rt::time::sleep;
use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};
use serde_json::Value;

use super::reply::Behaviour;
use super::script::{FOR_EVER, LEAVE, Step, Watch, play};
use super::seen::Seen;

/// Bytes that `drip-slow` sends at a time.
const DRIP: usize = 16;

/// One request, as far as it is read by all dialects alike.
pub(crate) struct Exchange<'a> {
    pub(crate) seen: Arc<Seen>,
    pub(crate) request: &'a HttpRequest,
    pub(crate) body: &'a Bytes,
    pub(crate) model: &'a str,
}

/// How a dialect writes an answer down.
pub(crate) trait Dialect {
    /// Whether a stream was asked for.
    fn streams(&self) -> bool;
    /// The whole answer.
    fn json(&self) -> String;
    /// The answer in events.
    fn frames(&self) -> Frames;
    /// Its answer with an error status; `code` is one of OpenAI's.
    fn error(&self, status: StatusCode, said: &str, code: &str) -> HttpResponse;
    /// Headers that come with a good answer.
    fn head(&self, _response: &mut HttpResponseBuilder) {}
}

/// The events of a proper stream, and what stands in for one in a bad one.
pub(crate) struct Frames {
    pub(crate) content_type: &'static str,
    pub(crate) frames: Vec<Bytes>,
    /// How many there are up to the first word, itself among them.
    pub(crate) begun: usize,
    /// How many there are at the end without which the stream is not complete.
    pub(crate) closing: usize,
    /// An event that says that the provider failed.
    pub(crate) failure: Bytes,
    /// An event with broken JSON.
    pub(crate) malformed: Bytes,
    /// What is no event at all.
    pub(crate) garbage: Bytes,
}

/// The names of server-sent events without a name, and with one.
pub(crate) fn sse(event: Option<&str>, data: &str) -> Bytes {
    match event {
        Some(event) => format!("event: {event}\ndata: {data}\n\n").into(),
        None => format!("data: {data}\n\n").into(),
    }
}

/// Lines that server-sent events do not know, and bytes that no text has.
pub(crate) fn no_sse() -> Bytes {
    Bytes::from_static(b"{\"choices\":[]}\ndata\nda ta: {}\n\ndata: \xff\xfe\xc3\x28\n\n")
}

/// Answers one request.
pub(crate) async fn respond(exchange: &Exchange<'_>, dialect: &impl Dialect) -> HttpResponse {
    if let Some(instead) = before(exchange, dialect).await {
        return instead;
    }
    if dialect.streams() {
        streamed(exchange, dialect)
    } else {
        whole(exchange, dialect)
    }
}

/// What happens before an answer begins, and what comes in its place.
async fn before(exchange: &Exchange<'_>, dialect: &impl Dialect) -> Option<HttpResponse> {
    let (seen, body) = (&exchange.seen, exchange.body);
    let behaviour = Behaviour::of(exchange.model);
    if let Some(slowness) = seen.slowness() {
        pause(seen, slowness).await;
    }
    let refuse = |status| Some(refuse(status, exchange.request, dialect));
    match (behaviour.name, behaviour.number) {
        ("slow", ms) => pause(seen, Duration::from_millis(ms)).await,
        ("hang", _) => pause(seen, FOR_EVER).await,
        ("gated", status) if !seen.is_open() && !dialect.streams() => {
            let watch = Watch::new(Arc::clone(seen));
            seen.opened().await;
            watch.finish();
            if status > 0 {
                return refuse(status);
            }
        }
        ("status", status) => return refuse(status),
        ("flaky", tries) if seen.tries(body) < tries => return refuse(500),
        ("worn", tries) if seen.tries(body) >= tries => return refuse(500),
        ("burst", tries) if seen.tries(&exchange.model.to_owned().into()) < tries => {
            return refuse(500);
        }
        ("html", _) => {
            let page = "<html>It works!</html>";
            return Some(HttpResponse::Ok().content_type("text/html").body(page));
        }
        ("redirect", _) => {
            let to = (LOCATION, "/mock/requests");
            return Some(HttpResponse::Found().insert_header(to).finish());
        }
        ("json-error", number) => {
            let code = match number {
                0 => "odd".to_owned(),
                number => number.to_string(),
            };
            return Some(dialect.error(StatusCode::OK, "failed with 200", &code));
        }
        ("reset-before", _) => {
            if let Some(socket) = socket(exchange.request) {
                reset(&socket);
            }
            return Some(HttpResponse::Ok().finish());
        }
        (name, _) => {
            let limited = || refuse_for_now(behaviour, dialect);
            return name.starts_with("r429-").then(limited);
        }
    }
    None
}

async fn pause(seen: &Arc<Seen>, time: Duration) {
    let watch = Watch::new(Arc::clone(seen));
    sleep(time).await;
    watch.finish();
}

/// Another handle on the connection that a request came by.
fn socket(request: &HttpRequest) -> Option<Arc<OwnedFd>> {
    request.conn_data::<Option<Arc<OwnedFd>>>()?.clone()
}

/// Breaks a connection as a host does that knows nothing of it: the other side is told by a TCP reset.
pub(crate) fn reset(socket: &OwnedFd) {
    // To what is not connected any more, there is nothing to be done.
    let _ = rustix::net::connect_unspec(socket);
}

fn ok(exchange: &Exchange<'_>, dialect: &impl Dialect, content_type: &str) -> HttpResponseBuilder {
    let mut response = HttpResponse::Ok();
    let content_type = match Behaviour::of(exchange.model).name {
        "type-html" => "text/html; charset=utf-8",
        _ => content_type,
    };
    response.insert_header((CONTENT_TYPE, content_type));
    dialect.head(&mut response);
    response
}

/// A body that comes in steps and says how long it is.
fn sized(
    mut response: HttpResponseBuilder,
    length: usize,
    steps: Vec<Step>,
    seen: &Arc<Seen>,
) -> HttpResponse {
    let steps = play(steps, Watch::new(Arc::clone(seen)));
    response.body(SizedStream::new(length as u64, steps))
}

fn whole(exchange: &Exchange<'_>, dialect: &impl Dialect) -> HttpResponse {
    let mut body = Bytes::from(dialect.json());
    let mut response = ok(exchange, dialect, "application/json");
    let length = body.len();
    let half = || Step::Send(body.slice(..length / 2));
    let behaviour = Behaviour::of(exchange.model);
    let steps = match behaviour.name {
        "malformed" => {
            body.truncate(20);
            return response.body(body);
        }
        "cut" => vec![half(), Step::Break],
        "stall" => vec![half(), Step::Wait(FOR_EVER)],
        "reset-headers" => vec![Step::Wait(LEAVE), broken(exchange)],
        "reset-stream" => vec![half(), Step::Wait(LEAVE), broken(exchange)],
        "truncated" => {
            let all = vec![Step::Send(body), Step::Wait(LEAVE)];
            return sized(response, length + 64, all, &exchange.seen);
        }
        "drip-slow" => drip(&body, behaviour),
        "drip-huge" => {
            let starts = (0..length).step_by(512 << 10);
            let piece = |start| Step::Send(body.slice(start..length.min(start + (512 << 10))));
            let steps = play(
                starts.map(piece).collect(),
                Watch::new(Arc::clone(&exchange.seen)),
            );
            return response.streaming(steps);
        }
        _ => return response.body(body),
    };
    sized(response, length, steps, &exchange.seen)
}

fn broken(exchange: &Exchange<'_>) -> Step {
    socket(exchange.request).map_or(Step::Break, Step::Reset)
}

fn drip(body: &Bytes, behaviour: Behaviour<'_>) -> Vec<Step> {
    let wait = Duration::from_millis(behaviour.number_or(100));
    let starts = (0..body.len()).step_by(DRIP);
    starts
        .flat_map(|start| {
            let end = body.len().min(start + DRIP);
            [Step::Send(body.slice(start..end)), Step::Wait(wait)]
        })
        .collect()
}

fn streamed(exchange: &Exchange<'_>, dialect: &impl Dialect) -> HttpResponse {
    let all = dialect.frames();
    let mut response = ok(exchange, dialect, all.content_type);
    let behaviour = Behaviour::of(exchange.model);
    if behaviour.name == "truncated" {
        let (length, half) = (
            all.frames.iter().map(Bytes::len).sum(),
            all.frames.len() / 2,
        );
        let half = all.frames.into_iter().take(half).map(Step::Send);
        let half = half.chain([Step::Wait(LEAVE)]).collect();
        return sized(response, length, half, &exchange.seen);
    }
    let steps = faulty(exchange, &all).unwrap_or_else(|| paced(all.frames, behaviour));
    response.streaming(play(steps, Watch::new(Arc::clone(&exchange.seen))))
}

/// The steps of a proper stream.
fn paced(frames: Vec<Bytes>, behaviour: Behaviour<'_>) -> Vec<Step> {
    match behaviour.name {
        "drip-slow" => drip(&frames.concat().into(), behaviour),
        name if name == "drip" || name.starts_with("drip-") => {
            let wait = Duration::from_millis(behaviour.number);
            let slowly = |frame| [Step::Send(frame), Step::Wait(wait)];
            frames.into_iter().flat_map(slowly).collect()
        }
        "utf8split" => {
            let byte = |b| Step::Send(Bytes::from(vec![b]));
            frames.concat().into_iter().map(byte).collect()
        }
        _ => frames.into_iter().map(Step::Send).collect(),
    }
}

/// The steps of a stream that does not do as it should.
fn faulty(exchange: &Exchange<'_>, all: &Frames) -> Option<Vec<Step>> {
    let frames = &all.frames;
    let begin = |count: usize, end: Vec<Step>| {
        let begun = frames.iter().take(count).cloned().map(Step::Send);
        Some(begun.chain(end).collect())
    };
    let hang = || vec![Step::Wait(FOR_EVER)];
    let send = |frame: &Bytes| vec![Step::Send(frame.clone())];
    let (role, words) = (all.begun - 1, all.begun + 1);
    let incomplete = frames.len() - all.closing;
    match Behaviour::of(exchange.model).name {
        "gated" => {
            let mut steps: Vec<_> = frames.iter().cloned().map(Step::Send).collect();
            steps.insert(all.begun.min(steps.len()), Step::Gate);
            Some(steps)
        }
        "cut" => begin(frames.len() / 2, vec![Step::Break]),
        "no-done" => begin(incomplete, vec![]),
        "done-only" => Some(
            frames[incomplete..]
                .iter()
                .cloned()
                .map(Step::Send)
                .collect(),
        ),
        "done-unterminated" => {
            let last = frames.last()?.trim_ascii_end().to_vec();
            begin(frames.len() - 1, vec![Step::Send(last.into())])
        }
        "malformed" => begin(role, send(&all.malformed)),
        "malformed-sse" => begin(words, send(&all.garbage)),
        "error-in-stream" => begin(words, send(&all.failure)),
        "bare-error" => begin(words, vec![Step::Send(bare(&all.failure, "", ""))]),
        "bare-list" => begin(role, vec![Step::Send(bare(&all.failure, "[", "]"))]),
        "roleonly-then-error" => begin(role, send(&all.failure)),
        "roleonly-then-hang" => begin(role, hang()),
        "stall" => begin(words, hang()),
        "reset-headers" => Some(vec![Step::Wait(LEAVE), broken(exchange)]),
        "reset-stream" => begin(words, vec![Step::Wait(LEAVE), broken(exchange)]),
        _ => None,
    }
}

/// An event's JSON as it stands, in a few lines.
fn bare(event: &Bytes, before: &str, after: &str) -> Bytes {
    let event = String::from_utf8_lossy(event);
    let data = event.lines().find_map(|line| line.strip_prefix("data: "));
    let data: Value = serde_json::from_str(data.unwrap_or_default()).unwrap_or_default();
    format!("{before}{data:#}\n{after}").into()
}

/// An error with this status; like OpenAI's, one about the key repeats it.
fn refuse(status: u64, request: &HttpRequest, dialect: &impl Dialect) -> HttpResponse {
    let status = u16::try_from(status).ok();
    let status = status.and_then(|s| StatusCode::from_u16(s).ok());
    let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let key = |name: &str| request.headers().get(name).and_then(|v| v.to_str().ok());
    let key = key(AUTHORIZATION.as_str())
        .or_else(|| key("x-api-key"))
        .or_else(|| key("x-goog-api-key"))
        .unwrap_or("none");
    match status.as_u16() {
        401 | 403 => dialect.error(status, &format!("Incorrect key: {key}"), "invalid_api_key"),
        404 => dialect.error(status, "The model does not exist", "model_not_found"),
        429 => {
            let mut response = dialect.error(status, "Rate limit reached", "rate_limit_exceeded");
            let headers = response.headers_mut();
            headers.insert(RETRY_AFTER, 1.into());
            headers.insert(HeaderName::from_static("retry-after-ms"), 10.into());
            response
        }
        _ => dialect.error(status, &format!("No, {key}"), "mock_error"),
    }
}

/// A 429 that says in one way or another when to come again.
fn refuse_for_now(behaviour: Behaviour<'_>, dialect: &impl Dialect) -> HttpResponse {
    let status = StatusCode::TOO_MANY_REQUESTS;
    let mut response = dialect.error(status, "Rate limit reached", "rate_limit_exceeded");
    let seconds = behaviour.number_or(1);
    let (name, value) = match behaviour.name {
        "r429-date" => {
            let then = SystemTime::now() + Duration::from_secs(seconds);
            ("retry-after", httpdate::fmt_http_date(then))
        }
        "r429-ms" => ("retry-after-ms", behaviour.number_or(100).to_string()),
        "r429-reset" => ("x-ratelimit-reset-requests", format!("{seconds}s")),
        "r429-none" => return response,
        _ => ("retry-after", seconds.to_string()),
    };
    if let Ok(value) = HeaderValue::from_str(&value) {
        response
            .headers_mut()
            .insert(HeaderName::from_static(name), value);
    }
    response
}
