//! OpenAI's embeddings, moderations and completions.

use std::sync::LazyLock;

use actix_web::http::StatusCode;
use actix_web::web::{Bytes, Data};
use actix_web::{HttpRequest, HttpResponse};
use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::{Map, Value, json};

use super::chat::{error, finish, usage};
use super::exchange::{self, Dialect, Exchange, Frames, no_sse, sse};
use super::reply::{Asked, Behaviour, Reply, words};
use super::seen::Seen;
use super::shape::{Fault, Schema, What};

static SCHEMA: LazyLock<Schema> = LazyLock::new(|| Schema::of(include_str!("types/openai.types")));

/// Of a vector, where none are asked for.
const DIMENSIONS: u64 = 64;

/// The kinds of harm, and whether images are judged by them too.
const CATEGORIES: [(&str, bool); 13] = [
    ("harassment", false),
    ("harassment/threatening", false),
    ("hate", false),
    ("hate/threatening", false),
    ("illicit", false),
    ("illicit/violent", false),
    ("self-harm", true),
    ("self-harm/instructions", true),
    ("self-harm/intent", true),
    ("sexual", true),
    ("sexual/minors", false),
    ("violence", true),
    ("violence/graphic", true),
];

/// Text with this word in it is violent.
const FORBIDDEN: &str = "forbidden";

#[derive(Clone, Copy)]
enum Kind {
    Embeddings,
    Moderations,
    Completions,
}

struct Ask {
    kind: Kind,
    body: Value,
}

/// Embeds texts.
pub(crate) async fn embeddings(
    seen: Data<Seen>,
    request: HttpRequest,
    body: Bytes,
) -> HttpResponse {
    answer(seen, request, body, Kind::Embeddings).await
}

/// Judges texts and images.
pub(crate) async fn moderations(
    seen: Data<Seen>,
    request: HttpRequest,
    body: Bytes,
) -> HttpResponse {
    answer(seen, request, body, Kind::Moderations).await
}

/// Goes on with a text.
pub(crate) async fn completions(
    seen: Data<Seen>,
    request: HttpRequest,
    body: Bytes,
) -> HttpResponse {
    answer(seen, request, body, Kind::Completions).await
}

async fn answer(seen: Data<Seen>, request: HttpRequest, bytes: Bytes, kind: Kind) -> HttpResponse {
    seen.note(&request, &bytes);
    let body: Value = match serde_json::from_slice(&bytes) {
        Ok(body) => body,
        Err(e) => return error(StatusCode::BAD_REQUEST, &e.to_string(), "", "invalid_json"),
    };
    let name = match kind {
        Kind::Embeddings => "Embeddings",
        Kind::Moderations => "Moderations",
        Kind::Completions => "Completions",
    };
    if let (Kind::Completions, Some(refusal)) = (kind, no_completions(&body["model"])) {
        return refusal;
    }
    if let Err(fault) = SCHEMA.check(name, &body) {
        return refusal(&fault);
    }
    let ask = Ask { kind, body };
    if !matches!(kind, Kind::Completions) {
        seen.note_items(ask.items("input").len());
    }
    let exchange = Exchange {
        seen: seen.into_inner(),
        request: &request,
        body: &bytes,
        model: ask.model(),
    };
    exchange::respond(&exchange, &ask).await
}

/// What is said of a model that only chats, or by a server that has no such endpoint.
fn no_completions(model: &Value) -> Option<HttpResponse> {
    let behaviour = Behaviour::of(model.as_str()?);
    let status = u16::try_from(behaviour.number_or(404)).ok()?;
    let said = "This is a chat model and not supported in the v1/completions endpoint. \
        Did you mean to use v1/chat/completions?";
    let status = StatusCode::from_u16(status).ok()?;
    (behaviour.name == "chat").then(|| no_such(status, said))
}

/// OpenAI's error without a code.
pub(crate) fn no_such(status: StatusCode, said: &str) -> HttpResponse {
    HttpResponse::build(status).json(json!({"error": {"message": said,
        "type": "invalid_request_error", "param": "model", "code": null}}))
}

fn refusal(fault: &Fault) -> HttpResponse {
    let path = fault.path.as_str();
    let (said, code) = match &fault.what {
        What::Unknown => (
            format!("Unrecognized request argument supplied: {path}"),
            "unknown_parameter",
        ),
        What::Missing => (
            format!("Missing required parameter: '{path}'."),
            "missing_required_parameter",
        ),
        What::Wrong(should) => (
            format!("Invalid '{path}': expected {should}."),
            "invalid_type",
        ),
    };
    error(StatusCode::BAD_REQUEST, &said, path, code)
}

