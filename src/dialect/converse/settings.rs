//! Settings of a request: sampling, thinking, the form of the answer, and what Bedrock only takes note of.

use serde_json::{Map, Value, json};

use super::KEY;
use super::family::Family;
use super::fields::{given, object, object_in, only, refused, said, says, string_in, wrong};
use crate::chat::InvalidRequest;

/// Most pairs of `requestMetadata`, and most characters of a key or a value.
const MAX_PAIRS: usize = 16;
const MAX_PAIR: usize = 256;

/// Members that a request may hold for this dialect alone, and that go into the body as they are.
const OWN: [&str; 6] = [
    "additionalModelRequestFields",
    "additionalModelResponseFieldPaths",
    "guardrailConfig",
    "performanceConfig",
    "requestMetadata",
    "serviceTier",
];

/// Writes the settings of `request` into `body`.
///
/// # Errors
/// The first that the dialect, or this family of models, has no word for.
pub(super) fn write(
    request: &Map<String, Value>,
    family: Family,
    body: &mut Map<String, Value>,
) -> Result<(), InvalidRequest> {
    let mut put = |name: &str, value: Map<String, Value>| {
        if !value.is_empty() {
            body.insert(name.into(), Value::Object(value));
        }
    };
    put("inferenceConfig", inference(request)?);
    put("additionalModelRequestFields", additional(request, family)?);
    put("outputConfig", output(request)?);
    put("requestMetadata", metadata(request)?);
    let stops = body
        .get("inferenceConfig")
        .and_then(|c| c.get("stopSequences"));
    if family == Family::Claude && stops.is_some() {
        // Which of them it was is told only on request.
        let paths = json!(["/stop_sequence"]);
        body.insert("additionalModelResponseFieldPaths".into(), paths);
    }
    if let Some(tier @ ("default" | "priority" | "flex")) =
        request.get("service_tier").and_then(Value::as_str)
    {
        body.insert("serviceTier".into(), json!({"type": tier}));
    }
    own(request, body)
}

fn inference(request: &Map<String, Value>) -> Result<Map<String, Value>, InvalidRequest> {
    let mut config = Map::new();
    // The newer name counts where a client sends both.
    for name in ["max_completion_tokens", "max_tokens"] {
        if let Some(most) = given(request, name) {
            let most = most.as_u64().ok_or_else(|| wrong(name, "an integer"))?;
            config.entry("maxTokens").or_insert_with(|| most.into());
        }
    }
    for (name, theirs) in [("temperature", "temperature"), ("top_p", "topP")] {
        let Some(number) = given(request, name) else {
            continue;
        };
        let size = number.as_f64().ok_or_else(|| wrong(name, "a number"))?;
        if size > 1.0 {
            let message = format!("`{name}` must be at most 1 for {}.", super::NAME);
            return Err(InvalidRequest::at(name, message));
        }
        config.insert(theirs.into(), number.clone());
    }
    let stops = match given(request, "stop") {
        None => Vec::new(),
        Some(stop @ Value::String(_)) => vec![stop.clone()],
        Some(Value::Array(stops)) => stops.clone(),
        Some(_) => return Err(wrong("stop", "a string or an array of strings")),
    };
    if stops.iter().any(|s| s.as_str().is_none_or(str::is_empty)) {
        return Err(refused("stop"));
    }
    if !stops.is_empty() {
        config.insert("stopSequences".into(), stops.into());
    }
    Ok(config)
}

