//! What is said to hold no more is hidden at once, in both tiers and for good: over kills and restarts, and
//! without a word to those whom it is no business of.

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::admin::{ASKED, Admin, REWORDED};
use crate::helpers::{CHAT, Gateway, Place, audit_trail, chat, eventually};
use crate::http::Reply;
use crate::mock::Mock;

const OTHER: &str = "How do I bake bread?";

/// One who asks with a key, in the tenant's own namespace or in another.
struct App<'a> {
    gateway: &'a Gateway,
    bearer: String,
}

impl<'a> App<'a> {
    fn new(gateway: &'a Gateway, key: &str) -> Self {
        let bearer = format!("Bearer {key}");
        Self { gateway, bearer }
    }

    fn send(&self, model: &str, question: &str, more: &[(&str, &str)]) -> Reply {
        let mut headers = vec![("authorization", self.bearer.as_str())];
        headers.extend(more);
        self.gateway
            .send(CHAT, &headers, Some(&chat(model, question)))
    }

    /// Asks, and waits until it is remembered.
    fn teach(&self, question: &str, more: &[(&str, &str)]) {
        let asked = self.send("mock-plain", question, more);
        assert_eq!(asked.cache(), "miss", "{question}: {asked:?}");
        eventually(|| self.knows(question, more).then_some(()));
    }

    fn knows(&self, question: &str, more: &[(&str, &str)]) -> bool {
        let mut only = vec![("x-reprise-cache", "only")];
        only.extend(more);
        self.send("mock-plain", question, &only).status == 200
    }
}

fn invalidate(admin: &Admin<'_>, what: &Value) -> Value {
    let done = admin.post("/admin/v1/invalidate", what);
    assert_eq!(done.status, 200, "{what}: {done:?}");
    done.json()
}

#[test]
fn each_way_to_name_entries_hides_those_and_no_others() {
    let mock = Mock::start().unwrap();
    let place = Place::new(&mock);
    let key = place.key("acme", "admin");
    let gateway = place.start();
    let (app, admin) = (App::new(&gateway, &key), Admin::new(&gateway, &key));
    let labels = [
        ("x-reprise-tags", "prices, eu"),
        ("x-reprise-prompt-version", "v1.2"),
    ];
    let plays = [("x-reprise-namespace", "acme/plays")];
    for what in [
        json!({"tag": "eu"}),
        json!({"tag": "prices", "namespace": "acme", "reason": "new list"}),
        json!({"prompt_version_prefix": "v1"}),
        json!({"prompt_version_prefix": "v1.2", "tenant": "acme"}),
    ] {
        app.teach(ASKED, &labels);
        app.teach(OTHER, &[]);
        let told = invalidate(&admin, &what);
        assert!(told["generation"].is_u64(), "{told}");
        assert!(!app.knows(ASKED, &[]) && app.knows(OTHER, &[]), "{what}");
        invalidate(&admin, &json!({"namespace": "acme"}));
        assert!(!app.knows(OTHER, &[]));
    }
    app.teach(ASKED, &labels);
    app.teach(ASKED, &plays);
    for other in [
        json!({"tag": "eur"}),
        json!({"tag": "eu", "namespace": "acme/plays"}),
        json!({"tag": "eu", "tenant": "globex"}),
        json!({"prompt_version_prefix": "v1.3"}),
        json!({"model": "mock"}),
        json!({"older_than_s": 3600}),
        json!({"namespace": "acme/other"}),
    ] {
        invalidate(&admin, &other);
        assert!(app.knows(ASKED, &[]) && app.knows(ASKED, &plays), "{other}");
    }
    invalidate(&admin, &json!({"namespace": "acme/plays"}));
    assert!(app.knows(ASKED, &[]) && !app.knows(ASKED, &plays));
    invalidate(&admin, &json!({"model": "mock-plain"}));
    assert!(!app.knows(ASKED, &[]));
    app.teach(ASKED, &[]);
    eventually(|| {
        invalidate(&admin, &json!({"older_than_s": 0}));
        (!app.knows(ASKED, &[])).then_some(())
    });
    app.teach(ASKED, &[]);
    let listed = admin.rows("/admin/v1/entries");
    assert_eq!(listed.len(), 1, "what is hidden is not listed: {listed:?}");
    invalidate(&admin, &json!({"entry": listed[0]["id"]}));
    assert!(!app.knows(ASKED, &[]) && admin.rows("/admin/v1/entries").is_empty());
}

