//! The HTTP edge, by the byte: what no HTTP client would send is answered like every other
//! fault, once, and so that the client can read it.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use crate::helpers::{Gateway, Place};
use crate::http::{Reply, connect};
use crate::mock::Mock;

pub(crate) const HEALTH: &str = "GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n";

/// A gateway that waits a second for a head.
fn gateway() -> (Mock, Place, Gateway) {
    let mock = Mock::start().unwrap();
    let place = Place::new(&mock).with("REPRISE_SERVER__HEADER_TIMEOUT_S", "1");
    let gateway = place.start();
    (mock, place, gateway)
}

fn headers(count: usize, value: &str) -> String {
    let lines = (0..count).map(|i| format!("x-padding-{i}: {value}\r\n"));
    lines.collect()
}

/// Sends bytes as they are and gives all the answers up to the end of the connection.
pub(crate) fn say(gateway: &Gateway, bytes: impl AsRef<[u8]>) -> Vec<Reply> {
    let mut stream = connect(gateway.address).unwrap();
    stream.write_all(bytes.as_ref()).unwrap();
    replies(&mut stream)
}

pub(crate) fn replies(stream: &mut impl Read) -> Vec<Reply> {
    let mut all = Vec::new();
    stream.read_to_end(&mut all).unwrap();
    let mut rest = all.as_slice();
    let mut found = Vec::new();
    while !rest.is_empty() {
        let told = String::from_utf8_lossy(&all);
        let head = rest.windows(4).position(|w| w == b"\r\n\r\n");
        let head = head.unwrap_or_else(|| panic!("no head: {told}")) + 4;
        let reply = Reply::parse(&rest[..head]).unwrap();
        let length = reply.header("content-length").map(|l| l.parse::<usize>());
        let end = head
            + length
                .unwrap_or_else(|| panic!("no length: {told}"))
                .unwrap();
        found.push(Reply::parse(&rest[..end]).unwrap());
        rest = &rest[end..];
    }
    found
}

#[track_caller]
pub(crate) fn is_fault(reply: &Reply, status: u16, code: &str) {
    assert_eq!(
        (reply.status, reply.code().as_str()),
        (status, code),
        "{reply:?}"
    );
    let error = &reply.json()["error"];
    let members: Vec<_> = error.as_object().unwrap().keys().collect();
    assert_eq!(members, ["message", "type", "param", "code"], "{reply:?}");
    assert_eq!(reply.header("content-type"), Some("application/json"));
    is_identified(reply);
}

#[track_caller]
fn is_identified(reply: &Reply) {
    let id = reply.header("x-request-id").unwrap_or_default();
    assert!(id.starts_with("req_"), "{reply:?}");
    assert_eq!(Some(id), reply.header("x-reprise-request-id"), "{reply:?}");
}

#[test]
fn a_request_that_cannot_be_heard_is_told_so_in_shape_and_counted() {
    let (_mock, _place, gateway) = gateway();
    let host = "GET /healthz HTTP/1.1\r\nhost: localhost\r\n";
    for (said, status, code) in [
        ("nonsense\r\n\r\n".to_owned(), 400, "invalid_request"),
        (format!("{host}no colon\r\n\r\n"), 400, "invalid_request"),
        ("GET / HTTP/3.0\r\n\r\n".to_owned(), 400, "invalid_request"),
        (
            format!("{host}{}\r\n", headers(96, "x")),
            431,
            "headers_too_large",
        ),
        (
            format!("{host}x: {}", "x".repeat(140_000)),
            431,
            "headers_too_large",
        ),
        (format!("{host}x-slow: "), 408, "request_timeout"),
        (String::new(), 408, "request_timeout"),
    ] {
        let asked = Instant::now();
        let answers = say(&gateway, &said);
        let short: String = said.chars().take(80).collect();
        assert_eq!(answers.len(), 1, "{short}: {answers:?}");
        is_fault(&answers[0], status, code);
        assert_eq!(answers[0].header("connection"), Some("close"));
        assert!(answers[0].header("date").is_some(), "{answers:?}");
        assert!(asked.elapsed() < Duration::from_secs(10), "{short}");
    }
    let counted = gateway.get("/metrics", None).body;
    for line in [
        "reprise_errors_total{code=\"invalid_request\"} 3",
        "reprise_errors_total{code=\"headers_too_large\"} 2",
        "reprise_errors_total{code=\"request_timeout\"} 2",
    ] {
        assert!(counted.contains(line), "{line}: {counted}");
    }
}

