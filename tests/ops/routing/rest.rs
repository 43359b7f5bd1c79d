//! What providers ask for themselves: to be left alone for a while, in whichever words.

use std::time::{Duration, Instant};

use super::fleet::{Fleet, provider, retry_after};
use crate::helpers::eventually;

const SPELLINGS: [&str; 5] = [
    "mock-r429-seconds-60",
    "mock-r429-date-60",
    "mock-r429-ms-60000",
    "mock-r429-reset-60",
    "mock-r429-none",
];

#[test]
fn whoever_asks_for_rest_in_whichever_words_gets_it_and_the_next_answers_at_once() {
    let routes: Vec<_> = SPELLINGS
        .map(|model| format!("{{ model = '{model}', candidates = [{{ provider = 'a' }}, {{ provider = 'b', model = 'mock-plain' }}] }}"))
        .into();
    let fleet = Fleet::of(2)
        .with("routes", &format!("[{}]", routes.join(",")))
        // It would be asked twice, and waited for.
        .with("retry.max_attempts", "3")
        .with("retry.max_ms", "60000")
        .with("breaker.cool_down_ms", "60000")
        .start();
    let begun = Instant::now();
    for (asked, model) in (1..).zip(SPELLINGS) {
        for _ in 0..3 {
            assert_eq!(provider(&fleet.ask_for(model)), "b", "{model}");
        }
        assert_eq!(fleet.mocks[0].seen().count(), asked, "{model}");
    }
    assert!(begun.elapsed() < Duration::from_secs(20), "nobody waited");
}

#[test]
fn when_all_rest_a_client_is_told_when_the_first_of_them_is_back_and_that_one_is_asked_first() {
    let candidates = "{ provider = 'a', model = 'mock-r429-seconds-500' }, \
        { provider = 'b', model = 'mock-r429-seconds-100' }, { provider = 'c', model = 'mock-r429-seconds-300' }";
    let fleet = Fleet::of(3).route(candidates).start();
    let limited = fleet.ask();
    assert_eq!(limited.status, 429, "{limited:?}");
    assert_eq!(fleet.calls(), [1, 1, 1]);
    let refused = fleet.ask();
    assert_eq!(
        (refused.status, refused.code().as_str()),
        (503, "upstream_resting")
    );
    assert!((80..=100).contains(&retry_after(&refused)), "{refused:?}");
    assert_eq!(fleet.calls(), [1, 1, 1]);
}

#[test]
fn one_that_is_rested_is_asked_again_without_being_told() {
    let candidates = "{ provider = 'a', model = 'mock-r429-ms-400' }, { provider = 'b' }";
    let fleet = Fleet::of(2).route(candidates).start();
    let a = fleet.mocks[0].seen();
    assert_eq!(provider(&fleet.ask()), "b");
    eventually(|| {
        assert_eq!(provider(&fleet.ask()), "b");
        (a.count() == 2).then_some(())
    });
}

#[test]
fn with_nobody_else_to_ask_a_short_rest_is_waited_for_and_a_long_one_told() {
    let fleet = Fleet::of(1)
        .with("retry.max_attempts", "2")
        .with("retry.max_ms", "1000")
        .start();
    let begun = Instant::now();
    let reply = fleet.ask_for("mock-r429-ms-300");
    assert_eq!((reply.status, fleet.calls()[0]), (429, 2), "{reply:?}");
    assert!(begun.elapsed() >= Duration::from_millis(300));
    let reply = fleet.ask_for("mock-r429-seconds-30");
    assert_eq!((reply.status, fleet.calls()[0]), (429, 3));
    assert_eq!(retry_after(&reply), 30);
}

#[test]
fn a_rest_that_is_over_soon_is_waited_for_in_the_queue() {
    let fleet = Fleet::of(1).with("retry.queue_ms", "5000").start();
    assert_eq!(fleet.ask_for("mock-r429-ms-500").status, 429);
    let begun = Instant::now();
    let reply = fleet.ask_for("mock-r429-ms-500");
    assert_eq!(
        (reply.status, fleet.calls()[0]),
        (429, 2),
        "it was asked again"
    );
    assert!(
        begun.elapsed() >= Duration::from_millis(200),
        "and not before"
    );
}
