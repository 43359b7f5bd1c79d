//! What a client may not do to the gateway, and what keeps a gateway from starting: each is
//! told, in time, in one clear answer or line.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::time::{Duration, Instant};

use crate::helpers::{CHAT, Place, chat, copy};
use crate::http::{connect, head, read_reply};
use crate::mock::Mock;

fn small(mock: &Mock) -> Place {
    Place::new(mock)
        .with("REPRISE_SERVER__BODY_LIMIT_BYTES", "65536")
        .with("REPRISE_SERVER__BODY_TIMEOUT_S", "1")
        .with("REPRISE_SERVER__HEADER_TIMEOUT_S", "1")
}

const JSON: (&str, &str) = ("content-type", "application/json");

#[test]
fn a_body_declared_too_large_is_refused_before_any_of_it_is_sent() {
    let mock = Mock::start().unwrap();
    let gateway = small(&mock)
        .with("REPRISE_SERVER__BODY_TIMEOUT_S", "60")
        .start();
    let mut stream = connect(gateway.address).unwrap();
    let head = head(CHAT.0, CHAT.1, &[JSON, ("content-length", "100000000")]);
    stream.write_all(head.as_bytes()).unwrap();
    let asked = Instant::now();
    let mut first = [0; 12];
    stream.read_exact(&mut first).unwrap();
    assert_eq!(&first, b"HTTP/1.1 413");
    assert!(asked.elapsed() < Duration::from_secs(5));
}

#[test]
fn a_413_reaches_a_client_that_sends_all_of_its_body_first() {
    let mock = Mock::start().unwrap();
    let gateway = small(&mock).start();
    let body = chat("mock-plain", &"x".repeat(8 << 20));
    for _ in 0..2 {
        let reply = gateway.send(CHAT, &[], Some(&body));
        assert_eq!(
            (reply.status, reply.code().as_str()),
            (413, "request_too_large")
        );
    }
}

#[test]
fn a_chunked_body_is_cut_off_at_the_limit() {
    let mock = Mock::start().unwrap();
    let gateway = small(&mock).start();
    let mut stream = connect(gateway.address).unwrap();
    let head = head(CHAT.0, CHAT.1, &[JSON, ("transfer-encoding", "chunked")]);
    stream.write_all(head.as_bytes()).unwrap();
    let piece = format!("4000\r\n{}\r\n", "x".repeat(0x4000));
    for _ in 0..64 {
        stream.write_all(piece.as_bytes()).unwrap();
    }
    stream.write_all(b"0\r\n\r\n").unwrap();
    assert_eq!(read_reply(stream).unwrap().status, 413);
}

#[test]
fn a_body_that_does_not_come_in_time_is_answered_with_408() {
    let mock = Mock::start().unwrap();
    let gateway = small(&mock).start();
    let mut stream = connect(gateway.address).unwrap();
    let head = head(CHAT.0, CHAT.1, &[JSON, ("content-length", "100")]);
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(b"{\"model\":").unwrap();
    let asked = Instant::now();
    let reply = read_reply(stream).unwrap();
    assert_eq!(
        (reply.status, reply.code().as_str()),
        (408, "request_timeout")
    );
    assert!(asked.elapsed() < Duration::from_secs(10));
}

#[test]
fn a_connection_without_complete_headers_is_closed() {
    let mock = Mock::start().unwrap();
    let gateway = small(&mock).start();
    for begun in [
        "",
        "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\nx-slow: ",
    ] {
        let mut stream = connect(gateway.address).unwrap();
        stream.write_all(begun.as_bytes()).unwrap();
        let asked = Instant::now();
        let mut rest = Vec::new();
        let end = stream.read_to_end(&mut rest);
        assert!(
            asked.elapsed() < Duration::from_secs(10),
            "{begun:?} {end:?}"
        );
    }
}

