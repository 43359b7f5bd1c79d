//! Vectors by the model of the gateway itself.

use reqwest::Method;
use serde_json::{Value, json};

use crate::client::{Answer, Ask, Client, until};
use crate::gateway::Gateway;

const MODEL: &str = "local/all-MiniLM-L6-v2";

fn request<'a>(client: &'a Client, input: &Value) -> Ask<'a> {
    let ask = client.request(Method::POST, "/v1/embeddings");
    ask.set("model", MODEL).set("input", input.clone())
}

fn vectors(answer: &Answer) -> Vec<Vec<f64>> {
    assert_eq!(answer.status, 200, "{answer:?}");
    let body = answer.json();
    let data = body["data"].as_array().unwrap().clone();
    let numbers = |datum: &Value| -> Vec<f64> {
        let list = datum["embedding"].as_array().unwrap().iter();
        list.map(|n| n.as_f64().unwrap()).collect()
    };
    data.iter().map(numbers).collect()
}

fn cosine(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[tokio::test]
async fn texts_are_embedded_here_in_their_order_and_without_a_provider() {
    let client = Client::new();
    let calls = client.gateway().mock().seen().count();
    let texts = json!([
        "How do I reset my password?",
        "I want to bake bread",
        "How can I reset my password?"
    ]);
    let answer = request(&client, &texts).send().await;
    let all = vectors(&answer);
    assert!(
        all.iter()
            .all(|v| v.len() == 384 && (cosine(v, v) - 1.0).abs() < 1e-4)
    );
    assert!(cosine(&all[0], &all[2]) > 0.9 && cosine(&all[0], &all[1]) < 0.5);
    let body = answer.json();
    assert_eq!(
        (&body["model"], &body["object"]),
        (&json!(MODEL), &json!("list"))
    );
    // Six words, a mark and the two that frame a text; five words, one of them in two pieces, and those; as the first.
    assert_eq!(
        body["usage"],
        json!({"prompt_tokens": 9 + 8 + 9, "total_tokens": 26})
    );
    assert_eq!((answer.cache(), answer.reason()), ("bypass", "local"));
    assert_eq!(answer.header("cache-status"), "reprise; detail=local");
    assert_eq!(client.gateway().mock().seen().count(), calls);
}

#[tokio::test]
async fn either_form_says_the_same_and_one_text_the_same_as_in_a_batch() {
    let client = Client::new();
    let alone = request(&client, &json!("one text")).send().await;
    let encoded = request(&client, &json!(["other", "one text"])).set("encoding_format", "base64");
    let encoded = encoded.send().await.json();
    let text = encoded["data"][1]["embedding"].as_str().unwrap().to_owned();
    let engine = base64::engine::general_purpose::STANDARD;
    let bytes = base64::Engine::decode(&engine, text).unwrap();
    let numbers: Vec<f64> = bytes
        .chunks_exact(4)
        .map(|b| f64::from(f32::from_le_bytes(b.try_into().unwrap())))
        .collect();
    assert!(cosine(&numbers, &vectors(&alone)[0]) > 0.999);
}

#[tokio::test]
async fn what_the_cache_cannot_tell_apart_is_embedded_all_the_same() {
    let client = Client::new();
    let texts = json!([
        "Как мне сбросить пароль?",
        "🦀🦀🦀",
        "日本語のテキスト",
        "!"
    ]);
    assert_eq!(vectors(&request(&client, &texts).send().await).len(), 4);
}

#[tokio::test]
async fn what_the_model_cannot_do_is_refused_by_name() {
    let client = Client::new();
    let long = "word ".repeat(300);
    for (input, param, code) in [
        (
            json!(["fine", long.as_str()]),
            "input[1]",
            "string_above_max_length",
        ),
        (json!(long.repeat(100)), "input", "string_above_max_length"),
        (json!(["  "]), "input[0]", "empty_string"),
        (json!(["a", ""]), "input[1]", "empty_string"),
        (json!([1, 2]), "input", "invalid_type"),
    ] {
        let error = request(&client, &input).send().await.error(400, code);
        assert_eq!(error["param"], param);
    }
    let ask = || request(&client, &json!("a"));
    assert_eq!(ask().set("dimensions", 384).send().await.status, 200);
    for (member, value, code) in [
        ("dimensions", json!(256), "invalid_value"),
        ("input_type", json!("query"), "unknown_parameter"),
    ] {
        let error = ask().set(member, value).send().await.error(400, code);
        assert_eq!(error["param"], member);
    }
    let only = ask().header("x-reprise-cache", "only").send().await;
    only.error(504, "cache_miss");
}

#[tokio::test]
async fn it_is_listed_and_where_no_model_is_loaded_it_is_not_found() {
    let client = Client::new();
    let path = format!("/v1/models/{MODEL}");
    let model = client.get(&path).send().await.json();
    assert_eq!(model["id"], MODEL);
    assert_eq!(
        (&model["context_window"], &model["dimensions"]),
        (&json!(256), &json!(384))
    );
    let off = Client::of(Gateway::start("[embedding]\nenabled = false\n").into());
    for client in [
        off,
        Client::of(Gateway::start("[embedding]\nserve_at_once = 0\n").into()),
    ] {
        let refused = request(&client, &json!("a")).send().await;
        assert_eq!(refused.error(404, "model_not_found")["param"], "model");
        client.get(&path).send().await.error(404, "model_not_found");
        let list = client.get("/v1/models").send().await;
        assert!(!list.body().contains("local/"), "{list:?}");
    }
}

#[tokio::test]
async fn one_request_more_than_it_takes_is_told_to_come_back_and_lookups_go_on_meanwhile() {
    let client = Client::of(Gateway::start("[embedding]\nserve_at_once = 1\n").into());
    let texts: Vec<String> = (0..2000).map(|n| format!("text of number {n}")).collect();
    let texts = json!(texts);
    // The only place may be taken by the other one when it comes.
    let many = async {
        loop {
            let answer = request(&client, &texts).send().await;
            if answer.status != 503 {
                break answer;
            }
        }
    };
    let meanwhile = async {
        let one_more = || request(&client, &json!("one more")).send();
        until("the place is taken", async || {
            one_more().await.status == 503
        })
        .await;
        let refused = one_more().await;
        refused.error(503, "embedder_busy");
        assert_eq!(refused.header("retry-after"), "1");
        assert_eq!(refused.header("x-should-retry"), "true");
        client.ask("How do I reset my password?").send().await;
        let similar = client.ask("How can I reset my password?").send().await;
        assert_eq!(similar.cache(), "hit-semantic");
        // It was not made to wait until all else was done.
        one_more().await.error(503, "embedder_busy");
    };
    let (many, ()) = tokio::join!(many, meanwhile);
    assert_eq!(vectors(&many).len(), 2000);
}
