//! What the tests have in common: a mock, a provider for it, calls and what came of them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use reprise::chat::{Answer, Dialect, Recorder};
use reprise::config::KeyHeader;
use reprise::dialect::chat::Taste;
use reprise::provider::{
    Call, ClientHeaders, Deadlines, Event, EventStream, Failure, Outbound, Provider, Remote, Reply,
    Setup, openai,
};
use serde_json::{Value, json};

use crate::mock::Mock;

/// The key that the provider sends and nobody may ever see.
pub(crate) const KEY: &str = "sk-never-to-be-seen";

/// Far away: no test that does not want a timeout ever sees one.
pub(crate) const PATIENT: Deadlines = Deadlines {
    first_byte: Duration::from_secs(30),
    idle: Duration::from_secs(30),
    total: Duration::from_secs(60),
};

pub(crate) fn provider(name: &str, base_url: &str) -> Remote {
    let setup = Setup {
        name: name.into(),
        base_url: base_url.into(),
        key: Some(KEY.to_owned().into()),
        key_header: KeyHeader::Bearer,
        query: Vec::new(),
        outbound: Outbound::default(),
        connect: Duration::from_secs(5),
    };
    openai(setup, Taste::default()).unwrap()
}

pub(crate) fn body(model: &str, stream: bool) -> Value {
    let mut body = json!({"model": model,
        "messages": [{"role": "user", "content": "Where is Köln?"}]});
    if stream {
        body["stream"] = json!(true);
        body["stream_options"] = json!({"include_usage": true});
    }
    body
}

pub(crate) fn no_headers() -> ClientHeaders {
    [].into()
}

/// A mock with a provider in front of it.
pub(crate) struct Upstream {
    pub(crate) mock: Mock,
    pub(crate) provider: Arc<Remote>,
}

impl Upstream {
    pub(crate) fn start(name: &str) -> Self {
        let mock = Mock::start().unwrap();
        let provider = Arc::new(provider(name, &mock.base_url()));
        Self { mock, provider }
    }

    pub(crate) async fn call(
        &self,
        model: &str,
        stream: bool,
        deadlines: Deadlines,
    ) -> Result<Reply, Failure> {
        let call = Call {
            model: model.into(),
            dialect: Dialect::Chat,
            body: body(model, stream).to_string().into(),
            stream,
            headers: no_headers(),
            deadlines,
        };
        self.provider.chat(call).await
    }

    pub(crate) async fn plain(&self, model: &str) -> Result<Reply, Failure> {
        self.call(model, false, PATIENT).await
    }

    /// The events up to the end, and how it ended.
    pub(crate) async fn streamed(&self, model: &str) -> (Vec<Event>, Option<Failure>) {
        match self.call(model, true, PATIENT).await {
            Ok(reply) => collect(events(reply)).await,
            Err(failure) => (vec![], Some(failure)),
        }
    }

    /// Waits until the mock has noticed that a client left.
    pub(crate) async fn notices_a_cancellation(&self) {
        let begun = Instant::now();
        while self.mock.seen().cancelled() == 0 {
            assert!(begun.elapsed() < Duration::from_secs(10), "not cancelled");
            tokio::task::yield_now().await;
        }
    }
}

pub(crate) fn events(reply: Reply) -> EventStream {
    match reply {
        Reply::Stream { events, .. } => events,
        Reply::Whole { .. } => panic!("a stream was expected"),
    }
}

pub(crate) fn whole(reply: Reply) -> Answer {
    match reply {
        Reply::Whole { answer, .. } => answer,
        Reply::Stream { .. } => panic!("a plain answer was expected"),
    }
}

pub(crate) async fn collect(mut events: EventStream) -> (Vec<Event>, Option<Failure>) {
    let mut seen = Vec::new();
    while let Some(event) = events.next().await {
        match event {
            Ok(event) => seen.push(event),
            Err(failure) => {
                assert!(events.next().await.is_none(), "an error is the last item");
                return (seen, Some(failure));
            }
        }
    }
    (seen, None)
}

/// The answer that the events of a good stream make.
pub(crate) fn recorded(events: &[Event]) -> Answer {
    let mut recorder = Recorder::new(usize::MAX);
    for event in events {
        if let Event::Chunk(chunk) = event {
            recorder.push(chunk);
        }
    }
    let done = events.last() == Some(&Event::Done);
    recorder.finish(done).unwrap()
}

/// The text in the events, whether or not they make an answer.
pub(crate) fn text(events: &[Event]) -> String {
    let chunks = events.iter().filter_map(|e| match e {
        Event::Chunk(chunk) => chunk.choices().first(),
        Event::Done => None,
    });
    chunks
        .filter_map(|c| c["delta"]["content"].as_str())
        .collect()
}
