//! The keys that are valid now, read without a lock. Does not know where the
//! records are kept.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};

use arc_swap::ArcSwap;
use secrecy::{ExposeSecret, SecretString};
use subtle::ConstantTimeEq;

use super::key::{KeyError, KeyRecord, digest};
use super::names::{Caller, Role, TenantId};

/// The id that the bootstrap key's caller is logged under.
const BOOTSTRAP_ID: &str = "bootstrap";

type Digests = HashMap<[u8; 32], Caller>;

/// Valid keys by digest.
#[derive(Debug)]
pub struct Keyring {
    stored: ArcSwap<Digests>,
    bootstrap: Option<(blake3::Hash, Caller)>,
    /// Once a key is known, open access never comes back in this process.
    keyed: AtomicBool,
}

impl Keyring {
    /// A ring of the bootstrap key alone, which lives in memory only and is an
    /// admin of the tenant `default`.
    #[must_use]
    pub fn new(bootstrap: Option<&SecretString>) -> Self {
        let bootstrap = bootstrap.map(|key| {
            let tenant = TenantId::default_tenant();
            let key_id = Some(BOOTSTRAP_ID.into());
            (
                digest(key.expose_secret()),
                Caller {
                    tenant,
                    role: Role::Admin,
                    key_id,
                },
            )
        });
        let keyed = AtomicBool::new(bootstrap.is_some());
        Self {
            stored: ArcSwap::default(),
            bootstrap,
            keyed,
        }
    }

    /// Takes `records` in place of those before; effective at the next request.
    ///
    /// # Errors
    /// A record without a readable digest. Then nothing changes: a ring with
    /// fewer keys than were stored would lock people out in silence.
    pub fn replace(&self, records: &[KeyRecord]) -> Result<(), KeyError> {
        let mut digests = Digests::with_capacity(records.len());
        for record in records {
            let digest = record.digest()?;
            if record.is_active() {
                digests.insert(*digest.as_bytes(), record.caller());
            }
        }
        if !records.is_empty() {
            self.keyed.store(true, Ordering::Release);
        }
        self.stored.store(digests.into());
        Ok(())
    }

    /// Who shows `key`; `None` when it is not, or no longer, a key.
    #[must_use]
    pub fn authenticate(&self, key: &str) -> Option<Caller> {
        let shown = digest(key);
        if let Some((known, caller)) = &self.bootstrap
            && bool::from(known.as_bytes().ct_eq(shown.as_bytes()))
        {
            return Some(caller.clone());
        }
        // The map compares digests, which nobody can choose; the compare that
        // decides takes the same time wherever they differ.
        let stored = self.stored.load();
        let (known, caller) = stored.get_key_value(shown.as_bytes())?;
        bool::from(known.ct_eq(shown.as_bytes())).then(|| caller.clone())
    }

    /// Whether any key would be let in now.
    #[must_use]
    pub fn any(&self) -> bool {
        self.bootstrap.is_some() || !self.stored.load().is_empty()
    }

    /// Whether a request must show a key: from the first key that this ring
    /// ever saw, revoked ones included.
    #[must_use]
    pub fn demands_key(&self) -> bool {
        self.keyed.load(Ordering::Acquire)
    }
}

impl Keyring {
    /// Whether somebody who was let in before would be let in still, with the same rights: for work that goes on
    /// without them.
    #[must_use]
    pub fn admits(&self, caller: &Caller) -> bool {
        let Some(id) = &caller.key_id else {
            return !self.demands_key();
        };
        let stored = self.stored.load();
        let bootstrap = self.bootstrap.iter().map(|(_, caller)| caller);
        let mut known = stored.values().chain(bootstrap);
        known.any(|known| known.key_id.as_ref() == Some(id) && known == caller)
    }

