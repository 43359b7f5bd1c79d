//! Batches through the front door: what comes of each line, whatever happens meanwhile, and what others see of it.
//! `REPRISE_BATCH_LINES` sets the lines of the killed batch; `scripts/batch_kill.sh` runs the long form.

use std::collections::BTreeSet;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::helpers::{Gateway, Place, bearer, eventually, headers, rounds};
use crate::http::Reply;
use crate::mock::Mock;

pub(crate) const URL: &str = "/v1/chat/completions";

pub(crate) fn line(id: &str, model: &str, question: &str) -> String {
    let body = json!({"model": model, "messages": [{"role": "user", "content": question}]});
    json!({"custom_id": id, "method": "POST", "url": URL, "body": body}).to_string()
}

/// Uploads a file as forms do.
pub(crate) fn upload(gateway: &Gateway, key: Option<&str>, purpose: &str, text: &str) -> Reply {
    let body = format!(
        "--x\r\ncontent-disposition: form-data; name=\"purpose\"\r\n\r\n{purpose}\r\n--x\r\n\
         content-disposition: form-data; name=\"file\"; filename=\"in.jsonl\"\r\n\
         content-type: application/octet-stream\r\n\r\n{text}\r\n--x--\r\n"
    );
    let bearer = bearer(key);
    let mut headers = headers(&bearer);
    headers.push(("content-type", "multipart/form-data; boundary=x"));
    gateway.send(("POST", "/v1/files"), &headers, Some(&body))
}

pub(crate) fn begin(gateway: &Gateway, key: Option<&str>, text: &str) -> String {
    begin_at(gateway, key, URL, text)
}

fn begin_at(gateway: &Gateway, key: Option<&str>, url: &str, text: &str) -> String {
    let file = upload(gateway, key, "batch", text);
    assert_eq!(file.status, 200, "{file:?}");
    let asked = json!({"input_file_id": file.json()["id"], "endpoint": url,
        "completion_window": "24h", "metadata": {"for": "tests"}});
    let bearer = bearer(key);
    let begun = gateway.send(
        ("POST", "/v1/batches"),
        &headers(&bearer),
        Some(&asked.to_string()),
    );
    assert_eq!(begun.status, 200, "{begun:?}");
    let begun = begun.json();
    assert_eq!(begun["status"], "validating");
    begun["id"].as_str().unwrap().to_owned()
}

pub(crate) fn look(gateway: &Gateway, key: Option<&str>, batch: &str) -> Value {
    gateway.get(&format!("/v1/batches/{batch}"), key).json()
}

