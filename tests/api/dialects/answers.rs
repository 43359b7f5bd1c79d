//! What comes back: text, why it ended, tokens.

use serde_json::json;

use super::bench::{Bench, UPSTREAMS, framings};
use crate::clients::Client as Speaker;

/// The text of a plain answer.
fn plain(question: &str) -> String {
    format!("Mock answer to: {question} 🍎")
}

#[tokio::test]
async fn each_client_is_answered_by_each_provider_in_both_framings() {
    let bench = Bench::start();
    for upstream in UPSTREAMS {
        for speaker in Speaker::ALL {
            let question = format!("Where is the café, {speaker:?}?");
            let body = speaker.question(&format!("{upstream}-plain"), &question, false);
            let mut counted = Vec::new();
            for body in framings(&body, speaker) {
                let said = bench.say(speaker, &body).await;
                assert_eq!(said.text, plain(&question), "{speaker:?} of {upstream}");
                assert_eq!(said.finish, "stop", "{speaker:?} of {upstream}");
                counted.push(said.usage.unwrap());
            }
            assert_eq!(counted[0], counted[1], "{speaker:?} of {upstream}");
            assert!(counted[0].input > 0 && counted[0].output > 0);
        }
    }
}

#[tokio::test]
async fn why_an_answer_ended_is_told_in_the_clients_words() {
    let bench = Bench::start();
    for upstream in UPSTREAMS {
        for (behaviour, finish) in [("length", "length"), ("filtered", "content_filter")] {
            // A filter has no word of its own there.
            if (upstream, behaviour) == ("cohere", "filtered") {
                continue;
            }
            for speaker in Speaker::ALL {
                let model = format!("{upstream}-{behaviour}");
                let body = speaker.question(&model, "How far?", false);
                for body in framings(&body, speaker) {
                    let said = bench.say(speaker, &body).await;
                    assert_eq!(said.finish, finish, "{speaker:?} of {upstream}");
                }
            }
        }
    }
}

#[tokio::test]
async fn stop_sequences_reach_the_provider_and_the_one_that_stopped_is_told() {
    let bench = Bench::start();
    for upstream in UPSTREAMS {
        for speaker in [Speaker::Chat, Speaker::Completions, Speaker::Messages] {
            let model = format!("{upstream}-stopped");
            let mut body = speaker.question(&model, "Count to ten.", false);
            let name = match speaker {
                Speaker::Messages => "stop_sequences",
                _ => "stop",
            };
            body[name] = json!(["seven", "eight"]);
            for body in framings(&body, speaker) {
                let said = bench.say(speaker, &body).await;
                assert_eq!(said.finish, "stop", "{speaker:?} of {upstream}");
                let (sent, _) = bench.sent();
                let stops = match upstream {
                    "openai" => &sent["stop"],
                    "gemini" => &sent["generationConfig"]["stopSequences"],
                    "bedrock" => &sent["inferenceConfig"]["stopSequences"],
                    _ => &sent["stop_sequences"],
                };
                assert_eq!(
                    stops,
                    &json!(["seven", "eight"]),
                    "{speaker:?} of {upstream}"
                );
                // Nobody else says which one it was.
                let told = (speaker, upstream) == (Speaker::Messages, "anthropic");
                assert_eq!(said.sequence.as_deref(), told.then_some("seven"));
            }
        }
    }
}

#[tokio::test]
async fn tokens_read_from_a_providers_cache_are_part_of_the_input_and_told() {
    let bench = Bench::start();
    for upstream in UPSTREAMS {
        for speaker in [Speaker::Chat, Speaker::Messages, Speaker::Responses] {
            let question = "one two three four five";
            let body = speaker.question(&format!("{upstream}-cached-3"), question, false);
            for body in framings(&body, speaker) {
                let usage = bench.say(speaker, &body).await.usage.unwrap();
                let told = (usage.input, usage.cached);
                assert_eq!(told, (5, 3), "{speaker:?} of {upstream}");
            }
        }
    }
}

#[tokio::test]
async fn an_answer_that_nobody_says_has_ended_is_not_told_as_whole() {
    let bench = Bench::of("");
    for (speaker, event, told) in [
        (Speaker::Messages, "message_delta", "\"stop_reason\":null"),
        (
            Speaker::Responses,
            "response.incomplete",
            "\"status\":\"incomplete\"",
        ),
    ] {
        let body = speaker.question("mock-unended", "How far?", false);
        let [whole, stream] = framings(&body, speaker);
        let whole = bench.send(speaker, &whole).await;
        assert!(
            whole.status == 200 && whole.body().contains(told),
            "{whole:?}"
        );
        let stream = bench.send(speaker, &stream).await;
        let last = stream.body().split("\n\n").filter(|e| e.contains(event));
        let last = last.last().unwrap_or_default();
        assert!(last.contains(told), "{stream:?}");
        assert!(!stream.body().contains("response.completed"), "{stream:?}");
    }
}
