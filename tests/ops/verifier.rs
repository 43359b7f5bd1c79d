//! The model that reads both questions: it settles what cosine and guards leave open, is asked when the policy says so, and
//! where it says nothing the rest must be surer.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::admin::Admin;
use crate::helpers::{Gateway, Place, eventually};
use crate::http::Reply;
use crate::mock::Mock;

/// Remembered; what follows is asked then.
const STORED: [&str; 2] = [
    "How do I clean a leather sofa?",
    "How do I teach my child to swim?",
];
/// The first in other words, of which cosine and guards alone are not sure enough.
const OTHER_WORDS: &str = "What's the right way to get a leather couch clean?";
/// Another question than the second, of which they are.
const OTHER: &str = "How do I teach my child to dive?";
/// What is enough: between the two.
const ENOUGH: f64 = 0.6;

fn place(mock: &Mock) -> (Place, String) {
    let place = Place::new(mock)
        .semantic()
        .with("REPRISE_CACHE__DECIDE", "probability")
        .with("REPRISE_CACHE__PROBABILITY", &ENOUGH.to_string())
        .with("REPRISE_VERIFIER__ENABLED", "true");
    let key = place.key("acme", "admin");
    (place, key)
}

/// Remembers [`STORED`].
fn stored(gateway: &Gateway, key: &str) {
    for question in STORED {
        gateway.ask(question, Some(key));
        gateway.ask_until("hit-exact", question, Some(key));
    }
}

/// Asks memory alone, so that nothing new is remembered.
fn only(gateway: &Gateway, key: &str, question: &str) -> Reply {
    let bearer = format!("Bearer {key}");
    let headers = [
        ("authorization", bearer.as_str()),
        ("x-reprise-cache", "only"),
    ];
    let body = crate::helpers::chat("mock-plain", question);
    gateway.send(crate::helpers::CHAT, &headers, Some(&body))
}

/// What was seen of the candidate that decided a request.
fn candidate(admin: &Admin<'_>, reply: &Reply) -> Value {
    let id = reply.header("x-reprise-request-id").unwrap();
    let told = admin.get(&format!("/admin/v1/explain/{id}"));
    told["decision"]["candidates"][0].clone()
}

fn says(candidate: &Value) -> f64 {
    candidate["verifier"]["says"].as_f64().unwrap()
}

/// The probability by cosine and guards.
fn alone(candidate: &Value) -> f64 {
    candidate["model_probability"].as_f64().unwrap()
}

/// Pairs counted with one result.
fn pairs(gateway: &Gateway, key: &str, result: &str) -> u64 {
    let told = gateway.get("/metrics", Some(key)).body;
    let name = format!("reprise_verifier_pairs_total{{result=\"{result}\"}} ");
    let mut lines = told.lines();
    let figure = lines.find_map(|line| line.strip_prefix(&name)?.parse().ok());
    figure.unwrap_or(0)
}

#[test]
fn what_cosine_and_guards_leave_open_it_settles_and_each_pair_is_read_once() {
    let mock = Mock::start().unwrap();
    let (place, key) = place(&mock);
    let gateway = place.start();
    let admin = Admin::new(&gateway, &key);
    stored(&gateway, &key);
    let same = only(&gateway, &key, OTHER_WORDS);
    assert_eq!(
        (same.status, same.cache()),
        (200, "hit-semantic"),
        "{same:?}"
    );
    let seen = candidate(&admin, &same);
    assert!(alone(&seen) < ENOUGH && says(&seen) > 0.6, "{seen}");
    assert_eq!(seen["verifier"]["probability"], seen["score"], "{seen}");
    let other = only(&gateway, &key, OTHER);
    assert_eq!(other.status, 504, "{other:?}");
    let seen = candidate(&admin, &other);
    let told = seen["verifier"]["probability"].as_f64().unwrap();
    assert!(alone(&seen) >= ENOUGH && told < 0.3, "{seen}");
    assert_eq!(seen["verdict"], "below_probability", "{seen}");
    assert_eq!(
        (
            pairs(&gateway, &key, "read"),
            pairs(&gateway, &key, "remembered")
        ),
        (2, 0)
    );
    only(&gateway, &key, OTHER);
    assert_eq!(
        (
            pairs(&gateway, &key, "read"),
            pairs(&gateway, &key, "remembered")
        ),
        (2, 1)
    );
}

