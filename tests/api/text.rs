//! Texts that the encoder cannot tell apart never answer for each other; differences that mean
//! nothing do not matter.

use crate::client::{Answer, Client};

/// Asks two questions one after the other in a fresh namespace; gives the second's answer.
async fn after(first: &str, second: &str) -> Answer {
    let client = Client::new();
    assert_eq!(client.ask(first).send().await.cache(), "miss");
    client.ask(second).send().await
}

#[track_caller]
fn missed(answer: &Answer, reason: &str) {
    assert_eq!((answer.cache(), answer.reason()), ("miss", reason));
}

/// Questions that only their own repetition may hit.
async fn take_the_exact_path_only(questions: [&str; 2], reason: &str) {
    let client = Client::new();
    client.ask("Is it healthy?").send().await;
    for question in questions {
        missed(&client.ask(question).send().await, reason);
        assert_eq!(client.ask(question).send().await.cache(), "hit-exact");
    }
}

#[tokio::test]
async fn a_text_over_the_models_window_takes_the_exact_path_only() {
    let long = "word ".repeat(300);
    let questions = [format!("{long} one?"), format!("{long} two?")];
    take_the_exact_path_only([&questions[0], &questions[1]], "too_long").await;
}

#[tokio::test]
async fn a_text_with_an_unknown_token_takes_the_exact_path_only() {
    take_the_exact_path_only(["Is 🍎 healthy?", "Is 🍕 healthy?"], "unknown_tokens").await;
}

#[tokio::test]
async fn a_text_in_a_script_that_the_model_does_not_know_takes_the_exact_path_only() {
    let thai = ["เมืองหลวงของฝรั่งเศสคืออะไร", "วันนี้อากาศเป็นอย่างไร"];
    take_the_exact_path_only(thai, "unsupported_language").await;
}

#[tokio::test]
async fn a_text_that_cannot_be_compared_says_so_where_there_is_nothing_to_compare_as_well() {
    let (long, huge) = ("word ".repeat(300), "word ".repeat(10_000));
    for (question, reason) in [
        ("What is healthy?", "empty_scope"),
        (&long, "too_long"),
        (&huge, "too_long"),
        ("Is 🍎 healthy?", "unknown_tokens"),
        ("เมืองหลวงของฝรั่งเศสคืออะไร", "unsupported_language"),
    ] {
        let client = Client::new();
        missed(&client.ask(question).send().await, reason);
    }
}

#[tokio::test]
async fn different_texts_with_equal_tokens_never_hit() {
    for (first, second) in [
        (
            "Which dishes are made in turkey?",
            "Which dishes are made in Turkey?",
        ),
        (
            "¿Cuántos años tiene tu hermano?",
            "¿Cuántos anos tiene tu hermano?",
        ),
        (
            "What does this print?\nfor i in x:\n    a()\n    b()",
            "What does this print?\nfor i in x:\n    a()\nb()",
        ),
    ] {
        let answer = after(first, second).await;
        missed(&answer, "same_tokens_other_text");
        assert!(answer.similarity() > 0.999, "{}", answer.similarity());
    }
}

#[tokio::test]
async fn an_ordinary_capital_end_punctuation_or_repeated_spaces_do_not_matter() {
    let question = "How do I reset my password?";
    for same in [
        "how do I reset my password?",
        "How do I reset my password",
        "How do I reset my password??",
        "How  do   I reset my password?",
        " How do I reset my password?\n",
    ] {
        assert_eq!(
            after(question, same).await.cache(),
            "hit-semantic",
            "{same}"
        );
    }
}

#[tokio::test]
async fn composed_and_decomposed_letters_are_the_same_text() {
    let (composed, decomposed) = ("Where is a caf\u{e9}?", "Where is a cafe\u{301}?");
    let answer = after(composed, decomposed).await;
    assert_eq!(answer.cache(), "hit-semantic");
}
