//! A change of the embedding model beside the traffic: what is remembered is embedded anew from its text, one question at a
//! time, into a tier of its own; once nothing is left, that tier takes the place of the first in one step. One thread,
//! which blocks. What it has done is in the store, so the next start goes on where this one ended.
//!
//! Until the switch nothing of it can be met. After it the thread stays for entries that were on their way with a
//! vector of the model before.

mod pass;
mod progress;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};

pub use self::progress::{Progress, Standing, State};

use self::pass::Pass;
use super::Cache;
use super::semantic::Semantic;
use super::upkeep::UNDER_WAY;
use crate::embed::{EmbedConfig, Embedder};
use crate::index::IndexConfig;
use crate::index::snapshot::Origin;
use crate::telemetry::Metrics;

/// How often something is looked at that changes in its own time.
const LOOK: Duration = Duration::from_millis(20);
/// Time between two tries of what failed, and between two looks for entries that strayed.
const REST: Duration = Duration::from_secs(1);
/// How often [`LOOK`] passes before nobody is waited for who still reads the vectors of the model before.
const READERS_LOOKS: u32 = 3_000;
/// Entries that came during a pass and may be left to the one after the switch: traffic must not put that off for ever.
const STRAGGLERS: u64 = 32;

/// What the next model is started with.
#[derive(Debug, Clone)]
pub struct ReembedConfig {
    /// Its files and threads.
    pub encoder: EmbedConfig,
    /// How its vectors are searched; the dimension is the model's own.
    pub index: IndexConfig,
    /// The share of one core's time that embedding anew may take.
    pub share: f64,
}

/// The thread's handle; dropped, it ends after the question in hand.
pub struct Reembedding {
    progress: Arc<Progress>,
    /// Closed by the drop.
    stop: Option<Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Reembedding {
    /// Starts the thread; the model is loaded on it.
    ///
    /// # Errors
    /// The system refuses a thread.
    pub fn start(
        cache: Arc<Cache>,
        config: ReembedConfig,
        metrics: Arc<Metrics>,
    ) -> std::io::Result<Self> {
        let progress = Arc::new(Progress::new(metrics));
        let (stop, stopped) = bounded(0);
        let job = Job {
            cache,
            config,
            progress: progress.clone(),
            stopped,
        };
        let thread = std::thread::Builder::new()
            .name("reembed".into())
            .spawn(move || drop(job.run()))?;
        Ok(Self {
            progress,
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    /// How far it is.
    #[must_use]
    pub fn standing(&self) -> Standing {
        self.progress.standing()
    }
}

impl Drop for Reembedding {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

/// Why the thread ends: the gateway does, or the model is not fit.
struct Ended;

struct Job {
    cache: Arc<Cache>,
    config: ReembedConfig,
    progress: Arc<Progress>,
    stopped: Receiver<()>,
}

impl Job {
    fn run(&self) -> Result<(), Ended> {
        let next = Arc::new(self.load()?);
        // The first tier comes first: it is the one that serves.
        while !self.cache.indexed() || !self.cache.memory().store().is_read() {
            self.pause(LOOK)?;
        }
        self.cache.next.store(Some(next.clone()));
        let mut pass = Pass::new(self, &next);
        let filled = pass.fill();
        if filled.is_err() {
            self.cache.next.store(None);
        }
        filled?;
        let since = self
            .cache
            .memory()
            .store()
            .last_id()
            .saturating_sub(UNDER_WAY);
        let before = self.switch(&next)?;
        self.retire(before)?;
        loop {
            pass.after(since)?;
            self.progress.done();
            while !self.cache.strayed.swap(false, Ordering::AcqRel) {
                self.pause(REST)?;
            }
        }
    }

    fn load(&self) -> Result<Semantic, Ended> {
        let encoder = Embedder::start(&self.config.encoder).map_err(|fault| {
            tracing::error!(%fault,
                "embedding.next_model_dir cannot be used: the model in use stays, nothing is embedded anew");
            self.progress.fault("load");
            Ended
        })?;
        self.progress.loaded(encoder.name());
        let origin = Origin {
            config: IndexConfig {
                dimension: encoder.dimension(),
                ..self.config.index.clone()
            },
            embedding: encoder.fingerprint().to_owned(),
        };
        let reach = self.cache.semantic().reach().clone();
        Ok(Semantic::new(origin, Some(encoder), reach))
    }

    /// First on the disk, then in memory: whatever happens between, a start finds the tier that is complete.
    fn switch(&self, next: &Arc<Semantic>) -> Result<Arc<Semantic>, Ended> {
        for (_, partition) in next.all() {
            if partition.wants_promotion()
                && let Err(cause) = partition.promote()
            {
                tracing::warn!(%cause, "a scope is scanned on, its graph could not be built");
            }
        }
        let store = self.cache.memory().store();
        while store.home() != next.space() {
            if let Err(cause) = store.switch_to(next.space()) {
                tracing::warn!(%cause, "the change of the embedding model waits for the store");
                self.pause(REST)?;
            }
        }
        let before = self.cache.switch(next.clone());
        self.progress.switched();
        let model = next.encoder().map(Embedder::name);
        tracing::info!(
            model,
            entries = next.len(),
            "the next embedding model is in use: embedding.model_dir may name its folder now"
        );
        Ok(before)
    }

    /// Lets the vectors of the model before go once no lookup reads them.
    fn retire(&self, before: Arc<Semantic>) -> Result<(), Ended> {
        let mut looks = 0;
        while Arc::strong_count(&before) > 1 && looks < READERS_LOOKS {
            looks += 1;
            self.pause(LOOK)?;
        }
        self.cache.memory().store().retire();
        Ok(())
    }

    /// Waits; an error where the gateway ends meanwhile.
    fn pause(&self, time: Duration) -> Result<(), Ended> {
        match self.stopped.recv_timeout(time) {
            Err(RecvTimeoutError::Timeout) => Ok(()),
            Ok(()) | Err(RecvTimeoutError::Disconnected) => Err(Ended),
        }
    }
}
