//! When a provider's model is left alone, and how it comes back.

use std::time::{Duration, Instant};

use super::fleet::{Fleet, PLAIN, provider, retry_after, streamed};
use crate::helpers::{CHAT, chat, eventually};
use crate::http::try_send;
use crate::rates::on_its_way;

/// Opens after three failures.
fn strict(providers: usize, cool_down_ms: u64) -> Fleet {
    Fleet::of(providers)
        .with("breaker.consecutive_failures", "3")
        .with("breaker.cool_down_ms", &cool_down_ms.to_string())
}

#[test]
fn a_failing_provider_is_left_alone_and_one_probe_brings_it_back() {
    let fleet = strict(1, 1500)
        .route("{ provider = 'a', model = 'mock-burst-3' }")
        .start();
    let a = fleet.mocks[0].seen();
    for failures in 1..=3 {
        assert_eq!(fleet.ask().status, 502);
        assert_eq!(a.count(), failures);
    }
    println!("| breaker, failures until it opens | {} of 3 |", a.count());
    assert_eq!(fleet.state('a', "mock-burst-3"), Some(2));
    let refused = fleet.ask();
    assert_eq!(
        (refused.status, refused.code().as_str()),
        (503, "upstream_resting")
    );
    assert!((1..=2).contains(&retry_after(&refused)), "{refused:?}");
    assert_eq!(refused.header("x-should-retry"), Some("true"));
    for _ in 0..20 {
        assert_eq!(fleet.ask().status, 503);
    }
    assert_eq!(a.count(), 3, "nobody was sent there");
    // Long enough for all others to come while the probe is under way.
    a.slow_down(Duration::from_secs(2));
    eventually(|| (fleet.state('a', "mock-burst-3") == Some(1)).then_some(()));
    let probe = on_its_way(&fleet.gateway, chat("m", "Are you there?"));
    eventually(|| (a.count() == 4).then_some(()));
    for _ in 0..5 {
        let refused = fleet.ask();
        assert_eq!(refused.status, 503);
        assert!(
            retry_after(&refused) <= 2,
            "as long as a cool-down: {refused:?}"
        );
    }
    assert_eq!(a.count(), 4, "one at a time");
    a.slow_down(Duration::ZERO);
    assert_eq!(probe.join().unwrap().status, 200);
    println!("| breaker, requests refused while it is open, none of them sent on | 26 |");
    println!(
        "| breaker, probes until it closes after its cool-down | {} |",
        a.count() - 3
    );
    assert_eq!(fleet.state('a', "mock-burst-3"), Some(0));
    for _ in 0..5 {
        assert_eq!(fleet.ask().status, 200);
    }
}

#[test]
fn while_one_is_left_alone_the_next_answers_at_once() {
    let candidates = "{ provider = 'a', model = 'mock-status-500' }, { provider = 'b' }";
    let fleet = strict(2, 60_000).route(candidates).start();
    for _ in 0..10 {
        assert_eq!(provider(&fleet.ask()), "b");
    }
    assert_eq!(fleet.calls(), [3, 10]);
}

#[test]
fn what_a_client_does_wrong_opens_nothing() {
    let fleet = strict(1, 60_000).start();
    let a = fleet.mocks[0].seen();
    for status in [400, 401, 403, 404, 413, 422] {
        for _ in 0..5 {
            fleet.ask_for(&format!("mock-status-{status}"));
        }
        assert_eq!(fleet.state('a', &format!("mock-status-{status}")), None);
    }
    assert_eq!(a.count(), 30, "each of them was passed on");
    // Nor does leaving, however often.
    for gone in 1..=10 {
        let stream = crate::rates::begun(&fleet.gateway, &chat("mock-hang", "Wait for it."));
        eventually(|| (a.count() == 30 + gone).then_some(()));
        drop(stream);
        eventually(|| (a.cancelled() == gone).then_some(()));
    }
    assert_ne!(fleet.state('a', "mock-hang"), Some(2));
}

#[test]
fn one_models_trouble_is_not_anothers() {
    let fleet = strict(1, 60_000).start();
    for _ in 0..3 {
        assert_eq!(fleet.ask_for("mock-status-500").status, 502);
    }
    assert_eq!(fleet.ask_for("mock-r429-seconds-60").status, 429);
    assert_eq!(fleet.ask_for("mock-status-500").status, 503);
    assert_eq!(fleet.ask_for("mock-r429-seconds-60").status, 503);
    assert_eq!(fleet.calls(), [4]);
    assert_eq!(fleet.ask_for(PLAIN).status, 200);
}

