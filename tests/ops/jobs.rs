//! Requests whose answer is fetched later, through the front door: taken down, answered, told and cancelled.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::mpsc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use rustix::process::Signal;
use serde_json::{Value, json};
use sha2::Sha256;

use crate::helpers::{CHAT, Gateway, Place, chat, eventually, streamed};
use crate::http::Reply;
use crate::mock::Mock;

const LATER: (&str, &str) = ("x-reprise-async", "true");
/// What webhooks are signed with in these tests.
const SECRET: &str = "a secret of 24 bytes or so";

fn later(gateway: &Gateway, model: &str, question: &str) -> Reply {
    gateway.send(CHAT, &[LATER], Some(&chat(model, question)))
}

fn id(accepted: &Reply) -> String {
    assert_eq!(accepted.status, 202, "{accepted:?}");
    accepted.json()["id"].as_str().unwrap().to_owned()
}

fn until(gateway: &Gateway, job: &str, status: &str) -> Value {
    eventually(|| {
        let found = gateway.get(&format!("/v1/jobs/{job}"), None).json();
        (found["status"] == status).then_some(found)
    })
}

#[test]
fn a_request_is_taken_down_at_once_and_its_answer_is_fetched() {
    let mock = Mock::start().unwrap();
    let place = Place::new(&mock);
    let gateway = place.start();
    let accepted = later(&gateway, "mock-gated", "Where to?");
    let job = id(&accepted);
    assert_eq!(
        accepted.header("location"),
        Some(format!("/v1/jobs/{job}").as_str())
    );
    assert!(accepted.header("retry-after").is_some());
    let told = accepted.json();
    assert_eq!(
        (&told["object"], &told["status"]),
        (&json!("reprise.job"), &json!("queued"))
    );
    until(&gateway, &job, "in_progress");
    mock.seen().open();
    let done = until(&gateway, &job, "completed");
    let answer = &done["response"];
    assert_eq!(answer["status_code"], 200);
    assert_eq!(answer["headers"]["x-reprise-cache"], "miss");
    assert!(
        answer["headers"]["x-request-id"]
            .as_str()
            .unwrap()
            .starts_with("req_")
    );
    let text = &answer["body"]["choices"][0]["message"]["content"];
    assert_eq!(text, "Mock answer to: Where to? 🍎");
    gateway.ask_until("miss", "Something else", None);
    let again = id(&later(&gateway, "mock-gated", "Where to?"));
    let again = until(&gateway, &again, "completed");
    assert_eq!(again["response"]["headers"]["x-reprise-cache"], "hit-exact");
}

#[test]
fn what_is_wrong_with_a_request_is_told_at_once_in_its_own_dialect() {
    let mock = Mock::start().unwrap();
    let providers = format!(
        r#"[{{name = "m", base_url = "{}", models = ["mock-*"]}}]"#,
        mock.base_url()
    );
    let place = Place::new(&mock).with("REPRISE_PROVIDERS", &providers);
    let gateway = place.start();
    let refused = |body: &str, more: &[(&str, &str)]| {
        let reply = gateway.send(CHAT, &[&[LATER], more].concat(), Some(body));
        (reply.status, reply.code())
    };
    let good = chat("mock-plain", "x");
    assert_eq!(refused("{", &[]), (400, "invalid_request".into()));
    assert_eq!(
        refused(&streamed("mock-plain", "x"), &[]),
        (400, "invalid_request".into())
    );
    assert_eq!(
        refused(&chat("other", "x"), &[]),
        (404, "model_not_found".into())
    );
    assert_eq!(
        refused(&good, &[("x-reprise-ttl", "soon")]),
        (400, "invalid_header".into())
    );
    assert_eq!(
        refused(&good, &[("x-reprise-webhook", "https://example.com")]),
        (400, "invalid_header".into())
    );
    let off = gateway.send(CHAT, &[("x-reprise-async", "maybe")], Some(&good));
    assert_eq!((off.status, off.code().as_str()), (400, "invalid_header"));
    let alone = gateway.send(
        CHAT,
        &[("x-reprise-webhook", "https://example.com")],
        Some(&good),
    );
    assert_eq!(
        (alone.status, alone.code().as_str()),
        (400, "invalid_header")
    );
    let body =
        json!({"model": "other", "max_tokens": 5, "messages": [{"role": "user", "content": "x"}]});
    let anthropic = gateway
        .send(("POST", "/v1/messages"), &[LATER], Some(&body.to_string()))
        .json();
    assert_eq!(
        (&anthropic["type"], &anthropic["error"]["type"]),
        (&json!("error"), &json!("not_found_error"))
    );
    let place = Place::new(&mock);
    place.key("acme", "app");
    let keyed = place.start();
    assert_eq!(later(&keyed, "mock-plain", "x").status, 401);
    assert_eq!(mock.seen().count(), 0);
}

