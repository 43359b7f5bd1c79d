//! Files of a model, read only where their checksums fit. Knows nothing of what is in them.

use std::fmt::Write as _;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::EmbedError;

/// The manifest's name in each model's folder.
pub(super) const MANIFEST: &str = "MANIFEST.toml";

/// The files that a manifest names, each with its checksum.
#[derive(Debug, Clone)]
pub(super) struct Files {
    /// Where they lie.
    pub(super) folder: PathBuf,
    /// Name and SHA-256 of the graph.
    pub(super) model: (String, String),
    /// The same of the tokenizer.
    pub(super) tokenizer: (String, String),
}

impl Files {
    /// Where the graph lies, once its checksum fits.
    pub(super) fn verified_model(&self) -> Result<PathBuf, EmbedError> {
        let (name, sha256) = &self.model;
        verified_in_place(self.folder.join(name), sha256)
    }

    /// Where the tokenizer lies.
    pub(super) fn tokenizer_path(&self) -> PathBuf {
        self.folder.join(&self.tokenizer.0)
    }

    /// The tokenizer's bytes, once their checksum fits.
    pub(super) fn read_tokenizer(&self) -> Result<Vec<u8>, EmbedError> {
        verified(self.tokenizer_path(), &self.tokenizer.1)
    }
}

/// The text of the manifest in `folder`, with its path.
pub(super) fn manifest(folder: &Path) -> Result<(PathBuf, String), EmbedError> {
    let path = folder.join(MANIFEST);
    match fs::read_to_string(&path) {
        Ok(text) => Ok((path, text)),
        Err(source) => Err(EmbedError::Unreadable { path, source }),
    }
}

/// The path itself, once the checksum fits. The file is read in pieces, because what is read whole stays with the
/// allocator for as long as the process lives.
fn verified_in_place(path: PathBuf, expected: &str) -> Result<PathBuf, EmbedError> {
    let mut hasher = Sha256::new();
    let unreadable = |source| EmbedError::Unreadable {
        path: path.clone(),
        source,
    };
    let mut file = fs::File::open(&path).map_err(unreadable)?;
    let mut piece = vec![0; 64 << 10];
    loop {
        match file.read(&mut piece).map_err(unreadable)? {
            0 => break,
            read => hasher.update(&piece[..read]),
        }
    }
    fits(&path, &hasher.finalize(), expected)?;
    Ok(path)
}

/// A file's bytes, once their checksum fits.
fn verified(path: PathBuf, expected: &str) -> Result<Vec<u8>, EmbedError> {
    let bytes = match fs::read(&path) {
        Ok(bytes) => bytes,
        Err(source) => return Err(EmbedError::Unreadable { path, source }),
    };
    fits(&path, &Sha256::digest(&bytes), expected)?;
    Ok(bytes)
}

fn fits(path: &Path, digest: &[u8], expected: &str) -> Result<(), EmbedError> {
    let found = hex(digest);
    if found.eq_ignore_ascii_case(expected) {
        return Ok(());
    }
    Err(EmbedError::Checksum {
        path: path.to_owned(),
        found,
    })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut hex, byte| {
        // Writing to a String cannot fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

/// A message on one line.
pub(super) fn one_line(message: &str) -> String {
    message.split_whitespace().collect::<Vec<_>>().join(" ")
}
