//! The newest decisions: in memory to be asked, in two files that take turns to outlive the process. A
//! request never waits for a disk: a thread of its own writes, and what does not fit its queue is not written.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use parking_lot::Mutex;

use super::decision::Decision;
use crate::chat::RequestId;
use crate::store::Journal;
use crate::telemetry::Metrics;

/// Decisions waiting to be written.
const QUEUE: usize = 8192;
/// Decisions written at once.
const BATCH: usize = 256;
/// How long somebody waits for what was decided before to be on disk.
const PATIENCE: Duration = Duration::from_secs(5);

/// The newest decisions.
pub struct Log {
    newest: Mutex<Newest>,
    capacity: usize,
    orders: Option<Sender<Order>>,
    writer: Option<JoinHandle<()>>,
    metrics: Arc<Metrics>,
}

#[derive(Default)]
struct Newest {
    in_order: VecDeque<Arc<Decision>>,
    by_id: HashMap<RequestId, Arc<Decision>>,
}

enum Order {
    Write(Arc<Decision>),
    /// Puts these in the place of all that is written.
    Rewrite(Vec<Arc<Decision>>),
    /// Says when all before is written.
    Tell(Sender<()>),
}

impl Log {
    /// The log `name` of a folder, with up to `capacity` decisions; without a folder in memory only.
    #[must_use]
    pub fn open(
        folder: Option<&Path>,
        name: &'static str,
        capacity: usize,
        metrics: Arc<Metrics>,
    ) -> Self {
        let mut log = Self {
            newest: Mutex::default(),
            capacity,
            orders: None,
            writer: None,
            metrics,
        };
        let Some(folder) = folder.filter(|_| capacity > 0) else {
            return log;
        };
        match Files::open(folder, name, capacity) {
            Ok((files, held)) => {
                for decision in held {
                    log.keep(Arc::new(decision));
                }
                let (orders, inbox) = bounded(QUEUE);
                let told = log.metrics.clone();
                let writer = std::thread::Builder::new().name(format!("evidence-{name}"));
                log.writer = writer.spawn(move || write(&inbox, files, &told)).ok();
                log.orders = log.writer.is_some().then_some(orders);
            }
            Err(cause) => {
                tracing::error!(%cause, "decisions are kept in memory only: their file cannot be opened");
            }
        }
        log
    }

    /// Adds one and forgets the oldest when full.
    pub fn add(&self, decision: Decision) {
        if self.capacity == 0 {
            return;
        }
        let decision = Arc::new(decision);
        self.keep(decision.clone());
        let Some(orders) = &self.orders else { return };
        if let Err(TrySendError::Full(_)) = orders.try_send(Order::Write(decision)) {
            self.metrics.cache_fault("evidence_queue_full");
        }
    }

    /// The decision of one request.
    #[must_use]
    pub fn find(&self, id: RequestId) -> Option<Arc<Decision>> {
        self.newest.lock().by_id.get(&id).cloned()
    }

    /// Up to `limit` that pass `keep`, newest first.
    #[must_use]
    pub fn list(&self, limit: usize, keep: impl Fn(&Decision) -> bool) -> Vec<Arc<Decision>> {
        let newest = self.newest.lock();
        let kept = newest.in_order.iter().rev().filter(|d| keep(d));
        kept.take(limit).cloned().collect()
    }

    /// Waits until what was added before is written; what was shown then outlives the process. Blocks.
    pub fn settle(&self) {
        let Some(orders) = &self.orders else { return };
        let (tell, told) = bounded(1);
        if orders.send_timeout(Order::Tell(tell), PATIENCE).is_ok() {
            // A writer that takes longer has told why.
            told.recv_timeout(PATIENCE).unwrap_or(());
        }
    }

    /// Drops the texts of those that `which` names, here and on disk. Blocks.
    pub fn forget_texts(&self, which: impl Fn(&Decision) -> bool) {
        let kept: Vec<Arc<Decision>> = {
            let mut newest = self.newest.lock();
            let mut forgot = false;
            let Newest { in_order, by_id } = &mut *newest;
            for decision in in_order.iter_mut().filter(|d| which(d) && d.has_texts()) {
                Arc::make_mut(decision).forget_texts();
                by_id.insert(decision.request_id, decision.clone());
                forgot = true;
            }
            if !forgot {
                return;
            }
            in_order.iter().cloned().collect()
        };
        if let Some(orders) = &self.orders {
            drop(orders.send_timeout(Order::Rewrite(kept), PATIENCE));
            self.settle();
        }
    }

