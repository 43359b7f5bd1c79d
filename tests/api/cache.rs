//! Hits and misses: what is answered from memory, for how long, and what the headers tell of it.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::client::{Client, until};
use crate::gateway::Gateway;

const QUESTION: &str = "What is the capital of France?";
const REWORDED: &str = "What's the capital city of France?";
const RELATED: &str = "What is the capital of Spain?";

#[tokio::test]
async fn a_question_misses_then_hits_exactly_and_then_in_other_words() {
    let client = Client::new();
    let miss = client.ask(QUESTION).send().await;
    assert_eq!((miss.cache(), miss.reason()), ("miss", "empty_scope"));
    let exact = client.ask(QUESTION).send().await;
    assert_eq!(
        (exact.cache(), exact.reason()),
        ("hit-exact", "same_request")
    );
    let similar = client.ask(REWORDED).send().await;
    assert_eq!(
        (similar.cache(), similar.reason()),
        ("hit-semantic", "similar")
    );
    assert!(
        (0.92..1.0).contains(&similar.similarity()),
        "{}",
        similar.similarity()
    );
    assert_eq!(miss.text(), exact.text());
    assert_eq!(miss.text(), similar.text());
    assert_eq!(client.calls(), 1);
}

#[tokio::test]
async fn the_headers_of_a_miss_tell_who_answered_and_name_no_entry() {
    let miss = Client::new().ask(QUESTION).send().await;
    assert_eq!(
        miss.header("cache-status"),
        "reprise; fwd=miss; detail=empty_scope"
    );
    assert_eq!(miss.header("x-reprise-provider"), "openai");
    assert_eq!(miss.header("x-reprise-model"), "mock-plain");
    for absent in ["age", "x-reprise-entry", "x-reprise-similarity"] {
        assert_eq!(miss.header(absent), "", "{absent}");
    }
}

#[tokio::test]
async fn the_headers_of_a_hit_tell_its_entry_age_and_time_to_live() {
    let client = Client::new();
    client.ask(QUESTION).send().await;
    let exact = client.ask(QUESTION).send().await;
    let similar = client.ask(REWORDED).send().await;
    for (hit, detail) in [(&exact, "exact"), (&similar, "semantic")] {
        let age: u64 = hit.header("age").parse().unwrap();
        assert!(age < 20, "{age}");
        let ttl = hit
            .header("cache-status")
            .strip_prefix("reprise; hit; ttl=");
        let ttl = ttl.and_then(|t| t.strip_suffix(&format!("; detail={detail}")));
        let ttl: u64 = ttl.unwrap().parse().unwrap();
        assert!((86_400 - 20..=86_400).contains(&ttl), "{ttl}");
        assert_eq!(hit.header("x-reprise-model"), "mock-plain");
    }
    assert!(exact.header("x-reprise-entry").parse::<u64>().is_ok());
    assert_eq!(
        exact.header("x-reprise-entry"),
        similar.header("x-reprise-entry")
    );
}

#[tokio::test]
async fn a_hit_has_the_shape_of_a_fresh_answer_and_an_id_of_its_own() {
    let client = Client::new();
    let mut fresh = client.ask(QUESTION).send().await.json();
    let mut first = client.ask(QUESTION).send().await.json();
    let second = client.ask(QUESTION).send().await.json();
    let id = |answer: &serde_json::Value| answer["id"].as_str().unwrap().to_owned();
    assert!(id(&first).starts_with("chatcmpl-"));
    assert!(id(&first) != id(&second) && id(&first) != id(&fresh));
    assert!(first["created"].as_u64().unwrap() > 1_700_000_000);
    for answer in [&mut fresh, &mut first] {
        answer["id"] = json!("");
        answer["created"] = json!(0);
    }
    assert_eq!(fresh, first);
}

