//! Turns a question into a unit vector on threads of its own, or says why it will not.
//!
//! Reading order: `text` decides what a text may claim, `tokens` reads it, `manifest` and `model` are the encoder's
//! files and its run, `pool` is the queue between callers and threads, `verifier` reads two questions together on the same
//! threads. Knows nothing of requests, scopes or caches.

mod error;
mod feed;
mod files;
mod guests;
mod manifest;
mod model;
mod pool;
mod text;
mod tokens;
mod vector;
mod verifier;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use self::guests::Guests;
use self::manifest::Manifest;
use self::model::{Model, OrtModel};
use self::pool::{Limits, Pool, Words};
use self::tokens::Reader;

pub use self::error::EmbedError;
pub use self::guests::Read;
pub use self::text::{Question, normal_form};
pub use self::vector::{Embedding, NotAVector, Space};
pub use self::verifier::{Pair, Unread, Verifier, VerifierConfig};

/// Bytes above which a text is not even tokenised: 256 tokens are rarely 2 KiB, and reading costs time per byte.
const LONGEST_TEXT: usize = 16 * 1024;

/// Bytes up to which a text is read on the caller's thread: at 0.6 µs a byte that is about what waking another costs.
const QUICK_TEXT: usize = 128;

/// First 16 bytes of a blake3 hash over a text's token ids: two texts with the same digest have the same vector.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TokenDigest(pub [u8; 16]);

/// A text's vector and what the model read.
#[derive(Debug, Clone)]
pub struct Embedded {
    /// The vector, of the embedder's dimension.
    pub embedding: Embedding,
    /// Digest of the tokens; where two of them are equal, [`Question::is`] must agree before a hit.
    pub tokens: TokenDigest,
    /// Tokens including the two that frame a text.
    pub token_count: u32,
    /// What it may be compared with.
    pub space: Space,
}

/// Why a text has no vector: it would stand for something that the model did not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Skip {
    /// More tokens than the model's window; never cut in silence.
    TooLong,
    /// At least one token that the vocabulary lacks, an emoji for one.
    UnknownTokens,
    /// Mainly in a script that the model was not trained on.
    UnsupportedLanguage,
    /// Nothing but blanks.
    Empty,
}

impl Skip {
    /// The reason as headers, logs and metrics show it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TooLong => "too_long",
            Self::UnknownTokens => "unknown_tokens",
            Self::UnsupportedLanguage => "unsupported_language",
            Self::Empty => "empty",
        }
    }
}

/// Why there is no vector this time, though the text may well have one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Unavailable {
    /// As many texts wait as may wait.
    QueueFull,
    /// The deadline came first.
    Deadline,
    /// The model failed on this text, or its threads are gone.
    Failed,
}

impl Unavailable {
    /// The reason as headers, logs and metrics show it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::QueueFull => "embed_queue_full",
            Self::Deadline => "embed_deadline",
            Self::Failed => "embed_failed",
        }
    }
}

/// What became of a text.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// It has a vector.
    Embedded(Embedded),
    /// It has none, now or later.
    Skipped(Skip),
    /// It has none now.
    Unavailable(Unavailable),
}

/// Where the model lies and how much of the machine it may use.
#[derive(Debug, Clone)]
pub struct EmbedConfig {
    /// Folder of `MANIFEST.toml` and the files that it names.
    pub model_dir: PathBuf,
    /// ONNX Runtime's shared library; `None` looks in `onnxruntime/` beside `model_dir`. `ORT_DYLIB_PATH` wins over both.
    pub runtime_lib: Option<PathBuf>,
    /// Threads, each with a session of its own; 0 counts as 1.
    pub threads: usize,
    /// Texts that may wait; one more is [`Unavailable::QueueFull`]. 0 counts as 1.
    pub queue: usize,
    /// Most texts that a thread takes from the queue at once; 0 counts as 1.
    pub max_batch: usize,
    /// The cross-encoder that runs on the same threads, if any.
    pub verifier: Option<VerifierConfig>,
}

/// The handle to the embedding threads; clones share them, and they end with the last clone.
#[derive(Debug, Clone)]
pub struct Embedder {
    pool: Arc<Pool>,
    reader: Arc<Reader>,
    about: Arc<About>,
    guests: Arc<Guests>,
    verifier: Option<Verifier>,
}

#[derive(Debug)]
struct About {
    name: String,
    fingerprint: String,
    space: Space,
    dimension: usize,
    window: usize,
}

impl Embedder {
    /// Verifies the model's files, loads it once per thread and runs it on a first text.
    ///
    /// Blocks for some 0.1 s per thread.
    ///
    /// # Errors
    /// A missing or unfit library, file, checksum or dimension; see [`EmbedError`].
    pub fn start(config: &EmbedConfig) -> Result<Self, EmbedError> {
        let manifest = Manifest::load(&config.model_dir)?;
        let graph = manifest.files.verified_model()?;
        let reader = Arc::new(Reader::new(&manifest)?);
        let environment = model::environment(config)?;
        let threads = config.threads.max(1);
        let models = (0..threads)
            .map(|_| {
                OrtModel::load(&environment, &manifest, &graph)
                    .map(|model| Box::new(model) as Box<dyn Model>)
            })
            .collect::<Result<Vec<_>, _>>()?;
        let fingerprint = manifest.fingerprint();
        let space = Space::of(&fingerprint);
        let limits = Limits {
            queue: config.queue.max(1),
            batch: config.max_batch.max(1),
            dimension: manifest.dimension,
            space,
        };
        let verifier = config.verifier.as_ref();
        let verifier = verifier.map(|v| verifier::lanes(v, &environment, threads));
        let (lanes, verifier) = verifier.transpose()?.unzip();
        let read = reader.clone();
        let pool = Pool::start(
            models,
            lanes.unwrap_or_default(),
            move |text: &str| read.read(text),
            limits,
        )
        .map_err(EmbedError::Thread)?;
        let about = About {
            name: manifest.name.clone(),
            fingerprint,
            space,
            dimension: manifest.dimension,
            window: manifest.window,
        };
        let guests = Guests::new(limits.queue, config.threads);
        Ok(Self {
            guests: Arc::new(guests),
            verifier,
            pool: Arc::new(pool),
            reader,
            about: Arc::new(about),
        })
    }

