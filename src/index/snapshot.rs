//! Partitions on disk, so that a restart finds again at once what it knew. Disposable: whatever is not
//! exactly what was written is discarded, and the caller rebuilds from the store.
//!
//! A generation is a folder of its own: `slots.bin` with each partition's ids, expiries and codes, and two
//! files for each graph. `manifest` beside the folders names the one that counts, with length and
//! hash of each file in it; renaming the manifest into place is the only commit point.
//! Codes are verified and read at once (scans work from then on); graphs are verified and read
//! by [`Partition::promote`].

use std::fs::{self, File};
use std::io::{self, Write};
use std::ops::Deref;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::files::{Mark, MarkedFile, sync_folder};
use super::layout::{self, GraphLists};
use super::shelf::Frozen;
use super::{IndexConfig, Partition, dump};

/// The manifest that counts, the one being written, and the last one that was refused.
const MANIFEST: &str = "manifest";
const DRAFT: &str = "manifest.draft";
const REFUSED: &str = "manifest.refused";
const SLOTS: &str = "slots.bin";
/// Raised when the meaning of a byte changes; other formats are discarded.
const FORMAT: u32 = 1;

/// What names a scope: a hash that its owner makes.
pub type Key = [u8; 32];

/// Why a snapshot was not written, or not used.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// A file could not be read or written.
    #[error("the snapshot's files cannot be used")]
    Io(#[from] io::Error),
    /// A file is not the one that was written.
    #[error("the snapshot's file {0} is damaged")]
    Damaged(String),
    /// The snapshot is of another format, release, embedding model or set of parameters.
    #[error("the snapshot was made for another {0}")]
    Foreign(&'static str),
    /// A graph could not be written.
    #[error("the graph could not be written")]
    Dump,
}

/// What vectors a snapshot is of; one of other vectors is discarded.
#[derive(Debug, Clone, PartialEq)]
pub struct Origin {
    /// Dimension and parameters.
    pub config: IndexConfig,
    /// Fingerprint of the embedding model.
    pub embedding: String,
}

/// A snapshot that was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Generation {
    /// Counts up with each snapshot of the folder.
    pub number: u64,
    /// Slots in it.
    pub slots: u64,
    /// Bytes on disk.
    pub bytes: u64,
}

/// A snapshot that was read.
pub struct Loaded {
    /// Partitions by scope; scans work, graphs come with [`Partition::promote`].
    pub partitions: Vec<(Key, Partition)>,
    /// Rows of the store after this one are not in it; inserting one that is does no harm.
    pub last_sequence: u64,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Manifest {
    format: u32,
    release: String,
    metric: String,
    dimension: usize,
    m: usize,
    ef_construction: usize,
    embedding: String,
    generation: u64,
    slots: u64,
    last_sequence: u64,
    files: Vec<Mark>,
}

/// Writes a generation into `dir` and drops the older ones. Read `last_sequence` off the store before the
/// call: what is inserted meanwhile may or may not be in it. One call at a time for a folder. A
/// partition that still wants promotion is written without its graph.
///
/// # Errors
/// [`SnapshotError::Io`] and [`SnapshotError::Dump`]; the generation before still counts then.
pub fn write<P: Deref<Target = Partition>>(
    dir: &Path,
    origin: &Origin,
    last_sequence: u64,
    partitions: impl IntoIterator<Item = (Key, P)>,
) -> Result<Generation, SnapshotError> {
    fs::create_dir_all(dir)?;
    let number = newest(dir)? + 1;
    let folder = folder(dir, number);
    fs::create_dir(&folder)?;
    let written = write_files(&folder, partitions);
    let committed = written.and_then(|(files, slots)| {
        sync_folder(&folder)?;
        let bytes = files.iter().map(|mark| mark.length).sum();
        commit(
            dir,
            &Manifest::new(origin, number, slots, last_sequence, files),
        )?;
        Ok(Generation {
            number,
            slots,
            bytes,
        })
    });
    match &committed {
        Ok(_) => drop_all_but(dir, Some(number)),
        Err(_) => drop_folder(&folder),
    }
    committed
}

/// The newest generation in `dir`, or none. One that is damaged or of other vectors is removed, its
/// manifest kept as `manifest.refused`, and the error says why; the next call finds none.
///
/// # Errors
/// [`SnapshotError`]. Never panics, whatever the files hold.
pub fn load(dir: &Path, origin: &Origin) -> Result<Option<Loaded>, SnapshotError> {
    let outcome = read_generation(dir, origin);
    if matches!(
        outcome,
        Err(SnapshotError::Damaged(_) | SnapshotError::Foreign(_))
    ) {
        if let Err(cause) = fs::rename(dir.join(MANIFEST), dir.join(REFUSED)) {
            tracing::warn!(%cause, "a refused snapshot could not be set aside");
        }
        drop_all_but(dir, None);
    }
    outcome
}

fn read_generation(dir: &Path, origin: &Origin) -> Result<Option<Loaded>, SnapshotError> {
    let text = match fs::read(dir.join(MANIFEST)) {
        Ok(text) => text,
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(cause) => return Err(cause.into()),
    };
    let manifest = Manifest::parse(&text).ok_or_else(|| SnapshotError::Damaged(MANIFEST.into()))?;
    manifest.fits(origin)?;
    let folder = folder(dir, manifest.generation);
    let damaged = |name: &str| SnapshotError::Damaged(name.into());
    for mark in &manifest.files {
        if !mark.has_length(&folder)? {
            return Err(damaged(&mark.name));
        }
    }
    let mark = manifest
        .files
        .iter()
        .find(|mark| mark.name == SLOTS)
        .ok_or_else(|| damaged(SLOTS))?;
    let bytes = mark.read(&folder)?.ok_or_else(|| damaged(SLOTS))?;
    let partitions = layout::parse(&bytes, &origin.config, &folder, &manifest.files)
        .ok_or_else(|| damaged(SLOTS))?;
    Ok(Some(Loaded {
        partitions,
        last_sequence: manifest.last_sequence,
    }))
}

fn write_files<P: Deref<Target = Partition>>(
    folder: &Path,
    partitions: impl IntoIterator<Item = (Key, P)>,
) -> Result<(Vec<Mark>, u64), SnapshotError> {
    let mut slots_file = MarkedFile::create(folder, SLOTS)?;
    let (mut marks, mut slots) = (Vec::new(), 0);
    for (key, partition) in partitions {
        partition.frozen(|frozen| {
            slots += frozen.table.len() as u64;
            let lists = write_graph(folder, &frozen, &mut marks)?;
            layout::write(&mut slots_file, &key, &frozen, lists.as_ref()).map_err(SnapshotError::Io)
        })?;
    }
    marks.push(slots_file.finish()?);
    Ok((marks, slots))
}

fn write_graph(
    folder: &Path,
    frozen: &Frozen,
    marks: &mut Vec<Mark>,
) -> Result<Option<GraphLists>, SnapshotError> {
    let Some(graph) = &frozen.graph else {
        return Ok(None);
    };
    let name = format!("graph-{}", marks.len() / 2);
    marks.extend(dump::write(graph, folder, &name)?);
    Ok(Some(GraphLists {
        name,
        pending: frozen.pending.clone(),
        unreachable: frozen.unreachable.clone(),
    }))
}

fn commit(dir: &Path, manifest: &Manifest) -> Result<(), SnapshotError> {
    let mut draft = File::create(dir.join(DRAFT))?;
    draft.write_all(manifest.print()?.as_bytes())?;
    draft.sync_all()?;
    fs::rename(dir.join(DRAFT), dir.join(MANIFEST))?;
    Ok(sync_folder(dir)?)
}

impl Manifest {
    fn new(
        origin: &Origin,
        generation: u64,
        slots: u64,
        last_sequence: u64,
        files: Vec<Mark>,
    ) -> Self {
        Self {
            format: FORMAT,
            release: env!("CARGO_PKG_VERSION").into(),
            metric: "cosine-i8".into(),
            dimension: origin.config.dimension,
            m: origin.config.m,
            ef_construction: origin.config.ef_construction,
            embedding: origin.embedding.clone(),
            generation,
            slots,
            last_sequence,
            files,
        }
    }

