//! One suite for each [`VectorIndex`], and the seeded vectors that the module's tests share.

use super::{Code, IndexConfig};

pub(crate) const DIMENSION: usize = 64;

/// A config for [`DIMENSION`] that is quick to build: `hnsw_rs` is generic, so it is compiled with the
/// tests, unoptimised.
pub(crate) fn config(flat_max: usize) -> IndexConfig {
    IndexConfig {
        dimension: DIMENSION,
        flat_max,
        m: 8,
        ef_construction: 40,
        ..IndexConfig::default()
    }
}

/// splitmix64: the same numbers on each machine.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Even in [-1, 1).
    pub(crate) fn even(&mut self) -> f32 {
        (self.roll() >> 40) as f32 / (1 << 23) as f32 - 1.0
    }
}

/// `count` unit vectors in clusters of about twenty.
pub(crate) fn vectors(count: usize, seed: u64) -> Vec<Vec<f32>> {
    let mut dice = Dice(seed);
    let centres: Vec<Vec<f32>> = (0..count / 20 + 1)
        .map(|_| (0..DIMENSION).map(|_| dice.even()).collect())
        .collect();
    (0..count)
        .map(|_| {
            let centre = &centres[dice.roll() as usize % centres.len()];
            let v: Vec<f32> = centre.iter().map(|c| c + 0.5 * dice.even()).collect();
            let norm = v.iter().map(|x| x * x).sum::<f32>().sqrt();
            v.iter().map(|x| x / norm).collect()
        })
        .collect()
}

/// Codes of [`vectors`].
pub(crate) fn clustered(count: usize, seed: u64) -> Vec<Code> {
    vectors(count, seed)
        .iter()
        .map(|v| Code::of(v).unwrap())
        .collect()
}

/// The suite; the argument makes an empty index from a dimension.
macro_rules! index_tests {
    ($new:expr) => {
        mod shared {
            use super::*;
            use crate::index::{Slot, VectorIndex, suite};

            fn filled(count: usize) -> (impl VectorIndex, Vec<crate::index::Code>) {
                let index = ($new)(suite::DIMENSION);
                let codes = suite::clustered(count, 11);
                for (slot, code) in codes.iter().enumerate() {
                    assert!(index.insert(slot as Slot, code));
                }
                (index, codes)
            }

            #[test]
            fn an_empty_index_finds_nothing() {
                let index = ($new)(suite::DIMENSION);
                assert!(index.is_empty());
                assert!(
                    index
                        .search(&suite::clustered(1, 1)[0], 3, &|_| true)
                        .is_empty()
                );
            }

            #[test]
            fn nearly_every_code_is_its_own_nearest_and_the_rest_follow_in_order() {
                let (index, codes) = filled(400);
                assert_eq!(index.len(), 400);
                let mut own = 0;
                for (slot, code) in codes.iter().enumerate() {
                    let found = index.search(code, 5, &|_| true);
                    assert_eq!(found.len(), 5);
                    assert!(found.is_sorted_by(|a, b| a.similarity >= b.similarity));
                    own +=
                        usize::from(found[0].slot == slot as Slot && found[0].similarity > 0.999);
                }
                assert!(own >= 396, "only {own} of 400 found themselves");
            }

            #[test]
            fn what_is_not_live_is_hidden() {
                let (index, codes) = filled(300);
                let found = index.search(&codes[30], 5, &|slot| slot % 3 != 0);
                assert_eq!(found.len(), 5);
                assert!(found.iter().all(|near| near.slot % 3 != 0));
            }

            #[test]
            fn asking_for_more_than_there_is_gives_all_and_for_none_gives_none() {
                let (index, codes) = filled(4);
                assert_eq!(index.search(&codes[0], 10, &|_| true).len(), 4);
                assert!(index.search(&codes[0], 0, &|_| true).is_empty());
            }

            #[test]
            fn a_slot_goes_in_once() {
                let (index, codes) = filled(3);
                assert!(!index.insert(1, &codes[0]));
                assert_eq!(index.len(), 3);
                assert_eq!(index.search(&codes[1], 1, &|_| true)[0].slot, 1);
            }

            #[test]
            fn another_dimension_neither_enters_nor_searches() {
                let (index, _) = filled(3);
                let short = crate::index::Code::of(&[1.0, 0.0]).unwrap();
                assert!(!index.insert(3, &short));
                assert!(index.search(&short, 1, &|_| true).is_empty());
                assert_eq!(index.len(), 3);
            }

            #[test]
            fn searching_while_others_insert_is_safe() {
                let index = ($new)(suite::DIMENSION);
                let codes = suite::clustered(300, 5);
                index.insert(0, &codes[0]);
                std::thread::scope(|scope| {
                    scope.spawn(|| {
                        for (slot, code) in codes.iter().enumerate().skip(1) {
                            index.insert(slot as Slot, code);
                        }
                    });
                    for _ in 0..2 {
                        scope.spawn(|| {
                            for code in &codes {
                                let found = index.search(code, 3, &|_| true);
                                assert!(!found.is_empty());
                            }
                        });
                    }
                });
                assert_eq!(index.len(), 300);
            }
        }
    };
}
pub(crate) use index_tests;
