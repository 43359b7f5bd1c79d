//! The sled trees of the cache and their keys. Knows rows and chunks; knows nothing of liveness or queues.
//!
//! ```text
//! entries  block u64 BE, chunk u8 → records of entries, ≤ 256 KiB a row (sled leaks larger values)
//! vectors  block u64 BE           → records of vectors
//! exact    block u64 BE           → directory: exact key, id, expiry and place of each live record
//! meta     "schema", "ids", and whose vectors lie where (see `generations`) → sealed values
//! vectors-a, vectors-b
//!          id u64 BE              → record of one vector
//! ```
//! A block's rows appear and go in one transaction, which sled recovers as a whole or not at all.

use std::path::Path;

use sled::transaction::{ConflictableTransactionError, TransactionError, TransactionalTree};
use sled::{IVec, Transactional, Tree};

use super::block::{Block, encode_directory};
use super::generations::Place;
use super::open::{SledFault, SledSettings, guarded, open_sled};

const CHUNK: usize = 256 << 10;

/// One change of one row; `None` removes it.
#[derive(Debug)]
pub(super) struct Change {
    tree: Which,
    key: Vec<u8>,
    value: Option<Vec<u8>>,
}

#[derive(Debug, Clone, Copy)]
enum Which {
    Entries,
    Vectors,
    Exact,
    Meta,
    A,
    B,
}

/// An open cache database.
#[derive(Debug)]
pub(super) struct Trees {
    pub(super) db: sled::Db,
    entries: Tree,
    vectors: Tree,
    exact: Tree,
    meta: Tree,
    a: Tree,
    b: Tree,
}

/// The entry bytes of a block.
pub(super) enum Bytes {
    One(IVec),
    Joined(Vec<u8>),
}

impl std::ops::Deref for Bytes {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        match self {
            Self::One(bytes) => bytes,
            Self::Joined(bytes) => bytes,
        }
    }
}

impl Trees {
    pub(super) fn open(folder: &Path, settings: &SledSettings) -> Result<(Self, bool), SledFault> {
        let (db, repaired) = open_sled(folder, settings)?;
        let trees = guarded(move || {
            let tree = |name: &str| db.open_tree(name);
            let (entries, vectors, exact) = (tree("entries")?, tree("vectors")?, tree("exact")?);
            let (meta, a, b) = (tree("meta")?, tree("vectors-a")?, tree("vectors-b")?);
            Ok(Self {
                db,
                entries,
                vectors,
                exact,
                meta,
                a,
                b,
            })
        })?;
        Ok((trees, repaired))
    }

    pub(super) fn is_empty(&self) -> Result<bool, SledFault> {
        guarded(|| Ok(self.entries.is_empty() && self.exact.is_empty()))
    }

    /// Applies all of `changes` or none.
    pub(super) fn apply(&self, changes: &[Change]) -> Result<(), SledFault> {
        guarded(|| {
            let (entries, vectors, exact) = (&self.entries, &self.vectors, &self.exact);
            let trees = (entries, vectors, exact, &self.meta, &self.a, &self.b);
            let done = trees.transaction(|(entries, vectors, exact, meta, a, b)| {
                for change in changes {
                    let tree = match change.tree {
                        Which::Entries => entries,
                        Which::Vectors => vectors,
                        Which::Exact => exact,
                        Which::Meta => meta,
                        Which::A => a,
                        Which::B => b,
                    };
                    write(tree, change)?;
                }
                Ok::<(), ConflictableTransactionError<()>>(())
            });
            match done {
                Ok(()) | Err(TransactionError::Abort(())) => Ok(()),
                Err(TransactionError::Storage(error)) => Err(error),
            }
        })
    }

    pub(super) fn entries(&self, block: u64) -> Result<Option<Bytes>, SledFault> {
        guarded(|| {
            let Some(first) = self.entries.get(chunk_key(block, 0))? else {
                return Ok(None);
            };
            if first.len() < CHUNK {
                return Ok(Some(Bytes::One(first)));
            }
            let mut joined = first.to_vec();
            for chunk in 1..=u8::MAX {
                let Some(next) = self.entries.get(chunk_key(block, chunk))? else {
                    break;
                };
                joined.extend_from_slice(&next);
            }
            Ok(Some(Bytes::Joined(joined)))
        })
    }

    pub(super) fn vectors(&self, block: u64) -> Result<Option<IVec>, SledFault> {
        guarded(|| self.vectors.get(block.to_be_bytes()))
    }

    pub(super) fn directory(&self, block: u64) -> Result<Option<IVec>, SledFault> {
        guarded(|| self.exact.get(block.to_be_bytes()))
    }

    /// Every directory row, ascending by block.
    pub(super) fn for_each_directory(
        &self,
        mut f: impl FnMut(u64, &[u8]),
    ) -> Result<(), SledFault> {
        guarded(|| {
            for row in &self.exact {
                let (key, value) = row?;
                if let Ok(key) = <[u8; 8]>::try_from(&*key) {
                    f(u64::from_be_bytes(key), &value);
                }
            }
            Ok(())
        })
    }

    /// The record of a vector in a tree of its own.
    pub(super) fn own_vector(&self, place: Place, id: u64) -> Result<Option<IVec>, SledFault> {
        guarded(|| self.place(place).get(id.to_be_bytes()))
    }

