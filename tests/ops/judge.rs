//! Decisions are checked in the background: hits asked again, near misses compared with the fresh answer that
//! they had anyway; within a day's money, and with the judge's own errors in the figures.

use serde_json::{Value, json};

use crate::admin::{ASKED, Admin, REWORDED};
use crate::helpers::{CHAT, Gateway, Place, chat, eventually, streamed};
use crate::http::Reply;
use crate::mock::Mock;

/// The mock's models cost something, so that money can run out.
const PRICES: &str = r#"[{ model = "mock-*", input = 1.0, output = 1.0 }]"#;
const NEGATED: &str = "What's not the capital of France?";

fn place(mock: &Mock, hits: &str, near_misses: &str) -> Place {
    Place::new(mock)
        .alike()
        .with("REPRISE_PRICES", PRICES)
        .with("REPRISE_JUDGE__HITS", hits)
        .with("REPRISE_JUDGE__NEAR_MISSES", near_misses)
}

struct Keys {
    app: String,
    analyst: String,
}

fn keys(place: &Place) -> Keys {
    Keys {
        app: place.key("acme", "app"),
        analyst: place.key("acme", "analyst"),
    }
}

fn id(reply: &Reply) -> String {
    reply.header("x-reprise-request-id").unwrap().to_owned()
}

/// The judge's label of a request, which comes in its own time.
fn judged(admin: &Admin<'_>, request: &str) -> Value {
    eventually(|| {
        let labels = admin.rows("/admin/v1/labels?source=judge");
        labels.into_iter().find(|l| l["request_id"] == request)
    })
}

fn hit(gateway: &Gateway, keys: &Keys) -> Reply {
    gateway.ask(ASKED, Some(&keys.app));
    gateway.ask_until("hit-semantic", REWORDED, Some(&keys.app))
}

/// How often a check ended so.
fn outcome(admin: &Admin<'_>, outcome: &str) -> u64 {
    let metrics = admin.call("GET", "/metrics").body;
    let name = format!("reprise_judged_total{{outcome=\"{outcome}\"}} ");
    let line = metrics.lines().find_map(|l| l.strip_prefix(&name));
    line.map_or(0, |n| n.parse().unwrap())
}

#[test]
fn a_hit_is_asked_again_and_its_label_counts_in_the_share_of_wrong_ones() {
    let mock = Mock::start().unwrap();
    let place = place(&mock, "1.0", "0");
    let keys = keys(&place);
    let gateway = place.start();
    let analyst = Admin::new(&gateway, &keys.analyst);
    let similar = hit(&gateway, &keys);
    let label = judged(&analyst, &id(&similar));
    assert_eq!(
        (&label["verdict"], &label["sampled"]),
        (&json!("right"), &json!(true))
    );
    let quality = analyst.get("/admin/v1/quality?namespace=acme");
    let told = &quality["under_this_version"];
    assert!(told["labelled"].as_u64().unwrap() >= 1, "{told}");
    assert_eq!(told["wrong"], 0);
    assert_eq!(
        quality["judge"]["missed_at_most"], 0.1,
        "nobody has checked it yet"
    );
    // A stream was asked for; it is checked by an answer in one piece.
    let bearer = format!("Bearer {}", keys.app);
    let headers = [("authorization", bearer.as_str())];
    let other = "What is the capital city of France?";
    let live = gateway.send(CHAT, &headers, Some(&streamed("mock-plain", other)));
    assert_eq!(live.cache(), "hit-semantic", "{live:?}");
    assert_eq!(judged(&analyst, &id(&live))["verdict"], "right");
}

