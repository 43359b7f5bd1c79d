//! Room of their own for some models of a namespace: whose entries go for whose, and what a change of patterns does.

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::helpers::{Place, eventually};
use crate::mock::Mock;
use crate::room::{OWN, Stage};

const PLAIN: &str = "mock-plain";
const OTHER: &str = "mock-other";

/// The entries of a model in the namespace, newest first.
fn of(stage: &Stage, model: &str) -> Vec<String> {
    let path = format!("/admin/v1/entries?namespace={OWN}&model={model}");
    let rows = stage.admin().rows(&path);
    let id = |row: &Value| row["id"].as_str().unwrap().to_owned();
    rows.iter().map(id).collect()
}

/// Asks a model so many questions, one by one; gives their entries, newest first.
fn teach(stage: &Stage, model: &str, questions: std::ops::Range<u32>) -> Vec<String> {
    let one = |n| {
        let newest = || of(stage, model).first().cloned();
        let before = newest();
        let asked = (OWN, &*format!("What is number {n}?"));
        assert_eq!(stage.ask_of(model, asked, "refresh").status, 200);
        eventually(|| newest().filter(|now| Some(now) != before.as_ref()))
    };
    let mut taught: Vec<_> = questions.map(one).collect();
    taught.reverse();
    taught
}

fn holds(stage: &Stage, model: &str, wanted: &[String]) {
    eventually(|| (of(stage, model) == wanted).then_some(()));
}

fn put(stage: &Stage, policy: &Value) {
    let version = stage.admin().get("/admin/v1/policies/acme")["version"].to_string();
    let reply = stage.admin().put(OWN, Some(&version), policy);
    assert_eq!(reply.status, 200, "{reply:?}");
    let told = reply.json();
    let models = told.get("models").cloned().unwrap_or(json!({}));
    assert_eq!(models, policy["models"]);
}

/// Waits until these rooms are there, counted, and no other: pattern, entries, and how many may be.
fn rooms(stage: &Stage, wanted: &Value) {
    eventually(|| {
        let told = stage.rooms();
        let counted = told.iter().all(|room| room["counted"] == true);
        let told = told
            .iter()
            .map(|r| json!([r["models"], r["entries"], r["capacity_entries"]]));
        (counted && told.collect::<Value>() == *wanted).then_some(())
    });
}

#[test]
fn some_models_have_room_of_their_own_and_all_others_that_of_the_namespace() {
    let mock = Mock::start().unwrap();
    let stage = Stage::new(Place::new(&mock));
    // A pattern without a number has none of a wider one's room: the narrowest holds, alone.
    let models = json!({"mock-*": {"capacity_entries": 4}, "mock-other": {"capacity_entries": 2},
        "mock-plain": {"ttl_s": 900}});
    put(&stage, &json!({"capacity_entries": 3, "models": models}));
    rooms(
        &stage,
        &json!([[null, 0, 3], ["mock-*", 0, 4], ["mock-other", 0, 2]]),
    );
    let other = teach(&stage, OTHER, 0..4);
    let plain = teach(&stage, PLAIN, 0..5);
    holds(&stage, OTHER, &other[..2]);
    holds(&stage, PLAIN, &plain[..3]);
    let quality = |model: &str| {
        let path = format!("/admin/v1/quality?namespace={OWN}{model}");
        stage.admin().get(&path)["room"].clone()
    };
    let room = |models: Value, entries: u32| {
        json!({"namespace": OWN, "models": models, "entries": entries,
            "capacity_entries": entries, "counted": true})
    };
    rooms(
        &stage,
        &json!([[null, 3, 3], ["mock-*", 0, 4], ["mock-other", 2, 2]]),
    );
    assert_eq!(quality(""), room(json!(null), 3));
    assert_eq!(quality("&model=mock-plain"), room(json!(null), 3));
    assert_eq!(quality("&model=mock-other"), room(json!("mock-other"), 2));
    assert_eq!(quality("&model=mock-*")["capacity_entries"], 4);
    assert_eq!(quality("&model=mock-new")["models"], "mock-*");
    let stage = stage.after(Signal::TERM);
    rooms(
        &stage,
        &json!([[null, 3, 3], ["mock-*", 0, 4], ["mock-other", 2, 2]]),
    );
    let next = teach(&stage, OTHER, 7..8);
    holds(&stage, OTHER, &[next, other[..1].to_vec()].concat());
    holds(&stage, PLAIN, &plain[..3]);
}

#[test]
fn other_patterns_are_counted_anew_and_then_what_is_too_much_goes() {
    let mock = Mock::start().unwrap();
    let stage = Stage::new(Place::new(&mock));
    let other = teach(&stage, OTHER, 0..4);
    let plain = teach(&stage, PLAIN, 0..4);
    let own =
        |pattern: &str, capacity: u32| json!({"models": {pattern: {"capacity_entries": capacity}}});
    put(&stage, &own("mock-o*", 3));
    rooms(&stage, &json!([["mock-o*", 3, 3]]));
    // One pattern for both, whose oldest are the other model's, and then one for what was in no room alone.
    put(&stage, &own("mock-*", 6));
    rooms(&stage, &json!([["mock-*", 6, 6]]));
    put(&stage, &own("mock-p*", 1));
    rooms(&stage, &json!([["mock-p*", 1, 1]]));
    holds(&stage, OTHER, &other[..2]);
    holds(&stage, PLAIN, &plain[..1]);
    // A narrower one takes its models out of the wider one's room.
    put(&stage, &own("mock-*", 3));
    rooms(&stage, &json!([["mock-*", 3, 3]]));
    let models = json!({"mock-*": {"capacity_entries": 3}, "mock-plain": {"capacity_entries": 5}});
    put(&stage, &json!({"models": models}));
    rooms(&stage, &json!([["mock-*", 2, 3], ["mock-plain", 1, 5]]));
    put(&stage, &json!({"models": {}}));
    rooms(&stage, &json!([]));
}

#[test]
fn nought_for_some_models_frees_them_of_the_namespaces_bound() {
    let mock = Mock::start().unwrap();
    let stage = Stage::new(Place::new(&mock));
    let free = json!({"mock-other": {"capacity_entries": 0}});
    put(&stage, &json!({"capacity_entries": 2, "models": free}));
    rooms(&stage, &json!([[null, 0, 2]]));
    let other = teach(&stage, OTHER, 0..4);
    let plain = teach(&stage, PLAIN, 0..4);
    holds(&stage, PLAIN, &plain[..2]);
    holds(&stage, OTHER, &other);
    let path = format!("/admin/v1/quality?namespace={OWN}&model=mock-other");
    assert!(stage.admin().get(&path)["room"].is_null());
    // Back among the rest, they are the oldest.
    put(&stage, &json!({"models": {"mock-other": {"ttl_s": 900}}}));
    rooms(&stage, &json!([[null, 2, 2]]));
    holds(&stage, OTHER, &[]);
    holds(&stage, PLAIN, &plain[..2]);
}
