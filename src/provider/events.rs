//! Turns the body of a streamed answer into events, and notices when it ends too early.

use std::sync::Arc;

use futures_util::{StreamExt, stream};

use super::body::Body;
use super::failure::{Failure, FailureKind};
use super::refusal::{Scrub, in_stream};
use super::sse::{Splitter, SseError};
use super::{Event, EventStream};
use crate::chat::{Chunk, DONE};

/// The events of `body`.
pub(super) fn events(body: Body, scrub: Arc<Scrub>) -> EventStream {
    let reader = Reader {
        body: Some(body),
        splitter: Splitter::default(),
        scrub,
    };
    let events = stream::unfold(reader, |mut reader| async {
        let item = reader.next().await?;
        Some((item, reader))
    });
    // An unfold that is polled behind its end panics.
    Box::pin(events.fuse())
}

struct Reader {
    /// Gone once the stream has ended, well or badly.
    body: Option<Body>,
    splitter: Splitter,
    scrub: Arc<Scrub>,
}

impl Reader {
    async fn next(&mut self) -> Option<Result<Event, Failure>> {
        let mut body = self.body.take()?;
        let item = self.event(&mut body).await;
        match item {
            Ok(Event::Chunk(_)) => self.body = Some(body),
            Ok(Event::Done) => body.run_out(),
            Err(_) => {}
        }
        Some(item)
    }

    async fn event(&mut self, body: &mut Body) -> Result<Event, Failure> {
        loop {
            while let Some(data) = self.splitter.next() {
                let data = data.map_err(unreadable)?;
                // Some servers keep the connection warm with empty events.
                if !data.is_empty() {
                    return understand(data, &self.scrub);
                }
            }
            match body.chunk().await? {
                Some(bytes) => self.splitter.push(&bytes),
                None => return self.end(),
            }
        }
    }

    /// The body has ended without `[DONE]`, unless only the blank line behind it is missing.
    fn end(&mut self) -> Result<Event, Failure> {
        match self.splitter.rest() {
            Some(Ok(data)) if data.trim_end() == DONE => Ok(Event::Done),
            _ => Err(Failure::because(FailureKind::Reset, "no [DONE]")),
        }
    }
}

fn understand(data: &str, scrub: &Scrub) -> Result<Event, Failure> {
    if data.trim_end() == DONE {
        return Ok(Event::Done);
    }
    let chunk =
        Chunk::parse(data).map_err(|e| Failure::because(FailureKind::Malformed, e.to_string()))?;
    match chunk.error() {
        Some(error) => Err(in_stream(error, scrub)),
        None => Ok(Event::Chunk(chunk)),
    }
}

fn unreadable(error: SseError) -> Failure {
    let kind = match error {
        SseError::TooLarge => FailureKind::TooLarge,
        SseError::NotText(_) => FailureKind::Malformed,
    };
    Failure::because(kind, error.to_string())
}
