//! The committed encoder with a thread a core, for programs that embed many texts at once.

use std::error::Error;
use std::path::Path;

use reprise::embed::{EmbedConfig, Embedder};

pub(crate) fn encoder() -> Result<Embedder, Box<dyn Error>> {
    Ok(Embedder::start(&EmbedConfig {
        model_dir: Path::new(env!("CARGO_MANIFEST_DIR")).join("models/all-MiniLM-L6-v2"),
        runtime_lib: None,
        threads: std::thread::available_parallelism()?.get(),
        queue: 256,
        max_batch: 32,
    })?)
}
