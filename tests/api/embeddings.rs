//! Vectors of texts: each looked up by itself, only the missing ones asked for.

use reqwest::Method;
use serde_json::{Value, json};

use crate::client::{Answer, Ask, Client};
use crate::gateway::{Gateway, Tenants};

const PATH: &str = "/v1/embeddings";

/// As `client`'s namespace, since a request of another kind than chat has none of itself.
pub(crate) fn request<'a>(client: &'a Client, namespace: &str, input: &Value) -> Ask<'a> {
    client
        .request(Method::POST, PATH)
        .set("model", "text-embedding-3-small")
        .set("input", input.clone())
        .set("user", namespace)
        .header("x-reprise-namespace", namespace)
}

/// What reached the provider for `user`, newest last.
fn upstream(client: &Client, user: &str) -> Vec<Value> {
    let mut all = client.gateway().mock().seen().requests();
    all.retain(|request| request["body"]["user"] == user);
    all.into_iter()
        .map(|request| request["body"].clone())
        .collect()
}

fn vectors(answer: &Answer) -> Vec<Value> {
    assert_eq!(answer.status, 200, "{answer:?}");
    let body = answer.json();
    assert_eq!(body["object"], "list");
    let data = body["data"].as_array().unwrap().iter().enumerate();
    data.map(|(at, datum)| {
        assert_eq!(
            (&datum["object"], &datum["index"]),
            (&json!("embedding"), &json!(at))
        );
        datum["embedding"].clone()
    })
    .collect()
}

fn tokens(answer: &Answer) -> u64 {
    let usage = &answer.json()["usage"];
    assert_eq!(usage["prompt_tokens"], usage["total_tokens"]);
    usage["prompt_tokens"].as_u64().unwrap()
}

#[tokio::test]
async fn a_text_that_was_embedded_is_not_asked_for_again_and_its_answer_is_the_same() {
    let (client, own) = (Client::new(), "emb-again");
    let ask = || request(&client, own, &json!("two words"));
    let first = ask().send().await;
    assert_eq!((first.cache(), first.reason()), ("miss", "not_remembered"));
    let second = ask().send().await;
    assert_eq!(
        (second.cache(), second.reason()),
        ("hit-exact", "same_texts")
    );
    assert_eq!(second.json(), first.json());
    assert_eq!((upstream(&client, own).len(), tokens(&second)), (1, 2));
    assert_eq!(first.header("x-reprise-provider"), "openai");
    assert_eq!(second.header("x-reprise-hits"), "");
}

#[tokio::test]
async fn of_several_texts_only_those_go_to_the_provider_that_are_not_remembered() {
    let (client, own) = (Client::new(), "emb-partial");
    let of = |texts: Value| request(&client, own, &texts);
    let first = of(json!(["a", "b b", "c"])).send().await;
    assert_eq!((first.cache(), tokens(&first)), ("miss", 4));
    let mixed = of(json!(["x", "b b", "y y", "a", "c"])).send().await;
    assert_eq!(
        (mixed.cache(), mixed.header("x-reprise-hits")),
        ("partial", "3/5")
    );
    assert!(
        mixed
            .header("cache-status")
            .starts_with("reprise; fwd=partial")
    );
    let calls = upstream(&client, own);
    assert_eq!(calls[1]["input"], json!(["x", "y y"]), "{calls:?}");
    let (first, mixed_vectors) = (vectors(&first), vectors(&mixed));
    assert_eq!(
        [&mixed_vectors[3], &mixed_vectors[1], &mixed_vectors[4]],
        [&first[0], &first[1], &first[2]]
    );
    let fresh = request(&client, "emb-partial-2", &json!(["x", "y y"]))
        .send()
        .await;
    assert_eq!(
        [&mixed_vectors[0], &mixed_vectors[2]],
        [&vectors(&fresh)[0], &vectors(&fresh)[1]]
    );
    assert_eq!(tokens(&mixed), 7);
}