#[test]
fn answers_and_refusals_come_in_the_dialect_of_the_request() {
    let mock = Mock::start().unwrap();
    let place = Place::new(&mock);
    let gateway = place.start();
    let message = json!([{"role": "user", "content": "Hello?"}]);
    let body = json!({"model": "mock-plain", "max_tokens": 50, "messages": message}).to_string();
    let job = id(&gateway.send(("POST", "/v1/messages"), &[LATER], Some(&body)));
    let done = until(&gateway, &job, "completed");
    assert_eq!(
        (&done["endpoint"], &done["response"]["body"]["type"]),
        (&json!("/v1/messages"), &json!("message"))
    );
    let body = json!({"model": "mock-plain", "input": "Hello?"}).to_string();
    let job = id(&gateway.send(("POST", "/v1/responses"), &[LATER], Some(&body)));
    let done = until(&gateway, &job, "completed");
    assert_eq!(done["response"]["body"]["object"], "response");
    let job = id(&later(&gateway, "mock-status-400", "x"));
    let failed = until(&gateway, &job, "failed");
    assert_eq!(failed["response"]["status_code"], 400);
    assert!(failed["response"]["body"]["error"]["message"].is_string());
}

#[test]
fn what_was_taken_down_is_answered_after_a_kill() {
    let mock = Mock::start().unwrap();
    let place = Place::new(&mock).with("REPRISE_ASYNC__WORKERS", "1");
    let gateway = place.start();
    let jobs: Vec<_> = (0..5)
        .map(|n| id(&later(&gateway, "mock-gated", &format!("Question {n}"))))
        .collect();
    until(&gateway, &jobs[0], "in_progress");
    gateway.signal(Signal::KILL);
    gateway.ended();
    mock.seen().open();
    let gateway = place.start();
    for (n, job) in jobs.iter().enumerate() {
        let done = until(&gateway, job, "completed");
        let text = &done["response"]["body"]["choices"][0]["message"]["content"];
        assert_eq!(*text, format!("Mock answer to: Question {n} 🍎"));
    }
}

#[test]
fn a_cancelled_job_gives_up_its_call_and_is_then_forgotten() {
    let mock = Mock::start().unwrap();
    let place = Place::new(&mock).with("REPRISE_ASYNC__WORKERS", "1");
    let gateway = place.start();
    let under_way = id(&later(&gateway, "mock-gated", "x"));
    until(&gateway, &under_way, "in_progress");
    eventually(|| (mock.seen().count() == 1).then_some(()));
    let queued = id(&later(&gateway, "mock-plain", "y"));
    for job in [&queued, &under_way] {
        let path = format!("/v1/jobs/{job}");
        let cancelled = gateway.send(("DELETE", &path), &[], None);
        assert_eq!(cancelled.json()["status"], "cancelled", "{cancelled:?}");
    }
    eventually(|| (mock.seen().cancelled() == 1).then_some(()));
    let path = format!("/v1/jobs/{queued}");
    assert_eq!(gateway.get(&path, None).json()["status"], "cancelled");
    assert_eq!(
        gateway.send(("DELETE", &path), &[], None).json()["deleted"],
        true
    );
    assert_eq!(gateway.get(&path, None).status, 404);
    // The worker is free for others.
    let next = id(&later(&gateway, "mock-plain", "z"));
    until(&gateway, &next, "completed");
    assert_eq!(mock.seen().count(), 2);
}

