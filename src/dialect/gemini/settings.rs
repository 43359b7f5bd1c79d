//! How an answer is to be made, `generationConfig`: sampling, length, form and thought.

use serde_json::{Map, Value, json};

use super::super::members::{asked, most_tokens, object, only, says_something, stops, text, wrong};
use super::super::target::inexpressible;
use super::{NAME, has_levels};
use crate::chat::InvalidRequest;

/// Settings that both sides mean alike, by their names.
const ALIKE: [(&str, &str); 7] = [
    ("temperature", "temperature"),
    ("top_p", "topP"),
    ("top_k", "topK"),
    ("n", "candidateCount"),
    ("seed", "seed"),
    ("presence_penalty", "presencePenalty"),
    ("frequency_penalty", "frequencyPenalty"),
];

const OTHERS: [&str; 8] = [
    "max_tokens",
    "max_completion_tokens",
    "stop",
    "logprobs",
    "top_logprobs",
    "response_format",
    "thinking",
    "reasoning_effort",
];

/// Efforts, and the budgets in tokens that Google's own endpoint in OpenAI's dialect gives them where a model has no
/// levels; none where it has no such effort.
const EFFORTS: [(&str, Option<u64>); 5] = [
    ("minimal", Some(1024)),
    ("low", Some(1024)),
    ("medium", Some(8192)),
    ("high", Some(24_576)),
    ("xhigh", None),
];

/// A budget of thought that the model sets itself.
const AUTOMATIC: i64 = -1;

/// Whether the member of a request goes into the configuration.
pub(super) fn knows(key: &str) -> bool {
    ALIKE.iter().any(|(ours, _)| *ours == key) || OTHERS.contains(&key)
}

/// Writes the configuration of a request to `model`.
pub(super) fn config(
    request: &Map<String, Value>,
    model: &str,
) -> Result<Map<String, Value>, InvalidRequest> {
    let mut config = Map::new();
    for (key, value) in asked(request) {
        if let Some((_, theirs)) = ALIKE.iter().find(|(ours, _)| *ours == key) {
            let fits = match key {
                // It has 32 bits there.
                "seed" => value.as_i64().is_some_and(|s| i32::try_from(s).is_ok()),
                "top_k" => value.is_u64(),
                _ => true,
            };
            if !fits {
                return Err(inexpressible(key, NAME));
            }
            config.insert((*theirs).into(), value.clone());
        }
        match key {
            "stop" => {
                config.insert("stopSequences".into(), stops(value)?);
            }
            "response_format" => format(value, &mut config)?,
            "logprobs" => {
                config.insert("responseLogprobs".into(), true.into());
            }
            "top_logprobs" if request.get("logprobs") == Some(&Value::Bool(true)) => {
                config.insert("logprobs".into(), value.clone());
            }
            "top_logprobs" => return Err(wrong(key, "left out where `logprobs` is not true")),
            _ => {}
        }
    }
    if let Some(most) = most_tokens(request)? {
        config.insert("maxOutputTokens".into(), most.into());
    }
    let thought = thought(request, has_levels(model))?;
    if !thought.is_empty() {
        config.insert("thinkingConfig".into(), thought.into());
    }
    Ok(config)
}

fn format(format: &Value, config: &mut Map<String, Value>) -> Result<(), InvalidRequest> {
    let format = object(format, "response_format")?;
    only(format, "response_format", &["type", "json_schema"], NAME)?;
    match text(format, "response_format", "type")? {
        "json_object" => {}
        "json_schema" => {
            let at = "response_format.json_schema";
            let schema = object(format.get("json_schema").unwrap_or(&Value::Null), at)?;
            // The schema is kept to whether strict or not, and its name is only a name.
            only(schema, at, &["name", "schema", "strict"], NAME)?;
            if let Some(schema) = schema.get("schema").filter(|s| !s.is_null()) {
                config.insert("responseJsonSchema".into(), schema.clone());
            }
        }
        _ => return Err(inexpressible("response_format.type", NAME)),
    }
    config.insert("responseMimeType".into(), "application/json".into());
    Ok(())
}

/// A level and a budget exclude each other there, so they are refused together.
fn thought(
    request: &Map<String, Value>,
    has_levels: bool,
) -> Result<Map<String, Value>, InvalidRequest> {
    let mut config = Map::new();
    let mut budget = None;
    if let Some(thinking) = request.get("thinking").filter(|t| says_something(t)) {
        let thinking = object(thinking, "thinking")?;
        only(thinking, "thinking", &["type", "budget_tokens"], NAME)?;
        budget = match text(thinking, "thinking", "type")? {
            "disabled" => Some(json!(0)),
            "enabled" | "adaptive" => {
                config.insert("includeThoughts".into(), true.into());
                let tokens = thinking.get("budget_tokens").filter(|b| !b.is_null());
                tokens.cloned()
            }
            _ => return Err(inexpressible("thinking.type", NAME)),
        };
    }
    let effort = request.get("reasoning_effort").filter(|e| !e.is_null());
    match (effort, &budget) {
        (None, Some(budget)) => {
            config.insert("thinkingBudget".into(), budget.clone());
        }
        (None, None) if !config.is_empty() => {
            config.insert("thinkingBudget".into(), AUTOMATIC.into());
        }
        (None, None) => {}
        (Some(effort), None) => {
            let (key, value) = effort_of(effort, has_levels)
                .ok_or_else(|| inexpressible("reasoning_effort", NAME))?;
            config.insert(key.into(), value);
        }
        (Some(effort), Some(budget)) if effort == "none" && *budget == 0 => {
            config.insert("thinkingBudget".into(), 0.into());
        }
        (Some(_), Some(_)) => return Err(inexpressible("reasoning_effort", NAME)),
    }
    Ok(config)
}

