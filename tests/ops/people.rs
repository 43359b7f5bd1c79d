//! Those for whom an app asks: their entries go by their name, which is never written down.

use std::fs;

use rustix::process::Signal;
use serde_json::json;

use crate::admin::Admin;
use crate::evidence::texts;
use crate::helpers::{CHAT, Gateway, Place, audit_trail, chat, eventually, files};
use crate::http::Reply;
use crate::mock::Mock;

const BALANCE: &str = "What is my balance?";

fn ask(gateway: &Gateway, key: &str, user: &str, question: &str) -> Reply {
    let bearer = format!("Bearer {key}");
    let headers = [("authorization", bearer.as_str()), ("x-reprise-user", user)];
    gateway.send(CHAT, &headers, Some(&chat("mock-plain", question)))
}

#[test]
fn one_persons_entries_are_deleted_by_their_name_which_is_kept_nowhere() {
    let mock = Mock::start().unwrap();
    let place = Place::new(&mock);
    let key = place.key("acme", "admin");
    let gateway = place.start();
    let admin = Admin::new(&gateway, &key);
    for user in ["ann@people.example", "bob@people.example"] {
        assert_eq!(ask(&gateway, &key, user, BALANCE).cache(), "miss");
    }
    ask(
        &gateway,
        &key,
        "ann@people.example",
        "Who was Ada Lovelace?",
    );
    let deleted = admin.call(
        "DELETE",
        "/admin/v1/entries?tenant=acme&user=ann@people.example",
    );
    assert_eq!(
        (deleted.status, deleted.json()),
        (200, json!({"deleted": 2}))
    );
    assert_eq!(
        ask(&gateway, &key, "bob@people.example", BALANCE).cache(),
        "hit-exact"
    );
    assert_eq!(
        ask(&gateway, &key, "ann@people.example", BALANCE).cache(),
        "miss"
    );
    // Of another tenant the same name is somebody else, so it must be said whose.
    let unclear = admin.call("DELETE", "/admin/v1/entries?user=bob@people.example");
    assert_eq!(unclear.status, 400, "{unclear:?}");
    let log = gateway.log();
    gateway.stop();
    assert!(!log.contains("people.example"));
    for path in files(&place.data) {
        let bytes = fs::read(&path).unwrap();
        let found = bytes.windows(14).any(|w| w == b"people.example");
        assert!(!found, "{}", path.display());
    }
    let trail = audit_trail(&place.data);
    let told = trail
        .iter()
        .find(|line| line["action"] == "entries.delete")
        .unwrap();
    assert!(
        told["target"].as_str().unwrap().contains("of_one_user"),
        "{told}"
    );
}

#[test]
fn a_persons_words_leave_what_was_decided_about_an_entry_that_a_kill_has_lost() {
    let mock = Mock::start().unwrap();
    let place = Place::new(&mock)
        .alike()
        .with("REPRISE_STORE__FLUSH_EVERY_MS", "10000");
    let key = place.key("acme", "admin");
    let gateway = place.start();
    let (hers, his) = (
        "When does the Zephyrine festival begin?",
        "when does the zephyrine festival begin",
    );
    ask(&gateway, &key, "ann", hers);
    let met = eventually(|| {
        let met = ask(&gateway, &key, "bob", his);
        (met.cache() == "hit-semantic").then_some(met)
    });
    let request = met.header("x-reprise-request-id").unwrap();
    let path = format!("/admin/v1/explain/{request}");
    Admin::new(&gateway, &key).get(&path);
    gateway.signal(Signal::KILL);
    gateway.ended();
    let gateway = place.start();
    let admin = Admin::new(&gateway, &key);
    assert_eq!(admin.get(&path)["entry_is_remembered"], false);
    assert_eq!(texts(&place, hers), 1);
    let deleted = admin.call("DELETE", "/admin/v1/entries?tenant=acme&user=ann");
    assert_eq!(deleted.json(), json!({"deleted": 0}));
    assert_eq!(texts(&place, hers), 0);
}

#[test]
fn a_policy_may_say_that_what_sounds_personal_is_for_everybody() {
    let mock = Mock::start().unwrap();
    let place = Place::new(&mock);
    let key = place.key("acme", "admin");
    let gateway = place.start();
    let admin = Admin::new(&gateway, &key);
    let public = json!({"public": true});
    assert_eq!(admin.put("acme", Some("\"0\""), &public).status, 200);
    assert_eq!(ask(&gateway, &key, "ann", BALANCE).cache(), "miss");
    assert_eq!(ask(&gateway, &key, "bob", BALANCE).cache(), "hit-exact");
}
