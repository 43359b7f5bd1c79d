use super::*;
use crate::index::suite::{Dice, clustered, config};
use crate::index::{Code, Promotion};
use std::sync::Arc;

const NEVER: u64 = u64::MAX;

fn origin() -> Origin {
    Origin {
        config: config(50),
        embedding: "minilm".into(),
    }
}

fn filled(range: std::ops::Range<usize>, codes: &[Code]) -> Partition {
    let partition = Partition::new(&origin().config);
    for id in range {
        partition.insert(id as u64, &codes[id], NEVER).unwrap();
    }
    partition
}

/// Two small scopes and a large one with a graph, a removed and a nearly expired entry.
fn write_three(dir: &Path, codes: &[Code]) -> Generation {
    let small = filled(0..40, codes);
    small.remove(3);
    small.insert(4, &codes[4], 1000).unwrap();
    let large = filled(40..140, codes);
    large.promote().unwrap();
    large.remove(41);
    large.insert(140, &codes[140], NEVER).unwrap();
    let empty = Partition::new(&origin().config);
    write(
        dir,
        &origin(),
        77,
        [([1; 32], &small), ([2; 32], &large), ([3; 32], &empty)],
    )
    .unwrap()
}

fn answers(partition: &Partition, codes: &[Code]) -> Vec<Vec<u64>> {
    codes
        .iter()
        .map(|code| {
            partition
                .search(code, 3, 2000)
                .iter()
                .map(|c| c.id)
                .collect()
        })
        .collect()
}

fn assert_is_what_was_written(loaded: &Loaded, codes: &[Code]) {
    assert_eq!(loaded.last_sequence, 77);
    let [(one, small), (two, large), (three, empty)] = &loaded.partitions[..] else {
        panic!("three were written")
    };
    assert_eq!((*one, *two, *three), ([1; 32], [2; 32], [3; 32]));
    assert_eq!(
        (
            small.live(500),
            small.live(1000),
            large.live(0),
            empty.live(0)
        ),
        (39, 38, 100, 0)
    );
    for id in (0..40).filter(|id| ![3, 4].contains(id)) {
        assert_eq!(small.search(&codes[id], 1, 2000)[0].id, id as u64);
    }
}

#[test]
fn what_was_written_is_loaded_and_scanned_before_the_graph_is_there() {
    let dir = tempfile::tempdir().unwrap();
    let codes = clustered(141, 20);
    let generation = write_three(dir.path(), &codes);
    assert_eq!((generation.number, generation.slots), (1, 41 + 101));
    let loaded = load(dir.path(), &origin()).unwrap().unwrap();
    assert_is_what_was_written(&loaded, &codes);
    let large = &loaded.partitions[1].1;
    let before = answers(large, &codes);
    assert!(!large.has_graph() && large.wants_promotion());
    assert_eq!(large.promote().unwrap(), Promotion::Loaded);
    assert_eq!(answers(large, &codes), before);
}

#[test]
fn entries_that_come_between_load_and_promotion_are_found_after_it() {
    let dir = tempfile::tempdir().unwrap();
    let codes = clustered(190, 21);
    write_three(dir.path(), &codes);
    let loaded = load(dir.path(), &origin()).unwrap().unwrap();
    let large = &loaded.partitions[1].1;
    for (id, code) in codes.iter().enumerate().skip(141) {
        large.insert(id as u64, code, NEVER).unwrap();
    }
    assert_eq!(large.promote().unwrap(), Promotion::Loaded);
    for (id, code) in codes.iter().enumerate().skip(141) {
        assert_eq!(large.search(code, 1, 0)[0].id, id as u64);
    }
}

#[test]
fn a_compaction_between_load_and_promotion_makes_the_stored_graph_useless_and_unused() {
    let dir = tempfile::tempdir().unwrap();
    let codes = clustered(141, 22);
    write_three(dir.path(), &codes);
    let loaded = load(dir.path(), &origin()).unwrap().unwrap();
    let large = &loaded.partitions[1].1;
    large.compact(0).unwrap();
    assert!(large.has_graph());
    assert_eq!(large.search(&codes[50], 1, 0)[0].id, 50);
    assert_eq!(large.len(), 100);
}

#[test]
fn the_newest_generation_counts_and_the_older_is_gone() {
    let dir = tempfile::tempdir().unwrap();
    let codes = clustered(141, 23);
    write_three(dir.path(), &codes);
    let only = Arc::new(filled(0..5, &codes));
    let second = write(dir.path(), &origin(), 99, [([9; 32], only)]).unwrap();
    assert_eq!(second.number, 2);
    let loaded = load(dir.path(), &origin()).unwrap().unwrap();
    assert_eq!((loaded.last_sequence, loaded.partitions.len()), (99, 1));
    assert_eq!(generations(dir.path()).unwrap(), [2]);
}

#[test]
fn a_generation_without_its_manifest_does_not_count() {
    let dir = tempfile::tempdir().unwrap();
    assert!(load(dir.path(), &origin()).unwrap().is_none());
    let codes = clustered(141, 24);
    write_three(dir.path(), &codes);
    fs::create_dir(dir.path().join("generation-2")).unwrap();
    fs::write(dir.path().join("generation-2/slots.bin"), b"half").unwrap();
    fs::write(dir.path().join(DRAFT), b"half").unwrap();
    let loaded = load(dir.path(), &origin()).unwrap().unwrap();
    assert_is_what_was_written(&loaded, &codes);
    assert_eq!(write_three(dir.path(), &codes).number, 3);
}