#[tokio::test]
async fn a_miss_tells_how_near_the_best_rejected_candidate_was() {
    let client = Client::new();
    client.ask(QUESTION).send().await;
    let miss = client.ask(RELATED).send().await;
    assert_eq!((miss.cache(), miss.reason()), ("miss", "name_changed"));
    assert!(
        (0.3..0.92).contains(&miss.similarity()),
        "{}",
        miss.similarity()
    );
    assert_eq!(miss.header("x-reprise-entry"), "");
}

#[tokio::test]
async fn hits_never_extend_an_entrys_life() {
    let client = Client::new();
    let short = client.ask(QUESTION).header("x-reprise-ttl", "1");
    assert_eq!(short.send().await.cache(), "miss");
    let stored = Instant::now();
    let mut hits = 0;
    until("it expires though it is hit all the time", async || {
        let only = client.ask(QUESTION).header("x-reprise-cache", "only");
        let expired = only.send().await.status == 504;
        hits += u32::from(!expired);
        expired
    })
    .await;
    assert!(hits > 0 && stored.elapsed() < Duration::from_secs(5));
    let reworded = client.ask(REWORDED).send().await;
    assert_eq!(reworded.cache(), "miss");
}

#[tokio::test]
async fn a_time_to_live_in_the_request_may_only_shorten() {
    let client = Client::new();
    let long = client.ask(QUESTION).header("x-reprise-ttl", "999999999");
    long.send().await;
    let hit = client.ask(QUESTION).send().await;
    let ttl = hit
        .header("cache-status")
        .strip_prefix("reprise; hit; ttl=");
    let ttl: u64 = ttl.unwrap().split(';').next().unwrap().parse().unwrap();
    assert!(ttl <= 86_400, "{ttl}");
}

#[tokio::test]
async fn a_request_of_too_much_variety_or_without_plain_text_hits_equal_ones_only() {
    let image = json!([{"type": "text", "text": "What is this?"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}]);
    let client = Client::new();
    let user = |content| json!([{"role": "user", "content": content}]);
    let tool = json!([{"role": "user", "content": "x"},
        {"role": "tool", "tool_call_id": "c", "content": "3"}]);
    let cases = [
        (client.ask(QUESTION).set("temperature", 1.5), "temperature"),
        (client.ask(QUESTION).set("n", 2), "several_choices"),
        (client.ask(QUESTION).set("logprobs", true), "logprobs"),
        (client.ask(QUESTION).set("seed", 7), "seed"),
        (client.chat(user(image)), "non_text"),
        (client.chat(user(json!("  "))), "empty_question"),
        (client.chat(tool), "last_not_user"),
    ];
    for (ask, reason) in cases {
        let miss = ask.clone().send().await;
        assert_eq!((miss.cache(), miss.reason()), ("miss", reason));
        assert_eq!(ask.send().await.cache(), "hit-exact", "{reason}");
    }
    let reworded = client.ask(REWORDED).set("temperature", 1.5).send().await;
    assert_eq!(
        (reworded.cache(), reworded.reason()),
        ("miss", "temperature")
    );
}

#[tokio::test]
async fn a_temperature_up_to_the_limit_may_be_met_in_other_words() {
    let client = Client::new();
    client.ask(QUESTION).set("temperature", 1.0).send().await;
    let hit = client.ask(REWORDED).set("temperature", 1.0).send().await;
    assert_eq!(hit.cache(), "hit-semantic");
}

#[tokio::test]
async fn ineligible_requests_pass_by_the_cache_where_it_is_so_configured() {
    let gateway = Gateway::start("[cache]\nineligible = \"bypass\"\n");
    let client = Client::of(gateway.into());
    for _ in 0..2 {
        let answer = client.ask(QUESTION).set("seed", 7).send().await;
        assert_eq!((answer.cache(), answer.reason()), ("bypass", "seed"));
        assert_eq!(
            answer.header("cache-status"),
            "reprise; fwd=bypass; detail=seed"
        );
    }
    assert_eq!(client.calls(), 2);
}
