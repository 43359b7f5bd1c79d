//! What is remembered: only complete, clean answers of the model that was asked.

use crate::client::{Answer, Client};
use crate::gateway::Gateway;

const QUESTION: &str = "What is the capital of France?";

/// Asks a model and then memory for the same; gives both answers.
async fn asked_then_remembered(client: &Client, model: &str, stream: bool) -> (Answer, Answer) {
    let ask = || client.ask(QUESTION).model(model).streamed(stream);
    let answer = ask().send().await;
    let only = ask().header("x-reprise-cache", "only");
    (answer, only.send().await)
}

async fn is_never_remembered(model: &str, stream: bool) -> Answer {
    let client = Client::new();
    let (answer, remembered) = asked_then_remembered(&client, model, stream).await;
    assert!(client.calls() > 0, "{model}");
    remembered.error(504, "cache_miss");
    answer
}

#[tokio::test]
async fn a_clean_answer_is_remembered_in_either_framing() {
    for stream in [false, true] {
        let client = Client::new();
        let (fresh, hit) = asked_then_remembered(&client, "mock-plain", stream).await;
        assert_eq!((fresh.cache(), hit.cache()), ("miss", "hit-exact"));
    }
}

#[tokio::test]
async fn an_answer_that_was_cut_by_length_is_served_but_not_remembered() {
    for stream in [false, true] {
        let answer = is_never_remembered("mock-length", stream).await;
        assert_eq!(answer.cache(), "miss");
    }
}

#[tokio::test]
async fn an_answer_that_says_nothing_is_served_but_not_remembered() {
    for stream in [false, true] {
        let answer = is_never_remembered("mock-empty", stream).await;
        assert_eq!(answer.cache(), "miss");
    }
}

#[tokio::test]
async fn a_tool_call_is_served_but_not_remembered_whatever_it_says_of_its_end() {
    for model in ["mock-tools", "mock-stop-tools"] {
        for stream in [false, true] {
            let answer = is_never_remembered(model, stream).await;
            assert_eq!(answer.cache(), "miss");
        }
    }
}

#[tokio::test]
async fn an_answer_that_can_only_be_passed_on_is_passed_on_and_not_remembered() {
    for model in ["mock-half", "mock-range", "mock-deep"] {
        let plain = is_never_remembered(model, false).await;
        assert_eq!(plain.cache(), "miss");
        assert!(plain.body().starts_with('{') && plain.body().contains("fp_mock"));
        let streamed = is_never_remembered(model, true).await;
        assert_eq!(streamed.cache(), "miss");
        assert!(streamed.is_done() && streamed.body().contains("fp_mock"));
    }
}

#[tokio::test]
async fn half_an_emoji_reaches_its_client_as_it_came() {
    let half = "\\ud83d Mock ";
    for stream in [false, true] {
        let client = Client::new();
        let ask = client.ask(QUESTION).model("mock-half").streamed(stream);
        let answer = ask.send().await;
        assert!(answer.body().contains(half), "{answer:?}");
        assert!(!answer.body().contains("\"error\""), "{answer:?}");
    }
}

#[tokio::test]
async fn a_stream_that_ends_in_an_error_is_not_remembered() {
    is_never_remembered("mock-error-in-stream", true).await;
    is_never_remembered("mock-roleonly-then-error", true).await;
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_not_remembered() {
    for (model, stream) in [
        ("mock-cut", false),
        ("mock-cut", true),
        ("mock-no-done", true),
        ("mock-done-only", true),
    ] {
        is_never_remembered(model, stream).await;
    }
}

#[tokio::test]
async fn an_answer_that_cannot_be_read_is_not_remembered() {
    for (model, stream) in [
        ("mock-malformed", false),
        ("mock-malformed", true),
        ("mock-html", false),
        ("mock-html", true),
    ] {
        is_never_remembered(model, stream).await;
    }
}

#[tokio::test]
async fn an_error_is_not_remembered_even_with_status_200() {
    for stream in [false, true] {
        for model in ["mock-status-500", "mock-status-400", "mock-json-error"] {
            is_never_remembered(model, stream).await;
        }
    }
}

#[tokio::test]
async fn a_failure_is_forgotten_once_the_upstream_recovers() {
    // One try more than the gateway makes by itself.
    let client = Client::new();
    let ask = || client.ask(QUESTION).model("mock-flaky-2").send();
    ask().await.error(502, "upstream_error");
    assert_eq!(ask().await.cache(), "miss");
    assert_eq!(ask().await.cache(), "hit-exact");
}

#[tokio::test]
async fn another_models_answer_is_named_and_not_remembered() {
    for stream in [false, true] {
        let client = Client::of(Gateway::routed());
        let (answer, remembered) = asked_then_remembered(&client, "careful", stream).await;
        assert_eq!(answer.cache(), "miss");
        assert_eq!(answer.header("x-reprise-model"), "mock-plain");
        assert_eq!(answer.header("x-reprise-provider"), "main");
        remembered.error(504, "cache_miss");
    }
}

#[tokio::test]
async fn another_models_answer_is_remembered_where_the_route_says_so() {
    let client = Client::of(Gateway::routed());
    let (answer, remembered) = asked_then_remembered(&client, "easy", false).await;
    assert_eq!(answer.header("x-reprise-model"), "mock-plain");
    assert_eq!(remembered.cache(), "hit-exact");
    assert_eq!(remembered.header("x-reprise-model"), "mock-plain");
}
