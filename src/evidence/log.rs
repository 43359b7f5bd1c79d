//! The newest decisions: in memory to be asked, in files that outlive the process. A request never waits for
//! a disk: a thread of its own reads and writes, and what does not fit its queue is not written.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded};
use parking_lot::Mutex;

use super::decision::Decision;
use super::files::Files;
use crate::chat::RequestId;
use crate::telemetry::Metrics;

/// Decisions waiting to be written.
const QUEUE: usize = 8192;
/// Decisions written at once.
const BATCH: usize = 256;
/// How long somebody waits for what was decided before to be on disk.
const PATIENCE: Duration = Duration::from_secs(5);

/// The newest decisions.
pub struct Log {
    newest: Arc<Mutex<Newest>>,
    orders: Option<Sender<Order>>,
    writer: Option<JoinHandle<()>>,
    metrics: Arc<Metrics>,
}

#[derive(Default)]
struct Newest {
    /// Oldest first.
    in_order: VecDeque<Arc<Decision>>,
    by_id: HashMap<RequestId, Arc<Decision>>,
    capacity: usize,
}

/// What the writer is told. By name, so that what it writes is what is kept at that moment: a text that
/// was forgotten meanwhile must not come back from its queue.
enum Order {
    Write(RequestId),
    /// Puts what is kept in the place of all that is written, where that is more or a text of it was forgotten, and
    /// says whether that worked.
    Rewrite {
        forgot: bool,
        tell: Sender<io::Result<()>>,
    },
    /// Says when all before is done.
    Tell(Sender<()>),
}

impl Log {
    /// The log `name` of a folder, with up to `capacity` decisions; without a folder in memory only. What the
    /// folder holds is read beside, so that no start waits for it.
    #[must_use]
    pub fn open(
        folder: Option<&Path>,
        name: &'static str,
        capacity: usize,
        metrics: Arc<Metrics>,
    ) -> Self {
        let newest = Arc::new(Mutex::new(Newest {
            capacity,
            ..Newest::default()
        }));
        let mut log = Self {
            newest: newest.clone(),
            orders: None,
            writer: None,
            metrics: metrics.clone(),
        };
        if let Some(folder) = folder.filter(|_| capacity > 0).map(PathBuf::from) {
            let (orders, inbox) = bounded(QUEUE);
            let run = move || match Files::open(&folder, name, capacity) {
                Ok((files, held)) => {
                    newest.lock().put_before(held);
                    Writer {
                        files,
                        newest,
                        waiting: Vec::with_capacity(BATCH),
                        metrics,
                    }
                    .run(&inbox);
                }
                Err(cause) => {
                    tracing::error!(%cause, "decisions are kept in memory only: their file cannot be opened");
                }
            };
            let writer = std::thread::Builder::new().name(format!("evidence-{name}"));
            log.writer = writer.spawn(run).ok();
            log.orders = log.writer.is_some().then_some(orders);
        }
        log
    }

    /// Adds one and forgets the oldest when full.
    pub fn add(&self, decision: Decision) {
        let id = decision.request_id;
        if !self.newest.lock().put(Arc::new(decision)) {
            return;
        }
        let Some(orders) = &self.orders else { return };
        if orders.try_send(Order::Write(id)).is_err() {
            self.metrics.evidence_lost("queue_full", 1);
        }
    }

    /// The decision of one request; it outlives the process once this has returned. Blocks.
    #[must_use]
    pub fn find(&self, id: RequestId) -> Option<Arc<Decision>> {
        self.settle();
        self.newest.lock().by_id.get(&id).cloned()
    }

    /// Up to `limit` that pass `keep`, newest first; they outlive the process once this has returned. Blocks.
    #[must_use]
    pub fn list(&self, limit: usize, keep: impl Fn(&Decision) -> bool) -> Vec<Arc<Decision>> {
        self.settle();
        let newest = self.newest.lock();
        let kept = newest.in_order.iter().rev().filter(|d| keep(d));
        kept.take(limit).cloned().collect()
    }

    /// Waits until all before is read and written.
    fn settle(&self) {
        let Some(orders) = &self.orders else { return };
        let (tell, told) = bounded(1);
        if orders.send_timeout(Order::Tell(tell), PATIENCE).is_ok() {
            // A writer that takes longer has told why.
            told.recv_timeout(PATIENCE).unwrap_or(());
        }
    }

    /// Drops the texts of those that `which` names, here and on disk. Blocks.
    ///
    /// # Errors
    /// What the file system refuses, or a writer that does not answer: what is on disk may be there still.
    pub fn forget_texts(&self, which: impl Fn(&Decision) -> bool) -> io::Result<()> {
        self.settle();
        let forgot = self.newest.lock().forget_texts(which);
        let Some(orders) = &self.orders else {
            return Ok(());
        };
        let (tell, told) = bounded(1);
        let late = || io::Error::from(io::ErrorKind::TimedOut);
        let sent = orders.send_timeout(Order::Rewrite { forgot, tell }, PATIENCE);
        sent.map_err(|_| late())?;
        told.recv_timeout(PATIENCE).map_err(|_| late())?
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        self.orders = None;
        if let Some(writer) = self.writer.take() {
            // A panic was told when it happened.
            drop(writer.join());
        }
    }
}

impl Newest {
    /// Whether it is kept.
    fn put(&mut self, decision: Arc<Decision>) -> bool {
        if self.capacity == 0 {
            return false;
        }
        if self.in_order.len() >= self.capacity
            && let Some(oldest) = self.in_order.pop_front()
        {
            self.by_id.remove(&oldest.request_id);
        }
        self.by_id.insert(decision.request_id, decision.clone());
        self.in_order.push_back(decision);
        true
    }

