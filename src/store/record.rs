//! The form of one entry and one vector at rest: version, flags, checksum, payload. Knows nothing of trees or files.
//!
//! ```text
//! version u8 | flags u8 | checksum [u8; 16] | payload
//! ```
//! The checksum is the first half of a BLAKE3 over kind, version, flags, id and payload: a record that is found
//! under another id, or as another kind, fails just like a flipped byte.

use std::sync::Arc;

use serde_json::value::RawValue;

use super::bytes::{Fields, put_prefixed};
use super::made::Made;
use super::vectors::Vector;
use crate::config::MAX_ENTRY_BYTES;
use crate::embed::{Question, Space};

/// The record form that this build writes.
pub(super) const RECORD_VERSION: u8 = 1;
const HEADER: usize = 2 + 16;
const FLAG_ZSTD: u8 = 1;
/// The question's field holds a digest. Records of builds that kept text only lack it, and are read as they are.
const FLAG_DIGEST: u8 = 2;
/// Fields of who asked and what was asked before follow the texts. Records without them lack both.
const FLAG_CONTEXT: u8 = 4;
/// Fields of [`Made`] follow those.
const FLAG_MADE: u8 = 8;
/// No setting lets a larger answer in, so an unpacked one that claims more is damage.
const MAX_UNPACKED: usize = MAX_ENTRY_BYTES as usize;

/// One remembered answer and everything that decides where it may be served.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Unique in this data folder for all time; see `CacheStore::next_id`.
    pub id: u64,
    /// Hash of everything that must be equal before questions are compared.
    pub scope: [u8; 32],
    /// Hash of the whole canonical request.
    pub exact: [u8; 32],
    /// Whose entry it is.
    pub tenant: String,
    /// The namespace inside the tenant.
    pub namespace: String,
    /// The model name that was asked for.
    pub model: String,
    /// Provider, base URL and upstream model that answered.
    pub origin: String,
    /// What is kept of the question, where it may be met by meaning.
    pub question: Option<Question>,
    /// Hash of the question's token ids.
    pub tokens: Option<[u8; 16]>,
    /// Unix milliseconds of the answer.
    pub created_ms: u64,
    /// Unix milliseconds after which it is never served.
    pub expires_ms: u64,
    /// Keyed hash of who asked, if the app said so.
    pub asker: Option<[u8; 16]>,
    /// Marks of the questions before it in its conversation.
    pub earlier: Vec<u64>,
    /// What it can be invalidated by, and until when it is fresh.
    pub made: Made,
    /// The answer, byte for byte.
    pub answer: Arc<RawValue>,
}

impl Entry {
    /// Uncompressed bytes of the variable parts; what the size limit and the queue count.
    #[must_use]
    pub fn weight(&self) -> usize {
        let texts = self.tenant.len() + self.namespace.len() + self.model.len() + self.origin.len();
        texts
            + self.question.as_ref().map_or(0, Question::weight)
            + self.answer.get().len()
            + self.made.weight()
    }
}

/// Turns entries into records; owns the compressor, whose set-up costs more than most answers.
pub(super) struct Encoder {
    zstd: zstd::bulk::Compressor<'static>,
    min_bytes: usize,
}

impl Encoder {
    pub(super) fn new(level: i32, min_bytes: usize) -> std::io::Result<Self> {
        Ok(Self {
            zstd: zstd::bulk::Compressor::new(level)?,
            min_bytes,
        })
    }

    /// Appends the record of `entry` to `out`.
    pub(super) fn entry(&mut self, entry: &Entry, out: &mut Vec<u8>) {
        let start = reserve_header(out);
        out.extend_from_slice(&entry.scope);
        out.extend_from_slice(&entry.exact);
        out.extend_from_slice(&entry.created_ms.to_le_bytes());
        out.extend_from_slice(&entry.expires_ms.to_le_bytes());
        put_optional(out, entry.tokens.as_ref().map(<[u8; 16]>::as_slice));
        let (question, kept_as) = match &entry.question {
            Some(Question::Text(text)) => (Some(text.as_bytes()), 0),
            Some(Question::Digest(digest)) => (Some(digest.as_slice()), FLAG_DIGEST),
            None => (None, 0),
        };
        put_optional(out, question);
        for text in [&entry.tenant, &entry.namespace, &entry.model, &entry.origin] {
            put_prefixed(out, text.as_bytes());
        }
        let context = put_context(entry, out);
        let made = if entry.made.put(out) { FLAG_MADE } else { 0 };
        let flags = kept_as | context | made | self.answer(entry.answer.get().as_bytes(), out);
        seal(out, start, Kind::Entry, flags, entry.id);
    }

