//! A client of the gateway: builds requests, and reads answers in either framing. What must hold
//! for each answer, whatever it is, is checked on every one.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use reqwest::Method;
use reqwest::header::HeaderMap;
use serde_json::{Value, json};

use crate::gateway::{Gateway, KEY, PATIENCE};

/// One test's client, in a namespace of its own unless it has a key.
#[derive(Clone)]
pub(crate) struct Client {
    gateway: Arc<Gateway>,
    http: reqwest::Client,
    /// Sent as `user`, which is forwarded and changes nothing, to tell this test's calls from others'.
    tag: String,
    key: Option<String>,
}

impl Client {
    /// A client of the gateway that is configured no further.
    pub(crate) fn new() -> Self {
        Self::of(Gateway::plain())
    }

    pub(crate) fn of(gateway: Arc<Gateway>) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        drop(rustls::crypto::ring::default_provider().install_default());
        // A connection that an earlier answer closed must not fail the next request.
        let http = reqwest::Client::builder()
            .tls_certs_only([])
            .no_proxy()
            .pool_max_idle_per_host(0);
        Self {
            gateway,
            http: http.build().unwrap(),
            tag: format!("test-{}", NEXT.fetch_add(1, Ordering::Relaxed)),
            key: None,
        }
    }

    /// One that shows a key and names no namespace.
    pub(crate) fn with_key(gateway: &Arc<Gateway>, key: &str) -> Self {
        Self {
            key: Some(key.to_owned()),
            ..Self::of(gateway.clone())
        }
    }

    /// Another client of the same gateway, in a namespace of its own.
    pub(crate) fn elsewhere(&self) -> Self {
        Self::of(self.gateway.clone())
    }

    pub(crate) fn gateway(&self) -> &Gateway {
        &self.gateway
    }

    /// A chat request about to be sent.
    pub(crate) fn ask(&self, question: &str) -> Ask<'_> {
        self.chat(json!([{"role": "user", "content": question}]))
    }

    pub(crate) fn chat(&self, messages: Value) -> Ask<'_> {
        let body = json!({"model": "mock-plain", "messages": messages, "user": self.tag});
        let ask = Ask {
            body,
            ..self.request(Method::POST, "/v1/chat/completions")
        };
        match self.key {
            Some(_) => ask,
            None => ask.header("x-reprise-namespace", &self.tag),
        }
    }

    pub(crate) fn get(&self, path: &str) -> Ask<'_> {
        self.request(Method::GET, path)
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> Ask<'_> {
        let ask = Ask {
            client: self,
            method,
            path: path.to_owned(),
            headers: Vec::new(),
            body: Value::Null,
        };
        match &self.key {
            Some(key) => ask.header("authorization", &format!("Bearer {key}")),
            None => ask,
        }
    }

    /// This test's requests as they reached the mock: `{"body", "headers"}` each.
    pub(crate) fn upstream(&self) -> Vec<Value> {
        let mut all = self.gateway.mock().seen().requests();
        all.retain(|request| request["body"]["user"] == self.tag);
        all
    }

    /// How many there were.
    pub(crate) fn calls(&self) -> usize {
        self.upstream().len()
    }
}

/// A request about to be sent.
#[derive(Clone)]
pub(crate) struct Ask<'a> {
    client: &'a Client,
    method: Method,
    path: String,
    headers: Vec<(String, String)>,
    body: Value,
}

impl Ask<'_> {
    /// Sets a header, in place of an earlier one of that name.
    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.retain(|(other, _)| other != name);
        self.and_header(name, value)
    }

    /// Adds a header line beside earlier ones of that name.
    pub(crate) fn and_header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Sets a member of the body.
    pub(crate) fn set(mut self, member: &str, value: impl Into<Value>) -> Self {
        self.body[member] = value.into();
        self
    }

    pub(crate) fn model(self, name: &str) -> Self {
        self.set("model", name)
    }

    pub(crate) fn stream(self) -> Self {
        self.set("stream", true)
    }

    pub(crate) fn streamed(self, stream: bool) -> Self {
        if stream { self.stream() } else { self }
    }

    /// The body as it will be sent.
    pub(crate) fn body(&self) -> &Value {
        &self.body
    }

    /// Sends it and waits for the head of the answer.
    pub(crate) async fn open(self) -> reqwest::Response {
        let body = match &self.body {
            Value::Null => None,
            body => Some(body.to_string()),
        };
        self.dispatch(body).await
    }

    /// Sends it with another body and waits for the whole answer.
    pub(crate) async fn send_raw(self, body: impl Into<Vec<u8>>) -> Answer {
        Answer::read(self.dispatch(Some(body.into())).await).await
    }

    /// Sends it and waits for the whole answer.
    pub(crate) async fn send(self) -> Answer {
        Answer::read(self.open().await).await
    }

    async fn dispatch(self, body: Option<impl Into<reqwest::Body>>) -> reqwest::Response {
        let url = format!("http://{}{}", self.client.gateway.address(), self.path);
        let mut request = self.client.http.request(self.method, url);
        if let Some(body) = body {
            let typed = self.headers.iter().any(|(name, _)| name == "content-type");
            if !typed {
                request = request.header("content-type", "application/json");
            }
            request = request.body(body);
        }
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        request.timeout(PATIENCE).send().await.unwrap()
    }
}

