//! How much may still be spent. An estimate by list price, made before a request
//! leaves and corrected by what its answer says. Pure.

use serde_json::Value;

use super::driver::Told;
use super::tariff::Tariff;
use crate::chat::ChatRequest;

/// Completion tokens expected of a request that sets no limit, until a longer answer was seen.
const USUAL_COMPLETION: u64 = 1024;
/// Tokens that frame one message in the prompt, rounded up.
const FRAME: usize = 8;

/// A limit that was met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// Of money.
    Usd,
    /// Of money, which cannot be kept: a model that may answer has no price.
    NoPrice,
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
    tariff: Tariff,
    max_usd: Option<f64>,
    max_requests: Option<u64>,
    spent: f64,
    reserved: f64,
    requests: u64,
    longest: u64,
}

impl Budget {
    /// Limits in USD and in requests sent; none is no limit.
    #[must_use]
    pub fn new(tariff: Tariff, max_usd: Option<f64>, max_requests: Option<u64>) -> Self {
        Self {
            tariff,
            max_usd,
            max_requests,
            spent: 0.0,
            reserved: 0.0,
            requests: 0,
            longest: USUAL_COMPLETION,
        }
    }

    /// Sets aside what `request` may cost at most. An answer without a limit of its own is
    /// taken to be no longer than the longest so far.
    ///
    /// # Errors
    /// The limit that it might exceed, together with all that are on their way.
    pub fn reserve(&mut self, request: &ChatRequest) -> Result<Reservation, Limit> {
        if self.max_requests.is_some_and(|max| self.requests >= max) {
            return Err(Limit::Requests);
        }
        let most = match self.max_usd {
            None => 0.0,
            Some(max) => {
                let most = self.most(request).ok_or(Limit::NoPrice)?;
                if self.spent + self.reserved + most > max {
                    return Err(Limit::Usd);
                }
                most
            }
        };
        self.requests += 1;
        self.reserved += most;
        Ok(Reservation(most))
    }

    /// Replaces what was set aside by what it was. A paid answer of unknown cost is taken to
    /// have cost all of it.
    pub fn settle(&mut self, kept: Reservation, request: &ChatRequest, told: &Told) -> Cost {
        if !told.paid {
            self.release(&kept);
            return Cost::Nothing;
        }
        let cost = told.tokens.and_then(|(prompt, completion)| {
            self.longest = self.longest.max(completion);
            let answered = told.model.as_deref();
            let asked = request.model();
            self.tariff.cost(answered, asked, prompt, completion)
        });
        let Some(usd) = cost else {
            self.forfeit(kept);
            return Cost::Unknown;
        };
        self.release(&kept);
        self.spent += usd;
        Cost::Usd(usd)
    }

    /// Counts what was set aside as spent: nobody knows what became of the request.
    pub fn forfeit(&mut self, kept: Reservation) {
        self.release(&kept);
        self.spent += kept.0;
    }

    /// Gives back what was set aside for a request that was refused.
    pub fn refused(&mut self, kept: Reservation) {
        self.release(&kept);
    }

    /// Gives back what was set aside for a request that was not sent.
    pub fn cancel(&mut self, kept: Reservation) {
        self.requests -= 1;
        self.release(&kept);
    }

    fn release(&mut self, kept: &Reservation) {
        // Sums of fractions drift; what is reserved is never below nothing.
        self.reserved = (self.reserved - kept.0).max(0.0);
    }

    fn most(&self, request: &ChatRequest) -> Option<f64> {
        let member = |name: &str| request.body().get(name).and_then(Value::as_u64);
        let limit = member("max_completion_tokens").or_else(|| member("max_tokens"));
        let choices = member("n").unwrap_or(1).max(1);
        let completion = limit.unwrap_or(self.longest).saturating_mul(choices);
        let messages = request.body().get("messages").and_then(Value::as_array);
        let frames = messages.map_or(0, Vec::len) * FRAME;
        // No token is shorter than a byte.
        let prompt = u64::try_from(request.text_bytes() + frames).unwrap_or(u64::MAX);
        self.tariff.most(request.model(), prompt, completion)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Pattern, Price};
    use crate::ledger::Prices;

