//! Stale answers where a policy allows them: at once while one call renews them, or where no provider answers; never
//! what was deleted or said to hold no more, and never to who does not want them.

use serde_json::{Value, json};

use crate::admin::{ASKED, Admin, REWORDED};
use crate::helpers::{CHAT, Gateway, Place, chat, eventually, streamed};
use crate::http::Reply;
use crate::mock::Mock;

const MODE: &str = "x-reprise-cache";
const STANDARD: &str = "cache-control";

/// A gateway on which answers of `acme` are fresh for a second.
struct Stage {
    gateway: Gateway,
    key: String,
    _place: Place,
}

impl Stage {
    fn new(place: Place, windows: &Value) -> Self {
        let place = place.with("REPRISE_RETRY__BASE_MS", "1");
        let key = place.key("acme", "admin");
        let gateway = place.start();
        let mut policy = json!({"ttl_s": 1});
        let windows = windows.as_object().unwrap().clone();
        policy.as_object_mut().unwrap().extend(windows);
        let put = Admin::new(&gateway, &key).put("acme", Some("\"0\""), &policy);
        assert_eq!(put.status, 200, "{put:?}");
        Self {
            gateway,
            key,
            _place: place,
        }
    }

    fn send(&self, body: &str, more: &[(&str, &str)]) -> Reply {
        let bearer = format!("Bearer {}", self.key);
        let mut headers = vec![("authorization", bearer.as_str())];
        headers.extend(more);
        self.gateway.send(CHAT, &headers, Some(body))
    }

    fn ask(&self, model: &str, question: &str, more: &[(&str, &str)]) -> Reply {
        self.send(&chat(model, question), more)
    }

    /// Asks, and waits until the answer is remembered and has gone stale: then nothing younger than a second is left.
    fn teach(&self, model: &str, question: &str, more: &[(&str, &str)]) -> Reply {
        let asked = self.ask(model, question, more);
        assert_eq!(asked.cache(), "miss", "{asked:?}");
        let young = [(MODE, "only"), ("cache-control", "min-fresh=0, max-age=1")];
        eventually(|| (self.ask(model, question, &young).status == 504).then_some(()));
        asked
    }

    fn admin(&self) -> Admin<'_> {
        Admin::new(&self.gateway, &self.key)
    }

    fn figure(&self, name: &str) -> u64 {
        let shown = self.gateway.get("/metrics", Some(&self.key));
        let line = shown.body.lines().find_map(|line| line.strip_prefix(name));
        line.map_or(0, |count| count.trim().parse().unwrap())
    }
}

fn reason(reply: &Reply) -> &str {
    reply.header("x-reprise-reason").unwrap_or_default()
}

fn status(reply: &Reply) -> &str {
    reply.header("cache-status").unwrap_or_default()
}

#[test]
fn what_is_stale_is_served_at_once_while_one_call_renews_it() {
    let mock = Mock::start().unwrap();
    let windows = json!({"stale_while_revalidate_s": 600});
    let stage = Stage::new(Place::new(&mock), &windows);
    let model = "mock-slow-1000";
    stage.teach(model, ASKED, &[]);
    let begun = std::time::Instant::now();
    std::thread::scope(|scope| {
        let asks: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| stage.ask(model, ASKED, &[])))
            .collect();
        for ask in asks {
            let stale = ask.join().unwrap();
            assert_eq!(
                (stale.cache(), reason(&stale)),
                ("hit-exact", "stale_while_revalidate")
            );
            assert!(
                status(&stale).starts_with("reprise; hit; ttl=-"),
                "{stale:?}"
            );
            assert!(
                stale.header("age").unwrap().parse::<u64>().unwrap() >= 1,
                "{stale:?}"
            );
        }
    });
    assert!(
        begun.elapsed().as_millis() < 1000,
        "nobody waited for the provider"
    );
    let renewed = eventually(|| {
        let asked = stage.ask(model, ASKED, &[(MODE, "only")]);
        (reason(&asked) == "same_request").then_some(asked)
    });
    assert!(
        status(&renewed).starts_with("reprise; hit; ttl=") && !status(&renewed).contains("ttl=-"),
        "{renewed:?}"
    );
    assert_eq!(mock.seen().count(), 2, "one call renews it for all");
    assert!(stage.figure("reprise_stale_total{why=\"stale_while_revalidate\"}") >= 8);
    assert_eq!(
        stage.figure("reprise_renewals_total{outcome=\"renewed\"}"),
        1
    );
}

#[test]
fn another_wording_is_served_stale_too_and_renewed_under_its_own_words() {
    let mock = Mock::start().unwrap();
    let windows = json!({"stale_while_revalidate_s": 600});
    let stage = Stage::new(Place::new(&mock).alike(), &windows);
    stage.teach("mock-plain", ASKED, &[]);
    let stale = stage.ask("mock-plain", REWORDED, &[]);
    assert_eq!(
        (stale.cache(), reason(&stale)),
        ("hit-semantic", "stale_while_revalidate")
    );
    assert!(stale.text().contains(ASKED), "{stale:?}");
    eventually(|| {
        let asked = stage.ask("mock-plain", REWORDED, &[]);
        asked.text().contains(REWORDED).then_some(())
    });
}