/// A whole answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    headers: HeaderMap,
    body: String,
}

impl Answer {
    /// Reads an answer to its end.
    pub(crate) async fn read(response: reqwest::Response) -> Self {
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = String::from_utf8(response.bytes().await.unwrap().into()).unwrap();
        let answer = Self {
            status,
            headers,
            body,
        };
        let id = answer.header("x-request-id");
        assert!(!id.is_empty(), "no request id: {answer:?}");
        assert_eq!(id, answer.header("x-reprise-request-id"));
        assert!(!format!("{answer:?}").contains(KEY), "{answer:?}");
        answer
    }

    /// A header's value; empty if there is none.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |v| v.to_str().unwrap())
    }

    /// How it was answered: `miss`, `hit-exact` …
    #[track_caller]
    pub(crate) fn cache(&self) -> &str {
        assert_eq!(self.status, 200, "{self:?}");
        self.header("x-reprise-cache")
    }

    pub(crate) fn reason(&self) -> &str {
        self.header("x-reprise-reason")
    }

    pub(crate) fn similarity(&self) -> f64 {
        self.header("x-reprise-similarity").parse().unwrap()
    }

    pub(crate) fn body(&self) -> &str {
        &self.body
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|e| panic!("{e}: {self:?}"))
    }

    /// The answer's text in either framing.
    pub(crate) fn text(&self) -> String {
        if !self.is_stream() {
            let text = &self.json()["choices"][0]["message"]["content"];
            return text.as_str().unwrap().to_owned();
        }
        let events = self.events();
        let texts = events
            .iter()
            .filter_map(|e| e["choices"][0]["delta"]["content"].as_str());
        texts.collect()
    }

    pub(crate) fn is_stream(&self) -> bool {
        self.header("content-type").starts_with("text/event-stream")
    }

    /// What a stream said, one event after the other, `[DONE]` left out.
    pub(crate) fn events(&self) -> Vec<Value> {
        assert!(self.is_stream(), "{self:?}");
        let data = self.data();
        let events = data.iter().filter(|data| **data != "[DONE]");
        events
            .map(|data| serde_json::from_str(data).unwrap())
            .collect()
    }

    /// Whether a stream ended as it should, with one `[DONE]` and nothing behind it.
    pub(crate) fn is_done(&self) -> bool {
        let data = self.data();
        let count = data.iter().filter(|data| **data == "[DONE]").count();
        count == 1 && data.last() == Some(&"[DONE]")
    }

    fn data(&self) -> Vec<&str> {
        let events = self.body.split_terminator("\n\n");
        events.map(|e| e.strip_prefix("data: ").unwrap()).collect()
    }

    /// The error object, every member of which must be there.
    #[track_caller]
    pub(crate) fn error(&self, status: u16, code: &str) -> Value {
        assert_eq!(self.status, status, "{self:?}");
        assert!(self.header("content-type").starts_with("application/json"));
        check_error(&self.json(), code)
    }
}

/// Checks that an error in OpenAI's shape is complete, and gives its inner object.
#[track_caller]
pub(crate) fn check_error(body: &Value, code: &str) -> Value {
    let error = &body["error"];
    let members: Vec<_> = error.as_object().unwrap().keys().collect();
    assert_eq!(members, ["message", "type", "param", "code"], "{body}");
    assert_eq!(error["code"], code, "{body}");
    assert!(!error["message"].as_str().unwrap().is_empty());
    assert!(error["type"].is_string(), "{body}");
    assert!(error["param"].is_string() || error["param"].is_null());
    error.clone()
}

/// Asks again and again until it holds.
pub(crate) async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let begun = Instant::now();
    while !holds().await {
        assert!(begun.elapsed() < PATIENCE, "{what}");
        tokio::task::yield_now().await;
    }
}
