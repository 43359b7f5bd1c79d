//! Parts of a message: texts, and images, sounds, films and documents by their bytes or their address.

use serde_json::{Map, Value, json};

use super::super::media::{Source, source, type_of_ending};
use super::super::members::{items, object, only, says_something, text, wrong};
use super::super::target::inexpressible;
use super::NAME;
use crate::chat::InvalidRequest;

/// Hosts of what Google itself keeps or shows: there it knows the type.
const KNOWN_HOSTS: [&str; 4] = [
    "generativelanguage.googleapis.com",
    "www.youtube.com",
    "youtube.com",
    "youtu.be",
];

/// Writes the content of the message at `at`.
pub(super) fn parts(message: &Map<String, Value>, at: &str) -> Result<Vec<Value>, InvalidRequest> {
    if let Some(Value::String(text)) = message.get("content") {
        return Ok(vec![json!({ "text": text })]);
    }
    let mut parts = Vec::new();
    for (j, written) in items(message, at, "content")?.iter().enumerate() {
        // What a document is called has no place in its part.
        let title = written.get("title").and_then(Value::as_str);
        parts.extend(title.map(|title| json!({ "text": title })));
        parts.push(part(written, &format!("{at}.content[{j}]"))?);
    }
    Ok(parts)
}

/// The same where only texts may stand.
pub(super) fn texts(message: &Map<String, Value>, at: &str) -> Result<Vec<Value>, InvalidRequest> {
    let written = items(message, at, "content").unwrap_or_default();
    let is_text = |part: &Value| part.get("type").is_some_and(|kind| kind == "text");
    match written.iter().position(|part| !is_text(part)) {
        Some(j) => Err(inexpressible(format!("{at}.content[{j}]"), NAME)),
        None => parts(message, at),
    }
}

/// Writes one part of a content.
pub(super) fn part(part: &Value, at: &str) -> Result<Value, InvalidRequest> {
    let part = object(part, at)?;
    let kind = text(part, at, "type")?;
    let known = ["type", kind, "cache_control"];
    match kind {
        "text" => {
            only(part, at, &known, NAME)?;
            Ok(json!({"text": text(part, at, "text")?}))
        }
        "image_url" | "audio_url" | "video_url" => {
            only(part, at, &known, NAME)?;
            let at = format!("{at}.{kind}");
            let place = object(part.get(kind).unwrap_or(&Value::Null), &at)?;
            // How closely it is to be looked at is a hint, and only the newest models take it for a single part.
            only(place, &at, &["url", "detail"], NAME)?;
            media(text(place, &at, "url")?, &format!("{at}.url"))
        }
        "input_audio" => {
            only(part, at, &known, NAME)?;
            sound(part, &format!("{at}.input_audio"))
        }
        "file" => document(part, at),
        _ => Err(inexpressible(at, NAME)),
    }
}

fn sound(part: &Map<String, Value>, at: &str) -> Result<Value, InvalidRequest> {
    let sound = object(part.get("input_audio").unwrap_or(&Value::Null), at)?;
    only(sound, at, &["data", "format"], NAME)?;
    let mime = type_of_ending(text(sound, at, "format")?).filter(|m| m.starts_with("audio/"));
    let mime = mime.ok_or_else(|| inexpressible(format!("{at}.format"), NAME))?;
    Ok(json!({"inlineData": {"mimeType": mime, "data": text(sound, at, "data")?}}))
}

fn document(part: &Map<String, Value>, at: &str) -> Result<Value, InvalidRequest> {
    let cited = part.get("citations").and_then(|c| c.get("enabled"));
    if cited.is_some_and(|enabled| *enabled != Value::Bool(false)) {
        return Err(inexpressible(format!("{at}.citations"), NAME));
    }
    // A title stands before the document.
    let known = ["type", "file", "title", "citations", "cache_control"];
    only(part, at, &known, NAME)?;
    let at = format!("{at}.file");
    let file = object(part.get("file").unwrap_or(&Value::Null), &at)?;
    only(file, &at, &["file_data", "file_url", "filename"], NAME)?;
    let is_there = |key: &&str| file.get(*key).is_some_and(says_something);
    let place = ["file_url", "file_data"].into_iter().find(is_there);
    let place = place.unwrap_or("file_data");
    media(text(file, &at, place)?, &format!("{at}.{place}"))
}

/// Bytes by their URL.
fn media(url: &str, at: &str) -> Result<Value, InvalidRequest> {
    match source(url) {
        Some(Source::Inline { mime, data }) => {
            Ok(json!({"inlineData": {"mimeType": mime, "data": data}}))
        }
        Some(Source::Remote {
            mime: Some(mime),
            uri,
        }) => Ok(json!({"fileData": {"mimeType": mime, "fileUri": uri}})),
        Some(Source::Remote { mime: None, uri }) if is_known_host(uri) => {
            Ok(json!({"fileData": {"fileUri": uri}}))
        }
        Some(Source::Remote { .. }) => Err(InvalidRequest::at(
            at,
            format!(
                "`{at}` does not tell its type, which {NAME} has to be told; use an address that \
                 ends in one, such as `.png`, or a `data:` URL."
            ),
        )),
        None => Err(wrong(
            at,
            "a `data:` URL of a known type in base64, or an `https:` or `gs:` address",
        )),
    }
}

