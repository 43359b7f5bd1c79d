//! Canonical content parts as Anthropic's blocks.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use super::fields::{given, path, required, required_object, says_nothing, text, unknown, wrong};
use super::{NAME, TITLE};
use crate::chat::InvalidRequest;
use crate::dialect::inexpressible;

type Part = Map<String, Value>;

/// Kinds of image that the API takes.
const IMAGES: [&str; 4] = ["image/jpeg", "image/png", "image/gif", "image/webp"];

/// The content at `at` as Anthropic writes it: a string stays one, parts become blocks.
pub(super) fn content(at: &str, content: &Value) -> Result<Value, InvalidRequest> {
    match content {
        Value::Null => Ok(json!([])),
        Value::String(_) => Ok(content.clone()),
        Value::Array(parts) => {
            let parts = parts.iter().enumerate();
            let parts = parts.filter(|(_, part)| members_of_message(part).is_none());
            parts
                .map(|(i, part)| block(&format!("{at}[{i}]"), part))
                .collect()
        }
        _ => Err(wrong(at, "a string or an array of parts")),
    }
}

/// Content as [`content`] gives it, as blocks.
pub(super) fn blocks_of(content: Value) -> Vec<Value> {
    match content {
        Value::String(text) => vec![text_block(&text)],
        Value::Array(blocks) => blocks,
        _ => Vec::new(),
    }
}

pub(super) fn text_block(text: &str) -> Value {
    json!({"type": "text", "text": text})
}

/// What a part of this dialect tells of its whole message.
pub(super) fn members_of_message(part: &Value) -> Option<&Part> {
    let part = part
        .as_object()
        .filter(|part| text(part, "type") == Some("foreign"))?;
    let block = part.get("block")?.as_object()?;
    (text(part, "dialect") == Some(NAME) && !block.contains_key("type")).then_some(block)
}

/// The part at `at` as a block.
pub(super) fn block(at: &str, part: &Value) -> Result<Value, InvalidRequest> {
    let part = part.as_object().ok_or_else(|| wrong(at, "an object"))?;
    let (known, mut block): (&[&str], _) = match required(part, at, "type")? {
        "text" => (&["text"], text_block(required(part, at, "text")?)),
        "image_url" => (&["image_url"], image(at, part)?),
        "file" => (
            &["file", "title", "context", "citations"],
            document(at, part)?,
        ),
        "foreign" => return foreign(at, part),
        _ => return Err(inexpressible(at, TITLE)),
    };
    let common = ["type", "cache_control"];
    if let Some(name) = unknown(part, &[&common, known].concat()) {
        return Err(inexpressible(path(at, name), TITLE));
    }
    if let Some(mark) = given(part, "cache_control") {
        block["cache_control"] = mark.clone();
    }
    Ok(block)
}

fn foreign(at: &str, part: &Part) -> Result<Value, InvalidRequest> {
    match (text(part, "dialect"), part.get("block")) {
        (Some(NAME), Some(block)) => Ok(block.clone()),
        _ => Err(inexpressible(at, TITLE)),
    }
}

fn image(at: &str, part: &Part) -> Result<Value, InvalidRequest> {
    let image = required_object(part, at, "image_url")?;
    let at = path(at, "image_url");
    let url = required(image, &at, "url")?;
    if let Some(name) = unknown(image, &["url", "detail"]) {
        return Err(inexpressible(path(&at, name), TITLE));
    }
    let source = match data(url) {
        Some((kind, data)) if IMAGES.contains(&kind) => {
            json!({"type": "base64", "media_type": kind, "data": data})
        }
        None if is_web(url) => json!({"type": "url", "url": url}),
        _ => return Err(inexpressible(path(&at, "url"), TITLE)),
    };
    Ok(json!({"type": "image", "source": source}))
}

fn document(at: &str, part: &Part) -> Result<Value, InvalidRequest> {
    let file = required_object(part, at, "file")?;
    let inner = path(at, "file");
    if let Some(name) = unknown(file, &["file_data", "file_url", "filename"]) {
        return Err(inexpressible(path(&inner, name), TITLE));
    }
    let source = match (text(file, "file_data"), text(file, "file_url")) {
        (Some(data), None) => {
            source(data).ok_or_else(|| inexpressible(path(&inner, "file_data"), TITLE))?
        }
        (None, Some(url)) if is_web(url) => json!({"type": "url", "url": url}),
        _ => return Err(inexpressible(inner, TITLE)),
    };
    let mut document = json!({"type": "document", "source": source});
    for name in ["title", "context", "citations"] {
        if let Some(value) = given(part, name).filter(|value| !says_nothing(value)) {
            document[name] = value.clone();
        }
    }
    if let (None, Some(name)) = (given(part, "title"), given(file, "filename")) {
        document["title"] = name.clone();
    }
    Ok(document)
}

/// A PDF or a plain text as a source.
fn source(url: &str) -> Option<Value> {
    let (kind, data) = data(url)?;
    match kind {
        "application/pdf" => Some(json!({"type": "base64", "media_type": kind, "data": data})),
        "text/plain" | "text/plain;charset=utf-8" => {
            let text = String::from_utf8(STANDARD.decode(data).ok()?).ok()?;
            Some(json!({"type": "text", "media_type": "text/plain", "data": text}))
        }
        _ => None,
    }
}

/// Kind and content of a `data:` URL in base64.
fn data(url: &str) -> Option<(&str, &str)> {
    let (kind, data) = url.strip_prefix("data:")?.split_once(',')?;
    Some((kind.strip_suffix(";base64")?, data))
}

fn is_web(url: &str) -> bool {
    url.starts_with("https://") || url.starts_with("http://")
}