#[test]
fn too_many_waiting_jobs_of_a_tenant_are_told_to_come_back() {
    let mock = Mock::start().unwrap();
    let place = Place::new(&mock).with("REPRISE_ASYNC__PER_TENANT", "2");
    let gateway = place.start();
    for n in ["1", "2"] {
        id(&later(&gateway, "mock-gated", n));
    }
    let full = later(&gateway, "mock-gated", "3");
    assert_eq!((full.status, full.code().as_str()), (429, "queue_full"));
    assert!(full.header("retry-after").is_some());
}

/// What a receiver of webhooks was sent: its head in lower case, and its body.
type Heard = (String, String);

/// A receiver that answers with these statuses, the last one for ever.
fn receiver(statuses: &[u16]) -> (SocketAddr, mpsc::Receiver<Heard>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (tell, heard) = mpsc::channel();
    let statuses = statuses.to_vec();
    std::thread::spawn(move || {
        for (n, stream) in listener.incoming().map_while(Result::ok).enumerate() {
            let mut reader = BufReader::new(stream);
            let mut head = String::new();
            while !head.ends_with("\r\n\r\n") && reader.read_line(&mut head).unwrap_or(0) > 0 {}
            let head = head.to_lowercase();
            let length = head
                .lines()
                .find_map(|l| l.strip_prefix("content-length: ")?.parse().ok());
            let mut body = vec![0; length.unwrap_or(0)];
            reader.read_exact(&mut body).unwrap();
            let status = statuses.get(n).or(statuses.last()).copied().unwrap_or(200);
            let reply = format!(
                "HTTP/1.1 {status} X\r\nlocation: /\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
            );
            reader.get_mut().write_all(reply.as_bytes()).unwrap();
            if tell.send((head, String::from_utf8(body).unwrap())).is_err() {
                return;
            }
        }
    });
    (address, heard)
}

fn header<'a>(head: &'a str, name: &str) -> &'a str {
    let mut lines = head.lines().filter_map(|line| line.split_once(": "));
    lines
        .find(|(n, _)| *n == name)
        .unwrap_or_else(|| panic!("no {name}: {head}"))
        .1
}

fn signature(id: &str, timestamp: &str, body: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update(format!("{id}.{timestamp}.{body}").as_bytes());
    format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
}

fn telling(mock: &Mock) -> Place {
    Place::new(mock)
        .with("REPRISE_ASYNC__WEBHOOK_SECRET_ENV", "HOOK_SECRET")
        .with("REPRISE_ASYNC__WEBHOOK_ALLOW", "[\"127.0.0.1\"]")
        .with("REPRISE_ASYNC__WEBHOOK_BASE_MS", "10")
        .with("HOOK_SECRET", SECRET)
}

