//! How long each class of questions is remembered, as a policy says it.

use serde_json::json;

use crate::admin::{ASKED, Admin, REWORDED};
use crate::helpers::{CHAT, Gateway, Place, chat, eventually};
use crate::http::Reply;
use crate::mock::Mock;

const WEATHER: &str = "What's the weather in Paris?";
const WAY: &str = "How do I bake bread?";
const CLOCK: &str = "What time is it?";

/// Seconds for which a hit will be served still.
fn rest(hit: &Reply) -> u64 {
    let status = hit.header("cache-status").unwrap();
    let ttl = status.split_once("ttl=").unwrap().1;
    ttl.split(';').next().unwrap().parse().unwrap()
}

fn lasts(gateway: &Gateway, key: &str, question: &str, seconds: u64) {
    let hit = gateway.ask_until("hit-exact", question, Some(key));
    let range = seconds.saturating_sub(60)..=seconds;
    assert!(range.contains(&rest(&hit)), "{question}: {hit:?}");
}

#[test]
fn a_policy_says_how_long_each_class_lasts_and_a_short_ttl_bounds_what_it_does_not_name() {
    let mock = Mock::start().unwrap();
    let place = Place::new(&mock);
    let key = place.key("acme", "analyst");
    let gateway = place.start();
    let admin = Admin::new(&gateway, &key);
    let put = |version: &str, change| {
        let changed = admin.put("acme", Some(version), &change);
        assert_eq!(changed.status, 200, "{changed:?}");
        changed.json()
    };
    let classes = json!({"static": 172_800, "time_sensitive": 600, "never": 300});
    let changed = put("\"0\"", json!({"ttl_classes": classes}));
    assert_eq!(changed["ttl_classes"], classes, "{changed}");
    for (question, seconds) in [(WEATHER, 600), (WAY, 172_800), (CLOCK, 300)] {
        assert_eq!(gateway.ask(question, Some(&key)).cache(), "miss");
        lasts(&gateway, &key, question, seconds);
    }
    // What is not named stays, and a shorter class also ends what is remembered already.
    put("\"1\"", json!({"ttl_classes": {"time_sensitive": 120}}));
    lasts(&gateway, &key, WEATHER, 120);
    lasts(&gateway, &key, WAY, 172_800);
    put(
        "\"2\"",
        json!({"ttl_s": 90, "ttl_classes": {"static": null}}),
    );
    for question in [WEATHER, WAY, CLOCK] {
        lasts(&gateway, &key, question, 90);
    }
    put("\"3\"", json!({"ttl_classes": {"never": 0}}));
    let clock = gateway.ask(CLOCK, Some(&key));
    assert_eq!(clock.cache(), "bypass", "{clock:?}");
    for bad in [
        json!({"time_sensitive": 0}),
        json!({"static": 0}),
        json!({"daily": 5}),
        json!(7),
    ] {
        let refused = admin.put("acme", Some("\"4\""), &json!({"ttl_classes": bad}));
        assert_eq!(refused.status, 400, "{bad}: {refused:?}");
    }
}

#[test]
fn a_class_with_a_time_of_its_own_does_not_die_with_the_others() {
    let mock = Mock::start().unwrap();
    let place = Place::new(&mock);
    let key = place.key("acme", "analyst");
    let gateway = place.start();
    let admin = Admin::new(&gateway, &key);
    let put = |version: &str, change| {
        let changed = admin.put("acme", Some(version), &change);
        assert_eq!(changed.status, 200, "{changed:?}");
    };
    put(
        "\"0\"",
        json!({"ttl_s": 1, "ttl_classes": {"static": 3600}}),
    );
    let other = "Name three rivers.";
    for question in [WAY, other] {
        assert_eq!(gateway.ask(question, Some(&key)).cache(), "miss");
    }
    let bearer = format!("Bearer {key}");
    let only = [
        ("authorization", bearer.as_str()),
        ("x-reprise-cache", "only"),
    ];
    let knows = |question| {
        let body = chat("mock-plain", question);
        gateway.send(CHAT, &only, Some(&body)).status == 200
    };
    eventually(|| (!knows(other)).then_some(()));
    put("\"1\"", json!({"ttl_s": 86_400}));
    assert!(!knows(other), "a longer time revives nothing");
    lasts(&gateway, &key, WAY, 3600);
}

#[test]
fn an_answer_too_old_for_one_class_still_serves_another() {
    let mock = Mock::start().unwrap();
    let place = Place::new(&mock).alike();
    let key = place.key("acme", "analyst");
    let gateway = place.start();
    let admin = Admin::new(&gateway, &key);
    let short = json!({"ttl_classes": {"time_sensitive": 1}});
    assert_eq!(admin.put("acme", Some("\"0\""), &short).status, 200);
    gateway.ask(ASKED, Some(&key));
    gateway.ask_until("hit-exact", ASKED, Some(&key));
    let bearer = format!("Bearer {key}");
    let young = [
        ("authorization", bearer.as_str()),
        ("cache-control", "max-age=1, only-if-cached"),
    ];
    let body = chat("mock-plain", ASKED);
    eventually(|| (gateway.send(CHAT, &young, Some(&body)).status == 504).then_some(()));
    let today = "What is the capital of France right now?";
    let asked = gateway.ask(today, Some(&key));
    assert_eq!(asked.cache(), "miss", "{asked:?}");
    let reworded = gateway.ask(REWORDED, Some(&key));
    assert_eq!(reworded.cache(), "hit-semantic", "{reworded:?}");
    assert!(reworded.text().contains(ASKED), "{reworded:?}");
}
