//! Keys, policies and other small rows that must never silently be fewer. Knows tables and rows of JSON, not what they mean.
//!
//! Every change is one transaction that also writes the generation, the row count and a digest over all rows; it is fsynced,
//! then exported to `exports/state-<generation>.json`. Opening refuses, with one line naming the newest export, whatever
//! does not add up. Rows are held in memory, so reads never touch the disk.
//!
//! sled does not open on a full disk. The rows are then those of the newest export, provided that no change was begun after
//! it: `generation` is noted before each. Without that proof a revoked key could be in it, and opening refuses.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use parking_lot::Mutex;
use serde_json::Value;

use super::export::{self, Export, Listing, Rows, digest};
use super::folder::{DataFolder, free_bytes};
use super::open::{SledFault, is_full};
use super::state_db::{LoadError, commit, flat, load, mark_keyed, open_db, put_aside, row_key};
use super::state_error::StateError;
use super::state_mark;

/// The table whose first row closes the folder for good.
const KEYS: &str = "keys";

/// With less than this free, sled fails in the ways of damaged data too: it has no room for its next segment.
const FULL_BYTES: u64 = 2 << 20;

/// A row to be written, or removed where it has no value.
#[derive(Debug, Clone, PartialEq)]
pub struct RowChange {
    /// Its table, which is neither empty nor contains a NUL.
    pub table: &'static str,
    /// Its key there.
    pub key: String,
    /// What it holds from then on.
    pub value: Option<Value>,
}

/// The rows; changes are durable when they return.
#[derive(Debug)]
pub struct StateStore {
    folder: PathBuf,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    db: Option<sled::Db>,
    rows: Rows,
    generation: u64,
}

impl StateStore {
    /// Opens `state/` and verifies it; a new folder starts empty.
    ///
    /// # Errors
    /// [`StateError::Damaged`] whenever rows may be missing, [`StateError::NewerSchema`], or what the system refused.
    pub fn open(folder: &DataFolder) -> Result<Self, StateError> {
        let folder = folder.state();
        let exports = Listing::scan(&folder.join("exports"))?;
        let damaged = |reason: String| StateError::Damaged {
            path: folder.clone(),
            reason,
            newest: exports.newest().cloned(),
        };
        let keyed = folder.join("KEYED").exists();
        if !folder.join("db/db").exists() && (keyed || !exports.is_empty()) {
            return Err(damaged("its database is missing".into()));
        }
        let db = match open_db(&folder) {
            Ok(db) => db,
            Err(fault) if want_of_space(&folder, &fault)? => {
                let export = state_mark::proven(&folder, &exports, keyed);
                return Self::without_db(folder, export, fault);
            }
            Err(fault) if fault.is_want_of_space_or_right() => {
                return Err(StateError::Refused {
                    path: folder,
                    fault,
                });
            }
            Err(fault) => return Err(damaged(fault.to_string())),
        };
        let (rows, meta) = load(&db).map_err(|error| match error {
            LoadError::Newer(found) => StateError::NewerSchema {
                path: folder.clone(),
                found,
            },
            LoadError::Damaged(reason) => damaged(reason),
        })?;
        let generation = match meta {
            Some(meta) => meta.generation,
            None if keyed || !exports.is_empty() => {
                return Err(damaged("its rows are gone".into()));
            }
            None => {
                commit(&db, &folder, &[], &Rows::new(), 0)?;
                0
            }
        };
        if generation < exports.highest() {
            let reason = format!(
                "it has generation {generation}, an export has {}",
                exports.highest()
            );
            return Err(damaged(reason));
        }
        state_mark::mend(&folder, generation)?;
        let store = Self {
            folder,
            inner: Mutex::new(Inner {
                db: Some(db),
                rows,
                generation,
            }),
        };
        store.mend_exports(&exports)?;
        Ok(store)
    }

