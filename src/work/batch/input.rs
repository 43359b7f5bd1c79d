//! The file of a batch: where its lines lie, and what is wrong with them.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::os::unix::fs::FileExt;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::row::{Endpoint, Fault};

/// Faults of one file that are told.
const TOLD: usize = 100;
/// Bytes of a line's own id.
const ID_BYTES: usize = 512;
/// What some editors put before the first line.
const MARK: &[u8] = "\u{feff}".as_bytes();

/// Where the lines of a file lie.
pub(super) struct Input {
    file: File,
    spans: Vec<(u64, usize)>,
}

/// What is asked for by a line.
pub(super) struct Line {
    pub(super) custom_id: String,
    pub(super) body: Bytes,
}

/// What lines must be.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rules {
    pub(super) endpoint: Endpoint,
    pub(super) max_lines: usize,
    pub(super) max_line_bytes: usize,
}

#[derive(Deserialize)]
struct Raw<'a> {
    custom_id: Option<serde_json::Value>,
    method: Option<String>,
    url: Option<String>,
    #[serde(borrow)]
    body: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct RawBody {
    model: Option<serde_json::Value>,
    stream: Option<serde_json::Value>,
}

impl Input {
    /// Finds the lines; each that is not blank counts.
    pub(super) fn open(file: File) -> io::Result<Self> {
        Self::read(file, u64::MAX, |_, _| true)
    }

    /// The same, and what is wrong with any of them.
    pub(super) fn validated(file: File, rules: Rules) -> io::Result<Result<Self, Vec<Fault>>> {
        let (mut faults, mut ids, mut count) = (Vec::new(), HashSet::new(), 0);
        let most = rules.max_line_bytes as u64;
        let input = Self::read(file, most, |number, line| {
            count += 1;
            if count > rules.max_lines {
                faults.push(Fault {
                    code: "too_many_tasks".into(),
                    message: format!("A batch may have {} lines.", rules.max_lines),
                    param: None,
                    line: None,
                });
                return false;
            }
            if let Err((code, param, message)) = check(line, rules, &mut ids) {
                faults.push(Fault {
                    code: code.into(),
                    message,
                    param: param.map(str::to_owned),
                    line: Some(number),
                });
            }
            faults.len() < TOLD
        })?;
        if count == 0 {
            faults.push(Fault {
                code: "empty_file".into(),
                message: "The file holds no requests.".into(),
                param: None,
                line: None,
            });
        }
        Ok(if faults.is_empty() {
            Ok(input)
        } else {
            Err(faults)
        })
    }

    /// Reads line by line, of each no more than `most` bytes, for as long as `each` wants.
    fn read(file: File, most: u64, mut each: impl FnMut(usize, &[u8]) -> bool) -> io::Result<Self> {
        let mut reader = BufReader::with_capacity(256 << 10, file);
        let (mut spans, mut line, mut at) = (Vec::new(), Vec::new(), 0_u64);
        for number in 1.. {
            line.clear();
            let mut limited = io::Read::take(&mut reader, most.saturating_add(1));
            let bytes = limited.read_until(b'\n', &mut line)?;
            if bytes == 0 {
                break;
            }
            let (start, whole) = (at, line.ends_with(b"\n") || (bytes as u64) <= most);
            at += bytes as u64;
            if !whole {
                at += skip_line(&mut reader)?;
            }
            let mark = if number == 1 && line.starts_with(MARK) {
                MARK.len()
            } else {
                0
            };
            let said = &line[mark..];
            if said.trim_ascii().is_empty() && whole {
                continue;
            }
            spans.push((start + mark as u64, said.len()));
            if !each(number, said) {
                break;
            }
        }
        let file = reader.into_inner();
        Ok(Self { file, spans })
    }

    pub(super) fn lines(&self) -> usize {
        self.spans.len()
    }

    /// One line, by its place among those that count. Blocks.
    pub(super) fn line(&self, number: usize) -> io::Result<Line> {
        let (at, bytes) = *self.spans.get(number).ok_or(io::ErrorKind::NotFound)?;
        let mut line = vec![0; bytes];
        self.file.read_exact_at(&mut line, at)?;
        let raw: Raw<'_> = serde_json::from_slice(&line)?;
        let custom_id = raw.custom_id.as_ref().and_then(|id| id.as_str());
        Ok(Line {
            custom_id: custom_id.unwrap_or_default().to_owned(),
            body: raw
                .body
                .map(|b| b.get().to_owned().into())
                .unwrap_or_default(),
        })
    }
}

fn skip_line(reader: &mut impl BufRead) -> io::Result<u64> {
    let mut skipped = 0;
    loop {
        let buffer = reader.fill_buf()?;
        let end = buffer.iter().position(|b| *b == b'\n');
        let used = end.map_or(buffer.len(), |end| end + 1);
        reader.consume(used);
        skipped += used as u64;
        if end.is_some() || used == 0 {
            return Ok(skipped);
        }
    }
}

type Wrong = (&'static str, Option<&'static str>, String);

