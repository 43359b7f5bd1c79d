//! The router out of the configuration: providers with their keys, and routes.

use std::sync::Arc;

use super::error::{Lines, StartError};
use crate::config::{Config, ProviderKind, ResolvedProvider};
use crate::provider::{Deadlines, Demo, KeyHeader, Provider, ProviderError, Setup, openai};
use crate::router::{Keeping, Retry, Route, Router, RouterConfig};

/// A provider and the patterns of the models that it answers.
type Claiming = (Arc<dyn Provider>, Vec<String>);

/// Builds the router; keys are taken from the environment.
pub(super) fn build_router(
    config: &Config,
    env: &impl Fn(&str) -> Option<String>,
) -> Result<Router, Lines<StartError>> {
    let providers = build_providers(config, env, |_| true)?;
    router_of(config, providers)
}

/// The same with one provider for every model, in place of those that are configured.
pub(super) fn stand_in(
    config: &Config,
    provider: Arc<dyn Provider>,
) -> Result<Router, Lines<StartError>> {
    router_of(config, vec![(provider, vec!["*".to_owned()])])
}

fn router_of(config: &Config, providers: Vec<Claiming>) -> Result<Router, Lines<StartError>> {
    let routes = config.routes.iter().map(|route| Route {
        model: route.model.as_str().to_owned(),
        candidates: route
            .candidates
            .iter()
            .map(|c| (c.provider.clone(), c.model.clone()))
            .collect(),
        keeping: Keeping {
            fallback: route.store_fallback,
            tool_calls: route.store_tool_calls,
            personal: route.store_personal,
            ttl_class: route.ttl_class,
        },
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
    router.map_err(|faults| Lines(vec![Lines(faults).into()]))
}

/// Each provider with the models it answers; `knows` is that of `Config::resolve_providers`.
pub(super) fn build_providers(
    config: &Config,
    env: &impl Fn(&str) -> Option<String>,
    knows: impl Fn(&str) -> bool,
) -> Result<Vec<Claiming>, Lines<StartError>> {
    let (resolved, unresolved) = config.resolve_providers(env, knows);
    let (mut providers, mut unfit) = (Vec::new(), Vec::new());
    for resolved in resolved {
        let patterns = resolved.models.iter().map(|p| p.as_str().to_owned());
        let patterns = patterns.collect();
        match provider(resolved, config) {
            Ok(provider) => providers.push((provider, patterns)),
            Err(fault) => unfit.push(fault),
        }
    }
    let mut faults = Vec::new();
    if !unresolved.0.is_empty() {
        faults.push(StartError::from(unresolved));
    }
    if !unfit.is_empty() {
        faults.push(Lines(unfit).into());
    }
    if faults.is_empty() {
        Ok(providers)
    } else {
        Err(Lines(faults))
    }
}

fn provider(
    resolved: ResolvedProvider,
    config: &Config,
) -> Result<Arc<dyn Provider>, ProviderError> {
    Ok(match resolved.kind {
        ProviderKind::Demo => Arc::new(Demo::default()),
        ProviderKind::Openai => Arc::new(openai(Setup {
            name: resolved.name,
            base_url: resolved.base_url,
            key: resolved.key,
            key_header: KeyHeader::Bearer,
            connect: config.deadlines.connect(),
        })?),
    })
}
