//! The exact way to search codes: compare with each one. No build, no recall to lose;
//! it is the index of small partitions, the fallback of large ones and the oracle of tests.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use parking_lot::RwLock;

use super::code::{Code, TAIL, similarity};
use super::{Near, Slot, VectorIndex};

/// Rows in a chunk. A reader holds the lock for one chunk (some 60 µs), and a growing partition
/// never copies more than one (1.6 MB).
const CHUNK: usize = 4096;

/// Rows of int8 codes, one behind the other in the order of their slots.
#[derive(Debug)]
pub struct Flat {
    stride: usize,
    chunks: RwLock<Vec<Vec<i8>>>,
}

impl Flat {
    /// An empty one for vectors of `dimension` numbers.
    #[must_use]
    pub fn new(dimension: usize) -> Self {
        Self {
            stride: dimension + TAIL,
            chunks: RwLock::default(),
        }
    }

    /// Takes over rows as they lie in a snapshot; `bytes` is a whole number of rows.
    pub(super) fn from_bytes(dimension: usize, bytes: &[u8]) -> Self {
        let stride = dimension + TAIL;
        let chunk = |part: &[u8]| part.iter().map(|&b| b.cast_signed()).collect();
        Self {
            stride,
            chunks: RwLock::new(bytes.chunks(stride * CHUNK).map(chunk).collect()),
        }
    }

    /// Bytes of one row.
    pub(super) fn stride(&self) -> usize {
        self.stride
    }

    /// Adds a row behind the last one; false when its length differs.
    pub(super) fn push(&self, row: &[i8]) -> bool {
        if row.len() != self.stride {
            return false;
        }
        let mut chunks = self.chunks.write();
        match chunks.last_mut() {
            Some(last) if last.len() < self.stride * CHUNK => last.extend_from_slice(row),
            Some(_) => {
                let mut next = Vec::with_capacity(self.stride * CHUNK);
                next.extend_from_slice(row);
                chunks.push(next);
            }
            None => chunks.push(row.to_vec()),
        }
        true
    }

    /// The row of `slot`, empty when there is none.
    pub(super) fn row(&self, slot: Slot) -> Vec<i8> {
        let chunks = self.chunks.read();
        self.row_in(&chunks, slot)
            .map_or_else(Vec::new, <[i8]>::to_vec)
    }

    /// A copy of chunk `number`, or nothing behind the last.
    pub(super) fn chunk(&self, number: usize) -> Option<Vec<i8>> {
        self.chunks.read().get(number).cloned()
    }

    /// Like [`VectorIndex::search`], among `slots` only.
    pub(super) fn score(
        &self,
        query: &Code,
        slots: &[Slot],
        k: usize,
        live: &dyn Fn(Slot) -> bool,
    ) -> Vec<Near> {
        let mut best = Best::new(k);
        for &slot in slots {
            let chunks = self.chunks.read();
            if let Some(row) = self.row_in(&chunks, slot) {
                let near = Near {
                    slot,
                    similarity: similarity(query.row(), row),
                };
                drop(chunks);
                best.offer(near, live);
            }
        }
        best.into_sorted()
    }

    fn row_in<'a>(&self, chunks: &'a [Vec<i8>], slot: Slot) -> Option<&'a [i8]> {
        let slot = slot as usize;
        let start = slot % CHUNK * self.stride;
        chunks.get(slot / CHUNK)?.get(start..start + self.stride)
    }
}

impl VectorIndex for Flat {
    fn insert(&self, slot: Slot, code: &Code) -> bool {
        slot as usize == self.len() && self.push(code.row())
    }

    fn search(&self, query: &Code, k: usize, live: &(dyn Fn(Slot) -> bool + Sync)) -> Vec<Near> {
        let mut best = Best::new(k);
        if query.row().len() != self.stride {
            return Vec::new();
        }
        for number in 0.. {
            // Rows are only ever added, so the lock may be let go between chunks.
            let chunks = self.chunks.read();
            let Some(chunk) = chunks.get(number) else {
                break;
            };
            for (offset, row) in chunk.chunks_exact(self.stride).enumerate() {
                let slot = (number * CHUNK + offset) as Slot;
                best.offer(
                    Near {
                        slot,
                        similarity: similarity(query.row(), row),
                    },
                    live,
                );
            }
        }
        best.into_sorted()
    }

    fn len(&self) -> usize {
        let chunks = self.chunks.read();
        let tail = chunks.last().map_or(0, |last| last.len() / self.stride);
        chunks.len().saturating_sub(1) * CHUNK + tail
    }
}

/// The best `k` seen so far.
struct Best {
    k: usize,
    heap: BinaryHeap<Worst>,
}

impl Best {
    fn new(k: usize) -> Self {
        Self {
            k,
            heap: BinaryHeap::with_capacity(k.min(CHUNK) + 1),
        }
    }

    /// Asks `live` last: it takes a lock, and few offers get that far.
    fn offer(&mut self, near: Near, live: &dyn Fn(Slot) -> bool) {
        let full = self.heap.len() >= self.k;
        if full
            && self
                .heap
                .peek()
                .is_none_or(|worst| near.similarity <= worst.0.similarity)
        {
            return;
        }
        if live(near.slot) {
            self.heap.push(Worst(near));
            if full {
                self.heap.pop();
            }
        }
    }

    fn into_sorted(self) -> Vec<Near> {
        self.heap
            .into_sorted_vec()
            .into_iter()
            .map(|worst| worst.0)
            .collect()
    }
}

/// Best first; of equals the older slot.
pub(super) fn best_first(a: &Near, b: &Near) -> Ordering {
    b.similarity
        .total_cmp(&a.similarity)
        .then(a.slot.cmp(&b.slot))
}

/// Orders the heap so that the worst of the best is on top.
struct Worst(Near);

impl Ord for Worst {
    fn cmp(&self, other: &Self) -> Ordering {
        best_first(&self.0, &other.0)
    }
}

impl PartialOrd for Worst {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Worst {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Worst {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::suite;

    suite::index_tests!(Flat::new);

    #[test]
    fn the_scan_goes_on_beyond_a_chunk() {
        let flat = Flat::new(suite::DIMENSION);
        let codes = suite::clustered(CHUNK + 10, 7);
        for (slot, code) in codes.iter().enumerate() {
            assert!(flat.insert(slot as Slot, code));
        }
        assert_eq!(flat.len(), CHUNK + 10);
        let last = (CHUNK + 9) as Slot;
        assert_eq!(flat.search(&codes[CHUNK + 9], 1, &|_| true)[0].slot, last);
        assert_eq!(flat.row(last), codes[CHUNK + 9].row());
    }
}
