//! One API key: its secret, shown once, and the record that is kept instead.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

use super::names::{Caller, Role, TenantId};
use crate::chat::unix_ms;

/// Why no key could be made or read.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The system has no random numbers.
    #[error("the system gives no random numbers")]
    Random(#[source] getrandom::Error),
    /// A stored record is damaged.
    #[error("the record of key {0} holds no digest")]
    BadRecord(String),
}

/// What is kept of a key: everything but the key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyRecord {
    /// Public name, for lists, logs and revoking; says nothing about the key.
    pub id: String,
    /// Whose key it is.
    pub tenant: TenantId,
    /// What it may do.
    pub role: Role,
    /// BLAKE3 of the key in hexadecimal. A fast hash suffices: the key holds
    /// 256 random bits, so there is nothing to guess.
    pub hash_hex: String,
    /// When it was made, in ms since 1970.
    pub created_ms: u64,
    /// When it stopped working, if it did.
    #[serde(default)]
    pub revoked_ms: Option<u64>,
    /// What its owner calls it.
    #[serde(default)]
    pub label: Option<String>,
}

/// A key just made. The secret exists nowhere else.
#[derive(Debug)]
pub struct NewKey {
    /// `rp-` and 43 characters of `[A-Za-z0-9_-]`.
    pub secret: SecretString,
    /// What to store.
    pub record: KeyRecord,
}

impl NewKey {
    /// Makes a key of 256 random bits.
    ///
    /// # Errors
    /// When the system's generator fails.
    pub fn create(tenant: TenantId, role: Role, label: Option<String>) -> Result<Self, KeyError> {
        let secret = format!("rp-{}", random::<32>()?);
        let record = KeyRecord {
            id: format!("key_{}", random::<9>()?),
            tenant,
            role,
            hash_hex: digest(&secret).to_hex().to_string(),
            created_ms: unix_ms(),
            revoked_ms: None,
            label,
        };
        Ok(Self {
            secret: SecretString::from(secret),
            record,
        })
    }
}

impl KeyRecord {
    /// Whether it still lets anyone in.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.revoked_ms.is_none()
    }

    /// Who shows this key.
    #[must_use]
    pub fn caller(&self) -> Caller {
        let key_id = Some(Arc::from(self.id.as_str()));
        Caller {
            tenant: self.tenant.clone(),
            role: self.role,
            key_id,
        }
    }

    pub(super) fn digest(&self) -> Result<blake3::Hash, KeyError> {
        let bad = |_| KeyError::BadRecord(self.id.clone());
        blake3::Hash::from_hex(&self.hash_hex).map_err(bad)
    }
}

/// What a key is looked up and stored by: always of the whole key.
pub(super) fn digest(key: &str) -> blake3::Hash {
    blake3::hash(key.as_bytes())
}

fn random<const N: usize>() -> Result<String, KeyError> {
    let mut bytes = [0_u8; N];
    getrandom::fill(&mut bytes).map_err(KeyError::Random)?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    fn new() -> NewKey {
        NewKey::create(TenantId::default_tenant(), Role::App, None).unwrap()
    }

    #[test]
    fn a_secret_is_long_plain_and_never_the_same() {
        let (a, b) = (new(), new());
        let text = a.secret.expose_secret();
        assert_eq!(text.len(), 46);
        assert!(text.starts_with("rp-"));
        assert!(
            text.bytes()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, b'_' | b'-'))
        );
        assert_ne!(text, b.secret.expose_secret());
        assert_ne!(a.record.id, b.record.id);
    }

    #[test]
    fn neither_debug_nor_the_stored_record_shows_the_secret() {
        let key = new();
        let secret = key.secret.expose_secret().trim_start_matches("rp-");
        assert!(!format!("{key:?}").contains(secret));
        let stored = serde_json::to_string(&key.record).unwrap();
        assert!(!stored.contains(secret) && !stored.contains(&secret[..8]));
        assert_eq!(
            serde_json::from_str::<KeyRecord>(&stored).unwrap(),
            key.record
        );
    }
}
