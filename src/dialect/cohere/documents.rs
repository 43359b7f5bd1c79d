//! Documents that the answer may draw on. They have no place inside a message there, but one of their own in the
//! request, as fields of text.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use super::super::media::{Source, source};
use super::super::members::{object, only, says_something, text};
use super::super::target::inexpressible;
use super::NAME;
use crate::chat::InvalidRequest;

/// All documents of a request.
#[derive(Debug, Default)]
pub(super) struct Documents {
    /// Each with its fields.
    pub(super) all: Vec<Value>,
    /// Whether the client wants to be told what was drawn from one of them.
    pub(super) cited: bool,
}

impl Documents {
    /// Adds the content part at `at`, of which only plain text can be expressed.
    pub(super) fn add(
        &mut self,
        part: &Map<String, Value>,
        at: &str,
    ) -> Result<(), InvalidRequest> {
        let known = [
            "type",
            "file",
            "title",
            "context",
            "citations",
            "cache_control",
        ];
        only(part, at, &known, NAME)?;
        let place = format!("{at}.file");
        let file = object(part.get("file").unwrap_or(&Value::Null), &place)?;
        only(file, &place, &["file_data", "filename"], NAME)?;
        let place = format!("{place}.file_data");
        let content = plain(text(file, &format!("{at}.file"), "file_data")?);
        let mut fields = Map::new();
        let content = content.ok_or_else(|| inexpressible(place, NAME))?;
        fields.insert("text".into(), content.into());
        let about = [("title", part), ("context", part), ("filename", file)];
        for (key, of) in about {
            if let Some(value) = of.get(key).filter(|v| says_something(v)) {
                fields.insert(key.into(), value.clone());
            }
        }
        self.all.push(json!({ "data": fields }));
        let cited = part.get("citations").and_then(|c| c.get("enabled"));
        self.cited |= cited.and_then(Value::as_bool) == Some(true);
        Ok(())
    }
}

fn plain(url: &str) -> Option<String> {
    match source(url)? {
        Source::Inline { mime, data } if mime.eq_ignore_ascii_case("text/plain") => {
            String::from_utf8(STANDARD.decode(data).ok()?).ok()
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn added(part: Value) -> Result<Documents, String> {
        let mut documents = Documents::default();
        let done = documents.add(part.as_object().unwrap(), "p");
        done.map(|()| documents).map_err(|e| e.param.unwrap())
    }

    fn file(data: &str) -> Value {
        json!({"type": "file", "file": {"filename": "a.txt", "file_data": data}})
    }

    #[test]
    fn plain_text_becomes_a_document_with_all_that_is_known_of_it() {
        let mut part = file("data:text/plain;charset=utf-8;base64,w6k=");
        part["title"] = json!("T");
        part["context"] = json!("C");
        part["citations"] = json!({"enabled": true});
        let documents = added(part).unwrap();
        let data = json!({"text": "é", "title": "T", "context": "C", "filename": "a.txt"});
        assert_eq!(documents.all, [json!({ "data": data })]);
        assert!(documents.cited);
        assert!(!added(file("data:text/plain;base64,eA==")).unwrap().cited);
    }

    #[test]
    fn everything_else_is_refused_by_name() {
        for data in [
            "data:application/pdf;base64,eA==",
            "data:text/plain;base64,/w==",
            "data:text/plain;base64,?",
            "https://x.test/a.txt",
        ] {
            assert_eq!(added(file(data)).unwrap_err(), "p.file.file_data", "{data}");
        }
        let kept = json!({"type": "file", "file": {"file_id": "file-1"}});
        assert_eq!(added(kept).unwrap_err(), "p.file.file_id");
    }
}