fn is_known_host(uri: &str) -> bool {
    let (_, rest) = uri.split_once("://").unwrap_or_default();
    let host = rest.split(['/', '?', '#', ':']).next().unwrap_or_default();
    KNOWN_HOSTS.contains(&host)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(part: Value) -> Result<Value, String> {
        let message = json!({"content": [part]});
        let written = parts(message.as_object().unwrap(), "m");
        written
            .map(|mut parts| parts.pop().unwrap())
            .map_err(|e| e.param.unwrap())
    }

    fn image(url: &str) -> Value {
        json!({"type": "image_url", "image_url": {"url": url, "detail": "high"}})
    }

    fn inline(mime: &str) -> Value {
        json!({"inlineData": {"mimeType": mime, "data": "eA=="}})
    }

    #[test]
    fn bytes_in_the_request_go_inline() {
        assert_eq!(
            of(image("data:image/png;base64,eA==")).unwrap(),
            inline("image/png")
        );
        let sound = |format: &str| {
            of(json!({"type": "input_audio", "input_audio": {"data": "eA==", "format": format}}))
        };
        assert_eq!(sound("wav").unwrap(), inline("audio/wav"));
        assert_eq!(sound("mp3").unwrap(), inline("audio/mpeg"));
        assert_eq!(
            sound("pcm16").unwrap_err(),
            "m.content[0].input_audio.format"
        );
        assert_eq!(sound("png").unwrap_err(), "m.content[0].input_audio.format");
        let pdf = json!({"type": "file", "title": "Terms", "citations": {"enabled": false},
            "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,eA=="}});
        assert_eq!(of(pdf).unwrap(), inline("application/pdf"));
    }

    #[test]
    fn a_document_stands_behind_its_title() {
        let message = json!({"content": [{"type": "text", "text": "Which?"},
            {"type": "file", "title": "Terms", "context": null,
                "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,eA=="}}]});
        let written = parts(message.as_object().unwrap(), "m").unwrap();
        assert_eq!(
            written,
            [
                json!({"text": "Which?"}),
                json!({"text": "Terms"}),
                inline("application/pdf")
            ]
        );
    }

    #[test]
    fn an_address_goes_with_its_type() {
        let at = |mime: &str, uri: &str| json!({"fileData": {"mimeType": mime, "fileUri": uri}});
        let url = "https://x.test/cat.jpg?w=9";
        assert_eq!(of(image(url)).unwrap(), at("image/jpeg", url));
        let film = json!({"type": "video_url", "video_url": {"url": "gs://b/f.mp4"}});
        assert_eq!(of(film).unwrap(), at("video/mp4", "gs://b/f.mp4"));
        let document = json!({"type": "file", "file": {"file_url": "https://x.test/a.pdf"}});
        assert_eq!(
            of(document).unwrap(),
            at("application/pdf", "https://x.test/a.pdf")
        );
        assert_eq!(
            of(image("https://x.test/cat")).unwrap_err(),
            "m.content[0].image_url.url"
        );
        for uri in [
            "https://generativelanguage.googleapis.com/v1beta/files/abc",
            "https://www.youtube.com/watch?v=abc",
        ] {
            assert_eq!(
                of(image(uri)).unwrap(),
                json!({"fileData": {"fileUri": uri}})
            );
        }
        assert_eq!(
            of(image("cat.jpg")).unwrap_err(),
            "m.content[0].image_url.url"
        );
        assert_eq!(
            of(image("data:image/png,x")).unwrap_err(),
            "m.content[0].image_url.url"
        );
    }

    #[test]
    fn what_a_part_cannot_say_is_refused_by_name() {
        for (part, param) in [
            (json!({"type": "refusal", "refusal": "no"}), "m.content[0]"),
            (
                json!({"type": "foreign", "dialect": "x", "block": {}}),
                "m.content[0]",
            ),
            (json!({"type": "thinking", "thinking": "x"}), "m.content[0]"),
            (
                json!({"type": "text", "text": "a", "annotations": [1]}),
                "m.content[0].annotations",
            ),
            (
                json!({"type": "file", "file": {"file_id": "file-1"}}),
                "m.content[0].file.file_id",
            ),
            (
                json!({"type": "file", "context": "x", "file": {}}),
                "m.content[0].context",
            ),
            (
                json!({"type": "file", "citations": {"enabled": true}, "file": {}}),
                "m.content[0].citations",
            ),
            (
                json!({"type": "file", "file": {}}),
                "m.content[0].file.file_data",
            ),
        ] {
            assert_eq!(of(part.clone()).unwrap_err(), param, "{part}");
        }
        let hinted = json!({"type": "text", "text": "é", "cache_control": {"type": "ephemeral"}});
        assert_eq!(of(hinted).unwrap(), json!({"text": "é"}));
    }
}
