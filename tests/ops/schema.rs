//! The data folder of each released schema, as its build left it, is opened by this build.
//!
//! This build's own is made and opened in the same way. It is left to be committed, once for each new
//! schema, by `REPRISE_SAMPLE=tests/data/schema-2 cargo test --test ops schema`.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use crate::helpers::{Place, files};
use crate::mock::Mock;

const QUESTIONS: [&str; 3] = [
    "What is the capital of France?",
    "How do I bake bread?",
    "Why is the sky blue?",
];
/// Ten years: a sample must not expire.
const TTL_S: &str = "315360000";
/// Where a sample's key is written down: it opens nothing but the sample.
const KEY: &str = "key.txt";

fn place(mock: &Mock) -> Place {
    Place::new(mock)
        .semantic()
        .with("REPRISE_CACHE__TTL_S", TTL_S)
}

/// Its files are compressed one by one: a fresh database file is megabytes of zeros.
fn unpack(sample: &Path, to: &Path) {
    for path in files(sample) {
        let name = path.strip_prefix(sample).unwrap().with_extension("");
        if path.extension().is_some_and(|e| e == "zst") {
            let target = to.join(name);
            fs::create_dir_all(target.parent().unwrap()).unwrap();
            let packed = File::open(&path).unwrap();
            zstd::stream::copy_decode(packed, File::create(target).unwrap()).unwrap();
        }
    }
}

fn pack(data: &Path, sample: &Path) {
    for path in files(data) {
        let name = path.strip_prefix(data).unwrap();
        let target = sample.join(format!("{}.zst", name.display()));
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        let from = File::open(&path).unwrap();
        zstd::stream::copy_encode(from, File::create(target).unwrap(), 19).unwrap();
    }
}

/// Makes a folder with a key, a policy and entries, and packs it.
fn make(sample: &Path) {
    let mock = Mock::start().unwrap();
    let place = place(&mock);
    let key = place.key("acme", "admin");
    let gateway = place.start();
    for question in QUESTIONS {
        gateway.ask(question, Some(&key));
        gateway.ask_until("hit-exact", question, Some(&key));
    }
    let bearer = format!("Bearer {key}");
    let headers = [("authorization", bearer.as_str()), ("if-match", "\"0\"")];
    let change = Some(r#"{"ttl_s":86400}"#);
    let put = gateway.send(("PUT", "/admin/v1/policies/acme"), &headers, change);
    assert_eq!(put.status, 200, "{put:?}");
    gateway.stop();
    pack(&place.data, sample);
    fs::write(sample.join(KEY), format!("{key}\n")).unwrap();
}

/// Opens a sample with its key and its policy; gives how many of its entries are there, each whole. A
/// build that knows a schema only to empty it says so in its log, and expects none.
fn opened(sample: &Path) -> usize {
    let mock = Mock::start().unwrap();
    let place = place(&mock);
    unpack(sample, &place.data);
    let key = fs::read_to_string(sample.join(KEY)).unwrap();
    let key = key.trim();
    let gateway = place.start();
    assert_eq!(gateway.ask(QUESTIONS[0], None).status, 401);
    let policy = gateway.get("/admin/v1/policies/acme", Some(key)).json();
    assert_eq!(
        (policy["version"].as_u64(), policy["ttl_s"].as_u64()),
        (Some(1), Some(86_400))
    );
    let listed = gateway.get("/admin/v1/entries", Some(key)).json();
    let entries = listed["data"].as_array().unwrap();
    let mut found = BTreeSet::new();
    for entry in entries {
        let question = entry["question"].as_str().unwrap();
        assert!(QUESTIONS.contains(&question) && found.insert(question));
        let path = format!("/admin/v1/entries/{}", entry["id"].as_str().unwrap());
        let shown = gateway.get(&path, Some(key)).json();
        assert!(shown["answer"].to_string().contains(question), "{shown}");
    }
    let told = gateway.stop().stderr;
    assert_eq!(entries.is_empty(), told.contains("older schema"), "{told}");
    found.len()
}

#[test]
fn a_folder_of_schema_1_opens_with_its_key_its_policy_and_every_entry() {
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/schema-1");
    assert_eq!(opened(&sample), QUESTIONS.len());
}

#[test]
fn a_folder_of_this_build_opens_with_its_key_its_policy_and_every_entry() {
    let temp = tempfile::tempdir().unwrap();
    let kept = std::env::var_os("REPRISE_SAMPLE").map(PathBuf::from);
    let sample = kept.unwrap_or_else(|| temp.path().join("sample"));
    assert!(!sample.exists(), "a released sample is never made again");
    make(&sample);
    assert_eq!(opened(&sample), QUESTIONS.len());
}
