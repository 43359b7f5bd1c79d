//! What may be sent to a provider, and how often anything is sent again.

use std::time::{Duration, Instant};

use super::fleet::{Fleet, Sailing, all_well, fresh, provider, retry_after};
use crate::helpers::{chat, eventually};
use crate::http::Reply;
use crate::rates::{metric, on_its_way};

fn waiting(fleet: &Sailing) -> u64 {
    metric(&fleet.gateway, "reprise_misses_in_flight ")
}

fn count(replies: &[Reply], status: u16) -> usize {
    replies
        .iter()
        .filter(|reply| reply.status == status)
        .count()
}

#[test]
fn a_provider_gets_so_many_calls_at_a_time_and_the_others_wait_for_room() {
    let fleet = Fleet::of(1)
        .with("retry.queue_ms", "25000")
        .with("server.workers", "4")
        .provider(0, "max_concurrency = 2")
        .route("{ provider = 'a', model = 'mock-gated' }")
        .start();
    let a = fleet.mocks[0].seen();
    let held: Vec<_> = (0..12)
        .map(|turn| on_its_way(&fleet.gateway, fresh(turn)))
        .collect();
    eventually(|| (waiting(&fleet) == 12 && a.count() == 2).then_some(()));
    a.open();
    for held in held {
        assert_eq!(provider(&held.join().unwrap()), "a");
    }
    assert_eq!(a.count(), 12);
}

#[test]
fn a_crowd_at_a_narrow_door_is_let_through_whole_while_there_is_time() {
    let fleet = Fleet::of(1)
        .with("retry.queue_ms", "25000")
        .with("server.workers", "4")
        .provider(0, "max_concurrency = 1")
        .route("{ provider = 'a', model = 'mock-slow-5' }")
        .start();
    all_well(&fleet.ask_often(200, 24, fresh));
    assert_eq!(fleet.calls(), [200]);
}

#[test]
fn who_finds_no_room_in_time_is_told_so() {
    let fleet = Fleet::of(1)
        .with("retry.queue_ms", "300")
        .provider(0, "max_concurrency = 1")
        .route("{ provider = 'a', model = 'mock-gated' }")
        .start();
    let held = on_its_way(&fleet.gateway, chat("m", "Hold on."));
    eventually(|| (fleet.calls() == [1]).then_some(()));
    let begun = Instant::now();
    let refused = fleet.ask();
    let took = begun.elapsed();
    assert_eq!(
        (refused.status, refused.code().as_str()),
        (503, "upstream_busy")
    );
    assert!(retry_after(&refused) <= 1, "{refused:?}");
    assert!(
        took >= Duration::from_millis(300) && took < Duration::from_secs(5),
        "{took:?}"
    );
    fleet.mocks[0].seen().open();
    assert_eq!(held.join().unwrap().status, 200);
    assert_eq!(fleet.ask().status, 200, "its place is free again");
}

#[test]
fn requests_of_a_minute_are_not_overrun_by_a_crowd_and_the_rest_goes_on() {
    let fleet = Fleet::of(2)
        .provider(0, "requests_per_minute = 7")
        .route("{ provider = 'a' }, { provider = 'b' }")
        .start();
    all_well(&fleet.ask_often(100, 16, fresh));
    assert_eq!(fleet.calls(), [7, 93]);
    // Alone it tells when there is room, and nobody waits for longer than may be.
    let fleet = Fleet::of(1)
        .with("retry.queue_ms", "2000")
        .provider(0, "requests_per_minute = 7")
        .start();
    let begun = Instant::now();
    let replies = fleet.ask_often(40, 16, |turn| chat("mock-plain", &turn.to_string()));
    assert_eq!((count(&replies, 200), count(&replies, 503)), (7, 33));
    let last = replies.iter().find(|reply| reply.status == 503).unwrap();
    assert!((40..=61).contains(&retry_after(last)), "{last:?}");
    assert!(
        begun.elapsed() < Duration::from_secs(20),
        "in vain they would have waited for 2 s each"
    );
    assert_eq!(fleet.calls(), [7]);
}

#[test]
fn tokens_of_a_minute_are_set_aside_before_anybody_knows_them() {
    let fleet = Fleet::of(1)
        .provider(0, "tokens_per_minute = 2000")
        .route("{ provider = 'a', model = 'mock-gated' }")
        .start();
    let a = fleet.mocks[0].seen();
    // Some 512 tokens each, as far as anybody can tell.
    let held: Vec<_> = (0..10)
        .map(|turn| on_its_way(&fleet.gateway, fresh(turn)))
        .collect();
    eventually(|| (waiting(&fleet) == 3 && a.count() == 3).then_some(()));
    a.open();
    let replies: Vec<_> = held.into_iter().map(|held| held.join().unwrap()).collect();
    assert_eq!((count(&replies, 200), count(&replies, 503)), (3, 7));
    // They came to a few each, which leaves room for many more.
    for turn in 10..20 {
        let reply = fleet
            .gateway
            .send(crate::helpers::CHAT, &[], Some(&fresh(turn)));
        assert_eq!(reply.status, 200, "{turn}");
    }
}

#[test]
fn what_a_provider_says_of_its_limits_is_kept_to() {
    // The mock says that nothing is left for a minute.
    let candidates = "{ provider = 'a', model = 'mock-spent-60' }, { provider = 'b' }";
    let fleet = Fleet::of(2).route(candidates).start();
    let answered: Vec<_> = (0..5).map(|_| provider(&fleet.ask()).to_owned()).collect();
    assert_eq!(answered, ["a", "b", "b", "b", "b"]);
}

#[test]
fn under_total_failure_calls_are_repeated_for_a_share_of_the_requests_only() {
    let candidates = "{ provider = 'a', model = 'mock-status-500' }, \
        { provider = 'b', model = 'mock-status-502' }, { provider = 'c', model = 'mock-reset-before' }";
    let fleet = Fleet::of(3)
        .with("retry.max_attempts", "5")
        .with("retry.base_ms", "1")
        .with("retry.budget_share", "0.1")
        .with("retry.budget_per_s", "0")
        .route(candidates)
        .start();
    let replies = fleet.ask_often(200, 16, fresh);
    assert_eq!(count(&replies, 502), 200);
    let calls: u64 = fleet.calls().iter().sum();
    // Three first calls each, and a tenth of a call more.
    assert!((605..=620).contains(&calls), "{calls}: {:?}", fleet.calls());
}
