//! The shape of a chat request: known fields have the right type and range,
//! unknown ones are left alone for the provider to judge.

use serde_json::{Map, Value};

use super::request::InvalidRequest;

type Checked = Result<(), InvalidRequest>;

const ROLES: [&str; 6] = [
    "system",
    "developer",
    "user",
    "assistant",
    "tool",
    "function",
];

/// OpenAI's part types, those that compatible servers added, and what only another dialect has a word for.
const PART_TYPES: [&str; 9] = [
    "text",
    "image_url",
    "input_audio",
    "file",
    "refusal",
    "audio_url",
    "video_url",
    "thinking",
    "foreign",
];

/// Checks all known fields and gives back the model name.
pub(super) fn check(body: &Map<String, Value>) -> Result<&str, InvalidRequest> {
    let model = match body.get("model") {
        Some(Value::String(model)) if !model.trim().is_empty() => model,
        Some(Value::String(_)) => return Err(InvalidRequest::at("model", "`model` is empty.")),
        Some(_) => return Err(wrong("model", "a string")),
        None => return Err(missing("model")),
    };
    check_messages(body)?;
    check_members(body)?;
    Ok(model)
}

fn check_messages(body: &Map<String, Value>) -> Checked {
    let messages = match body.get("messages") {
        Some(Value::Array(messages)) => messages,
        Some(_) => return Err(wrong("messages", "an array")),
        None => return Err(missing("messages")),
    };
    if messages.is_empty() {
        return Err(InvalidRequest::at(
            "messages",
            "`messages` must hold at least one message.",
        ));
    }
    for (i, message) in messages.iter().enumerate() {
        check_message(&format_args!("messages[{i}]"), message)?;
    }
    Ok(())
}

fn check_message(at: &std::fmt::Arguments<'_>, message: &Value) -> Checked {
    let Value::Object(message) = message else {
        return Err(wrong(at, "an object"));
    };
    let role = match message.get("role") {
        Some(Value::String(role)) => role.as_str(),
        Some(_) => return Err(wrong(format_args!("{at}.role"), "a string")),
        None => return Err(missing(format_args!("{at}.role"))),
    };
    if !ROLES.contains(&role) {
        return Err(InvalidRequest::at(
            format!("{at}.role"),
            format!("`{role}` is not a role; use one of {}.", ROLES.join(", ")),
        ));
    }
    match message.get("content") {
        Some(Value::String(_)) => Ok(()),
        Some(Value::Array(parts)) => check_parts(at, parts),
        // An assistant turn may be only tool calls, a refusal or audio.
        None | Some(Value::Null) if role == "assistant" => Ok(()),
        // OpenAI's older function results may be null as well.
        Some(Value::Null) if role == "function" => Ok(()),
        None | Some(Value::Null) => Err(missing(format_args!("{at}.content"))),
        Some(_) => Err(wrong(
            format_args!("{at}.content"),
            "a string or an array of parts",
        )),
    }
}

fn check_parts(at: &std::fmt::Arguments<'_>, parts: &[Value]) -> Checked {
    for (i, part) in parts.iter().enumerate() {
        let at = format!("{at}.content[{i}]");
        let kind = match part.get("type") {
            Some(Value::String(kind)) => kind.as_str(),
            Some(_) => return Err(wrong(format_args!("{at}.type"), "a string")),
            None if part.is_object() => return Err(missing(format_args!("{at}.type"))),
            None => return Err(wrong(at, "an object")),
        };
        if !PART_TYPES.contains(&kind) {
            return Err(InvalidRequest::at(
                format!("{at}.type"),
                format!("`{kind}` is not a content part type."),
            ));
        }
        if kind == "text" && !part.get("text").is_some_and(Value::is_string) {
            return Err(wrong(format_args!("{at}.text"), "a string"));
        }
    }
    Ok(())
}

/// Checks each known member in one pass: a look-up per known name would cost more than the rest of
/// the request. A null means "use the default" throughout this API.
fn check_members(body: &Map<String, Value>) -> Checked {
    for (key, value) in body.iter().filter(|(_, value)| !value.is_null()) {
        match key.as_str() {
            "temperature" => number(key, value, 0.0, 2.0)?,
            "top_p" => number(key, value, 0.0, 1.0)?,
            "presence_penalty" | "frequency_penalty" => number(key, value, -2.0, 2.0)?,
            "n" => integer(key, value, 1, 128)?,
            "max_tokens" | "max_completion_tokens" => integer(key, value, 1, u64::MAX)?,
            "top_logprobs" => integer(key, value, 0, 20)?,
            "stream" | "logprobs" | "store" | "parallel_tool_calls" => {
                expect(key, "a boolean", value.is_boolean())?;
            }
            "user" | "safety_identifier" | "service_tier" | "prompt_cache_key" => {
                expect(key, "a string", value.is_string())?;
            }
            "metadata" | "logit_bias" => expect(key, "an object", value.is_object())?,
            "functions" | "modalities" => expect(key, "an array", value.is_array())?,
            "seed" => expect(key, "an integer", value.is_i64() || value.is_u64())?,
            "stop" => expect(key, "a string or an array of strings", is_stop(value))?,
            "stream_options" => check_stream_options(value)?,
            "tools" => check_tools(value)?,
            "response_format" => typed("response_format.type", value)?,
            _ => {}
        }
    }
    Ok(())
}