#[test]
fn a_webhook_is_signed_and_told_again_until_it_is_heard() {
    let mock = Mock::start().unwrap();
    let place = telling(&mock);
    let gateway = place.start();
    // A redirect is not followed; it is as good as a failure.
    let (address, heard) = receiver(&[500, 302, 204]);
    let hook = format!("http://{address}/hook?token=t");
    let head = [LATER, ("x-reprise-webhook", hook.as_str())];
    let job = id(&gateway.send(CHAT, &head, Some(&chat("mock-plain", "x"))));
    let mut ids = Vec::new();
    for _ in 0..3 {
        let (head, body) = heard
            .recv_timeout(std::time::Duration::from_secs(30))
            .unwrap();
        assert!(head.starts_with("post /hook?token=t "), "{head}");
        let (id, at) = (
            header(&head, "webhook-id"),
            header(&head, "webhook-timestamp"),
        );
        let signed = signature(id, at, &body);
        assert_eq!(header(&head, "webhook-signature"), signed.to_lowercase());
        let told: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(
            (&told["type"], &told["data"]["id"]),
            (&json!("job.completed"), &json!(job))
        );
        assert_eq!(told["data"]["response"]["status_code"], 200);
        ids.push(id.to_owned());
    }
    assert!(
        ids.iter().all(|id| *id == ids[0]),
        "one message has one id: {ids:?}"
    );
    let done = eventually(|| {
        let found = gateway.get(&format!("/v1/jobs/{job}"), None).json();
        (found["webhook"]["status"] == "delivered").then_some(found)
    });
    assert_eq!(done["webhook"]["attempts"], 3);
}

#[test]
fn a_webhook_that_nobody_heard_is_told_after_a_kill() {
    let mock = Mock::start().unwrap();
    let place = telling(&mock).with("REPRISE_ASYNC__WEBHOOK_BASE_MS", "600000");
    let gateway = place.start();
    let (address, heard) = receiver(&[503, 200]);
    let hook = format!("http://{address}/");
    let head = [LATER, ("x-reprise-webhook", hook.as_str())];
    let job = id(&gateway.send(CHAT, &head, Some(&chat("mock-plain", "x"))));
    let path = format!("/v1/jobs/{job}");
    eventually(|| (gateway.get(&path, None).json()["webhook"]["attempts"] == 1).then_some(()));
    gateway.signal(Signal::KILL);
    gateway.ended();
    let gateway = place.start();
    eventually(|| {
        (gateway.get(&path, None).json()["webhook"]["status"] == "delivered").then_some(())
    });
    assert_eq!(heard.iter().take(2).count(), 2);
}

#[test]
fn webhooks_to_private_addresses_are_refused_and_an_empty_secret_stops_the_start() {
    let mock = Mock::start().unwrap();
    let place = telling(&mock).with("REPRISE_ASYNC__WEBHOOK_ALLOW", "[]");
    let gateway = place.start();
    for url in [
        "https://127.0.0.1/",
        "https://[::1]/",
        "https://169.254.169.254/x",
        "http://example.com",
        "x",
    ] {
        let head = [LATER, ("x-reprise-webhook", url)];
        let reply = gateway.send(CHAT, &head, Some(&chat("mock-plain", "x")));
        assert_eq!(
            (reply.status, reply.code().as_str()),
            (400, "invalid_header"),
            "{url}"
        );
    }
    for (secret, told) in [
        ("", "is not set in the environment, or empty"),
        ("short", "fewer than 24 bytes"),
    ] {
        let refused = telling(&mock)
            .with("HOOK_SECRET", secret)
            .try_start()
            .err()
            .unwrap();
        assert!(refused.line().contains(told), "{refused:?}");
    }
}

#[test]
fn one_that_finds_no_room_waits_for_it() {
    let mock = Mock::start().unwrap();
    let place = Place::new(&mock).with("REPRISE_LIMITS", "[{per = 'global', concurrency = 1}]");
    let gateway = place.start();
    let address = gateway.address;
    let held = std::thread::spawn(move || {
        let body = chat("mock-gated", "Who is first?");
        crate::http::try_send(address, CHAT, &[], Some(&body)).unwrap()
    });
    eventually(|| (mock.seen().count() == 1).then_some(()));
    let job = id(&later(&gateway, "mock-plain", "Who is second?"));
    let refused = "reprise_refusals_total{per=\"global\",kind=\"concurrency\"}";
    eventually(|| (crate::rates::metric(&gateway, refused) > 0).then_some(()));
    until(&gateway, &job, "in_progress");
    mock.seen().open();
    assert_eq!(held.join().unwrap().status, 200);
    let done = until(&gateway, &job, "completed");
    assert_eq!(done["response"]["status_code"], 200);
}
