//! Ranges of single settings, and what settings must be to each other.

mod routes;

use std::collections::HashSet;

use super::layers::Layers;
use super::limits::{ENDPOINTS, Per};
use super::lists::{Provider, ProviderKind};
use super::sections::{Decide, parse_bind};
use super::{Config, DayWindow, MAX_ENTRY_BYTES, Origin};

const MAX: f64 = f64::INFINITY;
/// A day: no wait of ours is longer, and a number above it is a mistaken unit.
const DAY_MS: f64 = 86_400_000.0;
const DAY_S: f64 = 86_400.0;

/// Lowest and highest value of every number.
const RANGES: &[(&str, f64, f64)] = &[
    ("server.workers", 0.0, 1024.0),
    ("server.max_connections", 1.0, 1_000_000.0),
    ("server.body_limit_bytes", 1024.0, 4_294_967_296.0),
    ("server.header_timeout_s", 1.0, DAY_S),
    ("server.body_timeout_s", 1.0, DAY_S),
    ("server.write_timeout_s", 1.0, DAY_S),
    ("server.drain_notice_ms", 0.0, DAY_MS),
    ("server.drain_deadline_s", 0.0, DAY_S),
    ("embedding.next_share", 0.001, 1.0),
    ("embedding.threads", 1.0, 256.0),
    ("embedding.queue", 1.0, 1_000_000.0),
    ("embedding.max_batch", 1.0, 1024.0),
    ("embedding.deadline_ms", 1.0, DAY_MS),
    ("embedding.serve_at_once", 0.0, 10_000.0),
    ("verifier.queue", 1.0, 1_000_000.0),
    ("verifier.deadline_ms", 1.0, DAY_MS),
    ("verifier.candidates", 1.0, 64.0),
    ("verifier.remembered_pairs", 0.0, MAX),
    ("index.flat_max", 0.0, 10_000_000.0),
    ("index.m", 4.0, 128.0),
    ("index.ef_construction", 8.0, 4096.0),
    ("index.ef_search", 1.0, 4096.0),
    ("index.candidates", 1.0, 256.0),
    ("index.dead_limit", 0.01, 0.9),
    ("index.snapshot_every_s", 1.0, 30.0 * DAY_S),
    ("store.flush_every_ms", 1.0, DAY_MS),
    ("store.page_cache_bytes", 1_048_576.0, MAX),
    ("store.capacity_bytes", 1_048_576.0, MAX),
    ("store.queue", 1.0, 1_000_000.0),
    ("store.compress_min_bytes", 0.0, MAX),
    ("store.min_free_bytes", 0.0, MAX),
    ("cache.threshold", 0.0, 1.0),
    ("cache.probability", 0.5, 1.0),
    ("cache.ttl_s", 1.0, 3650.0 * DAY_S),
    ("cache.ttl_static_s", 0.0, 3650.0 * DAY_S),
    ("cache.ttl_time_sensitive_s", 1.0, 3650.0 * DAY_S),
    ("cache.ttl_never_s", 0.0, 3650.0 * DAY_S),
    ("cache.stale_while_revalidate_s", 0.0, 3650.0 * DAY_S),
    ("cache.stale_if_error_s", 0.0, 3650.0 * DAY_S),
    ("cache.renewals", 1.0, 10_000.0),
    ("cache.temperature_max", 0.0, 2.0),
    ("cache.hot_bytes", 0.0, MAX),
    ("cache.embeddings_bytes", 0.0, MAX),
    ("cache.max_entry_bytes", 1024.0, MAX_ENTRY_BYTES as f64),
    ("cache.flight_wait_ms", 1.0, DAY_MS),
    ("cache.similar_wait_ms", 0.0, DAY_MS),
    ("cache.lookup_deadline_ms", 1.0, DAY_MS),
    ("cache.decisions", 0.0, 10_000_000.0),
    ("cache.labels", 0.0, 10_000_000.0),
    ("cache.budget", 0.001, 0.5),
    ("responses.ttl_s", 60.0, 31_536_000.0),
    ("responses.max_bytes", 0.0, MAX),
    ("files.max_bytes", 1024.0, 536_870_912.0),
    ("files.per_tenant", 1.0, 1_000_000.0),
    ("files.per_tenant_bytes", 1024.0, MAX),
    ("files.upload_timeout_s", 1.0, DAY_S),
    ("files.ttl_s", 60.0, 31_536_000.0),
    ("batch.workers", 1.0, 1000.0),
    ("batch.completion_s", 1.0, 30.0 * DAY_S),
    ("batch.max_lines", 1.0, 1_000_000.0),
    ("batch.per_tenant", 1.0, 100_000.0),
    ("batch.per_tenant_lines", 1.0, 10_000_000.0),
    ("batch.queue", 1.0, 100_000.0),
    ("batch.kept", 1.0, 1_000_000.0),
    ("batch.ttl_s", 60.0, 31_536_000.0),
    ("batch.retry_base_ms", 1.0, DAY_MS),
    ("batch.retry_max_ms", 1.0, DAY_MS),
    ("batch.max_tries", 0.0, 1_000_000.0),
    ("async.workers", 1.0, 10_000.0),
    ("async.queue", 1.0, 1_000_000.0),
    ("async.per_tenant", 1.0, 1_000_000.0),
    ("async.body_limit_bytes", 1024.0, 6_291_456.0),
    ("async.kept", 1.0, 10_000_000.0),
    ("async.ttl_s", 1.0, 31_536_000.0),
    ("async.retry_after_s", 1.0, 3600.0),
    ("async.webhook_tries", 1.0, 100.0),
    ("async.webhook_base_ms", 1.0, DAY_MS),
    ("async.webhook_timeout_ms", 1.0, 600_000.0),
    ("judge.hits", 0.0, 1.0),
    ("judge.near_misses", 0.0, 1.0),
    ("judge.max_usd_per_day", 0.0, 1_000_000.0),
    ("judge.at_once", 1.0, 1000.0),
    ("deadlines.connect_ms", 1.0, DAY_MS),
    ("deadlines.first_byte_ms", 1.0, DAY_MS),
    ("deadlines.idle_ms", 1.0, DAY_MS),
    ("deadlines.total_ms", 1.0, DAY_MS),
    ("retry.max_attempts", 1.0, 10.0),
    ("retry.base_ms", 1.0, DAY_MS),
    ("retry.max_ms", 1.0, DAY_MS),
    ("retry.budget_share", 0.0, 10.0),
    ("retry.budget_per_s", 0.0, 1_000_000.0),
    ("retry.queue_ms", 0.0, DAY_MS),
    ("retry.hedge_after_ms", 0.0, DAY_MS),
    ("breaker.consecutive_failures", 0.0, 1_000_000.0),
    ("breaker.error_rate", 0.01, 1.0),
    ("breaker.min_requests", 1.0, 1_000_000.0),
    ("breaker.window_s", 1.0, DAY_S),
    ("breaker.cool_down_ms", 1.0, DAY_MS),
    ("breaker.max_cool_down_ms", 1.0, DAY_MS),
    ("breaker.probe_every_ms", 0.0, DAY_MS),
    ("routing.latency_decay_ms", 1.0, DAY_MS),
    ("overload.max_misses", 1.0, 1_000_000.0),
    ("overload.wait_ms", 0.0, 60_000.0),
];