fn number(key: &str, value: &Value, low: f64, high: f64) -> Checked {
    let number = value.as_f64().ok_or_else(|| wrong(key, "a number"))?;
    if (low..=high).contains(&number) {
        return Ok(());
    }
    Err(out_of_range(key, low, high))
}

fn integer(key: &str, value: &Value, low: u64, high: u64) -> Checked {
    match value.as_u64() {
        Some(number) if (low..=high).contains(&number) => Ok(()),
        Some(_) => Err(out_of_range(key, low, high)),
        None if value.is_i64() => Err(out_of_range(key, low, high)),
        None => Err(wrong(key, "an integer")),
    }
}

fn is_stop(value: &Value) -> bool {
    let strings = |items: &Vec<Value>| items.iter().all(Value::is_string);
    value.is_string() || value.as_array().is_some_and(strings)
}

fn check_stream_options(value: &Value) -> Checked {
    expect("stream_options", "an object", value.is_object())?;
    let usage = value.get("include_usage").filter(|v| !v.is_null());
    let fits = usage.is_none_or(Value::is_boolean);
    expect("stream_options.include_usage", "a boolean", fits)
}

fn check_tools(value: &Value) -> Checked {
    let tools = value.as_array().ok_or_else(|| wrong("tools", "an array"))?;
    for (i, tool) in tools.iter().enumerate() {
        if !tool.get("type").is_some_and(Value::is_string) {
            return Err(wrong(format_args!("tools[{i}].type"), "a string"));
        }
    }
    Ok(())
}

fn typed(path: &str, value: &Value) -> Checked {
    expect(
        path,
        "a string",
        value.get("type").is_some_and(Value::is_string),
    )
}

fn expect(path: &str, what: &str, fits: bool) -> Checked {
    if fits { Ok(()) } else { Err(wrong(path, what)) }
}

fn missing(param: impl ToString) -> InvalidRequest {
    let param = param.to_string();
    InvalidRequest::at(param.clone(), format!("`{param}` is required."))
}

fn wrong(param: impl ToString, expected: &str) -> InvalidRequest {
    let param = param.to_string();
    InvalidRequest::at(param.clone(), format!("`{param}` must be {expected}."))
}

fn out_of_range(key: &str, low: impl ToString, high: impl ToString) -> InvalidRequest {
    let (low, high) = (low.to_string(), high.to_string());
    let range = if high == u64::MAX.to_string() {
        format!("at least {low}")
    } else {
        format!("between {low} and {high}")
    };
    InvalidRequest::at(key, format!("`{key}` must be {range}."))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn fault(key: &str, value: Value) -> Option<String> {
        let mut body = json!({"model": "m", "messages": [{"role": "user", "content": "hi"}]});
        body[key] = value;
        check(body.as_object().unwrap())
            .err()
            .map(|e| e.param.unwrap_or_default())
    }

    #[test]
    fn each_known_field_is_named_when_it_is_wrong() {
        let cases = [
            ("model", json!(1), "model"),
            ("model", json!(" "), "model"),
            ("messages", json!("hi"), "messages"),
            ("messages", json!([]), "messages"),
            ("messages", json!([1]), "messages[0]"),
            ("messages", json!([{"content": "x"}]), "messages[0].role"),
            (
                "messages",
                json!([{"role": "robot", "content": "x"}]),
                "messages[0].role",
            ),
            ("messages", json!([{"role": "user"}]), "messages[0].content"),
            (
                "messages",
                json!([{"role": "user", "content": 5}]),
                "messages[0].content",
            ),
            (
                "messages",
                json!([{"role": "user", "content": [{"type": "smell"}]}]),
                "messages[0].content[0].type",
            ),
            (
                "messages",
                json!([{"role": "user", "content": [{"type": "text"}]}]),
                "messages[0].content[0].text",
            ),
            ("temperature", json!(2.5), "temperature"),
            ("temperature", json!("hot"), "temperature"),
            ("n", json!(0), "n"),
            ("n", json!(1.5), "n"),
            ("max_tokens", json!(-1), "max_tokens"),
            ("stream", json!("yes"), "stream"),
            ("seed", json!(1.5), "seed"),
            ("stop", json!([1]), "stop"),
            ("tools", json!([{}]), "tools[0].type"),
            ("response_format", json!("json"), "response_format.type"),
            (
                "stream_options",
                json!({"include_usage": 1}),
                "stream_options.include_usage",
            ),
        ];
        for (key, value, param) in cases {
            assert_eq!(
                fault(key, value.clone()).as_deref(),
                Some(param),
                "{key}: {value}"
            );
        }
    }

    #[test]
    fn unknown_fields_and_nulls_are_left_alone() {
        assert_eq!(fault("x_vendor", json!({"a": [1]})), None);
        for key in ["temperature", "n", "stop", "tools", "stream", "seed"] {
            assert_eq!(fault(key, Value::Null), None, "{key}");
        }
    }

    #[test]
    fn an_assistant_turn_may_have_no_content() {
        let turns = json!([{"role": "user", "content": "hi"},
            {"role": "assistant", "tool_calls": []}, {"role": "tool", "content": "3"}]);
        assert_eq!(fault("messages", turns), None);
    }
}
