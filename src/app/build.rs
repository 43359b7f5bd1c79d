//! Builds every part of the gateway out of its configuration, in the order in
//! which they need each other. What cannot be built stops the start with one line.

use std::sync::Arc;

use secrecy::SecretString;

use crate::cache::invalidation::Marks;
use crate::cache::policy::{Policies, Policy};
use crate::cache::scope::Shared;
use crate::config::{self, Config, OverrideRole};
use crate::evidence::{Evidence, EvidenceConfig};
use crate::gateway::judge::JudgeConfig;
use crate::gateway::{Gateway, GatewayConfig, Parts};
use crate::identity::{Access, KeyFacts, Keyring, Role, bootstrap_key, start_rule};
use crate::ledger::{LiveCatalogue, Prices};
use crate::provider::{WebhookError, Webhooks};
use crate::router::Router;
use crate::server::{self, Door, Drain, Limits};
use crate::store::{Blobs, DataFolder, StateStore, WorkStore};
use crate::telemetry::Recorder;
use crate::work::{Responses, Work, WorkParts};

use super::StartError;
use super::asker_key::asker_key;
use super::data::Data;
use super::default_policy::default_policy;
use super::memory::{Remembering, open_cache};
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
    let prices = Arc::new(prices(config)?);
    let router = build_router(config, &env, prices).map_err(Box::new)?;
    build_around(config, environment, router, |policy| policy)
}

/// The same around another router, and with the default policy as `tuned` makes it.
pub(super) fn build_around(
    config: &Config,
    environment: &Environment,
    router: Router,
    tuned: impl FnOnce(Policy) -> Policy,
) -> Result<Built, StartError> {
    let router = Arc::new(router);
    let prices = router.prices().clone();
    let recorder = Recorder::install()?;
    let metrics = Arc::new(recorder.metrics());
    let bootstrap = bootstrap_key(|name: &str| (environment.0)(name))?;
    let webhooks = webhooks(config, &|name| (environment.0)(name))?;
    let Data {
        state,
        audit,
        keyring,
        registry,
        folder,
    } = Data::open(config.data_dir(), bootstrap.as_ref())?;
    no_namespace_is_a_tenant(config, &keyring)?;
    let access = access(config, &keyring, &state, bootstrap.is_some())?;
    let policies = with_stored(tuned(default_policy(config, &state)), &state)?;
    let marks = Marks::open(state.clone()).map_err(StartError::Invalidation)?;
    let Remembering {
        cache,
        upkeep,
        reembedding,
    } = open_cache(config, &folder, Arc::new(marks), &policies, &metrics)?;
    let kept = evidence_config(config, &folder);
    let evidence = Evidence::open(&kept, &metrics, cache.semantic().reach());
    let gateway = Gateway::new(
        gateway_config(config, asker_key(&state)?),
        Parts {
            cache,
            router,
            keyring,
            policies,
            evidence: Arc::new(evidence),
            prices,
            metrics,
        },
    );
    let gateway = Arc::new(gateway);
    let (responses, work) = open_later(config, &folder, &gateway, webhooks);
    let door = Arc::new(Door {
        gateway,
        registry: Arc::new(registry),
        state,
        audit,
        reembedding,
        upkeep: Arc::new(upkeep),
        responses,
        work,
        recorder,
        drain: Arc::new(Drain::default()),
        limits: limits(config),
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

/// Whether keys are asked for.
fn access(
    config: &Config,
    keyring: &Keyring,
    state: &StateStore,
    bootstrap: bool,
) -> Result<Access, StartError> {
    let facts = KeyFacts {
        any: keyring.any(),
        ever: state.ever_had_keys(),
        bootstrap,
    };
    Ok(start_rule(config.server.bind_is_loopback(), facts)?)
}

/// What is kept of requests for later. Without it requests are answered all the same, but nothing is kept of them.
fn open_later(
    config: &Config,
    folder: &DataFolder,
    gateway: &Arc<Gateway>,
    webhooks: Option<Webhooks>,
) -> (Option<Arc<Responses>>, Option<Arc<Work>>) {
    let store = match WorkStore::open(folder) {
        Ok(store) => Arc::new(store),
        Err(error) => {
            tracing::error!(%error, "no responses, batches and jobs are kept");
            return (None, None);
        }
    };
    let responses = Arc::new(Responses::new(
        store.clone(),
        config.responses.ttl(),
        config.responses.max_bytes,
    ));
    let work = Blobs::open(folder, config.store.min_free_bytes).map_err(|e| e.to_string());
    let work = work.and_then(|blobs| {
        let parts = WorkParts {
            store,
            blobs,
            gateway: gateway.clone(),
            responses: responses.clone(),
            webhooks,
            told: server::told,
        };
        Work::open(parts, config).map_err(|e| e.to_string())
    });
    let work = work.map_err(|error| tracing::error!(%error, "no batches and jobs are kept"));
    (Some(responses), work.ok().map(Arc::new))
}

/// Who tells clients that an answer is there, if a secret is named.
pub(super) fn webhooks(
    config: &Config,
    env: &dyn Fn(&str) -> Option<String>,
) -> Result<Option<Webhooks>, WebhookError> {
    let later = &config.later;
    if later.webhook_secret_env.is_empty() {
        return Ok(None);
    }
    let secret = env(&later.webhook_secret_env).filter(|secret| !secret.trim().is_empty());
    let missing = || WebhookError::NoSecret(later.webhook_secret_env.clone());
    let secret = SecretString::from(secret.ok_or_else(missing)?);
    Webhooks::new(&secret, &later.webhook_allow, later.webhook_timeout()).map(Some)
}

fn limits(config: &Config) -> Limits {
    Limits {
        body_bytes: config.server.body_limit_bytes,
        body_time: config.server.body_timeout(),
        upload_time: config.files.upload_timeout(),
    }
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

fn with_stored(default: Policy, state: &StateStore) -> Result<Arc<Policies>, StartError> {
    Ok(Arc::new(Policies::new(default, stored_policies(state)?)))
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

/// `[[prices]]` over the catalogue, the file of one's own in it.
pub(super) fn prices(config: &Config) -> Result<Prices, StartError> {
    let catalogue = LiveCatalogue::open(config.catalogue.own())?;
    Ok(Prices::new(&config.prices).over(Arc::new(catalogue)))
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
        limits: config.limits.clone(),
        overload: config.overload.clone(),
        renewals: config.cache.renewals,
        may_route: match config.routing.override_role {
            OverrideRole::Nobody => None,
            OverrideRole::App => Some(Role::App),
            OverrideRole::Analyst => Some(Role::Analyst),
            OverrideRole::Admin => Some(Role::Admin),
        },
        serve_at_once: config.embedding.serve_at_once,
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
