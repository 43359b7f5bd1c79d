//! One numbering of a partition's slots: the table, the codes, and a graph once there is one.
//! Holds the invariant that makes concurrent search safe: each standing slot is in the flat codes,
//! and either the graph finds it or it is on a list that is scanned beside the graph.
//!
//! Locks: `gate` before `adding` before the rest; of table, links and flat none is waited for while
//! another is held for writing, so a scan may look into the table while it reads the codes.

use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::{Mutex, RwLock};

use super::code::{Code, Gate, TAIL};
use super::dump::Stored;
use super::flat::{Flat, best_first};
use super::graph::Graph;
use super::table::Table;
use super::{Near, Slot, VectorIndex};

/// See the module.
#[derive(Default)]
pub(super) struct Links {
    graph: Option<Arc<Graph>>,
    /// Slots on their way into the graph, oldest first.
    pending: VecDeque<Slot>,
    /// Slots in the graph that it cannot find of itself.
    unreachable: Vec<Slot>,
    /// How many of those the last build left: it would leave them again.
    left_by_build: usize,
}

/// A shelf at one moment, for a snapshot.
pub(super) struct Frozen {
    pub(super) table: Table,
    pub(super) flat: Arc<Flat>,
    pub(super) graph: Option<Arc<Graph>>,
    pub(super) pending: Vec<Slot>,
    pub(super) unreachable: Vec<Slot>,
}

/// See the module.
pub(super) struct Shelf {
    /// Held while a slot is added or a moment between two additions is looked at.
    adding: Mutex<()>,
    table: RwLock<Table>,
    pub(super) flat: Arc<Flat>,
    links: RwLock<Links>,
    /// Whoever holds it may add to the graph.
    gate: Mutex<()>,
    /// A graph on disk that fits this numbering and was not read yet.
    stored: Mutex<Option<Stored>>,
}

impl Shelf {
    pub(super) fn new(table: Table, flat: Flat, stored: Option<Stored>) -> Self {
        Self {
            adding: Mutex::default(),
            table: RwLock::new(table),
            flat: Arc::new(flat),
            links: RwLock::default(),
            gate: Mutex::default(),
            stored: Mutex::new(stored),
        }
    }

    /// Puts a row into the next slot; it is found from the moment this returns. The graph gets it
    /// with the next [`Shelf::drain`].
    pub(super) fn push(&self, id: u64, row: &[i8], expires_ms: u64) -> Result<(), Gate> {
        let _one_by_one = self.adding.lock();
        let slot = Slot::try_from(self.table.read().len()).map_err(|_| Gate::Full)?;
        if self.holds(id, row, expires_ms) {
            // A replay after a restart brings what is there already.
            return Ok(());
        }
        // The code goes first: a scan that meets it before the table knows its slot takes it for dead.
        if !self.flat.push(row) {
            let dimension = |length: usize| length.saturating_sub(TAIL);
            return Err(Gate::Dimension {
                expected: dimension(self.flat.stride()),
                found: dimension(row.len()),
            });
        }
        self.table.write().push(id, expires_ms);
        let mut links = self.links.write();
        if links.graph.is_some() {
            links.pending.push_back(slot);
        }
        Ok(())
    }

    fn holds(&self, id: u64, row: &[i8], expires_ms: u64) -> bool {
        let there = {
            let table = self.table.read();
            table
                .slot_of(id)
                .filter(|&slot| table.expiries[slot as usize] == expires_ms)
        };
        there.is_some_and(|slot| self.flat.row(slot) == row)
    }

    pub(super) fn remove(&self, id: u64) -> bool {
        self.table.write().remove(id)
    }

    /// Links what is pending, unless another thread is at it and will see this as well.
    pub(super) fn drain(&self) {
        while let Some(gate) = self.gate.try_lock() {
            while let Some((graph, slot)) = self.next_pending() {
                let row = self.flat.row(slot);
                let found = graph.link(slot, &row) && graph.finds(slot, &row);
                let mut links = self.links.write();
                links.pending.pop_front();
                if !found {
                    links.unreachable.push(slot);
                }
            }
            drop(gate);
            // One that came after the last look, while the gate was still shut, has nobody else.
            if self.links.read().pending.is_empty() {
                return;
            }
        }
    }

    fn next_pending(&self) -> Option<(Arc<Graph>, Slot)> {
        let links = self.links.read();
        Some((Arc::clone(links.graph.as_ref()?), *links.pending.front()?))
    }

