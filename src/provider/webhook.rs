//! Tells a client's own server that something is ready: one signed call as Standard Webhooks has it, to addresses that
//! are nobody's private network. It knows what it sends as bytes and never tries twice.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, Url};
use secrecy::{ExposeSecret, SecretSlice, SecretString};
use sha2::Sha256;

use super::http::builder;

/// Bytes of a secret below which it could be guessed; what the standard asks for.
const MIN_SECRET: usize = 24;
/// Bytes of an address.
const MAX_URL: usize = 2048;

/// Why webhooks cannot be sent at all.
#[derive(Debug, thiserror::Error)]
pub enum WebhookError {
    /// The variable that is to hold the secret does not, or is empty.
    #[error("async.webhook_secret_env: {0} is not set in the environment, or empty")]
    NoSecret(String),
    /// It is too short.
    #[error("async.webhook_secret_env: the secret has fewer than {MIN_SECRET} bytes")]
    ShortSecret,
    /// What follows `whsec_` is no base64.
    #[error("async.webhook_secret_env: what follows `whsec_` is not base64")]
    BadSecret,
    /// No HTTP client: most often, no root certificates are installed.
    #[error("webhooks: the HTTP client cannot be made; are CA certificates installed?")]
    Client(#[source] reqwest::Error),
}

/// Why an address is not called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadHook {
    /// It is no URL, or one with credentials.
    #[error("must be a URL of at most {MAX_URL} bytes, without credentials")]
    NotAUrl,
    /// It is not `https`.
    #[error("must begin with https://")]
    NotHttps,
    /// Its host is an address of a private network.
    #[error("must not be a private or loopback address")]
    Private,
}

/// What came of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// It was taken.
    Delivered,
    /// Not this time.
    Failed,
    /// The receiver says never again (410), or the address may not be called.
    Gone,
}

/// Sends webhooks.
pub struct Webhooks {
    secret: SecretSlice<u8>,
    allowed: Arc<[String]>,
    /// For hosts that are allowed by name, which may be without certificates.
    plain: Client,
    client: Client,
}

impl Webhooks {
    /// Signs with `secret`; hosts in `allowed` may be private and plain.
    ///
    /// # Errors
    /// The secret cannot be used, or there is no HTTP client.
    pub fn new(
        secret: &SecretString,
        allowed: &[String],
        timeout: Duration,
    ) -> Result<Self, WebhookError> {
        let allowed: Vec<_> = allowed.iter().map(|host| host.to_lowercase()).collect();
        let allowed: Arc<[String]> = allowed.into();
        let make = |plain| {
            let guarded = Guarded(allowed.clone());
            // A proxy would resolve names by itself, past the check.
            let client = builder(plain).no_proxy().dns_resolver(Arc::new(guarded));
            let client = client.timeout(timeout).pool_max_idle_per_host(0);
            client.build().map_err(WebhookError::Client)
        };
        Ok(Self {
            secret: key(secret.expose_secret())?,
            plain: make(true)?,
            client: make(false)?,
            allowed,
        })
    }

    /// Whether an address may be called, as far as it tells by itself.
    ///
    /// # Errors
    /// Why not.
    pub fn check(&self, url: &str) -> Result<(), BadHook> {
        self.checked(url).map(drop)
    }

    /// Makes one call at `seconds` of Unix time.
    pub async fn send(&self, url: &str, id: &str, seconds: u64, body: Bytes) -> Told {
        let Ok(url) = self.checked(url) else {
            return Told::Gone;
        };
        let client = match url.scheme() {
            "http" => &self.plain,
            _ => &self.client,
        };
        let request = client
            .post(url)
            .header(CONTENT_TYPE, "application/json")
            .header("webhook-id", id)
            .header("webhook-timestamp", seconds.to_string())
            .header("webhook-signature", self.signature(id, seconds, &body))
            .body(body);
        match request.send().await {
            Ok(response) if response.status().is_success() => Told::Delivered,
            Ok(response) if response.status().as_u16() == 410 => Told::Gone,
            Ok(_) => Told::Failed,
            Err(error) => {
                // Without its address, which may hold a token.
                tracing::debug!(error = %error.without_url(), "a webhook was not delivered");
                Told::Failed
            }
        }
    }

    fn checked(&self, url: &str) -> Result<Url, BadHook> {
        if url.len() > MAX_URL {
            return Err(BadHook::NotAUrl);
        }
        let url = Url::parse(url).map_err(|_| BadHook::NotAUrl)?;
        let host = url.host_str().ok_or(BadHook::NotAUrl)?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(BadHook::NotAUrl);
        }
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let allowed = self.allowed.iter().any(|a| a == bare || a == host);
        match url.scheme() {
            "https" => {}
            "http" if allowed => {}
            _ => return Err(BadHook::NotHttps),
        }
        // A literal address is never resolved, so it is checked here.
        match bare.parse::<IpAddr>() {
            Ok(address) if !allowed && !is_public(address) => Err(BadHook::Private),
            _ => Ok(url),
        }
    }

    fn signature(&self, id: &str, seconds: u64, body: &[u8]) -> String {
        // HMAC takes keys of any length.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(self.secret.expose_secret()) else {
            return String::new();
        };
        mac.update(format!("{id}.{seconds}.").as_bytes());
        mac.update(body);
        format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
    }
}

/// `whsec_` and base64 as the standard has it, or the bytes as they are.
fn key(secret: &str) -> Result<SecretSlice<u8>, WebhookError> {
    let bytes = match secret.trim().strip_prefix("whsec_") {
        Some(encoded) => STANDARD
            .decode(encoded)
            .map_err(|_| WebhookError::BadSecret)?,
        None => secret.trim().as_bytes().to_vec(),
    };
    if bytes.len() < MIN_SECRET {
        return Err(WebhookError::ShortSecret);
    }
    Ok(SecretSlice::from(bytes))
}

