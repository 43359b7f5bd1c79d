//! Which model serves and which comes next, by the settings and by what the data folder holds.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;

use super::StartError;
use crate::config::{Config, find_model_dir, find_verifier_dir, model_search_starts};
use crate::embed::{self, EmbedConfig, EmbedError, Embedder, Space, VerifierConfig};
use crate::store::{CacheStore, StoreError, VectorsMayGo};

/// The models that a folder's vectors are to be of.
pub(super) struct Fingerprints {
    /// The one in use; empty where meaning is not compared.
    pub(super) first: String,
    /// The next one; empty where its manifest cannot be read.
    pub(super) next: Option<String>,
    /// Says whether vectors of any other may go.
    pub(super) may_go: VectorsMayGo,
}

/// The store, the model that serves by it and the one that is to take its place.
pub(super) struct Opened {
    pub(super) store: CacheStore,
    pub(super) encoder: Option<Embedder>,
    pub(super) next: Option<EmbedConfig>,
}

/// What the encoder is started with; none where meaning is not compared.
pub(super) fn embed_config(config: &Config) -> Result<Option<EmbedConfig>, StartError> {
    let Some(alone) = encoder_config(config)? else {
        return Ok(None);
    };
    let verifier = verifier_config(config)?;
    Ok(Some(EmbedConfig { verifier, ..alone }))
}

/// The same without the cross-encoder beside it.
pub(super) fn encoder_config(config: &Config) -> Result<Option<EmbedConfig>, StartError> {
    let wanted = config.cache.enabled && config.cache.semantic && config.embedding.enabled;
    if !wanted {
        return Ok(None);
    }
    let settings = &config.embedding;
    let model_dir = find_model_dir(&settings.model_dir, &model_search_starts())?;
    let runtime_lib = Some(&settings.runtime_lib)
        .filter(|path| !path.is_empty())
        .map(PathBuf::from);
    Ok(Some(EmbedConfig {
        model_dir,
        runtime_lib,
        threads: settings.threads,
        queue: settings.queue,
        max_batch: settings.max_batch,
        verifier: None,
    }))
}

/// What the cross-encoder is started with, if it is wanted.
fn verifier_config(config: &Config) -> Result<Option<VerifierConfig>, StartError> {
    let settings = &config.verifier;
    if !settings.enabled {
        return Ok(None);
    }
    let model_dir = find_verifier_dir(&settings.model_dir, &model_search_starts())?;
    Ok(Some(VerifierConfig {
        model_dir,
        queue: settings.queue,
    }))
}

/// What the model is started with that the settings name as the next one, without the cross-encoder beside it.
pub(super) fn next_config(config: &Config, first: Option<&EmbedConfig>) -> Option<EmbedConfig> {
    let settings = &config.embedding;
    let folder = &settings.next_model_dir;
    if folder.is_empty() {
        return None;
    }
    let model_dir = PathBuf::from(folder);
    // One library runs them all; it need not lie beside each.
    let runtime_lib = Some(&settings.runtime_lib)
        .filter(|path| !path.is_empty())
        .map(PathBuf::from)
        .or_else(|| embed::runtime_beside(&model_dir))
        .or_else(|| embed::runtime_beside(&first?.model_dir));
    Some(EmbedConfig {
        runtime_lib,
        threads: settings.threads,
        queue: settings.queue,
        max_batch: settings.max_batch,
        verifier: None,
        model_dir,
    })
}

/// Opens the store with `open` and starts the model whose vectors are in it.
pub(super) fn open_with(
    config: &Config,
    open: impl FnOnce(Fingerprints) -> Result<CacheStore, StartError>,
) -> Result<Opened, StartError> {
    let first = embed_config(config);
    let next = match &first {
        Ok(None) => None,
        Ok(Some(first)) => next_config(config, Some(first)),
        Err(_) => next_config(config, None),
    };
    // The cross-encoder reads texts and not vectors: the same one stays beside the next model.
    let next = match next {
        Some(alone) => Some(EmbedConfig {
            verifier: verifier_config(config)?,
            ..alone
        }),
        None => None,
    };
    match (first, next) {
        (Ok(None), _) => open_without(open),
        (Ok(Some(first)), None) => open_with_one(first, open),
        (Ok(Some(first)), Some(next)) => open_with_two(Ok(first), next, open),
        (Err(fault), Some(next)) => open_with_two(Err(fault), next, open),
        (Err(fault), None) => Err(fault),
    }
}

