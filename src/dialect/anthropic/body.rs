//! A canonical request as the body of a call of Anthropic's Messages API.

use serde_json::{Map, Value, json};

use super::fields::{
    array, given, object, path, required, required_object, says_nothing, text, unknown, wrong,
};
use super::turns::turns;
use super::{EFFORTS, NAME, TITLE};
use crate::chat::InvalidRequest;
use crate::dialect::messages::with_refusals_said;
use crate::dialect::{Target, inexpressible};

type Body = Map<String, Value>;
type Done = Result<(), InvalidRequest>;

/// Writes `request` for `target`.
///
/// # Errors
/// What the API cannot express, by its canonical path.
pub fn body(request: &Body, target: &Target<'_>) -> Result<Body, InvalidRequest> {
    check(request)?;
    let mut body = Map::new();
    body.insert("model".into(), target.model.into());
    body.insert("max_tokens".into(), max_tokens(request, target));
    let messages = request.get("messages").unwrap_or(&Value::Null);
    let messages = with_refusals_said(array("messages", messages)?);
    let conversation = turns(&messages)?;
    body.extend(
        conversation
            .system
            .map(|system| ("system".to_owned(), system)),
    );
    body.insert("messages".into(), conversation.messages.into());
    tools(request, &mut body)?;
    tool_choice(request, &mut body)?;
    sampling(request, &mut body)?;
    thinking(request, &mut body)?;
    output_config(request, &mut body)?;
    hints(request, &mut body);
    if target.stream {
        body.insert("stream".into(), true.into());
    }
    foreign(request, &mut body)?;
    Ok(body)
}

/// Members that are translated, or are hints, or only say how the answer is to come.
const KNOWN: [&str; 25] = [
    "model",
    "messages",
    "stream",
    "stream_options",
    "max_tokens",
    "max_completion_tokens",
    "temperature",
    "top_p",
    "top_k",
    "stop",
    "tools",
    "tool_choice",
    "parallel_tool_calls",
    "response_format",
    "reasoning_effort",
    "thinking",
    "user",
    "safety_identifier",
    "metadata",
    "store",
    "service_tier",
    "prompt_cache_key",
    "prompt_cache_retention",
    "cache_control",
    "foreign",
];

/// Refuses what has no place there, unless it asks for what happens anyway.
fn check(request: &Body) -> Done {
    for (name, value) in request {
        let usual = match name.as_str() {
            known if KNOWN.contains(&known) => true,
            "n" => value == &json!(1),
            "presence_penalty" | "frequency_penalty" | "top_logprobs" => {
                value.as_f64() == Some(0.0)
            }
            "logprobs" => value == &json!(false),
            "modalities" => value == &json!(["text"]),
            _ => false,
        };
        // Its mere presence asks for a search.
        let searches = name == "web_search_options" && !value.is_null();
        if !usual && (searches || !says_nothing(value)) {
            return Err(inexpressible(name, TITLE));
        }
    }
    Ok(())
}

fn max_tokens(request: &Body, target: &Target<'_>) -> Value {
    let asked = given(request, "max_completion_tokens").or_else(|| given(request, "max_tokens"));
    let thought =
        given(request, "thinking").and_then(|thinking| thinking.get("budget_tokens")?.as_u64());
    // What is thought counts as well, and must leave room for an answer.
    let usual = target.max_tokens.saturating_add(thought.unwrap_or(0));
    asked.cloned().unwrap_or_else(|| usual.into())
}

fn tools(request: &Body, body: &mut Body) -> Done {
    let Some(tools) = given(request, "tools").filter(|tools| !says_nothing(tools)) else {
        return Ok(());
    };
    let tools = array("tools", tools)?.iter().enumerate();
    let tools = tools.map(|(i, tool)| custom_tool(&format!("tools[{i}]"), tool));
    let tools: Vec<_> = tools.collect::<Result<_, _>>()?;
    body.insert("tools".into(), tools.into());
    Ok(())
}

