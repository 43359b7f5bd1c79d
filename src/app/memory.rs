//! Builds what is remembered: the store, the encoder whose vectors are in it, the cache over both, and the threads that look
//! after it.

use std::sync::Arc;

use super::StartError;
use super::encoder::{Fingerprints, open_with};
use crate::cache::embeddings::Embeddings;
use crate::cache::invalidation::Marks;
use crate::cache::memory::Memory;
use crate::cache::policy::Policies;
use crate::cache::reach::Reach;
use crate::cache::reembed::{ReembedConfig, Reembedding};
use crate::cache::room::Rooms;
use crate::cache::semantic::Semantic;
use crate::cache::upkeep::{self, Removals, Upkeep, UpkeepConfig};
use crate::cache::{Cache, CacheLimits, VerifyLimits};
use crate::config::Config;
use crate::embed::Embedder;
use crate::index::IndexConfig;
use crate::index::snapshot::Origin;
use crate::store::{CacheStore, CacheStoreConfig, DataFolder, Removal, RowLogConfig, Status};
use crate::telemetry::Metrics;

/// The cache with what looks after it.
pub(super) struct Remembering {
    pub(super) cache: Arc<Cache>,
    pub(super) upkeep: Upkeep,
    /// Where a change of the embedding model is under way.
    pub(super) reembedding: Option<Reembedding>,
}

pub(super) fn open_cache(
    config: &Config,
    folder: &DataFolder,
    marks: Arc<Marks>,
    policies: &Arc<Policies>,
    metrics: &Arc<Metrics>,
) -> Result<Remembering, StartError> {
    let (removals, inbox) = upkeep::queue();
    let rooms = Arc::new(Rooms::new(policies.clone(), metrics.clone()));
    let hearers = (removals.clone(), rooms.clone(), metrics.clone());
    let opened = open_with(config, |models| open_store(config, folder, models, hearers))?;
    let dimension = opened.encoder.as_ref().map_or(384, Embedder::dimension);
    let fingerprint = opened.encoder.as_ref().map_or("", Embedder::fingerprint);
    let origin = Origin {
        config: index_config(config, dimension),
        embedding: fingerprint.to_owned(),
    };
    let embeddings = open_embeddings(config, folder, marks.clone());
    let cache = Cache::new(
        Memory::new(Arc::new(opened.store), config.cache.hot_bytes).under(marks),
        Semantic::new(origin, opened.encoder, Arc::new(Reach::default())),
        CacheLimits {
            embed: config.embedding.deadline(),
            search: config.cache.lookup_deadline(),
            candidates: config.index.candidates,
            similar: config.cache.similar_wait(),
            verify: VerifyLimits {
                deadline: config.verifier.deadline(),
                candidates: config.verifier.candidates,
                remembered: config.verifier.remembered_pairs,
            },
        },
        rooms,
        metrics.clone(),
    );
    let cache = Arc::new(cache.with_embeddings(embeddings));
    let upkeep = Upkeep::start(
        cache.clone(),
        UpkeepConfig {
            folder: folder.cache().join("index"),
            snapshot_every: config.index.snapshot_every(),
        },
        &removals,
        inbox,
    )?;
    let reembedding = opened.next.map(|encoder| {
        let config = ReembedConfig {
            encoder,
            index: index_config(config, dimension),
            share: config.embedding.next_share,
        };
        Reembedding::start(cache.clone(), config, metrics.clone())
    });
    Ok(Remembering {
        cache,
        upkeep,
        reembedding: reembedding.transpose()?,
    })
}

/// Without a place on disk vectors are not remembered: requests pass through.
fn open_embeddings(config: &Config, folder: &DataFolder, marks: Arc<Marks>) -> Option<Embeddings> {
    let place = folder.cache().join("embeddings");
    let bytes = config.cache.embeddings_bytes;
    if bytes == 0 {
        // Nothing would ever take out what an earlier run left there.
        drop(std::fs::remove_dir_all(place));
        return None;
    }
    let rows = RowLogConfig {
        folder: place,
        bytes,
        min_free_bytes: config.store.min_free_bytes,
    };
    let opened = Embeddings::open(rows, marks);
    let told = opened.map_err(|cause| tracing::error!(%cause, "no vectors are remembered"));
    told.ok()
}

type Hearers = (Removals, Arc<Rooms>, Arc<Metrics>);

fn open_store(
    config: &Config,
    folder: &DataFolder,
    models: Fingerprints,
    (removals, rooms, metrics): Hearers,
) -> Result<CacheStore, StartError> {
    let settings = &config.store;
    let late = removals.clone();
    let on_removed = move |gone: &[(u64, Removal)]| {
        rooms.removed(gone.iter().map(|(id, _)| *id));
        for (id, why) in gone {
            removals.removed(*id);
            if *why == Removal::Evicted {
                metrics.evictions.increment(1);
            }
        }
    };
    let (store, report) = CacheStore::open(
        folder,
        CacheStoreConfig {
            cache_capacity_bytes: settings.page_cache_bytes,
            flush_every_ms: Some(settings.flush_every_ms).filter(|ms| *ms > 0),
            compress_min_bytes: settings.compress_min_bytes,
            queue: settings.queue,
            max_entry_bytes: config.cache.max_entry_bytes,
            capacity_bytes: settings.capacity_bytes,
            embedding_fingerprint: models.first,
            next_fingerprint: models.next,
            vectors_may_go: Some(models.may_go),
            min_free_bytes: settings.min_free_bytes,
            on_removed: Some(Arc::new(on_removed)),
            on_read: Some(Arc::new(move || late.read())),
            ..CacheStoreConfig::default()
        },
    )?;
    if let (false, Status::Degraded(why)) = (store.is_read(), store.status()) {
        tracing::error!(
            why,
            "requests pass through: what is remembered is not read, and nothing is added to it, until there is space"
        );
    }
    if let Some(path) = &report.quarantined {
        tracing::error!(path = %path.display(), "the cache could not be read: it was put aside and starts empty");
    }
    if report.dropped_schema {
        tracing::warn!("the cache had an older schema: it was emptied");
    }
    if report.dropped_vectors {
        tracing::warn!(
            "the embedding model has changed: stored answers are matched word for word only"
        );
    }
    if report.repaired || report.bad_blocks > 0 {
        tracing::warn!(bad_blocks = report.bad_blocks, "the cache was repaired");
    }
    Ok(store)
}

fn index_config(config: &Config, dimension: usize) -> IndexConfig {
    let settings = &config.index;
    #[allow(clippy::cast_possible_truncation, reason = "a share")]
    let dead_limit = settings.dead_limit as f32;
    IndexConfig {
        dimension,
        flat_max: settings.flat_max,
        m: settings.m,
        ef_construction: settings.ef_construction,
        ef_search: settings.ef_search,
        dead_limit,
        ..IndexConfig::default()
    }
}
