//! Who shares an answer: tenants, namespaces, and everything in a request but its question.

use serde_json::{Value, json};

use crate::client::Client;
use crate::gateway::Tenants;

const NAMESPACE: &str = "x-reprise-namespace";

fn tenants() -> (Client, Client) {
    let tenants = Tenants::shared();
    let client = |key: &str| Client::with_key(&tenants.gateway, key);
    (client(&tenants.alpha), client(&tenants.beta))
}

#[tokio::test]
async fn two_tenants_with_the_same_question_never_share_an_answer() {
    let (alpha, beta) = tenants();
    let question = "How tall is the Eiffel Tower?";
    assert_eq!(alpha.ask(question).send().await.cache(), "miss");
    assert_eq!(alpha.ask(question).send().await.cache(), "hit-exact");
    for question in [question, "What is the height of the Eiffel Tower?"] {
        let foreign = beta.ask(question).header("x-reprise-cache", "only");
        foreign.send().await.error(504, "cache_miss");
    }
    assert_eq!(beta.ask(question).send().await.cache(), "miss");
}

#[tokio::test]
async fn a_tenant_chooses_among_namespaces_of_its_own() {
    let (alpha, _) = tenants();
    let question = "Who painted the Mona Lisa?";
    let cache = async |namespace| {
        let answer = alpha.ask(question).header(NAMESPACE, namespace);
        answer.send().await.cache().to_owned()
    };
    assert_eq!(cache("art").await, "miss");
    assert_eq!(cache("art").await, "hit-exact");
    assert_eq!(cache("alpha/art").await, "hit-exact");
    assert_eq!(cache("music").await, "miss");
    assert_eq!(cache("alpha").await, "miss");
    assert_eq!(alpha.ask(question).send().await.cache(), "hit-exact");
}

#[tokio::test]
async fn another_tenants_namespace_is_forbidden() {
    let (alpha, beta) = tenants();
    let question = "Who wrote Hamlet?";
    alpha.ask(question).send().await;
    alpha.ask(question).header(NAMESPACE, "plays").send().await;
    for foreign in ["alpha", "alpha/plays", "vault"] {
        let refused = beta.ask(question).header(NAMESPACE, foreign).send().await;
        let error = refused.error(403, "namespace_forbidden");
        assert_eq!(error["param"], NAMESPACE, "{foreign}");
    }
    // A name of its own that only sounds like the other's.
    let own = beta.ask(question).header(NAMESPACE, "plays").send().await;
    assert_eq!(own.cache(), "miss");
    assert_eq!(beta.calls(), 1);
}

#[tokio::test]
async fn a_shared_namespace_is_read_by_those_who_may_read_it() {
    let (alpha, beta) = tenants();
    let written = alpha.ask("What is the boiling point of water?");
    written.header(NAMESPACE, "handbook").send().await;
    for (question, cache) in [
        ("What is the boiling point of water?", "hit-exact"),
        ("What's the boiling point of water", "hit-semantic"),
    ] {
        let read = beta.ask(question).header(NAMESPACE, "handbook");
        assert_eq!(read.send().await.cache(), cache, "{question}");
    }
}

#[tokio::test]
async fn who_may_only_read_a_shared_namespace_leaves_nothing_there() {
    let (alpha, beta) = tenants();
    let question = "What is the melting point of iron?";
    for client in [&beta, &beta, &alpha] {
        let asked = client.ask(question).header(NAMESPACE, "handbook");
        assert_eq!(asked.send().await.cache(), "miss");
    }
    let written = beta.ask(question).header(NAMESPACE, "handbook");
    assert_eq!(written.send().await.cache(), "hit-exact");
}

#[tokio::test]
async fn who_may_only_write_a_shared_namespace_is_never_answered_from_it() {
    let (alpha, beta) = tenants();
    let question = "How many moons has Jupiter?";
    let ask = |client: &Client| client.ask(question).body().clone();
    assert_eq!(ask(&alpha)["messages"], ask(&beta)["messages"]);
    for _ in 0..2 {
        let written = beta.ask(question).header(NAMESPACE, "inbox").send().await;
        assert_eq!(
            (written.cache(), written.reason()),
            ("refresh", "write_only_namespace")
        );
    }
    let read = alpha.ask(question).header(NAMESPACE, "inbox").send().await;
    assert_eq!(read.cache(), "hit-exact");
}

