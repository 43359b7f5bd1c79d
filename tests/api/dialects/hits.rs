//! What is remembered serves every client alike, whichever asked first.

use serde_json::{Value, json};

use super::bench::{Bench, framings, said};
use crate::client::Answer;
use crate::clients::Client as Speaker;

#[track_caller]
fn is_a_hit(speaker: Speaker, answer: &Answer) {
    assert_eq!(answer.cache(), "hit-exact", "{speaker:?}: {answer:?}");
}

/// What each says in its own words: a system prompt, two turns and a question.
fn conversation(speaker: Speaker, model: &str, question: &str) -> Value {
    let mut body = speaker.question(model, question, false);
    let turn = |role: &str, text: &str| json!({"role": role, "content": text});
    let turns = [
        turn("user", "Hello."),
        turn("assistant", "Hello to you."),
        turn("user", question),
    ];
    match speaker {
        Speaker::Messages => {
            body["system"] = "Be brief.".into();
            body["messages"] = turns.into_iter().collect();
        }
        Speaker::Responses => {
            body["instructions"] = "Be brief.".into();
            body["input"] = turns.into_iter().collect();
        }
        _ => {
            let system = [turn("system", "Be brief.")];
            body["messages"] = system.into_iter().chain(turns).collect();
        }
    }
    body
}

#[tokio::test]
async fn an_answer_stored_through_one_dialect_serves_all_others_in_both_framings() {
    let bench = Bench::start();
    for upstream in ["openai", "anthropic", "gemini"] {
        for first in Speaker::TALKING {
            for streams in [0, 1] {
                let question = format!("Where is {first:?} number {streams}?");
                let body = |speaker: Speaker| {
                    let model = format!("{upstream}-plain");
                    framings(&speaker.question(&model, &question, false), speaker)
                };
                let stored = bench.dispatch(first, &body(first)[streams], &[]).await;
                assert_eq!(stored.cache(), "miss", "{first:?} of {upstream}");
                let text = said(first, &stored).text;
                let calls = bench.calls();
                for speaker in Speaker::TALKING {
                    for body in body(speaker) {
                        let answer = bench.dispatch(speaker, &body, &[]).await;
                        is_a_hit(speaker, &answer);
                        let said = said(speaker, &answer);
                        assert_eq!((said.text.as_str(), said.finish.as_str()), (&*text, "stop"));
                    }
                }
                assert_eq!(bench.calls(), calls);
            }
        }
    }
}

#[tokio::test]
async fn a_whole_conversation_means_the_same_in_each_dialect() {
    let bench = Bench::start();
    for upstream in ["openai", "anthropic"] {
        for first in Speaker::TALKING {
            let question = format!("And where is {first:?}?");
            let model = format!("{upstream}-plain");
            let stored = conversation(first, &model, &question);
            assert_eq!(bench.dispatch(first, &stored, &[]).await.cache(), "miss");
            for speaker in Speaker::TALKING {
                let body = conversation(speaker, &model, &question);
                for body in framings(&body, speaker) {
                    is_a_hit(speaker, &bench.dispatch(speaker, &body, &[]).await);
                }
            }
        }
    }
}

#[tokio::test]
async fn what_means_something_else_is_never_served() {
    let bench = Bench::start();
    let question = "Where are you?";
    let body = Speaker::Chat.question("openai-plain", question, false);
    bench.dispatch(Speaker::Chat, &body, &[]).await;
    for speaker in Speaker::TALKING {
        let mut longer = speaker.question("openai-plain", question, false);
        let most = match speaker {
            Speaker::Chat => "max_completion_tokens",
            Speaker::Messages => "max_tokens",
            _ => "max_output_tokens",
        };
        longer[most] = 1001.into();
        let mut other = longer.clone();
        other["temperature"] = json!(0.5);
        for body in [longer, other] {
            let only = [("x-reprise-cache", "only")];
            let answer = bench.dispatch(speaker, &body, &only).await;
            assert_eq!(answer.status, 504, "{speaker:?}: {answer:?}");
        }
    }
}

#[tokio::test]
async fn calls_of_tools_are_remembered_only_where_the_route_says_so() {
    for (more, outcome) in [("", "miss"), ("store_tool_calls = true", "hit-exact")] {
        let bench = Bench::with(more);
        for upstream in ["openai", "anthropic", "gemini"] {
            let model = format!("{upstream}-tools2");
            let mut stored = None;
            for speaker in Speaker::TALKING {
                let body = speaker.question(&model, "What are x and y?", false);
                for body in framings(&body, speaker) {
                    let answer = bench.dispatch(speaker, &body, &[]).await;
                    let calls = said(speaker, &answer).calls;
                    assert_eq!(calls.len(), 2, "{speaker:?} of {upstream}");
                    let first = stored.is_none();
                    let expected = if first { "miss" } else { outcome };
                    assert_eq!(answer.cache(), expected, "{speaker:?} of {upstream}");
                    let stored = stored.get_or_insert_with(|| calls.clone());
                    let said = |calls: &[crate::clients::Call]| -> Vec<Value> {
                        calls.iter().map(|call| call.arguments.clone()).collect()
                    };
                    assert_eq!(said(&calls), said(stored));
                }
            }
        }
    }
}
