//! What each stage of a hit costs by itself, in the order in which a request meets them; no network and no runtime.

#![allow(
    missing_docs,
    clippy::expect_used,
    reason = "a bench has no callers, and stops where it cannot go on"
)]

#[path = "support/dice.rs"]
mod dice;

use std::hint::black_box;
use std::sync::Arc;

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, BenchmarkId, Criterion, criterion_group, criterion_main};
use reprise::cache::controls::Controls;
use reprise::cache::entry::{Cached, Fresh};
use reprise::cache::history::{History, LeftOut};
use reprise::cache::memory::Memory;
use reprise::cache::scope::{CacheKey, Ground, Namespace};
use reprise::cache::tags::Tags;
use reprise::cache::verdict::guards::Reading;
use reprise::cache::verdict::{Evidence, Known, Rule, judge};
use reprise::chat::{Answer, ChatRequest};
use reprise::embed::{Question, TokenDigest};
use reprise::index::{Code, IndexConfig, Partition, cosine};
use reprise::store::{CacheStore, CacheStoreConfig, DataFolder};

use dice::{Dice, unit};

const REQUEST: &str = r#"{"model":"gpt-4o-mini","temperature":0.2,"messages":[{"role":"system","content":"You are a helpful assistant of a bank. Answer briefly and in the language of the question."},{"role":"user","content":"How do I reset my password?"}]}"#;
const ORIGIN: &str = "openai|https://api.openai.com/v1|gpt-4o-mini";
const SENTENCE: &str =
    "Open the settings, choose security, and follow the link to a new password. ";
/// Numbers of an embedding.
const DIMENSION: usize = 384;
/// Scopes of these sizes are scanned.
const SIZES: [usize; 2] = [1000, 10_000];
/// Candidates of a search, as the gateway asks for them.
const CANDIDATES: usize = 8;

/// A question of 41 words.
const LONG: &str = "I have a 2019 laptop with 8 GB of memory that runs Windows 10, and since the update of March 3 it \
    takes more than five minutes to start: which settings should I change first, and is it safe to disable the \
    search service?";

fn namespace() -> Namespace {
    Namespace::resolve("default", None, &[], |_| false).expect("a tenant's own namespace")
}

fn key(request: &ChatRequest) -> CacheKey {
    key_in(&namespace(), request)
}

fn key_in(namespace: &Namespace, request: &ChatRequest) -> CacheKey {
    let ground = Ground {
        namespace,
        origin: ORIGIN,
        headers: &[],
        history: &History::of(request),
        asker: None,
        left_out: LeftOut::Nothing,
    };
    CacheKey::of(&ground, request)
}

