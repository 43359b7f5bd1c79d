//! Per slot: whose it is, until when it counts, and whether it was removed.
//! Knows nothing of codes or graphs.

use std::collections::HashMap;

use super::Slot;

/// The slots of one numbering.
#[derive(Debug, Default, Clone)]
pub(super) struct Table {
    pub(super) ids: Vec<u64>,
    /// Unix milliseconds from which the entry no longer counts.
    pub(super) expiries: Vec<u64>,
    pub(super) dead: Vec<bool>,
    by_id: HashMap<u64, Slot>,
    dead_count: usize,
}

impl Table {
    /// Takes over the columns of a snapshot, which have one length.
    pub(super) fn from_columns(ids: Vec<u64>, expiries: Vec<u64>, dead: Vec<bool>) -> Self {
        let standing = ids
            .iter()
            .zip(&dead)
            .enumerate()
            .filter(|(_, (_, dead))| !**dead);
        let by_id = standing
            .map(|(slot, (id, _))| (*id, slot as Slot))
            .collect();
        let dead_count = dead.iter().filter(|dead| **dead).count();
        Self {
            ids,
            expiries,
            dead,
            by_id,
            dead_count,
        }
    }

    /// The next slot goes to `id`; one that it had is dead from now on.
    pub(super) fn push(&mut self, id: u64, expires_ms: u64) {
        self.remove(id);
        self.by_id.insert(id, self.ids.len() as Slot);
        self.ids.push(id);
        self.expiries.push(expires_ms);
        self.dead.push(false);
    }

    /// False when `id` has no standing slot.
    pub(super) fn remove(&mut self, id: u64) -> bool {
        let Some(slot) = self.by_id.remove(&id) else {
            return false;
        };
        self.dead[slot as usize] = true;
        self.dead_count += 1;
        true
    }

    /// The standing slot of `id`.
    pub(super) fn slot_of(&self, id: u64) -> Option<Slot> {
        self.by_id.get(&id).copied()
    }

    pub(super) fn len(&self) -> usize {
        self.ids.len()
    }

    /// Slots that were not removed, expired ones included.
    pub(super) fn standing(&self) -> usize {
        self.ids.len() - self.dead_count
    }

    pub(super) fn is_live(&self, slot: Slot, now_ms: u64) -> bool {
        let slot = slot as usize;
        slot < self.ids.len() && !self.dead[slot] && now_ms < self.expiries[slot]
    }

    pub(super) fn live_slots(&self, now_ms: u64) -> impl Iterator<Item = Slot> {
        (0..self.len() as Slot).filter(move |&slot| self.is_live(slot, now_ms))
    }
}
