//! The cache store: what the cache puts, gets and counts. Knows neither scopes nor similarity; the writer thread does
//! the writing.
//!
//! Records of one commit share a block (see `block`), and each block's rows change in one transaction, so there is
//! never a vector without its entry. Every record carries a checksum bound to its id that is verified on each read,
//! so a damaged or misplaced one is a miss, never a wrong body.
//!
//! Capacity counts record bytes (sled's file is two to three times that). Eviction: expired entries first,
//! then the oldest that was not touched since the clock hand last came by; touches live in memory only.
//!
//! Durability: a put is readable at once; SIGKILL loses at most what was put since `linger` + `flush_every_ms`;
//! what [`CacheStore::flush`] acknowledged survives a power cut.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;

use crossbeam_channel::{Sender, bounded};
use parking_lot::{Mutex, RwLock};

use super::folder::DataFolder;
use super::generations::Generations;
use super::load::load;
use super::memory::{Found, Memory, Pending};
use super::record::{Entry, decode_entry};
use super::round::Op;
use super::terms::{
    CacheStats, CacheStoreConfig, FLUSH_DEADLINE, OpenReport, Put, Removal, Status, StoreError,
};
use super::trees::Trees;
use super::writer;
use crate::embed::Space;

/// The entries and vectors on disk; one per data folder. Dropping it writes what waits.
pub struct CacheStore {
    shared: Arc<Shared>,
    writer: Option<JoinHandle<()>>,
}

/// What readers and the writer have in common.
pub(super) struct Shared {
    pub(super) folder: PathBuf,
    pub(super) config: CacheStoreConfig,
    pub(super) memory: RwLock<Memory>,
    pub(super) trees: RwLock<Option<Arc<Trees>>>,
    /// Whose vectors lie where.
    pub(super) generations: RwLock<Generations>,
    /// Whether memory knows what the folder holds; on a full disk that is found out later.
    pub(super) read: AtomicBool,
    /// Ids below it were given out before the folder was read, and may be those of entries in it.
    pub(super) first_id: AtomicU64,
    /// Held while rows and memory disagree; a read that failed looks again under it.
    pub(super) commit: Mutex<()>,
    pub(super) status: RwLock<Status>,
    /// Mirrors `status`, for the path that must not wait.
    pub(super) degraded: AtomicBool,
    pub(super) next_id: AtomicU64,
    pub(super) queue: Sender<Op>,
    pub(super) dropped: AtomicU64,
    pub(super) corrupt: AtomicU64,
}

impl CacheStore {
    /// Opens `cache/`, putting aside what cannot be read, and starts the writer thread. On a full disk nothing is
    /// read or put until there is space.
    ///
    /// # Errors
    /// [`StoreError::NewerSchema`]; others only when an empty folder fails as well.
    pub fn open(
        folder: &DataFolder,
        config: CacheStoreConfig,
    ) -> Result<(Self, OpenReport), StoreError> {
        let (loaded, status) = match load(&folder.cache(), &config) {
            Ok(loaded) => (Some(loaded), Status::Healthy),
            Err(error) if error.is_want_of_space() => (None, Status::Degraded(error.to_string())),
            Err(error) => return Err(error),
        };
        let (queue, ops) = bounded(config.queue.max(1));
        let generations = loaded
            .as_ref()
            .map_or_else(Generations::none, |l| l.generations);
        let (trees, memory, next_id, ids_bound, report) = match loaded {
            Some(l) => (Some(l.trees), l.memory, l.next_id, l.ids_bound, l.report),
            None => (None, Memory::default(), 1, 1, OpenReport::default()),
        };
        let shared = Arc::new(Shared {
            folder: folder.cache(),
            memory: RwLock::new(memory),
            generations: RwLock::new(generations),
            read: AtomicBool::new(trees.is_some()),
            first_id: AtomicU64::new(0),
            degraded: AtomicBool::new(trees.is_none()),
            trees: RwLock::new(trees.map(Arc::new)),
            commit: Mutex::new(()),
            status: RwLock::new(status),
            next_id: AtomicU64::new(next_id),
            queue,
            dropped: AtomicU64::new(0),
            corrupt: AtomicU64::new(report.bad_blocks as u64),
            config,
        });
        let writer = Some(writer::spawn(Arc::clone(&shared), ops, ids_bound)?);
        Ok((Self { shared, writer }, report))
    }