#[tokio::test]
async fn equal_texts_of_one_request_go_once() {
    let (client, own) = (Client::new(), "emb-equal");
    let answer = request(&client, own, &json!(["a", "b", "a"])).send().await;
    assert_eq!(upstream(&client, own)[0]["input"], json!(["a", "b"]));
    let all = vectors(&answer);
    assert!(all[0] == all[2] && all[0] != all[1]);
    assert_eq!((answer.cache(), tokens(&answer)), ("miss", 3));
}

#[tokio::test]
async fn one_text_is_the_same_alone_or_in_a_list_in_either_form_and_whoever_it_is_for() {
    let (client, own) = (Client::new(), "emb-forms");
    let text = "one text";
    let floats = request(&client, own, &json!(text)).send().await;
    let listed = request(&client, own, &json!([text])).set("user", "somebody else");
    let encoded = listed.set("encoding_format", "base64").send().await;
    assert_eq!(encoded.cache(), "hit-exact");
    let base64 = vectors(&encoded)[0].as_str().unwrap().to_owned();
    let fresh = request(&client, "emb-forms-2", &json!(text)).set("encoding_format", "base64");
    assert_eq!(vectors(&fresh.send().await)[0], base64.as_str());
    let back = request(&client, "emb-forms-2", &json!(text)).send().await;
    assert_eq!((back.cache(), back.json()), ("hit-exact", floats.json()));
}

#[tokio::test]
async fn whatever_else_vectors_depend_on_parts_them_and_is_forwarded() {
    let (client, own) = (Client::new(), "emb-apart");
    let ask = || request(&client, own, &json!("a text"));
    ask().send().await;
    for (member, value) in [
        ("dimensions", json!(8)),
        ("dimensions", json!(16)),
        ("model", json!("text-embedding-3-large")),
    ] {
        let other = || ask().set(member, value.clone());
        assert_eq!(other().send().await.cache(), "miss", "{member}");
        assert_eq!(upstream(&client, own).last().unwrap()[member], value);
        assert_eq!(other().send().await.cache(), "hit-exact", "{member}");
    }
    // The mock knows no such member, and says so.
    let unknown = ask().set("input_type", "query").send().await;
    assert_eq!(
        unknown.error(400, "unknown_parameter")["param"],
        "input_type"
    );
}

#[tokio::test]
async fn tokens_are_embedded_as_well_as_texts_and_never_taken_for_them() {
    let (client, own) = (Client::new(), "emb-tokens");
    let of = |input: Value| request(&client, own, &input);
    let one = of(json!([1, 2, 3])).send().await;
    assert_eq!(
        (one.cache(), vectors(&one).len(), tokens(&one)),
        ("miss", 1, 3)
    );
    let list = of(json!([[1, 2, 3], [4]])).send().await;
    assert_eq!(
        (list.cache(), list.header("x-reprise-hits")),
        ("partial", "1/2")
    );
    assert_eq!(
        (vectors(&list)[0].clone(), tokens(&list)),
        (vectors(&one)[0].clone(), 4)
    );
    assert_eq!(of(json!("[1,2,3]")).send().await.cache(), "miss");
}

#[tokio::test]
async fn headers_steer_the_memory_for_vectors_as_that_for_answers() {
    let (client, own) = (Client::new(), "emb-steer");
    let ask =
        |mode: &str| request(&client, own, &json!(["a", "b"])).header("x-reprise-cache", mode);
    let only = ask("only").send().await;
    only.error(504, "cache_miss");
    let off = ask("off").send().await;
    assert_eq!((off.cache(), off.reason()), ("bypass", "off"));
    ask("only").send().await.error(504, "cache_miss");
    assert_eq!(ask("refresh").send().await.cache(), "refresh");
    assert_eq!(ask("only").send().await.cache(), "hit-exact");
    assert_eq!(upstream(&client, own).len(), 2);
    let wider = request(&client, own, &json!(["a", "c"])).header("x-reprise-cache", "only");
    let wider = wider.send().await;
    wider.error(504, "cache_miss");
    assert_eq!(wider.header("x-reprise-hits"), "1/2");
    let short = || request(&client, own, &json!("short")).header("x-reprise-ttl", "0");
    assert_eq!(short().send().await.cache(), "miss");
    assert_eq!(
        short().send().await.cache(),
        "miss",
        "it was not to be kept"
    );
    let odd = request(&client, own, &json!("a")).header("x-reprise-cache", "maybe");
    odd.send().await.error(400, "invalid_header");
}

