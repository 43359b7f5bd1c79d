//! The admin API on a live gateway: policies that hold at once and stay, the evidence of
//! decisions, entries, figures, snapshots, and what the audit trail says of it all.

use serde_json::{Value, json};

use crate::helpers::{CHAT, Gateway, Place, audit_trail, chat, eventually, files};
use crate::http::Reply;
use crate::mock::Mock;

pub(crate) const ASKED: &str = "What is the capital of France?";
pub(crate) const REWORDED: &str = "What's the capital of France?";

pub(crate) struct Admin<'a> {
    gateway: &'a Gateway,
    bearer: String,
}

impl<'a> Admin<'a> {
    pub(crate) fn new(gateway: &'a Gateway, key: &str) -> Self {
        let bearer = format!("Bearer {key}");
        Self { gateway, bearer }
    }

    pub(crate) fn call(&self, method: &str, path: &str) -> Reply {
        let headers = [("authorization", self.bearer.as_str())];
        self.gateway.send((method, path), &headers, None)
    }

    pub(crate) fn get(&self, path: &str) -> Value {
        let reply = self.call("GET", path);
        assert_eq!(reply.status, 200, "{reply:?}");
        reply.json()
    }

    pub(crate) fn rows(&self, path: &str) -> Vec<Value> {
        self.get(path)["data"].as_array().unwrap().clone()
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> Reply {
        let headers = [("authorization", self.bearer.as_str())];
        self.gateway
            .send(("POST", path), &headers, Some(&body.to_string()))
    }

    pub(crate) fn put(&self, namespace: &str, version: Option<&str>, policy: &Value) -> Reply {
        let mut headers = vec![("authorization", self.bearer.as_str())];
        headers.extend(version.map(|v| ("if-match", v)));
        let path = format!("/admin/v1/policies/{namespace}");
        self.gateway
            .send(("PUT", &path), &headers, Some(&policy.to_string()))
    }
}

#[test]
fn a_policy_is_changed_only_by_who_names_its_version() {
    let mock = Mock::start().unwrap();
    let place = Place::new(&mock);
    let key = place.key("acme", "admin");
    let gateway = place.start();
    let admin = Admin::new(&gateway, &key);
    let policy = admin.call("GET", "/admin/v1/policies/acme");
    let tag = policy.header("etag").unwrap().to_owned();
    assert_eq!(policy.json()["kind"], "threshold");
    let stricter = json!({"threshold": 0.97});
    assert_eq!(admin.put("acme", None, &stricter).status, 428);
    let changed = admin.put("acme", Some(&tag), &stricter);
    assert_eq!(changed.status, 200, "{changed:?}");
    assert_ne!(changed.header("etag"), Some(tag.as_str()));
    assert_eq!(admin.put("acme", Some(&tag), &stricter).status, 409);
    let tag = changed.header("etag").unwrap();
    for bad in [
        json!({"threshold": 1.5}),
        json!({"threshold": -1}),
        json!({"ttl_s": 0}),
        json!({"temperature_max": -1}),
        json!({"treshold": 0.9}),
        json!({"namespace": "globex", "threshold": 0.9}),
        json!(7),
    ] {
        assert_eq!(admin.put("acme", Some(tag), &bad).status, 400, "{bad}");
    }
    assert_eq!(admin.put("acme", Some("\"soon\""), &stricter).status, 400);
    assert_eq!(admin.get("/admin/v1/policies/acme")["version"], 1);
    assert_eq!(admin.get("/admin/v1/policies/globex")["version"], 0);
}

#[test]
fn a_raised_threshold_turns_a_hit_into_a_miss_at_once_and_survives_a_restart() {
    let mock = Mock::start().unwrap();
    let place = Place::new(&mock).semantic();
    let key = place.key("acme", "admin");
    let gateway = place.start();
    let admin = Admin::new(&gateway, &key);
    let looser = json!({"threshold": 0.8});
    assert_eq!(admin.put("acme", Some("\"0\""), &looser).status, 200);
    assert_eq!(gateway.ask(ASKED, Some(&key)).cache(), "miss");
    gateway.ask_until("hit-exact", ASKED, Some(&key));
    let hit = gateway.ask(REWORDED, Some(&key));
    assert_eq!(hit.cache(), "hit-semantic", "{hit:?}");
    let stricter = json!({"threshold": 1.0});
    assert_eq!(admin.put("acme", Some("\"1\""), &stricter).status, 200);
    assert_eq!(gateway.ask(REWORDED, Some(&key)).cache(), "miss");
    gateway.stop();
    let gateway = place.start();
    let policy = Admin::new(&gateway, &key).get("/admin/v1/policies/acme");
    assert_eq!(
        (&policy["version"], &policy["threshold"]),
        (&json!(2), &json!(1.0))
    );
    assert_eq!(
        gateway.ask("What is France's capital?", Some(&key)).cache(),
        "miss"
    );
}

#[test]
fn decisions_show_what_was_asked_what_was_nearest_and_only_the_own_tenants() {
    let mock = Mock::start().unwrap();
    let place = Place::new(&mock).alike();
    let keys = ["acme", "globex"].map(|tenant| place.key(tenant, "analyst"));
    let all = place.key("ops", "admin");
    let gateway = place.start();
    for key in &keys {
        gateway.ask(ASKED, Some(key));
        gateway.ask_until("hit-exact", ASKED, Some(key));
        assert_eq!(gateway.ask(REWORDED, Some(key)).cache(), "hit-semantic");
        gateway.ask("How do I bake bread?", Some(key));
    }
    let acme = Admin::new(&gateway, &keys[0]);
    let hits = acme.rows("/admin/v1/decisions?namespace=acme&outcome=hit");
    assert_eq!(hits.len(), 1, "{hits:?}");
    assert_eq!(hits[0]["question"], REWORDED);
    assert!(hits[0]["similarity"].as_f64().unwrap() > 0.8, "{hits:?}");
    for field in ["time_ms", "request_id", "entry", "reason"] {
        assert!(!hits[0][field].is_null(), "{field}: {hits:?}");
    }
    let missed = acme.rows("/admin/v1/decisions?outcome=near_miss");
    assert_eq!(missed.len(), 1, "{missed:?}");
    let near = &missed[0];
    assert_eq!(
        (&near["outcome"], &near["namespace"], &near["reason"]),
        (
            &json!("near_miss"),
            &json!("acme"),
            &json!("below_threshold")
        )
    );
    assert_eq!(near["question"], "How do I bake bread?");
    assert_eq!(near["candidate"], ASKED);
    assert!(near["similarity"].as_f64().unwrap() < 0.8, "{near:?}");
    let own = acme.rows("/admin/v1/decisions");
    assert_eq!(own.len(), 2, "{own:?}");
    assert!(own.iter().all(|d| d["namespace"] == "acme"), "{own:?}");
    let foreign = acme.call("GET", "/admin/v1/decisions?namespace=globex");
    assert_eq!(foreign.status, 403);
    assert_eq!(
        acme.call("GET", "/admin/v1/decisions?outcome=maybe").status,
        400
    );
    let both = Admin::new(&gateway, &all).rows("/admin/v1/decisions?outcome=hit");
    assert_eq!(both.len(), 2, "{both:?}");
}

#[test]
fn entries_are_listed_shown_and_deleted_by_namespace_and_model() {
    let mock = Mock::start().unwrap();
    let place = Place::new(&mock);
    let key = place.key("acme", "admin");
    let gateway = place.start();
    let admin = Admin::new(&gateway, &key);
    let bearer = format!("Bearer {key}");
    let ask = |model: &str, namespace: &str, question: &str| {
        let headers = [
            ("authorization", bearer.as_str()),
            ("x-reprise-namespace", namespace),
        ];
        gateway.send(CHAT, &headers, Some(&chat(model, question)))
    };
    let asked = [
        ("mock-plain", "one"),
        ("mock-plain", "two"),
        ("mock-other", "one"),
    ];
    for (model, namespace) in asked {
        assert_eq!(ask(model, namespace, "Who?").status, 200);
    }
    let all = eventually(|| {
        let rows = admin.rows("/admin/v1/entries");
        (rows.len() == 3).then_some(rows)
    });
    let one = all
        .iter()
        .find(|e| e["namespace"].as_str().unwrap().contains("one"));
    let label = one.unwrap()["namespace"].as_str().unwrap().to_owned();
    let of = |query: &str| admin.rows(&format!("/admin/v1/entries?{query}")).len();
    assert_eq!(of("model=mock-plain"), 2);
    assert_eq!(of(&format!("namespace={label}")), 2);
    assert_eq!(of("tenant=acme"), 3);
    assert_eq!(of("tenant=globex"), 0);
    let id = all[0]["id"].as_str().unwrap();
    let path = format!("/admin/v1/entries/{id}");
    let shown = admin.get(&path);
    assert!(shown["answer"].to_string().contains("Who?"), "{shown}");
    for other in [format!("+{id}"), format!("0{id}"), format!("%20{id}")] {
        let other = format!("/admin/v1/entries/{other}");
        assert_eq!(admin.call("GET", &other).status, 404, "{other}");
        assert_eq!(admin.call("DELETE", &other).status, 404, "{other}");
    }
    assert_eq!(admin.call("DELETE", &path).status, 200);
    assert_eq!(admin.call("GET", &path).status, 404);
    assert_eq!(admin.call("DELETE", &path).status, 404);
    assert_eq!(
        admin.call("DELETE", "/admin/v1/entries").status,
        400,
        "never all by mistake"
    );
    let deleted = admin.call("DELETE", "/admin/v1/entries?tenant=acme").json();
    assert_eq!(deleted["deleted"], 2);
    assert_eq!(ask("mock-plain", "one", "Who?").cache(), "miss");
}

#[test]
fn a_list_of_no_rows_is_refused_and_one_of_too_many_is_cut() {
    let mock = Mock::start().unwrap();
    let place = Place::new(&mock);
    let gateway = place.start();
    // One more than a page holds.
    let many = 1001;
    for number in 0..many {
        let asked = gateway.ask(&format!("Question {number}?"), None);
        assert_eq!(asked.cache(), "miss", "{asked:?}");
    }
    let entries = |limit: &str| listed(&gateway, "entries", limit);
    let stats = || gateway.get("/admin/v1/stats", None).json();
    eventually(|| (stats()["store"]["entries"] == many).then_some(()));
    assert_eq!(
        (entries("2").unwrap(), entries("1000000").unwrap()),
        (2, 1000)
    );
    let refused = entries("0").unwrap_err();
    assert_eq!(
        (refused.status, refused.code().as_str()),
        (400, "invalid_request")
    );
    assert_eq!(refused.json()["error"]["param"], "limit", "{refused:?}");
}

#[test]
fn a_list_of_decisions_is_as_long_as_asked_for() {
    let mock = Mock::start().unwrap();
    let place = Place::new(&mock).alike();
    let gateway = place.start();
    for question in [ASKED, REWORDED, REWORDED, REWORDED] {
        gateway.ask(question, None);
    }
    let decisions = |limit: &str| listed(&gateway, "decisions", limit);
    assert_eq!(
        (decisions("2").unwrap(), decisions("1000000").unwrap()),
        (2, 3)
    );
    let refused = decisions("0").unwrap_err();
    assert_eq!(refused.json()["error"]["param"], "limit", "{refused:?}");
}

/// How many rows a list has, or why there is none.
fn listed(gateway: &Gateway, list: &str, limit: &str) -> Result<usize, Reply> {
    let reply = gateway.get(&format!("/admin/v1/{list}?limit={limit}"), None);
    match reply.status {
        200 => Ok(reply.json()["data"].as_array().unwrap().len()),
        _ => Err(reply),
    }
}

#[test]
fn figures_tell_what_is_stored_and_a_snapshot_is_on_disk() {
    let mock = Mock::start().unwrap();
    let place = Place::new(&mock).semantic();
    let key = place.key("acme", "admin");
    let gateway = place.start();
    let admin = Admin::new(&gateway, &key);
    gateway.ask(ASKED, Some(&key));
    let stats = eventually(|| {
        let stats = admin.get("/admin/v1/stats");
        (stats["store"]["entries"] == 1 && stats["index"]["entries"] == 1).then_some(stats)
    });
    assert_eq!(stats["store"]["status"], "healthy", "{stats}");
    assert_eq!(stats["embedding"]["dimension"], 384, "{stats}");
    let taken = admin.call("POST", "/admin/v1/snapshot");
    assert_eq!(taken.status, 200, "{taken:?}");
    assert_eq!(taken.json()["entries"], 1);
    assert!(!files(&place.data.join("cache/index")).is_empty());
}

#[test]
fn the_audit_trail_says_when_who_did_what_and_how_it_was_before() {
    let mock = Mock::start().unwrap();
    let place = Place::new(&mock);
    let key = place.key("acme", "admin");
    let gateway = place.start();
    let admin = Admin::new(&gateway, &key);
    let stricter = json!({"threshold": 0.97});
    assert_eq!(admin.put("acme", Some("\"0\""), &stricter).status, 200);
    gateway.ask("Who?", Some(&key));
    let entries = eventually(|| Some(admin.rows("/admin/v1/entries")).filter(|e| e.len() == 1));
    let entry = entries[0]["id"].as_str().unwrap();
    admin.call("DELETE", &format!("/admin/v1/entries/{entry}"));
    let id = audit_trail(&place.data)[0]["target"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(place.run(&["keys", "revoke", &id]).status.success());
    gateway.stop();
    let trail = audit_trail(&place.data);
    let told: Vec<_> = trail
        .iter()
        .map(|e| (&e["actor"], &e["action"], &e["target"]))
        .collect();
    let (operator, who) = (json!("operator"), json!(id));
    let want = [
        (&operator, &json!("key.create"), &who),
        (&who, &json!("policy.put"), &json!("acme")),
        (&who, &json!("entry.delete"), &json!(entry)),
        (&operator, &json!("key.revoke"), &who),
    ];
    assert_eq!(told, want);
    assert!((trail[1]["before"]["threshold"].as_f64().unwrap() - 0.92).abs() < 1e-6);
    assert!((trail[1]["after"]["threshold"].as_f64().unwrap() - 0.97).abs() < 1e-6);
    assert!(
        trail
            .iter()
            .all(|e| e["ts_ms"].as_u64().unwrap() > 1_600_000_000_000)
    );
    assert_eq!(trail[2]["before"]["model"], "mock-plain");
    assert!(!trail[2].to_string().contains("Who?"), "{}", trail[2]);
}
