//! OpenAI and every server that speaks its dialect, by base URL and key.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Client, ClientBuilder, Method, Request, Url};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use super::body::{Body, Clock, Content, unreached};
use super::events::events;
use super::failure::{Failure, FailureKind};
use super::headers::{forward, passed_back};
use super::refusal::{Scrub, in_stream, refused};
use super::{Call, Deadlines, Provider, Reply};
use crate::chat::Answer;

/// Bytes that a plain answer may hold.
const MAX_ANSWER: usize = 32 << 20;
/// Idle connections kept to one host; more than one process's actix workers ever use at once.
const MAX_IDLE: usize = 512;
/// Below the minute or so after which servers and load balancers close idle connections.
const KEEP_IDLE: Duration = Duration::from_secs(50);

/// A provider that cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum ProviderError {
    /// The base URL is not one; it is not repeated, it may hold a password.
    #[error("base URL of provider `{name}`: {reason}")]
    BaseUrl {
        /// The provider.
        name: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The key cannot be sent in a header.
    #[error("key of provider `{name}`: it holds characters that no header can carry")]
    Key {
        /// The provider.
        name: String,
    },
    /// No HTTP client: most often, no root certificates are installed.
    #[error("provider `{name}`: the HTTP client cannot be made; are CA certificates installed?")]
    Client {
        /// The provider.
        name: String,
        /// Why not.
        #[source]
        source: reqwest::Error,
    },
}

/// A server that speaks the OpenAI dialect.
pub struct OpenAi {
    name: String,
    base: String,
    chat: Url,
    models: Url,
    /// Sent with each call, the credential among them.
    headers: HeaderMap,
    client: Client,
    scrub: Arc<Scrub>,
}

impl OpenAi {
    /// Sets up the server at `base_url`, with or without a slash at its end, such as
    /// `https://api.openai.com/v1`. `connect` bounds the making of a connection.
    ///
    /// # Errors
    /// [`ProviderError`] for a URL or key that cannot be used, or, with an `https` URL, a
    /// system without root certificates.
    pub fn new(
        name: impl Into<String>,
        base_url: &str,
        key: Option<SecretString>,
        connect: Duration,
    ) -> Result<Self, ProviderError> {
        let name = name.into();
        let base = parse_base(base_url).map_err(|reason| ProviderError::BaseUrl {
            name: name.clone(),
            reason,
        })?;
        let key = key.and_then(trimmed);
        let headers =
            headers(key.as_ref()).ok_or_else(|| ProviderError::Key { name: name.clone() })?;
        let client = client(&base, connect).map_err(|source| ProviderError::Client {
            name: name.clone(),
            source,
        })?;
        Ok(Self {
            chat: under(&base, &["chat", "completions"]),
            models: under(&base, &["models"]),
            base: base.as_str().trim_end_matches('/').to_owned(),
            name,
            headers,
            client,
            scrub: Arc::new(Scrub::new(key)),
        })
    }

    async fn answer(&self, call: Call) -> Result<Reply, Failure> {
        let stream = call.stream;
        let mut request = self.request(Method::POST, &self.chat, stream);
        forward(&call.headers, request.headers_mut());
        *request.body_mut() = Some(call.body.into());
        let mut body = self.execute(request, call.deadlines).await?;
        let headers = passed_back(body.response().headers());
        match body.content() {
            Content::Events if stream => Ok(Reply::Stream {
                events: events(body, Arc::clone(&self.scrub)),
                headers,
            }),
            Content::Json => {
                let body = body.whole(MAX_ANSWER).await?;
                let answer = self.understand(&body)?;
                Ok(Reply::Whole {
                    body,
                    answer,
                    headers,
                })
            }
            Content::Events | Content::Other => Err(Failure::because(
                FailureKind::Malformed,
                "the content type is not what was asked for",
            )),
        }
    }

    async fn list(&self, deadline: Duration) -> Result<Vec<Value>, Failure> {
        let request = self.request(Method::GET, &self.models, false);
        let deadlines = Deadlines {
            first_byte: deadline,
            idle: deadline,
            total: deadline,
        };
        let mut body = self.execute(request, deadlines).await?;
        let body = body.whole(MAX_ANSWER).await?;
        let list: Value = serde_json::from_slice(&body).unwrap_or_default();
        let models = list.get("data").and_then(Value::as_array);
        let models = models.ok_or_else(|| {
            Failure::because(FailureKind::Malformed, "the list of models is not one")
        })?;
        let named = |m: &&Value| m.get("id").is_some_and(Value::is_string);
        Ok(models.iter().filter(named).cloned().collect())
    }

    fn request(&self, method: Method, url: &Url, stream: bool) -> Request {
        let mut request = Request::new(method, url.clone());
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

    fn understand(&self, body: &Bytes) -> Result<Answer, Failure> {
        Answer::parse(body).map_err(|error| {
            // Some servers send their errors with status 200.
            let said: Value = serde_json::from_slice(body).unwrap_or_default();
            match said.get("error").filter(|e| !e.is_null()) {
                Some(said) => in_stream(said, &self.scrub),
                None => {
                    Failure::because(FailureKind::Malformed, error.to_string()).of_a_begun_answer()
                }
            }
        })
    }
}

impl Provider for OpenAi {
    fn name(&self) -> &str {
        &self.name
    }

