//! Asking a second provider while the first says nothing.

use std::time::Duration;

use super::fleet::{Fleet, Sailing, provider, streamed};
use crate::helpers::{CHAT, eventually};
use crate::rates::metric;

fn hedged(after_ms: u64, candidates: &str) -> Fleet {
    Fleet::of(2)
        .with("retry.hedge_after_ms", &after_ms.to_string())
        .route(candidates)
}

fn hedges(fleet: &Sailing) -> u64 {
    metric(&fleet.gateway, "reprise_upstream_hedges_total ")
}

#[test]
fn a_second_is_asked_after_a_while_the_first_to_begin_answers_and_the_other_is_given_up() {
    let candidates =
        "{ provider = 'a', model = 'mock-hang' }, { provider = 'b', model = 'mock-plain' }";
    let fleet = hedged(300, candidates).start();
    let begun = std::time::Instant::now();
    let reply = fleet.ask();
    assert_eq!(provider(&reply), "b");
    assert!(begun.elapsed() >= Duration::from_millis(300), "not sooner");
    assert_eq!((fleet.calls(), hedges(&fleet)), (vec![1, 1], 1));
    eventually(|| (fleet.mocks[0].seen().cancelled() == 1).then_some(()));
}

#[test]
fn the_first_still_answers_when_it_begins_before_the_second_does() {
    let candidates =
        "{ provider = 'a', model = 'mock-slow-1500' }, { provider = 'b', model = 'mock-hang' }";
    let fleet = hedged(200, candidates).start();
    assert_eq!(provider(&fleet.ask()), "a");
    assert_eq!(fleet.calls(), [1, 1]);
    eventually(|| (fleet.mocks[1].seen().cancelled() == 1).then_some(()));
}

#[test]
fn a_stream_that_says_nothing_behind_its_head_is_hedged_too() {
    let candidates = "{ provider = 'a', model = 'mock-roleonly-then-hang' }, { provider = 'b', model = 'mock-plain' }";
    let fleet = hedged(200, candidates).start();
    let reply = fleet.gateway.send(CHAT, &[], Some(&streamed("m")));
    assert_eq!(provider(&reply), "b");
    assert!(reply.body.ends_with("data: [DONE]\n\n"), "{reply:?}");
    eventually(|| (fleet.mocks[0].seen().cancelled() == 1).then_some(()));
}

#[test]
fn whoever_is_quick_or_fails_at_once_is_not_hedged() {
    let candidates =
        "{ provider = 'a', model = 'mock-status-500' }, { provider = 'b', model = 'mock-plain' }";
    let fleet = hedged(20_000, candidates).start();
    for _ in 0..5 {
        assert_eq!(provider(&fleet.ask()), "b");
    }
    assert_eq!((fleet.calls(), hedges(&fleet)), (vec![5, 5], 0));
}

#[test]
fn hedges_are_paid_for_out_of_the_retry_budget() {
    let candidates =
        "{ provider = 'a', model = 'mock-slow-900' }, { provider = 'b', model = 'mock-plain' }";
    let fleet = hedged(100, candidates)
        .with("retry.budget_share", "0")
        .with("retry.budget_per_s", "0")
        .start();
    assert_eq!(provider(&fleet.ask()), "a");
    assert_eq!((fleet.calls(), hedges(&fleet)), (vec![1, 0], 0));
}
