//! What crosses the gateway, either way: the body as it is, and only headers that may.

use serde_json::json;

use crate::client::Client;
use crate::gateway::{Gateway, KEY, Tenants};

const QUESTION: &str = "What is the capital of France?";

#[tokio::test]
async fn no_credential_of_the_clients_reaches_the_provider() {
    let client = Client::new();
    let ask = client
        .ask(QUESTION)
        .header("authorization", "Bearer client-secret")
        .header("x-api-key", "client-secret")
        .header("cookie", "session=client-secret")
        .header("proxy-authorization", "client-secret")
        .header("x-forwarded-for", "client-secret");
    assert_eq!(ask.send().await.status, 200);
    let heard = &client.upstream()[0]["headers"];
    assert_eq!(heard["authorization"], format!("Bearer {KEY}"));
    let heard = heard.as_object().unwrap();
    for (name, value) in heard {
        assert!(!value.as_str().unwrap().contains("client-secret"), "{name}");
        assert!(!name.starts_with("x-reprise"), "{name}");
    }
}

#[tokio::test]
async fn a_gateway_key_does_not_reach_the_provider() {
    let tenants = Tenants::shared();
    let client = Client::with_key(&tenants.gateway, &tenants.alpha);
    let ask = client.ask("Which key do you see?");
    ask.send().await;
    let heard = client.upstream()[0].to_string();
    assert!(heard.contains(KEY) && !heard.contains(&tenants.alpha));
}

#[tokio::test]
async fn headers_that_are_meant_for_the_provider_go_along() {
    let client = Client::new();
    let meant = ["openai-organization", "openai-project", "openai-beta"];
    let ask = meant
        .iter()
        .fold(client.ask(QUESTION), |ask, name| ask.header(name, "mine"));
    ask.header("x-stainless-lang", "mine").send().await;
    let heard = &client.upstream()[0]["headers"];
    for name in meant.into_iter().chain(["x-stainless-lang"]) {
        assert_eq!(heard[name], "mine", "{name}");
    }
}

#[tokio::test]
async fn an_organisations_answer_is_not_anothers() {
    let client = Client::new();
    let ask = |organisation| {
        let ask = client.ask(QUESTION);
        ask.header("openai-organization", organisation).send()
    };
    assert_eq!(ask("one").await.cache(), "miss");
    assert_eq!(ask("two").await.cache(), "miss");
    assert_eq!(ask("one").await.cache(), "hit-exact");
}

#[tokio::test]
async fn the_body_arrives_as_it_was_sent_unknown_members_included() {
    let client = Client::new();
    let ask = client
        .ask(QUESTION)
        .set("x_vendor", json!({"deep": [1, 2.50, null, {"é": true}]}))
        .set("big", 12_345_678_901_234_567_890_u64)
        .set("metadata", json!({"a": "b"}))
        .set("temperature", 0.7);
    let sent = ask.body().clone();
    ask.send().await;
    let heard = &client.upstream()[0]["body"];
    assert_eq!(heard.to_string(), sent.to_string());
}

#[tokio::test]
async fn a_route_may_give_a_model_another_name_and_a_trailing_slash_changes_nothing() {
    let client = Client::of(Gateway::routed());
    let answer = client.ask(QUESTION).model("renamed").send().await;
    assert_eq!(answer.header("x-reprise-provider"), "main");
    assert_eq!(client.upstream()[0]["body"]["model"], "mock-plain");
}

#[tokio::test]
async fn only_listed_headers_of_the_provider_come_back() {
    let client = Client::new();
    for stream in [false, true] {
        let ask = client.ask(QUESTION).model("mock-headers").streamed(stream);
        let answer = ask.header("cache-control", "no-store").send().await;
        assert_eq!(answer.header("x-ratelimit-remaining-requests"), "9");
        assert_eq!(answer.header("openai-processing-ms"), "1");
        for name in ["set-cookie", "server", "openai-organization"] {
            assert_eq!(answer.header(name), "", "{name}");
        }
    }
}