#[test]
fn an_invalidation_holds_in_the_semantic_tier_and_outlives_a_kill_at_once() {
    let mock = Mock::start().unwrap();
    let place = Place::new(&mock).alike();
    let key = place.key("acme", "admin");
    let gateway = place.start();
    let app = App::new(&gateway, &key);
    let tagged = [("x-reprise-tags", "geography")];
    app.teach(ASKED, &tagged);
    app.teach(OTHER, &[]);
    assert_eq!(
        app.send("mock-plain", REWORDED, &[]).cache(),
        "hit-semantic"
    );
    let stored = Admin::new(&gateway, &key).rows("/admin/v1/entries").len();
    assert_eq!(stored, 2);
    gateway.stop();
    let gateway = place.start();
    let app = App::new(&gateway, &key);
    eventually(|| app.knows(REWORDED, &[]).then_some(()));
    invalidate(&Admin::new(&gateway, &key), &json!({"tag": "geography"}));
    gateway.signal(Signal::KILL);
    gateway.ended();
    let gateway = place.start();
    let app = App::new(&gateway, &key);
    eventually(|| app.knows(OTHER, &[]).then_some(()));
    assert!(!app.knows(ASKED, &[]) && !app.knows(REWORDED, &[]));
    // What is asked for afterwards is remembered, with the same tag.
    app.teach(ASKED, &tagged);
    assert_eq!(
        app.send("mock-plain", REWORDED, &[]).cache(),
        "hit-semantic"
    );
}

#[test]
fn what_is_hidden_is_dropped_from_the_disk_later() {
    let mock = Mock::start().unwrap();
    let place = Place::new(&mock);
    let key = place.key("acme", "admin");
    let gateway = place.start();
    let (app, admin) = (App::new(&gateway, &key), Admin::new(&gateway, &key));
    app.teach(ASKED, &[("x-reprise-tags", "a")]);
    app.teach(OTHER, &[]);
    let stored = || admin.get("/admin/v1/stats")["store"]["entries"].clone();
    assert_eq!(stored(), 2);
    invalidate(&admin, &json!({"tag": "a"}));
    eventually(|| (stored() == 1).then_some(()));
    assert!(app.knows(OTHER, &[]));
}

#[test]
fn an_answer_that_was_under_way_when_it_was_said_to_hold_no_more_is_not_remembered_or_shared() {
    let mock = Mock::start().unwrap();
    let place = Place::new(&mock);
    let key = place.key("acme", "admin");
    let gateway = place.start();
    let (app, admin) = (App::new(&gateway, &key), Admin::new(&gateway, &key));
    std::thread::scope(|scope| {
        let asking = scope.spawn(|| app.send("mock-slow-700", ASKED, &[]));
        eventually(|| (mock.seen().requests().len() == 1).then_some(()));
        invalidate(&admin, &json!({"namespace": "acme"}));
        let later = app.send("mock-slow-700", ASKED, &[]);
        assert_eq!(
            later.cache(),
            "miss",
            "it does not share that call: {later:?}"
        );
        assert_eq!(asking.join().unwrap().cache(), "miss");
    });
    assert_eq!(mock.seen().requests().len(), 2);
}