    /// Adds what was written by the process before, oldest first.
    fn put_before(&mut self, held: Vec<Decision>) {
        for decision in held.into_iter().rev() {
            if self.in_order.len() >= self.capacity {
                return;
            }
            let decision = Arc::new(decision);
            // The files may hold one twice, and the queue one that is here already.
            if let Entry::Vacant(free) = self.by_id.entry(decision.request_id) {
                free.insert(decision.clone());
                self.in_order.push_front(decision);
            }
        }
    }

    /// Whether there were any.
    fn forget_texts(&mut self, which: impl Fn(&Decision) -> bool) -> bool {
        let mut forgot = false;
        let told = self.in_order.iter_mut();
        for decision in told.filter(|d| which(d) && d.has_texts()) {
            Arc::make_mut(decision).forget_texts();
            self.by_id.insert(decision.request_id, decision.clone());
            forgot = true;
        }
        forgot
    }
}

/// The thread that knows the files.
struct Writer {
    files: Files,
    newest: Arc<Mutex<Newest>>,
    waiting: Vec<RequestId>,
    metrics: Arc<Metrics>,
}

impl Writer {
    fn run(mut self, inbox: &Receiver<Order>) {
        while let Ok(first) = inbox.recv() {
            let mut next = Some(first);
            while let Some(order) = next {
                self.obey(order);
                next = inbox.try_recv().ok();
            }
            self.flush();
        }
    }

    fn obey(&mut self, order: Order) {
        match order {
            Order::Write(id) => {
                self.waiting.push(id);
                if self.waiting.len() >= BATCH {
                    self.flush();
                }
            }
            Order::Rewrite { forgot, tell } => {
                self.flush();
                tell.send(self.rewrite(forgot)).unwrap_or(());
            }
            Order::Tell(who) => {
                self.flush();
                // Whoever asked may have lost patience.
                who.send(()).unwrap_or(());
            }
        }
    }

    fn rewrite(&mut self, forgot: bool) -> io::Result<()> {
        let kept: Vec<_> = self.newest.lock().in_order.iter().cloned().collect();
        // What memory has no room for any more lies in the files still, and nobody can tell whose texts it has.
        if forgot || self.files.len() > kept.len() {
            return self.files.rewrite(&kept);
        }
        Ok(())
    }

    fn flush(&mut self) {
        if self.waiting.is_empty() {
            return;
        }
        let decisions: Vec<_> = {
            let newest = self.newest.lock();
            let kept = self.waiting.drain(..);
            kept.filter_map(|id| newest.by_id.get(&id).cloned())
                .collect()
        };
        let written = self.files.append(&decisions);
        self.count(written, decisions.len());
    }

    fn count(&self, written: io::Result<()>, decisions: usize) {
        if let Err(cause) = written {
            tracing::debug!(%cause, "decisions could not be written");
            self.metrics.evidence_lost("not_written", decisions as u64);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::decision::sample;
    use crate::telemetry::Recorder;

    fn metrics() -> Arc<Metrics> {
        Arc::new(Recorder::install().unwrap().metrics())
    }

    fn at(time_ms: u64) -> Decision {
        Decision {
            time_ms,
            ..sample("who?")
        }
    }

    fn times(log: &Log) -> Vec<u64> {
        log.list(9, |_| true).iter().map(|d| d.time_ms).collect()
    }

    #[test]
    fn the_newest_come_first_and_the_oldest_are_forgotten_also_by_the_next_process() {
        let folder = tempfile::tempdir().unwrap();
        let open = || Log::open(Some(folder.path()), "x", 3, metrics());
        let log = open();
        for time in 0..5 {
            log.add(at(time));
        }
        assert_eq!(times(&log), [4, 3, 2]);
        drop(log);
        let log = open();
        assert_eq!(times(&log), [4, 3, 2]);
        log.add(at(9));
        assert_eq!(times(&log), [9, 4, 3]);
    }

    #[test]
    fn a_forgotten_text_is_not_written_by_what_was_queued_before() {
        let folder = tempfile::tempdir().unwrap();
        let log = Log::open(Some(folder.path()), "x", 100, metrics());
        for time in 0..50 {
            log.add(at(time));
            if time % 10 == 0 {
                log.forget_texts(|_| true).unwrap();
            }
        }
        log.forget_texts(|_| true).unwrap();
        for turn in 0..2 {
            let bytes = std::fs::read(folder.path().join(format!("x.{turn}.log"))).unwrap();
            assert!(!bytes.windows(4).any(|w| w == b"who?"));
        }
        assert_eq!(log.list(100, |d| d.question.is_none()).len(), 50);
    }

    #[test]
    fn texts_that_memory_has_no_room_for_leave_the_files_with_those_that_are_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let log = Log::open(Some(folder.path()), "x", 3, metrics());
        log.add(sample("whose?"));
        assert_eq!(
            times(&log),
            [1],
            "it is written before it is forgotten for room"
        );
        for time in 1..5 {
            log.add(at(time));
        }
        let whose = || {
            let read = |turn| std::fs::read(folder.path().join(format!("x.{turn}.log"))).unwrap();
            [read(0), read(1)]
                .concat()
                .windows(6)
                .any(|w| w == b"whose?")
        };
        assert_eq!(times(&log), [4, 3, 2]);
        assert!(whose());
        log.forget_texts(|_| false).unwrap();
        assert!(!whose());
        assert_eq!(times(&log), [4, 3, 2]);
    }

    #[test]
    fn without_a_folder_or_room_nothing_is_written_and_nothing_breaks() {
        let log = Log::open(None, "x", 2, metrics());
        log.add(at(1));
        assert_eq!(times(&log), [1]);
        let none = Log::open(None, "x", 0, metrics());
        none.add(at(1));
        assert!(times(&none).is_empty());
    }
}
