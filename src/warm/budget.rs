//! How much may still be spent. An estimate by list price, made before a request
//! leaves and corrected by what its answer says. Pure.

use serde_json::Value;

use super::driver::Told;
use crate::chat::ChatRequest;
use crate::ledger::Prices;

/// Completion tokens expected of a request that sets no limit, until a longer answer was seen.
const USUAL_COMPLETION: u64 = 1024;
/// Tokens that frame one message in the prompt, rounded up.
const FRAME: usize = 8;

/// A limit that was met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// Of money.
    Usd,
    /// Of requests.
    Requests,
}

/// What a request on its way may cost.
#[derive(Debug)]
#[must_use]
pub struct Reservation(f64);

/// What a request did cost.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Cost {
    /// Nothing: it was not asked, or answered from memory.
    Nothing,
    /// USD by the price list.
    Usd(f64),
    /// Paid, but its tokens were not counted or its model has no price.
    Unknown,
}

/// The limits of a run and what has been used of them.
#[derive(Debug)]
pub struct Budget {
    prices: Prices,
    max_usd: Option<f64>,
    max_requests: Option<u64>,
    spent: f64,
    reserved: f64,
    requests: u64,
    longest: u64,
    dearest: f64,
}

impl Budget {
    /// Limits in USD and in requests sent; none is no limit.
    #[must_use]
    pub fn new(prices: Prices, max_usd: Option<f64>, max_requests: Option<u64>) -> Self {
        Self {
            prices,
            max_usd,
            max_requests,
            spent: 0.0,
            reserved: 0.0,
            requests: 0,
            longest: USUAL_COMPLETION,
            dearest: 0.0,
        }
    }

    /// Sets aside what `request` may cost at most. An answer without a limit of its own is
    /// taken to be no longer than the longest so far; a model without a price as the dearest so far.
    ///
    /// # Errors
    /// The limit that it might exceed, together with all that are on their way.
    pub fn reserve(&mut self, request: &ChatRequest) -> Result<Reservation, Limit> {
        if self.max_requests.is_some_and(|max| self.requests >= max) {
            return Err(Limit::Requests);
        }
        let most = self.most(request);
        let all = self.spent + self.reserved + most;
        if self.max_usd.is_some_and(|max| all > max) {
            return Err(Limit::Usd);
        }
        self.requests += 1;
        self.reserved += most;
        Ok(Reservation(most))
    }

    /// Whether money is limited.
    #[must_use]
    pub fn limits_money(&self) -> bool {
        self.max_usd.is_some()
    }

    /// Replaces what was set aside by what it was.
    pub fn settle(&mut self, kept: Reservation, told: Option<(&ChatRequest, &Told)>) -> Cost {
        self.release(&kept);
        let Some((request, told)) = told.filter(|(_, told)| told.paid) else {
            return Cost::Nothing;
        };
        let Some((prompt, completion)) = told.tokens else {
            return Cost::Unknown;
        };
        self.longest = self.longest.max(completion);
        let cost = |model: &str| self.prices.cost(model, prompt, completion);
        let by_answer = told.model.as_deref().and_then(cost);
        match by_answer.or_else(|| cost(request.model())) {
            Some(usd) => {
                self.spent += usd;
                self.dearest = self.dearest.max(usd);
                Cost::Usd(usd)
            }
            None => Cost::Unknown,
        }
    }

    /// Gives back what was set aside for a request that was not sent.
    pub fn cancel(&mut self, kept: Reservation) {
        self.requests -= 1;
        self.release(&kept);
    }

    /// Whether the price list has this model.
    #[must_use]
    pub fn has_price(&self, model: &str) -> bool {
        self.prices.cost(model, 0, 0).is_some()
    }

    fn release(&mut self, kept: &Reservation) {
        // Sums of fractions drift; what is reserved is never below nothing.
        self.reserved = (self.reserved - kept.0).max(0.0);
    }

