//! A gateway killed in the middle of writing: what was flushed is served, nothing else's
//! answer ever is. `REPRISE_CRASH_ROUNDS` sets the rounds; `scripts/crash.sh` runs the long form.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::admin::Admin;
use crate::helpers::{CHAT, Gateway, Place, Random, chat, rounds};
use crate::http::{Reply, try_send};
use crate::mock::Mock;

const WRITERS: u64 = 3;
/// Ten flush intervals: the writer's queue and a busy machine take their share.
const FLUSHED: Duration = Duration::from_secs(1);
/// Questions asked again after each crash.
const ASKED_AGAIN: usize = 300;

/// A question with the moment its answer was there.
type Told = (String, Instant);

fn served(question: &str, reply: &Reply) {
    assert!(reply.status < 500, "{question}: {reply:?}");
    assert_eq!(reply.status, 200, "{question}: {reply:?}");
    assert!(
        reply.text().contains(question),
        "wrong body for {question}: {reply:?}"
    );
}

/// Asks new questions until the gateway is gone.
fn write(gateway: &Gateway, round: u64, writer: u64, told: &Mutex<Vec<Told>>, dying: &AtomicBool) {
    for number in 0.. {
        let question = format!("[round {round} writer {writer} question {number}]");
        let body = chat("mock-plain", &question);
        match try_send(gateway.address, CHAT, &[], Some(&body)) {
            Ok(reply) => {
                served(&question, &reply);
                told.lock().unwrap().push((question, Instant::now()));
            }
            Err(error) => {
                assert!(dying.load(Ordering::SeqCst), "{question}: {error}");
                return;
            }
        }
    }
}

/// Kills the gateway after `life` of writing; gives what it answered, and when it died.
fn cut_short(gateway: Gateway, round: u64, life: Duration) -> (Vec<Told>, Instant) {
    let (told, dying) = (Mutex::default(), AtomicBool::new(false));
    let died = std::thread::scope(|scope| {
        for writer in 0..WRITERS {
            let (gateway, told, dying) = (&gateway, &told, &dying);
            scope.spawn(move || write(gateway, round, writer, told, dying));
        }
        // The moment is what this test is about.
        std::thread::sleep(life);
        dying.store(true, Ordering::SeqCst);
        let now = Instant::now();
        gateway.signal(Signal::KILL);
        now
    });
    let ended = gateway.ended();
    assert!(!ended.stderr.contains("failed inside"), "{ended:?}");
    (told.into_inner().unwrap(), died)
}

#[test]
fn a_gateway_killed_while_it_writes_serves_what_was_flushed_and_never_a_wrong_answer() {
    let mock = Mock::start().unwrap();
    let place = Place::new(&mock)
        .semantic()
        .with("REPRISE_CACHE__THRESHOLD", "1.0");
    let mut random = Random(rounds("REPRISE_CRASH_SEED", 7));
    let (mut kept, mut lost): (Vec<String>, usize) = (Vec::new(), 0);
    let total = rounds("REPRISE_CRASH_ROUNDS", 5);
    for round in 0..total {
        let life = Duration::from_millis(1200 + random.below(1500));
        let (told, died) = cut_short(place.start(), round, life);
        assert!(!told.is_empty(), "nothing was written");
        let gateway = place.start();
        for (question, when) in &told {
            let flushed = died.duration_since(*when) > FLUSHED;
            let reply = gateway.ask(question, None);
            served(question, &reply);
            let hit = reply.cache() == "hit-exact";
            assert!(
                hit || !flushed,
                "{question} was flushed and is gone: {reply:?}"
            );
            lost += usize::from(!hit);
            if flushed {
                kept.push(question.clone());
            }
        }
        for question in kept.iter().rev().take(ASKED_AGAIN) {
            let reply = gateway.ask(question, None);
            served(question, &reply);
            assert_eq!(
                reply.cache(),
                "hit-exact",
                "{question} is gone after round {round}"
            );
        }
        gateway.stop();
    }
    assert!(
        kept.len() > 10 * usize::try_from(total).unwrap(),
        "too little was written to tell"
    );
    println!(
        "{total} kills: {} answers flushed and served, {lost} of the last second lost",
        kept.len()
    );
}

#[test]
fn what_was_deleted_stays_deleted_when_the_gateway_is_killed_at_once() {
    let mock = Mock::start().unwrap();
    let place = Place::new(&mock);
    let key = place.key("acme", "admin");
    let gateway = place.start();
    gateway.ask("Who?", Some(&key));
    // A stop writes what waits: the answer is on disk.
    gateway.stop();
    let gateway = place.start();
    gateway.ask_until("hit-exact", "Who?", Some(&key));
    let admin = Admin::new(&gateway, &key);
    let deleted = admin.call("DELETE", "/admin/v1/entries?tenant=acme");
    gateway.signal(Signal::KILL);
    assert_eq!(deleted.json()["deleted"], 1, "{deleted:?}");
    gateway.ended();
    let again = place.start();
    assert_eq!(again.ask("Who?", Some(&key)).cache(), "miss");
}
