//! Recall, latency, build rate and memory of a [`Partition`] against the scan of all codes and the truth.
//!
//! `REPRISE_BENCH_VECTORS` names a file of little-endian `f32` rows of 384 numbers, embeddings of real
//! questions; 2,000 of them, evenly spread, are held out as queries. Sizes beyond the file are filled
//! up with perturbed copies (each number plus even noise of ±0.04, cosine to the original about
//! 0.91) and labelled so. Without the file a seeded synthetic set takes its place.
//! `REPRISE_BENCH_LARGE=1` adds 100,000 entries, `=2` also 1,000,000.
#![allow(clippy::print_stdout, reason = "the table is what a bench is for")]

#[path = "support/dice.rs"]
mod dice;

use std::error::Error;
use std::time::{Duration, Instant};

use rayon::prelude::*;
use reprise::index::snapshot::{self, Origin};
use reprise::index::{Code, IndexConfig, Partition, cosine};

use dice::{Dice, unit};

type Fault = Box<dyn Error>;

const DIMENSION: usize = 384;
const QUERIES: usize = 2000;
const NEVER: u64 = u64::MAX;
/// Candidates asked for and scored exactly, as the cache does it.
const CANDIDATES: usize = 8;
/// Only questions with a neighbour at least this near can become hits.
const HIT: f32 = 0.8;

fn main() -> Result<(), Fault> {
    let large =
        std::env::var("REPRISE_BENCH_LARGE").map_or(0, |level| level.parse::<u8>().unwrap_or(1));
    let mut sizes = vec![1000, 10_000, 50_000];
    sizes.extend([100_000, 1_000_000].into_iter().take(large.into()));
    let source = Source::open(sizes.iter().copied().max().unwrap_or_default())?;
    println!("vectors: {}", source.name);
    println!(
        "recall: the true nearest (exact cosine) is among the {CANDIDATES} candidates; hits: true nearest >= {HIT}"
    );
    println!(
        "| entries | of these perturbed | search by | recall@1 | recall@1 of hits | recall@1 scan | p50 ms | p99 ms | scan p50 ms | build/s | bytes/entry | snapshot load ms | graph load ms |"
    );
    println!("|{}", "---|".repeat(13));
    for size in sizes {
        // The last size the real vectors nearly fill is taken as what there is of them.
        let real = source.rows.len();
        let size = if size > real && size < real + real / 10 {
            real
        } else {
            size
        };
        println!("{}", measure(&source, size)?);
    }
    Ok(())
}

fn measure(source: &Source, size: usize) -> Result<String, Fault> {
    let rows = source.take(size);
    let codes: Vec<Code> = rows
        .iter()
        .map(|row| Code::of(row))
        .collect::<Result<_, _>>()?;
    let before = resident();
    let partition = fill(&IndexConfig::default(), &codes)?;
    let started = Instant::now();
    partition.promote()?;
    let built = started.elapsed();
    let bytes = resident().saturating_sub(before) / size;
    let scan = fill(
        &IndexConfig {
            flat_max: usize::MAX,
            ..IndexConfig::default()
        },
        &codes,
    )?;
    let truth: Vec<f32> = source
        .queries
        .par_iter()
        .map(|query| nearest(&rows, query))
        .collect();
    let found = Found::by(&partition, &rows, source, &truth)?;
    let scanned = Found::by(&scan, &rows, source, &truth)?;
    let (loaded, graph) = reload(&partition)?;
    let way = if partition.has_graph() {
        "graph"
    } else {
        "scan"
    };
    let rate = if partition.has_graph() {
        format!("{:.0}", size as f64 / built.as_secs_f64())
    } else {
        "-".into()
    };
    Ok(format!(
        "| {size} | {} | {way} | {:.4} | {:.4} (of {}) | {:.4} | {:.3} | {:.3} | {:.3} | {rate} | {bytes} | {:.0} | {:.0} |",
        size.saturating_sub(source.rows.len()),
        found.recall,
        found.recall_of_hits,
        found.hits,
        scanned.recall,
        milliseconds(found.p50),
        milliseconds(found.p99),
        milliseconds(scanned.p50),
        milliseconds(loaded),
        milliseconds(graph),
    ))
}

fn fill(config: &IndexConfig, codes: &[Code]) -> Result<Partition, Fault> {
    let partition = Partition::new(config);
    for (id, code) in (0..).zip(codes) {
        partition.insert(id, code, NEVER)?;
    }
    Ok(partition)
}

/// Cosine of the row nearest to `query`.
fn nearest(rows: &[Vec<f32>], query: &[f32]) -> f32 {
    rows.iter()
        .map(|row| cosine(row, query))
        .fold(-1.0, f32::max)
}

struct Found {
    recall: f64,
    recall_of_hits: f64,
    hits: usize,
    p50: Duration,
    p99: Duration,
}