#[test]
fn a_near_miss_is_judged_by_the_answer_that_it_had_anyway() {
    let mock = Mock::start().unwrap();
    let place = place(&mock, "0", "1.0");
    let keys = keys(&place);
    let gateway = place.start();
    let analyst = Admin::new(&gateway, &keys.analyst);
    gateway.ask(ASKED, Some(&keys.app));
    gateway.ask_until("hit-exact", ASKED, Some(&keys.app));
    let calls = mock.seen().count();
    let near = gateway.ask(NEGATED, Some(&keys.app));
    assert_eq!(near.cache(), "miss");
    let label = judged(&analyst, &id(&near));
    assert_eq!(
        (&label["verdict"], &label["outcome"]),
        (&json!("wrong"), &json!("near_miss"))
    );
    assert_eq!(mock.seen().count(), calls + 1, "no call of its own");
    // The judge may err: its word alone keeps no two questions apart.
    let told = analyst.get(&format!("/admin/v1/explain/{}", id(&near)));
    assert_eq!(told["labels"][0]["source"], "judge");
    let again = gateway.ask("Whats not the capital of France?", Some(&keys.app));
    assert_ne!(again.header("x-reprise-reason"), Some("reported_wrong"));
}

#[test]
fn a_model_may_be_the_judge_and_people_say_how_often_it_errs() {
    let mock = Mock::start().unwrap();
    let place = place(&mock, "1.0", "0").with("REPRISE_JUDGE__MODEL", "mock-verdict-0");
    let keys = keys(&place);
    let gateway = place.start();
    let analyst = Admin::new(&gateway, &keys.analyst);
    let similar = hit(&gateway, &keys);
    assert_eq!(judged(&analyst, &id(&similar))["verdict"], "wrong");
    let said = json!({"request_id": id(&similar), "verdict": "right"});
    assert_eq!(analyst.post("/admin/v1/labels", &said).status, 200);
    let quality = analyst.get("/admin/v1/quality?namespace=acme");
    let errors = json!({"wrong": 0, "missed": 0, "right": 1, "false_alarms": 1});
    assert_eq!(quality["judge"]["checked_by_people"], errors);
    // Chance chose it, whoever has the last word.
    let told = &quality["under_this_version"];
    let judged = told["labelled"].as_u64().unwrap();
    assert!(
        judged >= 1 && told["wrong"].as_u64().unwrap() < judged,
        "{told}"
    );
}

#[test]
fn no_money_no_price_and_an_unclear_judge_check_nothing_and_are_counted() {
    let mock = Mock::start().unwrap();
    let poor = place(&mock, "1.0", "0").with("REPRISE_JUDGE__MAX_USD_PER_DAY", "0");
    let unpriced = place(&mock, "1.0", "0").with("REPRISE_PRICES", "[]");
    let unclear = place(&mock, "1.0", "0").with("REPRISE_JUDGE__MODEL", "mock-plain");
    for (place, why) in [
        (poor, "over_budget"),
        (unpriced, "unpriced"),
        (unclear, "judge_unclear"),
    ] {
        let keys = keys(&place);
        let admin = place.key("acme", "admin");
        let gateway = place.start();
        let admin = Admin::new(&gateway, &admin);
        hit(&gateway, &keys);
        eventually(|| (outcome(&admin, why) >= 1).then_some(()));
        let labels = admin.rows("/admin/v1/labels");
        assert!(labels.is_empty(), "{why}: {labels:?}");
    }
}

#[test]
fn whoever_asks_for_a_fresh_answer_after_a_hit_says_a_little_against_it() {
    let mock = Mock::start().unwrap();
    let place = place(&mock, "0", "0");
    let keys = keys(&place);
    let gateway = place.start();
    let analyst = Admin::new(&gateway, &keys.analyst);
    let similar = hit(&gateway, &keys);
    let bearer = format!("Bearer {}", keys.app);
    let fresh = [
        ("authorization", bearer.as_str()),
        ("cache-control", "no-cache"),
    ];
    for _ in 0..2 {
        let again = gateway.send(CHAT, &fresh, Some(&chat("mock-plain", REWORDED)));
        assert_eq!(again.cache(), "refresh", "{again:?}");
    }
    let labels = eventually(|| {
        let labels = analyst.rows("/admin/v1/labels?source=refresh");
        Some(labels).filter(|l| !l.is_empty())
    });
    assert_eq!(labels.len(), 1, "once: {labels:?}");
    let label = &labels[0];
    assert_eq!(
        (&label["request_id"], &label["verdict"]),
        (&json!(id(&similar)), &json!("wrong"))
    );
    assert_eq!(label["sampled"], false, "nobody chose it by chance");
}