/// An answer of about 750 characters.
fn answer() -> Answer {
    let body = serde_json::json!({"model": "gpt-4o-mini", "choices": [{"index": 0, "message":
        {"role": "assistant", "content": SENTENCE.repeat(10), "refusal": null},
        "logprobs": null, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 40, "completion_tokens": 160, "total_tokens": 200}});
    Answer::parse(body.to_string().as_bytes()).expect("an answer")
}

fn reading(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("hit_path");
    group.bench_function("parse_and_check", |bencher| {
        bencher.iter(|| ChatRequest::parse(black_box(REQUEST)).expect("a request"));
    });
    group.bench_function("controls", |bencher| {
        bencher.iter(|| Controls::parse(|name| black_box(name).is_empty().then_some("".into())));
    });
    let request = ChatRequest::parse(REQUEST).expect("a request");
    let namespace = namespace();
    group.bench_function("scope_and_exact_key", |bencher| {
        bencher.iter(|| key_in(&namespace, black_box(&request)));
    });
    group.finish();
}

fn answering(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = DataFolder::open(folder.path()).expect("a data folder");
    let (store, _) = CacheStore::open(&folder, CacheStoreConfig::default()).expect("a store");
    let memory = Memory::new(Arc::new(store), 64 << 20);
    let request = ChatRequest::parse(REQUEST).expect("a request");
    let entry: Arc<Cached> = memory
        .remember(Fresh {
            key: key(&request),
            namespace: "default".into(),
            tenant: "default".into(),
            model: "gpt-4o-mini".into(),
            origin: ORIGIN.into(),
            question: None,
            asker: None,
            earlier: Vec::new(),
            began: memory.moment(),
            ttl_ms: 86_400_000,
            stale_ms: 0,
            tags: Tags::default(),
            durable: true,
            answer: answer().into(),
        })
        .entry;
    memory.load_exact(&entry.key.exact).expect("an entry");
    let mut group = criterion.benchmark_group("hit_path");
    group.bench_function("hot_tier", |bencher| {
        bencher.iter(|| memory.hot(black_box(&entry.key.exact)).expect("an entry"));
    });
    group.bench_function("replay_json", |bencher| {
        bencher.iter(|| black_box(&entry).replay.json());
    });
    group.bench_function("replay_events", |bencher| {
        bencher.iter(|| black_box(&entry).replay.events(true));
    });
    group.finish();
}

fn comparing(criterion: &mut Criterion) {
    let mut dice = Dice(1);
    let mut vector = || unit((0..DIMENSION).map(|_| dice.even()).collect());
    let (asked, stored) = (vector(), vector());
    let mut group = criterion.benchmark_group("hit_path");
    group.bench_function("code", |bencher| {
        bencher.iter(|| Code::of(black_box(&asked)).expect("a code"));
    });
    let code = Code::of(&asked).expect("a code");
    for size in SIZES {
        let partition = Partition::new(&IndexConfig::default());
        for id in 0..size {
            let code = Code::of(&vector()).expect("a code");
            partition
                .insert(id as u64, &code, u64::MAX)
                .expect("a slot");
        }
        group.bench_function(BenchmarkId::new("search", size), |bencher| {
            bencher.iter(|| partition.search(black_box(&code), CANDIDATES, 0));
        });
    }
    group.bench_function("cosine", |bencher| {
        bencher.iter(|| cosine(black_box(&asked), black_box(&stored)));
    });
    let (a, b) = (TokenDigest([0; 16]), TokenDigest([1; 16]));
    let kept = Question::keep("How do I reset my password?", true);
    let reading = Reading::of("How can I reset my password?");
    let evidence = Evidence {
        asked: "How can I reset my password?",
        reading: &reading,
        asked_tokens: &a,
        stored: &kept,
        stored_tokens: &b,
        similarity: 0.97,
        gap: None,
        known: Known::default(),
    };
    let rule = Rule {
        probability: Some(0.8),
        ..Rule::by_cosine(0.0)
    };
    group.bench_function("read", |bencher| {
        bencher.iter(|| Reading::of(black_box(evidence.asked)));
    });
    group.bench_function("verdict", |bencher| {
        bencher.iter(|| judge(black_box(&evidence), black_box(&rule)));
    });
    verdict_of_long(&mut group, evidence, &rule);
    group.finish();
}

/// Words of the long question and what one person each wrote in their place.
const REWORDED: [(&str, &str); 8] = [
    ("laptop", "notebook"),
    ("takes more than five minutes", "needs over five minutes"),
    ("change first", "look at first"),
    ("Windows 10", "Windows 11"),
    ("which settings should I change", "what should I change"),
    ("disable", "enable"),
    ("I have a", "Hello, I've got a"),
    (
        "and is it safe to disable the search service",
        "and can the search service be disabled safely",
    ),
];

/// What a semantic hit adds at most: a long question, and all candidates that are judged.
fn verdict_of_long(group: &mut BenchmarkGroup<'_, WallTime>, evidence: Evidence<'_>, rule: &Rule) {
    let reworded = REWORDED.map(|(from, to)| Question::keep(&LONG.replace(from, to), true));
    group.bench_function("verdict_of_eight_long_ones", |bencher| {
        bencher.iter(|| {
            let reading = Reading::of(black_box(LONG));
            for kept in &reworded {
                let long = Evidence {
                    asked: LONG,
                    reading: &reading,
                    stored: kept,
                    ..evidence
                };
                black_box(judge(black_box(&long), black_box(rule)));
            }
        });
    });
}

criterion_group!(benches, reading, answering, comparing);
criterion_main!(benches);
