//! Stopping: balancers hear of it first, what is being said is finished, and what takes too
//! long is told to end.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use rustix::process::Signal;

use crate::helpers::{CHAT, Gateway, Place, chat, eventually, streamed};
use crate::http::{Reply, connect, head};
use crate::mock::Mock;

const LONG: &str =
    "Please tell me all that you know about one two three four five six seven eight nine ten";

/// Starts a stream and returns once its first event is there.
fn begin(gateway: &Gateway, model: &str) -> (TcpStream, Vec<u8>) {
    let body = streamed(model, LONG);
    let length = body.len().to_string();
    let headers = [
        ("content-type", "application/json"),
        ("content-length", length.as_str()),
    ];
    let mut stream = connect(gateway.address).unwrap();
    stream
        .write_all(head(CHAT.0, CHAT.1, &headers).as_bytes())
        .unwrap();
    stream.write_all(body.as_bytes()).unwrap();
    let mut come = Vec::new();
    let mut bytes = [0; 1024];
    while !come.windows(6).any(|w| w == b"data: ") {
        let count = stream.read(&mut bytes).unwrap();
        assert!(count > 0, "{}", String::from_utf8_lossy(&come));
        come.extend_from_slice(&bytes[..count]);
    }
    (stream, come)
}

fn rest((mut stream, mut come): (TcpStream, Vec<u8>)) -> Reply {
    stream.read_to_end(&mut come).unwrap();
    Reply::parse(&come).unwrap()
}

#[test]
fn a_stop_is_told_to_balancers_first_then_turns_new_requests_away_and_finishes_streams() {
    let mock = Mock::start().unwrap();
    let gateway = Place::new(&mock)
        .with("REPRISE_SERVER__DRAIN_NOTICE_MS", "1500")
        .start();
    assert_eq!(gateway.get("/readyz", None).status, 200);
    let stream = begin(&gateway, "mock-drip-250");
    gateway.signal(Signal::TERM);
    let draining = eventually(|| Some(gateway.get("/readyz", None)).filter(|r| r.status == 503));
    assert_eq!(draining.json()["status"], "draining");
    assert_eq!(
        gateway.ask("Still here?", None).status,
        200,
        "the door closes later"
    );
    let refused = eventually(|| Some(gateway.ask("Here?", None)).filter(|r| r.status == 503));
    assert_eq!(refused.code(), "shutting_down");
    assert!(refused.header("retry-after").is_some());
    let told = rest(stream);
    assert!(
        told.body.contains("ten") && told.body.ends_with("data: [DONE]\n\n"),
        "{told:?}"
    );
    let ended = gateway.ended();
    assert!(ended.status.success(), "{ended:?}");
}

#[test]
fn a_stream_beyond_the_deadline_ends_with_an_error_and_no_done() {
    let mock = Mock::start().unwrap();
    let gateway = Place::new(&mock)
        .with("REPRISE_SERVER__DRAIN_DEADLINE_S", "1")
        .start();
    let stream = begin(&gateway, "mock-drip-2000");
    gateway.signal(Signal::TERM);
    let told = rest(stream);
    let last = told.body.trim_end().lines().last().unwrap();
    assert!(last.starts_with("data: {\"error\":"), "{told:?}");
    assert!(!told.body.contains("[DONE]"), "{told:?}");
    let ended = gateway.ended();
    assert!(ended.status.success(), "{ended:?}");
}

#[test]
fn what_has_no_first_word_by_the_deadline_gets_an_error_and_not_nothing() {
    let mock = Mock::start().unwrap();
    let gateway = Place::new(&mock)
        .with("REPRISE_SERVER__DRAIN_DEADLINE_S", "1")
        .start();
    let ask = |body: String| gateway.send(CHAT, &[], Some(&body));
    std::thread::scope(|scope| {
        let asked = [
            scope.spawn(|| ask(chat("mock-hang", "Is it whole?"))),
            scope.spawn(|| ask(streamed("mock-hang", "Is it a stream?"))),
            scope.spawn(|| ask(streamed("mock-roleonly-then-hang", "Has it begun?"))),
        ];
        eventually(|| (mock.seen().count() == 3).then_some(()));
        gateway.signal(Signal::TERM);
        for reply in asked {
            let reply = reply.join().unwrap();
            assert_eq!((reply.status, reply.code()), (503, "shutting_down".into()));
            assert!(reply.header("x-request-id").is_some(), "{reply:?}");
        }
    });
    let ended = gateway.ended();
    assert!(ended.status.success(), "{ended:?}");
}

#[test]
fn an_idle_gateway_stops_at_once_and_a_second_signal_does_not_wait() {
    let mock = Mock::start().unwrap();
    let idle = Place::new(&mock).start();
    let asked = std::time::Instant::now();
    idle.stop();
    assert!(
        asked.elapsed() < Duration::from_secs(5),
        "{:?}",
        asked.elapsed()
    );
    let busy = Place::new(&mock).start();
    let _held = begin(&busy, "mock-drip-3000");
    busy.signal(Signal::TERM);
    eventually(|| Some(busy.log()).filter(|log| log.contains("stopping")));
    let asked = std::time::Instant::now();
    busy.signal(Signal::TERM);
    let ended = busy.ended();
    assert!(asked.elapsed() < Duration::from_secs(15), "{ended:?}");
}
