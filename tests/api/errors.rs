//! Faults of the request: each in OpenAI's shape, complete, and with its ids.

use std::io::{Read, Write};
use std::net::TcpStream;

use reqwest::Method;
use serde_json::json;

use crate::client::Client;
use crate::gateway::{Gateway, PATIENCE, Tenants};

#[tokio::test]
async fn a_body_that_is_not_valid_names_the_field_at_fault() {
    let client = Client::new();
    let deep = format!(
        r#"{{"model":"mock-plain","messages":[{{"role":"user","content":"x"}}],"x":{}1{}}}"#,
        "[".repeat(5000),
        "]".repeat(5000)
    );
    for (body, param) in [
        ("", None),
        ("{\"model\":", None),
        ("[]", None),
        ("{} {}", None),
        (r#"{"model":"a","model":"b","messages":[]}"#, None),
        (&deep, None),
        (r#"{"messages":[]}"#, Some("model")),
        (r#"{"model":"mock-plain"}"#, Some("messages")),
        (r#"{"model":"mock-plain","messages":[]}"#, Some("messages")),
        (
            r#"{"model":"m","messages":[{"role":"robot","content":"x"}]}"#,
            Some("messages[0].role"),
        ),
        (
            r#"{"model":"m","messages":[{"role":"user","content":[{"type":"smell"}]}]}"#,
            Some("messages[0].content[0].type"),
        ),
        (
            r#"{"model":"m","messages":[{"role":"user","content":"x"}],"temperature":3}"#,
            Some("temperature"),
        ),
    ] {
        let refused = client.ask("").send_raw(body).await;
        let error = refused.error(400, "invalid_request");
        assert_eq!(error["type"], "invalid_request_error", "{body}");
        assert_eq!(error["param"].as_str(), param, "{body}");
    }
}

#[tokio::test]
async fn a_duplicate_key_is_named_because_the_provider_might_read_the_other_one() {
    let body = r#"{"model":"mock-plain","messages":[{"role":"user","content":"a","content":"b"}]}"#;
    let refused = Client::new().ask("").send_raw(body).await;
    let error = refused.error(400, "invalid_request");
    assert!(error["message"].as_str().unwrap().contains("`content`"));
}

#[tokio::test]
async fn an_unknown_address_and_a_wrong_method_are_told_apart() {
    let client = Client::new();
    for path in ["/", "/v1", "/v1/chat", "/v2/models", "/admin/v1/nothing"] {
        client.get(path).send().await.error(404, "not_found");
    }
    for (method, path) in [
        (Method::GET, "/v1/chat/completions"),
        (Method::DELETE, "/v1/chat/completions"),
        (Method::POST, "/v1/models"),
        (Method::POST, "/healthz"),
    ] {
        let refused = client.request(method, path).send().await;
        refused.error(405, "method_not_allowed");
    }
}

#[tokio::test]
async fn where_keys_exist_each_request_needs_a_valid_one() {
    let tenants = Tenants::shared();
    let keyless = Client::of(tenants.gateway.clone());
    let ask = || {
        let ask = keyless.ask("Where is my key?");
        ask.header("x-reprise-namespace", "alpha")
    };
    let altered = format!("{}x", tenants.alpha);
    for (name, value) in [
        ("x-nothing", "x"),
        ("authorization", "Bearer wrong"),
        ("authorization", "Bearer "),
        ("authorization", "Basic YWxwaGE6YWxwaGE="),
        ("authorization", &format!("Bearer {altered}")),
        ("x-api-key", &tenants.alpha[..20]),
    ] {
        let refused = ask().header(name, value).send().await;
        let error = refused.error(401, "invalid_api_key");
        let message = error["message"].as_str().unwrap();
        assert!(!message.contains(&tenants.alpha[..20]) && !message.contains("wrong"));
    }
    for path in [
        "/v1/models",
        "/v1/models/mock-plain",
        "/admin/v1/stats",
        "/metrics",
    ] {
        keyless.get(path).send().await.error(401, "invalid_api_key");
    }
    assert_eq!(keyless.calls(), 0);
    for (name, value) in [
        ("x-api-key", tenants.alpha.clone()),
        ("authorization", format!("bearer {}", tenants.alpha)),
    ] {
        assert_eq!(ask().header(name, &value).send().await.status, 200);
    }
}

#[tokio::test]
async fn without_keys_a_foreign_page_is_refused() {
    let client = Client::new();
    for (name, value) in [
        ("host", "evil.example"),
        ("origin", "https://evil.example"),
        ("content-type", "text/plain"),
    ] {
        let refused = client.ask("Who are you?").header(name, value).send().await;
        refused.error(403, "open_mode_refused");
    }
    assert_eq!(client.calls(), 0);
}

#[tokio::test]
async fn a_model_that_no_provider_claims_is_not_found() {
    let client = Client::of(Gateway::routed());
    for stream in [false, true] {
        let refused = client.ask("Hi?").model("gpt-9").streamed(stream);
        let error = refused.send().await.error(404, "model_not_found");
        assert_eq!(error["param"], "model");
    }
    assert_eq!(client.calls(), 0);
}

#[tokio::test]
async fn a_body_that_is_declared_too_large_is_refused_before_it_is_sent() {
    let answer = refusal_while_sending("content-length: 40000000\r\n", 0);
    is_413(&answer);
}

#[tokio::test]
async fn a_413_reaches_a_client_that_is_still_sending() {
    is_413(&refusal_while_sending("content-length: 40000000\r\n", 38));
    is_413(&refusal_while_sending("transfer-encoding: chunked\r\n", 38));
}

/// Sends the head and some MiB of the body, and only then reads.
fn refusal_while_sending(length: &str, mebibytes: usize) -> String {
    let gateway = Gateway::plain();
    let mut stream = TcpStream::connect(gateway.address()).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    let head = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\n\
         content-type: application/json\r\n{length}\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    let mut piece = vec![b' '; 1 << 20];
    if length.contains("chunked") {
        piece.splice(0..0, format!("{:x}\r\n", 1 << 20).into_bytes());
        piece.extend(b"\r\n");
    }
    for _ in 0..mebibytes {
        stream.write_all(&piece).unwrap();
    }
    let mut answer = Vec::new();
    let mut part = [0; 4096];
    while !answer.ends_with(b"}}") {
        let count = stream.read(&mut part).unwrap();
        assert!(count > 0, "{}", String::from_utf8_lossy(&answer));
        answer.extend(&part[..count]);
    }
    String::from_utf8(answer).unwrap()
}

#[track_caller]
fn is_413(answer: &str) {
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 413 "), "{head}");
    assert!(head.to_lowercase().contains("x-request-id: "), "{head}");
    let body = serde_json::from_str(body).unwrap();
    crate::client::check_error(&body, "request_too_large");
}

#[tokio::test]
async fn a_request_with_too_many_headers_is_refused_in_shape() {
    let client = Client::new();
    let mut ask = client.ask("How many headers are too many?");
    for i in 0..90 {
        ask = ask.header(&format!("x-noise-{i}"), &"x".repeat(800));
    }
    let error = ask.send().await.error(431, "headers_too_large");
    assert_eq!(error["param"], json!(null));
}
