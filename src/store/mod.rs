//! The truth on disk. Knows folders, records and checksums; knows nothing of HTTP, runtimes, embeddings or policies.
//!
//! Five kinds of data live under one data folder, because losing them means five different things:
//! - `cache/` ([`CacheStore`]): entries and vectors. Losing one costs money, so any doubt becomes a miss and a
//!   folder that cannot be opened is put aside.
//!   Rows that are in memory anyway ([`RowLog`]) lie in a folder of their own there.
//! - `state/` ([`StateStore`]): keys and policies. Losing one is a breach, so any doubt stops the start.
//! - `audit/` ([`AuditLog`]): append-only. A broken record is reported and the rest stays readable.
//! - `work/` ([`WorkStore`]): responses that may be continued, files, batches, jobs. Losing one breaks a promise to a
//!   client, so it is synced before it is promised.
//! - `evidence/` ([`Journal`]): decisions and labels. Losing one costs knowledge, so a broken line is left out.
//!
//! Everything here blocks; call it from threads that may wait.

mod audit;
mod audit_line;
mod blobs;
mod block;
mod bytes;
mod entries;
mod export;
mod folder;
mod generations;
mod journal;
mod load;
mod made;
mod memory;
mod open;
mod record;
mod round;
mod rows;
mod scan;
mod state;
mod state_db;
mod state_error;
mod state_mark;
mod terms;
mod trees;
mod vectors;
mod work;
mod writer;

#[cfg(test)]
mod crash_tests;
#[cfg(test)]
mod damage;
#[cfg(test)]
mod small_disk;

pub use audit::{AuditError, AuditEvent, AuditLog, AuditRecord, Broken};
pub use blobs::{Blobs, Draft};
pub use entries::CacheStore;
pub use folder::{DataFolder, FolderError};
pub use journal::{Held, Journal};
pub use made::Made;
pub use record::Entry;
pub use rows::{RowKey, RowLog, RowLogConfig};
pub use scan::{EntryFilter, Order, Page};
pub use state::{RowChange, StateStore};
pub use state_error::StateError;
pub use terms::{
    CacheStats, CacheStoreConfig, OnRemoved, OpenReport, Put, Removal, Status, StoreError,
    VectorsMayGo,
};
pub use vectors::Vector;
pub use work::{MAX_ROW, Table, WorkChange, WorkError, WorkStore};
