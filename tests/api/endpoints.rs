//! Moderations, the count of a conversation's tokens, and models as Anthropic's clients see them.

use reqwest::Method;
use serde_json::{Value, json};

use crate::client::{Answer, Ask, Client};
use crate::gateway::Gateway;

const BOTH: &str = r#"
[[providers]]
name = "claude"
kind = "anthropic"
base_url = "MOCK"
api_key_env = "OPENAI_API_KEY"
models = ["claude-*", "mock-status-*"]

[[providers]]
name = "main"
base_url = "MOCK"
api_key_env = "OPENAI_API_KEY"
models = ["*"]

[[routes]]
model = "alias"
candidates = [{ provider = "main", model = "gpt-4o-mini" }]
"#;

fn post<'a>(client: &'a Client, path: &str, body: Value) -> Ask<'a> {
    let ask = client.request(Method::POST, path);
    let members = body.as_object().unwrap().clone().into_iter();
    members.fold(ask, |ask, (name, value)| ask.set(&name, value))
}

/// What Anthropic's clients read of an error.
#[track_caller]
fn anthropics(answer: &Answer, status: u16, kind: &str) -> String {
    assert_eq!(answer.status, status, "{answer:?}");
    let body = answer.json();
    assert_eq!(
        (&body["type"], &body["error"]["type"]),
        (&json!("error"), &json!(kind))
    );
    assert_eq!(body["request_id"], answer.header("x-request-id"));
    body["error"]["message"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn harm_is_judged_by_the_provider_each_time_and_by_the_usual_model_where_none_is_named() {
    let client = Client::new();
    let ask = || {
        post(
            &client,
            "/v1/moderations",
            json!({"input": "something forbidden"}),
        )
    };
    for _ in 0..2 {
        let answer = ask().send().await;
        assert_eq!((answer.cache(), answer.reason()), ("bypass", "not_cached"));
        let body = answer.json();
        assert_eq!(body["model"], "omni-moderation-latest");
        assert_eq!(body["results"][0]["flagged"], true);
    }
    let named = ask()
        .model("mock-flagged")
        .set("input", json!(["a", "b"]))
        .send()
        .await;
    assert_eq!(named.json()["results"].as_array().unwrap().len(), 2);
    let calls = client.gateway().mock().seen().requests();
    let calls = calls
        .iter()
        .filter(|c| c["body"]["input"] == "something forbidden");
    assert_eq!(calls.count(), 2);
    let none = post(&client, "/v1/moderations", json!({"model": "m"}))
        .send()
        .await;
    assert_eq!(none.error(400, "invalid_request")["param"], "input");
    let only = ask().header("x-reprise-cache", "only").send().await;
    only.error(504, "cache_miss");
    let down = ask().model("mock-status-503").send().await;
    down.error(503, "upstream_overloaded");
    client
        .get("/v1/moderations")
        .send()
        .await
        .error(405, "method_not_allowed");
}

fn count<'a>(client: &'a Client, model: &str, content: &str) -> Ask<'a> {
    let body = json!({"model": model, "messages": [{"role": "user", "content": content}]});
    post(client, "/v1/messages/count_tokens", body).header("anthropic-version", "2023-06-01")
}

#[tokio::test]
async fn tokens_are_counted_by_a_provider_that_counts_and_estimated_for_any_other() {
    let client = Client::of(Gateway::start(BOTH).into());
    let counted = count(&client, "claude-x", "one two three").send().await;
    assert_eq!(
        (counted.cache(), counted.reason()),
        ("bypass", "not_cached")
    );
    assert_eq!(counted.header("x-reprise-estimated"), "");
    assert!(counted.json()["input_tokens"].as_u64().unwrap() > 0);
    let calls = client.gateway().mock().seen().requests();
    assert_eq!(calls[0]["path"], "/v1/messages/count_tokens");
    let estimated = count(&client, "gpt-4o", "one two three")
        .set("system", "12345")
        .send()
        .await;
    assert_eq!(estimated.json(), json!({"input_tokens": 5}));
    assert_eq!(estimated.header("x-reprise-estimated"), "true");
    assert_eq!(estimated.reason(), "estimated");
    assert_eq!(client.gateway().mock().seen().requests().len(), 1);
}

#[tokio::test]
async fn what_is_no_answer_is_told_as_that_at_each_endpoint() {
    let client =
        Client::of(Gateway::start(&BOTH.replace("mock-status-*", "mock-malformed")).into());
    let other = Client::new();
    for path in ["/v1/moderations", "/v1/embeddings"] {
        let body = json!({"model": "mock-malformed", "input": "a"});
        let answer = post(&other, path, body).send().await;
        answer.error(502, "upstream_malformed");
        let page = json!({"model": "mock-json-error", "input": "a"});
        let answer = post(&other, path, page).send().await;
        answer.error(502, "upstream_error");
    }
    // One vector too few, whether or not it would be remembered.
    for header in ["exact", "off"] {
        let body = json!({"model": "mock-short", "input": ["a", "b"]});
        let answer = post(&other, "/v1/embeddings", body);
        let answer = answer.header("x-reprise-cache", header).send().await;
        answer.error(502, "upstream_malformed");
    }
    let counted = count(&client, "mock-malformed", "one two three")
        .send()
        .await;
    anthropics(&counted, 502, "api_error");
    let metrics = other.get("/metrics").send().await;
    let series = "reprise_upstream_attempts_total{provider=\"openai\",outcome=\"malformed\"}";
    assert!(metrics.body().contains(series), "{}", metrics.body());
}

