//! How batches end before their time, and what is left of them then.

use serde_json::json;

use crate::batches::{begin, ids, line, lines, until};
use crate::helpers::{Place, eventually};
use crate::keys::listed;
use crate::mock::Mock;

#[test]
fn a_cancelled_batch_keeps_what_was_answered() {
    let mock = Mock::start().unwrap();
    let place = Place::new(&mock).with("REPRISE_BATCH__WORKERS", "1");
    let gateway = place.start();
    let text_of = [
        line("done", "mock-plain", "x"),
        line("under way", "mock-gated", "y"),
        line("never", "mock-plain", "z"),
    ];
    let batch = begin(&gateway, None, &text_of.join("\n"));
    eventually(|| (mock.seen().count() == 2).then_some(()));
    let cancel = format!("/v1/batches/{batch}/cancel");
    let cancelled = gateway.send(
        ("POST", &cancel),
        &[("content-type", "application/json")],
        None,
    );
    assert_eq!(cancelled.json()["status"], "cancelling", "{cancelled:?}");
    mock.seen().open();
    let over = until(&gateway, None, &batch, "cancelled");
    assert!(over["cancelling_at"].is_u64() && over["cancelled_at"].is_u64());
    assert_eq!(
        ids(&lines(&gateway, None, &over["output_file_id"])),
        ["done", "under way"]
    );
    let errors = lines(&gateway, None, &over["error_file_id"]);
    assert_eq!(
        (ids(&errors), &errors[0]["error"]["code"]),
        (vec!["never"], &json!("batch_cancelled"))
    );
    assert_eq!(mock.seen().count(), 2);
    let again = gateway.send(
        ("POST", &cancel),
        &[("content-type", "application/json")],
        None,
    );
    assert_eq!((again.status, again.code().as_str()), (409, "conflict"));
}

#[test]
fn a_batch_stops_when_its_key_is_revoked() {
    let mock = Mock::start().unwrap();
    let place = Place::new(&mock).with("REPRISE_BATCH__WORKERS", "1");
    let key = place.key("acme", "app");
    let id = listed(&place)[0]["id"].as_str().unwrap().to_owned();
    let left = place.key("acme", "app");
    let gateway = place.start();
    let text_of = [line("a", "mock-gated", "x"), line("b", "mock-plain", "y")];
    let batch = begin(&gateway, Some(&key), &text_of.join("\n"));
    eventually(|| (mock.seen().count() == 1).then_some(()));
    let revoked = place.run(&["keys", "revoke", &id]);
    assert!(revoked.status.success(), "{revoked:?}");
    mock.seen().open();
    let failed = until(&gateway, Some(&left), &batch, "failed");
    assert_eq!(failed["errors"]["data"][0]["code"], "invalid_api_key");
    assert_eq!(
        ids(&lines(&gateway, Some(&left), &failed["output_file_id"])),
        ["a"]
    );
    let errors = lines(&gateway, Some(&left), &failed["error_file_id"]);
    assert_eq!(errors[0]["error"]["code"], "invalid_api_key");
    assert_eq!(mock.seen().count(), 1);
}

#[test]
fn what_has_no_answer_when_the_time_is_over_is_expired() {
    let mock = Mock::start().unwrap();
    let place = Place::new(&mock)
        .with("REPRISE_BATCH__COMPLETION_S", "1")
        .with("REPRISE_BATCH__RETRY_BASE_MS", "200");
    let gateway = place.start();
    let text_of = [
        line("a", "mock-plain", "x"),
        line("b", "mock-status-503", "y"),
    ];
    let batch = begin(&gateway, None, &text_of.join("\n"));
    let over = until(&gateway, None, &batch, "expired");
    assert!(over["expired_at"].is_u64());
    assert_eq!(ids(&lines(&gateway, None, &over["output_file_id"])), ["a"]);
    let errors = lines(&gateway, None, &over["error_file_id"]);
    assert_eq!(
        (ids(&errors), &errors[0]["error"]["code"]),
        (vec!["b"], &json!("batch_expired"))
    );
}

#[test]
fn a_stop_gives_up_a_line_that_does_not_end_and_the_next_start_asks_it() {
    let mock = Mock::start().unwrap();
    let place = Place::new(&mock).with("REPRISE_SERVER__DRAIN_DEADLINE_S", "0");
    let gateway = place.start();
    let batch = begin(&gateway, None, &line("a", "mock-gated", "x"));
    eventually(|| (mock.seen().count() == 1).then_some(()));
    gateway.stop();
    mock.seen().open();
    let gateway = place.start();
    let done = until(&gateway, None, &batch, "completed");
    assert_eq!(ids(&lines(&gateway, None, &done["output_file_id"])), ["a"]);
    assert_eq!(mock.seen().count(), 2);
}
