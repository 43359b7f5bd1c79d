//! What keeps the semantic tier in shape beside the traffic: loading it at the
//! start, promoting scopes that grew, compacting those that aged, and
//! snapshots so that the next start is quick. One thread, which blocks.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};

use super::Cache;
use super::invalidation::sweep::Sweeper;
use super::room::keeper::Keeper;
use crate::chat::unix_ms;
use crate::index::snapshot;

/// How often scopes are looked at.
const ROUND: Duration = Duration::from_secs(2);

/// Ids below the newest one that a snapshot may lack: puts that were under way when it was taken.
pub(super) const UNDER_WAY: u64 = 10_000;

/// Where snapshots live and how often they are taken.
#[derive(Debug, Clone)]
pub struct UpkeepConfig {
    /// Their folder.
    pub folder: PathBuf,
    /// Time between two.
    pub snapshot_every: Duration,
}

/// An order to the upkeep thread.
enum Order {
    Removed(u64),
    Load,
    Snapshot(Sender<Result<u64, String>>),
    Stop,
}

/// The thread's handle; dropped, it takes a last snapshot and ends.
pub struct Upkeep {
    orders: Sender<Order>,
    thread: Option<std::thread::JoinHandle<()>>,
    _keeper: Keeper,
}

/// Tells the upkeep thread of entries that the store dropped. Never blocks; what does not fit is
/// found out by the next search that meets it.
#[derive(Clone)]
pub struct Removals(Sender<Order>);

/// Orders that the thread has not taken yet.
pub struct Inbox(Receiver<Order>);

/// Makes the two ends of the upkeep thread's queue before there is a cache.
#[must_use]
pub fn queue() -> (Removals, Inbox) {
    let (orders, inbox) = bounded(65_536);
    (Removals(orders), Inbox(inbox))
}

impl Removals {
    /// Says that the store could be read only now.
    pub fn read(&self) {
        // Nobody is left to hear it where the gateway is ending.
        drop(self.0.send(Order::Load));
    }

    /// Says that the store dropped an entry.
    pub fn removed(&self, id: u64) {
        drop(self.0.try_send(Order::Removed(id)));
    }
}

impl Upkeep {
    /// Starts the thread; the index is loaded on it.
    ///
    /// # Errors
    /// The system refuses a thread.
    pub fn start(
        cache: Arc<Cache>,
        config: UpkeepConfig,
        removals: &Removals,
        inbox: Inbox,
    ) -> std::io::Result<Self> {
        let keeper = Keeper::start(cache.clone())?;
        let thread = std::thread::Builder::new()
            .name("upkeep".into())
            .spawn(move || run(&cache, &config, &inbox.0))?;
        Ok(Self {
            orders: removals.0.clone(),
            thread: Some(thread),
            _keeper: keeper,
        })
    }

    /// Takes a snapshot now; gives the number of entries in it. Blocks.
    ///
    /// # Errors
    /// Why it could not be taken.
    pub fn snapshot(&self) -> Result<u64, String> {
        let (reply, answer) = bounded(1);
        let gone = |_| "the upkeep thread has ended".to_owned();
        self.orders
            .send(Order::Snapshot(reply))
            .map_err(|e| gone(e.to_string()))?;
        answer.recv().map_err(|e| gone(e.to_string()))?
    }
}

impl Drop for Upkeep {
    fn drop(&mut self) {
        if self.orders.send(Order::Stop).is_ok()
            && let Some(thread) = self.thread.take()
        {
            drop(thread.join());
        }
    }
}

