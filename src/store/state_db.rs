//! The rows of the state as sled holds them: read as a whole, checked against their digest, changed in one transaction.

use std::fs;
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};
use sled::transaction::{ConflictableTransactionError, TransactionError};

use super::export::{Rows, digest};
use super::folder::{create_private, sync_folder, write_atomically};
use super::open::{SledFault, SledSettings, guarded, open_sled, sync};

pub(super) const SCHEMA: u32 = 1;
/// Starts with a byte that no table name has.
pub(super) const META: &[u8] = b"\0meta";

#[derive(Debug, Serialize, Deserialize, PartialEq)]
pub(super) struct Meta {
    pub(super) schema: u32,
    pub(super) generation: u64,
    pub(super) count: u64,
    pub(super) digest: String,
}

pub(super) enum LoadError {
    Newer(u32),
    Damaged(String),
}

pub(super) fn open_db(folder: &Path) -> Result<sled::Db, SledFault> {
    let folder = folder.join("db");
    create_private(&folder)?;
    let settings = SledSettings {
        cache_bytes: 1 << 20,
        flush_every_ms: None,
        segment_bytes: 512 << 10,
    };
    open_sled(&folder, &settings).map(|(db, _)| db)
}

pub(super) fn commit(
    db: &sled::Db,
    folder: &Path,
    changes: &[(Vec<u8>, Option<Vec<u8>>)],
    rows: &Rows,
    generation: u64,
) -> Result<(), SledFault> {
    let count = rows.values().map(|rows| rows.len() as u64).sum();
    let meta = Meta {
        schema: SCHEMA,
        generation,
        count,
        digest: digest(generation, rows),
    };
    let meta = serde_json::to_vec(&meta).map_err(io::Error::from)?;
    guarded(|| {
        let done = db.transaction(|tree| {
            for (key, value) in changes {
                match value {
                    Some(value) => tree.insert(key.as_slice(), value.as_slice())?,
                    None => tree.remove(key.as_slice())?,
                };
            }
            tree.insert(META, meta.as_slice())?;
            Ok::<(), ConflictableTransactionError<()>>(())
        });
        match done {
            Ok(()) | Err(TransactionError::Abort(())) => Ok(()),
            Err(TransactionError::Storage(error)) => Err(error),
        }
    })?;
    sync(db, &folder.join("db"))
}

pub(super) fn load(db: &sled::Db) -> Result<(Rows, Option<Meta>), LoadError> {
    let fault = |fault: SledFault| LoadError::Damaged(fault.to_string());
    let bad = |reason: &str| LoadError::Damaged(reason.to_owned());
    let stored: Vec<_> = guarded(|| db.iter().collect::<Result<Vec<_>, _>>()).map_err(fault)?;
    let mut rows = Rows::new();
    let mut meta = None;
    for (key, value) in stored {
        if key == META {
            let found: Meta =
                serde_json::from_slice(&value).map_err(|_| bad("its meta row is unreadable"))?;
            meta = Some(found);
            continue;
        }
        let (table, key) = parse_key(&key).ok_or_else(|| bad("a row has an unreadable key"))?;
        let value = serde_json::from_slice(&value).map_err(|_| bad("a row is unreadable"))?;
        rows.entry(table).or_default().insert(key, value);
    }
    let Some(meta) = meta else {
        return if rows.is_empty() {
            Ok((rows, None))
        } else {
            Err(bad("its meta row is missing"))
        };
    };
    if meta.schema > SCHEMA {
        return Err(LoadError::Newer(meta.schema));
    }
    let count: u64 = rows.values().map(|rows| rows.len() as u64).sum();
    if count != meta.count || digest(meta.generation, &rows) != meta.digest {
        return Err(bad("its rows do not fit its digest"));
    }
    Ok((rows, Some(meta)))
}

pub(super) fn mark_keyed(folder: &Path) -> io::Result<()> {
    let marker = folder.join("KEYED");
    if marker.exists() {
        return Ok(());
    }
    write_atomically(
        &marker,
        b"This folder held an API key: a gateway on it requires one for good.\n",
    )
}

pub(super) fn put_aside(folder: &Path) -> io::Result<()> {
    for other in fs::read_dir(folder)? {
        let other = other?;
        if other.file_name().to_string_lossy().starts_with("db.bad-") {
            fs::remove_dir_all(other.path())?;
        }
    }
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap_or_default();
    match fs::rename(
        folder.join("db"),
        folder.join(format!("db.bad-{}", now.as_secs())),
    ) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => sync_folder(folder),
    }
}

pub(super) fn row_key(table: &str, key: &str) -> Vec<u8> {
    [table.as_bytes(), b"\0", key.as_bytes()].concat()
}

pub(super) fn parse_key(bytes: &[u8]) -> Option<(String, String)> {
    let (table, key) = std::str::from_utf8(bytes).ok()?.split_once('\0')?;
    (!table.is_empty()).then(|| (table.to_owned(), key.to_owned()))
}

pub(super) fn flat(rows: &Rows) -> impl Iterator<Item = (Vec<u8>, Vec<u8>)> + '_ {
    rows.iter().flat_map(|(table, rows)| {
        rows.iter()
            .map(move |(key, value)| (row_key(table, key), value.to_string().into_bytes()))
    })
}
