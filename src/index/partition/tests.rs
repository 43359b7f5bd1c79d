use super::*;
use crate::index::suite::{clustered, config};
use std::collections::HashSet;

const NEVER: u64 = u64::MAX;

fn filled(flat_max: usize, codes: &[Code]) -> Partition {
    let partition = Partition::new(&config(flat_max));
    for (id, code) in codes.iter().enumerate() {
        partition.insert(id as u64, code, NEVER).unwrap();
    }
    partition
}

fn own_id_found(partition: &Partition, id: u64, code: &Code) -> bool {
    partition.search(code, 4, 0).iter().any(|c| c.id == id)
}

#[test]
fn a_removed_entry_is_hidden_at_once_in_scan_and_graph() {
    let codes = clustered(600, 1);
    for flat_max in [10_000, 100] {
        let partition = filled(flat_max, &codes);
        partition.promote().unwrap();
        assert!(own_id_found(&partition, 7, &codes[7]));
        assert!(partition.remove(7));
        assert!(!partition.remove(7));
        assert!(!own_id_found(&partition, 7, &codes[7]));
    }
}

#[test]
fn an_entry_counts_until_its_expiry_and_not_at_it() {
    let codes = clustered(300, 2);
    for flat_max in [10_000, 100] {
        let partition = filled(flat_max, &codes);
        partition.insert(9000, &codes[0], 50).unwrap();
        partition.promote().unwrap();
        let ids = |now| {
            partition
                .search(&codes[0], 3, now)
                .iter()
                .map(|c| c.id)
                .collect::<Vec<_>>()
        };
        assert!(ids(49).contains(&9000));
        assert!(!ids(50).contains(&9000));
    }
}

#[test]
fn an_entry_inserted_again_is_found_by_its_new_code_only() {
    let codes = clustered(2, 3);
    let partition = filled(10, &codes[..1]);
    partition.insert(0, &codes[1], NEVER).unwrap();
    let found = partition.search(&codes[0], 5, 0);
    assert_eq!(found.len(), 1);
    assert!(found[0].approx < 0.99);
    assert_eq!((partition.live(0), partition.len()), (1, 2));
}

#[test]
fn the_same_entry_replayed_takes_no_slot() {
    let codes = clustered(3, 4);
    let partition = filled(10, &codes);
    partition.insert(1, &codes[1], NEVER).unwrap();
    assert_eq!(partition.len(), 3);
}

#[test]
fn another_dimension_is_refused_and_finds_nothing() {
    let partition = filled(10, &clustered(3, 5));
    let short = Code::of(&[1.0, 0.0]).unwrap();
    let refusal = partition.insert(9, &short, NEVER);
    assert_eq!(
        refusal,
        Err(Gate::Dimension {
            expected: 64,
            found: 2
        })
    );
    assert!(partition.search(&short, 1, 0).is_empty());
    assert_eq!(partition.len(), 3);
}

#[test]
fn a_partition_is_promoted_once_when_it_outgrows_the_scan() {
    let partition = filled(100, &clustered(100, 6));
    assert!(!partition.wants_promotion());
    partition.insert(100, &clustered(1, 60)[0], NEVER).unwrap();
    assert!(partition.wants_promotion());
    assert_eq!(partition.promote().unwrap(), Promotion::Built);
    assert!(partition.has_graph() && !partition.wants_promotion());
    assert_eq!(partition.promote().unwrap(), Promotion::NotNeeded);
}

#[test]
fn promotion_and_compaction_amid_inserts_and_removals_lose_and_resurrect_nothing() {
    let codes = clustered(1200, 8);
    let partition = filled(200, &codes[..400]);
    std::thread::scope(|scope| {
        for part in [400..800_usize, 800..1200] {
            let (partition, codes) = (&partition, &codes);
            scope.spawn(move || {
                for id in part {
                    partition.insert(id as u64, &codes[id], NEVER).unwrap();
                    assert!(own_id_found(partition, id as u64, &codes[id]));
                    // Of the first 400 only: the others are being inserted.
                    if id < 800 {
                        assert!(partition.remove(id as u64 - 400));
                    }
                }
            });
        }
        scope.spawn(|| {
            partition.promote().unwrap();
            partition.compact(0).unwrap();
            partition.compact(0).unwrap();
        });
    });
    for id in 0..400 {
        assert!(
            !own_id_found(&partition, id, &codes[id as usize]),
            "{id} came back"
        );
    }
    for id in 400..1200 {
        assert!(
            own_id_found(&partition, id, &codes[id as usize]),
            "{id} is lost"
        );
    }
}

#[test]
fn compaction_drops_the_dead_and_the_expired_and_keeps_the_rest() {
    let codes = clustered(900, 9);
    let partition = filled(300, &codes[..600]);
    for (id, code) in codes.iter().enumerate().skip(600) {
        partition.insert(id as u64, code, 1000).unwrap();
    }
    partition.promote().unwrap();
    assert!(!partition.wants_compaction(0));
    (0..100).for_each(|id| assert!(partition.remove(id)));
    assert!(partition.wants_compaction(1000));
    partition.compact(1000).unwrap();
    assert_eq!((partition.len(), partition.live(1000)), (500, 500));
    assert!(partition.dead_share(1000) < f32::EPSILON && partition.has_graph());
    let found = (100..600)
        .filter(|&id| own_id_found(&partition, id as u64, &codes[id]))
        .count();
    assert_eq!(found, 500);
}

#[test]
fn a_partition_that_shrank_goes_back_to_the_scan() {
    let codes = clustered(300, 10);
    let partition = filled(200, &codes);
    partition.promote().unwrap();
    (0..150).for_each(|id| assert!(partition.remove(id)));
    partition.compact(0).unwrap();
    assert!(!partition.has_graph());
    assert_eq!(partition.live(0), 150);
}

#[test]
fn a_full_answer_comes_even_when_nearly_all_is_dead() {
    let codes = clustered(500, 11);
    let partition = filled(100, &codes);
    partition.promote().unwrap();
    (0..490).for_each(|id| assert!(partition.remove(id)));
    let found: HashSet<u64> = partition
        .search(&codes[3], 10, 0)
        .iter()
        .map(|c| c.id)
        .collect();
    assert_eq!(found, (490..500).collect());
}

#[test]
fn entries_with_one_and_the_same_code_are_all_found() {
    let code = &clustered(1, 12)[0];
    let partition = Partition::new(&config(100));
    (0..400).for_each(|id| partition.insert(id, code, NEVER).unwrap());
    partition.promote().unwrap();
    (0..399).for_each(|id| assert!(partition.remove(id)));
    assert_eq!(partition.search(code, 1, 0)[0].id, 399);
    assert!(partition.lost_is_settled());
}

impl Partition {
    /// What a build leaves unreachable must not ask for the next build.
    fn lost_is_settled(&self) -> bool {
        self.current().lost_since_build() == 0
    }
}
