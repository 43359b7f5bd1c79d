//! A change to a policy on its way: beside the one in force, for a share of the requests, in force; and back by
//! itself where its hits are wrong.

use serde_json::{Value, json};

use crate::admin::{ASKED, Admin, REWORDED};
use crate::helpers::{Gateway, Place, audit_trail};
use crate::http::Reply;
use crate::mock::Mock;
use rustix::process::Signal;

const CITIES: [&str; 24] = [
    "Paris", "Rome", "Madrid", "Lisbon", "Berlin", "Vienna", "Prague", "Warsaw", "Dublin", "Oslo",
    "Athens", "Sofia", "Cairo", "Tunis", "Lagos", "Accra", "Delhi", "Tokyo", "Seoul", "Hanoi",
    "Lima", "Quito", "Bogota", "Ottawa",
];

struct Scene {
    place: Place,
    app: String,
    analyst: String,
}

impl Scene {
    /// A namespace that serves next to nothing by meaning, so that looser changes show.
    fn new(mock: &Mock) -> Self {
        let place = Place::new(mock)
            .semantic()
            .with("REPRISE_CACHE__THRESHOLD", "0.9999");
        Self {
            app: place.key("acme", "app"),
            analyst: place.key("acme", "analyst"),
            place,
        }
    }
}

fn loose() -> Value {
    json!({"namespace": "acme", "policy": {"threshold": 0.8, "reason": "more of the same"}})
}

fn go(admin: &Admin<'_>, id: &str, stage: Value) -> Value {
    let reply = admin.post(&format!("/admin/v1/changes/{id}"), &stage);
    assert_eq!(reply.status, 200, "{stage}: {reply:?}");
    reply.json()
}

fn draft(admin: &Admin<'_>) -> String {
    let reply = admin.post("/admin/v1/changes", &loose());
    assert_eq!(reply.status, 200, "{reply:?}");
    let change = reply.json();
    assert_eq!(
        (&change["stage"], &change["base_version"]),
        (&json!("draft"), &json!(0))
    );
    change["id"].as_str().unwrap().to_owned()
}

/// Asks after a city and then again in other words.
fn again(gateway: &Gateway, app: &str, city: &str) -> Reply {
    let first = format!("How do I get to the airport of {city}?");
    gateway.ask(&first, Some(app));
    gateway.ask_until("hit-exact", &first, Some(app));
    gateway.ask(&format!("How do I get to the {city} airport?"), Some(app))
}

fn wrong(admin: &Admin<'_>, reply: &Reply) {
    let id = reply.header("x-reprise-request-id").unwrap();
    let said = json!({"request_id": id, "verdict": "wrong", "queue": "random"});
    assert_eq!(admin.post("/admin/v1/labels", &said).status, 200);
}

fn decided(admin: &Admin<'_>, reply: &Reply) -> Value {
    let id = reply.header("x-reprise-request-id").unwrap();
    admin.get(&format!("/admin/v1/explain/{id}"))["decision"].clone()
}

/// What the audit log says of policies and changes.
fn audited(place: &Place) -> Vec<String> {
    let lines = audit_trail(&place.data).into_iter();
    lines
        .map(|line| line["action"].as_str().unwrap().to_owned())
        .filter(|a| a.starts_with("change.") || a.starts_with("policy."))
        .collect()
}

/// Asks after all cities again; how often the change served, which each decision tells.
fn hits_on_trial(gateway: &Gateway, app: &str, admin: &Admin<'_>) -> usize {
    let hits = CITIES.iter().filter(|city| {
        let reply = again(gateway, app, city);
        let hit = reply.cache() == "hit-semantic";
        let change = decided(admin, &reply)["change"].clone();
        assert_eq!(hit, change["in_force"] == true, "{change}");
        hit
    });
    hits.count()
}

