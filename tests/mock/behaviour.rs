//! What the mock answers to which model name.

use std::sync::Arc;
use std::time::Duration;

use actix_web::body::SizedStream;
use actix_web::http::StatusCode;
use actix_web::http::header::{AUTHORIZATION, CONTENT_TYPE, LOCATION, RETRY_AFTER};
use actix_web::rt::time::sleep;
use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Seen;
use super::script::{FOR_EVER, Step, Watch, play};

const JSON: (&str, &str) = ("content-type", "application/json");

/// What the mock says in place of an answer.
const REFUSAL: &str = "No, and I will not say why.";

#[derive(Deserialize)]
struct Ask {
    model: String,
    #[serde(default)]
    stream: Option<bool>,
    #[serde(default)]
    stream_options: Option<Options>,
    messages: Vec<Message>,
}

#[derive(Deserialize)]
struct Options {
    #[serde(default)]
    include_usage: bool,
}

#[derive(Deserialize)]
struct Message {
    role: String,
    #[serde(default)]
    content: Value,
}

impl Ask {
    fn streams(&self) -> bool {
        self.stream == Some(true)
    }

    /// `drip` and 50 of `mock-drip-50`; 0 where no number is.
    fn behaviour(&self) -> (&str, u64) {
        let Some(name) = self.model.strip_prefix("mock-") else {
            return ("plain", 0);
        };
        match name.rsplit_once('-').map(|(n, a)| (n, a.parse())) {
            Some((name, Ok(number))) => (name, number),
            _ => (name, 0),
        }
    }

    /// The last user text.
    fn question(&self) -> &str {
        let last = self.messages.iter().rev().find(|m| m.role == "user");
        match last.map(|m| &m.content) {
            Some(Value::String(text)) => text,
            Some(Value::Array(parts)) => {
                let mut texts = parts.iter().rev().filter_map(|p| p.get("text")?.as_str());
                texts.next().unwrap_or("")
            }
            _ => "",
        }
    }

    fn text(&self) -> String {
        match self.behaviour() {
            ("big", kib) => "x".repeat(usize::try_from(kib).unwrap_or(0) << 10),
            ("flood", half_mib) => {
                let word = format!("{} ", "x".repeat(512 << 10));
                word.repeat(usize::try_from(half_mib).unwrap_or(0))
            }
            ("echo", _) => self.question().to_owned(),
            ("verdict", 0) => "WRONG".to_owned(),
            ("verdict", _) => "**Right.**".to_owned(),
            ("chunks", words) => (0..words).map(|i| format!("w{i} ")).collect(),
            _ => format!("Mock answer to: {} 🍎", self.question()),
        }
    }

    fn finish(&self) -> &'static str {
        match self.behaviour().0 {
            "length" => "length",
            "filtered" => "content_filter",
            "tools" | "drip-tools" => "tool_calls",
            _ => "stop",
        }
    }

    fn calls_tool(&self) -> bool {
        matches!(self.behaviour().0, "tools" | "stop-tools" | "drip-tools")
    }

    fn usage(&self) -> Value {
        if self.behaviour().0 == "uncounted" {
            return Value::Null;
        }
        let words = |text: &str| text.split_whitespace().count();
        let (prompt, completion) = (words(self.question()), words(&self.text()));
        json!({"prompt_tokens": prompt, "completion_tokens": completion,
            "total_tokens": prompt + completion})
    }
}

/// Answers one request.
pub(crate) async fn respond(seen: Arc<Seen>, request: &HttpRequest, body: &Bytes) -> HttpResponse {
    let ask: Ask = match serde_json::from_slice(body) {
        Ok(ask) => ask,
        Err(e) => return error(StatusCode::BAD_REQUEST, &e.to_string(), "invalid_json"),
    };
    match ask.behaviour() {
        ("slow", ms) => pause(&seen, Duration::from_millis(ms)).await,
        ("hang", _) => pause(&seen, FOR_EVER).await,
        ("gated", status) if !seen.is_open() && !ask.streams() => {
            let watch = Watch::new(Arc::clone(&seen));
            seen.opened().await;
            watch.finish();
            if status > 0 {
                return refuse(status, request);
            }
        }
        ("status", status) => return refuse(status, request),
        ("flaky", tries) if seen.tries(body) < tries => return refuse(500, request),
        ("worn", tries) if seen.tries(body) >= tries => return refuse(500, request),
        ("html", _) => {
            let page = "<html>It works!</html>";
            return HttpResponse::Ok().content_type("text/html").body(page);
        }
        ("redirect", _) => {
            let to = (LOCATION, "/mock/requests");
            return HttpResponse::Found().insert_header(to).finish();
        }
        ("json-error", _) => return error(StatusCode::OK, "failed with 200", "odd"),
        _ => {}
    }
    if ask.streams() && !ask.behaviour().0.starts_with("whole") {
        streamed(&ask, seen)
    } else {
        plain(&ask, seen)
    }
}

