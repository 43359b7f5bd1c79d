//! The tools of a request, and which of them the model may or must call.

use serde_json::{Map, Value, json};

use super::super::members::{items, object, only, says_something, text};
use super::super::target::inexpressible;
use super::NAME;
use crate::chat::InvalidRequest;

/// Writes `tools` and `toolConfig` into `body`.
pub(super) fn write(
    request: &Map<String, Value>,
    body: &mut Map<String, Value>,
) -> Result<(), InvalidRequest> {
    let tools = items(request, "", "tools")?;
    let mut declarations = Vec::with_capacity(tools.len());
    for (i, tool) in tools.iter().enumerate() {
        declarations.push(declaration(tool, &format!("tools[{i}]"))?);
    }
    let strict = tools.iter().any(is_strict);
    let choice = request.get("tool_choice").filter(|c| says_something(c));
    if declarations.is_empty() {
        let of_nothing = choice.is_none_or(|c| matches!(c.as_str(), Some("auto" | "none")));
        let refused = || inexpressible("tool_choice", NAME);
        return of_nothing.then_some(()).ok_or_else(refused);
    }
    if request.get("parallel_tool_calls") == Some(&Value::Bool(false)) {
        return Err(inexpressible("parallel_tool_calls", NAME));
    }
    body.insert(
        "tools".into(),
        json!([{"functionDeclarations": declarations}]),
    );
    if let Some(calling) = calling(choice, strict)? {
        body.insert(
            "toolConfig".into(),
            json!({"functionCallingConfig": calling}),
        );
    }
    Ok(())
}

fn declaration(tool: &Value, at: &str) -> Result<Value, InvalidRequest> {
    let tool = object(tool, at)?;
    if text(tool, at, "type")? != "function" {
        return Err(inexpressible(format!("{at}.type"), NAME));
    }
    only(tool, at, &["type", "function", "cache_control"], NAME)?;
    let at = format!("{at}.function");
    let function = object(tool.get("function").unwrap_or(&Value::Null), &at)?;
    let known = ["name", "description", "parameters", "strict"];
    only(function, &at, &known, NAME)?;
    let mut declaration = Map::new();
    declaration.insert("name".into(), text(function, &at, "name")?.into());
    for (ours, theirs) in [
        ("description", "description"),
        // The other place for a schema takes only some of what JSON Schema has.
        ("parameters", "parametersJsonSchema"),
    ] {
        if let Some(value) = function.get(ours).filter(|v| !v.is_null()) {
            declaration.insert(theirs.into(), value.clone());
        }
    }
    Ok(declaration.into())
}

fn is_strict(tool: &Value) -> bool {
    tool.pointer("/function/strict") == Some(&Value::Bool(true))
}

/// Schemas are kept to wherever a call is enforced or validated; there is no such wish for one tool alone, and a call
/// that keeps to its schema is right for the others as well.
fn calling(choice: Option<&Value>, strict: bool) -> Result<Option<Value>, InvalidRequest> {
    let free = if strict { "VALIDATED" } else { "AUTO" };
    let Some(choice) = choice else {
        return Ok(strict.then(|| json!({"mode": free})));
    };
    let (mode, allowed) = match choice.as_str() {
        Some("auto") => (free, None),
        Some("required") => ("ANY", None),
        Some("none") => ("NONE", None),
        Some(_) => return Err(inexpressible("tool_choice", NAME)),
        None => named(choice)?,
    };
    let mut calling = json!({"mode": mode});
    if let (Some(allowed), Value::Object(calling)) = (allowed, &mut calling) {
        calling.insert("allowedFunctionNames".into(), allowed.into());
    }
    Ok(Some(calling))
}

type Named<'a> = (&'static str, Option<Vec<&'a str>>);

fn named(choice: &Value) -> Result<Named<'_>, InvalidRequest> {
    let choice = object(choice, "tool_choice")?;
    match text(choice, "tool_choice", "type")? {
        "function" => Ok(("ANY", Some(vec![name(choice, "tool_choice")?]))),
        "allowed_tools" => {
            let at = "tool_choice.allowed_tools";
            let allowed = object(choice.get("allowed_tools").unwrap_or(&Value::Null), at)?;
            let mode = match text(allowed, at, "mode")? {
                "required" => "ANY",
                "auto" => "VALIDATED",
                _ => return Err(inexpressible(format!("{at}.mode"), NAME)),
            };
            let mut names = Vec::new();
            for (i, tool) in items(allowed, at, "tools")?.iter().enumerate() {
                let at = format!("{at}.tools[{i}]");
                names.push(name(object(tool, &at)?, &at)?);
            }
            Ok((mode, Some(names)))
        }
        _ => Err(inexpressible("tool_choice.type", NAME)),
    }
}