    fn answer(&mut self, answer: &[u8], out: &mut Vec<u8>) -> u8 {
        if answer.len() >= self.min_bytes
            && let Ok(packed) = self.zstd.compress(answer)
            && packed.len() < answer.len()
        {
            out.extend_from_slice(
                &u32::try_from(answer.len())
                    .unwrap_or(u32::MAX)
                    .to_le_bytes(),
            );
            out.extend_from_slice(&packed);
            return FLAG_ZSTD;
        }
        out.extend_from_slice(answer);
        0
    }
}

/// Appends the record of a vector, bound to its entry's id and scope.
pub(super) fn encode_vector(id: u64, scope: &[u8; 32], vector: &[f32], out: &mut Vec<u8>) {
    let start = reserve_header(out);
    out.extend_from_slice(scope);
    out.reserve(vector.len() * 4);
    for value in vector {
        out.extend_from_slice(&value.to_le_bytes());
    }
    seal(out, start, Kind::Vector, 0, id);
}

/// The record of a vector that lies in a tree of its own, bound to its entry's id and to the model that made it.
pub(super) fn encode_own_vector(id: u64, space: Space, vector: &Vector) -> Vec<u8> {
    let mut out = Vec::with_capacity(HEADER + 96 + vector.numbers.len() * 4);
    reserve_header(&mut out);
    out.extend_from_slice(space.as_bytes());
    out.extend_from_slice(&vector.scope);
    put_optional(&mut out, vector.tokens.as_ref().map(<[u8; 16]>::as_slice));
    out.extend(vector.numbers.iter().flat_map(|value| value.to_le_bytes()));
    seal(&mut out, 0, Kind::OwnVector, 0, id);
    out
}

/// The vector in `record`, if every byte of it is what was written for `id` and the model of `space`.
pub(super) fn decode_own_vector(id: u64, space: Space, record: &[u8]) -> Option<Vector> {
    let (_, payload) = verify(record, Kind::OwnVector, id)?;
    let mut fields = Fields::new(payload);
    if fields.array()? != *space.as_bytes() {
        return None;
    }
    let scope = fields.array()?;
    let tokens = match optional(&mut fields)? {
        Some(bytes) => Some(bytes.try_into().ok()?),
        None => None,
    };
    let numbers = numbers(fields.rest())?;
    Some(Vector {
        scope,
        tokens,
        numbers,
    })
}

/// The entry in `record`, if every byte of it is what was written for `id`.
pub(super) fn decode_entry(id: u64, record: &[u8]) -> Option<Entry> {
    let (flags, payload) = verify(record, Kind::Entry, id)?;
    let mut fields = Fields::new(payload);
    let scope = fields.array()?;
    let exact = fields.array()?;
    let created_ms = fields.u64()?;
    let expires_ms = fields.u64()?;
    let tokens = match optional(&mut fields)? {
        Some(bytes) => Some(bytes.try_into().ok()?),
        None => None,
    };
    let question = match optional(&mut fields)? {
        Some(bytes) => Some(decode_question(flags, bytes)?),
        None => None,
    };
    let [tenant, namespace, model, origin] = [
        fields.text()?,
        fields.text()?,
        fields.text()?,
        fields.text()?,
    ];
    let (asker, earlier) = match flags & FLAG_CONTEXT {
        0 => (None, Vec::new()),
        _ => context(&mut fields)?,
    };
    let made = match flags & FLAG_MADE {
        0 => Made::default(),
        _ => Made::take(&mut fields)?,
    };
    let answer = decode_answer(flags, fields)?;
    Some(Entry {
        id,
        scope,
        exact,
        tenant,
        namespace,
        model,
        origin,
        question,
        tokens,
        created_ms,
        expires_ms,
        asker,
        earlier,
        made,
        answer,
    })
}

/// Scope and vector in `record`, if every byte of it is what was written for `id`.
pub(super) fn decode_vector(id: u64, record: &[u8]) -> Option<([u8; 32], Vec<f32>)> {
    let (_, payload) = verify(record, Kind::Vector, id)?;
    let mut fields = Fields::new(payload);
    let scope = fields.array()?;
    Some((scope, numbers(fields.rest())?))
}

