//! The router out of the configuration: providers with their keys, and routes.

use std::sync::Arc;

use super::error::{Lines, StartError};
use crate::config::{Config, ProviderKind, ResolvedProvider, StreamUsage};
use crate::dialect::chat::Taste;
use crate::provider::aws::Access;
use crate::provider::{
    Deadlines, Demo, Provider, ProviderError, Setup, anthropic, bedrock, cohere, gemini, openai,
};
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
    let routes = config.flat_routes().into_iter().map(|route| Route {
        model: route.model.as_str().to_owned(),
        candidates: route
            .candidates
            .into_iter()
            .map(|c| (c.provider.unwrap_or_default(), c.model))
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
        match provider(resolved, config, env) {
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
    env: &impl Fn(&str) -> Option<String>,
) -> Result<Arc<dyn Provider>, ProviderError> {
    let taste = taste(&resolved);
    let setup = Setup {
        key_header: resolved.key_header(),
        query: resolved
            .preset
            .map_or_else(Vec::new, |p| p.query.clone().into_iter().collect()),
        name: resolved.name,
        base_url: resolved.base_url,
        key: resolved.key,
        connect: config.deadlines.connect(),
    };
    Ok(match resolved.kind {
        ProviderKind::Demo => Arc::new(Demo::default()),
        ProviderKind::Openai => Arc::new(openai(setup, taste)?),
        ProviderKind::Anthropic => Arc::new(anthropic(setup)?),
        ProviderKind::Gemini => Arc::new(gemini(setup)?),
        ProviderKind::Cohere => Arc::new(cohere(setup)?),
        ProviderKind::Bedrock => {
            let access = match &setup.key {
                Some(key) => Some(Access::Bearer(key.clone())),
                None => Access::from_env(env),
            };
            let region = region(&setup.base_url).or_else(|| env("AWS_REGION"));
            let region = region
                .or_else(|| env("AWS_DEFAULT_REGION"))
                .unwrap_or_default();
            Arc::new(bedrock(setup, region, access)?)
        }
    })
}

/// What is known of how a server differs from OpenAI's own.
fn taste(resolved: &ResolvedProvider) -> Taste {
    let Some(preset) = resolved.preset else {
        return Taste::default();
    };
    Taste {
        asks_usage: preset.stream_usage == StreamUsage::Asked,
        extra: preset.extra.clone(),
        newer_length: preset.catalogue.as_deref() == Some("openai"),
    }
}

/// The region in `https://bedrock-runtime.REGION.amazonaws.com`.
fn region(base_url: &str) -> Option<String> {
    let host = base_url.split_once("://")?.1;
    let region = host.strip_prefix("bedrock-runtime.")?.split('.').next()?;
    Some(region.to_owned())
}
