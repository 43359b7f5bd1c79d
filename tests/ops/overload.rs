//! What becomes of misses when there are too many of them.

use crate::helpers::{chat, eventually};
use crate::mock::Mock;
use crate::rates::{left, limited, metric, on_its_way, say};

#[test]
fn hits_are_served_while_misses_are_turned_away() {
    let mock = Mock::start().unwrap();
    let place = limited(&mock, "{per = 'key', requests_per_day = 9}")
        .with("REPRISE_OVERLOAD__MAX_MISSES", "2")
        .with("REPRISE_OVERLOAD__WAIT_MS", "0");
    let gateway = place.start();
    let before = left(&gateway.ask_until("hit-exact", "Who are you?", None));
    let paid = mock.seen().count();
    let slow = [1, 2].map(|i| on_its_way(&gateway, chat("mock-gated", &format!("Who is {i}?"))));
    eventually(|| (mock.seen().count() == paid + 2).then_some(()));
    assert_eq!(metric(&gateway, "reprise_misses_in_flight"), 2);
    for question in ["What is that?", "And that?"] {
        let shed = gateway.ask(question, None);
        assert_eq!((shed.status, shed.code()), (503, "overloaded".into()));
        assert_eq!(shed.header("retry-after"), Some("1"));
        assert_eq!(shed.header("x-should-retry"), Some("true"));
        assert_eq!(left(&shed), before - 2);
        let hit = gateway.ask("Who are you?", None);
        assert_eq!((hit.status, hit.cache()), (200, "hit-exact"));
    }
    // Whoever asks what is on its way needs no call.
    let shared = on_its_way(&gateway, chat("mock-gated", "Who is 1?"));
    eventually(|| (left(&gateway.ask("Who are you?", None)) == before - 3).then_some(()));
    mock.seen().open();
    for reply in slow.into_iter().chain([shared]) {
        assert_eq!(reply.join().unwrap().status, 200);
    }
    eventually(|| (metric(&gateway, "reprise_misses_in_flight") == 0).then_some(()));
    assert_eq!(gateway.ask("What is that?", None).status, 200);
    assert_eq!(
        metric(
            &gateway,
            "reprise_refusals_total{per=\"overload\",kind=\"misses\"}"
        ),
        2
    );
    assert_eq!(
        metric(&gateway, "reprise_requests_total{outcome=\"refused\"}"),
        2
    );
}

#[test]
fn a_miss_waits_a_little_for_room() {
    let mock = Mock::start().unwrap();
    let place = limited(&mock, "{per = 'key', requests_per_day = 9}")
        .with("REPRISE_OVERLOAD__MAX_MISSES", "1")
        .with("REPRISE_OVERLOAD__WAIT_MS", "20000");
    let gateway = place.start();
    let before = left(&gateway.ask_until("hit-exact", "Who are you?", None));
    let paid = mock.seen().count();
    let first = on_its_way(&gateway, chat("mock-gated", "Who is first?"));
    eventually(|| (mock.seen().count() == paid + 1).then_some(()));
    let second = on_its_way(&gateway, chat("mock-gated", "Who is second?"));
    let hit = || gateway.ask("Who are you?", None);
    eventually(|| (left(&hit()) == before - 2).then_some(()));
    assert_eq!(mock.seen().count(), paid + 1);
    mock.seen().open();
    for reply in [first, second] {
        assert_eq!(reply.join().unwrap().status, 200);
    }
}

#[test]
fn something_stale_is_served_where_there_is_no_room_and_counts_for_nothing() {
    let mock = Mock::start().unwrap();
    let place = limited(&mock, "{per = 'key', requests_per_day = 9}")
        .with("REPRISE_CACHE__TTL_S", "1")
        .with("REPRISE_CACHE__STALE_IF_ERROR_S", "600")
        .with("REPRISE_OVERLOAD__MAX_MISSES", "1")
        .with("REPRISE_OVERLOAD__WAIT_MS", "0");
    let gateway = place.start();
    let before = left(&gateway.ask_until("hit-exact", "Who are you?", None));
    let paid = mock.seen().count();
    let slow = on_its_way(&gateway, chat("mock-gated", "Who is slow?"));
    eventually(|| (mock.seen().count() == paid + 1).then_some(()));
    let stale = || {
        Some(gateway.ask("Who are you?", None))
            .filter(|r| r.header("x-reprise-reason") == Some("stale_if_error"))
    };
    let stale = eventually(stale);
    assert_eq!((stale.status, left(&stale)), (200, before - 1));
    assert_eq!(say(&gateway, &chat("mock-plain", "Who else?")).status, 503);
    mock.seen().open();
    assert_eq!(slow.join().unwrap().status, 200);
}
