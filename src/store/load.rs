//! How the folder of the cache is opened: what is read into memory, what is mended, and what is put aside.
//! Writes only what opening needs.

use std::io;
use std::path::{Path, PathBuf};

use super::block::{Block, Line, decode_directory};
use super::folder::{create_private, free_bytes};
use super::generations::{Generations, Place, schema_of, settle};
use super::memory::Memory;
use super::open::{SledFault, SledSettings, sync};
use super::terms::{CacheStoreConfig, OpenReport, StoreError};
use super::trees::{Sealed, Trees};
use super::writer::{ID_BLOCK, STEP, now_ms};

/// The newest layout of `cache/`: 2 where vectors lie in a tree of their own, else 1.
pub(super) const SCHEMA: u32 = 2;
/// A folder with an older one is emptied.
const OLDEST: u32 = 1;
/// sled's default of 512 KiB would move rows of this size into files of their own, which leak.
const SEGMENT_BYTES: usize = 8 << 20;

/// An opened folder with all that memory needs to know of it.
pub(super) struct Loaded {
    pub(super) trees: Trees,
    pub(super) memory: Memory,
    pub(super) generations: Generations,
    pub(super) next_id: u64,
    pub(super) ids_bound: u64,
    pub(super) report: OpenReport,
}

/// Opens `folder` by the guarded sequence; what cannot be read is put aside.
pub(super) fn load(folder: &Path, config: &CacheStoreConfig) -> Result<Loaded, StoreError> {
    need_space(folder, config.min_free_bytes)?;
    let fault = match attempt(folder, config) {
        Ok(Attempt::Loaded(loaded)) => return Ok(*loaded),
        Ok(Attempt::Older) => {
            std::fs::remove_dir_all(folder)?;
            create_private(folder)?;
            return fresh(
                folder,
                config,
                OpenReport {
                    dropped_schema: true,
                    ..OpenReport::default()
                },
            );
        }
        Err(StoreError::Sled(fault)) if !fault.is_refusal() => fault,
        Err(other) => return Err(other),
    };
    // On a full disk sled fails in the same ways as on damaged data, and then the data must stay where it is.
    need_space(folder, 2 * SEGMENT_BYTES as u64)?;
    tracing::warn!(%fault, "the cache cannot be read and is put aside");
    let quarantined = Some(quarantine(folder)?);
    fresh(
        folder,
        config,
        OpenReport {
            quarantined,
            ..OpenReport::default()
        },
    )
}

fn need_space(folder: &Path, needed: u64) -> Result<(), StoreError> {
    let free = free_bytes(folder)?;
    if free < needed {
        return Err(StoreError::NoSpace {
            path: folder.to_owned(),
            free,
            needed,
        });
    }
    Ok(())
}

enum Attempt {
    Loaded(Box<Loaded>),
    Older,
}

fn fresh(
    folder: &Path,
    config: &CacheStoreConfig,
    report: OpenReport,
) -> Result<Loaded, StoreError> {
    match attempt(folder, config)? {
        Attempt::Loaded(loaded) => Ok(Loaded { report, ..*loaded }),
        Attempt::Older => Err(io::Error::other("an empty folder has an older schema").into()),
    }
}

fn attempt(folder: &Path, config: &CacheStoreConfig) -> Result<Attempt, StoreError> {
    let settings = SledSettings {
        cache_bytes: config.cache_capacity_bytes,
        flush_every_ms: config.flush_every_ms,
        segment_bytes: SEGMENT_BYTES,
    };
    let (trees, repaired) = Trees::open(folder, &settings)?;
    let mut report = OpenReport {
        repaired,
        ..OpenReport::default()
    };
    match schema(&trees)? {
        Some(found) if found > SCHEMA => {
            return Err(StoreError::NewerSchema {
                path: folder.to_owned(),
                found,
                known: SCHEMA,
            });
        }
        Some(OLDEST..=SCHEMA) => {}
        _ => return Ok(Attempt::Older),
    }
    let settled = settle(&trees, config)?;
    report.dropped_vectors = settled.dropped;
    let memory = read_directories(&trees, &mut report)?;
    let next_id = first_id(&trees, &memory)?;
    let ids_bound = next_id.saturating_add(ID_BLOCK);
    let schema = schema_of(settled.generations.home.place).to_le_bytes();
    let mut changes = vec![
        Trees::put_meta("schema", &schema),
        Trees::put_meta("ids", &ids_bound.to_le_bytes()),
    ];
    changes.extend(settled.changes);
    trees.apply(&changes)?;
    // Ids may be handed out from now on, so their reservation has to be durable.
    sync(&trees.db, folder)?;
    Ok(Attempt::Loaded(Box::new(Loaded {
        trees,
        memory,
        generations: settled.generations,
        next_id,
        ids_bound,
        report,
    })))
}

/// The schema of the folder; an empty one has ours, a damaged mark counts as older.
fn schema(trees: &Trees) -> Result<Option<u32>, SledFault> {
    Ok(match trees.meta("schema")? {
        Sealed::Value(bytes) => bytes.try_into().ok().map(u32::from_le_bytes),
        Sealed::Damaged => None,
        Sealed::Absent => trees.is_empty()?.then_some(OLDEST),
    })
}

fn read_directories(trees: &Trees, report: &mut OpenReport) -> Result<Memory, SledFault> {
    let mut memory = Memory::default();
    trees.for_each_directory(|block, row| match decode_directory(block, row) {
        Some(lines) => lines.iter().for_each(|line| memory.load(block, line)),
        None => {
            report.bad_blocks += 1;
            memory.mark_dirty([block]);
        }
    })?;
    Ok(memory)
}

/// Directories go first: a crash in between leaves vectors that nothing points to, and the next open starts over.
pub(super) fn drop_vectors(trees: &Trees) -> Result<(), SledFault> {
    let mut changes = Vec::new();
    trees.for_each_directory(|block, row| {
        let lines = decode_directory(block, row).unwrap_or_default();
        let lines = lines
            .into_iter()
            .map(|line| Line {
                vector: None,
                ..line
            })
            .collect();
        changes.push(Trees::put_directory(
            block,
            &Block {
                lines,
                ..Block::default()
            },
        ));
    })?;
    for some in changes.chunks(STEP) {
        trees.apply(some)?;
    }
    Place::ALL
        .into_iter()
        .try_for_each(|place| trees.clear(place))
}

/// The reserved bound of the last run. Without one, a jump that no run can have handed out.
fn first_id(trees: &Trees, memory: &Memory) -> Result<u64, SledFault> {
    let after_all = memory.max_id().saturating_add(1);
    Ok(match trees.meta("ids")? {
        Sealed::Value(bytes) => bytes
            .try_into()
            .map_or(0, u64::from_le_bytes)
            .max(after_all),
        Sealed::Absent if after_all == 1 => 1,
        _ => after_all.saturating_add(1 << 32),
    })
}

/// Puts the folder aside; of such folders only the newest is kept.
fn quarantine(folder: &Path) -> io::Result<PathBuf> {
    let parent = folder.parent().unwrap_or(Path::new("."));
    for other in std::fs::read_dir(parent)? {
        let other = other?;
        if other
            .file_name()
            .to_string_lossy()
            .starts_with("cache.bad-")
        {
            std::fs::remove_dir_all(other.path())?;
        }
    }
    let aside = parent.join(format!("cache.bad-{}", now_ms() / 1000));
    std::fs::rename(folder, &aside)?;
    create_private(folder)?;
    Ok(aside)
}
