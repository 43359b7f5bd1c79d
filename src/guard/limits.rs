//! The meters of all limits, by limit and name. A meter is made when its name is first seen and dropped when it is
//! idle, and there are only so many: whatever names clients send, memory stays bounded.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::{Mutex, RwLock};
use tokio::time::Instant;

use super::admission::{Gate, Pass};
use crate::config::{Limit, Per};
use crate::limit::{Meter, Rates};

/// Names of one limit that have a meter of their own. Further ones share one: a limit is met rather too early than
/// not at all.
const MOST_NAMES: usize = 10_000;
/// Bytes of such a name; what is longer shares that meter, too.
const NAME_BYTES: usize = 256;
/// Milliseconds between two looks for idle meters, and between two where there are as many as may be.
const SWEEP_MS: u64 = 60_000;
const FULL_SWEEP_MS: u64 = 1_000;
/// What whoever shows no key is called.
const ANONYMOUS: &str = "anonymous";

/// By what a request is counted.
#[derive(Debug, Clone, Copy)]
pub struct Names<'a> {
    /// The id of its key; none where none is needed.
    pub key: Option<&'a str>,
    /// The tenant.
    pub team: &'a str,
    /// The model that is asked for.
    pub model: &'a str,
    /// The address.
    pub endpoint: &'a str,
}

impl<'a> Names<'a> {
    fn of(&self, per: Per) -> &'a str {
        match per {
            Per::Key => self.key.unwrap_or(ANONYMOUS),
            Per::Team => self.team,
            Per::Model => self.model,
            Per::Endpoint => self.endpoint,
            Per::Global => "",
        }
    }
}

/// Every limit with its meters.
pub struct Limits {
    kept: Vec<Kept>,
    begun: Instant,
}

struct Kept {
    rule: Limit,
    rates: Rates,
    meters: RwLock<Meters>,
    /// Of all names that get none of their own.
    rest: Arc<Mutex<Meter>>,
}

#[derive(Default)]
struct Meters {
    by_name: HashMap<Box<str>, Arc<Mutex<Meter>>>,
    swept: u64,
}

impl Limits {
    /// Nothing is used of them yet.
    #[must_use]
    pub fn new(rules: &[Limit]) -> Self {
        let kept = rules.iter().map(|rule| {
            let rates = rates(rule);
            Kept {
                rule: rule.clone(),
                rates,
                meters: RwLock::default(),
                rest: Arc::new(Mutex::new(Meter::new(&rates))),
            }
        });
        Self {
            kept: kept.collect(),
            begun: Instant::now(),
        }
    }

    /// What a request of these names has to pass.
    #[must_use]
    pub fn pass(&self, names: &Names<'_>) -> Pass {
        let now = super::admission::millis(self.begun.elapsed());
        let gates = self.kept.iter().filter_map(|kept| kept.gate(names, now));
        Pass::new(gates.collect(), self.begun)
    }
}

impl Kept {
    fn gate(&self, names: &Names<'_>, now: u64) -> Option<Gate> {
        let name = names.of(self.rule.per);
        let meant = self.rule.per == Per::Global || self.rule.names.iter().any(|p| p.matches(name));
        meant.then(|| Gate {
            per: self.rule.per,
            count_hits: self.rule.count_hits,
            meter: self.meter(name, now),
        })
    }

    fn meter(&self, name: &str, now: u64) -> Arc<Mutex<Meter>> {
        if let Some(meter) = self.meters.read().by_name.get(name) {
            return meter.clone();
        }
        if name.len() > NAME_BYTES {
            return self.rest.clone();
        }
        let mut meters = self.meters.write();
        meters.sweep(now);
        if meters.by_name.len() >= MOST_NAMES && !meters.by_name.contains_key(name) {
            return self.rest.clone();
        }
        let fresh = || Arc::new(Mutex::new(Meter::new(&self.rates)));
        let meter = meters.by_name.entry(name.into()).or_insert_with(fresh);
        meter.clone()
    }
}

