//! The queue between callers and the embedding threads: bounded, batched from what waits, with deadlines. Knows
//! nothing of what the model is; generic over it, so that its behaviour is tested with one that needs no files.

use std::fmt;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded, select};
use tokio::sync::oneshot;

use super::model::Model;
use super::tokens::digest;
use super::verifier::Lane;
use super::{Embedded, Embedding, Outcome, Skip, Space, Unavailable};

/// Most tokens, padding included, of one run of several texts. Beyond some hundred a run is bound by arithmetic and
/// gains nothing, while its buffers, which the runtime keeps, grow with it.
const TOKENS_PER_RUN: usize = 256;

/// The deadline of who waits as long as it takes: a thread that hangs for that long is one that is gone.
const NO_HURRY: Duration = Duration::from_secs(600);

/// Sizes of a pool; all at least 1.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// Texts that may wait.
    pub(super) queue: usize,
    /// Most texts that a thread takes at once.
    pub(super) batch: usize,
    /// Length of every vector.
    pub(super) dimension: usize,
    /// What they may be compared with.
    pub(super) space: Space,
}

/// The threads' front. They end when it is dropped.
pub(super) struct Pool {
    queue: Sender<Job>,
}

/// What a vector is wanted of.
pub(super) enum Words {
    /// A text, still to be read.
    Text(Arc<str>),
    /// One that was read.
    Tokens(Vec<u32>),
}

struct Job {
    words: Words,
    deadline: Instant,
    reply: oneshot::Sender<Outcome>,
}

/// What a thread does next.
enum Next {
    Text(Job),
    Pairs(super::verifier::Job),
}

/// A job whose text was read.
struct Ready {
    tokens: Vec<u32>,
    deadline: Instant,
    reply: oneshot::Sender<Outcome>,
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool")
            .field("depth", &self.depth())
            .finish()
    }
}

impl Pool {
    /// Starts one thread per model; `read` turns a text into tokens on those threads. Each takes one of `lanes` as well,
    /// if there are any.
    pub(super) fn start<R>(
        models: Vec<Box<dyn Model>>,
        lanes: Vec<Lane>,
        read: R,
        limits: Limits,
    ) -> io::Result<Self>
    where
        R: Fn(&str) -> Result<Vec<u32>, Skip> + Send + Sync + 'static,
    {
        let (queue, waiting) = bounded(limits.queue);
        let read = Arc::new(read);
        let threads = models.len();
        let mut lanes = lanes.into_iter();
        for model in models {
            let worker = Worker {
                model,
                lane: lanes.next(),
                read: Arc::clone(&read),
                waiting: waiting.clone(),
                threads,
                limits,
            };
            thread::Builder::new()
                .name("embed".to_owned())
                .spawn(move || worker.work())?;
        }
        Ok(Self { queue })
    }

    /// Queues `words` and waits for what becomes of them, until `deadline` at most.
    pub(super) async fn embed(&self, words: Words, deadline: Instant) -> Outcome {
        let (reply, answer) = oneshot::channel();
        match self.queue.try_send(Job {
            words,
            deadline,
            reply,
        }) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => return Outcome::Unavailable(Unavailable::QueueFull),
            Err(TrySendError::Disconnected(_)) => return Outcome::Unavailable(Unavailable::Failed),
        }
        match tokio::time::timeout_at(deadline.into(), answer).await {
            Ok(Ok(outcome)) => outcome,
            // The thread that held the job is gone.
            Ok(Err(_)) => Outcome::Unavailable(Unavailable::Failed),
            Err(_) => Outcome::Unavailable(Unavailable::Deadline),
        }
    }

    /// Queues `text` and waits on this thread for what becomes of it.
    pub(super) fn embed_here(&self, text: Arc<str>) -> Outcome {
        let (reply, answer) = oneshot::channel();
        let job = Job {
            words: Words::Text(text),
            deadline: Instant::now() + NO_HURRY,
            reply,
        };
        if self.queue.send(job).is_err() {
            return Outcome::Unavailable(Unavailable::Failed);
        }
        answer
            .blocking_recv()
            .unwrap_or(Outcome::Unavailable(Unavailable::Failed))
    }

    /// Texts that wait now.
    pub(super) fn depth(&self) -> usize {
        self.queue.len()
    }
}

struct Worker<R> {
    model: Box<dyn Model>,
    /// Pairs of questions that this thread reads as well.
    lane: Option<Lane>,
    read: Arc<R>,
    waiting: Receiver<Job>,
    threads: usize,
    limits: Limits,
}

impl<R: Fn(&str) -> Result<Vec<u32>, Skip>> Worker<R> {
    fn work(mut self) {
        while let Some(next) = self.next() {
            match next {
                Next::Text(first) => self.texts(first),
                Next::Pairs(job) => {
                    if let Some(lane) = &mut self.lane {
                        lane.serve(job);
                    }
                }
            }
        }
    }

    /// What comes next; where both queues hold something, either: neither waits for the other to be empty. None when the
    /// pool is gone.
    fn next(&self) -> Option<Next> {
        let Some(lane) = &self.lane else {
            return self.waiting.recv().ok().map(Next::Text);
        };
        select! {
            recv(self.waiting) -> job => job.ok().map(Next::Text),
            recv(lane.waiting) -> job => match job {
                Ok(job) => Some(Next::Pairs(job)),
                // Nobody asks of pairs any more; somebody may still of texts.
                Err(_) => self.waiting.recv().ok().map(Next::Text),
            },
        }
    }

