//! What the cache store keeps in memory: where each live entry lies, what waits to be written, what has to go.
//! Knows no disk.
//!
//! This is the truth about liveness while the process runs. Removing an entry here hides it at once and marks its block
//! dirty; the writer then brings the block's directory in line. An entry costs some 200 bytes here.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::block::{Line, Span};
use super::record::Entry;
use super::terms::Removal;
use crate::embed::Space;

/// An entry on its way to the disk, readable meanwhile.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) entry: Entry,
    /// With the space of the model that made it.
    pub(super) vector: Option<(Space, Vec<f32>)>,
    served: Served,
}

/// Whether an entry was served since each of two clocks last came by.
#[derive(Debug, Default)]
struct Served {
    /// The store's own.
    here: AtomicBool,
    /// That of whoever bounds the number of some of the entries: one clock must not use up what the other goes by.
    there: AtomicBool,
}

impl Served {
    fn mark(&self) {
        self.here.store(true, Ordering::Relaxed);
        self.there.store(true, Ordering::Relaxed);
    }

    fn as_it_is(&self) -> Self {
        let copied = |mark: &AtomicBool| AtomicBool::new(mark.load(Ordering::Relaxed));
        Self {
            here: copied(&self.here),
            there: copied(&self.there),
        }
    }
}

impl Pending {
    pub(super) fn new(entry: Entry, vector: Option<(Space, Vec<f32>)>) -> Self {
        Self {
            entry,
            vector,
            served: Served::default(),
        }
    }

    pub(super) fn weight(&self) -> usize {
        let vector = self.vector.as_ref();
        self.entry.weight() + vector.map_or(0, |(_, numbers)| numbers.len() * 4)
    }
}

/// Where a stored entry lies.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) block: u64,
    pub(super) exact: [u8; 32],
    pub(super) expires_ms: u64,
    pub(super) entry: Span,
    pub(super) vector: Option<Span>,
    served: Served,
}

impl Slot {
    fn bytes(&self) -> u64 {
        u64::from(self.entry.len) + self.vector.map_or(0, |vector| u64::from(vector.len))
    }
}

/// Where a live entry is found.
#[derive(Debug)]
pub(super) enum Found {
    Pending(Arc<Pending>),
    Stored {
        block: u64,
        entry: Span,
        vector: Option<Span>,
    },
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Memory {
    pending: HashMap<u64, Arc<Pending>>,
    slots: BTreeMap<u64, Slot>,
    /// By the first half of the exact key: 128 bits of a hash do not collide by chance.
    exact: HashMap<[u8; 16], u64>,
    expiry: BTreeSet<(u64, u64)>,
    stored_bytes: u64,
    pending_bytes: usize,
    dirty: BTreeSet<u64>,
    removed: Vec<(u64, Removal)>,
    /// Where the eviction clock goes on.
    hand: u64,
}

impl Memory {
    pub(super) fn find(&self, id: u64) -> Option<Found> {
        if let Some(pending) = self.pending.get(&id) {
            return Some(Found::Pending(Arc::clone(pending)));
        }
        let slot = self.slots.get(&id)?;
        Some(Found::Stored {
            block: slot.block,
            entry: slot.entry,
            vector: slot.vector,
        })
    }

    pub(super) fn id_of(&self, exact: &[u8; 32]) -> Option<u64> {
        self.exact.get(&half(exact)).copied()
    }

    pub(super) fn touch(&self, id: u64) {
        if let Some(served) = self.served(id) {
            served.mark();
        }
    }

    /// Whether a live entry was served since this was last asked.
    pub(super) fn spare(&self, id: u64) -> Option<bool> {
        let served = self.served(id)?;
        Some(served.there.swap(false, Ordering::Relaxed))
    }

    fn served(&self, id: u64) -> Option<&Served> {
        let stored = self.slots.get(&id).map(|slot| &slot.served);
        stored.or_else(|| self.pending.get(&id).map(|pending| &pending.served))
    }

    pub(super) fn len(&self) -> usize {
        self.slots.len() + self.pending.len()
    }

    pub(super) fn stored_bytes(&self) -> u64 {
        self.stored_bytes
    }

    pub(super) fn pending(&self) -> usize {
        self.pending.len()
    }

    pub(super) fn pending_bytes(&self) -> usize {
        self.pending_bytes
    }

    pub(super) fn max_id(&self) -> u64 {
        let stored = self.slots.keys().next_back().copied().unwrap_or(0);
        self.pending.keys().copied().max().unwrap_or(0).max(stored)
    }

