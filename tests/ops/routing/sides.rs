//! Shares of the traffic that go elsewhere, or also elsewhere, and conversations that stay where they are.

use std::collections::{HashMap, HashSet};

use serde_json::json;

use super::fleet::{Fleet, Sailing, provider};
use crate::helpers::{CHAT, chat, eventually};
use crate::http::Reply;
use crate::rates::metric;

/// A turn of a conversation that a header names.
fn turn(fleet: &Sailing, conversation: usize, turn: usize) -> Reply {
    let named = format!("talk-{conversation}");
    let body = chat("m", &format!("What is number {turn}?"));
    let headers = [("x-reprise-conversation", named.as_str())];
    fleet.gateway.send(CHAT, &headers, Some(&body))
}

fn route(rest: &str) -> String {
    format!("[{{ model = 'm', candidates = [{{ provider = 'a' }}], {rest} }}]")
}

#[test]
fn a_canary_takes_its_share_of_the_conversations_and_keeps_them() {
    let canary = route("canary = { provider = 'b', model = 'mock-new', share = 0.25 }");
    let fleet = Fleet::of(2).with("routes", &canary).start();
    let first: Vec<_> = (0..400)
        .map(|c| provider(&turn(&fleet, c, 0)).to_owned())
        .collect();
    let taken = first.iter().filter(|p| *p == "b").count();
    assert!((70..=130).contains(&taken), "{taken} of 400");
    for (conversation, first) in first.iter().enumerate().take(60) {
        for later in 1..3 {
            assert_eq!(provider(&turn(&fleet, conversation, later)), first);
        }
    }
    let answered = metric(
        &fleet.gateway,
        "reprise_canary_total{outcome=\"answered\"} ",
    );
    assert_eq!(answered, fleet.calls()[1]);
}

#[test]
fn a_canary_that_fails_leaves_its_requests_to_the_others() {
    let canary = route("canary = { provider = 'b', model = 'mock-status-500', share = 1 }");
    let fleet = Fleet::of(2).with("routes", &canary).start();
    for conversation in 0..5 {
        assert_eq!(provider(&turn(&fleet, conversation, 0)), "a");
    }
    assert_eq!(fleet.calls(), [5, 5]);
    let fell_back = metric(
        &fleet.gateway,
        "reprise_canary_total{outcome=\"fell_back\"} ",
    );
    assert_eq!(fell_back, 5);
}

#[test]
fn a_canarys_answers_are_not_remembered_for_those_whom_it_is_not_for() {
    let canary = route("canary = { provider = 'b', model = 'mock-new', share = 1 }");
    let fleet = Fleet::of(2)
        .with("cache.enabled", "true")
        .with("routes", &canary)
        .start();
    for _ in 0..3 {
        let reply = fleet.ask();
        assert_eq!((provider(&reply), reply.cache()), ("b", "miss"));
    }
    let line = "reprise_not_stored_total{reason=\"fallback_model\"} ";
    assert_eq!(metric(&fleet.gateway, line), 3);
}

#[test]
fn a_shadow_is_asked_too_and_nobody_waits_for_it_or_sees_its_answer() {
    let shadow = route("shadow = { provider = 'b', model = 'mock-gated', share = 1 }");
    let fleet = Fleet::of(2)
        .with("cache.enabled", "true")
        .with("routes", &shadow)
        .start();
    let b = fleet.mocks[1].seen();
    let reply = fleet.ask();
    assert_eq!((provider(&reply), reply.cache()), ("a", "miss"));
    eventually(|| (b.count() == 1).then_some(()));
    let body = &b.requests()[0]["body"];
    assert_eq!(body["model"], "mock-gated");
    let hit = eventually(|| Some(fleet.ask()).filter(|r| r.cache() == "hit-exact"));
    assert_eq!(hit.json()["model"], "m", "the answer of the route's own");
    b.open();
    let line = "reprise_shadow_total{outcome=\"ok\"} ";
    eventually(|| (metric(&fleet.gateway, line) == b.count()).then_some(()));
    let again = fleet.ask();
    assert_eq!(
        (again.cache(), again.json()["model"].as_str()),
        ("hit-exact", Some("m"))
    );
    assert_eq!(b.count(), 1, "a hit asks nobody, the shadow neither");
}

