//! List prices and what tokens cost by them: those that a provider's prompt
//! cache read or wrote at their own price. Knows no discounts and no batches.

use serde::Deserialize;
use serde_json::{Map, Value, json};

/// The tokens of one answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Of the prompt, those read from and written to a cache among them.
    pub prompt: u64,
    /// Of these, read from the provider's prompt cache.
    pub cached: u64,
    /// Of these, written to it.
    pub written: u64,
    /// Of the answer, those thought among them.
    pub completion: u64,
}

impl Usage {
    /// Out of a `usage` object in the canonical form; `None` without its two totals.
    #[must_use]
    pub fn read(usage: &Value) -> Option<Self> {
        let count = |path: &str| usage.pointer(path).and_then(Value::as_u64);
        Some(Self {
            prompt: count("/prompt_tokens")?,
            cached: count("/prompt_tokens_details/cached_tokens").unwrap_or(0),
            written: count("/cache_creation_input_tokens").unwrap_or(0),
            completion: count("/completion_tokens")?,
        })
    }
}

/// USD per million tokens.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
pub struct Rate {
    /// Prompt tokens.
    pub input: f64,
    /// Prompt tokens read from the provider's cache; `None` = as any other.
    pub cached_input: Option<f64>,
    /// Prompt tokens written to it; `None` = as any other.
    pub cache_write: Option<f64>,
    /// Tokens of the answer.
    pub output: f64,
}

/// What all tokens of a long prompt cost.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
pub struct Long {
    /// Tokens of the prompt beyond which it is one.
    pub above: u64,
    /// Its price.
    #[serde(flatten)]
    pub rate: Rate,
}

/// What a model's tokens cost by its maker's list.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
pub struct ListPrice {
    /// The price.
    #[serde(flatten)]
    pub rate: Rate,
    /// That of long prompts, where it differs.
    pub long: Option<Long>,
}

impl Rate {
    fn cost(&self, usage: &Usage) -> f64 {
        // A server that counts more of a part than of the whole is not charged for twice.
        let cached = usage.cached.min(usage.prompt);
        let written = usage.written.min(usage.prompt - cached);
        let plain = usage.prompt - cached - written;
        let part = |tokens: u64, usd: f64| count(tokens) * usd;
        let sum = part(plain, self.input)
            + part(cached, self.cached_input.unwrap_or(self.input))
            + part(written, self.cache_write.unwrap_or(self.input))
            + part(usage.completion, self.output);
        sum / 1e6
    }

    /// As members of a JSON object; what is not told is not there.
    fn members(&self) -> Map<String, Value> {
        let members = [
            ("input", Some(self.input)),
            ("cached_input", self.cached_input),
            ("cache_write", self.cache_write),
            ("output", Some(self.output)),
        ];
        let told = members
            .into_iter()
            .filter_map(|(name, usd)| Some((name.to_owned(), json!(usd?))));
        told.collect()
    }
}

impl ListPrice {
    /// The same price for prompts of every length.
    #[must_use]
    pub fn of(rate: Rate) -> Self {
        Self { rate, long: None }
    }

    /// USD for these tokens.
    #[must_use]
    pub fn cost(&self, usage: &Usage) -> f64 {
        let long = self.long.filter(|long| usage.prompt > long.above);
        long.map_or(self.rate, |long| long.rate).cost(usage)
    }

    /// For a client: USD per million tokens.
    #[must_use]
    pub fn describe(&self) -> Value {
        let mut members = self.rate.members();
        members.insert("unit".to_owned(), json!("usd_per_million_tokens"));
        if let Some(long) = self.long {
            let mut told = long.rate.members();
            told.insert("above".to_owned(), json!(long.above));
            members.insert("long".to_owned(), Value::Object(told));
        }
        Value::Object(members)
    }
}

#[allow(
    clippy::cast_precision_loss,
    reason = "token counts are far below 2^53"
)]
fn count(tokens: u64) -> f64 {
    tokens as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: Rate = Rate {
        input: 2.0,
        cached_input: Some(0.5),
        cache_write: Some(4.0),
        output: 8.0,
    };
    const MILLION: Usage = Usage {
        prompt: 1_000_000,
        cached: 0,
        written: 0,
        completion: 0,
    };

    fn cost(price: ListPrice, usage: Usage) -> f64 {
        (price.cost(&usage) * 1e6).round() / 1e6
    }

    #[test]
    fn tokens_that_a_cache_read_or_wrote_have_their_own_price() {
        let usage = Usage {
            cached: 600_000,
            written: 100_000,
            completion: 250_000,
            ..MILLION
        };
        let usd = 0.3 * 2.0 + 0.6 * 0.5 + 0.1 * 4.0 + 0.25 * 8.0;
        assert_eq!(cost(ListPrice::of(RATE), usage), usd);
    }

    #[test]
    fn without_a_price_of_their_own_they_cost_what_others_do() {
        let rate = Rate {
            cached_input: None,
            cache_write: None,
            ..RATE
        };
        let usage = Usage {
            cached: 600_000,
            written: 100_000,
            ..MILLION
        };
        assert_eq!(cost(ListPrice::of(rate), usage), 2.0);
    }

    #[test]
    fn more_cached_tokens_than_there_were_are_not_charged_for() {
        let usage = Usage {
            cached: 5_000_000,
            written: 5_000_000,
            ..MILLION
        };
        assert_eq!(cost(ListPrice::of(RATE), usage), 0.5);
    }

    #[test]
    fn all_of_a_long_prompt_and_its_answer_cost_the_price_of_long_ones() {
        let rate = Rate {
            input: 20.0,
            ..RATE
        };
        let price = ListPrice {
            rate: RATE,
            long: Some(Long {
                above: 200_000,
                rate,
            }),
        };
        let prompt = |prompt| Usage { prompt, ..MILLION };
        assert_eq!(cost(price, prompt(200_000)), 0.4);
        assert_eq!(cost(price, prompt(200_001)), 4.00002);
    }

    #[test]
    fn the_tokens_of_an_answer_are_read_with_what_a_cache_did() {
        let usage = json!({"prompt_tokens": 9, "completion_tokens": 4, "cache_creation_input_tokens": 2,
            "prompt_tokens_details": {"cached_tokens": 3}});
        let read = Usage::read(&usage).unwrap();
        assert_eq!(
            (read.prompt, read.cached, read.written, read.completion),
            (9, 3, 2, 4)
        );
        let plain =
            json!({"prompt_tokens": 9, "completion_tokens": 4, "prompt_tokens_details": null});
        assert_eq!(Usage::read(&plain).unwrap().cached, 0);
        assert_eq!(Usage::read(&json!({"prompt_tokens": 9})), None);
    }

    #[test]
    fn a_price_is_described_without_what_is_not_known() {
        let long = Long {
            above: 5,
            rate: RATE,
        };
        let price = ListPrice {
            rate: Rate {
                cached_input: None,
                cache_write: None,
                ..RATE
            },
            long: Some(long),
        };
        assert_eq!(
            price.describe(),
            json!({"input": 2.0, "output": 8.0, "unit": "usd_per_million_tokens",
                "long": {"input": 2.0, "cached_input": 0.5, "cache_write": 4.0, "output": 8.0, "above": 5}})
        );
    }
}
