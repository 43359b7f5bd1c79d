//! Turns the body of a streamed answer into events, and notices when it ends too early.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::sync::Arc;

use futures_util::{StreamExt, stream};
use serde::Deserialize;

use super::aws::{FrameError, Frames, Kind};
use super::body::{Body, Content};
use super::error_within::in_stream;
use super::failure::{Failure, FailureKind};
use super::refusal::Scrub;
use super::sse::{Splitter, SseError};
use super::{Event, EventStream};
use crate::chat::{Chunk, ChunkError, DONE};
use crate::dialect::{Fault, Heard, Listener, completions, converse};

/// Understands the events of one stream.
pub(super) trait Tongue: Send {
    /// Adds what an event says to `said`; `name` is its type where that stands beside the data.
    fn hear(
        &mut self,
        name: Option<&str>,
        data: &str,
        said: &mut VecDeque<Event>,
    ) -> Result<(), Failure>;

    /// Why the stream is at its end, where something else than an event of it says so.
    fn failed(&self, fault: Fault) -> Failure;

    /// The same at the end of the body; `rest` is an event that the end left without its blank line.
    fn end(&mut self, rest: Option<&str>, said: &mut VecDeque<Event>) -> Result<(), Failure>;
}

/// The events of `body`.
pub(super) fn events(body: Body, tongue: Box<dyn Tongue>) -> EventStream {
    let reader = Reader {
        cut: match body.content() {
            Content::Frames => Cut::Frames(Frames::default()),
            _ => Cut::Lines(Splitter::default()),
        },
        body: Some(body),
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
    cut: Cut,
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
            if self.hear()? {
                continue;
            }
            match body.chunk().await? {
                Some(bytes) => match &mut self.cut {
                    Cut::Lines(splitter) => splitter.push(&bytes),
                    Cut::Frames(frames) => frames.push(&bytes),
                },
                None => return self.end(),
            }
        }
    }

    /// Hears the next event that has come; says whether there was one.
    fn hear(&mut self) -> Result<bool, Failure> {
        match &mut self.cut {
            Cut::Lines(splitter) => {
                let Some(data) = splitter.next() else {
                    return Ok(false);
                };
                let data = data.map_err(unreadable)?;
                // Some servers keep the connection warm with empty events.
                if !data.is_empty() {
                    self.tongue.hear(None, data, &mut self.said)?;
                }
            }
            Cut::Frames(frames) => {
                let Some(frame) = frames.next_frame() else {
                    return Ok(false);
                };
                let frame = frame.map_err(damaged)?;
                if frame.kind != Kind::Event {
                    let fault = converse::exception(&frame.name, &frame.data);
                    return Err(self.tongue.failed(fault));
                }
                self.tongue
                    .hear(Some(&frame.name), &frame.data, &mut self.said)?;
            }
        }
        Ok(true)
    }

    fn end(&mut self) -> Result<Event, Failure> {
        let rest = match &mut self.cut {
            Cut::Lines(splitter) => splitter.rest().and_then(Result::ok),
            Cut::Frames(_) => None,
        };
        let ended = self.tongue.end(rest, &mut self.said);
        ended.map_err(|failure| self.bare_error().unwrap_or(failure))?;
        let nothing = || Failure::because(FailureKind::Reset, "no end");
        self.said.pop_front().ok_or_else(nothing)
    }
}

impl Reader {
    /// What the provider said in place of an event, if that is an error.
    fn bare_error(&mut self) -> Option<Failure> {
        let Cut::Lines(splitter) = &self.cut else {
            return None;
        };
        let bare = std::str::from_utf8(splitter.bare()).ok()?;
        let heard = self.tongue.hear(None, bare, &mut VecDeque::new());
        heard.err().filter(|failure| failure.upstream.is_some())
    }
}

/// How bytes are cut into events.
enum Cut {
    Lines(Splitter),
    Frames(Frames),
}

/// Another dialect's events, as chunks.
pub(super) struct Translated {
    listener: Box<dyn Listener>,
    scrub: Arc<Scrub>,
    /// Whether its own events go along for clients of the same dialect.
    keeps_events: bool,
}

impl Translated {
    pub(super) fn new(listener: Box<dyn Listener>, scrub: Arc<Scrub>) -> Self {
        Self {
            listener,
            scrub,
            keeps_events: false,
        }
    }

