//! How many calls to providers are made at a time. A miss that finds no room waits a little, in a line that is itself
//! bounded; whoever finds no place in the line is turned away at once, so that hits have the gateway to themselves.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Room for calls.
pub struct Overload {
    slots: Arc<Semaphore>,
    most: usize,
    waiting: AtomicUsize,
    wait: Duration,
}

/// One call's room, free again when it is dropped.
#[derive(Debug)]
pub struct Slot(#[allow(dead_code, reason = "held, never read")] OwnedSemaphorePermit);

impl Overload {
    /// Room for `most` calls, and for as many that wait for `wait` at most.
    #[must_use]
    pub fn new(most: usize, wait: Duration) -> Self {
        let most = most.min(Semaphore::MAX_PERMITS);
        Self {
            slots: Arc::new(Semaphore::new(most)),
            most,
            waiting: AtomicUsize::new(0),
            wait,
        }
    }

    /// Whether a call may begin, or wait for its turn.
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.slots.available_permits() > 0 || self.may_wait(self.waiting.load(Ordering::Acquire))
    }

    /// Takes room for one call; none if there is none in time.
    pub async fn enter(&self) -> Option<Slot> {
        if let Ok(permit) = self.slots.clone().try_acquire_owned() {
            return Some(Slot(permit));
        }
        let place = Place::take(&self.waiting);
        if !self.may_wait(place.ahead) {
            return None;
        }
        let permit = tokio::time::timeout(self.wait, self.slots.clone().acquire_owned()).await;
        permit.ok()?.ok().map(Slot)
    }

    /// Calls that are made now.
    #[must_use]
    pub fn under_way(&self) -> usize {
        self.most.saturating_sub(self.slots.available_permits())
    }

    fn may_wait(&self, ahead: usize) -> bool {
        ahead < self.most && !self.wait.is_zero()
    }
}

/// A place in the line; free again when dropped, also by whoever gives up.
struct Place<'a> {
    waiting: &'a AtomicUsize,
    ahead: usize,
}

impl<'a> Place<'a> {
    fn take(waiting: &'a AtomicUsize) -> Self {
        let ahead = waiting.fetch_add(1, Ordering::AcqRel);
        Self { waiting, ahead }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.waiting.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;
    use tokio::time::Instant;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_miss_waits_for_room_and_not_for_long() {
        let overload = Overload::new(1, Duration::from_millis(500));
        let slot = overload.enter().await.unwrap();
        let asked = Instant::now();
        assert!(overload.enter().await.is_none());
        assert_eq!(asked.elapsed(), Duration::from_millis(500));
        let waiting = overload.enter();
        let freed = async {
            tokio::time::sleep(Duration::from_millis(100)).await;
            drop(slot);
        };
        let (slot, ()) = tokio::join!(waiting, freed);
        assert!(slot.is_some());
        assert_eq!(asked.elapsed(), Duration::from_millis(600));
        assert_eq!(overload.under_way(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn the_line_is_bounded_and_whoever_leaves_it_makes_room_in_it() {
        let overload = Overload::new(1, Duration::from_millis(500));
        let _slot = overload.enter().await.unwrap();
        let mut waiting = Box::pin(overload.enter());
        assert!(waiting.as_mut().now_or_never().is_none());
        assert!(!overload.has_room());
        assert!(overload.enter().now_or_never().unwrap().is_none());
        drop(waiting);
        assert!(overload.has_room() && overload.enter().now_or_never().is_none());
    }

    #[tokio::test]
    async fn where_nobody_may_wait_there_is_room_or_there_is_none() {
        let overload = Overload::new(2, Duration::ZERO);
        let slots = [overload.enter().await, overload.enter().await];
        assert!(slots.iter().all(Option::is_some) && !overload.has_room());
        assert!(overload.enter().now_or_never().unwrap().is_none());
        drop(slots);
        assert!(overload.has_room() && overload.enter().await.is_some());
    }
}
