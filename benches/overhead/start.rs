//! From exec to the first semantic hit with 100,000 remembered answers: from the store alone, and from a snapshot.

use std::path::Path;
use std::time::{Duration, Instant};

use reprise::embed::{Embedder, Question, Space};
use reprise::store::{CacheStore, CacheStoreConfig, DataFolder, Entry, EntryFilter, Order, Put};

use crate::Fault;
use crate::dice::{Dice, unit};
use crate::load::{Connection, chat};
use crate::ort_run::model;
use crate::process::Server;
use crate::report::Row;
use crate::setup::Setup;

const ENTRIES: usize = 100_000;
const DIMENSION: usize = 384;
const MOST_MS: f64 = 1000.0;
/// When a start has failed.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) fn run(setup: &Setup) -> Result<Vec<Row>, Fault> {
    let data = tempfile::tempdir()?;
    // One real answer: its scope and form are the pattern of all others, and it is what the hit will find.
    let seed = setup.gateway(data.path(), &[])?;
    Connection::open(seed.address())?.ask(&chat("How do I reset my password?", false, ""))?;
    seed.terminate()?;
    let source = fill(data.path())?;
    let (from_store, gateway) = first_hit(setup, data.path())?;
    gateway.terminate()?;
    let (from_snapshot, gateway) = first_hit(setup, data.path())?;
    drop(gateway);
    let row = |way: &str, (time, cpu): (f64, f64)| {
        Row::at_most(
            format!("exec to first semantic hit, {ENTRIES} entries ({source}), {way}"),
            (time, MOST_MS),
            format!("{time:.0} ms, {cpu:.0} ms of them CPU"),
            "≤ 1 s",
        )
    };
    Ok(vec![
        row("no snapshot", from_store),
        row("with a snapshot", from_snapshot),
    ])
}

/// Starts a gateway and asks until it hits, in milliseconds since before exec, and its CPU time by then.
fn first_hit(setup: &Setup, data: &Path) -> Result<((f64, f64), Server), Fault> {
    let request = chat(
        "How can I reset my password?",
        false,
        "x-reprise-cache: only\r\n",
    );
    let started = Instant::now();
    let gateway = setup.gateway(data, &[])?;
    let mut connection = Connection::open(gateway.address())?;
    while started.elapsed() < PATIENCE {
        let reply = connection.ask(&request)?;
        match (reply.status, reply.cache()) {
            (200, Some("hit-semantic")) => {
                let time = started.elapsed().as_secs_f64() * 1000.0;
                return Ok(((time, gateway.cpu_s()? * 1000.0), gateway));
            }
            (504, _) => {}
            _ => return Err(format!("no hit and no miss:\n{}", reply.head).into()),
        }
        // The index is loaded on the same core: asking all the time would slow it down.
        std::thread::sleep(Duration::from_millis(2));
    }
    Err("no semantic hit within a minute".into())
}

/// Writes the other entries beside the seed and takes its snapshot away; names where the vectors are from.
fn fill(data: &Path) -> Result<&'static str, Fault> {
    let embedder = Embedder::start(&model())?;
    let folder = DataFolder::open(data)?;
    let config = CacheStoreConfig {
        embedding_fingerprint: embedder.fingerprint().to_owned(),
        ..CacheStoreConfig::default()
    };
    let (store, _) = CacheStore::open(&folder, config)?;
    let page = store.list(&EntryFilter::default(), Order::Oldest, None, 1);
    let seed = page
        .entries
        .first()
        .ok_or("the first answer was not stored")?;
    let (source, mut next) = vectors()?;
    for number in 1..ENTRIES {
        put(&store, seed, number, (embedder.space(), next()))?;
    }
    store.flush()?;
    drop(store);
    match std::fs::remove_dir_all(folder.cache().join("index")) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(e.into()),
        _ => Ok(source),
    }
}

fn put(
    store: &CacheStore,
    seed: &Entry,
    number: usize,
    vector: (Space, Vec<f32>),
) -> Result<(), Fault> {
    let mut entry = seed.clone();
    entry.id = store.next_id();
    entry.exact = *blake3::hash(&number.to_le_bytes()).as_bytes();
    let question = format!("Question number {number}?");
    entry.question = Some(Question::keep(&question, true));
    entry.tokens = Some(*(entry.exact.first_chunk().ok_or("a short hash")?));
    loop {
        match store.try_put(entry.clone(), Some(vector.clone())) {
            Put::Queued { .. } => return Ok(()),
            Put::Full => std::thread::sleep(Duration::from_millis(5)),
            refused => return Err(format!("the store refused an entry: {refused:?}").into()),
        }
    }
}

type Vectors = Box<dyn FnMut() -> Vec<f32>>;

/// Real embeddings first, then copies with noise (cosine to the original about 0.91); without a file, noise.
fn vectors() -> Result<(&'static str, Vectors), Fault> {
    let mut dice = Dice(1);
    let Some(path) = std::env::var_os("REPRISE_BENCH_VECTORS") else {
        return Ok((
            "random vectors",
            Box::new(move || unit((0..DIMENSION).map(|_| dice.even()).collect())),
        ));
    };
    let bytes = std::fs::read(path)?;
    let number = |bytes: &[u8; 4]| f32::from_le_bytes(*bytes);
    let real: Vec<Vec<f32>> = bytes
        .chunks_exact(DIMENSION * 4)
        .map(|row| row.as_chunks().0.iter().map(number).collect())
        .collect();
    let mut given = 0;
    let next = move || {
        let row = &real[given % real.len()];
        let noise = if given < real.len() { 0.0 } else { 0.04 };
        given += 1;
        unit(row.iter().map(|x| x + noise * dice.even()).collect())
    };
    Ok((
        "embeddings of real questions and perturbed copies",
        Box::new(next),
    ))
}
