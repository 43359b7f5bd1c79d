//! `reprise check`: every step of a start that needs no data folder and no socket, taken whatever
//! the others found.

use super::Environment;
use super::build::embed_config;
use super::error::{Lines, StartError};
use super::router::build_router;
use crate::config::{Config, Faults};
use crate::identity::bootstrap_key;
use crate::{embed, telemetry};

/// Checks what a start would read: the configuration, and then, as that says, the log's filter,
/// the admin key, the providers with their keys and routes, the encoder's files and its runtime.
/// Gives the names of the providers.
///
/// # Errors
/// All that is wrong.
pub fn check(
    config: Result<Config, Faults>,
    environment: &Environment,
) -> Result<Vec<String>, Lines<StartError>> {
    let env = |name: &str| (environment.0)(name);
    let mut faults = Vec::new();
    // It stands in the environment alone: looked at even if the configuration cannot be read.
    note(&mut faults, bootstrap_key(env));
    let Some(config) = note(&mut faults, config) else {
        return Err(Lines(faults));
    };
    note(&mut faults, telemetry::check_log(&config.log));
    let router = note(&mut faults, build_router(&config, &env));
    if let Some(Some(encoder)) = note(&mut faults, embed_config(&config)) {
        faults.extend(embed::faults(&encoder).into_iter().map(StartError::from));
    }
    match router {
        Some(router) if faults.is_empty() => {
            Ok(router.provider_names().map(str::to_owned).collect())
        }
        _ => Err(Lines(faults)),
    }
}

/// What came of a step, its fault kept.
fn note<T, E: Into<StartError>>(faults: &mut Vec<StartError>, step: Result<T, E>) -> Option<T> {
    step.map_err(|fault| faults.push(fault.into())).ok()
}