    /// The rows of an export; the next change opens the database, if that can be by then.
    fn without_db(
        folder: PathBuf,
        export: Option<Export>,
        fault: SledFault,
    ) -> Result<Self, StateError> {
        let Some(export) = export else {
            return Err(StateError::Refused {
                path: folder,
                fault,
            });
        };
        tracing::error!(
            generation = export.generation,
            "the disk is full: keys and policies are those of the newest export, which is the last state; \
             none can be changed until there is space"
        );
        Ok(Self {
            folder,
            inner: Mutex::new(Inner {
                db: None,
                rows: export.tables,
                generation: export.generation,
            }),
        })
    }

    /// Builds the database anew from an export; the old one is put aside as `db.bad-<unix seconds>`.
    ///
    /// # Errors
    /// [`StateError::Export`] if the file is not what was written; the old database stays then.
    pub fn restore(folder: &DataFolder, file: &Path) -> Result<Self, StateError> {
        let export = export::read(file).map_err(|source| StateError::Export {
            path: file.to_owned(),
            source,
        })?;
        let state = folder.state();
        let generation = Listing::scan(&state.join("exports"))?
            .highest()
            .max(export.generation)
            + 1;
        if export.tables.get(KEYS).is_some_and(|keys| !keys.is_empty()) {
            mark_keyed(&state)?;
        }
        put_aside(&state)?;
        state_mark::note(&state, generation)?;
        let db = open_db(&state)?;
        let rows: Vec<_> = flat(&export.tables)
            .map(|(key, value)| (key, Some(value)))
            .collect();
        commit(&db, &state, &rows, &export.tables, generation)?;
        let digest = digest(generation, &export.tables);
        let renewed = Export {
            generation,
            digest,
            tables: export.tables.clone(),
        };
        export::write(&state.join("exports"), &renewed)?;
        Ok(Self {
            folder: state,
            inner: Mutex::new(Inner {
                db: Some(db),
                rows: export.tables,
                generation,
            }),
        })
    }

    /// Writes a row; on disk, power cut included, when it returns.
    ///
    /// # Errors
    /// [`StateError::Write`] or [`StateError::Io`]: the row in memory is the old one.
    pub fn put(&self, table: &str, key: &str, value: &Value) -> Result<(), StateError> {
        self.change(&[(table, key, Some(value))])
    }

    /// Writes and removes rows, all or none of them, whenever the process may end; on disk when it returns.
    ///
    /// # Errors
    /// As for [`StateStore::put`]: all rows in memory are the old ones.
    pub fn put_all(&self, rows: &[RowChange]) -> Result<(), StateError> {
        let rows = rows
            .iter()
            .map(|row| (row.table, row.key.as_str(), row.value.as_ref()));
        self.change(&rows.collect::<Vec<_>>())
    }

    /// Removes a row; returns whether there was one.
    ///
    /// # Errors
    /// As for [`StateStore::put`].
    pub fn delete(&self, table: &str, key: &str) -> Result<bool, StateError> {
        if self.get(table, key).is_none() {
            return Ok(false);
        }
        self.change(&[(table, key, None)]).map(|()| true)
    }

    /// One row.
    #[must_use]
    pub fn get(&self, table: &str, key: &str) -> Option<Value> {
        self.inner.lock().rows.get(table)?.get(key).cloned()
    }

    /// Every row of a table, ascending by key.
    #[must_use]
    pub fn all(&self, table: &str) -> Vec<(String, Value)> {
        let inner = self.inner.lock();
        let rows = inner.rows.get(table).into_iter().flatten();
        rows.map(|(key, value)| (key.clone(), value.clone()))
            .collect()
    }

    /// Whether this folder ever held a key: it must never serve without one again.
    #[must_use]
    pub fn ever_had_keys(&self) -> bool {
        self.folder.join("KEYED").exists()
            || self
                .inner
                .lock()
                .rows
                .get(KEYS)
                .is_some_and(|keys| !keys.is_empty())
    }

