//! What the writer does in one go: all that waits by the time it starts. Knows no disk.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};

use super::memory::Pending;
use super::terms::StoreError;
use super::vectors::Vector;
use crate::embed::Space;

/// Puts of one commit.
const ROUND: usize = 512;
/// How long a flush may have to wait for a writer that sleeps until there is company.
const NAP: Duration = Duration::from_millis(10);

/// What the writer is asked to do.
pub(super) enum Op {
    Put(Arc<Pending>),
    Flush(Sender<Result<(), StoreError>>),
    Vectors(Space, Vec<(u64, Vector)>),
    Switch(Space, Sender<Result<(), StoreError>>),
    Wake,
    Stop,
}

/// What one round has to do.
#[derive(Default)]
pub(super) struct Round {
    pub(super) puts: Vec<Arc<Pending>>,
    pub(super) flushes: Vec<Sender<Result<(), StoreError>>>,
    /// Vectors for entries that are stored by then.
    pub(super) vectors: Vec<(Space, Vec<(u64, Vector)>)>,
    /// Done after all else.
    pub(super) switch: Option<(Space, Sender<Result<(), StoreError>>)>,
    pub(super) stop: bool,
}

impl Round {
    /// Waits for work, for up to `patience`, then for company until `linger` is over; a flush or a stop
    /// ends the wait.
    /// Company is slept for: a writer that waited at the queue would be woken by each put, which on a
    /// busy core costs its caller more than the put.
    pub(super) fn gather(ops: &Receiver<Op>, patience: Duration, linger: Duration) -> Self {
        let mut round = Self::default();
        match ops.recv_timeout(patience) {
            Ok(first) => round.add(first),
            Err(error) => {
                round.stop = error == RecvTimeoutError::Disconnected;
                return round;
            }
        }
        let deadline = Instant::now() + linger;
        loop {
            while !round.is_ready()
                && let Ok(op) = ops.try_recv()
            {
                round.add(op);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if round.is_ready() || left.is_zero() {
                return round;
            }
            thread::sleep(left.min(NAP));
        }
    }

    fn add(&mut self, op: Op) {
        match op {
            Op::Put(pending) => self.puts.push(pending),
            Op::Flush(done) => self.flushes.push(done),
            Op::Vectors(space, vectors) => self.vectors.push((space, vectors)),
            Op::Switch(to, done) => self.switch = Some((to, done)),
            Op::Stop => self.stop = true,
            Op::Wake => {}
        }
    }

    /// Whether it is full, or somebody waits for it.
    fn is_ready(&self) -> bool {
        let awaited = !self.flushes.is_empty() || self.switch.is_some();
        self.puts.len() >= ROUND || self.stop || awaited
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flush_does_not_wait_for_company() {
        let (queue, ops) = crossbeam_channel::unbounded();
        let (done, _wait) = crossbeam_channel::bounded(1);
        queue.send(Op::Wake).unwrap();
        queue.send(Op::Flush(done)).unwrap();
        let never = Duration::from_secs(3600);
        let round = Round::gather(&ops, never, never);
        assert_eq!((round.flushes.len(), round.stop), (1, false));
        queue.send(Op::Stop).unwrap();
        assert!(Round::gather(&ops, never, never).stop);
    }

    #[test]
    fn a_round_without_work_ends_and_one_without_senders_is_the_last() {
        let (queue, ops) = crossbeam_channel::unbounded();
        let idle = Round::gather(&ops, Duration::ZERO, Duration::ZERO);
        assert!(!idle.stop && idle.puts.is_empty());
        drop(queue);
        assert!(Round::gather(&ops, Duration::ZERO, Duration::ZERO).stop);
    }
}