fn check(line: &[u8], rules: Rules, ids: &mut HashSet<String>) -> Result<(), Wrong> {
    let wrong = |code, param, message: &str| Err((code, param, message.to_owned()));
    if line.len() > rules.max_line_bytes {
        let message = format!("A line may have {} bytes.", rules.max_line_bytes);
        return Err(("line_too_long", None, message));
    }
    let Ok(raw) = serde_json::from_slice::<Raw<'_>>(line) else {
        return wrong(
            "invalid_json_line",
            None,
            "This line is not a JSON object of a request.",
        );
    };
    let Some(id) = raw.custom_id.as_ref().and_then(|id| id.as_str()) else {
        return wrong(
            "missing_required_parameter",
            Some("custom_id"),
            "`custom_id` must be a text.",
        );
    };
    if id.is_empty() || id.len() > ID_BYTES {
        return wrong(
            "invalid_custom_id",
            Some("custom_id"),
            "`custom_id` must have 1 to 512 bytes.",
        );
    }
    if !ids.insert(id.to_owned()) {
        return wrong(
            "duplicate_custom_id",
            Some("custom_id"),
            "Another line has this `custom_id`.",
        );
    }
    if raw.method.as_deref() != Some("POST") {
        return wrong(
            "invalid_method",
            Some("method"),
            "`method` must be \"POST\".",
        );
    }
    if raw.url.as_deref() != Some(rules.endpoint.as_str()) {
        let message = format!("`url` must be the batch's, {}.", rules.endpoint.as_str());
        return Err(("mismatched_url", Some("url"), message));
    }
    check_body(raw.body)
}

fn check_body(body: Option<&RawValue>) -> Result<(), Wrong> {
    let wrong = |code, param, message: &str| Err((code, Some(param), message.to_owned()));
    let body = body.map(|body| serde_json::from_str::<RawBody>(body.get()));
    let Some(Ok(body)) = body else {
        return wrong(
            "invalid_body",
            "body",
            "`body` must be the object of a request.",
        );
    };
    if !body.model.is_some_and(|model| model.is_string()) {
        return wrong(
            "missing_required_parameter",
            "body.model",
            "`body.model` must be a text.",
        );
    }
    if body.stream.is_some_and(|stream| stream == true) {
        return wrong(
            "unsupported_parameter",
            "body.stream",
            "A line of a batch cannot stream.",
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn file(text: &str) -> File {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        io::Seek::rewind(&mut file).unwrap();
        file
    }

    fn line(id: &str) -> String {
        format!(
            r#"{{"custom_id":"{id}","method":"POST","url":"/v1/chat/completions","body":{{"model":"m","n":"{id}"}}}}"#
        )
    }

    fn faults(text: &str) -> Vec<(Option<usize>, String)> {
        let rules = Rules {
            endpoint: Endpoint::Chat,
            max_lines: 3,
            max_line_bytes: 200,
        };
        let checked = Input::validated(file(text), rules).unwrap();
        let faults = checked.err().unwrap_or_default().into_iter();
        faults.map(|fault| (fault.line, fault.code)).collect()
    }

    #[test]
    fn lines_are_found_again_by_number_and_blank_ones_do_not_count() {
        let text = format!("{}\n\n  \r\n{}\r\n{}", line("a"), line("b"), line("ä"));
        assert_eq!(faults(&text), []);
        let input = Input::open(file(&text)).unwrap();
        assert_eq!(input.lines(), 3);
        let found = input.line(2).unwrap();
        assert_eq!(
            (found.custom_id.as_str(), &found.body[..]),
            ("ä", r#"{"model":"m","n":"ä"}"#.as_bytes())
        );
        assert_eq!(input.line(1).unwrap().custom_id, "b");
        assert!(input.line(3).is_err());
    }

    #[test]
    fn a_mark_of_the_byte_order_is_no_part_of_the_first_line() {
        let text = format!("\u{feff}{}\n{}\n", line("a"), line("b"));
        assert_eq!(faults(&text), []);
        let input = Input::open(file(&text)).unwrap();
        let ids = [0, 1].map(|n| input.line(n).unwrap().custom_id);
        assert_eq!(ids, ["a", "b"]);
        assert_eq!(faults("\u{feff}\n"), [(None, "empty_file".into())]);
        let later = format!("{}\n\u{feff}{}", line("a"), line("b"));
        assert_eq!(faults(&later), [(Some(2), "invalid_json_line".into())]);
    }

    #[test]
    fn each_fault_is_told_with_the_number_of_its_line() {
        let good = line("a");
        let cases = [
            (String::new(), None, "empty_file"),
            (
                format!("{good}\n\n{good}\n"),
                Some(3),
                "duplicate_custom_id",
            ),
            (format!("{good}\n{{"), Some(2), "invalid_json_line"),
            (good.replace("POST", "GET"), Some(1), "invalid_method"),
            (
                good.replace("/v1/chat/completions", "/v1/responses"),
                Some(1),
                "mismatched_url",
            ),
            (
                good.replace("\"model\":\"m\",", ""),
                Some(1),
                "missing_required_parameter",
            ),
            (
                good.replace("\"a\",\"method", "7,\"method"),
                Some(1),
                "missing_required_parameter",
            ),
            (
                good.replace("{\"model", "[{\"model").replace("}}", "}]}"),
                Some(1),
                "invalid_body",
            ),
            (
                good.replace("\"n\":\"a\"", "\"stream\":true"),
                Some(1),
                "unsupported_parameter",
            ),
            (
                format!(
                    "{}\n{}",
                    good.replace("\"n\"", &format!("\"{}\"", "n".repeat(200))),
                    line("b")
                ),
                Some(1),
                "line_too_long",
            ),
            (
                ["a", "b", "c", "d"].map(line).join("\n"),
                None,
                "too_many_tasks",
            ),
        ];
        for (text, number, code) in cases {
            assert_eq!(faults(&text), [(number, code.to_owned())], "{text}");
        }
    }
}
