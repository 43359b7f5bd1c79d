//! A data folder with one byte flipped or one file cut while the gateway rested. What is
//! cached may go, keys and policies may not. `REPRISE_DAMAGE_ROUNDS` sets the rounds.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::helpers::{Ended, Gateway, Place, Random, audit_trail, copy, eventually, files, rounds};
use crate::mock::Mock;

const QUESTIONS: usize = 24;

/// A sound folder and what it holds.
struct Sound {
    place: Place,
    keys: [String; 2],
    policy: Value,
}

fn question(number: usize) -> String {
    format!("[What is said about subject {number}?]")
}

fn policy(gateway: &Gateway, key: &str) -> Value {
    gateway.get("/admin/v1/policies/acme", Some(key)).json()
}

fn prepared(place: Place) -> Sound {
    let gateway = place.start();
    let keys = [place.key("acme", "admin"), place.key("globex", "app")];
    let bearer = format!("Bearer {}", keys[0]);
    let mut headers = vec![("authorization", bearer.as_str()), ("if-match", "\"0\"")];
    let change = Some(r#"{"threshold":0.99}"#);
    let put = gateway.send(("PUT", "/admin/v1/policies/acme"), &headers, change);
    assert_eq!(put.status, 200, "{put:?}");
    for number in 0..QUESTIONS {
        gateway.ask(&question(number), Some(&keys[0]));
    }
    for number in 0..QUESTIONS {
        gateway.ask_until("hit-exact", &question(number), Some(&keys[0]));
    }
    headers.truncate(1);
    let indexed = || {
        let snapshot = gateway.send(("POST", "/admin/v1/snapshot"), &headers, Some("{}"));
        (snapshot.json()["entries"] == QUESTIONS).then_some(())
    };
    eventually(indexed);
    let policy = policy(&gateway, &keys[0]);
    gateway.stop();
    Sound {
        place,
        keys,
        policy,
    }
}

/// Damages one file of a part of the folder; three flips to one cut, aimed at what is written:
/// most of a fresh database file is zeros.
fn inflict(part: &Path, random: &mut Random) -> (PathBuf, String) {
    let mut files = files(part);
    files.retain(|path| std::fs::metadata(path).unwrap().len() > 0);
    let count = files.len() as u64;
    let path = files.swap_remove(usize::try_from(random.below(count)).unwrap());
    let mut bytes = std::fs::read(&path).unwrap();
    let written = bytes
        .iter()
        .rposition(|b| *b != 0)
        .map_or(1, |last| last + 1);
    let at = usize::try_from(random.below(written as u64)).unwrap();
    let told = if random.below(4) == 3 {
        bytes.truncate(at);
        format!("cut to {at}")
    } else {
        let bit = random.below(8);
        bytes[at] ^= 1 << bit;
        format!("bit {bit} of byte {at} flipped")
    };
    std::fs::write(&path, bytes).unwrap();
    (path, told)
}

impl Sound {
    /// Every key and policy is in force, nobody else is let in, and no answer is another's.
    fn intact(&self, gateway: &Gateway, told: &str) {
        assert_eq!(gateway.ask("Is it open?", None).status, 401, "{told}");
        for key in &self.keys {
            assert_eq!(gateway.ask("Am I known?", Some(key)).status, 200, "{told}");
        }
        assert_eq!(policy(gateway, &self.keys[0]), self.policy, "{told}");
        for number in 0..QUESTIONS {
            let question = question(number);
            let reply = gateway.ask(&question, Some(&self.keys[0]));
            assert_eq!(reply.status, 200, "{told}: {reply:?}");
            assert!(
                reply.text().contains(&question),
                "{told}: wrong body {reply:?}"
            );
        }
    }

    /// One round; tells whether the gateway started.
    fn round(&self, mock: &Mock, part: &str, random: &mut Random) -> bool {
        let temp = tempfile::tempdir().unwrap();
        let data = temp.path().join("data");
        copy(&self.place.data, &data).unwrap();
        let (path, how) = inflict(&data.join(part), random);
        let told = format!("{}: {how}", path.strip_prefix(&data).unwrap().display());
        let place = Place::at(data, mock).semantic();
        match place.try_start() {
            Ok(gateway) => {
                self.intact(&gateway, &told);
                let ended = gateway.stop();
                if part == "audit" {
                    assert_ne!(reports(&ended), 0, "{told}: {ended:?}");
                }
                assert!(!ended.stderr.contains("panicked at"), "{told}: {ended:?}");
                true
            }
            Err(ended) => {
                assert_eq!(part, "state", "{told}: {ended:?}");
                let line = ended.line();
                assert!(line.contains("exports/state-"), "{told}: {ended:?}");
                assert!(!ended.stderr.contains("panicked at"), "{told}: {ended:?}");
                false
            }
        }
    }
}

#[test]
fn a_damaged_folder_starts_with_every_key_or_says_where_its_export_is() {
    let mock = Mock::start().unwrap();
    let sound = prepared(Place::new(&mock).semantic());
    let mut random = Random(rounds("REPRISE_CRASH_SEED", 7));
    let total = rounds("REPRISE_DAMAGE_ROUNDS", 12);
    let mut stopped = 0;
    for round in 0..total {
        // Half of them at what may go, a third at what may not.
        let part = ["cache", "state", "cache", "audit", "cache/index", "state"];
        let part = part[usize::try_from(round % 6).unwrap()];
        stopped += u64::from(!sound.round(&mock, part, &mut random));
    }
    println!(
        "{total} damages: {} started, {stopped} named their export",
        total - stopped
    );
}

/// How many places of the audit trail a start has called broken.
fn reports(ended: &Ended) -> usize {
    let told = "a record of the audit log is broken";
    ended.stderr.matches(told).count()
}

#[test]
fn a_lost_or_damaged_head_of_the_audit_trail_is_reported_and_the_trail_goes_on() {
    let mock = Mock::start().unwrap();
    let sound = Place::new(&mock);
    sound.key("acme", "app");
    sound.key("globex", "app");
    for harm in ["removed", "emptied", "cut", "flipped"] {
        let temp = tempfile::tempdir().unwrap();
        let data = temp.path().join("data");
        copy(&sound.data, &data).unwrap();
        let head = data.join("audit/head");
        let mut bytes = std::fs::read(&head).unwrap();
        match harm {
            "removed" => std::fs::remove_file(&head).unwrap(),
            "emptied" => std::fs::write(&head, "").unwrap(),
            "cut" => std::fs::write(&head, &bytes[..bytes.len() - 1]).unwrap(),
            _ => {
                bytes[0] ^= 1;
                std::fs::write(&head, bytes).unwrap();
            }
        }
        let place = Place::at(data, &mock);
        let gateway = place.start();
        place.key("initech", "app");
        let ended = gateway.stop();
        assert_eq!(reports(&ended), 1, "{harm}: {ended:?}");
        let trail = audit_trail(&place.data);
        let numbers: Vec<_> = trail.iter().map(|record| record["seq"].as_u64()).collect();
        assert_eq!(numbers, [Some(1), Some(2), Some(3)], "{harm}");
        let again = place.start().stop();
        assert_eq!(reports(&again), 0, "{harm}: {again:?}");
    }
}

#[test]
fn a_lost_audit_trail_is_told_where_the_state_knows_that_there_was_one() {
    let mock = Mock::start().unwrap();
    let place = Place::new(&mock);
    let told = "audit/ is empty, but state/ holds what it told of";
    place.start().stop();
    std::fs::remove_dir_all(place.data.join("audit")).unwrap();
    assert!(
        !place.start().stop().stderr.contains(told),
        "nothing was in it"
    );
    place.key("acme", "app");
    assert!(!place.start().stop().stderr.contains(told));
    std::fs::remove_dir_all(place.data.join("audit")).unwrap();
    let ended = place.start().stop();
    assert!(ended.stderr.contains(told), "{ended:?}");
}

#[test]
fn a_folder_whose_keys_are_gone_does_not_run_open() {
    let mock = Mock::start().unwrap();
    let sound = Place::new(&mock);
    sound.key("acme", "app");
    std::fs::remove_dir_all(sound.data.join("state/db")).unwrap();
    let ended = sound.try_start().err().expect("it runs without its keys");
    assert!(ended.line().contains("exports/state-"), "{ended:?}");
    std::fs::remove_dir_all(sound.data.join("state/exports")).unwrap();
    let ended = sound.try_start().err().expect("it runs without its keys");
    assert!(ended.line().contains("damaged"), "{ended:?}");
    // The marks lie beside the keys: only the audit trail still knows of them.
    std::fs::remove_dir_all(sound.data.join("state")).unwrap();
    let ended = sound.try_start().err().expect("it runs without its keys");
    assert!(ended.line().contains("audit/"), "{ended:?}");
    let made = sound.run(&["keys", "create", "--tenant", "a", "--role", "app"]);
    assert!(!made.status.success(), "{made:?}");
}
