//! A change of the embedding model: what is remembered is embedded anew while the first model serves, then the next one
//! takes over, and nothing is asked of a provider twice for it.

use std::fmt::Write as _;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::admin::{ASKED, REWORDED};
use crate::helpers::{CHAT, Gateway, Place, chat, copy, eventually};
use crate::http::Reply;
use crate::mock::Mock;

/// Enough that a change takes a while.
const MANY: usize = 40;
/// Weights inside the graph: one of them moved, and every vector is another one, though near the old.
const WEIGHTS: std::ops::Range<usize> = 17_500_000..17_560_000;

/// A model that differs from the committed one in some of its weights.
fn next_model(place: &Place) -> PathBuf {
    let real = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/all-MiniLM-L6-v2");
    let model = place.beside("models/next");
    std::fs::create_dir_all(&model).unwrap();
    copy(&real, &model).unwrap();
    let runtime = real.parent().unwrap().join("onnxruntime");
    symlink(runtime, place.beside("models/onnxruntime")).unwrap();
    let graph = model.join("model.onnx");
    let mut bytes = std::fs::read(&graph).unwrap();
    let before = hex(&bytes);
    for byte in &mut bytes[WEIGHTS] {
        *byte ^= 0x20;
    }
    std::fs::write(&graph, &bytes).unwrap();
    let manifest = model.join("MANIFEST.toml");
    let text = std::fs::read_to_string(&manifest).unwrap();
    assert!(
        text.contains(&before),
        "the weights are those of the manifest"
    );
    let text = text.replace(&before, &hex(&bytes));
    let text = text.replace("name = \"all-MiniLM-L6-v2\"", "name = \"next\"");
    std::fs::write(&manifest, text).unwrap();
    model
}

fn hex(bytes: &[u8]) -> String {
    let mut hex = String::new();
    for byte in Sha256::digest(bytes) {
        write!(hex, "{byte:02x}").unwrap();
    }
    hex
}

fn towards(place: Place, model: &Path) -> Place {
    place.with(
        "REPRISE_EMBEDDING__NEXT_MODEL_DIR",
        &model.to_string_lossy(),
    )
}

/// So slow that a test can look at what happens meanwhile.
fn slowly(place: Place, share: &str) -> Place {
    place.with("REPRISE_EMBEDDING__NEXT_SHARE", share)
}

/// A gateway that remembers one question and many others.
fn remembering(place: &Place, mock: &Mock) -> Gateway {
    let gateway = place.start();
    gateway.ask(ASKED, None);
    for number in 0..MANY {
        gateway.ask(&format!("How many legs has animal number {number}?"), None);
    }
    gateway.ask_until("hit-exact", ASKED, None);
    eventually(|| {
        let stats = stats(&gateway);
        (stats["store"]["entries"] == mock.seen().count() && stats["store"]["pending_bytes"] == 0)
            .then_some(())
    });
    gateway
}

/// A folder full of answers that is on its way to the next model, and the likeness that the
/// first one sees.
fn set_out(mock: &Mock) -> (Place, String) {
    let place = Place::new(mock).alike();
    let gateway = remembering(&place, mock);
    let before = similarity(&gateway);
    gateway.stop();
    let model = next_model(&place);
    (slowly(towards(place, &model), "0.03"), before)
}

fn stats(gateway: &Gateway) -> Value {
    gateway.get("/admin/v1/stats", None).json()
}

fn change(gateway: &Gateway) -> Value {
    stats(gateway)["next_embedding"].clone()
}

/// Waits until the next model is in use and nothing is left to do.
fn until_done(gateway: &Gateway) -> Value {
    eventually(|| Some(change(gateway)).filter(|c| c["state"] == "done"))
}

/// The cosine of the two wordings as the model in use sees it.
fn similarity(gateway: &Gateway) -> String {
    let hit = gateway.ask(REWORDED, None);
    assert_eq!(hit.cache(), "hit-semantic", "{hit:?}");
    hit.header("x-reprise-similarity").unwrap().to_owned()
}

fn counted(gateway: &Gateway, line: &str) -> u64 {
    let metrics = gateway.get("/metrics", None).body;
    let found = metrics
        .lines()
        .find_map(|l| l.strip_prefix(line)?.trim().parse().ok());
    found.unwrap_or_else(|| panic!("no {line} in {metrics}"))
}