#[test]
fn what_one_tenant_had_read_is_read_anew_for_another() {
    let mock = Mock::start().unwrap();
    let (place, key) = place(&mock);
    let other = place.key("globex", "app");
    let gateway = place.start();
    for key in [&key, &other] {
        stored(&gateway, key);
        only(&gateway, key, OTHER);
    }
    let told = ["read", "remembered"].map(|result| pairs(&gateway, &key, result));
    assert_eq!(told, [2, 0]);
}

#[test]
fn a_policy_says_when_it_is_asked() {
    let mock = Mock::start().unwrap();
    let (place, key) = place(&mock);
    let gateway = place.start();
    let admin = Admin::new(&gateway, &key);
    stored(&gateway, &key);
    let mut version = 0;
    let mut under = |policy: Value| {
        let changed = admin.put("acme", Some(&format!("\"{version}\"")), &policy);
        assert_eq!(changed.status, 200, "{changed:?}");
        version += 1;
        let told = [OTHER_WORDS, OTHER].map(|question| only(&gateway, &key, question));
        told.map(|reply| {
            (
                reply.status == 200,
                !candidate(&admin, &reply)["verifier"].is_null(),
            )
        })
    };
    assert_eq!(
        under(json!({"verifier": "always"})),
        [(true, true), (false, true)]
    );
    assert_eq!(
        under(json!({"verifier": "never"})),
        [(false, false), (true, false)]
    );
    let narrow = json!({"verifier": "grey", "grey": {"from": 0.6, "to": 0.99}});
    assert_eq!(under(narrow), [(false, false), (false, true)]);
    let by_cosine = json!({"verifier": "always", "kind": "threshold", "threshold": 0.5});
    assert_eq!(under(by_cosine), [(true, false), (true, false)]);
    for (policy, word) in [
        (json!({"verifier": "sometimes"}), "`sometimes`"),
        (json!({"grey": {"from": 0.9, "to": 0.2}}), "`grey`"),
        (json!({"grey": {"from": 0.1}}), "to"),
        (json!({"grey": [0.1, 0.9]}), "`from`"),
    ] {
        let refused = admin.put("acme", Some("\"4\""), &policy);
        let told = refused.json()["error"]["message"].to_string();
        assert!(refused.status == 400 && told.contains(word), "{told}");
    }
}

#[test]
fn where_it_says_nothing_the_rest_must_be_surer() {
    let mock = Mock::start().unwrap();
    let (place, key) = place(&mock);
    // No run is over within a millisecond.
    let place = place.with("REPRISE_VERIFIER__DEADLINE_MS", "1");
    let gateway = place.start();
    let admin = Admin::new(&gateway, &key);
    stored(&gateway, &key);
    let other = only(&gateway, &key, OTHER);
    assert_eq!(
        other.header("x-reprise-reason"),
        Some("not_verified"),
        "{other:?}"
    );
    let seen = candidate(&admin, &other);
    assert!(
        seen["verifier"]["says"].is_null() && seen["verifier"].is_object(),
        "{seen}"
    );
    assert_eq!(seen["verdict"], "not_verified");
    assert_eq!(pairs(&gateway, &key, "deadline"), 1);
}

#[test]
fn without_it_cosine_and_guards_decide_alone() {
    let mock = Mock::start().unwrap();
    let (place, key) = place(&mock);
    let place = place
        .with("REPRISE_VERIFIER__ENABLED", "false")
        .with("REPRISE_VERIFIER__MODEL_DIR", "/nowhere");
    let gateway = place.start();
    let admin = Admin::new(&gateway, &key);
    stored(&gateway, &key);
    let other = only(&gateway, &key, OTHER);
    assert_eq!(other.status, 200, "{other:?}");
    assert!(candidate(&admin, &other)["verifier"].is_null());
}

