//! A budget: it serves what labels prove, no more; it tightens by itself, and a restart changes nothing.

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::admin::Admin;
use crate::helpers::{Gateway, Place, eventually};
use crate::http::Reply;
use crate::mock::Mock;

pub(crate) const COUNTRIES: [&str; 40] = [
    "France", "Spain", "Italy", "Greece", "Norway", "Sweden", "Finland", "Denmark", "Poland",
    "Hungary", "Austria", "Belgium", "Ireland", "Iceland", "Portugal", "Romania", "Bulgaria",
    "Croatia", "Serbia", "Albania", "Turkey", "Egypt", "Kenya", "Ghana", "Nigeria", "Morocco",
    "Tunisia", "Algeria", "Angola", "Zambia", "India", "China", "Japan", "Nepal", "Vietnam",
    "Thailand", "Canada", "Mexico", "Peru", "Chile",
];

struct Asked<'a> {
    gateway: &'a Gateway,
    app: &'a str,
}

impl Asked<'_> {
    /// Has a country's capital remembered, and asks for it in other words.
    fn again(&self, country: &str) -> Reply {
        let first = format!("What is the capital of {country}?");
        self.gateway.ask(&first, Some(self.app));
        self.gateway.ask_until("hit-exact", &first, Some(self.app));
        let reworded = format!("What's the capital of {country}?");
        self.gateway.ask(&reworded, Some(self.app))
    }
}

fn standing(analyst: &Admin<'_>) -> Value {
    analyst.get("/admin/v1/quality?namespace=acme")["budget"].clone()
}

fn wrong(analyst: &Admin<'_>, reply: &Reply) {
    let request = reply.header("x-reprise-request-id").unwrap();
    let said = json!({"request_id": request, "verdict": "wrong", "queue": "random"});
    assert_eq!(analyst.post("/admin/v1/labels", &said).status, 200);
}

#[test]
fn a_budget_serves_once_labels_prove_it_and_takes_back_what_went_wrong() {
    let mock = Mock::start().unwrap();
    let place = Place::new(&mock)
        .semantic()
        .with("REPRISE_JUDGE__NEAR_MISSES", "0.01");
    let (app, analyst) = (place.key("acme", "app"), place.key("acme", "analyst"));
    let gateway = place.start();
    let admin = Admin::new(&gateway, &analyst);
    let half = json!({"kind": "budget", "budget": 0.5});
    assert_eq!(admin.put("acme", Some("\"0\""), &half).status, 200);
    let told = standing(&admin);
    assert!(told["serving_from"].is_null(), "{told}");
    assert_eq!(told["labels_needed"], 5);
    let asked = Asked {
        gateway: &gateway,
        app: &app,
    };
    let mut countries = COUNTRIES.into_iter();
    // Each near miss is judged, by the answer that it had anyway.
    for country in countries.by_ref().take(14) {
        let known = standing(&admin)["labelled"].as_u64();
        let reply = asked.again(country);
        assert!(reply.cache().starts_with("miss") || reply.cache() == "hit-semantic");
        let more = || Some(()).filter(|()| standing(&admin)["labelled"].as_u64() > known);
        if reply.cache() == "miss" {
            eventually(more);
        }
    }
    let told = standing(&admin);
    assert!(told["serving_from"].as_f64().unwrap() >= 0.5, "{told}");
    let hit = asked.again(countries.next().unwrap());
    assert_eq!(hit.cache(), "hit-semantic", "{told}");
    // Killed and started again it stands where it stood.
    gateway.signal(Signal::KILL);
    drop(gateway.ended());
    let gateway = place.start();
    let admin = Admin::new(&gateway, &analyst);
    assert_eq!(standing(&admin)["serving_from"], told["serving_from"]);
    let asked = Asked {
        gateway: &gateway,
        app: &app,
    };
    // Somebody finds hit after hit wrong.
    let spoiled = countries
        .map(|country| asked.again(country))
        .take_while(|reply| reply.cache() == "hit-semantic")
        .inspect(|hit| wrong(&admin, hit))
        .count();
    assert!((5..20).contains(&spoiled), "{spoiled}");
    let told = standing(&admin);
    assert!(told["tightened"].as_u64().unwrap() >= 1, "{told}");
    let metrics = gateway
        .get("/metrics", Some(&place.key("acme", "admin")))
        .body;
    assert!(
        metrics.contains("reprise_budgets_tightened_total 1"),
        "{metrics}"
    );
}

#[test]
fn namespaces_without_a_policy_of_their_own_learn_together() {
    let mock = Mock::start().unwrap();
    let place = Place::new(&mock)
        .semantic()
        .with("REPRISE_CACHE__DECIDE", "budget")
        .with("REPRISE_CACHE__BUDGET", "0.5")
        .with("REPRISE_JUDGE__NEAR_MISSES", "0.01");
    let tenants = ["acme", "beta"].map(|tenant| place.key(tenant, "app"));
    let analyst = place.key("acme", "analyst");
    let gateway = place.start();
    let admin = Admin::new(&gateway, &analyst);
    let mut countries = COUNTRIES.into_iter().zip(tenants.iter().cycle());
    for (country, app) in countries.by_ref().take(16) {
        let asked = Asked {
            gateway: &gateway,
            app,
        };
        let known = standing(&admin)["labelled"].as_u64();
        if asked.again(country).cache() == "miss" {
            eventually(|| Some(()).filter(|()| standing(&admin)["labelled"].as_u64() > known));
        }
    }
    for (country, app) in countries.take(2) {
        let asked = Asked {
            gateway: &gateway,
            app,
        };
        assert_eq!(asked.again(country).cache(), "hit-semantic", "{app}");
    }
}

#[test]
fn a_preview_tells_what_a_budget_would_stand_on_and_an_impossible_one_is_refused() {
    let mock = Mock::start().unwrap();
    let place = Place::new(&mock).semantic();
    let analyst = place.key("acme", "analyst");
    let gateway = place.start();
    let admin = Admin::new(&gateway, &analyst);
    let draft = json!({"namespace": "acme", "policy": {"kind": "budget", "budget": 0.01}});
    let told = admin.post("/admin/v1/preview", &draft).json();
    assert_eq!(told["budget"]["labels_needed"], 299, "{told}");
    assert!(told["budget"]["serving_from"].is_null());
    for impossible in [0.0, 0.0005, 0.6] {
        let refused = admin.put(
            "acme",
            Some("\"0\""),
            &json!({"kind": "budget", "budget": impossible}),
        );
        assert_eq!(
            (refused.status, refused.json()["error"]["param"].as_str()),
            (400, Some("budget"))
        );
    }
}
