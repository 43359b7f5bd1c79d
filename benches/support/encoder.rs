//! The committed models with a thread a core, for programs that embed or read many texts at once.

use std::error::Error;
use std::path::Path;

use reprise::embed::{EmbedConfig, Embedder, VerifierConfig};

pub(crate) fn encoder(with_verifier: bool) -> Result<Embedder, Box<dyn Error>> {
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("models");
    let verifier = with_verifier.then(|| VerifierConfig {
        model_dir: models.join("verifier"),
        queue: 256,
    });
    Ok(Embedder::start(&EmbedConfig {
        model_dir: models.join("all-MiniLM-L6-v2"),
        runtime_lib: None,
        threads: std::thread::available_parallelism()?.get(),
        queue: 256,
        max_batch: 32,
        verifier,
    })?)
}