/// A copy of the committed model in which its manifest says something else.
fn another(place: &Place, was: &str, is: &str) -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/verifier");
    let folder = place.beside("another");
    fs::create_dir(&folder).unwrap();
    for name in ["model.onnx", "tokenizer.json"] {
        fs::copy(own.join(name), folder.join(name)).unwrap();
    }
    let manifest = fs::read_to_string(own.join("MANIFEST.toml")).unwrap();
    let line = manifest.lines().find(|line| line.starts_with(was)).unwrap();
    fs::write(folder.join("MANIFEST.toml"), manifest.replace(line, is)).unwrap();
    folder
}

#[test]
fn another_model_takes_its_place_by_configuration() {
    let mock = Mock::start().unwrap();
    let (place, key) = place(&mock);
    // One that finds nothing alike.
    let folder = another(&place, "shift", "shift = -20.0");
    let place = place.with("REPRISE_VERIFIER__MODEL_DIR", folder.to_str().unwrap());
    let gateway = place.start();
    let admin = Admin::new(&gateway, &key);
    stored(&gateway, &key);
    let same = only(&gateway, &key, OTHER_WORDS);
    assert_eq!(same.status, 504, "{same:?}");
    assert!(says(&candidate(&admin, &same)) < 0.01);
}

#[test]
fn a_model_that_does_not_fit_keeps_the_gateway_from_starting_and_check_says_why() {
    let mock = Mock::start().unwrap();
    let (place, _) = place(&mock);
    let folder = another(&place, "output", "output = \"nothing\"");
    let place = place.with("REPRISE_VERIFIER__MODEL_DIR", folder.to_str().unwrap());
    for arguments in [["serve"].as_slice(), &["check"]] {
        let told = place.refusal(arguments).join("\n");
        assert!(
            told.contains("the verifier") && told.contains("nothing"),
            "{told}"
        );
    }
    fs::write(folder.join("model.onnx"), "no model").unwrap();
    let told = place.refusal(&["check"]).join("\n");
    assert!(told.contains("checksum"), "{told}");
}

#[test]
fn a_model_of_another_script_starts_and_one_for_no_pair_at_all_does_not() {
    let mock = Mock::start().unwrap();
    let (place, key) = place(&mock);
    let folder = another(&place, "scripts", "scripts = [\"Cyrillic\"]");
    let place = place.with("REPRISE_VERIFIER__MODEL_DIR", folder.to_str().unwrap());
    let gateway = place.start();
    stored(&gateway, &key);
    only(&gateway, &key, OTHER);
    assert_eq!(pairs(&gateway, &key, "unsupported_language"), 1);
    drop(gateway);
    let manifest = folder.join("MANIFEST.toml");
    let text = fs::read_to_string(&manifest).unwrap();
    fs::write(&manifest, text.replace("window = 128", "window = 5")).unwrap();
    let told = place.refusal(&["check"]).join("\n");
    assert!(told.contains("more than `window`"), "{told}");
}

#[test]
fn a_folder_that_is_not_there_stops_the_start_whichever_embedding_model_is_next() {
    let mock = Mock::start().unwrap();
    let (place, _) = place(&mock);
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/all-MiniLM-L6-v2");
    let place = place
        .with("REPRISE_VERIFIER__MODEL_DIR", "/nowhere")
        .with("REPRISE_EMBEDDING__NEXT_MODEL_DIR", own.to_str().unwrap());
    for arguments in [["serve"].as_slice(), &["check"]] {
        let told = place.refusal(arguments).join("\n");
        assert!(told.contains("verifier.model_dir"), "{told}");
    }
    // `check` tells what is wrong with the next one in the same go.
    let place = place.with("REPRISE_EMBEDDING__NEXT_MODEL_DIR", "/nowhere-either");
    let told = place.refusal(&["check"]).join("\n");
    let both = told.contains("verifier.model_dir") && told.contains("/nowhere-either");
    assert!(both, "{told}");
}