fn effort_of(effort: &Value, has_levels: bool) -> Option<(&'static str, Value)> {
    let effort = effort.as_str()?;
    if effort == "none" {
        return Some(("thinkingBudget", 0.into()));
    }
    let (level, budget) = EFFORTS.iter().find(|(name, _)| *name == effort)?;
    if has_levels {
        return Some(("thinkingLevel", level.to_uppercase().into()));
    }
    budget.map(|budget| ("thinkingBudget", budget.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(request: Value) -> Result<Value, String> {
        on("gemini-3-pro", request)
    }

    fn on(model: &str, request: Value) -> Result<Value, String> {
        let config = config(request.as_object().unwrap(), model);
        config.map(Value::Object).map_err(|e| e.param.unwrap())
    }

    #[test]
    fn every_setting_has_its_name_there() {
        let request = json!({"temperature": 0.5, "top_p": 0.9, "top_k": 40, "n": 2, "seed": 7,
            "presence_penalty": 0.1, "frequency_penalty": -0.2, "max_completion_tokens": 99,
            "stop": "END", "logprobs": true, "top_logprobs": 3});
        let config = json!({"temperature": 0.5, "topP": 0.9, "topK": 40, "candidateCount": 2,
            "seed": 7, "presencePenalty": 0.1, "frequencyPenalty": -0.2, "maxOutputTokens": 99,
            "stopSequences": ["END"], "responseLogprobs": true, "logprobs": 3});
        assert_eq!(of(request).unwrap(), config);
        assert_eq!(of(json!({"n": 1, "logprobs": false})).unwrap(), json!({}));
        assert_eq!(of(json!({"seed": 5_000_000_000_u64})).unwrap_err(), "seed");
        assert_eq!(of(json!({"top_k": 0.5})).unwrap_err(), "top_k");
        assert_eq!(of(json!({"top_logprobs": 2})).unwrap_err(), "top_logprobs");
    }

    #[test]
    fn a_schema_goes_on_as_it_is() {
        let schema = json!({"type": "object", "properties": {"a": {"type": ["string", "null"]}},
            "additionalProperties": false, "$defs": {}});
        let format = |format: Value| of(json!({"response_format": format}));
        let named = json!({"type": "json_schema",
            "json_schema": {"name": "x", "strict": true, "schema": schema}});
        let config = json!({"responseMimeType": "application/json", "responseJsonSchema": schema});
        assert_eq!(format(named).unwrap(), config);
        assert_eq!(
            format(json!({"type": "json_object"})).unwrap(),
            json!({"responseMimeType": "application/json"})
        );
        let described = json!({"type": "json_schema",
            "json_schema": {"name": "x", "description": "An x.", "schema": {}}});
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
    fn thought_has_a_budget_or_a_level_and_never_both() {
        let thought = |thinking: Value, effort: Value| {
            of(json!({"thinking": thinking, "reasoning_effort": effort}))
                .map(|config| config.get("thinkingConfig").cloned().unwrap_or_default())
        };
        let enabled = json!({"type": "enabled", "budget_tokens": 2000});
        let disabled = json!({"type": "disabled"});
        let adaptive = json!({"type": "adaptive"});
        let shown = |budget: i64| json!({"includeThoughts": true, "thinkingBudget": budget});
        assert_eq!(thought(enabled.clone(), Value::Null).unwrap(), shown(2000));
        assert_eq!(thought(adaptive.clone(), Value::Null).unwrap(), shown(-1));
        let none = json!({"thinkingBudget": 0});
        assert_eq!(thought(disabled.clone(), Value::Null).unwrap(), none);
        assert_eq!(thought(disabled.clone(), json!("none")).unwrap(), none);
        assert_eq!(thought(Value::Null, json!("none")).unwrap(), none);
        assert_eq!(
            thought(Value::Null, json!("xhigh")).unwrap(),
            json!({"thinkingLevel": "XHIGH"})
        );
        assert_eq!(
            thought(adaptive, json!("low")).unwrap(),
            json!({"includeThoughts": true, "thinkingLevel": "LOW"})
        );
        assert_eq!(thought(Value::Null, Value::Null).unwrap(), Value::Null);
        for (thinking, effort, param) in [
            (Value::Null, "max", "reasoning_effort"),
            (enabled, "low", "reasoning_effort"),
            (disabled, "low", "reasoning_effort"),
            (json!({"type": "sometimes"}), "low", "thinking.type"),
            (
                json!({"type": "adaptive", "display": "omitted"}),
                "low",
                "thinking.display",
            ),
        ] {
            assert_eq!(thought(thinking, json!(effort)).unwrap_err(), param);
        }
    }

    #[test]
    fn a_model_without_levels_is_given_budgets() {
        let budget = |effort: &str| {
            let config = on("gemini-2.5-flash", json!({"reasoning_effort": effort}))?;
            Ok::<_, String>(config["thinkingConfig"]["thinkingBudget"].clone())
        };
        for (effort, tokens) in [
            ("none", 0),
            ("low", 1024),
            ("medium", 8192),
            ("high", 24_576),
        ] {
            assert_eq!(budget(effort).unwrap(), tokens);
        }
        assert_eq!(budget("xhigh").unwrap_err(), "reasoning_effort");
    }
}