async fn pause(seen: &Arc<Seen>, time: Duration) {
    let watch = Watch::new(Arc::clone(seen));
    sleep(time).await;
    watch.finish();
}

fn ok(ask: &Ask) -> HttpResponseBuilder {
    let mut response = HttpResponse::Ok();
    response.insert_header(("openai-processing-ms", "1"));
    if ask.behaviour().0 == "headers" {
        response.insert_header(("x-ratelimit-remaining-requests", "9"));
        response.insert_header(("set-cookie", "session=secret"));
        response.insert_header(("server", "secret"));
        response.insert_header(("openai-organization", "secret"));
    }
    response
}

fn plain(ask: &Ask, seen: Arc<Seen>) -> HttpResponse {
    let mut message = json!({"role": "assistant", "content": ask.text(), "refusal": null});
    if ask.behaviour().0 == "refusal" {
        message["content"] = Value::Null;
        message["refusal"] = REFUSAL.into();
    }
    if ask.calls_tool() {
        message["content"] = Value::Null;
        message["tool_calls"] = json!([{"id": "call_1", "type": "function",
            "function": {"name": "look_up", "arguments": "{\"q\":\"x\"}"}}]);
    }
    let body = json!({"id": "chatcmpl-mock", "object": "chat.completion", "created": 1,
        "model": ask.model, "choices": [{"index": 0, "message": message, "logprobs": null,
            "finish_reason": ask.finish()}],
        "usage": ask.usage(), "system_fingerprint": "fp_mock"});
    let mut body = spoiled(ask, body.to_string());
    match ask.behaviour().0 {
        "malformed" => body.truncate(20),
        "cut" => {
            let length = body.len() as u64;
            body.truncate(body.len() / 2);
            let half = vec![Step::Send(body.into()), Step::Break];
            let half = SizedStream::new(length, play(half, Watch::new(seen)));
            return ok(ask).insert_header(JSON).body(half);
        }
        _ => {}
    }
    ok(ask).insert_header(JSON).body(body)
}

fn streamed(ask: &Ask, seen: Arc<Seen>) -> HttpResponse {
    let steps = match ask.behaviour() {
        ("drip" | "drip-tools", ms) => {
            let wait = Duration::from_millis(ms);
            let frames = frames(ask).into_iter();
            let slowly = |frame| [send(frame), Step::Wait(wait)];
            frames.flat_map(slowly).collect()
        }
        ("gated", _) => {
            let mut steps: Vec<_> = frames(ask).into_iter().map(send).collect();
            steps.insert(2, Step::Gate);
            steps
        }
        ("utf8split", _) => {
            let bytes = frames(ask).concat().into_bytes();
            let byte = |b| Step::Send(Bytes::from(vec![b]));
            bytes.into_iter().map(byte).collect()
        }
        _ => faulty(ask).unwrap_or_else(|| frames(ask).into_iter().map(send).collect()),
    };
    ok(ask)
        .insert_header((CONTENT_TYPE, "text/event-stream"))
        .streaming(play(steps, Watch::new(seen)))
}

/// The steps of a stream that does not do as it should.
fn faulty(ask: &Ask) -> Option<Vec<Step>> {
    let mut frames = frames(ask);
    let failed = json!({"error": {"message": "broke down", "type": "server_error",
        "param": null, "code": "mid_stream"}});
    let failed = format!("data: {failed}\n\n");
    let begin = |count: usize, end: Vec<Step>| {
        let begun = frames.iter().take(count).cloned().map(send);
        Some(begun.chain(end).collect())
    };
    let hang = || vec![Step::Wait(FOR_EVER)];
    match ask.behaviour().0 {
        "cut" => begin(frames.len() / 2, vec![Step::Break]),
        "no-done" => begin(frames.len() - 1, vec![]),
        "done-only" => Some(vec![send("data: [DONE]\n\n".to_owned())]),
        "done-unterminated" => begin(frames.len() - 1, vec![send("data: [DONE]".to_owned())]),
        "malformed" => begin(1, vec![send("data: {\"choices\":[\n\n".to_owned())]),
        "error-in-stream" => begin(3, vec![send(failed)]),
        "roleonly-then-error" => begin(1, vec![send(failed)]),
        "roleonly-then-hang" => begin(1, hang()),
        "stall" => begin(3, hang()),
        "crlf" => {
            for frame in &mut frames {
                let with_comment = format!(": ping\nevent: message\n{frame}");
                *frame = with_comment
                    .replace("\"choices\":", "\ndata:\"choices\":")
                    .replace('\n', "\r\n");
            }
            Some(frames.into_iter().map(send).collect())
        }
        _ => None,
    }
}

