//! Writes what the verdict's model sees of labelled pairs, for `scripts/verdict/train.py`: JSONL files of pairs as
//! arguments; on standard output a line of names, then one JSON object a pair and direction.

#[path = "encoder.rs"]
mod encoder;

use std::collections::BTreeMap;
use std::error::Error;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use encoder::encoder;
use futures_util::future::join_all;
use reprise::cache::verdict::facts::different;
use reprise::cache::verdict::features::Features;
use reprise::cache::verdict::guards::{self, Finding, Pair, Reading};
use reprise::cache::verdict::{Evidence, GuardSet, Known};
use reprise::embed;
use reprise::embed::{Embedded, Embedder, Outcome, Question};
use serde_json::{Value, json};

/// Pairs under way at once: what the threads need to fill their batches.
const AT_ONCE: usize = 64;

fn main() -> Result<(), Box<dyn Error>> {
    let files: Vec<_> = std::env::args_os().skip(1).collect();
    if files.is_empty() {
        return Err("usage: verdict_features PAIRS.jsonl… > FEATURES.jsonl".into());
    }
    let embedder = encoder(true)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()?;
    let mut out = BufWriter::new(io::stdout().lock());
    writeln!(out, "{}", json!({"names": Features::names()}))?;
    for file in &files {
        let path = Path::new(file);
        let rows: Vec<Value> = reprise::eval::rows::read(path)?;
        for some in rows.chunks(AT_ONCE) {
            let texts = some.iter().flat_map(|row| [text(row, "a"), text(row, "b")]);
            let deadline = Instant::now() + Duration::from_secs(60);
            let asked = texts.map(|text| embedder.embed(text, deadline));
            let vectors = runtime.block_on(join_all(asked));
            let read = runtime.block_on(read(&embedder, some));
            for ((row, vectors), read) in some.iter().zip(vectors.chunks(2)).zip(read) {
                if let [Outcome::Embedded(a), Outcome::Embedded(b)] = vectors {
                    write_row(&mut out, path, row, (a, b), read)?;
                }
            }
        }
    }
    Ok(out.flush()?)
}

/// What the verifier says of each row, forth and back.
async fn read(embedder: &Embedder, rows: &[Value]) -> Vec<[Option<f32>; 2]> {
    let deadline = Instant::now() + Duration::from_secs(600);
    let pair = |stored: &str, asked: &str| embed::Pair {
        stored: stored.into(),
        asked: asked.into(),
    };
    let one = |row: &Value| {
        let (a, b) = (text(row, "a"), text(row, "b"));
        let pairs = vec![pair(a, b), pair(b, a)];
        async move {
            let said = match embedder.verifier() {
                Some(verifier) => verifier.verify(pairs, deadline).await,
                None => Vec::new(),
            };
            [0, 1].map(|at| said.get(at).and_then(|said| said.ok()))
        }
    };
    join_all(rows.iter().map(one)).await
}

fn text<'a>(row: &'a Value, side: &str) -> &'a str {
    row[side].as_str().unwrap_or_default()
}

fn write_row(
    out: &mut impl Write,
    path: &Path,
    row: &Value,
    (a, b): (&Embedded, &Embedded),
    read: [Option<f32>; 2],
) -> io::Result<()> {
    let forth = features((text(row, "a"), a), (text(row, "b"), b), read[0]);
    let back = features((text(row, "b"), b), (text(row, "a"), a), read[1]);
    let mut told = row.clone();
    told["file"] = path.file_stem().map(|s| s.to_string_lossy()).into();
    told["forth"] = numbers(&forth.0);
    told["back"] = numbers(&back.0);
    told["vetoed"] = GuardSet::chosen(&BTreeMap::new())
        .first_of(different(&forth.1))
        .is_some()
        .into();
    told["same_tokens"] = (a.tokens == b.tokens).into();
    writeln!(out, "{told}")
}

fn features(
    stored: (&str, &Embedded),
    asked: (&str, &Embedded),
    log_odds: Option<f32>,
) -> (Features, [Finding; guards::COUNT]) {
    let kept = Question::keep(stored.0, true);
    let (stored_reading, reading) = (Reading::of(stored.0), Reading::of(asked.0));
    let pair = Pair::of(&stored_reading, &reading);
    let evidence = Evidence {
        asked: asked.0,
        reading: &reading,
        asked_tokens: &asked.1.tokens,
        stored: &kept,
        stored_tokens: &stored.1.tokens,
        similarity: reprise::index::cosine(&stored.1.embedding, &asked.1.embedding),
        gap: None,
        known: Known::default(),
    };
    let findings = guards::examine(&pair);
    let features = Features::of(&evidence, &pair, &findings);
    let read = log_odds.map_or(features, |log_odds| features.verified(log_odds));
    (read, findings)
}

/// What is not known is null.
fn numbers(features: &Features) -> Value {
    features.0.iter().map(|n| json!(n)).collect()
}
