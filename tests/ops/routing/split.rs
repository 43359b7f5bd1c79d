//! How requests are shared out among equals.

use super::fleet::{Fleet, all_well, fresh, provider};
use crate::helpers::{CHAT, chat};
use crate::rates::on_its_way;

#[test]
fn weights_split_a_thousand_requests_at_sixteen_connections_within_two_per_cent() {
    let fleet = Fleet::of(3)
        .group(
            "weighted",
            "{ provider = 'a', weight = 5 }, { provider = 'b', weight = 3 }, { provider = 'c', weight = 2 }",
        )
        .start();
    all_well(&fleet.ask_often(1000, 16, fresh));
    let calls = fleet.calls();
    for ((calls, wanted), name) in calls.iter().zip([500_u64, 300, 200]).zip(["a", "b", "c"]) {
        let (measured, weight) = (*calls as f64 / 10.0, wanted / 10);
        println!("| split, {name} | weight {weight} %: {measured:.1} % |");
        assert!(
            calls.abs_diff(wanted) <= 20,
            "{calls} of {wanted} at {name}"
        );
    }
}

#[test]
fn weights_hold_while_one_of_them_is_gone_and_it_takes_nothing_then() {
    let fleet = Fleet::of(3)
        .group(
            "weighted",
            "{ provider = 'a', weight = 3 }, { provider = 'b', weight = 1 }, { provider = 'c', model = 'mock-r429-seconds-600', weight = 4 }",
        )
        .start();
    // Until it was asked nobody knows.
    while fleet.calls()[2] == 0 {
        assert_eq!(fleet.ask().status, 200);
    }
    let before = fleet.calls();
    all_well(&fleet.ask_often(400, 16, fresh));
    let calls: Vec<_> = fleet
        .calls()
        .iter()
        .zip(before)
        .map(|(a, b)| a - b)
        .collect();
    assert!(
        calls[0].abs_diff(300) <= 8 && calls[1].abs_diff(100) <= 8,
        "{calls:?}"
    );
    assert_eq!(calls[2], 0, "it asked to be left alone");
}

#[test]
fn round_robin_is_exact_however_many_ask_at_once() {
    let members = "{ provider = 'a' }, { provider = 'b' }, { provider = 'c' }";
    let fleet = Fleet::of(3).group("round_robin", members).start();
    all_well(&fleet.ask_often(300, 16, fresh));
    assert_eq!(fleet.calls(), [100, 100, 100]);
}

#[test]
fn least_connections_avoids_a_busy_provider_until_it_has_time_again() {
    let members =
        "{ provider = 'a', model = 'mock-gated' }, { provider = 'b', model = 'mock-gated' }";
    let fleet = Fleet::of(2)
        .with("routing.override_role", "app")
        .group("least_connections", members)
        .start();
    let (a, b) = (fleet.mocks[0].seen(), fleet.mocks[1].seen());
    b.open();
    let address = fleet.gateway.address;
    let held: Vec<_> = (0..3)
        .map(|_| {
            std::thread::spawn(move || {
                let (body, to) = (chat("m", "Hold on."), ("x-reprise-route", "a/mock-gated"));
                crate::http::try_send(address, CHAT, &[to], Some(&body)).unwrap()
            })
        })
        .collect();
    crate::helpers::eventually(|| (a.count() == 3).then_some(()));
    for _ in 0..20 {
        assert_eq!(provider(&fleet.ask()), "b");
    }
    a.open();
    for held in held {
        assert_eq!(held.join().unwrap().status, 200);
    }
    for _ in 0..40 {
        assert_eq!(fleet.ask().status, 200);
    }
    assert!(a.count() > 5 && b.count() > 25, "{:?}", fleet.calls());
}

#[test]
fn a_cap_of_connections_takes_the_next_provider_at_once_instead_of_waiting() {
    let fleet = Fleet::of(2)
        .with("retry.queue_ms", "60000")
        .provider(0, "max_concurrency = 1")
        .route("{ provider = 'a', model = 'mock-gated' }, { provider = 'b' }")
        .start();
    let held = on_its_way(&fleet.gateway, chat("m", "Hold on."));
    let (a, b) = (fleet.mocks[0].seen(), fleet.mocks[1].seen());
    crate::helpers::eventually(|| (a.count() == 1).then_some(()));
    all_well(&fleet.ask_often(20, 4, fresh));
    assert_eq!((a.count(), b.count()), (1, 20));
    a.open();
    assert_eq!(provider(&held.join().unwrap()), "a");
}
