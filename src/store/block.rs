//! Blocks: some dozens of records in one row, and the directory that says which of them live. Knows nothing of sled.
//!
//! One row per record costs sled about 100 µs each (measured: three ordered trees, 16 rows a leaf, every leaf rewritten
//! again and again). A block shares that cost among all records of one commit, and a directory row, being small,
//! is all that a deletion rewrites.

use super::bytes::Fields;
use super::record::{Encoder, Entry, encode_vector};

/// Records of one block; with 384 dimensions a block of vectors is 50 KiB, what a cold read has to fetch.
pub(super) const BLOCK_RECORDS: usize = 32;
/// Entry bytes after which a block is closed.
const BLOCK_ENTRY_BYTES: usize = 64 << 10;
/// Vector bytes after which a block is closed.
const BLOCK_VECTOR_BYTES: usize = 64 << 10;
const DIRECTORY_VERSION: u8 = 1;
/// Marks a record without a vector.
const NO_VECTOR: u32 = u32::MAX;
/// Marks a record whose vector lies in a tree of its own.
const ELSEWHERE: u32 = u32::MAX - 1;

/// Where one live record lies in its block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) id: u64,
    pub(super) exact: [u8; 32],
    pub(super) expires_ms: u64,
    pub(super) entry: Span,
    pub(super) vector: Option<Span>,
}

/// A range of bytes inside a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) at: u32,
    pub(super) len: u32,
}

impl Span {
    pub(super) fn of(self, bytes: &[u8]) -> Option<&[u8]> {
        let at = self.at as usize;
        bytes.get(at..at.checked_add(self.len as usize)?)
    }
}

/// A block under construction or read back: its records and its directory.
#[derive(Debug, Default)]
pub(super) struct Block {
    pub(super) entries: Vec<u8>,
    pub(super) vectors: Vec<u8>,
    pub(super) lines: Vec<Line>,
    /// Records of vectors that lie in a tree of their own, by id.
    pub(super) own: Vec<(u64, Vec<u8>)>,
}

impl Block {
    /// The key of the block: the id of its first record, which no other block can have.
    pub(super) fn key(&self) -> Option<u64> {
        self.lines.first().map(|line| line.id)
    }

    pub(super) fn is_full(&self) -> bool {
        self.lines.len() >= BLOCK_RECORDS
            || self.entries.len() >= BLOCK_ENTRY_BYTES
            || self.vectors.len() >= BLOCK_VECTOR_BYTES
    }

    pub(super) fn push(&mut self, encoder: &mut Encoder, entry: &Entry, vector: Option<&[f32]>) {
        let at = self.entries.len();
        encoder.entry(entry, &mut self.entries);
        let entry_span = span(at, self.entries.len());
        let vector = vector.map(|vector| {
            let at = self.vectors.len();
            encode_vector(entry.id, &entry.scope, vector, &mut self.vectors);
            span(at, self.vectors.len())
        });
        let (id, exact, expires_ms) = (entry.id, entry.exact, entry.expires_ms);
        self.lines.push(Line {
            id,
            exact,
            expires_ms,
            entry: entry_span,
            vector,
        });
    }

    /// As [`Block::push`], with the record of a vector that lies in a tree of its own.
    pub(super) fn push_with_own(&mut self, encoder: &mut Encoder, entry: &Entry, own: Vec<u8>) {
        self.push(encoder, entry, None);
        if let Some(line) = self.lines.last_mut() {
            line.vector = Some(Span {
                at: ELSEWHERE,
                len: span(0, own.len()).len,
            });
        }
        self.own.push((entry.id, own));
    }

    /// Takes a record over as it is; its checksum stays valid because it does not depend on the place.
    pub(super) fn copy(&mut self, line: &Line, entries: &[u8], vectors: &[u8]) {
        let Some(record) = line.entry.of(entries) else {
            return;
        };
        let at = self.entries.len();
        self.entries.extend_from_slice(record);
        let entry = span(at, self.entries.len());
        let elsewhere = line.vector.filter(|vector| vector.at == ELSEWHERE);
        let vector = line.vector.and_then(|vector| vector.of(vectors));
        let vector = vector.map(|record| {
            let at = self.vectors.len();
            self.vectors.extend_from_slice(record);
            span(at, self.vectors.len())
        });
        let vector = vector.or(elsewhere);
        self.lines.push(Line {
            entry,
            vector,
            ..line.clone()
        });
    }
}

