//! Builds every part of the gateway out of its configuration, in the order in
//! which they need each other. What cannot be built stops the start with one line.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use crate::cache::invalidation::Marks;
use crate::cache::memory::Memory;
use crate::cache::policy::{Policies, Policy};
use crate::cache::scope::Shared;
use crate::cache::semantic::Semantic;
use crate::cache::upkeep::{self, Removals, Upkeep, UpkeepConfig};
use crate::cache::{Cache, CacheLimits};
use crate::config::{self, Config, find_model_dir, model_search_starts};
use crate::embed::{self, EmbedConfig, Embedder};
use crate::evidence::{Evidence, EvidenceConfig};
use crate::gateway::judge::JudgeConfig;
use crate::gateway::{Gateway, GatewayConfig, Parts};
use crate::identity::{Access, KeyFacts, Keyring, bootstrap_key, start_rule};
use crate::index::IndexConfig;
use crate::index::snapshot::Origin;
use crate::ledger::Prices;
use crate::router::Router;
use crate::server::{Door, Drain, Limits};
use crate::store::{
    CacheStore, CacheStoreConfig, DataFolder, Removal, StateStore, Status, VectorsMayGo,
};
use crate::telemetry::{Metrics, Recorder};

use super::StartError;
use super::asker_key::asker_key;
use super::data::Data;
use super::default_policy::default_policy;
use super::router::build_router;

type LookUp = dyn Fn(&str) -> Option<String> + Send + Sync;

/// Looks up an environment variable.
pub struct Environment(pub Box<LookUp>);

impl Environment {
    /// The process's own.
    #[must_use]
    pub fn process() -> Self {
        Self(Box::new(|name| std::env::var(name).ok()))
    }
}

/// A gateway that is ready to serve. Dropping it closes everything, which blocks.
pub struct Built {
    /// What handlers need.
    pub door: Arc<Door>,
    /// Held for as long as the folder is in use.
    _folder: DataFolder,
}

/// Builds everything but the sockets.
///
/// # Errors
/// The first thing that cannot be built.
pub fn build(config: &Config, environment: &Environment) -> Result<Built, StartError> {
    let env = |name: &str| (environment.0)(name);
    let router = build_router(config, &env).map_err(Box::new)?;
    build_around(config, environment, router, |policy| policy)
}

/// The same around another router, and with the default policy as `tuned` makes it.
pub(super) fn build_around(
    config: &Config,
    environment: &Environment,
    router: Router,
    tuned: impl FnOnce(Policy) -> Policy,
) -> Result<Built, StartError> {
    let recorder = Recorder::install()?;
    let metrics = Arc::new(recorder.metrics());
    let bootstrap = bootstrap_key(|name: &str| (environment.0)(name))?;
    let Data {
        state,
        audit,
        keyring,
        registry,
        folder,
    } = Data::open(config.data_dir(), bootstrap.as_ref())?;
    no_namespace_is_a_tenant(config, &keyring)?;
    let access = start_rule(
        config.server.bind_is_loopback(),
        KeyFacts {
            any: keyring.any(),
            ever: state.ever_had_keys(),
            bootstrap: bootstrap.is_some(),
        },
    )?;
    let policies = Arc::new(Policies::new(
        tuned(default_policy(config, &state)),
        stored_policies(&state)?,
    ));
    let marks = Marks::open(state.clone()).map_err(StartError::Invalidation)?;
    let (cache, upkeep) = open_cache(config, &folder, Arc::new(marks), &metrics)?;
    let kept = evidence_config(config, &folder);
    let evidence = Evidence::open(&kept, &metrics, cache.semantic().reach());
    let gateway = Gateway::new(
        gateway_config(config, asker_key(&state)?),
        Parts {
            cache,
            router: Arc::new(router),
            keyring,
            policies,
            evidence: Arc::new(evidence),
            prices: Arc::new(Prices::new(&config.prices)),
            metrics,
        },
    );
    let door = Arc::new(Door {
        gateway: Arc::new(gateway),
        registry: Arc::new(registry),
        state,
        audit,
        upkeep: Arc::new(upkeep),
        recorder,
        drain: Arc::new(Drain::default()),
        limits: Limits {
            body_bytes: config.server.body_limit_bytes,
            body_time: config.server.body_timeout(),
        },
        open: access == Access::Open,
        changes: parking_lot::Mutex::default(),
        metrics_here: config.server.metrics_addr().is_none(),
    });
    door.resume();
    Ok(Built {
        door,
        _folder: folder,
    })
}

/// A tenant's name in the header means its own memory first: a shared namespace of that name
/// would be closed to that tenant and open to all others.
fn no_namespace_is_a_tenant(config: &Config, keyring: &Keyring) -> Result<(), StartError> {
    let mut names = config.namespaces.iter().map(|n| &n.name);
    match names.find(|name| keyring.knows_tenant(name)) {
        Some(name) => Err(StartError::NamespaceIsTenant(name.clone())),
        None => Ok(()),
    }
}

