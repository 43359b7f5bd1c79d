//! What was decided can be explained and spoken of, what is said is in force at once, and both outlive
//! a process that is killed.

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::admin::{ASKED, Admin, REWORDED};
use crate::helpers::{CHAT, Gateway, Place, chat, copy, eventually, files};
use crate::http::Reply;
use crate::mock::Mock;

const BREAD: &str = "How do I bake bread?";

struct Keys {
    app: String,
    analyst: String,
    foreign: String,
}

fn place(mock: &Mock) -> (Place, Keys) {
    let place = Place::new(mock).alike();
    let keys = Keys {
        app: place.key("acme", "app"),
        analyst: place.key("acme", "analyst"),
        foreign: place.key("globex", "analyst"),
    };
    (place, keys)
}

fn id(reply: &Reply) -> String {
    reply.header("x-reprise-request-id").unwrap().to_owned()
}

/// A question that is remembered, and a hit of another wording.
fn hit(gateway: &Gateway, key: &str) -> Reply {
    gateway.ask(ASKED, Some(key));
    gateway.ask_until("hit-semantic", REWORDED, Some(key))
}

fn say(gateway: &Gateway, key: &str, request: &str, verdict: &str) -> Reply {
    let said = json!({"request_id": request, "verdict": verdict});
    Admin::new(gateway, key).post("/v1/feedback", &said)
}

fn explain(gateway: &Gateway, key: &str, request: &str) -> Value {
    Admin::new(gateway, key).get(&format!("/admin/v1/explain/{request}"))
}

/// How many files of the evidence hold a text.
pub(crate) fn texts(place: &Place, text: &str) -> usize {
    let files = files(&place.data.join("evidence"));
    let holds = |path: &std::path::PathBuf| {
        let bytes = std::fs::read(path).unwrap_or_default();
        let mut parts = bytes.windows(text.len());
        parts.any(|part| part == text.as_bytes())
    };
    files.iter().filter(|p| holds(p)).count()
}

/// Kills it and starts another on the same folder.
fn killed(place: &Place, gateway: Gateway) -> Gateway {
    gateway.signal(Signal::KILL);
    assert!(!gateway.ended().status.success());
    place.start()
}

#[test]
fn every_way_a_request_can_go_is_explained_also_after_a_kill() {
    let mock = Mock::start().unwrap();
    let (place, keys) = place(&mock);
    let gateway = place.start();
    let ask = |question| gateway.ask(question, Some(&keys.app));
    let first = ask(ASKED);
    let exact = gateway.ask_until("hit-exact", ASKED, Some(&keys.app));
    let similar = ask(REWORDED);
    let near = ask(BREAD);
    let bearer = format!("Bearer {}", keys.app);
    let refresh = [
        ("authorization", bearer.as_str()),
        ("x-reprise-cache", "refresh"),
    ];
    let renewed = gateway.send(CHAT, &refresh, Some(&chat("mock-plain", ASKED)));
    let expected = [
        (&first, "miss", "empty_scope"),
        (&exact, "hit_exact", "same_request"),
        (&similar, "hit", "similar"),
        (&near, "near_miss", "below_threshold"),
        (&renewed, "refresh", "refresh"),
    ];
    let told = |gateway: &Gateway| {
        expected.map(|(reply, outcome, reason)| {
            let told = explain(gateway, &keys.analyst, &id(reply));
            assert_eq!(told["decision"]["outcome"], outcome, "{told}");
            assert_eq!(told["decision"]["reason"], reason, "{told}");
            assert_eq!(told["decision"]["key"]["history"], "alone");
            told["decision"].clone()
        })
    };
    let before = told(&gateway);
    assert_eq!(before[2]["question"], REWORDED);
    assert_eq!(before[2]["candidates"][0]["question"], ASKED);
    assert!(before[2]["candidates"][0]["features"]["overlap"].is_f64());
    assert!(before[2]["usd"].is_null(), "no price is known of it");
    let gateway = killed(&place, gateway);
    assert_eq!(told(&gateway), before);
}

