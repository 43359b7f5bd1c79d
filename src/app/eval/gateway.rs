//! The gateway that is measured: in a folder that goes with it, with a stand-in for the provider.

use std::collections::HashMap;
use std::sync::Arc;

use super::EvalError;
use crate::app::build::build_around;
use crate::app::router::stand_in;
use crate::app::{Environment, StartError};
use crate::cache::freshness::times::TtlClasses;
use crate::cache::policy::Policy;
use crate::config::{self, Config};
use crate::eval::Trial;
use crate::ledger::Prices;
use crate::provider::Demo;

/// A gateway in a folder that goes with it. With `answers` of its own to some questions the stand-in's answers are
/// judged, all of them.
pub(super) fn trial(
    mut config: Config,
    policy: Option<Policy>,
    answers: Option<HashMap<String, String>>,
    wrong: bool,
) -> Result<Trial, EvalError> {
    let scratch = tempfile::Builder::new().prefix("reprise-eval-").tempdir()?;
    config.data.dir = scratch.path().display().to_string();
    // It lives for this run alone: nothing needs to survive it, and no deadline is worth a wrong figure.
    config.store.flush_every_ms = 0;
    config.embedding.deadline_ms = PATIENCE_MS;
    config.verifier.deadline_ms = PATIENCE_MS;
    // The folder is empty: a change of model would be over at once.
    config.embedding.next_model_dir.clear();
    config.cache.lookup_deadline_ms = PATIENCE_MS;
    config.cache.keep_text = true;
    // What is measured is the decision, not what it learns from the stand-in's answers, unless that is.
    let near_misses = f64::from(u8::from(answers.is_some()));
    config.judge = config::Judge {
        hits: 0.0,
        near_misses,
        model: String::new(),
        max_usd_per_day: 0.0,
        at_once: MOST_JUDGED,
    };
    if answers.is_some() {
        (config.cache.decisions, config.cache.labels) = (MOST_KEPT, MOST_KEPT);
    }
    config.namespaces.clear();
    config.routes.clear();
    config.limits.clear();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    config.embedding.threads = config.embedding.threads.max(cores);
    // Answers everything at once, and its answers are remembered like a real provider's.
    let router = stand_in(
        &config,
        Arc::new(Demo::answering(answers.unwrap_or_default())),
        Arc::new(Prices::new(&config.prices)),
    );
    let router = router.map_err(|faults| StartError::from(Box::new(faults)))?;
    let nobody = Environment(Box::new(|_| None));
    let built = build_around(&config, &nobody, router, |default| {
        let policy = policy.unwrap_or(default);
        // How long an answer lasts is not what is measured.
        let ttl_classes = TtlClasses::all_as(policy.ttl_s);
        Policy {
            ttl_classes,
            ..policy
        }
    })?;
    let gateway = built.door.gateway.clone();
    let trial = Trial::new(gateway, cores, Box::new((built, scratch)));
    Ok(trial.telling_wrong(wrong))
}

/// Checks at a time, so that none finds no room.
const MOST_JUDGED: usize = 1 << 16;
/// Decisions and labels that are kept, so that none goes.
const MOST_KEPT: usize = 1_000_000;

/// Longest time for a vector or a search, in milliseconds.
const PATIENCE_MS: u64 = 60_000;
