//! The index over a gateway's life: it is looked after while entries come and go, and no start
//! without the encoder, or with one that does not work, costs what it stands for.

use std::path::{Path, PathBuf};

use crate::admin::{ASKED, REWORDED};
use crate::helpers::{Place, copy, eventually};
use crate::mock::Mock;

fn snapshots(data: &Path) -> Vec<PathBuf> {
    let Ok(folder) = std::fs::read_dir(data.join("cache/index")) else {
        return Vec::new();
    };
    let named = |path: &PathBuf| {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        name.starts_with("generation-")
    };
    folder.map(|f| f.unwrap().path()).filter(named).collect()
}

#[test]
fn the_index_is_looked_after_while_entries_come_and_go() {
    let mock = Mock::start().unwrap();
    let place = Place::new(&mock)
        .semantic()
        .with("REPRISE_CACHE__TTL_S", "1")
        .with("REPRISE_INDEX__SNAPSHOT_EVERY_S", "1");
    let gateway = place.start();
    let before = snapshots(&place.data);
    let mut number = 0;
    // Something expires in each of the rounds for which this goes on.
    eventually(|| {
        number += 1;
        gateway.ask(&format!("How many legs has animal {number}?"), None);
        (snapshots(&place.data) != before).then_some(())
    });
}

#[test]
fn stored_vectors_outlive_a_start_without_the_encoder_and_one_that_is_refused() {
    let mock = Mock::start().unwrap();
    let place = Place::new(&mock)
        .semantic()
        .with("REPRISE_CACHE__THRESHOLD", "0.8");
    let gateway = place.start();
    gateway.ask(ASKED, None);
    gateway.ask_until("hit-semantic", REWORDED, None);
    gateway.stop();
    let place = place.with("REPRISE_CACHE__SEMANTIC", "false");
    let gateway = place.start();
    assert_eq!(gateway.ask(ASKED, None).cache(), "hit-exact");
    gateway.stop();
    let model = place.beside("models/model");
    std::fs::create_dir_all(model.parent().unwrap()).unwrap();
    let real = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/all-MiniLM-L6-v2");
    copy(&real, &model).unwrap();
    let runtime = real.parent().unwrap().join("onnxruntime");
    std::os::unix::fs::symlink(runtime, place.beside("models/onnxruntime")).unwrap();
    let manifest = model.join("MANIFEST.toml");
    let text = std::fs::read_to_string(&manifest).unwrap();
    std::fs::write(
        &manifest,
        text.replace("dimension = 384", "dimension = 385"),
    )
    .unwrap();
    let place = place
        .with("REPRISE_CACHE__SEMANTIC", "true")
        .with("REPRISE_EMBEDDING__MODEL_DIR", &model.to_string_lossy());
    let ended = place.try_start().err().expect("it starts with that model");
    assert!(ended.line().contains("385"), "{ended:?}");
    let place = place.with("REPRISE_EMBEDDING__MODEL_DIR", "");
    let gateway = place.start();
    gateway.ask_until("hit-semantic", REWORDED, None);
}
