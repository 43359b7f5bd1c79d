//! The committed model, run for real: needs what `scripts/setup.sh` fetches.

use std::path::Path;
use std::sync::OnceLock;
use std::time::Duration;

use super::*;

fn config() -> EmbedConfig {
    let model_dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/all-MiniLM-L6-v2");
    EmbedConfig {
        model_dir,
        runtime_lib: None,
        threads: 2,
        queue: 256,
        max_batch: 32,
        verifier: None,
    }
}

fn embedder() -> &'static Embedder {
    static SHARED: OnceLock<Embedder> = OnceLock::new();
    SHARED.get_or_init(|| Embedder::start(&config()).unwrap())
}

async fn outcome(text: &str) -> Outcome {
    embedder()
        .embed(text, Instant::now() + Duration::from_secs(60))
        .await
}

async fn embed(text: &str) -> Embedded {
    match outcome(text).await {
        Outcome::Embedded(embedded) => embedded,
        other => panic!("{other:?} for {text:?}"),
    }
}

fn cosine(a: &Embedding, b: &Embedding) -> f32 {
    a.iter().zip(b.iter()).map(|(a, b)| a * b).sum()
}

async fn likeness(a: &str, b: &str) -> f32 {
    cosine(&embed(a).await.embedding, &embed(b).await.embedding)
}

#[track_caller]
fn skipped(outcome: Outcome, why: Skip) {
    assert!(
        matches!(outcome, Outcome::Skipped(found) if found == why),
        "{outcome:?} instead of {why:?}"
    );
}

#[tokio::test]
async fn a_question_in_other_words_is_near_and_another_question_is_far() {
    let reworded = likeness(
        "What is the capital of France?",
        "Tell me the capital city of France",
    )
    .await;
    let related = likeness(
        "How do I reset my password?",
        "How can I delete my account?",
    )
    .await;
    let unrelated = likeness(
        "What is the capital of France?",
        "How do I bake sourdough bread?",
    )
    .await;
    assert!(reworded > 0.9, "{reworded}");
    assert!((0.4..0.8).contains(&related), "{related}");
    assert!(unrelated < 0.3, "{unrelated}");
}

#[tokio::test]
async fn cosine_alone_cannot_tell_a_negation() {
    let negated = likeness("is it safe to eat", "is it not safe to eat").await;
    assert!(
        negated > 0.9,
        "{negated}: verification behind the search is built on this"
    );
}

#[tokio::test]
async fn a_vector_has_the_manifests_dimension_and_unit_norm() {
    let vector = embed("What is rust?").await.embedding;
    assert_eq!((vector.len(), embedder().dimension()), (384, 384));
    assert!((cosine(&vector, &vector) - 1.0).abs() < 1e-5);
}

#[tokio::test]
async fn a_vector_does_not_depend_on_the_texts_beside_it() {
    let alone = embed("How many moons does Mars have?").await.embedding;
    let texts: Vec<String> = (0..64)
        .map(|n| format!("How many moons does planet {n} have?"))
        .collect();
    let mut calls: Vec<_> = texts.iter().map(|text| Box::pin(outcome(text))).collect();
    calls.push(Box::pin(outcome(&texts[0])));
    let crowd = futures_util::future::join(
        futures_util::future::join_all(calls),
        embed("How many moons does Mars have?"),
    );
    let together = crowd.await.1.embedding;
    assert!(
        cosine(&alone, &together) > 0.99999,
        "{}",
        cosine(&alone, &together)
    );
}

#[test]
fn padding_changes_no_vector() {
    let config = config();
    let manifest = Manifest::load(&config.model_dir).unwrap();
    let environment = model::environment(&config).unwrap();
    let mut model = OrtModel::load(
        &environment,
        &manifest,
        &manifest.files.verified_model().unwrap(),
    )
    .unwrap();
    let short: Vec<u32> = vec![101, 2054, 2003, 19085, 102];
    let long: Vec<u32> = [vec![101], vec![2054; 60], vec![102]].concat();
    let alone = Embedding::new(model.run(std::slice::from_ref(&short)).unwrap().remove(0)).unwrap();
    let padded = Embedding::new(model.run(&[short, long]).unwrap().remove(0)).unwrap();
    assert!(
        cosine(&alone, &padded) > 0.99999,
        "{}",
        cosine(&alone, &padded)
    );
}