    /// Up to `limit` live ids after `after`, ascending; pending ones included.
    pub(super) fn ids_after(&self, after: u64, limit: usize) -> Vec<u64> {
        let stored = self
            .slots
            .range(after.saturating_add(1)..)
            .map(|(id, _)| *id)
            .take(limit);
        let mut ids: Vec<u64> = stored
            .chain(self.pending.keys().copied().filter(|id| *id > after))
            .collect();
        ids.sort_unstable();
        ids.truncate(limit);
        ids
    }

    /// Up to `limit` live ids before `before`, descending; pending ones included.
    pub(super) fn ids_before(&self, before: u64, limit: usize) -> Vec<u64> {
        let stored = self
            .slots
            .range(..before)
            .rev()
            .map(|(id, _)| *id)
            .take(limit);
        let mut ids: Vec<u64> = stored
            .chain(self.pending.keys().copied().filter(|id| *id < before))
            .collect();
        ids.sort_unstable_by(|a, b| b.cmp(a));
        ids.truncate(limit);
        ids
    }

    /// Exact key and expiry of a live entry.
    pub(super) fn exact_of(&self, id: u64) -> Option<([u8; 32], u64)> {
        if let Some(pending) = self.pending.get(&id) {
            return Some((pending.entry.exact, pending.entry.expires_ms));
        }
        self.slots
            .get(&id)
            .map(|slot| (slot.exact, slot.expires_ms))
    }

    /// Takes a new entry in; an older one with its exact key goes, and its id comes back.
    pub(super) fn admit(&mut self, pending: Arc<Pending>) -> Option<u64> {
        let (id, key) = (pending.entry.id, half(&pending.entry.exact));
        let older = self.exact.get(&key).copied().filter(|older| *older != id);
        if let Some(older) = older {
            self.remove(older, Removal::Superseded);
        }
        self.exact.insert(key, id);
        self.pending_bytes += pending.weight();
        self.pending.insert(id, pending);
        older
    }

    pub(super) fn is_pending(&self, id: u64) -> bool {
        self.pending.contains_key(&id)
    }

    /// A record of `block` is on disk now: the entry leaves the waiting room. One that was removed meanwhile has
    /// to leave the disk again.
    pub(super) fn settle(&mut self, block: u64, line: &Line) {
        match self.pending.remove(&line.id) {
            Some(pending) => {
                self.pending_bytes -= pending.weight();
                self.place(block, line, pending.served.as_it_is());
            }
            None => {
                self.dirty.insert(block);
            }
        }
    }

    /// A compacted block has its live records in new places.
    pub(super) fn relocate(&mut self, line: &Line) {
        if let Some(slot) = self.slots.get_mut(&line.id) {
            slot.entry = line.entry;
            slot.vector = line.vector;
        }
    }

    /// An entry found on disk at open. Of two with one exact key the newer one wins.
    pub(super) fn load(&mut self, block: u64, line: &Line) {
        let older = self.exact.get(&half(&line.exact)).copied();
        match older {
            Some(other) if other >= line.id => {
                self.dirty.insert(block);
                return;
            }
            Some(other) => {
                self.remove(other, Removal::Superseded);
            }
            None => {}
        }
        self.exact.insert(half(&line.exact), line.id);
        self.place(block, line, Served::default());
    }

    pub(super) fn remove(&mut self, id: u64, why: Removal) -> bool {
        let exact = if let Some(pending) = self.pending.remove(&id) {
            self.pending_bytes -= pending.weight();
            pending.entry.exact
        } else if let Some(slot) = self.slots.remove(&id) {
            self.stored_bytes -= slot.bytes();
            self.expiry.remove(&(slot.expires_ms, id));
            self.dirty.insert(slot.block);
            slot.exact
        } else {
            return false;
        };
        if self.exact.get(&half(&exact)) == Some(&id) {
            self.exact.remove(&half(&exact));
        }
        self.removed.push((id, why));
        true
    }

    /// One small step of making room: expired entries first, then, above `capacity` bytes, those that the clock hand
    /// finds untouched since its last round. Returns whether there is more to do.
    pub(super) fn make_room(&mut self, now_ms: u64, capacity: u64, limit: usize) -> bool {
        for _ in 0..limit {
            match self.expiry.first().copied() {
                Some((expires_ms, id)) if expires_ms <= now_ms => self.remove(id, Removal::Expired),
                _ if self.stored_bytes > capacity => self.turn_hand(),
                _ => return false,
            };
        }
        true
    }

    pub(super) fn has_dirty(&self) -> bool {
        !self.dirty.is_empty()
    }