#[test]
fn a_change_of_model_serves_by_meaning_before_during_and_after_and_fails_nobody() {
    let mock = Mock::start().unwrap();
    let (place, before) = set_out(&mock);
    let gateway = place.start();
    eventually(|| (change(&gateway)["reembedded"].as_u64()? > 0).then_some(()));
    assert_eq!(similarity(&gateway), before, "the first model serves");
    let meanwhile = gateway.ask("How do I bake bread?", None);
    assert_eq!((meanwhile.status, meanwhile.cache()), (200, "miss"));
    let paid = mock.seen().count();
    let during = change(&gateway);
    assert_eq!(during["state"], "running", "{during}");
    let over = AtomicBool::new(false);
    let all: Vec<Reply> = std::thread::scope(|scope| {
        let asking = scope.spawn(|| {
            let mut all = Vec::new();
            // It ends where the change never comes, too.
            let deadline = Instant::now() + Duration::from_secs(60);
            while !over.load(Ordering::Acquire) && Instant::now() < deadline {
                all.push(gateway.ask(REWORDED, None));
            }
            all
        });
        until_done(&gateway);
        over.store(true, Ordering::Release);
        asking.join().unwrap()
    });
    let after = similarity(&gateway);
    assert_ne!(after, before, "the vectors are those of the next model");
    for hit in &all {
        assert_eq!(hit.cache(), "hit-semantic", "{hit:?}");
        let seen = hit.header("x-reprise-similarity").unwrap();
        assert!(seen == before || seen == after, "of two models: {hit:?}");
    }
    // Of an answer that came meanwhile as well.
    gateway.ask_until("hit-semantic", "How can I bake bread?", None);
    assert_eq!(mock.seen().count(), paid, "nobody was asked again");
    let told = stats(&gateway);
    assert_eq!(told["embedding"]["model"], "next", "{told}");
    assert_eq!(told["next_embedding"]["left_out"], 0, "{told}");
    assert_eq!(counted(&gateway, "reprise_reembedding_remaining"), 0);
    assert!(counted(&gateway, "reprise_reembedded_total") as usize > MANY);
}

#[test]
fn an_answer_that_is_on_its_way_while_the_models_change_places_is_found_by_meaning() {
    let mock = Mock::start().unwrap();
    let place = Place::new(&mock).alike();
    remembering(&place, &mock).stop();
    let model = next_model(&place);
    let place = slowly(towards(place, &model), "0.05");
    let gateway = place.start();
    let ask = |question| gateway.send(CHAT, &[], Some(&chat("mock-gated", question)));
    let asked = mock.seen().count();
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| ask("How do I bake bread?"));
        eventually(|| (mock.seen().count() > asked).then_some(()));
        assert_ne!(change(&gateway)["state"], "done");
        until_done(&gateway);
        mock.seen().open();
        assert_eq!(waiting.join().unwrap().cache(), "miss");
    });
    eventually(|| (ask("How do I bake bread?").cache() == "hit-exact").then_some(()));
    let before = mock.seen().count();
    let hit = ask("How can I bake bread?");
    assert_eq!(hit.cache(), "hit-semantic", "{hit:?}");
    assert_eq!(mock.seen().count(), before);
}

#[test]
fn a_change_that_is_killed_goes_on_where_it_was_and_holds_once_it_is_done() {
    let mock = Mock::start().unwrap();
    let (place, before) = set_out(&mock);
    let gateway = place.start();
    // By now a part was written, and flushed some time ago.
    eventually(|| (change(&gateway)["reembedded"].as_u64()? >= 25).then_some(()));
    assert_eq!(change(&gateway)["state"], "running");
    drop(gateway);
    let place = slowly(place, "1");
    let gateway = place.start();
    let done = until_done(&gateway);
    let again = done["reembedded"].as_u64().unwrap();
    assert!((1..=MANY as u64 + 1 - 16).contains(&again), "{done}");
    let after = similarity(&gateway);
    assert_ne!(after, before);
    drop(gateway);
    // Both settings unchanged, after a kill: the next model is the one in use.
    let gateway = place.start();
    assert_eq!(change(&gateway), Value::Null, "there is nothing to change");
    gateway.ask_until("hit-semantic", REWORDED, None);
    assert_eq!(similarity(&gateway), after);
    gateway.stop();
    // The first one is not needed for that.
    let gone = place.beside("gone").to_string_lossy().into_owned();
    let place = place.with("REPRISE_EMBEDDING__MODEL_DIR", &gone);
    let gateway = place.start();
    assert_eq!(change(&gateway), Value::Null, "there is nothing to change");
    eventually(|| (gateway.ask(REWORDED, None).cache() == "hit-semantic").then_some(()));
    assert_eq!(similarity(&gateway), after);
    assert!(
        gateway
            .log()
            .contains("embedding.model_dir may name its folder")
    );
}

