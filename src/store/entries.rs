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
use std::time::Duration;

use crossbeam_channel::{Sender, bounded};
use parking_lot::{Mutex, RwLock};

use super::folder::DataFolder;
use super::memory::{Found, Memory, Pending};
use super::open::SledFault;
use super::record::{Entry, decode_entry, decode_vector};
use super::trees::Trees;
use super::writer::{self, Op};

/// A flush waits for the disk; this is when the caller gives up on it.
const FLUSH_DEADLINE: Duration = Duration::from_secs(30);

/// Why an entry went; given to [`OnRemoved`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Removal {
    /// A newer entry has its exact key.
    Superseded,
    /// Its time was over.
    Expired,
    /// The store was full.
    Evicted,
    /// Somebody deleted it.
    Deleted,
    /// Its record failed the checksum.
    Corrupt,
    /// It could not be written.
    Lost,
}

/// Hears which ids went, some milliseconds after they stopped being found. Runs on the writer thread: be quick.
pub type OnRemoved = Arc<dyn Fn(&[(u64, Removal)]) + Send + Sync>;

/// How the cache store works; `Default` holds the values meant for production.
#[derive(Clone)]
pub struct CacheStoreConfig {
    /// Bytes of sled's page cache.
    pub cache_capacity_bytes: u64,
    /// Milliseconds between flushes of sled's buffers to the system; `None` leaves them to `flush`.
    pub flush_every_ms: Option<u64>,
    /// Milliseconds the writer waits for company before it commits, so that records share a block.
    pub linger_ms: u64,
    /// Answers from this many bytes on are compressed.
    pub compress_min_bytes: usize,
    /// zstd level.
    pub zstd_level: i32,
    /// Entries that may wait for the writer.
    pub queue: usize,
    /// Bytes that may wait for the writer.
    pub queue_bytes: usize,
    /// A larger entry is refused (bytes).
    pub max_entry_bytes: usize,
    /// Record bytes after which entries are evicted.
    pub capacity_bytes: u64,
    /// Names the model that made the vectors; another one drops them.
    pub embedding_fingerprint: String,
    /// Below this many free bytes on the disk nothing is written.
    pub min_free_bytes: u64,
    /// Who hears of removals.
    pub on_removed: Option<OnRemoved>,
}

impl Default for CacheStoreConfig {
    fn default() -> Self {
        Self {
            cache_capacity_bytes: 64 << 20,
            flush_every_ms: Some(500),
            linger_ms: 100,
            compress_min_bytes: 1024,
            zstd_level: 1,
            queue: 4096,
            queue_bytes: 64 << 20,
            max_entry_bytes: 1 << 20,
            capacity_bytes: 4 << 30,
            embedding_fingerprint: String::new(),
            min_free_bytes: 32 << 20,
            on_removed: None,
        }
    }
}

/// What opening had to do; each `true` and each path deserves a log line.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OpenReport {
    /// The unreadable folder was put aside here and the cache starts empty.
    pub quarantined: Option<PathBuf>,
    /// The folder had an older schema and was emptied.
    pub dropped_schema: bool,
    /// Vectors of another embedding model were dropped; entries are exact-only.
    pub dropped_vectors: bool,
    /// A snapshot had to be removed before sled would open.
    pub repaired: bool,
    /// Directory rows that failed their checksum; their entries are gone.
    pub bad_blocks: usize,
}

/// Why the cache store cannot be used. None of these is ever a reason to refuse a request.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A newer build wrote this folder.
    #[error("cache folder {} has schema {found}, this build knows {known}: use a newer build or remove it", path.display())]
    NewerSchema {
        /// The folder.
        path: PathBuf,
        /// Its schema.
        found: u32,
        /// Ours.
        known: u32,
    },
    /// The disk is full.
    #[error("cache folder {} needs {needed} free bytes, the disk has {free}", path.display())]
    NoSpace {
        /// The folder.
        path: PathBuf,
        /// What is free.
        free: u64,
        /// What is needed.
        needed: u64,
    },
    /// sled failed, and an empty folder did not help.
    #[error("cache database: {0}")]
    Sled(#[from] SledFault),
    /// A file or thread was refused.
    #[error("cache folder: {0}")]
    Io(#[from] std::io::Error),
    /// Nothing is written at the moment.
    #[error("cache store is degraded: {0}")]
    Degraded(String),
    /// The disk did not answer in time.
    #[error("cache store did not flush within {}s", FLUSH_DEADLINE.as_secs())]
    Timeout,
}

/// What became of a put.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Put {
    /// Readable now, on disk soon.
    Queued {
        /// The entry it replaced.
        superseded: Option<u64>,
    },
    /// Too much waits; counted and dropped.
    Full,
    /// Larger than `max_entry_bytes`; never stored.
    TooLarge,
    /// Nothing is written at the moment; counted and dropped.
    Degraded,
}

