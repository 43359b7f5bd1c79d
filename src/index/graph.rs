//! The quick way to search many codes: an HNSW graph. Its distance ranks and decides nothing.
//! Knows how to stay clear of what `hnsw_rs` does not guard against; not when a graph is worth having.

use hnsw_rs::anndists::dist::distances::Distance;
use hnsw_rs::prelude::Hnsw;
use parking_lot::Mutex;

use super::code::{Code, TAIL, similarity};
use super::{IndexConfig, Near, Slot, VectorIndex};

/// Layers of the graph; a dump of one with fewer cannot be loaded again.
const LAYERS: usize = 16;

/// How much wider the second look is when tombstones used up the first.
const WIDEN: usize = 4;

/// 1 - cosine of two rows, never below 0 (which `hnsw_rs` asserts) and never NaN.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct CodeDistance;

impl Distance<i8> for CodeDistance {
    fn eval(&self, a: &[i8], b: &[i8]) -> f32 {
        // Only rounding (some 1e-7) can push this below 0, so the clamp makes no two neighbours equal.
        (1.0 - similarity(a, b)).max(0.0)
    }
}

/// The graph type that is built, dumped and loaded.
pub(super) type Points = Hnsw<'static, i8, CodeDistance>;

/// An HNSW graph over int8 codes.
pub struct Graph {
    points: Points,
    known: Mutex<Known>,
    /// Held by whoever links a point: two at once could wait for each other inside `hnsw_rs`, which
    /// keeps a point's links locked while it locks those of its neighbours.
    linking: Mutex<()>,
    stride: usize,
    ef_search: usize,
    over_fetch: usize,
}

impl Graph {
    /// An empty graph; `expected` entries are a hint for its tables.
    #[must_use]
    pub fn new(config: &IndexConfig, expected: usize) -> Self {
        // hnsw_rs ends the process above 256 links and keeps the number in a byte.
        let links = config.m.clamp(2, 255);
        let points = Hnsw::new(
            links,
            expected,
            LAYERS,
            config.ef_construction,
            CodeDistance,
        );
        Self::around(points, config)
    }

    /// Takes over points that were loaded. Their parameters are set again: a load changes them.
    pub(super) fn around(mut points: Points, config: &IndexConfig) -> Self {
        points.set_extend_candidates(false);
        points.set_keeping_pruned(false);
        let mut known = Known::default();
        // The iterator panics on an empty graph.
        if points.get_nb_point() > 0 {
            points.get_point_indexation().into_iter().for_each(|point| {
                known.add(point.get_origin_id());
            });
        }
        Self {
            points,
            known: Mutex::new(known),
            linking: Mutex::default(),
            stride: config.dimension + TAIL,
            ef_search: config.ef_search,
            over_fetch: config.over_fetch,
        }
    }

    /// What is inside, for a dump.
    pub(super) fn points(&self) -> &Points {
        &self.points
    }

    /// Links a row under `slot`, alone. False when the slot is known or the row has another length.
    pub(super) fn link(&self, slot: Slot, row: &[i8]) -> bool {
        let _alone = self.linking.lock();
        self.link_beside_others(slot, row)
    }

    /// Links a row while other threads do the same: for the bulk build, which watches for a stall.
    pub(super) fn link_beside_others(&self, slot: Slot, row: &[i8]) -> bool {
        // Both would go wrong inside: a second copy is kept, another length panics half-way.
        if row.len() != self.stride || !self.known.lock().add(slot as usize) {
            return false;
        }
        self.points.insert_slice((row, slot as usize));
        true
    }

    /// Whether a search for the row of `slot` comes upon it. A narrow look first: it suffices for
    /// nearly all, and what it finds a wide one finds too.
    pub(super) fn finds(&self, slot: Slot, row: &[i8]) -> bool {
        [self.ef_search / 4, self.ef_search].into_iter().any(|ef| {
            let ef = ef.max(4);
            self.points
                .search(row, ef, ef)
                .iter()
                .any(|found| found.d_id == slot as usize)
        })
    }

    fn fetch(&self, row: &[i8], ef: usize) -> Vec<Near> {
        let found = self.points.search(row, ef, ef);
        found
            .iter()
            .map(|n| Near {
                slot: n.d_id as Slot,
                similarity: 1.0 - n.distance,
            })
            .collect()
    }
}

impl VectorIndex for Graph {
    fn insert(&self, slot: Slot, code: &Code) -> bool {
        self.link(slot, code.row())
    }

    /// Over-fetches, then filters. Filtering while walking would visit the whole graph when the
    /// filter is selective.
    fn search(&self, query: &Code, k: usize, live: &(dyn Fn(Slot) -> bool + Sync)) -> Vec<Near> {
        if query.row().len() != self.stride || k == 0 {
            return Vec::new();
        }
        let narrow = self.ef_search.max(k + self.over_fetch);
        for ef in [narrow, narrow * WIDEN] {
            let mut found = self.fetch(query.row(), ef);
            let all = found.len() < ef;
            found.retain(|near| live(near.slot));
            if found.len() >= k || all || ef > narrow {
                found.truncate(k);
                return found;
            }
        }
        Vec::new()
    }

    fn len(&self) -> usize {
        self.known.lock().count
    }
}

/// Which slots the graph holds, a bit each.
#[derive(Debug, Default)]
struct Known {
    bits: Vec<u64>,
    count: usize,
}

impl Known {
    /// False when it was there.
    fn add(&mut self, slot: usize) -> bool {
        let (word, bit) = (slot / 64, 1_u64 << (slot % 64));
        if word >= self.bits.len() {
            self.bits.resize(word + 1, 0);
        }
        let new = self.bits[word] & bit == 0;
        self.bits[word] |= bit;
        self.count += usize::from(new);
        new
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::suite;

    suite::index_tests!(|dimension| {
        Graph::new(
            &IndexConfig {
                dimension,
                ..suite::config(0)
            },
            1000,
        )
    });

    #[test]
    fn tombstones_that_use_up_the_first_look_are_looked_past() {
        let config = suite::config(0);
        let graph = Graph::new(&config, 1000);
        let codes = suite::clustered(500, 3);
        for (slot, code) in codes.iter().enumerate() {
            graph.insert(slot as Slot, code);
        }
        let nearest: Vec<Slot> = graph
            .search(&codes[5], 100, &|_| true)
            .iter()
            .map(|n| n.slot)
            .collect();
        let found = graph.search(&codes[5], 4, &|slot| !nearest.contains(&slot));
        assert_eq!(found.len(), 4);
    }
}
