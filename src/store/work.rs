//! Work that must outlive the process: responses that a later request continues, files, batches, jobs. Knows tables of
//! rows with an end, not what they mean.
//!
//! ```text
//! one sled tree a table:  key, 0, chunk u16 BE → the row in chunks of ≤ 256 KiB (sled leaks larger values)
//! a row:                  checksum of key and rest (16 bytes), end in Unix milliseconds u64 LE, value
//! ```
//! What is put is in the kernel's hands when the call returns, so that it survives the process; with
//! [`WorkStore::sync`] it survives a power cut as well. A row that does not fit its checksum is no row.

use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use sled::transaction::{ConflictableTransactionError, TransactionError, TransactionalTree};
use sled::{Transactional, Tree};

use super::folder::{DataFolder, create_private};
use super::open::{SledFault, SledSettings, guarded, open_sled, sync};

const CHUNK: usize = 256 << 10;
/// Checksum and end.
const HEAD: usize = 24;
/// Most bytes of a row: what is larger belongs in a file.
pub const MAX_ROW: usize = 16 << 20;

/// Why a row cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum WorkError {
    /// The database does not do it, most often for want of space.
    #[error("{0}")]
    Fault(#[from] SledFault),
    /// It is larger than [`MAX_ROW`].
    #[error("a row of {0} bytes is too large")]
    TooLarge(usize),
}

/// A table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Table {
    /// Finished responses and what a next one needs of them.
    Responses,
    /// Uploaded and written files, their descriptions.
    Files,
    /// Batches.
    Batches,
    /// Answered lines of batches.
    Lines,
    /// Requests that are answered later.
    Jobs,
}

const TABLES: [&str; 5] = ["responses", "files", "batches", "lines", "jobs"];

/// A row to be written, or removed where it has no value.
#[derive(Debug, Clone)]
pub struct WorkChange {
    /// Where.
    pub table: Table,
    /// Under which key, of at most 512 bytes.
    pub key: Vec<u8>,
    /// What it holds from then on.
    pub value: Option<Vec<u8>>,
    /// Unix milliseconds from which on it is gone; `u64::MAX`: never.
    pub ends_ms: u64,
}

/// The rows.
#[derive(Debug)]
pub struct WorkStore {
    db: sled::Db,
    folder: PathBuf,
    trees: [Tree; 5],
}

impl WorkStore {
    /// Opens `work/`; what cannot be opened is put aside as `work.bad-<unix seconds>`, and said so.
    ///
    /// # Errors
    /// What the system refused.
    pub fn open(folder: &DataFolder) -> Result<Self, WorkError> {
        let path = folder.work();
        match Self::open_at(&path) {
            Err(WorkError::Fault(fault)) if !fault.is_refusal() => {
                let now = SystemTime::now().duration_since(UNIX_EPOCH);
                let aside = format!("work.bad-{}", now.unwrap_or_default().as_secs());
                let aside = folder.root().join(aside);
                tracing::error!(%fault, aside = %aside.display(),
                    "batches and stored responses cannot be read and are put aside");
                std::fs::rename(&path, &aside).map_err(SledFault::Io)?;
                Self::open_at(&path)
            }
            opened => opened,
        }
    }

    fn open_at(path: &Path) -> Result<Self, WorkError> {
        create_private(path).map_err(SledFault::Io)?;
        let settings = SledSettings {
            cache_bytes: 8 << 20,
            flush_every_ms: Some(200),
            segment_bytes: 8 << 20,
        };
        let (db, _) = open_sled(path, &settings)?;
        let opened = db.clone();
        let trees = guarded(move || {
            let tree = |name: &str| opened.open_tree(name);
            let [a, b, c, d, e] = TABLES;
            Ok([tree(a)?, tree(b)?, tree(c)?, tree(d)?, tree(e)?])
        })?;
        Ok(Self {
            db,
            folder: path.to_owned(),
            trees,
        })
    }

