//! How an answer is to be made: sampling, length, form and thought.

use std::ops::RangeInclusive;

use serde_json::{Map, Value, json};

use super::super::members::{asked, most_tokens, object, only, says_something, stops, text};
use super::super::target::inexpressible;
use super::NAME;
use crate::chat::InvalidRequest;

/// Numbers by their names on both sides, and what they may be there.
const NUMBERS: [(&str, &str, RangeInclusive<f64>); 6] = [
    ("temperature", "temperature", 0.0..=1.0),
    ("top_p", "p", 0.01..=0.99),
    ("top_k", "k", 0.0..=500.0),
    ("seed", "seed", 0.0..=f64::MAX),
    ("presence_penalty", "presence_penalty", 0.0..=1.0),
    ("frequency_penalty", "frequency_penalty", 0.0..=1.0),
];

const OTHERS: [&str; 7] = [
    "max_tokens",
    "max_completion_tokens",
    "stop",
    "logprobs",
    "response_format",
    "thinking",
    "reasoning_effort",
];

/// Whether the member of a request is a setting.
pub(super) fn knows(key: &str) -> bool {
    NUMBERS.iter().any(|(ours, ..)| *ours == key) || OTHERS.contains(&key)
}

/// Writes the settings into `body`.
pub(super) fn write(
    request: &Map<String, Value>,
    body: &mut Map<String, Value>,
) -> Result<(), InvalidRequest> {
    for (key, value) in asked(request) {
        if let Some((_, theirs, range)) = NUMBERS.iter().find(|(ours, ..)| *ours == key) {
            // All of the probability is no limit at all.
            if key == "top_p" && value.as_f64() == Some(1.0) {
                continue;
            }
            let whole = !matches!(key, "top_k" | "seed") || value.is_u64();
            if !whole || !value.as_f64().is_some_and(|n| range.contains(&n)) {
                return Err(inexpressible(key, NAME));
            }
            body.insert((*theirs).into(), value.clone());
        }
        match key {
            "stop" => {
                body.insert("stop_sequences".into(), stops(value)?);
            }
            "logprobs" => {
                body.insert("logprobs".into(), true.into());
            }
            "response_format" => {
                body.insert("response_format".into(), format(value)?);
            }
            _ => {}
        }
    }
    if let Some(most) = most_tokens(request)? {
        body.insert("max_tokens".into(), most.into());
    }
    if let Some(thinking) = thinking(request)? {
        body.insert("thinking".into(), thinking);
    }
    Ok(())
}

fn format(format: &Value) -> Result<Value, InvalidRequest> {
    let format = object(format, "response_format")?;
    only(format, "response_format", &["type", "json_schema"], NAME)?;
    let mut written = json!({"type": "json_object"});
    match text(format, "response_format", "type")? {
        "json_object" => {}
        "json_schema" => {
            let at = "response_format.json_schema";
            let schema = object(format.get("json_schema").unwrap_or(&Value::Null), at)?;
            // The schema is kept to whether strict or not, and its name is only a name.
            only(schema, at, &["name", "schema", "strict"], NAME)?;
            let schema = schema.get("schema").filter(|s| !s.is_null());
            if let (Some(schema), Value::Object(written)) = (schema, &mut written) {
                written.insert("json_schema".into(), schema.clone());
            }
        }
        _ => return Err(inexpressible("response_format.type", NAME)),
    }
    Ok(written)
}