/// Adds a fault for each setting out of its range, and goes on with its default.
pub(super) fn ranges(layers: &mut Layers) {
    for (path, low, high) in RANGES {
        match layers.number(path) {
            Some(value) if value < *low || value > *high => {
                let bound = match *high {
                    MAX => format!("must be at least {low}"),
                    high => format!("must be from {low} to {high}"),
                };
                layers.faults.add(path, layers.origin(path), bound);
                layers.by_default(path);
            }
            _ => {}
        }
    }
}

/// Adds a fault for each relation that does not hold.
pub(super) fn relations(config: &Config, layers: &mut Layers) {
    let mut found = Found { layers };
    found.addresses(config);
    found.decision(config);
    found.order(config);
    found.namespaces(config);
    found.providers(config);
    found.groups(config);
    found.routes(config);
    found.limits(config);
    found.prices(config);
    found.later(config);
}

struct Found<'a> {
    layers: &'a mut Layers,
}

impl Found<'_> {
    fn add(&mut self, path: &str, message: impl Into<String>) {
        let origin = self.layers.origin(path);
        self.layers.faults.add(path, origin, message);
    }

    fn addresses(&mut self, config: &Config) {
        const ADDRESS: &str = "must be IP:PORT or localhost:PORT";
        let server = &config.server;
        if parse_bind(&server.bind).is_none() {
            self.add("server.bind", ADDRESS);
        }
        if !server.metrics_bind.is_empty() && parse_bind(&server.metrics_bind).is_none() {
            self.add("server.metrics_bind", ADDRESS);
        }
        if config.data.dir.trim().is_empty() {
            self.add("data.dir", "must not be empty");
        }
    }

    /// A number that nothing looks at would be a rule that its writer believes in.
    fn decision(&mut self, config: &Config) {
        let numbers = [
            ("cache.threshold", "threshold", Decide::Threshold),
            ("cache.probability", "probability", Decide::Probability),
            ("cache.budget", "budget", Decide::Budget),
        ];
        let idle = numbers
            .iter()
            .filter(|(.., looks)| *looks != config.cache.decide);
        for (idle, decides, _) in idle {
            if self.layers.origin(idle) != Origin::Default && !self.layers.faults.at(idle) {
                self.add(
                    idle,
                    format!("is not looked at unless `cache.decide` is \"{decides}\""),
                );
            }
        }
    }

    fn order(&mut self, config: &Config) {
        let Config {
            index,
            store,
            cache,
            deadlines,
            retry,
            breaker,
            ..
        } = config;
        let total = ("deadlines.total_ms", deadlines.total_ms);
        let whole = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
        for (low, high) in [
            (
                ("retry.base_ms", retry.base_ms),
                ("retry.max_ms", retry.max_ms),
            ),
            (
                ("breaker.cool_down_ms", breaker.cool_down_ms),
                ("breaker.max_cool_down_ms", breaker.max_cool_down_ms),
            ),
            (
                ("batch.retry_base_ms", config.batch.retry_base_ms),
                ("batch.retry_max_ms", config.batch.retry_max_ms),
            ),
            (("deadlines.connect_ms", deadlines.connect_ms), total),
            (("deadlines.first_byte_ms", deadlines.first_byte_ms), total),
            (
                ("index.candidates", whole(index.candidates)),
                ("index.ef_search", whole(index.ef_search)),
            ),
            (
                ("cache.max_entry_bytes", whole(cache.max_entry_bytes)),
                ("store.capacity_bytes", store.capacity_bytes),
            ),
        ] {
            // Where one of the two is faulty its default stands here, which says nothing of the other.
            let told = [low.0, high.0].iter().all(|p| !self.layers.faults.at(p));
            if told && low.1 > high.1 {
                self.add(low.0, format!("must not be above {}", high.0));
            }
        }
    }

    fn later(&mut self, config: &Config) {
        if DayWindow::parse(&config.batch.window).is_none() {
            let message = "must be \"HH:MM-HH:MM\" with two times that differ, or \"\"";
            self.add("batch.window", message);
        }
        let variable = &config.later.webhook_secret_env;
        if !variable.is_empty() && !is_variable(variable) {
            let message = "must be the name of an environment variable, not the secret itself";
            self.add("async.webhook_secret_env", message);
        }
    }

    fn namespaces(&mut self, config: &Config) {
        let mut seen = HashSet::new();
        for (i, namespace) in config.namespaces.iter().enumerate() {
            let path = format!("namespaces[{i}].name");
            if !is_name(&namespace.name) {
                self.add(&path, NAME);
            } else if !seen.insert(&namespace.name) {
                self.add(&path, "is declared twice");
            }
            for (field, tenants) in [("read", &namespace.read), ("write", &namespace.write)] {
                if tenants
                    .iter()
                    .any(|tenant| tenant != "*" && !is_name(tenant))
                {
                    let path = format!("namespaces[{i}].{field}");
                    self.add(&path, "must hold names of tenants, or \"*\"");
                }
            }
        }
    }

    fn providers(&mut self, config: &Config) {
        let mut seen = HashSet::new();
        for (i, provider) in config.providers.iter().enumerate() {
            let path = format!("providers[{i}].name");
            if !is_name(&provider.name) {
                self.add(&path, NAME);
            } else if !seen.insert(&provider.name) {
                self.add(&path, "is the name of another provider too");
            }
            if let Some(message) = base_url_fault(provider) {
                self.add(&format!("providers[{i}].base_url"), message);
            }
            if !provider.api_key_env.is_empty() && !is_variable(&provider.api_key_env) {
                let message = "must be the name of an environment variable, not the key itself";
                self.add(&format!("providers[{i}].api_key_env"), message);
            }
            if provider.models.is_empty() {
                self.add(&format!("providers[{i}].models"), "must not be empty");
            }
            for (limit, most) in [
                ("max_concurrency", provider.max_concurrency.map(u64::from)),
                ("requests_per_minute", provider.requests_per_minute),
                ("tokens_per_minute", provider.tokens_per_minute),
            ] {
                if most == Some(0) {
                    self.add(&format!("providers[{i}].{limit}"), "must be at least 1");
                }
            }
        }
    }

    /// A limit that limits nothing would be one that its writer believes in.
    fn limits(&mut self, config: &Config) {
        for (i, limit) in config.limits.iter().enumerate() {
            let path = format!("limits[{i}]");
            let numbers = limit.numbers();
            if numbers.iter().all(|(_, number)| number.is_none()) && !self.layers.faults.at(&path) {
                let names = numbers.map(|(name, _)| format!("`{name}`")).join(", ");
                self.add(&path, format!("needs at least one of {names}"));
            }
            for (name, number) in numbers {
                if number == Some(0) {
                    self.add(&format!("{path}.{name}"), "must be at least 1");
                }
            }
            if limit.names.is_empty() {
                self.add(&format!("{path}.match"), "must not be empty");
            }
            for (n, name) in limit.names.iter().enumerate() {
                let at = format!("{path}.match[{n}]");
                if limit.per == Per::Endpoint && !ENDPOINTS.iter().any(|known| name.matches(known))
                {
                    let known = ENDPOINTS.join(", ");
                    self.add(&at, format!("is no endpoint; these are: {known}"));
                }
                if limit.per == Per::Global && name.as_str() != "*" {
                    self.add(&at, "is not looked at: all requests together have no name");
                }
            }
            if limit.count_hits && !limit.limits_requests() {
                let idle = "is not looked at without a limit on requests";
                self.add(&format!("{path}.count_hits"), idle);
            }
        }
    }

    fn prices(&mut self, config: &Config) {
        for (i, price) in config.prices.iter().enumerate() {
            for (field, usd) in [
                ("input", Some(price.input)),
                ("cached_input", price.cached_input),
                ("cache_write", price.cache_write),
                ("output", Some(price.output)),
            ] {
                if usd.is_some_and(|usd| usd < 0.0) {
                    self.add(&format!("prices[{i}].{field}"), "must not be negative");
                }
            }
        }
    }
}

const NAME: &str = "must be 1 to 64 of the characters A-Z a-z 0-9 . _ -";

/// `[A-Za-z0-9._-]{1,64}`: what tenants, namespaces and providers are called.
fn is_name(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
}

fn is_variable(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
        && !text.starts_with(|c: char| c.is_ascii_digit())
}

fn base_url_fault(provider: &Provider) -> Option<String> {
    match provider.kind {
        ProviderKind::Demo if provider.base_url.is_empty() => None,
        _ => super::providers::url_fault(&provider.base_url).map(str::to_owned),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::schema::{Kind, kind_of, paths};

    #[test]
    fn every_number_has_a_range_and_every_range_a_number() {
        let defaults = Layers::new().merged;
        let number =
            |path: &String| matches!(kind_of(&defaults, path), Some(Kind::Whole | Kind::Number));
        let mut numbers: Vec<_> = paths(&defaults).into_iter().filter(number).collect();
        let mut ranged: Vec<_> = RANGES.iter().map(|(path, ..)| (*path).to_owned()).collect();
        numbers.sort_unstable();
        ranged.sort_unstable();
        assert_eq!(numbers, ranged);
    }
}
