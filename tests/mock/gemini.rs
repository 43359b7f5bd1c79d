//! Gemini's `generateContent` and `streamGenerateContent`.

use std::sync::LazyLock;

use actix_web::http::StatusCode;
use actix_web::http::header::AUTHORIZATION;
use actix_web::web::{Bytes, Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::{Value, json};

use super::exchange::{self, Dialect, Exchange, Frames, no_sse};
use super::reply::{Asked, Behaviour, End, Reply, Usage, is_forged, signature};
use super::seen::Seen;
use super::shape::{Fault, Schema, What};

static SCHEMA: LazyLock<Schema> = LazyLock::new(|| Schema::of(include_str!("types/gemini.types")));

struct Ask {
    body: Value,
    model: String,
    streams: bool,
    /// Whether a stream comes as server-sent events, and not as one list.
    sse: bool,
}

/// Answers one request: `{model}:generateContent` is the end of its path.
pub(crate) async fn generate(
    seen: Data<Seen>,
    request: HttpRequest,
    path: Path<String>,
    body: Bytes,
) -> HttpResponse {
    seen.note(&request, &body);
    let query = request.query_string();
    let keyed = request.headers().contains_key("x-goog-api-key")
        || request.headers().contains_key(AUTHORIZATION)
        || query.split('&').any(|pair| pair.starts_with("key="));
    if !keyed {
        let said = "Method doesn't allow unregistered callers. Please use API Key or other form of API consumer identity.";
        return error(StatusCode::FORBIDDEN, said);
    }
    let (model, streams) = match path.rsplit_once(':') {
        Some((model, "generateContent")) => (model, false),
        Some((model, "streamGenerateContent")) => (model, true),
        _ => return error(StatusCode::NOT_FOUND, "Method not found."),
    };
    let ask = match read(&body) {
        Ok(body) => Ask {
            body,
            model: model.to_owned(),
            streams,
            sse: query.split('&').any(|pair| pair == "alt=sse"),
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

fn read(body: &[u8]) -> Result<Value, String> {
    let body: Value =
        serde_json::from_slice(body).map_err(|e| format!("Invalid JSON payload received. {e}"))?;
    let checked = SCHEMA.check("Request", &body).and_then(|()| rules(&body));
    checked.map_err(|fault| told(&fault))?;
    Ok(body)
}

fn told(fault: &Fault) -> String {
    let (before, name) = fault.split();
    match &fault.what {
        What::Unknown => format!(
            "Invalid JSON payload received. Unknown name \"{name}\" at '{before}': Cannot find field."
        ),
        What::Missing => format!("* GenerateContentRequest.{}: missing field", fault.path),
        What::Wrong(should) => format!("Invalid value at '{}': {should}", fault.path),
    }
}

fn rules(body: &Value) -> Result<(), Fault> {
    let config = &body["generationConfig"];
    let has = |name: &str| !config[name].is_null();
    let schema = has("responseSchema") || has("responseJsonSchema");
    if schema && config["responseMimeType"] != "application/json" {
        return Err(Fault::wrong(
            "generationConfig.responseMimeType",
            "application/json where there is a schema",
        ));
    }
    if has("responseSchema") && has("responseJsonSchema") {
        let path = "generationConfig.responseJsonSchema";
        return Err(Fault::wrong(path, "the only schema"));
    }
    let mut calls: Vec<&str> = Vec::new();
    for (i, content) in list(&body["contents"]).enumerate() {
        let path = format!("contents.{i}.parts");
        let parts: Vec<_> = list(&content["parts"]).collect();
        if parts.is_empty() {
            return Err(Fault::wrong(path, "not empty"));
        }
        let names = |kind: &'static str| {
            let parts = parts
                .iter()
                .filter_map(move |part| part[kind]["name"].as_str());
            let mut names: Vec<_> = parts.collect();
            names.sort_unstable();
            names
        };
        let answers = names("functionResponse");
        if answers != calls {
            let should = format!(
                "as many function responses as the turn before has function calls: {}",
                calls.join(", ")
            );
            return Err(Fault::wrong(path, should));
        }
        calls = names("functionCall");
        if !calls.is_empty() && content["role"] != "model" {
            let path = format!("contents.{i}.role");
            return Err(Fault::wrong(path, "model, where functions are called"));
        }
        signatures(&parts, &path)?;
    }
    Ok(())
}

/// The signature of a thought stands in the part behind it.
fn signatures(parts: &[&Value], path: &str) -> Result<(), Fault> {
    let mut thought = String::new();
    for (j, part) in parts.iter().enumerate() {
        if part["thought"] == true {
            thought += part["text"].as_str().unwrap_or("");
        }
        let signed = part["thoughtSignature"].as_str();
        let signed = signed.and_then(|text| BASE64_STANDARD.decode(text).ok());
        let signed = signed.and_then(|bytes| String::from_utf8(bytes).ok());
        if signed.is_some_and(|signed| !thought.is_empty() && is_forged(&thought, &signed)) {
            let path = format!("{path}.{j}.thoughtSignature");
            return Err(Fault::wrong(path, "the signature of this thought"));
        }
    }
    Ok(())
}

fn list(value: &Value) -> impl DoubleEndedIterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

impl Ask {
    fn reply(&self) -> Reply {
        let answers = |content: &Value| {
            list(&content["parts"]).any(|part| part["functionResponse"].is_object())
        };
        let contents = || list(&self.body["contents"]).rev();
        let after_tool = contents().next().is_some_and(answers);
        let user = contents().find(|c| c["role"] != "model" && !answers(c));
        let texts = user.map_or(&Value::Null, |content| &content["parts"]);
        let text = list(texts).rev().find_map(|part| part["text"].as_str());
        let asked = Asked {
            question: text.unwrap_or(""),
            after_tool,
            stop: self.body["generationConfig"]["stopSequences"][0].as_str(),
            tokens: None,
        };
        Reply::to(Behaviour::of(&self.model), &asked)
    }

    /// One answer, whole or a piece; all candidates say the same.
    fn response(&self, parts: &[Value], end: Option<&End>, usage: &Value) -> String {
        let count = self.body["generationConfig"]["candidateCount"].as_u64();
        let candidates = (0..count.unwrap_or(1)).map(|index| {
            let mut candidate =
                json!({"content": {"parts": parts, "role": "model"}, "index": index});
            if let Some(end) = end {
                candidate["finishReason"] = finish(end).into();
            }
            candidate
        });
        let mut response = json!({"candidates": candidates.collect::<Vec<_>>(),
            "usageMetadata": usage, "modelVersion": self.model, "responseId": "gemini-mock"});
        if Behaviour::of(&self.model).name == "blocked" {
            response["candidates"] = json!([]);
            response["promptFeedback"] = json!({"blockReason": "PROHIBITED_CONTENT"});
        }
        response.to_string()
    }
}

impl Dialect for Ask {
    fn streams(&self) -> bool {
        self.streams
    }

    fn json(&self) -> String {
        let reply = self.reply();
        let parts: Vec<_> = pieces(&reply, std::iter::once(reply.text.as_str())).collect();
        self.response(&parts, Some(&reply.end), &usage(reply.usage))
    }

    fn frames(&self) -> Frames {
        let reply = self.reply();
        let usage = usage(reply.usage);
        let mut pieces: Vec<_> = pieces(&reply, reply.words()).collect();
        // Without a word there is still an end to be told.
        if pieces.is_empty() {
            pieces.push(json!({"text": ""}));
        }
        let last = pieces.len() - 1;
        let pieces = pieces.iter().enumerate();
        let events = pieces.map(|(i, piece)| {
            let end = Some(&reply.end).filter(|_| i == last);
            self.response(std::slice::from_ref(piece), end, &usage)
        });
        let frame = |data: &str| Bytes::from(format!("data: {data}\r\n\r\n"));
        let frames = if self.sse {
            events.map(|data| frame(&data)).collect()
        } else {
            let list = events.enumerate().map(|(i, data)| {
                let (before, after) = (
                    if i == 0 { "[" } else { ",\r\n" },
                    if i == last { "]" } else { "" },
                );
                Bytes::from(format!("{before}{data}{after}"))
            });
            list.collect()
        };
        let failure =
            json!({"error": {"code": 503, "message": "broke down", "status": "UNAVAILABLE"}});
        Frames {
            content_type: if self.sse {
                "text/event-stream"
            } else {
                "application/json"
            },
            frames,
            begun: 1,
            closing: 1,
            failure: frame(&failure.to_string()),
            malformed: frame("{\"candidates\": ["),
            garbage: no_sse(),
        }
    }

    fn error(&self, status: StatusCode, said: &str, _code: &str) -> HttpResponse {
        error(status, said)
    }
}

/// The parts of an answer that says its text in these words.
fn pieces<'a>(
    reply: &'a Reply,
    words: impl Iterator<Item = &'a str>,
) -> impl Iterator<Item = Value> {
    let thought = reply
        .thinking
        .map(|text| json!({"text": text, "thought": true}));
    let said: Vec<_> = if reply.says_text {
        words.collect()
    } else {
        Vec::new()
    };
    let said = said.into_iter().map(|word| json!({"text": word}));
    let calls = reply.calls.iter();
    let calls =
        calls.map(|call| json!({"functionCall": {"name": call.name, "args": call.arguments}}));
    let mut signed = reply.thinking.map(signature);
    let answer = said.chain(calls).map(move |mut part| {
        if let Some(signature) = signed.take() {
            part["thoughtSignature"] = BASE64_STANDARD.encode(signature).into();
        }
        part
    });
    thought.into_iter().chain(answer)
}

fn finish(end: &End) -> &'static str {
    match end {
        End::Stop | End::Sequence(_) | End::Tools => "STOP",
        End::Length => "MAX_TOKENS",
        End::Filtered => "SAFETY",
    }
}

/// What was thought is not part of the candidates' tokens.
fn usage(usage: Usage) -> Value {
    let mut counted = json!({"promptTokenCount": usage.input,
        "candidatesTokenCount": usage.output - usage.thought,
        "totalTokenCount": usage.input + usage.output,
        "promptTokensDetails": [{"modality": "TEXT", "tokenCount": usage.input}]});
    if usage.cached > 0 {
        counted["cachedContentTokenCount"] = usage.cached.into();
    }
    if usage.thought > 0 {
        counted["thoughtsTokenCount"] = usage.thought.into();
    }
    counted
}

fn error(status: StatusCode, said: &str) -> HttpResponse {
    let name = match status.as_u16() {
        400 => "INVALID_ARGUMENT",
        401 => "UNAUTHENTICATED",
        403 => "PERMISSION_DENIED",
        404 => "NOT_FOUND",
        429 => "RESOURCE_EXHAUSTED",
        499 => "CANCELLED",
        503 => "UNAVAILABLE",
        504 => "DEADLINE_EXCEEDED",
        _ => "INTERNAL",
    };
    HttpResponse::build(status)
        .json(json!({"error": {"code": status.as_u16(), "message": said, "status": name}}))
}
