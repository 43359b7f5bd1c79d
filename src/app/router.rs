//! The router out of the configuration: providers with their keys, and routes.

use std::sync::Arc;

use super::error::{Lines, StartError};
use crate::config::{Config, ProviderKind, ResolvedProvider};
use crate::provider::{Deadlines, Demo, OpenAi, Provider, ProviderError};
use crate::router::{Retry, Route, Router, RouterConfig};

/// Builds the router; keys are taken from the environment.
pub(super) fn build_router(
    config: &Config,
    env: &impl Fn(&str) -> Option<String>,
) -> Result<Router, StartError> {
    let (mut providers, mut faults) = (Vec::new(), Vec::new());
    for resolved in config.providers_or_default(env)? {
        let patterns = resolved
            .models
            .iter()
            .map(|p| p.as_str().to_owned())
            .collect();
        match provider(resolved, config) {
            Ok(provider) => providers.push((provider, patterns)),
            Err(fault) => faults.push(fault),
        }
    }
    if !faults.is_empty() {
        return Err(Lines(faults).into());
    }
    let routes = config.routes.iter().map(|route| Route {
        model: route.model.as_str().to_owned(),
        candidates: route
            .candidates
            .iter()
            .map(|c| (c.provider.clone(), c.model.clone()))
            .collect(),
        store_fallback: route.store_fallback,
    });
    let router = Router::new(RouterConfig {
        providers,
        routes: routes.collect(),
        retry: Retry {
            max_attempts: config.retry.max_attempts,
            base: config.retry.base(),
            max: config.retry.max(),
        },
        deadlines: Deadlines {
            first_byte: config.deadlines.first_byte(),
            idle: config.deadlines.idle(),
            total: config.deadlines.total(),
        },
    });
    Ok(router.map_err(Lines)?)
}

fn provider(
    resolved: ResolvedProvider,
    config: &Config,
) -> Result<Arc<dyn Provider>, ProviderError> {
    Ok(match resolved.kind {
        ProviderKind::Demo => Arc::new(Demo),
        ProviderKind::Openai => Arc::new(OpenAi::new(
            resolved.name,
            &resolved.base_url,
            resolved.key,
            config.deadlines.connect(),
        )?),
    })
}
