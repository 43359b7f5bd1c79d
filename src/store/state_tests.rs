use super::super::damage::{copy, inflict};
use super::super::small_disk::SmallDisk;
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
fn rows_that_go_together_are_one_change_and_are_there_all_or_none() {
    let temp = filled(1);
    let state = open(&temp).1.unwrap();
    let row = |table, key: &str, value| RowChange {
        table,
        key: key.to_owned(),
        value,
    };
    let (before, added) = (state.generation(), Some(json!(1)));
    let rows = [
        row("versions", "1", added.clone()),
        row("policies", "default", None),
        row("policies", "acme", added.clone()),
    ];
    state.put_all(&rows).unwrap();
    assert_eq!(state.generation(), before + 1);
    let refused = [row("versions", "2", added.clone()), row("", "no", added)];
    assert!(matches!(state.put_all(&refused), Err(StateError::Table)));
    drop(state);
    let state = open(&temp).1.unwrap();
    let tables = ["versions", "policies"].map(|table| state.all(table));
    assert_eq!(tables[0], [("1".to_owned(), json!(1))]);
    assert_eq!(tables[1], [("acme".to_owned(), json!(1))]);
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

/// Changes rows until the database cannot be opened on a full disk, for want of its next segment. Gives
/// what fills it, and the rows.
fn full_for_sled(disk: &SmallDisk) -> (PathBuf, Vec<(String, Value)>) {
    for key in 0..40 {
        let folder = DataFolder::open(&disk.data()).unwrap();
        let state = StateStore::open(&folder).unwrap();
        let row = json!({"tenant": "acme", "note": "x".repeat(60_000)});
        state.put("keys", &format!("key-{key:02}"), &row).unwrap();
        let rows = state.all("keys");
        drop((state, folder));
        let ballast = disk.fill();
        match open_db(&disk.data().join("state")) {
            Ok(db) => drop(db),
            Err(fault) => {
                assert!(fault.is_want_of_space(), "{fault}");
                return (ballast, rows);
            }
        }
        fs::remove_file(ballast).unwrap();
    }
    panic!("it opens on every full disk");
}

#[test]
fn on_a_full_disk_every_row_is_there_and_changes_wait_for_space() {
    let Some(disk) = SmallDisk::mount() else {
        return;
    };
    let (ballast, rows) = full_for_sled(&disk);
    let folder = DataFolder::open(&disk.data()).unwrap();
    let state = StateStore::open(&folder).unwrap();
    assert_eq!(state.all("keys"), rows);
    assert!(state.ever_had_keys());
    let fresh = json!({"tenant": "initech"});
    let refused = state.put("keys", "fresh", &fresh).unwrap_err();
    assert!(matches!(refused, StateError::Write(_)), "{refused}");
    assert_eq!(state.all("keys"), rows);
    fs::remove_file(ballast).unwrap();
    assert!(state.delete("keys", "key-00").unwrap());
    state.put("keys", "fresh", &fresh).unwrap();
    drop((state, folder));
    let folder = DataFolder::open(&disk.data()).unwrap();
    let state = StateStore::open(&folder).unwrap();
    assert_eq!(state.get("keys", "fresh"), Some(fresh));
    assert_eq!(state.all("keys").len(), rows.len());
}

#[test]
fn on_a_full_disk_an_export_that_may_lack_a_change_is_not_taken() {
    let Some(disk) = SmallDisk::mount() else {
        return;
    };
    let (ballast, rows) = full_for_sled(&disk);
    let state = disk.data().join("state");
    let noted = state_mark::noted(&state).unwrap();
    assert_eq!(noted, rows.len() as u64);
    let refused = |why: &str| {
        let folder = DataFolder::open(&disk.data()).unwrap();
        let line = StateStore::open(&folder).unwrap_err().to_string();
        assert!(line.contains("space"), "{why}: {line}");
    };
    // As a change leaves it that reached the database and not its export, or neither.
    state_mark::note(&state, noted + 1).unwrap();
    refused("a change was begun");
    fs::write(state.join("generation"), [0; 40]).unwrap();
    refused("the note is damaged");
    state_mark::note(&state, noted).unwrap();
    let export = state.join(format!("exports/state-{noted}.json"));
    let aside = state.join("aside");
    fs::rename(&export, &aside).unwrap();
    refused("the newest export is missing");
    fs::rename(&aside, &export).unwrap();
    let folder = DataFolder::open(&disk.data()).unwrap();
    assert_eq!(StateStore::open(&folder).unwrap().all("keys"), rows);
    drop(folder);
    // An earlier build notes nothing: the note is brought in line by the next start that opens the database.
    fs::remove_file(ballast).unwrap();
    state_mark::note(&state, noted - 1).unwrap();
    let folder = DataFolder::open(&disk.data()).unwrap();
    drop(StateStore::open(&folder).unwrap());
    assert_eq!(state_mark::noted(&state), Some(noted));
}