#[test]
fn an_explanation_tells_what_would_have_decided_otherwise() {
    let mock = Mock::start().unwrap();
    let (place, keys) = place(&mock);
    let gateway = place.start();
    let similar = hit(&gateway, &keys.app);
    let cosine: f64 = similar
        .header("x-reprise-similarity")
        .unwrap()
        .parse()
        .unwrap();
    let otherwise = |reply: &Reply| {
        let told = explain(&gateway, &keys.analyst, &id(reply));
        told["otherwise"][0].clone()
    };
    let told = otherwise(&similar);
    let bound = told["if"]["threshold"].as_f64().unwrap();
    assert!(
        bound > cosine - 1e-4 && bound < cosine + 2e-4,
        "{told} {cosine}"
    );
    assert_eq!(told["then"], "near_miss");
    let negated = gateway.ask("What's not the capital of France?", Some(&keys.app));
    assert_eq!(negated.cache(), "miss");
    let told = otherwise(&negated);
    assert_eq!(told["if"], json!({"guards": {"negation": false}}), "{told}");
    assert_eq!(told["then"], "hit");
    let far = gateway.ask(BREAD, Some(&keys.app));
    let told = otherwise(&far);
    assert!(told["if"]["threshold"].as_f64().unwrap() < 0.8, "{told}");
    // What is said holds: with that policy it is served.
    let admin = Admin::new(&gateway, &keys.analyst);
    let changed = admin.put("acme", Some("\"0\""), &told["if"]);
    assert_eq!(changed.status, 200, "{changed:?}");
    assert_eq!(
        gateway
            .ask("How do I bake a bread?", Some(&keys.app))
            .cache(),
        "hit-semantic"
    );
}

#[test]
fn what_was_said_to_be_wrong_is_not_served_again_not_even_after_a_kill() {
    let mock = Mock::start().unwrap();
    let (place, keys) = place(&mock);
    let gateway = place.start();
    let similar = hit(&gateway, &keys.app);
    let said = say(&gateway, &keys.app, &id(&similar), "wrong");
    assert_eq!(said.status, 200, "{said:?}");
    assert_eq!(said.json()["effect"], "blocked");
    let bearer = format!("Bearer {}", keys.app);
    let only = |gateway: &Gateway, question: &str| {
        let headers = [
            ("authorization", bearer.as_str()),
            ("x-reprise-cache", "only"),
        ];
        gateway.send(CHAT, &headers, Some(&chat("mock-plain", question)))
    };
    let blocked = |gateway: &Gateway| {
        let reply = only(gateway, REWORDED);
        assert_eq!(
            reply.header("x-reprise-reason"),
            Some("reported_wrong"),
            "{reply:?}"
        );
        assert_eq!(only(gateway, ASKED).cache(), "hit-exact");
    };
    blocked(&gateway);
    let gateway = killed(&place, gateway);
    // The kill may have cost the entry; what was said of the two questions holds for the next one, too.
    gateway.ask_until("hit-exact", ASKED, Some(&keys.app));
    eventually(|| {
        let reply = only(&gateway, REWORDED);
        let loading = ["empty_scope", "index_loading"];
        let reason = reply.header("x-reprise-reason").unwrap_or_default();
        (!loading.contains(&reason)).then_some(())
    });
    blocked(&gateway);
    let told = explain(&gateway, &keys.analyst, &id(&similar));
    assert_eq!(told["labels"][0]["source"], "app", "{told}");
    assert_eq!(told["labels"][0]["verdict"], "wrong");
    // The analyst's word weighs more, and the last one of each counts.
    let analyst = Admin::new(&gateway, &keys.analyst);
    let right = json!({"request_id": id(&similar), "verdict": "right", "note": "the same city"});
    let overruled = analyst.post("/admin/v1/labels", &right);
    assert_eq!(overruled.json()["effect"], "counted", "{overruled:?}");
    assert_eq!(only(&gateway, REWORDED).cache(), "hit-semantic");
    let labels = analyst.rows("/admin/v1/labels?namespace=acme");
    assert_eq!(labels.len(), 2, "{labels:?}");
    assert_eq!(labels[0]["note"], "the same city");
}

#[test]
fn an_entry_that_was_wrong_for_one_question_reaches_less_far_for_all() {
    let mock = Mock::start().unwrap();
    let (place, keys) = place(&mock);
    let gateway = place.start();
    let similar = hit(&gateway, &keys.app);
    let other = "What is the capital city of France?";
    let before = gateway.ask(other, Some(&keys.app));
    assert_eq!(before.cache(), "hit-semantic");
    say(&gateway, &keys.app, &id(&similar), "wrong");
    let after = gateway.ask(other, Some(&keys.app));
    let told = |reply: &Reply| explain(&gateway, &keys.analyst, &id(reply))["decision"].clone();
    let (before, after) = (told(&before), told(&after));
    assert_eq!(before["candidates"][0]["said_wrong"], 0.0);
    assert_eq!(after["candidates"][0]["said_wrong"], 1.0, "{after}");
    let score = |decision: &Value| decision["score"].as_f64().unwrap();
    assert!(score(&after) < score(&before), "{before} {after}");
}