#[test]
fn a_refusal_behind_answers_leaves_them_whole() {
    let (_mock, _place, gateway) = gateway();
    let answers = say(&gateway, format!("{HEALTH}{HEALTH}nonsense\r\n\r\n"));
    assert_eq!(answers.len(), 3, "{answers:?}");
    for answer in &answers[..2] {
        assert_eq!(
            (answer.status, answer.body.as_str()),
            (200, "{\"status\":\"ok\"}")
        );
        is_identified(answer);
    }
    is_fault(&answers[2], 400, "invalid_request");
}

#[test]
fn a_refusal_reaches_a_client_that_sends_more_than_anybody_would_read() {
    let (_mock, _place, gateway) = gateway();
    for _ in 0..3 {
        let mut stream = connect(gateway.address).unwrap();
        stream.write_all(b"nonsense\r\n\r\n").unwrap();
        let piece = vec![b'x'; 1 << 20];
        for _ in 0..16 {
            stream.write_all(&piece).unwrap();
        }
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let answers = replies(&mut stream);
        assert_eq!(answers.len(), 1, "{answers:?}");
        is_fault(&answers[0], 400, "invalid_request");
    }
}

#[test]
fn a_request_with_a_broken_body_gets_one_answer() {
    let (_mock, _place, gateway) = gateway();
    for (line, status) in [("POST /v1/chat/completions", 400), ("POST /healthz", 405)] {
        let said = format!(
            "{line} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
             transfer-encoding: chunked\r\n\r\n2\r\n{{}}\r\nno size\r\n\r\n"
        );
        let answers = say(&gateway, said);
        assert_eq!(answers.len(), 1, "{answers:?}");
        assert_eq!(answers[0].status, status, "{answers:?}");
        is_identified(&answers[0]);
    }
}

#[test]
fn a_later_head_that_does_not_come_closes_the_connection_too() {
    let (_mock, _place, gateway) = gateway();
    let mut stream = connect(gateway.address).unwrap();
    let mut first = [0; 12];
    stream.write_all(HEALTH.as_bytes()).unwrap();
    stream.read_exact(&mut first).unwrap();
    let asked = Instant::now();
    stream
        .write_all(b"GET /healthz HTTP/1.1\r\nx-slow: ")
        .unwrap();
    let mut rest = Vec::new();
    let end = stream.read_to_end(&mut rest);
    assert!(
        end.is_ok() && asked.elapsed() < Duration::from_secs(20),
        "{end:?}"
    );
}

#[test]
fn headers_are_limited_at_every_address() {
    let (_mock, _place, gateway) = gateway();
    let large = headers(80, &"x".repeat(1000));
    for line in [
        "GET /healthz",
        "GET /v1/models",
        "GET /metrics",
        "GET /admin/v1/stats",
        "DELETE /admin/v1/entries/1",
        "POST /v1/chat/completions",
        "GET /nowhere",
    ] {
        let close = "host: localhost\r\nconnection: close\r\n";
        let answers = say(&gateway, format!("{line} HTTP/1.1\r\n{close}{large}\r\n"));
        assert_eq!(answers.len(), 1, "{line}: {answers:?}");
        is_fault(&answers[0], 431, "headers_too_large");
    }
    let counted = gateway.get("/metrics", None).body;
    let line = "reprise_errors_total{code=\"headers_too_large\"} 7";
    assert!(counted.contains(line), "{counted}");
    let most = headers(94, &"x".repeat(600));
    let line = "GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n";
    assert_eq!(say(&gateway, format!("{line}{most}\r\n"))[0].status, 200);
}

#[test]
fn head_is_answered_like_get_without_the_body() {
    let (_mock, _place, gateway) = gateway();
    for path in [
        "/healthz",
        "/readyz",
        "/metrics",
        "/v1/models",
        "/v1/models/mock-plain",
        "/v1/models/unknown",
        "/admin/v1/stats",
        "/admin/v1/decisions",
        "/admin/v1/entries",
        "/admin/v1/entries/1",
        "/admin/v1/policies/default",
    ] {
        let [get, head] = ["GET", "HEAD"].map(|method| gateway.send((method, path), &[], None));
        assert_eq!(head.status, get.status, "{path}: {head:?}");
        assert!(
            head.body.is_empty() && !get.body.is_empty(),
            "{path}: {head:?}"
        );
        is_identified(&head);
        let names = |reply: &Reply| -> Vec<String> {
            let lines = reply.head.lines().skip(1);
            let mut names: Vec<_> = lines.map(|l| l.split(':').next().unwrap().into()).collect();
            names.sort();
            names
        };
        assert_eq!(names(&head), names(&get), "{path}");
        if path != "/metrics" {
            assert_eq!(head.header("content-length"), get.header("content-length"));
        }
    }
}

