//! Tools and the choice among them.

use serde_json::{Map, Value, json};

use super::family::Family;
use super::fields::{given, object, object_in, only, optional, refused, said, string_in, wrong};
use super::parts::cache_point;
use crate::chat::InvalidRequest;

/// The request's `toolConfig`; none if it has no tools.
///
/// # Errors
/// A tool that is no function, or a choice that the dialect has no word for.
pub(super) fn config(
    request: &Map<String, Value>,
    family: Family,
) -> Result<Option<Value>, InvalidRequest> {
    let Some(tools) = said(request, "tools") else {
        return without_tools(request).map(|()| None);
    };
    let tools = tools.as_array().ok_or_else(|| wrong("tools", "an array"))?;
    let mut all = Vec::new();
    for (i, tool) in tools.iter().enumerate() {
        let at = format!("tools[{i}]");
        let tool = object(tool, &at)?;
        all.push(specification(tool, &at)?);
        all.extend(cache_point(tool).filter(|_| family.caches_tools()));
    }
    let mut config = json!({"tools": all});
    if let Some(choice) = choice(request)? {
        config["toolChoice"] = choice;
    }
    Ok(Some(config))
}

fn specification(tool: &Map<String, Value>, at: &str) -> Result<Value, InvalidRequest> {
    if string_in(tool, at, "type")? != "function" {
        return Err(refused(at));
    }
    only(tool, at, &["type", "function", "cache_control"])?;
    let function = object_in(tool, at, "function")?;
    let at = format!("{at}.function");
    only(
        function,
        &at,
        &["name", "description", "parameters", "strict"],
    )?;
    let mut spec = json!({"name": string_in(function, &at, "name")?});
    let description = optional(function, &at, "description")?;
    // An empty one is refused there.
    if let Some(description) = description.filter(|d| !d.trim().is_empty()) {
        spec["description"] = description.into();
    }
    let schema = match given(function, "parameters") {
        Some(schema) => Value::Object(object(schema, &format!("{at}.parameters"))?.clone()),
        None => json!({"type": "object", "properties": {}}),
    };
    spec["inputSchema"] = json!({"json": schema});
    match given(function, "strict") {
        None | Some(Value::Bool(false)) => {}
        Some(Value::Bool(true)) => spec["strict"] = true.into(),
        Some(_) => return Err(wrong(format!("{at}.strict"), "a boolean")),
    }
    Ok(json!({"toolSpec": spec}))
}

/// The choice where it is not the model's own. `none` cannot be said: without the tools, calls made before would
/// be refused, and with them new ones may be made.
fn choice(request: &Map<String, Value>) -> Result<Option<Value>, InvalidRequest> {
    const AT: &str = "tool_choice";
    match said(request, AT) {
        None => Ok(None),
        Some(Value::String(word)) => match word.as_str() {
            "auto" => Ok(None),
            "required" => Ok(Some(json!({"any": {}}))),
            _ => Err(refused(AT)),
        },
        Some(Value::Object(choice)) if choice.get("type").is_some_and(|t| t == "function") => {
            only(choice, AT, &["type", "function"])?;
            let function = object_in(choice, AT, "function")?;
            let name = string_in(function, "tool_choice.function", "name")?;
            Ok(Some(json!({"tool": {"name": name}})))
        }
        Some(_) => Err(refused(AT)),
    }
}

/// Where there are no tools, a choice must not ask for one.
fn without_tools(request: &Map<String, Value>) -> Result<(), InvalidRequest> {
    match said(request, "tool_choice") {
        None => Ok(()),
        Some(word) if word == "auto" || word == "none" => Ok(()),
        Some(_) => Err(refused("tool_choice")),
    }
}
