use std::time::Duration;

use super::super::damage::{copy, inflict};
use super::super::load::SCHEMA;
use super::super::record::tests::entry;
use super::super::scan::{EntryFilter, Order};
use super::super::terms::OnRemoved;
use super::*;

fn config() -> CacheStoreConfig {
    CacheStoreConfig {
        cache_capacity_bytes: 4 << 20,
        embedding_fingerprint: "mini".into(),
        min_free_bytes: 0,
        linger_ms: 0,
        ..CacheStoreConfig::default()
    }
}

fn open_with(
    path: &std::path::Path,
    config: CacheStoreConfig,
) -> (DataFolder, CacheStore, OpenReport) {
    let folder = DataFolder::open(path).unwrap();
    let (store, report) = CacheStore::open(&folder, config).unwrap();
    (folder, store, report)
}

/// An entry whose body names its id, so that a wrong body shows.
fn put(store: &CacheStore, exact: u8) -> u64 {
    let id = store.next_id();
    let put = store.try_put(
        entry(id, exact, &format!("answer {id}")),
        Some(vec![f32::from(exact); 8]),
    );
    assert!(matches!(put, Put::Queued { .. }), "{put:?}");
    id
}

fn body(id: u64) -> String {
    format!("\"answer {id}\"")
}

#[test]
fn an_entry_is_readable_before_and_after_it_is_written_and_after_a_restart() {
    let temp = tempfile::tempdir().unwrap();
    let (folder, store, report) = open_with(temp.path(), config());
    assert_eq!(report, OpenReport::default());
    let id = put(&store, 1);
    let check = |store: &CacheStore| {
        assert_eq!(store.get(id).unwrap().answer.get(), body(id));
        assert_eq!(store.get_by_exact(&[1; 32]).unwrap().id, id);
        assert_eq!(store.vector(id), Some(([3; 32], vec![1.0; 8])));
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
    assert!(store.get(old).is_none() && store.vector(old).is_none());
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
        assert!(kept.iter().all(|id| store.vector(*id).is_some()));
        assert_eq!(store.stats().corrupt_records, 0);
        assert_eq!(store.shared.trees().unwrap().orphans(), [] as [u64; 0]);
    };
    check(&store);
    drop((store, folder));
    check(&open_with(temp.path(), config()).1);
}

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
fn large_answers_come_back_and_too_large_ones_are_refused() {
    let temp = tempfile::tempdir().unwrap();
    let (_folder, store, _) = open_with(temp.path(), config());
    let mut random = super::super::damage::Random(1);
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
    let settings = super::super::open::SledSettings {
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
    assert!(store.get(id).is_some() && store.vector(id).is_none());
    assert_eq!(store.stats().corrupt_records, 0);
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

#[test]
fn a_disk_without_room_is_an_error_that_touches_nothing() {
    let temp = tempfile::tempdir().unwrap();
    let (folder, store, _) = open_with(temp.path(), config());
    let id = put(&store, 1);
    drop((store, folder));
    let folder = DataFolder::open(temp.path()).unwrap();
    let full = CacheStoreConfig {
        min_free_bytes: u64::MAX,
        ..config()
    };
    assert!(matches!(
        CacheStore::open(&folder, full),
        Err(StoreError::NoSpace { .. })
    ));
    let (store, _) = CacheStore::open(&folder, config()).unwrap();
    assert!(store.get(id).is_some());
}

/// A small tmpfs, where this user may mount one.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    fn mount() -> Option<Self> {
        let temp = tempfile::tempdir().unwrap();
        let mut mount = std::process::Command::new("mount");
        let done = mount
            .args(["-t", "tmpfs", "-o", "size=64m", "tmpfs"])
            .arg(temp.path())
            .output();
        done.is_ok_and(|output| output.status.success())
            .then_some(Self(temp))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        drop(
            std::process::Command::new("umount")
                .arg("-l")
                .arg(self.0.path())
                .output(),
        );
    }
}

fn noise(random: &mut super::super::damage::Random) -> String {
    (0..200_000)
        .map(|_| char::from(b'!' + u8::try_from(random.below(90)).unwrap()))
        .collect()
}

fn fill_and_free(min_free_bytes: u64) {
    let Some(disk) = SmallDisk::mount() else {
        return;
    };
    let ballast = disk.0.path().join("ballast");
    std::fs::write(&ballast, vec![1; 30 << 20]).unwrap();
    let (_folder, store, _) = open_with(
        &disk.0.path().join("data"),
        CacheStoreConfig {
            min_free_bytes,
            ..config()
        },
    );
    let kept = put(&store, 250);
    store.flush().unwrap();
    let mut random = super::super::damage::Random(5);
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
