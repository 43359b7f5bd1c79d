//! Answers as streams: their frames in order, their end, and failures on the way.

use serde_json::{Value, json};

use crate::client::{Answer, Client, check_error};

const QUESTION: &str = "What is the capital of France?";

fn usage_asked() -> Value {
    json!({"include_usage": true})
}

/// What holds for every good stream, fresh or from memory.
#[track_caller]
fn is_well_formed(answer: &Answer) {
    assert!(answer.is_done(), "{answer:?}");
    let events = answer.events();
    let id = &events[0]["id"];
    assert!(id.as_str().unwrap().starts_with("chatcmpl-"));
    assert!(events.iter().all(|e| e["id"] == *id));
    let chunk = |e: &Value| e["object"] == "chat.completion.chunk";
    assert!(events.iter().all(chunk), "{events:?}");
    assert_eq!(events[0]["choices"][0]["delta"]["role"], "assistant");
    let finished = events
        .iter()
        .filter(|e| e["choices"][0]["finish_reason"].is_string());
    assert_eq!(finished.count(), 1, "{events:?}");
}

#[tokio::test]
async fn a_stream_has_one_id_begins_with_the_role_and_ends_once() {
    let client = Client::new();
    for cache in ["miss", "hit-exact"] {
        let answer = client.ask(QUESTION).stream().send().await;
        assert_eq!(answer.cache(), cache);
        is_well_formed(&answer);
        assert!(answer.text().contains(QUESTION));
    }
}

#[tokio::test]
async fn usage_comes_as_a_last_chunk_if_it_was_asked_for() {
    let client = Client::new();
    for cache in ["miss", "hit-exact"] {
        let ask = client.ask(QUESTION).stream();
        let answer = ask.set("stream_options", usage_asked()).send().await;
        assert_eq!(answer.cache(), cache);
        let events = answer.events();
        let last = events.last().unwrap();
        assert_eq!(last["choices"], json!([]), "{cache}");
        assert_eq!(last["usage"]["prompt_tokens"], 6, "{cache}");
        let others = &events[..events.len() - 1];
        assert!(others.iter().all(|e| e["usage"].is_null()), "{cache}");
    }
}

#[tokio::test]
async fn usage_is_always_asked_of_the_provider_and_kept_from_who_did_not_want_it() {
    let client = Client::new();
    for cache in ["miss", "hit-exact"] {
        let answer = client.ask(QUESTION).stream().send().await;
        assert_eq!(answer.cache(), cache);
        for event in answer.events() {
            assert!(event.get("usage").is_none(), "{event}");
            assert_ne!(event["choices"], json!([]));
        }
    }
    let sent = &client.upstream()[0]["body"];
    assert_eq!(sent["stream_options"], usage_asked());
    let plain = client.ask(QUESTION).send().await.json();
    assert_eq!(plain["usage"]["prompt_tokens"], 6);
}

#[tokio::test]
async fn what_the_provider_says_is_passed_on_before_it_has_finished() {
    let ask = Client::new();
    let mut response = ask.ask(QUESTION).model("mock-stall").stream().open().await;
    let mut heard = String::new();
    while !heard.contains("\"Mock \"") {
        let piece = response.chunk().await.unwrap().unwrap();
        heard.push_str(str::from_utf8(&piece).unwrap());
    }
}

#[tokio::test]
async fn a_failure_after_the_first_word_ends_the_stream_with_one_error_and_no_done() {
    let client = Client::new();
    for model in ["mock-error-in-stream", "mock-no-done"] {
        let answer = client.ask(QUESTION).model(model).stream().send().await;
        assert_eq!(answer.status, 200, "{model}");
        let events = answer.events();
        let (last, before) = events.split_last().unwrap();
        check_error(last, "upstream_error");
        assert!(before.iter().all(|e| e.get("error").is_none()), "{model}");
        assert!(answer.text().starts_with("Mock"), "{model}");
        assert!(!answer.is_done(), "{model}");
    }
}

#[tokio::test]
async fn a_stream_longer_than_is_held_ends_in_an_error_and_is_not_remembered() {
    let client = Client::new();
    let ask = || client.ask(QUESTION).model("mock-flood-72").stream();
    let answer = ask().send().await;
    let events = answer.events();
    check_error(events.last().unwrap(), "upstream_malformed");
    assert!(!answer.is_done() && answer.text().len() > 31 << 20);
    let only = ask().header("x-reprise-cache", "only");
    only.send().await.error(504, "cache_miss");
}

#[tokio::test]
async fn a_failure_before_the_first_word_is_a_plain_error() {
    let client = Client::new();
    for (model, status, code) in [
        ("mock-roleonly-then-error", 502, "upstream_error"),
        ("mock-malformed", 502, "upstream_malformed"),
        ("mock-done-only", 502, "upstream_malformed"),
        ("mock-whole-half", 502, "upstream_malformed"),
        ("mock-whole-range", 502, "upstream_malformed"),
        ("mock-whole-deep", 502, "upstream_malformed"),
        ("mock-status-400", 400, "mock_error"),
    ] {
        let answer = client.ask(QUESTION).model(model).stream().send().await;
        answer.error(status, code);
    }
}

#[tokio::test]
async fn characters_that_were_split_between_packets_arrive_whole() {
    let client = Client::new();
    let question = "Was heißt „größer“ auf 日本語? 🍎";
    let ask = || client.ask(question).model("mock-utf8split").stream().send();
    let fresh = ask().await;
    is_well_formed(&fresh);
    assert_eq!(fresh.text(), format!("Mock answer to: {question} 🍎"));
    assert_eq!(ask().await.text(), fresh.text());
}

#[tokio::test]
async fn other_spellings_of_a_stream_are_understood() {
    let client = Client::new();
    for model in ["mock-crlf", "mock-done-unterminated", "mock-whole"] {
        let answer = client.ask(QUESTION).model(model).stream().send().await;
        assert!(answer.is_stream() && answer.is_done(), "{model}");
        assert!(answer.text().contains(QUESTION), "{model}");
    }
}

#[tokio::test]
async fn a_tool_call_comes_through_in_either_framing() {
    let client = Client::new();
    for model in ["mock-tools", "mock-stop-tools"] {
        for _ in 0..2 {
            let ask = client.ask(QUESTION).model(model);
            let plain = ask.clone().send().await.json();
            let call = &plain["choices"][0]["message"]["tool_calls"][0];
            assert_eq!(call["function"]["arguments"], "{\"q\":\"x\"}");
            let streamed = ask.stream().send().await;
            is_well_formed(&streamed);
            let events = streamed.events();
            let calls: Vec<_> = events
                .iter()
                .map(|e| &e["choices"][0]["delta"]["tool_calls"][0])
                .filter(|call| !call.is_null())
                .collect();
            assert_eq!(calls[0]["id"], "call_1");
            assert_eq!(calls[0]["function"]["name"], "look_up");
            let arguments = calls
                .iter()
                .filter_map(|c| c["function"]["arguments"].as_str());
            assert_eq!(arguments.collect::<String>(), "{\"q\":\"x\"}");
        }
    }
}
