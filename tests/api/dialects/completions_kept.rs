//! What is remembered of text completions: apart from chats, and with all that stands beside their texts.

use serde_json::{Value, json};

use super::bench::{Bench, UPSTREAMS, framings};
use super::completions::{QUESTION, asking};
use crate::client::Answer;
use crate::clients::Client as Speaker;

async fn ask(bench: &Bench, body: &Value) -> Answer {
    bench.dispatch(Speaker::Completions, body, &[]).await
}

/// The same answer without what is fresh each time it is told.
fn lasting(answer: &Answer) -> Vec<Value> {
    let mut all = match answer.is_stream() {
        true => answer.events(),
        false => vec![answer.json()],
    };
    for said in &mut all {
        said["id"] = Value::Null;
        said["created"] = Value::Null;
    }
    all
}

#[tokio::test]
async fn a_completion_and_a_chat_of_the_same_text_are_two_questions() {
    let bench = Bench::start();
    for upstream in UPSTREAMS {
        let model = format!("{upstream}-plain");
        for (first, then) in [
            (Speaker::Chat, Speaker::Completions),
            (Speaker::Completions, Speaker::Chat),
        ] {
            let question = format!("Where is {first:?}?");
            let stored = first.question(&model, &question, false);
            let stored = bench.dispatch(first, &stored, &[]).await;
            assert_eq!(stored.cache(), "miss", "{upstream}");
            let only = [("x-reprise-cache", "only")];
            let body = then.question(&model, &question, false);
            let answer = bench.dispatch(then, &body, &only).await;
            assert_eq!(answer.status, 504, "{then:?} of {upstream}: {answer:?}");
        }
    }
}

#[tokio::test]
async fn whatever_changes_the_answer_is_part_of_the_question() {
    let bench = Bench::start();
    let model = "openai-plain";
    assert_eq!(
        ask(&bench, &asking(model, &json!({}))).await.cache(),
        "miss"
    );
    for members in [
        json!({"suffix": "end"}),
        json!({"suffix": "other end"}),
        json!({"echo": true}),
        json!({"best_of": 2}),
        json!({"best_of": 3}),
        json!({"logprobs": 0}),
        json!({"logprobs": 2}),
        json!({"n": 2}),
        json!({"prompt": [QUESTION, "b"]}),
        json!({"prompt": ["b", QUESTION]}),
        json!({"prompt": [QUESTION, QUESTION]}),
        json!({"prompt": [1, 2]}),
        json!({"prompt": [2, 1]}),
        json!({"prompt": [[1], [2]]}),
        json!({"max_tokens": 16}),
        json!({"max_tokens": null}),
        json!({"max_tokens": 0}),
    ] {
        let body = asking(model, &members);
        let stored = ask(&bench, &body).await;
        assert_eq!(stored.cache(), "miss", "{members}");
        let again = ask(&bench, &body).await;
        assert_eq!(again.cache(), "hit-exact", "{members}");
        assert_eq!(lasting(&again), lasting(&stored), "{members}");
    }
}

#[tokio::test]
async fn texts_are_gone_on_with_only_word_for_word() {
    let bench = Bench::start();
    let near = "What's the capital of France?";
    for (members, other) in [
        (json!({}), json!({"prompt": near})),
        (json!({}), json!({"prompt": format!("{QUESTION} ")})),
        (
            json!({"prompt": [QUESTION, "b"]}),
            json!({"prompt": [near, "b"]}),
        ),
        (
            json!({"prompt": ["b", QUESTION]}),
            json!({"prompt": ["b", near]}),
        ),
        (json!({"echo": true}), json!({"echo": true, "prompt": near})),
        (
            json!({"suffix": "e"}),
            json!({"suffix": "e", "prompt": near}),
        ),
        (
            json!({"logprobs": 1}),
            json!({"logprobs": 1, "prompt": near}),
        ),
    ] {
        ask(&bench, &asking("openai-plain", &members)).await;
        let only = [("x-reprise-cache", "only")];
        let body = asking("openai-plain", &other);
        let answer = bench.dispatch(Speaker::Completions, &body, &only).await;
        assert_eq!(answer.status, 504, "{other}: {answer:?}");
    }
}

#[tokio::test]
async fn a_hit_has_the_form_of_the_answer_whichever_framing_was_first() {
    let bench = Bench::start();
    for first in [0, 1] {
        for (i, members) in [
            json!({}),
            json!({"logprobs": 2}),
            json!({"logprobs": 0, "echo": true, "n": 2}),
            json!({"prompt": ["a", "b c"], "logprobs": 1}),
            json!({"prompt": [[1, 2], [3]]}),
        ]
        .iter()
        .enumerate()
        {
            let mut body = asking("openai-plain", members);
            body["seed"] = json!(10 * first + i);
            let bodies = framings(&body, Speaker::Completions);
            let stored = ask(&bench, &bodies[first]).await;
            assert_eq!(stored.cache(), "miss", "{members}");
            let mut whole = Vec::new();
            for (framing, body) in bodies.iter().enumerate() {
                let hit = ask(&bench, body).await;
                assert_eq!(hit.cache(), "hit-exact", "{members}");
                whole.push(choices(&hit));
                assert_eq!(hit.is_stream(), framing == 1);
            }
            assert_eq!(whole[0], choices(&stored), "{members}");
            assert_eq!(whole[1], choices(&stored), "{members}");
        }
    }
}

/// The choices of an answer in either framing: text, tokens and what is thought of them, reason of the end.
fn choices(answer: &Answer) -> Value {
    let mut all: Vec<Value> = Vec::new();
    for said in lasting(answer) {
        assert_eq!(said["object"], "text_completion");
        for choice in said["choices"].as_array().unwrap() {
            let at = usize::try_from(choice["index"].as_u64().unwrap()).unwrap();
            while all.len() <= at {
                all.push(
                    json!({"text": "", "tokens": [], "token_logprobs": [], "top_logprobs": [],
                    "text_offset": [], "finish": ""}),
                );
            }
            let tokens = choice["logprobs"]["tokens"].as_array();
            let tokens = tokens.map(|all| all.iter().map(text).collect::<String>());
            // What is thought of tokens stands beside them.
            assert!(tokens.is_none_or(|tokens| tokens == text(&choice["text"])));
            let whole = &mut all[at];
            whole["text"] = (text(&whole["text"]) + &text(&choice["text"])).into();
            whole["finish"] = (text(&whole["finish"]) + &text(&choice["finish_reason"])).into();
            for name in ["tokens", "token_logprobs", "top_logprobs", "text_offset"] {
                let more = choice["logprobs"][name].as_array().cloned();
                let list = whole[name].as_array_mut().unwrap();
                list.extend(more.unwrap_or_default());
            }
        }
    }
    all.into()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn what_speaks_of_the_asker_is_told_to_nobody_else() {
    let bench = Bench::start();
    for members in [
        json!({"prompt": "Dear bank,", "suffix": "What is my account balance?"}),
        json!({"prompt": [1, 2, 3]}),
        json!({"prompt": [[4, 5], [6]]}),
    ] {
        let mut body = asking("openai-plain", &members);
        for (user, cache) in [("a", "miss"), ("b", "miss"), ("a", "hit-exact")] {
            body["user"] = user.into();
            let told = ask(&bench, &body).await;
            assert_eq!(told.cache(), cache, "{user}: {members}");
        }
    }
}
