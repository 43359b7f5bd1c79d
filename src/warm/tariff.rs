//! What a request costs by the price list: before it leaves, by the dearest of the models
//! that its route may ask, and afterwards by the one that answered. Pure.

use crate::config::Route;
use crate::ledger::Prices;

/// Prices, and which models are asked under which name.
#[derive(Debug)]
pub struct Tariff {
    prices: Prices,
    routes: Vec<Route>,
}

impl Tariff {
    /// The routes are those of the gateway that is asked; none where they are not known.
    #[must_use]
    pub fn new(prices: Prices, routes: Vec<Route>) -> Self {
        Self { prices, routes }
    }

    /// USD that a request to `model` costs at most; none if a model that may answer it has no
    /// price, neither by its own name nor by the one that is asked for.
    #[must_use]
    pub fn most(&self, model: &str, prompt: u64, completion: u64) -> Option<f64> {
        let Some(route) = self.route(model) else {
            return self.prices.cost(model, prompt, completion);
        };
        let candidates = route.candidates.iter();
        let costs = candidates.map(|c| self.cost(c.model.as_deref(), model, prompt, completion));
        costs.reduce(|a, b| Some(a?.max(b?)))?
    }

    /// USD for an answer of the model `answered`, by its own price or that of the model asked for.
    #[must_use]
    pub fn cost(
        &self,
        answered: Option<&str>,
        asked: &str,
        prompt: u64,
        completion: u64,
    ) -> Option<f64> {
        let cost = |model| self.prices.cost(model, prompt, completion);
        answered.and_then(cost).or_else(|| cost(asked))
    }

    /// As the router chooses: an exact name before all patterns, and of each the first.
    fn route(&self, model: &str) -> Option<&Route> {
        let exact = |r: &&Route| r.model.is_exact() && r.model.matches(model);
        let exact = self.routes.iter().find(exact);
        exact.or_else(|| self.routes.iter().find(|r| r.model.matches(model)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Candidate, Pattern, Price};

    fn price(model: &str, output: f64) -> Price {
        Price {
            model: Pattern::parse(model).unwrap(),
            input: 0.0,
            cached_input: None,
            cache_write: None,
            output: output * 1e6,
        }
    }

    fn route(model: &str, candidates: &[&str]) -> Route {
        let candidate = |model: &&str| Candidate {
            provider: Some("p".into()),
            model: (!model.is_empty()).then(|| (*model).to_owned()),
            group: None,
        };
        Route {
            model: Pattern::parse(model).unwrap(),
            candidates: candidates.iter().map(candidate).collect(),
            canary: None,
            shadow: None,
            store_fallback: false,
            store_tool_calls: false,
            store_personal: true,
            ttl_class: None,
        }
    }

    #[test]
    fn a_route_costs_as_much_as_the_dearest_model_that_it_may_ask() {
        let prices = Prices::new(&[price("cheap", 1.0), price("dear", 3.0), price("own", 2.0)]);
        let routes = vec![
            route("o*", &["unknown", "cheap"]),
            route("all", &["cheap", "dear"]),
            route("half", &["cheap", "unknown"]),
            route("own", &["unknown", ""]),
        ];
        let tariff = Tariff::new(prices, routes);
        let most = |model| tariff.most(model, 9, 1).map(f64::round);
        assert_eq!(most("all"), Some(3.0));
        assert_eq!(most("half"), None, "one of them has no price");
        assert_eq!(most("own"), Some(2.0), "exact before patterns");
        assert_eq!(most("dear"), Some(3.0), "has no route");
        assert_eq!(most("unknown"), None);
    }

    #[test]
    fn an_answer_costs_what_the_model_costs_that_gave_it() {
        let tariff = Tariff::new(Prices::new(&[price("a", 1.0), price("b", 2.0)]), vec![]);
        let cost = |answered, asked| tariff.cost(answered, asked, 9, 1).map(f64::round);
        assert_eq!(cost(Some("b"), "a"), Some(2.0));
        assert_eq!(cost(Some("unknown"), "a"), Some(1.0));
        assert_eq!(cost(None, "unknown"), None);
    }
}
