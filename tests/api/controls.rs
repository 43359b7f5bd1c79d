//! The headers by which a request tells the cache what it may do.

use crate::client::{Answer, Client, until};

const QUESTION: &str = "What is the capital of France?";
const REWORDED: &str = "What's the capital city of France?";
const RELATED: &str = "What is the capital of Spain?";

const MODE: &str = "x-reprise-cache";
const STANDARD: &str = "cache-control";
const TTL: &str = "x-reprise-ttl";

#[tokio::test]
async fn a_threshold_in_the_request_may_only_tighten() {
    let client = Client::new();
    client.ask(QUESTION).send().await;
    let strict = client.ask(REWORDED).header("x-reprise-threshold", "0.99");
    let strict = strict.header(MODE, "only").send().await;
    strict.error(504, "cache_miss");
    let loose = client.ask(RELATED).header("x-reprise-threshold", "0.1");
    let loose = loose.send().await;
    assert_eq!((loose.cache(), loose.reason()), ("miss", "name_changed"));
    let same = client.ask(REWORDED).header("x-reprise-threshold", "0.93");
    assert_eq!(same.send().await.cache(), "hit-semantic");
}

#[tokio::test]
async fn an_entry_older_than_max_age_does_not_answer_but_stays() {
    let client = Client::new();
    client.ask(QUESTION).send().await;
    for question in [QUESTION, REWORDED] {
        let young = || client.ask(question).header(MODE, "only");
        let hour = young().header(STANDARD, "max-age=3600").send().await;
        assert_eq!(hour.status, 200);
        until("it grows older than a second", async || {
            let second = young().header(STANDARD, "max-age=1").send().await;
            second.status == 504
        })
        .await;
        assert_eq!(young().send().await.status, 200);
    }
    assert_eq!(client.calls(), 1);
}

#[tokio::test]
async fn no_store_and_off_neither_read_nor_write() {
    for (name, value, reason) in [(STANDARD, "no-store", "no_store"), (MODE, "off", "off")] {
        let client = Client::new();
        let past = || client.ask(QUESTION).header(name, value).send();
        let first = past().await;
        assert_eq!((first.cache(), first.reason()), ("bypass", reason));
        assert_eq!(client.ask(QUESTION).send().await.cache(), "miss", "{value}");
        assert_eq!(past().await.cache(), "bypass", "{value}");
        assert_eq!(client.calls(), 3);
    }
}

#[tokio::test]
async fn no_cache_and_refresh_do_not_read_but_write() {
    for (name, value, reason) in [
        (STANDARD, "no-cache", "no_cache"),
        (STANDARD, "max-age=0", "no_cache"),
        (MODE, "refresh", "refresh"),
    ] {
        let client = Client::new();
        client.ask(QUESTION).send().await;
        let before = client.ask(QUESTION).send().await;
        let renewed = client.ask(QUESTION).header(name, value).send().await;
        assert_eq!((renewed.cache(), renewed.reason()), ("refresh", reason));
        let after = client.ask(QUESTION).send().await;
        assert_eq!(after.cache(), "hit-exact", "{value}");
        let entry = "x-reprise-entry";
        assert_ne!(before.header(entry), after.header(entry), "{value}");
        // The old answer must not be met by another wording either.
        let reworded = client.ask(REWORDED).send().await;
        assert_eq!(reworded.header(entry), after.header(entry), "{value}");
        assert_eq!(client.calls(), 2);
    }
}

#[tokio::test]
async fn only_answers_from_memory_and_a_miss_is_not_worth_a_retry() {
    for (name, value) in [(MODE, "only"), (STANDARD, "only-if-cached")] {
        let client = Client::new();
        let only = || client.ask(QUESTION).header(name, value).send();
        let miss = only().await;
        miss.error(504, "cache_miss");
        assert_eq!(miss.header("x-should-retry"), "false");
        assert_eq!(miss.header(MODE), "miss");
        assert_eq!(client.calls(), 0);
        client.ask(QUESTION).send().await;
        assert_eq!(only().await.cache(), "hit-exact");
        let reworded = client.ask(REWORDED).header(name, value).send().await;
        assert_eq!(reworded.cache(), "hit-semantic");
    }
}

#[tokio::test]
async fn a_miss_that_asked_only_memory_tells_all_that_other_misses_tell() {
    let client = Client::new();
    let only = |question| client.ask(question).header(MODE, "only");
    let told = |miss: &Answer, reason| {
        miss.error(504, "cache_miss");
        assert_eq!((miss.header(MODE), miss.reason()), ("miss", reason));
        // It was not forwarded, so there is no `fwd`.
        let status = format!("reprise; detail={reason}");
        assert_eq!(miss.header("cache-status"), status);
        for absent in ["x-reprise-entry", "x-reprise-provider", "age"] {
            assert_eq!(miss.header(absent), "", "{absent}");
        }
    };
    let empty = only(QUESTION).send().await;
    told(&empty, "empty_scope");
    assert_eq!(empty.header("x-reprise-similarity"), "");
    client.ask(QUESTION).send().await;
    for stream in [false, true] {
        let near = only(RELATED).streamed(stream).send().await;
        told(&near, "name_changed");
        let similarity = near.similarity();
        assert!((0.3..0.92).contains(&similarity), "{similarity}");
    }
    let unread = only(QUESTION).header(STANDARD, "no-cache").send().await;
    told(&unread, "no_cache");
    assert_eq!(client.calls(), 1);
}

