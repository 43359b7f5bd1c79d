//! The strategy that asks whoever is quickest.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::fleet::{Fleet, Sailing, fresh, provider};
use crate::helpers::{CHAT, streamed};

const SLOW: Duration = Duration::from_millis(1500);
/// A share is told from the calls of this while.
const WHILE: Duration = Duration::from_millis(250);

/// The share of the second provider among the calls of a while.
fn share(fleet: &Sailing) -> f64 {
    let before = fleet.calls();
    std::thread::sleep(WHILE);
    let calls: Vec<_> = fleet
        .calls()
        .iter()
        .zip(before)
        .map(|(a, b)| a - b)
        .collect();
    let all: u64 = calls.iter().sum();
    calls[1] as f64 / all.max(1) as f64
}

/// How long it takes until its share is as wanted, the while by which that is told included.
fn until(fleet: &Sailing, wanted: impl Fn(f64) -> bool) -> Duration {
    let begun = Instant::now();
    loop {
        let there = wanted(share(fleet));
        let at = begun.elapsed();
        if there {
            return at;
        }
        assert!(at < Duration::from_secs(40), "it never came to that");
    }
}

#[test]
fn load_leaves_a_slowed_provider_within_five_seconds_and_comes_back_when_it_is_quick_again() {
    let members = "{ provider = 'a' }, { provider = 'b' }, { provider = 'c' }";
    let fleet = Fleet::of(3)
        .with("routing.latency_decay_ms", "500")
        .group("latency", members)
        .start();
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                super::fleet::all_well(&fleet.ask_often(64, 8, fresh));
            }
        });
        let _ends = Ends(&over);
        until(&fleet, |share| share > 0.1);
        fleet.mocks[1].seen().slow_down(SLOW);
        let left = until(&fleet, |share| share < 0.05);
        println!(
            "| time to move off a provider slowed to 1.5 s | {:.1} s |",
            left.as_secs_f64()
        );
        assert!(left < Duration::from_secs(5), "{left:?}");
        fleet.mocks[1].seen().slow_down(Duration::ZERO);
        let back = until(&fleet, |share| share > 0.1);
        println!(
            "| time to come back once it is quick | {:.1} s |",
            back.as_secs_f64()
        );
    });
}

/// Ends the load also when the test fails.
struct Ends<'a>(&'a AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn for_streams_the_first_word_counts_and_not_the_end() {
    // One begins at once and speaks for long, the other thinks for long and speaks at once.
    let members =
        "{ provider = 'a', model = 'mock-drip-40' }, { provider = 'b', model = 'mock-slow-700' }";
    let fleet = Fleet::of(2).group("latency", members).start();
    let question = "Tell me of one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen twenty";
    let ask = || {
        fleet
            .gateway
            .send(CHAT, &[], Some(&streamed("m", question)))
    };
    let first: Vec<_> = (0..2).map(|_| provider(&ask()).to_owned()).collect();
    assert!(first.contains(&"a".to_owned()) && first.contains(&"b".to_owned()));
    for _ in 0..4 {
        let begun = Instant::now();
        assert_eq!(provider(&ask()), "a");
        assert!(
            begun.elapsed() > Duration::from_millis(700),
            "it ends later than the other"
        );
    }
}

#[test]
fn one_that_clients_do_not_wait_for_is_left_though_it_never_answered() {
    let members = "{ provider = 'a' }, { provider = 'b' }";
    let fleet = Fleet::of(2).group("latency", members).start();
    let (a, b) = (fleet.mocks[0].seen(), fleet.mocks[1].seen());
    while a.count() == 0 || b.count() == 0 {
        assert_eq!(fleet.ask().status, 200);
    }
    a.slow_down(Duration::from_secs(600));
    // The first to be sent there leaves after a second.
    let impatient = |turn: usize| {
        let stream = crate::rates::begun(&fleet.gateway, &fresh(turn));
        stream
            .set_read_timeout(Some(Duration::from_secs(1)))
            .unwrap();
        crate::http::read_reply(stream).ok()
    };
    let asked = a.count();
    let mut turn = 0;
    while a.count() == asked {
        impatient(turn);
        turn += 1;
    }
    crate::helpers::eventually(|| (a.cancelled() == 1).then_some(()));
    for _ in 0..20 {
        assert_eq!(provider(&fleet.ask()), "b");
    }
}
