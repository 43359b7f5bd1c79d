//! What a file to measure on holds: one JSON object a line, plain or gzipped. Knows the
//! form of a row and where it stood, nothing of what becomes of it.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Two questions and whether one answer serves both.
#[derive(Debug, Clone, Deserialize)]
pub struct PairRow {
    /// The one that is remembered.
    pub a: String,
    /// The one that is asked.
    pub b: String,
    /// 1 when one answer serves both, 0 when it does not.
    #[serde(deserialize_with = "label")]
    pub label: bool,
    /// What the pair tests.
    #[serde(default = "untagged")]
    pub tag: String,
}

/// Two conversations and whether the answer to the last turn of the one serves that of the other.
#[derive(Debug, Clone, Deserialize)]
pub struct ConversationRow {
    /// Messages of the one that is remembered.
    pub a: Vec<Value>,
    /// Messages of the one that is asked.
    pub b: Vec<Value>,
    /// 1 when one answer serves both, 0 when it does not.
    #[serde(deserialize_with = "label")]
    pub label: bool,
    /// What the pair tests.
    #[serde(default = "untagged")]
    pub kind: String,
}

/// One request of a trace.
#[derive(Debug, Clone, Deserialize)]
pub struct TraceRow {
    /// Who asks.
    pub tenant: String,
    /// The question.
    pub q: String,
    /// Requests of one group are served by one answer.
    pub group: String,
    /// What the request stands for.
    #[serde(default = "untagged")]
    pub kind: String,
}

/// A row that a budget can be tried on.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub enum BudgetRow {
    /// Two questions.
    Pair(PairRow),
    /// One request of a trace.
    Trace(TraceRow),
}

fn untagged() -> String {
    "untagged".to_owned()
}

fn label<'de, D: serde::Deserializer<'de>>(from: D) -> Result<bool, D::Error> {
    match Value::deserialize(from)? {
        Value::Bool(label) => Ok(label),
        Value::Number(n) if n.as_f64() == Some(1.0) => Ok(true),
        Value::Number(n) if n.as_f64() == Some(0.0) => Ok(false),
        _ => Err(serde::de::Error::custom("`label` must be 0 or 1")),
    }
}

/// Why a file cannot be measured on.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say it")]
pub enum RowsError {
    #[error("{path}: {source}")]
    Read { path: PathBuf, source: io::Error },
    #[error("{path}, line {line}: {source}")]
    Row {
        path: PathBuf,
        line: usize,
        source: serde_json::Error,
    },
    #[error("{path} holds no rows")]
    Empty { path: PathBuf },
}

/// Reads all rows of a file; blank lines are skipped.
///
/// # Errors
/// [`RowsError`]: a file that cannot be read, or a line that is no such row.
pub fn read<T: DeserializeOwned>(path: &Path) -> Result<Vec<T>, RowsError> {
    let unreadable = |source| RowsError::Read {
        path: path.to_owned(),
        source,
    };
    let mut rows = Vec::new();
    for (number, line) in open(path).map_err(unreadable)?.lines().enumerate() {
        let line = line.map_err(unreadable)?;
        if line.trim().is_empty() {
            continue;
        }
        rows.push(
            serde_json::from_str(&line).map_err(|source| RowsError::Row {
                path: path.to_owned(),
                line: number + 1,
                source,
            })?,
        );
    }
    if rows.is_empty() {
        return Err(RowsError::Empty {
            path: path.to_owned(),
        });
    }
    Ok(rows)
}

/// By its first bytes, not its name: a file may be called anything.
fn open(path: &Path) -> io::Result<Box<dyn BufRead>> {
    let mut file = BufReader::new(File::open(path)?);
    let gzipped = file.fill_buf()?.starts_with(&[0x1f, 0x8b]);
    let plain: Box<dyn Read> = if gzipped {
        Box::new(MultiGzDecoder::new(file))
    } else {
        Box::new(file)
    };
    Ok(Box::new(BufReader::new(plain)))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn file(bytes: &[u8]) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(bytes).unwrap();
        file
    }

    const ROWS: &str = "{\"a\":\"x\",\"b\":\"y\",\"label\":1,\"tag\":\"t\",\"more\":2}\n\n{\"a\":\"x\",\"b\":\"z\",\"label\":0}\n";

    #[test]
    fn rows_are_read_plain_and_gzipped() {
        let mut zip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        zip.write_all(ROWS.as_bytes()).unwrap();
        for bytes in [ROWS.as_bytes().to_vec(), zip.finish().unwrap()] {
            let rows: Vec<PairRow> = read(file(&bytes).path()).unwrap();
            let seen: Vec<_> = rows.iter().map(|r| (r.label, r.tag.as_str())).collect();
            assert_eq!(seen, [(true, "t"), (false, "untagged")]);
        }
    }

    #[test]
    fn a_bad_line_is_told_by_its_number_and_an_empty_file_is_no_measurement() {
        let bad = file(b"{\"a\":\"x\",\"b\":\"y\",\"label\":1}\n{\"a\":\"x\",\"label\":2}\n");
        let told = read::<PairRow>(bad.path()).unwrap_err().to_string();
        assert!(told.contains("line 2: "), "{told}");
        let told = read::<PairRow>(file(b"\n").path()).unwrap_err();
        assert!(matches!(told, RowsError::Empty { .. }));
    }
}