#[tokio::test]
async fn an_entry_that_does_not_stay_fresh_for_long_enough_does_not_answer_but_stays() {
    let client = Client::new();
    client.ask(QUESTION).header(TTL, "600").send().await;
    for question in [QUESTION, REWORDED] {
        let only = || client.ask(question).header(MODE, "only");
        let soon = only().header(STANDARD, "min-fresh=60").send().await;
        assert_eq!(soon.status, 200);
        for more in ["min-fresh=601", "min-fresh=99999999999999999999"] {
            let late = only().header(STANDARD, more).send().await;
            late.error(504, "cache_miss");
        }
        assert_eq!(only().send().await.status, 200);
    }
}

#[tokio::test]
async fn a_refresh_that_is_not_to_be_remembered_leaves_memory_as_it_was() {
    let client = Client::new();
    let refresh = || client.ask(QUESTION).header(MODE, "refresh");
    let past = || refresh().header(TTL, "0").send();
    let first = past().await;
    assert_eq!((first.cache(), first.reason()), ("refresh", "refresh"));
    let only = client.ask(QUESTION).header(MODE, "only").send().await;
    only.error(504, "cache_miss");
    client.ask(QUESTION).send().await;
    let entry = async || {
        let hit = client.ask(QUESTION).send().await;
        assert_eq!(hit.cache(), "hit-exact");
        hit.header("x-reprise-entry").to_owned()
    };
    let before = entry().await;
    assert_eq!(past().await.cache(), "refresh");
    assert_eq!(entry().await, before);
    assert_eq!(client.calls(), 3);
}

#[tokio::test]
async fn a_number_too_large_to_hold_is_no_limit() {
    let client = Client::new();
    let huge = "99999999999999999999999999";
    client.ask(QUESTION).header(TTL, huge).send().await;
    let aged = client
        .ask(QUESTION)
        .header(STANDARD, &format!("max-age={huge}"));
    assert_eq!(aged.send().await.cache(), "hit-exact");
}

#[tokio::test]
async fn directives_that_a_cache_need_not_know_change_nothing() {
    let client = Client::new();
    client.ask(QUESTION).send().await;
    for value in [
        "no-transform",
        "max-stale",
        "max-stale=60",
        "x=\"no-store, no-cache\"",
        ", ,",
    ] {
        let hit = client.ask(QUESTION).header(STANDARD, value).send().await;
        assert_eq!(hit.cache(), "hit-exact", "{value}");
    }
}

#[tokio::test]
async fn exact_leaves_other_wordings_aside() {
    let client = Client::new();
    client.ask(QUESTION).send().await;
    let exact = |question| client.ask(question).header(MODE, "exact").send();
    let reworded = exact(REWORDED).await;
    assert_eq!(
        (reworded.cache(), reworded.reason()),
        ("miss", "exact_only")
    );
    assert_eq!(exact(QUESTION).await.cache(), "hit-exact");
}

#[tokio::test]
async fn a_directive_on_a_second_line_counts_as_well() {
    let client = Client::new();
    let ask = client.ask(QUESTION).header(STANDARD, "no-transform");
    let answer = ask.and_header(STANDARD, "no-store").send().await;
    assert_eq!((answer.cache(), answer.reason()), ("bypass", "no_store"));
}

#[tokio::test]
async fn a_control_that_is_not_understood_is_refused_by_name() {
    let client = Client::new();
    for (name, value) in [
        (MODE, "maybe"),
        ("x-reprise-threshold", "1.5"),
        ("x-reprise-threshold", "NaN"),
        (TTL, "soon"),
        (MODE, "öff"),
        (TTL, "+5"),
        (STANDARD, "max-age=-1"),
        (STANDARD, "max-age"),
        (STANDARD, "max-age =5"),
        (STANDARD, "min-fresh=soon"),
        (STANDARD, "no-store;"),
        (STANDARD, "no-store="),
        (STANDARD, "no-store no-cache"),
        (STANDARD, "x=\"no-store"),
        ("x-reprise-namespace", "no such name"),
        ("x-reprise-treshold", "0.99"),
    ] {
        let refused = client.ask(QUESTION).header(name, value).send().await;
        let error = refused.error(400, "invalid_header");
        assert_eq!(error["param"], name, "{value}");
    }
    assert_eq!(client.calls(), 0);
}