/// Of efforts there are two, as Cohere's own endpoint in OpenAI's dialect has it: none, and as much as there is.
fn thinking(request: &Map<String, Value>) -> Result<Option<Value>, InvalidRequest> {
    let effort = request.get("reasoning_effort").filter(|e| !e.is_null());
    let effort = match effort.map(Value::as_str) {
        None => None,
        Some(Some("none")) => Some("disabled"),
        Some(Some("high")) => Some("enabled"),
        Some(_) => return Err(inexpressible("reasoning_effort", NAME)),
    };
    let Some(thinking) = request.get("thinking").filter(|t| says_something(t)) else {
        return Ok(effort.map(|kind| json!({ "type": kind })));
    };
    let thinking = object(thinking, "thinking")?;
    only(thinking, "thinking", &["type", "budget_tokens"], NAME)?;
    let kind = match text(thinking, "thinking", "type")? {
        "disabled" => "disabled",
        "enabled" | "adaptive" => "enabled",
        _ => return Err(inexpressible("thinking.type", NAME)),
    };
    if effort.is_some_and(|effort| effort != kind) {
        return Err(inexpressible("reasoning_effort", NAME));
    }
    let mut written = json!({ "type": kind });
    let budget = thinking.get("budget_tokens").filter(|b| !b.is_null());
    if let (Some(budget), Value::Object(written)) = (budget, &mut written) {
        written.insert("token_budget".into(), budget.clone());
    }
    Ok(Some(written))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(request: Value) -> Result<Value, String> {
        let mut body = Map::new();
        let done = write(request.as_object().unwrap(), &mut body);
        done.map(|()| body.into()).map_err(|e| e.param.unwrap())
    }

    #[test]
    fn every_setting_has_its_name_there() {
        let request = json!({"temperature": 0.5, "top_p": 0.9, "top_k": 40, "seed": 7,
            "presence_penalty": 0.1, "frequency_penalty": 0.2, "max_completion_tokens": 99,
            "stop": ["a", "b"], "logprobs": true});
        let body = json!({"temperature": 0.5, "p": 0.9, "k": 40, "seed": 7,
            "presence_penalty": 0.1, "frequency_penalty": 0.2, "max_tokens": 99,
            "stop_sequences": ["a", "b"], "logprobs": true});
        assert_eq!(of(request).unwrap(), body);
        assert_eq!(
            of(json!({"top_p": 1, "presence_penalty": 0})).unwrap(),
            json!({})
        );
    }

    #[test]
    fn what_is_out_of_its_range_is_refused_by_name() {
        for (key, value) in [
            ("temperature", json!(1.5)),
            ("top_p", json!(0.001)),
            ("top_k", json!(501)),
            ("top_k", json!(0.5)),
            ("seed", json!(-1)),
            ("presence_penalty", json!(-0.5)),
            ("frequency_penalty", json!(1.5)),
            ("reasoning_effort", json!("low")),
        ] {
            assert_eq!(of(json!({ key: value })).unwrap_err(), key);
        }
    }

    #[test]
    fn a_schema_goes_on_as_it_is() {
        let schema = json!({"type": "object", "required": ["a"], "additionalProperties": false});
        let format = |format: Value| of(json!({"response_format": format}));
        let named = json!({"type": "json_schema",
            "json_schema": {"name": "x", "strict": true, "schema": schema}});
        let body = json!({"response_format": {"type": "json_object", "json_schema": schema}});
        assert_eq!(format(named).unwrap(), body);
        let object = json!({"type": "json_object"});
        assert_eq!(
            format(object.clone()).unwrap(),
            json!({"response_format": object})
        );
        let described = json!({"type": "json_schema", "json_schema": {"description": "An x."}});
        assert_eq!(
            format(described).unwrap_err(),
            "response_format.json_schema.description"
        );
        assert_eq!(
            format(json!({"type": "grammar"})).unwrap_err(),
            "response_format.type"
        );
    }

    #[test]
    fn thought_is_on_or_off_and_may_have_a_budget() {
        let thought = |thinking: Value, effort: Value| {
            of(json!({"thinking": thinking, "reasoning_effort": effort}))
                .map(|body| body.get("thinking").cloned().unwrap_or_default())
        };
        let kind = |kind: &str| json!({"type": kind});
        let enabled = json!({"type": "enabled", "budget_tokens": 2000});
        let budget = json!({"type": "enabled", "token_budget": 2000});
        assert_eq!(thought(enabled.clone(), Value::Null).unwrap(), budget);
        assert_eq!(thought(enabled.clone(), json!("high")).unwrap(), budget);
        assert_eq!(
            thought(kind("adaptive"), Value::Null).unwrap(),
            kind("enabled")
        );
        assert_eq!(
            thought(kind("disabled"), json!("none")).unwrap(),
            kind("disabled")
        );
        assert_eq!(
            thought(Value::Null, json!("none")).unwrap(),
            kind("disabled")
        );
        assert_eq!(
            thought(Value::Null, json!("high")).unwrap(),
            kind("enabled")
        );
        assert_eq!(thought(Value::Null, Value::Null).unwrap(), Value::Null);
        assert_eq!(
            thought(enabled, json!("none")).unwrap_err(),
            "reasoning_effort"
        );
        assert_eq!(
            thought(kind("sometimes"), Value::Null).unwrap_err(),
            "thinking.type"
        );
    }
}