    /// Whether some valid key belongs to that tenant, the bootstrap key included.
    #[must_use]
    pub fn knows_tenant(&self, name: &str) -> bool {
        let stored = self.stored.load();
        let bootstrap = self.bootstrap.iter().map(|(_, caller)| caller);
        let mut callers = stored.values().chain(bootstrap);
        callers.any(|caller| caller.tenant.as_str() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::NewKey;

    fn key(tenant: &str, role: Role) -> NewKey {
        NewKey::create(tenant.parse().unwrap(), role, None).unwrap()
    }

    #[test]
    fn a_key_gives_its_tenant_and_role_and_a_near_miss_gives_nobody() {
        let (a, b) = (key("a", Role::App), key("b", Role::Admin));
        let ring = Keyring::new(None);
        ring.replace(&[a.record.clone(), b.record]).unwrap();
        let secret = a.secret.expose_secret();
        let caller = ring.authenticate(secret).unwrap();
        assert_eq!((caller.tenant.as_str(), caller.role), ("a", Role::App));
        assert_eq!(caller.key_id.as_deref(), Some(a.record.id.as_str()));
        for wrong in [
            "",
            "rp-",
            &secret[..45],
            &format!("{secret} "),
            &a.record.hash_hex,
        ] {
            assert_eq!(ring.authenticate(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn a_revoked_key_is_refused_at_once_and_the_ring_does_not_open() {
        let mut key = key("a", Role::App);
        let ring = Keyring::new(None);
        assert!(!ring.demands_key());
        ring.replace(std::slice::from_ref(&key.record)).unwrap();
        assert!(ring.any() && ring.demands_key());
        key.record.revoked_ms = Some(1);
        ring.replace(&[key.record]).unwrap();
        assert_eq!(ring.authenticate(key.secret.expose_secret()), None);
        assert!(!ring.any() && ring.demands_key());
        ring.replace(&[]).unwrap();
        assert!(ring.demands_key());
    }

    #[test]
    fn a_ring_that_starts_with_revoked_keys_only_lets_nobody_in() {
        let mut key = key("a", Role::App);
        key.record.revoked_ms = Some(1);
        let ring = Keyring::new(None);
        ring.replace(&[key.record]).unwrap();
        assert!(!ring.any() && ring.demands_key());
    }

    #[test]
    fn who_was_let_in_is_admitted_until_the_key_is_revoked_or_means_another() {
        let mut key = key("a", Role::App);
        let ring = Keyring::new(None);
        assert!(ring.admits(&Caller::anonymous()));
        ring.replace(std::slice::from_ref(&key.record)).unwrap();
        let caller = ring.authenticate(key.secret.expose_secret()).unwrap();
        assert!(ring.admits(&caller) && !ring.admits(&Caller::anonymous()));
        let role = Role::Admin;
        assert!(!ring.admits(&Caller {
            role,
            ..caller.clone()
        }));
        key.record.revoked_ms = Some(1);
        ring.replace(&[key.record]).unwrap();
        assert!(!ring.admits(&caller));
    }

    #[test]
    fn a_damaged_record_changes_nothing() {
        let (good, mut bad) = (key("a", Role::App), key("a", Role::App));
        let ring = Keyring::new(None);
        ring.replace(&[good.record]).unwrap();
        bad.record.hash_hex = "no digest".into();
        assert!(ring.replace(&[bad.record]).is_err());
        assert!(ring.authenticate(good.secret.expose_secret()).is_some());
    }

    #[test]
    fn the_bootstrap_key_is_an_admin_that_outlives_every_replacement() {
        let secret = SecretString::from("bootstrap-key-of-20ch".to_owned());
        let ring = Keyring::new(Some(&secret));
        ring.replace(&[]).unwrap();
        let caller = ring.authenticate(secret.expose_secret()).unwrap();
        assert_eq!(
            (caller.tenant.as_str(), caller.role),
            ("default", Role::Admin)
        );
        assert!(!caller.is_anonymous() && ring.any() && ring.demands_key());
        assert!(ring.knows_tenant("default") && !ring.knows_tenant("a"));
        assert!(!format!("{ring:?}").contains("bootstrap-key-of"));
    }
}
