//! Bedrock's `Converse` and `ConverseStream`.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use actix_web::http::StatusCode;
use actix_web::http::header::AUTHORIZATION;
use actix_web::web::{Bytes, Data, Path};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};
use serde_json::{Value, json};

use super::event_stream::message;
use super::exchange::{self, Dialect, Exchange, Frames};
use super::reply::{Asked, Behaviour, End, Reply, Usage, is_forged, signature};
use super::seen::Seen;
use super::shape::{Fault, Schema, What};
use super::sigv4;

static SCHEMA: LazyLock<Schema> = LazyLock::new(|| Schema::of(include_str!("types/bedrock.types")));

struct Ask {
    body: Value,
    model: String,
    streams: bool,
}

/// Answers one request, whole or as a stream as its path says.
pub(crate) async fn converse(
    seen: Data<Seen>,
    request: HttpRequest,
    path: Path<(String, String)>,
    body: Bytes,
) -> HttpResponse {
    seen.note(&request, &body);
    let (model, operation) = path.into_inner();
    if let Err(said) = authorized(&request, &body) {
        return error(StatusCode::FORBIDDEN, &said);
    }
    let streams = match operation.as_str() {
        "converse" => false,
        "converse-stream" => true,
        _ => return error(StatusCode::NOT_FOUND, "UnknownOperationException"),
    };
    let ask = match read(&body) {
        Ok(body) => Ask {
            body,
            model,
            streams,
        },
        Err(said) => return error(StatusCode::BAD_REQUEST, &said),
    };
    let exchange = Exchange {
        seen: seen.into_inner(),
        request: &request,
        body: &body,
        model: &ask.model,
    };
    exchange::respond(&exchange, &ask).await
}

/// Either any bearer token, or a signature that is right for [`sigv4::SECRET`].
fn authorized(request: &HttpRequest, body: &[u8]) -> Result<(), String> {
    let header = request.headers().get(AUTHORIZATION);
    match header.and_then(|value| value.to_str().ok()) {
        None => Err("Missing Authentication Token".to_owned()),
        Some(token) if token.starts_with("Bearer ") => Ok(()),
        Some(signed) => sigv4::check(request, signed, body),
    }
}

fn read(body: &[u8]) -> Result<Value, String> {
    let body: Value = serde_json::from_slice(body).map_err(|e| e.to_string())?;
    let checked = SCHEMA.check("Request", &body).and_then(|()| rules(&body));
    checked.map_err(|fault| told(&fault))?;
    Ok(body)
}

fn told(fault: &Fault) -> String {
    let path = &fault.path;
    match &fault.what {
        What::Unknown => format!(
            "extraneous key [{}] is not permitted, at {path}",
            fault.split().1
        ),
        What::Missing => format!("required key [{}] not found, at {path}", fault.split().1),
        What::Wrong(should) => format!("The value at {path} must be {should}."),
    }
}

fn list(value: &Value) -> impl DoubleEndedIterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn rules(body: &Value) -> Result<(), Fault> {
    let mut called: BTreeSet<&str> = BTreeSet::new();
    let mut before = "assistant";
    let mut tools = false;
    let messages = list(&body["messages"]).filter(|message| message["role"] != "system");
    for (i, message) in messages.enumerate() {
        let path = format!("messages.{i}.content");
        let role = message["role"].as_str().unwrap_or("");
        if role == before {
            let path = format!("messages.{i}.role");
            return Err(Fault::wrong(path, "alternating, beginning with 'user'"));
        }
        before = role;
        let ids = |kind: &'static str| {
            let blocks = list(&message["content"]);
            blocks.filter_map(move |block| block[kind]["toolUseId"].as_str())
        };
        let answered: BTreeSet<_> = ids("toolResult").collect();
        if answered != called {
            let should = format!(
                "with toolResult blocks for exactly the toolUse blocks of the turn before: {}",
                called.into_iter().collect::<Vec<_>>().join(", ")
            );
            return Err(Fault::wrong(path, should));
        }
        called = ids("toolUse").collect();
        tools |= !called.is_empty();
        blocks(message, &path)?;
    }
    if tools && body["toolConfig"].is_null() {
        let should = "defined when using toolUse and toolResult content blocks";
        return Err(Fault::wrong("toolConfig", should));
    }
    Ok(())
}

fn blocks(message: &Value, path: &str) -> Result<(), Fault> {
    let content = &message["content"];
    if list(content).next().is_none() {
        return Err(Fault::wrong(path, "not empty"));
    }
    let blank = |text: &Value| text.as_str().is_some_and(|text| text.trim().is_empty());
    for (j, block) in list(content).enumerate() {
        let path = format!("{path}.{j}");
        if blank(&block["text"]) {
            return Err(Fault::wrong(format!("{path}.text"), "not blank"));
        }
        let input = &block["toolUse"]["input"];
        if block["toolUse"].is_object() && !input.is_object() {
            return Err(Fault::wrong(format!("{path}.toolUse.input"), "an object"));
        }
        let thought = &block["reasoningContent"]["reasoningText"];
        let of = |name: &str| thought[name].as_str().unwrap_or("");
        if is_forged(of("text"), of("signature")) {
            let path = format!("{path}.reasoningContent.reasoningText.signature");
            return Err(Fault::wrong(path, "the signature of this thought"));
        }
    }
    let documents = list(content).any(|block| block["document"].is_object());
    if documents && !list(content).any(|block| block["text"].is_string()) {
        return Err(Fault::wrong(path, "with a text block beside a document"));
    }
    Ok(())
}

