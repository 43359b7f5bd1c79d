//! Turns the body of a streamed answer into events, and notices when it ends too early.

use std::collections::VecDeque;
use std::sync::Arc;

use futures_util::{StreamExt, stream};

use super::body::Body;
use super::failure::{Failure, FailureKind};
use super::refusal::{Scrub, in_stream};
use super::sse::{Splitter, SseError};
use super::{Event, EventStream};
use crate::chat::{Chunk, DONE};

/// Understands the events of one stream.
pub(super) trait Tongue: Send {
    /// Adds what an event's data says to `said`.
    fn hear(&mut self, data: &str, said: &mut VecDeque<Event>) -> Result<(), Failure>;

    /// The same at the end of the body; `rest` is an event that the end left without its blank line.
    fn end(&mut self, rest: Option<&str>, said: &mut VecDeque<Event>) -> Result<(), Failure>;
}

/// The events of `body`.
pub(super) fn events(body: Body, tongue: Box<dyn Tongue>) -> EventStream {
    let reader = Reader {
        body: Some(body),
        splitter: Splitter::default(),
        tongue,
        said: VecDeque::new(),
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
    tongue: Box<dyn Tongue>,
    /// What was heard and not yet given out.
    said: VecDeque<Event>,
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
            if let Some(event) = self.said.pop_front() {
                return Ok(event);
            }
            if let Some(data) = self.splitter.next() {
                let data = data.map_err(unreadable)?;
                // Some servers keep the connection warm with empty events.
                if !data.is_empty() {
                    self.tongue.hear(data, &mut self.said)?;
                }
                continue;
            }
            match body.chunk().await? {
                Some(bytes) => self.splitter.push(&bytes),
                None => {
                    let rest = self.splitter.rest().and_then(Result::ok);
                    self.tongue.end(rest, &mut self.said)?;
                    let nothing = || Failure::because(FailureKind::Reset, "no end");
                    return self.said.pop_front().ok_or_else(nothing);
                }
            }
        }
    }
}

/// OpenAI's chunks.
pub(super) struct Chat {
    scrub: Arc<Scrub>,
}

impl Chat {
    pub(super) fn new(scrub: Arc<Scrub>) -> Self {
        Self { scrub }
    }
}

impl Tongue for Chat {
    fn hear(&mut self, data: &str, said: &mut VecDeque<Event>) -> Result<(), Failure> {
        if data.trim_end() == DONE {
            said.push_back(Event::Done);
            return Ok(());
        }
        let chunk = Chunk::parse(data)
            .map_err(|e| Failure::because(FailureKind::Malformed, e.to_string()))?;
        match chunk.error() {
            Some(error) => Err(in_stream(error, &self.scrub)),
            None => {
                said.push_back(Event::Chunk(chunk));
                Ok(())
            }
        }
    }

    /// The body has ended without `[DONE]`, unless only the blank line behind it is missing.
    fn end(&mut self, rest: Option<&str>, said: &mut VecDeque<Event>) -> Result<(), Failure> {
        match rest {
            Some(data) if data.trim_end() == DONE => said.push_back(Event::Done),
            _ => return Err(Failure::because(FailureKind::Reset, "no [DONE]")),
        }
        Ok(())
    }
}

fn unreadable(error: SseError) -> Failure {
    let kind = match error {
        SseError::TooLarge => FailureKind::TooLarge,
        SseError::NotText(_) => FailureKind::Malformed,
    };
    Failure::because(kind, error.to_string())
}
