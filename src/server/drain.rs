//! Stopping without harm: what is being answered is counted, new requests are
//! turned away, and streams that outlast the deadline end with an error event.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::watch;

/// Whether the gateway is stopping, and what is still under way.
pub struct Drain {
    leaving: AtomicBool,
    closed: AtomicBool,
    under_way: AtomicUsize,
    changed: watch::Sender<()>,
    cut: watch::Sender<bool>,
}

/// One request under way; over when dropped.
pub struct UnderWay(Arc<Drain>);

impl Default for Drain {
    fn default() -> Self {
        Self {
            leaving: AtomicBool::new(false),
            closed: AtomicBool::new(false),
            under_way: AtomicUsize::new(0),
            changed: watch::Sender::new(()),
            cut: watch::Sender::new(false),
        }
    }
}

impl Drain {
    /// Counts a request in; none once new requests are turned away.
    #[must_use]
    pub fn enter(self: &Arc<Self>) -> Option<UnderWay> {
        self.under_way.fetch_add(1, Ordering::AcqRel);
        let under_way = UnderWay(self.clone());
        (!self.closed.load(Ordering::Acquire)).then_some(under_way)
    }

    /// Whether a balancer should send its traffic elsewhere.
    #[must_use]
    pub fn leaving(&self) -> bool {
        self.leaving.load(Ordering::Acquire)
    }

    /// Requests under way.
    #[must_use]
    pub fn under_way(&self) -> usize {
        self.under_way.load(Ordering::Acquire)
    }

    /// Waits until streams must end.
    pub async fn cut(&self) {
        let mut cut = self.cut.subscribe();
        // The sender lives as long as `self`: an error cannot happen, and would mean the same.
        drop(cut.wait_for(|cut| *cut).await);
    }

    /// Says that the gateway leaves, gives balancers `notice` to hear of it, turns new requests
    /// away and waits for those under way; what is left at `deadline` is told to end.
    pub async fn run(&self, notice: Duration, deadline: Duration) {
        self.leaving.store(true, Ordering::Release);
        tokio::time::sleep(notice).await;
        self.closed.store(true, Ordering::Release);
        if tokio::time::timeout(deadline, self.idle()).await.is_ok() {
            return;
        }
        self.cut.send_replace(true);
        // Long enough to write one event to each client that reads.
        drop(tokio::time::timeout(Duration::from_secs(2), self.idle()).await);
    }

    async fn idle(&self) {
        let mut changed = self.changed.subscribe();
        while self.under_way() > 0 {
            if changed.changed().await.is_err() {
                return;
            }
        }
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.under_way.fetch_sub(1, Ordering::AcqRel);
        if self.0.leaving() {
            self.0.changed.send_replace(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_drain_waits_for_what_is_under_way_and_turns_new_ones_away() {
        let drain = Arc::new(Drain::default());
        let request = drain.enter().unwrap();
        let draining = tokio::spawn({
            let drain = drain.clone();
            async move { drain.run(Duration::ZERO, Duration::from_secs(60)).await }
        });
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert!(drain.leaving() && drain.enter().is_none());
        assert!(!draining.is_finished());
        drop(request);
        draining.await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn what_outlasts_the_deadline_is_cut() {
        let drain = Arc::new(Drain::default());
        let request = drain.enter().unwrap();
        let stream = tokio::spawn({
            let drain = drain.clone();
            async move {
                drain.cut().await;
                drop(request);
            }
        });
        drain.run(Duration::ZERO, Duration::from_secs(60)).await;
        stream.await.unwrap();
        assert_eq!(drain.under_way(), 0);
    }
}
