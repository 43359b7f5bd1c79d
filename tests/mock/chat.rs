//! OpenAI's chat completions. What is asked is taken as it comes: compatible servers know more members than OpenAI
//! does, and a gateway passes those on.

use actix_web::http::StatusCode;
use actix_web::web::{Bytes, Data};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};
use serde::Deserialize;
use serde_json::{Value, json};

use super::exchange::{self, Dialect, Exchange, Frames, no_sse, sse};
use super::openai::no_such;
use super::reply::{Asked, Behaviour, End, Reply};
use super::seen::Seen;

/// What the mock says in place of an answer.
const REFUSAL: &str = "No, and I will not say why.";

#[derive(Deserialize)]
struct Ask {
    model: String,
    #[serde(default)]
    stream: Option<bool>,
    #[serde(default)]
    stream_options: Option<Options>,
    #[serde(default)]
    stop: Value,
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

    fn behaviour(&self) -> &str {
        Behaviour::of(&self.model).name
    }

    fn reply(&self) -> Reply {
        let asked = Asked {
            question: self.question(),
            after_tool: self.messages.last().is_some_and(|m| m.role == "tool"),
            stop: match &self.stop {
                Value::String(stop) => Some(stop),
                Value::Array(stops) => stops.first().and_then(Value::as_str),
                _ => None,
            },
            tokens: None,
        };
        Reply::to(Behaviour::of(&self.model), &asked)
    }

    fn usage(&self, reply: &Reply) -> Value {
        if self.behaviour() == "uncounted" {
            return Value::Null;
        }
        usage(reply)
    }
}

/// Token counts as OpenAI writes them.
pub(crate) fn usage(reply: &Reply) -> Value {
    let counted = reply.usage;
    let mut usage = json!({"prompt_tokens": counted.input, "completion_tokens": counted.output,
        "total_tokens": counted.input + counted.output});
    if counted.cached > 0 {
        usage["prompt_tokens_details"] = json!({"cached_tokens": counted.cached});
    }
    if counted.thought > 0 {
        usage["completion_tokens_details"] = json!({"reasoning_tokens": counted.thought});
    }
    usage
}

/// Answers one request.
pub(crate) async fn chat(seen: Data<Seen>, request: HttpRequest, body: Bytes) -> HttpResponse {
    seen.note(&request, &body);
    let ask: Ask = match serde_json::from_slice(&body) {
        Ok(ask) => ask,
        Err(e) => {
            return error(
                StatusCode::BAD_REQUEST,
                &e.to_string(),
                "messages",
                "invalid_json",
            );
        }
    };
    if ask.behaviour() == "texts" {
        let said = "This is not a chat model and thus not supported in the v1/chat/completions endpoint. \
            Did you mean to use v1/completions?";
        return no_such(StatusCode::NOT_FOUND, said);
    }
    let exchange = Exchange {
        seen: seen.into_inner(),
        request: &request,
        body: &body,
        model: &ask.model,
    };
    exchange::respond(&exchange, &ask).await
}

impl Dialect for Ask {
    fn streams(&self) -> bool {
        self.stream == Some(true) && !self.behaviour().starts_with("whole")
    }

    fn json(&self) -> String {
        let reply = self.reply();
        let mut message = json!({"role": "assistant", "content": reply.text, "refusal": null});
        if self.behaviour() == "refusal" {
            message["content"] = Value::Null;
            message["refusal"] = REFUSAL.into();
        }
        if let Some(thinking) = reply.thinking {
            message["reasoning_content"] = thinking.into();
        }
        if !reply.says_text {
            message["content"] = Value::Null;
        }
        if !reply.calls.is_empty() {
            let calls = reply.calls.iter().map(|call| {
                json!({"id": format!("call_{}", call.number), "type": "function", "function":
                    {"name": call.name, "arguments": call.arguments.to_string()}})
            });
            message["tool_calls"] = calls.collect();
        }
        let body = json!({"id": "chatcmpl-mock", "object": "chat.completion", "created": 1,
            "model": self.model, "choices": [{"index": 0, "message": message, "logprobs": null,
                "finish_reason": finish(&reply.end)}],
            "usage": self.usage(&reply), "system_fingerprint": "fp_mock"});
        spoiled(self.behaviour(), body.to_string())
    }