impl Ask {
    fn model(&self) -> &str {
        let model = self.body["model"].as_str();
        model.unwrap_or("omni-moderation-latest")
    }

    /// What is asked about, each by itself: a text, the tokens of one, or a part with a type.
    fn items(&self, name: &str) -> Vec<&Value> {
        match &self.body[name] {
            Value::Array(items) if items.first().is_some_and(|item| !item.is_number()) => {
                items.iter().collect()
            }
            one => vec![one],
        }
    }

    fn embedded(&self) -> Value {
        let dimensions = self.body["dimensions"].as_u64().unwrap_or(DIMENSIONS);
        let encoded = self.body["encoding_format"] == "base64";
        let data = self
            .items("input")
            .into_iter()
            .enumerate()
            .map(|(index, item)| {
                let vector = vector(item, usize::try_from(dimensions).unwrap_or(0));
                let embedding = if encoded {
                    let bytes: Vec<_> = vector.iter().flat_map(|x| x.to_le_bytes()).collect();
                    Value::from(BASE64_STANDARD.encode(bytes))
                } else {
                    // Each number as short as it is.
                    let short = |x: &f32| x.to_string().parse::<f64>().unwrap_or_default();
                    vector.iter().map(short).collect()
                };
                json!({"object": "embedding", "index": index, "embedding": embedding})
            });
        let tokens: usize = self.items("input").into_iter().map(tokens).sum();
        let mut data: Vec<_> = data.collect();
        match Behaviour::of(self.model()).name {
            "short" => drop(data.pop()),
            // As servers write vectors of bits: no whole number of floats.
            "bits" => data
                .iter_mut()
                .for_each(|datum| datum["embedding"] = "AACA".into()),
            _ => {}
        }
        json!({"object": "list", "data": data, "model": self.model(),
            "usage": {"prompt_tokens": tokens, "total_tokens": tokens}})
    }

    fn judged(&self) -> Value {
        let all = Behaviour::of(self.model()).name == "flagged";
        let items = self.items("input");
        // Parts with a type are judged together.
        let together = items.first().is_some_and(|item| item.is_object());
        let groups: Vec<&[&Value]> = if together {
            vec![&items[..]]
        } else {
            items.chunks(1).collect()
        };
        let results = groups.into_iter().map(|group| judgement(group, all));
        json!({"id": "modr-mock", "model": self.model(), "results": results.collect::<Vec<_>>()})
    }

    /// One answer to each prompt, `n` times.
    fn replies(&self) -> Vec<(String, Reply)> {
        let count = self.body["n"].as_u64().unwrap_or(1);
        let prompts = self.items("prompt").into_iter();
        let prompts = prompts.flat_map(|prompt| (0..count).map(move |_| prompt));
        let replies = prompts.map(|prompt| {
            let prompt = prompt
                .as_str()
                .map_or_else(|| prompt.to_string(), str::to_owned);
            let stop = &self.body["stop"];
            let asked = Asked {
                question: &prompt,
                stop: stop.as_str().or_else(|| stop[0].as_str()),
                ..Asked::default()
            };
            let mut reply = Reply::to(Behaviour::of(self.model()), &asked);
            if self.body["echo"] == true {
                reply.text.insert_str(0, &prompt);
            }
            (prompt, reply)
        });
        replies.collect()
    }

    fn completion(&self, choices: Vec<Value>, usage: Value) -> Value {
        json!({"id": "cmpl-mock", "object": "text_completion", "created": 1,
            "model": self.model(), "choices": choices, "usage": usage})
    }

    fn completed(&self) -> Value {
        let replies = self.replies();
        let choices = replies.iter().enumerate();
        let choices = choices.map(|(index, (_, reply))| {
            json!({"text": reply.text, "index": index, "logprobs": self.logprobs(&reply.text, 0),
                "finish_reason": finish(&reply.end)})
        });
        self.completion(choices.collect(), total(&replies))
    }

    /// What is thought of each word of a text that begins at `offset`, if that is asked for.
    fn logprobs(&self, text: &str, offset: usize) -> Value {
        let Some(most) = self.body["logprobs"].as_u64() else {
            return Value::Null;
        };
        let words: Vec<&str> = text.split_inclusive(' ').collect();
        let others = |word: &&str| -> Map<String, Value> {
            let other = |i: u64| (format!("{word}{i}"), json!(-0.25));
            (0..most).map(other).collect()
        };
        let top: Vec<_> = words.iter().map(others).collect();
        let mut at = offset;
        let offsets = words.iter().map(|word| {
            at += word.chars().count();
            at - word.chars().count()
        });
        let offsets: Vec<_> = offsets.collect();
        json!({"tokens": words, "token_logprobs": vec![-0.125; words.len()],
            "top_logprobs": top, "text_offset": offsets})
    }

