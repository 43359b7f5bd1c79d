//! Why an embedder does not start, in lines that say what to do.

use std::path::PathBuf;

/// Why an embedder does not start. Each is one line that says what to do.
#[derive(Debug, thiserror::Error)]
pub enum EmbedError {
    /// There is no ONNX Runtime where it was looked for.
    #[error("no ONNX Runtime library at {0}: run scripts/setup.sh, or set ORT_DYLIB_PATH to one")]
    NoRuntime(PathBuf),
    /// What lies there cannot be used.
    #[error(
        "the ONNX Runtime library {path} cannot be used ({reason}): run scripts/setup.sh, or set ORT_DYLIB_PATH"
    )]
    BadRuntime {
        /// The library.
        path: PathBuf,
        /// What the loader said.
        reason: String,
    },
    /// A file of the model cannot be read.
    #[error("cannot read the model's {path}: {source}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The manifest says something that cannot be.
    #[error("{path} is not a usable model manifest: {reason}")]
    Manifest {
        /// The manifest.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A file is not the one that the manifest describes.
    #[error(
        "{path} does not have the checksum in MANIFEST.toml (it has {found}): restore it from git"
    )]
    Checksum {
        /// The file.
        path: PathBuf,
        /// Its SHA-256, in hex.
        found: String,
    },
    /// The graph gives vectors of another length than the manifest says.
    #[error("the embedding model gives {found} dimensions where MANIFEST.toml says {expected}")]
    Dimension {
        /// What the manifest says.
        expected: usize,
        /// What the graph gave.
        found: usize,
    },
    /// The tokenizer file is not one.
    #[error("cannot use the tokenizer {path}: {reason}")]
    Tokenizer {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The graph does not load, or does not run on a first text.
    #[error("the embedding model {name} does not run: {reason}")]
    Model {
        /// The model's name in its manifest.
        name: String,
        /// What the runtime said.
        reason: String,
    },
    /// The cross-encoder's graph does not load, or does not run on a first pair.
    #[error("the verifier {name} does not run: {reason}")]
    Verifier {
        /// The model's name in its manifest.
        name: String,
        /// What the runtime said.
        reason: String,
    },
    /// The system gave no thread.
    #[error("cannot start an embedding thread: {0}")]
    Thread(#[source] std::io::Error),
}