impl Ask {
    fn reply(&self) -> Reply {
        let messages = || list(&self.body["messages"]).rev();
        let answers = |message: &Value| {
            list(&message["content"]).any(|block| block["toolResult"].is_object())
        };
        let user = messages().find(|m| m["role"] == "user");
        let content = user.map_or(&Value::Null, |user| &user["content"]);
        let text = list(content).rev().find_map(|block| block["text"].as_str());
        let asked = Asked {
            question: text.unwrap_or(""),
            after_tool: messages().next().is_some_and(answers),
            stop: self.body["inferenceConfig"]["stopSequences"][0].as_str(),
            tokens: None,
        };
        Reply::to(Behaviour::of(&self.model), &asked)
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
            content.push(json!({"reasoningContent": {"reasoningText":
                {"text": thinking, "signature": signature(thinking)}}}));
        }
        if reply.says_text {
            content.push(json!({"text": reply.text}));
        }
        for call in &reply.calls {
            content.push(
                json!({"toolUse": {"toolUseId": format!("tooluse_{}", call.number),
                "name": call.name, "input": call.arguments}}),
            );
        }
        json!({"metrics": {"latencyMs": 1}, "output": {"message":
            {"content": content, "role": "assistant"}}, "stopReason": stop_reason(&reply.end),
            "usage": usage(reply.usage)})
        .to_string()
    }

    fn frames(&self) -> Frames {
        let reply = self.reply();
        let mut frames = vec![event("messageStart", &json!({"role": "assistant"}))];
        for (index, (start, deltas)) in blocks_of(&reply).into_iter().enumerate() {
            if let Some(start) = start {
                let start = json!({"contentBlockIndex": index, "start": start});
                frames.push(event("contentBlockStart", &start));
            }
            for delta in deltas {
                let delta = json!({"contentBlockIndex": index, "delta": delta});
                frames.push(event("contentBlockDelta", &delta));
            }
            frames.push(event(
                "contentBlockStop",
                &json!({"contentBlockIndex": index}),
            ));
        }
        let stop = json!({"stopReason": stop_reason(&reply.end)});
        frames.push(event("messageStop", &stop));
        let counted = json!({"metrics": {"latencyMs": 1}, "usage": usage(reply.usage)});
        frames.push(event("metadata", &counted));
        let kind = [
            (":exception-type", "modelStreamErrorException"),
            (":content-type", "application/json"),
            (":message-type", "exception"),
        ];
        let failure = json!({"message": "broke down", "originalStatusCode": 500});
        let mut garbage = event("contentBlockDelta", &json!({})).to_vec();
        if let Some(last) = garbage.last_mut() {
            *last ^= 1;
        }
        Frames {
            content_type: "application/vnd.amazon.eventstream",
            frames,
            begun: 2,
            closing: 2,
            failure: message(&kind, failure.to_string().as_bytes()).into(),
            malformed: framed("contentBlockDelta", b"{\"contentBlockIndex\":"),
            garbage: garbage.into(),
        }
    }

    fn error(&self, status: StatusCode, said: &str, _code: &str) -> HttpResponse {
        error(status, said)
    }

    fn head(&self, response: &mut HttpResponseBuilder) {
        response.insert_header(("x-amzn-requestid", "bedrock-mock"));
    }
}

/// Each block of an answer: how it starts, where that is said, and what comes after.
fn blocks_of(reply: &Reply) -> Vec<(Option<Value>, Vec<Value>)> {
    let mut blocks = Vec::new();
    if let Some(thinking) = reply.thinking {
        let words = thinking.split_inclusive(' ');
        let mut deltas: Vec<_> = words
            .map(|word| json!({"reasoningContent": {"text": word}}))
            .collect();
        deltas.push(json!({"reasoningContent": {"signature": signature(thinking)}}));
        blocks.push((None, deltas));
    }
    if reply.says_text {
        let deltas = reply.words().map(|word| json!({"text": word}));
        blocks.push((None, deltas.collect()));
    }
    for call in &reply.calls {
        let start = json!({"toolUse": {"toolUseId": format!("tooluse_{}", call.number),
            "name": call.name}});
        let pieces = call.pieces().into_iter();
        let deltas = pieces.map(|piece| json!({"toolUse": {"input": piece}}));
        blocks.push((Some(start), deltas.collect()));
    }
    blocks
}

fn event(name: &str, data: &Value) -> Bytes {
    // The service pads what it says, so that its length tells nothing.
    let mut data = data.clone();
    data["p"] = "abcdefgh".into();
    framed(name, data.to_string().as_bytes())
}

fn framed(name: &str, payload: &[u8]) -> Bytes {
    let headers = [
        (":event-type", name),
        (":content-type", "application/json"),
        (":message-type", "event"),
    ];
    message(&headers, payload).into()
}

fn stop_reason(end: &End) -> &'static str {
    match end {
        End::Stop => "end_turn",
        End::Sequence(_) => "stop_sequence",
        End::Length => "max_tokens",
        End::Tools => "tool_use",
        End::Filtered => "content_filtered",
    }
}

fn usage(usage: Usage) -> Value {
    json!({"inputTokens": usage.input - usage.cached, "outputTokens": usage.output,
        "totalTokens": usage.input + usage.output, "cacheReadInputTokens": usage.cached,
        "cacheWriteInputTokens": 0})
}

fn error(status: StatusCode, said: &str) -> HttpResponse {
    let kind = match status.as_u16() {
        400 => "ValidationException",
        401 | 403 => "AccessDeniedException",
        404 => "ResourceNotFoundException",
        408 => "ModelTimeoutException",
        424 => "ModelErrorException",
        429 => "ThrottlingException",
        503 => "ServiceUnavailableException",
        _ => "InternalServerException",
    };
    HttpResponse::build(status)
        .insert_header(("x-amzn-errortype", kind))
        .insert_header(("x-amzn-requestid", "bedrock-mock"))
        .json(json!({"message": said}))
}