#[test]
fn nothing_is_remembered_of_a_shadow_where_the_others_fail() {
    let routes = "[{ model = 'm', candidates = [{ provider = 'a', model = 'mock-status-500' }], \
        shadow = { provider = 'b', share = 1 } }]";
    let fleet = Fleet::of(2)
        .with("cache.enabled", "true")
        .with("routes", routes)
        .start();
    let line = "reprise_shadow_total{outcome=\"ok\"} ";
    for asked in 1..=3 {
        let reply = fleet.ask();
        assert_eq!((reply.status, reply.cache()), (502, "miss"));
        eventually(|| (metric(&fleet.gateway, line) == asked).then_some(()));
    }
    assert_eq!(fleet.calls(), [3, 3]);
}

#[test]
fn a_failing_shadow_is_asked_once_and_spends_nothing_of_what_clients_need() {
    let routes = "[{ model = 'm', candidates = [{ provider = 'a', model = 'mock-flaky-1' }], \
        shadow = { provider = 'b', model = 'mock-status-500', share = 1 } }]";
    let fleet = Fleet::of(2)
        .with("retry.max_attempts", "2")
        .with("retry.base_ms", "1")
        .with("retry.budget_share", "1")
        .with("retry.budget_per_s", "0")
        .with("routes", routes)
        .start();
    let line = "reprise_shadow_total{outcome=\"failed\"} ";
    for asked in 1..=8 {
        let body = super::fleet::fresh(asked);
        let reply = fleet.gateway.send(CHAT, &[], Some(&body));
        assert_eq!(reply.status, 200, "its own retry was left to it: {reply:?}");
        eventually(|| (metric(&fleet.gateway, line) == asked as u64).then_some(()));
    }
    assert_eq!(fleet.calls(), [16, 8]);
}

#[test]
fn a_conversation_stays_with_one_provider_and_conversations_spread() {
    let group = "[{ name = 'g', strategy = 'round_robin', sticky = true, \
        members = [{ provider = 'a' }, { provider = 'b' }, { provider = 'c' }] }]";
    let routes = "[{ model = 'm', candidates = [{ group = 'g' }] }]";
    let fleet = Fleet::of(3)
        .with("groups", group)
        .with("routes", routes)
        .start();
    // By its beginning, where no header names it; however that is written.
    let mut at = HashMap::new();
    for talk in 0..30 {
        let said = format!("Let us talk of number {talk}.");
        let marked =
            json!([{"type": "text", "text": said, "cache_control": {"type": "ephemeral"}}]);
        for (first, more) in [(json!(said), 0), (marked, 1), (json!(said), 2)] {
            let mut messages = vec![json!({"role": "user", "content": first})];
            for turn in 0..more {
                messages.push(json!({"role": "assistant", "content": "Yes."}));
                messages.push(json!({"role": "user", "content": format!("And {turn}?")}));
            }
            let body = json!({"model": "m", "messages": messages}).to_string();
            let reply = fleet.gateway.send(CHAT, &[], Some(&body));
            let known = at
                .entry(talk)
                .or_insert_with(|| provider(&reply).to_owned());
            assert_eq!(provider(&reply), known, "conversation {talk}");
        }
    }
    assert_eq!(at.values().collect::<HashSet<_>>().len(), 3, "{at:?}");
    // By its name, whatever is said.
    let mut at = HashSet::new();
    for talk in 0..12 {
        let first = provider(&turn(&fleet, talk, 0)).to_owned();
        assert_eq!(provider(&turn(&fleet, talk, 1)), first);
        at.insert(first);
    }
    assert!(at.len() > 1);
    let long = "x".repeat(257);
    let refused = fleet.ask_as(&[("x-reprise-conversation", &long)]);
    assert_eq!(
        (refused.status, refused.code().as_str()),
        (400, "invalid_header")
    );
}
