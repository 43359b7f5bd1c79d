//! `reprise check`: every step of a start that needs no data folder and no socket, taken whatever
//! the others found. Also what a start says that failed at one of them.

use std::path::Path;
use std::sync::Arc;

use super::Environment;
use super::build::webhooks;
use super::encoder::{embed_config, encoder_config, next_config};
use super::error::{Lines, StartError};
use super::router::{build_providers, build_router};
use crate::config::{Config, Reading};
use crate::embed::{self, EmbedError};
use crate::identity::bootstrap_key;
use crate::ledger::LiveCatalogue;
use crate::ledger::Prices;
use crate::telemetry;

/// What decides whether there is an encoder at all.
const SWITCHES: [&str; 3] = ["cache.enabled", "cache.semantic", "embedding.enabled"];

/// Checks what a start would read: the configuration, the admin key, the log's filter, the providers
/// with their keys and routes, the catalogue's own file, the encoder's files and its runtime. Whatever
/// is at fault, what does not rest on it is looked at. So is the encoder that is to come next, without
/// which a start goes on. Gives the names of the providers.
///
/// # Errors
/// All that is wrong.
pub fn check(
    reading: &Reading,
    environment: &Environment,
) -> Result<Vec<String>, Lines<StartError>> {
    let next = reading.settings().map_or_else(Vec::new, next_faults);
    match check_start(reading, environment) {
        Ok(names) if next.is_empty() => Ok(names),
        Ok(_) => Err(Lines(next)),
        Err(Lines(mut faults)) => {
            faults.extend(next);
            Err(Lines(faults))
        }
    }
}

/// The same without what a start goes on without.
fn check_start(
    reading: &Reading,
    environment: &Environment,
) -> Result<Vec<String>, Lines<StartError>> {
    let env = |name: &str| (environment.0)(name);
    let mut faults = Vec::new();
    let sound = note(&mut faults, reading.checked());
    note(&mut faults, bootstrap_key(env));
    let Some(settings) = reading.settings() else {
        return Err(Lines(faults));
    };
    if reading.knows("log.filter") {
        note(&mut faults, telemetry::check_log(&settings.log));
    }
    if reading.knows("catalogue.file") {
        note(&mut faults, LiveCatalogue::open(settings.catalogue.own()));
    }
    if reading.knows("async") {
        note(&mut faults, webhooks(settings, &env));
    }
    // Routes rest on the whole of the providers.
    let names = match sound {
        Some(config) => build_router(config, &env, Arc::new(Prices::new(&config.prices)))
            .map(|router| router.provider_names().map(str::to_owned).collect()),
        None => build_providers(settings, &env, |path| reading.knows(path)).map(|_| Vec::new()),
    };
    let names = names.unwrap_or_else(|Lines(unfit)| {
        faults.extend(unfit);
        Vec::new()
    });
    faults.extend(encoder_faults(reading, settings, environment));
    if faults.is_empty() {
        Ok(names)
    } else {
        Err(Lines(faults))
    }
}

/// The lines of a start that ended with `first`: with it comes all else that would have ended it.
#[must_use]
pub fn refusal(first: &StartError, reading: &Reading, environment: &Environment) -> Lines<String> {
    let mut lines: Vec<String> = first.to_string().lines().map(str::to_owned).collect();
    if let Err(all) = check_start(reading, environment) {
        let all = all.to_string();
        let others = all.lines().filter(|line| !lines.iter().any(|l| l == line));
        let others: Vec<_> = others.map(str::to_owned).collect();
        lines.extend(others);
    }
    Lines(lines)
}

/// What is wrong with the encoder that is to take the place of the one in use.
fn next_faults(settings: &Config) -> Vec<StartError> {
    // The verifier is the same beside both, and is told of with the first.
    let next = match encoder_config(settings) {
        Ok(None) => None,
        Ok(Some(first)) => next_config(settings, Some(&first)),
        Err(_) => next_config(settings, None),
    };
    let faults = next.map_or_else(Vec::new, |next| embed::faults(&next));
    let next = |fault| StartError::Next(Box::new(StartError::Embed(fault)));
    faults.into_iter().map(next).collect()
}

/// What is wrong with the encoder, as far as it is known which one is meant.
fn encoder_faults(
    reading: &Reading,
    settings: &Config,
    environment: &Environment,
) -> Vec<StartError> {
    let unsure = SWITCHES.iter().any(|path| reading.faulty(path));
    let model = match embed_config(settings) {
        Ok(None) => return Vec::new(),
        _ if unsure => return Vec::new(),
        _ if !reading.knows("embedding.model_dir") => None,
        found => Some(found),
    };
    let named = (environment.0)("ORT_DYLIB_PATH").is_some_and(|path| !path.is_empty());
    let runtime_known = named || reading.knows("embedding.runtime_lib");
    let of_runtime =
        |e: &EmbedError| matches!(e, EmbedError::NoRuntime(_) | EmbedError::BadRuntime { .. });
    let mut faults = Vec::new();
    let found = match model {
        Some(Ok(Some(encoder))) => embed::faults(&encoder),
        unknown => {
            // Without a model there is no folder to look for the runtime in: only one with a name counts.
            faults.extend(unknown.and_then(Result::err));
            let lib = Some(settings.embedding.runtime_lib.as_str()).filter(|lib| !lib.is_empty());
            embed::runtime_fault(lib.map(Path::new))
                .into_iter()
                .collect()
        }
    };
    let told = found
        .into_iter()
        .filter(|e| runtime_known || !of_runtime(e));
    faults.extend(told.map(StartError::from));
    faults
}

/// What came of a step, its fault kept.
fn note<T, E: Into<StartError>>(faults: &mut Vec<StartError>, step: Result<T, E>) -> Option<T> {
    step.map_err(|fault| faults.push(fault.into())).ok()
}