impl Found {
    fn by(
        partition: &Partition,
        rows: &[Vec<f32>],
        source: &Source,
        truth: &[f32],
    ) -> Result<Self, Fault> {
        let (mut times, mut all, mut of_hits) = (Vec::new(), 0, 0);
        for (query, &best) in source.queries.iter().zip(truth) {
            let code = Code::of(query)?;
            let started = Instant::now();
            let candidates = partition.search(&code, CANDIDATES, 0);
            times.push(started.elapsed());
            // As near as the nearest counts as found: of two equal questions either will do.
            let right = candidates
                .iter()
                .any(|c| cosine(&rows[c.id as usize], query) >= best);
            all += usize::from(right);
            of_hits += usize::from(right && best >= HIT);
        }
        times.sort_unstable();
        let hits = truth.iter().filter(|best| **best >= HIT).count();
        Ok(Self {
            recall: all as f64 / truth.len() as f64,
            recall_of_hits: of_hits as f64 / hits.max(1) as f64,
            hits,
            p50: times[times.len() / 2],
            p99: times[times.len() * 99 / 100],
        })
    }
}

/// How long a snapshot of the partition takes to be scannable, and then to have its graph.
fn reload(partition: &Partition) -> Result<(Duration, Duration), Fault> {
    let dir = tempfile::tempdir()?;
    let origin = Origin {
        config: IndexConfig::default(),
        embedding: "bench".into(),
    };
    snapshot::write(dir.path(), &origin, 0, [([0; 32], partition)])?;
    let started = Instant::now();
    let loaded = snapshot::load(dir.path(), &origin)?.ok_or("the snapshot is gone")?;
    let scannable = started.elapsed();
    for (_, partition) in &loaded.partitions {
        partition.promote()?;
    }
    Ok((scannable, started.elapsed() - scannable))
}

struct Source {
    name: String,
    rows: Vec<Vec<f32>>,
    queries: Vec<Vec<f32>>,
}

impl Source {
    fn open(largest: usize) -> Result<Self, Fault> {
        let (name, vectors) = match std::env::var_os("REPRISE_BENCH_VECTORS") {
            Some(path) => (
                "embeddings of real questions".to_owned(),
                read(&std::fs::read(path)?),
            ),
            None => (
                "synthetic (topics of subtopics, seed 1)".to_owned(),
                synthetic(largest + QUERIES),
            ),
        };
        if vectors.len() <= QUERIES {
            return Err("too few vectors to hold out 2,000 queries".into());
        }
        let step = vectors.len() / QUERIES;
        let (mut rows, mut queries) = (Vec::new(), Vec::new());
        for (number, vector) in vectors.into_iter().enumerate() {
            let held_out = number % step == 0 && queries.len() < QUERIES;
            if held_out {
                queries.push(vector)
            } else {
                rows.push(vector)
            }
        }
        Ok(Self {
            name: format!(
                "{name}, {} stored at most, {} held out",
                rows.len(),
                queries.len()
            ),
            rows,
            queries,
        })
    }

    /// `size` rows, perturbed copies where there are too few.
    fn take(&self, size: usize) -> Vec<Vec<f32>> {
        let mut dice = Dice(2);
        let mut copy = |row: &Vec<f32>| unit(row.iter().map(|x| x + 0.04 * dice.even()).collect());
        let real = self.rows.iter().take(size).cloned();
        let copies = self
            .rows
            .iter()
            .cycle()
            .take(size.saturating_sub(self.rows.len()))
            .map(&mut copy);
        real.chain(copies).collect()
    }
}

fn read(bytes: &[u8]) -> Vec<Vec<f32>> {
    let row = |bytes: &[u8]| {
        unit(
            bytes
                .as_chunks()
                .0
                .iter()
                .map(|number| f32::from_le_bytes(*number))
                .collect(),
        )
    };
    bytes.chunks_exact(DIMENSION * 4).map(row).collect()
}

/// Two vectors of a subtopic have a cosine of about 0.82, two of a topic 0.5.
fn synthetic(count: usize) -> Vec<Vec<f32>> {
    let mut dice = Dice(1);
    let mut direction = || unit((0..DIMENSION).map(|_| dice.even()).collect());
    let topics: Vec<_> = (0..200).map(|_| direction()).collect();
    let subtopics: Vec<_> = (0..count / 10 + 1).map(|_| direction()).collect();
    let mut choose = Dice(3);
    (0..count)
        .map(|_| {
            let number = (choose.roll() % subtopics.len() as u64) as usize;
            let (topic, subtopic, own) = (
                &topics[number % topics.len()],
                &subtopics[number],
                direction(),
            );
            unit(
                (0..DIMENSION)
                    .map(|i| topic[i] + 0.8 * subtopic[i] + 0.6 * own[i])
                    .collect(),
            )
        })
        .collect()
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

/// Bytes of memory that the process holds.
fn resident() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    statm
        .split(' ')
        .nth(1)
        .and_then(|pages| pages.parse::<usize>().ok())
        .unwrap_or(0)
        * 4096
}