#[test]
fn an_answer_that_was_wrong_for_its_own_question_is_forgotten() {
    let mock = Mock::start().unwrap();
    let (place, keys) = place(&mock);
    let gateway = place.start();
    gateway.ask(ASKED, Some(&keys.app));
    let exact = gateway.ask_until("hit-exact", ASKED, Some(&keys.app));
    let said = say(&gateway, &keys.app, &id(&exact), "wrong");
    assert_eq!(said.json()["effect"], "forgotten", "{said:?}");
    assert_eq!(gateway.ask(ASKED, Some(&keys.app)).cache(), "miss");
}

#[test]
fn an_answer_that_was_forgotten_stays_so_when_the_gateway_is_killed_at_once() {
    let mock = Mock::start().unwrap();
    let (place, keys) = place(&mock);
    for question in [ASKED, BREAD] {
        let gateway = place.start();
        let first = gateway.ask(question, Some(&keys.app));
        // A stop writes what waits: the answer is on disk.
        gateway.stop();
        let gateway = place.start();
        let exact = gateway.ask_until("hit-exact", question, Some(&keys.app));
        // Of the hit, or of the provider's answer that it repeats.
        let reply = if question == ASKED { exact } else { first };
        let said = say(&gateway, &keys.app, &id(&reply), "wrong");
        gateway.signal(Signal::KILL);
        assert_eq!(said.json()["effect"], "forgotten", "{said:?}");
        gateway.ended();
        let again = place.start().ask(question, Some(&keys.app));
        assert_eq!(again.cache(), "miss", "{again:?}");
    }
}

#[test]
fn texts_that_a_kill_kept_from_being_wiped_are_wiped_by_the_next_start() {
    let mock = Mock::start().unwrap();
    let (place, keys) = place(&mock);
    let gateway = place.start();
    let similar = hit(&gateway, &keys.app);
    say(&gateway, &keys.app, &id(&similar), "right");
    let (evidence, before) = (place.data.join("evidence"), place.beside("before"));
    copy(&evidence, &before).unwrap();
    let analyst = Admin::new(&gateway, &keys.analyst);
    let silent = json!({"keep_text": false});
    assert_eq!(analyst.put("acme", Some("\"0\""), &silent).status, 200);
    gateway.signal(Signal::KILL);
    gateway.ended();
    let held = || texts(&place, REWORDED);
    assert_eq!(held(), 0);
    // As if it had been killed after the policy was written and before the texts were wiped.
    copy(&before, &evidence).unwrap();
    assert_eq!(held(), 2, "a decision and a label");
    let gateway = place.start();
    assert_eq!(held(), 0);
    let told = explain(&gateway, &keys.analyst, &id(&similar));
    assert_eq!(told["decision"]["outcome"], "hit");
}

#[test]
fn nobody_speaks_of_what_is_not_theirs_and_nonsense_is_told_as_such() {
    let mock = Mock::start().unwrap();
    let (place, keys) = place(&mock);
    let gateway = place.start();
    let similar = hit(&gateway, &keys.app);
    let request = id(&similar);
    assert_eq!(say(&gateway, &keys.foreign, &request, "wrong").status, 404);
    let unknown = "req_00000000000000000000000000000000";
    assert_eq!(say(&gateway, &keys.app, unknown, "wrong").status, 404);
    assert_eq!(say(&gateway, &keys.app, "nonsense", "wrong").status, 404);
    assert_eq!(say(&gateway, &keys.app, &request, "perhaps").status, 400);
    let stranger = Admin::new(&gateway, &keys.foreign);
    let path = format!("/admin/v1/explain/{request}");
    assert_eq!(stranger.call("GET", &path).status, 404);
    let said = json!({"request_id": request, "verdict": "wrong"});
    assert_eq!(stranger.post("/admin/v1/labels", &said).status, 404);
    // Apps ask and speak of their answers; they do not look into others' decisions.
    let app = Admin::new(&gateway, &keys.app);
    assert_eq!(app.call("GET", &path).status, 403);
    assert_eq!(app.post("/admin/v1/labels", &said).status, 403);
    assert_eq!(
        gateway.ask(REWORDED, Some(&keys.app)).cache(),
        "hit-semantic"
    );
    let first = gateway.ask(BREAD, Some(&keys.app));
    let fine = say(&gateway, &keys.app, &id(&first), "right");
    assert_eq!(
        fine.json()["effect"],
        "none",
        "nothing remembered was served"
    );
}