#[test]
fn streams_that_break_off_after_their_first_words_open_it() {
    let fleet = strict(1, 60_000).start();
    for _ in 0..3 {
        let reply = fleet.gateway.send(CHAT, &[], Some(&streamed("mock-cut")));
        assert_eq!(reply.status, 200);
        assert!(reply.body.contains("\"error\""), "{reply:?}");
    }
    eventually(|| (fleet.state('a', "mock-cut") == Some(2)).then_some(()));
    let refused = fleet.gateway.send(CHAT, &[], Some(&streamed("mock-cut")));
    assert_eq!(refused.status, 503, "{refused:?}");
    assert_eq!(fleet.calls(), [3]);
}

#[test]
fn a_failure_between_two_tries_does_not_hold_up_who_could_be_answered_elsewhere() {
    let candidates = "{ provider = 'a', model = 'mock-status-500' }, { provider = 'b' }";
    let fleet = strict(2, 3000)
        .with("breaker.consecutive_failures", "1")
        .with("retry.max_attempts", "2")
        .with("retry.base_ms", "1")
        .route(candidates)
        .start();
    let begun = Instant::now();
    assert_eq!(provider(&fleet.ask()), "b");
    let took = begun.elapsed();
    assert!(
        took < Duration::from_secs(2),
        "it waited for the cool-down: {took:?}"
    );
    assert_eq!(
        fleet.calls(),
        [1, 1],
        "what is left alone is not tried again"
    );
}

#[test]
fn an_active_probe_brings_back_what_no_request_tries() {
    let fleet = strict(1, 700)
        .with("breaker.probe_every_ms", "50")
        .route("{ provider = 'a', model = 'mock-burst-3' }")
        .start();
    for _ in 0..3 {
        assert_eq!(fleet.ask().status, 502);
    }
    assert_eq!(fleet.state('a', "mock-burst-3"), Some(2));
    eventually(|| (fleet.state('a', "mock-burst-3") == Some(0)).then_some(()));
    assert_eq!(fleet.calls(), [3], "no request of a client's was needed");
    assert_eq!(fleet.ask().status, 200);
}

const EMBED: (&str, &str) = ("POST", "/v1/embeddings");

fn text(model: &str) -> String {
    serde_json::json!({"model": model, "input": "a text"}).to_string()
}

#[test]
fn another_endpoint_is_left_alone_too_and_for_its_own_failures_only() {
    let fleet = strict(1, 60_000).start();
    let embed = || {
        fleet
            .gateway
            .send(EMBED, &[], Some(&text("mock-status-500")))
    };
    for _ in 0..3 {
        assert_eq!(embed().status, 502);
    }
    let refused = embed();
    assert_eq!(
        (refused.status, refused.code().as_str()),
        (503, "upstream_resting")
    );
    assert_eq!(fleet.calls(), [3]);
    assert_eq!(fleet.ask_for("mock-status-500").status, 502, "it was asked");
    assert_eq!(fleet.calls(), [4]);
}

#[test]
fn what_may_be_sent_to_a_provider_counts_for_all_its_endpoints() {
    let fleet = Fleet::of(1).provider(0, "max_concurrency = 1").start();
    let (a, address) = (fleet.mocks[0].seen(), fleet.gateway.address);
    let held = std::thread::spawn(move || {
        try_send(address, EMBED, &[], Some(&text("mock-gated"))).unwrap()
    });
    eventually(|| (a.count() == 1).then_some(()));
    assert_eq!(fleet.ask_for(PLAIN).status, 503, "its place is taken");
    let refused = fleet.gateway.send(EMBED, &[], Some(&text(PLAIN)));
    assert_eq!(refused.status, 503, "{refused:?}");
    a.open();
    assert_eq!(held.join().unwrap().status, 200);
    assert_eq!(fleet.ask_for(PLAIN).status, 200);
}

#[test]
fn names_of_models_that_only_clients_use_are_not_shown_to_other_tenants() {
    let fleet = Fleet::of(1).route("{ provider = 'a', model = 'mock-plain' }");
    let fleet = fleet.start();
    assert_eq!(fleet.ask().status, 200);
    assert_eq!(fleet.ask_for("mock-secret-tune").status, 200);
    let place = fleet.place;
    drop(fleet.gateway);
    let (app, admin) = (place.key("globex", "app"), place.key("root", "admin"));
    let gateway = place.start();
    for model in ["m", "mock-secret-tune"] {
        let key = crate::helpers::bearer(Some(&app));
        let reply = gateway.send(
            CHAT,
            &crate::helpers::headers(&key),
            Some(&chat(model, "Hi?")),
        );
        assert_eq!(reply.status, 200);
    }
    let page = |key: &str| gateway.get("/metrics", Some(key)).body;
    let told = |page: &str, model: &str| page.contains(&format!("model=\"{model}\""));
    let (to_app, to_admin) = (page(&app), page(&admin));
    assert!(
        told(&to_app, "mock-plain") && !told(&to_app, "mock-secret-tune"),
        "{to_app}"
    );
    assert!(told(&to_admin, "mock-plain") && told(&to_admin, "mock-secret-tune"));
}