fn numbers(bytes: &[u8]) -> Option<Vec<f32>> {
    let (values, rest) = bytes.as_chunks::<4>();
    let number = |bytes: &[u8; 4]| f32::from_le_bytes(*bytes);
    rest.is_empty().then(|| values.iter().map(number).collect())
}

#[derive(Clone, Copy)]
enum Kind {
    Entry = 1,
    Vector = 2,
    OwnVector = 3,
}

/// Writes nothing for an entry that stands for itself, which most do.
fn put_context(entry: &Entry, out: &mut Vec<u8>) -> u8 {
    if entry.asker.is_none() && entry.earlier.is_empty() {
        return 0;
    }
    put_optional(out, entry.asker.as_ref().map(<[u8; 16]>::as_slice));
    let marks: Vec<u8> = entry.earlier.iter().flat_map(|m| m.to_le_bytes()).collect();
    put_prefixed(out, &marks);
    FLAG_CONTEXT
}

type Context = (Option<[u8; 16]>, Vec<u64>);

fn context(fields: &mut Fields<'_>) -> Option<Context> {
    let asker = match optional(fields)? {
        Some(bytes) => Some(bytes.try_into().ok()?),
        None => None,
    };
    let (marks, rest) = fields.prefixed()?.as_chunks::<8>();
    let marks = marks.iter().map(|mark| u64::from_le_bytes(*mark)).collect();
    rest.is_empty().then_some((asker, marks))
}

fn decode_question(flags: u8, bytes: &[u8]) -> Option<Question> {
    if flags & FLAG_DIGEST == 0 {
        let text = std::str::from_utf8(bytes).ok()?;
        return Some(Question::Text(text.to_owned()));
    }
    Some(Question::Digest(bytes.try_into().ok()?))
}

fn decode_answer(flags: u8, mut fields: Fields<'_>) -> Option<Arc<RawValue>> {
    let text = if flags & FLAG_ZSTD == 0 {
        fields.rest().to_vec()
    } else {
        let length = fields.u32()? as usize;
        if length > MAX_UNPACKED {
            return None;
        }
        zstd::bulk::decompress(fields.rest(), length).ok()?
    };
    let text = RawValue::from_string(String::from_utf8(text).ok()?).ok()?;
    Some(text.into())
}

fn reserve_header(out: &mut Vec<u8>) -> usize {
    let start = out.len();
    out.extend_from_slice(&[0; HEADER]);
    start
}

fn seal(out: &mut [u8], start: usize, kind: Kind, flags: u8, id: u64) {
    let Some((header, payload)) = out
        .get_mut(start..)
        .and_then(|record| record.split_at_mut_checked(HEADER))
    else {
        return;
    };
    let sum = checksum(kind, RECORD_VERSION, flags, id, payload);
    header[0] = RECORD_VERSION;
    header[1] = flags;
    header[2..].copy_from_slice(&sum);
}

fn verify(record: &[u8], kind: Kind, id: u64) -> Option<(u8, &[u8])> {
    let mut fields = Fields::new(record);
    let version = fields.u8()?;
    let flags = fields.u8()?;
    let sum: [u8; 16] = fields.array()?;
    let payload = fields.rest();
    (version == RECORD_VERSION && sum == checksum(kind, version, flags, id, payload))
        .then_some((flags, payload))
}

fn checksum(kind: Kind, version: u8, flags: u8, id: u64, payload: &[u8]) -> [u8; 16] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&[kind as u8, version, flags]);
    hasher.update(&id.to_le_bytes());
    hasher.update(payload);
    let mut half = [0; 16];
    half.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
    half
}

fn put_optional(out: &mut Vec<u8>, bytes: Option<&[u8]>) {
    out.push(u8::from(bytes.is_some()));
    if let Some(bytes) = bytes {
        put_prefixed(out, bytes);
    }
}

fn optional<'a>(fields: &mut Fields<'a>) -> Option<Option<&'a [u8]>> {
    match fields.u8()? {
        0 => Some(None),
        1 => Some(Some(fields.prefixed()?)),
        _ => None,
    }
}

#[cfg(test)]
pub(super) mod tests;