/// Resolves names, and gives addresses only if each of them is public: what is connected to is what was checked.
struct Guarded(Arc<[String]>);

impl Resolve for Guarded {
    fn resolve(&self, name: Name) -> Resolving {
        let allowed = self.0.iter().any(|a| a.eq_ignore_ascii_case(name.as_str()));
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let found: Vec<SocketAddr> = found.collect();
            if !allowed && !found.iter().all(|address| is_public(address.ip())) {
                return Err("the name stands for a private address".into());
            }
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

/// Whether an address is one of the open internet.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_public_v4(v4),
        IpAddr::V6(v6) => is_public_v6(v6),
    }
}

fn is_public_v4(v4: Ipv4Addr) -> bool {
    let [a, b, c, _] = v4.octets();
    let special = v4.is_private()
        || v4.is_loopback()
        || v4.is_link_local()
        || v4.is_documentation()
        || v4.is_multicast()
        || a == 0
        || a >= 240
        // Between a provider and its customers.
        || (a == 100 && (64..128).contains(&b))
        || (a, b, c) == (192, 0, 0)
        || (a, b, c) == (192, 88, 99)
        // Measuring networks.
        || (a == 198 && (b == 18 || b == 19));
    !special
}

fn is_public_v6(v6: Ipv6Addr) -> bool {
    let parts = v6.segments();
    let [first, second, ..] = parts;
    let v4 = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        is_public_v4(Ipv4Addr::new(a, b, c, d))
    };
    if let Some(mapped) = v6.to_ipv4_mapped() {
        return is_public_v4(mapped);
    }
    match (first, second) {
        // Addresses that carry one of the older kind: translated, or through a tunnel.
        (0x64, 0xff9b) => parts[2..6] == [0; 4] && v4(parts[6], parts[7]),
        (0x2002, _) => v4(second, parts[2]),
        // Protocols' own, tunnels by Teredo among them, and documentation.
        (0x2001, 0..=0x1ff | 0xdb8) | (0x3fff, 0..=0xfff) => false,
        _ => (0x2000..=0x3fff).contains(&first),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hooks(secret: &str, allowed: &[&str]) -> Result<Webhooks, WebhookError> {
        let allowed: Vec<_> = allowed.iter().map(|&a| a.to_owned()).collect();
        let secret = SecretString::from(secret.to_owned());
        Webhooks::new(&secret, &allowed, Duration::from_secs(1))
    }

    #[test]
    fn a_signature_is_the_one_of_the_standards_own_example() {
        let hooks = hooks("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", &[]).unwrap();
        let body = br#"{"test": 2432232314}"#;
        let signed = hooks.signature("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, body);
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn a_secret_that_could_be_guessed_is_refused() {
        for secret in ["", "whsec_", "short", "whsec_c2hvcnQ="] {
            let refused = hooks(secret, &[]).err();
            assert!(
                matches!(refused, Some(WebhookError::ShortSecret)),
                "{secret}"
            );
        }
        let refused = hooks("whsec_?", &[]).err();
        assert!(matches!(refused, Some(WebhookError::BadSecret)));
    }

    #[test]
    fn private_addresses_in_any_disguise_are_refused_and_public_ones_are_not() {
        let hooks = hooks(&"k".repeat(24), &["hooks.internal", "127.0.0.2"]).unwrap();
        for url in [
            "https://127.0.0.1/x",
            "https://10.1.2.3",
            "https://192.168.0.1",
            "https://169.254.169.254",
            "https://172.31.0.1",
            "https://100.64.0.1",
            "https://0.0.0.0",
            "https://2130706433",
            "https://0x7f.1",
            "https://[::1]",
            "https://[::ffff:10.0.0.1]",
            "https://[fd00::1]",
            "https://[fe80::1]",
            "https://[64:ff9b::a00:1]",
            "https://[2002:a00:1::]",
            "https://[2001::1]",
            "https://255.255.255.255",
            "https://198.18.0.1",
            "https://[::]",
            "https://[::7f00:1]",
        ] {
            assert_eq!(hooks.check(url), Err(BadHook::Private), "{url}");
        }
        for url in [
            "https://93.184.216.34/x?y",
            "https://[2606:2800:220:1::1]",
            "https://example.com",
        ] {
            assert_eq!(hooks.check(url), Ok(()), "{url}");
        }
        assert_eq!(hooks.check("http://example.com"), Err(BadHook::NotHttps));
        assert_eq!(hooks.check("ftp://example.com"), Err(BadHook::NotHttps));
        assert_eq!(
            hooks.check("https://a:b@example.com"),
            Err(BadHook::NotAUrl)
        );
        assert_eq!(hooks.check("x"), Err(BadHook::NotAUrl));
        assert_eq!(hooks.check("http://hooks.internal:8080"), Ok(()));
        assert_eq!(hooks.check("http://127.0.0.2"), Ok(()));
    }

    #[tokio::test]
    async fn a_name_that_stands_for_this_machine_is_not_connected_to() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let hooks = hooks(&"k".repeat(24), &[]).unwrap();
        let url = format!("https://localhost:{port}/");
        assert_eq!(hooks.check(&url), Ok(()));
        let called = tokio::join!(hooks.send(&url, "msg_1", 1, Bytes::new()), async {
            tokio::time::timeout(Duration::from_millis(300), listener.accept())
                .await
                .is_ok()
        });
        assert_eq!(called, (Told::Failed, false));
    }
}