    fn most(&self, request: &ChatRequest) -> f64 {
        let member = |name: &str| request.body().get(name).and_then(Value::as_u64);
        let limit = member("max_completion_tokens").or_else(|| member("max_tokens"));
        let completion = limit.unwrap_or(self.longest) * member("n").unwrap_or(1).max(1);
        let messages = request.body().get("messages").and_then(Value::as_array);
        let frames = messages.map_or(0, Vec::len) * FRAME;
        // No token is shorter than a byte.
        let prompt = u64::try_from(request.text_bytes() + frames).unwrap_or(u64::MAX);
        let known = self.prices.cost(request.model(), prompt, completion);
        known.unwrap_or(self.dearest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Pattern, Price};

    fn budget(max_usd: f64) -> Budget {
        let price = Price {
            model: Pattern::parse("m").unwrap(),
            input: 0.0,
            output: 1e6,
        };
        Budget::new(Prices::new(&[price]), Some(max_usd), None)
    }

    fn request(model: &str, max_tokens: Option<u64>) -> ChatRequest {
        let mut body = serde_json::json!({"model": model,
            "messages": [{"role": "user", "content": "hi"}]});
        if let Some(max) = max_tokens {
            body["max_tokens"] = max.into();
        }
        ChatRequest::parse(body.to_string()).unwrap()
    }

    fn told(completion: u64) -> Told {
        Told {
            paid: true,
            model: None,
            tokens: Some((5, completion)),
        }
    }

    #[test]
    fn what_is_on_its_way_counts_as_spent_until_it_is_known() {
        let (mut budget, ten) = (budget(25.0), request("m", Some(10)));
        let (a, b) = (budget.reserve(&ten).unwrap(), budget.reserve(&ten).unwrap());
        assert_eq!(budget.reserve(&ten).unwrap_err(), Limit::Usd);
        assert_eq!(
            budget.settle(a, Some((&ten, &told(4)))),
            Cost::Usd(4.0),
            "the rest is free again"
        );
        let c = budget.reserve(&ten).unwrap();
        assert_eq!(budget.settle(b, None), Cost::Nothing);
        budget.cancel(c);
        let d = budget.reserve(&ten).unwrap();
        assert_eq!(budget.settle(d, Some((&ten, &told(10)))), Cost::Usd(10.0));
        let eleven = request("m", Some(11));
        assert!(budget.reserve(&eleven).is_ok(), "14 and 11 are 25");
        assert!(budget.reserve(&request("m", Some(1))).is_err());
    }

    #[test]
    fn an_answer_without_a_limit_is_expected_to_be_as_long_as_the_longest() {
        let (mut budget, open) = (budget(10_000.0), request("m", None));
        let kept = budget.reserve(&open).unwrap();
        assert!((kept.0 - 1024.0).abs() < 1e-9);
        let _ = budget.settle(kept, Some((&open, &told(3000))));
        assert!((budget.reserve(&open).unwrap().0 - 3000.0).abs() < 1e-9);
    }

    #[test]
    fn what_has_no_price_is_unknown_and_not_nothing() {
        let (mut budget, other) = (budget(1.0), request("other", None));
        let kept = budget.reserve(&other).unwrap();
        assert_eq!(budget.settle(kept, Some((&other, &told(9)))), Cost::Unknown);
        let kept = budget.reserve(&other).unwrap();
        let by_another = Told {
            model: Some("m".into()),
            ..told(1)
        };
        let cost = budget.settle(kept, Some((&other, &by_another)));
        assert_eq!(cost, Cost::Usd(1.0), "the model that answered has one");
        assert_eq!(budget.reserve(&other).unwrap_err(), Limit::Usd);
    }

    #[test]
    fn a_hit_costs_nothing_and_requests_are_counted() {
        let mut budget = Budget::new(Prices::new(&[]), None, Some(2));
        let open = request("m", None);
        for _ in 0..2 {
            let kept = budget.reserve(&open).unwrap();
            let hit = Told {
                paid: false,
                ..told(1)
            };
            assert_eq!(budget.settle(kept, Some((&open, &hit))), Cost::Nothing);
        }
        assert_eq!(budget.reserve(&open).unwrap_err(), Limit::Requests);
    }
}
