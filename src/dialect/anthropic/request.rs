//! A client's request of Anthropic's Messages API as a canonical one. What the canonical form has no word for goes
//! to `foreign`, whole.

use serde_json::{Map, Value, json};

use super::NAME;
use super::fields::{
    array, boolean, copy_object, given, missing, object, path, required, required_object,
    says_nothing, text, unknown, wrong,
};
use super::{blocks, content};
use crate::chat::InvalidRequest;

/// Reads `body`.
///
/// # Errors
/// A known field that is missing, of the wrong type or out of range, by the client's own path.
pub fn request(body: &Map<String, Value>) -> Result<Map<String, Value>, InvalidRequest> {
    let mut canonical = Map::new();
    let model = required(body, "", "model")?;
    canonical.insert("model".into(), model.into());
    canonical.insert("messages".into(), Value::Array(messages(body)?));
    if given(body, "max_tokens").is_none() {
        return Err(missing("max_tokens"));
    }
    let mut foreign = Map::new();
    for (name, value) in body.iter().filter(|(name, value)| !is_idle(name, value)) {
        if !member(name, value, &mut canonical)? {
            foreign.insert(name.clone(), value.clone());
        }
    }
    if !foreign.is_empty() {
        canonical.insert("foreign".into(), json!({ NAME: foreign }));
    }
    Ok(canonical)
}

/// Whether a member says nothing: nothing at all, or an empty list or object where one of that kind may stand.
fn is_idle(name: &str, value: &Value) -> bool {
    let empty = match name {
        "tools" | "stop_sequences" => value.as_array().is_some_and(Vec::is_empty),
        "metadata" | "output_config" => value.as_object().is_some_and(Map::is_empty),
        "max_tokens" | "temperature" | "top_p" | "top_k" | "stream" | "thinking"
        | "tool_choice" | "service_tier" => false,
        _ => says_nothing(value),
    };
    empty || value.is_null()
}

fn messages(body: &Map<String, Value>) -> Result<Vec<Value>, InvalidRequest> {
    let given_messages = given(body, "messages").ok_or_else(|| missing("messages"))?;
    let given_messages = array("messages", given_messages)?;
    if given_messages.is_empty() {
        let message = "`messages` must hold at least one message.";
        return Err(InvalidRequest::at("messages", message));
    }
    let mut canonical = Vec::with_capacity(given_messages.len() + 1);
    let none = |system: &Value| system.as_array().is_some_and(Vec::is_empty);
    if let Some(system) = given(body, "system").filter(|system| !none(system)) {
        canonical.push(json!({"role": "system", "content": blocks::content("system", system)?}));
    }
    for (i, message) in given_messages.iter().enumerate() {
        content::message(i, message, &mut canonical)?;
    }
    Ok(canonical)
}

/// Translates one member; whether nothing of it is left over.
fn member(name: &str, value: &Value, to: &mut Map<String, Value>) -> Result<bool, InvalidRequest> {
    match name {
        "model" | "messages" | "system" => {}
        "max_tokens" => {
            let tokens = value
                .as_u64()
                .ok_or_else(|| wrong(name, "a whole number"))?;
            if tokens == 0 {
                // It fills the provider's cache and asks for no answer.
                return Ok(false);
            }
            to.insert("max_completion_tokens".into(), value.clone());
        }
        "temperature" | "top_p" => {
            let number = value.as_f64().ok_or_else(|| wrong(name, "a number"))?;
            if !(0.0..=1.0).contains(&number) {
                return Err(wrong(name, "between 0 and 1"));
            }
            to.insert(name.into(), value.clone());
        }
        "top_k" => {
            value
                .as_u64()
                .ok_or_else(|| wrong(name, "a whole number"))?;
            to.insert(name.into(), value.clone());
        }
        "stream" => {
            to.insert(name.into(), boolean(name, value)?.into());
        }
        "stop_sequences" => {
            let texts = array(name, value)?;
            if !texts.iter().all(Value::is_string) {
                return Err(wrong(name, "an array of strings"));
            }
            to.insert("stop".into(), value.clone());
        }
        "cache_control" => {
            object(name, value)?;
            to.insert(name.into(), value.clone());
        }
        "thinking" => return thinking(value, to),
        "tools" => return tools(value, to),
        "tool_choice" => return tool_choice(value, to),
        "metadata" => return metadata(value, to),
        "service_tier" => return service_tier(value, to),
        "output_config" => return output_config(value, to),
        _ => return Ok(false),
    }
    Ok(true)
}

fn thinking(value: &Value, to: &mut Map<String, Value>) -> Result<bool, InvalidRequest> {
    let thinking = object("thinking", value)?;
    match required(thinking, "thinking", "type")? {
        "enabled" => {
            let budget = given(thinking, "budget_tokens");
            let budget = budget.ok_or_else(|| missing("thinking.budget_tokens"))?;
            if !budget.is_u64() {
                return Err(wrong("thinking.budget_tokens", "a whole number"));
            }
        }
        "disabled" | "adaptive" => {}
        _ => return Ok(false),
    }
    to.insert("thinking".into(), value.clone());
    Ok(true)
}

