//! The router out of the configuration: providers with their keys, and routes.

use std::sync::Arc;

use super::error::{Lines, StartError};
use crate::chat::Accent;
use crate::config::{self, Config, Endpoint, Place, ProviderKind, ResolvedProvider, StreamUsage};
use crate::dialect::chat::Taste;
use crate::ledger::Prices;
use crate::provider::aws::Access;
use crate::provider::{
    BadOutbound, Deadlines, Demo, Outbound, Provider, ProviderError, Setup, anthropic, bedrock,
    cohere, gemini, openai,
};
use crate::router::breaker::Rules;
use crate::router::budget::Allowance;
use crate::router::outbound::Limits;
use crate::router::tree::Tree;
use crate::router::{Claim, Keeping, Retry, Route, Router, RouterConfig, Side};

/// Builds the router; keys are taken from the environment.
pub(super) fn build_router(
    config: &Config,
    env: &impl Fn(&str) -> Option<String>,
    prices: Arc<Prices>,
) -> Result<Router, Lines<StartError>> {
    let claims = build_providers(config, env, |_| true)?;
    router_of(config, claims, prices)
}

/// The same with one provider for every model, in place of those that are configured.
pub(super) fn stand_in(
    config: &Config,
    provider: Arc<dyn Provider>,
    prices: Arc<Prices>,
) -> Result<Router, Lines<StartError>> {
    router_of(
        config,
        vec![Claim::new(provider, vec!["*".to_owned()])],
        prices,
    )
}

fn router_of(
    config: &Config,
    claims: Vec<Claim>,
    prices: Arc<Prices>,
) -> Result<Router, Lines<StartError>> {
    let groups = config.groups.as_slice();
    let side = |share: &Option<config::Share>| {
        let share = share.as_ref()?;
        Some(Side {
            tree: Tree::new([share.place()], groups),
            share: share.share,
        })
    };
    let routes = config.routes.iter().map(|route| Route {
        model: route.model.as_str().to_owned(),
        tree: Tree::new(
            route.candidates.iter().map(config::Candidate::place),
            groups,
        ),
        canary: side(&route.canary),
        shadow: side(&route.shadow),
        keeping: Keeping {
            fallback: route.store_fallback,
            tool_calls: route.store_tool_calls,
            personal: route.store_personal,
            ttl_class: route.ttl_class,
        },
    });
    let named = groups.iter().map(|group| {
        let place = Place::Group(&group.name);
        (group.name.clone(), Tree::new([place], groups))
    });
    let router = Router::new(RouterConfig {
        claims,
        routes: routes.collect(),
        groups: named.collect(),
        retry: retry(&config.retry),
        deadlines: Deadlines {
            first_byte: config.deadlines.first_byte(),
            idle: config.deadlines.idle(),
            total: config.deadlines.total(),
        },
        breaker: breaker(config),
        probe_every: config.breaker.probe_every(),
        latency_decay: config.routing.latency_decay(),
        prices,
    });
    router.map_err(|faults| Lines(vec![Lines(faults).into()]))
}

fn retry(retry: &config::Retry) -> Retry {
    Retry {
        max_attempts: retry.max_attempts,
        base: retry.base(),
        max: retry.max(),
        allowance: Allowance {
            share: retry.budget_share,
            per_second: retry.budget_per_s,
        },
        queue: retry.queue(),
        hedge_after: retry.hedge_after(),
    }
}

fn breaker(config: &Config) -> Rules {
    let breaker = &config.breaker;
    Rules {
        consecutive_failures: breaker.consecutive_failures,
        error_rate: breaker.error_rate,
        min_requests: breaker.min_requests,
        window: breaker.window(),
        cool_down: breaker.cool_down(),
        max_cool_down: breaker.max_cool_down(),
        probe_timeout: config.deadlines.first_byte(),
    }
}

/// Each provider with the models it answers; `knows` is that of `Config::resolve_providers`.
pub(super) fn build_providers(
    config: &Config,
    env: &impl Fn(&str) -> Option<String>,
    knows: impl Fn(&str) -> bool,
) -> Result<Vec<Claim>, Lines<StartError>> {
    let (resolved, unresolved) = config.resolve_providers(env, knows);
    let outbound = outbound(config).map_err(|fault| Lines(vec![fault]))?;
    let (mut providers, mut unfit) = (Vec::new(), Vec::new());
    for resolved in resolved {
        let patterns = resolved.models.iter().map(|p| p.as_str().to_owned());
        let patterns = patterns.collect();
        let family = resolved.family().map(str::to_owned);
        let limits = limits(config, &resolved.name);
        match provider(resolved, config, &outbound, env) {
            Ok(provider) => providers.push(Claim {
                provider,
                patterns,
                family,
                limits,
            }),
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

/// The way to all providers.
fn outbound(config: &Config) -> Result<Outbound, StartError> {
    let settings = &config.outbound;
    let bad =
        |setting: &'static str| move |fault: BadOutbound| StartError::Outbound(setting, fault);
    let outbound = Outbound::default()
        .through(&settings.proxy)
        .map_err(bad("outbound.proxy"))?;
    if settings.ca_file.is_empty() {
        return Ok(outbound);
    }
    let pem = std::fs::read(&settings.ca_file).map_err(StartError::CaFile)?;
    outbound.trusting(&pem).map_err(bad("outbound.ca_file"))
}

/// What may be sent to a provider at a time, as far as the settings say.
fn limits(config: &Config, name: &str) -> Limits {
    let written = config.providers.iter().find(|p| p.name == name);
    written.map_or_else(Limits::default, |written| Limits {
        at_once: written.max_concurrency,
        requests_per_minute: written.requests_per_minute,
        tokens_per_minute: written.tokens_per_minute,
    })
}

fn provider(
    resolved: ResolvedProvider,
    config: &Config,
    outbound: &Outbound,
    env: &impl Fn(&str) -> Option<String>,
) -> Result<Arc<dyn Provider>, ProviderError> {
    let (taste, accent) = (taste(&resolved), accent(&resolved));
    let setup = Setup {
        key_header: resolved.key_header(),
        query: resolved
            .preset
            .map_or_else(Vec::new, |p| p.query.clone().into_iter().collect()),
        name: resolved.name,
        base_url: resolved.base_url,
        key: resolved.key,
        outbound: outbound.clone(),
        connect: config.deadlines.connect(),
    };
    Ok(match resolved.kind {
        ProviderKind::Demo => Arc::new(Demo::default()),
        ProviderKind::Openai => Arc::new(openai(setup, taste)?.speaking(accent)),
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
        completions: preset.endpoints.contains(&Endpoint::Completions),
    }
}

/// What is known of how a server names what OpenAI has too, and of what it refuses.
fn accent(resolved: &ResolvedProvider) -> Accent {
    resolved.preset.map_or_else(Accent::default, |preset| {
        let renamed = preset.renamed.clone().into_iter().collect();
        Accent::new(renamed, preset.hints.as_deref())
    })
}

/// The region in `https://bedrock-runtime.REGION.amazonaws.com`.
fn region(base_url: &str) -> Option<String> {
    let host = base_url.split_once("://")?.1;
    let region = host.strip_prefix("bedrock-runtime.")?.split('.').next()?;
    Some(region.to_owned())
}
