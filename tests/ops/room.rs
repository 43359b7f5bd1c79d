//! A policy's bound on the entries of its namespace: who goes, who stays, and that nobody else's go.

use std::fs;

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::admin::{ASKED, Admin, REWORDED};
use crate::helpers::{CHAT, Gateway, Place, chat, eventually};
use crate::http::Reply;
use crate::mock::Mock;

pub(crate) const OWN: &str = "acme";

/// A gateway with the key of its admin, who asks in namespaces.
pub(crate) struct Stage {
    gateway: Gateway,
    key: String,
    place: Place,
}

impl Stage {
    pub(crate) fn new(place: Place) -> Self {
        let key = place.key(OWN, "admin");
        let gateway = place.start();
        Self {
            gateway,
            key,
            place,
        }
    }

    /// The next gateway on the folder of this one, which ends by this signal.
    pub(crate) fn after(self, signal: Signal) -> Self {
        self.gateway.signal(signal);
        drop(self.gateway.ended());
        let gateway = self.place.start();
        Self { gateway, ..self }
    }

    pub(crate) fn admin(&self) -> Admin<'_> {
        Admin::new(&self.gateway, &self.key)
    }

    fn ask(&self, namespace: &str, question: &str, mode: &str) -> Reply {
        self.ask_of("mock-plain", (namespace, question), mode)
    }

    /// The same of a model.
    pub(crate) fn ask_of(
        &self,
        model: &str,
        (namespace, question): (&str, &str),
        mode: &str,
    ) -> Reply {
        let bearer = format!("Bearer {}", self.key);
        let headers = [
            ("authorization", bearer.as_str()),
            ("x-reprise-namespace", namespace.trim_start_matches('@')),
            ("x-reprise-cache", mode),
        ];
        let body = chat(model, question);
        self.gateway.send(CHAT, &headers, Some(&body))
    }

    /// Whether it is answered from memory, which counts as served.
    fn knows(&self, namespace: &str, question: &str) -> bool {
        self.ask(namespace, question, "only").status == 200
    }

    /// The entries of a namespace, newest first.
    pub(crate) fn entries(&self, namespace: &str) -> Vec<String> {
        let path = format!("/admin/v1/entries?namespace={namespace}");
        let rows = self.admin().rows(&path);
        let id = |row: &Value| row["id"].as_str().unwrap().to_owned();
        rows.iter().map(id).collect()
    }

    /// Waits until a namespace holds these entries, newest first, and no other.
    pub(crate) fn holds(&self, namespace: &str, wanted: &[impl AsRef<str>]) {
        let wanted: Vec<_> = wanted.iter().map(AsRef::as_ref).collect();
        eventually(|| (self.entries(namespace) == wanted).then_some(()));
    }

    /// Has something remembered, and waits until it is; gives its entry.
    fn teach(&self, namespace: &str, question: &str) -> String {
        let newest = || self.entries(namespace).first().cloned();
        let before = newest();
        let asked = self.ask(namespace, question, "refresh");
        assert_eq!(asked.status, 200, "{asked:?}");
        eventually(|| newest().filter(|now| Some(now) != before.as_ref()))
    }

    /// The same of so many questions; gives the entries, newest first.
    fn teach_all(&self, namespace: &str, questions: std::ops::Range<u32>) -> Vec<String> {
        let taught = questions.map(|n| self.teach(namespace, &format!("What is number {n}?")));
        let mut taught: Vec<_> = taught.collect();
        taught.reverse();
        taught
    }

    fn bind(&self, namespace: &str, capacity: u64) {
        let admin = self.admin();
        let path = format!("/admin/v1/policies/{namespace}");
        let version = admin.get(&path)["version"].to_string();
        let bound = json!({"capacity_entries": capacity});
        let put = admin.put(namespace, Some(&version), &bound);
        assert_eq!(
            (put.status, &put.json()["capacity_entries"]),
            (200, &json!(capacity)),
            "{put:?}"
        );
    }

    /// What the figures say of a namespace, once what was there before is counted.
    fn room(&self, namespace: &str) -> Value {
        eventually(|| {
            let rooms = self.rooms();
            let room = rooms.iter().find(|room| room["namespace"] == namespace)?;
            (room["counted"] == true).then(|| room.clone())
        })
    }

    pub(crate) fn rooms(&self) -> Vec<Value> {
        let stats = self.admin().get("/admin/v1/stats");
        stats["rooms"].as_array().unwrap().clone()
    }

    fn figure(&self, name: &str) -> u64 {
        let page = self.gateway.get("/metrics", Some(&self.key)).body;
        let line = page.lines().find(|line| line.starts_with(name)).unwrap();
        line.rsplit(' ').next().unwrap().parse().unwrap()
    }
}

