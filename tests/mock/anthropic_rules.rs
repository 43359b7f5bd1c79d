//! What Anthropic asks of a message beyond the types of its members.

use std::collections::BTreeSet;

use serde_json::Value;

use super::reply::is_forged;
use super::shape::{Fault, Schema};

/// Breakpoints of the prompt cache that one request may set.
const MOST_BREAKPOINTS: usize = 4;

/// Whether a body of the right types keeps the rules too.
pub(crate) fn check(body: &Value, schema: &Schema) -> Result<(), Fault> {
    tools(body, schema)?;
    thinking(body)?;
    let count = breakpoints(body);
    if count > MOST_BREAKPOINTS {
        let should = format!("{MOST_BREAKPOINTS} blocks with cache_control at most, not {count}");
        return Err(Fault::wrong("cache_control", should));
    }
    let turns = turns(body);
    if turns.first().is_some_and(|turn| turn.role != "user") {
        return Err(Fault::wrong(
            "messages.0.role",
            "'user' in the first message",
        ));
    }
    for (i, turn) in turns.iter().enumerate() {
        contents(turn, i + 1 == turns.len())?;
        let before = i.checked_sub(1).map(|i| &turns[i]);
        results(turn, before)?;
        let after = turns.get(i + 1);
        calls(turn, after)?;
    }
    unique(turns.iter().flat_map(|turn| &turn.blocks))
}

/// Messages of one role that follow each other are one turn.
struct Turn<'a> {
    role: &'a str,
    blocks: Vec<Block<'a>>,
}

struct Block<'a> {
    path: String,
    kind: &'a str,
    /// Null where the whole content is a text.
    value: &'a Value,
    text: Option<&'a str>,
}

fn turns(body: &Value) -> Vec<Turn<'_>> {
    let mut turns: Vec<Turn<'_>> = Vec::new();
    let messages = body["messages"].as_array().into_iter().flatten();
    for (i, message) in messages.enumerate() {
        let role = message["role"].as_str().unwrap_or("");
        if role == "system" {
            continue;
        }
        let path = format!("messages.{i}.content");
        let blocks: Vec<_> = match &message["content"] {
            Value::Array(blocks) => {
                let blocks = blocks.iter().enumerate();
                blocks
                    .map(|(j, value)| Block {
                        path: format!("{path}.{j}"),
                        kind: value["type"].as_str().unwrap_or(""),
                        value,
                        text: value["text"].as_str(),
                    })
                    .collect()
            }
            content => vec![Block {
                path,
                kind: "text",
                value: &Value::Null,
                text: content.as_str(),
            }],
        };
        match turns.last_mut() {
            Some(last) if last.role == role => last.blocks.extend(blocks),
            _ => turns.push(Turn { role, blocks }),
        }
    }
    turns
}

fn contents(turn: &Turn<'_>, last: bool) -> Result<(), Fault> {
    for block in &turn.blocks {
        let blank = block.text.is_some_and(|text| text.trim().is_empty());
        if block.kind == "text" && blank && !(last && turn.role == "assistant") {
            return Err(Fault::wrong(
                &block.path,
                "text that is not only white space",
            ));
        }
        if block.kind == "thinking" {
            let of = |name: &str| block.value[name].as_str().unwrap_or("");
            if is_forged(of("thinking"), of("signature")) {
                let path = format!("{}.signature", block.path);
                return Err(Fault::wrong(
                    path,
                    "the `signature` of this `thinking` block",
                ));
            }
        }
    }
    let Some(end) = turn.blocks.last().filter(|_| turn.role == "assistant") else {
        return Ok(());
    };
    if last
        && end
            .text
            .is_some_and(|text| text.ends_with(char::is_whitespace))
    {
        return Err(Fault::wrong(
            &end.path,
            "without white space at the end of a final assistant message",
        ));
    }
    if end.kind.ends_with("thinking") {
        let should =
            "followed by something: the final block in an assistant message cannot be `thinking`";
        return Err(Fault::wrong(&end.path, should));
    }
    Ok(())
}

/// Each result answers a call of the turn before, and stands before anything else.
fn results(turn: &Turn<'_>, before: Option<&Turn<'_>>) -> Result<(), Fault> {
    let called: BTreeSet<_> = before
        .into_iter()
        .flat_map(|turn| ids(turn, "tool_use", "id"))
        .collect();
    let mut said = false;
    for block in &turn.blocks {
        if block.kind != "tool_result" {
            said = true;
            continue;
        }
        let id = block.value["tool_use_id"].as_str().unwrap_or("");
        if !called.contains(id) {
            let should = format!(
                "a `tool_result` with a corresponding `tool_use` in the previous message: unexpected `tool_use_id` {id}"
            );
            return Err(Fault::wrong(&block.path, should));
        }
        if said {
            return Err(Fault::wrong(
                &block.path,
                "before any other content: `tool_result` comes first",
            ));
        }
    }
    Ok(())
}

