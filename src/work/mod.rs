//! What outlives the request that began it: responses that a later one continues, files, batches of requests, and
//! single requests whose answer is fetched later.

mod ask;
mod batch;
mod files;
mod jobs;
mod page;
mod responses;

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::chat::{RequestId, unix_ms};
use crate::config::Config;
use crate::gateway::{Gateway, Via};
use crate::provider::Webhooks;
use crate::store::{Blobs, Table, WorkError, WorkStore};

pub use ask::{read, shown, unavailable};
pub use batch::{Batches, NewBatch};
pub use files::{Described, FileRow, Files, Upload};
pub use jobs::{Ended, Jobs, NewJob};
pub use page::{Order, Page};
pub use responses::{Kept, Responses};

/// Time between two rounds of removing what has ended.
const SWEEP: Duration = Duration::from_secs(3600);
/// No wait is longer, so that a clock that was set is heeded.
const LONGEST_WAIT_MS: u64 = 60_000;

/// The headers by which an answer tells how it was come by.
pub type Told = fn(RequestId, Option<&Via>) -> Vec<(String, String)>;

/// Files, batches and jobs.
pub struct Work {
    /// What clients upload and what is written for them.
    pub files: Arc<Files>,
    /// Files of requests.
    pub batches: Arc<Batches>,
    /// Single requests.
    pub jobs: Arc<Jobs>,
    store: Arc<WorkStore>,
    stop: watch::Sender<bool>,
    tasks: Mutex<Vec<JoinHandle<()>>>,
}

/// What work is made of.
pub struct WorkParts {
    /// Its rows.
    pub store: Arc<WorkStore>,
    /// Its files.
    pub blobs: Blobs,
    /// Who answers.
    pub gateway: Arc<Gateway>,
    /// What answers are kept in that may be continued.
    pub responses: Arc<Responses>,
    /// Who is told of answers, if anybody is.
    pub webhooks: Option<Webhooks>,
    /// The headers of an answer.
    pub told: Told,
}

impl Work {
    /// Takes up what had not ended; nothing of it is done before [`Work::start`]. Blocks.
    ///
    /// # Errors
    /// The store does not answer.
    pub fn open(parts: WorkParts, config: &Config) -> Result<Self, WorkError> {
        let asker = ask::Asker {
            gateway: parts.gateway,
            responses: Some(parts.responses),
        };
        let store = parts.store;
        let files = Files::new(store.clone(), parts.blobs, config.files.clone());
        let files = Arc::new(files);
        let batches = Batches::open(
            (files.clone(), asker.clone()),
            config.batch.clone(),
            config.server.body_limit_bytes,
            config.files.ttl_s,
        )?;
        files.tidy()?;
        let jobs = Jobs::open(
            (store.clone(), asker),
            config.later.clone(),
            (parts.webhooks, parts.told),
        )?;
        Ok(Self {
            files,
            batches: Arc::new(batches),
            jobs: Arc::new(jobs),
            store,
            stop: watch::Sender::new(false),
            tasks: Mutex::default(),
        })
    }

    /// Begins to work. What is under way when it is told to stop has `grace` to end. Needs a tokio runtime.
    pub fn start(self: &Arc<Self>, grace: Duration) {
        let stop = || self.stop.subscribe();
        let mut tasks = self.tasks.lock();
        tasks.push(tokio::spawn(self.batches.clone().run(stop(), grace)));
        tasks.push(tokio::spawn(self.jobs.clone().run(stop(), grace)));
        tasks.push(tokio::spawn(self.clone().sweeps(stop())));
    }

    /// Begins nothing more, and waits for what is under way; what is left of it then is done at the next start.
    pub async fn stop(&self) {
        self.stop.send_replace(true);
        let tasks = std::mem::take(&mut *self.tasks.lock());
        for task in tasks {
            drop(task.await);
        }
    }

    async fn sweeps(self: Arc<Self>, mut stop: watch::Receiver<bool>) {
        loop {
            let all = self.clone();
            let swept = tokio::task::spawn_blocking(move || all.sweep());
            if let Ok(Err(error)) = swept.await {
                tracing::warn!(%error, "what has ended cannot be removed now");
            }
            tokio::select! {
                _ = stop.wait_for(|stop| *stop) => return,
                () = tokio::time::sleep(SWEEP) => {}
            }
        }
    }

    fn sweep(&self) -> Result<(), WorkError> {
        self.files.sweep()?;
        // Rows of files went with the files.
        let others = [Table::Responses, Table::Batches, Table::Lines, Table::Jobs];
        self.store.sweep(&others, unix_ms())?;
        self.batches.recount()?;
        self.jobs.recount()
    }
}

/// Waits until that time, or for a while: whoever waits looks again then.
async fn wait_until(until_ms: u64) {
    let wait = until_ms.saturating_sub(unix_ms()).min(LONGEST_WAIT_MS);
    tokio::time::sleep(Duration::from_millis(wait.max(1))).await;
}

/// Doubled from `base_ms` with each try, and half of it left to chance.
fn pause_ms(base_ms: u64, max_ms: u64, tries: u32, id: RequestId) -> u64 {
    let doubled = base_ms.saturating_mul(1_u64.checked_shl(tries.min(32)).unwrap_or(u64::MAX));
    let half = doubled.min(max_ms) / 2;
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        clippy::cast_sign_loss,
        reason = "a part of a wait"
    )]
    let chance = (half as f64 * f64::from(id.draw())) as u64;
    half + chance
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_doubles_up_to_its_longest_and_is_never_less_than_half_of_that() {
        for (tries, whole) in [(0, 100), (1, 200), (3, 800), (4, 1000), (90, 1000)] {
            let pause = pause_ms(100, 1000, tries, RequestId::fresh());
            assert!((whole / 2..=whole).contains(&pause), "{tries}: {pause}");
        }
    }
}