    /// Writes and removes rows, all or none of them.
    ///
    /// # Errors
    /// [`WorkError`]; nothing is changed then.
    pub fn apply(&self, changes: &[WorkChange]) -> Result<(), WorkError> {
        let mut rows = Vec::with_capacity(changes.len());
        for change in changes {
            self.rows_of(change, &mut rows)?;
        }
        guarded(|| {
            let [a, b, c, d, e] = &self.trees;
            let done = (a, b, c, d, e).transaction(|(a, b, c, d, e)| {
                let trees = [a, b, c, d, e];
                for (table, key, value) in &rows {
                    let tree: &TransactionalTree = trees[*table as usize];
                    match value {
                        Some(value) => tree.insert(key.as_slice(), value.as_slice())?,
                        None => tree.remove(key.as_slice())?,
                    };
                }
                Ok::<(), ConflictableTransactionError<()>>(())
            });
            match done {
                Ok(()) | Err(TransactionError::Abort(())) => self.db.flush().map(drop),
                Err(TransactionError::Storage(error)) => Err(error),
            }
        })?;
        Ok(())
    }

    /// One row, unless it has ended.
    ///
    /// # Errors
    /// The database does not answer.
    pub fn get(&self, table: Table, key: &[u8], now_ms: u64) -> Result<Option<Vec<u8>>, WorkError> {
        let row = guarded(|| {
            let mut row = Vec::new();
            for chunk in 0..=u16::MAX {
                let Some(part) = self.tree(table).get(chunk_key(key, chunk))? else {
                    break;
                };
                row.extend_from_slice(&part);
                if part.len() < CHUNK {
                    break;
                }
            }
            Ok(row)
        })?;
        Ok(unsealed(key, &row).and_then(|(ends, value)| (now_ms < ends).then(|| value.to_vec())))
    }

    /// The keys of a table that begin with `prefix`, ascending, ended ones included.
    ///
    /// # Errors
    /// The database does not answer.
    pub fn keys(&self, table: Table, prefix: &[u8]) -> Result<Vec<Vec<u8>>, WorkError> {
        Ok(guarded(|| {
            let mut keys = Vec::new();
            for key in self.tree(table).scan_prefix(prefix).keys() {
                let key = key?;
                if let Some((key, [0, 0, 0])) = key.split_last_chunk() {
                    keys.push(key.to_vec());
                }
            }
            Ok(keys)
        })?)
    }

    /// Removes what of some tables has ended or cannot be read; says how many rows that were.
    ///
    /// # Errors
    /// The database does not do it.
    pub fn sweep(&self, tables: &[Table], now_ms: u64) -> Result<usize, WorkError> {
        let mut ended = Vec::new();
        for &table in tables {
            for key in self.keys(table, &[])? {
                if self.get(table, &key, now_ms)?.is_none() {
                    ended.push(WorkChange {
                        table,
                        key,
                        value: None,
                        ends_ms: 0,
                    });
                }
            }
        }
        for some in ended.chunks(64) {
            self.apply(some)?;
        }
        Ok(ended.len())
    }

    /// Bytes that all of it takes on the disk.
    ///
    /// # Errors
    /// The database does not tell.
    pub fn bytes(&self) -> Result<u64, WorkError> {
        Ok(guarded(|| self.db.size_on_disk())?)
    }

    /// Makes all that was written survive a power cut.
    ///
    /// # Errors
    /// The system refused.
    pub fn sync(&self) -> Result<(), WorkError> {
        Ok(sync(&self.db, &self.folder)?)
    }

    fn tree(&self, table: Table) -> &Tree {
        &self.trees[table as usize]
    }

    /// The chunks that a change writes, and those of the row before that it leaves behind.
    fn rows_of(&self, change: &WorkChange, rows: &mut Vec<Chunk>) -> Result<(), WorkError> {
        let mut written = 0;
        if let Some(value) = &change.value {
            if value.len() > MAX_ROW {
                return Err(WorkError::TooLarge(value.len()));
            }
            let row = sealed(&change.key, change.ends_ms, value);
            for (at, chunk) in (0..).zip(row.chunks(CHUNK)) {
                let key = chunk_key(&change.key, at);
                rows.push((change.table, key, Some(chunk.to_vec())));
                written = at + 1;
            }
        }
        for chunk in written..=u16::MAX {
            let key = chunk_key(&change.key, chunk);
            if !guarded(|| self.tree(change.table).contains_key(&key))? {
                break;
            }
            rows.push((change.table, key, None));
        }
        Ok(())
    }
}

type Chunk = (Table, Vec<u8>, Option<Vec<u8>>);