fn run(cache: &Cache, config: &UpkeepConfig, inbox: &Receiver<Order>) {
    if cache.embedder().is_none() {
        return idle(cache, inbox);
    }
    if cache.memory().store().is_read() {
        load(cache, config);
    }
    let mut last = Instant::now();
    // Rounds come by the clock: entries that go all the time must not put them off.
    let mut next = last + ROUND;
    let mut changed = false;
    let mut sweeper = Sweeper::default();
    loop {
        match inbox.recv_deadline(next) {
            Ok(Order::Removed(id)) => cache.tiers().for_each(|tier| tier.remove_anywhere(id)),
            Ok(Order::Load) if cache.indexed() => {}
            Ok(Order::Load) => load(cache, config),
            Ok(Order::Snapshot(reply)) => {
                drop(reply.send(take_snapshot(cache, config)));
            }
            Ok(Order::Stop) | Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => {}
        }
        if Instant::now() < next {
            continue;
        }
        sweeper.round(cache);
        changed |= look_after(cache);
        if last.elapsed() >= config.snapshot_every {
            drop(take_snapshot(cache, config));
            (last, changed) = (Instant::now(), false);
        }
        next = Instant::now() + ROUND;
    }
    if changed || !cache.semantic().is_empty() {
        drop(take_snapshot(cache, config));
    }
}

/// Without an encoder there is no index to look after, and the last snapshot stays for when there is one again.
fn idle(cache: &Cache, inbox: &Receiver<Order>) {
    cache.now_indexed();
    let mut sweeper = Sweeper::default();
    let mut next = Instant::now() + ROUND;
    loop {
        match inbox.recv_deadline(next) {
            Ok(Order::Removed(_) | Order::Load) => {}
            Ok(Order::Snapshot(reply)) => {
                drop(reply.send(Err("nothing is compared by meaning".into())));
            }
            Ok(Order::Stop) | Err(RecvTimeoutError::Disconnected) => return,
            Err(RecvTimeoutError::Timeout) => {}
        }
        if Instant::now() >= next {
            sweeper.round(cache);
            next = Instant::now() + ROUND;
        }
    }
}

/// Fills the tier from the newest snapshot and from what the store has beyond it.
fn load(cache: &Cache, config: &UpkeepConfig) {
    let started = Instant::now();
    let semantic = cache.semantic();
    let after = match snapshot::load(&config.folder, semantic.origin()) {
        Ok(Some(loaded)) => {
            for (scope, partition) in loaded.partitions {
                semantic.adopt(scope, partition);
            }
            loaded.last_sequence
        }
        Ok(None) => 0,
        Err(cause) => {
            tracing::warn!(%cause, "the index is built again from the store");
            0
        }
    };
    let store = cache.memory().store();
    store.for_each_vector(semantic.space(), after, |id, expires_ms, vector| {
        semantic.insert(id, vector.scope, &vector.numbers, expires_ms);
        true
    });
    cache.now_indexed();
    let entries = semantic.len();
    tracing::info!(entries, elapsed = ?started.elapsed(), "the index is loaded");
}

/// Promotes what grew and compacts what aged; says whether anything was done.
fn look_after(cache: &Cache) -> bool {
    let now = unix_ms();
    let mut done = false;
    for (_, partition) in cache.semantic().all() {
        let outcome = if partition.wants_promotion() {
            partition.promote().map(|_| ())
        } else if partition.wants_compaction(now) {
            partition.compact(now)
        } else {
            continue;
        };
        done = true;
        if let Err(cause) = outcome {
            tracing::warn!(%cause, "a scope is scanned on, its graph could not be built");
        }
    }
    cache.semantic().drop_empty(now);
    done
}

fn take_snapshot(cache: &Cache, config: &UpkeepConfig) -> Result<u64, String> {
    if !cache.indexed() {
        // It would lack what the last one holds.
        return Err("the index is not loaded yet".into());
    }
    // Read before the walk: what comes in meanwhile is read from the store again at the next start.
    let upto = cache.memory().store().last_id().saturating_sub(UNDER_WAY);
    let semantic = cache.semantic();
    match snapshot::write(&config.folder, semantic.origin(), upto, semantic.all()) {
        Ok(generation) => Ok(generation.slots),
        Err(cause) => {
            tracing::warn!(%cause, "no snapshot was taken; the next start reads the store");
            Err("the snapshot could not be written".into())
        }
    }
}
