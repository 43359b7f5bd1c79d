//! Text completions: asked as such where a provider has them, and as a chat where it has not.

use serde_json::{Value, json};

use super::bench::{Bench, framings, said, streamed};
use crate::clients::Client as Speaker;

const TEXT: &str = "/v1/completions";
const CHAT: &str = "/v1/chat/completions";
pub(super) const QUESTION: &str = "What is the capital of France?";

pub(super) fn asking(model: &str, members: &Value) -> Value {
    let mut body = Speaker::Completions.question(model, QUESTION, false);
    for (name, value) in members.as_object().unwrap() {
        body[name] = value.clone();
    }
    body
}

/// All that a client may say beside its prompt.
fn full() -> Value {
    asking(
        "openai-plain",
        &json!({"suffix": "The end.", "echo": true, "best_of": 3, "n": 2, "logprobs": 2, "stop": ["x"],
            "temperature": 0.5, "top_p": 0.25, "presence_penalty": 1, "frequency_penalty": -1,
            "logit_bias": {"50256": -100}, "seed": 7, "user": "u"}),
    )
}

/// Prompts in each of their forms.
fn prompts() -> [Value; 4] {
    [
        json!("one two"),
        json!(["one two", "three"]),
        json!([1, 2, 3]),
        json!([[1, 2], [3]]),
    ]
}

#[tokio::test]
async fn a_prompt_reaches_the_providers_own_endpoint_with_all_that_was_said() {
    let bench = Bench::start();
    for prompt in prompts() {
        let mut body = full();
        body["prompt"] = prompt;
        for body in framings(&body, Speaker::Completions) {
            let answer = bench.send(Speaker::Completions, &body).await;
            assert_eq!(answer.status, 200, "{answer:?}");
            let mut expected = body.clone();
            expected["model"] = "mock-plain".into();
            // Member by member, in the order in which they stand.
            assert_eq!(bench.sent().0.to_string(), expected.to_string());
        }
    }
    assert!(bench.paths().iter().all(|path| path == TEXT));
}

#[tokio::test]
async fn a_member_that_nobody_knows_is_the_providers_own_to_refuse() {
    let bench = Bench::start();
    let body = asking("openai-plain", &json!({"of_tomorrow": {"a": [1, 2]}}));
    let told = bench.refusal(Speaker::Completions, &body).await;
    assert_eq!(
        (told.status, told.param.as_deref()),
        (400, Some("of_tomorrow"))
    );
    assert_eq!(bench.sent().0["of_tomorrow"], body["of_tomorrow"]);
}

#[tokio::test]
async fn what_the_provider_says_reaches_the_client_as_it_was_said() {
    let bench = Bench::start();
    for prompt in prompts() {
        let mut body = full();
        body["prompt"] = prompt;
        for body in framings(&body, Speaker::Completions) {
            let answer = bench.send(Speaker::Completions, &body).await;
            let mut asked = body.clone();
            asked["model"] = "mock-plain".into();
            let direct = bench.direct(Speaker::Completions, &asked).await;
            assert_eq!(answer.body(), direct);
        }
    }
}

#[tokio::test]
async fn tokens_of_a_stream_are_counted_and_told_to_who_asked() {
    let bench = Bench::start();
    let body = asking("openai-plain", &json!({"stream": true}));
    let answer = bench.send(Speaker::Completions, &body).await;
    let asked = bench.sent().0["stream_options"].clone();
    assert_eq!(asked, json!({"include_usage": true}));
    assert!(!answer.body().contains("usage"), "{answer:?}");
    assert_eq!(
        said(Speaker::Completions, &answer).text,
        format!("Mock answer to: {QUESTION} 🍎")
    );
}

#[tokio::test]
async fn a_chat_model_is_asked_as_one_and_at_once_from_then_on() {
    let bench = Bench::start();
    for model in ["openai-chat", "openai-chat-405"] {
        for stream in [false, true] {
            let before = bench.paths().len();
            let body = Speaker::Completions.question(model, QUESTION, stream);
            let said = bench.say(Speaker::Completions, &body).await;
            assert_eq!(said.text, format!("Mock answer to: {QUESTION} 🍎"));
            let asked = bench.paths().split_off(before);
            match stream {
                false => assert_eq!(asked, [TEXT, CHAT], "{model}"),
                true => assert_eq!(asked, [CHAT], "{model}"),
            }
        }
    }
    let metrics = bench.metrics().await;
    let line = "reprise_upstream_attempts_total{provider=\"openai\",outcome=\"no_completions\"} 2";
    assert!(metrics.contains(line), "{metrics}");
    assert!(!metrics.contains("outcome=\"rejected\""), "{metrics}");
}

#[tokio::test]
async fn what_a_chat_model_cannot_be_asked_is_refused_by_name() {
    let bench = Bench::start();
    for (member, value) in [
        ("echo", json!(true)),
        ("suffix", json!("end")),
        ("best_of", json!(2)),
        ("logprobs", json!(0)),
        ("max_tokens", json!(0)),
        ("prompt", json!(["a", "b"])),
        ("prompt", json!([1, 2])),
        ("prompt", json!([[1], [2]])),
    ] {
        let body = asking("openai-chat", &json!({ member: value }));
        for body in framings(&body, Speaker::Completions) {
            let told = bench.refusal(Speaker::Completions, &body).await;
            assert_eq!(told.status, 400, "{told:?}");
            assert_eq!(told.param.as_deref(), Some(member), "{told:?}");
            assert!(told.message.contains(&format!("`{member}`")), "{told:?}");
        }
    }
    // A model that is not there yet may say the same: that it only chats is believed once it did.
    assert!(bench.paths().iter().all(|path| path == TEXT));
}