async fn ask(client: &Client, namespace: Option<&str>) -> Answer {
    let ask = client
        .request(Method::POST, PATH)
        .set("model", "m")
        .set("input", "of one tenant");
    match namespace {
        Some(name) => ask.header("x-reprise-namespace", name).send().await,
        None => ask.send().await,
    }
}

#[tokio::test]
async fn nobody_is_answered_with_anothers_vectors_unless_they_are_shared() {
    let tenants = Tenants::shared();
    let alpha = Client::with_key(&tenants.gateway, &tenants.alpha);
    let beta = Client::with_key(&tenants.gateway, &tenants.beta);
    assert_eq!(ask(&alpha, None).await.cache(), "miss");
    assert_eq!(ask(&beta, None).await.cache(), "miss");
    assert_eq!(ask(&alpha, None).await.cache(), "hit-exact");
    // Alpha writes the handbook, and both read it.
    let handbook = Some("handbook");
    assert_eq!(ask(&beta, handbook).await.cache(), "miss");
    assert_eq!(
        ask(&beta, handbook).await.cache(),
        "miss",
        "it may not write"
    );
    assert_eq!(ask(&alpha, handbook).await.cache(), "miss");
    assert_eq!(ask(&beta, handbook).await.cache(), "hit-exact");
    ask(&beta, Some("vault"))
        .await
        .error(403, "namespace_forbidden");
}

#[tokio::test]
async fn what_is_wrong_is_told_as_openai_tells_it() {
    let client = Client::new();
    let sent = |input: Value| request(&client, "emb-wrong", &input).send();
    for (input, param, code) in [
        (json!([]), "input", "empty_array"),
        (json!(""), "input", "empty_string"),
        (json!(["a", 1]), "input[1]", "invalid_type"),
        (json!({"a": 1}), "input", "invalid_type"),
        (json!(vec!["a"; 2049]), "input", "array_above_max_length"),
    ] {
        let error = sent(input).await.error(400, code);
        assert_eq!(error["param"], param);
        assert_eq!(error["type"], "invalid_request_error");
    }
    let none = client
        .request(Method::POST, PATH)
        .set("input", "a")
        .send()
        .await;
    none.error(400, "missing_required_parameter");
    let broken = client.request(Method::POST, PATH).send_raw("{").await;
    broken.error(400, "invalid_request");
    assert!(upstream(&client, "emb-wrong").is_empty());
}

#[tokio::test]
async fn a_providers_fault_is_told_and_its_refusal_of_an_item_by_the_clients_place() {
    let client = Client::new();
    let broken = request(&client, "emb-fault", &json!("a"))
        .model("mock-status-500")
        .send()
        .await;
    broken.error(502, "upstream_error");
    assert_eq!(broken.header("x-reprise-cache"), "miss");
    let retried = request(&client, "emb-fault", &json!("a"))
        .model("mock-flaky-1")
        .send()
        .await;
    assert_eq!(retried.cache(), "miss");
}

const ROUTES: &str = r#"
[retry]
base_ms = 1
max_attempts = 1

[[providers]]
name = "main"
base_url = "MOCK"
models = ["*"]

[[providers]]
name = "claude"
kind = "anthropic"
base_url = "MOCK"
models = ["claude-*"]

[[routes]]
model = "falls-back"
candidates = [{ provider = "main", model = "mock-worn-1" }, { provider = "main", model = "other" }]

[[routes]]
model = "passes-by"
candidates = [{ provider = "claude", model = "same" }, { provider = "main", model = "same" }]

