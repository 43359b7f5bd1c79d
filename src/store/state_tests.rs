use super::super::damage::{copy, inflict};
use super::super::state_db::META;
use super::*;
use serde_json::json;

fn filled(keys: usize) -> tempfile::TempDir {
    let temp = tempfile::tempdir().unwrap();
    let folder = DataFolder::open(temp.path()).unwrap();
    let state = StateStore::open(&folder).unwrap();
    state
        .put("policies", "default", &json!({"threshold": 0.92}))
        .unwrap();
    for key in 0..keys {
        state
            .put(
                "keys",
                &format!("key-{key}"),
                &json!({"tenant": "acme", "digest": "ab".repeat(32)}),
            )
            .unwrap();
    }
    temp
}

fn open(temp: &tempfile::TempDir) -> (DataFolder, Result<StateStore, StateError>) {
    let folder = DataFolder::open(temp.path()).unwrap();
    let state = StateStore::open(&folder);
    (folder, state)
}

fn refusal(temp: &tempfile::TempDir) -> String {
    open(temp).1.unwrap_err().to_string()
}

#[test]
fn rows_come_back_after_a_restart_and_five_exports_are_kept() {
    let temp = filled(8);
    let state = open(&temp).1.unwrap();
    assert_eq!(state.all("keys").len(), 8);
    assert_eq!(
        state.get("policies", "default"),
        Some(json!({"threshold": 0.92}))
    );
    assert!(state.delete("keys", "key-0").unwrap() && !state.delete("keys", "key-0").unwrap());
    assert_eq!(
        Listing::scan(&temp.path().join("state/exports"))
            .unwrap()
            .good
            .len(),
        5
    );
}

#[test]
fn a_row_that_vanished_is_noticed_by_the_digest() {
    let temp = filled(2);
    let db = open_db(&temp.path().join("state")).unwrap();
    db.remove(row_key("keys", "key-1")).unwrap();
    drop(db);
    let line = refusal(&temp);
    assert!(
        line.contains("do not fit its digest") && line.contains("exports/state-3.json:"),
        "{line}"
    );
}

#[test]
fn a_database_older_than_its_export_is_refused() {
    let temp = filled(1);
    let early = copy(temp.path());
    open(&temp)
        .1
        .unwrap()
        .put("keys", "late", &json!({}))
        .unwrap();
    fs::copy(
        temp.path().join("state/exports/state-3.json"),
        early.path().join("state/exports/state-3.json"),
    )
    .unwrap();
    assert!(refusal(&early).contains("generation 2, an export has 3"));
}

#[test]
fn a_folder_that_ever_held_a_key_never_opens_empty() {
    let temp = filled(1);
    fs::remove_dir_all(temp.path().join("state/db")).unwrap();
    assert!(refusal(&temp).contains("its database is missing"));
    fs::remove_dir_all(temp.path().join("state/exports")).unwrap();
    let line = refusal(&temp);
    assert!(
        line.ends_with("there is no readable export") && line.lines().count() == 1,
        "{line}"
    );
}

#[test]
fn a_revoked_last_key_leaves_the_folder_keyed() {
    let temp = filled(1);
    let state = open(&temp).1.unwrap();
    state.delete("keys", "key-0").unwrap();
    drop(state);
    assert!(open(&temp).1.unwrap().ever_had_keys());
}

#[test]
fn a_folder_without_keys_says_so() {
    let temp = filled(0);
    assert!(!open(&temp).1.unwrap().ever_had_keys());
}

#[test]
fn an_export_brings_a_lost_database_back() {
    let temp = filled(3);
    fs::remove_dir_all(temp.path().join("state/db")).unwrap();
    let folder = DataFolder::open(temp.path()).unwrap();
    let export = folder.state().join("exports/state-4.json");
    let restored = StateStore::restore(&folder, &export).unwrap();
    assert_eq!((restored.all("keys").len(), restored.generation()), (3, 5));
    drop(restored);
    let again = StateStore::open(&folder).unwrap();
    assert_eq!(again.all("keys").len(), 3);
}

#[test]
fn a_changed_export_is_not_restored() {
    let temp = filled(1);
    let folder = DataFolder::open(temp.path()).unwrap();
    let export = folder.state().join("exports/state-2.json");
    fs::write(
        &export,
        fs::read_to_string(&export).unwrap().replace("acme", "evil"),
    )
    .unwrap();
    assert!(matches!(
        StateStore::restore(&folder, &export),
        Err(StateError::Export { .. })
    ));
    assert_eq!(StateStore::open(&folder).unwrap().all("keys").len(), 1);
}

#[test]
fn a_newer_schema_is_refused_with_its_number() {
    let temp = filled(1);
    let db = open_db(&temp.path().join("state")).unwrap();
    let meta = String::from_utf8(db.get(META).unwrap().unwrap().to_vec()).unwrap();
    db.insert(
        META,
        meta.replace("\"schema\":1", "\"schema\":7").as_bytes(),
    )
    .unwrap();
    drop(db);
    assert!(refusal(&temp).contains("schema 7"));
}

#[test]
fn any_damage_leaves_every_row_or_stops_with_one_line_naming_an_export() {
    let original = filled(6);
    let mut refused = 0;
    for seed in 0..80 {
        let temp = copy(original.path());
        let harm = inflict(&temp.path().join("state"), seed);
        match open(&temp).1 {
            Ok(state) => {
                assert_eq!(
                    (state.all("keys").len(), state.all("policies").len()),
                    (6, 1),
                    "seed {seed} {harm:?}"
                );
                assert!(state.ever_had_keys());
            }
            Err(error) => {
                refused += 1;
                let line = error.to_string();
                assert!(
                    line.contains("newest export is") && line.lines().count() == 1,
                    "seed {seed} {harm:?}: {line}"
                );
            }
        }
    }
    assert!(
        refused > 5,
        "the damage must reach what matters, {refused} refusals"
    );
}
