//! What has come in so far, and the gate that some answers wait at.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use actix_web::HttpRequest;
use actix_web::http::header::HeaderMap;
use actix_web::web::Bytes;
use serde_json::{Value, json};
use tokio::sync::watch;

/// Requests kept for inspection: enough for a test, and no growth under a bench.
const KEPT: usize = 256;

/// What has come in so far.
#[derive(Default)]
pub(crate) struct Seen {
    count: AtomicU64,
    items: AtomicU64,
    pub(super) cancelled: AtomicU64,
    pub(super) connections: AtomicU64,
    requests: Mutex<VecDeque<Kept>>,
    tries: Mutex<HashMap<Bytes, u64>>,
    gate: watch::Sender<bool>,
    slowness: AtomicU64,
}

struct Kept {
    path: String,
    body: Bytes,
    headers: HeaderMap,
}

impl Seen {
    /// Requests for answers since the last reset.
    pub(crate) fn count(&self) -> u64 {
        self.count.load(Ordering::SeqCst)
    }

    /// Texts to embed or to judge since the last reset.
    pub(crate) fn items(&self) -> u64 {
        self.items.load(Ordering::SeqCst)
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

    /// From now on every answer comes so much later; zero: at once again.
    pub(crate) fn slow_down(&self, by: Duration) {
        let ms = u64::try_from(by.as_millis()).unwrap_or(u64::MAX);
        self.slowness.store(ms, Ordering::SeqCst);
    }

    pub(super) fn slowness(&self) -> Option<Duration> {
        let ms = self.slowness.load(Ordering::SeqCst);
        (ms > 0).then(|| Duration::from_millis(ms))
    }

    pub(super) fn is_open(&self) -> bool {
        *self.gate.borrow()
    }

    pub(super) async fn opened(&self) {
        // The sender lives as long as this does.
        drop(self.gate.subscribe().wait_for(|open| *open).await);
    }

    /// The newest requests: `{"path", "body", "headers"}` each.
    pub(crate) fn requests(&self) -> Vec<Value> {
        let requests = lock(&self.requests);
        let shown = requests.iter().map(|kept| {
            let headers = kept.headers.iter().map(|(name, value)| {
                let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
                (name.to_string(), Value::from(value))
            });
            let body: Value = serde_json::from_slice(&kept.body).unwrap_or_default();
            let headers = Value::Object(headers.collect());
            json!({"path": kept.path, "body": body, "headers": headers})
        });
        shown.collect()
    }

    pub(super) fn note(&self, request: &HttpRequest, body: &Bytes) {
        self.count.fetch_add(1, Ordering::SeqCst);
        let mut requests = lock(&self.requests);
        if requests.len() == KEPT {
            requests.pop_front();
        }
        requests.push_back(Kept {
            path: request.uri().to_string(),
            body: body.clone(),
            headers: request.headers().clone(),
        });
    }

    pub(super) fn note_items(&self, count: usize) {
        self.items.fetch_add(count as u64, Ordering::SeqCst);
    }

    /// How often this came before.
    pub(super) fn tries(&self, what: &Bytes) -> u64 {
        let mut tries = lock(&self.tries);
        let count = tries.entry(what.clone()).or_default();
        *count += 1;
        *count - 1
    }

    pub(super) fn reset(&self) {
        self.count.store(0, Ordering::SeqCst);
        self.items.store(0, Ordering::SeqCst);
        self.cancelled.store(0, Ordering::SeqCst);
        lock(&self.requests).clear();
        lock(&self.tries).clear();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
