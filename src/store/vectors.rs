//! Vectors: read wherever they lie, and taken for the model that comes next until it is the one in use. Knows no model
//! but by its space, and compares nothing.

use crossbeam_channel::bounded;

use super::entries::{CacheStore, Shared};
use super::generations::Place;
use super::memory::Found;
use super::record::{decode_own_vector, decode_vector};
use super::round::Op;
use super::terms::{FLUSH_DEADLINE, StoreError};
use crate::embed::Space;

/// A stored question's vector, as one model made it.
#[derive(Debug, Clone, PartialEq)]
pub struct Vector {
    /// The scope of its entry.
    pub scope: [u8; 32],
    /// Digest of the token ids that the model read; none: as its entry says.
    pub tokens: Option<[u8; 16]>,
    /// The numbers.
    pub numbers: Vec<f32>,
}

impl CacheStore {
    /// The vector of an entry that the model of `space` made.
    #[must_use]
    pub fn vector(&self, id: u64, space: Space) -> Option<Vector> {
        self.shared().vector(id, space)
    }

    /// Whose vectors are in use.
    #[must_use]
    pub fn home(&self) -> Space {
        self.shared().generations.read().home.space
    }

    /// Takes vectors of one model for entries that were stored before, at most a few dozen at once; entries that are gone
    /// are passed over. False: there is no room for now. Waits for nothing.
    #[must_use]
    pub fn try_put_vectors(&self, space: Space, vectors: Vec<(u64, Vector)>) -> bool {
        let shared = self.shared();
        let degraded = shared.degraded.load(std::sync::atomic::Ordering::Relaxed);
        !degraded && shared.queue.try_send(Op::Vectors(space, vectors)).is_ok()
    }

    /// From when this returns on, power cut included, the vectors of `space` are those in use. Those of the model before
    /// stay readable until [`CacheStore::retire`]. Blocks.
    ///
    /// # Errors
    /// [`StoreError::Degraded`] or [`StoreError::Timeout`]: then nothing is promised.
    pub fn switch_to(&self, space: Space) -> Result<(), StoreError> {
        let (done, wait) = bounded(1);
        self.shared()
            .queue
            .send_timeout(Op::Switch(space, done), FLUSH_DEADLINE)
            .map_err(|_| StoreError::Timeout)?;
        wait.recv_timeout(FLUSH_DEADLINE)
            .map_err(|_| StoreError::Timeout)?
    }

    /// Nobody reads the vectors of the model before any more: the writer removes them bit by bit.
    pub fn retire(&self) {
        self.shared().generations.write().beside = None;
        // A full queue means that the writer is awake already.
        drop(self.shared().queue.try_send(Op::Wake));
    }
}

impl Shared {
    fn vector(&self, id: u64, space: Space) -> Option<Vector> {
        let found = self.memory.read().find(id)?;
        if let Found::Pending(pending) = found {
            let (_, numbers) = pending.vector.as_ref().filter(|(own, _)| *own == space)?;
            return Some(Vector {
                scope: pending.entry.scope,
                tokens: pending.entry.tokens,
                numbers: numbers.clone(),
            });
        }
        let place = self.generations.read().place_of(space)?;
        match place {
            Place::Blocks => self.vector_in_block(id),
            Place::A | Place::B => self.vector_of_its_own(id, space, place),
        }
    }

    fn vector_of_its_own(&self, id: u64, space: Space, place: Place) -> Option<Vector> {
        let row = self.trees()?.own_vector(place, id).ok().flatten()?;
        // One that fails is like none: it is made again, or the entry is met by its words only.
        let vector = decode_own_vector(id, space, &row);
        if vector.is_none() {
            metrics::counter!("reprise_store_corrupt_records_total").increment(1);
        }
        vector
    }

    fn vector_in_block(&self, id: u64) -> Option<Vector> {
        // An entry without a vector is no fault, so it must not reach the second look.
        if let Found::Stored { vector: None, .. } = self.memory.read().find(id)? {
            return None;
        }
        let (scope, numbers) = self.twice(id, |found| match found {
            // It waits no more once it was seen on the disk.
            Found::Pending(_) => None,
            Found::Stored { block, vector, .. } => {
                let bytes = self.trees()?.vectors(block).ok().flatten()?;
                decode_vector(id, vector?.of(&bytes)?)
            }
        })?;
        Some(Vector {
            scope,
            tokens: None,
            numbers,
        })
    }
}
