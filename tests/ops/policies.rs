//! What a changed policy does to what is remembered already, and what is kept of questions
//! where their text is not.

use std::fs;
use std::path::Path;

use serde_json::json;

use crate::admin::{ASKED, Admin, REWORDED};
use crate::helpers::{CHAT, Gateway, Place, chat, eventually, files};
use crate::http::Reply;
use crate::mock::Mock;

/// A place where much alike is enough, and the key of its admin.
fn place(mock: &Mock) -> (Place, String) {
    let place = Place::new(mock).alike();
    let key = place.key("acme", "admin");
    (place, key)
}

/// Asks memory alone.
fn only(gateway: &Gateway, key: &str, question: &str) -> Reply {
    let bearer = format!("Bearer {key}");
    let headers = [
        ("authorization", bearer.as_str()),
        ("x-reprise-cache", "only"),
    ];
    gateway.send(CHAT, &headers, Some(&chat("mock-plain", question)))
}

#[test]
fn a_shorter_ttl_ends_what_is_remembered_and_a_longer_one_revives_nothing() {
    let mock = Mock::start().unwrap();
    let (place, key) = place(&mock);
    let gateway = place.start();
    let admin = Admin::new(&gateway, &key);
    let live_for = |version: &str, ttl_s: u64| {
        let changed = admin.put("acme", Some(version), &json!({"ttl_s": ttl_s}));
        assert_eq!(changed.status, 200, "{changed:?}");
    };
    let rest = |question: &str| {
        let hit = gateway.ask_until(hit_of(question), question, Some(&key));
        let status = hit.header("cache-status").unwrap();
        let ttl = status.strip_prefix("reprise; hit; ttl=").unwrap();
        ttl.split(';').next().unwrap().parse::<u64>().unwrap()
    };
    gateway.ask(ASKED, Some(&key));
    for question in [ASKED, REWORDED] {
        assert!((86_000..=86_400).contains(&rest(question)));
    }
    live_for("\"0\"", 3600);
    for question in [ASKED, REWORDED] {
        assert!((3_000..=3_600).contains(&rest(question)), "shorter at once");
    }
    live_for("\"1\"", 86_400);
    assert!((86_000..=86_400).contains(&rest(ASKED)), "it never died");
    live_for("\"2\"", 1);
    let missed = |question| only(&gateway, &key, question).status == 504;
    for question in [ASKED, REWORDED] {
        eventually(|| missed(question).then_some(()));
    }
    live_for("\"3\"", 86_400);
    assert!(missed(ASKED) && missed(REWORDED), "dead for good");
    assert_eq!(gateway.ask(ASKED, Some(&key)).cache(), "miss");
    for question in [ASKED, REWORDED] {
        assert!((86_000..=86_400).contains(&rest(question)), "a new life");
    }
    let policy = admin.get("/admin/v1/policies/acme");
    let same = admin.put("acme", Some("\"4\""), &policy);
    assert_eq!(
        same.status, 200,
        "a policy can be sent back whole: {same:?}"
    );
}

#[test]
fn times_of_classes_come_by_name_and_not_as_a_list() {
    let mock = Mock::start().unwrap();
    let (place, key) = place(&mock);
    let gateway = place.start();
    let admin = Admin::new(&gateway, &key);
    let listed = json!({"ttl_classes": [1, 2, 3]});
    for draft in [listed.clone(), json!({"models": {"gpt-4o": listed}})] {
        let change = json!({"namespace": "acme", "policy": draft});
        for refused in [
            admin.put("acme", Some("\"0\""), &draft),
            admin.post("/admin/v1/changes", &change),
        ] {
            assert_eq!(refused.status, 400, "{refused:?}");
            let message = refused.json()["error"]["message"].to_string();
            let clear = "`ttl_classes` is not an object";
            assert!(message.contains(clear), "{message}");
        }
    }
    let named = json!({"ttl_classes": {"static": null, "never": 3}, "models": {"x": {"ttl_classes": null}}});
    let changed = admin.put("acme", Some("\"0\""), &named);
    assert_eq!(changed.json()["ttl_classes"]["never"], 3, "{changed:?}");
}

#[test]
fn an_answer_that_a_policy_ended_does_not_stand_before_a_living_one_less_alike() {
    let mock = Mock::start().unwrap();
    let (place, key) = place(&mock);
    let gateway = place.start();
    let admin = Admin::new(&gateway, &key);
    gateway.ask(ASKED, Some(&key));
    let nearest = gateway.ask_until("hit-semantic", REWORDED, Some(&key));
    // It is younger: once it is dead the other is, which nobody has met since.
    let younger = "How do I bake bread?";
    gateway.ask(younger, Some(&key));
    gateway.ask_until("hit-exact", younger, Some(&key));
    let live_for = |version: &str, ttl_s: u64| {
        let changed = admin.put("acme", Some(version), &json!({"ttl_s": ttl_s}));
        assert_eq!(changed.status, 200, "{changed:?}");
    };
    live_for("\"0\"", 1);
    eventually(|| (only(&gateway, &key, younger).status == 504).then_some(()));
    live_for("\"1\"", 86_400);
    let other = "Which city is the capital of France?";
    let bearer = format!("Bearer {key}");
    let unread = [
        ("authorization", bearer.as_str()),
        ("x-reprise-cache", "refresh"),
    ];
    let stored = gateway.send(CHAT, &unread, Some(&chat("mock-plain", other)));
    assert_eq!(stored.cache(), "refresh", "{stored:?}");
    gateway.ask_until("hit-exact", other, Some(&key));
    let hit = only(&gateway, &key, REWORDED);
    assert_eq!(hit.cache(), "hit-semantic", "{hit:?}");
    assert!(hit.text().contains(other), "{hit:?}");
    let alike = |reply: &Reply| -> f64 {
        let said = reply.header("x-reprise-similarity").unwrap();
        said.parse().unwrap()
    };
    assert!(alike(&hit) < alike(&nearest), "{hit:?} {nearest:?}");
}

