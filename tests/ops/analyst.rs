//! An analyst's way to another policy: how good is this one, what would another do, and the way back.

use serde_json::{Value, json};

use crate::admin::{ASKED, Admin, REWORDED};
use crate::helpers::{Gateway, Place, audit_trail};
use crate::http::Reply;
use crate::mock::Mock;

const OTHER: &str = "What is the capital city of France?";
const NEAR: &str = "What is the biggest city of France?";
const BREAD: &str = "How do I bake bread?";

struct Keys {
    app: String,
    analyst: String,
}

fn place(mock: &Mock) -> (Place, Keys) {
    let place = Place::new(mock).alike();
    let keys = Keys {
        app: place.key("acme", "app"),
        analyst: place.key("acme", "analyst"),
    };
    (place, keys)
}

fn id(reply: &Reply) -> String {
    reply.header("x-reprise-request-id").unwrap().to_owned()
}

fn label(admin: &Admin<'_>, request: &str, verdict: &str, queue: Option<&str>) {
    let mut said = json!({"request_id": request, "verdict": verdict});
    if let Some(queue) = queue {
        said["queue"] = json!(queue);
    }
    let reply = admin.post("/admin/v1/labels", &said);
    assert_eq!(reply.status, 200, "{reply:?}");
}

/// Two hits and two that were not near enough; the requests of the hits.
fn some_traffic(gateway: &Gateway, keys: &Keys) -> [String; 2] {
    gateway.ask(ASKED, Some(&keys.app));
    let first = gateway.ask_until("hit-semantic", REWORDED, Some(&keys.app));
    let second = gateway.ask(OTHER, Some(&keys.app));
    assert_eq!(second.cache(), "hit-semantic");
    assert_eq!(gateway.ask(BREAD, Some(&keys.app)).cache(), "miss");
    [id(&first), id(&second)]
}

#[test]
fn metrics_tell_the_share_of_wrong_hits_by_namespace_to_whoever_may_look_into_it() {
    let mock = Mock::start().unwrap();
    let (place, keys) = place(&mock);
    let (stranger, admin) = (place.key("rival", "app"), place.key("root", "admin"));
    let gateway = place.start();
    let analyst = Admin::new(&gateway, &keys.analyst);
    let [first, second] = some_traffic(&gateway, &keys);
    label(&analyst, &first, "right", Some("random"));
    label(&analyst, &second, "wrong", Some("random"));
    let page = |key: &str| gateway.get("/metrics", Some(key)).body;
    for key in [&keys.app, &admin] {
        let told = page(key);
        for line in [
            "reprise_quality_hits{namespace=\"acme\"} 2",
            "reprise_quality_labelled{namespace=\"acme\"} 2",
            "reprise_quality_wrong_share{namespace=\"acme\"} 0.5",
            "# TYPE reprise_quality_wrong_share_upper_95 gauge",
        ] {
            assert!(told.lines().any(|l| l == line), "{line}");
        }
    }
    assert!(!page(&stranger).contains("acme"));
}

fn at(point: &Value) -> f64 {
    point["at"].as_f64().unwrap()
}