fn open_without(
    open: impl FnOnce(Fingerprints) -> Result<CacheStore, StartError>,
) -> Result<Opened, StartError> {
    let store = open(Fingerprints {
        first: String::new(),
        next: None,
        may_go: Arc::new(|| false),
    })?;
    Ok(Opened {
        store,
        encoder: None,
        next: None,
    })
}

/// The model and the store take about as long to open and do not need each other, unless vectors of another model
/// would go: only for one that works.
fn open_with_one(
    first: EmbedConfig,
    open: impl FnOnce(Fingerprints) -> Result<CacheStore, StartError>,
) -> Result<Opened, StartError> {
    let fingerprint = embed::fingerprint(&first)?;
    let (works, hears) = std::sync::mpsc::channel();
    // Asked again where the disk was too full to open the store at once.
    let (hears, heard) = (Mutex::new(hears), OnceLock::new());
    let may_go: VectorsMayGo =
        Arc::new(move || *heard.get_or_init(|| hears.lock().recv().unwrap_or(false)));
    let (encoder, store) = std::thread::scope(|scope| {
        let loading = scope.spawn(|| {
            let started = Embedder::start(&first);
            // Nobody listens where nothing would go.
            works.send(started.is_ok()).unwrap_or(());
            drop(works);
            started
        });
        let store = open(Fingerprints {
            first: fingerprint,
            next: None,
            may_go,
        });
        (loading.join(), store)
    });
    let encoder = encoder.unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
    Ok(Opened {
        store: store?,
        encoder: Some(encoder),
        next: None,
    })
}

/// Which of two models serves is known once the store is open: after a switch it is the next one, and the first may be
/// gone.
fn open_with_two(
    first: Result<EmbedConfig, StartError>,
    next: EmbedConfig,
    open: impl FnOnce(Fingerprints) -> Result<CacheStore, StartError>,
) -> Result<Opened, StartError> {
    let first = first.and_then(|first| Ok((embed::fingerprint(&first)?, first)));
    let next_print = embed::fingerprint(&next);
    let (ours, first) = match (first, &next_print) {
        (Ok((ours, first)), _) => (ours, Ok(first)),
        (Err(fault), Ok(next)) => (next.clone(), Err(fault)),
        (Err(fault), Err(_)) => return Err(fault),
    };
    let trial = Arc::new(Trial::of(first));
    let asked = trial.clone();
    let store = open(Fingerprints {
        first: ours,
        next: Some(next_print.as_deref().unwrap_or_default().to_owned()),
        may_go: Arc::new(move || asked.works()),
    });
    let store = match (store, next_print) {
        (Err(StartError::Store(StoreError::VectorsKept)), next) => {
            return Err(whose_fault(&trial, next));
        }
        (Ok(store), Ok(next_print)) if store.home() == Space::of(&next_print) => {
            tracing::info!(
                "the model of embedding.next_model_dir is in use: embedding.model_dir may name its folder now"
            );
            let encoder = Some(Embedder::start(&next)?);
            return Ok(Opened {
                store,
                encoder,
                next: None,
            });
        }
        (store, _) => store?,
    };
    Ok(Opened {
        store,
        encoder: Some(trial.outcome()?),
        next: Some(next),
    })
}

/// Vectors of neither model are not dropped while one of the two cannot be used: they may be its.
fn whose_fault(trial: &Trial, next: Result<String, EmbedError>) -> StartError {
    match (next, trial.outcome()) {
        (Err(fault), _) => fault.into(),
        (_, Err(fault)) => fault,
        (Ok(_), Ok(_)) => StoreError::VectorsKept.into(),
    }
}

/// The first of two models, started when it is needed.
struct Trial {
    config: Option<EmbedConfig>,
    works: OnceLock<bool>,
    started: Mutex<Option<Result<Embedder, StartError>>>,
}

impl Trial {
    fn of(config: Result<EmbedConfig, StartError>) -> Self {
        let (config, started) = match config {
            Ok(config) => (Some(config), None),
            Err(fault) => (None, Some(Err(fault))),
        };
        Self {
            config,
            works: OnceLock::new(),
            started: Mutex::new(started),
        }
    }

    /// Whether it works. Asked again where the disk was too full to open the store at once.
    fn works(&self) -> bool {
        *self.works.get_or_init(|| {
            let Some(config) = &self.config else {
                return false;
            };
            let started = Embedder::start(config).map_err(StartError::from);
            let works = started.is_ok();
            *self.started.lock() = Some(started);
            works
        })
    }

    /// The model, or why it does not work; to be taken once.
    fn outcome(&self) -> Result<Embedder, StartError> {
        self.works();
        let started = self.started.lock().take();
        started.unwrap_or_else(|| Err(StoreError::VectorsKept.into()))
    }
}
