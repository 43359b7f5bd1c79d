//! Where remembered answers lie: a hot tier in memory, bounded in bytes, in front
//! of the store. Knows nothing of likeness.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use moka::sync::Cache as Moka;

use super::entry::{Cached, Fresh, is_transient, transient_id};
use crate::chat::unix_ms;
use crate::store::{CacheStore, EntryFilter, Put};

/// Entries by exact key and by id.
pub struct Memory {
    hot: Moka<[u8; 32], Arc<Cached>>,
    transient: Moka<u64, Arc<Cached>>,
    transients: AtomicU64,
    store: Arc<CacheStore>,
}

/// What remembering did.
pub struct Remembered {
    /// The entry.
    pub entry: Arc<Cached>,
    /// An older one with the same exact key, which is gone now.
    pub superseded: Option<u64>,
    /// Why the store did not take it; it is served from memory only then.
    pub not_stored: Option<&'static str>,
}

impl Memory {
    /// A hot tier of up to `hot_bytes` in front of `store`.
    #[must_use]
    pub fn new(store: Arc<CacheStore>, hot_bytes: u64) -> Self {
        Self {
            hot: Moka::builder()
                .max_capacity(hot_bytes)
                .weigher(|_, entry: &Arc<Cached>| weight(entry))
                .build(),
            transient: Moka::builder()
                .max_capacity(hot_bytes)
                .weigher(|_, entry: &Arc<Cached>| weight(entry))
                .build(),
            transients: AtomicU64::new(1),
            store,
        }
    }

    /// The hot entry of an exact key. Quick enough for any thread.
    #[must_use]
    pub fn hot(&self, exact: &[u8; 32]) -> Option<Arc<Cached>> {
        let entry = self.hot.get(exact)?;
        if !is_transient(entry.id) {
            self.store.touch(entry.id);
        }
        Some(entry)
    }

    /// Whether the store may hold an exact key; quick enough for any thread.
    #[must_use]
    pub fn may_hold(&self, exact: &[u8; 32]) -> bool {
        self.store.holds(exact)
    }

    /// Reads an exact key from the store and keeps it hot. Blocks.
    #[must_use]
    pub fn load_exact(&self, exact: &[u8; 32]) -> Option<Arc<Cached>> {
        let entry = Cached::from_stored(self.store.get_by_exact(exact)?)?;
        self.store.touch(entry.id);
        self.hot.insert(*exact, entry.clone());
        Some(entry)
    }

    /// Reads an entry by id. Blocks.
    #[must_use]
    pub fn load(&self, id: u64) -> Option<Arc<Cached>> {
        if is_transient(id) {
            return self.transient.get(&id);
        }
        Cached::from_stored(self.store.get(id)?)
    }

    /// An entry's vector, if it belongs to `scope`. Blocks.
    #[must_use]
    pub fn vector(&self, id: u64, scope: &[u8; 32]) -> Option<Vec<f32>> {
        if is_transient(id) {
            let entry = self.transient.get(&id)?;
            return (entry.key.scope == *scope)
                .then(|| entry.vector.as_ref().map(|v| v.to_vec()))
                .flatten();
        }
        let (owner, vector) = self.store.vector(id)?;
        (owner == *scope).then_some(vector)
    }

    /// Marks an entry as served, so that eviction spares it, and keeps it hot.
    pub fn served(&self, entry: &Arc<Cached>) {
        if !is_transient(entry.id) {
            self.store.touch(entry.id);
        }
    }

    /// Remembers a fresh answer; found by its exact key from the moment this returns.
    #[must_use]
    pub fn remember(&self, fresh: Fresh) -> Remembered {
        if fresh.durable {
            self.remember_durably(fresh)
        } else {
            self.remember_here(fresh)
        }
    }

    fn remember_here(&self, fresh: Fresh) -> Remembered {
        let id = transient_id(self.transients.fetch_add(1, Ordering::Relaxed));
        let entry = Arc::new(Cached::new(id, unix_ms(), fresh));
        let before = self.hot.get(&entry.key.exact).map(|e| e.id);
        if let Some(before) = before {
            self.transient.invalidate(&before);
        }
        self.transient.insert(id, entry.clone());
        self.hot.insert(entry.key.exact, entry.clone());
        Remembered {
            entry,
            superseded: before,
            not_stored: None,
        }
    }

    fn remember_durably(&self, fresh: Fresh) -> Remembered {
        let mut entry = Cached::new(self.store.next_id(), unix_ms(), fresh);
        let vector = entry.vector.take().map(|v| v.to_vec());
        let put = self.store.try_put(entry.to_stored(), vector);
        let entry = Arc::new(entry);
        // Most answers are never asked for again: the store has this one, and the first hit makes it
        // hot. What the store refused lives here alone, and an older answer must not outlive this one.
        let stored = matches!(put, Put::Queued { .. });
        if !stored || self.hot.contains_key(&entry.key.exact) {
            self.hot.insert(entry.key.exact, entry.clone());
        }
        let (superseded, not_stored) = match put {
            Put::Queued { superseded } => (superseded, None),
            Put::Full => (None, Some("store_queue_full")),
            Put::TooLarge => (None, Some("too_large")),
            Put::Degraded => (None, Some("store_degraded")),
        };
        Remembered {
            entry,
            superseded,
            not_stored,
        }
    }

    /// Forgets entries; returns how many there were. Blocks.
    pub fn forget(&self, ids: &[u64]) -> usize {
        let mut forgotten = 0;
        for id in ids {
            if let Some(entry) = self.load(*id) {
                self.hot.invalidate(&entry.key.exact);
            }
            if is_transient(*id) && self.transient.remove(id).is_some() {
                forgotten += 1;
            }
        }
        forgotten + self.store.delete(ids)
    }

    /// Entries that match, in memory only, newest first.
    #[must_use]
    pub fn transients(&self, filter: &EntryFilter) -> Vec<Arc<Cached>> {
        let fits = |wanted: &Option<String>, has: &str| wanted.as_ref().is_none_or(|w| w == has);
        let mut entries: Vec<_> = self
            .transient
            .iter()
            .map(|(_, entry)| entry)
            .filter(|e| {
                fits(&filter.tenant, &e.tenant)
                    && fits(&filter.namespace, &e.namespace)
                    && fits(&filter.model, &e.model)
            })
            .collect();
        entries.sort_unstable_by_key(|e| std::cmp::Reverse(e.id));
        entries
    }

    /// Drops an id from the hot tier because the store dropped it.
    pub fn dropped(&self, exact: &[u8; 32], id: u64) {
        if self.hot.get(exact).is_some_and(|e| e.id == id) {
            self.hot.invalidate(exact);
        }
    }

    /// The store behind it.
    #[must_use]
    pub fn store(&self) -> &Arc<CacheStore> {
        &self.store
    }

    /// Bytes and entries of the hot tier, about.
    #[must_use]
    pub fn hot_size(&self) -> (u64, u64) {
        (self.hot.weighted_size(), self.hot.entry_count())
    }
}

fn weight(entry: &Arc<Cached>) -> u32 {
    u32::try_from(entry.weight()).unwrap_or(u32::MAX)
}