#[test]
fn a_default_that_was_shorter_for_a_while_revives_nothing_when_it_grows_again() {
    let mock = Mock::start().unwrap();
    let (place, key) = place(&mock);
    let gateway = place.start();
    gateway.ask(ASKED, Some(&key));
    gateway.ask_until("hit-exact", ASKED, Some(&key));
    gateway.stop();
    let place = place.with("REPRISE_CACHE__TTL_S", "1");
    let gateway = place.start();
    eventually(|| (only(&gateway, &key, ASKED).status == 504).then_some(()));
    gateway.stop();
    let place = place.with("REPRISE_CACHE__TTL_S", "86400");
    for _ in 0..2 {
        let gateway = place.start();
        assert_eq!(only(&gateway, &key, ASKED).status, 504, "dead for good");
        gateway.stop();
    }
    let gateway = place.start();
    assert_eq!(gateway.ask(ASKED, Some(&key)).cache(), "miss");
    gateway.ask_until("hit-exact", ASKED, Some(&key));
    gateway.stop();
    let again = place.start();
    assert_eq!(only(&again, &key, ASKED).cache(), "hit-exact");
}

fn hit_of(question: &str) -> &'static str {
    if question == ASKED {
        "hit-exact"
    } else {
        "hit-semantic"
    }
}

/// Whether any file of a folder holds this text as it is.
fn on_disk(folder: &Path, text: &str) -> bool {
    let holds = |bytes: &[u8]| bytes.windows(text.len()).any(|w| w == text.as_bytes());
    files(folder).iter().any(|p| holds(&fs::read(p).unwrap()))
}

#[test]
fn where_text_is_not_kept_it_is_neither_shown_nor_on_disk_and_meaning_still_hits() {
    let mock = Mock::start().unwrap();
    for keep in ["true", "false"] {
        let place = Place::new(&mock)
            .alike()
            .with("REPRISE_CACHE__KEEP_TEXT", keep);
        let kept = keep == "true";
        let key = place.key("acme", "admin");
        let gateway = place.start();
        // A model whose answers do not repeat the question.
        let ask = |question: &str| {
            let bearer = format!("Bearer {key}");
            let headers = [("authorization", bearer.as_str())];
            gateway.send(CHAT, &headers, Some(&chat("mock-chunks-3", question)))
        };
        assert_eq!(ask("Which dishes are made in turkey?").cache(), "miss");
        assert_eq!(ask("Which dishes are made in turkey?").cache(), "hit-exact");
        assert_eq!(
            ask("which dishes are made in turkey").cache(),
            "hit-semantic"
        );
        let blind = ask("Which dishes are made in Turkey?");
        assert_eq!(
            (blind.cache(), blind.header("x-reprise-reason")),
            ("miss", Some("same_tokens_other_text"))
        );
        let admin = Admin::new(&gateway, &key);
        let entries = eventually(|| Some(admin.rows("/admin/v1/entries")).filter(|e| e.len() == 2));
        assert!(entries.iter().all(|e| e["question"].is_string() == kept));
        let decisions = admin.rows("/admin/v1/decisions");
        assert_eq!(decisions.len(), 2, "{decisions:?}");
        for text in ["question", "candidate"] {
            assert!(decisions.iter().all(|d| d[text].is_string() == kept));
        }
        gateway.stop();
        assert_eq!(on_disk(&place.data, "dishes are made in"), kept);
        let gateway = place.start();
        let bearer = format!("Bearer {key}");
        eventually(|| {
            let headers = [
                ("authorization", bearer.as_str()),
                ("x-reprise-cache", "only"),
            ];
            let body = chat("mock-chunks-3", "which dishes are made in turkey");
            let again = gateway.send(CHAT, &headers, Some(&body));
            (again.cache() == "hit-semantic").then_some(())
        });
    }
}

#[test]
fn a_policy_that_stops_keeping_text_hides_what_was_kept_before() {
    let mock = Mock::start().unwrap();
    let (place, key) = place(&mock);
    let gateway = place.start();
    let admin = Admin::new(&gateway, &key);
    gateway.ask(ASKED, Some(&key));
    gateway.ask_until("hit-semantic", REWORDED, Some(&key));
    let texts = || {
        let rows = [
            admin.rows("/admin/v1/entries"),
            admin.rows("/admin/v1/decisions"),
        ];
        rows.concat()
            .iter()
            .filter(|r| r["question"].is_string())
            .count()
    };
    assert_eq!(texts(), 2);
    let hidden = admin.put("acme", Some("\"0\""), &json!({"keep_text": false}));
    assert_eq!(hidden.status, 200, "{hidden:?}");
    assert_eq!(texts(), 0);
}