/// Each call is answered in the turn after it, unless that has not come yet.
fn calls(turn: &Turn<'_>, after: Option<&Turn<'_>>) -> Result<(), Fault> {
    let Some(after) = after else {
        return Ok(());
    };
    let answered: BTreeSet<_> = ids(after, "tool_result", "tool_use_id").collect();
    for block in turn.blocks.iter().filter(|block| block.kind == "tool_use") {
        let id = block.value["id"].as_str().unwrap_or("");
        if !answered.contains(id) {
            let should = format!(
                "followed by its `tool_result`: `tool_use` ids were found without one: {id}"
            );
            return Err(Fault::wrong(&block.path, should));
        }
    }
    Ok(())
}

fn ids<'a>(turn: &'a Turn<'_>, kind: &'a str, name: &'a str) -> impl Iterator<Item = &'a str> {
    let blocks = turn.blocks.iter().filter(move |block| block.kind == kind);
    blocks.filter_map(move |block| block.value[name].as_str())
}

fn unique<'a, 'b: 'a>(blocks: impl Iterator<Item = &'a Block<'b>>) -> Result<(), Fault> {
    let mut seen = BTreeSet::new();
    for block in blocks.filter(|block| block.kind == "tool_use") {
        if !seen.insert(block.value["id"].as_str().unwrap_or("")) {
            let path = format!("{}.id", block.path);
            return Err(Fault::wrong(path, "unique among `tool_use` ids"));
        }
    }
    Ok(())
}

fn tools(body: &Value, schema: &Schema) -> Result<(), Fault> {
    let mut names = BTreeSet::new();
    let tools = body["tools"].as_array().into_iter().flatten();
    for (i, tool) in tools.enumerate() {
        let path = format!("tools.{i}");
        let custom = matches!(tool["type"].as_str(), None | Some("custom"));
        if custom {
            schema.check("Tool", tool).map_err(|fault| Fault {
                path: format!("{path}.{}", fault.path),
                ..fault
            })?;
        }
        let name = tool["name"].as_str().unwrap_or("");
        let wordy = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        if custom && !name.chars().all(wordy) {
            let path = format!("{path}.custom.name");
            return Err(Fault::wrong(
                path,
                "of the pattern '^[a-zA-Z0-9_-]{1,128}$'",
            ));
        }
        if !name.is_empty() && !names.insert(name) {
            return Err(Fault::wrong("tools", "named uniquely"));
        }
    }
    let choice = &body["tool_choice"];
    if choice.is_object() && names.is_empty() && choice["type"] != "none" {
        return Err(Fault::wrong("tool_choice", "given only with tools"));
    }
    match choice["name"].as_str() {
        Some(name) if !names.contains(name) => Err(Fault::wrong(
            "tool_choice.name",
            format!("one of the tools, not '{name}'"),
        )),
        _ => Ok(()),
    }
}

/// What thinking cannot be together with.
fn thinking(body: &Value) -> Result<(), Fault> {
    let thinking = &body["thinking"];
    if !matches!(thinking["type"].as_str(), Some("enabled" | "adaptive")) {
        return Ok(());
    }
    let budget = thinking["budget_tokens"].as_u64();
    let most = body["max_tokens"].as_u64();
    if most.is_some_and(|most| budget.is_some_and(|budget| budget >= most)) {
        return Err(Fault::wrong(
            "thinking.budget_tokens",
            "less than `max_tokens`",
        ));
    }
    if body["temperature"].as_f64().is_some_and(|t| t < 1.0) {
        return Err(Fault::wrong("temperature", "1 when thinking is enabled"));
    }
    if body["top_k"].is_number() {
        return Err(Fault::wrong("top_k", "unset when thinking is enabled"));
    }
    if body["top_p"].as_f64().is_some_and(|p| p < 0.95) {
        return Err(Fault::wrong(
            "top_p",
            "0.95 at least when thinking is enabled",
        ));
    }
    if matches!(body["tool_choice"]["type"].as_str(), Some("any" | "tool")) {
        let should =
            "'auto' or 'none': thinking may not be enabled when tool_choice forces tool use";
        return Err(Fault::wrong("tool_choice.type", should));
    }
    Ok(())
}

/// Blocks and tools that are marked for the prompt cache.
fn breakpoints(body: &Value) -> usize {
    fn within(value: &Value) -> usize {
        match value {
            Value::Array(items) => items.iter().map(within).sum(),
            Value::Object(members) => {
                let own = usize::from(members.get("cache_control").is_some_and(Value::is_object));
                // What a tool takes or was given is nobody's block.
                let inside = members
                    .iter()
                    .filter(|(name, _)| !matches!(name.as_str(), "input" | "input_schema"));
                own + inside.map(|(_, value)| within(value)).sum::<usize>()
            }
            _ => 0,
        }
    }
    within(body)
}