#[test]
fn an_analyst_reaches_no_further_than_the_own_tenant_and_all_is_audited() {
    let mock = Mock::start().unwrap();
    let place = Place::new(&mock);
    let [acme, globex] = ["acme", "globex"].map(|tenant| place.key(tenant, "analyst"));
    let app_key = place.key("acme", "app");
    let all = place.key("ops", "admin");
    let gateway = place.start();
    let tagged = [("x-reprise-tags", "t")];
    let apps = [&acme, &globex].map(|key| App::new(&gateway, key));
    for app in &apps {
        app.teach(ASKED, &tagged);
    }
    let analyst = Admin::new(&gateway, &acme);
    let admin = Admin::new(&gateway, &all);
    let entries = admin.rows("/admin/v1/entries?tenant=globex");
    for (what, status) in [
        (json!({"tag": "t", "tenant": "globex"}), 403),
        (json!({"namespace": "globex"}), 403),
        (json!({"entry": entries[0]["id"]}), 404),
    ] {
        let refused = analyst.post("/admin/v1/invalidate", &what);
        assert_eq!(refused.status, status, "{what}: {refused:?}");
    }
    let forbidden =
        Admin::new(&gateway, &app_key).post("/admin/v1/invalidate", &json!({"tag": "t"}));
    assert_eq!(forbidden.status, 403);
    let told = invalidate(&analyst, &json!({"tag": "t", "reason": "wrong since May"}));
    assert_eq!(told["in"], json!({"tenant": "acme"}), "{told}");
    assert!(!apps[0].knows(ASKED, &[]) && apps[1].knows(ASKED, &[]));
    invalidate(&admin, &json!({"tag": "t"}));
    assert!(!apps[1].knows(ASKED, &[]));
    gateway.stop();
    let trail = audit_trail(&place.data);
    let told: Vec<_> = trail
        .iter()
        .filter(|line| line["action"] == "invalidate")
        .collect();
    assert_eq!(told.len(), 2, "{told:?}");
    assert_eq!(told[0]["after"]["reason"], "wrong since May");
    assert!(
        told[1]["target"].as_str().unwrap().contains("everywhere"),
        "{told:?}"
    );
}

#[test]
fn what_names_nothing_or_too_much_is_refused_and_so_are_tags_that_are_none() {
    let mock = Mock::start().unwrap();
    let place = Place::new(&mock);
    let key = place.key("acme", "admin");
    let gateway = place.start();
    let (app, admin) = (App::new(&gateway, &key), Admin::new(&gateway, &key));
    for bad in [
        json!({}),
        json!({"reason": "all of it"}),
        json!({"tag": "a", "model": "b"}),
        json!({"tag": "a b"}),
        json!({"tag": ""}),
        json!({"model": ""}),
        json!({"prompt_version_prefix": ""}),
        json!({"older_than_s": -1}),
        json!({"tags": "a"}),
        json!({"tag": "a", "namespace": "acme", "tenant": "acme"}),
        json!({"entry": "1", "namespace": "acme"}),
        json!({"tag": "a", "reason": "x".repeat(1001)}),
    ] {
        let refused = admin.post("/admin/v1/invalidate", &bad);
        assert_eq!(refused.status, 400, "{bad}: {refused:?}");
    }
    assert_eq!(
        admin
            .post("/admin/v1/invalidate", &json!({"entry": "7"}))
            .status,
        404
    );
    for (header, value) in [
        ("x-reprise-tags", "a b"),
        ("x-reprise-tags", "a,,b"),
        ("x-reprise-tags", ""),
        ("x-reprise-prompt-version", "v1, v2"),
    ] {
        let refused = app.send("mock-plain", ASKED, &[(header, value)]);
        assert_eq!(refused.status, 400, "{header}: {value}");
        assert_eq!(refused.json()["error"]["code"], "invalid_header");
        assert_eq!(refused.json()["error"]["param"], header);
    }
    let open = Place::new(&mock).start();
    let nobody = open.send(
        ("POST", "/admin/v1/invalidate"),
        &[],
        Some(r#"{"tag":"a"}"#),
    );
    assert_eq!(nobody.status, 403, "{nobody:?}");
}