#[test]
fn a_candidate_that_others_were_likelier_than_decides_nothing() {
    let mock = Mock::start().unwrap();
    let (place, key) = place(&mock);
    let place = place.with("REPRISE_VERIFIER__CANDIDATES", "1");
    let gateway = place.start();
    let admin = Admin::new(&gateway, &key);
    for what in ["swim", "sing", "draw"] {
        let question = format!("How do I teach my child to {what}?");
        gateway.ask(&question, Some(&key));
        gateway.ask_until("hit-exact", &question, Some(&key));
    }
    let before = pairs(&gateway, &key, "read");
    let other = only(&gateway, &key, OTHER);
    assert_eq!(pairs(&gateway, &key, "read"), before + 1);
    let seen = candidate(&admin, &other);
    assert!(seen["verifier"]["says"].is_number(), "{seen}");
    let reason = other.header("x-reprise-reason");
    assert_eq!(reason, Some("below_probability"), "{other:?}");
}

#[test]
fn a_preview_has_it_read_what_nobody_asked_it_of() {
    let mock = Mock::start().unwrap();
    let (place, key) = place(&mock);
    let gateway = place.start();
    let admin = Admin::new(&gateway, &key);
    stored(&gateway, &key);
    let off = admin.put("acme", Some("\"0\""), &json!({"verifier": "never"}));
    assert_eq!(off.status, 200, "{off:?}");
    for question in [OTHER_WORDS, OTHER] {
        candidate(&admin, &only(&gateway, &key, question));
    }
    let draft = json!({"namespace": "acme", "policy": {"verifier": "grey"}});
    let told = admin.post("/admin/v1/preview", &draft).json();
    let (comparison, unread) = (&told["comparison"], &told["unread"]);
    assert_eq!(
        (&comparison["gained"], &comparison["lost"]),
        (&json!(1), &json!(1)),
        "{told}"
    );
    assert_eq!(
        (unread, pairs(&gateway, &key, "read")),
        (&json!(0), 2),
        "{told}"
    );
}

#[test]
fn what_a_preview_has_no_text_of_it_tells_as_unread() {
    let mock = Mock::start().unwrap();
    let (place, key) = place(&mock);
    let gateway = place.start();
    let admin = Admin::new(&gateway, &key);
    stored(&gateway, &key);
    // What is remembered has its text, what is decided from now on has none.
    let silent = json!({"verifier": "never", "keep_text": false});
    let off = admin.put("acme", Some("\"0\""), &silent);
    assert_eq!(off.status, 200, "{off:?}");
    for question in [OTHER_WORDS, OTHER] {
        candidate(&admin, &only(&gateway, &key, question));
    }
    let draft = json!({"namespace": "acme", "policy": {"verifier": "grey"}});
    let told = admin.post("/admin/v1/preview", &draft).json();
    assert_eq!(
        (&told["unread"], pairs(&gateway, &key, "read")),
        (&json!(2), 0),
        "{told}"
    );
}

#[test]
fn a_change_in_the_shadow_is_told_what_it_says() {
    let mock = Mock::start().unwrap();
    let (place, key) = place(&mock);
    let gateway = place.start();
    let admin = Admin::new(&gateway, &key);
    stored(&gateway, &key);
    let off = admin.put("acme", Some("\"0\""), &json!({"verifier": "never"}));
    assert_eq!(off.status, 200, "{off:?}");
    let change = json!({"namespace": "acme", "policy": {"verifier": "grey"}});
    let made = admin.post("/admin/v1/changes", &change);
    assert!(made.status < 300, "{made:?}");
    let id = made.json()["id"].as_str().unwrap().to_owned();
    let moved = admin.post(
        &format!("/admin/v1/changes/{id}"),
        &json!({"stage": "shadow"}),
    );
    assert!(moved.status < 300, "{moved:?}");
    let reply = eventually(|| {
        let reply = only(&gateway, &key, OTHER_WORDS);
        let seen = candidate(&admin, &reply);
        seen["verifier"].is_object().then_some(reply)
    });
    assert_eq!(reply.status, 504, "the policy in force does not ask it");
    let request = reply.header("x-reprise-request-id").unwrap();
    let told = admin.get(&format!("/admin/v1/explain/{request}"));
    assert_eq!(told["decision"]["change"]["serves"], true, "{told}");
}