fn conversation() -> Value {
    json!([{"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Hello"}, {"role": "assistant", "content": "Hi."},
        {"role": "user", "content": "What is its capital?"}])
}

#[tokio::test]
async fn whatever_is_changed_but_the_question_never_hits() {
    let client = Client::new();
    client.chat(conversation()).send().await;
    let message = |at: usize, content: &str| {
        let mut messages = conversation();
        messages[at]["content"] = json!(content);
        messages
    };
    let mut without_history = conversation();
    without_history.as_array_mut().unwrap().drain(1..3);
    let mut named = conversation();
    named[3]["name"] = json!("ann");
    let tool = json!([{"type": "function", "function": {"name": "look_up"}}]);
    let changes = [
        ("messages", message(0, "Be long.")),
        ("messages", message(1, "Good day")),
        ("messages", message(2, "Hello.")),
        ("messages", without_history),
        ("messages", named),
        ("model", json!("mock-other")),
        ("tools", tool),
        ("response_format", json!({"type": "json_object"})),
        ("temperature", json!(0.5)),
        ("top_p", json!(0.5)),
        ("max_tokens", json!(50)),
        ("max_completion_tokens", json!(60)),
        ("stop", json!(["\n"])),
        ("frequency_penalty", json!(1)),
        ("reasoning_effort", json!("low")),
        ("a_field_of_tomorrow", json!(true)),
    ];
    for (member, value) in changes {
        let label = format!("{member}: {value}");
        let changed = client.chat(conversation()).set(member, value);
        let answer = changed.clone().send().await;
        assert_eq!(answer.cache(), "miss", "{label}");
        // It is remembered as what it is, so it was only its being different that made it miss.
        assert_eq!(changed.send().await.cache(), "hit-exact", "{label}");
    }
}

#[tokio::test]
async fn what_changes_no_answer_does_not_part_the_scope() {
    let client = Client::new();
    client.chat(conversation()).send().await;
    for (member, value) in [
        ("user", json!("somebody else")),
        ("safety_identifier", json!("x")),
        ("metadata", json!({"ticket": "7"})),
        ("stream", json!(true)),
        ("stream_options", json!({"include_usage": true})),
        ("store", json!(false)),
        ("service_tier", json!("flex")),
        ("prompt_cache_key", json!("x")),
        ("temperature", Value::Null),
    ] {
        let delivered = client.chat(conversation()).set(member, value);
        assert_eq!(delivered.send().await.cache(), "hit-exact", "{member}");
    }
    let mut developer = conversation();
    developer[0]["role"] = json!("developer");
    let asked = client.chat(developer);
    assert_eq!(asked.send().await.cache(), "hit-exact");
    for mark in [None, Some(json!({"type": "ephemeral"}))] {
        let mut parts = conversation();
        for message in parts.as_array_mut().unwrap() {
            let text = message["content"].take();
            message["content"] = json!([{"type": "text", "text": text}]);
            if let Some(mark) = &mark {
                message["content"][0]["cache_control"] = mark.clone();
            }
        }
        assert_eq!(client.chat(parts).send().await.cache(), "hit-exact");
    }
}

#[tokio::test]
async fn an_answer_serves_clients_of_either_framing_byte_for_byte() {
    let question = "What does \"ñandú\\\u{2028}\" \t mean?\nSay it twice:  「はい」 \u{1f34e}\r\n.";
    for first_streams in [false, true] {
        for model in ["mock-plain", "mock-big-64"] {
            let client = Client::new();
            let ask = |stream| client.ask(question).model(model).streamed(stream);
            let fresh = ask(first_streams).send().await;
            assert_eq!((fresh.cache(), fresh.is_stream()), ("miss", first_streams));
            for stream in [false, true] {
                let hit = ask(stream).send().await;
                assert_eq!((hit.cache(), hit.is_stream()), ("hit-exact", stream));
                assert_eq!(hit.text(), fresh.text());
            }
            assert_eq!(client.calls(), 1);
        }
    }
}