/// Anthropic's own tools and the client's stand in one list: if there is one of the former, the whole list is
/// kept as it came, so that its order is.
fn tools(value: &Value, to: &mut Map<String, Value>) -> Result<bool, InvalidRequest> {
    let mut functions = Vec::new();
    let tools = array("tools", value)?;
    for (i, tool) in tools.iter().enumerate() {
        functions.extend(function(&format!("tools[{i}]"), tool)?);
    }
    let whole = functions.len() == tools.len();
    if !functions.is_empty() {
        to.insert("tools".into(), functions.into());
    }
    Ok(whole)
}

/// A tool of the client's; none if it is not, or says more than a function can.
fn function(at: &str, tool: &Value) -> Result<Option<Value>, InvalidRequest> {
    let tool = object(at, tool)?;
    match given(tool, "type") {
        None => {}
        Some(Value::String(kind)) if kind == "custom" => {}
        Some(Value::String(_)) => return Ok(None),
        Some(_) => return Err(wrong(path(at, "type"), "a string")),
    }
    let mut function = Map::new();
    function.insert("name".into(), required(tool, at, "name")?.into());
    if given(tool, "description").is_some() {
        let description = required(tool, at, "description")?;
        function.insert("description".into(), description.into());
    }
    let schema = required_object(tool, at, "input_schema")?;
    function.insert("parameters".into(), schema.clone().into());
    if let Some(strict) = given(tool, "strict") {
        let strict = boolean(&path(at, "strict"), strict)?;
        function.insert("strict".into(), strict.into());
    }
    let mut canonical = Map::new();
    canonical.insert("type".into(), "function".into());
    canonical.insert("function".into(), function.into());
    copy_object(tool, at, "cache_control", &mut canonical)?;
    if let Some(eager) = given(tool, "eager_input_streaming") {
        // How its arguments are delivered: no more of a tool's meaning than a mark for the cache is.
        canonical.insert("eager_input_streaming".into(), eager.clone());
    }
    let usual = |name: &str, value: &Value| match name {
        "defer_loading" => value == &json!(false),
        "allowed_callers" => value == &json!(["direct"]),
        _ => false,
    };
    let known = [
        "type",
        "name",
        "description",
        "input_schema",
        "strict",
        "cache_control",
        "eager_input_streaming",
    ];
    let more = tool.iter().any(|(name, value)| {
        !known.contains(&name.as_str()) && !says_nothing(value) && !usual(name, value)
    });
    Ok((!more).then_some(Value::Object(canonical)))
}

fn tool_choice(value: &Value, to: &mut Map<String, Value>) -> Result<bool, InvalidRequest> {
    let choice = object("tool_choice", value)?;
    let canonical = match required(choice, "tool_choice", "type")? {
        "auto" => json!("auto"),
        "any" => json!("required"),
        "none" => json!("none"),
        "tool" => {
            let name = required(choice, "tool_choice", "name")?;
            json!({"type": "function", "function": {"name": name}})
        }
        _ => return Ok(false),
    };
    to.insert("tool_choice".into(), canonical);
    if let Some(one) = given(choice, "disable_parallel_tool_use") {
        // Several at once are what both sides do unasked.
        if boolean("tool_choice.disable_parallel_tool_use", one)? {
            to.insert("parallel_tool_calls".into(), false.into());
        }
    }
    Ok(unknown(choice, &["type", "name", "disable_parallel_tool_use"]).is_none())
}

fn metadata(value: &Value, to: &mut Map<String, Value>) -> Result<bool, InvalidRequest> {
    let metadata = object("metadata", value)?;
    if given(metadata, "user_id").is_some() {
        let user = required(metadata, "metadata", "user_id")?;
        to.insert("user".into(), user.into());
    }
    Ok(unknown(metadata, &["user_id"]).is_none())
}

fn service_tier(value: &Value, to: &mut Map<String, Value>) -> Result<bool, InvalidRequest> {
    let tier = match value.as_str() {
        Some("auto") => "auto",
        Some("standard_only") => "default",
        Some(_) => return Ok(false),
        None => return Err(wrong("service_tier", "a string")),
    };
    to.insert("service_tier".into(), tier.into());
    Ok(true)
}

fn output_config(value: &Value, to: &mut Map<String, Value>) -> Result<bool, InvalidRequest> {
    let at = "output_config";
    let config = object(at, value)?;
    let mut whole = unknown(config, &["effort", "format"]).is_none();
    if given(config, "effort").is_some() {
        let effort = required(config, at, "effort")?;
        if super::EFFORTS.contains(&effort) {
            to.insert("reasoning_effort".into(), effort.into());
        } else {
            whole = false;
        }
    }
    if let Some(format) = given(config, "format") {
        let at = "output_config.format";
        let format = object(at, format)?;
        required(format, at, "type")?;
        if text(format, "type") == Some("json_schema")
            && unknown(format, &["type", "schema"]).is_none()
        {
            let schema = required_object(format, at, "schema")?;
            // There a schema must have a name, and is kept to the letter only if that is asked.
            let schema = json!({"name": "answer", "schema": schema, "strict": true});
            let format = json!({"type": "json_schema", "json_schema": schema});
            to.insert("response_format".into(), format);
        } else {
            whole = false;
        }
    }
    Ok(whole)
}