    fn keep(&self, decision: Arc<Decision>) {
        let mut newest = self.newest.lock();
        if newest.in_order.len() >= self.capacity
            && let Some(oldest) = newest.in_order.pop_front()
        {
            newest.by_id.remove(&oldest.request_id);
        }
        newest.by_id.insert(decision.request_id, decision.clone());
        newest.in_order.push_back(decision);
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

fn write(inbox: &Receiver<Order>, mut files: Files, metrics: &Metrics) {
    let mut waiting: Vec<Arc<Decision>> = Vec::with_capacity(BATCH);
    while let Ok(first) = inbox.recv() {
        let mut next = Some(first);
        while let Some(order) = next {
            match order {
                Order::Write(decision) => {
                    waiting.push(decision);
                    if waiting.len() >= BATCH {
                        flush(&mut files, &mut waiting, metrics);
                    }
                }
                Order::Rewrite(all) => {
                    // They are among them.
                    waiting.clear();
                    count(files.rewrite(&all), metrics);
                }
                Order::Tell(who) => {
                    flush(&mut files, &mut waiting, metrics);
                    // Whoever asked may have lost patience.
                    who.send(()).unwrap_or(());
                }
            }
            next = inbox.try_recv().ok();
        }
        flush(&mut files, &mut waiting, metrics);
    }
}

fn flush(files: &mut Files, waiting: &mut Vec<Arc<Decision>>, metrics: &Metrics) {
    if !waiting.is_empty() {
        count(files.append(waiting), metrics);
        waiting.clear();
    }
}

fn count(written: io::Result<()>, metrics: &Metrics) {
    if let Err(cause) = written {
        tracing::debug!(%cause, "decisions could not be written");
        metrics.cache_fault("evidence_not_written");
    }
}

/// Two files that take turns: when one is full the other, which holds the older half, begins anew.
struct Files {
    files: [Journal; 2],
    current: usize,
    capacity: usize,
}

impl Files {
    fn open(folder: &Path, name: &str, capacity: usize) -> io::Result<(Self, Vec<Decision>)> {
        let open = |turn| Journal::open(&folder.join(format!("{name}.{turn}.log")));
        let ((first, a), (second, b)) = (open(0)?, open(1)?);
        let read = |lines: &[Vec<u8>]| -> Vec<Decision> {
            let decisions = lines.iter().map(|line| serde_json::from_slice(line));
            // A line of a build that knew other fields is as good as lost.
            decisions.filter_map(Result::ok).collect()
        };
        let (a_held, b_held) = (read(&a.lines), read(&b.lines));
        let newest = |held: &[Decision]| held.last().map_or(0, |d| d.time_ms);
        let current = usize::from(newest(&b_held) > newest(&a_held));
        let mut held = [a_held, b_held].concat();
        held.sort_by_key(|d| d.time_ms);
        let files = Self {
            files: [first, second],
            current,
            capacity,
        };
        Ok((files, held))
    }

    fn append(&mut self, decisions: &[Arc<Decision>]) -> io::Result<()> {
        if self.files[self.current].len() >= self.capacity {
            let next = 1 - self.current;
            self.files[next].rewrite(&[])?;
            self.current = next;
        }
        self.files[self.current].append(&lines(decisions))
    }

    fn rewrite(&mut self, decisions: &[Arc<Decision>]) -> io::Result<()> {
        // The one that holds texts goes first, whatever becomes of the other.
        let other = self.files[1 - self.current].rewrite(&[]);
        self.files[self.current].rewrite(&lines(decisions))?;
        other
    }
}

fn lines(decisions: &[Arc<Decision>]) -> Vec<Vec<u8>> {
    let lines = decisions.iter().map(|d| serde_json::to_vec(&**d));
    lines.filter_map(Result::ok).collect()
}
