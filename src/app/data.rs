//! The data folder, locked, with the keys that are in it: what a start and `reprise keys`
//! both stand on.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use secrecy::SecretString;

use crate::identity::{KEY_CREATED, Keyring, Registry, RegistryError};
use crate::store::{AuditError, AuditLog, DataFolder, FolderError, StateError, StateStore};

/// Why the data folder cannot be worked on; one line each.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "each variant is its source's own line")]
pub enum DataError {
    #[error(transparent)]
    Folder(#[from] FolderError),
    #[error(transparent)]
    State(#[from] StateError),
    #[error(transparent)]
    Audit(#[from] AuditError),
    #[error(transparent)]
    Keys(#[from] RegistryError),
    #[error(
        "state/ of {} is empty, but audit/ tells of keys that were made: take them back from a copy of an \
         export with `reprise keys restore EXPORT`, or move audit/ away to start without them", .0.display()
    )]
    KeysLost(PathBuf),
}

/// An opened data folder.
pub(super) struct Data {
    pub(super) state: Arc<StateStore>,
    pub(super) audit: Arc<AuditLog>,
    pub(super) keyring: Arc<Keyring>,
    pub(super) registry: Registry,
    /// Its lock; the last to go.
    pub(super) folder: DataFolder,
}

impl Data {
    /// Opens a folder, made when missing, and puts its keys and the bootstrap key in force.
    pub(super) fn open(path: &Path, bootstrap: Option<&SecretString>) -> Result<Self, DataError> {
        let folder = DataFolder::open(path)?;
        let state = Arc::new(StateStore::open(&folder)?);
        let audit = Arc::new(open_audit(&folder)?);
        // The marks that a folder held keys lie beside them, and may have gone with them.
        if !state.ever_had_keys() && audit.ever(KEY_CREATED)? {
            return Err(DataError::KeysLost(path.to_owned()));
        }
        if bootstrap.is_some() {
            state.was_keyed()?;
        }
        let has = |table| !state.all(table).is_empty();
        if audit.is_empty() && (has("keys") || has("policies")) {
            tracing::error!(
                "audit/ is empty, but state/ holds what it told of: its records are lost"
            );
        }
        let keyring = Arc::new(Keyring::new(bootstrap));
        let registry = Registry::open(state.clone(), audit.clone(), keyring.clone())?;
        Ok(Self {
            state,
            audit,
            keyring,
            registry,
            folder,
        })
    }
}

/// Opens the audit log; what is broken in it is told and left as it is.
pub(super) fn open_audit(folder: &DataFolder) -> Result<AuditLog, AuditError> {
    let (audit, broken) = AuditLog::open(folder)?;
    for record in broken {
        tracing::error!(
            segment = record.segment,
            offset = record.offset,
            reason = record.reason,
            "a record of the audit log is broken; the rest is kept"
        );
    }
    Ok(audit)
}
