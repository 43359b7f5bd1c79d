//! What is not written down though it came whole: refusals, calls of tools, and personal data where a route
//! says so. Each is counted by its reason.

use crate::client::{Answer, Client};
use crate::gateway::Gateway;

/// Asks, then asks memory alone for the same.
async fn remembered(client: &Client, model: &str, question: &str, stream: bool) -> Answer {
    let ask = || client.ask(question).model(model).streamed(stream);
    let answer = ask().send().await;
    assert_eq!(answer.cache(), "miss", "{answer:?}");
    ask().header("x-reprise-cache", "only").send().await
}

/// How many answers were not stored for a reason.
async fn not_stored(client: &Client, reason: &str) -> u64 {
    let figures = client.get("/metrics").send().await;
    let name = format!("reprise_not_stored_total{{reason=\"{reason}\"}} ");
    let mut lines = figures.body().lines();
    let count = lines.find_map(|line| line.strip_prefix(&name));
    count.map_or(0, |count| count.parse().unwrap())
}

#[tokio::test]
async fn what_is_no_answer_for_others_is_served_once_and_counted_by_its_reason() {
    let client = Client::of(Gateway::routed());
    let sorry = "I'm sorry, but I can't assist with that.";
    for (model, question, reason) in [
        ("mock-refusal", "Tell me a secret.", "refusal"),
        ("mock-echo", sorry, "refusal"),
        ("mock-length", "How long is a piece of string?", "truncated"),
        ("mock-filtered", "What may not be said?", "filtered"),
        ("mock-tools", "Look it up.", "tool_calls"),
    ] {
        for stream in [false, true] {
            let before = not_stored(&client, reason).await;
            let again = remembered(&client, model, question, stream).await;
            again.error(504, "cache_miss");
            let counted = not_stored(&client, reason).await;
            assert!(counted > before, "{model} {reason} {stream}");
        }
    }
}

#[tokio::test]
async fn an_answer_that_speaks_of_refusing_is_remembered() {
    let client = Client::new();
    let said = "Sorry is what I can't help saying in London.";
    let again = remembered(&client, "mock-echo", said, false).await;
    assert_eq!(
        (again.cache(), again.text()),
        ("hit-exact", said.to_owned())
    );
}

#[tokio::test]
async fn a_route_may_have_tool_calls_remembered_and_they_come_back_whole() {
    let client = Client::of(Gateway::routed());
    for stream in [false, true] {
        let question = format!("Look it up, {stream}.");
        let again = remembered(&client, "handy", &question, stream).await;
        assert_eq!(again.cache(), "hit-exact");
        assert!(again.body().contains("look_up") && again.body().contains("tool_calls"));
        // In the other framing, too.
        let other = client.ask(&question).model("handy").streamed(!stream);
        let other = other.send().await;
        assert_eq!(other.cache(), "hit-exact");
        assert!(other.body().contains("call_1"), "{other:?}");
    }
}

#[tokio::test]
async fn where_a_route_says_so_personal_data_is_answered_and_not_remembered() {
    let client = Client::of(Gateway::routed());
    let personal = [
        "Is ann@people.example a good address?",
        "Whose number is +49 30 12345678?",
        "Is 4111 1111 1111 1111 a card?",
        "Is DE89370400440532013000 an account?",
        "What is 078-05-1120?",
        "Who has 81.2.69.142?",
    ];
    let before = not_stored(&client, "personal_data").await;
    for question in personal {
        let kept = remembered(&client, "discreet", question, false).await;
        kept.error(504, "cache_miss");
        // Other routes know no such rule.
        let kept = remembered(&client, "mock-echo", question, false).await;
        assert_eq!(kept.cache(), "hit-exact", "{question}");
    }
    let counted = not_stored(&client, "personal_data").await - before;
    assert!(counted >= personal.len() as u64, "{counted}");
    let harmless = remembered(&client, "discreet", "How tall is Mont Blanc?", false).await;
    assert_eq!(harmless.cache(), "hit-exact");
}