    fn texts(&mut self, first: Job) {
        // This thread's share of what waits, so that the others find some too; nothing is waited for.
        let more = (self.waiting.len() / self.threads).min(self.limits.batch - 1);
        let jobs: Vec<Job> = std::iter::once(first)
            .chain(self.waiting.try_iter().take(more))
            .collect();
        let ready = jobs.into_iter().filter_map(|job| self.read(job)).collect();
        for run in runs(ready) {
            self.run(run);
        }
    }

    fn read(&self, job: Job) -> Option<Ready> {
        let reply = wanted(job.reply, job.deadline)?;
        let read = || match job.words {
            Words::Text(text) => (self.read)(&text),
            Words::Tokens(tokens) => Ok(tokens),
        };
        match catch_unwind(AssertUnwindSafe(read)) {
            Ok(Ok(tokens)) => {
                return Some(Ready {
                    tokens,
                    deadline: job.deadline,
                    reply,
                });
            }
            Ok(Err(skip)) => answer(reply, Outcome::Skipped(skip)),
            Err(_) => answer(reply, Outcome::Unavailable(Unavailable::Failed)),
        }
        None
    }

    /// Runs what is still wanted of `jobs`; when the model fails on several, each is tried by itself, so that one
    /// text fails no other.
    fn run(&mut self, jobs: Vec<Ready>) {
        let mut batch = Vec::with_capacity(jobs.len());
        let mut replies = Vec::with_capacity(jobs.len());
        for job in jobs {
            if let Some(reply) = wanted(job.reply, job.deadline) {
                batch.push(job.tokens);
                replies.push((reply, job.deadline));
            }
        }
        if batch.is_empty() {
            return;
        }
        if let Some(vectors) = self.vectors(&batch) {
            for ((tokens, vector), (reply, _)) in batch.iter().zip(vectors).zip(replies) {
                answer(reply, self.outcome(tokens, vector));
            }
        } else if batch.len() == 1 {
            for (reply, _) in replies {
                answer(reply, Outcome::Unavailable(Unavailable::Failed));
            }
        } else {
            for (tokens, (reply, deadline)) in batch.into_iter().zip(replies) {
                self.run(vec![Ready {
                    tokens,
                    deadline,
                    reply,
                }]);
            }
        }
    }

    fn vectors(&mut self, batch: &[Vec<u32>]) -> Option<Vec<Vec<f32>>> {
        let began = Instant::now();
        let result = catch_unwind(AssertUnwindSafe(|| self.model.run(batch)));
        metrics::histogram!("reprise_embed_seconds").record(began.elapsed());
        #[expect(clippy::cast_precision_loss, reason = "a batch is far below 2^52")]
        metrics::histogram!("reprise_embed_batch_size").record(batch.len() as f64);
        match result {
            Ok(Ok(vectors)) if vectors.len() == batch.len() => return Some(vectors),
            Ok(Ok(vectors)) => {
                tracing::error!(
                    texts = batch.len(),
                    vectors = vectors.len(),
                    "the model miscounted"
                );
            }
            Ok(Err(error)) => tracing::error!(%error, texts = batch.len(), "the model failed"),
            Err(_) => tracing::error!(texts = batch.len(), "the model panicked"),
        }
        None
    }

    fn outcome(&self, tokens: &[u32], vector: Vec<f32>) -> Outcome {
        if vector.len() != self.limits.dimension {
            tracing::error!(
                found = vector.len(),
                "the model gave a vector of another dimension"
            );
            return Outcome::Unavailable(Unavailable::Failed);
        }
        match Embedding::new(vector) {
            Ok(embedding) => {
                let token_count = u32::try_from(tokens.len()).unwrap_or(u32::MAX);
                Outcome::Embedded(Embedded {
                    embedding,
                    tokens: digest(tokens),
                    token_count,
                    space: self.limits.space,
                })
            }
            Err(error) => {
                tracing::error!(%error, "the model gave no unit vector");
                Outcome::Unavailable(Unavailable::Failed)
            }
        }
    }
}

/// The reply, unless nobody listens or the deadline passed (which is answered here).
fn wanted(reply: oneshot::Sender<Outcome>, deadline: Instant) -> Option<oneshot::Sender<Outcome>> {
    if reply.is_closed() {
        return None;
    }
    if Instant::now() >= deadline {
        answer(reply, Outcome::Unavailable(Unavailable::Deadline));
        return None;
    }
    Some(reply)
}

fn answer(reply: oneshot::Sender<Outcome>, outcome: Outcome) {
    // A caller that left in the meantime is no fault.
    let _ = reply.send(outcome);
}

/// Splits texts into runs, the short ones first: at most an eighth of a row is padding, so that running together
/// never costs more than it saves.
fn runs(mut jobs: Vec<Ready>) -> Vec<Vec<Ready>> {
    jobs.sort_by_key(|job| job.tokens.len());
    let mut runs: Vec<Vec<Ready>> = Vec::new();
    for job in jobs {
        let length = job.tokens.len();
        match runs.last_mut() {
            Some(run) if fits(run, length) => run.push(job),
            _ => runs.push(vec![job]),
        }
    }
    runs
}

fn fits(run: &[Ready], length: usize) -> bool {
    let shortest = run.first().map_or(0, |job| job.tokens.len());
    length - shortest <= length / 8 && (run.len() + 1) * length <= TOKENS_PER_RUN
}

#[cfg(test)]
mod tests;
