//! The way out: whom to trust besides the system's authorities, and through which proxy to go.

use reqwest::{Certificate, ClientBuilder, Proxy};

/// How connections to providers are made. Certificates are always verified.
#[derive(Debug, Clone, Default)]
pub struct Outbound {
    authorities: Vec<Certificate>,
    proxy: Way,
}

#[derive(Debug, Clone, Default)]
enum Way {
    /// As the environment says: `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY`, `NO_PROXY`.
    #[default]
    System,
    /// None, whatever the environment says.
    Direct,
    /// This one.
    Through(Box<Proxy>),
}

/// Settings of the way out that cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadOutbound {
    /// A file without a certificate in it.
    #[error("it holds no certificates in PEM form")]
    Certificates,
    /// An address that is none; it is not repeated, it may hold a password.
    #[error("it is not the URL of a proxy")]
    Proxy,
}

impl Outbound {
    /// Trusts the authorities in `pem` as well, if there are any.
    ///
    /// # Errors
    /// [`BadOutbound::Certificates`] if it holds none.
    pub fn trusting(self, pem: &[u8]) -> Result<Self, BadOutbound> {
        let authorities =
            Certificate::from_pem_bundle(pem).map_err(|_| BadOutbound::Certificates)?;
        if authorities.is_empty() {
            return Err(BadOutbound::Certificates);
        }
        Ok(Self {
            authorities,
            ..self
        })
    }

    /// Goes through a proxy: its URL, `direct` for none, nothing for that of the environment.
    ///
    /// # Errors
    /// [`BadOutbound::Proxy`] if it is none of these.
    pub fn through(self, proxy: &str) -> Result<Self, BadOutbound> {
        let proxy = match proxy {
            "" => Way::System,
            "direct" => Way::Direct,
            url => Way::Through(Box::new(Proxy::all(url).map_err(|_| BadOutbound::Proxy)?)),
        };
        Ok(Self { proxy, ..self })
    }

    /// A client that goes this way.
    pub(super) fn apply(&self, builder: ClientBuilder, plain: bool) -> ClientBuilder {
        let builder = if plain || self.authorities.is_empty() {
            builder
        } else {
            builder.tls_certs_merge(self.authorities.clone())
        };
        match &self.proxy {
            Way::System => builder,
            Way::Direct => builder.no_proxy(),
            Way::Through(proxy) => builder.proxy((**proxy).clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_used_is_told_without_repeating_it() {
        let bad = Outbound::default().through("http://user:hunter2@");
        assert_eq!(bad.err(), Some(BadOutbound::Proxy));
        assert!(!BadOutbound::Proxy.to_string().contains("hunter2"));
        for pem in ["", "no certificate"] {
            let bad = Outbound::default().trusting(pem.as_bytes());
            assert_eq!(bad.err(), Some(BadOutbound::Certificates), "{pem}");
        }
        for good in [
            "",
            "direct",
            "http://proxy.example:3128",
            "socks5://127.0.0.1:1",
        ] {
            assert!(Outbound::default().through(good).is_ok(), "{good}");
        }
    }
}