#[test]
fn who_wants_it_fresh_is_not_served_stale_and_memory_alone_asks_nobody() {
    let mock = Mock::start().unwrap();
    let windows = json!({"stale_while_revalidate_s": 600});
    let stage = Stage::new(Place::new(&mock), &windows);
    stage.teach("mock-plain", ASKED, &[]);
    let only = stage.ask("mock-plain", ASKED, &[(STANDARD, "only-if-cached")]);
    assert_eq!(reason(&only), "stale_while_revalidate", "{only:?}");
    for wish in ["max-age=1", "min-fresh=1"] {
        let wishes = [(STANDARD, wish), (MODE, "only")];
        assert_eq!(
            stage.ask("mock-plain", ASKED, &wishes).status,
            504,
            "{wish}"
        );
    }
    assert_eq!(mock.seen().count(), 1, "nobody was asked");
    let fresh = stage.ask("mock-plain", ASKED, &[(STANDARD, "no-cache")]);
    assert_eq!(fresh.cache(), "refresh");
    // Who says how long an answer may be remembered does not want it stale.
    let other = "How do I bake bread?";
    stage.teach("mock-plain", other, &[("x-reprise-ttl", "1")]);
    assert_eq!(
        stage.ask("mock-plain", other, &[(MODE, "only")]).status,
        504
    );
}

#[test]
fn where_no_provider_answers_something_stale_does() {
    let mock = Mock::start().unwrap();
    let windows = json!({"stale_if_error_s": 600});
    let stage = Stage::new(Place::new(&mock).alike(), &windows);
    // It answers once, and then fails whoever asks.
    let model = "mock-worn-1";
    stage.teach(model, ASKED, &[]);
    let asked = mock.seen().count();
    let stale = stage.ask(model, ASKED, &[]);
    assert_eq!(
        (stale.status, stale.cache(), reason(&stale)),
        (200, "hit-exact", "stale_if_error")
    );
    assert!(
        status(&stale).starts_with("reprise; fwd=stale; ttl=-"),
        "{stale:?}"
    );
    assert!(mock.seen().count() > asked, "it was asked first");
    for wish in ["no-cache", "max-age=1", "min-fresh=1"] {
        let failed = stage.ask(model, ASKED, &[(STANDARD, wish)]);
        assert_eq!(failed.status, 502, "{wish}: {failed:?}");
    }
    assert_eq!(
        stage.ask(model, "How do I bake bread?", &[]).cache(),
        "miss"
    );
    // Nobody is there any more: in the other framing, and in other words.
    drop(mock);
    let event = stage.send(&streamed(model, ASKED), &[]);
    assert_eq!(
        (event.cache(), reason(&event)),
        ("hit-exact", "stale_if_error")
    );
    let reworded = stage.ask(model, REWORDED, &[]);
    assert_eq!(
        (reworded.cache(), reason(&reworded)),
        ("hit-semantic", "stale_if_error")
    );
    assert!(stage.figure("reprise_stale_total{why=\"stale_if_error\"}") >= 3);
    let unknown = stage.ask(model, "Who was Ada Lovelace?", &[]);
    assert_eq!(unknown.status, 502, "{unknown:?}");
}

#[test]
fn what_was_deleted_or_said_to_hold_no_more_is_not_served_stale_either() {
    let mock = Mock::start().unwrap();
    let windows = json!({"stale_if_error_s": 600, "stale_while_revalidate_s": 600});
    let stage = Stage::new(Place::new(&mock), &windows);
    // It answers each question once, and then fails.
    let (model, other) = ("mock-worn-1", "How do I bake bread?");
    stage.teach(model, ASKED, &[("x-reprise-tags", "a")]);
    stage.teach(model, other, &[]);
    // Memory alone is asked: a renewal would not be stale.
    let served = |question| stage.ask(model, question, &[(MODE, "only")]).status == 200;
    assert!(served(ASKED) && served(other));
    let marked = stage
        .admin()
        .post("/admin/v1/invalidate", &json!({"tag": "a"}));
    assert_eq!(marked.status, 200, "{marked:?}");
    assert!(!served(ASKED) && served(other));
    let deleted = stage
        .admin()
        .call("DELETE", "/admin/v1/entries?tenant=acme");
    assert_eq!(deleted.status, 200, "{deleted:?}");
    assert!(!served(other));
    for question in [ASKED, other] {
        assert_eq!(stage.ask(model, question, &[]).status, 502, "{question}");
    }
}

#[test]
fn nothing_stale_is_served_unless_the_policy_says_so() {
    let mock = Mock::start().unwrap();
    let stage = Stage::new(Place::new(&mock), &json!({}));
    stage.teach("mock-worn-1", ASKED, &[]);
    let failed = stage.ask("mock-worn-1", ASKED, &[]);
    assert_eq!(failed.status, 502, "{failed:?}");
    let refused = stage
        .admin()
        .put("acme", Some("\"1\""), &json!({"stale_if_error_s": -1}));
    assert_eq!(refused.status, 400, "{refused:?}");
}
