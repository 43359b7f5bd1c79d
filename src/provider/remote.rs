//! A provider behind HTTP: sends what its wire dialect writes and hands over what that reads. It knows no dialect
//! itself.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use reqwest::header::{ACCEPT, HeaderMap, HeaderValue};
use reqwest::{Client, Method, Request, Url};
use secrecy::SecretString;
use serde_json::Value;

use super::body::{Body, Clock, Content, unreached};
use super::endpoint::{Exchange, Exchanged, has_none, unsaid};
use super::error_within::{in_stream, said_no};
use super::events::events;
use super::failure::{Failure, FailureKind};
use super::headers::{forward, passed_back};
use super::http::{ProviderError, client, headers, parse_base, trimmed};
use super::outbound::Outbound;
use super::refusal::{Scrub, refused};
use super::wire::Wire;
use super::{Call, Deadlines, Provider, Reply};
use crate::chat::{Accent, ChatRequest, Dialect, InvalidRequest};
use crate::config::KeyHeader;
use crate::dialect::{Fault, Target};

/// Bytes that a plain answer may hold.
const MAX_ANSWER: usize = 32 << 20;

/// What a remote provider is set up with.
#[derive(Debug)]
pub struct Setup {
    /// The name by which routes, metrics and headers call it.
    pub name: String,
    /// With or without a slash at its end, such as `https://api.openai.com/v1`.
    pub base_url: String,
    /// Its credential; none for servers that ask for none.
    pub key: Option<SecretString>,
    /// Where the credential goes.
    pub key_header: KeyHeader,
    /// What each call has behind its path.
    pub query: Vec<(String, String)>,
    /// The way there.
    pub outbound: Outbound,
    /// Bounds the making of a connection.
    pub connect: Duration,
}

/// A server that speaks some dialect.
pub struct Remote {
    name: String,
    base: String,
    url: Url,
    /// Sent with each call, the credential among them.
    headers: HeaderMap,
    client: Client,
    scrub: Arc<Scrub>,
    wire: Box<dyn Wire>,
    query: Vec<(String, String)>,
    accent: Accent,
}

impl Remote {
    /// # Errors
    /// [`ProviderError`] for a URL or key that cannot be used, or, with an `https` URL, a
    /// system without root certificates.
    pub(super) fn new(setup: Setup, wire: Box<dyn Wire>) -> Result<Self, ProviderError> {
        let name = setup.name;
        let url = parse_base(&setup.base_url).map_err(|reason| ProviderError::BaseUrl {
            name: name.clone(),
            reason,
        })?;
        let key = setup.key.and_then(trimmed);
        let mut headers = headers(key.as_ref(), setup.key_header)
            .ok_or_else(|| ProviderError::Key { name: name.clone() })?;
        for (name, value) in wire.fixed_headers() {
            headers.insert(name, value);
        }
        let client = client(&url, setup.connect, &setup.outbound).map_err(|source| {
            ProviderError::Client {
                name: name.clone(),
                source,
            }
        })?;
        Ok(Self {
            base: url.as_str().trim_end_matches('/').to_owned(),
            url,
            name,
            headers,
            client,
            scrub: Arc::new(Scrub::new(key.into_iter().chain(wire.secrets()))),
            wire,
            query: setup.query,
            accent: Accent::default(),
        })
    }

    /// The same with an accent of its own.
    #[must_use]
    pub fn speaking(self, accent: Accent) -> Self {
        Self { accent, ..self }
    }

    async fn answer(&self, call: Call) -> Result<Reply, Failure> {
        let (stream, wire) = (call.stream, self.wire_in(call.dialect));
        let url = wire.url(&self.url, &call.model, stream);
        let mut request = self.request(Method::POST, url, stream);
        let forwarded = |name: &str| wire.forwards(name);
        forward(&call.headers, forwarded, request.headers_mut());
        *request.body_mut() = Some(call.body.into());
        wire.sign(&mut request)?;
        let mut body = self.execute(request, call.deadlines).await?;
        let headers = passed_back(body.response().headers());
        match body.content() {
            Content::Events | Content::Frames if stream => {
                let tongue = wire.tongue(&call.model, &self.scrub);
                Ok(Reply::Stream {
                    events: events(body, tongue),
                    headers,
                })
            }
            Content::Json => {
                let body = body.whole(MAX_ANSWER).await?;
                let understood = wire.answer(&call.model, &body);
                let answer = understood.map_err(|fault| self.failed(fault))?;
                Ok(Reply::Whole {
                    body,
                    answer,
                    headers,
                })
            }
            Content::Events | Content::Frames | Content::Other => Err(Failure::because(
                FailureKind::Malformed,
                "the content type is not what was asked for",
            )),
        }
    }

