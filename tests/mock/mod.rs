//! An upstream for tests and benches that speaks the dialects of the providers, well or badly as the
//! model name says: `mock-<behaviour>` or `mock-<behaviour>-<number>`, any other name is
//! answered plainly. It is steered by nothing else, because a gateway forwards nothing else; but `POST /mock/slow?ms=N`
//! makes every answer come N ms later from then on, so that a provider can become slow and quick again under load.
//!
//! | where | what | strict |
//! |---|---|---|
//! | `/v1/chat/completions`, `/v1/models` | OpenAI's chat completions | no: unknown members are passed over |
//! | `/v1/completions`, `/v1/embeddings`, `/v1/moderations` | OpenAI's others | yes |
//! | `/v1/messages`, `/v1/messages/count_tokens` | Anthropic's messages | yes |
//! | `/v1beta/models/{model}:generateContent`, `…:streamGenerateContent` | Gemini | yes |
//! | `/model/{model}/converse`, `/model/{model}/converse-stream` | Bedrock's Converse | yes |
//! | `/v2/chat` | Cohere's chat | yes |
//!
//! A strict one answers 400 to a member that the provider does not know or that has another type (`types/`), and to
//! what breaks the provider's rules, and names the member. It shares no code with the gateway.
//!
//! | behaviour | what it does |
//! |---|---|
//! | `slow-N`, `hang` | N ms, or for ever, before the first byte |
//! | `gated-N` | waits, a stream after its first word, until the test opens the gate, and answers then, or refuses with status N; answers at once from then on |
//! | `drip-N`, `drip-tools-N`, `drip-thinking-N`, `chunks-N` | a stream with N ms between chunks; one of a tool call; one that thinks first; one of N words |
//! | `drip-slow-N` | 16 bytes, N ms (or 100), the next 16, a stream or not |
//! | `status-N`, `flaky-N`, `worn-N`, `burst-N` | status N; status 500 for the first N tries of one body; for all after them; for the first N tries of the model |
//! | `r429-seconds-N`, `r429-date-N`, `r429-ms-N`, `r429-reset-N`, `r429-none` | 429 with `retry-after` in seconds; as a date; `retry-after-ms` (100); `x-ratelimit-reset-requests: Ns`; none of them |
//! | `html`, `type-html`, `redirect`, `json-error`, `whole` | 200 with a page; 200 with an answer that says it is a page; 302; 200 with an error object; JSON even if a stream was asked for |
//! | `reset-before`, `reset-headers`, `reset-stream` | a TCP reset before any byte; behind the head; behind two words, or half of the JSON |
//! | `cut`, `no-done`, `done-only`, `done-unterminated` | connection broken half-way; no end of the stream; nothing else; no blank line behind it |
//! | `truncated` | a `content-length` of more than there is: behind all of the JSON, or half of the stream |
//! | `malformed`, `malformed-sse`, `error-in-stream`, `roleonly-then-error`, `roleonly-then-hang`, `stall` | broken JSON; what is no event; an error after a word, or after the role; silence after the role, or after a word (half of the JSON) |
//! | `bare-error`, `bare-list` | an error after a word, or in an array in place of all events, that is no event |
//! | `length`, `filtered`, `refusal`, `stopped` | cut by length; by a filter; a refusal in the place for it (OpenAI's chat only); ended by the first stop sequence |
//! | `blocked` | the prompt is not answered (Gemini only) |
//! | `tools`, `tools2`, `stop-tools`, `text-tools`, `agent`, `echo` | a tool call; two; one that ends with `stop`; one behind a text; one until there is a result; the question itself |
//! | `thinking` | a thought before the text, signed where the dialect signs; one sent back with another text and that signature is refused |
//! | `big-N`, `utf8split`, `crlf` | N KiB of text in one event; each byte in a packet of its own; CRLF, comments and several data lines (OpenAI's chat only) |
//! | `drip-huge-N` | N MiB of text in JSON that does not say how long it is |
//! | `flood-N`, `huge-N` | N half MiB, or N MiB, of text, in events of half a MiB |
//! | `half`, `range`, `deep`, and `whole-half` … | half an emoji, a number beyond floats, 200 levels: JSON that can be stepped over and not read; JSON even if a stream was asked for (OpenAI's chat only) |
//! | `headers`, `spent-N`, `uncounted`, `cached-N` | headers that must not come through; those that say that no request is left for N s; an answer without token counts (all three OpenAI's chat only); N tokens read from the prompt cache |
//! | `chat`, `chat-N`, `texts` | 404, or status N, to OpenAI's completions, as of a chat model; 404 to its chat, as of a model without |
//! | `flagged` | all is harmful (moderations only; else what has the word "forbidden" in it) |

#![allow(dead_code, reason = "each binary that includes this uses a part of it")]

