//! What the writer does with vectors: those of fresh entries, those that are made for the next model, the switch to it,
//! and what is left of the one before.

use super::{STEP, Writer};
use crate::embed::Space;
use crate::store::block::Block;
use crate::store::generations::Place;
use crate::store::memory::Pending;
use crate::store::open::{SledFault, sync};
use crate::store::record::encode_own_vector;
use crate::store::terms::{Status, StoreError};
use crate::store::trees::{Change, Trees};
use crate::store::vectors::Vector;

impl Writer {
    /// A vector of a model that is not in use is left out: it is made anew where the entry's text is kept.
    pub(super) fn push(&mut self, block: &mut Block, pending: &Pending) {
        let home = self.shared.generations.read().home;
        let entry = &pending.entry;
        let vector = pending
            .vector
            .as_ref()
            .filter(|(own, _)| *own == home.space);
        match (vector, home.place) {
            (Some((space, numbers)), Place::A | Place::B) => {
                let vector = Vector {
                    scope: entry.scope,
                    tokens: entry.tokens,
                    numbers: numbers.clone(),
                };
                let own = encode_own_vector(entry.id, *space, &vector);
                block.push_with_own(&mut self.encoder, entry, own);
            }
            (vector, _) => {
                let numbers = vector.map(|(_, numbers)| numbers.as_slice());
                block.push(&mut self.encoder, entry, numbers);
            }
        }
    }

    /// Those whose model is neither in use nor next, and those of entries that are gone, are passed over.
    pub(super) fn write_vectors(
        &self,
        space: Space,
        vectors: &[(u64, Vector)],
    ) -> Result<(), SledFault> {
        let place = self.shared.generations.read().place_of(space);
        let (Some(trees), Some(place)) = (self.shared.trees(), place) else {
            return Ok(());
        };
        self.check_space()?;
        let memory = self.shared.memory.read();
        let live = vectors.iter().filter(|(id, _)| memory.is_stored(*id));
        let changes: Vec<Change> = live
            .filter_map(|(id, vector)| {
                Trees::own(place, *id, Some(encode_own_vector(*id, space, vector)))
            })
            .collect();
        drop(memory);
        trees.apply(&changes)
    }

    /// One row says whose vectors are in use; it is on the disk before anybody acts on it.
    pub(super) fn switch(&self, to: Space) -> Result<(), SledFault> {
        let before = *self.shared.generations.read();
        let (Some(trees), Some((after, rows))) = (self.shared.trees(), before.switched(to)) else {
            return Ok(());
        };
        trees.apply(&rows)?;
        sync(&trees.db, &self.shared.folder)?;
        *self.shared.generations.write() = after;
        Ok(())
    }

    pub(super) fn has_switched(&self, to: Space) -> Result<(), StoreError> {
        let home = self.shared.generations.read().home.space;
        match &*self.shared.status.read() {
            Status::Healthy if home == to => Ok(()),
            Status::Healthy => Err(StoreError::Degraded("it is of another model".into())),
            Status::Degraded(why) => Err(StoreError::Degraded(why.clone())),
        }
    }

    /// Takes some of what lies where no model in use or next has its vectors.
    pub(super) fn sweep(&mut self) -> Result<(), SledFault> {
        let generations = *self.shared.generations.read();
        let Some(trees) = self
            .shared
            .trees()
            .filter(|_| self.swept != Some(generations))
        else {
            return Ok(());
        };
        for place in generations.unused() {
            if trees.thin(place, STEP)? > 0 {
                return Ok(());
            }
        }
        self.swept = Some(generations);
        Ok(())
    }
}