    /// The vector of `text`, or why there is none. Resolves at `deadline` at the latest; a text whose future was
    /// dropped, or whose deadline passed, is not run. Needs a tokio runtime with its timer on.
    pub async fn embed(&self, text: impl Into<Arc<str>>, deadline: Instant) -> Outcome {
        let text = text.into();
        match at_a_glance(&text) {
            Some(skip) => Outcome::Skipped(skip),
            None => self.pool.embed(Words::Text(text), deadline).await,
        }
    }

    /// As [`Embedder::embed`], for the background: waits on the calling thread, however long it takes.
    pub fn embed_here(&self, text: &str) -> Outcome {
        match at_a_glance(text) {
            Some(skip) => Outcome::Skipped(skip),
            None => self.pool.embed_here(text.into()),
        }
    }

    /// Why `text` will never have a vector, if that is so. Costs its reading, a few hundredths of a millisecond for a
    /// short question, but neither the model nor a place in the queue. None also if `deadline` comes first.
    pub async fn refuses(&self, text: &str, deadline: Instant) -> Option<Skip> {
        if let Some(skip) = at_a_glance(text) {
            return Some(skip);
        }
        if text.len() <= QUICK_TEXT {
            return self.reader.refuses(text);
        }
        let (reader, text) = (Arc::clone(&self.reader), text.to_owned());
        let reading = tokio::task::spawn_blocking(move || reader.refuses(&text));
        let read = tokio::time::timeout_at(deadline.into(), reading).await;
        read.ok()?.ok()?
    }

    /// What vectors must share to be compared: changes with model, tokenizer, pooling and window.
    pub fn fingerprint(&self) -> &str {
        &self.about.fingerprint
    }

    /// What its vectors may be compared with.
    pub fn space(&self) -> Space {
        self.about.space
    }

    /// Length of every vector.
    pub fn dimension(&self) -> usize {
        self.about.dimension
    }

    /// Most tokens of a text.
    pub fn window(&self) -> usize {
        self.about.window
    }

    /// Texts that wait now.
    pub fn queue_depth(&self) -> usize {
        self.pool.depth()
    }

    /// The cross-encoder on its threads, if there is one.
    pub fn verifier(&self) -> Option<&Verifier> {
        self.verifier.as_ref()
    }

    /// The model's name in its manifest.
    pub fn name(&self) -> &str {
        &self.about.name
    }
}

/// What is known of a text without reading it.
fn at_a_glance(text: &str) -> Option<Skip> {
    if text.len() > LONGEST_TEXT {
        return Some(Skip::TooLong);
    }
    text.trim().is_empty().then_some(Skip::Empty)
}

/// The fingerprint that [`Embedder::fingerprint`] will give, without loading the model.
///
/// # Errors
/// A missing or unfit manifest.
pub fn fingerprint(config: &EmbedConfig) -> Result<String, EmbedError> {
    Ok(Manifest::load(&config.model_dir)?.fingerprint())
}

/// All that would keep an embedder from starting: manifest, graph, tokenizer and runtime are each
/// looked at whatever the others are like, and run together if all are fine. Blocks as a start does.
pub fn faults(config: &EmbedConfig) -> Vec<EmbedError> {
    let mut faults = Vec::new();
    let environment = note(&mut faults, model::environment(config));
    if let Some(manifest) = note(&mut faults, Manifest::load(&config.model_dir)) {
        let graph = note(&mut faults, manifest.files.verified_model());
        note(&mut faults, Reader::new(&manifest));
        if let (Some(environment), Some(graph)) = (&environment, graph) {
            note(&mut faults, OrtModel::load(environment, &manifest, &graph));
        }
    }
    if let Some(verifier) = &config.verifier {
        faults.extend(verifier::faults(verifier, environment.as_ref()));
    }
    faults
}

/// The runtime library that the set-up script put beside a model's folder, if there is one.
pub fn runtime_beside(model_dir: &Path) -> Option<PathBuf> {
    model::beside(model_dir).ok()
}

/// What is wrong with the runtime library where no model is known that it could lie beside: that of
/// `ORT_DYLIB_PATH`, else `runtime_lib`; `None` also if neither names one.
pub fn runtime_fault(runtime_lib: Option<&Path>) -> Option<EmbedError> {
    model::named_fault(runtime_lib)
}

fn note<T>(faults: &mut Vec<EmbedError>, step: Result<T, EmbedError>) -> Option<T> {
    step.map_err(|fault| faults.push(fault)).ok()
}

/// One ONNX Runtime session with the settings that the threads use: the yardstick of `benches/embed.rs`.
///
/// # Errors
/// As [`Embedder::start`].
#[doc(hidden)]
pub fn bare_session(config: &EmbedConfig) -> Result<ort::session::Session, EmbedError> {
    let manifest = Manifest::load(&config.model_dir)?;
    model::session(
        &model::environment(config)?,
        &manifest,
        &manifest.files.verified_model()?,
    )
}

#[cfg(test)]
mod tests;
