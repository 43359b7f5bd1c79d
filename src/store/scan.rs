//! Walking over the cache store: for rebuilding what is derived from it, and for the admin's listing. Writes nothing.

use super::entries::CacheStore;
use super::record::Entry;
use super::vectors::Vector;
use crate::embed::Space;

/// Ids looked at under one lock.
const STRIDE: usize = 256;

/// What a listed or deleted entry must have; empty matches all.
#[derive(Debug, Clone, Default)]
pub struct EntryFilter {
    /// Its tenant.
    pub tenant: Option<String>,
    /// Its namespace.
    pub namespace: Option<String>,
    /// Its requested model.
    pub model: Option<String>,
    /// Who asked.
    pub asker: Option<[u8; 16]>,
}

/// Which end a listing starts at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Highest id first.
    Newest,
    /// Lowest id first.
    Oldest,
}

/// One page of a listing.
#[derive(Debug)]
pub struct Page {
    /// The entries, in order.
    pub entries: Vec<Entry>,
    /// Pass it on for the next page; `None` at the end.
    pub cursor: Option<u64>,
}

impl EntryFilter {
    /// Whether `entry` has all that is asked for.
    #[must_use]
    pub fn matches(&self, entry: &Entry) -> bool {
        let fits =
            |asked: &Option<String>, has: &str| asked.as_deref().is_none_or(|asked| asked == has);
        fits(&self.tenant, &entry.tenant)
            && fits(&self.namespace, &entry.namespace)
            && fits(&self.model, &entry.model)
            && self.asker.is_none_or(|asker| entry.asker == Some(asker))
    }
}

impl CacheStore {
    /// Calls `f` with exact key, id and expiry (Unix ms) of every live entry, from memory.
    pub fn for_each_exact(&self, mut f: impl FnMut(&[u8; 32], u64, u64)) {
        self.for_each_id(0, |id| {
            // The guard must not live across the callback.
            let found = self.shared().memory.read().exact_of(id);
            if let Some((exact, expires_ms)) = found {
                f(&exact, id, expires_ms);
            }
            true
        });
    }

    /// Calls `f` with id, expiry (Unix ms) and vector of every live entry after `after` that has one of the model of
    /// `space`, ascending, until it returns `false`. Two puts under way at once may be stored in either order: to resume, look up what is known
    /// already instead of trusting the last id alone.
    pub fn for_each_vector(
        &self,
        space: Space,
        after: u64,
        mut f: impl FnMut(u64, u64, Vector) -> bool,
    ) {
        self.for_each_id(after, |id| {
            let expiry = self
                .shared()
                .memory
                .read()
                .exact_of(id)
                .map(|(_, expires_ms)| expires_ms);
            match (expiry, self.vector(id, space)) {
                (Some(expires_ms), Some(vector)) => f(id, expires_ms, vector),
                _ => true,
            }
        });
    }

    /// Up to `limit` entries that match, from `cursor` on.
    #[must_use]
    pub fn list(
        &self,
        filter: &EntryFilter,
        order: Order,
        cursor: Option<u64>,
        limit: usize,
    ) -> Page {
        let mut page = Page {
            entries: Vec::new(),
            cursor,
        };
        loop {
            let ids = self.stride(order, page.cursor);
            if ids.is_empty() {
                page.cursor = None;
                return page;
            }
            for id in ids {
                if page.entries.len() == limit {
                    return page;
                }
                page.cursor = Some(id);
                page.entries
                    .extend(self.get(id).filter(|entry| filter.matches(entry)));
            }
        }
    }

    /// Deletes every entry that matches; returns how many. Reads each entry, so it takes seconds on a large store.
    pub fn delete_where(&self, filter: &EntryFilter) -> usize {
        let mut doomed = Vec::new();
        self.for_each_id(0, |id| {
            if self.get(id).is_some_and(|entry| filter.matches(&entry)) {
                doomed.push(id);
            }
            true
        });
        self.delete(&doomed)
    }

    fn stride(&self, order: Order, cursor: Option<u64>) -> Vec<u64> {
        let memory = self.shared().memory.read();
        match order {
            Order::Oldest => memory.ids_after(cursor.unwrap_or(0), STRIDE),
            Order::Newest => memory.ids_before(cursor.unwrap_or(u64::MAX), STRIDE),
        }
    }

    /// Calls `f` with the id of every live entry after `after`, ascending, until it returns `false`.
    pub fn for_each_id(&self, mut after: u64, mut f: impl FnMut(u64) -> bool) {
        loop {
            let ids = self.stride(Order::Oldest, Some(after));
            let Some(last) = ids.last().copied() else {
                return;
            };
            for id in ids {
                if !f(id) {
                    return;
                }
            }
            after = last;
        }
    }
}
