//! Files that are trusted only after their length and hash fit what was noted when they were written.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};

/// What a file must look like.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Mark {
    pub(super) name: String,
    pub(super) length: u64,
    pub(super) blake3: String,
}

impl Mark {
    /// Marks a file that someone else wrote, after making it durable.
    pub(super) fn of(folder: &Path, name: String) -> io::Result<Self> {
        let mut file = File::open(folder.join(&name))?;
        file.sync_all()?;
        let mut hasher = blake3::Hasher::new();
        let length = io::copy(&mut file, &mut hasher)?;
        Ok(Self {
            name,
            length,
            blake3: hasher.finalize().to_hex().to_string(),
        })
    }

    /// The whole file, if it is the one that was marked.
    pub(super) fn read(&self, folder: &Path) -> io::Result<Option<Vec<u8>>> {
        if !self.has_length(folder)? {
            return Ok(None);
        }
        let bytes = std::fs::read(folder.join(&self.name))?;
        Ok((blake3::hash(&bytes).to_hex().as_str() == self.blake3).then_some(bytes))
    }

    /// Whether the file is the one that was marked; reads all of it.
    pub(super) fn fits(&self, folder: &Path) -> io::Result<bool> {
        Ok(self.has_length(folder)? && Self::of(folder, self.name.clone())? == *self)
    }

    /// Whether the file is there and as long as it should be.
    pub(super) fn has_length(&self, folder: &Path) -> io::Result<bool> {
        match std::fs::metadata(folder.join(&self.name)) {
            Ok(found) => Ok(found.is_file() && found.len() == self.length),
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(cause) => Err(cause),
        }
    }
}

/// Writes a file and notes its mark on the way.
pub(super) struct MarkedFile {
    name: String,
    length: u64,
    hasher: blake3::Hasher,
    out: BufWriter<File>,
}

impl MarkedFile {
    pub(super) fn create(folder: &Path, name: &str) -> io::Result<Self> {
        let out = BufWriter::new(File::create_new(folder.join(name))?);
        Ok(Self {
            name: name.into(),
            length: 0,
            hasher: blake3::Hasher::new(),
            out,
        })
    }

    pub(super) fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.hasher.update(bytes);
        self.length += bytes.len() as u64;
        self.out.write_all(bytes)
    }

    /// Makes the file durable.
    pub(super) fn finish(self) -> io::Result<Mark> {
        self.out
            .into_inner()
            .map_err(io::IntoInnerError::into_error)?
            .sync_all()?;
        Ok(Mark {
            name: self.name,
            length: self.length,
            blake3: self.hasher.finalize().to_hex().to_string(),
        })
    }
}

/// Makes the names in a folder durable.
pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}
