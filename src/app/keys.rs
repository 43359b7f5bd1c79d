//! `reprise keys`: through the running gateway's socket, or on the folder itself
//! when no gateway holds it.

use std::path::Path;

use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use super::data::{Data, DataError, open_audit};
use super::socket;
use crate::chat::unix_ms;
use crate::identity::{Role, TenantId, shown};
use crate::provider::local::{Local, LocalError};
use crate::store::{AuditEvent, DataFolder, StateStore};

/// Who the audit log says it was.
const OPERATOR: &str = "operator";

/// Why the keys could not be worked on; one line each.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "each variant is its source's own line")]
pub enum KeysError {
    #[error(transparent)]
    Data(#[from] DataError),
    #[error("the running gateway: {0}")]
    Gateway(#[from] LocalError),
    #[error("the running gateway gave no key; `reprise keys list` shows whether it made one")]
    NoKey,
}

/// Where keys are worked on.
pub enum Keys {
    /// A gateway runs on the folder: it makes the change, so that it holds at once.
    Running(Local),
    /// None does.
    Folder(Offline),
}

/// The folder itself, locked.
pub struct Offline(Box<Data>);

/// A key just made.
pub struct Made {
    /// Its public name.
    pub id: String,
    /// What opens the gateway; it exists nowhere else.
    pub secret: SecretString,
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
        Ok(Self::Folder(Offline(Box::new(Data::open(folder, None)?))))
    }

    /// Makes a key, the only time that its secret is known.
    ///
    /// # Errors
    /// Nothing was made then, unless it is [`KeysError::NoKey`].
    pub async fn create(
        &self,
        tenant: TenantId,
        role: Role,
        label: Option<String>,
    ) -> Result<Made, KeysError> {
        match self {
            Self::Folder(Offline(data)) => {
                let made = data.registry.create(OPERATOR, tenant, role, label);
                let made = made.map_err(DataError::from)?;
                Ok(Made {
                    id: made.record.id,
                    secret: made.secret,
                })
            }
            Self::Running(local) => {
                let wanted = json!({"tenant": tenant, "role": role, "label": label});
                let made = local.post("/control/keys", &wanted).await?;
                let text = |name| made.get(name).and_then(Value::as_str);
                match (text("id"), text("key")) {
                    (Some(id), Some(secret)) => Ok(Made {
                        id: id.to_owned(),
                        secret: SecretString::from(secret),
                    }),
                    _ => Err(KeysError::NoKey),
                }
            }
        }
    }

    /// All keys ever made, as people see them.
    ///
    /// # Errors
    /// They cannot be read.
    pub async fn list(&self) -> Result<Vec<Value>, KeysError> {
        match self {
            Self::Folder(Offline(data)) => {
                let keys = data.registry.list().map_err(DataError::from)?;
                Ok(keys.iter().map(shown).collect())
            }
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
            Self::Folder(Offline(data)) => {
                let revoked = data.registry.revoke(OPERATOR, id);
                revoked.map_err(DataError::from)?;
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
pub fn restore(folder: &Path, export: &Path) -> Result<usize, DataError> {
    let folder = DataFolder::open(folder)?;
    let audit = open_audit(&folder)?;
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