#[test]
fn a_change_is_decided_beside_the_policy_then_served_to_some_then_to_all() {
    let mock = Mock::start().unwrap();
    let scene = Scene::new(&mock);
    let gateway = scene.place.start();
    let admin = Admin::new(&gateway, &scene.analyst);
    gateway.ask(ASKED, Some(&scene.app));
    gateway.ask_until("hit-exact", ASKED, Some(&scene.app));
    let id = draft(&admin);
    let path = format!("/admin/v1/changes/{id}");
    assert_eq!(
        go(&admin, &id, json!({"stage": "shadow"}))["stage"],
        "shadow"
    );
    // Decided and logged, and not served.
    let miss = gateway.ask(REWORDED, Some(&scene.app));
    assert_eq!(miss.cache(), "miss");
    let change = decided(&admin, &miss)["change"].clone();
    assert_eq!(
        change,
        json!({"id": id, "stage": "shadow", "in_force": false, "serves": true})
    );
    let seen = admin.get(&path)["seen"].clone();
    assert_eq!(
        (&seen["gained"], &seen["lost"], &seen["in_force"]),
        (&json!(1), &json!(0), &json!(0))
    );
    // A share of the requests: the decision says which.
    go(&admin, &id, json!({"stage": "share", "share": 0.5}));
    let hits = hits_on_trial(&gateway, &scene.app, &admin);
    assert!((2..23).contains(&hits), "{hits} of 24");
    let seen = admin.get(&path)["seen"].clone();
    assert_eq!(seen["on_trial"]["hits"], hits);
    // What it decided is not counted as the policy's.
    let quality = admin.get("/admin/v1/quality?namespace=acme");
    assert_eq!(quality["under_this_version"]["hits"], 0, "{quality}");
    let applied = go(
        &admin,
        &id,
        json!({"stage": "applied", "reason": "it did well"}),
    );
    assert_eq!(applied["applied_version"], 1);
    assert_eq!(admin.get("/admin/v1/policies/acme")["threshold"], 0.8);
    assert_eq!(
        gateway
            .ask("What is the capital city of France?", Some(&scene.app))
            .cache(),
        "hit-semantic"
    );
    assert_eq!(
        audited(&scene.place),
        [
            "change.draft",
            "change.shadow",
            "change.share",
            "change.applied",
            "policy.put"
        ]
    );
    let steps = admin.get(&path)["steps"].as_array().unwrap().clone();
    assert_eq!(steps.len(), 4);
    assert!(steps[3]["author"].is_string() && steps[3]["reason"] == "it did well");
}

#[test]
fn poisoned_labels_roll_back_a_share_and_an_applied_change_also_after_a_kill() {
    let mock = Mock::start().unwrap();
    let scene = Scene::new(&mock);
    let mut gateway = scene.place.start();
    let mut cities = CITIES.into_iter();
    for stage in ["share", "applied"] {
        let admin = Admin::new(&gateway, &scene.analyst);
        let version = admin.get("/admin/v1/policies/acme")["version"]
            .as_u64()
            .unwrap();
        let reply = admin.post("/admin/v1/changes", &loose());
        let id = reply.json()["id"].as_str().unwrap().to_owned();
        go(&admin, &id, json!({"stage": "shadow"}));
        let last = match stage {
            "share" => json!({"stage": "share", "share": 0.999}),
            _ => json!({"stage": "applied"}),
        };
        go(&admin, &id, last);
        let path = format!("/admin/v1/changes/{id}");
        // Two wrong hits prove nothing yet, neither now nor after a kill.
        for city in cities.by_ref().take(2) {
            wrong(&admin, &again(&gateway, &scene.app, city));
        }
        assert_eq!(admin.get(&path)["stage"], stage);
        gateway.signal(Signal::KILL);
        drop(gateway.ended());
        gateway = scene.place.start();
        let admin = Admin::new(&gateway, &scene.analyst);
        assert_eq!(admin.get(&path)["stage"], stage);
        for city in cities.by_ref().take(2) {
            wrong(&admin, &again(&gateway, &scene.app, city));
        }
        let change = admin.get(&path);
        assert_eq!(change["stage"], "rolled_back", "{change}");
        let last = change["steps"].as_array().unwrap().last().unwrap().clone();
        assert!(last["author"].is_null() && last["reason"].as_str().unwrap().contains("5.0 %"));
        // The policy before decides again, as a version of its own if the other had one.
        let policy = admin.get("/admin/v1/policies/acme");
        assert_eq!(policy["threshold"], 0.9999);
        let more = if stage == "applied" { 2 } else { 0 };
        assert_eq!(policy["version"], version + more);
        assert_eq!(
            again(&gateway, &scene.app, cities.next().unwrap()).cache(),
            "miss"
        );
    }
    let metrics = gateway
        .get("/metrics", Some(&scene.place.key("acme", "admin")))
        .body;
    assert!(
        metrics.contains("reprise_changes_rolled_back_total 1"),
        "one since the last start: {metrics}"
    );
}

