//! Token counts as responses write them.

use serde_json::{Value, json};

/// The canonical `usage`; null if nothing was counted.
pub(super) fn usage(counted: Option<&Value>) -> Value {
    let Some(counted) = counted.filter(|usage| usage.is_object()) else {
        return Value::Null;
    };
    let count = |path: &str| counted.pointer(path).and_then(Value::as_u64);
    let input = count("/prompt_tokens").unwrap_or(0);
    let output = count("/completion_tokens").unwrap_or(0);
    let written = count("/prompt_tokens_details/cache_write_tokens")
        .or_else(|| count("/cache_creation_input_tokens"));
    json!({
        "input_tokens": input,
        "input_tokens_details": {
            "cached_tokens": count("/prompt_tokens_details/cached_tokens").unwrap_or(0),
            "cache_write_tokens": written.unwrap_or(0),
        },
        "output_tokens": output,
        "output_tokens_details": {
            "reasoning_tokens": count("/completion_tokens_details/reasoning_tokens").unwrap_or(0),
        },
        "total_tokens": count("/total_tokens").unwrap_or(input.saturating_add(output)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_count_is_carried_over() {
        let counted = json!({"prompt_tokens": 9, "completion_tokens": 5,
            "prompt_tokens_details": {"cached_tokens": 4}, "cache_creation_input_tokens": 2,
            "completion_tokens_details": {"reasoning_tokens": 3}});
        assert_eq!(
            usage(Some(&counted)),
            json!({
            "input_tokens": 9,
            "input_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 2},
            "output_tokens": 5, "output_tokens_details": {"reasoning_tokens": 3},
            "total_tokens": 14})
        );
        assert_eq!(usage(None), Value::Null);
    }
}
