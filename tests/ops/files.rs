//! Files of clients through the front door, and whom they, batches and jobs are shown to.

use rustix::process::Signal;
use serde_json::json;

use crate::batches::{URL, begin, line, until, upload};
use crate::helpers::{Place, bearer, eventually, headers};
use crate::mock::Mock;

#[test]
fn other_tenants_see_nothing_of_files_batches_and_jobs() {
    let mock = Mock::start().unwrap();
    let place = Place::new(&mock);
    let (own, other) = (place.key("acme", "app"), place.key("acm", "admin"));
    let gateway = place.start();
    let batch = begin(&gateway, Some(&own), &line("a", "mock-plain", "x"));
    let done = until(&gateway, Some(&own), &batch, "completed");
    let file = done["output_file_id"].as_str().unwrap();
    let bearer = bearer(Some(&own));
    let mut head = headers(&bearer);
    head.push(("x-reprise-async", "true"));
    let body = crate::helpers::chat("mock-plain", "x");
    let job = gateway.send(("POST", URL), &head, Some(&body)).json();
    let job = job["id"].as_str().unwrap();
    let cancel = format!("/v1/batches/{batch}/cancel");
    for (method, path) in [
        ("GET", format!("/v1/batches/{batch}")),
        ("POST", cancel),
        ("GET", format!("/v1/files/{file}")),
        ("GET", format!("/v1/files/{file}/content")),
        ("DELETE", format!("/v1/files/{file}")),
        ("GET", format!("/v1/jobs/{job}")),
        ("DELETE", format!("/v1/jobs/{job}")),
    ] {
        let bearer = crate::helpers::bearer(Some(&other));
        let reply = gateway.send((method, &path), &headers(&bearer), None);
        assert_eq!(
            (reply.status, reply.code().as_str()),
            (404, "not_found"),
            "{method} {path}"
        );
    }
    for path in ["/v1/files", "/v1/batches"] {
        assert_eq!(gateway.get(path, Some(&other)).json()["data"], json!([]));
        assert_ne!(gateway.get(path, Some(&own)).json()["data"], json!([]));
    }
    let asked = json!({"input_file_id": file, "endpoint": URL, "completion_window": "24h"});
    let bearer = crate::helpers::bearer(Some(&other));
    let stolen = gateway.send(
        ("POST", "/v1/batches"),
        &headers(&bearer),
        Some(&asked.to_string()),
    );
    assert_eq!(
        (stolen.status, &stolen.json()["error"]["param"]),
        (400, &json!("input_file_id"))
    );
}