#[test]
fn a_namespace_holds_no_more_than_its_policy_allows_and_no_other_loses_anything() {
    let mock = Mock::start().unwrap();
    let place = Place::new(&mock);
    let shared = place.beside("shared.toml");
    let text = "[[namespaces]]\nname = \"handbook\"\nread = [\"*\"]\nwrite = [\"*\"]\n";
    fs::write(&shared, text).unwrap();
    let stage = Stage::new(place.with("REPRISE_CONFIG", shared.to_str().unwrap()));
    let plays = stage.teach_all("acme/plays", 0..4);
    for bound in [OWN, "@handbook"] {
        stage.bind(bound, 3);
        assert_eq!(stage.room(bound)["entries"], 0);
        let taught = stage.teach_all(bound, 0..3);
        stage.holds(bound, &taught);
        for number in 3..9 {
            stage.teach(bound, &format!("What is number {number}?"));
            eventually(|| (stage.entries(bound).len() == 3).then_some(()));
        }
        for number in 0..9 {
            let question = format!("What is number {number}?");
            assert_eq!(stage.knows(bound, &question), number >= 6, "{question}");
        }
        assert_eq!(stage.room(bound)["entries"], 3);
    }
    stage.holds("acme/plays", &plays);
    assert_eq!(stage.figure("reprise_namespace_evictions_total "), 12);
    eventually(|| (stage.figure("reprise_evictions_total ") == 12).then_some(()));
}

#[test]
fn what_was_served_outlives_what_was_not_once_for_each_time_that_it_is_looked_at() {
    let mock = Mock::start().unwrap();
    let stage = Stage::new(Place::new(&mock).alike());
    stage.bind(OWN, 3);
    stage.room(OWN);
    let served = stage.teach(OWN, ASKED);
    stage.teach(OWN, "How do I bake bread?");
    let c = stage.teach(OWN, "Who painted the ceiling of the chapel?");
    let hit = stage.ask(OWN, REWORDED, "only");
    assert_eq!(hit.cache(), "hit-semantic", "{hit:?}");
    let d = stage.teach(OWN, "Why is the sky blue?");
    stage.holds(OWN, &[&d, &c, &served]);
    assert!(!stage.knows(OWN, "How do I bake bread"), "nor by meaning");
    let e = stage.teach(OWN, "How many legs has a spider?");
    stage.holds(OWN, &[&e, &d, &served]);
    let f = stage.teach(OWN, "When did the war end?");
    // It was not served since it was last looked at.
    stage.holds(OWN, &[&f, &e, &d]);
}

#[test]
fn what_comes_finds_room_even_where_all_others_were_served() {
    let mock = Mock::start().unwrap();
    let stage = Stage::new(Place::new(&mock));
    stage.bind(OWN, 3);
    stage.room(OWN);
    let taught = stage.teach_all(OWN, 0..3);
    for number in 0..3 {
        assert!(stage.knows(OWN, &format!("What is number {number}?")));
    }
    let new = stage.teach(OWN, "What is number 3?");
    stage.holds(OWN, &[&new, &taught[0], &taught[1]]);
}

#[test]
fn asking_anew_what_is_remembered_takes_nobodys_room() {
    let mock = Mock::start().unwrap();
    let stage = Stage::new(Place::new(&mock));
    stage.bind(OWN, 3);
    stage.room(OWN);
    let taught = stage.teach_all(OWN, 0..3);
    let anew = stage.teach(OWN, "What is number 1?");
    stage.holds(OWN, &[&anew, &taught[0], &taught[2]]);
    let deleted = format!("/admin/v1/entries/{}", taught[0]);
    assert_eq!(stage.admin().call("DELETE", &deleted).status, 200);
    eventually(|| (stage.room(OWN)["entries"] == 2).then_some(()));
    let more = stage.teach(OWN, "What is number 7?");
    stage.holds(OWN, &[&more, &anew, &taught[2]]);
}