#[tokio::test]
async fn questions_in_thai_are_skipped_rather_than_all_alike() {
    skipped(
        outcome("เมืองหลวงของฝรั่งเศสคืออะไร").await,
        Skip::UnsupportedLanguage,
    );
    skipped(outcome("วิธีอบขนมปังคืออะไร").await, Skip::UnsupportedLanguage);
}

#[tokio::test]
async fn an_emoji_that_the_vocabulary_lacks_is_skipped() {
    skipped(outcome("Is 🍎 healthy?").await, Skip::UnknownTokens);
    skipped(outcome("Is 🍕 healthy?").await, Skip::UnknownTokens);
}

#[tokio::test]
async fn a_blank_text_is_skipped() {
    skipped(outcome(" \n\t").await, Skip::Empty);
}

#[tokio::test]
async fn a_text_is_embedded_up_to_the_window_and_never_cut_beyond_it() {
    let words = |count: usize| vec!["word"; count].join(" ");
    assert_eq!(embed(&words(254)).await.token_count, 256);
    skipped(outcome(&words(255)).await, Skip::TooLong);
}

#[tokio::test]
async fn a_huge_text_is_too_long_without_being_read() {
    skipped(outcome(&"é".repeat(LONGEST_TEXT)).await, Skip::TooLong);
}

#[tokio::test]
async fn what_a_text_is_refused_for_is_known_without_a_vector() {
    let long = "word ".repeat(300);
    let huge = "word ".repeat(LONGEST_TEXT);
    for text in [
        "What is rust?",
        "Is 🍎 healthy?",
        "เมืองหลวงของฝรั่งเศสคืออะไร",
        " ",
        &"word ".repeat(100),
        &"\u{301} ".repeat(300),
        &long,
        &huge,
        &"a ".repeat(QUICK_TEXT),
    ] {
        let deadline = Instant::now() + Duration::from_secs(30);
        let refused = embedder().refuses(text, deadline).await;
        let wanted = match outcome(text).await {
            Outcome::Skipped(skip) => Some(skip),
            _ => None,
        };
        assert_eq!(refused, wanted, "{text}");
    }
}

#[tokio::test]
async fn a_text_that_spells_a_special_token_means_its_letters() {
    let spelled = embed("what does [SEP] mean").await;
    let plain = embed("what does sep mean").await;
    assert_eq!(
        spelled.token_count,
        plain.token_count + 2,
        "two brackets more"
    );
}

/// The texts have one vector, so the cosine is 1 and only `Question::is` stands between them.
async fn one_vector_but_two_questions(a: &str, b: &str) {
    assert_eq!(
        embed(a).await.tokens,
        embed(b).await.tokens,
        "{a:?} and {b:?}"
    );
    assert!(!Question::keep(a, true).is(b), "{a:?} and {b:?}");
}

#[tokio::test]
async fn us_and_the_us_have_one_vector_but_are_two_questions() {
    one_vector_but_two_questions("Who can tell us the news?", "Who can tell US the news?").await;
}

#[tokio::test]
async fn words_that_differ_in_accents_have_one_vector_but_are_two_questions() {
    one_vector_but_two_questions("Tengo veinte años", "Tengo veinte anos").await;
}

#[tokio::test]
async fn code_that_differs_in_indentation_has_one_vector_but_is_two_questions() {
    one_vector_but_two_questions(
        "What does this print?\nfor i in x:\n    a()\n    b()",
        "What does this print?\nfor i in x:\n    a()\nb()",
    )
    .await;
}

#[tokio::test]
async fn a_capital_at_the_start_is_one_vector_and_one_question() {
    let (a, b) = (
        "What is the capital of France?",
        "what is  the capital of France?",
    );
    assert_eq!(embed(a).await.tokens, embed(b).await.tokens);
    assert!(Question::keep(a, true).is(b));
}

#[tokio::test]
async fn different_tokens_have_different_digests() {
    assert_ne!(
        embed("what is 2+2?").await.tokens,
        embed("what is 2+3?").await.tokens
    );
}

#[test]
fn the_embedder_says_what_it_is() {
    assert_eq!(embedder().name(), "all-MiniLM-L6-v2");
    assert!(embedder().fingerprint().starts_with("all-MiniLM-L6-v2:"));
}

