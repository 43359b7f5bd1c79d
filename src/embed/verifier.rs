//! Reads two questions together and says how likely one answer serves both: a cross-encoder on the embedding threads, with
//! a queue and deadlines of its own.
//!
//! Reading order: `reader` makes one row of two texts, `manifest` and `session` are the model's files and its run, `lane` is
//! the queue between callers and threads. Knows nothing of policies; what its word counts for is the verdict's to say.

mod lane;
mod manifest;
mod reader;
mod session;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use crossbeam_channel::{Sender, bounded};
use ort::environment::Environment;

use self::manifest::Manifest;
use self::reader::Reader;
use self::session::{OrtScorer, Scorer};
use super::EmbedError;

pub(super) use self::lane::{Job, Lane};

/// Where the cross-encoder lies and how many may wait for it.
#[derive(Debug, Clone)]
pub struct VerifierConfig {
    /// Folder of `MANIFEST.toml` and the files that it names.
    pub model_dir: PathBuf,
    /// Requests that may wait; one more is [`Unread::QueueFull`]. 0 counts as 1.
    pub queue: usize,
}

/// A remembered question and the one asked.
#[derive(Debug, Clone)]
pub struct Pair {
    /// The one remembered.
    pub stored: Arc<str>,
    /// The one asked.
    pub asked: Arc<str>,
}

/// Why nothing is said of a pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Unread {
    /// More tokens than the model's window; never cut in silence.
    TooLong,
    /// At least one token that the vocabulary lacks.
    UnknownTokens,
    /// Mainly in a script that the model was not trained on.
    UnsupportedLanguage,
    /// As many requests wait as may wait.
    QueueFull,
    /// The deadline came first.
    Deadline,
    /// The model failed on it, or its threads are gone.
    Failed,
}

impl Unread {
    /// Whether the same pair may be read another time.
    #[must_use]
    pub fn is_of_the_moment(self) -> bool {
        matches!(self, Self::QueueFull | Self::Deadline | Self::Failed)
    }

    /// The reason as logs and metrics show it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TooLong => "too_long",
            Self::UnknownTokens => "unknown_tokens",
            Self::UnsupportedLanguage => "unsupported_language",
            Self::QueueFull => "queue_full",
            Self::Deadline => "deadline",
            Self::Failed => "failed",
        }
    }
}

/// The handle to the model; clones share it. It runs for as long as the embedding threads do.
#[derive(Debug, Clone)]
pub struct Verifier {
    queue: Sender<Job>,
    version: Arc<str>,
}

impl Verifier {
    /// Log-odds that one answer serves both questions of each pair, in order, or why nothing is said of it. All are run
    /// together. Resolves at `deadline` at the latest. Needs a tokio runtime with its timer on.
    pub async fn verify(&self, pairs: Vec<Pair>, deadline: Instant) -> Vec<Result<f32, Unread>> {
        self.verify_or_later(pairs, deadline, |_| {}).await
    }

    /// The same; where the deadline comes first while a thread is at it, `late` hears what it says in the end.
    pub(crate) async fn verify_or_later(
        &self,
        pairs: Vec<Pair>,
        deadline: Instant,
        late: impl FnOnce(Vec<Result<f32, Unread>>) + Send + 'static,
    ) -> Vec<Result<f32, Unread>> {
        lane::ask(&self.queue, pairs, deadline, late).await
    }

    /// Names the model: two of one version say the same of a pair.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Requests that wait now.
    #[must_use]
    pub fn queue_depth(&self) -> usize {
        self.queue.len()
    }
}

/// Verifies the model's files and loads it once for each of so many threads: what they run, and the handle to them.
pub(super) fn lanes(
    config: &VerifierConfig,
    environment: &Environment,
    threads: usize,
) -> Result<(Vec<Lane>, Verifier), EmbedError> {
    let manifest = Manifest::load(&config.model_dir)?;
    let graph = manifest.files.verified_model()?;
    let reader = Reader::new(&manifest)?;
    let scorers = (0..threads)
        .map(|_| {
            OrtScorer::load(environment, &manifest, &graph)
                .map(|scorer| Box::new(scorer) as Box<dyn Scorer>)
        })
        .collect::<Result<Vec<_>, _>>()?;
    let read = move |pair: &Pair| reader.read(&pair.stored, &pair.asked);
    let (lanes, queue) = over(scorers, read, config.queue);
    let version = manifest.version().into();
    Ok((lanes, Verifier { queue, version }))
}

fn over(
    scorers: Vec<Box<dyn Scorer>>,
    read: impl Fn(&Pair) -> Result<reader::Row, Unread> + Send + Sync + 'static,
    queue: usize,
) -> (Vec<Lane>, Sender<Job>) {
    let (queue, waiting) = bounded(queue.max(1));
    let read: Arc<lane::Read> = Arc::new(read);
    let lane = |scorer| Lane {
        scorer,
        read: Arc::clone(&read),
        waiting: waiting.clone(),
    };
    (scorers.into_iter().map(lane).collect(), queue)
}

/// All that would keep it from starting.
pub(super) fn faults(
    config: &VerifierConfig,
    environment: Option<&Environment>,
) -> Vec<EmbedError> {
    let mut faults = Vec::new();
    let Some(manifest) = super::note(&mut faults, Manifest::load(&config.model_dir)) else {
        return faults;
    };
    let graph = super::note(&mut faults, manifest.files.verified_model());
    super::note(&mut faults, Reader::new(&manifest));
    if let (Some(environment), Some(graph)) = (environment, graph) {
        super::note(&mut faults, OrtScorer::load(environment, &manifest, &graph));
    }
    faults
}

#[cfg(test)]
mod tests;