#[test]
fn after_a_change_its_folder_as_the_model_finds_all_vectors_and_the_old_settings_mix_none() {
    let mock = Mock::start().unwrap();
    let place = Place::new(&mock).alike();
    remembering(&place, &mock).stop();
    let model = next_model(&place);
    let place = slowly(towards(place, &model), "1");
    let gateway = place.start();
    until_done(&gateway);
    let after = similarity(&gateway);
    gateway.stop();
    // While its folder is away nobody knows whose vectors these are, and they are not given up.
    let away = place.beside("away");
    std::fs::rename(&model, &away).unwrap();
    let ended = place
        .try_start()
        .err()
        .expect("it starts without the model in use");
    assert!(
        ended.line().contains("models/next/MANIFEST.toml"),
        "{ended:?}"
    );
    std::fs::rename(&away, &model).unwrap();
    let place = towards(place, Path::new(""));
    let place = place.with("REPRISE_EMBEDDING__MODEL_DIR", &model.to_string_lossy());
    let gateway = place.start();
    // Asked before the index is there it would be answered anew, and then by that answer.
    eventually(|| (stats(&gateway)["index"]["entries"] == MANY + 1).then_some(()));
    gateway.ask_until("hit-semantic", REWORDED, None);
    assert_eq!(similarity(&gateway), after);
    assert!(
        !gateway
            .stop()
            .stderr
            .contains("the embedding model has changed")
    );
    // The operator takes it back: what the other model made is not compared with.
    let place = place.with("REPRISE_EMBEDDING__MODEL_DIR", "");
    let gateway = place.start();
    assert_eq!(gateway.ask(REWORDED, None).cache(), "miss");
    assert_eq!(gateway.ask(ASKED, None).cache(), "hit-exact");
    assert!(
        gateway
            .stop()
            .stderr
            .contains("the embedding model has changed")
    );
}

#[test]
fn a_next_model_that_cannot_be_used_is_told_once_and_changes_nothing() {
    let mock = Mock::start().unwrap();
    let place = Place::new(&mock).alike();
    let gateway = remembering(&place, &mock);
    let before = similarity(&gateway);
    gateway.stop();
    let damaged = next_model(&place);
    std::fs::write(damaged.join("model.onnx"), "no graph").unwrap();
    let missing = place.beside("nowhere");
    let mut place = place;
    for model in [&damaged, &missing] {
        place = towards(place, model);
        let gateway = place.start();
        let told = eventually(|| Some(change(&gateway)).filter(|c| c["state"] == "failed"));
        assert_eq!(told["reembedded"], 0, "{told}");
        gateway.ask_until("hit-semantic", REWORDED, None);
        assert_eq!(similarity(&gateway), before);
        let checked = place.refusal(&["check"]);
        assert!(
            checked[0].contains("embedding.next_model_dir: "),
            "{checked:?}"
        );
        let fault = "reprise_reembedding_faults_total{fault=\"load\"}";
        assert_eq!(counted(&gateway, fault), 1);
        let log = gateway.stop().stderr;
        let lines: Vec<_> = log
            .lines()
            .filter(|l| l.contains("next_model_dir"))
            .collect();
        assert_eq!(lines.len(), 1, "{log}");
        assert!(lines[0].contains(&*model.to_string_lossy()), "{log}");
    }
}

#[test]
fn entries_without_their_text_keep_their_exact_hits_and_are_counted() {
    let mock = Mock::start().unwrap();
    let place = Place::new(&mock).alike();
    let place = place.with("REPRISE_CACHE__KEEP_TEXT", "false");
    let gateway = remembering(&place, &mock);
    similarity(&gateway);
    let entries = mock.seen().count();
    gateway.stop();
    let model = next_model(&place);
    let place = towards(place, &model);
    let gateway = place.start();
    let done = until_done(&gateway);
    assert_eq!(done["reembedded"], 0, "{done}");
    assert_eq!(done["left_out"], entries, "{done}");
    let left_out = "reprise_reembedding_left_out_total{reason=\"no_text\"}";
    assert_eq!(counted(&gateway, left_out), entries);
    assert_eq!(gateway.ask(ASKED, None).cache(), "hit-exact");
    assert_eq!(gateway.ask(REWORDED, None).cache(), "miss");
}