#[tokio::test]
async fn no_other_kind_of_provider_is_asked_what_it_cannot_be_told() {
    let bench = Bench::start();
    for (upstream, member, value) in [
        ("anthropic", "echo", json!(true)),
        ("anthropic", "suffix", json!("end")),
        ("anthropic", "logprobs", json!(0)),
        ("anthropic", "best_of", json!(2)),
        ("anthropic", "prompt", json!(["a", "b"])),
        ("gemini", "prompt", json!([1, 2])),
        ("gemini", "max_tokens", json!(0)),
        ("bedrock", "prompt", json!([[1], [2]])),
        ("bedrock", "logprobs", json!(2)),
        ("cohere", "prompt", json!(["a", "b"])),
        ("cohere", "of_tomorrow", json!(1)),
    ] {
        let body = asking(&format!("{upstream}-plain"), &json!({ member: value }));
        for body in framings(&body, Speaker::Completions) {
            let told = bench.refusal(Speaker::Completions, &body).await;
            assert_eq!(told.status, 400, "{upstream}: {told:?}");
            assert_eq!(told.param.as_deref(), Some(member), "{upstream}: {told:?}");
        }
    }
    assert_eq!(bench.calls(), 0);
}

#[tokio::test]
async fn a_model_that_there_is_not_is_told_by_its_provider_and_not_remembered() {
    let bench = Bench::start();
    for members in [json!({}), json!({"echo": true})] {
        for _ in 0..2 {
            let body = asking("openai-status-404", &members);
            let told = bench.refusal(Speaker::Completions, &body).await;
            assert_eq!(told.status, 404, "{told:?}");
            assert_eq!(told.what, "model_not_found");
        }
    }
    assert_eq!(bench.paths(), [TEXT, CHAT, TEXT, CHAT, TEXT, TEXT]);
}

#[tokio::test]
async fn a_model_without_a_chat_is_asked_for_completions() {
    let bench = Bench::start();
    let body = asking("openai-texts", &json!({"echo": true}));
    let said = bench.say(Speaker::Completions, &body).await;
    assert_eq!(
        said.text,
        format!("{QUESTION}Mock answer to: {QUESTION} 🍎")
    );
    let body = Speaker::Chat.question("openai-texts", QUESTION, false);
    assert_eq!(bench.refusal(Speaker::Chat, &body).await.status, 404);
}

#[tokio::test]
async fn the_catalogue_tells_which_model_has_no_chat() {
    let bench = Bench::of("[[providers]]\npreset = \"openai\"\nbase_url = \"MOCK\"\n");
    let model = "gpt-3.5-turbo-instruct";
    let body = Speaker::Chat.question(model, QUESTION, false);
    let told = bench.refusal(Speaker::Chat, &body).await;
    assert_eq!((told.status, told.param.as_deref()), (400, Some("model")));
    assert!(told.message.contains(TEXT), "{told:?}");
    assert_eq!(bench.calls(), 0);
    let body = asking(model, &json!({}));
    let said = bench.say(Speaker::Completions, &body).await;
    assert_eq!(said.finish, "stop");
    assert_eq!(bench.paths(), [TEXT]);
}

#[tokio::test]
async fn a_preset_that_has_only_chats_is_asked_as_a_chat() {
    let bench = Bench::of("[[providers]]\npreset = \"groq\"\nbase_url = \"MOCK\"\n");
    let body = asking("mock-plain", &json!({}));
    bench.say(Speaker::Completions, &body).await;
    assert_eq!(bench.paths(), [CHAT]);
}

#[tokio::test]
async fn another_candidate_is_asked_in_its_own_form() {
    let bench = Bench::start();
    for (model, path) in [("text-then-chat", "/v1/messages"), ("chat-then-text", TEXT)] {
        for body in framings(&asking(model, &json!({})), Speaker::Completions) {
            let said = bench.say(Speaker::Completions, &body).await;
            assert_eq!(said.text, format!("Mock answer to: {QUESTION} 🍎"));
            assert_eq!(said.finish, "stop");
            assert_eq!(bench.paths().last().unwrap(), path);
        }
    }
    // The one that cannot be asked is passed over.
    let before = bench.paths().len();
    let body = asking("chat-then-text", &json!({"logprobs": 1}));
    let answer = bench.send(Speaker::Completions, &body).await;
    assert!(answer.json()["choices"][0]["logprobs"]["tokens"].is_array());
    assert_eq!(bench.paths().split_off(before), [TEXT]);
}

#[tokio::test]
async fn a_broken_stream_ends_with_an_error_in_the_same_form() {
    let bench = Bench::of("[[providers]]\nname = \"o\"\nkind = \"openai\"\nbase_url = \"MOCK\"\n");
    for model in ["mock-error-in-stream", "mock-cut"] {
        let body = streamed(&asking(model, &json!({})), Speaker::Completions);
        let answer = bench.send(Speaker::Completions, &body).await;
        let last = answer.body().trim_end().rsplit("data: ").next().unwrap();
        let last: Value = serde_json::from_str(last).unwrap();
        assert!(last["error"]["message"].is_string(), "{answer:?}");
    }
}
