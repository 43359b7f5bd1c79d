//! Writes a canonical request as a `GenerateContentRequest`.

use serde_json::{Map, Value, json};

use super::super::members::{asked, foreign, items};
use super::super::target::{Target, inexpressible};
use super::contents::{self, Contents};
use super::{NAME, settings, tools};
use crate::chat::InvalidRequest;
use crate::dialect::messages::with_refusals_said;

/// Writes a request. The model and whether the answer streams are not in the body but in the [path](super::path).
///
/// # Errors
/// The field that cannot be expressed.
pub fn body(
    request: &Map<String, Value>,
    target: &Target<'_>,
) -> Result<Map<String, Value>, InvalidRequest> {
    for (key, value) in asked(request) {
        let placed = matches!(key, "messages" | "tools" | "tool_choice");
        if key == "foreign" {
            return Err(foreign(value, NAME));
        }
        if !placed && !settings::knows(key) {
            return Err(inexpressible(key, NAME));
        }
    }
    let Contents { system, turns } = contents::read(
        &with_refusals_said(items(request, "", "messages")?),
        target.model,
    )?;
    let mut body = Map::new();
    body.insert("contents".into(), turns.into());
    if !system.is_empty() {
        body.insert("systemInstruction".into(), json!({"parts": system}));
    }
    tools::write(request, &mut body)?;
    let config = settings::config(request, target.model)?;
    if !config.is_empty() {
        body.insert("generationConfig".into(), config.into());
    }
    hints(request, &mut body);
    Ok(body)
}

/// The hints that there is a place for.
fn hints(request: &Map<String, Value>, body: &mut Map<String, Value>) {
    let tier = match request.get("service_tier").and_then(Value::as_str) {
        Some("default") => Some("standard"),
        Some(same @ ("flex" | "priority")) => Some(same),
        _ => None,
    };
    if let Some(tier) = tier {
        body.insert("serviceTier".into(), tier.into());
    }
    if let Some(store) = request.get("store").filter(|s| s.is_boolean()) {
        body.insert("store".into(), store.clone());
    }
}

#[cfg(test)]
mod tests;
