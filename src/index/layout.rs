//! How partitions lie in `slots.bin`, one behind the other, numbers little-endian:
//!
//! key (32 bytes), slots (u64), name of the graph's files (length as u64, then UTF-8; empty for none),
//! ids (u64 each), expiries (u64 each), dead flags (a byte each), rows, then two lists of slots
//! (count as u64, then u32 each): pending and unreachable.
//!
//! Reads bytes whose hash was verified, and checks lengths all the same.

use std::io;
use std::path::Path;

use super::dump::Stored;
use super::files::{Mark, MarkedFile};
use super::flat::Flat;
use super::shelf::Frozen;
use super::snapshot::Key;
use super::table::Table;
use super::{IndexConfig, Partition, Slot};

/// What is written down about a graph that was dumped.
pub(super) struct GraphLists {
    pub(super) name: String,
    pub(super) pending: Vec<Slot>,
    pub(super) unreachable: Vec<Slot>,
}

/// Appends one partition.
pub(super) fn write(
    out: &mut MarkedFile,
    key: &Key,
    frozen: &Frozen,
    graph: Option<&GraphLists>,
) -> io::Result<()> {
    let table = &frozen.table;
    let name = graph.map_or("", |lists| &lists.name);
    out.put(key)?;
    out.put(&(table.len() as u64).to_le_bytes())?;
    out.put(&(name.len() as u64).to_le_bytes())?;
    out.put(name.as_bytes())?;
    out.put(&flatten(&table.ids, |id| id.to_le_bytes()))?;
    out.put(&flatten(&table.expiries, |expiry| expiry.to_le_bytes()))?;
    out.put(&flatten(&table.dead, |dead| [u8::from(*dead)]))?;
    write_rows(out, frozen)?;
    for list in graph.map_or([&[][..]; 2], |lists| [&lists.pending, &lists.unreachable]) {
        out.put(&(list.len() as u64).to_le_bytes())?;
        out.put(&flatten(list, |slot| slot.to_le_bytes()))?;
    }
    Ok(())
}

/// Chunk by chunk, so that inserts wait for no more than the copy of one; rows that came
/// after the table was frozen are left out.
fn write_rows(out: &mut MarkedFile, frozen: &Frozen) -> io::Result<()> {
    let mut left = frozen.table.len() * frozen.flat.stride();
    for number in 0.. {
        let Some(chunk) = frozen.flat.chunk(number).filter(|_| left > 0) else {
            break;
        };
        let taken = chunk.len().min(left);
        let bytes: Vec<u8> = chunk[..taken]
            .iter()
            .map(|code| code.cast_unsigned())
            .collect();
        out.put(&bytes)?;
        left -= taken;
    }
    Ok(())
}

fn flatten<T, const N: usize>(items: &[T], bytes: impl Fn(&T) -> [u8; N]) -> Vec<u8> {
    items.iter().flat_map(bytes).collect()
}

/// All partitions, or none when the bytes do not add up.
pub(super) fn parse(
    bytes: &[u8],
    config: &IndexConfig,
    folder: &Path,
    marks: &[Mark],
) -> Option<Vec<(Key, Partition)>> {
    let mut rest = Rest(bytes);
    let mut partitions = Vec::new();
    while !rest.0.is_empty() {
        partitions.push(parse_one(&mut rest, config, folder, marks)?);
    }
    Some(partitions)
}

fn parse_one(
    rest: &mut Rest,
    config: &IndexConfig,
    folder: &Path,
    marks: &[Mark],
) -> Option<(Key, Partition)> {
    let key: Key = rest.take(32)?.try_into().ok()?;
    let count = rest.number()?;
    let length = rest.number()?;
    let name = std::str::from_utf8(rest.take(length)?).ok()?.to_owned();
    let ids = rest.list(count, u64::from_le_bytes)?;
    let expiries = rest.list(count, u64::from_le_bytes)?;
    let dead = rest.list(count, |[flag]| flag != 0)?;
    let stride = Flat::new(config.dimension).stride();
    let flat = Flat::from_bytes(config.dimension, rest.take(count.checked_mul(stride)?)?);
    let pending = rest.slots(count)?;
    let unreachable = rest.slots(count)?;
    let stored = (!name.is_empty()).then(|| Stored {
        marks: marks
            .iter()
            .filter(|mark| mark.name.starts_with(&format!("{name}.")))
            .cloned()
            .collect(),
        folder: folder.to_path_buf(),
        name,
        pending,
        unreachable,
        slots: count as Slot,
    });
    let stored = stored.filter(|stored| stored.marks.len() == 2);
    Some((
        key,
        Partition::restored(
            config,
            Table::from_columns(ids, expiries, dead),
            flat,
            stored,
        ),
    ))
}

struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn number(&mut self) -> Option<usize> {
        usize::try_from(u64::from_le_bytes(self.take(8)?.try_into().ok()?)).ok()
    }

    fn list<T, const N: usize>(
        &mut self,
        count: usize,
        item: impl Fn([u8; N]) -> T,
    ) -> Option<Vec<T>> {
        let bytes = self.take(count.checked_mul(N)?)?;
        Some(
            bytes
                .as_chunks()
                .0
                .iter()
                .map(|chunk| item(*chunk))
                .collect(),
        )
    }

    /// Slots, each below `limit`.
    fn slots(&mut self, limit: usize) -> Option<Vec<Slot>> {
        let count = self.number()?;
        let slots = self.list(count, Slot::from_le_bytes)?;
        slots
            .iter()
            .all(|&slot| (slot as usize) < limit)
            .then_some(slots)
    }
}
