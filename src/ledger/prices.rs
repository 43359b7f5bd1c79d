//! What a model's tokens cost: by `[[prices]]` of the configuration where it
//! says, else by the catalogue's list price. An estimate in either case.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::catalogue::LiveCatalogue;
use super::memo::Memo;
use super::rate::{ListPrice, Rate, Usage};
use crate::config::{Pattern, Price};

/// The price list. Each hit asks it, so what a name resolved to is remembered
/// and read without a lock.
#[derive(Debug)]
pub struct Prices {
    exact: HashMap<Box<str>, Rate>,
    globs: Vec<(Pattern, Rate)>,
    known: Memo<Rate>,
    /// Asked for what the list has no price for.
    catalogue: Option<Arc<LiveCatalogue>>,
}

impl Prices {
    /// A list in order of precedence: among exact names and among patterns the
    /// first wins, and every exact name before every pattern.
    #[must_use]
    pub fn new(prices: &[Price]) -> Self {
        let mut exact = HashMap::new();
        let mut globs = Vec::new();
        for price in prices {
            let rate = Rate {
                input: price.input,
                cached_input: price.cached_input,
                cache_write: price.cache_write,
                output: price.output,
            };
            if price.model.is_exact() {
                exact.entry(price.model.as_str().into()).or_insert(rate);
            } else {
                globs.push((price.model.clone(), rate));
            }
        }
        Self {
            exact,
            globs,
            known: Memo::default(),
            catalogue: None,
        }
    }

    /// The same over a catalogue, which is asked for what the list has no price for.
    #[must_use]
    pub fn over(self, catalogue: Arc<LiveCatalogue>) -> Self {
        Self {
            catalogue: Some(catalogue),
            ..self
        }
    }

    /// The catalogue under it, to be taken anew when its file changes.
    #[must_use]
    pub fn catalogue(&self) -> Option<&Arc<LiveCatalogue>> {
        self.catalogue.as_ref()
    }

    /// USD for this many tokens of `model`, whoever answers, none of them from a provider's cache; `None` when
    /// neither list has a price for it.
    #[must_use]
    pub fn cost(&self, model: &str, prompt_tokens: u64, completion_tokens: u64) -> Option<f64> {
        let usage = Usage {
            prompt: prompt_tokens,
            completion: completion_tokens,
            ..Usage::default()
        };
        self.cost_at(None, model, &usage)
    }

    /// USD for these tokens of `model` at a provider of this family, as in [`super::Catalogue::find`].
    #[must_use]
    pub fn cost_at(&self, family: Option<&str>, model: &str, usage: &Usage) -> Option<f64> {
        self.price(family, model).map(|price| price.cost(usage))
    }

    /// What is told of `model` in a list of models: what the catalogue knows, and its price. Empty for a model
    /// of which nothing is known.
    #[must_use]
    pub fn describe(&self, family: Option<&str>, model: &str) -> Map<String, Value> {
        let mut told = match &self.catalogue {
            Some(live) => live
                .current()
                .find(family, model)
                .map_or_else(Map::new, |entry| entry.describe()),
            None => Map::new(),
        };
        if let Some(rate) = self.rate(model) {
            told.insert("price".to_owned(), ListPrice::of(rate).describe());
        }
        told
    }

    fn price(&self, family: Option<&str>, model: &str) -> Option<ListPrice> {
        let own = self.rate(model).map(ListPrice::of);
        own.or_else(|| {
            self.catalogue
                .as_ref()?
                .current()
                .find(family, model)?
                .price
        })
    }

    fn rate(&self, model: &str) -> Option<Rate> {
        if let Some(rate) = self.exact.get(model) {
            return Some(*rate);
        }
        if self.globs.is_empty() {
            return None;
        }
        self.known.get(model, || {
            let mut globs = self.globs.iter();
            globs
                .find(|(glob, _)| glob.matches(model))
                .map(|(_, rate)| *rate)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn price(model: &str, input: f64, output: f64) -> Price {
        Price {
            model: Pattern::parse(model).unwrap(),
            input,
            cached_input: None,
            cache_write: None,
            output,
        }
    }

    fn over_the_built_in(prices: &[Price]) -> Prices {
        Prices::new(prices).over(Arc::new(LiveCatalogue::built_in()))
    }

    #[test]
    fn a_million_tokens_cost_the_list_price() {
        let prices = Prices::new(&[price("m", 2.0, 8.0)]);
        assert!((prices.cost("m", 1_000_000, 500_000).unwrap() - 6.0).abs() < 1e-9);
        assert_eq!(prices.cost("m", 0, 0), Some(0.0));
    }

    #[test]
    fn an_exact_name_wins_over_an_earlier_pattern_and_the_first_of_equals_wins() {
        let list = [
            price("gpt-*", 1.0, 0.0),
            price("gpt-4*", 2.0, 0.0),
            price("gpt-4", 3.0, 0.0),
            price("gpt-4", 4.0, 0.0),
        ];
        let prices = Prices::new(&list);
        // Asked twice: the second answer comes from what is remembered.
        for _ in 0..2 {
            let million = |model| prices.cost(model, 1_000_000, 0).map(f64::round);
            assert_eq!(million("gpt-4"), Some(3.0));
            assert_eq!(million("gpt-4o"), Some(1.0));
        }
    }

    #[test]
    fn a_model_without_a_price_costs_an_unknown_amount_and_not_nothing() {
        let prices = Prices::new(&[price("m", 2.0, 8.0)]);
        for _ in 0..2 {
            assert_eq!(prices.cost("other", 1, 1), None);
        }
    }

    #[test]
    fn what_the_configuration_says_goes_before_the_catalogue() {
        let million = |prices: &Prices, model| prices.cost(model, 1_000_000, 0).map(f64::round);
        let prices = over_the_built_in(&[price("gpt-4o", 77.0, 0.0), price("gpt-4.1*", 78.0, 0.0)]);
        assert_eq!(million(&prices, "gpt-4o"), Some(77.0));
        assert_eq!(million(&prices, "gpt-4.1-mini"), Some(78.0));
        assert_eq!(million(&prices, "claude-sonnet-4-6"), Some(3.0));
        assert_eq!(million(&prices, "mock-plain"), None);
        assert_eq!(million(&Prices::new(&[]), "gpt-4o"), None);
    }

    #[test]
    fn a_price_of_ones_own_takes_nothing_from_the_catalogues() {
        let usage = Usage {
            prompt: 1_000_000,
            cached: 1_000_000,
            ..Usage::default()
        };
        let cost = |own: &[Price]| over_the_built_in(own).cost_at(Some("openai"), "gpt-4o", &usage);
        assert_eq!(cost(&[]), Some(1.25));
        assert_eq!(cost(&[price("gpt-4o", 2.0, 8.0)]), Some(2.0));
        let half = Price {
            cached_input: Some(0.2),
            ..price("gpt-4o", 2.0, 8.0)
        };
        assert_eq!(cost(&[half]), Some(0.2));
    }

    #[test]
    fn a_model_is_described_with_the_price_that_counts() {
        let told = over_the_built_in(&[price("gpt-4o", 1.0, 2.0)]).describe(None, "gpt-4o");
        assert_eq!(told["context_window"], 128_000);
        assert_eq!(
            told["price"],
            json!({"input": 1.0, "output": 2.0, "unit": "usd_per_million_tokens"})
        );
        assert!(
            over_the_built_in(&[])
                .describe(None, "mock-plain")
                .is_empty()
        );
        let only_priced = Prices::new(&[price("m", 1.0, 2.0)]).describe(None, "m");
        assert_eq!(only_priced.len(), 1);
    }
}
