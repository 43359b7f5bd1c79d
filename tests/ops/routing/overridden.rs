//! A request that says itself where it goes.

use super::fleet::{Fleet, Sailing, provider};
use crate::batches::{URL, line, until, upload};
use crate::helpers::{bearer, eventually};
use crate::http::Reply;

const ROUTE: &str = "x-reprise-route";

fn fleet() -> (Sailing, String, String) {
    let groups = "[{ name = 'g', strategy = 'round_robin', members = [{ provider = 'b' }, { provider = 'c' }] }]";
    let fleet = Fleet::of(3)
        .with("cache.enabled", "true")
        .with("groups", groups)
        .route("{ provider = 'a' }");
    let (fleet, app, admin) = fleet.with_keys();
    (fleet.start(), app, admin)
}

fn ask(fleet: &Sailing, key: &str, route: Option<&str>) -> Reply {
    let key = bearer(Some(key)).unwrap();
    let mut headers = vec![("authorization", key.as_str())];
    headers.extend(route.map(|route| (ROUTE, route)));
    fleet.ask_as(&headers)
}

#[test]
fn an_admin_sends_a_request_where_it_is_to_go_and_others_may_not() {
    let (fleet, app, admin) = fleet();
    let refresh = |route| {
        let reply = ask(&fleet, &admin, Some(route));
        (
            provider(&reply).to_owned(),
            reply.header("x-reprise-model").map(str::to_owned),
        )
    };
    assert_eq!(refresh("b"), ("b".into(), Some("m".into())));
    assert_eq!(
        refresh("b/mock-other"),
        ("b".into(), Some("mock-other".into()))
    );
    assert_eq!(
        refresh("c/mock/with/slashes").1.as_deref(),
        Some("mock/with/slashes")
    );
    assert!(["b", "c"].contains(&refresh("group:g").0.as_str()));
    let asked = fleet.calls();
    for route in ["b", "b/mock-other", "group:g", "a"] {
        let refused = ask(&fleet, &app, Some(route));
        assert_eq!(
            (refused.status, refused.code().as_str()),
            (403, "forbidden"),
            "{route}"
        );
    }
    assert_eq!(fleet.calls(), asked, "nobody was asked");
}

#[test]
fn vectors_judgements_and_counts_go_where_they_are_told_as_well() {
    let (fleet, app, admin) = fleet();
    let asked = |path: &str, key: &str| {
        let key = bearer(Some(key)).unwrap();
        let headers = [("authorization", key.as_str()), (ROUTE, "b")];
        let body = match path {
            "/v1/messages/count_tokens" => {
                r#"{"model":"m","messages":[{"role":"user","content":"x"}]}"#
            }
            _ => r#"{"model":"m","input":"x"}"#,
        };
        fleet.gateway.send(("POST", path), &headers, Some(body))
    };
    for path in ["/v1/embeddings", "/v1/moderations"] {
        assert_eq!(provider(&asked(path, &admin)), "b", "{path}");
    }
    for path in [
        "/v1/embeddings",
        "/v1/moderations",
        "/v1/messages/count_tokens",
    ] {
        assert_eq!(asked(path, &app).status, 403, "{path}");
    }
    assert_eq!(fleet.calls(), [0, 2, 0]);
}

#[test]
fn a_batch_goes_where_it_is_told_or_is_refused_before_it_begins() {
    let (fleet, app, admin) = fleet();
    let begun = |key: &str, route: &str| {
        let asked = line("a", "m", "Where does this line go?");
        let file = upload(&fleet.gateway, Some(key), "batch", &asked).json();
        let body = serde_json::json!({"input_file_id": file["id"], "endpoint": URL,
            "completion_window": "24h"});
        let key = bearer(Some(key)).unwrap();
        let headers = [("authorization", key.as_str()), (ROUTE, route)];
        let address = ("POST", "/v1/batches");
        fleet
            .gateway
            .send(address, &headers, Some(&body.to_string()))
    };
    let refused = begun(&app, "b");
    let chat = ask(&fleet, &app, Some("b"));
    assert_eq!((refused.status, &refused.body), (403, &chat.body));
    let nowhere = begun(&admin, "d");
    assert_eq!(
        (nowhere.status, &nowhere.json()["error"]["param"]),
        (400, &ROUTE.into())
    );
    let told = begun(&admin, "b").json();
    until(
        &fleet.gateway,
        Some(&admin),
        told["id"].as_str().unwrap(),
        "completed",
    );
    assert_eq!(fleet.calls(), [0, 1, 0]);
}

#[test]
fn a_name_that_leads_out_of_a_path_is_nobodys() {
    let (fleet, _, admin) = fleet();
    for model in ["..", "../x", "models/../x", "."] {
        assert_eq!(fleet.ask_for(model).status, 401, "no key");
        let key = bearer(Some(&admin)).unwrap();
        let headers = [("authorization", key.as_str())];
        let body = crate::helpers::chat(model, "Where?");
        let refused = fleet
            .gateway
            .send(crate::helpers::CHAT, &headers, Some(&body));
        assert_eq!(
            (refused.status, refused.code()),
            (404, "model_not_found".into())
        );
    }
    assert_eq!(ask(&fleet, &admin, Some("b/../x")).status, 400);
    assert_eq!(fleet.calls(), [0, 0, 0]);
}

#[test]
fn a_route_to_nowhere_is_a_fault_of_the_header() {
    let (fleet, _, admin) = fleet();
    for route in ["d", "d/mock-plain", "group:d", "group:", "/m", "b/", "m"] {
        let refused = ask(&fleet, &admin, Some(route));
        assert_eq!(
            (refused.status, refused.code().as_str()),
            (400, "invalid_header"),
            "{route}"
        );
        assert_eq!(refused.json()["error"]["param"], ROUTE, "{route}");
    }
    assert_eq!(fleet.calls(), [0, 0, 0]);
}

#[test]
fn what_is_remembered_of_another_route_is_not_served_and_does_not_replace_the_routes_own() {
    let (fleet, _, admin) = fleet();
    let remembered = |route: Option<&str>, who: &str| {
        let first = ask(&fleet, &admin, route);
        assert_eq!((first.cache(), provider(&first)), ("miss", who));
        eventually(|| Some(ask(&fleet, &admin, route)).filter(|r| r.cache() == "hit-exact"));
    };
    remembered(None, "a");
    remembered(Some("b"), "b");
    remembered(Some("b/mock-other"), "b");
    assert_eq!(fleet.calls(), [1, 2, 0]);
    let own = ask(&fleet, &admin, None);
    assert_eq!(
        (own.cache(), own.json()["model"].as_str()),
        ("hit-exact", Some("m"))
    );
    let other = ask(&fleet, &admin, Some("b/mock-other"));
    assert_eq!(other.json()["model"], "mock-other");
}

#[test]
fn where_no_keys_are_needed_nobody_is_an_admin() {
    let fleet = Fleet::of(2).route("{ provider = 'a' }").start();
    let refused = fleet.ask_as(&[(ROUTE, "b")]);
    assert_eq!(
        (refused.status, refused.code().as_str()),
        (403, "forbidden")
    );
    let fleet = Fleet::of(2)
        .with("routing.override_role", "app")
        .route("{ provider = 'a' }")
        .start();
    assert_eq!(provider(&fleet.ask_as(&[(ROUTE, "b")])), "b");
    let fleet = Fleet::of(2)
        .with("routing.override_role", "nobody")
        .route("{ provider = 'a' }");
    let (fleet, _, admin) = fleet.with_keys();
    let fleet = fleet.start();
    assert_eq!(ask(&fleet, &admin, Some("b")).status, 403);
}
