//! What a folder of another schema or another model is opened as.

use super::{config, numbers, open_with, put};
use crate::store::entries::*;
use crate::store::load::SCHEMA;
use crate::store::open::SledSettings;

#[test]
fn a_newer_schema_is_refused_and_an_older_one_is_emptied_aloud() {
    let temp = tempfile::tempdir().unwrap();
    let mark = |schema: u32| {
        let (trees, _) = raw(temp.path());
        trees
            .apply(&[Trees::put_meta("schema", &schema.to_le_bytes())])
            .unwrap();
    };
    let (folder, store, _) = open_with(temp.path(), config());
    put(&store, 1);
    drop((store, folder));
    mark(SCHEMA + 1);
    let folder = DataFolder::open(temp.path()).unwrap();
    let error = CacheStore::open(&folder, config()).err().unwrap();
    assert!(
        error
            .to_string()
            .contains(&format!("has schema {}", SCHEMA + 1)),
        "{error}"
    );
    drop(folder);
    mark(0);
    let (_folder, store, report) = open_with(temp.path(), config());
    assert!(report.dropped_schema && store.stats().entries == 0);
}

fn raw(path: &std::path::Path) -> (Trees, bool) {
    let settings = SledSettings {
        cache_bytes: 1 << 20,
        flush_every_ms: None,
        segment_bytes: 8 << 20,
    };
    Trees::open(&path.join("cache"), &settings).unwrap()
}

#[test]
fn another_embedding_model_costs_the_vectors_and_not_the_entries() {
    let temp = tempfile::tempdir().unwrap();
    let (folder, store, _) = open_with(temp.path(), config());
    let id = put(&store, 1);
    drop((store, folder));
    let other = CacheStoreConfig {
        embedding_fingerprint: "other".into(),
        ..config()
    };
    let (_folder, store, report) = open_with(temp.path(), other);
    assert!(report.dropped_vectors);
    assert!(store.get(id).is_some() && numbers(&store, id, "mini").is_none());
    assert_eq!(store.stats().corrupt_records, 0);
}
