//! The tools of a request, and whether the model may or must call them.

use serde_json::{Map, Value, json};

use super::super::members::{items, object, only, says_something, text};
use super::super::target::inexpressible;
use super::NAME;
use crate::chat::InvalidRequest;

/// Writes `tools`, `strict_tools` and `tool_choice` into `body`.
pub(super) fn write(
    request: &Map<String, Value>,
    body: &mut Map<String, Value>,
) -> Result<(), InvalidRequest> {
    let tools = items(request, "", "tools")?;
    let mut written = Vec::with_capacity(tools.len());
    for (i, one) in tools.iter().enumerate() {
        written.push(tool(one, &format!("tools[{i}]"))?);
    }
    let choice = request.get("tool_choice").filter(|c| says_something(c));
    match choice.map(|c| c.as_str().ok_or(c)) {
        None | Some(Ok("auto")) => {}
        Some(Ok("none")) if tools.is_empty() => {}
        Some(Ok("none")) => {
            body.insert("tool_choice".into(), "NONE".into());
        }
        // One tool can only be demanded where there is no other.
        Some(Ok("required")) if !tools.is_empty() => {
            body.insert("tool_choice".into(), "REQUIRED".into());
        }
        Some(Err(named)) if is_only(tools, named) => {
            body.insert("tool_choice".into(), "REQUIRED".into());
        }
        Some(_) => return Err(inexpressible("tool_choice", NAME)),
    }
    if tools.is_empty() {
        return Ok(());
    }
    if request.get("parallel_tool_calls") == Some(&Value::Bool(false)) {
        return Err(inexpressible("parallel_tool_calls", NAME));
    }
    body.insert("tools".into(), written.into());
    // It is a wish for all of them, and a call that keeps to its schema is right for the others as well.
    let strict = |tool: &Value| tool.pointer("/function/strict") == Some(&Value::Bool(true));
    if tools.iter().any(strict) {
        body.insert("strict_tools".into(), true.into());
    }
    Ok(())
}

fn tool(tool: &Value, at: &str) -> Result<Value, InvalidRequest> {
    let tool = object(tool, at)?;
    if text(tool, at, "type")? != "function" {
        return Err(inexpressible(format!("{at}.type"), NAME));
    }
    only(tool, at, &["type", "function", "cache_control"], NAME)?;
    let at = format!("{at}.function");
    let function = object(tool.get("function").unwrap_or(&Value::Null), &at)?;
    let known = ["name", "description", "parameters", "strict"];
    only(function, &at, &known, NAME)?;
    let mut written = Map::new();
    written.insert("name".into(), text(function, &at, "name")?.into());
    if let Some(description) = function.get("description").filter(|d| !d.is_null()) {
        written.insert("description".into(), description.clone());
    }
    let parameters = function.get("parameters").filter(|p| !p.is_null());
    // Of a tool that takes none that has to be said.
    let none = || json!({"type": "object", "properties": {}});
    written.insert(
        "parameters".into(),
        parameters.cloned().unwrap_or_else(none),
    );
    Ok(json!({"type": "function", "function": written}))
}

fn is_only(tools: &[Value], named: &Value) -> bool {
    let name = |of: &Value| of.pointer("/function/name").cloned();
    let is_function = named.get("type").is_some_and(|kind| kind == "function");
    matches!(tools, [one] if is_function && name(one) == name(named))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(request: &Value) -> Result<Value, String> {
        let mut body = Map::new();
        let done = write(request.as_object().unwrap(), &mut body);
        done.map(|()| body.into()).map_err(|e| e.param.unwrap())
    }

    fn tool(name: &str) -> Value {
        json!({"type": "function", "function": {"name": name,
            "description": "Does.", "parameters": {"type": "object", "properties": {}}}})
    }

    #[test]
    fn a_tool_goes_on_with_its_schema_as_it_is() {
        let bare = json!({"type": "function", "cache_control": {}, "function": {"name": "g"}});
        let mut strict = tool("f");
        strict["function"]["strict"] = json!(true);
        let written = of(&json!({"tools": [strict, bare]})).unwrap();
        let none = json!({"type": "object", "properties": {}});
        let bare = json!({"type": "function", "function": {"name": "g", "parameters": none}});
        assert_eq!(
            written,
            json!({"tools": [tool("f"), bare], "strict_tools": true})
        );
        let written = of(&json!({"tools": [tool("f")]})).unwrap();
        assert_eq!(written, json!({"tools": [tool("f")]}));
    }

    #[test]
    fn a_choice_is_all_or_none() {
        let chosen = |tools: Value, choice: Value| {
            let body = of(&json!({"tools": tools, "tool_choice": choice}))?;
            Ok::<_, String>(body.get("tool_choice").cloned().unwrap_or_default())
        };
        let both = json!([tool("f"), tool("g")]);
        let named = json!({"type": "function", "function": {"name": "f"}});
        assert_eq!(chosen(both.clone(), json!("auto")).unwrap(), Value::Null);
        assert_eq!(chosen(both.clone(), json!("none")).unwrap(), "NONE");
        assert_eq!(chosen(both.clone(), json!("required")).unwrap(), "REQUIRED");
        assert_eq!(
            chosen(json!([tool("f")]), named.clone()).unwrap(),
            "REQUIRED"
        );
        assert_eq!(chosen(json!([]), json!("none")).unwrap(), Value::Null);
        for (tools, choice) in [
            (both.clone(), named.clone()),
            (json!([tool("g")]), named),
            (both, json!("any")),
            (json!([]), json!("required")),
            (json!([tool("f")]), json!({"type": "allowed_tools"})),
        ] {
            assert_eq!(chosen(tools, choice).unwrap_err(), "tool_choice");
        }
    }

    #[test]
    fn other_tools_and_other_wishes_are_refused_by_name() {
        let custom = json!({"tools": [{"type": "custom", "custom": {"name": "c"}}]});
        assert_eq!(of(&custom).unwrap_err(), "tools[0].type");
        let odd = json!({"tools": [{"type": "function", "function": {"name": "f", "x": 1}}]});
        assert_eq!(of(&odd).unwrap_err(), "tools[0].function.x");
        let single = json!({"tools": [tool("f")], "parallel_tool_calls": false});
        assert_eq!(of(&single).unwrap_err(), "parallel_tool_calls");
    }
}