#[test]
fn a_change_goes_one_way_and_only_from_the_policy_that_it_was_made_for() {
    let mock = Mock::start().unwrap();
    let scene = Scene::new(&mock);
    let other = scene.place.key("beta", "analyst");
    let gateway = scene.place.start();
    let admin = Admin::new(&gateway, &scene.analyst);
    let (id, second) = (draft(&admin), draft(&admin));
    let refused = |id: &str, stage: Value| {
        let reply = admin.post(&format!("/admin/v1/changes/{id}"), &stage);
        (reply.status, reply.code())
    };
    let conflict = (409, "conflict".to_owned());
    assert_eq!(
        refused(&id, json!({"stage": "applied"})),
        conflict,
        "not from a draft"
    );
    assert_eq!(refused(&id, json!({"stage": "rolled_back"})), conflict);
    go(&admin, &id, json!({"stage": "shadow"}));
    assert_eq!(
        refused(&second, json!({"stage": "shadow"})),
        conflict,
        "one at a time"
    );
    for share in [json!(0), json!(1), json!(null)] {
        let stage = json!({"stage": "share", "share": share});
        assert_eq!(refused(&id, stage).0, 400, "{share}");
    }
    assert_eq!(
        Admin::new(&gateway, &other)
            .call("GET", &format!("/admin/v1/changes/{id}"))
            .status,
        404
    );
    assert!(
        Admin::new(&gateway, &other)
            .rows("/admin/v1/changes")
            .is_empty()
    );
}

#[test]
fn another_way_to_another_policy_ends_what_was_under_way() {
    let mock = Mock::start().unwrap();
    let scene = Scene::new(&mock);
    let gateway = scene.place.start();
    let admin = Admin::new(&gateway, &scene.analyst);
    let (id, second) = (draft(&admin), draft(&admin));
    go(&admin, &id, json!({"stage": "shadow"}));
    // Another way to another policy ends it.
    assert_eq!(
        admin
            .put("acme", Some("\"0\""), &json!({"threshold": 0.95}))
            .status,
        200
    );
    assert_eq!(
        admin.get(&format!("/admin/v1/changes/{id}"))["stage"],
        "superseded"
    );
    let trail = audit_trail(&scene.place.data);
    let last = trail.last().unwrap();
    let told = (&last["action"], &last["target"], &last["actor"]);
    let superseded = (json!("change.superseded"), json!(id), json!("reprise"));
    assert_eq!(told, (&superseded.0, &superseded.1, &superseded.2));
    assert_eq!(
        (&last["before"]["stage"], &last["after"]["stage"]),
        (&json!("shadow"), &json!("superseded"))
    );
    let late = json!({"stage": "shadow"});
    let late = admin.post(&format!("/admin/v1/changes/{second}"), &late);
    assert_eq!(late.status, 409, "made for version 0");
    go(
        &admin,
        &second,
        json!({"stage": "withdrawn", "reason": "too late"}),
    );
    let rows = admin.rows("/admin/v1/changes?namespace=acme");
    let stages: Vec<_> = rows.iter().map(|c| c["stage"].clone()).collect();
    assert_eq!(stages, ["withdrawn", "superseded"]);
}