    fn budget(max_usd: Option<f64>) -> Budget {
        let price = Price {
            model: Pattern::parse("m").unwrap(),
            input: 0.0,
            cached_input: None,
            cache_write: None,
            output: 1e6,
        };
        let tariff = Tariff::new(Prices::new(&[price]), vec![]);
        Budget::new(tariff, max_usd, None)
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
        let (mut budget, ten) = (budget(Some(25.0)), request("m", Some(10)));
        let (a, b) = (budget.reserve(&ten).unwrap(), budget.reserve(&ten).unwrap());
        assert_eq!(budget.reserve(&ten).unwrap_err(), Limit::Usd);
        let cost = budget.settle(a, &ten, &told(4));
        assert_eq!(cost, Cost::Usd(4.0), "the rest is free again");
        let c = budget.reserve(&ten).unwrap();
        budget.refused(b);
        budget.cancel(c);
        let d = budget.reserve(&ten).unwrap();
        assert_eq!(budget.settle(d, &ten, &told(10)), Cost::Usd(10.0));
        let eleven = request("m", Some(11));
        assert!(budget.reserve(&eleven).is_ok(), "14 and 11 are 25");
        assert!(budget.reserve(&request("m", Some(1))).is_err());
    }

    #[test]
    fn an_answer_without_a_limit_is_expected_to_be_as_long_as_the_longest() {
        let (mut budget, open) = (budget(Some(10_000.0)), request("m", None));
        let kept = budget.reserve(&open).unwrap();
        assert!((kept.0 - 1024.0).abs() < 1e-9);
        let _ = budget.settle(kept, &open, &told(3000));
        assert!((budget.reserve(&open).unwrap().0 - 3000.0).abs() < 1e-9);
    }

    #[test]
    fn what_has_no_price_is_not_sent_under_a_limit_of_money_and_else_unknown() {
        let other = request("other", None);
        assert_eq!(
            budget(Some(1e9)).reserve(&other).unwrap_err(),
            Limit::NoPrice
        );
        let mut free = budget(None);
        let kept = free.reserve(&other).unwrap();
        assert_eq!(free.settle(kept, &other, &told(9)), Cost::Unknown);
        let kept = free.reserve(&other).unwrap();
        let by_another = Told {
            model: Some("m".into()),
            ..told(1)
        };
        let cost = free.settle(kept, &other, &by_another);
        assert_eq!(cost, Cost::Usd(1.0), "the model that answered has one");
    }

    #[test]
    fn what_was_set_aside_is_spent_where_nobody_knows_better() {
        let (mut budget, ten) = (budget(Some(25.0)), request("m", Some(10)));
        let kept = budget.reserve(&ten).unwrap();
        let uncounted = Told {
            tokens: None,
            ..told(0)
        };
        assert_eq!(budget.settle(kept, &ten, &uncounted), Cost::Unknown);
        let kept = budget.reserve(&ten).unwrap();
        budget.forfeit(kept);
        assert_eq!(budget.reserve(&ten).unwrap_err(), Limit::Usd, "20 are gone");
        assert!(budget.reserve(&request("m", Some(5))).is_ok());
    }

    #[test]
    fn no_number_of_tokens_is_too_large_to_be_counted() {
        let body = serde_json::json!({"model": "m", "n": 3, "max_tokens": u64::MAX,
            "messages": [{"role": "user", "content": "hi"}]});
        let huge = ChatRequest::parse(body.to_string()).unwrap();
        assert_eq!(budget(Some(1.0)).reserve(&huge).unwrap_err(), Limit::Usd);
    }

    #[test]
    fn a_hit_costs_nothing_and_requests_are_counted() {
        let mut budget = Budget::new(Tariff::new(Prices::new(&[]), vec![]), None, Some(2));
        let open = request("m", None);
        for _ in 0..2 {
            let kept = budget.reserve(&open).unwrap();
            let hit = Told {
                paid: false,
                ..told(1)
            };
            assert_eq!(budget.settle(kept, &open, &hit), Cost::Nothing);
        }
        assert_eq!(budget.reserve(&open).unwrap_err(), Limit::Requests);
    }
}
