//! The verifier's own queue, and what an embedding thread does with what waits there: bounded, with deadlines. Knows
//! nothing of what the model is.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;

use crossbeam_channel::{Receiver, Sender, TrySendError};
use tokio::sync::oneshot;

use super::reader::Row;
use super::session::Scorer;
use super::{Pair, Unread};

/// Turns a pair into what the model reads.
pub(super) type Read = dyn Fn(&Pair) -> Result<Row, Unread> + Send + Sync;

/// What is said of each pair, in order.
pub(super) type Told = Vec<Result<f32, Unread>>;

/// Pairs that somebody waits for.
pub(in crate::embed) struct Job {
    pub(super) pairs: Vec<Pair>,
    pub(super) deadline: Instant,
    pub(super) reply: oneshot::Sender<Told>,
}

/// One thread's end of the queue, with a model of its own.
pub(in crate::embed) struct Lane {
    pub(super) scorer: Box<dyn Scorer>,
    pub(super) read: Arc<Read>,
    pub(in crate::embed) waiting: Receiver<Job>,
}

/// Queues pairs and waits for what is said of them, until `deadline` at most; `late` hears what is said behind it.
pub(super) async fn ask(
    queue: &Sender<Job>,
    pairs: Vec<Pair>,
    deadline: Instant,
    late: impl FnOnce(Told) + Send + 'static,
) -> Told {
    let all = |why: Unread, count: usize| vec![Err(why); count];
    let count = pairs.len();
    let (reply, mut answer) = oneshot::channel();
    let job = Job {
        pairs,
        deadline,
        reply,
    };
    match queue.try_send(job) {
        Ok(()) => {}
        Err(TrySendError::Full(_)) => return all(Unread::QueueFull, count),
        Err(TrySendError::Disconnected(_)) => return all(Unread::Failed, count),
    }
    match tokio::time::timeout_at(deadline.into(), &mut answer).await {
        Ok(Ok(told)) => told,
        // The thread that held the job is gone.
        Ok(Err(_)) => all(Unread::Failed, count),
        Err(_) => {
            tokio::spawn(async move {
                if let Ok(told) = answer.await {
                    late(told);
                }
            });
            all(Unread::Deadline, count)
        }
    }
}

impl Lane {
    /// Reads a job's pairs, runs them together and answers.
    pub(in crate::embed) fn serve(&mut self, job: Job) {
        if job.reply.is_closed() {
            return;
        }
        let told = match Instant::now() >= job.deadline {
            true => vec![Err(Unread::Deadline); job.pairs.len()],
            false => self.told(&job.pairs),
        };
        // A caller that left in the meantime is no fault.
        let _ = job.reply.send(told);
    }

    fn told(&mut self, pairs: &[Pair]) -> Told {
        let mut told: Told = Vec::with_capacity(pairs.len());
        let (mut rows, mut places) = (Vec::new(), Vec::new());
        for (place, pair) in pairs.iter().enumerate() {
            let read = catch_unwind(AssertUnwindSafe(|| (self.read)(pair)));
            match read.unwrap_or(Err(Unread::Failed)) {
                Ok(row) => {
                    rows.push(row);
                    places.push(place);
                    told.push(Err(Unread::Failed));
                }
                Err(why) => told.push(Err(why)),
            }
        }
        if let Some(scores) = self.scores(&rows) {
            for (place, score) in places.into_iter().zip(scores) {
                told[place] = Ok(score).and_then(finite);
            }
        }
        told
    }

    fn scores(&mut self, rows: &[Row]) -> Option<Vec<f32>> {
        if rows.is_empty() {
            return None;
        }
        let began = Instant::now();
        let result = catch_unwind(AssertUnwindSafe(|| self.scorer.run(rows)));
        metrics::histogram!("reprise_verifier_seconds").record(began.elapsed());
        #[expect(clippy::cast_precision_loss, reason = "a batch is far below 2^52")]
        metrics::histogram!("reprise_verifier_batch_size").record(rows.len() as f64);
        match result {
            Ok(Ok(scores)) if scores.len() == rows.len() => return Some(scores),
            Ok(Ok(scores)) => {
                let (pairs, scores) = (rows.len(), scores.len());
                tracing::error!(pairs, scores, "the verifier miscounted");
            }
            Ok(Err(error)) => tracing::error!(%error, pairs = rows.len(), "the verifier failed"),
            Err(_) => tracing::error!(pairs = rows.len(), "the verifier panicked"),
        }
        None
    }
}

/// What is not a number says nothing.
fn finite(score: f32) -> Result<f32, Unread> {
    match score.is_finite() {
        true => Ok(score),
        false => Err(Unread::Failed),
    }
}
