//! Reads a response under its deadlines and size limits. It does not know what is in it.

use std::future::Future;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::FutureExt;
use reqwest::Response;
use reqwest::header::CONTENT_TYPE;
use tokio::time::{Instant, timeout, timeout_at};

use super::Deadlines;
use super::failure::{Failure, FailureKind};

/// Stands in for a deadline too far away to be a point in time.
const FAR: Duration = Duration::from_secs(365 * 86_400);

/// How long the last few bytes after the end of an answer may take before its connection
/// is given up instead of kept for the next call.
const LINGER: Duration = Duration::from_secs(1);

/// The deadlines of one call as points in time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock {
    begun: bool,
    first_by: Instant,
    idle: Duration,
    total_by: Instant,
}

impl Clock {
    /// Starts it now.
    pub(super) fn start(deadlines: Deadlines) -> Self {
        let now = Instant::now();
        Self {
            begun: false,
            first_by: after(now, deadlines.first_byte),
            idle: deadlines.idle,
            total_by: after(now, deadlines.total),
        }
    }

    /// Waits for `work` until the deadline that comes first.
    pub(super) async fn within<F: Future>(&self, work: F) -> Result<F::Output, Failure> {
        let (by, kind) = if self.begun {
            let idle_by = after(Instant::now(), self.idle);
            (idle_by, FailureKind::IdleTimeout)
        } else {
            (self.first_by, FailureKind::FirstByteTimeout)
        };
        let (by, kind) = if self.total_by <= by {
            (self.total_by, FailureKind::TotalTimeout)
        } else {
            (by, kind)
        };
        timeout_at(by, work).await.map_err(|_| Failure::new(kind))
    }
}

/// What a response says it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Content {
    Json,
    /// Server-sent events.
    Events,
    /// Messages of AWS's event streams.
    Frames,
    Other,
}

/// A response whose body is still to be read.
pub(super) struct Body {
    response: Response,
    clock: Clock,
}

impl Body {
    pub(super) fn new(response: Response, clock: Clock) -> Self {
        Self { response, clock }
    }

    pub(super) fn response(&self) -> &Response {
        &self.response
    }

    /// The kind of content, by its declared type.
    pub(super) fn content(&self) -> Content {
        let declared = self.response.headers().get(CONTENT_TYPE);
        let declared = declared.and_then(|v| v.to_str().ok()).unwrap_or_default();
        let mime = declared.split(';').next().unwrap_or_default().trim();
        let is = |name: &str| mime.eq_ignore_ascii_case(name);
        if is("application/json") || mime.ends_with("+json") {
            Content::Json
        } else if is("text/event-stream") {
            Content::Events
        } else if is("application/vnd.amazon.eventstream") {
            Content::Frames
        } else {
            Content::Other
        }
    }

    /// The next bytes; `None` at the end.
    pub(super) async fn chunk(&mut self) -> Result<Option<Bytes>, Failure> {
        let chunk = self.clock.within(self.response.chunk()).await?;
        self.clock.begun = true;
        chunk.map_err(|e| Failure::because(FailureKind::Reset, causes(&e)))
    }

    /// All of it, if it is at most `limit` bytes long. One that came in one piece is not copied.
    pub(super) async fn whole(&mut self, limit: usize) -> Result<Bytes, Failure> {
        let declared = self.response.content_length().unwrap_or(0);
        let declared = usize::try_from(declared).unwrap_or(usize::MAX);
        if declared > limit {
            return Err(Failure::new(FailureKind::TooLarge));
        }
        let Some(first) = self.chunk().await? else {
            return Ok(Bytes::new());
        };
        self.rest(first, limit, declared)
            .await
            .map_err(Failure::of_a_begun_answer)
    }

    async fn rest(
        &mut self,
        first: Bytes,
        limit: usize,
        declared: usize,
    ) -> Result<Bytes, Failure> {
        let Some(mut next) = self.chunk().await? else {
            return Ok(first);
        };
        let mut all = BytesMut::with_capacity(declared.max(first.len() + next.len()));
        all.extend_from_slice(&first);
        loop {
            if all.len() + next.len() > limit {
                return Err(Failure::new(FailureKind::TooLarge));
            }
            all.extend_from_slice(&next);
            match self.chunk().await? {
                Some(more) => next = more,
                None => return Ok(all.freeze()),
            }
        }
    }

    /// The beginning, at most `limit` bytes or what came before a fault.
    pub(super) async fn beginning(&mut self, limit: usize) -> BytesMut {
        let mut text = BytesMut::new();
        while let Ok(Some(chunk)) = self.chunk().await {
            let room = limit - text.len();
            text.extend_from_slice(chunk.get(..room).unwrap_or(&chunk));
            if text.len() == limit {
                break;
            }
        }
        text
    }

    /// Lets the response run out after its last event, so that its connection can be used
    /// again: dropped while the final bytes are on their way, it would be closed.
    pub(super) fn run_out(mut self) {
        if let Some(Ok(None) | Err(_)) = self.response.chunk().now_or_never() {
            return;
        }
        tokio::spawn(timeout(LINGER, async move {
            while let Ok(Some(_)) = self.response.chunk().await {}
        }));
    }
}

/// What kept a call from getting any response.
pub(super) fn unreached(error: reqwest::Error) -> Failure {
    let kind = if error.is_connect() || error.is_timeout() {
        FailureKind::Connect
    } else {
        FailureKind::Reset
    };
    Failure::because(kind, causes(&error))
}

/// The innermost cause says most: "connection refused", not "error sending request".
fn causes(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    // The outermost one would show the URL.
    if cause.is::<reqwest::Error>() {
        return "the HTTP client failed".to_owned();
    }
    cause.to_string()
}

fn after(now: Instant, wait: Duration) -> Instant {
    now.checked_add(wait).unwrap_or(now + FAR)
}