    fn base_url(&self) -> &str {
        &self.base
    }

    fn chat(&self, call: Call) -> BoxFuture<'_, Result<Reply, Failure>> {
        Box::pin(self.answer(call))
    }

    fn models(&self, deadline: Duration) -> BoxFuture<'_, Result<Vec<Value>, Failure>> {
        Box::pin(self.list(deadline))
    }
}

impl fmt::Debug for OpenAi {
    /// Without headers: one of them is the credential.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenAi")
            .field("name", &self.name)
            .field("base", &self.base)
            .finish_non_exhaustive()
    }
}

fn parse_base(text: &str) -> Result<Url, String> {
    let url = Url::parse(text.trim()).map_err(|e| e.to_string())?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err("it must begin with http:// or https://".to_owned());
    }
    let bare = url.username().is_empty() && url.password().is_none();
    if !bare || url.query().is_some() || url.fragment().is_some() {
        // It is shown in logs and stored with answers.
        return Err("it must not hold credentials, a query or a fragment".to_owned());
    }
    Ok(url)
}

fn under(base: &Url, path: &[&str]) -> Url {
    let mut url = base.clone();
    // Only a URL that cannot be a base has no path, and `parse_base` refuses those.
    if let Ok(mut segments) = url.path_segments_mut() {
        segments.pop_if_empty().extend(path);
    }
    url
}

/// A key out of a file ends in a line feed; an empty variable is no key.
fn trimmed(key: SecretString) -> Option<SecretString> {
    let key = key.expose_secret().trim();
    (!key.is_empty()).then(|| SecretString::from(key))
}

fn headers(key: Option<&SecretString>) -> Option<HeaderMap> {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Some(key) = key {
        let bearer = format!("Bearer {}", key.expose_secret());
        let mut bearer = HeaderValue::from_str(&bearer).ok()?;
        bearer.set_sensitive(true);
        headers.insert(AUTHORIZATION, bearer);
    }
    Some(headers)
}

fn client(base: &Url, connect: Duration) -> reqwest::Result<Client> {
    let mut builder = builder(base.scheme() == "http").connect_timeout(connect);
    let host = base.host_str().unwrap_or_default();
    if host == "localhost" || host == "[::1]" || host.starts_with("127.") {
        // A proxy's own loopback is not ours.
        builder = builder.no_proxy();
    }
    builder.build()
}

/// What all clients have in common; one for `plain` HTTP needs no certificates, so that a machine
/// without any can still use a local server.
pub(super) fn builder(plain: bool) -> ClientBuilder {
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        // It fails only if another thread was quicker, and that one installed the same.
        let _ = rustls::crypto::ring::default_provider().install_default();
    }
    let builder = Client::builder()
        .user_agent(concat!("reprise/", env!("CARGO_PKG_VERSION")))
        .tcp_nodelay(true)
        .pool_max_idle_per_host(MAX_IDLE)
        .pool_idle_timeout(KEEP_IDLE)
        // The router decides about second tries, and a redirect could lead the key astray.
        .retry(reqwest::retry::never())
        .redirect(reqwest::redirect::Policy::none())
        .referer(false);
    if plain {
        builder.tls_certs_only([])
    } else {
        builder
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn make(base: &str, key: Option<&str>) -> Result<OpenAi, ProviderError> {
        let key = key.map(|k| k.to_owned().into());
        OpenAi::new("p", base, key, Duration::from_secs(1))
    }

    #[test]
    fn a_slash_at_the_end_of_the_base_changes_nothing() {
        for base in ["http://h:1/v1", "http://h:1/v1/"] {
            let made = make(base, None).unwrap();
            assert_eq!(made.chat.as_str(), "http://h:1/v1/chat/completions");
            assert_eq!(made.models.as_str(), "http://h:1/v1/models");
            assert_eq!(made.base_url(), "http://h:1/v1");
        }
        let bare = make("http://h:1", None).unwrap();
        assert_eq!(bare.chat.as_str(), "http://h:1/chat/completions");
    }

    #[test]
    fn a_base_that_could_leak_or_lead_nowhere_is_refused_without_repeating_it() {
        for base in [
            "http://user:hunter2@h/v1",
            "http://h/v1?key=hunter2",
            "http://h/v1#hunter2",
            "ftp://h/hunter2",
            "hunter2",
        ] {
            let error = make(base, None).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("hunter2"), "{base}");
        }
    }

    #[test]
    fn the_key_is_never_shown() {
        let made = make("http://h/v1", Some("sk-hunter2")).unwrap();
        assert!(!format!("{made:?} {:?}", made.headers).contains("hunter2"));
        let error = make("http://h/v1", Some("sk-hunter2\nx")).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("hunter2"));
    }

    #[test]
    fn a_blank_key_is_no_key() {
        let made = make("http://h/v1", Some(" ")).unwrap();
        assert!(!made.headers.contains_key(AUTHORIZATION));
    }
}
