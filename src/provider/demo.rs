//! The provider that is there when none is configured: it makes its answers up,
//! says so in each one, and needs no network.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::{FutureExt, stream};
use serde_json::{Value, json};

use super::wire::written;
use super::{Call, Event, Failure, FailureKind, Provider, Reply};
use crate::chat::{
    Answer, ChatRequest, Chunk, Dialect, InvalidRequest, completion_id, unix_seconds,
};
use crate::dialect::Target;
use crate::dialect::chat::{self, Taste};

/// Answers each question with the same words about itself.
#[derive(Debug, Clone, Default)]
pub struct Demo {
    kept: bool,
    /// What it says to a question, if it has not its usual words for it.
    answers: Arc<HashMap<String, String>>,
}

impl Demo {
    /// One whose answers are remembered like those of a real provider: a stand-in to measure with.
    #[must_use]
    pub fn kept() -> Self {
        Self {
            kept: true,
            ..Self::default()
        }
    }

    /// The same with answers of its own to some questions.
    #[must_use]
    pub fn answering(answers: HashMap<String, String>) -> Self {
        Self {
            kept: true,
            answers: Arc::new(answers),
        }
    }
}

impl Provider for Demo {
    fn name(&self) -> &'static str {
        "demo"
    }

    fn base_url(&self) -> &'static str {
        "demo"
    }

    fn is_demo(&self) -> bool {
        !self.kept
    }

    fn dialect(&self) -> Dialect {
        Dialect::Chat
    }

    fn body(
        &self,
        _dialect: Dialect,
        request: &ChatRequest,
        target: &Target<'_>,
    ) -> Result<Bytes, InvalidRequest> {
        if request.dialect() == Dialect::Chat {
            return Ok(request.native_body(target.model, target.stream, true));
        }
        chat::body(request.body(), target, &Taste::default()).map(written)
    }

    fn chat(&self, call: Call) -> BoxFuture<'_, Result<Reply, Failure>> {
        let reply = ChatRequest::parse(call.body)
            .map_err(|e| Failure::because(FailureKind::Rejected, e.to_string()))
            .and_then(|request| self.reply(&request));
        async { reply }.boxed()
    }

    fn models(&self, _deadline: Duration) -> BoxFuture<'_, Result<Vec<Value>, Failure>> {
        let model = json!({"id": "demo", "object": "model", "created": 0, "owned_by": "reprise"});
        async { Ok(vec![model]) }.boxed()
    }
}

impl Demo {
    fn reply(&self, request: &ChatRequest) -> Result<Reply, Failure> {
        let question = request.question().unwrap_or("(not a plain text)");
        let own = self.answers.get(question).cloned();
        let text = own.unwrap_or_else(|| usual(question));
        let usage = usage(question, &text);
        if request.stream() {
            return streamed(request, &text, &usage);
        }
        let body = json!({"id": completion_id(), "object": "chat.completion",
        "created": unix_seconds(), "model": request.model(),
        "choices": [{"index": 0, "message": {"role": "assistant", "content": text,
            "refusal": null}, "logprobs": null, "finish_reason": "stop"}],
        "usage": usage});
        let body = Bytes::from(body.to_string());
        let answer = Answer::parse(&body)
            .map_err(|e| Failure::because(FailureKind::Malformed, e.to_string()))?;
        Ok(Reply::Whole {
            body,
            answer,
            headers: Vec::new(),
        })
    }
}

fn usual(question: &str) -> String {
    format!(
        "This is Reprise's built-in demo provider, not a language model. It was asked: \
         \"{question}\". Set OPENAI_API_KEY to talk to a real one."
    )
}

fn streamed(request: &ChatRequest, text: &str, usage: &Value) -> Result<Reply, Failure> {
    let (id, created) = (completion_id(), unix_seconds());
    let chunk = |choices: Value, usage: &Value| {
        let data = json!({"id": id, "object": "chat.completion.chunk", "created": created,
            "model": request.model(), "choices": choices, "usage": usage});
        Chunk::parse(&data.to_string())
            .map(Event::Chunk)
            .map_err(|e| Failure::because(FailureKind::Malformed, e.to_string()))
    };
    let delta = |delta: Value, finish: Value| {
        let choices = json!([{"index": 0, "delta": delta, "finish_reason": finish}]);
        chunk(choices, &Value::Null)
    };
    let mut events = vec![delta(
        json!({"role": "assistant", "content": ""}),
        Value::Null,
    )];
    for word in text.split_inclusive(' ') {
        events.push(delta(json!({"content": word}), Value::Null));
    }
    events.push(delta(json!({}), json!("stop")));
    if request.include_usage() {
        events.push(chunk(json!([]), usage));
    }
    events.push(Ok(Event::Done));
    let events: Result<Vec<_>, _> = events.into_iter().collect();
    Ok(Reply::Stream {
        events: Box::pin(stream::iter(events?.into_iter().map(Ok))),
        headers: Vec::new(),
    })
}

/// Words stand in for tokens: it has no tokenizer, and nobody is billed for it.
fn usage(question: &str, text: &str) -> Value {
    let words = |text: &str| text.split_whitespace().count();
    let (prompt, completion) = (words(question), words(text));
    json!({"prompt_tokens": prompt, "completion_tokens": completion,
        "total_tokens": prompt + completion})
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::Recorder;
    use crate::provider::Deadlines;
    use futures_util::StreamExt;

    async fn ask(stream: bool) -> Reply {
        let body = json!({"model": "demo", "stream": stream,
            "stream_options": {"include_usage": true},
            "messages": [{"role": "user", "content": "What is 2+2?"}]});
        let wait = Duration::from_secs(1);
        let call = Call {
            model: "demo".into(),
            dialect: Dialect::Chat,
            body: body.to_string().into(),
            stream,
            headers: [].into(),
            deadlines: Deadlines {
                first_byte: wait,
                idle: wait,
                total: wait,
            },
        };
        Demo::default().chat(call).await.unwrap()
    }

    #[tokio::test]
    async fn it_says_what_it_is_and_repeats_the_question() {
        let Reply::Whole { answer, .. } = ask(false).await else {
            panic!("not whole");
        };
        assert!(answer.text().contains("demo provider") && answer.text().contains("What is 2+2?"));
        assert_eq!(answer.storable(), Ok(()));
        assert_eq!(answer.tokens().unwrap().0, 3);
    }

    #[tokio::test]
    async fn its_stream_is_the_same_answer() {
        let (Reply::Whole { answer, .. }, Reply::Stream { mut events, .. }) =
            (ask(false).await, ask(true).await)
        else {
            panic!("wrong kinds of reply");
        };
        let mut recorder = Recorder::new(usize::MAX);
        let mut done = false;
        while let Some(event) = events.next().await {
            match event.unwrap() {
                Event::Chunk(chunk) => recorder.push(&chunk),
                Event::Done => done = true,
            }
        }
        let recorded = recorder.finish(done).unwrap();
        assert_eq!(
            (recorded.text(), recorded.tokens()),
            (answer.text(), answer.tokens())
        );
    }
}
