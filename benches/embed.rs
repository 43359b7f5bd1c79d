//! What the pool adds to a bare ONNX Runtime loop on the same model, by length and by number of texts at once; and what
//! reading two questions together costs beside embedding one of them.
//!
//! The bare loop gets token ids and runs every text by itself, as the simplest program would; the pool gets texts,
//! tokenises, queues and batches them. Both have one thread, so a row compares work, not parallelism.

#![allow(
    missing_docs,
    clippy::expect_used,
    reason = "a bench has no callers, and stops where it cannot go on"
)]

use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use futures_util::future::join_all;
use ort::session::Session;
use ort::value::Tensor;
use reprise::embed::{self, EmbedConfig, Embedder, Outcome, Pair, VerifierConfig};
use tokenizers::Tokenizer;

/// Tokens of a text, framing tokens included.
const LENGTHS: [usize; 3] = [9, 42, 122];
/// Texts at once.
const BATCHES: [usize; 3] = [1, 8, 32];
/// Each is one token.
const WORDS: [&str; 6] = ["water", "city", "green", "house", "music", "number"];

fn config() -> EmbedConfig {
    let model_dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/all-MiniLM-L6-v2");
    EmbedConfig {
        model_dir,
        runtime_lib: None,
        threads: 1,
        queue: 256,
        max_batch: 32,
        verifier: None,
    }
}

/// Texts of `tokens` tokens, no two alike.
fn texts(tokens: usize, count: usize) -> Vec<String> {
    let word = |text: usize, place: usize| {
        WORDS[(text / WORDS.len().pow((place % 3) as u32) + place) % WORDS.len()]
    };
    (0..count)
        .map(|text| {
            (0..tokens - 2)
                .map(|place| word(text, place))
                .collect::<Vec<_>>()
                .join(" ")
        })
        .collect()
}

fn bare(session: &mut Session, ids: &[i64]) -> f32 {
    let shape = [1, ids.len()];
    let mask = vec![1i64; ids.len()];
    let inputs = ort::inputs![
        "input_ids" => Tensor::from_array((shape, ids.to_vec())).expect("a tensor"),
        "attention_mask" => Tensor::from_array((shape, mask)).expect("a tensor"),
    ];
    let outputs = session.run(inputs).expect("a run");
    outputs[0].try_extract_tensor::<f32>().expect("a vector").1[0]
}

async fn pooled(embedder: &Embedder, texts: &[String]) {
    let deadline = Instant::now() + Duration::from_secs(60);
    for outcome in join_all(
        texts
            .iter()
            .map(|text| embedder.embed(text.as_str(), deadline)),
    )
    .await
    {
        assert!(matches!(outcome, Outcome::Embedded(_)), "{outcome:?}");
    }
}

fn compare(criterion: &mut Criterion) {
    let config = config();
    let tokenizer =
        Tokenizer::from_file(config.model_dir.join("tokenizer.json")).expect("a tokenizer");
    let mut session = embed::bare_session(&config).expect("a session; run scripts/setup.sh");
    let embedder = Embedder::start(&config).expect("an embedder");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("a runtime");
    for tokens in LENGTHS {
        let mut group = criterion.benchmark_group(format!("embed/{tokens}_tokens"));
        group.sample_size(20);
        for batch in BATCHES {
            let texts = texts(tokens, batch);
            let ids: Vec<Vec<i64>> = texts
                .iter()
                .map(|text| tokenizer.encode_fast(text.as_str(), true).expect("tokens"))
                .map(|encoding| encoding.get_ids().iter().map(|&id| i64::from(id)).collect())
                .collect();
            assert!(
                ids.iter().all(|ids| ids.len() == tokens),
                "a word is not one token"
            );
            group.throughput(Throughput::Elements(batch as u64));
            group.bench_function(BenchmarkId::new("bare", batch), |bencher| {
                bencher.iter(|| {
                    ids.iter()
                        .map(|ids| bare(&mut session, ids))
                        .map(black_box)
                        .sum::<f32>()
                });
            });
            group.bench_function(BenchmarkId::new("pool", batch), |bencher| {
                bencher.iter(|| runtime.block_on(pooled(&embedder, &texts)));
            });
        }
        group.finish();
    }
}

/// Tokens of each question of a pair, as embedding it counts them.
const QUESTION: usize = 14;
/// Pairs of one request.
const PAIRS: [usize; 3] = [1, 2, 4];

/// A question of twelve words, each one token, embedded alone; and read with others of that length. Whoever reads remembers
/// nothing here: that is the cache's.
fn verify(criterion: &mut Criterion) {
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("models");
    let config = EmbedConfig {
        verifier: Some(VerifierConfig {
            model_dir: models.join("verifier"),
            queue: 64,
        }),
        ..config()
    };
    let embedder = Embedder::start(&config).expect("an embedder");
    let verifier = embedder.verifier().expect("a verifier");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("a runtime");
    let texts: Vec<Arc<str>> = texts(QUESTION, 5).into_iter().map(Arc::from).collect();
    let mut group = criterion.benchmark_group("verify/12_words");
    group.sample_size(50);
    group.bench_function("embed", |bencher| {
        let one = [texts[0].to_string()];
        bencher.iter(|| runtime.block_on(pooled(&embedder, &one)));
    });
    for count in PAIRS {
        let pair = |stored: &Arc<str>| Pair {
            stored: stored.clone(),
            asked: texts[0].clone(),
        };
        let pairs: Vec<Pair> = texts[1..=count].iter().map(pair).collect();
        group.bench_function(BenchmarkId::new("read", count), |bencher| {
            bencher.iter(|| {
                let deadline = Instant::now() + Duration::from_secs(60);
                let told = runtime.block_on(verifier.verify(pairs.clone(), deadline));
                assert!(told.iter().all(Result::is_ok), "{told:?}");
            });
        });
    }
    group.finish();
}

criterion_group!(benches, compare, verify);
criterion_main!(benches);