fn custom_tool(at: &str, tool: &Value) -> Result<Value, InvalidRequest> {
    let tool = object(at, tool)?;
    if required(tool, at, "type")? != "function" {
        return Err(inexpressible(at, TITLE));
    }
    let hints = ["cache_control", "eager_input_streaming"];
    if let Some(name) = unknown(tool, &[&["type", "function"], &hints[..]].concat()) {
        return Err(inexpressible(path(at, name), TITLE));
    }
    let function = required_object(tool, at, "function")?;
    let at = path(at, "function");
    if let Some(name) = unknown(function, &["name", "description", "parameters", "strict"]) {
        return Err(inexpressible(path(&at, name), TITLE));
    }
    let mut custom = Map::new();
    custom.insert("name".into(), required(function, &at, "name")?.into());
    if let Some(description) = given(function, "description") {
        custom.insert("description".into(), description.clone());
    }
    let mut schema = match given(function, "parameters") {
        Some(schema) => object(&path(&at, "parameters"), schema)?.clone(),
        None => Map::new(),
    };
    // Arguments are an object on either side; here the schema has to say so.
    if !schema.contains_key("type") {
        schema.shift_insert(0, "type".into(), "object".into());
    }
    custom.insert("input_schema".into(), schema.into());
    if function.get("strict").and_then(Value::as_bool) == Some(true) {
        custom.insert("strict".into(), true.into());
    }
    for name in hints {
        if let Some(hint) = given(tool, name) {
            custom.insert(name.into(), hint.clone());
        }
    }
    Ok(custom.into())
}

fn tool_choice(request: &Body, body: &mut Body) -> Done {
    let choice = given(request, "tool_choice");
    let mut translated = match choice {
        None => None,
        Some(Value::String(word)) => Some(match word.as_str() {
            "auto" => json!({"type": "auto"}),
            "required" => json!({"type": "any"}),
            "none" => json!({"type": "none"}),
            _ => return Err(inexpressible("tool_choice", TITLE)),
        }),
        Some(choice) => Some(named(choice)?),
    };
    let one = request.get("parallel_tool_calls").and_then(Value::as_bool) == Some(false);
    let has_tools = body.contains_key("tools") || foreign_of(request).contains_key("tools");
    let idle = choice.is_none_or(|choice| choice == "auto" || choice == "none");
    if !has_tools && idle {
        return Ok(());
    }
    if one && choice.and_then(Value::as_str) != Some("none") {
        let choice = translated.get_or_insert_with(|| json!({"type": "auto"}));
        choice["disable_parallel_tool_use"] = true.into();
    }
    body.extend(translated.map(|choice| ("tool_choice".to_owned(), choice)));
    Ok(())
}

/// A choice of one function.
fn named(choice: &Value) -> Result<Value, InvalidRequest> {
    let choice = object("tool_choice", choice)?;
    if text(choice, "type") != Some("function") || unknown(choice, &["type", "function"]).is_some()
    {
        return Err(inexpressible("tool_choice", TITLE));
    }
    let function = required_object(choice, "tool_choice", "function")?;
    let name = required(function, "tool_choice.function", "name")?;
    Ok(json!({"type": "tool", "name": name}))
}

fn sampling(request: &Body, body: &mut Body) -> Done {
    if let Some(temperature) = given(request, "temperature") {
        if temperature.as_f64().is_none_or(|t| t > 1.0) {
            let message =
                format!("`temperature` is at most 1 for {TITLE}; lower it or ask another model.");
            return Err(InvalidRequest::at("temperature", message));
        }
        body.insert("temperature".into(), temperature.clone());
    }
    for name in ["top_p", "top_k"] {
        if let Some(value) = given(request, name) {
            body.insert(name.into(), value.clone());
        }
    }
    match given(request, "stop") {
        Some(Value::String(text)) => {
            body.insert("stop_sequences".into(), json!([text]));
        }
        Some(Value::Array(texts)) if !texts.is_empty() => {
            body.insert("stop_sequences".into(), texts.clone().into());
        }
        Some(Value::Array(_)) | None => {}
        Some(_) => return Err(wrong("stop", "a string or an array of strings")),
    }
    Ok(())
}

