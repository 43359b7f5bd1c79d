//! Tools, the choice among them and the format of a text, in the flat form that responses write and the nested one
//! of chat completions.

use serde_json::{Map, Value, json};

use super::field::{
    Object, array, boolean, given, object, only, required, text, unavailable, unavailable_value,
    wrong,
};
use crate::chat::InvalidRequest;

type Told = Result<Option<Value>, InvalidRequest>;

/// The tools of `body`; none if there are none.
pub(super) fn tools(body: &Object) -> Told {
    let tools = array(body, "", "tools")?.unwrap_or_default();
    let numbered = tools.iter().enumerate();
    let told: Result<Vec<Value>, _> = numbered
        .map(|(i, tool)| function(tool, &format!("tools[{i}]")))
        .collect();
    Ok(Some(told?).filter(|t| !t.is_empty()).map(Value::Array))
}

fn function(tool: &Value, at: &str) -> Result<Value, InvalidRequest> {
    let tool = object(tool, at)?;
    let kind = required(tool, at, "type")?;
    if kind != "function" {
        let instead = "only function tools are";
        return Err(unavailable_value(format!("{at}.type"), kind, instead));
    }
    let name = required(tool, at, "name")?;
    // Found by a search, run beside the talk: a server of its own does that, not a model.
    for name in ["defer_loading", "async"] {
        if boolean(tool, at, name)? == Some(true) {
            return Err(unavailable(format!("{at}.{name}")));
        }
    }
    let callers = array(tool, at, "allowed_callers")?.unwrap_or_default();
    if callers.iter().any(|caller| caller != "direct") {
        return Err(unavailable(format!("{at}.allowed_callers")));
    }
    let own = ["type", "name", "description", "parameters", "strict"];
    let none = ["defer_loading", "async", "allowed_callers"];
    only(tool, at, &[&own[..], &none].concat())?;
    let mut told = Map::new();
    told.insert("name".into(), name.into());
    if let Some(description) = text(tool, at, "description")? {
        told.insert("description".into(), description.into());
    }
    if let Some(parameters) = given(tool, "parameters") {
        object(parameters, &format!("{at}.parameters"))?;
        told.insert("parameters".into(), parameters.clone());
    }
    if let Some(strict) = boolean(tool, at, "strict")? {
        told.insert("strict".into(), strict.into());
    }
    Ok(json!({"type": "function", "function": told}))
}

/// The choice among the tools. Where there are none, to choose freely or none says nothing.
pub(super) fn choice(body: &Object, any_tools: bool) -> Told {
    let Some(choice) = given(body, "tool_choice") else {
        return Ok(None);
    };
    let at = "tool_choice";
    let chosen = match choice {
        Value::String(mode) if ["auto", "none", "required"].contains(&mode.as_str()) => {
            let says = any_tools || mode == "required";
            return Ok(says.then(|| choice.clone()));
        }
        Value::String(mode) => {
            let instead = "use auto, none or required";
            return Err(unavailable_value(at, mode, instead));
        }
        Value::Object(chosen) => chosen,
        _ => return Err(wrong(at, "a string or an object")),
    };
    match required(chosen, at, "type")? {
        "function" => named(chosen, at).map(Some),
        "allowed_tools" => allowed(chosen, at).map(Some),
        other => {
            let instead = "use function or allowed_tools";
            Err(unavailable_value("tool_choice.type", other, instead))
        }
    }
}

fn named(chosen: &Object, at: &str) -> Result<Value, InvalidRequest> {
    only(chosen, at, &["type", "name"])?;
    Ok(json!({"type": "function", "function": {"name": required(chosen, at, "name")?}}))
}

fn allowed(chosen: &Object, at: &str) -> Result<Value, InvalidRequest> {
    only(chosen, at, &["type", "mode", "tools"])?;
    let mut tools = Vec::new();
    for (i, tool) in array(chosen, at, "tools")?
        .unwrap_or_default()
        .iter()
        .enumerate()
    {
        let at = format!("{at}.tools[{i}]");
        let tool = object(tool, &at)?;
        let kind = required(tool, &at, "type")?;
        if kind != "function" {
            let instead = "only function tools are";
            return Err(unavailable_value(format!("{at}.type"), kind, instead));
        }
        tools.push(named(tool, &at)?);
    }
    let mode = required(chosen, at, "mode")?;
    Ok(json!({"type": "allowed_tools", "allowed_tools": {"mode": mode, "tools": tools}}))
}

/// The format that `text` asks for; none for plain text.
pub(super) fn format(config: &Object) -> Told {
    let at = "text.format";
    let Some(format) = given(config, "format") else {
        return Ok(None);
    };
    let format = object(format, at)?;
    match required(format, at, "type")? {
        "text" => only(format, at, &["type"]).map(|()| None),
        "json_object" => {
            only(format, at, &["type"])?;
            Ok(Some(json!({"type": "json_object"})))
        }
        "json_schema" => schema(format, at).map(Some),
        other => {
            let instead = "use text, json_schema or json_object";
            Err(unavailable_value("text.format.type", other, instead))
        }
    }
}

