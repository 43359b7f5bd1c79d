//! Content parts as the dialect's blocks.

use serde_json::{Map, Value, json};

use super::family::Family;
use super::fields::{given, object, object_in, only, optional, refused, string_in, wrong};
use super::media::{self, Names, data_url};
use crate::chat::InvalidRequest;

/// Which parts may stand where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// In what a system, a developer or the model says.
    Words,
    /// In what a user says.
    User,
    /// In what a tool gave back, where cache points have no place.
    Result,
}

/// What all parts of a request share.
#[derive(Debug)]
pub(super) struct Parts {
    family: Family,
    names: Names,
}

impl Parts {
    pub(super) fn new(family: Family) -> Self {
        Self {
            family,
            names: Names::default(),
        }
    }

    /// The blocks of the content at `at`, each followed by its cache point.
    pub(super) fn blocks(
        &mut self,
        content: Option<&Value>,
        at: &str,
        place: Place,
    ) -> Result<Vec<Value>, InvalidRequest> {
        match content {
            None | Some(Value::Null) => Ok(Vec::new()),
            Some(Value::String(text)) => Ok(text_block(text).into_iter().collect()),
            Some(Value::Array(parts)) => self.all(parts, at, place),
            Some(_) => Err(wrong(at, "a string or an array of parts")),
        }
    }

    fn all(
        &mut self,
        parts: &[Value],
        at: &str,
        place: Place,
    ) -> Result<Vec<Value>, InvalidRequest> {
        let mut blocks = Vec::new();
        for (i, part) in parts.iter().enumerate() {
            let at = format!("{at}[{i}]");
            let cached = object(part, &at)
                .ok()
                .and_then(|part| self.cache_point(part));
            blocks.extend(self.bare(part, &at, place)?);
            if place != Place::Result && !blocks.is_empty() {
                blocks.extend(cached);
            }
        }
        Ok(blocks)
    }

    /// The block of one part, followed by its cache point.
    pub(super) fn part(
        &mut self,
        part: &Value,
        at: &str,
        place: Place,
    ) -> Result<Vec<Value>, InvalidRequest> {
        let mut blocks: Vec<Value> = self.bare(part, at, place)?.into_iter().collect();
        if let (false, Some(part)) = (blocks.is_empty(), part.as_object()) {
            blocks.extend(self.cache_point(part));
        }
        Ok(blocks)
    }

    fn bare(
        &mut self,
        part: &Value,
        at: &str,
        place: Place,
    ) -> Result<Option<Value>, InvalidRequest> {
        self.block(object(part, at)?, at, place)
    }

    /// None for a text that is empty: it says nothing, and Bedrock refuses it.
    fn block(
        &mut self,
        part: &Map<String, Value>,
        at: &str,
        place: Place,
    ) -> Result<Option<Value>, InvalidRequest> {
        match (string_in(part, at, "type")?, place) {
            ("text", _) => {
                only(part, at, &["type", "text", "cache_control"])?;
                Ok(text_block(string_in(part, at, "text")?))
            }
            ("image_url", Place::User | Place::Result) => picture(part, at).map(Some),
            ("video_url", Place::User | Place::Result) => film(part, at).map(Some),
            ("file", Place::User | Place::Result) => self.document(part, at).map(Some),
            ("input_audio", Place::User) => sound(part, at).map(Some),
            _ => Err(refused(at)),
        }
    }

    /// The cache point that `marked`, a part, a message or a tool, asks for.
    pub(super) fn cache_point(&self, marked: &Map<String, Value>) -> Option<Value> {
        cache_point(marked).filter(|_| self.family.caches())
    }

    fn document(&mut self, part: &Map<String, Value>, at: &str) -> Result<Value, InvalidRequest> {
        const KNOWN: [&str; 6] = [
            "type",
            "file",
            "cache_control",
            "title",
            "context",
            "citations",
        ];
        only(part, at, &KNOWN)?;
        let file_at = format!("{at}.file");
        let file = object_in(part, at, "file")?;
        only(file, &file_at, &["file_data", "filename"])?;
        let filename = optional(file, &file_at, "filename")?;
        let data_at = format!("{file_at}.file_data");
        let data = string_in(file, &file_at, "file_data")?;
        let by_name = || filename.and_then(media::format_by_name);
        let (format, bytes) = match data_url(data) {
            Some((media, bytes)) => (
                media::format(media::DOCUMENTS, &media).or_else(by_name),
                bytes,
            ),
            // Bare base64 holds no colon, and every URL does.
            None if data.contains(':') => return Err(refused(data_at)),
            None => (by_name(), data),
        };
        let format = format.ok_or_else(|| refused(data_at))?;
        let title = optional(part, at, "title")?.or(filename);
        let name = self.names.name(title);
        let mut block = json!({"format": format, "name": name, "source": {"bytes": bytes}});
        if let Some(context) = optional(part, at, "context")? {
            block["context"] = context.into();
        }
        if given(part, "citations").is_some() {
            let citations = object_in(part, at, "citations")?;
            only(citations, &format!("{at}.citations"), &["enabled"])?;
            let enabled = citations.get("enabled").and_then(Value::as_bool);
            block["citations"] = json!({"enabled": enabled.unwrap_or_default()});
        }
        Ok(json!({"document": block}))
    }
}

/// The cache point that `marked` asks for, wherever it is.
pub(super) fn cache_point(marked: &Map<String, Value>) -> Option<Value> {
    let asked = marked.get("cache_control")?.as_object()?;
    let mut point = json!({"type": "default"});
    if let Some(ttl @ ("5m" | "1h")) = asked.get("ttl").and_then(Value::as_str) {
        point["ttl"] = ttl.into();
    }
    Some(json!({"cachePoint": point}))
}

