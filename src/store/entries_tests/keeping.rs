//! What is written is read, replaced, listed and deleted.

use super::{body, config, numbers, open_with, put};
use crate::store::entries::*;
use crate::store::record::tests::entry;
use crate::store::scan::{EntryFilter, Order};

#[test]
fn an_entry_is_readable_before_and_after_it_is_written_and_after_a_restart() {
    let temp = tempfile::tempdir().unwrap();
    let (folder, store, report) = open_with(temp.path(), config());
    assert_eq!(report, OpenReport::default());
    let id = put(&store, 1);
    let check = |store: &CacheStore| {
        assert_eq!(store.get(id).unwrap().answer.get(), body(id));
        assert_eq!(store.get_by_exact(&[1; 32]).unwrap().id, id);
        assert_eq!(numbers(store, id, "mini"), Some(vec![1.0; 8]));
        assert!(store.get_by_exact(&[2; 32]).is_none());
    };
    check(&store);
    store.flush().unwrap();
    check(&store);
    drop((store, folder));
    check(&open_with(temp.path(), config()).1);
}

#[test]
fn a_newer_entry_with_the_same_key_replaces_the_older_one_for_good() {
    let temp = tempfile::tempdir().unwrap();
    let (folder, store, _) = open_with(temp.path(), config());
    let old = put(&store, 1);
    let kept = put(&store, 2);
    store.flush().unwrap();
    let new = store.next_id();
    assert_eq!(
        store.try_put(entry(new, 1, "new"), None),
        Put::Queued {
            superseded: Some(old)
        }
    );
    assert!(store.get(old).is_none());
    store.flush().unwrap();
    drop((store, folder));
    let (_folder, store, _) = open_with(temp.path(), config());
    assert!(store.get(old).is_none() && numbers(&store, old, "mini").is_none());
    assert_eq!(store.get_by_exact(&[1; 32]).unwrap().id, new);
    assert_eq!(store.get(kept).unwrap().answer.get(), body(kept));
}

#[test]
fn ids_are_never_used_twice() {
    let temp = tempfile::tempdir().unwrap();
    let mut last = 0;
    for _ in 0..3 {
        let (_folder, store, _) = open_with(temp.path(), config());
        for _ in 0..10 {
            let id = store.next_id();
            assert!(id > last);
            last = id;
        }
    }
}

#[test]
fn deletions_reach_the_disk_and_half_empty_blocks_are_packed() {
    let temp = tempfile::tempdir().unwrap();
    let (folder, store, _) = open_with(temp.path(), config());
    let ids: Vec<u64> = (0..64).map(|exact| put(&store, exact)).collect();
    store.flush().unwrap();
    let (kept, gone): (Vec<u64>, Vec<u64>) = ids.iter().partition(|id| *id % 5 == 0);
    assert_eq!(store.delete(&gone), gone.len());
    assert_eq!(store.delete(&gone), 0);
    store.flush().unwrap();
    let check = |store: &CacheStore| {
        assert!(gone.iter().all(|id| store.get(*id).is_none()));
        assert!(
            kept.iter()
                .all(|id| store.get(*id).unwrap().answer.get() == body(*id))
        );
        assert!(kept.iter().all(|id| numbers(store, *id, "mini").is_some()));
        assert_eq!(store.stats().corrupt_records, 0);
        assert_eq!(store.shared.trees().unwrap().orphans(), [] as [u64; 0]);
    };
    check(&store);
    drop((store, folder));
    check(&open_with(temp.path(), config()).1);
}

#[test]
fn an_expired_entry_goes_without_being_asked_for() {
    let temp = tempfile::tempdir().unwrap();
    let (_folder, store, _) = open_with(temp.path(), config());
    let id = store.next_id();
    assert!(matches!(
        store.try_put(
            Entry {
                expires_ms: 1,
                ..entry(id, 1, "old")
            },
            None
        ),
        Put::Queued { .. }
    ));
    store.flush().unwrap();
    assert!(store.get(id).is_none());
}

#[test]
fn listing_and_deleting_by_namespace_see_every_page() {
    let temp = tempfile::tempdir().unwrap();
    let (_folder, store, _) = open_with(temp.path(), config());
    for exact in 0..20 {
        let id = store.next_id();
        let namespace = if exact % 2 == 0 { "even" } else { "odd" };
        let put = store.try_put(
            Entry {
                namespace: namespace.into(),
                ..entry(id, exact, "a")
            },
            None,
        );
        assert!(matches!(put, Put::Queued { .. }));
    }
    let filter = EntryFilter {
        namespace: Some("even".into()),
        ..EntryFilter::default()
    };
    let (mut seen, mut cursor) = (Vec::new(), None);
    loop {
        let page = store.list(&filter, Order::Newest, cursor, 3);
        seen.extend(page.entries.iter().map(|entry| entry.id));
        cursor = page.cursor;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(seen, [19, 17, 15, 13, 11, 9, 7, 5, 3, 1]);
    assert_eq!(store.delete_where(&filter), 10);
    assert_eq!(store.stats().entries, 10);
}