    /// Says that this folder is served with a key that is not among its rows: never again without one.
    ///
    /// # Errors
    /// [`StateError::Io`]: it is not written down.
    pub fn was_keyed(&self) -> Result<(), StateError> {
        Ok(mark_keyed(&self.folder)?)
    }

    /// Changes ever made, restores included.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.inner.lock().generation
    }

    fn change(&self, changes: &[(&str, &str, Option<&Value>)]) -> Result<(), StateError> {
        if changes
            .iter()
            .any(|(table, ..)| table.is_empty() || table.contains('\0'))
        {
            return Err(StateError::Table);
        }
        if changes
            .iter()
            .any(|(table, _, value)| *table == KEYS && value.is_some())
        {
            mark_keyed(&self.folder)?;
        }
        let mut inner = self.inner.lock();
        let db = self.live_db(&mut inner)?;
        let mut rows = inner.rows.clone();
        for (table, key, value) in changes {
            let row = rows.entry((*table).to_owned()).or_default();
            match value {
                Some(value) => row.insert((*key).to_owned(), (*value).clone()),
                None => row.remove(*key),
            };
        }
        rows.retain(|_, rows| !rows.is_empty());
        let generation = inner.generation + 1;
        state_mark::note(&self.folder, generation)?;
        let stored = changes.iter().map(|(table, key, value)| {
            let value = value.map(|value| value.to_string().into_bytes());
            (row_key(table, key), value)
        });
        let stored: Vec<_> = stored.collect();
        if let Err(fault) = commit(&db, &self.folder, &stored, &rows, generation) {
            // sled never recovers from a failed write; the next change opens the folder anew.
            inner.db = None;
            return Err(fault.into());
        }
        inner.rows = rows;
        inner.generation = generation;
        // The change is durable already: a missing export only delays the point a restore can go back to.
        if let Err(error) = self.write_export(&inner) {
            tracing::warn!(%error, generation, "the state was stored, but its export was not");
        }
        Ok(())
    }

    /// The open database, opened anew after a fault. A change that failed may be on disk all the same; then it counts.
    fn live_db(&self, inner: &mut Inner) -> Result<sled::Db, StateError> {
        if let Some(db) = &inner.db {
            return Ok(db.clone());
        }
        let db = open_db(&self.folder)?;
        match load(&db) {
            Ok((rows, Some(meta))) if meta.generation >= inner.generation => {
                inner.rows = rows;
                inner.generation = meta.generation;
                inner.db = Some(db.clone());
                Ok(db)
            }
            _ => Err(io::Error::other("its database lost a change").into()),
        }
    }

    fn write_export(&self, inner: &Inner) -> io::Result<()> {
        let digest = digest(inner.generation, &inner.rows);
        let export = Export {
            generation: inner.generation,
            digest,
            tables: inner.rows.clone(),
        };
        export::write(&self.folder.join("exports"), &export).map(drop)
    }

    /// The database is sound, so exports that are damaged or missing are its to mend.
    fn mend_exports(&self, exports: &Listing) -> Result<(), StateError> {
        let inner = self.inner.lock();
        let current = exports
            .good
            .last()
            .is_some_and(|(generation, _)| *generation == inner.generation);
        if inner.generation > 0 && !current {
            match self.write_export(&inner) {
                // The rows are sound: a copy that finds no room is no reason to lock anybody out.
                Err(error) if is_full(&error) => {
                    tracing::warn!(%error, "keys and policies are not exported until there is space");
                }
                written => written?,
            }
        }
        for (generation, path) in &exports.damaged {
            if *generation != inner.generation {
                fs::remove_file(path)?;
            }
        }
        Ok(())
    }
}

/// Whether a database does not open for want of space, whatever it says itself.
fn want_of_space(folder: &Path, fault: &SledFault) -> io::Result<bool> {
    Ok(fault.is_want_of_space() || free_bytes(folder)? < FULL_BYTES)
}

#[cfg(test)]
#[path = "state_tests.rs"]
mod tests;
