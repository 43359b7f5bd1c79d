//! The vectors of two models beside each other, and the step from one to the other.

use super::{config, numbers, open_with, put};
use crate::store::Vector;
use crate::store::entries::*;
use crate::store::generations::Place;

/// The settings of a change from the model `mini` to another.
fn towards(next: Option<&str>) -> CacheStoreConfig {
    CacheStoreConfig {
        next_fingerprint: next.map(str::to_owned),
        ..config()
    }
}

fn renew(store: &CacheStore, id: u64, model: &str) {
    let vector = Vector {
        scope: [3; 32],
        tokens: Some([8; 16]),
        numbers: vec![0.5; 12],
    };
    assert!(store.try_put_vectors(Space::of(model), vec![(id, vector)]));
    store.flush().unwrap();
}

fn both(store: &CacheStore, id: u64) -> (bool, bool) {
    let has = |model| numbers(store, id, model).is_some();
    (has("mini"), has("next"))
}

#[test]
fn a_second_generation_lies_beside_the_first_until_it_is_the_one_in_use() {
    let temp = tempfile::tempdir().unwrap();
    let (folder, store, _) = open_with(temp.path(), towards(Some("next")));
    let (id, other) = (put(&store, 1), put(&store, 2));
    renew(&store, id, "next");
    assert_eq!(
        (both(&store, id), both(&store, other)),
        ((true, true), (true, false))
    );
    assert_eq!(store.home(), Space::of("mini"));
    drop((store, folder));
    let (folder, store, report) = open_with(temp.path(), towards(Some("next")));
    assert_eq!(
        (both(&store, id), report.dropped_vectors),
        ((true, true), false)
    );
    store.switch_to(Space::of("next")).unwrap();
    assert_eq!(store.home(), Space::of("next"));
    assert_eq!(
        both(&store, id),
        (true, true),
        "somebody may still read the first"
    );
    store.retire();
    assert_eq!(both(&store, id), (false, true));
    // A vector of the model before is not taken any more, one of the model in use is.
    let late = put(&store, 3);
    store.flush().unwrap();
    assert_eq!(both(&store, late), (false, false));
    let fresh = store.next_id();
    let vector = Some((Space::of("next"), vec![0.25; 12]));
    let entry = crate::store::record::tests::entry(fresh, 4, "fresh");
    assert!(matches!(store.try_put(entry, vector), Put::Queued { .. }));
    store.flush().unwrap();
    drop((store, folder));
    // The folder is the next model's under either name.
    let ours = CacheStoreConfig {
        embedding_fingerprint: "next".into(),
        ..config()
    };
    for settings in [towards(Some("next")), ours] {
        let (_folder, store, report) = open_with(temp.path(), settings);
        assert!(!report.dropped_vectors && store.home() == Space::of("next"));
        assert_eq!(
            (both(&store, id), both(&store, fresh)),
            ((false, true), (false, true))
        );
        assert_eq!(
            store.vector(id, Space::of("next")).unwrap().tokens,
            Some([8; 16])
        );
        assert_eq!(store.stats().corrupt_records, 0);
    }
    let (_folder, store, report) = open_with(temp.path(), config());
    assert!(report.dropped_vectors && store.get(id).is_some());
    assert_eq!(both(&store, id), (false, false));
}

#[test]
fn what_no_model_in_use_or_next_made_leaves_the_disk() {
    let temp = tempfile::tempdir().unwrap();
    let (_folder, store, _) = open_with(temp.path(), towards(Some("next")));
    let (gone, id) = (put(&store, 1), put(&store, 2));
    renew(&store, gone, "next");
    renew(&store, id, "next");
    let trees = store.shared.trees().unwrap();
    let rows = |place| trees.own_vector(place, gone).unwrap().is_some();
    assert!(rows(Place::A));
    store.delete(&[gone]);
    store.flush().unwrap();
    assert!(!rows(Place::A), "it goes with its entry");
    store.switch_to(Space::of("next")).unwrap();
    store.retire();
    store.flush().unwrap();
    store.flush().unwrap();
    assert_eq!(trees.thin(Place::Blocks, 9).unwrap(), 0);
}

#[test]
fn another_next_model_starts_anew_and_none_drops_what_was_begun() {
    let temp = tempfile::tempdir().unwrap();
    let (folder, store, _) = open_with(temp.path(), towards(Some("next")));
    let id = put(&store, 1);
    renew(&store, id, "next");
    drop((store, folder));
    // Nothing is known of it while its folder cannot be read.
    let (folder, store, _) = open_with(temp.path(), towards(Some("")));
    assert_eq!(both(&store, id), (true, true));
    drop((store, folder));
    let (folder, store, _) = open_with(temp.path(), towards(Some("third")));
    assert_eq!(both(&store, id), (true, false));
    assert!(numbers(&store, id, "third").is_none());
    renew(&store, id, "third");
    drop((store, folder));
    let (_folder, store, _) = open_with(temp.path(), config());
    assert_eq!(both(&store, id), (true, false));
    store.flush().unwrap();
    store.flush().unwrap();
    let trees = store.shared.trees().unwrap();
    assert_eq!(trees.thin(Place::A, 9).unwrap(), 0);
}

#[test]
fn vectors_are_kept_where_the_next_model_may_be_the_one_that_made_them() {
    let temp = tempfile::tempdir().unwrap();
    let (folder, store, _) = open_with(temp.path(), towards(Some("next")));
    let id = put(&store, 1);
    renew(&store, id, "next");
    store.switch_to(Space::of("next")).unwrap();
    drop((store, folder));
    let folder = DataFolder::open(temp.path()).unwrap();
    let refused = CacheStore::open(&folder, towards(Some(""))).err();
    assert!(matches!(refused, Some(StoreError::VectorsKept)));
    drop(folder);
    let (_folder, store, _) = open_with(temp.path(), towards(Some("next")));
    assert_eq!(both(&store, id), (false, true));
}

#[test]
fn a_model_set_before_its_change_was_over_has_what_was_made_by_then() {
    let temp = tempfile::tempdir().unwrap();
    let (folder, store, _) = open_with(temp.path(), towards(Some("next")));
    let (id, other) = (put(&store, 1), put(&store, 2));
    renew(&store, id, "next");
    drop((store, folder));
    let ours = CacheStoreConfig {
        embedding_fingerprint: "next".into(),
        ..config()
    };
    let (_folder, store, report) = open_with(temp.path(), ours);
    assert!(report.dropped_vectors);
    assert_eq!(
        (both(&store, id), both(&store, other)),
        ((false, true), (false, false))
    );
}
