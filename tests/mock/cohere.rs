//! Cohere's chat, version 2.

use std::sync::LazyLock;

use actix_web::http::StatusCode;
use actix_web::http::header::AUTHORIZATION;
use actix_web::web::{Bytes, Data};
use actix_web::{HttpRequest, HttpResponse};
use serde_json::{Value, json};

use super::exchange::{self, Dialect, Exchange, Frames, no_sse, sse};
use super::reply::{Asked, Behaviour, End, Reply, Usage};
use super::seen::Seen;
use super::shape::{Fault, Schema, What};

static SCHEMA: LazyLock<Schema> = LazyLock::new(|| Schema::of(include_str!("types/cohere.types")));

struct Ask(Value);

/// Answers one request.
pub(crate) async fn chat(seen: Data<Seen>, request: HttpRequest, body: Bytes) -> HttpResponse {
    seen.note(&request, &body);
    if !request.headers().contains_key(AUTHORIZATION) {
        return error(StatusCode::UNAUTHORIZED, "no api key supplied");
    }
    let invalid = |said: &str| error(StatusCode::BAD_REQUEST, said);
    let ask: Value = match serde_json::from_slice(&body) {
        Ok(ask) => ask,
        Err(e) => return invalid(&format!("invalid request: {e}")),
    };
    if let Err(fault) = SCHEMA.check("Request", &ask).and_then(|()| rules(&ask)) {
        return invalid(&told(&fault));
    }
    let ask = Ask(ask);
    let exchange = Exchange {
        seen: seen.into_inner(),
        request: &request,
        body: &body,
        model: ask.model(),
    };
    exchange::respond(&exchange, &ask).await
}

fn told(fault: &Fault) -> String {
    let path = &fault.path;
    match &fault.what {
        What::Unknown => format!("unknown field: parameter '{path}' is not a valid field"),
        What::Missing => format!("invalid request: '{path}' is required"),
        What::Wrong(should) => format!("invalid request: '{path}' must be {should}"),
    }
}

fn rules(body: &Value) -> Result<(), Fault> {
    let mut open: Vec<&str> = Vec::new();
    let messages: Vec<_> = body["messages"].as_array().into_iter().flatten().collect();
    for (i, message) in messages.iter().enumerate() {
        let path = format!("messages.{i}");
        let role = message["role"].as_str().unwrap_or("");
        if role == "tool" {
            let id = message["tool_call_id"].as_str().unwrap_or("");
            let Some(place) = open.iter().position(|call| *call == id) else {
                let path = format!("{path}.tool_call_id");
                return Err(Fault::wrong(path, "the id of a tool call before it"));
            };
            open.remove(place);
            continue;
        }
        if !open.is_empty() {
            let should = format!("the results of tool calls {}", open.join(", "));
            return Err(Fault::wrong(path, should));
        }
        let calls = message["tool_calls"].as_array();
        let empty = |value: &Value| value.is_null() || *value == "" || *value == json!([]);
        if role == "assistant" && empty(&message["content"]) && empty(&message["tool_calls"]) {
            return Err(Fault::wrong(path, "with content or tool calls"));
        }
        open.extend(
            calls
                .into_iter()
                .flatten()
                .filter_map(|call| call["id"].as_str()),
        );
    }
    match messages.last().and_then(|last| last["role"].as_str()) {
        Some("user" | "tool") => Ok(()),
        _ => Err(Fault::wrong("messages", "ended by a user or tool message")),
    }
}

impl Ask {
    fn model(&self) -> &str {
        self.0["model"].as_str().unwrap_or("")
    }

    fn reply(&self) -> Reply {
        let messages = || self.0["messages"].as_array().into_iter().flatten().rev();
        let content = messages()
            .find(|m| m["role"] == "user")
            .map(|m| &m["content"]);
        let content = content.unwrap_or(&Value::Null);
        let mut parts = content.as_array().into_iter().flatten().rev();
        let text = content.as_str();
        let text = text.or_else(|| parts.find_map(|part| part["text"].as_str()));
        let asked = Asked {
            question: text.unwrap_or(""),
            after_tool: messages().next().is_some_and(|m| m["role"] == "tool"),
            stop: self.0["stop_sequences"][0].as_str(),
            tokens: None,
        };
        Reply::to(Behaviour::of(self.model()), &asked)
    }
}

impl Dialect for Ask {
    fn streams(&self) -> bool {
        self.0["stream"] == true
    }

