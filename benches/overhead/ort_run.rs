//! The yardstick of what embeds: a bare ONNX Runtime loop on the gateway's model, as a process on the gateway's core.
//! It reads one JSON list of texts a line and answers with the nanoseconds of each run; tokenising is not in them.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::time::Instant;

use ort::session::Session;
use ort::value::Tensor;
use reprise::embed::{self, EmbedConfig};
use tokenizers::Tokenizer;

use crate::process::{SERVER_CORE, role};
use crate::setup::median;
use crate::{Fault, load};

/// Where the model lies, with the gateway's defaults.
pub(crate) fn model() -> EmbedConfig {
    EmbedConfig {
        model_dir: Path::new(env!("CARGO_MANIFEST_DIR")).join("models/all-MiniLM-L6-v2"),
        runtime_lib: None,
        threads: 1,
        queue: 256,
        max_batch: 32,
        verifier: None,
    }
}

/// A running loop; it ends when dropped.
pub(crate) struct Ort {
    child: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
}

impl Ort {
    pub(crate) fn start() -> Result<Self, Fault> {
        let mut child = role(SERVER_CORE, &["ort"])?
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let to = child.stdin.take().ok_or("no standard input")?;
        let from = BufReader::new(child.stdout.take().ok_or("no standard output")?);
        let mut ort = Self { child, to, from };
        ort.p50_us(&["Are you warm?".to_owned()])?;
        Ok(ort)
    }

    /// Runs each text once; the middle time in µs.
    pub(crate) fn p50_us(&mut self, texts: &[String]) -> Result<f64, Fault> {
        writeln!(self.to, "{}", serde_json::to_string(texts)?)?;
        let mut line = String::new();
        self.from.read_line(&mut line)?;
        let times: Vec<f64> = serde_json::from_str(&line)?;
        Ok(median(&times) / 1000.0)
    }
}

impl Drop for Ort {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// The loop itself.
pub(crate) fn serve() -> Result<(), Fault> {
    let config = model();
    let tokenizer =
        Tokenizer::from_file(config.model_dir.join("tokenizer.json")).map_err(|e| e.to_string())?;
    let mut session = embed::bare_session(&config)?;
    let mut out = std::io::stdout();
    for line in std::io::stdin().lock().lines() {
        let texts: Vec<String> = serde_json::from_str(&line?)?;
        let times: Vec<u64> = texts
            .iter()
            .map(|text| time(&tokenizer, &mut session, text))
            .collect::<Result<_, _>>()?;
        writeln!(out, "{}", serde_json::to_string(&times)?)?;
        out.flush()?;
    }
    Ok(())
}

fn time(tokenizer: &Tokenizer, session: &mut Session, text: &str) -> Result<u64, Fault> {
    let tokens = tokenizer
        .encode_fast(text, true)
        .map_err(|e| e.to_string())?;
    let ids: Vec<i64> = tokens.get_ids().iter().map(|&id| i64::from(id)).collect();
    let started = Instant::now();
    let shape = [1, ids.len()];
    let mask = vec![1i64; ids.len()];
    let outputs = session.run(ort::inputs![
        "input_ids" => Tensor::from_array((shape, ids))?,
        "attention_mask" => Tensor::from_array((shape, mask))?,
    ])?;
    std::hint::black_box(outputs[0].try_extract_tensor::<f32>()?.1[0]);
    Ok(load::nanoseconds(started.elapsed()))
}