    fn pieces(&self) -> Vec<Bytes> {
        let replies = self.replies();
        let frame =
            |choices: Vec<Value>, usage| sse(None, &self.completion(choices, usage).to_string());
        let piece = |index: usize, text: &str, logprobs: Value, finish: Option<&str>| {
            let choice = json!({"text": text, "index": index, "logprobs": logprobs,
                "finish_reason": finish});
            frame(vec![choice], Value::Null)
        };
        let mut frames = Vec::new();
        for (index, (_, reply)) in replies.iter().enumerate() {
            let mut at = 0;
            for word in reply.words() {
                frames.push(piece(index, word, self.logprobs(word, at), None));
                at += word.chars().count();
            }
            frames.push(piece(index, "", Value::Null, Some(finish(&reply.end))));
        }
        if self.body["stream_options"]["include_usage"] == true {
            frames.push(frame(Vec::new(), total(&replies)));
        }
        frames.push(sse(None, "[DONE]"));
        frames
    }
}

impl Dialect for Ask {
    fn streams(&self) -> bool {
        matches!(self.kind, Kind::Completions) && self.body["stream"] == true
    }

    fn json(&self) -> String {
        let answer = match self.kind {
            Kind::Embeddings => self.embedded(),
            Kind::Moderations => self.judged(),
            Kind::Completions => self.completed(),
        };
        answer.to_string()
    }

    fn frames(&self) -> Frames {
        let failure = json!({"error": {"message": "broke down", "type": "server_error",
            "param": null, "code": "mid_stream"}});
        Frames {
            content_type: "text/event-stream",
            frames: self.pieces(),
            begun: 1,
            closing: 1,
            failure: sse(None, &failure.to_string()),
            malformed: sse(None, "{\"choices\":["),
            garbage: no_sse(),
        }
    }

    fn error(&self, status: StatusCode, said: &str, code: &str) -> HttpResponse {
        error(status, said, "model", code)
    }
}

fn tokens(item: &Value) -> usize {
    match item {
        Value::Array(tokens) => tokens.len(),
        text => words(text.as_str().unwrap_or("")),
    }
}

/// A vector of length one that depends on each byte of the item, and on nothing else.
fn vector(item: &Value, dimensions: usize) -> Vec<f32> {
    let mut bytes = vec![0; dimensions * 2];
    let mut hasher = blake3::Hasher::new();
    hasher.update(item.to_string().as_bytes());
    hasher.finalize_xof().fill(&mut bytes);
    let numbers = bytes.chunks_exact(2);
    let vector: Vec<f32> = numbers
        .map(|pair| f32::from(i16::from_le_bytes([pair[0], pair[1]])))
        .collect();
    let length = vector.iter().map(|x| x * x).sum::<f32>().sqrt().max(1.0);
    vector.into_iter().map(|x| x / length).collect()
}

fn judgement(parts: &[&Value], all: bool) -> Value {
    let text = |part: &Value| {
        part.as_str()
            .or_else(|| part["text"].as_str())
            .map(str::to_lowercase)
    };
    let violent = parts
        .iter()
        .any(|part| text(part).is_some_and(|text| text.contains(FORBIDDEN)));
    let image = parts.iter().any(|part| part["type"] == "image_url");
    let (mut categories, mut scores, mut applied) = (Map::new(), Map::new(), Map::new());
    let mut flagged = false;
    for (name, images) in CATEGORIES {
        let harmful = all || (violent && name == "violence");
        flagged |= harmful;
        categories.insert(name.to_owned(), harmful.into());
        scores.insert(name.to_owned(), (if harmful { 0.9 } else { 0.01 }).into());
        let types = if image && images {
            json!(["text", "image"])
        } else {
            json!(["text"])
        };
        applied.insert(name.to_owned(), types);
    }
    json!({"flagged": flagged, "categories": categories, "category_scores": scores,
        "category_applied_input_types": applied})
}

/// A prompt counts once, however many answers it has.
fn total(replies: &[(String, Reply)]) -> Value {
    let Some((_, first)) = replies.first() else {
        return Value::Null;
    };
    let mut sum = usage(first);
    let mut prompts: Vec<&str> = replies.iter().map(|(prompt, _)| prompt.as_str()).collect();
    prompts.dedup();
    let input: usize = prompts.into_iter().map(words).sum();
    let output: usize = replies.iter().map(|(_, reply)| reply.usage.output).sum();
    sum["prompt_tokens"] = input.into();
    sum["completion_tokens"] = output.into();
    sum["total_tokens"] = (input + output).into();
    sum
}
