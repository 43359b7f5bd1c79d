//! Damage costs entries and never gives a wrong body.

use super::{body, config, open_with, put};
use crate::store::damage::{copy, inflict};
use crate::store::entries::*;

#[test]
fn a_record_under_the_wrong_place_is_a_miss_and_is_dropped() {
    let temp = tempfile::tempdir().unwrap();
    let (_folder, store, _) = open_with(temp.path(), config());
    let one = put(&store, 1);
    store.flush().unwrap();
    let two = put(&store, 2);
    store.flush().unwrap();
    let trees = store.shared.trees().unwrap();
    let entries = trees.db.open_tree("entries").unwrap();
    let first = entries.iter().next().unwrap().unwrap().1;
    let second = entries.iter().nth(1).unwrap().unwrap().0;
    entries.insert(second, first).unwrap();
    assert!(store.get(two).is_none());
    assert_eq!(store.stats().corrupt_records, 1);
    assert!(store.get_by_exact(&[2; 32]).is_none());
    assert_eq!(store.get(one).unwrap().answer.get(), body(one));
}

#[test]
fn any_damage_still_opens_and_never_serves_a_wrong_body() {
    let original = tempfile::tempdir().unwrap();
    let (folder, store, _) = open_with(original.path(), config());
    for exact in 0..80 {
        put(&store, exact);
    }
    drop((store, folder));
    let mut hurt = 0;
    for seed in 0..80 {
        let temp = copy(original.path());
        let harm = inflict(&temp.path().join("cache"), seed);
        let (_folder, store, report) = open_with(temp.path(), config());
        store.for_each_exact(|_, id, _| {
            if let Some(entry) = store.get(id) {
                assert_eq!(entry.answer.get(), body(id), "seed {seed} {harm:?}");
            }
        });
        hurt += usize::from(report != OpenReport::default() || store.stats().corrupt_records > 0);
        let fresh = put(&store, 200);
        store
            .flush()
            .unwrap_or_else(|error| panic!("seed {seed} {harm:?}: {error}"));
        assert_eq!(
            store.get(fresh).unwrap().answer.get(),
            body(fresh),
            "seed {seed} {harm:?}"
        );
    }
    assert!(hurt > 20, "the damage must reach what matters: {hurt}");
}
