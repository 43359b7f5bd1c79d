//! The data folder of each released schema, as its build left it, is opened by this build.

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

fn sample() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/schema-1")
}

/// Where the sample's key is written down: it opens nothing but the sample.
fn key_file() -> PathBuf {
    sample().join("key.txt")
}

/// Its files are compressed one by one: a fresh database file is megabytes of zeros.
fn unpack(to: &Path) {
    for path in files(&sample()) {
        let name = path.strip_prefix(sample()).unwrap().with_extension("");
        if path.extension().is_some_and(|e| e == "zst") {
            let target = to.join(name);
            std::fs::create_dir_all(target.parent().unwrap()).unwrap();
            let packed = std::fs::File::open(&path).unwrap();
            zstd::stream::copy_decode(packed, std::fs::File::create(target).unwrap()).unwrap();
        }
    }
}

fn place(mock: &Mock) -> Place {
    Place::new(mock)
        .semantic()
        .with("REPRISE_CACHE__TTL_S", TTL_S)
}

#[test]
fn a_folder_of_schema_1_opens_with_its_key_its_policy_and_every_entry() {
    let mock = Mock::start().unwrap();
    let place = place(&mock);
    unpack(&place.data);
    let key = std::fs::read_to_string(key_file()).unwrap();
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
    if entries.is_empty() {
        // Entries may go, but not in silence.
        assert!(gateway.log().contains("older schema"), "{}", gateway.log());
        return;
    }
    let mut questions: Vec<_> = entries
        .iter()
        .map(|e| e["question"].as_str().unwrap())
        .collect();
    questions.sort_unstable();
    let mut wanted = QUESTIONS;
    wanted.sort_unstable();
    assert_eq!(questions, wanted);
    for entry in entries {
        let path = format!("/admin/v1/entries/{}", entry["id"].as_str().unwrap());
        let shown = gateway.get(&path, Some(key)).json();
        let question = entry["question"].as_str().unwrap();
        assert!(shown["answer"].to_string().contains(question), "{shown}");
    }
}

#[test]
#[ignore = "writes the sample into the working tree; to be run once for each new schema"]
fn make_the_sample() {
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
    for path in files(&place.data) {
        let name = path.strip_prefix(&place.data).unwrap();
        let target = sample().join(format!("{}.zst", name.display()));
        std::fs::create_dir_all(target.parent().unwrap()).unwrap();
        let from = std::fs::File::open(&path).unwrap();
        zstd::stream::copy_encode(from, std::fs::File::create(target).unwrap(), 19).unwrap();
    }
    std::fs::write(key_file(), format!("{key}\n")).unwrap();
}