    fn json(&self) -> String {
        let reply = self.reply();
        let mut content = Vec::new();
        if let Some(thinking) = reply.thinking {
            content.push(json!({"type": "thinking", "thinking": thinking}));
        }
        if reply.says_text {
            content.push(json!({"type": "text", "text": reply.text}));
        }
        let mut message = json!({"role": "assistant", "content": content});
        if !reply.calls.is_empty() {
            let calls = reply.calls.iter().map(|call| {
                json!({"id": format!("{}_{}", call.name, call.number), "type": "function",
                    "function": {"name": call.name, "arguments": call.arguments.to_string()}})
            });
            message = json!({"role": "assistant", "tool_plan": "I will look it up.",
                "tool_calls": calls.collect::<Vec<_>>()});
        }
        json!({"id": "cohere-mock", "finish_reason": finish(&reply.end), "message": message,
            "usage": usage(reply.usage)})
        .to_string()
    }

    fn frames(&self) -> Frames {
        let reply = self.reply();
        let start = json!({"id": "cohere-mock", "delta": {"message": {"role": "assistant",
            "content": [], "tool_plan": "", "tool_calls": [], "citations": []}}});
        let mut frames = vec![event("message-start", start)];
        if reply.calls.is_empty() {
            contents(&reply, &mut frames);
        } else {
            calls(&reply, &mut frames);
        }
        let end = |delta: Value| event("message-end", json!({"delta": delta}));
        frames.push(end(
            json!({"finish_reason": finish(&reply.end), "usage": usage(reply.usage)}),
        ));
        frames.push(sse(None, "[DONE]"));
        Frames {
            content_type: "text/event-stream",
            frames,
            begun: 3,
            closing: 2,
            failure: end(json!({"finish_reason": "ERROR", "error": "broke down"})),
            malformed: sse(Some("content-delta"), "{\"type\":\"content-delta\","),
            garbage: no_sse(),
        }
    }

    fn error(&self, status: StatusCode, said: &str, _code: &str) -> HttpResponse {
        error(status, said)
    }
}

fn contents(reply: &Reply, frames: &mut Vec<Bytes>) {
    let thinking = reply
        .thinking
        .map(|text| ("thinking", text.split_inclusive(' ').collect()));
    let text = ("text", reply.words().collect());
    let blocks: Vec<(&str, Vec<&str>)> = thinking.into_iter().chain([text]).collect();
    for (index, (kind, words)) in blocks.into_iter().enumerate() {
        let about =
            |content: Value| json!({"index": index, "delta": {"message": {"content": content}}});
        frames.push(event(
            "content-start",
            about(json!({"type": kind, kind: ""})),
        ));
        frames.extend(
            words
                .iter()
                .map(|word| event("content-delta", about(json!({kind: word})))),
        );
        frames.push(event("content-end", json!({"index": index})));
    }
}

fn calls(reply: &Reply, frames: &mut Vec<Bytes>) {
    for word in "I will look it up.".split_inclusive(' ') {
        let plan = json!({"delta": {"message": {"tool_plan": word}}});
        frames.push(event("tool-plan-delta", plan));
    }
    for (index, call) in reply.calls.iter().enumerate() {
        let about =
            |call: Value| json!({"index": index, "delta": {"message": {"tool_calls": call}}});
        let start = json!({"id": format!("{}_{}", call.name, call.number), "type": "function",
            "function": {"name": call.name, "arguments": ""}});
        frames.push(event("tool-call-start", about(start)));
        for piece in call.pieces() {
            let delta = about(json!({"function": {"arguments": piece}}));
            frames.push(event("tool-call-delta", delta));
        }
        frames.push(event("tool-call-end", json!({"index": index})));
    }
}

fn event(name: &str, mut data: Value) -> Bytes {
    data["type"] = name.into();
    sse(Some(name), &data.to_string())
}

/// A filter has no word of its own here.
fn finish(end: &End) -> &'static str {
    match end {
        End::Stop => "COMPLETE",
        End::Sequence(_) => "STOP_SEQUENCE",
        End::Length => "MAX_TOKENS",
        End::Tools => "TOOL_CALL",
        End::Filtered => "ERROR",
    }
}

fn usage(usage: Usage) -> Value {
    let tokens = json!({"input_tokens": usage.input, "output_tokens": usage.output});
    json!({"billed_units": tokens, "tokens": tokens, "cached_tokens": usage.cached})
}

fn error(status: StatusCode, said: &str) -> HttpResponse {
    HttpResponse::build(status).json(json!({"id": "cohere-mock", "message": said}))
}