mod anthropic;
mod anthropic_rules;
mod bedrock;
mod chat;
mod cohere;
mod event_stream;
mod exchange;
mod gemini;
mod openai;
mod reply;
mod script;
mod seen;
mod shape;
mod sigv4;
mod table;

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::rt::net::TcpStream;
use actix_web::web::{Data, PayloadConfig, Query, ServiceConfig, get, post};
use actix_web::{App, HttpResponse, HttpServer, rt};
use serde_json::json;

pub(crate) use seen::Seen;

/// A running mock; it ends when dropped.
pub(crate) struct Mock {
    address: SocketAddr,
    seen: Arc<Seen>,
    handle: ServerHandle,
}

impl Mock {
    /// Starts one on a free port of 127.0.0.1, on a thread of its own.
    pub(crate) fn start() -> io::Result<Self> {
        let seen = Arc::new(Seen::default());
        let data = Data::from(Arc::clone(&seen));
        let connected = Arc::clone(&seen);
        let (tell, told) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let app = move || {
                App::new()
                    .app_data(data.clone())
                    .app_data(PayloadConfig::new(64 << 20))
                    .configure(routes)
            };
            rt::System::new().block_on(async move {
                let server = HttpServer::new(app)
                    .workers(1)
                    .tcp_nodelay(true)
                    .on_connect(move |connection, data| {
                        connected.connections.fetch_add(1, Ordering::SeqCst);
                        // A second handle on the socket, for those who are to break it.
                        let socket = connection.downcast_ref::<TcpStream>();
                        let handle = socket.and_then(|s| s.as_fd().try_clone_to_owned().ok());
                        data.insert(handle.map(Arc::new));
                    })
                    // Without it a client that leaves before the first byte goes unnoticed.
                    .h1_allow_half_closed(false)
                    .disable_signals()
                    .shutdown_timeout(1)
                    .bind(("127.0.0.1", 0));
                let bound = server.map(|s| (s.addrs()[0], s.run()));
                match bound {
                    Ok((address, server)) => {
                        let _ = tell.send(Ok((address, server.handle())));
                        let _ = server.await;
                    }
                    Err(error) => {
                        let _ = tell.send(Err(error));
                    }
                }
            });
        });
        let (address, handle) = told.recv().map_err(io::Error::other)??;
        Ok(Self {
            address,
            seen,
            handle,
        })
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its base URL for OpenAI's dialect, without a slash at the end.
    pub(crate) fn base_url(&self) -> String {
        format!("{}/v1", self.root_url())
    }

    /// Its base URL for all other dialects, without a slash at the end.
    pub(crate) fn root_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What has come in.
    pub(crate) fn seen(&self) -> &Seen {
        &self.seen
    }
}

impl Drop for Mock {
    fn drop(&mut self) {
        // The command is sent at once; the future only waits for it to be done.
        drop(self.handle.stop(false));
    }
}

fn routes(app: &mut ServiceConfig) {
    app.route("/v1/chat/completions", post().to(chat::chat))
        .route("/v1/completions", post().to(openai::completions))
        .route("/v1/embeddings", post().to(openai::embeddings))
        .route("/v1/moderations", post().to(openai::moderations))
        .route("/v1/models", get().to(models))
        .route("/v1/messages", post().to(anthropic::messages))
        .route("/v1/messages/count_tokens", post().to(anthropic::count))
        .route("/v1beta/models/{call}", post().to(gemini::generate))
        .route("/v1/models/{call}", post().to(gemini::generate))
        .route("/model/{model}/{operation}", post().to(bedrock::converse))
        .route("/v2/chat", post().to(cohere::chat))
        .route("/mock/requests", get().to(requests))
        .route("/mock/slow", post().to(slow))
        .route("/mock/reset", post().to(reset));
}

async fn models() -> HttpResponse {
    let ids = ["mock-plain", "mock-other", "gpt-4o-mini"];
    let model = |id| json!({"id": id, "object": "model", "created": 1, "owned_by": "mock"});
    HttpResponse::Ok().json(json!({"object": "list", "data": ids.map(model)}))
}

async fn requests(seen: Data<Seen>) -> HttpResponse {
    let (count, cancelled) = (seen.count(), seen.cancelled());
    HttpResponse::Ok().json(json!({"count": count, "items": seen.items(),
        "cancelled": cancelled, "requests": seen.requests()}))
}

/// `POST /mock/slow?ms=N`: from now on every answer comes N ms later.
async fn slow(seen: Data<Seen>, asked: Query<HashMap<String, u64>>) -> HttpResponse {
    let ms = asked.get("ms").copied().unwrap_or_default();
    seen.slow_down(Duration::from_millis(ms));
    HttpResponse::NoContent().finish()
}

async fn reset(seen: Data<Seen>) -> HttpResponse {
    seen.reset();
    HttpResponse::NoContent().finish()
}
