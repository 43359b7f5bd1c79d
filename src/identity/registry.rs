//! The keys that were given out: made, listed and revoked, on disk before
//! anybody is told, in force at the next request, and written to the audit log.

use std::sync::Arc;

use parking_lot::Mutex;
use serde_json::{Value, json};

use super::{KeyError, KeyRecord, Keyring, NewKey, Role, TenantId};
use crate::chat::unix_ms;
use crate::store::{AuditError, AuditEvent, AuditLog, StateError, StateStore};

/// What the audit log calls the making of a key.
pub const KEY_CREATED: &str = "key.create";

/// The table of `state/` that holds key records.
const TABLE: &str = "keys";

/// Why a key could not be made, listed or revoked.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// The record is not one.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// It could not be stored; nothing changed.
    #[error(transparent)]
    State(#[from] StateError),
    /// It could not be audited.
    #[error(transparent)]
    Audit(#[from] AuditError),
    /// A stored record cannot be read.
    #[error("the key record `{0}` cannot be read")]
    Unreadable(String),
    /// There is no such key.
    #[error("there is no key with the id `{0}`")]
    Unknown(String),
}

/// Keys on disk and in force.
pub struct Registry {
    state: Arc<StateStore>,
    audit: Arc<AuditLog>,
    keyring: Arc<Keyring>,
    changing: Mutex<()>,
}

impl Registry {
    /// Reads all keys and puts them in force.
    ///
    /// # Errors
    /// A record that cannot be read: starting with fewer keys than there are is not an option.
    pub fn open(
        state: Arc<StateStore>,
        audit: Arc<AuditLog>,
        keyring: Arc<Keyring>,
    ) -> Result<Self, RegistryError> {
        let registry = Self {
            state,
            audit,
            keyring,
            changing: Mutex::new(()),
        };
        registry.keyring.replace(&registry.list()?)?;
        Ok(registry)
    }

    /// All keys ever made, oldest first.
    ///
    /// # Errors
    /// A record that cannot be read.
    pub fn list(&self) -> Result<Vec<KeyRecord>, RegistryError> {
        let mut records = Vec::new();
        for (id, row) in self.state.all(TABLE) {
            let record = serde_json::from_value(row).map_err(|_| RegistryError::Unreadable(id))?;
            records.push(record);
        }
        records.sort_by_key(|r: &KeyRecord| r.created_ms);
        Ok(records)
    }

    /// Makes a key; it is the only time that its secret is known.
    ///
    /// # Errors
    /// Nothing was made then.
    pub fn create(
        &self,
        actor: &str,
        tenant: TenantId,
        role: Role,
        label: Option<String>,
    ) -> Result<NewKey, RegistryError> {
        let _one_at_a_time = self.changing.lock();
        let key = NewKey::create(tenant, role, label)?;
        // Audited first: a key that exists and is in no trail would be worse than a line too many.
        self.note(
            actor,
            (KEY_CREATED, &key.record.id),
            (Value::Null, shown(&key.record)),
        )?;
        self.write(&key.record)?;
        Ok(key)
    }

    /// Revokes a key; it is refused from the next request on.
    ///
    /// # Errors
    /// [`RegistryError::Unknown`], or it could not be stored and still holds.
    pub fn revoke(&self, actor: &str, id: &str) -> Result<KeyRecord, RegistryError> {
        let _one_at_a_time = self.changing.lock();
        let found = self.list()?.into_iter().find(|r| r.id == id);
        let mut record = found.ok_or_else(|| RegistryError::Unknown(id.to_owned()))?;
        let before = shown(&record);
        record.revoked_ms.get_or_insert_with(unix_ms);
        // Revoked first: a trail that cannot be written must not keep a stolen key alive.
        self.write(&record)?;
        self.note(actor, ("key.revoke", id), (before, shown(&record)))?;
        Ok(record)
    }

    fn write(&self, record: &KeyRecord) -> Result<(), RegistryError> {
        let row = serde_json::to_value(record)
            .map_err(|_| RegistryError::Unreadable(record.id.clone()))?;
        self.state.put(TABLE, &record.id, &row)?;
        self.keyring.replace(&self.list()?)?;
        Ok(())
    }

    fn note(
        &self,
        actor: &str,
        (action, target): (&str, &str),
        (before, after): (Value, Value),
    ) -> Result<(), RegistryError> {
        self.audit.append(&AuditEvent {
            ts_ms: unix_ms(),
            actor: actor.to_owned(),
            action: action.to_owned(),
            target: target.to_owned(),
            before,
            after,
        })?;
        Ok(())
    }
}

/// A record as people see it: everything but the digest.
#[must_use]
pub fn shown(record: &KeyRecord) -> Value {
    json!({
        "id": record.id,
        "tenant": record.tenant,
        "role": record.role,
        "label": record.label,
        "created_ms": record.created_ms,
        "revoked_ms": record.revoked_ms,
    })
}
