//! What a model's tokens cost, by list price. An estimate: it does not know
//! discounts, cached input or batch rates.

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::config::{Pattern, Price};

/// Names remembered, each up to [`MAX_NAME`] bytes: clients invent model
/// names, so what they can make us keep is bounded.
const MAX_NAMES: usize = 512;
const MAX_NAME: usize = 128;

/// USD per token.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Rate {
    input: f64,
    output: f64,
}

type Known = HashMap<Box<str>, Option<Rate>>;

/// The price list. Each hit asks it, so what a name resolved to is remembered
/// and read without a lock.
#[derive(Debug)]
pub struct Prices {
    exact: HashMap<Box<str>, Rate>,
    globs: Vec<(Pattern, Rate)>,
    known: ArcSwap<Known>,
}

impl Prices {
    /// A list in order of precedence: among exact names and among patterns the
    /// first wins, and every exact name before every pattern.
    #[must_use]
    pub fn new(prices: &[Price]) -> Self {
        let mut exact = HashMap::new();
        let mut globs = Vec::new();
        for Price {
            model,
            input,
            output,
        } in prices
        {
            let rate = Rate {
                input: input / 1e6,
                output: output / 1e6,
            };
            if model.is_exact() {
                exact.entry(model.as_str().into()).or_insert(rate);
            } else {
                globs.push((model.clone(), rate));
            }
        }
        Self {
            exact,
            globs,
            known: ArcSwap::default(),
        }
    }

    /// USD for this many tokens of `model`; `None` when the list has no price for it.
    #[must_use]
    pub fn cost(&self, model: &str, prompt_tokens: u64, completion_tokens: u64) -> Option<f64> {
        let Rate { input, output } = self.rate(model)?;
        #[allow(
            clippy::cast_precision_loss,
            reason = "token counts are far below 2^53"
        )]
        Some(prompt_tokens as f64 * input + completion_tokens as f64 * output)
    }

    fn rate(&self, model: &str) -> Option<Rate> {
        if let Some(rate) = self.exact.get(model) {
            return Some(*rate);
        }
        if let Some(known) = self.known.load().get(model) {
            return *known;
        }
        let rate = self
            .globs
            .iter()
            .find(|(glob, _)| glob.matches(model))
            .map(|(_, rate)| *rate);
        self.remember(model, rate);
        rate
    }

    /// Copies the map to add to it: new names are rare and readers never wait.
    fn remember(&self, model: &str, rate: Option<Rate>) {
        if model.len() > MAX_NAME || self.known.load().len() >= MAX_NAMES {
            return;
        }
        self.known.rcu(|known| {
            let mut known = Known::clone(known);
            known.insert(model.into(), rate);
            Arc::new(known)
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn price(model: &str, input: f64, output: f64) -> Price {
        Price {
            model: Pattern::parse(model).unwrap(),
            input,
            output,
        }
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
    fn invented_names_do_not_fill_the_memory() {
        let prices = Prices::new(&[price("*", 1.0, 1.0)]);
        for i in 0..2 * MAX_NAMES {
            assert!(prices.cost(&format!("model-{i}"), 1, 1).is_some());
        }
        assert!(prices.cost(&"x".repeat(MAX_NAME + 1), 1, 1).is_some());
        assert_eq!(prices.known.load().len(), MAX_NAMES);
        assert!(
            !prices
                .known
                .load()
                .contains_key("x".repeat(MAX_NAME + 1).as_str())
        );
    }
}
