//! The thread that looks after the bounds: it learns of new ones, counts what was remembered before, and has what is
//! too much dropped. One thread of its own, which blocks: what looks after the index may be busy for a while.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};

use crate::cache::Cache;

/// How often the policies are looked at.
const ROUND: Duration = Duration::from_secs(1);

/// The thread's handle; dropped, it ends.
pub(in crate::cache) struct Keeper {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Keeper {
    /// Starts the thread.
    ///
    /// # Errors
    /// The system refuses one.
    pub(in crate::cache) fn start(cache: Arc<Cache>) -> std::io::Result<Self> {
        let (stop, stopped) = bounded(0);
        let thread = std::thread::Builder::new()
            .name("room".into())
            .spawn(move || run(&cache, &stopped))?;
        Ok(Self {
            stop: Some(stop),
            thread: Some(thread),
        })
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

fn run(cache: &Cache, stopped: &Receiver<()>) {
    let (rooms, store) = (cache.rooms(), cache.memory().store());
    let mut round = Instant::now();
    loop {
        let began = Instant::now();
        if began >= round {
            rooms.follow();
            round = began + ROUND;
        }
        let more = rooms.step(store);
        // It rests for as long as it works: reading a large store must not take a whole core.
        let rest = match more {
            true => began.elapsed(),
            false => round.saturating_duration_since(Instant::now()),
        };
        if stopped.recv_timeout(rest) != Err(RecvTimeoutError::Timeout) {
            return;
        }
    }
}
