//! A provider of the client's own dialect gets what the client wrote, and the client what the provider wrote.

use serde_json::{Value, json};

use super::bench::{Bench, framings};
use crate::clients::Client as Speaker;

/// What a gateway knows nothing of, and Anthropic does.
fn anthropics() -> Value {
    json!({
        "model": "anthropic-plain", "max_tokens": 64, "service_tier": "auto",
        "metadata": {"user_id": "u_1"}, "inference_geo": "eu",
        "cache_control": {"type": "ephemeral", "ttl": "1h"},
        "system": [{"type": "text", "text": "Be kind.", "cache_control": {"type": "ephemeral"}}],
        "messages": [{"role": "user", "content": [
            {"type": "search_result", "source": "s", "title": "t",
                "content": [{"type": "text", "text": "found"}]},
            {"type": "text", "text": "What is it?"}]}],
        "tools": [{"type": "web_search_20250305", "name": "web_search", "max_uses": 3}]
    })
}

#[tokio::test]
async fn anthropic_gets_an_anthropic_clients_own_members_and_betas() {
    let bench = Bench::start();
    for body in framings(&anthropics(), Speaker::Messages) {
        let headers = [
            ("anthropic-beta", "one-2026-01-01,two-2026-02-02"),
            ("anthropic-version", "2023-01-01"),
            ("x-reprise-cache", "off"),
        ];
        let answer = bench.dispatch(Speaker::Messages, &body, &headers).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let (sent, heard) = bench.sent();
        let mut expected = body.clone();
        expected["model"] = "mock-plain".into();
        // Member by member, in the order in which they stand.
        assert_eq!(sent.to_string(), expected.to_string());
        for (name, value) in &headers[..2] {
            assert_eq!(heard[name], *value);
        }
    }
}

#[tokio::test]
async fn a_member_that_nobody_knows_is_anthropics_own_to_refuse() {
    let bench = Bench::start();
    let mut body = Speaker::Messages.question("anthropic-plain", "What?", false);
    body["of_tomorrow"] = json!({"a": [1, 2]});
    let told = bench.refusal(Speaker::Messages, &body).await;
    let said = "of_tomorrow: Extra inputs are not permitted";
    let what = "invalid_request_error";
    assert_eq!(
        (told.status, told.what.as_str(), told.message.as_str()),
        (400, what, said)
    );
    let (sent, _) = bench.sent();
    assert_eq!(sent["of_tomorrow"], body["of_tomorrow"]);
}

#[tokio::test]
async fn openai_gets_an_openai_clients_own_members() {
    let bench = Bench::start();
    let mut body = Speaker::Chat.question("openai-plain", "What?", false);
    body["of_tomorrow"] = json!({"a": [1, 2]});
    body["messages"][0]["odd"] = true.into();
    for body in framings(&body, Speaker::Chat) {
        let headers = [("openai-beta", "x=1"), ("x-reprise-cache", "off")];
        let answer = bench.dispatch(Speaker::Chat, &body, &headers).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let (sent, heard) = bench.sent();
        let mut expected = body.clone();
        expected["model"] = "mock-plain".into();
        assert_eq!(sent.to_string(), expected.to_string());
        assert_eq!(heard["openai-beta"], "x=1");
    }
}

#[tokio::test]
async fn what_a_provider_says_reaches_a_client_of_its_dialect_as_it_was_said() {
    let bench = Bench::start();
    for (speaker, upstream, behaviour) in [
        (Speaker::Messages, "anthropic", "thinking"),
        (Speaker::Messages, "anthropic", "tools2"),
        (Speaker::Messages, "anthropic", "cached-3"),
        (Speaker::Chat, "openai", "tools2"),
        (Speaker::Chat, "openai", "cached-3"),
    ] {
        let body = speaker.question(&format!("{upstream}-{behaviour}"), "Who is it?", false);
        for body in framings(&body, speaker) {
            let answer = bench.send(speaker, &body).await;
            let mut asked = body.clone();
            asked["model"] = format!("mock-{behaviour}").into();
            let direct = bench.direct(speaker, &asked).await;
            assert_eq!(answer.body(), direct, "{speaker:?}, {behaviour}");
        }
    }
}
