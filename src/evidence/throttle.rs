//! How many requests a second are written down for which nothing was compared. They come by the ten thousand
//! and say little: each would cost more than its answer, and push the one before out within moments.

use std::sync::atomic::{AtomicU64, Ordering};

/// At most so many in one second.
#[derive(Debug)]
pub(super) struct Throttle {
    most: u64,
    /// The second, and how many came in it, in the lower half.
    seen: AtomicU64,
}

const LOWER: u32 = 32;

impl Throttle {
    pub(super) fn new(most: u32) -> Self {
        Self {
            most: u64::from(most),
            seen: AtomicU64::new(0),
        }
    }

    /// Whether there is room for one more at `now_ms`, which is then taken.
    pub(super) fn take(&self, now_ms: u64) -> bool {
        let second = (now_ms / 1000) << LOWER;
        let taken = self
            .seen
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |seen| {
                if seen >> LOWER != second >> LOWER {
                    return Some(second | 1);
                }
                (seen - second < self.most).then_some(seen + 1)
            });
        taken.is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_second_has_room_for_so_many() {
        let throttle = Throttle::new(3);
        let taken = |now_ms| (0..9).filter(|_| throttle.take(now_ms)).count();
        assert_eq!((taken(5_000), taken(5_999), taken(6_000)), (3, 0, 3));
        assert_eq!(taken(4_000), 3, "a clock may be set back");
    }
}
