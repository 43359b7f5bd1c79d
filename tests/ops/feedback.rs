//! What a reply to somebody's word says of it is what became of it.

use serde_json::json;

use crate::admin::{ASKED, Admin, REWORDED};
use crate::helpers::{CHAT, Gateway, Place, chat, eventually};
use crate::http::Reply;
use crate::mock::Mock;

fn say(gateway: &Gateway, (key, path): (&str, &str), reply: &Reply, verdict: &str) -> String {
    let request = reply.header("x-reprise-request-id").unwrap();
    let said = json!({"request_id": request, "verdict": verdict});
    let told = Admin::new(gateway, key).post(path, &said);
    assert_eq!(told.status, 200, "{told:?}");
    told.json()["effect"].as_str().unwrap().to_owned()
}

#[test]
fn a_word_that_a_more_trusted_one_outweighs_is_kept_and_told_to_be_outweighed() {
    let mock = Mock::start().unwrap();
    let place = Place::new(&mock).alike();
    let (app, analyst) = (place.key("acme", "app"), place.key("acme", "analyst"));
    let gateway = place.start();
    gateway.ask(ASKED, Some(&app));
    let hit = gateway.ask_until("hit-semantic", REWORDED, Some(&app));
    let by_app = (app.as_str(), "/v1/feedback");
    let by_analyst = (analyst.as_str(), "/admin/v1/labels");
    assert_eq!(say(&gateway, by_app, &hit, "right"), "counted");
    assert_eq!(say(&gateway, by_analyst, &hit, "right"), "counted");
    assert_eq!(say(&gateway, by_app, &hit, "wrong"), "outweighed");
    let again = gateway.ask(REWORDED, Some(&app));
    assert_eq!(again.cache(), "hit-semantic", "{again:?}");
    let labels = Admin::new(&gateway, &analyst).rows("/admin/v1/labels?verdict=wrong");
    assert_eq!(labels.len(), 1, "{labels:?}");
    assert_eq!(say(&gateway, by_analyst, &hit, "wrong"), "blocked");
}

#[test]
fn an_answer_of_another_tenant_in_a_shared_namespace_stays_and_that_is_told() {
    let mock = Mock::start().unwrap();
    let place = Place::new(&mock);
    let path = place.beside("shared.toml");
    let shared = "[[namespaces]]\nname = \"handbook\"\nread = [\"*\"]\nwrite = [\"*\"]\n";
    std::fs::write(&path, shared).unwrap();
    let place = place.with("REPRISE_CONFIG", path.to_str().unwrap());
    let keys = ["acme", "globex"].map(|tenant| place.key(tenant, "app"));
    let gateway = place.start();
    let ask = |key: &str, cache: Option<&str>| {
        let bearer = format!("Bearer {key}");
        let mut headers = vec![
            ("authorization", bearer.as_str()),
            ("x-reprise-namespace", "handbook"),
        ];
        headers.extend(cache.map(|c| ("x-reprise-cache", c)));
        gateway.send(CHAT, &headers, Some(&chat("mock-plain", ASKED)))
    };
    let first = ask(&keys[0], None);
    assert_eq!(first.cache(), "miss", "{first:?}");
    let entry = eventually(|| {
        let hit = ask(&keys[0], None);
        hit.header("x-reprise-entry").map(str::to_owned)
    });
    // Another tenant's answer takes the place of theirs.
    assert_eq!(ask(&keys[1], Some("refresh")).cache(), "refresh");
    eventually(|| {
        let hit = ask(&keys[1], None);
        (hit.header("x-reprise-entry")? != entry).then_some(())
    });
    let told = say(&gateway, (&keys[0], "/v1/feedback"), &first, "wrong");
    assert_eq!(told, "none");
    let served = ask(&keys[0], None);
    assert_eq!(served.cache(), "hit-exact", "{served:?}");
    // Of what they were served they may speak, and it stays all the same.
    let told = say(&gateway, (&keys[0], "/v1/feedback"), &served, "wrong");
    assert_eq!(told, "counted");
    assert_eq!(ask(&keys[0], None).cache(), "hit-exact");
}

#[test]
fn a_late_word_of_an_answer_that_was_renewed_since_leaves_the_new_one() {
    let mock = Mock::start().unwrap();
    let place = Place::new(&mock);
    let key = place.key("acme", "app");
    let gateway = place.start();
    let ask = |cache: Option<&str>| {
        let bearer = format!("Bearer {key}");
        let mut headers = vec![("authorization", bearer.as_str())];
        headers.extend(cache.map(|c| ("x-reprise-cache", c)));
        gateway.send(CHAT, &headers, Some(&chat("mock-plain", ASKED)))
    };
    let entry = |reply: &Reply| reply.header("x-reprise-entry").map(str::to_owned);
    let first = ask(None);
    let old = eventually(|| entry(&ask(None)));
    let renewed = ask(Some("refresh"));
    eventually(|| (entry(&ask(None))? != old).then_some(()));
    let told = |of: &Reply| say(&gateway, (&key, "/v1/feedback"), of, "wrong");
    assert_eq!(told(&first), "none");
    assert_eq!(ask(None).cache(), "hit-exact");
    assert_eq!(told(&renewed), "forgotten");
}

#[test]
fn where_no_label_is_kept_nothing_is_said_to_count() {
    let mock = Mock::start().unwrap();
    let place = Place::new(&mock).alike().with("REPRISE_CACHE__LABELS", "0");
    let app = place.key("acme", "app");
    let gateway = place.start();
    gateway.ask(ASKED, Some(&app));
    let hit = gateway.ask_until("hit-semantic", REWORDED, Some(&app));
    let by_app = (app.as_str(), "/v1/feedback");
    assert_eq!(say(&gateway, by_app, &hit, "right"), "none");
}
