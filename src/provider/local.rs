//! A client of a gateway's own API: by the socket in its data folder or by its URL.
//! For the commands that work on a running gateway.

use std::fs::File;
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use reqwest::Client;
pub use reqwest::Method;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

/// Longest time a command waits for one answer; a provider may think for minutes.
const PATIENCE: Duration = Duration::from_secs(660);

/// Why the gateway did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum LocalError {
    /// It cannot be reached.
    #[error("it cannot be reached: {0}")]
    Unreachable(#[source] reqwest::Error),
    /// It said no.
    #[error("{message}")]
    Refused {
        /// HTTP status.
        status: u16,
        /// Its words.
        message: String,
    },
}

impl LocalError {
    /// Whether the request may have arrived: false where there was no connection.
    #[must_use]
    pub fn was_sent(&self) -> bool {
        !matches!(self, Self::Unreachable(e) if e.is_connect())
    }
}

/// One gateway to talk to.
pub struct Local {
    client: Client,
    base: String,
    key: Option<SecretString>,
    /// What the path to the socket needs to stay open.
    _held: Option<File>,
}

/// A gateway's whole reply.
pub struct LocalReply {
    /// HTTP status.
    pub status: u16,
    /// Headers of the kind `x-reprise-…`, without that prefix.
    pub marks: Vec<(String, String)>,
    /// The body, if it is JSON.
    pub body: Value,
    /// When to come back, if it says so.
    pub retry_after: Option<Duration>,
}

impl Local {
    /// The gateway behind a Unix socket; `held` is kept open as long as this lives.
    ///
    /// # Errors
    /// No HTTP client can be made.
    pub fn by_socket(path: &Path, held: Option<File>) -> Result<Self, LocalError> {
        let client = super::http::builder(true)
            .unix_socket(path)
            .timeout(PATIENCE)
            .build();
        Ok(Self {
            client: client.map_err(LocalError::Unreachable)?,
            base: "http://localhost".into(),
            key: None,
            _held: held,
        })
    }

    /// The gateway at a URL, by a key of it.
    ///
    /// # Errors
    /// No HTTP client can be made.
    pub fn by_url(url: &str, key: Option<SecretString>) -> Result<Self, LocalError> {
        let plain = !url.starts_with("https:");
        let client = super::http::builder(plain).timeout(PATIENCE).build();
        Ok(Self {
            client: client.map_err(LocalError::Unreachable)?,
            base: url.trim_end_matches('/').to_owned(),
            key,
            _held: None,
        })
    }

    /// `GET`.
    ///
    /// # Errors
    /// [`LocalError`]
    pub async fn get(&self, path: &str) -> Result<Value, LocalError> {
        done(self.send(Method::GET, path, None, &[]).await?)
    }

    /// `POST` of a JSON body.
    ///
    /// # Errors
    /// [`LocalError`]
    pub async fn post(&self, path: &str, body: &Value) -> Result<Value, LocalError> {
        done(
            self.send(Method::POST, path, Some(body.to_string().into()), &[])
                .await?,
        )
    }

    /// `DELETE`.
    ///
    /// # Errors
    /// [`LocalError`]
    pub async fn delete(&self, path: &str) -> Result<Value, LocalError> {
        done(self.send(Method::DELETE, path, None, &[]).await?)
    }

    /// Any request; an error status is not an error here.
    ///
    /// # Errors
    /// [`LocalError::Unreachable`]
    pub async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<Bytes>,
        headers: &[(&str, &str)],
    ) -> Result<LocalReply, LocalError> {
        let mut request = self.client.request(method, format!("{}{path}", self.base));
        if let Some(key) = &self.key {
            request = request.bearer_auth(key.expose_secret());
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            request = request
                .header("content-type", "application/json")
                .body(body);
        }
        let response = request.send().await.map_err(LocalError::Unreachable)?;
        let text = |name: &str| response.headers().get(name)?.to_str().ok();
        let after = |name, unit| Some(unit * text(name)?.parse().ok()?);
        let retry_after = after("retry-after-ms", Duration::from_millis(1))
            .or_else(|| after("retry-after", Duration::from_secs(1)));
        let marks = response.headers().iter().filter_map(|(name, value)| {
            let name = name.as_str().strip_prefix("x-reprise-")?;
            Some((name.to_owned(), value.to_str().ok()?.to_owned()))
        });
        let (status, marks) = (response.status().as_u16(), marks.collect());
        let bytes = response.bytes().await.map_err(LocalError::Unreachable)?;
        Ok(LocalReply {
            status,
            marks,
            body: serde_json::from_slice(&bytes).unwrap_or(Value::Null),
            retry_after,
        })
    }
}

impl LocalReply {
    /// The value of `x-reprise-{name}`.
    #[must_use]
    pub fn mark(&self, name: &str) -> Option<&str> {
        let found = self.marks.iter().find(|(n, _)| n == name)?;
        Some(&found.1)
    }

    /// What an error reply says.
    #[must_use]
    pub fn message(&self) -> &str {
        let said = self.body.get("error").and_then(|e| e.get("message"));
        said.and_then(Value::as_str).unwrap_or("no reason given")
    }
}

fn done(reply: LocalReply) -> Result<Value, LocalError> {
    if reply.status < 400 {
        return Ok(reply.body);
    }
    Err(LocalError::Refused {
        status: reply.status,
        message: reply.message().to_owned(),
    })
}