fn text_block(text: &str) -> Option<Value> {
    (!text.is_empty()).then(|| json!({"text": text}))
}

fn picture(part: &Map<String, Value>, at: &str) -> Result<Value, InvalidRequest> {
    let source = linked(part, at, "image_url", media::IMAGES)?;
    Ok(json!({"image": source}))
}

fn film(part: &Map<String, Value>, at: &str) -> Result<Value, InvalidRequest> {
    let source = linked(part, at, "video_url", media::FILMS)?;
    Ok(json!({"video": source}))
}

/// What a part links to. Only a data URL holds it: Bedrock fetches nothing from the web, and what it would fetch
/// from S3 is what this gateway's account may read, not the client.
fn linked(
    part: &Map<String, Value>,
    at: &str,
    name: &str,
    formats: &[(&'static str, &'static str)],
) -> Result<Value, InvalidRequest> {
    only(part, at, &["type", name, "cache_control"])?;
    let at_link = format!("{at}.{name}");
    let link = object_in(part, at, name)?;
    only(link, &at_link, &["url", "detail"])?;
    let at_url = format!("{at_link}.url");
    let found = data_url(string_in(link, &at_link, "url")?);
    let found = found.and_then(|(media, data)| Some((media::format(formats, &media)?, data)));
    let (format, data) = found.ok_or_else(|| refused(at_url))?;
    Ok(json!({"format": format, "source": {"bytes": data}}))
}

fn sound(part: &Map<String, Value>, at: &str) -> Result<Value, InvalidRequest> {
    only(part, at, &["type", "input_audio", "cache_control"])?;
    let at_sound = format!("{at}.input_audio");
    let sound = object_in(part, at, "input_audio")?;
    only(sound, &at_sound, &["data", "format"])?;
    let format = string_in(sound, &at_sound, "format")?;
    if !media::SOUNDS.contains(&format) {
        return Err(refused(format!("{at_sound}.format")));
    }
    let data = string_in(sound, &at_sound, "data")?;
    Ok(json!({"audio": {"format": format, "source": {"bytes": data}}}))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blocks(parts: &Value) -> Result<Vec<Value>, InvalidRequest> {
        Parts::new(Family::Claude).blocks(Some(parts), "messages[0].content", Place::User)
    }

    #[test]
    fn parts_become_blocks_of_their_kinds() {
        let parts = json!([
            {"type": "text", "text": "Vergleiche, was du siehst: 🦀"},
            {"type": "text", "text": ""},
            {"type": "image_url", "image_url": {"url": "data:image/jpg;base64,/9j/", "detail": "low"}},
            {"type": "file", "file": {"filename": "plan.pdf", "file_data": "data:application/pdf;base64,JVBE"}},
            {"type": "file", "file": {"filename": "plan.md", "file_data": "IyBQ"}, "title": "The: plan",
                "context": "Of last year.", "citations": {"enabled": true}},
            {"type": "input_audio", "input_audio": {"data": "UklG", "format": "wav"}},
            {"type": "video_url", "video_url": {"url": "data:video/mp4;base64,AAAA"},
                "cache_control": {"type": "ephemeral"}}]);
        assert_eq!(
            Value::Array(blocks(&parts).unwrap()),
            json!([
            {"text": "Vergleiche, was du siehst: 🦀"},
            {"image": {"format": "jpeg", "source": {"bytes": "/9j/"}}},
            {"document": {"format": "pdf", "name": "plan", "source": {"bytes": "JVBE"}}},
            {"document": {"format": "md", "name": "The- plan", "source": {"bytes": "IyBQ"},
                "context": "Of last year.", "citations": {"enabled": true}}},
            {"audio": {"format": "wav", "source": {"bytes": "UklG"}}},
            {"video": {"format": "mp4", "source": {"bytes": "AAAA"}}},
            {"cachePoint": {"type": "default"}}])
        );
    }

    #[test]
    fn parts_that_cannot_be_said_are_refused_by_their_paths() {
        for (part, path) in [
            (
                json!({"type": "image_url", "image_url": {"url": "https://x/y.png"}}),
                ".image_url.url",
            ),
            (
                json!({"type": "image_url", "image_url": {"url": "s3://bucket/y.png"}}),
                ".image_url.url",
            ),
            (
                json!({"type": "image_url", "image_url": {"url": "data:image/tiff;base64,AA"}}),
                ".image_url.url",
            ),
            (
                json!({"type": "file", "file": {"file_id": "file-1"}}),
                ".file.file_id",
            ),
            (
                json!({"type": "file", "file": {"file_data": "https://x/y.pdf", "filename": "y.pdf"}}),
                ".file.file_data",
            ),
            (
                json!({"type": "file", "file": {"file_data": "AAAA"}}),
                ".file.file_data",
            ),
            (
                json!({"type": "input_audio", "input_audio": {"data": "AA", "format": "amr"}}),
                ".input_audio.format",
            ),
            (
                json!({"type": "text", "text": "Hi", "annotations": [1]}),
                ".annotations",
            ),
            (
                json!({"type": "foreign", "dialect": "messages", "block": {}}),
                "",
            ),
            (json!({"type": "refusal", "refusal": "No."}), ""),
        ] {
            let parts = json!([{"type": "text", "text": "See:"}, part]);
            assert_eq!(
                blocks(&parts).unwrap_err().param.unwrap(),
                format!("messages[0].content[1]{path}")
            );
        }
    }
}