fn name<'a>(choice: &'a Map<String, Value>, at: &str) -> Result<&'a str, InvalidRequest> {
    let at = format!("{at}.function");
    let function = object(choice.get("function").unwrap_or(&Value::Null), &at)?;
    text(function, &at, "name")
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
        json!({"type": "function", "function": {"name": name}})
    }

    #[test]
    fn a_tool_is_declared_with_its_schema_as_it_is() {
        let schema = json!({"type": "object", "properties": {"a": {"$ref": "#/$defs/A"}},
            "$defs": {"A": {"const": 1}}, "additionalProperties": false});
        let tools = json!([{"type": "function", "cache_control": {"type": "ephemeral"}, "function":
            {"name": "f", "description": "Does.", "parameters": schema, "strict": false}}, tool("g")]);
        let declared = json!([{"functionDeclarations": [
            {"name": "f", "description": "Does.", "parametersJsonSchema": schema}, {"name": "g"}]}]);
        assert_eq!(
            of(&json!({"tools": tools})).unwrap(),
            json!({"tools": declared})
        );
    }

    #[test]
    fn a_choice_of_tools_has_a_mode_and_names() {
        let chosen = |choice: Value| {
            let tools = [tool("f"), tool("g")];
            let body = of(&json!({"tools": tools, "tool_choice": choice}))?;
            Ok::<_, String>(body["toolConfig"]["functionCallingConfig"].clone())
        };
        let mode = |mode: &str| json!({"mode": mode});
        assert_eq!(chosen(json!("auto")).unwrap(), mode("AUTO"));
        assert_eq!(chosen(json!("none")).unwrap(), mode("NONE"));
        assert_eq!(chosen(json!("required")).unwrap(), mode("ANY"));
        assert_eq!(chosen(Value::Null).unwrap(), Value::Null);
        assert_eq!(
            chosen(tool("g")).unwrap(),
            json!({"mode": "ANY", "allowedFunctionNames": ["g"]})
        );
        let some = |mode: &str| {
            json!({"type": "allowed_tools",
                "allowed_tools": {"mode": mode, "tools": [tool("f")]}})
        };
        assert_eq!(
            chosen(some("auto")).unwrap(),
            json!({"mode": "VALIDATED", "allowedFunctionNames": ["f"]})
        );
        assert_eq!(
            chosen(some("required")).unwrap(),
            json!({"mode": "ANY", "allowedFunctionNames": ["f"]})
        );
        assert_eq!(
            chosen(json!({"type": "custom"})).unwrap_err(),
            "tool_choice.type"
        );
        assert_eq!(chosen(json!("any")).unwrap_err(), "tool_choice");
    }

    #[test]
    fn a_strict_tool_has_its_calls_validated() {
        let mut strict = tool("f");
        strict["function"]["strict"] = json!(true);
        let mode = |choice: Value| {
            let body = of(&json!({"tools": [strict], "tool_choice": choice})).unwrap();
            body["toolConfig"]["functionCallingConfig"]["mode"].clone()
        };
        assert_eq!(mode(Value::Null), "VALIDATED");
        assert_eq!(mode(json!("auto")), "VALIDATED");
        assert_eq!(mode(json!("required")), "ANY");
        assert_eq!(mode(json!("none")), "NONE");
    }

    #[test]
    fn other_tools_and_other_wishes_are_refused_by_name() {
        let custom = json!([tool("f"), {"type": "custom", "custom": {"name": "c"}}]);
        assert_eq!(of(&json!({"tools": custom})).unwrap_err(), "tools[1].type");
        let odd = json!([{"type": "function", "function": {"name": "f", "examples": [1]}}]);
        assert_eq!(
            of(&json!({"tools": odd})).unwrap_err(),
            "tools[0].function.examples"
        );
        let single = json!({"tools": [tool("f")], "parallel_tool_calls": false});
        assert_eq!(of(&single).unwrap_err(), "parallel_tool_calls");
        assert_eq!(
            of(&json!({"tool_choice": "required"})).unwrap_err(),
            "tool_choice"
        );
        assert_eq!(of(&json!({"tool_choice": "none"})).unwrap(), json!({}));
    }
}
