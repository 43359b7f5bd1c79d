//! Exports of the state: one readable file per generation, with its own checksum. Knows rows as JSON, nothing of sled.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::folder::{create_private, write_atomically};

/// Exports that are kept.
const KEEP: usize = 5;

/// Table → key → row.
pub(super) type Rows = BTreeMap<String, BTreeMap<String, Value>>;

/// The body of an export file.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Export {
    pub(super) generation: u64,
    pub(super) digest: String,
    pub(super) tables: Rows,
}

/// What lies in the export folder.
#[derive(Debug, Default)]
pub(super) struct Listing {
    /// Readable exports, ascending.
    pub(super) good: Vec<(u64, PathBuf)>,
    /// Files whose content is not what was written.
    pub(super) damaged: Vec<(u64, PathBuf)>,
}

impl Listing {
    pub(super) fn scan(folder: &Path) -> io::Result<Self> {
        let mut listing = Self::default();
        let files = match fs::read_dir(folder) {
            Ok(files) => files,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(listing),
            Err(error) => return Err(error),
        };
        for file in files {
            let path = file?.path();
            let Some(generation) = generation_of(&path) else {
                continue;
            };
            let good = read(&path).is_ok_and(|export| export.generation == generation);
            if good {
                &mut listing.good
            } else {
                &mut listing.damaged
            }
            .push((generation, path));
        }
        listing.good.sort();
        listing.damaged.sort();
        Ok(listing)
    }

    pub(super) fn newest(&self) -> Option<&PathBuf> {
        self.good.last().map(|(_, path)| path)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.good.is_empty() && self.damaged.is_empty()
    }

    /// The highest generation ever exported here; a file name outlives damage to its content.
    pub(super) fn highest(&self) -> u64 {
        self.good
            .iter()
            .chain(&self.damaged)
            .map(|(generation, _)| *generation)
            .max()
            .unwrap_or(0)
    }
}

/// The digest over all rows.
pub(super) fn digest(generation: u64, rows: &Rows) -> String {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&generation.to_le_bytes());
    for (table, rows) in rows {
        for (key, value) in rows {
            for part in [table.as_str(), key.as_str(), &value.to_string()] {
                hasher.update(&(part.len() as u64).to_le_bytes());
                hasher.update(part.as_bytes());
            }
        }
    }
    hasher.finalize().to_hex().to_string()
}

/// Writes `export` and removes the oldest ones.
pub(super) fn write(folder: &Path, export: &Export) -> io::Result<PathBuf> {
    create_private(folder)?;
    let path = folder.join(format!("state-{}.json", export.generation));
    write_atomically(&path, &serde_json::to_vec_pretty(export)?)?;
    let listing = Listing::scan(folder)?;
    for (_, old) in listing.good.iter().rev().skip(KEEP) {
        fs::remove_file(old)?;
    }
    Ok(path)
}

/// Reads an export and verifies that its rows are the ones that were written.
pub(super) fn read(path: &Path) -> io::Result<Export> {
    let export: Export = serde_json::from_slice(&fs::read(path)?)?;
    if export.digest != digest(export.generation, &export.tables) {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "its checksum does not fit its rows",
        ));
    }
    Ok(export)
}

fn generation_of(path: &Path) -> Option<u64> {
    path.file_name()?
        .to_str()?
        .strip_prefix("state-")?
        .strip_suffix(".json")?
        .parse()
        .ok()
}