    /// The best `k` live slots.
    pub(super) fn search(&self, query: &Code, k: usize, now_ms: u64) -> Vec<Near> {
        let live = |slot| self.table.read().is_live(slot, now_ms);
        let (graph, beside) = self.graph_and_beside();
        let Some(graph) = graph else {
            return self.flat.search(query, k, &live);
        };
        // The list was read before the graph is searched: a slot that moves over meanwhile is in both.
        let mut found = self.flat.score(query, &beside, k, &live);
        found.extend(graph.search(query, k, &live));
        found.sort_unstable_by(best_first);
        found.dedup_by_key(|near| near.slot);
        found.truncate(k);
        if found.len() < k.min(self.table.read().standing()) {
            return self.flat.search(query, k, &live);
        }
        found
    }

    fn graph_and_beside(&self) -> (Option<Arc<Graph>>, Vec<Slot>) {
        let links = self.links.read();
        let beside = links
            .pending
            .iter()
            .chain(&links.unreachable)
            .copied()
            .collect();
        (links.graph.clone(), beside)
    }

    /// Takes a graph that holds each live slot below `upto` but those in `pending`.
    pub(super) fn attach(
        &self,
        graph: Graph,
        unreachable: Vec<Slot>,
        mut pending: Vec<Slot>,
        upto: Slot,
    ) {
        let adding = self.adding.lock();
        pending.extend(upto..self.table.read().len() as Slot);
        *self.links.write() = Links {
            graph: Some(Arc::new(graph)),
            pending: pending.into(),
            left_by_build: unreachable.len(),
            unreachable,
        };
        drop(adding);
        self.drain();
    }

    /// Runs `work` on the shelf as it is now. Inserts and searches go on; the graph stands still.
    pub(super) fn frozen<R>(&self, work: impl FnOnce(Frozen) -> R) -> R {
        let gate = self.gate.lock();
        let frozen = {
            let _between = self.adding.lock();
            let table = self.table.read().clone();
            let links = self.links.read();
            Frozen {
                table,
                flat: Arc::clone(&self.flat),
                graph: links.graph.clone(),
                pending: links.pending.iter().copied().collect(),
                unreachable: links.unreachable.clone(),
            }
        };
        let result = work(frozen);
        drop(gate);
        self.drain();
        result
    }

    /// The live part of this shelf under a new numbering, and which old slot each new one was.
    pub(super) fn copy_live(&self, now_ms: u64, dimension: usize) -> (Self, Vec<Slot>, Slot) {
        let table = self.table.read().clone();
        let kept: Vec<Slot> = table.live_slots(now_ms).collect();
        let (mut fresh, flat) = (Table::default(), Flat::new(dimension));
        for &slot in &kept {
            flat.push(&self.flat.row(slot));
            fresh.push(table.ids[slot as usize], table.expiries[slot as usize]);
        }
        (Self::new(fresh, flat, None), kept, table.len() as Slot)
    }

    /// Brings a copy up to date with what happened to `old` since [`Shelf::copy_live`]: `kept` are the
    /// old slots of the copy, `upto` the first slot that it has not seen. The caller lets nobody
    /// insert or remove meanwhile.
    pub(super) fn catch_up(&self, old: &Self, kept: &[Slot], upto: Slot) {
        let theirs = old.table.read();
        for &slot in kept {
            if theirs.dead[slot as usize] {
                self.remove(theirs.ids[slot as usize]);
            }
        }
        for slot in (upto..theirs.len() as Slot)
            .map(|slot| slot as usize)
            .filter(|&slot| !theirs.dead[slot])
        {
            // The row was on the old shelf, so it has the right length; and a shelf is never full when
            // a longer one was not.
            let _ = self.push(
                theirs.ids[slot],
                &old.flat.row(slot as Slot),
                theirs.expiries[slot],
            );
        }
    }

    pub(super) fn take_stored(&self) -> Option<Stored> {
        self.stored.lock().take()
    }

    pub(super) fn table<R>(&self, look: impl FnOnce(&Table) -> R) -> R {
        look(&self.table.read())
    }

    pub(super) fn has_graph(&self) -> bool {
        self.links.read().graph.is_some()
    }

    /// Slots scanned beside the graph that a new build could take in.
    pub(super) fn lost_since_build(&self) -> usize {
        let links = self.links.read();
        links.unreachable.len().saturating_sub(links.left_by_build)
    }
}