/// Whether writes reach the disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Status {
    /// Yes.
    Healthy,
    /// No, for this reason; reads go on as far as they can, and the writer keeps trying.
    Degraded(String),
}

/// Counts for `/admin/v1/stats` and gauges.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CacheStats {
    /// Live entries, waiting ones included.
    pub entries: usize,
    /// Record bytes on disk.
    pub stored_bytes: u64,
    /// Entries that wait for the writer.
    pub pending: usize,
    /// Bytes that wait for the writer.
    pub pending_bytes: usize,
    /// Puts dropped since the start.
    pub dropped_writes: u64,
    /// Records that failed their checksum since the start.
    pub corrupt_records: u64,
}

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
    /// Opens `cache/`, putting aside what cannot be read, and starts the writer thread.
    ///
    /// # Errors
    /// [`StoreError::NewerSchema`] and [`StoreError::NoSpace`]; others only when an empty folder fails as well.
    pub fn open(
        folder: &DataFolder,
        config: CacheStoreConfig,
    ) -> Result<(Self, OpenReport), StoreError> {
        let loaded = writer::load(&folder.cache(), &config)?;
        let (queue, ops) = bounded(config.queue.max(1));
        let shared = Arc::new(Shared {
            folder: folder.cache(),
            memory: RwLock::new(loaded.memory),
            trees: RwLock::new(Some(Arc::new(loaded.trees))),
            commit: Mutex::new(()),
            status: RwLock::new(Status::Healthy),
            degraded: AtomicBool::new(false),
            next_id: AtomicU64::new(loaded.next_id),
            queue,
            dropped: AtomicU64::new(0),
            corrupt: AtomicU64::new(loaded.report.bad_blocks as u64),
            config,
        });
        let writer = writer::spawn(Arc::clone(&shared), ops, loaded.ids_bound)?;
        Ok((
            Self {
                shared,
                writer: Some(writer),
            },
            loaded.report,
        ))
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

    /// Scope and vector of an entry.
    #[must_use]
    pub fn vector(&self, id: u64) -> Option<([u8; 32], Vec<f32>)> {
        self.shared.vector(id)
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

    /// Remembers that an entry was served, which spares it in the next round of eviction.
    pub fn touch(&self, id: u64) {
        self.shared.memory.read().touch(id);
    }

    /// Takes an entry, with a vector of finite values where it has one. Never waits for the disk.
    #[must_use]
    pub fn try_put(&self, entry: Entry, vector: Option<Vec<f32>>) -> Put {
        let shared = &self.shared;
        let pending = Arc::new(Pending { entry, vector });
        if pending.weight() > shared.config.max_entry_bytes {
            return Put::TooLarge;
        }
        if shared.degraded.load(Ordering::Relaxed) {
            shared.dropped.fetch_add(1, Ordering::Relaxed);
            return Put::Degraded;
        }
        let mut memory = shared.memory.write();
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

    /// Hides entries at once and has them removed from disk; returns how many there were.
    pub fn delete(&self, ids: &[u64]) -> usize {
        let mut memory = self.shared.memory.write();
        let deleted = ids
            .iter()
            .filter(|id| memory.remove(**id, Removal::Deleted))
            .count();
        drop(memory);
        // A full queue means that the writer is awake already.
        drop(self.shared.queue.try_send(Op::Wake));
        deleted
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

    fn vector(&self, id: u64) -> Option<([u8; 32], Vec<f32>)> {
        // An entry without a vector is no fault, so it must not reach the second look.
        if let Found::Stored { vector: None, .. } = self.memory.read().find(id)? {
            return None;
        }
        if let Found::Pending(pending) = self.memory.read().find(id)? {
            return pending
                .vector
                .clone()
                .map(|vector| (pending.entry.scope, vector));
        }
        self.twice(id, |found| match found {
            Found::Pending(pending) => pending
                .vector
                .clone()
                .map(|vector| (pending.entry.scope, vector)),
            Found::Stored { block, vector, .. } => {
                let bytes = self.trees()?.vectors(block).ok().flatten()?;
                decode_vector(id, vector?.of(&bytes)?)
            }
        })
    }

    /// Reads; on failure reads again while no commit can be moving the record; on failure again drops it.
    fn twice<T>(&self, id: u64, read: impl Fn(Found) -> Option<T>) -> Option<T> {
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
#[path = "entries_tests.rs"]
mod tests;