/// A copy of the model's folder with one file changed.
fn changed(
    file: &str,
    change: impl FnOnce(Vec<u8>) -> Vec<u8>,
) -> (tempfile::TempDir, EmbedConfig) {
    let (folder, source) = (tempfile::tempdir().unwrap(), config());
    for name in ["MANIFEST.toml", "model.onnx", "tokenizer.json"] {
        std::fs::copy(source.model_dir.join(name), folder.path().join(name)).unwrap();
    }
    let path = folder.path().join(file);
    std::fs::write(&path, change(std::fs::read(&path).unwrap())).unwrap();
    let runtime = source.model_dir.join("../onnxruntime");
    let library = std::fs::read_dir(runtime)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let library = library
        .into_iter()
        .find(|path| path.to_string_lossy().contains("libonnxruntime.so"));
    let config = EmbedConfig {
        model_dir: folder.path().to_owned(),
        runtime_lib: library,
        ..source
    };
    (folder, config)
}

#[test]
fn a_model_with_a_flipped_byte_stops_the_start() {
    let (_folder, config) = changed("model.onnx", |mut bytes| {
        bytes[10_000_000] ^= 1;
        bytes
    });
    let refusal = Embedder::start(&config).unwrap_err();
    assert!(matches!(refusal, EmbedError::Checksum { .. }), "{refusal}");
}

#[test]
fn a_tokenizer_with_another_checksum_stops_the_start() {
    let (_folder, config) = changed("tokenizer.json", |bytes| [bytes, b" ".to_vec()].concat());
    let refusal = Embedder::start(&config).unwrap_err();
    assert!(matches!(refusal, EmbedError::Checksum { .. }), "{refusal}");
}

#[test]
fn a_dimension_that_does_not_fit_stops_the_start() {
    let (_folder, config) = changed("MANIFEST.toml", |bytes| {
        String::from_utf8(bytes)
            .unwrap()
            .replace("dimension = 384", "dimension = 768")
            .into_bytes()
    });
    let refusal = Embedder::start(&config).unwrap_err();
    assert!(
        matches!(
            refusal,
            EmbedError::Dimension {
                expected: 768,
                found: 384
            }
        ),
        "{refusal}"
    );
}

#[tokio::test]
async fn guests_may_bring_any_text_that_is_neither_empty_nor_too_long() {
    let far = || Instant::now() + Duration::from_secs(60);
    for text in ["Как мне сбросить пароль?", "🦀", "日本語", "plain words"]
    {
        let read = embedder().read(text).unwrap();
        assert!(read.tokens() > 2, "{text}");
        let made = embedder().embed_read(read, far()).await;
        assert!(matches!(made, Outcome::Embedded(_)), "{text}: {made:?}");
    }
    for (text, why) in [
        (" \n", Skip::Empty),
        (&*"word ".repeat(300), Skip::TooLong),
        (&*"日".repeat(300), Skip::TooLong),
        (&*"x".repeat(LONGEST_TEXT + 1), Skip::TooLong),
    ] {
        assert_eq!(embedder().read(text), Err(why));
    }
    let known = embed("plain words").await;
    let read = embedder().read("plain words").unwrap();
    let Outcome::Embedded(guest) = embedder().embed_read(read, far()).await else {
        panic!("no vector");
    };
    assert_eq!(guest.tokens, known.tokens);
    assert!(cosine(&guest.embedding, &known.embedding) > 0.999);
}

#[tokio::test]
async fn guests_leave_most_of_the_queue_to_questions() {
    let few = EmbedConfig {
        threads: 1,
        queue: 12,
        ..config()
    };
    let own = Embedder::start(&few).unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    let read = own.read("a text that some guest brings along").unwrap();
    let guests = (0..60).map(|_| own.embed_read(read.clone(), deadline));
    let all = futures_util::future::join_all(guests);
    let questions = async {
        for _ in 0..5 {
            assert!(own.queue_depth() <= 6);
            // A full queue would be told at once.
            let asked = own.embed("How do I reset my password?", deadline).await;
            assert!(matches!(asked, Outcome::Embedded(_)), "{asked:?}");
        }
    };
    let (all, ()) = tokio::join!(all, questions);
    assert!(all.iter().all(|made| matches!(made, Outcome::Embedded(_))));
}
