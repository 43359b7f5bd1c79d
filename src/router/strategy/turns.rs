//! Counters that groups take their turns by.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// More than there are sets of members in use at a time; two that share a counter still get a fair share each, only not
/// an exact one.
const COUNTERS: usize = 256;

/// A fixed number of counters, found by key.
#[derive(Debug)]
pub struct Turns(Box<[AtomicU64]>);

impl Turns {
    /// The next turn of `key`; no two callers get the same.
    pub fn take(&self, key: u64) -> u64 {
        let slot = usize::try_from(key % COUNTERS as u64).unwrap_or_default();
        let counter = self.0.get(slot);
        counter.map_or(key, |counter| counter.fetch_add(1, Relaxed))
    }
}

impl Default for Turns {
    fn default() -> Self {
        Self((0..COUNTERS).map(|_| AtomicU64::new(0)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_key_counts_on_its_own_from_nought() {
        let turns = Turns::default();
        assert_eq!([1, 1, 2, 1].map(|key| turns.take(key)), [0, 1, 0, 2]);
    }

    #[test]
    fn callers_at_the_same_time_get_different_turns() {
        let turns = Turns::default();
        let take = || (0..1000).map(|_| turns.take(9)).collect::<Vec<_>>();
        let mut all = std::thread::scope(|s| {
            let others: Vec<_> = (0..3).map(|_| s.spawn(take)).collect();
            let all = others.into_iter().flat_map(|o| o.join().unwrap());
            all.collect::<Vec<_>>()
        });
        all.sort_unstable();
        assert!(all.into_iter().eq(0..3000));
    }
}
