//! How many entries a namespace holds, or some models in it, where its policy bounds that, and which of them go where
//! there are too many: the oldest that was not served since it was last looked at. Knows only ids, and only those of namespaces with a bound;
//! the store is asked whether an entry lives. Without a bound an entry costs nothing here, else its id in two
//! tables.
//!
//! What is known here is derived: after a start, and where a bound is new, the ids are read from the store in
//! the background, and until that is done nothing goes for want of room.

pub(super) mod keeper;
mod line;
mod split;

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;

use super::entry::{Cached, is_transient};
use super::policy::{Policies, Policy};
use crate::store::{CacheStore, EntryFilter, Order};
use crate::telemetry::Metrics;
use line::Lines;
use split::Bound;

pub use line::Taken;

/// Entries that one new one may have looked at to find one that goes. Where all of these were served since, a later
/// look finds it: who remembers must not wait for a whole round.
const LOOKS: usize = 64;
/// Entries that are looked at, or read, or forgotten, before somebody else's turn.
const STEP: usize = 256;

/// All namespaces with a bound.
pub struct Rooms {
    policies: Arc<Policies>,
    metrics: Arc<Metrics>,
    lines: Mutex<Lines>,
}

impl Rooms {
    /// Bounds namespaces as their policies say. Answers that are in memory only are bounded there, in bytes.
    #[must_use]
    pub fn new(policies: Arc<Policies>, metrics: Arc<Metrics>) -> Self {
        Self {
            policies,
            metrics,
            lines: Mutex::default(),
        }
    }

    /// How much is taken of each bound, by namespace.
    #[must_use]
    pub fn taken(&self) -> Vec<Taken> {
        self.lines.lock().taken()
    }

    /// The same of the models of a pattern in a namespace, without one of all that have no room of their own; none:
    /// nothing bounds them.
    #[must_use]
    pub fn taken_by(&self, namespace: &str, pattern: Option<&str>) -> Option<Taken> {
        self.lines.lock().taken_by(namespace, pattern)
    }

    /// Makes room for a new entry and counts it. Never reads the disk.
    pub(super) fn admit(&self, store: &CacheStore, entry: &Cached) {
        let id = entry.id;
        if is_transient(id) {
            return;
        }
        let mut lines = self.lines.lock();
        let Some(line) = lines.of(&entry.namespace, &entry.model) else {
            return;
        };
        // Before it joins: what was just asked for is not the one that goes.
        let goes = lines.shorten(line, 1, LOOKS, |id| store.spare(id));
        lines.join(line, id);
        drop(lines);
        self.drop_gone(store, [id]);
        self.evict(store, &goes);
    }

    /// Says which entries the store dropped.
    pub fn removed(&self, ids: impl IntoIterator<Item = u64>) {
        let mut ids = ids.into_iter().peekable();
        while ids.peek().is_some() {
            let mut lines = self.lines.lock();
            ids.by_ref().take(STEP).for_each(|id| lines.leave(id));
        }
    }

    /// Learns which namespaces have a bound now, and which.
    fn follow(&self) {
        let own = self.policies.own();
        let bounds = own
            .iter()
            .filter_map(|p| Some((p.namespace.as_str(), bound(p)?)));
        let bounds: HashMap<_, _> = bounds.collect();
        let closed = self.lines.lock().follow(bounds);
        for mut line in closed {
            while self.lines.lock().forget(&mut line, STEP) {}
        }
    }

    /// A small step of what is to be done; says whether there is more. Blocks.
    fn step(&self, store: &CacheStore) -> bool {
        let goes = self.lines.lock().shorten_any(STEP, |id| store.spare(id));
        match goes {
            Some(goes) => self.evict(store, &goes),
            None => return self.count(store),
        }
        true
    }

    /// Reads some entries to learn whose they are; says whether there are more.
    fn count(&self, store: &CacheStore) -> bool {
        if !store.is_read() {
            return false;
        }
        let Some(after) = self.lines.lock().next_to_read() else {
            return false;
        };
        let page = store.list(&EntryFilter::default(), Order::Oldest, Some(after), STEP);
        let mut lines = self.lines.lock();
        for entry in &page.entries {
            lines.found(&entry.namespace, &entry.model, entry.id);
        }
        lines.have_read(page.cursor);
        drop(lines);
        self.drop_gone(store, page.entries.iter().map(|entry| entry.id));
        true
    }

    /// What went before it was known here was said too early; what goes from here on is said in time.
    fn drop_gone(&self, store: &CacheStore, ids: impl IntoIterator<Item = u64>) {
        let gone = |id: &u64| store.expires_ms(*id).is_none();
        self.removed(ids.into_iter().filter(gone));
    }

    fn evict(&self, store: &CacheStore, ids: &[u64]) {
        let evicted = store.evict(ids);
        self.metrics.namespace_evictions.increment(evicted as u64);
    }
}

fn bound(policy: &Policy) -> Option<Bound> {
    let models = policy.models.iter();
    let models = models.map(|(pattern, own)| (pattern, own.capacity_entries));
    Bound::new(policy.capacity_entries, models)
}
