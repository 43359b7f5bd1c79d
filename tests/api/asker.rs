//! The people behind one tenant: what is asked about oneself is answered to oneself alone.

use serde_json::json;

use crate::client::Client;

const USER: &str = "x-reprise-user";
const BALANCE: &str = "What is my balance?";

#[tokio::test]
async fn two_users_who_ask_for_their_balance_get_their_own() {
    let client = Client::new();
    let cache = async |user: &str, question: &str| {
        let asked = client.ask(question).header(USER, user).send().await;
        asked.cache().to_owned()
    };
    assert_eq!(cache("ann", BALANCE).await, "miss");
    assert_eq!(cache("bob", BALANCE).await, "miss");
    assert_eq!(cache("ann", BALANCE).await, "hit-exact");
    assert_eq!(cache("ann", "What's my balance").await, "hit-semantic");
    assert_eq!(cache("carl", "What's my balance").await, "miss");
    assert_eq!(client.calls(), 3);
}

#[tokio::test]
async fn a_question_of_the_asker_without_my_is_theirs_too() {
    let client = Client::new();
    for question in [
        "Which medication do I take?",
        "Did the landlord answer me?",
        "What is this user's balance?",
        "Answer the question \"What is my balance?\"",
    ] {
        let ask = |user: &str| client.ask(question).header(USER, user);
        assert_eq!(ask("ann").send().await.cache(), "miss", "{question}");
        assert_eq!(ask("bob").send().await.cache(), "miss", "{question}");
        assert_eq!(ask("ann").send().await.cache(), "hit-exact", "{question}");
    }
    let shared = |user: &str| client.ask("Where can I buy stamps?").header(USER, user);
    assert_eq!(shared("ann").send().await.cache(), "miss");
    assert_eq!(shared("bob").send().await.cache(), "hit-exact");
}

#[tokio::test]
async fn the_body_names_the_user_as_well_and_the_header_wins() {
    let client = Client::new();
    let named = |key: &str, user: &str| client.ask(BALANCE).set(key, json!(user));
    assert_eq!(
        named("safety_identifier", "ann").send().await.cache(),
        "miss"
    );
    assert_eq!(
        named("safety_identifier", "bob").send().await.cache(),
        "miss"
    );
    assert_eq!(named("user", "ann").send().await.cache(), "hit-exact");
    let both = named("user", "ann").header(USER, "dora").send().await;
    assert_eq!(both.cache(), "miss");
}

#[tokio::test]
async fn what_is_compared_word_for_word_only_is_the_askers_as_well() {
    let client = Client::new();
    let several = |user: &str| client.ask(BALANCE).set("seed", 7).header(USER, user);
    assert_eq!(several("ann").send().await.cache(), "miss");
    assert_eq!(several("bob").send().await.cache(), "miss");
    assert_eq!(several("ann").send().await.cache(), "hit-exact");
    let told = json!([{"role": "user", "content": BALANCE},
        {"role": "assistant", "content": "One moment."}]);
    let prefilled = |user: &str| client.chat(told.clone()).header(USER, user);
    assert_eq!(prefilled("ann").send().await.cache(), "miss");
    assert_eq!(prefilled("bob").send().await.cache(), "miss");
}

#[tokio::test]
async fn without_a_name_only_the_same_words_are_answered() {
    let client = Client::new();
    let ask = async |question: &str| {
        let asked = client.ask(question).set("user", json!("")).send().await;
        (asked.cache().to_owned(), asked.reason().to_owned())
    };
    assert_eq!(ask(BALANCE).await.0, "miss");
    assert_eq!(ask(BALANCE).await.0, "hit-exact");
    assert_eq!(
        ask("What's my balance").await,
        ("miss".into(), "personal".into())
    );
}

#[tokio::test]
async fn what_anybody_may_ask_is_shared_whoever_asks() {
    let client = Client::new();
    let question = "How do I reset my password?";
    let asked = client.ask(question).header(USER, "ann").send().await;
    assert_eq!(asked.cache(), "miss");
    let other = client.ask(question).header(USER, "bob").send().await;
    assert_eq!(other.cache(), "hit-exact");
}

#[tokio::test]
async fn a_users_name_is_checked_and_never_sent_on() {
    let client = Client::new();
    client
        .ask("Who was Ada Lovelace?")
        .header(USER, "ann-7291")
        .send()
        .await;
    assert!(!format!("{:?}", client.upstream()).contains("ann-7291"));
    let long = "x".repeat(257);
    for bad in ["", long.as_str()] {
        let refused = client.ask(BALANCE).header(USER, bad).send().await;
        assert_eq!(refused.error(400, "invalid_header")["param"], USER);
    }
}
