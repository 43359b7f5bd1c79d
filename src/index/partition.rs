//! One scope: entries by id, found by likeness. Starts as a scan, becomes a graph when it is large,
//! and is renumbered when too much of it is dead. Knows no lifetime but a time stamp, no scope but itself.

use std::sync::Arc;

use parking_lot::{Mutex, RwLock};

use super::build::{BuildError, build};
use super::code::{Code, Gate};
use super::dump::Stored;
use super::flat::Flat;
use super::shelf::{Frozen, Shelf};
use super::table::Table;
use super::{IndexConfig, Slot};

/// A remembered question that may be near; the exact cosine of the stored vector decides.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Candidate {
    /// The entry.
    pub id: u64,
    /// Cosine of the int8 codes, within about 0.01 of the exact one.
    pub approx: f32,
}

/// How a partition got its graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Promotion {
    /// It has one already, or is too small for one.
    NotNeeded,
    /// Read from the snapshot that the partition came from.
    Loaded,
    /// Built from the codes.
    Built,
}

/// The codes of one scope. All methods may be called from any thread at any time.
///
/// [`Partition::promote`] and [`Partition::compact`] take seconds on a large partition: call them on
/// a background thread. Searches and inserts go on meanwhile.
pub struct Partition {
    config: IndexConfig,
    /// Replaced by compaction. Inserts and removals hold it for reading, so that none falls between.
    shelf: RwLock<Arc<Shelf>>,
    /// One promotion, compaction or snapshot at a time.
    maintenance: Mutex<()>,
}

impl Partition {
    /// An empty partition.
    #[must_use]
    pub fn new(config: &IndexConfig) -> Self {
        Self::restored(config, Table::default(), Flat::new(config.dimension), None)
    }

    pub(super) fn restored(
        config: &IndexConfig,
        table: Table,
        flat: Flat,
        stored: Option<Stored>,
    ) -> Self {
        Self {
            config: config.clone(),
            shelf: RwLock::new(Arc::new(Shelf::new(table, flat, stored))),
            maintenance: Mutex::default(),
        }
    }

    /// Remembers `code` for entry `id` until `expires_ms` (Unix milliseconds; it no longer counts
    /// from that moment on). A code that the entry had is replaced. Found from the moment this
    /// returns; in a large partition it takes about a millisecond to link it.
    ///
    /// # Errors
    /// [`Gate::Dimension`] when the code has another length; [`Gate::Full`] after 2^32 slots.
    pub fn insert(&self, id: u64, code: &Code, expires_ms: u64) -> Result<(), Gate> {
        let held = self.shelf.read();
        held.push(id, code.row(), expires_ms)?;
        let shelf = Arc::clone(&held);
        drop(held);
        shelf.drain();
        Ok(())
    }

    /// Forgets entry `id` at once. False when it is not there.
    pub fn remove(&self, id: u64) -> bool {
        self.shelf.read().remove(id)
    }

    /// Up to `k` live entries near `query`, best first. None for a query of another dimension.
    #[must_use]
    pub fn search(&self, query: &Code, k: usize, now_ms: u64) -> Vec<Candidate> {
        let shelf = self.current();
        let found = shelf.search(query, k, now_ms);
        shelf.table(|table| {
            let candidate = |slot: Slot, approx| Candidate {
                id: table.ids[slot as usize],
                approx,
            };
            found
                .into_iter()
                .map(|near| candidate(near.slot, near.similarity))
                .collect()
        })
    }

    /// Entries that a search may return at `now_ms`. Looks at each slot.
    #[must_use]
    pub fn live(&self, now_ms: u64) -> usize {
        self.current()
            .table(|table| table.live_slots(now_ms).count())
    }

    /// Slots in use, dead and expired ones included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.current().table(Table::len)
    }

    /// True when nothing was ever inserted (or all of it was compacted away).
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Share of slots that are removed, replaced or expired, in [0, 1]. Looks at each slot.
    #[must_use]
    pub fn dead_share(&self, now_ms: u64) -> f32 {
        let (live, all) = self
            .current()
            .table(|table| (table.live_slots(now_ms).count(), table.len()));
        if all == 0 {
            0.0
        } else {
            (all - live) as f32 / all as f32
        }
    }

    /// Whether searches go through a graph.
    #[must_use]
    pub fn has_graph(&self) -> bool {
        self.current().has_graph()
    }

    /// Whether the partition has outgrown the scan.
    #[must_use]
    pub fn wants_promotion(&self) -> bool {
        let shelf = self.current();
        !shelf.has_graph() && shelf.table(Table::len) > self.config.flat_max
    }

    /// Whether too much is dead, or too much is scanned beside the graph that a new one would find.
    #[must_use]
    pub fn wants_compaction(&self, now_ms: u64) -> bool {
        let lost = self.current().lost_since_build() as f32;
        self.dead_share(now_ms) > self.config.dead_limit
            || lost > self.config.unreachable_limit * self.len() as f32
    }

    /// Gives a partition that wants one its graph: the one that its snapshot holds when that is
    /// sound, else a new one, built in parallel at about 1,000 entries per second and core.
    ///
    /// # Errors
    /// [`BuildError`]; the partition is scanned as before and may be promoted later.
    pub fn promote(&self) -> Result<Promotion, BuildError> {
        let _alone = self.maintenance.lock();
        if !self.wants_promotion() {
            return Ok(Promotion::NotNeeded);
        }
        let shelf = self.current();
        if let Some(stored) = shelf.take_stored() {
            match stored.load(&shelf.flat, &self.config) {
                Ok(graph) => {
                    shelf.attach(graph, stored.unreachable, stored.pending, stored.slots);
                    return Ok(Promotion::Loaded);
                }
                Err(cause) => {
                    tracing::warn!(%cause, "the stored graph is not used; it is built again")
                }
            }
        }
        let (slots, upto) =
            shelf.table(|table| (table.live_slots(0).collect(), table.len() as Slot));
        let built = build(&shelf.flat, slots, &self.config)?;
        shelf.attach(built.graph, built.unreachable, Vec::new(), upto);
        Ok(Promotion::Built)
    }

    /// Drops dead and expired slots, renumbers the rest and builds its graph again if it is still large.
    ///
    /// # Errors
    /// [`BuildError`]; nothing has changed then.
    pub fn compact(&self, now_ms: u64) -> Result<(), BuildError> {
        let _alone = self.maintenance.lock();
        let old = self.current();
        let (fresh, kept, upto) = old.copy_live(now_ms, self.config.dimension);
        if kept.len() > self.config.flat_max {
            let slots = (0..kept.len() as Slot).collect();
            let built = build(&fresh.flat, slots, &self.config)?;
            fresh.attach(
                built.graph,
                built.unreachable,
                Vec::new(),
                kept.len() as Slot,
            );
        }
        let fresh = Arc::new(fresh);
        {
            let mut shelf = self.shelf.write();
            fresh.catch_up(&old, &kept, upto);
            *shelf = Arc::clone(&fresh);
        }
        fresh.drain();
        Ok(())
    }

    /// Runs `work` on the partition as it is now; see [`Shelf::frozen`].
    pub(super) fn frozen<R>(&self, work: impl FnOnce(Frozen) -> R) -> R {
        let _alone = self.maintenance.lock();
        self.current().frozen(work)
    }

    fn current(&self) -> Arc<Shelf> {
        Arc::clone(&self.shelf.read())
    }
}

#[cfg(test)]
mod tests;