    /// The same for a dialect that clients speak as well: each event's type is the `type` of its data.
    pub(super) fn with_events(self) -> Self {
        Self {
            keeps_events: true,
            ..self
        }
    }

    fn take(
        &self,
        heard: Heard,
        event: Option<String>,
        said: &mut VecDeque<Event>,
    ) -> Result<(), Failure> {
        let mut chunks = Vec::with_capacity(heard.chunks.len());
        for chunk in heard.chunks {
            let made = Chunk::made(chunk);
            chunks.push(made.map_err(|e| Failure::because(FailureKind::Malformed, e.to_string()))?);
        }
        if let Some(event) = event {
            let first = if chunks.is_empty() {
                Chunk::silent()
            } else {
                chunks.remove(0)
            };
            chunks.insert(0, first.with_native(event));
        }
        said.extend(chunks.into_iter().map(Event::Chunk));
        if heard.done {
            said.push_back(Event::Done);
        }
        Ok(())
    }
}

fn failure(fault: Fault, scrub: &Scrub) -> Failure {
    match fault {
        Fault::Said(error) => in_stream(&error, scrub),
        Fault::Malformed(why) => Failure::because(FailureKind::Malformed, why),
    }
}

impl Tongue for Translated {
    fn failed(&self, fault: Fault) -> Failure {
        failure(fault, &self.scrub)
    }

    fn hear(
        &mut self,
        name: Option<&str>,
        data: &str,
        said: &mut VecDeque<Event>,
    ) -> Result<(), Failure> {
        let heard = self.listener.event(name, data);
        let heard = heard.map_err(|fault| self.failed(fault))?;
        let event = self.keeps_events.then(|| as_it_came(data)).flatten();
        self.take(heard, event, said)
    }

    fn end(&mut self, rest: Option<&str>, said: &mut VecDeque<Event>) -> Result<(), Failure> {
        if let Some(data) = rest.filter(|data| !data.trim().is_empty()) {
            self.hear(None, data, said)?;
            if !said.is_empty() {
                return Ok(());
            }
        }
        match self.listener.end() {
            Ok(heard) => self.take(heard, None, said),
            Err(Fault::Malformed(why)) => Err(Failure::because(FailureKind::Reset, why)),
            Err(fault) => Err(self.failed(fault)),
        }
    }
}

/// An event as text again, in lines that no line end inside of it can break.
fn as_it_came(data: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Typed<'a> {
        #[serde(rename = "type", borrow)]
        kind: Cow<'a, str>,
    }
    let kind = serde_json::from_str::<Typed<'_>>(data).ok()?.kind;
    let data: String = data.chars().filter(|c| !matches!(c, '\n' | '\r')).collect();
    Some(format!("event: {kind}\ndata: {data}\n\n"))
}

/// OpenAI's chunks.
pub(super) struct Chat {
    scrub: Arc<Scrub>,
    read: fn(&str) -> Result<Chunk, ChunkError>,
}

impl Chat {
    pub(super) fn new(scrub: Arc<Scrub>) -> Self {
        let read = Chunk::parse;
        Self { scrub, read }
    }

    /// Of text completions.
    pub(super) fn of_texts(scrub: Arc<Scrub>) -> Self {
        let read = |data: &str| {
            let told = completions::canonical(data, completions::Said::Delta);
            Chunk::told(data, &told.map_err(|_| ChunkError::NotAnObject)?)
        };
        Self { scrub, read }
    }
}

impl Tongue for Chat {
    fn failed(&self, fault: Fault) -> Failure {
        failure(fault, &self.scrub)
    }

    fn hear(
        &mut self,
        _name: Option<&str>,
        data: &str,
        said: &mut VecDeque<Event>,
    ) -> Result<(), Failure> {
        if data.trim_end() == DONE {
            said.push_back(Event::Done);
            return Ok(());
        }
        let chunk = (self.read)(data)
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

fn damaged(error: FrameError) -> Failure {
    let kind = match error {
        FrameError::TooLarge => FailureKind::TooLarge,
        _ => FailureKind::Malformed,
    };
    Failure::because(kind, error.to_string())
}

fn unreadable(error: SseError) -> Failure {
    let kind = match error {
        SseError::TooLarge => FailureKind::TooLarge,
        SseError::NotText(_) => FailureKind::Malformed,
    };
    Failure::because(kind, error.to_string())
}
