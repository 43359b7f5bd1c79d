//! Anthropic's messages, and the count of a message's tokens.

use std::sync::LazyLock;

use actix_web::http::StatusCode;
use actix_web::http::header::AUTHORIZATION;
use actix_web::web::{Bytes, Data};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};
use serde_json::{Value, json};

use super::anthropic_rules;
use super::exchange::{self, Dialect, Exchange, Frames, no_sse, sse};
use super::reply::{Asked, Behaviour, End, Reply, Usage, signature, words_within};
use super::seen::Seen;
use super::shape::{Fault, Schema, What};

static SCHEMA: LazyLock<Schema> =
    LazyLock::new(|| Schema::of(include_str!("types/anthropic.types")));

struct Ask {
    body: Value,
    streams: bool,
}

/// Answers a message.
pub(crate) async fn messages(seen: Data<Seen>, request: HttpRequest, body: Bytes) -> HttpResponse {
    seen.note(&request, &body);
    let ask = match read(&request, &body, "Request") {
        Ok(body) => Ask {
            streams: body["stream"] == true,
            body,
        },
        Err((status, said)) => return error(status, &said),
    };
    let exchange = Exchange {
        seen: seen.into_inner(),
        request: &request,
        body: &body,
        model: ask.model(),
    };
    exchange::respond(&exchange, &ask).await
}

/// Counts the tokens of a message.
pub(crate) async fn count(seen: Data<Seen>, request: HttpRequest, body: Bytes) -> HttpResponse {
    seen.note(&request, &body);
    match read(&request, &body, "CountRequest") {
        Ok(body) if told_status(&body).is_some() => {
            let status = told_status(&body).unwrap_or(StatusCode::OK);
            error(status, "told to fail")
        }
        Ok(body) if body["model"] == "mock-malformed" => {
            HttpResponse::Ok().json(json!({"input_tokens": "many"}))
        }
        Ok(body) => HttpResponse::Ok()
            .insert_header(("request-id", "req_mock"))
            .json(json!({"input_tokens": tokens(&body)})),
        Err((status, said)) => error(status, &said),
    }
}

/// The status of `mock-status-N`.
fn told_status(body: &Value) -> Option<StatusCode> {
    let number = body["model"].as_str()?.strip_prefix("mock-status-")?;
    StatusCode::from_u16(number.parse().ok()?).ok()
}

/// The body, if the request is as Anthropic wants it; else what is said of it.
fn read(request: &HttpRequest, body: &[u8], name: &str) -> Result<Value, (StatusCode, String)> {
    let headers = request.headers();
    if !headers.contains_key("x-api-key") && !headers.contains_key(AUTHORIZATION) {
        let said = "x-api-key header is required".to_owned();
        return Err((StatusCode::UNAUTHORIZED, said));
    }
    let invalid = |said: String| (StatusCode::BAD_REQUEST, said);
    if !headers.contains_key("anthropic-version") {
        return Err(invalid("anthropic-version: header is required".to_owned()));
    }
    let body: Value = serde_json::from_slice(body)
        .map_err(|e| invalid(format!("The request body is not valid JSON: {e}")))?;
    let checked = SCHEMA.check(name, &body);
    let checked = checked.and_then(|()| anthropic_rules::check(&body, &SCHEMA));
    checked.map_err(|fault| invalid(told(&fault)))?;
    Ok(body)
}

fn told(fault: &Fault) -> String {
    match &fault.what {
        What::Unknown => format!("{}: Extra inputs are not permitted", fault.path),
        What::Missing => format!("{}: Field required", fault.path),
        What::Wrong(should) => format!("{}: Input should be {should}", fault.path),
    }
}

/// All that is asked, in words.
fn tokens(body: &Value) -> usize {
    let parts = ["system", "messages", "tools"];
    parts.iter().map(|part| words_within(&body[*part])).sum()
}

impl Ask {
    fn model(&self) -> &str {
        self.body["model"].as_str().unwrap_or("")
    }

    fn reply(&self) -> Reply {
        let messages = self.body["messages"].as_array();
        let users = messages.into_iter().flatten().rev();
        let last = users.clone().find(|m| m["role"] == "user");
        let content = last.map_or(&Value::Null, |m| &m["content"]);
        let blocks = || content.as_array().into_iter().flatten().rev();
        let text = content.as_str();
        let text = text.or_else(|| blocks().find_map(|block| block["text"].as_str()));
        let asked = Asked {
            question: text.unwrap_or(""),
            after_tool: blocks().any(|block| block["type"] == "tool_result"),
            stop: self.body["stop_sequences"][0].as_str(),
            tokens: Some(tokens(&self.body)),
        };
        let mut reply = Reply::to(Behaviour::of(self.model()), &asked);
        // Nothing but the provider's prompt cache is wanted.
        if self.body["max_tokens"] == 0 {
            reply.thinking = None;
            reply.says_text = false;
            reply.calls.clear();
            reply.end = End::Length;
            reply.usage.output = 0;
        }
        reply
    }

    fn message(&self, content: Vec<Value>, end: Option<&End>, usage: Value) -> Value {
        let sequence = match end {
            Some(End::Sequence(text)) => Some(text),
            _ => None,
        };
        json!({"id": "msg_mock", "type": "message", "role": "assistant", "model": self.model(),
            "content": content, "stop_reason": end.map(stop_reason), "stop_sequence": sequence,
            "usage": usage})
    }
}