#[tokio::test]
async fn vectors_in_a_form_that_cannot_be_kept_are_passed_on() {
    let client = Client::new();
    for _ in 0..2 {
        let body = json!({"model": "mock-bits", "input": ["a", "b"]});
        let answer = post(&client, "/v1/embeddings", body).send().await;
        assert_eq!((answer.status, answer.cache()), (200, "miss"));
        assert_eq!(answer.json()["data"][1]["embedding"], "AACA");
    }
}

#[tokio::test]
async fn faults_of_a_count_are_told_as_anthropic_tells_them() {
    let client = Client::of(Gateway::start(BOTH).into());
    let bad = count(&client, "gpt-4o", "a")
        .set("messages", 1)
        .send()
        .await;
    assert!(anthropics(&bad, 400, "invalid_request_error").contains("messages"));
    let none = post(
        &client,
        "/v1/messages/count_tokens",
        json!({"messages": []}),
    )
    .send()
    .await;
    assert!(anthropics(&none, 400, "invalid_request_error").contains("model"));
    let odd = count(&client, "claude-x", "a")
        .set("messages", 1)
        .send()
        .await;
    anthropics(&odd, 400, "invalid_request_error");
    let down = count(&client, "mock-status-529", "a").send().await;
    anthropics(&down, 529, "overloaded_error");
}

#[tokio::test]
async fn models_tell_what_is_known_of_them_under_each_of_their_names() {
    let client = Client::of(Gateway::start(BOTH).into());
    let known = client.get("/v1/models/gpt-4o-mini").send().await.json();
    assert_eq!(
        (&known["context_window"], &known["owned_by"]),
        (&json!(128_000), &json!("mock"))
    );
    assert_eq!(known["price"]["unit"], "usd_per_million_tokens");
    let tools = json!("tools");
    assert!(known["capabilities"].as_array().unwrap().contains(&tools));
    assert!(known["modalities"]["input"].is_array() && known["max_output_tokens"].is_u64());
    let alias = client.get("/v1/models/alias").send().await.json();
    assert_eq!(
        (&alias["context_window"], &alias["price"]),
        (&known["context_window"], &known["price"])
    );
    let unknown = client.get("/v1/models/mock-plain").send().await.json();
    assert!(unknown.get("price").is_none(), "{unknown}");
}

#[tokio::test]
async fn anthropics_clients_get_models_in_their_own_form_and_in_pages() {
    let client = Client::of(Gateway::start(BOTH).into());
    let get = |path: &str| client.get(path).header("anthropic-version", "2023-06-01");
    let all = get("/v1/models").send().await.json();
    let ids: Vec<&str> = all["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|m| m["id"].as_str().unwrap())
        .collect();
    assert!(
        ids.contains(&"alias") && ids.contains(&"local/all-MiniLM-L6-v2"),
        "{ids:?}"
    );
    assert!(
        all["data"]
            .as_array()
            .unwrap()
            .iter()
            .all(|m| m["type"] == "model")
    );
    assert_eq!(
        (&all["has_more"], &all["first_id"]),
        (&json!(false), &json!(ids[0]))
    );
    let page = get("/v1/models?limit=1").send().await.json();
    assert_eq!(
        (&page["has_more"], &page["last_id"]),
        (&json!(true), &json!(ids[0]))
    );
    let next = get(&format!("/v1/models?limit=1&after_id={}", ids[0]))
        .send()
        .await
        .json();
    assert_eq!(next["first_id"], ids[1]);
    let one = get("/v1/models/gpt-4o-mini").send().await.json();
    assert_eq!(
        (&one["type"], &one["max_input_tokens"]),
        (&json!("model"), &json!(128_000))
    );
    let none = get("/v1/models/gpt-9").send().await;
    anthropics(&none, 404, "not_found_error");
    let odd = get("/v1/models?limit=0").send().await;
    anthropics(&odd, 400, "invalid_request_error");
}

#[tokio::test]
async fn where_none_are_kept_each_request_passes_through() {
    let client = Client::of(Gateway::start("[cache]\nembeddings_bytes = 0\n").into());
    for _ in 0..2 {
        let answer = crate::embeddings::request(&client, "emb-off", &json!("a"))
            .send()
            .await;
        assert_eq!((answer.cache(), answer.reason()), ("bypass", "cache_off"));
    }
}

#[tokio::test]
async fn under_the_addresses_of_messages_every_refusal_is_in_anthropics_form() {
    let client = Client::new();
    for (path, status, kind) in [
        ("/v1/messages", 405, "invalid_request_error"),
        ("/v1/messages/count_tokens", 405, "invalid_request_error"),
        ("/v1/messages/batches", 404, "not_found_error"),
    ] {
        let refused = client.get(path).send().await;
        anthropics(&refused, status, kind);
        assert_eq!(
            refused.header("allow"),
            if status == 405 { "POST" } else { "" }
        );
    }
    let elsewhere = client.get("/v1/nowhere").send().await;
    elsewhere.error(404, "not_found");
}
