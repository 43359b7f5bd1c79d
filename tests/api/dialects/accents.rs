//! Servers of OpenAI's dialect that name some of it otherwise, or refuse what others add to it.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::client::Client;
use crate::gateway::Gateway;

fn start(preset: &str) -> Client {
    let config = format!(
        "[[providers]]\npreset = \"{preset}\"\nbase_url = \"MOCK\"\napi_key_env = \"OPENAI_API_KEY\"\n"
    );
    Client::of(Arc::new(Gateway::start(&config)))
}

/// What the server was sent for a body.
async fn sent(client: &Client, members: &Value, messages: &Value) -> Value {
    let mut ask = client.chat(messages.clone());
    for (name, value) in members.as_object().unwrap() {
        ask = ask.set(name, value.clone());
    }
    assert_eq!(ask.send().await.status, 200);
    client.gateway().mock().seen().requests().pop().unwrap()["body"].take()
}

#[tokio::test]
async fn mistral_hears_of_a_seed_and_of_a_length_by_its_own_names() {
    let client = start("mistral");
    let members = json!({"seed": 7, "max_completion_tokens": 50});
    let messages = json!([{"role": "user", "content": "Why?"}]);
    let sent = sent(&client, &members, &messages).await;
    assert_eq!(
        (&sent["random_seed"], &sent["max_tokens"]),
        (&json!(7), &json!(50))
    );
    assert!(sent.get("seed").is_none() && sent.get("max_completion_tokens").is_none());
}

#[tokio::test]
async fn how_an_answer_was_come_by_goes_back_only_to_those_who_take_it() {
    let call = json!({"id": "c", "type": "function",
        "function": {"name": "f", "arguments": "{\"x\":1.0}"}});
    let mut signed = call.clone();
    signed["extra_content"] = json!({"google": {"thought_signature": "x"}});
    let turns = |said: Value| {
        json!([{"role": "user", "content": "Look."}, said,
            {"role": "tool", "tool_call_id": "c", "content": "3"}])
    };
    let said = turns(
        json!({"role": "assistant", "content": null, "tool_calls": [signed],
        "reasoning_content": "Hm.", "thinking_blocks": [{"type": "thinking", "thinking": "Hm."}]}),
    );
    let plain = turns(json!({"role": "assistant", "content": null, "tool_calls": [call]}));
    for (preset, expected) in [("openai", &plain), ("groq", &plain), ("deepseek", &said)] {
        let sent = sent(&start(preset), &json!({}), &said).await;
        assert_eq!(&sent["messages"], expected, "{preset}");
    }
}
