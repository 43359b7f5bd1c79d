//! Writes embeddings of real questions for the benches of index and start: questions on standard input, one a line;
//! little-endian `f32` rows of 384 numbers to the file named by the only argument. Questions without a vector are left out.

#[path = "encoder.rs"]
mod encoder;

use std::error::Error;
use std::fs::{self, File};
use std::io::{self, BufRead, BufWriter, Write};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use encoder::encoder;
use futures_util::future::join_all;
use reprise::embed::Outcome;

/// Questions under way at once: what the threads need to fill their batches, and less than the queue takes.
const AT_ONCE: usize = 128;

fn main() -> Result<(), Box<dyn Error>> {
    let to = std::env::args_os()
        .nth(1)
        .ok_or("usage: question_vectors FILE < QUESTIONS")?;
    let questions: Vec<String> = io::stdin().lock().lines().collect::<Result<_, _>>()?;
    let embedder = encoder(false)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()?;
    // Under its own name only once it is whole.
    let part = PathBuf::from(&to).with_extension("part");
    let mut file = BufWriter::new(File::create(&part)?);
    for some in questions.chunks(AT_ONCE) {
        let deadline = Instant::now() + Duration::from_secs(60);
        let outcomes = some
            .iter()
            .map(|text| embedder.embed(text.as_str(), deadline));
        for outcome in runtime.block_on(join_all(outcomes)) {
            match outcome {
                Outcome::Embedded(embedded) => {
                    for number in embedded.embedding.iter() {
                        file.write_all(&number.to_le_bytes())?;
                    }
                }
                Outcome::Skipped(_) => {}
                Outcome::Unavailable(why) => return Err(why.as_str().into()),
            }
        }
    }
    file.into_inner()?.sync_all()?;
    Ok(fs::rename(part, to)?)
}