    fn frames(&self) -> Frames {
        let mut frames = frames(self);
        if self.behaviour() == "crlf" {
            for frame in &mut frames {
                let text = String::from_utf8_lossy(frame);
                *frame = format!(": ping\nevent: message\n{text}")
                    .replace("\"choices\":", "\ndata:\"choices\":")
                    .replace('\n', "\r\n")
                    .into();
            }
        }
        let failure = json!({"error": {"message": "broke down", "type": "server_error",
            "param": null, "code": "mid_stream"}});
        Frames {
            content_type: "text/event-stream",
            frames,
            begun: 2,
            closing: 1,
            failure: sse(None, &failure.to_string()),
            malformed: sse(None, "{\"choices\":["),
            garbage: no_sse(),
        }
    }

    fn error(&self, status: StatusCode, said: &str, code: &str) -> HttpResponse {
        error(status, said, "messages", code)
    }

    fn head(&self, response: &mut HttpResponseBuilder) {
        response.insert_header(("openai-processing-ms", "1"));
        let behaviour = Behaviour::of(&self.model);
        if behaviour.name == "spent" {
            let reset = format!("{}s", behaviour.number);
            response.insert_header(("x-ratelimit-remaining-requests", "0"));
            response.insert_header(("x-ratelimit-reset-requests", reset));
        }
        if behaviour.name == "headers" {
            response.insert_header(("x-ratelimit-remaining-requests", "9"));
            response.insert_header(("set-cookie", "session=secret"));
            response.insert_header(("server", "secret"));
            response.insert_header(("openai-organization", "secret"));
        }
    }
}

/// Why an answer ended, in OpenAI's words.
pub(crate) fn finish(end: &End) -> &'static str {
    match end {
        End::Stop | End::Sequence(_) => "stop",
        End::Length => "length",
        End::Tools => "tool_calls",
        End::Filtered => "content_filter",
    }
}

/// JSON that can be stepped over and not read, or does not say why it ended, where the model is called so.
fn spoiled(behaviour: &str, mut json: String) -> String {
    let more = match behaviour.strip_prefix("whole-").unwrap_or(behaviour) {
        "half" => return json.replace("Mock ", "\\ud83d Mock "),
        "unended" => return json.replace("\"finish_reason\":\"stop\"", "\"finish_reason\":null"),
        "range" => "1e999".to_owned(),
        "deep" => format!("{}{}", "[".repeat(200), "]".repeat(200)),
        _ => return json,
    };
    json.insert_str(1, &format!("\"more\":{more},"));
    json
}

/// The events of a proper stream: the role, the words, the end, the usage if asked for.
fn frames(ask: &Ask) -> Vec<Bytes> {
    let reply = ask.reply();
    let frame = |choices: Value, usage: Value| {
        let data = json!({"id": "chatcmpl-mock", "object": "chat.completion.chunk",
            "created": 1, "model": ask.model, "system_fingerprint": "fp_mock",
            "choices": choices, "usage": usage});
        sse(None, &spoiled(ask.behaviour(), data.to_string()))
    };
    let delta = |delta: Value, finish: Value| {
        let choices = json!([{"index": 0, "delta": delta, "logprobs": null,
            "finish_reason": finish}]);
        frame(choices, Value::Null)
    };
    let part = |name: &str, text: &str| delta(json!({name: text}), Value::Null);
    let role = json!({"role": "assistant", "content": ""});
    let mut frames = vec![delta(role, Value::Null)];
    let thought = reply.thinking.unwrap_or("").split_inclusive(' ');
    frames.extend(thought.map(|word| part("reasoning_content", word)));
    if ask.behaviour() == "refusal" {
        let words = REFUSAL.split_inclusive(' ');
        frames.extend(words.map(|word| part("refusal", word)));
    } else {
        frames.extend(reply.words().map(|word| part("content", word)));
    }
    for (index, call) in reply.calls.iter().enumerate() {
        let mut fragment = |call: Value| {
            frames.push(delta(json!({"tool_calls": [call]}), Value::Null));
        };
        let id = format!("call_{}", call.number);
        fragment(json!({"index": index, "id": id, "type": "function",
            "function": {"name": call.name, "arguments": ""}}));
        for piece in call.pieces() {
            fragment(json!({"index": index, "function": {"arguments": piece}}));
        }
    }
    frames.push(delta(json!({}), json!(finish(&reply.end))));
    if ask.stream_options.as_ref().is_some_and(|o| o.include_usage) {
        frames.push(frame(json!([]), ask.usage(&reply)));
    }
    frames.push(sse(None, "[DONE]"));
    frames
}

/// An error as OpenAI writes one.
pub(crate) fn error(status: StatusCode, message: &str, param: &str, code: &str) -> HttpResponse {
    HttpResponse::build(status).json(json!({"error": {"message": message,
        "type": "invalid_request_error", "param": param, "code": code}}))
}
