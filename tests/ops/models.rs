//! A policy that says otherwise for some models: they are decided by it, it is learned from their labels alone, and
//! what an analyst looks at tells them apart.

use serde_json::{Value, json};

use crate::admin::{ASKED, Admin, REWORDED};
use crate::budget::COUNTRIES;
use crate::helpers::{CHAT, Gateway, Place, chat, eventually};
use crate::http::Reply;
use crate::mock::Mock;

struct Scene {
    place: Place,
    app: String,
    analyst: String,
}

impl Scene {
    fn new(place: Place) -> Self {
        Self {
            app: place.key("acme", "app"),
            analyst: place.key("acme", "analyst"),
            place,
        }
    }
}

/// Asks a model.
fn ask(gateway: &Gateway, key: &str, model: &str, question: &str) -> Reply {
    let bearer = format!("Bearer {key}");
    let headers = [("authorization", bearer.as_str())];
    gateway.send(CHAT, &headers, Some(&chat(model, question)))
}

/// Has a question remembered, and asks it in other words.
fn again(gateway: &Gateway, key: &str, model: &str, (question, reworded): (&str, &str)) -> Reply {
    ask(gateway, key, model, question);
    eventually(|| {
        let reply = ask(gateway, key, model, question);
        (reply.cache() == "hit-exact").then_some(())
    });
    ask(gateway, key, model, reworded)
}

fn about(country: &str) -> (String, String) {
    (
        format!("What is the capital of {country}?"),
        format!("What's the capital of {country}?"),
    )
}

fn put(admin: &Admin<'_>, policy: &Value) {
    let version = admin.get("/admin/v1/policies/acme")["version"].to_string();
    let reply = admin.put("acme", Some(&version), policy);
    assert_eq!(reply.status, 200, "{reply:?}");
}

#[test]
fn requests_are_decided_by_what_the_policy_says_of_their_model() {
    let mock = Mock::start().unwrap();
    let Scene {
        place,
        app,
        analyst,
    } = Scene::new(Place::new(&mock).alike());
    let gateway = place.start();
    let admin = Admin::new(&gateway, &analyst);
    put(&admin, &json!({"models": {"mock-o*": {"threshold": 1.0}}}));
    let plain = again(&gateway, &app, "mock-plain", (ASKED, REWORDED));
    let other = again(&gateway, &app, "mock-other", (ASKED, REWORDED));
    assert_eq!((plain.cache(), other.cache()), ("hit-semantic", "miss"));
    let explained = |reply: &Reply| {
        let id = reply.header("x-reprise-request-id").unwrap();
        admin.get(&format!("/admin/v1/explain/{id}"))["decision"].clone()
    };
    let told = explained(&other);
    assert_eq!(
        (
            &told["policy_models"],
            &told["threshold"],
            &told["policy_version"]
        ),
        (&json!("mock-o*"), &json!(1.0), &json!(1))
    );
    assert!(explained(&plain)["policy_models"].is_null());
    // Restarted it is as it was, and a version comes back with all that it said.
    gateway.stop();
    let gateway = place.start();
    let admin = Admin::new(&gateway, &analyst);
    put(&admin, &json!({"models": {}}));
    assert_eq!(
        ask(&gateway, &app, "mock-other", REWORDED).cache(),
        "hit-exact",
        "it was asked above"
    );
    let reworded = "Which is the capital of France?";
    let served = ask(&gateway, &app, "mock-other", reworded);
    assert_eq!(served.cache(), "hit-semantic", "as all others");
    let back = admin.post("/admin/v1/rollback", &json!({"namespace": "acme"}));
    assert_eq!(
        back.json()["models"],
        json!({"mock-o*": {"threshold": 1.0}})
    );
    let refused = ask(
        &gateway,
        &app,
        "mock-other",
        "What, then, is the capital of France?",
    );
    assert_eq!(refused.cache(), "miss");
}

#[test]
fn what_an_analyst_looks_at_tells_models_apart() {
    let mock = Mock::start().unwrap();
    let Scene {
        place,
        app,
        analyst,
    } = Scene::new(Place::new(&mock).alike());
    let gateway = place.start();
    let admin = Admin::new(&gateway, &analyst);
    put(&admin, &json!({"models": {"mock-o*": {"threshold": 1.0}}}));
    again(&gateway, &app, "mock-plain", (ASKED, REWORDED));
    again(&gateway, &app, "mock-other", (ASKED, REWORDED));
    let hits = |model: &str| {
        let path = format!("/admin/v1/quality?namespace=acme&model={model}");
        admin.get(&path)["all_remembered"]["hits"].clone()
    };
    assert_eq!(
        (hits("mock-plain"), hits("mock-other")),
        (json!(1), json!(0))
    );
    let curve = |query: &str| {
        let told = admin.get(&format!("/admin/v1/curve?namespace=acme{query}"));
        (told["decisions"].clone(), told["now"].clone())
    };
    assert_eq!(curve(""), (json!(1), json!(0.8)), "the rest's rule");
    assert_eq!(curve("&model=mock-other"), (json!(1), json!(1.0)));
    assert_eq!(curve("&model=mock-*").0, 2);
    let preview = |model: Option<&str>| {
        let draft = json!({"namespace": "acme", "model": model,
            "policy": {"threshold": 0.999, "models": {"mock-other": {"threshold": 0.8}}}});
        let told = admin.post("/admin/v1/preview", &draft).json()["comparison"].clone();
        (told["gained"].clone(), told["lost"].clone())
    };
    assert_eq!(preview(None), (json!(1), json!(1)), "each by its own rule");
    assert_eq!(preview(Some("mock-plain")), (json!(0), json!(1)));
}

