//! What a tier compares, and what it does not.

use super::*;
use crate::cache::entry::Fresh;
use crate::cache::scope::CacheKey;
use crate::cache::tags::Tags;
use crate::chat::{Answer, unix_ms};
use crate::embed::Embedding;
use crate::index::IndexConfig;
use crate::store::{CacheStore, CacheStoreConfig, DataFolder};

const SCOPE: Scope = [1; 32];
const QUESTION: &str = "How do I bake bread?";

fn embedded(model: &str) -> Embedded {
    Embedded {
        embedding: Embedding::new(vec![0.6, 0.8]).unwrap(),
        tokens: TokenDigest([1; 16]),
        token_count: 7,
        space: Space::of(model),
    }
}

fn tier(model: &str) -> Semantic {
    let config = IndexConfig {
        dimension: 2,
        ..IndexConfig::default()
    };
    let embedding = model.to_owned();
    Semantic::new(Origin { config, embedding }, None, Arc::default())
}

/// Remembers the question in memory only, with its vector in a tier.
fn remember(memory: &Memory, tier: &Semantic, made_by: &str) {
    let body = r#"{"choices":[{"message":{"content":"Knead it."},"finish_reason":"stop"}]}"#;
    let remembered = memory.remember(Fresh {
        key: CacheKey {
            scope: SCOPE,
            exact: [7; 32],
        },
        namespace: "a".into(),
        tenant: "a".into(),
        model: "m".into(),
        origin: "o".into(),
        question: Some((Question::keep(QUESTION, true), embedded(made_by))),
        asker: None,
        earlier: Vec::new(),
        began: memory.moment(),
        ttl_ms: 60_000,
        stale_ms: 0,
        tags: Tags::default(),
        durable: false,
        answer: Answer::parse(body.as_bytes()).unwrap().into(),
    });
    let entry = remembered.entry;
    assert!(tier.insert(entry.id, SCOPE, &[0.6, 0.8], entry.expires_ms));
}

fn finds(memory: &Memory, tier: &Semantic, asked_with: &str) -> bool {
    let query = Query {
        scope: &SCOPE,
        question: QUESTION,
        embedded: &embedded(asked_with),
        rule: Rule::by_cosine(0.9),
        freshness: Freshness {
            ttl_ms: 60_000,
            born_ms: 0,
            max_age_ms: u64::MAX,
            min_fresh_ms: 0,
            stale_ms: 0,
            gone_ms: 60_000,
            gone_before_ms: 0,
        },
        earlier: &[],
        candidates: 8,
        now_ms: unix_ms(),
    };
    let judged = tier.judged(&query, memory);
    Nearest::best(judged).is_some_and(|n| n.serves())
}

#[test]
fn vectors_of_two_models_are_never_compared_however_equal_their_numbers_are() {
    let temp = tempfile::tempdir().unwrap();
    let folder = DataFolder::open(temp.path()).unwrap();
    let (store, _) = CacheStore::open(&folder, CacheStoreConfig::default()).unwrap();
    let memory = Memory::new(Arc::new(store), 1 << 20);
    let ours = tier("ours");
    remember(&memory, &ours, "ours");
    assert!(finds(&memory, &ours, "ours"));
    assert!(
        !finds(&memory, &ours, "another"),
        "asked with another's vector"
    );
    let mixed = tier("ours");
    remember(&memory, &mixed, "another");
    assert!(
        !finds(&memory, &mixed, "ours"),
        "stored with another's vector"
    );
}
