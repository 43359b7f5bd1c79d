//! Where remembered answers lie: a hot tier in memory, bounded in bytes, in front
//! of the store. Knows nothing of likeness.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use moka::sync::Cache as Moka;

use super::entry::{Cached, Fresh, is_transient, transient_id};
use super::invalidation::Marks;
use crate::chat::unix_ms;
use crate::embed::Space;
use crate::store::{CacheStore, EntryFilter, Put, Vector};

/// Entries by exact key and by id.
pub struct Memory {
    hot: Moka<[u8; 32], Arc<Cached>>,
    transient: Moka<u64, Arc<Cached>>,
    transients: AtomicU64,
    deletions: AtomicU64,
    store: Arc<CacheStore>,
    marks: Arc<Marks>,
}

/// Why an answer that was asked for too long ago is not remembered.
const OUTDATED: &str = "outdated";

/// A point in the history of what is remembered. An answer asked for before it must not take the
/// place of one that came after it, nor bring back what was deleted after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    id: u64,
    transient: u64,
    deletions: u64,
    generation: u64,
}

impl Moment {
    /// The newest of all that was said to hold no more.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation
    }
}

/// What remembering did.
pub struct Remembered {
    /// The entry.
    pub entry: Arc<Cached>,
    /// An older one with the same exact key, which is gone now.
    pub superseded: Option<u64>,
    /// Why it was not remembered, if so.
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
            deletions: AtomicU64::new(0),
            store,
            marks: Arc::default(),
        }
    }

    /// The same, without what `marks` hide.
    #[must_use]
    pub fn under(self, marks: Arc<Marks>) -> Self {
        Self { marks, ..self }
    }

    /// What was said to hold no more.
    #[must_use]
    pub fn marks(&self) -> &Arc<Marks> {
        &self.marks
    }

    fn holds_still(&self, entry: &Cached) -> bool {
        !self.marks.hide(&entry.features())
    }

    /// The hot entry of an exact key. Quick enough for any thread.
    #[must_use]
    pub fn hot(&self, exact: &[u8; 32]) -> Option<Arc<Cached>> {
        let entry = self.hot.get(exact)?;
        // What was deleted, superseded or lost since is known elsewhere: this tier only spares work.
        let current = if is_transient(entry.id) {
            self.transient.contains_key(&entry.id)
        } else {
            self.store.touch_current(exact, entry.id)
        };
        Some(entry).filter(|entry| current && self.holds_still(entry))
    }

    /// Now, for an answer that is about to be asked for.
    #[must_use]
    pub fn moment(&self) -> Moment {
        Moment {
            id: self.store.last_id(),
            transient: self.transients.load(Ordering::Acquire),
            deletions: self.deletions.load(Ordering::Acquire),
            generation: self.marks.generation(),
        }
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
        if !self.holds_still(&entry) {
            return None;
        }
        self.store.touch(entry.id);
        self.hot.insert(*exact, entry.clone());
        Some(entry)
    }

    /// Reads an entry by id. Blocks.
    #[must_use]
    pub fn load(&self, id: u64) -> Option<Arc<Cached>> {
        let entry = match is_transient(id) {
            true => self.transient.get(&id)?,
            false => Cached::from_stored(self.store.get(id)?)?,
        };
        Some(entry).filter(|entry| self.holds_still(entry))
    }

    /// An entry's vector that the model of `space` made, if the entry belongs to `scope`. Blocks.
    #[must_use]
    pub fn vector(&self, id: u64, scope: &[u8; 32], space: Space) -> Option<Vector> {
        let vector = if is_transient(id) {
            let entry = self.transient.get(&id)?;
            let own = entry.vector_in(space)?;
            Vector {
                scope: entry.key.scope,
                tokens: Some(own.tokens.0),
                numbers: own.embedding.to_vec(),
            }
        } else {
            self.store.vector(id, space)?
        };
        (vector.scope == *scope).then_some(vector)
    }

    /// Marks an entry as served, so that eviction spares it, and keeps it hot.
    pub fn served(&self, entry: &Arc<Cached>) {
        if !is_transient(entry.id) {
            self.store.touch(entry.id);
        }
    }

    /// Remembers a fresh answer; found by its exact key from the moment this returns. What it takes the
    /// place of goes, also if the new one cannot be kept: the old one is known to be outdated.
    #[must_use]
    pub fn remember(&self, fresh: Fresh) -> Remembered {
        let began = fresh.began;
        let mut remembered = if fresh.durable {
            self.remember_durably(fresh)
        } else {
            self.remember_here(fresh)
        };
        // Looked at last, so that no deletion can come between.
        let deleted = self.deletions.load(Ordering::Acquire) != began.deletions;
        if deleted || !self.holds_still(&remembered.entry) {
            self.drop_ids(&[remembered.entry.id]);
            remembered.not_stored.get_or_insert(OUTDATED);
        }
        remembered
    }

    fn remember_here(&self, fresh: Fresh) -> Remembered {
        let began = fresh.began;
        let id = transient_id(self.transients.fetch_add(1, Ordering::AcqRel));
        let entry = Arc::new(Cached::new(id, unix_ms(), fresh));
        let before = self.hot.get(&entry.key.exact).map(|e| e.id);
        if before.is_some_and(|id| id >= transient_id(began.transient)) {
            return Remembered {
                entry,
                superseded: None,
                not_stored: Some(OUTDATED),
            };
        }
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

    /// Not put into the hot tier: most answers are never asked for again, and the first hit makes one hot.
    fn remember_durably(&self, fresh: Fresh) -> Remembered {
        let began = fresh.began.id;
        let mut entry = Cached::new(self.store.next_id(), unix_ms(), fresh);
        let vector = entry.vector.take().map(|v| (v.space, v.embedding.to_vec()));
        let put = self.store.try_put_since(began, entry.to_stored(), vector);
        let refused = |reason| (self.store.supersede(&entry.key.exact, began), Some(reason));
        let (superseded, not_stored) = match put {
            Put::Queued { superseded } => (superseded, None),
            Put::Outdated => (None, Some(OUTDATED)),
            Put::Full => refused("store_queue_full"),
            Put::TooLarge => refused("too_large"),
            Put::Degraded => refused("store_degraded"),
        };
        Remembered {
            entry: Arc::new(entry),
            superseded,
            not_stored,
        }
    }

    /// Forgets entries; returns how many there were. Answers that are being asked for now are not
    /// remembered any more. Hidden at once; gone from the disk after the store's next flush.
    pub fn forget(&self, ids: &[u64]) -> usize {
        self.deletions.fetch_add(1, Ordering::AcqRel);
        self.drop_ids(ids)
    }

    /// Drops entries that nobody can meet any more; unlike [`Memory::forget`] this says nothing of those to come.
    pub(super) fn drop_hidden(&self, ids: &[u64]) -> usize {
        self.drop_ids(ids)
    }

    /// The same for those in memory only.
    pub(super) fn drop_hidden_transients(&self) -> usize {
        let hidden = self
            .transient
            .iter()
            .filter(|(_, entry)| !self.holds_still(entry));
        let ids: Vec<u64> = hidden.map(|(id, _)| *id).collect();
        self.drop_ids(&ids)
    }

    fn drop_ids(&self, ids: &[u64]) -> usize {
        let transient = ids.iter().filter(|id| is_transient(**id));
        let here = transient.filter(|id| self.transient.remove(*id).is_some());
        here.count() + self.store.delete(ids)
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
                    && filter.asker.is_none_or(|asker| e.asker == Some(asker))
                    && self.holds_still(e)
            })
            .collect();
        entries.sort_unstable_by_key(|e| std::cmp::Reverse(e.id));
        entries
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::invalidation::{Realm, What};
    use crate::cache::scope::CacheKey;
    use crate::chat::Answer;
    use crate::store::{CacheStoreConfig, DataFolder};

    struct Place {
        memory: Memory,
        _folder: DataFolder,
        _temp: tempfile::TempDir,
    }

    fn place() -> Place {
        let temp = tempfile::tempdir().unwrap();
        let folder = DataFolder::open(temp.path()).unwrap();
        let (store, _) = CacheStore::open(&folder, CacheStoreConfig::default()).unwrap();
        Place {
            memory: Memory::new(Arc::new(store), 1 << 20),
            _folder: folder,
            _temp: temp,
        }
    }

    const EXACT: [u8; 32] = [7; 32];

    fn fresh(began: Moment, text: &str, durable: bool) -> Fresh {
        let body = format!(
            r#"{{"choices":[{{"message":{{"content":"{text}"}},"finish_reason":"stop"}}]}}"#
        );
        Fresh {
            key: CacheKey {
                scope: [1; 32],
                exact: EXACT,
            },
            namespace: "a".into(),
            tenant: "a".into(),
            model: "m".into(),
            origin: "o".into(),
            question: None,
            asker: None,
            earlier: Vec::new(),
            began,
            ttl_ms: 60_000,
            stale_ms: 0,
            tags: crate::cache::tags::Tags::default(),
            durable,
            answer: Answer::parse(body.as_bytes()).unwrap().into(),
        }
    }

    fn found(memory: &Memory) -> Option<String> {
        let entry = memory.hot(&EXACT).or_else(|| memory.load_exact(&EXACT))?;
        Some(entry.replay.answer().text())
    }

    #[test]
    fn what_was_deleted_is_not_served_however_hot_it_was() {
        for durable in [true, false] {
            let Place { memory, .. } = &place();
            let told = memory.remember(fresh(memory.moment(), "old", durable));
            assert_eq!(found(memory).as_deref(), Some("old"));
            assert!(memory.hot(&EXACT).is_some(), "the first hit makes it hot");
            assert_eq!(memory.forget(&[told.entry.id]), 1);
            assert_eq!(found(memory), None, "durable: {durable}");
        }
    }

    #[test]
    fn a_new_answer_takes_the_place_of_a_hot_one() {
        for durable in [true, false] {
            let Place { memory, .. } = &place();
            let old = memory.remember(fresh(memory.moment(), "old", durable));
            assert_eq!(found(memory).as_deref(), Some("old"));
            let new = memory.remember(fresh(memory.moment(), "new", durable));
            assert_eq!(new.superseded, Some(old.entry.id));
            assert_eq!(found(memory).as_deref(), Some("new"), "durable: {durable}");
        }
    }

    #[test]
    fn an_answer_asked_for_earlier_does_not_replace_a_newer_one() {
        for durable in [true, false] {
            let Place { memory, .. } = &place();
            let before = memory.moment();
            let refreshed = memory.remember(fresh(memory.moment(), "new", durable));
            assert_eq!(refreshed.not_stored, None);
            let late = memory.remember(fresh(before, "old", durable));
            assert_eq!((late.not_stored, late.superseded), (Some("outdated"), None));
            assert_eq!(found(memory).as_deref(), Some("new"), "durable: {durable}");
        }
    }

    #[test]
    fn an_answer_asked_for_before_a_deletion_is_not_remembered_after_it() {
        for durable in [true, false] {
            let Place { memory, .. } = &place();
            let before = memory.moment();
            memory.forget(&[]);
            let late = memory.remember(fresh(before, "old", durable));
            assert_eq!(late.not_stored, Some("outdated"));
            assert_eq!(found(memory), None, "durable: {durable}");
        }
    }

    #[test]
    fn what_was_said_to_hold_no_more_is_not_served_and_what_was_under_way_is_not_remembered() {
        for durable in [true, false] {
            let Place { memory, .. } = &place();
            let told = memory.remember(fresh(memory.moment(), "old", durable));
            assert_eq!(found(memory).as_deref(), Some("old"));
            let before = memory.moment();
            let all = (Realm::Everywhere, What::All);
            memory.marks().put(all.0, all.1, unix_ms()).unwrap();
            assert!(memory.hot(&EXACT).is_none() && memory.load(told.entry.id).is_none());
            assert_eq!(found(memory), None, "durable: {durable}");
            let late = memory.remember(fresh(before, "late", durable));
            assert_eq!(late.not_stored, Some("outdated"));
            let new = memory.remember(fresh(memory.moment(), "new", durable));
            assert_eq!(new.not_stored, None);
            assert_eq!(found(memory).as_deref(), Some("new"), "durable: {durable}");
        }
    }

    #[test]
    fn a_new_answer_that_cannot_be_kept_ends_the_old_one_all_the_same() {
        let Place { memory, .. } = &place();
        let old = memory.remember(fresh(memory.moment(), "old", true));
        assert_eq!(found(memory).as_deref(), Some("old"));
        let large = "x".repeat(2 << 20);
        let new = memory.remember(fresh(memory.moment(), &large, true));
        assert_eq!(
            (new.not_stored, new.superseded),
            (Some("too_large"), Some(old.entry.id))
        );
        assert_eq!(found(memory), None, "neither lives on in memory");
    }
}