#[test]
fn a_wrong_method_is_told_the_right_ones() {
    let (_mock, _place, gateway) = gateway();
    for (method, path, allow) in [
        ("GET", "/v1/chat/completions", "post"),
        ("OPTIONS", "/v1/chat/completions", "post"),
        ("POST", "/v1/models", "get, head"),
        ("DELETE", "/v1/models/mock-plain", "get, head"),
        ("POST", "/healthz", "get, head"),
        ("PATCH", "/admin/v1/policies/default", "get, head, put"),
        ("POST", "/admin/v1/entries", "get, head, delete"),
        ("HEAD", "/admin/v1/snapshot", "post"),
    ] {
        let refused = gateway.send((method, path), &[], None);
        assert_eq!(refused.status, 405, "{method} {path}: {refused:?}");
        assert_eq!(refused.header("allow"), Some(allow), "{method} {path}");
        is_identified(&refused);
        if method != "HEAD" {
            is_fault(&refused, 405, "method_not_allowed");
        }
    }
}

#[test]
fn the_operators_socket_and_the_metrics_port_tell_faults_in_shape() {
    let mock = Mock::start().unwrap();
    let place = Place::new(&mock).with("REPRISE_SERVER__METRICS_BIND", "127.0.0.1:0");
    let gateway = place.start();
    let second = gateway.next_line();
    let metrics = second.strip_prefix("metrics on http://");
    let metrics = metrics.unwrap_or_else(|| panic!("{second:?}"));
    let ask = |method: &str, path: &str| {
        format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
    };
    let at_metrics = |said: &str| {
        let mut stream = TcpStream::connect(metrics).unwrap();
        stream.write_all(said.as_bytes()).unwrap();
        replies(&mut stream).remove(0)
    };
    let at_socket = |said: &str| {
        let mut stream = UnixStream::connect(place.data.join("control.sock")).unwrap();
        stream.write_all(said.as_bytes()).unwrap();
        replies(&mut stream).remove(0)
    };
    assert_eq!(at_metrics(&ask("GET", "/metrics")).status, 200);
    takes_only(&at_metrics(&ask("POST", "/metrics")), "get, head");
    is_fault(&at_metrics(&ask("GET", "/healthz")), 404, "not_found");
    is_fault(&at_metrics("nonsense\r\n\r\n"), 400, "invalid_request");
    takes_only(&at_socket(&ask("PUT", "/control/keys")), "get, head, post");
    is_fault(
        &at_socket(&ask("GET", "/control/nothing")),
        404,
        "not_found",
    );
    is_fault(
        &at_socket(&ask("POST", "/control/keys")),
        400,
        "invalid_request",
    );
    is_fault(&at_socket("nonsense\r\n\r\n"), 400, "invalid_request");
}

/// A refused method, with those that are taken.
#[track_caller]
fn takes_only(refused: &Reply, methods: &str) {
    is_fault(refused, 405, "method_not_allowed");
    assert_eq!(refused.header("allow"), Some(methods), "{refused:?}");
}

#[test]
fn without_keys_only_this_machines_names_are_answered() {
    let (_mock, _place, gateway) = gateway();
    let near = "host: localhost\r\n";
    for (target, lines, status) in [
        ("/v1/models", near, 200),
        ("http://localhost/v1/models", near, 200),
        ("http://127.0.0.1:9/v1/models", near, 200),
        ("http://evil.example/v1/models", near, 403),
        ("http://localhost@evil.example/v1/models", near, 403),
        ("http://localhost/v1/models", "host: evil.example\r\n", 403),
        ("/v1/models", "host: evil.example\r\n", 403),
        ("/v1/models", "host: localhost\r\nhost: localhost\r\n", 400),
        (
            "/v1/models",
            "host: localhost\r\nhost: evil.example\r\n",
            400,
        ),
        ("/v1/models", "host: \u{e9}\r\n", 403),
        ("/v1/models", "host: \r\n", 403),
        ("/v1/models", "", 400),
        (
            "/v1/models",
            "host: localhost\r\norigin: http://localhost\r\n",
            200,
        ),
        (
            "/v1/models",
            "host: localhost\r\norigin: http://evil.example\r\n",
            403,
        ),
        (
            "/v1/models",
            "host: localhost\r\norigin: http://localhost\r\norigin: http://evil.example\r\n",
            403,
        ),
        ("/v1/models", "host: localhost\r\norigin: \u{e9}\r\n", 403),
        ("/v1/models", "host: localhost\r\norigin: \r\n", 403),
    ] {
        let said = format!("GET {target} HTTP/1.1\r\n{lines}connection: close\r\n\r\n");
        let answers = say(&gateway, &said);
        assert_eq!(answers.len(), 1, "{said}: {answers:?}");
        match status {
            200 => assert_eq!(answers[0].status, 200, "{said}: {answers:?}"),
            400 => is_fault(&answers[0], 400, "invalid_request"),
            _ => is_fault(&answers[0], 403, "open_mode_refused"),
        }
    }
}