    /// Its own hash on the first line, then JSON.
    fn print(&self) -> io::Result<String> {
        let json = serde_json::to_string_pretty(self)?;
        Ok(format!(
            "{}\n{json}\n",
            blake3::hash(json.as_bytes()).to_hex()
        ))
    }

    fn parse(text: &[u8]) -> Option<Self> {
        let (hash, json) = std::str::from_utf8(text)
            .ok()?
            .strip_suffix('\n')?
            .split_once('\n')?;
        if blake3::hash(json.as_bytes()).to_hex().as_str() != hash {
            return None;
        }
        serde_json::from_str(json).ok()
    }

    fn fits(&self, origin: &Origin) -> Result<(), SnapshotError> {
        let ours = Self::new(origin, 0, 0, 0, Vec::new());
        let checks = [
            ("format", self.format == ours.format),
            ("release", self.release == ours.release),
            ("metric", self.metric == ours.metric),
            ("dimension", self.dimension == ours.dimension),
            (
                "set of parameters",
                (self.m, self.ef_construction) == (ours.m, ours.ef_construction),
            ),
            ("embedding model", self.embedding == ours.embedding),
        ];
        checks
            .into_iter()
            .find(|(_, fits)| !fits)
            .map_or(Ok(()), |(what, _)| Err(SnapshotError::Foreign(what)))
    }
}

fn folder(dir: &Path, number: u64) -> PathBuf {
    dir.join(format!("generation-{number}"))
}

/// The generations in `dir`, committed or not.
fn generations(dir: &Path) -> io::Result<Vec<u64>> {
    let mut numbers = Vec::new();
    for entry in fs::read_dir(dir)? {
        let name = entry?.file_name();
        let number: Option<u64> = name
            .to_str()
            .and_then(|name| name.strip_prefix("generation-")?.parse().ok());
        numbers.extend(number);
    }
    Ok(numbers)
}

fn newest(dir: &Path) -> io::Result<u64> {
    Ok(generations(dir)?.into_iter().max().unwrap_or(0))
}

fn drop_all_but(dir: &Path, kept: Option<u64>) {
    for number in generations(dir).unwrap_or_default() {
        if Some(number) != kept {
            drop_folder(&folder(dir, number));
        }
    }
}

/// A folder that stays costs disk space, not truth.
fn drop_folder(folder: &Path) {
    if let Err(cause) = fs::remove_dir_all(folder) {
        tracing::warn!(%cause, folder = %folder.display(), "an old snapshot could not be removed");
    }
}

#[cfg(test)]
mod tests;
