//! Bodies that arrive in steps, and a count of those that nobody waited for.

use std::collections::VecDeque;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use actix_web::rt::time::sleep;
use actix_web::web::Bytes;
use futures_util::{Stream, stream};

use super::exchange::reset;
use super::seen::Seen;

/// One step of a body.
pub(crate) enum Step {
    Send(Bytes),
    Wait(Duration),
    /// Waits until the gate is open.
    Gate,
    /// Breaks the connection.
    Break,
    /// Resets the connection, of which this is a handle.
    Reset(Arc<OwnedFd>),
}

/// For as long as what was sent needs to leave.
pub(crate) const LEAVE: Duration = Duration::from_millis(10);

/// For longer than any test waits.
pub(crate) const FOR_EVER: Duration = Duration::from_secs(3600);

/// Counts an answer as cancelled unless it was finished.
pub(crate) struct Watch(Option<Arc<Seen>>);

impl Watch {
    pub(crate) fn new(seen: Arc<Seen>) -> Self {
        Self(Some(seen))
    }

    async fn opened(&self) {
        if let Some(seen) = &self.0 {
            seen.opened().await;
        }
    }

    pub(crate) fn finish(mut self) {
        self.0 = None;
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if let Some(seen) = &self.0 {
            seen.cancelled.fetch_add(1, Ordering::SeqCst);
        }
    }
}

/// Plays the steps.
pub(crate) fn play(
    steps: Vec<Step>,
    watch: Watch,
) -> impl Stream<Item = io::Result<Bytes>> + 'static {
    let state = (VecDeque::from(steps), watch);
    stream::unfold(Some(state), |state| async {
        let (mut steps, watch) = state?;
        loop {
            match steps.pop_front() {
                Some(Step::Send(bytes)) => return Some((Ok(bytes), Some((steps, watch)))),
                Some(Step::Wait(time)) => sleep(time).await,
                Some(Step::Gate) => watch.opened().await,
                Some(Step::Break) => {
                    // What was sent before is dropped with the connection unless it has left.
                    sleep(LEAVE).await;
                    watch.finish();
                    return Some((Err(io::Error::other("broken on purpose")), None));
                }
                Some(Step::Reset(socket)) => {
                    reset(&socket);
                    watch.finish();
                    return Some((Err(io::Error::other("reset on purpose")), None));
                }
                None => {
                    watch.finish();
                    return None;
                }
            }
        }
    })
}