#[test]
fn a_snapshot_of_other_vectors_is_discarded_with_the_reason() {
    let codes = clustered(141, 25);
    let other_model = Origin {
        embedding: "other".into(),
        ..origin()
    };
    let wider = Origin {
        config: IndexConfig {
            dimension: 65,
            ..origin().config
        },
        ..origin()
    };
    let denser = Origin {
        config: IndexConfig {
            m: 24,
            ..origin().config
        },
        ..origin()
    };
    for (now, reason) in [
        (other_model, "embedding model"),
        (wider, "dimension"),
        (denser, "set of parameters"),
    ] {
        let dir = tempfile::tempdir().unwrap();
        write_three(dir.path(), &codes);
        let Err(SnapshotError::Foreign(what)) = load(dir.path(), &now) else {
            panic!("{reason}")
        };
        assert_eq!(what, reason);
        assert!(load(dir.path(), &now).unwrap().is_none());
        assert!(generations(dir.path()).unwrap().is_empty());
    }
}

#[test]
fn a_snapshot_taken_amid_inserts_is_sound() {
    let dir = tempfile::tempdir().unwrap();
    let codes = clustered(400, 26);
    let partition = filled(0..100, &codes);
    partition.promote().unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for (id, code) in codes.iter().enumerate().skip(100) {
                partition.insert(id as u64, code, NEVER).unwrap();
            }
        });
        for round in 0..5 {
            write(dir.path(), &origin(), round, [([1; 32], &partition)]).unwrap();
            let loaded = load(dir.path(), &origin()).unwrap().unwrap();
            let copy = &loaded.partitions[0].1;
            assert_eq!(copy.promote().unwrap(), Promotion::Loaded);
            for (id, code) in codes.iter().enumerate().take(copy.len()) {
                assert_eq!(copy.search(code, 1, 0)[0].id, id as u64);
            }
        }
    });
    assert!((0..400).all(|id| partition.search(&codes[id], 1, 0)[0].id == id as u64));
}

/// The files of a snapshot, by path within it.
fn files(dir: &Path) -> Vec<PathBuf> {
    let generation = folder(dir, 1);
    let mut names: Vec<PathBuf> = fs::read_dir(&generation)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    names.push(dir.join(MANIFEST));
    names.sort();
    names
}

/// Damages one file, loads, and says whether the damage was noticed. Restores the snapshot.
fn noticed(dir: &Path, file: &Path, damage: impl FnOnce(&mut Vec<u8>), codes: &[Code]) -> bool {
    let kept = tempfile::tempdir().unwrap();
    copy_all(dir, kept.path());
    let mut bytes = fs::read(file).unwrap();
    damage(&mut bytes);
    fs::write(file, bytes).unwrap();
    let noticed = match load(dir, &origin()) {
        Err(_) => {
            assert!(
                load(dir, &origin()).unwrap().is_none(),
                "a refused snapshot is not offered again"
            );
            true
        }
        Ok(None) => true,
        Ok(Some(loaded)) => {
            assert_is_what_was_written(&loaded, codes);
            let large = &loaded.partitions[1].1;
            let before = answers(large, &codes[..3]);
            let how = large.promote().unwrap();
            assert_eq!(answers(large, &codes[..3]), before);
            how == Promotion::Built
        }
    };
    fs::remove_dir_all(dir).unwrap();
    copy_all(kept.path(), dir);
    noticed
}

fn copy_all(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy_all(&path, &target);
        } else {
            fs::copy(&path, &target).unwrap();
        }
    }
}

#[test]
fn each_of_two_hundred_flipped_bytes_and_truncations_is_noticed() {
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("snapshot");
    let codes = clustered(141, 27);
    write_three(&dir, &codes);
    assert!(
        !noticed(&dir, &dir.join(MANIFEST), |_| (), &codes),
        "sound files are used"
    );
    let mut dice = Dice(28);
    for file in files(&dir) {
        for round in 0..50 {
            let at = |length: usize, dice: &mut Dice| dice.roll() as usize % length;
            let damage = |bytes: &mut Vec<u8>| match round % 3 {
                0 => bytes.truncate(at(bytes.len(), &mut dice)),
                1 => bytes.push(0),
                _ => {
                    let place = at(bytes.len(), &mut dice);
                    bytes[place] ^= 1 << (dice.roll() % 8);
                }
            };
            assert!(
                noticed(&dir, &file, damage, &codes),
                "{} round {round}",
                file.display()
            );
        }
    }
}

#[test]
fn a_missing_file_is_noticed() {
    let root = tempfile::tempdir().unwrap();
    let codes = clustered(141, 29);
    for number in 0..3 {
        let dir = root.path().join(number.to_string());
        write_three(&dir, &codes);
        fs::remove_file(&files(&dir)[number]).unwrap();
        assert!(matches!(
            load(&dir, &origin()),
            Err(SnapshotError::Damaged(_))
        ));
    }
}
