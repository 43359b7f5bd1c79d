//! The files that a batch ends with: an answer or an error for each line, in the order of the lines.

use std::io;

use bytes::Bytes;
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Value, json};

use super::super::files::{FileRow, Files, OUTPUT, change};
use super::super::page::fresh;
use super::input::Input;
use super::row::{BatchRow, End};
use crate::chat::{Dialect, RequestId, unix_ms};
use crate::gateway::error::ApiError;
use crate::store::{Draft, Table, WorkChange, WorkStore};

/// How the row of a line begins that was answered, and one that was not.
const ANSWERED: u8 = b'o';
const FAILED: u8 = b'e';

/// The key of a line's row.
pub(super) fn line_key(batch: &[u8], line: usize) -> Vec<u8> {
    [batch, format!("/{line:08}").as_bytes()].concat()
}

/// A line's row, from which on it is answered.
pub(super) fn line_row(batch: &[u8], line: usize, written: &Written) -> WorkChange {
    let tag = if written.well { ANSWERED } else { FAILED };
    WorkChange {
        table: Table::Lines,
        key: line_key(batch, line),
        value: Some([&[tag], written.text.as_bytes()].concat()),
        // It goes with its batch.
        ends_ms: u64::MAX,
    }
}

/// Whether a line's row tells of an answer; none if it is no such row.
pub(super) fn is_answer(row: &[u8]) -> Option<bool> {
    match *row.first()? {
        ANSWERED => Some(true),
        FAILED => Some(false),
        _ => None,
    }
}

/// A line of one of the files.
pub(super) struct Written {
    pub(super) well: bool,
    text: String,
}

impl Written {
    /// Of an answer, a JSON object as it came; none if it is none.
    pub(super) fn answer(custom_id: &str, id: RequestId, body: &Bytes) -> Option<Self> {
        let body: &RawValue = serde_json::from_slice(body).ok()?;
        Some(Self {
            well: true,
            text: line(custom_id, Some((200, id, body)), &Value::Null),
        })
    }

    /// Of a refusal or a failure.
    pub(super) fn error(custom_id: &str, id: RequestId, error: &ApiError, of: Dialect) -> Self {
        let body = to_raw_value(&error.body(of, id)).unwrap_or_default();
        Self {
            well: false,
            text: line(
                custom_id,
                Some((error.status_in(of), id, &body)),
                &Value::Null,
            ),
        }
    }

    /// Of a line that got no answer.
    pub(super) fn unanswered(custom_id: &str, code: &str, message: &str) -> Self {
        let error = json!({"code": code, "message": message});
        Self {
            well: false,
            text: line(custom_id, None, &error),
        }
    }
}

fn line(custom_id: &str, response: Option<(u16, RequestId, &RawValue)>, error: &Value) -> String {
    let id = fresh("batch_req_");
    let custom_id = Value::from(custom_id);
    let response = response.map_or("null".to_owned(), |(status, id, body)| {
        // Between the tokens of an object there may be ends of lines, inside of them there cannot be any.
        let body = body.get().replace(['\n', '\r'], " ");
        format!(r#"{{"status_code":{status},"request_id":"{id}","body":{body}}}"#)
    });
    format!(r#"{{"id":"{id}","custom_id":{custom_id},"response":{response},"error":{error}}}"#)
}

/// Writes both files, and gives the rows that describe them. Blocks.
///
/// # Errors
/// The disk or the store does not do it.
pub(super) fn assemble(
    (files, store): (&Files, &WorkStore),
    batch: &[u8],
    row: &BatchRow,
    (input, end): (Option<&Input>, End),
    ttl_s: u64,
) -> io::Result<Vec<WorkChange>> {
    let mut sheets = [(&row.output, "output"), (&row.error, "error")].map(|(id, kind)| Sheet {
        id: id.clone().unwrap_or_default(),
        kind,
        draft: None,
    });
    for line in 0..input.map_or(0, Input::lines) {
        let found = store.get(Table::Lines, &line_key(batch, line), unix_ms());
        let found = found.map_err(io::Error::other)?;
        let (well, text) = match found
            .as_deref()
            .and_then(|row| Some((is_answer(row)?, row)))
        {
            Some((well, row)) => (well, row[1..].to_vec()),
            None => {
                let custom_id = input.and_then(|input| Some(input.line(line).ok()?.custom_id));
                let (code, message) = unanswered(end);
                let custom_id = custom_id.unwrap_or_default();
                let written = Written::unanswered(&custom_id, code, message);
                (false, written.text.into_bytes())
            }
        };
        let sheet = &mut sheets[usize::from(!well)];
        let draft = match &mut sheet.draft {
            Some(draft) => draft,
            none => none.insert(files.blobs.draft(&sheet.id)?),
        };
        draft.write(&text)?;
        draft.write(b"\n")?;
    }
    let lasts = row.output_s.map_or(ttl_s, |wanted| wanted.min(ttl_s));
    let mut rows = Vec::new();
    for sheet in sheets {
        let Some(draft) = sheet.draft else {
            continue;
        };
        let now = unix_ms();
        let described = FileRow {
            filename: format!("{}_{}.jsonl", row.id, sheet.kind),
            id: sheet.id,
            bytes: draft.finish()?,
            created_ms: now,
            expires_ms: now.saturating_add(lasts.saturating_mul(1000)),
            purpose: OUTPUT.to_owned(),
        };
        rows.push(change(row.who.tenant.as_str(), &described));
    }
    Ok(rows)
}

struct Sheet {
    id: String,
    kind: &'static str,
    draft: Option<Draft>,
}

/// What is told of a line without an answer, by what its batch ended with.
fn unanswered(end: End) -> (&'static str, &'static str) {
    match end {
        End::Completed => ("answer_lost", "The answer to this request was lost."),
        End::Cancelled => (
            "batch_cancelled",
            "This request was not answered before the batch was cancelled.",
        ),
        End::Expired => (
            "batch_expired",
            "This request could not be answered before the completion window expired.",
        ),
        End::Revoked => (
            "invalid_api_key",
            "The key that made this batch is not valid any more.",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_output_is_one_line_and_keeps_the_answer_to_the_digit() {
        let body = Bytes::from_static(b"{\n  \"n\": 1.10,\r\n  \"text\": \"a\\nb\"\n}");
        let written = Written::answer("x\"y", RequestId::fresh(), &body).unwrap();
        assert!(!written.text.contains('\n') && written.text.contains("1.10"));
        let line: Value = serde_json::from_str(&written.text).unwrap();
        assert_eq!(line["custom_id"], "x\"y");
        assert_eq!(line["response"]["status_code"], 200);
        assert_eq!(line["response"]["body"]["text"], "a\nb");
        assert_eq!(line["error"], Value::Null);
        assert!(Written::answer("x", RequestId::fresh(), &"{".into()).is_none());
    }
}
