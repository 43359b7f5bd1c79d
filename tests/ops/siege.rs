//! Clients that would hold a connection, a worker or the memory without end: each is told so or
//! cut off.

use std::io::{ErrorKind, Read, Write};
use std::net::Shutdown;
use std::time::{Duration, Instant};

use crate::edge::{HEALTH, is_fault, replies, say};
use crate::helpers::{CHAT, Place, chat};
use crate::http::connect;
use crate::mock::Mock;

#[test]
fn a_request_that_leaves_http_is_refused_at_every_address_and_ends_its_connection() {
    let mock = Mock::start().unwrap();
    let place = Place::new(&mock);
    let gateway = place.start();
    let body = chat("mock-plain", "upgrade?");
    let length = format!("content-length: {}\r\n", body.len());
    for (line, upgrade) in [
        ("POST /v1/chat/completions", "upgrade: websocket\r\n"),
        ("POST /v1/chat/completions", "upgrade:  WebSocket \r\n"),
        (
            "GET /healthz",
            "connection: Upgrade\r\nupgrade: websocket\r\n",
        ),
        ("GET /nowhere", "upgrade: websocket\r\n"),
        ("CONNECT localhost:80", ""),
    ] {
        let length = if upgrade.is_empty() { "" } else { &length };
        let head = format!(
            "{line} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n{upgrade}{length}\r\n"
        );
        let mut stream = connect(gateway.address).unwrap();
        // What follows is no request any more.
        write!(stream, "{head}{body}{HEALTH}").unwrap();
        let mut first = [0; 12];
        stream.read_exact(&mut first).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        let answers = replies(&mut first.chain(stream));
        assert_eq!(answers.len(), 1, "{head}: {answers:?}");
        is_fault(&answers[0], 400, "invalid_request");
        assert!(answers[0].body.contains("plain HTTP only"), "{answers:?}");
        assert_eq!(answers[0].header("connection"), Some("close"), "{head}");
    }
    let counted = gateway.get("/metrics", None).body;
    let line = "reprise_errors_total{code=\"invalid_request\"} 5";
    assert!(counted.contains(line), "{counted}");
}

#[test]
fn an_offer_of_http_2_is_passed_over_and_the_request_is_answered() {
    let mock = Mock::start().unwrap();
    let place = Place::new(&mock);
    let gateway = place.start();
    let body = chat("mock-plain", "upgrade?");
    let said = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\n\
         connection: Upgrade, HTTP2-Settings, close\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABk\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let answers = say(&gateway, said);
    assert_eq!(answers.len(), 1, "{answers:?}");
    assert_eq!(answers[0].status, 200, "{answers:?}");
}

#[test]
fn a_client_that_asks_on_and_on_and_reads_nothing_is_cut_off() {
    let mock = Mock::start().unwrap();
    let place = Place::new(&mock).with("REPRISE_SERVER__WRITE_TIMEOUT_S", "1");
    let gateway = place.start();
    let mut stream = connect(gateway.address).unwrap();
    let asked = Instant::now();
    let many = HEALTH.repeat(1000);
    // Ends when the gateway has closed; a client that nobody cuts off waits for its own time.
    let end = loop {
        if let Err(error) = stream.write_all(many.as_bytes()) {
            break error;
        }
    };
    let cut = [ErrorKind::ConnectionReset, ErrorKind::BrokenPipe];
    assert!(cut.contains(&end.kind()), "{end:?}");
    assert!(asked.elapsed() < Duration::from_secs(20));
    assert_eq!(gateway.get("/healthz", None).status, 200);
}

#[test]
fn a_body_of_very_many_values_is_refused_and_one_long_text_is_not() {
    let mock = Mock::start().unwrap();
    let place = Place::new(&mock);
    let gateway = place.start();
    let many = format!(
        "{{\"model\":\"m\",\"messages\":[{}[]]}}",
        "[],".repeat(1_000_000)
    );
    let refused = gateway.send(CHAT, &[], Some(&many));
    is_fault(&refused, 400, "invalid_request");
    let told = refused.json()["error"]["message"].to_string();
    assert!(told.contains("more than 1000000 values"), "{told}");
    let long = chat("mock-plain", &"long ".repeat(100_000));
    assert_eq!(gateway.send(CHAT, &[], Some(&long)).status, 200);
}