/// What only some families of models take, in their own words.
fn additional(
    request: &Map<String, Value>,
    family: Family,
) -> Result<Map<String, Value>, InvalidRequest> {
    let mut fields = Map::new();
    let claude = family.takes_claudes_fields();
    if let Some(thinking) = said(request, "thinking") {
        if !claude {
            return Err(refused("thinking"));
        }
        let thinking = object(thinking, "thinking")?.clone();
        fields.insert("thinking".into(), thinking.into());
    }
    if given(request, "reasoning_effort").is_some_and(|effort| effort == "none") {
        // Claude thinks as hard as it can unless it is told not to think.
        let contradicted = fields
            .get("thinking")
            .is_some_and(|t| t["type"] != "disabled");
        if !claude || contradicted {
            return Err(refused("reasoning_effort"));
        }
        fields.insert("thinking".into(), json!({"type": "disabled"}));
    }
    if let Some(top_k) = given(request, "top_k") {
        let top_k = top_k.as_u64();
        let top_k = top_k.ok_or_else(|| wrong("top_k", "an integer"))?;
        let (name, value) = match family {
            Family::Nova => ("inferenceConfig", json!({"topK": top_k})),
            _ if claude => ("top_k", top_k.into()),
            _ => return Err(refused("top_k")),
        };
        fields.insert(name.into(), value);
    }
    Ok(fields)
}

fn output(request: &Map<String, Value>) -> Result<Map<String, Value>, InvalidRequest> {
    let mut config = Map::new();
    if let Some(format) = said(request, "response_format") {
        let format = object(format, "response_format")?;
        match string_in(format, "response_format", "type")? {
            "text" => {}
            "json_schema" => {
                config.insert("textFormat".into(), schema(format)?);
            }
            _ => return Err(refused("response_format")),
        }
    }
    match given(request, "reasoning_effort") {
        None => {}
        Some(effort) => match effort.as_str() {
            Some("none") => {}
            Some("low" | "medium" | "high" | "xhigh" | "max") => {
                config.insert("effort".into(), effort.clone());
            }
            _ => return Err(refused("reasoning_effort")),
        },
    }
    Ok(config)
}

/// A schema goes as text. It always binds the model, whether `strict` is set or not.
fn schema(format: &Map<String, Value>) -> Result<Value, InvalidRequest> {
    const AT: &str = "response_format.json_schema";
    only(format, "response_format", &["type", "json_schema"])?;
    let asked = object_in(format, "response_format", "json_schema")?;
    only(asked, AT, &["name", "description", "schema", "strict"])?;
    let schema = object_in(asked, AT, "schema")?;
    let schema = Value::Object(schema.clone()).to_string();
    let mut definition = json!({"schema": schema});
    for name in ["name", "description"] {
        if given(asked, name).is_some() {
            definition[name] = string_in(asked, AT, name)?.into();
        }
    }
    Ok(json!({"type": "json_schema", "structure": {"jsonSchema": definition}}))
}

/// Metadata is for Bedrock's logs. A pair that it does not take would fail the request, and is left out.
fn metadata(request: &Map<String, Value>) -> Result<Map<String, Value>, InvalidRequest> {
    let Some(metadata) = said(request, "metadata") else {
        return Ok(Map::new());
    };
    let metadata = object(metadata, "metadata")?.iter();
    let fits = |text: &str| {
        let allowed = |c: char| c.is_ascii_alphanumeric() || " \t\r\n:_@$#=/+,-.".contains(c);
        text.len() <= MAX_PAIR && text.chars().all(allowed)
    };
    let taken = metadata
        .filter(|(key, value)| !key.is_empty() && fits(key) && value.as_str().is_some_and(fits));
    let taken = taken.take(MAX_PAIRS);
    Ok(taken.map(|(k, v)| (k.clone(), v.clone())).collect())
}

/// What the request holds for this dialect alone goes over what was translated; what it holds for another one
/// is refused by its own name.
fn own(request: &Map<String, Value>, body: &mut Map<String, Value>) -> Result<(), InvalidRequest> {
    let Some(foreign) = said(request, "foreign") else {
        return Ok(());
    };
    let foreign = object(foreign, "foreign")?;
    for (dialect, members) in foreign.iter().filter(|(_, members)| says(members)) {
        let members = object(members, &format!("foreign.{dialect}"))?;
        for (name, value) in members.iter().filter(|(_, value)| says(value)) {
            if dialect != KEY || !OWN.contains(&name.as_str()) {
                return Err(refused(name.as_str()));
            }
            match (body.get_mut(name), value) {
                (Some(Value::Object(written)), Value::Object(more)) => {
                    written.extend(more.clone());
                }
                _ => {
                    body.insert(name.clone(), value.clone());
                }
            }
        }
    }
    Ok(())
}
