//! SIGKILL at random moments: this test binary runs itself as a child that writes without end.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::damage::Random;
use super::record::tests::entry;
use super::{CacheStore, CacheStoreConfig, DataFolder, Entry, Put};
use crate::embed::Space;

const BATCH: u64 = 40;
/// The entry of each batch that is deleted before the flush.
const DOOMED: u64 = 19;
const KEYS: u64 = 500;
const CHILD: &str = "REPRISE_CRASH_CHILD";
const NAME: &str = "store::crash_tests::what_was_flushed_survives_sigkill_at_any_moment";

fn open(path: &Path) -> (DataFolder, CacheStore) {
    let folder = DataFolder::open(path).unwrap();
    let config = CacheStoreConfig {
        flush_every_ms: Some(20),
        linger_ms: 2,
        ..CacheStoreConfig::default()
    };
    let (store, report) = CacheStore::open(&folder, config).unwrap();
    assert_eq!((report.quarantined, report.bad_blocks), (None, 0));
    (folder, store)
}

fn answer(id: u64) -> String {
    format!("answer {id} ").repeat(usize::try_from(id % 50).unwrap() + 1)
}

/// Keys come round again, so that later entries supersede earlier ones; an entry that will be deleted has its own.
fn key(id: u64, doomed: bool) -> [u8; 32] {
    let mut key = [u8::from(doomed); 32];
    key[..8].copy_from_slice(&if doomed { id } else { id % KEYS }.to_le_bytes());
    key
}

/// Puts, supersedes, deletes and flushes; says which ids a flush acknowledged.
fn write_for_ever(path: &Path) -> ! {
    let (_folder, store) = open(path);
    loop {
        let mut last = 0;
        for n in 0..BATCH {
            last = store.next_id();
            let fresh = Entry {
                exact: key(last, n == DOOMED),
                ..entry(last, 0, &answer(last))
            };
            while !matches!(
                store.try_put(fresh.clone(), Some((Space::of(""), vec![1.0; 64]))),
                Put::Queued { .. }
            ) {
                std::thread::yield_now();
            }
        }
        store.delete(&[last - BATCH + 1 + DOOMED]);
        store.flush().unwrap();
        println!("\nflushed {last}");
    }
}

fn spawn(path: &Path) -> Child {
    let mut child = Command::new(std::env::current_exe().unwrap());
    child
        .args(["--exact", NAME, "--nocapture"])
        .env(CHILD, path);
    child
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Kills the child after some of its flushes, at a random distance from the last; returns the ids it acknowledged.
fn run_and_kill(path: &Path, random: &mut Random) -> Vec<u64> {
    let mut child = spawn(path);
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut flushed = Vec::new();
    let wanted = 1 + random.below(12);
    while flushed.len() < wanted {
        let line = lines
            .next()
            .expect("the child writes until it is killed")
            .unwrap();
        flushed.extend(
            line.strip_prefix("flushed ")
                .and_then(|id| id.parse::<u64>().ok()),
        );
    }
    std::thread::park_timeout(Duration::from_micros(random.below(20_000) as u64));
    child.kill().unwrap();
    child.wait().unwrap();
    flushed
        .extend(lines.filter_map(|line| line.ok()?.strip_prefix("flushed ")?.parse::<u64>().ok()));
    flushed
}

#[test]
fn what_was_flushed_survives_sigkill_at_any_moment() {
    if let Some(path) = std::env::var_os(CHILD) {
        write_for_ever(Path::new(&path));
    }
    let rounds = std::env::var("REPRISE_CRASH_ROUNDS")
        .ok()
        .and_then(|rounds| rounds.parse().ok())
        .unwrap_or(10);
    let temp = tempfile::tempdir().unwrap();
    let mut random = Random(42);
    for round in 0..rounds {
        let flushed = run_and_kill(temp.path(), &mut random);
        let (_folder, store) = open(temp.path());
        for last in flushed {
            for n in 0..BATCH {
                let id = last - BATCH + 1 + n;
                let holder = store
                    .get_by_exact(&key(id, n == DOOMED))
                    .map(|entry| entry.id);
                if n == DOOMED {
                    assert_eq!(holder, None, "round {round}: entry {id} was deleted");
                } else {
                    assert!(
                        holder >= Some(id),
                        "round {round}: entry {id} was flushed, its key has {holder:?}"
                    );
                }
            }
        }
        store.for_each_exact(|_, id, _| {
            let found = store.get(id).expect("every listed entry is readable");
            assert_eq!(
                found.answer.get(),
                serde_json::to_string(&answer(id)).unwrap(),
                "round {round}"
            );
            assert!(store.vector(id, Space::of("")).is_some());
        });
        assert_eq!(store.shared().trees().unwrap().orphans(), [] as [u64; 0]);
        assert_eq!(store.stats().corrupt_records, 0);
    }
}
