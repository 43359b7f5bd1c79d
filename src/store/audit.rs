//! The audit trail: who changed what, in lines that are only ever appended. Knows files and hashes, not what is audited.
//!
//! ```text
//! 0000000001.log:   <hash of the line before + this JSON, hex> <bytes of JSON> <JSON>\n
//! ```
//! Each line hashes the one before it, so none can be changed, cut out or reordered unnoticed; `head` holds the number
//! of the last line, so that a cut at the end is noticed too; it is there before the first line is. A line that does not
//! verify is reported by segment and offset, and reading goes on after it; so is a `head` that is no such number.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::audit_line::{Hash, Line, chain};
use super::folder::{DataFolder, sync_folder};

/// A segment is closed at this size.
const SEGMENT_BYTES: u64 = 16 << 20;

const MISSING: &str = "records are missing";
const NO_HEAD: &str = "`head`, the number of the last record, is missing or damaged";
const OLD_HEAD: &str = "`head`, the number of the last record, is an earlier one";

/// One change of the gateway's settings or data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AuditEvent {
    /// Unix milliseconds.
    pub ts_ms: u64,
    /// Who: a key's id, or what acted on its own.
    pub actor: String,
    /// What was done.
    pub action: String,
    /// To what.
    pub target: String,
    /// What it was before.
    pub before: Value,
    /// What it is now.
    pub after: Value,
}

/// An event with its place in the trail.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AuditRecord {
    /// Ascending from 1.
    pub seq: u64,
    /// What happened.
    #[serde(flatten)]
    pub event: AuditEvent,
}

/// A place where the trail does not verify.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// The segment's number; 0 for `head`.
    pub segment: u64,
    /// Bytes from its start.
    pub offset: u64,
    /// What is wrong there.
    pub reason: &'static str,
}

/// Why the trail cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// The file system refused; the event is not in the trail.
    #[error("audit trail: {0}")]
    Io(#[from] io::Error),
    /// The event is no JSON.
    #[error("audit event: {0}")]
    Json(#[from] serde_json::Error),
}

/// The open trail.
#[derive(Debug)]
pub struct AuditLog {
    folder: PathBuf,
    segment_bytes: u64,
    tail: Mutex<Tail>,
}

#[derive(Debug)]
struct Tail {
    file: File,
    head: File,
    segment: u64,
    length: u64,
    seq: u64,
    hash: Hash,
}

impl AuditLog {
    /// Opens `audit/` and verifies it; what is broken is reported and left as it is, and writing goes on in a new segment.
    ///
    /// # Errors
    /// Only what the file system refuses: damage is a value here.
    pub fn open(folder: &DataFolder) -> Result<(Self, Vec<Broken>), AuditError> {
        Self::with_segments(folder, SEGMENT_BYTES)
    }

    fn with_segments(
        folder: &DataFolder,
        segment_bytes: u64,
    ) -> Result<(Self, Vec<Broken>), AuditError> {
        let folder = folder.audit();
        let mut walk = walk(&folder, |_| {})?;
        let head = open_head(&folder)?;
        if walk.segment == 0 && head.metadata()?.len() == 0 {
            write_head(&head, 0)?;
        }
        walk.seq = walk.against(&head)?;
        if read_head(&head).is_some_and(|noted| noted + 1 == walk.seq) {
            // A crash came before the number of the last line. One that comes there again must find it one behind,
            // not two; where this cannot be written, it is told.
            drop(write_head(&head, walk.seq));
        }
        let tail_is_sound = walk.segment > 0
            && walk
                .broken
                .iter()
                .all(|broken| broken.segment < walk.segment);
        let (segment, length) = if tail_is_sound {
            (walk.segment, walk.length)
        } else {
            (walk.segment + 1, 0)
        };
        let file = open_segment(&folder, segment)?;
        let tail = Tail {
            file,
            head,
            segment,
            length,
            seq: walk.seq,
            hash: walk.hash,
        };
        Ok((
            Self {
                folder,
                segment_bytes,
                tail: Mutex::new(tail),
            },
            walk.broken,
        ))
    }

    /// Adds an event; on disk, power cut included, when it returns its number.
    ///
    /// # Errors
    /// [`AuditError::Io`]: the trail is as it was before.
    pub fn append(&self, event: &AuditEvent) -> Result<u64, AuditError> {
        let mut tail = self.tail.lock();
        let seq = tail.seq + 1;
        let json = serde_json::to_vec(&AuditRecord {
            seq,
            event: event.clone(),
        })?;
        if tail.length >= self.segment_bytes {
            tail.file = open_segment(&self.folder, tail.segment + 1)?;
            tail.segment += 1;
            tail.length = 0;
        }
        let hash = chain(&tail.hash, &json);
        let mut line = format!(
            "{} {} ",
            blake3::Hash::from_bytes(hash).to_hex(),
            json.len()
        )
        .into_bytes();
        line.extend_from_slice(&json);
        line.push(b'\n');
        let written = tail
            .file
            .write_all(&line)
            .and_then(|()| tail.file.sync_data());
        if let Err(error) = written {
            // Half a line would be reported as damage for ever.
            tail.file.set_len(tail.length)?;
            return Err(error.into());
        }
        tail.length += line.len() as u64;
        (tail.seq, tail.hash) = (seq, hash);
        write_head(&tail.head, seq)?;
        Ok(seq)
    }

    /// Up to `limit` records from number `from` on, oldest first; broken ones are left out.
    ///
    /// # Errors
    /// [`AuditError::Io`].
    pub fn read(&self, from: u64, limit: usize) -> Result<Vec<AuditRecord>, AuditError> {
        let _quiet = self.tail.lock();
        let mut records = Vec::new();
        walk(&self.folder, |record| {
            if record.seq >= from && records.len() < limit {
                records.push(record);
            }
        })?;
        Ok(records)
    }

    /// Whether nothing was ever written to it, as far as can be told.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tail.lock().seq == 0
    }

    /// Whether something of this kind was ever done.
    ///
    /// # Errors
    /// [`AuditError::Io`].
    pub fn ever(&self, action: &str) -> Result<bool, AuditError> {
        let _quiet = self.tail.lock();
        let mut found = false;
        walk(&self.folder, |record| {
            found |= record.event.action == action
        })?;
        Ok(found)
    }

    /// Every place that does not verify.
    ///
    /// # Errors
    /// [`AuditError::Io`].
    pub fn verify(&self) -> Result<Vec<Broken>, AuditError> {
        let tail = self.tail.lock();
        let mut walk = walk(&self.folder, |_| {})?;
        let known = walk.against(&open_head(&self.folder)?)?;
        // A head that is damaged by now does not tell of the cut.
        if tail.seq > known {
            walk.note(walk.length, MISSING);
        }
        Ok(walk.broken)
    }
}

