//! The store of entries, held to what it promises; here is what the tests start from.

mod damage;
mod keeping;
mod models;
mod opening;
mod room;

use super::*;
use crate::store::record::tests::entry;

pub(super) fn config() -> CacheStoreConfig {
    CacheStoreConfig {
        cache_capacity_bytes: 4 << 20,
        embedding_fingerprint: "mini".into(),
        min_free_bytes: 0,
        linger_ms: 0,
        ..CacheStoreConfig::default()
    }
}

pub(super) fn open_with(
    path: &std::path::Path,
    config: CacheStoreConfig,
) -> (DataFolder, CacheStore, OpenReport) {
    let folder = DataFolder::open(path).unwrap();
    let (store, report) = CacheStore::open(&folder, config).unwrap();
    (folder, store, report)
}

/// An entry whose body names its id, so that a wrong body shows.
pub(super) fn put(store: &CacheStore, exact: u8) -> u64 {
    let id = store.next_id();
    let put = store.try_put(
        entry(id, exact, &format!("answer {id}")),
        Some((Space::of("mini"), vec![f32::from(exact); 8])),
    );
    assert!(matches!(put, Put::Queued { .. }), "{put:?}");
    id
}

pub(super) fn body(id: u64) -> String {
    format!("\"answer {id}\"")
}

/// The numbers of an entry's vector as the model of that name made it.
pub(super) fn numbers(store: &CacheStore, id: u64, model: &str) -> Option<Vec<f32>> {
    store.vector(id, Space::of(model)).map(|v| v.numbers)
}