#[test]
fn quality_counts_what_chance_chose_and_tells_what_apps_report_beside_it() {
    let mock = Mock::start().unwrap();
    let (place, keys) = place(&mock);
    let gateway = place.start();
    let analyst = Admin::new(&gateway, &keys.analyst);
    let quality = || analyst.get("/admin/v1/quality?namespace=acme")["under_this_version"].clone();
    let [first, second] = some_traffic(&gateway, &keys);
    let told = quality();
    assert_eq!((&told["hits"], &told["labelled"]), (&json!(2), &json!(0)));
    assert!(
        told["wrong_share"].is_null() && told["upper_95"] == 1.0,
        "{told}"
    );
    label(&analyst, &first, "right", Some("random"));
    label(&analyst, &second, "wrong", Some("boundary"));
    let app = Admin::new(&gateway, &keys.app);
    let said = json!({"request_id": second, "verdict": "wrong"});
    assert_eq!(app.post("/v1/feedback", &said).status, 200);
    let told = quality();
    assert_eq!(
        (&told["labelled"], &told["wrong"]),
        (&json!(1), &json!(0)),
        "{told}"
    );
    assert_eq!(told["wrong_share"], 0.0);
    assert!(
        told["upper_95"].as_f64().unwrap() > 0.9,
        "one label proves little: {told}"
    );
    // The analyst's word counts of a request of which the app spoke as well.
    assert_eq!(told["reported"], json!({"right": 0, "wrong": 0}));
    label(&analyst, &second, "wrong", Some("random"));
    let told = quality();
    assert_eq!(
        (&told["labelled"], &told["wrong"]),
        (&json!(2), &json!(1)),
        "{told}"
    );
    assert_eq!(told["wrong_share"], 0.5);
    // Corrected, it is still one that chance chose.
    label(&analyst, &second, "right", None);
    let told = quality();
    assert_eq!(
        (&told["labelled"], &told["wrong"]),
        (&json!(2), &json!(0)),
        "{told}"
    );
    let needed = analyst.get("/admin/v1/quality?namespace=acme")["labels_needed"].clone();
    assert_eq!(needed, json!({"1_percent": 299, "5_percent": 59}));
}

#[test]
fn a_preview_says_what_the_policy_then_does_and_changes_nothing() {
    let mock = Mock::start().unwrap();
    let (place, keys) = place(&mock);
    let gateway = place.start();
    let analyst = Admin::new(&gateway, &keys.analyst);
    let [first, _] = some_traffic(&gateway, &keys);
    label(&analyst, &first, "right", None);
    let preview = |policy: &Value| {
        let asked = json!({"namespace": "acme", "policy": policy});
        let reply = analyst.post("/admin/v1/preview", &asked);
        assert_eq!(reply.status, 200, "{reply:?}");
        reply.json()
    };
    let strict = json!({"threshold": 0.999});
    let told = preview(&strict)["comparison"].clone();
    assert_eq!(
        (&told["gained"], &told["lost"]),
        (&json!(0), &json!(2)),
        "{told}"
    );
    assert_eq!(
        (&told["lost_right"], &told["lost_wrong"]),
        (&json!(1), &json!(0))
    );
    assert_eq!(
        (&told["before"]["hits"], &told["after"]["hits"]),
        (&json!(2), &json!(0))
    );
    // Of a label that nobody drew by chance no share is made.
    assert_eq!(told["before"]["labelled"], 0, "{told}");
    let loose = preview(&json!({"threshold": 0.0}));
    let told = &loose["comparison"];
    assert_eq!(
        (&told["gained"], &told["lost"]),
        (&json!(1), &json!(0)),
        "{told}"
    );
    let to_label = loose["to_label"].as_array().unwrap();
    assert_eq!(
        to_label[0]["question"], BREAD,
        "nearest to the boundary: {to_label:?}"
    );
    assert!(
        to_label.iter().all(|d| d["request_id"] != json!(first)),
        "labelled already"
    );
    assert_eq!(analyst.get("/admin/v1/policies/acme")["version"], 0);
    assert_eq!(
        gateway.ask(REWORDED, Some(&keys.app)).cache(),
        "hit-semantic"
    );
    let bad = json!({"namespace": "acme", "policy": {"threshold": 7}});
    assert_eq!(analyst.post("/admin/v1/preview", &bad).status, 400);
    let foreign = json!({"namespace": "globex", "policy": {}});
    assert_eq!(analyst.post("/admin/v1/preview", &foreign).status, 403);
    assert_eq!(analyst.put("acme", Some("\"0\""), &strict).status, 200);
    let headers = [("x-reprise-cache", "only")];
    let bearer = format!("Bearer {}", keys.app);
    let headers = [headers[0], ("authorization", bearer.as_str())];
    let body = crate::helpers::chat("mock-plain", REWORDED);
    let after = gateway.send(crate::helpers::CHAT, &headers, Some(&body));
    assert_eq!(after.status, 504, "{after:?}");
}

