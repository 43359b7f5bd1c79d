//! Names of canonical fields as a client of Anthropic's Messages API knows them. Where a message of its own may have
//! become several, or several one, the path stops short of a number that could be wrong.

use serde_json::{Map, Value};

use super::super::order::{Place, places};
use super::fields::text;

/// The client's path for `path` of the request that was made of its own.
#[must_use]
pub fn param(path: &str, canonical: &Map<String, Value>) -> String {
    let (head, rest) = split(path);
    if let Some(rest) = path.strip_prefix("messages[") {
        let index = rest.split_once(']');
        let found = index.and_then(|(index, rest)| message(index.parse().ok()?, rest, canonical));
        return found.unwrap_or_else(|| "messages".to_owned());
    }
    match head {
        "max_completion_tokens" | "max_tokens" => "max_tokens".to_owned(),
        "stop" => "stop_sequences".to_owned(),
        "user" | "safety_identifier" => "metadata.user_id".to_owned(),
        "reasoning_effort" => "output_config.effort".to_owned(),
        "response_format" => "output_config.format".to_owned(),
        "parallel_tool_calls" => "tool_choice.disable_parallel_tool_use".to_owned(),
        "stream_options" => "stream".to_owned(),
        "tool_choice" => head.to_owned(),
        _ if head.starts_with("tools[") => tool(head, rest, canonical),
        _ => path.to_owned(),
    }
}

/// The first step of a path, and the others.
fn split(path: &str) -> (&str, &str) {
    path.split_once('.').unwrap_or((path, ""))
}

/// The first step of `rest`, which begins with a dot or is empty.
fn step(rest: &str) -> (&str, &str) {
    split(rest.strip_prefix('.').unwrap_or(rest))
}

fn tool(head: &str, rest: &str, canonical: &Map<String, Value>) -> String {
    let foreign = canonical
        .get("foreign")
        .and_then(|foreign| foreign.get(super::NAME)?.get("tools"));
    if foreign.is_some() {
        return "tools".to_owned();
    }
    match split(rest) {
        ("function", "parameters") => format!("{head}.input_schema"),
        ("function", "") | ("", _) => head.to_owned(),
        ("function", name) => format!("{head}.{name}"),
        _ => format!("{head}.{rest}"),
    }
}

/// The client's path for the message at `index`; none where that is not certain.
fn message(index: usize, rest: &str, canonical: &Map<String, Value>) -> Option<String> {
    let messages = canonical.get("messages")?.as_array()?;
    let role = |i: usize| {
        messages
            .get(i)
            .and_then(|message| message.get("role")?.as_str())
    };
    // Only `system` leads to one at the head.
    let prompt = usize::from(role(0) == Some("system"));
    if index < prompt {
        let rest = rest.strip_prefix(".content").unwrap_or_default();
        return Some(format!("system{rest}"));
    }
    let mut at = prompt;
    let mut before = 0;
    while at <= index {
        let run = run(messages, at);
        if run.contains(&"tool") && run.len() > 1 {
            return None;
        }
        if index < at + run.len() {
            let place = format!("messages[{}]", before + index - at);
            let message = messages.get(index)?.as_object()?;
            return Some(within(&place, rest, message));
        }
        before += run.len();
        at += run.len();
    }
    None
}

/// The roles of the messages from `at` on that the client may have written in one.
fn run(messages: &[Value], at: usize) -> Vec<&str> {
    let roles = messages
        .iter()
        .skip(at)
        .filter_map(|message| message.get("role")?.as_str());
    let mut roles = roles.peekable();
    let of_user = |role: &str| matches!(role, "user" | "tool");
    let mut run: Vec<_> = roles.next_if(|role| !of_user(role)).into_iter().collect();
    while run.is_empty() || run.last().is_some_and(|role| of_user(role)) {
        match roles.next_if(|role| of_user(role)) {
            Some(role) => run.push(role),
            None => break,
        }
    }
    run
}

/// What `rest` names inside the message that stands at `place`.
fn within(place: &str, rest: &str, message: &Map<String, Value>) -> String {
    let (head, inner) = step(rest);
    let content = format!("{place}.content");
    if head.is_empty() {
        return place.to_owned();
    }
    if text(message, "role") == Some("tool") {
        return match head.strip_prefix("content") {
            Some(part) if !part.is_empty() => format!("{content}[0].content{part}{}", field(inner)),
            Some(_) => format!("{content}[0].content"),
            None => format!("{content}[0]"),
        };
    }
    let Some((list, number)) = head.strip_suffix(']').and_then(|head| head.split_once('[')) else {
        return if head == "content" {
            content
        } else {
            place.to_owned()
        };
    };
    let number = number.parse().ok();
    let block = number.and_then(|number: usize| block(list, number, message));
    match block {
        Some(block) => format!("{content}[{block}]{}", field(inner)),
        None => content,
    }
}

/// Which of its blocks a part or a call of a message was.
fn block(list: &str, number: usize, message: &Map<String, Value>) -> Option<usize> {
    if text(message, "role") != Some("assistant") {
        return (list == "content").then_some(number);
    }
    let found = |place: &Place<'_>| match place {
        Place::Part(part, _) => list == "content" && *part == number,
        Place::Call(call, _) => list == "tool_calls" && *call == number,
        _ => false,
    };
    // Thoughts that nobody signed were blocks, and nobody knows any more where they stood.
    let unsigned =
        text(message, "reasoning_content").is_some() && !message.contains_key("thinking_blocks");
    let places = places(message).filter(|_| !unsigned)?;
    places.iter().position(found)
}

/// What a field of a part or a call is called in its block.
fn field(inner: &str) -> &'static str {
    match inner {
        "text" => ".text",
        "id" => ".id",
        "function.name" => ".name",
        "function.arguments" => ".input",
        "cache_control" => ".cache_control",
        "title" => ".title",
        "context" => ".context",
        _ if inner.starts_with("citations") => ".citations",
        _ if inner.starts_with("image_url") || inner.starts_with("file") => ".source",
        _ => "",
    }
}
