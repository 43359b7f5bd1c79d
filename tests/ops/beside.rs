//! Limits and room at the endpoints beside conversations: vectors, moderations, counts of tokens.

use serde_json::{Value, json};

use crate::helpers::{Gateway, chat, eventually};
use crate::http::Reply;
use crate::mock::Mock;
use crate::rates::{left, limited, metric, on_its_way, say, tokens_left};

const VECTORS: (&str, &str) = ("POST", "/v1/embeddings");
const JUDGE: (&str, &str) = ("POST", "/v1/moderations");
const COUNT: (&str, &str) = ("POST", "/v1/messages/count_tokens");

fn embed(gateway: &Gateway, input: Value) -> Reply {
    let body = json!({"model": "text-embedding-3-small", "input": input});
    gateway.send(VECTORS, &[], Some(&body.to_string()))
}

fn judge(gateway: &Gateway) -> Reply {
    gateway.send(JUDGE, &[], Some(r#"{"input":"something"}"#))
}

fn count(gateway: &Gateway) -> Reply {
    let messages = json!([{"role": "user", "content": "How many?"}]);
    let body = json!({"model": "mock-plain", "messages": messages});
    gateway.send(COUNT, &[], Some(&body.to_string()))
}

#[test]
fn vectors_that_are_remembered_count_for_no_limit_and_the_others_do() {
    let mock = Mock::start().unwrap();
    let limits = "{per = 'endpoint', match = ['embeddings'], requests_per_day = 3}";
    let gateway = limited(&mock, limits).start();
    assert_eq!(left(&embed(&gateway, json!(["one", "two"]))), 2);
    let hit = embed(&gateway, json!("one"));
    assert_eq!((hit.cache(), left(&hit)), ("hit-exact", 2));
    assert_eq!(left(&embed(&gateway, json!(["one", "three"]))), 1);
    assert_eq!(left(&embed(&gateway, json!("four"))), 0);
    let refused = embed(&gateway, json!("five"));
    assert_eq!(
        (refused.status, refused.code().as_str()),
        (429, "rate_limit_exceeded"),
        "{refused:?}"
    );
    let told = refused.json()["error"]["message"].to_string();
    assert!(told.contains("the endpoint `embeddings`"), "{told}");
    assert_eq!(mock.seen().count(), 3);
    assert_eq!(embed(&gateway, json!("two")).status, 200);
    // Conversations are another endpoint.
    assert_eq!(say(&gateway, &chat("mock-plain", "And you?")).status, 200);
}

#[test]
fn vectors_take_the_tokens_that_the_provider_counted() {
    let mock = Mock::start().unwrap();
    let gateway = limited(&mock, "{per = 'key', tokens_per_day = 1000}").start();
    let texts = json!(["two words", "and three words", "two words"]);
    let first = embed(&gateway, texts.clone());
    let used = first.json()["usage"]["total_tokens"].as_u64().unwrap();
    assert!(used > 0, "{first:?}");
    let after = |reply: &Reply| tokens_left(reply);
    let hit = embed(&gateway, texts);
    // Equal texts are sent once, and so they are counted.
    let sent = 1000 - after(&hit);
    assert!((1..=used).contains(&sent), "{sent} of {used}");
    let long = embed(&gateway, json!("word ".repeat(2000)));
    assert_eq!(long.status, 429, "{long:?}");
    let told = long.json()["error"]["message"].to_string();
    assert!(told.contains("may take 2500 by itself"), "{told}");
    assert_eq!(after(&embed(&gateway, json!("two words"))), 1000 - sent);
    assert_eq!(mock.seen().count(), 1);
}

#[test]
fn judgements_and_counts_are_requests_like_others() {
    let mock = Mock::start().unwrap();
    let gateway = limited(
        &mock,
        "{per = 'endpoint', match = ['moderations', 'messages/count_tokens'], requests_per_minute = 2}",
    )
    .start();
    for ask in [judge, count] {
        assert_eq!((ask(&gateway).status, left(&ask(&gateway))), (200, 0));
        let refused = ask(&gateway);
        assert_eq!(refused.status, 429, "{refused:?}");
        assert!(refused.header("retry-after").is_some());
    }
    let error = &count(&gateway).json()["error"];
    assert_eq!(error["type"], "rate_limit_error", "{error}");
}

#[test]
fn where_there_is_no_room_for_calls_vectors_that_are_remembered_are_served() {
    let mock = Mock::start().unwrap();
    let gateway = limited(&mock, "{per = 'key', requests_per_day = 100}")
        .with("REPRISE_OVERLOAD__MAX_MISSES", "1")
        .with("REPRISE_OVERLOAD__WAIT_MS", "0")
        .start();
    embed(&gateway, json!("one"));
    let slow = on_its_way(&gateway, chat("mock-gated", "Who are you?"));
    eventually(|| (metric(&gateway, "reprise_misses_in_flight") == 1).then_some(()));
    let hit = embed(&gateway, json!("one"));
    assert_eq!((hit.status, hit.cache()), (200, "hit-exact"));
    let before = left(&hit);
    for shed in [embed(&gateway, json!("two")), judge(&gateway)] {
        assert_eq!((shed.status, shed.code()), (503, "overloaded".into()));
        assert_eq!(shed.header("retry-after"), Some("1"));
        assert_eq!(left(&shed), before, "it counts for nothing");
    }
    mock.seen().open();
    assert_eq!(slow.join().unwrap().status, 200);
    eventually(|| (metric(&gateway, "reprise_misses_in_flight") == 0).then_some(()));
    assert_eq!(embed(&gateway, json!("two")).status, 200);
}