#[test]
fn a_change_for_some_models_is_tried_on_them_alone() {
    let mock = Mock::start().unwrap();
    let Scene {
        place,
        app,
        analyst,
    } = Scene::new(
        Place::new(&mock)
            .semantic()
            .with("REPRISE_CACHE__THRESHOLD", "0.9999"),
    );
    let gateway = place.start();
    let admin = Admin::new(&gateway, &analyst);
    let draft = json!({"namespace": "acme",
        "policy": {"models": {"mock-other": {"threshold": 0.8}}, "reason": "try it there"}});
    let id = admin.post("/admin/v1/changes", &draft).json()["id"].clone();
    let path = format!("/admin/v1/changes/{}", id.as_str().unwrap());
    let go = |stage: Value| assert_eq!(admin.post(&path, &stage).status, 200);
    go(json!({"stage": "shadow"}));
    let would = |model: &str, (question, reworded): (&str, &str)| {
        let reply = again(&gateway, &app, model, (question, reworded));
        let id = reply.header("x-reprise-request-id").unwrap();
        let told = admin.get(&format!("/admin/v1/explain/{id}"))["decision"]["change"].clone();
        (reply.cache().to_owned(), told["serves"].clone())
    };
    let miss = |serves: bool| ("miss".to_owned(), json!(serves));
    assert_eq!(would("mock-plain", (ASKED, REWORDED)), miss(false));
    assert_eq!(would("mock-other", (ASKED, REWORDED)), miss(true));
    go(json!({"stage": "applied"}));
    let (question, reworded) = about("Spain");
    let pair = (question.as_str(), reworded.as_str());
    assert_eq!(again(&gateway, &app, "mock-plain", pair).cache(), "miss");
    assert_eq!(
        again(&gateway, &app, "mock-other", pair).cache(),
        "hit-semantic"
    );
}

#[test]
fn what_some_models_let_die_comes_back_for_none_of_them() {
    let mock = Mock::start().unwrap();
    let Scene {
        place,
        app,
        analyst,
    } = Scene::new(Place::new(&mock).alike());
    let gateway = place.start();
    let admin = Admin::new(&gateway, &analyst);
    again(&gateway, &app, "mock-plain", (ASKED, REWORDED));
    again(&gateway, &app, "mock-other", (ASKED, REWORDED));
    put(&admin, &json!({"models": {"mock-other": {"ttl_s": 1}}}));
    let only = |model: &str| {
        let bearer = format!("Bearer {app}");
        let headers = [
            ("authorization", bearer.as_str()),
            ("x-reprise-cache", "only"),
        ];
        gateway
            .send(CHAT, &headers, Some(&chat(model, ASKED)))
            .status
    };
    eventually(|| (only("mock-other") == 504).then_some(()));
    for models in [json!({"*other*": {"threshold": 0.9}}), json!({})] {
        put(&admin, &json!({"models": models}));
        assert_eq!(
            (only("mock-other"), only("mock-plain")),
            (504, 200),
            "{models}"
        );
    }
}

#[test]
fn a_budget_of_some_models_learns_from_their_labels_alone() {
    let mock = Mock::start().unwrap();
    let Scene {
        place,
        app,
        analyst,
    } = Scene::new(
        Place::new(&mock)
            .semantic()
            .with("REPRISE_JUDGE__NEAR_MISSES", "0.01"),
    );
    let gateway = place.start();
    let admin = Admin::new(&gateway, &analyst);
    let half = json!({"kind": "budget", "budget": 0.5});
    put(
        &admin,
        &json!({"kind": "threshold", "threshold": 1.0, "models": {"mock-p*": half, "mock-other": half}}),
    );
    let standing = |pattern: &str| {
        let told = admin.get("/admin/v1/quality?namespace=acme");
        assert!(told["budget"].is_null(), "{told}");
        told["budgets_by_model"][pattern].clone()
    };
    let ask = |model: &str, country: &str| {
        let (question, reworded) = about(country);
        again(&gateway, &app, model, (&question, &reworded))
    };
    for country in &COUNTRIES[..15] {
        let known = standing("mock-p*")["labelled"].as_u64();
        if ask("mock-plain", country).cache() == "miss" {
            eventually(|| Some(()).filter(|()| standing("mock-p*")["labelled"].as_u64() > known));
        }
    }
    let told = standing("mock-p*");
    assert!(told["serving_from"].as_f64().unwrap() >= 0.5, "{told}");
    let other = standing("mock-other");
    assert_eq!(
        (&other["labelled"], &other["serving_from"]),
        (&json!(0), &Value::Null)
    );
    assert_eq!(ask("mock-plain", "Romania").cache(), "hit-semantic");
    assert_eq!(ask("mock-other", "Romania").cache(), "miss");
}