    /// Whether the folder has been read; if not, what it holds is missed until there is space.
    #[must_use]
    pub fn is_read(&self) -> bool {
        self.shared.read.load(Ordering::Acquire)
    }

    /// A fresh id: larger than all before it, also those of earlier runs.
    #[must_use]
    pub fn next_id(&self) -> u64 {
        self.shared.next_id.fetch_add(1, Ordering::Relaxed)
    }

    /// The entry, unless it is gone or damaged. Expired ones are still returned until the writer removes them.
    #[must_use]
    pub fn get(&self, id: u64) -> Option<Entry> {
        self.shared.entry(id)
    }

    /// The entry whose exact key is `exact`.
    #[must_use]
    pub fn get_by_exact(&self, exact: &[u8; 32]) -> Option<Entry> {
        let id = self.shared.memory.read().id_of(exact)?;
        self.get(id).filter(|entry| entry.exact == *exact)
    }

    /// Unix milliseconds after which an entry is never served, if it lives; asks memory only.
    #[must_use]
    pub fn expires_ms(&self, id: u64) -> Option<u64> {
        let found = self.shared.memory.read().exact_of(id);
        found.map(|(_, expires_ms)| expires_ms)
    }

    /// How many entries there are after `id`; asks memory only.
    #[must_use]
    pub fn count_after(&self, id: u64) -> usize {
        self.shared.memory.read().ids_after(id, usize::MAX).len()
    }

    /// Whether an entry with this exact key may be there; asks memory only.
    #[must_use]
    pub fn holds(&self, exact: &[u8; 32]) -> bool {
        self.shared.memory.read().id_of(exact).is_some()
    }

    /// An id that none given out so far exceeds.
    #[must_use]
    pub fn last_id(&self) -> u64 {
        self.shared.next_id.load(Ordering::Relaxed)
    }

    /// Whether `id` is the live entry of an exact key; if so, remembers that it was served.
    #[must_use]
    pub fn touch_current(&self, exact: &[u8; 32], id: u64) -> bool {
        let memory = self.shared.memory.read();
        let current = memory.id_of(exact) == Some(id);
        if current {
            memory.touch(id);
        }
        current
    }

    /// Remembers that an entry was served, which spares it in the next round of eviction.
    pub fn touch(&self, id: u64) {
        self.shared.memory.read().touch(id);
    }

    /// Takes an entry, where it has one with a vector of finite values that a model made; one that is not in use is left out
    /// once the entry is written. Never waits for the disk.
    #[must_use]
    pub fn try_put(&self, entry: Entry, vector: Option<(Space, Vec<f32>)>) -> Put {
        self.try_put_since(u64::MAX, entry, vector)
    }

    /// As [`CacheStore::try_put`], but an entry with the same exact key and an id of `began` or more
    /// is newer and stays.
    #[must_use]
    pub fn try_put_since(
        &self,
        began: u64,
        entry: Entry,
        vector: Option<(Space, Vec<f32>)>,
    ) -> Put {
        let shared = &self.shared;
        let pending = Arc::new(Pending::new(entry, vector));
        if pending.weight() > shared.config.max_entry_bytes {
            return Put::TooLarge;
        }
        if shared.degraded.load(Ordering::Relaxed) {
            shared.dropped.fetch_add(1, Ordering::Relaxed);
            return Put::Degraded;
        }
        let mut memory = shared.memory.write();
        if pending.entry.id < shared.first_id.load(Ordering::Acquire) {
            shared.dropped.fetch_add(1, Ordering::Relaxed);
            return Put::Degraded;
        }
        if memory
            .id_of(&pending.entry.exact)
            .is_some_and(|id| id >= began)
        {
            return Put::Outdated;
        }
        let fits = memory.pending_bytes() + pending.weight() <= shared.config.queue_bytes;
        if !fits
            || shared
                .queue
                .try_send(Op::Put(Arc::clone(&pending)))
                .is_err()
        {
            shared.dropped.fetch_add(1, Ordering::Relaxed);
            return Put::Full;
        }
        Put::Queued {
            superseded: memory.admit(pending),
        }
    }

    /// Removes the entry of an exact key that is older than `began`, because there is a newer answer
    /// that could not be put; returns its id.
    pub fn supersede(&self, exact: &[u8; 32], began: u64) -> Option<u64> {
        let mut memory = self.shared.memory.write();
        let older = memory.id_of(exact).filter(|id| *id < began)?;
        memory.remove(older, Removal::Superseded);
        drop(memory);
        drop(self.shared.queue.try_send(Op::Wake));
        Some(older)
    }

