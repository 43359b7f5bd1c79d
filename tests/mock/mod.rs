//! An upstream for tests and benches that speaks the OpenAI dialect, well or badly as the
//! model name says: `mock-<behaviour>` or `mock-<behaviour>-<number>`, any other name is
//! answered plainly. It is steered by nothing else, because a gateway forwards nothing else.
//!
//! | behaviour | what it does |
//! |---|---|
//! | `slow-N`, `hang` | N ms, or for ever, before the first byte |
//! | `gated-N` | waits, a stream after its first word, until the test opens the gate, and answers then, or refuses with status N; answers at once from then on |
//! | `drip-N`, `drip-tools-N`, `chunks-N` | a stream with N ms between chunks; one of a tool call; one of N words |
//! | `status-N`, `flaky-N`, `worn-N` | status N; status 500 for the first N tries of one body; for all after them |
//! | `html`, `redirect`, `json-error`, `whole` | 200 with a page; 302; 200 with an error object; JSON even if a stream was asked for |
//! | `cut`, `no-done`, `done-only`, `done-unterminated` | connection broken half-way; no `[DONE]`; nothing else; no blank line behind it |
//! | `malformed`, `error-in-stream`, `roleonly-then-error`, `roleonly-then-hang`, `stall` | broken JSON; an error after a word, or after the role; silence after the role, or after a word |
//! | `length`, `filtered`, `refusal` | cut by length; by a filter; a refusal in the place for it |
//! | `tools`, `stop-tools`, `echo` | a tool call; one that ends with `stop`; the question itself |
//! | `big-N`, `utf8split`, `crlf` | N KiB of text in one event; each byte in a packet of its own; CRLF, comments and several data lines |
//! | `flood-N` | N half MiB of text, in events of that size |
//! | `half`, `range`, `deep`, and `whole-half` … | half an emoji, a number beyond floats, 200 levels: JSON that can be stepped over and not read; JSON even if a stream was asked for |
//! | `headers`, `uncounted` | headers that must not come through; an answer without token counts |

#![allow(dead_code, reason = "each binary that includes this uses a part of it")]

mod behaviour;
mod script;

use std::collections::{HashMap, VecDeque};
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use actix_web::dev::ServerHandle;
use actix_web::http::header::HeaderMap;
use actix_web::web::{Bytes, Data, PayloadConfig, get, post};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, rt};
use serde_json::{Value, json};
use tokio::sync::watch;

/// Requests kept for inspection: enough for a test, and no growth under a bench.
const KEPT: usize = 256;

/// A running mock; it ends when dropped.
pub(crate) struct Mock {
    address: SocketAddr,
    seen: Arc<Seen>,
    handle: ServerHandle,
}

/// What has come in so far.
#[derive(Default)]
pub(crate) struct Seen {
    count: AtomicU64,
    cancelled: AtomicU64,
    connections: AtomicU64,
    requests: Mutex<VecDeque<(Bytes, HeaderMap)>>,
    tries: Mutex<HashMap<Bytes, u64>>,
    gate: watch::Sender<bool>,
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
                    .route("/v1/chat/completions", post().to(chat))
                    .route("/v1/models", get().to(models))
                    .route("/mock/requests", get().to(requests))
                    .route("/mock/reset", post().to(reset))
            };
            rt::System::new().block_on(async move {
                let server = HttpServer::new(app)
                    .workers(1)
                    .tcp_nodelay(true)
                    .on_connect(move |_, _| {
                        connected.connections.fetch_add(1, Ordering::SeqCst);
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

    /// Its base URL, without a slash at the end.
    pub(crate) fn base_url(&self) -> String {
        format!("http://{}/v1", self.address)
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

impl Seen {
    /// Chat requests since the last reset.
    pub(crate) fn count(&self) -> u64 {
        self.count.load(Ordering::SeqCst)
    }

    /// Answers that the client did not wait for.
    pub(crate) fn cancelled(&self) -> u64 {
        self.cancelled.load(Ordering::SeqCst)
    }

    /// Connections made since the start.
    pub(crate) fn connections(&self) -> u64 {
        self.connections.load(Ordering::SeqCst)
    }

    /// Lets all go on that wait at the gate, and whoever comes later.
    pub(crate) fn open(&self) {
        self.gate.send_replace(true);
    }

    fn is_open(&self) -> bool {
        *self.gate.borrow()
    }

    async fn opened(&self) {
        // The sender lives as long as this does.
        drop(self.gate.subscribe().wait_for(|open| *open).await);
    }

    /// The newest requests: `{"body", "headers"}` each.
    pub(crate) fn requests(&self) -> Vec<Value> {
        let requests = lock(&self.requests);
        let shown = requests.iter().map(|(body, headers)| {
            let headers = headers.iter().map(|(name, value)| {
                let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
                (name.to_string(), Value::from(value))
            });
            let body: Value = serde_json::from_slice(body).unwrap_or_default();
            json!({"body": body, "headers": Value::Object(headers.collect())})
        });
        shown.collect()
    }

    fn note(&self, body: &Bytes, headers: &HeaderMap) {
        self.count.fetch_add(1, Ordering::SeqCst);
        let mut requests = lock(&self.requests);
        if requests.len() == KEPT {
            requests.pop_front();
        }
        requests.push_back((body.clone(), headers.clone()));
    }

    /// How often this body came before.
    fn tries(&self, body: &Bytes) -> u64 {
        let mut tries = lock(&self.tries);
        let count = tries.entry(body.clone()).or_default();
        *count += 1;
        *count - 1
    }

    fn reset(&self) {
        self.count.store(0, Ordering::SeqCst);
        self.cancelled.store(0, Ordering::SeqCst);
        lock(&self.requests).clear();
        lock(&self.tries).clear();
    }
}

async fn chat(seen: Data<Seen>, request: HttpRequest, body: Bytes) -> HttpResponse {
    seen.note(&body, request.headers());
    behaviour::respond(seen.into_inner(), &request, &body).await
}

async fn models() -> HttpResponse {
    let ids = ["mock-plain", "mock-other", "gpt-4o-mini"];
    let model = |id| json!({"id": id, "object": "model", "created": 1, "owned_by": "mock"});
    HttpResponse::Ok().json(json!({"object": "list", "data": ids.map(model)}))
}

async fn requests(seen: Data<Seen>) -> HttpResponse {
    let (count, cancelled) = (seen.count(), seen.cancelled());
    HttpResponse::Ok()
        .json(json!({"count": count, "cancelled": cancelled, "requests": seen.requests()}))
}

async fn reset(seen: Data<Seen>) -> HttpResponse {
    seen.reset();
    HttpResponse::NoContent().finish()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
