//! What a provider's dialect has no word for is refused in the client's words, and nobody is asked.

use serde_json::{Value, json};

use super::bench::Bench;
use crate::clients::Client as Speaker;

#[tokio::test]
async fn what_cannot_be_expressed_is_named_as_the_client_knows_it() {
    let bench = Bench::start();
    let cases: [(Speaker, &str, &str, Value); 22] = [
        (Speaker::Chat, "anthropic", "n", json!(2)),
        (Speaker::Chat, "anthropic", "logprobs", json!(true)),
        (Speaker::Chat, "anthropic", "logit_bias", json!({"1": 2})),
        (Speaker::Chat, "anthropic", "frequency_penalty", json!(0.5)),
        (Speaker::Chat, "bedrock", "n", json!(2)),
        (Speaker::Chat, "bedrock", "logprobs", json!(true)),
        (Speaker::Chat, "bedrock", "seed", json!(7)),
        (Speaker::Chat, "cohere", "n", json!(2)),
        (Speaker::Chat, "cohere", "logit_bias", json!({"1": 2})),
        (Speaker::Chat, "gemini", "logit_bias", json!({"1": 2})),
        (
            Speaker::Completions,
            "anthropic",
            "frequency_penalty",
            json!(0.5),
        ),
        (Speaker::Completions, "bedrock", "seed", json!(7)),
        (
            Speaker::Completions,
            "gemini",
            "logit_bias",
            json!({"1": 2}),
        ),
        (Speaker::Messages, "openai", "top_k", json!(5)),
        (Speaker::Messages, "openai", "container", json!("c_1")),
        (Speaker::Messages, "gemini", "container", json!("c_1")),
        (Speaker::Messages, "bedrock", "container", json!("c_1")),
        (Speaker::Messages, "cohere", "container", json!("c_1")),
        (Speaker::Responses, "anthropic", "top_logprobs", json!(3)),
        (Speaker::Responses, "bedrock", "top_logprobs", json!(3)),
        (Speaker::Responses, "gemini", "truncation", json!("auto")),
        (Speaker::Responses, "openai", "truncation", json!("auto")),
    ];
    for (speaker, upstream, member, value) in cases {
        let mut body = speaker.question(&format!("{upstream}-plain"), "How?", false);
        body[member] = value;
        for stream in [false, true] {
            body["stream"] = stream.into();
            let told = bench.refusal(speaker, &body).await;
            assert_eq!(told.status, 400, "{speaker:?} of {upstream}: {told:?}");
            let named = format!("`{member}`");
            assert!(
                told.message.contains(&named),
                "{speaker:?} of {upstream}: {told:?}"
            );
            if speaker != Speaker::Messages {
                assert_eq!(told.param.as_deref(), Some(member), "{upstream}: {told:?}");
            }
        }
    }
    assert_eq!(bench.calls(), 0);
}

#[tokio::test]
async fn a_place_inside_of_a_request_is_named_as_the_client_knows_it() {
    let bench = Bench::start();
    let document = json!({"type": "document", "citations": {"enabled": true},
        "source": {"type": "text", "media_type": "text/plain", "data": "words"}});
    let mut body = Speaker::Messages.question("openai-plain", "", false);
    body["messages"][0]["content"] = json!([document, {"type": "text", "text": "What is said?"}]);
    let told = bench.refusal(Speaker::Messages, &body).await;
    assert!(told.message.contains("messages[0].content[0]"), "{told:?}");
    let audio = json!({"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}});
    let mut body = Speaker::Chat.question("anthropic-plain", "", false);
    body["messages"][0]["content"] = json!([{"type": "text", "text": "What?"}, audio]);
    let told = bench.refusal(Speaker::Chat, &body).await;
    assert!(
        told.param.unwrap().starts_with("messages[0].content[1]"),
        "{}",
        told.message
    );
    let mut body = Speaker::Responses.question("anthropic-plain", "", false);
    body["input"] =
        json!([{"role": "user", "content": [{"type": "input_file", "file_id": "f_1"}]}]);
    let told = bench.refusal(Speaker::Responses, &body).await;
    assert!(
        told.param.unwrap().starts_with("input[0].content[0]"),
        "{}",
        told.message
    );
    let mut body = Speaker::Chat.question("bedrock-plain", "", false);
    let url = json!({"url": "https://images.example.com/a.png"});
    body["messages"][0]["content"] = json!([{"type": "image_url", "image_url": url}]);
    let told = bench.refusal(Speaker::Chat, &body).await;
    let at = told.param.unwrap();
    assert!(
        at.starts_with("messages[0].content[0]"),
        "{at}: {}",
        told.message
    );
    assert_eq!(bench.calls(), 0);
}