    /// Hides entries at once and has them removed from disk; returns how many there were.
    pub fn delete(&self, ids: &[u64]) -> usize {
        let deleted = self.hide(ids, Removal::Deleted);
        // A full queue means that the writer is awake already.
        drop(self.shared.queue.try_send(Op::Wake));
        deleted
    }

    /// The same for want of room, and in the writer's own time: one entry goes for each that comes, whose put wakes it
    /// anyway, and a second place in its queue would be one that a put does not get.
    pub fn evict(&self, ids: &[u64]) -> usize {
        self.hide(ids, Removal::Evicted)
    }

    /// Whether an entry was served since this was last asked; none: it is gone. Asks memory only, and leaves the
    /// store's own eviction as it is.
    #[must_use]
    pub fn spare(&self, id: u64) -> Option<bool> {
        self.shared.memory.read().spare(id)
    }

    fn hide(&self, ids: &[u64], why: Removal) -> usize {
        let mut memory = self.shared.memory.write();
        ids.iter().filter(|id| memory.remove(**id, why)).count()
    }

    /// Returns once everything put and deleted before is on disk, power cut included.
    ///
    /// # Errors
    /// [`StoreError::Degraded`] or [`StoreError::Timeout`]: then nothing is promised.
    pub fn flush(&self) -> Result<(), StoreError> {
        let (done, wait) = bounded(1);
        self.shared
            .queue
            .send_timeout(Op::Flush(done), FLUSH_DEADLINE)
            .map_err(|_| StoreError::Timeout)?;
        wait.recv_timeout(FLUSH_DEADLINE)
            .map_err(|_| StoreError::Timeout)?
    }

    /// Whether writes reach the disk.
    #[must_use]
    pub fn status(&self) -> Status {
        self.shared.status.read().clone()
    }

    /// Counts and bytes.
    #[must_use]
    pub fn stats(&self) -> CacheStats {
        let memory = self.shared.memory.read();
        CacheStats {
            entries: memory.len(),
            stored_bytes: memory.stored_bytes(),
            pending: memory.pending(),
            pending_bytes: memory.pending_bytes(),
            dropped_writes: self.shared.dropped.load(Ordering::Relaxed),
            corrupt_records: self.shared.corrupt.load(Ordering::Relaxed),
        }
    }

    pub(super) fn shared(&self) -> &Shared {
        &self.shared
    }
}

impl Drop for CacheStore {
    fn drop(&mut self) {
        if self
            .shared
            .queue
            .send_timeout(Op::Stop, FLUSH_DEADLINE)
            .is_ok()
            && let Some(writer) = self.writer.take()
        {
            drop(writer.join());
        }
    }
}

impl Shared {
    pub(super) fn trees(&self) -> Option<Arc<Trees>> {
        self.trees.read().clone()
    }

    fn entry(&self, id: u64) -> Option<Entry> {
        self.twice(id, |found| match found {
            Found::Pending(pending) => Some(pending.entry.clone()),
            Found::Stored { block, entry, .. } => {
                let bytes = self.trees()?.entries(block).ok().flatten()?;
                decode_entry(id, entry.of(&bytes)?)
            }
        })
    }

    /// Reads; on failure reads again while no commit can be moving the record; on failure again drops it.
    pub(super) fn twice<T>(&self, id: u64, read: impl Fn(Found) -> Option<T>) -> Option<T> {
        let first = self.memory.read().find(id)?;
        if let Some(value) = read(first) {
            return Some(value);
        }
        let _still = self.commit.lock();
        let second = self.memory.read().find(id)?;
        let value = read(second);
        // A database that has failed may fail every read: that says nothing about the record.
        if value.is_none() && !self.degraded.load(Ordering::Relaxed) {
            self.drop_corrupt(id);
        }
        value
    }

    fn drop_corrupt(&self, id: u64) {
        if self.memory.write().remove(id, Removal::Corrupt) {
            self.corrupt.fetch_add(1, Ordering::Relaxed);
            metrics::counter!("reprise_store_corrupt_records_total").increment(1);
            drop(self.queue.try_send(Op::Wake));
        }
    }
}

#[cfg(test)]
#[path = "entries_tests/mod.rs"]
mod tests;