#[test]
fn the_curve_falls_with_the_number_and_agrees_with_what_was_served() {
    let mock = Mock::start().unwrap();
    let (place, keys) = place(&mock);
    let gateway = place.start();
    let analyst = Admin::new(&gateway, &keys.analyst);
    some_traffic(&gateway, &keys);
    gateway.ask(NEAR, Some(&keys.app));
    let curve = analyst.get("/admin/v1/curve?namespace=acme");
    assert_eq!(
        (&curve["kind"], &curve["now"]),
        (&json!("threshold"), &json!(0.8))
    );
    let points = curve["points"].as_array().unwrap();
    assert_eq!((at(&points[0]), at(&points[30])), (0.7, 1.0));
    let rates: Vec<f64> = points
        .iter()
        .map(|p| p["hit_rate"].as_f64().unwrap())
        .collect();
    assert!(rates.windows(2).all(|w| w[0] >= w[1]), "{rates:?}");
    let here = points.iter().find(|p| (at(p) - 0.8).abs() < 1e-6).unwrap();
    let served = analyst.rows("/admin/v1/decisions?outcome=hit").len();
    assert_eq!(here["hits"], served, "{here}");
    let other = analyst.get("/admin/v1/curve?namespace=acme&kind=probability");
    let points = other["points"].as_array().unwrap();
    assert_eq!((at(&points[0]), at(&points[50])), (0.5, 1.0));
    assert!(
        points[0]["hits"].as_u64().unwrap() >= 2,
        "decided again by another measure"
    );
}

#[test]
fn versions_keep_who_and_why_over_a_restart_and_any_of_them_comes_back() {
    let mock = Mock::start().unwrap();
    let (place, keys) = place(&mock);
    let gateway = place.start();
    let analyst = Admin::new(&gateway, &keys.analyst);
    let looser = json!({"threshold": 0.7, "reason": "more hits"});
    assert_eq!(analyst.put("acme", Some("\"0\""), &looser).status, 200);
    let other = json!({"kind": "probability", "probability": 0.9, "reason": "fewer wrong ones"});
    assert_eq!(analyst.put("acme", Some("\"1\""), &other).status, 200);
    gateway.stop();
    let gateway = place.start();
    let analyst = Admin::new(&gateway, &keys.analyst);
    let versions = analyst.rows("/admin/v1/versions?namespace=acme");
    let told: Vec<_> = versions
        .iter()
        .map(|v| (&v["version"], &v["reason"]))
        .collect();
    assert_eq!(told[0], (&json!(2), &json!("fewer wrong ones")));
    assert_eq!(told[1], (&json!(1), &json!("more hits")));
    assert_eq!((versions.len(), &versions[2]["version"]), (3, &json!(0)));
    assert!(versions[0]["author"].is_string() && versions[0]["time_ms"].is_u64());
    assert_eq!(versions[1]["policy"]["threshold"], 0.7);
    // Back to the one before: kind and number, whatever the present kind looks at.
    let back = json!({"namespace": "acme", "reason": "too few hits"});
    let reply = analyst.post("/admin/v1/rollback", &back);
    assert_eq!(reply.status, 200, "{reply:?}");
    let now = analyst.get("/admin/v1/policies/acme");
    let told = (
        &now["version"],
        &now["kind"],
        &now["threshold"],
        &now["probability"],
    );
    let first = analyst.rows("/admin/v1/versions?namespace=acme&limit=3")[2]["policy"].clone();
    assert_eq!(
        told,
        (
            &json!(3),
            &first["kind"],
            &first["threshold"],
            &first["probability"]
        )
    );
    let newest = &analyst.rows("/admin/v1/versions?namespace=acme&limit=1")[0];
    assert_eq!(
        (&newest["back_to"], &newest["reason"]),
        (&json!(1), &json!("too few hits"))
    );
    for wrong in [3, 4, 99] {
        let wrong = json!({"namespace": "acme", "version": wrong});
        assert_eq!(analyst.post("/admin/v1/rollback", &wrong).status, 400);
    }
    let default = json!({"namespace": "acme", "version": 0});
    assert_eq!(analyst.post("/admin/v1/rollback", &default).status, 200);
    assert_eq!(analyst.get("/admin/v1/policies/acme")["threshold"], 0.8);
    let foreign = json!({"namespace": "globex"});
    assert_eq!(analyst.post("/admin/v1/rollback", &foreign).status, 403);
    let trail = audit_trail(&place.data);
    let changes = trail.iter().filter(|line| line["action"] == "policy.put");
    assert_eq!(changes.count(), 4, "each is in the trail");
}

