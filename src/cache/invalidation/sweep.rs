//! Drops what marks hide. Reads each entry once, so it runs in the background and seldom.

use std::time::{Duration, Instant};

use super::Features;
use crate::cache::Cache;
use crate::cache::embeddings::Embeddings;
use crate::chat::unix_ms;
use crate::store::{EntryFilter, Order};

/// Time between two sweeps: a burst of invalidations is swept up at once.
const PAUSE: Duration = Duration::from_secs(300);
/// Entries that are read at a time.
const PAGE: usize = 256;

/// When was swept last.
#[derive(Debug, Default)]
pub(in crate::cache) struct Sweeper {
    last: Option<Instant>,
}

impl Sweeper {
    /// Sweeps if something was marked since the last time, or if marks have become old enough to go.
    pub(in crate::cache) fn round(&mut self, cache: &Cache) {
        let (marks, store) = (cache.memory().marks(), cache.memory().store());
        let rested = self.last.is_none_or(|last| last.elapsed() >= PAUSE);
        if !rested || !store.is_read() || !marks.wants_sweep(unix_ms()) {
            return;
        }
        self.last = Some(Instant::now());
        let changes = marks.changes();
        let dropped = sweep(cache);
        if let Err(cause) = store.flush() {
            tracing::warn!(%cause, "what was invalidated is hidden, and dropped from the disk later");
            return;
        }
        marks.swept(changes, unix_ms());
        tracing::info!(dropped, "what was invalidated is dropped");
    }
}

fn sweep(cache: &Cache) -> usize {
    let memory = cache.memory();
    let mut dropped = memory.drop_hidden_transients();
    dropped += cache.embeddings().map_or(0, Embeddings::sweep);
    let mut cursor = None;
    loop {
        let page = memory
            .store()
            .list(&EntryFilter::default(), Order::Oldest, cursor, PAGE);
        let hidden = page
            .entries
            .iter()
            .filter(|e| memory.marks().hide(&Features::from(*e)));
        let ids: Vec<u64> = hidden
            .map(|entry| {
                cache.hide(entry.id, &entry.scope);
                entry.id
            })
            .collect();
        dropped += memory.drop_hidden(&ids);
        cursor = page.cursor;
        if cursor.is_none() {
            return dropped;
        }
    }
}
