//! What becomes of a provider's place when a client does not wait for its answer.

use super::fleet::{Fleet, PLAIN, provider, streamed};
use crate::helpers::{chat, eventually};
use crate::rates::begun;

#[test]
fn a_client_that_leaves_frees_its_place_before_the_answer_and_in_the_middle_of_a_stream() {
    for body in [chat("mock-hang", "Wait."), streamed("mock-stall")] {
        let fleet = Fleet::of(1).provider(0, "max_concurrency = 1").start();
        let a = fleet.mocks[0].seen();
        let stream = begun(&fleet.gateway, &body);
        eventually(|| (a.count() == 1).then_some(()));
        assert_eq!(fleet.ask_for(PLAIN).status, 503, "its place is taken");
        drop(stream);
        let reply = eventually(|| Some(fleet.ask_for(PLAIN)).filter(|r| r.status != 503));
        assert_eq!(provider(&reply), "a");
        eventually(|| (a.cancelled() == 1).then_some(()));
    }
}

#[test]
fn one_that_waits_for_room_takes_the_place_of_one_that_leaves() {
    let fleet = Fleet::of(1)
        .with("retry.queue_ms", "20000")
        .provider(0, "max_concurrency = 1")
        .start();
    let a = fleet.mocks[0].seen();
    let stream = begun(&fleet.gateway, &chat("mock-hang", "Wait."));
    eventually(|| (a.count() == 1).then_some(()));
    let waiting = crate::rates::on_its_way(&fleet.gateway, chat(PLAIN, "And now?"));
    let metric = || crate::rates::metric(&fleet.gateway, "reprise_misses_in_flight ");
    eventually(|| (metric() == 2).then_some(()));
    assert_eq!(a.count(), 1);
    drop(stream);
    assert_eq!(provider(&waiting.join().unwrap()), "a");
}

#[test]
fn one_that_waits_and_leaves_is_never_sent_on() {
    let fleet = Fleet::of(1)
        .with("retry.queue_ms", "20000")
        .provider(0, "max_concurrency = 1")
        .start();
    let a = fleet.mocks[0].seen();
    let held = crate::rates::on_its_way(&fleet.gateway, chat("mock-gated", "Hold on."));
    eventually(|| (a.count() == 1).then_some(()));
    let waiting = begun(&fleet.gateway, &chat(PLAIN, "And now?"));
    let metric = || crate::rates::metric(&fleet.gateway, "reprise_misses_in_flight ");
    eventually(|| (metric() == 2).then_some(()));
    drop(waiting);
    eventually(|| (metric() == 1).then_some(()));
    a.open();
    assert_eq!(held.join().unwrap().status, 200);
    assert_eq!(fleet.ask_for(PLAIN).status, 200);
    assert_eq!(a.count(), 2);
}
