//! Names a canonical field as the client wrote it.

use serde_json::{Map, Value};

use super::input;
use super::request::instructed;
use super::turn::Origin;

/// The client's own path of the field that `path` names in the canonical form of `body`, whose first messages are
/// the `earlier` ones of a response before it. As near as can be told: a message may come of several items.
#[must_use]
pub fn param(path: &str, body: &Map<String, Value>, earlier: usize) -> String {
    if let Some((message, rest)) = indexed(path, "messages") {
        return of_message(message, rest, body, earlier);
    }
    let head = path.split(['.', '[']).next().unwrap_or(path);
    let rest = path.strip_prefix(head).unwrap_or_default();
    match head {
        "messages" => "input".to_owned(),
        "max_completion_tokens" | "max_tokens" => "max_output_tokens".to_owned(),
        "response_format" => format!("text.format{}", rest.replacen(".json_schema", "", 1)),
        "verbosity" => "text.verbosity".to_owned(),
        "reasoning_effort" => "reasoning.effort".to_owned(),
        // Either asks for them.
        "logprobs" if body.get("top_logprobs").is_some_and(|top| !top.is_null()) => {
            "top_logprobs".to_owned()
        }
        "logprobs" => "include".to_owned(),
        "tools" | "tool_choice" => {
            let flat = rest.replacen(".allowed_tools", "", 1);
            format!("{head}{}", flat.replacen(".function", "", 1))
        }
        "foreign" => {
            let own = rest.strip_prefix(".responses.");
            own.unwrap_or(path).to_owned()
        }
        _ => path.to_owned(),
    }
}

/// The index and what follows it, of a path such as `name[3].x`.
fn indexed<'a>(path: &'a str, name: &str) -> Option<(usize, &'a str)> {
    let (index, rest) = path
        .strip_prefix(name)?
        .strip_prefix('[')?
        .split_once(']')?;
    Some((index.parse().ok()?, rest))
}

fn of_message(message: usize, rest: &str, body: &Map<String, Value>, earlier: usize) -> String {
    let own = match message.checked_sub(usize::from(instructed(body))) {
        None => return "instructions".to_owned(),
        Some(place) => place.checked_sub(earlier),
    };
    let Some(own) = own else {
        return "previous_response_id".to_owned();
    };
    let items = body.get("input").and_then(Value::as_array);
    let told = input::messages(body.get("input"), "input");
    let origins = told.map(|(_, origins)| origins).unwrap_or_default();
    match (items, origins.get(own)) {
        (Some(items), Some(origin)) => of_item(origin, rest, items),
        _ => "input".to_owned(),
    }
}

fn of_item(origin: &Origin, rest: &str, items: &[Value]) -> String {
    let rest = rest.strip_prefix('.').unwrap_or(rest);
    if let Some((call, rest)) = indexed(rest, "tool_calls") {
        let item = origin.calls.get(call).unwrap_or(&origin.first);
        let rest = match rest {
            ".id" => ".call_id",
            other => other.strip_prefix(".function").unwrap_or_default(),
        };
        return format!("input[{item}]{rest}");
    }
    if rest == "content" || rest.starts_with("content[") {
        return of_content(origin, rest, items);
    }
    match rest {
        "" | "reasoning_content" | "thinking_blocks" | "tool_calls" => {
            format!("input[{}]", origin.first)
        }
        "tool_call_id" => format!("input[{}].call_id", origin.first),
        other => format!("input[{}].{other}", origin.first),
    }
}

fn of_content(origin: &Origin, rest: &str, items: &[Value]) -> String {
    let Some(item) = origin.content else {
        return format!("input[{}]", origin.first);
    };
    let value = items.get(item).unwrap_or(&Value::Null);
    let result = value.get("output").is_some();
    let name = if result { "output" } else { "content" };
    match indexed(rest, "content") {
        Some((part, rest)) if value.get(name).is_some_and(Value::is_array) => {
            format!("input[{item}].{name}[{part}]{}", of_part(rest))
        }
        _ => format!("input[{item}].{name}"),
    }
}

/// What stands in an object of its own there stands in the part itself here.
fn of_part(rest: &str) -> &str {
    match rest {
        ".image_url.url" => ".image_url",
        ".image_url.detail" => ".detail",
        ".block" | ".dialect" => "",
        other => other.strip_prefix(".file").unwrap_or(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn named(path: &str, body: &Value, earlier: usize) -> String {
        param(path, body.as_object().unwrap(), earlier)
    }

    #[test]
    fn members_have_the_clients_names() {
        for (path, own) in [
            ("max_completion_tokens", "max_output_tokens"),
            ("response_format", "text.format"),
            ("response_format.json_schema.schema", "text.format.schema"),
            ("verbosity", "text.verbosity"),
            ("reasoning_effort", "reasoning.effort"),
            ("tools[1].function.parameters", "tools[1].parameters"),
            ("tool_choice.function.name", "tool_choice.name"),
            ("tool_choice.allowed_tools.mode", "tool_choice.mode"),
            ("foreign.responses.of_tomorrow", "of_tomorrow"),
            ("messages", "input"),
            ("temperature", "temperature"),
        ] {
            assert_eq!(named(path, &json!({"input": "hi"}), 0), own);
        }
    }

    #[test]
    fn logprobs_are_named_by_what_asks_for_them() {
        let included = json!({"include": ["message.output_text.logprobs"]});
        assert_eq!(named("logprobs", &included, 0), "include");
        let counted = json!({"top_logprobs": 3});
        assert_eq!(named("logprobs", &counted, 0), "top_logprobs");
    }

    #[test]
    fn messages_are_the_items_they_came_from() {
        let call = |id: &str| json!({"type": "function_call", "call_id": id, "name": "f", "arguments": "{}"});
        let body = json!({"instructions": "Be brief.", "input": [
            {"role": "user", "content": [{"type": "input_text", "text": "a"},
                {"type": "input_image", "image_url": "data:,x"},
                {"type": "input_file", "file_data": "data:,y"}]},
            {"type": "reasoning", "summary": [{"type": "summary_text", "text": "t"}]},
            {"role": "assistant", "content": "b"}, call("c1"), call("c2"),
            {"type": "function_call_output", "call_id": "c1",
                "output": [{"type": "input_image", "image_url": "data:,x"}]},
            {"role": "user", "content": "c"}]});
        for (path, own) in [
            ("messages[0].content", "instructions"),
            ("messages[1].content[0]", "input[0].content[0]"),
            (
                "messages[1].content[1].image_url.url",
                "input[0].content[1].image_url",
            ),
            (
                "messages[1].content[2].file.file_data",
                "input[0].content[2].file_data",
            ),
            ("messages[2].content", "input[2].content"),
            ("messages[2].reasoning_content", "input[1]"),
            (
                "messages[2].tool_calls[1].function.arguments",
                "input[4].arguments",
            ),
            ("messages[2].tool_calls[0].id", "input[3].call_id"),
            ("messages[3].content[0]", "input[5].output[0]"),
            ("messages[3].tool_call_id", "input[5].call_id"),
            ("messages[4].role", "input[6].role"),
            ("messages[4].content", "input[6].content"),
            ("messages[9]", "input"),
        ] {
            assert_eq!(named(path, &body, 0), own, "{path}");
        }
    }

    #[test]
    fn what_was_said_earlier_is_the_response_before() {
        let body = json!({"input": "hi"});
        assert_eq!(
            named("messages[1].content", &body, 2),
            "previous_response_id"
        );
        assert_eq!(named("messages[2].content", &body, 2), "input");
    }
}