/// Where a reading of the whole trail has come to.
#[derive(Debug, Default)]
struct Walk {
    segment: u64,
    /// Bytes of the last segment.
    length: u64,
    seq: u64,
    /// The hash of the last line that verified; writing goes on from it.
    hash: Hash,
    /// What the next line may follow from when the line before is damaged: its hash as written and as computed.
    claims: Vec<Hash>,
    broken: Vec<Broken>,
}

fn walk(folder: &Path, mut each: impl FnMut(AuditRecord)) -> io::Result<Walk> {
    let mut walk = Walk::default();
    for (segment, path) in segments(folder)? {
        if segment != walk.segment + 1 {
            walk.segment = segment;
            walk.note(0, "a segment before this one is missing");
        }
        let bytes = fs::read(path)?;
        (walk.segment, walk.length) = (segment, bytes.len() as u64);
        let mut at = 0;
        while at < bytes.len() {
            at += walk.line(at as u64, &bytes[at..], &mut each);
        }
    }
    Ok(walk)
}

impl Walk {
    /// Reads the line at the start of `bytes`; returns where the next one starts.
    fn line(&mut self, at: u64, bytes: &[u8], each: &mut impl FnMut(AuditRecord)) -> usize {
        let line = Line::parse(bytes);
        let record = serde_json::from_slice::<AuditRecord>(line.json).ok();
        let follows = |before: &Hash| Some(chain(before, line.json)) == line.hash;
        let verified = line.whole && (follows(&self.hash) || self.claims.iter().any(follows));
        match (record, line.hash) {
            (Some(record), Some(hash)) if verified => {
                if record.seq != self.seq + 1 && self.claims.is_empty() {
                    self.note(at, MISSING);
                }
                (self.seq, self.hash) = (record.seq, hash);
                self.claims.clear();
                if !line.ended {
                    self.note(at, "line does not end where it should");
                }
                each(record);
            }
            _ => {
                self.note(at, "line does not verify");
                // One changed byte leaves either the hash or the record as it was, and the next line follows from that.
                self.claims = line
                    .hash
                    .into_iter()
                    .chain([chain(&self.hash, line.json)])
                    .collect();
                self.seq += 1;
            }
        }
        line.length
    }

    /// Holds what was read against the head, and gives the number that writing goes on from.
    fn against(&mut self, head: &File) -> io::Result<u64> {
        let noted = read_head(head);
        // A line is on disk before its number is: after a crash it may be one ahead.
        let wrong = match noted {
            Some(seq) if seq > self.seq => {
                self.note(self.length, MISSING);
                return Ok(seq);
            }
            Some(seq) if seq + 1 < self.seq => Some(OLD_HEAD),
            Some(_) => None,
            // A folder that never saw a line may be from before heads were written at once.
            None if self.seq == 0 && head.metadata()?.len() == 0 => None,
            None => Some(NO_HEAD),
        };
        self.broken.extend(wrong.map(|reason| Broken {
            segment: 0,
            offset: 0,
            reason,
        }));
        Ok(self.seq)
    }

    fn note(&mut self, offset: u64, reason: &'static str) {
        self.broken.push(Broken {
            segment: self.segment,
            offset,
            reason,
        });
    }
}

fn segments(folder: &Path) -> io::Result<Vec<(u64, PathBuf)>> {
    let mut segments = Vec::new();
    for file in fs::read_dir(folder)? {
        let path = file?.path();
        let number = path
            .file_name()
            .and_then(|name| name.to_str()?.strip_suffix(".log")?.parse().ok());
        segments.extend(number.map(|number| (number, path)));
    }
    segments.sort();
    Ok(segments)
}

fn open_segment(folder: &Path, segment: u64) -> io::Result<File> {
    let path = folder.join(format!("{segment:010}.log"));
    let file = OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .open(path)?;
    sync_folder(folder)?;
    Ok(file)
}

fn open_head(folder: &Path) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(folder.join("head"))
}

/// The number of the last line, with a checksum; a torn or changed one counts as none.
fn read_head(head: &File) -> Option<u64> {
    let mut bytes = [0; 40];
    head.read_exact_at(&mut bytes, 0).ok()?;
    let (number, sum) = bytes.split_first_chunk::<8>()?;
    (blake3::hash(number).as_bytes() == sum).then_some(u64::from_le_bytes(*number))
}

fn write_head(head: &File, seq: u64) -> io::Result<()> {
    let number = seq.to_le_bytes();
    head.write_all_at(&[&number[..], blake3::hash(&number).as_bytes()].concat(), 0)?;
    head.sync_data()
}

#[cfg(test)]
#[path = "audit_tests.rs"]
mod tests;