#[test]
#[allow(clippy::too_many_lines, reason = "the whole life of some files")]
fn files_are_kept_listed_and_deleted_and_bounded() {
    let mock = Mock::start().unwrap();
    let place = Place::new(&mock)
        .with("REPRISE_FILES__MAX_BYTES", "1024")
        .with("REPRISE_FILES__PER_TENANT", "3");
    let gateway = place.start();
    let large = upload(&gateway, None, "batch", &"x".repeat(1025));
    assert_eq!(
        (large.status, large.code().as_str()),
        (413, "request_too_large")
    );
    let larger = upload(&gateway, None, "batch", &"x".repeat(200_000));
    assert_eq!(larger.code(), "request_too_large");
    let odd = upload(&gateway, None, "fine-tune", "x");
    assert_eq!(
        (odd.status, &odd.json()["error"]["param"]),
        (400, &json!("purpose"))
    );
    let made: Vec<_> = (0..3)
        .map(|n| upload(&gateway, None, "batch", &format!("text {n}")))
        .collect();
    let id = |n: usize| made[n].json()["id"].as_str().unwrap().to_owned();
    assert_eq!(made[1].json()["bytes"], 6);
    assert_eq!(made[1].json()["filename"], "in.jsonl");
    let full = upload(&gateway, None, "batch", "x");
    assert_eq!(
        (full.status, full.code().as_str()),
        (400, "file_quota_exceeded")
    );
    let page = gateway
        .get("/v1/files?limit=2&order=asc&purpose=batch", None)
        .json();
    let listed: Vec<_> = page["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|f| f["id"].clone())
        .collect();
    assert_eq!(
        (listed, &page["has_more"]),
        (vec![json!(id(0)), json!(id(1))], &json!(true))
    );
    let rest = gateway
        .get(&format!("/v1/files?order=asc&after={}", id(1)), None)
        .json();
    assert_eq!(
        (rest["data"].as_array().unwrap().len(), &rest["has_more"]),
        (1, &json!(false))
    );
    assert_eq!(
        gateway.get("/v1/files?purpose=other", None).json()["data"],
        json!([])
    );
    let gateway = {
        gateway.signal(Signal::KILL);
        gateway.ended();
        place.start()
    };
    assert_eq!(
        gateway
            .get(&format!("/v1/files/{}/content", id(2)), None)
            .body,
        "text 2"
    );
    let gone = gateway.send(("DELETE", &format!("/v1/files/{}", id(2))), &[], None);
    assert_eq!(
        gone.json(),
        json!({"id": id(2), "object": "file", "deleted": true})
    );
    assert_eq!(
        gateway
            .get(&format!("/v1/files/{}/content", id(2)), None)
            .status,
        404
    );
    let left = crate::helpers::files(&place.data.join("work/files"));
    assert_eq!(left.len(), 2, "{left:?}");
}

#[test]
fn what_a_list_or_a_batch_is_asked_wrongly_is_named_with_what_it_must_be() {
    let mock = Mock::start().unwrap();
    let place = Place::new(&mock);
    let gateway = place.start();
    upload(&gateway, None, "batch", "text");
    let told = |reply: crate::http::Reply| {
        assert_eq!(
            (reply.status, reply.code().as_str()),
            (400, "invalid_request"),
            "{reply:?}"
        );
        let error = reply.json()["error"].clone();
        let text = |name: &str| error[name].as_str().unwrap_or_default().to_owned();
        (text("param"), text("message"))
    };
    for (list, name, value, what) in [
        ("files", "limit", "x", "a positive integer"),
        ("batches", "limit", "0", "from 1 to 100"),
        ("files", "after", "zzz", "nothing in this list"),
        ("batches", "after", "zzz", "nothing in this list"),
        ("files", "order", "up", "\"asc\" or \"desc\""),
        ("batches", "before", "x", "not known here"),
    ] {
        let (param, message) = told(gateway.get(&format!("/v1/{list}?{name}={value}"), None));
        assert_eq!(param, name, "{message}");
        assert!(message.contains(what), "{message}");
    }
    let asked = json!({"input_file_id": 7, "endpoint": URL, "completion_window": "24h"});
    let batch = gateway.send(("POST", "/v1/batches"), &[], Some(&asked.to_string()));
    let must_be = "`input_file_id` must be a string.";
    assert_eq!(told(batch), ("input_file_id".into(), must_be.into()));
}

#[test]
fn without_keys_a_form_from_a_foreign_page_is_refused() {
    let mock = Mock::start().unwrap();
    let place = Place::new(&mock);
    let gateway = place.start();
    for (name, value) in [
        ("origin", "https://evil.example"),
        ("sec-fetch-site", "cross-site"),
    ] {
        let head = [
            ("content-type", "multipart/form-data; boundary=x"),
            (name, value),
        ];
        let reply = gateway.send(("POST", "/v1/files"), &head, Some("--x--\r\n"));
        assert_eq!(
            (reply.status, reply.code().as_str()),
            (403, "open_mode_refused"),
            "{name}"
        );
    }
}

#[test]
fn a_file_that_has_ended_takes_no_room() {
    let mock = Mock::start().unwrap();
    let place = Place::new(&mock).with("REPRISE_FILES__PER_TENANT", "1");
    let gateway = place.start();
    let field = |name: &str, value: &str| {
        format!("--x\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
    };
    let body = field("purpose", "batch")
        + &field("expires_after[anchor]", "created_at")
        + &field("expires_after[seconds]", "1")
        + "--x\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\nx\r\n--x--\r\n";
    let form = [("content-type", "multipart/form-data; boundary=x")];
    let short = gateway.send(("POST", "/v1/files"), &form, Some(&body));
    assert_eq!(short.status, 200, "{short:?}");
    assert_eq!(
        upload(&gateway, None, "batch", "y").code(),
        "file_quota_exceeded"
    );
    let path = format!("/v1/files/{}", short.json()["id"].as_str().unwrap());
    eventually(|| (gateway.get(&path, None).status == 404).then_some(()));
    assert_eq!(upload(&gateway, None, "batch", "y").status, 200);
}