/// The directory row of block `key`.
pub(super) fn encode_directory(key: u64, lines: &[Line]) -> Vec<u8> {
    let mut out = vec![DIRECTORY_VERSION];
    out.extend_from_slice(&[0; 16]);
    for line in lines {
        let vector = line.vector.unwrap_or(Span {
            at: NO_VECTOR,
            len: 0,
        });
        out.extend_from_slice(&line.id.to_le_bytes());
        out.extend_from_slice(&line.exact);
        out.extend_from_slice(&line.expires_ms.to_le_bytes());
        for number in [line.entry.at, line.entry.len, vector.at, vector.len] {
            out.extend_from_slice(&number.to_le_bytes());
        }
    }
    let sum = directory_sum(key, &out[17..]);
    out[1..17].copy_from_slice(&sum);
    out
}

/// The live records of block `key`, or nothing if the row is not what was written for it.
pub(super) fn decode_directory(key: u64, row: &[u8]) -> Option<Vec<Line>> {
    let mut fields = Fields::new(row);
    let version = fields.u8()?;
    let sum: [u8; 16] = fields.array()?;
    let body = fields.rest();
    if version != DIRECTORY_VERSION || sum != directory_sum(key, body) {
        return None;
    }
    let mut fields = Fields::new(body);
    let mut lines = Vec::with_capacity(BLOCK_RECORDS);
    while !fields.is_empty() {
        lines.push(line(&mut fields)?);
    }
    Some(lines)
}

fn line(fields: &mut Fields<'_>) -> Option<Line> {
    let (id, exact, expires_ms) = (fields.u64()?, fields.array()?, fields.u64()?);
    let entry = Span {
        at: fields.u32()?,
        len: fields.u32()?,
    };
    let vector = Span {
        at: fields.u32()?,
        len: fields.u32()?,
    };
    Some(Line {
        id,
        exact,
        expires_ms,
        entry,
        vector: (vector.at != NO_VECTOR).then_some(vector),
    })
}

fn directory_sum(key: u64, body: &[u8]) -> [u8; 16] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&[0xD1, DIRECTORY_VERSION]);
    hasher.update(&key.to_le_bytes());
    hasher.update(body);
    let mut half = [0; 16];
    half.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
    half
}

/// Blocks stay below 4 GiB by far: they close at 64 KiB, and one entry is 1 MiB at most.
fn span(from: usize, to: usize) -> Span {
    let number = |value| u32::try_from(value).unwrap_or(u32::MAX);
    Span {
        at: number(from),
        len: number(to - from),
    }
}

#[cfg(test)]
mod tests {
    use super::super::record::tests::entry;
    use super::super::record::{decode_entry, decode_vector};
    use super::*;

    #[test]
    fn a_directory_comes_back_whole_or_not_at_all() {
        let mut block = Block::default();
        let mut encoder = Encoder::new(1, 1024).unwrap();
        block.push(&mut encoder, &entry(5, 1, "a"), Some(&[1.0]));
        block.push(&mut encoder, &entry(6, 2, "b"), None);
        let row = encode_directory(5, &block.lines);
        assert_eq!(decode_directory(5, &row).unwrap(), block.lines);
        assert!(decode_directory(6, &row).is_none());
        for at in 0..row.len() {
            let mut bad = row.clone();
            bad[at] ^= 0x10;
            assert!(decode_directory(5, &bad).is_none(), "byte {at}");
        }
    }

    #[test]
    fn a_copied_record_still_verifies_in_its_new_place() {
        let mut block = Block::default();
        let mut encoder = Encoder::new(1, 1024).unwrap();
        block.push(&mut encoder, &entry(5, 1, "a"), Some(&[1.0]));
        block.push(&mut encoder, &entry(6, 2, "b"), Some(&[2.0]));
        let mut copy = Block::default();
        copy.copy(&block.lines[1], &block.entries, &block.vectors);
        let line = &copy.lines[0];
        assert!(decode_entry(6, line.entry.of(&copy.entries).unwrap()).is_some());
        assert!(decode_vector(6, line.vector.unwrap().of(&copy.vectors).unwrap()).is_some());
    }
}