/// JSON that can be stepped over and not read, where the model is called so.
fn spoiled(ask: &Ask, mut json: String) -> String {
    let behaviour = ask.behaviour().0;
    let more = match behaviour.strip_prefix("whole-").unwrap_or(behaviour) {
        "half" => return json.replace("Mock ", "\\ud83d Mock "),
        "range" => "1e999".to_owned(),
        "deep" => format!("{}{}", "[".repeat(200), "]".repeat(200)),
        _ => return json,
    };
    json.insert_str(1, &format!("\"more\":{more},"));
    json
}

fn send(frame: String) -> Step {
    Step::Send(frame.into())
}

/// The events of a proper stream: the role, the words, the end, the usage if asked for.
fn frames(ask: &Ask) -> Vec<String> {
    let frame = |choices: Value, usage: Value| {
        let data = json!({"id": "chatcmpl-mock", "object": "chat.completion.chunk",
            "created": 1, "model": ask.model, "system_fingerprint": "fp_mock",
            "choices": choices, "usage": usage});
        format!("data: {}\n\n", spoiled(ask, data.to_string()))
    };
    let delta = |delta: Value, finish: Value| {
        let choices = json!([{"index": 0, "delta": delta, "logprobs": null,
            "finish_reason": finish}]);
        frame(choices, Value::Null)
    };
    let mut frames = vec![delta(
        json!({"role": "assistant", "content": ""}),
        Value::Null,
    )];
    if ask.calls_tool() {
        let call = |call: Value| delta(json!({"tool_calls": [call]}), Value::Null);
        frames.push(call(json!({"index": 0, "id": "call_1", "type": "function",
            "function": {"name": "look_up", "arguments": ""}})));
        for piece in ["{\"q\":", "\"x\"}"] {
            frames.push(call(json!({"index": 0, "function": {"arguments": piece}})));
        }
    } else if ask.behaviour().0 == "refusal" {
        for word in REFUSAL.split_inclusive(' ') {
            frames.push(delta(json!({"refusal": word}), Value::Null));
        }
    } else {
        for word in ask.text().split_inclusive(' ') {
            frames.push(delta(json!({"content": word}), Value::Null));
        }
    }
    frames.push(delta(json!({}), json!(ask.finish())));
    if ask.stream_options.as_ref().is_some_and(|o| o.include_usage) {
        frames.push(frame(json!([]), ask.usage()));
    }
    frames.push("data: [DONE]\n\n".to_owned());
    frames
}

/// An error with this status; like OpenAI's, one about the key repeats it.
fn refuse(status: u64, request: &HttpRequest) -> HttpResponse {
    let status = u16::try_from(status).ok();
    let status = status.and_then(|s| StatusCode::from_u16(s).ok());
    let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let key = request.headers().get(AUTHORIZATION);
    let key = key.and_then(|v| v.to_str().ok()).unwrap_or("none");
    match status.as_u16() {
        401 | 403 => error(status, &format!("Incorrect key: {key}"), "invalid_api_key"),
        404 => error(status, "The model does not exist", "model_not_found"),
        429 => {
            let mut response = error(status, "Rate limit reached", "rate_limit_exceeded");
            let headers = response.headers_mut();
            headers.insert(RETRY_AFTER, 1.into());
            headers.insert("retry-after-ms".parse().unwrap_or(RETRY_AFTER), 10.into());
            response
        }
        _ => error(status, &format!("No, {key}"), "mock_error"),
    }
}

fn error(status: StatusCode, message: &str, code: &str) -> HttpResponse {
    HttpResponse::build(status).json(json!({"error": {"message": message,
        "type": "invalid_request_error", "param": "messages", "code": code}}))
}
