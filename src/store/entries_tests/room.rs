//! Limits of size and room, down to a full disk.

use std::time::Duration;

use super::{body, config, open_with, put};
use crate::store::damage::Random;
use crate::store::entries::*;
use crate::store::record::tests::entry;
use crate::store::small_disk::SmallDisk;
use crate::store::terms::OnRemoved;

#[test]
fn a_full_store_evicts_the_oldest_untouched_entries_and_says_which() {
    let temp = tempfile::tempdir().unwrap();
    let heard = Arc::new(Mutex::new(Vec::new()));
    let listener = Arc::clone(&heard);
    let on_removed: OnRemoved = Arc::new(move |removed| listener.lock().extend_from_slice(removed));
    let config = CacheStoreConfig {
        capacity_bytes: 8_000,
        on_removed: Some(on_removed),
        ..config()
    };
    let (_folder, store, _) = open_with(temp.path(), config);
    let ids: Vec<u64> = (0..8).map(|exact| put(&store, exact)).collect();
    store.flush().unwrap();
    store.touch(ids[0]);
    for exact in 8..100 {
        put(&store, exact);
        store.flush().unwrap();
        store.touch(ids[0]);
    }
    assert!(store.stats().stored_bytes <= 8_000);
    assert!(store.get(ids[0]).is_some(), "a touched entry stays");
    assert!(store.get(ids[1]).is_none());
    store.flush().unwrap();
    assert!(heard.lock().contains(&(ids[1], Removal::Evicted)));
}

#[test]
fn large_answers_come_back_and_too_large_ones_are_refused() {
    let temp = tempfile::tempdir().unwrap();
    let (_folder, store, _) = open_with(temp.path(), config());
    let mut random = Random(1);
    let text: String = (0..900_000)
        .map(|_| char::from(b'a' + u8::try_from(random.below(26)).unwrap()))
        .collect();
    let id = store.next_id();
    assert!(matches!(
        store.try_put(entry(id, 1, &text), None),
        Put::Queued { .. }
    ));
    store.flush().unwrap();
    assert_eq!(store.get(id).unwrap().answer.get().len(), text.len() + 2);
    assert_eq!(
        store.try_put(entry(9, 1, &"x".repeat(1 << 20)), None),
        Put::TooLarge
    );
}

#[test]
fn on_a_disk_without_room_nothing_is_read_or_put_and_nothing_is_touched() {
    let temp = tempfile::tempdir().unwrap();
    let (folder, store, _) = open_with(temp.path(), config());
    let id = put(&store, 1);
    drop((store, folder));
    let full = CacheStoreConfig {
        min_free_bytes: u64::MAX,
        ..config()
    };
    let (folder, store, report) = open_with(temp.path(), full);
    assert_eq!(report, OpenReport::default());
    assert!(!store.is_read() && matches!(store.status(), Status::Degraded(_)));
    assert!(store.get(id).is_none());
    let fresh = entry(store.next_id(), 2, "x");
    assert_eq!(store.try_put(fresh, None), Put::Degraded);
    assert!(store.flush().is_err());
    drop((store, folder));
    let (_folder, store, _) = open_with(temp.path(), config());
    assert_eq!(store.get(id).unwrap().answer.get(), body(id));
}

#[test]
fn what_a_full_disk_hid_is_back_with_its_space_and_no_id_is_given_twice() {
    let Some(disk) = SmallDisk::mount() else {
        return;
    };
    let path = disk.data();
    let (folder, store, _) = open_with(&path, config());
    let ids: Vec<u64> = (1..9).map(|exact| put(&store, exact)).collect();
    store.flush().unwrap();
    drop((store, folder));
    let ballast = disk.fill_but(4 << 20);
    let (heard, hears) = crossbeam_channel::bounded(1);
    let (_folder, store, _) = open_with(
        &path,
        CacheStoreConfig {
            min_free_bytes: 8 << 20,
            on_read: Some(Arc::new(move || heard.send(()).unwrap())),
            ..config()
        },
    );
    assert!(!store.is_read() && store.get(ids[0]).is_none());
    // An answer under way while the disk gets its space back.
    let early = store.next_id();
    std::fs::remove_file(&ballast).unwrap();
    hears.recv_timeout(Duration::from_secs(20)).unwrap();
    assert!(store.is_read());
    let put_early = store.try_put(entry(early, 99, "early"), None);
    assert_eq!(put_early, Put::Degraded);
    for id in &ids {
        assert_eq!(store.get(*id).unwrap().answer.get(), body(*id));
    }
    let fresh = put(&store, 100);
    store.flush().unwrap();
    assert!(!ids.contains(&fresh) && store.get(fresh).is_some());
}

fn noise(random: &mut Random) -> String {
    (0..200_000)
        .map(|_| char::from(b'!' + u8::try_from(random.below(90)).unwrap()))
        .collect()
}

fn fill_and_free(min_free_bytes: u64) {
    let Some(disk) = SmallDisk::mount() else {
        return;
    };
    let ballast = disk.fill_but(34 << 20);
    let (_folder, store, _) = open_with(
        &disk.data(),
        CacheStoreConfig {
            min_free_bytes,
            ..config()
        },
    );
    let kept = put(&store, 250);
    store.flush().unwrap();
    let mut random = Random(5);
    let refused = (0..200u8).any(|exact| {
        let put = store.try_put(entry(store.next_id(), exact, &noise(&mut random)), None);
        put == Put::Degraded || store.flush().is_err()
    });
    assert!(refused && matches!(store.status(), Status::Degraded(_)));
    assert_eq!(
        store.get(kept).unwrap().answer.get(),
        body(kept),
        "reads go on"
    );
    assert_eq!(
        store.try_put(entry(store.next_id(), 251, "x"), None),
        Put::Degraded
    );
    std::fs::remove_file(&ballast).unwrap();
    let deadline = std::time::Instant::now() + Duration::from_secs(20);
    while store.flush().is_err() {
        assert!(std::time::Instant::now() < deadline, "{:?}", store.status());
        std::thread::park_timeout(Duration::from_millis(20));
    }
    assert_eq!(
        store.get(kept).unwrap().answer.get(),
        body(kept),
        "nothing flushed is lost"
    );
    let fresh = put(&store, 252);
    store.flush().unwrap();
    assert!(store.get(fresh).is_some());
}

#[test]
fn a_disk_that_runs_low_drops_writes_keeps_reads_and_recovers() {
    fill_and_free(12 << 20);
}

#[test]
fn a_disk_that_fails_under_sled_drops_writes_keeps_reads_and_recovers() {
    fill_and_free(0);
}