    /// Blocks whose directory does not fit any more, at most `limit`; they count as clean from now on.
    pub(super) fn take_dirty(&mut self, limit: usize) -> Vec<u64> {
        let taken: Vec<u64> = self.dirty.iter().copied().take(limit).collect();
        for block in &taken {
            self.dirty.remove(block);
        }
        taken
    }

    pub(super) fn mark_dirty(&mut self, blocks: impl IntoIterator<Item = u64>) {
        self.dirty.extend(blocks);
    }

    pub(super) fn is_stored(&self, id: u64) -> bool {
        self.slots.contains_key(&id)
    }

    pub(super) fn lives_in(&self, id: u64, block: u64) -> bool {
        self.slots.get(&id).is_some_and(|slot| slot.block == block)
    }

    pub(super) fn take_removed(&mut self) -> Vec<(u64, Removal)> {
        std::mem::take(&mut self.removed)
    }

    pub(super) fn note_removed(&mut self, mut removed: Vec<(u64, Removal)>) {
        self.removed.append(&mut removed);
    }

    fn place(&mut self, block: u64, line: &Line, served: Served) {
        let slot = Slot {
            block,
            exact: line.exact,
            expires_ms: line.expires_ms,
            entry: line.entry,
            vector: line.vector,
            served,
        };
        self.stored_bytes += slot.bytes();
        self.expiry.insert((line.expires_ms, line.id));
        self.slots.insert(line.id, slot);
    }

    /// Second chance: a touched entry loses its mark, an untouched one goes.
    fn turn_hand(&mut self) -> bool {
        let next = self
            .slots
            .range(self.hand..)
            .next()
            .or_else(|| self.slots.iter().next());
        let Some((id, slot)) = next else { return false };
        let id = *id;
        self.hand = id.saturating_add(1);
        if slot.served.here.swap(false, Ordering::Relaxed) {
            false
        } else {
            self.remove(id, Removal::Evicted)
        }
    }
}

fn half(exact: &[u8; 32]) -> [u8; 16] {
    let mut half = [0; 16];
    half.copy_from_slice(&exact[..16]);
    half
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(id: u64, exact: u8, expires_ms: u64) -> Line {
        Line {
            id,
            exact: [exact; 32],
            expires_ms,
            entry: Span { at: 0, len: 100 },
            vector: None,
        }
    }

    #[test]
    fn room_is_made_by_expired_entries_first_and_then_by_untouched_ones() {
        let mut memory = Memory::default();
        for id in 1..=4u8 {
            memory.load(1, &line(u64::from(id), id, if id == 3 { 10 } else { 1000 }));
        }
        memory.touch(1);
        assert!(!memory.make_room(10, 200, 100));
        assert_eq!(
            memory.take_removed(),
            [(3, Removal::Expired), (2, Removal::Evicted)]
        );
        assert_eq!(memory.stored_bytes(), 200);
    }

    #[test]
    fn an_entry_that_was_served_before_it_is_on_disk_is_spared_by_each_clock_once() {
        let mut memory = Memory::default();
        let entry = super::super::record::tests::entry(1, 1, "a");
        memory.admit(Arc::new(Pending::new(entry, None)));
        assert_eq!((memory.spare(1), memory.spare(2)), (Some(false), None));
        memory.touch(1);
        memory.settle(1, &line(1, 1, 1000));
        assert_eq!(
            (memory.spare(1), memory.spare(1)),
            (Some(true), Some(false))
        );
        assert!(memory.make_room(10, 0, 1) && memory.is_stored(1));
        assert!(memory.make_room(10, 0, 1) && !memory.is_stored(1));
    }

    #[test]
    fn of_two_stored_entries_with_one_key_the_newer_one_lives() {
        let mut memory = Memory::default();
        memory.load(1, &line(1, 7, 1000));
        memory.load(2, &line(2, 7, 1000));
        assert_eq!((memory.id_of(&[7; 32]), memory.len()), (Some(2), 1));
        assert_eq!(memory.take_dirty(9), [1]);
    }

    #[test]
    fn an_entry_removed_while_it_was_written_leaves_the_disk_again() {
        let mut memory = Memory::default();
        let entry = super::super::record::tests::entry(1, 1, "a");
        memory.admit(Arc::new(Pending::new(entry, None)));
        memory.remove(1, Removal::Deleted);
        memory.settle(1, &line(1, 1, 1000));
        assert_eq!((memory.len(), memory.take_dirty(9)), (0, vec![1]));
    }
}
