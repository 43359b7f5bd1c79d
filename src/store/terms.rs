//! What the cache store's callers say to it and hear from it: settings, reports, outcomes, faults.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::open::SledFault;

/// A flush waits for the disk; this is when the caller gives up on it.
pub(super) const FLUSH_DEADLINE: Duration = Duration::from_secs(30);

/// Why an entry went; given to [`OnRemoved`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Removal {
    /// A newer entry has its exact key.
    Superseded,
    /// Its time was over.
    Expired,
    /// There was no room for it.
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

/// Says whether vectors of another model may be dropped.
pub type VectorsMayGo = Arc<dyn Fn() -> bool + Send + Sync>;

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
    /// Names the model that comes next, whose vectors are kept beside until they are those in use; from then on they count
    /// like the other's. Empty: there is one, of which nothing is known.
    pub next_fingerprint: Option<String>,
    /// Asked before vectors of another model are dropped; no: the folder is not opened. It may block.
    pub vectors_may_go: Option<VectorsMayGo>,
    /// Below this many free bytes on the disk nothing is written.
    pub min_free_bytes: u64,
    /// Who hears of removals.
    pub on_removed: Option<OnRemoved>,
    /// Hears, on the writer thread, that a folder which could not be read at the start has been.
    pub on_read: Option<Arc<dyn Fn() + Send + Sync>>,
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
            next_fingerprint: None,
            vectors_may_go: None,
            min_free_bytes: 32 << 20,
            on_removed: None,
            on_read: None,
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
    /// The vectors in it are another model's, and were not to be dropped.
    #[error("cache folder: its vectors are those of another embedding model")]
    VectorsKept,
    /// Nothing is written at the moment.
    #[error("cache store is degraded: {0}")]
    Degraded(String),
    /// The disk did not answer in time.
    #[error("cache store did not flush within {}s", FLUSH_DEADLINE.as_secs())]
    Timeout,
}

impl StoreError {
    /// Whether there will be a store once there is space.
    pub(super) fn is_want_of_space(&self) -> bool {
        match self {
            Self::NoSpace { .. } => true,
            Self::Sled(fault) => fault.is_want_of_space(),
            _ => false,
        }
    }
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
    /// Another entry with its exact key came meanwhile; that one stays.
    Outdated,
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
