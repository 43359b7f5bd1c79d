//! `reprise keys`: through the running gateway's socket, or on the folder itself
//! when no gateway holds it.

use std::path::Path;
use std::sync::Arc;

use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use super::socket;
use crate::chat::unix_ms;
use crate::identity::{Keyring, Registry, RegistryError, Role, TenantId, shown};
use crate::provider::local::{Local, LocalError};
use crate::store::{
    AuditError, AuditEvent, AuditLog, DataFolder, FolderError, StateError, StateStore,
};

/// Who the audit log says it was.
const OPERATOR: &str = "operator";

/// Why the keys could not be worked on; one line each.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "each variant is its source's own line")]
pub enum KeysError {
    #[error(transparent)]
    Folder(#[from] FolderError),
    #[error(transparent)]
    State(#[from] StateError),
    #[error(transparent)]
    Audit(#[from] AuditError),
    #[error(transparent)]
    Registry(#[from] RegistryError),
    #[error("the running gateway: {0}")]
    Gateway(#[from] LocalError),
}

/// Where keys are worked on.
pub enum Keys {
    /// A gateway runs on the folder: it makes the change, so that it holds at once.
    Running(Local),
    /// None does.
    Folder(Box<Offline>),
}

/// The folder itself, locked.
pub struct Offline {
    registry: Registry,
    _folder: DataFolder,
}

impl Keys {
    /// Finds out which of the two it is.
    ///
    /// # Errors
    /// The folder cannot be used.
    pub fn open(folder: &Path) -> Result<Self, KeysError> {
        if let Some(reach) = socket::running(folder) {
            let (path, held) = reach.into_parts();
            return Ok(Self::Running(Local::by_socket(&path, held)?));
        }
        let folder = DataFolder::open(folder)?;
        let state = Arc::new(StateStore::open(&folder)?);
        let (audit, _) = AuditLog::open(&folder)?;
        let registry = Registry::open(state, Arc::new(audit), Arc::new(Keyring::new(None)))?;
        Ok(Self::Folder(Box::new(Offline {
            registry,
            _folder: folder,
        })))
    }

    /// Makes a key and gives its secret, the only time that it is known.
    ///
    /// # Errors
    /// Nothing was made then.
    pub async fn create(
        &self,
        tenant: TenantId,
        role: Role,
        label: Option<String>,
    ) -> Result<SecretString, KeysError> {
        match self {
            Self::Folder(offline) => Ok(offline
                .registry
                .create(OPERATOR, tenant, role, label)?
                .secret),
            Self::Running(local) => {
                let wanted = json!({"tenant": tenant, "role": role, "label": label});
                let made = local.post("/control/keys", &wanted).await?;
                let key = made.get("key").and_then(Value::as_str);
                Ok(SecretString::from(key.unwrap_or_default()))
            }
        }
    }

    /// All keys ever made, as people see them.
    ///
    /// # Errors
    /// They cannot be read.
    pub async fn list(&self) -> Result<Vec<Value>, KeysError> {
        match self {
            Self::Folder(offline) => Ok(offline.registry.list()?.iter().map(shown).collect()),
            Self::Running(local) => {
                let mut listed = local.get("/control/keys").await?;
                match listed["data"].take() {
                    Value::Array(keys) => Ok(keys),
                    _ => Ok(Vec::new()),
                }
            }
        }
    }

    /// Revokes a key.
    ///
    /// # Errors
    /// There is none of that id, or it could not be stored and still holds.
    pub async fn revoke(&self, id: &str) -> Result<(), KeysError> {
        match self {
            Self::Folder(offline) => {
                offline.registry.revoke(OPERATOR, id)?;
            }
            Self::Running(local) => {
                local.delete(&format!("/control/keys/{id}")).await?;
            }
        }
        Ok(())
    }
}

/// Takes keys and policies back from an export, on a folder that no gateway holds; what the
/// folder held is put aside. Gives the number of keys that are there then.
///
/// # Errors
/// A folder in use, or an export that is not what was written; nothing changed then.
pub fn restore(folder: &Path, export: &Path) -> Result<usize, KeysError> {
    let folder = DataFolder::open(folder)?;
    let (audit, _) = AuditLog::open(&folder)?;
    let state = StateStore::restore(&folder, export)?;
    audit.append(&AuditEvent {
        ts_ms: unix_ms(),
        actor: OPERATOR.to_owned(),
        action: "state.restore".to_owned(),
        target: export.display().to_string(),
        before: Value::Null,
        after: json!({"generation": state.generation()}),
    })?;
    Ok(state.all("keys").len())
}

/// A secret as `keys create` prints it.
#[must_use]
pub fn printed(secret: &SecretString) -> String {
    format!("{}\n", secret.expose_secret())
}
