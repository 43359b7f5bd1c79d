//! What was said before a question: heeded where its answer may depend on it, and only there.

use serde_json::{Value, json};

use crate::client::Client;

fn turns(texts: &[&str]) -> Value {
    let roles = ["user", "assistant"].iter().cycle();
    let turns = roles.zip(texts);
    turns
        .map(|(role, text)| json!({"role": role, "content": text}))
        .collect()
}

#[tokio::test]
async fn a_turn_that_stands_alone_hits_across_histories_and_without_one() {
    let client = Client::new();
    let inside = turns(&["What is Rust?", "A language.", "Who was Alan Turing?"]);
    assert_eq!(client.chat(inside).send().await.cache(), "miss");
    let elsewhere = turns(&[
        "Why is the sky blue?",
        "Scattering.",
        "Who was Alan Turing?",
    ]);
    let hit = client.chat(elsewhere).send().await;
    assert_eq!(hit.cache(), "hit-semantic");
    assert_eq!(
        client.ask("Who was Alan Turing?").send().await.cache(),
        "hit-semantic"
    );
    assert_eq!(client.calls(), 1);
}

#[tokio::test]
async fn a_turn_that_reaches_back_needs_the_same_history() {
    let client = Client::new();
    for question in [
        "And in winter?",
        "Why?",
        "Continue",
        "What are the symptoms?",
    ] {
        let after = |said: &str| turns(&[said, "So it is.", question]);
        let cache = async |messages| client.chat(messages).send().await.cache().to_owned();
        assert_eq!(cache(after("Tell me of Oslo")).await, "miss", "{question}");
        assert_eq!(cache(after("Tell me of Cairo")).await, "miss", "{question}");
        assert_eq!(
            client.ask(question).send().await.cache(),
            "miss",
            "{question}"
        );
        assert_eq!(
            cache(after("Tell me of Oslo")).await,
            "hit-exact",
            "{question}"
        );
    }
}

#[tokio::test]
async fn histories_that_differ_in_spaces_capitals_and_full_stops_are_one() {
    let client = Client::new();
    let first = turns(&["what is taurine?", "An acid.", "Is it healthy?"]);
    assert_eq!(client.chat(first).send().await.cache(), "miss");
    let again = turns(&["What is  taurine", "An acid", "Is it healthy?"]);
    assert_eq!(client.chat(again).send().await.cache(), "hit-semantic");
    let parts = json!([{"role": "user", "content": [{"type": "text", "text": "What is taurine?"}]},
        {"role": "assistant", "content": "An acid."}, {"role": "user", "content": "Is it healthy?"}]);
    assert_eq!(client.chat(parts).send().await.cache(), "hit-semantic");
    let other = turns(&["What is taurine?", "A drink.", "Is it healthy?"]);
    assert_eq!(client.chat(other).send().await.cache(), "miss");
}

#[tokio::test]
async fn what_the_user_said_of_themselves_or_demanded_is_heeded() {
    let client = Client::new();
    let question = "Who was Alan Turing?";
    assert_eq!(client.ask(question).send().await.cache(), "miss");
    for said in [
        "I'm six years old.",
        "Answer in French from now on.",
        "No, the other one.",
    ] {
        let asked = client.chat(turns(&[said, "Fine.", question])).send().await;
        assert_eq!(asked.cache(), "miss", "{said}");
    }
}

#[tokio::test]
async fn a_conversation_that_begins_with_an_answer_is_a_part_to_play() {
    let client = Client::new();
    let question = "Who was Alan Turing?";
    assert_eq!(client.ask(question).send().await.cache(), "miss");
    let played = json!([{"role": "assistant", "content": "Arr, I answer as a pirate."},
        {"role": "user", "content": question}]);
    assert_eq!(client.chat(played.clone()).send().await.cache(), "miss");
    assert_eq!(client.chat(played).send().await.cache(), "hit-exact");
    let bound = turns(&["What is asthma? The baby has it.", "I see.", question]);
    assert_eq!(client.chat(bound).send().await.cache(), "miss");
}

#[tokio::test]
async fn a_turn_that_leans_hits_in_its_own_history_whatever_mark_ends_it() {
    let client = Client::new();
    let after = |said: &str, last: &str| turns(&[said, "So it is.", last]);
    for (first, again) in [
        ("And in winter?", "and in winter"),
        ("Continue", "continue."),
    ] {
        let asked = client.chat(after("Tell me of Oslo", first)).send().await;
        assert_eq!(asked.cache(), "miss", "{first}");
        let asked = client.chat(after("Tell me of Oslo", again)).send().await;
        assert_eq!(asked.cache(), "hit-semantic", "{again}");
        let other = client.chat(after("Tell me of Cairo", again)).send().await;
        assert_eq!(other.cache(), "miss", "{again}");
    }
}

#[tokio::test]
async fn a_system_prompt_between_the_turns_is_never_left_out() {
    let client = Client::new();
    let with = |system: &str| {
        json!([{"role": "user", "content": "What is Rust?"},
            {"role": "system", "content": system}, {"role": "user", "content": "Who was Alan Turing?"}])
    };
    assert_eq!(client.chat(with("Be brief.")).send().await.cache(), "miss");
    assert_eq!(client.chat(with("Be long.")).send().await.cache(), "miss");
}

#[tokio::test]
async fn consecutive_turns_never_answer_each_other() {
    let client = Client::new();
    let (first, again) = ("Who was Alan Turing?", "who was Alan Turing");
    assert_eq!(client.ask(first).send().await.cache(), "miss");
    let next = client
        .chat(turns(&[first, "A mathematician.", again]))
        .send()
        .await;
    assert_eq!((next.cache(), next.reason()), ("miss", "earlier_turn"));
    // Nor the other way round: what was asked second does not answer what was asked first.
    let client = Client::new();
    client
        .chat(turns(&[first, "A mathematician.", again]))
        .send()
        .await;
    let before = client.ask(first).send().await;
    assert_eq!((before.cache(), before.reason()), ("miss", "earlier_turn"));
}

#[tokio::test]
async fn a_turn_behind_tool_results_never_stands_alone() {
    let client = Client::new();
    let with = |result: &str| {
        json!([{"role": "user", "content": "What is Rust?"},
            {"role": "assistant", "content": null, "tool_calls": [{"id": "1", "type": "function",
                "function": {"name": "look_up", "arguments": "{}"}}]},
            {"role": "tool", "tool_call_id": "1", "content": result},
            {"role": "user", "content": "Who was Alan Turing?"}])
    };
    assert_eq!(client.chat(with("a")).send().await.cache(), "miss");
    assert_eq!(client.chat(with("b")).send().await.cache(), "miss");
    assert_eq!(client.chat(with("a")).send().await.cache(), "hit-exact");
}
