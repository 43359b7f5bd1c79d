//! Why the state cannot be used.

use std::io;
use std::path::{Path, PathBuf};

use super::open::SledFault;
use super::state_db::SCHEMA;

/// Why the state cannot be used; each prints as one line that tells the operator what to do.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// The database is gone or does not hold what was acknowledged.
    #[error("state in {} is damaged ({reason}); {}", path.display(), advice(newest.as_deref()))]
    Damaged {
        /// The state folder.
        path: PathBuf,
        /// What does not add up.
        reason: String,
        /// The newest readable export.
        newest: Option<PathBuf>,
    },
    /// The system refused to open it, which says nothing about what it holds.
    #[error("state in {} cannot be opened: {fault}", path.display())]
    Refused {
        /// The state folder.
        path: PathBuf,
        /// What the system said.
        #[source]
        fault: SledFault,
    },
    /// A newer build wrote it.
    #[error("state in {} has schema {found}, this build knows {SCHEMA}: use a newer build", path.display())]
    NewerSchema {
        /// The state folder.
        path: PathBuf,
        /// Its schema.
        found: u32,
    },
    /// An export that was to be restored is not what was written.
    #[error("export {} cannot be restored: {source}", path.display())]
    Export {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A table name that cannot be stored.
    #[error("a table name is neither empty nor contains a NUL")]
    Table,
    /// A change that did not reach the disk; what is in memory did not change.
    #[error("state was not written: {0}")]
    Write(#[from] SledFault),
    /// The file system refused.
    #[error("state folder: {0}")]
    Io(#[from] io::Error),
}

fn advice(newest: Option<&Path>) -> String {
    match newest {
        Some(path) => format!(
            "the newest export is {}: `reprise keys restore` takes it back",
            path.display()
        ),
        None => "there is no readable export".to_owned(),
    }
}