fn schema(format: &Object, at: &str) -> Result<Value, InvalidRequest> {
    only(
        format,
        at,
        &["type", "name", "description", "schema", "strict"],
    )?;
    let mut told = Map::new();
    told.insert("name".into(), required(format, at, "name")?.into());
    if let Some(description) = text(format, at, "description")? {
        told.insert("description".into(), description.into());
    }
    let schema = format.get("schema").unwrap_or(&Value::Null);
    object(schema, &format!("{at}.schema"))?;
    told.insert("schema".into(), schema.clone());
    if let Some(strict) = boolean(format, at, "strict")? {
        told.insert("strict".into(), strict.into());
    }
    Ok(json!({"type": "json_schema", "json_schema": told}))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(name: &str, value: Value) -> Object {
        Object::from_iter([(name.to_owned(), value)])
    }

    fn fault(told: Told) -> String {
        told.unwrap_err().param.unwrap()
    }

    #[test]
    fn a_flat_function_is_nested() {
        let flat = json!({"type": "function", "name": "f", "description": "d",
            "parameters": {"type": "object"}, "strict": true});
        let nested = json!([{"type": "function", "function": {"name": "f", "description": "d",
            "parameters": {"type": "object"}, "strict": true}}]);
        assert_eq!(tools(&with("tools", json!([flat]))).unwrap(), Some(nested));
        let bare = json!([{"type": "function", "name": "f", "parameters": null, "strict": null}]);
        let told = tools(&with("tools", bare)).unwrap();
        assert_eq!(
            told,
            Some(json!([{"type": "function", "function": {"name": "f"}}]))
        );
        assert_eq!(tools(&with("tools", json!([]))).unwrap(), None);
    }

    #[test]
    fn each_faulty_or_built_in_tool_is_named() {
        for (tool, at) in [
            (json!({"type": "web_search"}), "tools[0].type"),
            (json!({"type": "mcp", "server_label": "x"}), "tools[0].type"),
            (json!({"type": "custom", "name": "x"}), "tools[0].type"),
            (
                json!({"type": "function", "function": {"name": "f"}}),
                "tools[0].name",
            ),
            (json!({"type": "function"}), "tools[0].name"),
            (
                json!({"type": "function", "name": "f", "parameters": 1}),
                "tools[0].parameters",
            ),
            (
                json!({"type": "function", "name": "f", "strict": 1}),
                "tools[0].strict",
            ),
            (
                json!({"type": "function", "name": "f", "output_schema": {}}),
                "tools[0].output_schema",
            ),
            (
                json!({"type": "function", "name": "f", "defer_loading": true}),
                "tools[0].defer_loading",
            ),
            (
                json!({"type": "function", "name": "f", "allowed_callers": ["programmatic"]}),
                "tools[0].allowed_callers",
            ),
        ] {
            assert_eq!(fault(tools(&with("tools", json!([tool])))), at, "{tool}");
        }
    }

    #[test]
    fn a_choice_is_told_in_the_chat_form() {
        let told = |value: Value, any| choice(&with("tool_choice", value), any).unwrap();
        assert_eq!(told(json!("required"), true), Some(json!("required")));
        assert_eq!(told(json!("auto"), false), None);
        let function = json!({"type": "function", "function": {"name": "f"}});
        assert_eq!(
            told(json!({"type": "function", "name": "f"}), true),
            Some(function.clone())
        );
        let flat = json!({"type": "allowed_tools", "mode": "auto",
            "tools": [{"type": "function", "name": "f"}]});
        let nested = json!({"type": "allowed_tools",
            "allowed_tools": {"mode": "auto", "tools": [function]}});
        assert_eq!(told(flat, true), Some(nested));
        for (value, at) in [
            (json!("some"), "tool_choice"),
            (json!({"type": "web_search_preview"}), "tool_choice.type"),
            (json!({"type": "function"}), "tool_choice.name"),
            (
                json!({"type": "allowed_tools", "mode": "auto", "tools": [{"type": "mcp"}]}),
                "tool_choice.tools[0].type",
            ),
        ] {
            assert_eq!(fault(choice(&with("tool_choice", value), true)), at);
        }
    }

    #[test]
    fn a_flat_schema_is_nested_and_plain_text_is_nothing() {
        let told = |value: Value| format(&with("format", value)).unwrap();
        assert_eq!(told(json!({"type": "text"})), None);
        assert_eq!(
            told(json!({"type": "json_object"})),
            Some(json!({"type": "json_object"}))
        );
        let flat = json!({"type": "json_schema", "name": "n", "schema": {"type": "object"},
            "strict": true, "description": "d"});
        let nested = json!({"type": "json_schema", "json_schema": {"name": "n", "description": "d",
            "schema": {"type": "object"}, "strict": true}});
        assert_eq!(told(flat), Some(nested));
        for (value, at) in [
            (json!({"type": "grammar"}), "text.format.type"),
            (
                json!({"type": "json_schema", "name": "n"}),
                "text.format.schema",
            ),
            (
                json!({"type": "json_schema", "schema": {}}),
                "text.format.name",
            ),
            (
                json!({"type": "json_schema", "json_schema": {}}),
                "text.format.json_schema",
            ),
        ] {
            assert_eq!(fault(format(&with("format", value))), at);
        }
    }
}