#[test]
fn a_providers_answer_that_was_wrong_is_not_remembered_and_says_nothing_of_its_neighbour() {
    let mock = Mock::start().unwrap();
    let (place, keys) = place(&mock);
    let gateway = place.start();
    gateway.ask(ASKED, Some(&keys.app));
    let negated = "What's not the capital of France?";
    let fresh = gateway.ask(negated, Some(&keys.app));
    assert_eq!(fresh.cache(), "miss");
    gateway.ask_until("hit-exact", negated, Some(&keys.app));
    let said = say(&gateway, &keys.app, &id(&fresh), "wrong");
    assert_eq!(said.json()["effect"], "forgotten", "{said:?}");
    assert_eq!(gateway.ask(negated, Some(&keys.app)).cache(), "miss");
    let told = explain(&gateway, &keys.analyst, &id(&fresh));
    assert_eq!(told["labels"], json!([]), "{told}");
}

#[test]
fn the_queue_gives_a_fair_sample_or_what_is_nearest_to_the_boundary_until_it_is_labelled() {
    let mock = Mock::start().unwrap();
    let (place, keys) = place(&mock);
    let gateway = place.start();
    hit(&gateway, &keys.app);
    for question in [
        BREAD,
        "What is the capital city of France?",
        "Where is France?",
    ] {
        gateway.ask(question, Some(&keys.app));
    }
    let analyst = Admin::new(&gateway, &keys.analyst);
    let queue = |order: &str| {
        let queue = analyst.get(&format!("/admin/v1/queue?namespace=acme&order={order}"));
        assert_eq!(
            queue["waiting"].as_u64().unwrap() as usize,
            queue["data"].as_array().unwrap().len()
        );
        queue["data"].as_array().unwrap().clone()
    };
    let sorted = |rows: &[Value], rank: &dyn Fn(&Value) -> f64| {
        rows.windows(2).all(|w| rank(&w[0]) <= rank(&w[1]))
    };
    let random = queue("random");
    assert!(random.len() >= 4 && sorted(&random, &|d| d["draw"].as_f64().unwrap()));
    let near = queue("boundary");
    let distance = |d: &Value| (d["score"].as_f64().unwrap() - 0.8).abs();
    assert!(sorted(&near, &distance), "{near:?}");
    let request = near[0]["request_id"].clone();
    analyst.post(
        "/admin/v1/labels",
        &json!({"request_id": request, "verdict": "right"}),
    );
    let left = queue("boundary");
    assert_eq!(left.len(), near.len() - 1);
    assert!(left.iter().all(|d| d["request_id"] != request));
}

#[test]
fn texts_of_decisions_and_labels_leave_the_disk_with_those_they_speak_of() {
    let mock = Mock::start().unwrap();
    let (place, keys) = place(&mock);
    let admin_key = place.key("acme", "admin");
    let gateway = place.start();
    // Answers of this model do not repeat the question.
    let ask = |user: &str, question: &str| {
        let bearer = format!("Bearer {}", keys.app);
        let headers = [("authorization", bearer.as_str()), ("x-reprise-user", user)];
        gateway.send(CHAT, &headers, Some(&chat("mock-chunks-3", question)))
    };
    ask("ann", "When does the Zephyrine festival begin for me?");
    let reply = eventually(|| {
        let reply = ask("ann", "when does the Zephyrine festival begin for me");
        (reply.cache() == "hit-semantic").then_some(reply)
    });
    say(&gateway, &keys.app, &id(&reply), "right");
    let held = || texts(&place, "ephyrine");
    explain(&gateway, &keys.analyst, &id(&reply));
    assert_eq!(held(), 2, "a decision and a label");
    let admin = Admin::new(&gateway, &admin_key);
    let deleted = admin.call("DELETE", "/admin/v1/entries?tenant=acme&user=ann");
    assert_eq!(deleted.status, 200, "{deleted:?}");
    assert_eq!(held(), 0);
    let told = explain(&gateway, &keys.analyst, &id(&reply));
    assert_eq!(told["decision"]["outcome"], "hit");
    assert!(told["decision"]["question"].is_null() && !told.to_string().contains("ephyrine"));
}