#[test]
fn a_rollback_sent_again_does_not_return_to_the_policy_that_was_left() {
    let mock = Mock::start().unwrap();
    let (place, keys) = place(&mock);
    let gateway = place.start();
    let analyst = Admin::new(&gateway, &keys.analyst);
    for (version, threshold) in [("0", 0.7), ("1", 0.6), ("2", 0.01)] {
        let policy = json!({"threshold": threshold});
        assert_eq!(analyst.put("acme", Some(version), &policy).status, 200);
    }
    let bearer = format!("Bearer {}", keys.analyst);
    let back = |seen: Option<&str>, body: Value| {
        let mut headers = vec![("authorization", bearer.as_str())];
        headers.extend(seen.map(|v| ("if-match", v)));
        let address = ("POST", "/admin/v1/rollback");
        let reply = gateway.send(address, &headers, Some(&body.to_string()));
        let policy = analyst.get("/admin/v1/policies/acme");
        (
            reply.status,
            policy["threshold"].as_f64().unwrap(),
            policy["version"].as_u64().unwrap(),
        )
    };
    let bare = || json!({"namespace": "acme"});
    assert_eq!(back(Some("\"2\""), bare()), (409, 0.01, 3), "not that one");
    assert_eq!(back(Some("soon"), bare()), (400, 0.01, 3));
    assert_eq!(back(Some("\"3\""), bare()), (200, 0.6, 4));
    assert_eq!(back(Some("\"3\""), bare()), (409, 0.6, 4));
    assert_eq!(back(None, bare()), (409, 0.6, 4));
    // Further back by name, as often as one likes.
    let first = || json!({"namespace": "acme", "version": 1});
    assert_eq!(back(None, first()), (200, 0.7, 5));
    assert_eq!(back(None, first()), (200, 0.7, 6));
    assert_eq!(back(None, bare()), (409, 0.7, 6));
    // What comes after is undone as ever.
    let bad = json!({"threshold": 0.01});
    assert_eq!(analyst.put("acme", Some("6"), &bad).status, 200);
    assert_eq!(back(None, bare()), (200, 0.7, 8));
}

#[test]
fn a_draft_is_tried_on_pairs_that_an_analyst_brings_along() {
    let mock = Mock::start().unwrap();
    let (place, keys) = place(&mock);
    let gateway = place.start();
    let pair = |a: &str, b: &str, label: Value| json!({"a": a, "b": b, "label": label}).to_string();
    let lines = [
        json!({"namespace": "acme", "policy": {"threshold": 0.9999}}).to_string(),
        pair(ASKED, REWORDED, json!(1)),
        pair(ASKED, OTHER, json!(null)),
        pair(ASKED, "What is not the capital of France?", json!(0)),
        pair("☃", ASKED, json!(1)),
    ];
    let bearer = format!("Bearer {}", keys.analyst);
    let headers = [
        ("authorization", bearer.as_str()),
        ("content-type", "application/x-ndjson"),
    ];
    let upload = lines.join("\n");
    let reply = gateway.send(("POST", "/admin/v1/preview/pairs"), &headers, Some(&upload));
    assert_eq!(reply.status, 200, "{reply:?}");
    let told = reply.json();
    let compared = &told["comparison"];
    assert_eq!(
        (
            &compared["pairs"],
            &compared["lost"],
            &compared["lost_right"],
            &compared["gained"]
        ),
        (&json!(3), &json!(2), &json!(1), &json!(0)),
        "{told}"
    );
    assert_eq!(
        (
            &compared["before"]["labelled"],
            &compared["before"]["wrong"]
        ),
        (&json!(1), &json!(0))
    );
    assert_eq!(compared["to_label"][0]["line"], 3);
    assert_eq!(
        told["skipped_lines"],
        json!([{"line": 5, "reason": "unknown_tokens"}])
    );
    assert_eq!(
        gateway.ask(ASKED, Some(&keys.app)).cache(),
        "miss",
        "nothing was remembered"
    );
}
