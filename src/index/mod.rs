//! The nearest remembered questions of one scope: int8 codes, a flat scan, a graph, and their snapshot.
//! Knows slots, ids and expiries; not whose they are, what they answer, or where the truth is stored.
//!
//! Read `code` for what is compared, `flat` and `graph` for the two ways to search it,
//! `partition` for how one scope moves between them, [`snapshot`] for how it survives a restart.
//! Everything here is approximate and disposable: a candidate counts only after [`cosine`] of the
//! stored vectors has said so, and a lost index is rebuilt from the store.

mod build;
mod code;
mod dot;
mod dump;
mod files;
mod flat;
mod graph;
mod layout;
mod partition;
mod shelf;
pub mod snapshot;
mod table;

pub use build::BuildError;
pub use code::{Code, Gate, cosine};
pub use flat::Flat;
pub use graph::Graph;
pub use partition::{Candidate, Partition, Promotion};

/// Position of an entry inside one numbering of a partition; counts up from 0 and is never reused.
pub type Slot = u32;

/// A slot and how alike its code is to the query's: approximate cosine, for ranking only.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Near {
    /// Where the code stands.
    pub slot: Slot,
    /// Cosine of the two int8 codes, in about [-1, 1].
    pub similarity: f32,
}

/// Codes by slot, searchable by likeness.
///
/// Inserting and searching may go on at the same time from any number of threads.
pub trait VectorIndex: Send + Sync {
    /// Adds `code` under `slot`; slots arrive from 0 upwards. False, and nothing changed, when the
    /// slot is taken, would leave a gap that the index cannot hold, or the dimension differs.
    fn insert(&self, slot: Slot, code: &Code) -> bool;

    /// Up to `k` slots for which `live` holds, best first. `live` is meant for tombstones: an index
    /// may give up and return fewer when it hides most of what is near.
    fn search(&self, query: &Code, k: usize, live: &(dyn Fn(Slot) -> bool + Sync)) -> Vec<Near>;

    /// How many codes were inserted.
    fn len(&self) -> usize;

    /// True when nothing was inserted.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// How a partition is built and searched.
#[derive(Debug, Clone, PartialEq)]
pub struct IndexConfig {
    /// Numbers in an embedding.
    pub dimension: usize,
    /// Entries up to which a partition is scanned; above, it gets a graph.
    pub flat_max: usize,
    /// Links per point and layer of the graph (twice that at the bottom), at most 256.
    pub m: usize,
    /// Candidates kept while a point is linked.
    pub ef_construction: usize,
    /// Candidates kept while the graph is searched.
    pub ef_search: usize,
    /// Candidates fetched beyond the number asked for, so that tombstones do not use it up.
    pub over_fetch: usize,
    /// Share of dead and expired slots, in [0, 1], above which the partition wants compaction.
    pub dead_limit: f32,
    /// Share of entries that the graph cannot find of itself, in [0, 1], above which it wants a rebuild.
    pub unreachable_limit: f32,
    /// Threads that build a graph; 0 takes one per core.
    pub build_threads: usize,
}

impl Default for IndexConfig {
    /// The scan of 16,000 codes takes about as long as a search in the graph (0.2 to 0.3 ms). Among
    /// 48,000 real questions the graph's numbers found each nearest neighbour that was alike enough to
    /// become a hit (0.8 and above), and 98.5 % of all; twice the breadth finds 99.3 % of all in twice the time.
    fn default() -> Self {
        Self {
            dimension: 384,
            flat_max: 16_000,
            m: 16,
            ef_construction: 200,
            ef_search: 32,
            over_fetch: 16,
            dead_limit: 0.2,
            unreachable_limit: 0.005,
            build_threads: 0,
        }
    }
}

#[cfg(test)]
mod suite;
