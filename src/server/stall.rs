//! A client that takes none of its answer: how long that is borne.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Sleep, sleep};

/// Watches the writes on one connection.
pub(super) struct Stall {
    time: Duration,
    /// Runs from the first write that found no room, until one finds some.
    timer: Option<Pin<Box<Sleep>>>,
}

impl Stall {
    pub(super) fn after(time: Duration) -> Self {
        Self { time, timer: None }
    }

    /// Passes on what a write came to; a fault in place of yet another wait once no byte went
    /// for too long.
    pub(super) fn watch(
        &mut self,
        write: Poll<io::Result<usize>>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        if write.is_ready() {
            self.timer = None;
            return write;
        }
        let time = self.time;
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep(time)));
        let timed_out = |()| Err(io::ErrorKind::TimedOut.into());
        timer.as_mut().poll(cx).map(timed_out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::poll_fn;
    use tokio::time::{Instant, advance};

    const TIME: Duration = Duration::from_secs(30);

    async fn once(stall: &mut Stall, write: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        let mut write = Some(write);
        poll_fn(|cx| Poll::Ready(stall.watch(write.take().unwrap_or(Poll::Pending), cx))).await
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_takes_nothing_is_given_up() {
        let mut stall = Stall::after(TIME);
        let begun = Instant::now();
        let end = poll_fn(|cx| stall.watch(Poll::Pending, cx)).await;
        assert_eq!(end.unwrap_err().kind(), io::ErrorKind::TimedOut);
        assert_eq!(begun.elapsed().as_secs(), TIME.as_secs());
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_takes_a_little_now_and_then_is_not() {
        let mut stall = Stall::after(TIME);
        for _ in 0..100 {
            assert!(once(&mut stall, Poll::Pending).await.is_pending());
            advance(TIME - Duration::from_secs(1)).await;
            assert!(once(&mut stall, Poll::Pending).await.is_pending());
            let taken = once(&mut stall, Poll::Ready(Ok(1))).await;
            assert!(matches!(taken, Poll::Ready(Ok(1))));
            assert!(stall.timer.is_none());
        }
    }
}
