//! Blocks of text, images and documents as canonical content parts. Any other block, and one that says more than a
//! part has room for, is a foreign part.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use super::NAME;
use super::fields::{copy_object, given, object, path, required, required_object, unknown, wrong};
use crate::chat::InvalidRequest;

type Block = Map<String, Value>;

/// Members of a source that a part has room for.
const SOURCE: [&str; 4] = ["type", "media_type", "data", "url"];

/// A content that is text, or a list of blocks none of which is a call or its result.
pub(super) fn content(at: &str, value: &Value) -> Result<Value, InvalidRequest> {
    if value.is_string() {
        return Ok(value.clone());
    }
    let blocks = value
        .as_array()
        .ok_or_else(|| wrong(at, "a string or an array of blocks"))?;
    let blocks = blocks.iter().enumerate();
    let parts = blocks.map(|(i, block)| part(&format!("{at}[{i}]"), block));
    Ok(simplest(parts.collect::<Result<_, _>>()?))
}

/// Parts as they are written in short: one plain text is a string.
pub(super) fn simplest(mut parts: Vec<Value>) -> Value {
    match parts.as_mut_slice() {
        [Value::Object(part)]
            if part.len() == 2 && part.get("type").is_some_and(|kind| kind == "text") =>
        {
            part.get_mut("text").map(Value::take).unwrap_or_default()
        }
        _ => parts.into(),
    }
}

/// A block as a part that only this dialect can write again.
pub(super) fn foreign(block: &Block) -> Value {
    json!({"type": "foreign", "dialect": NAME, "block": block})
}

/// The block at `at` as a part.
pub(super) fn part(at: &str, block: &Value) -> Result<Value, InvalidRequest> {
    let block = object(at, block)?;
    let known = match required(block, at, "type")? {
        "text" => text_part(at, block)?,
        "image" => image(at, block)?,
        "document" => document(at, block)?,
        _ => None,
    };
    let Some(mut part) = known else {
        return Ok(foreign(block));
    };
    copy_object(block, at, "cache_control", &mut part)?;
    Ok(part.into())
}

fn text_part(at: &str, block: &Block) -> Result<Option<Block>, InvalidRequest> {
    let text = required(block, at, "text")?;
    if unknown(block, &["type", "text", "cache_control"]).is_some() {
        return Ok(None);
    }
    Ok(Some(new_part("text", "text", text.into())))
}

fn new_part(kind: &str, name: &str, value: Value) -> Block {
    let mut part = Map::new();
    part.insert("type".into(), kind.into());
    part.insert(name.into(), value);
    part
}

fn image(at: &str, block: &Block) -> Result<Option<Block>, InvalidRequest> {
    let source = required_object(block, at, "source")?;
    let at = path(at, "source");
    let url = match required(source, &at, "type")? {
        "base64" => data_url(&at, source)?,
        "url" => required(source, &at, "url")?.to_owned(),
        _ => return Ok(None),
    };
    let known = unknown(block, &["type", "source", "cache_control"]).is_none();
    let known = known && unknown(source, &SOURCE).is_none();
    Ok(known.then(|| new_part("image_url", "image_url", json!({ "url": url }))))
}

fn data_url(at: &str, source: &Block) -> Result<String, InvalidRequest> {
    let kind = required(source, at, "media_type")?;
    let data = required(source, at, "data")?;
    Ok(format!("data:{kind};base64,{data}"))
}

fn document(at: &str, block: &Block) -> Result<Option<Block>, InvalidRequest> {
    let source = required_object(block, at, "source")?;
    let from = path(at, "source");
    let file = match required(source, &from, "type")? {
        "base64" => json!({ "file_data": data_url(&from, source)? }),
        "text" => {
            let text = required(source, &from, "data")?;
            json!({ "file_data": format!("data:text/plain;base64,{}", STANDARD.encode(text)) })
        }
        "url" => json!({ "file_url": required(source, &from, "url")? }),
        _ => return Ok(None),
    };
    let mut part = new_part("file", "file", file);
    for name in ["title", "context"] {
        if given(block, name).is_some() {
            part.insert(name.into(), required(block, at, name)?.into());
        }
    }
    copy_object(block, at, "citations", &mut part)?;
    let known = [
        "type",
        "source",
        "cache_control",
        "title",
        "context",
        "citations",
    ];
    let known = unknown(block, &known).is_none() && unknown(source, &SOURCE).is_none();
    Ok(known.then_some(part))
}