fn chunk_key(key: &[u8], chunk: u16) -> Vec<u8> {
    [key, &[0], &chunk.to_be_bytes()].concat()
}

fn sealed(key: &[u8], ends_ms: u64, value: &[u8]) -> Vec<u8> {
    let mut row = Vec::with_capacity(HEAD + value.len());
    row.extend_from_slice(&checksum(key, &ends_ms.to_le_bytes(), value));
    row.extend_from_slice(&ends_ms.to_le_bytes());
    row.extend_from_slice(value);
    row
}

fn unsealed<'a>(key: &[u8], row: &'a [u8]) -> Option<(u64, &'a [u8])> {
    let (sum, rest) = row.split_first_chunk::<16>()?;
    let (ends, value) = rest.split_first_chunk::<8>()?;
    (*sum == checksum(key, ends, value)).then(|| (u64::from_le_bytes(*ends), value))
}

fn checksum(key: &[u8], ends: &[u8; 8], value: &[u8]) -> [u8; 16] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&(key.len() as u64).to_le_bytes());
    hasher.update(key).update(ends).update(value);
    let mut sum = [0; 16];
    hasher.finalize_xof().fill(&mut sum);
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(key: &str, value: Option<Vec<u8>>, ends_ms: u64) -> WorkChange {
        WorkChange {
            table: Table::Jobs,
            key: key.into(),
            value,
            ends_ms,
        }
    }

    fn store() -> (tempfile::TempDir, WorkStore) {
        let temp = tempfile::tempdir().unwrap();
        let store = WorkStore::open_at(&temp.path().join("work")).unwrap();
        (temp, store)
    }

    #[test]
    fn a_row_of_any_size_is_found_until_it_ends() {
        let (_temp, store) = store();
        for size in [0, 1, CHUNK - HEAD, CHUNK, 3 * CHUNK + 5] {
            let value = vec![7; size];
            store.apply(&[put("a", Some(value.clone()), 100)]).unwrap();
            assert_eq!(store.get(Table::Jobs, b"a", 99).unwrap(), Some(value));
            assert_eq!(store.get(Table::Jobs, b"a", 100).unwrap(), None);
        }
        assert_eq!(store.get(Table::Files, b"a", 0).unwrap(), None);
        let huge = put("b", Some(vec![0; MAX_ROW + 1]), 100);
        assert!(matches!(store.apply(&[huge]), Err(WorkError::TooLarge(_))));
    }

    #[test]
    fn keys_are_told_by_their_beginning_and_a_sweep_leaves_what_has_not_ended() {
        let (_temp, store) = store();
        let long = Some(vec![1; 2 * CHUNK]);
        let rows = [
            put("a/1", long, 10),
            put("a/2", Some(vec![]), 30),
            put("b/1", Some(vec![]), 10),
        ];
        store.apply(&rows).unwrap();
        assert_eq!(store.keys(Table::Jobs, b"a/").unwrap(), [b"a/1", b"a/2"]);
        assert_eq!(store.sweep(&[Table::Jobs], 20).unwrap(), 2);
        assert_eq!(store.keys(Table::Jobs, b"").unwrap(), [b"a/2"]);
        store.apply(&[put("a/2", None, 0)]).unwrap();
        assert!(store.keys(Table::Jobs, b"").unwrap().is_empty());
    }

    #[test]
    fn a_damaged_row_is_no_row() {
        let (_temp, store) = store();
        store.apply(&[put("a", Some(vec![1, 2, 3]), 10)]).unwrap();
        let key = chunk_key(b"a", 0);
        let mut row = store.tree(Table::Jobs).get(&key).unwrap().unwrap().to_vec();
        for at in 0..row.len() {
            row[at] ^= 1;
            store.tree(Table::Jobs).insert(&key, row.clone()).unwrap();
            assert_eq!(store.get(Table::Jobs, b"a", 0).unwrap(), None, "byte {at}");
            row[at] ^= 1;
        }
    }

    #[test]
    fn rows_outlive_the_handle() {
        let (temp, store) = store();
        store.apply(&[put("a", Some(vec![1]), 10)]).unwrap();
        store.sync().unwrap();
        drop(store);
        let again = WorkStore::open_at(&temp.path().join("work")).unwrap();
        assert_eq!(again.get(Table::Jobs, b"a", 0).unwrap(), Some(vec![1]));
    }
}