    /// Drops every vector of a place.
    pub(super) fn clear(&self, place: Place) -> Result<(), SledFault> {
        guarded(|| self.place(place).clear())
    }

    /// Drops up to `limit` rows of a place, each by itself, so that nobody waits; says how many there were.
    pub(super) fn thin(&self, place: Place, limit: usize) -> Result<usize, SledFault> {
        let tree = self.place(place);
        guarded(|| {
            let keys: Vec<IVec> = tree.iter().keys().take(limit).collect::<Result<_, _>>()?;
            for key in &keys {
                tree.remove(key)?;
            }
            Ok(keys.len())
        })
    }

    fn place(&self, place: Place) -> &Tree {
        match place {
            Place::Blocks => &self.vectors,
            Place::A => &self.a,
            Place::B => &self.b,
        }
    }

    /// The change that writes the record of a vector in a tree of its own, or removes it; none in blocks, whose rows
    /// change as a whole.
    pub(super) fn own(place: Place, id: u64, record: Option<Vec<u8>>) -> Option<Change> {
        let tree = match place {
            Place::Blocks => return None,
            Place::A => Which::A,
            Place::B => Which::B,
        };
        Some(Change {
            tree,
            key: id.to_be_bytes().to_vec(),
            value: record,
        })
    }

    /// The value of a meta row, if it is what was written; the flag tells a damaged row from an absent one.
    pub(super) fn meta(&self, key: &str) -> Result<Sealed, SledFault> {
        let row = guarded(|| self.meta.get(key))?;
        Ok(match row {
            None => Sealed::Absent,
            Some(row) => match row.split_at_checked(16) {
                Some((sum, value)) if sum == meta_sum(key, value) => Sealed::Value(value.to_vec()),
                _ => Sealed::Damaged,
            },
        })
    }

    /// Changes that write `block` over whatever lies under its key.
    pub(super) fn put_block(&self, key: u64, block: &Block) -> Result<Vec<Change>, SledFault> {
        let mut changes = self.remove_block(key)?;
        changes.extend(Self::new_block(key, block));
        Ok(changes)
    }

    /// Changes that write a block whose key is not in use.
    pub(super) fn new_block(key: u64, block: &Block) -> Vec<Change> {
        let mut changes = Vec::with_capacity(3);
        for (at, chunk) in (0u8..).zip(block.entries.chunks(CHUNK)) {
            changes.push(put(
                Which::Entries,
                chunk_key(key, at).to_vec(),
                chunk.to_vec(),
            ));
        }
        if !block.vectors.is_empty() {
            changes.push(put(
                Which::Vectors,
                key.to_be_bytes().to_vec(),
                block.vectors.clone(),
            ));
        }
        changes.push(Self::put_directory(key, block));
        changes
    }

    /// The change that writes only the directory of `block`.
    pub(super) fn put_directory(key: u64, block: &Block) -> Change {
        put(
            Which::Exact,
            key.to_be_bytes().to_vec(),
            encode_directory(key, &block.lines),
        )
    }

    /// Changes that remove every row of a block.
    pub(super) fn remove_block(&self, key: u64) -> Result<Vec<Change>, SledFault> {
        let row = |tree, key: &[u8]| Change {
            tree,
            key: key.to_vec(),
            value: None,
        };
        let mut changes = vec![
            row(Which::Exact, &key.to_be_bytes()),
            row(Which::Vectors, &key.to_be_bytes()),
        ];
        for chunk in 0..=u8::MAX {
            let chunk = chunk_key(key, chunk);
            if !guarded(|| self.entries.contains_key(chunk))? {
                break;
            }
            changes.push(row(Which::Entries, &chunk));
        }
        Ok(changes)
    }

    /// The change that writes a meta row.
    pub(super) fn put_meta(key: &str, value: &[u8]) -> Change {
        let mut row = meta_sum(key, value).to_vec();
        row.extend_from_slice(value);
        put(Which::Meta, key.as_bytes().to_vec(), row)
    }

    /// Blocks that hold vectors without a directory: none, whatever happened.
    #[cfg(test)]
    pub(super) fn orphans(&self) -> Vec<u64> {
        let keys = self.vectors.iter().keys().chain(self.entries.iter().keys());
        let blocks = keys.map(|key| u64::from_be_bytes(key.unwrap()[..8].try_into().unwrap()));
        blocks
            .filter(|block| self.directory(*block).unwrap().is_none())
            .collect()
    }
}

/// A meta row.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Sealed {
    Absent,
    Damaged,
    Value(Vec<u8>),
}

fn write(
    tree: &TransactionalTree,
    change: &Change,
) -> Result<(), ConflictableTransactionError<()>> {
    match &change.value {
        Some(value) => tree.insert(change.key.as_slice(), value.as_slice())?,
        None => tree.remove(change.key.as_slice())?,
    };
    Ok(())
}

fn put(tree: Which, key: Vec<u8>, value: Vec<u8>) -> Change {
    Change {
        tree,
        key,
        value: Some(value),
    }
}

fn chunk_key(block: u64, chunk: u8) -> [u8; 9] {
    let mut key = [chunk; 9];
    key[..8].copy_from_slice(&block.to_be_bytes());
    key
}

fn meta_sum(key: &str, value: &[u8]) -> [u8; 16] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(key.as_bytes());
    hasher.update(&[0]);
    hasher.update(value);
    let mut half = [0; 16];
    half.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
    half
}