fn thinking(request: &Body, body: &mut Body) -> Done {
    let Some(value) = given(request, "thinking") else {
        return Ok(());
    };
    let thinking = object("thinking", value)?;
    match required(thinking, "thinking", "type")? {
        "enabled" if !thinking.get("budget_tokens").is_some_and(Value::is_u64) => {
            return Err(wrong("thinking.budget_tokens", "a whole number"));
        }
        "enabled" | "disabled" | "adaptive" => {}
        _ => return Err(inexpressible("thinking.type", TITLE)),
    }
    body.insert("thinking".into(), value.clone());
    Ok(())
}

/// Effort and format of the answer. The least effort is not to think at all.
fn output_config(request: &Body, body: &mut Body) -> Done {
    let mut config = Map::new();
    if let Some(effort) = given(request, "reasoning_effort") {
        let word = effort.as_str().unwrap_or_default();
        if EFFORTS.contains(&word) {
            config.insert("effort".into(), effort.clone());
        } else if matches!(word, "none" | "minimal") {
            let off = json!({"type": "disabled"});
            let said = body.entry("thinking").or_insert_with(|| off.clone());
            if said.get("type") != off.get("type") {
                let message = "`reasoning_effort` and `thinking` ask for opposite things.";
                return Err(InvalidRequest::at("reasoning_effort", message));
            }
        } else {
            return Err(inexpressible("reasoning_effort", TITLE));
        }
    }
    if let Some(format) = given(request, "response_format") {
        config.extend(schema(format)?.map(|format| ("format".to_owned(), format)));
    }
    if !config.is_empty() {
        body.insert("output_config".into(), config.into());
    }
    Ok(())
}

fn schema(format: &Value) -> Result<Option<Value>, InvalidRequest> {
    let at = "response_format";
    let format = object(at, format)?;
    match required(format, at, "type")? {
        "text" => return Ok(None),
        "json_schema" => {}
        _ => return Err(inexpressible(at, TITLE)),
    }
    let told = required_object(format, at, "json_schema")?;
    let at = "response_format.json_schema";
    // The name is a label, and the schema is always kept to the letter.
    if let Some(name) = unknown(told, &["name", "schema", "strict"]) {
        return Err(inexpressible(path(at, name), TITLE));
    }
    let schema = required_object(told, at, "schema")?;
    Ok(Some(json!({"type": "json_schema", "schema": schema})))
}

fn hints(request: &Body, body: &mut Body) {
    let user = given(request, "safety_identifier").or_else(|| given(request, "user"));
    if let Some(user) = user {
        body.insert("metadata".into(), json!({ "user_id": user }));
    }
    let tier = match text(request, "service_tier") {
        Some("auto") => Some("auto"),
        Some("default") => Some("standard_only"),
        _ => None,
    };
    body.extend(tier.map(|tier| ("service_tier".to_owned(), tier.into())));
    if let Some(mark) = given(request, "cache_control") {
        body.insert("cache_control".into(), mark.clone());
    }
}

/// What a client of this dialect said beyond the canonical form.
fn foreign_of(request: &Body) -> Body {
    let own = request
        .get("foreign")
        .and_then(|foreign| foreign.get(NAME)?.as_object());
    own.cloned().unwrap_or_default()
}

/// Gives a client of this dialect its own words back; those of any other are refused by their names.
fn foreign(request: &Body, body: &mut Body) -> Done {
    let dialects = request.get("foreign").and_then(Value::as_object);
    let others = dialects
        .into_iter()
        .flatten()
        .filter(|(dialect, _)| *dialect != NAME);
    for (_, members) in others {
        if let Some(name) = members
            .as_object()
            .and_then(|members| members.keys().next())
        {
            return Err(inexpressible(name, TITLE));
        }
    }
    body.extend(foreign_of(request));
    Ok(())
}