pub(crate) fn until(gateway: &Gateway, key: Option<&str>, batch: &str, status: &str) -> Value {
    let deadline = Instant::now() + Duration::from_secs(120);
    loop {
        let found = look(gateway, key, batch);
        if found["status"] == status {
            return found;
        }
        assert!(Instant::now() < deadline, "never {status}: {found}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// The lines of a file that a batch ended with.
pub(crate) fn lines(gateway: &Gateway, key: Option<&str>, file: &Value) -> Vec<Value> {
    let Some(file) = file.as_str() else {
        return Vec::new();
    };
    let content = gateway.get(&format!("/v1/files/{file}/content"), key);
    assert_eq!(content.status, 200, "{content:?}");
    let lines = content.body.lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

pub(crate) fn text(line: &Value) -> &str {
    let text = &line["response"]["body"]["choices"][0]["message"]["content"];
    text.as_str().unwrap_or_default()
}

pub(crate) fn ids(lines: &[Value]) -> Vec<&str> {
    lines
        .iter()
        .map(|line| line["custom_id"].as_str().unwrap())
        .collect()
}

#[test]
fn each_line_is_answered_and_the_files_tell_what_became_of_it() {
    let mock = Mock::start().unwrap();
    let place = Place::new(&mock).with("REPRISE_BATCH__WORKERS", "1");
    let gateway = place.start();
    let text_of = [
        line("first", "mock-plain", "What is a lighthouse?"),
        line("refused", "mock-status-400", "No?"),
        line("again", "mock-plain", "What is a lighthouse?"),
    ];
    let batch = begin(&gateway, None, &text_of.join("\n"));
    let done = until(&gateway, None, &batch, "completed");
    assert_eq!(
        done["request_counts"],
        json!({"total": 3, "completed": 2, "failed": 1})
    );
    assert_eq!(done["metadata"], json!({"for": "tests"}));
    for time in [
        "created_at",
        "in_progress_at",
        "finalizing_at",
        "completed_at",
        "expires_at",
    ] {
        assert!(done[time].is_u64(), "{time}: {done}");
    }
    let output = lines(&gateway, None, &done["output_file_id"]);
    assert_eq!(ids(&output), ["first", "again"]);
    for line in &output {
        assert_eq!(text(line), "Mock answer to: What is a lighthouse? 🍎");
        assert_eq!(
            (line["response"]["status_code"].as_u64(), &line["error"]),
            (Some(200), &Value::Null)
        );
        assert!(
            line["response"]["request_id"]
                .as_str()
                .unwrap()
                .starts_with("req_")
        );
        assert!(line["id"].as_str().unwrap().starts_with("batch_req_"));
    }
    let errors = lines(&gateway, None, &done["error_file_id"]);
    assert_eq!(ids(&errors), ["refused"]);
    assert_eq!(errors[0]["response"]["status_code"], 400);
    assert!(errors[0]["response"]["body"]["error"]["message"].is_string());
    // The third was in memory.
    assert_eq!(mock.seen().count(), 2);
    let metrics = gateway.get("/metrics", None).body;
    assert!(metrics.contains("reprise_batches_total{status=\"completed\"} 1"));
    assert!(metrics.contains("reprise_batch_lines_total{outcome=\"answered\"} 2"));
}

#[test]
fn texts_are_embedded_in_a_batch_as_well() {
    let mock = Mock::start().unwrap();
    let place = Place::new(&mock).with("REPRISE_BATCH__WORKERS", "1");
    let gateway = place.start();
    let url = "/v1/embeddings";
    let line = |id: &str, input: Value| {
        let body = json!({"model": "text-embedding-3-small", "input": input});
        json!({"custom_id": id, "method": "POST", "url": url, "body": body}).to_string()
    };
    let text = [
        line("two", json!(["one text", "and another"])),
        line("one", json!("one text")),
        line("none", json!(true)),
    ];
    let batch = begin_at(&gateway, None, url, &text.join("\n"));
    let done = until(&gateway, None, &batch, "completed");
    let output = lines(&gateway, None, &done["output_file_id"]);
    assert_eq!(ids(&output), ["two", "one"]);
    let data = |at: usize| output[at]["response"]["body"]["data"].as_array().unwrap();
    assert_eq!((data(0).len(), data(1).len()), (2, 1));
    assert_eq!(data(0)[0]["embedding"], data(1)[0]["embedding"]);
    assert_eq!(mock.seen().count(), 1, "the other was in memory");
    let errors = lines(&gateway, None, &done["error_file_id"]);
    assert_eq!(errors[0]["response"]["body"]["error"]["param"], "input");
}

#[test]
fn a_batch_of_completions_has_several_prompts_to_a_line_and_each_line_its_own_answer() {
    let mock = Mock::start().unwrap();
    let place = Place::new(&mock);
    let gateway = place.start();
    let url = "/v1/completions";
    let line = |id: &str, model: &str, prompt: Value| {
        let body = json!({"model": model, "prompt": prompt, "logprobs": 1});
        json!({"custom_id": id, "method": "POST", "url": url, "body": body}).to_string()
    };
    let text = [
        line("two", "mock-plain", json!(["one", "two"])),
        line("tokens", "mock-plain", json!([1, 2])),
        line("chat", "mock-chat", json!("one")),
    ];
    let batch = begin_at(&gateway, None, url, &text.join("\n"));
    let done = until(&gateway, None, &batch, "completed");
    let output = lines(&gateway, None, &done["output_file_id"]);
    let choices = |id: &str| {
        let line = output.iter().find(|line| line["custom_id"] == id);
        line.unwrap()["response"]["body"]["choices"].clone()
    };
    assert_eq!(choices("two").as_array().unwrap().len(), 2);
    assert!(choices("tokens")[0]["logprobs"]["tokens"].is_array());
    let errors = lines(&gateway, None, &done["error_file_id"]);
    assert_eq!(errors[0]["custom_id"], "chat");
    assert_eq!(errors[0]["response"]["body"]["error"]["param"], "logprobs");
}

#[test]
fn a_batch_killed_twice_answers_each_line_exactly_once() {
    let mock = Mock::start().unwrap();
    let count = rounds("REPRISE_BATCH_LINES", 200);
    let place = Place::new(&mock).with("REPRISE_BATCH__WORKERS", "4");
    let mut gateway = place.start();
    let question = |n: u64| format!("Question number {n}, please?");
    let asked: Vec<_> = (0..count)
        .map(|n| line(&format!("line-{n}"), "mock-slow-10", &question(n)))
        .collect();
    let batch = begin(&gateway, None, &asked.join("\n"));
    let mut killed_at = Vec::new();
    for kill in [1, 2] {
        let done = |look: Value| look["request_counts"]["completed"].as_u64().unwrap_or(0);
        let reached = eventually_long(|| {
            let done = done(look(&gateway, None, &batch));
            (done >= kill * count / 3).then_some(done)
        });
        assert!(reached < count, "it was over before it could be killed");
        killed_at.push(reached);
        gateway.signal(Signal::KILL);
        gateway.ended();
        gateway = place.start();
    }
    let done = until(&gateway, None, &batch, "completed");
    let output = lines(&gateway, None, &done["output_file_id"]);
    let wanted: Vec<_> = (0..count).map(|n| format!("line-{n}")).collect();
    assert_eq!(
        ids(&output),
        wanted,
        "each line once, in the order of the file"
    );
    for (n, line) in (0..count).zip(&output) {
        assert_eq!(text(line), format!("Mock answer to: {} 🍎", question(n)));
    }
    assert_eq!(
        done["request_counts"],
        json!({"total": count, "completed": count, "failed": 0})
    );
    assert_eq!(done["error_file_id"], Value::Null);
    let requests: BTreeSet<_> = output
        .iter()
        .map(|l| l["response"]["request_id"].to_string())
        .collect();
    assert_eq!(requests.len() as u64, count);
    let again = mock.seen().count() - count;
    // Only what was under way at a kill may have been asked again, unless memory had it.
    assert!(again <= 8, "{again} lines were asked twice");
    println!(
        "{count} lines, killed after {killed_at:?}: {count} answered once, {again} calls made twice"
    );
}

/// As `eventually`, for longer than that waits.
fn eventually_long<T>(mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(600);
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "it never came");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_file_with_faults_fails_with_the_number_of_each_line() {
    let mock = Mock::start().unwrap();
    let place = Place::new(&mock);
    let gateway = place.start();
    let text = [
        line("a", "mock-plain", "x"),
        "{not json".to_owned(),
        line("a", "mock-plain", "y"),
        line("c", "mock-plain", "z").replace(URL, "/v1/messages"),
    ];
    let batch = begin(&gateway, None, &text.join("\n"));
    let failed = until(&gateway, None, &batch, "failed");
    let faults = failed["errors"]["data"].as_array().unwrap();
    let told: Vec<_> = faults
        .iter()
        .map(|f| (f["line"].as_u64(), f["code"].as_str().unwrap()))
        .collect();
    let wanted = [
        (2, "invalid_json_line"),
        (3, "duplicate_custom_id"),
        (4, "mismatched_url"),
    ];
    assert_eq!(told, wanted.map(|(line, code)| (Some(line), code)));
    assert!(failed["failed_at"].is_u64() && failed["output_file_id"].is_null());
    assert_eq!(mock.seen().count(), 0);
}

#[test]
fn outside_its_hours_memory_answers_and_the_rest_waits_for_them() {
    let mock = Mock::start().unwrap();
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs();
    let hour = |from_now: u64| (now / 3600 + from_now) % 24;
    let window = format!("{:02}:00-{:02}:00", hour(3), hour(5));
    let place = Place::new(&mock).with("REPRISE_BATCH__WINDOW", &window);
    let gateway = place.start();
    assert_eq!(gateway.ask("Known?", None).status, 200);
    gateway.ask_until("hit-exact", "Known?", None);
    let text_of = [
        line("new", "mock-plain", "New?"),
        line("known", "mock-plain", "Known?"),
    ];
    let batch = begin(&gateway, None, &text_of.join("\n"));
    let waits = eventually(|| {
        let found = look(&gateway, None, &batch);
        let metrics = gateway.get("/metrics", None).body;
        let waits = metrics.contains("reprise_batch_lines_total{outcome=\"waiting\"} 1");
        (waits && found["request_counts"]["completed"] == 1).then_some(found)
    });
    assert_eq!(
        (&waits["status"], mock.seen().count()),
        (&json!("in_progress"), 1)
    );
    gateway.stop();
    let place = place.with("REPRISE_BATCH__WINDOW", "");
    let gateway = place.start();
    let done = until(&gateway, None, &batch, "completed");
    assert_eq!(
        ids(&lines(&gateway, None, &done["output_file_id"])),
        ["new", "known"]
    );
    assert_eq!(mock.seen().count(), 2);
}

#[test]
fn a_line_that_a_provider_could_not_answer_is_asked_again() {
    let mock = Mock::start().unwrap();
    let place = Place::new(&mock)
        .with("REPRISE_RETRY__MAX_ATTEMPTS", "1")
        .with("REPRISE_BATCH__RETRY_BASE_MS", "5");
    let gateway = place.start();
    let batch = begin(&gateway, None, &line("a", "mock-flaky-3", "x"));
    let done = until(&gateway, None, &batch, "completed");
    assert_eq!(
        done["request_counts"],
        json!({"total": 1, "completed": 1, "failed": 0})
    );
    assert_eq!(mock.seen().count(), 4);
}
