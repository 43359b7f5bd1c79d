//! The HTTP client that every remote provider uses: its settings, its base URL and its credential.

use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, ClientBuilder, Url};
use secrecy::{ExposeSecret, SecretString};

use super::outbound::Outbound;
use crate::config::KeyHeader;

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

pub(super) fn parse_base(text: &str) -> Result<Url, String> {
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

pub(super) fn under(base: &Url, path: &[&str]) -> Url {
    let mut url = base.clone();
    // Only a URL that cannot be a base has no path, and `parse_base` refuses those.
    if let Ok(mut segments) = url.path_segments_mut() {
        segments.pop_if_empty().extend(path);
    }
    url
}

/// A key out of a file ends in a line feed; an empty variable is no key.
pub(super) fn trimmed(key: SecretString) -> Option<SecretString> {
    let key = key.expose_secret().trim();
    (!key.is_empty()).then(|| SecretString::from(key))
}

/// The headers sent with each call, the credential among them; none if no header can carry it.
pub(super) fn headers(key: Option<&SecretString>, place: KeyHeader) -> Option<HeaderMap> {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Some(key) = key {
        let value = place.value(key.expose_secret());
        let mut value = HeaderValue::from_str(&value).ok()?;
        value.set_sensitive(true);
        headers.insert(HeaderName::from_static(place.name()), value);
    }
    Some(headers)
}

pub(super) fn client(
    base: &Url,
    connect: Duration,
    outbound: &Outbound,
) -> reqwest::Result<Client> {
    let plain = base.scheme() == "http";
    let mut builder = outbound.apply(builder(plain).connect_timeout(connect), plain);
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