fn stored_policies(state: &StateStore) -> Result<Vec<Policy>, StartError> {
    state
        .all("policies")
        .into_iter()
        .map(|(name, row)| serde_json::from_value(row).map_err(|_| StartError::Policy(name)))
        .collect()
}

fn evidence_config(config: &Config, folder: &DataFolder) -> EvidenceConfig {
    EvidenceConfig {
        folder: Some(folder.evidence()),
        decisions: config.cache.decisions,
        labels: config.cache.labels,
    }
}

fn gateway_config(config: &Config, asker_key: [u8; 32]) -> GatewayConfig {
    GatewayConfig {
        asker_key,
        cache: config.cache.enabled,
        ineligible: config.cache.ineligible,
        shared: config
            .namespaces
            .iter()
            .map(|n| Shared {
                name: n.name.clone(),
                read: n.read.clone(),
                write: n.write.clone(),
            })
            .collect(),
        flight_wait: config.cache.flight_wait(),
        judge: judge_config(&config.judge),
        renewals: config.cache.renewals,
        max_entry_bytes: config.cache.max_entry_bytes,
    }
}

fn judge_config(judge: &config::Judge) -> JudgeConfig {
    #[allow(clippy::cast_possible_truncation, reason = "shares")]
    let share = |share: f64| share as f32;
    JudgeConfig {
        hits: share(judge.hits),
        near_misses: share(judge.near_misses),
        model: Some(judge.model.clone()).filter(|model| !model.is_empty()),
        max_usd_per_day: judge.max_usd_per_day,
        at_once: judge.at_once,
    }
}

/// What the encoder is started with; none where meaning is not compared.
pub(super) fn embed_config(config: &Config) -> Result<Option<EmbedConfig>, StartError> {
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
    }))
}

fn open_cache(
    config: &Config,
    folder: &DataFolder,
    marks: Arc<Marks>,
    metrics: &Arc<Metrics>,
) -> Result<(Arc<Cache>, Upkeep), StartError> {
    let encoder = embed_config(config)?;
    let fingerprint = match &encoder {
        Some(encoder) => embed::fingerprint(encoder)?,
        None => String::new(),
    };
    let (removals, inbox) = upkeep::queue();
    let hearers = (removals.clone(), metrics.clone());
    // The model and the store take about as long to open and do not need each other, unless vectors
    // of another model would go: only for one that works.
    let (works, hears) = std::sync::mpsc::channel();
    // Asked again where the disk was too full to open the store at once.
    let (hears, heard) = (parking_lot::Mutex::new(hears), OnceLock::new());
    let may_go: VectorsMayGo =
        Arc::new(move || *heard.get_or_init(|| hears.lock().recv().unwrap_or(false)));
    let (embedder, store) = std::thread::scope(|scope| {
        let loading = scope.spawn(|| {
            let started = encoder.as_ref().map(Embedder::start).transpose();
            // Nobody listens where nothing would go.
            works.send(started.is_ok()).unwrap_or(());
            drop(works);
            started
        });
        let store = open_store(config, folder, (&fingerprint, may_go), hearers);
        (loading.join(), store)
    });
    let embedder = embedder.unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
    let store = store?;
    let index = index_config(config, embedder.as_ref().map_or(384, Embedder::dimension));
    let origin = Origin {
        config: index.clone(),
        embedding: fingerprint,
    };
    let cache = Arc::new(Cache::new(
        Memory::new(Arc::new(store), config.cache.hot_bytes).under(marks),
        Semantic::new(index),
        embedder,
        CacheLimits {
            embed: config.embedding.deadline(),
            search: config.cache.lookup_deadline(),
            candidates: config.index.candidates,
            similar: config.cache.similar_wait(),
        },
        metrics.clone(),
    ));
    let upkeep = Upkeep::start(
        cache.clone(),
        UpkeepConfig {
            folder: folder.cache().join("index"),
            origin,
            snapshot_every: config.index.snapshot_every(),
        },
        &removals,
        inbox,
    )?;
    Ok((cache, upkeep))
}

type Hearers = (Removals, Arc<Metrics>);

fn open_store(
    config: &Config,
    folder: &DataFolder,
    (fingerprint, vectors_may_go): (&str, VectorsMayGo),
    (removals, metrics): Hearers,
) -> Result<CacheStore, StartError> {
    let settings = &config.store;
    let late = removals.clone();
    let on_removed = move |gone: &[(u64, Removal)]| {
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
            embedding_fingerprint: fingerprint.to_owned(),
            vectors_may_go: Some(vectors_may_go),
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