#[test]
fn connections_beyond_the_cap_wait_until_one_ends() {
    let mock = Mock::start().unwrap();
    let gateway = Place::new(&mock)
        .with("REPRISE_SERVER__WORKERS", "1")
        .with("REPRISE_SERVER__MAX_CONNECTIONS", "2")
        .start();
    let ask = b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n";
    let mut first = [0; 12];
    let mut held: Vec<_> = (0..2).map(|_| connect(gateway.address).unwrap()).collect();
    for stream in &mut held {
        stream.write_all(ask).unwrap();
        stream.read_exact(&mut first).unwrap();
    }
    let mut waiting = connect(gateway.address).unwrap();
    waiting.write_all(ask).unwrap();
    waiting
        .set_read_timeout(Some(Duration::from_millis(500)))
        .unwrap();
    assert!(
        waiting.read_exact(&mut first).is_err(),
        "the cap did not hold"
    );
    drop(held);
    waiting
        .set_read_timeout(Some(Duration::from_secs(10)))
        .unwrap();
    waiting.read_exact(&mut first).unwrap();
    assert_eq!(&first, b"HTTP/1.1 200");
}

#[test]
fn a_check_tells_all_faults_at_once_by_name() {
    let mock = Mock::start().unwrap();
    let place = Place::new(&mock).with("REPRISE_CACHE__THRESHOLD", "7");
    let file = place.beside("reprise.toml");
    let text = "[server]\nbindd = \"127.0.0.1:0\"\n[cache]\nttl_s = \"soon\"\n[nonsense]\nx = 1\n";
    std::fs::write(&file, text).unwrap();
    let checked = place.run(&["check", "--config", file.to_str().unwrap()]);
    assert_eq!(checked.status.code(), Some(1));
    let told = String::from_utf8(checked.stderr).unwrap();
    for name in ["bindd", "ttl_s", "nonsense", "REPRISE_CACHE__THRESHOLD"] {
        assert!(told.contains(name), "{name}: {told}");
    }
    assert!(!place.data.exists(), "a check makes nothing");
    let fine = Place::new(&mock).run(&["check"]);
    assert!(fine.status.success(), "{fine:?}");
}

#[test]
fn a_busy_port_or_folder_stops_the_start_with_one_line() {
    let mock = Mock::start().unwrap();
    let place = Place::new(&mock);
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let busy = place.try_start_at(&address).err().expect("two on one port");
    assert!(busy.line().contains(&address), "{busy:?}");
    assert_eq!(busy.stderr.lines().count(), 1, "{busy:?}");
    let gateway = place.start();
    let second = place.try_start().err().expect("two on one folder");
    assert!(second.line().contains("in use"), "{second:?}");
    assert_eq!(second.stderr.lines().count(), 1, "{second:?}");
    assert_eq!(gateway.ask("Are you well?", None).status, 200);
}

#[test]
fn a_folder_that_takes_no_writes_stops_the_start_with_one_line() {
    let mock = Mock::start().unwrap();
    // Even root cannot make files there.
    let place = Place::at("/proc/reprise".into(), &mock);
    let ended = place.try_start().err().expect("it wrote into /proc");
    assert!(ended.line().contains("/proc/reprise"), "{ended:?}");
    assert_eq!(ended.stderr.lines().count(), 1, "{ended:?}");
}

#[test]
fn a_model_that_is_not_the_declared_one_stops_the_start_with_one_line() {
    let mock = Mock::start().unwrap();
    let place = Place::new(&mock).semantic();
    let models = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("models");
    let copied = place.beside("model");
    copy(&models.join("all-MiniLM-L6-v2"), &copied).unwrap();
    let tokenizer = copied.join("tokenizer.json");
    let mut bytes = std::fs::read(&tokenizer).unwrap();
    bytes.push(b' ');
    std::fs::write(&tokenizer, bytes).unwrap();
    // Without a runtime where it is looked for the start would have two faults.
    let runtime = models.join("onnxruntime");
    std::os::unix::fs::symlink(runtime, place.beside("onnxruntime")).unwrap();
    let place = place.with("REPRISE_EMBEDDING__MODEL_DIR", copied.to_str().unwrap());
    let ended = place
        .try_start()
        .err()
        .expect("it runs with another tokenizer");
    assert!(ended.line().contains("tokenizer.json"), "{ended:?}");
}