[[routes]]
model = "nowhere"
candidates = [{ provider = "claude" }]

[[routes]]
model = "discreet"
candidates = [{ provider = "main", model = "discreet" }]
store_personal = false

[[routes]]
model = "clock"
candidates = [{ provider = "main" }]
ttl_class = "never"
"#;

#[tokio::test]
async fn vectors_of_two_models_never_stand_in_one_answer() {
    let client = Client::of(Gateway::start(ROUTES).into());
    let of = |input: Value| request(&client, "emb-two", &input).model("falls-back");
    // The first model answers each call once.
    let off = of(json!(["b"])).header("x-reprise-cache", "off");
    assert_eq!(off.send().await.header("x-reprise-model"), "mock-worn-1");
    let first = of(json!(["a"])).send().await;
    assert_eq!(
        (first.cache(), first.header("x-reprise-model")),
        ("miss", "mock-worn-1")
    );
    let mixed = of(json!(["a", "b"])).send().await;
    assert_eq!(
        (mixed.cache(), mixed.header("x-reprise-model")),
        ("miss", "other")
    );
    assert_eq!(mixed.header("x-reprise-hits"), "");
    let calls = upstream(&client, "emb-two");
    let last = calls.last().unwrap();
    assert_eq!(
        (&last["model"], &last["input"]),
        (&json!("other"), &json!(["a", "b"]))
    );
    // What the other model made is not kept for the first one.
    let only = of(json!(["a", "b"]))
        .header("x-reprise-cache", "only")
        .send()
        .await;
    only.error(504, "cache_miss");
    assert_eq!(only.header("x-reprise-hits"), "1/2");
}

#[tokio::test]
async fn a_provider_without_vectors_is_passed_by_and_told_of_where_there_is_no_other() {
    let client = Client::of(Gateway::start(ROUTES).into());
    let of = |model: &str| request(&client, "emb-none", &json!("a")).model(model);
    assert_eq!(
        of("passes-by").send().await.header("x-reprise-provider"),
        "main"
    );
    let refused = of("nowhere").send().await.error(400, "unsupported_field");
    assert_eq!(refused["param"], "model");
    assert!(refused["message"].as_str().unwrap().contains("claude"));
}

#[tokio::test]
async fn routes_say_what_is_remembered_of_vectors_too() {
    let client = Client::of(Gateway::start(ROUTES).into());
    let of = |model: &str, input: Value| request(&client, "emb-routes", &input).model(model);
    let texts = json!(["write to ann@people.example", "write to somebody"]);
    assert_eq!(of("discreet", texts.clone()).send().await.cache(), "miss");
    let again = of("discreet", texts).send().await;
    assert_eq!(
        (again.cache(), again.header("x-reprise-hits")),
        ("partial", "1/2")
    );
    for _ in 0..2 {
        let never = of("clock", json!("a")).send().await;
        assert_eq!((never.cache(), never.reason()), ("bypass", "ttl_never"));
    }
}

#[tokio::test]
async fn hits_misses_and_what_was_spared_are_counted() {
    let client = Client::of(Gateway::start("").into());
    let ask = |input: Value| request(&client, "emb-count", &input).send();
    ask(json!(["a", "b b"])).await;
    ask(json!(["a", "c"])).await;
    ask(json!("b b")).await;
    let metrics = client.get("/metrics").send().await;
    let metrics = metrics.body();
    for line in [
        "reprise_embedded_total{by=\"provider\"} 3",
        "reprise_embedded_total{by=\"memory\"} 2",
        "reprise_requests_total{outcome=\"partial\"} 1",
        "reprise_requests_total{outcome=\"hit_exact\"} 1",
        "reprise_tokens_saved_total{kind=\"prompt\"} 3",
    ] {
        assert!(metrics.contains(line), "{line} in {metrics}");
    }
    assert!(
        !metrics.contains("reprise_usd_saved_total 0\n"),
        "{metrics}"
    );
}