#[test]
fn a_lower_bound_shrinks_what_is_there_and_none_lets_it_grow_again() {
    let mock = Mock::start().unwrap();
    let stage = Stage::new(Place::new(&mock));
    let taught = stage.teach_all(OWN, 0..8);
    // The oldest, which is served, and so stays.
    assert!(stage.knows(OWN, "What is number 0?"));
    stage.bind(OWN, 5);
    stage.holds(OWN, &[&taught[..4], &taught[7..]].concat());
    stage.bind(OWN, 2);
    let left = [&taught[..1], &taught[7..]].concat();
    stage.holds(OWN, &left);
    assert_eq!(stage.room(OWN)["entries"], 2);
    stage.bind(OWN, 0);
    eventually(|| stage.rooms().is_empty().then_some(()));
    let more = stage.teach_all(OWN, 10..13);
    stage.holds(OWN, &[more, left].concat());
    // Back to the version with room for two.
    let back = json!({"namespace": OWN, "version": 2});
    let back = stage.admin().post("/admin/v1/rollback", &back);
    assert_eq!(back.json()["capacity_entries"], 2, "{back:?}");
    eventually(|| (stage.entries(OWN).len() == 2).then_some(()));
}

#[test]
fn a_bound_holds_over_restarts() {
    let mock = Mock::start().unwrap();
    let stage = Stage::new(Place::new(&mock));
    stage.bind(OWN, 3);
    stage.room(OWN);
    let taught = stage.teach_all(OWN, 0..5);
    let stage = stage.after(Signal::TERM);
    assert_eq!(stage.room(OWN)["entries"], 3);
    stage.holds(OWN, &taught[..3]);
    let next = stage.teach(OWN, "What is number 5?");
    stage.holds(OWN, &[&next, &taught[0], &taught[1]]);
    let stage = stage.after(Signal::KILL);
    // What was on its way to the disk, or from there, may be lost or back.
    stage.room(OWN);
    eventually(|| (stage.entries(OWN).len() <= 3).then_some(()));
    let taught = stage.teach_all(OWN, 6..10);
    stage.holds(OWN, &taught[..3]);
}

#[test]
fn a_bound_is_refused_by_name_and_shown_to_who_sees_the_namespace() {
    let mock = Mock::start().unwrap();
    let place = Place::new(&mock);
    let keys = [OWN, "globex"].map(|tenant| place.key(tenant, "analyst"));
    let stage = Stage::new(place);
    let admin = stage.admin();
    let policy = admin.get("/admin/v1/policies/acme");
    assert_eq!(policy["capacity_entries"], 0, "{policy}");
    for bad in [json!(1_000_000_001), json!(-1), json!(1.5), json!("many")] {
        let bound = json!({"capacity_entries": bad});
        assert_eq!(admin.put(OWN, Some("0"), &bound).status, 400, "{bad}");
    }
    let bound = json!({"capacity_entries": 1_000_000_001});
    let refused = admin.put(OWN, Some("0"), &bound).json();
    assert_eq!(refused["error"]["param"], "capacity_entries", "{refused}");
    let [own, foreign] = keys.map(|key| {
        let bearer = format!("Bearer {key}");
        move |gateway: &Gateway| {
            let headers = [("authorization", bearer.as_str())];
            let quality = ("GET", "/admin/v1/quality?namespace=acme");
            gateway.send(quality, &headers, None)
        }
    });
    assert_eq!(own(&stage.gateway).json()["room"], Value::Null);
    stage.bind(OWN, 7);
    stage.teach(OWN, ASKED);
    let room = stage.room(OWN);
    let whole = json!({"namespace": OWN, "models": null, "entries": 1, "capacity_entries": 7, "counted": true});
    assert_eq!(room, whole);
    assert_eq!(own(&stage.gateway).json()["room"], room);
    assert_eq!(foreign(&stage.gateway).status, 403);
}
