//! Thoughts: asked for, told, proved, and sent back.

use serde_json::{Value, json};

use super::bench::{Bench, UPSTREAMS, framings, said};
use crate::clients::Client as Speaker;

/// What the mocks think.
const THOUGHT: &str = "The question is easy, and so is the answer.";

fn asked(upstream: &str, question: &str) -> Value {
    let mut body = Speaker::Messages.question(&format!("{upstream}-thinking"), question, false);
    body["max_tokens"] = 3000.into();
    body["thinking"] = json!({"type": "enabled", "budget_tokens": 2000});
    body
}

#[tokio::test]
async fn each_client_reads_what_was_thought_beside_the_answer() {
    let bench = Bench::start();
    for upstream in UPSTREAMS {
        for speaker in Speaker::TALKING {
            let body = speaker.question(&format!("{upstream}-thinking"), "Why?", false);
            for body in framings(&body, speaker) {
                let said = bench.say(speaker, &body).await;
                assert_eq!(said.thought, THOUGHT, "{speaker:?} of {upstream}");
                assert_eq!(said.text, "Mock answer to: Why? 🍎", "{upstream}");
            }
        }
    }
}

#[tokio::test]
async fn thinking_is_asked_for_in_the_providers_words() {
    let bench = Bench::start();
    for upstream in ["anthropic", "gemini", "bedrock", "cohere"] {
        bench.say(Speaker::Messages, &asked(upstream, "Why?")).await;
        let (sent, _) = bench.sent();
        let budget = match upstream {
            "gemini" => &sent["generationConfig"]["thinkingConfig"]["thinkingBudget"],
            "bedrock" => &sent["additionalModelRequestFields"]["thinking"]["budget_tokens"],
            "cohere" => &sent["thinking"]["token_budget"],
            _ => &sent["thinking"]["budget_tokens"],
        };
        assert_eq!(budget, 2000, "{upstream}: {sent}");
    }
}

#[tokio::test]
async fn signed_thoughts_survive_misses_and_hits_in_both_framings() {
    let bench = Bench::start();
    for upstream in ["anthropic", "bedrock"] {
        for streams in [0, 1] {
            let question = format!("Why is {streams}?");
            let bodies = framings(&asked(upstream, &question), Speaker::Messages);
            let missed = bench
                .dispatch(Speaker::Messages, &bodies[streams], &[])
                .await;
            assert_eq!(missed.cache(), "miss");
            let missed = said(Speaker::Messages, &missed);
            assert_eq!(missed.thought, THOUGHT);
            assert!(missed.signature.is_some(), "{upstream}: {missed:?}");
            for body in &bodies {
                let hit = bench.dispatch(Speaker::Messages, body, &[]).await;
                assert_eq!(hit.cache(), "hit-exact", "{upstream}");
                let hit = said(Speaker::Messages, &hit);
                assert_eq!(
                    (&hit.thought, &hit.signature),
                    (&missed.thought, &missed.signature)
                );
                assert_eq!(hit.text, missed.text);
            }
        }
    }
}

#[tokio::test]
async fn a_thought_that_comes_back_is_known_by_its_provider() {
    let bench = Bench::start();
    for upstream in ["anthropic", "bedrock", "gemini"] {
        let mut body = asked(upstream, "Why?");
        let said = bench.say(Speaker::Messages, &body).await;
        let signature = said.signature.clone().unwrap_or_default();
        let thought = json!({"type": "thinking", "thinking": said.thought, "signature": signature});
        let answer = json!([thought, {"type": "text", "text": said.text}]);
        let messages = body["messages"].as_array_mut().unwrap();
        messages.push(json!({"role": "assistant", "content": answer}));
        messages.push(json!({"role": "user", "content": "And why that?"}));
        // The mock refuses a thought whose signature is another's.
        let next = bench.say(Speaker::Messages, &body).await;
        assert_eq!(next.text, "Mock answer to: And why that? 🍎", "{upstream}");
        if upstream != "gemini" {
            let (sent, _) = bench.sent();
            assert!(sent.to_string().contains(&signature), "{upstream}: {sent}");
        }
    }
}

#[tokio::test]
async fn thoughts_that_nobody_signed_are_left_out_where_anthropic_would_refuse_them() {
    let bench = Bench::start();
    let mut body = Speaker::Messages.question("anthropic-plain", "And then?", false);
    let history = json!([{"role": "user", "content": "Why?"}, {"role": "assistant", "content": [
        {"type": "thinking", "thinking": "Hm.", "signature": ""}, {"type": "text", "text": "So."}]},
        {"role": "user", "content": "And then?"}]);
    body["messages"] = history;
    bench.say(Speaker::Messages, &body).await;
    let (sent, _) = bench.sent();
    assert_eq!(sent["messages"][1]["content"], "So.");
}