impl Dialect for Ask {
    fn streams(&self) -> bool {
        self.streams
    }

    fn json(&self) -> String {
        let reply = self.reply();
        let mut content = Vec::new();
        if let Some(thinking) = reply.thinking {
            content.push(json!({"type": "thinking", "thinking": thinking,
                "signature": signature(thinking)}));
        }
        if reply.says_text {
            content.push(json!({"type": "text", "text": reply.text}));
        }
        for call in &reply.calls {
            content.push(
                json!({"type": "tool_use", "id": format!("toolu_{}", call.number),
                "name": call.name, "input": call.arguments}),
            );
        }
        let usage = usage(reply.usage, reply.usage.output);
        self.message(content, Some(&reply.end), usage).to_string()
    }

    fn frames(&self) -> Frames {
        let reply = self.reply();
        let message = self.message(Vec::new(), None, usage(reply.usage, 1));
        let mut frames = vec![event("message_start", json!({"message": message}))];
        let blocks = blocks(&reply).into_iter().enumerate();
        for (index, (start, deltas)) in blocks {
            frames.push(event(
                "content_block_start",
                json!({"index": index, "content_block": start}),
            ));
            if index == 0 {
                frames.push(event("ping", json!({})));
            }
            frames.extend(deltas.into_iter().map(|delta| {
                event(
                    "content_block_delta",
                    json!({"index": index, "delta": delta}),
                )
            }));
            frames.push(event("content_block_stop", json!({"index": index})));
        }
        let sequence = match &reply.end {
            End::Sequence(text) => Some(text),
            _ => None,
        };
        let delta = json!({"stop_reason": stop_reason(&reply.end), "stop_sequence": sequence});
        let counted = json!({"output_tokens": reply.usage.output});
        frames.push(event(
            "message_delta",
            json!({"delta": delta, "usage": counted}),
        ));
        frames.push(event("message_stop", json!({})));
        let failure = json!({"error": {"type": "overloaded_error", "message": "broke down"}});
        Frames {
            content_type: "text/event-stream; charset=utf-8",
            frames,
            begun: 4,
            closing: 1,
            failure: event("error", failure),
            malformed: sse(
                Some("content_block_delta"),
                "{\"type\":\"content_block_delta\",",
            ),
            garbage: no_sse(),
        }
    }

    fn error(&self, status: StatusCode, said: &str, _code: &str) -> HttpResponse {
        error(status, said)
    }

    fn head(&self, response: &mut HttpResponseBuilder) {
        response.insert_header(("request-id", "req_mock"));
    }
}

/// Each block of an answer: how it starts, and what comes after.
fn blocks(reply: &Reply) -> Vec<(Value, Vec<Value>)> {
    let mut blocks = Vec::new();
    if let Some(thinking) = reply.thinking {
        let words = thinking.split_inclusive(' ');
        let mut deltas: Vec<_> = words
            .map(|word| json!({"type": "thinking_delta", "thinking": word}))
            .collect();
        deltas.push(json!({"type": "signature_delta", "signature": signature(thinking)}));
        let start = json!({"type": "thinking", "thinking": "", "signature": ""});
        blocks.push((start, deltas));
    }
    if reply.says_text {
        let words = reply.words();
        let deltas = words.map(|word| json!({"type": "text_delta", "text": word}));
        blocks.push((json!({"type": "text", "text": ""}), deltas.collect()));
    }
    for call in &reply.calls {
        let start = json!({"type": "tool_use", "id": format!("toolu_{}", call.number),
            "name": call.name, "input": {}});
        let mut pieces = call.pieces();
        pieces.insert(0, String::new());
        let deltas = pieces.into_iter();
        let deltas = deltas.map(|piece| json!({"type": "input_json_delta", "partial_json": piece}));
        blocks.push((start, deltas.collect()));
    }
    blocks
}

fn event(name: &str, mut data: Value) -> Bytes {
    let mut typed = json!({"type": name});
    if let (Some(typed), Some(data)) = (typed.as_object_mut(), data.as_object_mut()) {
        typed.append(data);
    }
    sse(Some(name), &typed.to_string())
}

fn stop_reason(end: &End) -> &'static str {
    match end {
        End::Stop => "end_turn",
        End::Sequence(_) => "stop_sequence",
        End::Length => "max_tokens",
        End::Tools => "tool_use",
        End::Filtered => "refusal",
    }
}

/// What was read from the prompt cache is not part of the input tokens.
fn usage(usage: Usage, output: usize) -> Value {
    json!({"input_tokens": usage.input - usage.cached, "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": usage.cached, "output_tokens": output,
        "service_tier": "standard"})
}

fn error(status: StatusCode, said: &str) -> HttpResponse {
    let kind = match status.as_u16() {
        400 | 422 => "invalid_request_error",
        401 => "authentication_error",
        402 => "billing_error",
        403 => "permission_error",
        404 => "not_found_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        504 => "timeout_error",
        529 => "overloaded_error",
        _ => "api_error",
    };
    HttpResponse::build(status)
        .insert_header(("request-id", "req_mock"))
        .json(
            json!({"type": "error", "error": {"type": kind, "message": said},
            "request_id": "req_mock"}),
        )
}
