//! What is remembered of every target, found by provider and model. Bounded: clients invent names of models.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::RwLock;

use super::breaker::Rules;
use super::health::{Health, Sent};
use super::outbound::Limits;

/// Models of one provider that are told apart; further ones are one to it.
const MOST_MODELS: usize = 256;

/// All targets.
#[derive(Debug)]
pub struct Healths {
    rules: Rules,
    decay: Duration,
    providers: HashMap<String, Models>,
}

#[derive(Debug)]
struct Models {
    sent: Arc<Sent>,
    known: RwLock<HashMap<String, Arc<Health>>>,
    others: Arc<Health>,
}

impl Healths {
    /// Nothing is known of these providers yet.
    #[must_use]
    pub fn new(
        rules: Rules,
        decay: Duration,
        providers: impl IntoIterator<Item = (String, Limits)>,
        now: Instant,
    ) -> Self {
        let models = |limits| {
            let sent = Arc::new(Sent::new(limits, now));
            let others = Arc::new(Health::new(rules, decay, Arc::clone(&sent), now));
            let known = RwLock::default();
            Models {
                sent,
                known,
                others,
            }
        };
        let providers = providers.into_iter();
        let providers = providers.map(|(name, limits)| (name, models(limits)));
        Self {
            rules,
            decay,
            providers: providers.collect(),
        }
    }

    /// What is remembered of a provider's model; none if there is no such provider.
    #[must_use]
    pub fn of(&self, provider: &str, model: &str, now: Instant) -> Option<Arc<Health>> {
        let models = self.providers.get(provider)?;
        if let Some(health) = models.known.read().get(model) {
            return Some(Arc::clone(health));
        }
        let mut known = models.known.write();
        if known.len() >= MOST_MODELS && !known.contains_key(model) {
            // Names that nobody answers to keep no room from those that somebody does. Whoever holds one still may
            // be about to tell something of it.
            known.retain(|_, health| Arc::strong_count(health) > 1 || !health.is_blank(now));
        }
        if known.len() >= MOST_MODELS && !known.contains_key(model) {
            return Some(Arc::clone(&models.others));
        }
        let new = || {
            Arc::new(Health::new(
                self.rules,
                self.decay,
                models.sent.clone(),
                now,
            ))
        };
        let health = known.entry(model.to_owned()).or_insert_with(new);
        Some(Arc::clone(health))
    }

    /// Everything known, as (provider, model, health), in no order; for metrics and active probes.
    #[must_use]
    pub fn all(&self) -> Vec<(String, String, Arc<Health>)> {
        let of_provider = |(provider, models): (&String, &Models)| {
            let known = models.known.read();
            let each = known.iter();
            each.map(|(model, health)| (provider.clone(), model.clone(), Arc::clone(health)))
                .collect::<Vec<_>>()
        };
        self.providers.iter().flat_map(of_provider).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn healths() -> (Healths, Instant) {
        let rules = Rules {
            consecutive_failures: 1,
            error_rate: 1.0,
            min_requests: 1,
            window: Duration::from_secs(1),
            cool_down: Duration::from_secs(1),
            max_cool_down: Duration::from_secs(1),
            probe_timeout: Duration::from_secs(1),
        };
        let now = Instant::now();
        let providers = ["a", "b"].map(|name| (name.to_owned(), Limits::default()));
        let decay = Duration::from_secs(1);
        (Healths::new(rules, decay, providers, now), now)
    }

    #[test]
    fn each_model_of_each_provider_is_remembered_on_its_own() {
        let (healths, now) = healths();
        let of = |provider, model| healths.of(provider, model, now).unwrap();
        assert!(Arc::ptr_eq(&of("a", "m"), &of("a", "m")));
        assert!(!Arc::ptr_eq(&of("a", "m"), &of("a", "n")));
        assert!(!Arc::ptr_eq(&of("a", "m"), &of("b", "m")));
        assert!(healths.of("c", "m", now).is_none());
        assert_eq!(healths.all().len(), 3);
    }

    #[test]
    fn invented_names_do_not_fill_the_memory() {
        let (healths, now) = healths();
        for i in 0..2 * MOST_MODELS {
            let health = healths.of("a", &format!("m{i}"), now).unwrap();
            let mut lease = health.begin(1, now).unwrap();
            lease.answered(false, now);
            lease.end(None, now);
        }
        assert_eq!(healths.all().len(), MOST_MODELS);
        let of = |model| healths.of("a", model, now).unwrap();
        assert!(Arc::ptr_eq(&of("x"), &of("y")));
        assert!(!Arc::ptr_eq(&of("m0"), &of("m1")));
    }

    #[test]
    fn names_that_nobody_answers_to_make_room_for_those_that_somebody_does() {
        let (healths, now) = healths();
        let of = |model: &str| healths.of("a", model, now).unwrap();
        let mut lease = of("real").begin(1, now).unwrap();
        lease.answered(false, now);
        lease.end(None, now);
        let asked = of("asked");
        for i in 0..2 * MOST_MODELS {
            of(&format!("m{i}"));
        }
        let all = healths.all();
        assert!(all.len() <= MOST_MODELS);
        assert!(all.iter().any(|(_, model, _)| model == "real"));
        assert!(Arc::ptr_eq(&asked, &of("asked")), "somebody holds it");
        assert!(!Arc::ptr_eq(&of("new"), &of("newer")));
    }
}