impl Meters {
    /// Drops what is idle and in nobody's hands; nobody can take it up meanwhile.
    fn sweep(&mut self, now: u64) {
        let full = self.by_name.len() >= MOST_NAMES;
        let pause = if full { FULL_SWEEP_MS } else { SWEEP_MS };
        if now < self.swept.saturating_add(pause) {
            return;
        }
        self.swept = now;
        let in_use =
            |meter: &Arc<Mutex<Meter>>| Arc::strong_count(meter) > 1 || !meter.lock().is_idle(now);
        self.by_name.retain(|_, meter| in_use(meter));
        self.by_name.shrink_to(self.by_name.len() * 2);
    }
}

fn rates(rule: &Limit) -> Rates {
    Rates {
        requests_per_minute: rule.requests_per_minute,
        requests_per_day: rule.requests_per_day,
        tokens_per_minute: rule.tokens_per_minute,
        tokens_per_day: rule.tokens_per_day,
        concurrency: rule.concurrency,
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::time::Duration;

    use tokio::time::advance;

    use super::*;
    use crate::config::Pattern;

    pub(in crate::guard) const NAMES: Names<'static> = Names {
        key: Some("key_1"),
        team: "acme",
        model: "gpt",
        endpoint: "chat/completions",
    };

    pub(in crate::guard) fn limit(per: Per, change: impl FnOnce(&mut Limit)) -> Limit {
        let mut limit = Limit {
            per,
            names: vec![Pattern::any()],
            requests_per_minute: None,
            requests_per_day: None,
            tokens_per_minute: None,
            tokens_per_day: None,
            concurrency: None,
            count_hits: false,
        };
        change(&mut limit);
        limit
    }

    fn known(limits: &Limits) -> usize {
        limits.kept[0].meters.read().by_name.len()
    }

    fn asks(limits: &Limits, model: &str) -> bool {
        let pass = limits.pass(&Names { model, ..NAMES });
        pass.admit().unwrap().follow().is_ok()
    }

    #[tokio::test(start_paused = true)]
    async fn each_name_has_its_own_count_and_only_those_that_are_meant_are_counted() {
        let limits = Limits::new(&[limit(Per::Model, |l| {
            l.names = vec![Pattern::parse("gpt*").unwrap()];
            l.requests_per_minute = Some(1);
        })]);
        assert!(asks(&limits, "gpt-a") && !asks(&limits, "gpt-a"));
        assert!(asks(&limits, "gpt-b") && !asks(&limits, "gpt-b"));
        assert!(asks(&limits, "o3") && asks(&limits, "o3"));
        assert_eq!(known(&limits), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn idle_names_are_dropped_and_counted_ones_are_not() {
        let limits = Limits::new(&[limit(Per::Model, |l| l.requests_per_minute = Some(1))]);
        for name in 0..100 {
            assert!(asks(&limits, &format!("m{name}")));
        }
        advance(Duration::from_secs(50)).await;
        assert!(asks(&limits, "late"));
        advance(Duration::from_secs(15)).await;
        assert!(asks(&limits, "later") && !asks(&limits, "late"));
        assert_eq!(known(&limits), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn names_beyond_the_most_share_one_count_and_known_ones_keep_their_own() {
        let limits = Limits::new(&[limit(Per::Model, |l| l.requests_per_day = Some(2))]);
        for name in 0..MOST_NAMES {
            assert!(asks(&limits, &format!("m{name}")));
        }
        assert!(asks(&limits, "x") && asks(&limits, "y") && !asks(&limits, "z"));
        assert!(!asks(&limits, &"long".repeat(100)));
        assert!(asks(&limits, "m7") && !asks(&limits, "m7"));
        assert_eq!(known(&limits), MOST_NAMES);
        advance(Duration::from_secs(86_400)).await;
        assert!(asks(&limits, "z"));
        assert_eq!(known(&limits), 1);
    }
}