    async fn ask(&self, exchange: Exchange) -> Result<Exchanged, Failure> {
        let (endpoint, model) = (exchange.endpoint, exchange.model.as_str());
        let Some(url) = self.wire.endpoint(&self.url, endpoint, model) else {
            return Err(has_none(&self.name, endpoint));
        };
        let asked = self.wire.asked(endpoint, &exchange.body);
        let asked = asked.map_err(|e| unsaid(e.param.as_deref().unwrap_or("input"), e.message))?;
        let mut request = self.request(Method::POST, url, false);
        let forwarded = |name: &str| self.wire.forwards(name);
        forward(&exchange.headers, forwarded, request.headers_mut());
        *request.body_mut() = Some(asked.into());
        self.wire.sign(&mut request)?;
        let mut body = self.execute(request, exchange.deadlines).await?;
        let headers = passed_back(body.response().headers());
        if body.content() != Content::Json {
            let why = "the content type is not what was asked for";
            return Err(Failure::because(FailureKind::Malformed, why));
        }
        let body = body.whole(endpoint.longest()).await?;
        if let Some(said) = said_no(&body) {
            return Err(self.failed(Fault::Said(said)));
        }
        let body = self.wire.told(endpoint, &exchange.body, body);
        let body = body.map_err(|fault| self.failed(fault))?;
        Ok(Exchanged { body, headers })
    }

    async fn list(&self, deadline: Duration) -> Result<Vec<Value>, Failure> {
        let Some(url) = self.wire.models_url(&self.url) else {
            return Ok(Vec::new());
        };
        let request = self.request(Method::GET, url, false);
        let deadlines = Deadlines {
            first_byte: deadline,
            idle: deadline,
            total: deadline,
        };
        let mut body = self.execute(request, deadlines).await?;
        let body = body.whole(MAX_ANSWER).await?;
        let list: Value = serde_json::from_slice(&body).unwrap_or_default();
        let models = self.wire.models(&list).ok_or_else(|| {
            Failure::because(FailureKind::Malformed, "the list of models is not one")
        })?;
        let named = |m: &Value| m.get("id").is_some_and(Value::is_string);
        Ok(models.into_iter().filter(named).collect())
    }

    fn request(&self, method: Method, url: Url, stream: bool) -> Request {
        let mut url = url;
        if !self.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&self.query);
        }
        let mut request = Request::new(method, url);
        let headers = request.headers_mut();
        headers.clone_from(&self.headers);
        let accept = if stream {
            "text/event-stream"
        } else {
            "application/json"
        };
        headers.insert(ACCEPT, HeaderValue::from_static(accept));
        request
    }

    /// Sends a request and waits for the head of a successful response.
    async fn execute(&self, request: Request, deadlines: Deadlines) -> Result<Body, Failure> {
        let clock = Clock::start(deadlines);
        let response = clock.within(self.client.execute(request)).await?;
        let body = Body::new(response.map_err(unreached)?, clock);
        if body.response().status().is_success() {
            Ok(body)
        } else {
            Err(refused(body, &self.scrub).await)
        }
    }

    /// What is said in a dialect, of those that it speaks.
    fn wire_in(&self, dialect: Dialect) -> &dyn Wire {
        let other = self.wire.other();
        let other = other.filter(|other| other.dialect() == dialect);
        other.unwrap_or(&*self.wire)
    }

    fn failed(&self, fault: Fault) -> Failure {
        match fault {
            // Some servers send their errors with status 200.
            Fault::Said(said) => in_stream(&said, &self.scrub),
            Fault::Malformed(why) => {
                Failure::because(FailureKind::Malformed, why).of_a_begun_answer()
            }
        }
    }
}

impl Provider for Remote {
    fn name(&self) -> &str {
        &self.name
    }

    fn base_url(&self) -> &str {
        &self.base
    }

    fn dialect(&self) -> Dialect {
        self.wire.dialect()
    }

    fn speaks(&self, dialect: Dialect) -> bool {
        self.wire_in(dialect).dialect() == dialect
    }

    fn body(
        &self,
        dialect: Dialect,
        request: &ChatRequest,
        target: &Target<'_>,
    ) -> Result<Bytes, InvalidRequest> {
        let body = self.wire_in(dialect).body(request, target)?;
        Ok(self.accent.speak(body))
    }

    fn chat(&self, call: Call) -> BoxFuture<'_, Result<Reply, Failure>> {
        Box::pin(self.answer(call))
    }

    fn exchange(&self, exchange: Exchange) -> BoxFuture<'_, Result<Exchanged, Failure>> {
        Box::pin(self.ask(exchange))
    }

    fn most_inputs(&self) -> usize {
        self.wire.most_inputs()
    }

    fn models(&self, deadline: Duration) -> BoxFuture<'_, Result<Vec<Value>, Failure>> {
        Box::pin(self.list(deadline))
    }
}

impl fmt::Debug for Remote {
    /// Without headers: one of them is the credential.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Remote")
            .field("name", &self.name)
            .field("base", &self.base)
            .field("dialect", &self.wire.dialect())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
impl Remote {
    /// Where it asks for answers and for models.
    pub(super) fn urls(&self) -> [String; 2] {
        let models = self.wire.models_url(&self.url);
        [
            self.wire.url(&self.url, "m", false).into(),
            models.map_or_else(String::new, Into::into),
        ]
    }

    /// What it sends with each call.
    pub(super) fn sent(&self) -> &HeaderMap {
        &self.headers
    }
}
