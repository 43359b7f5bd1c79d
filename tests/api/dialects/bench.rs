//! A gateway in front of a provider of each dialect, and what all tests of translation ask it.

use std::sync::Arc;

use reqwest::Method;
use serde_json::Value;

use crate::client::{Answer, Client};
use crate::clients::{Client as Speaker, Heard, Said, Told};
use crate::gateway::Gateway;

/// The providers, each with its dialect and where it is.
const PROVIDERS: [(&str, &str); 5] = [
    ("openai", "MOCK"),
    ("anthropic", "ROOT"),
    ("gemini", "ROOT/v1beta"),
    ("bedrock", "ROOT"),
    ("cohere", "ROOT"),
];

/// All of them by name.
pub(super) const UPSTREAMS: [&str; 5] = ["openai", "anthropic", "gemini", "bedrock", "cohere"];

/// What the mocks are to do; a route leads to each of it at each provider.
const BEHAVIOURS: [&str; 15] = [
    "plain",
    "echo",
    "tools",
    "tools2",
    "text-tools",
    "agent",
    "thinking",
    "stopped",
    "cached-3",
    "length",
    "filtered",
    "chat",
    "chat-405",
    "texts",
    "status-404",
];

/// Routes of which the first candidate fails: from a text completion to another dialect, and the other way.
const FALLBACKS: &str = r#"
[[routes]]
model = "text-then-chat"
candidates = [{ provider = "openai", model = "mock-worn" }, { provider = "anthropic", model = "mock-plain" }]
[[routes]]
model = "chat-then-text"
candidates = [{ provider = "anthropic", model = "mock-worn" }, { provider = "openai", model = "mock-plain" }]
"#;

pub(super) struct Bench {
    client: Client,
}

impl Bench {
    pub(super) fn start() -> Self {
        Self::with("")
    }

    /// One that is configured further; `more` stands in each route.
    pub(super) fn with(more: &str) -> Self {
        let mut config = "[retry]\nbase_ms = 1\n".to_owned();
        for (name, base) in PROVIDERS {
            config += &format!(
                "[[providers]]\nname = \"{name}\"\nkind = \"{name}\"\nbase_url = \"{base}\"\n\
                 api_key_env = \"OPENAI_API_KEY\"\nmodels = [\"only-{name}\"]\n"
            );
            for behaviour in BEHAVIOURS {
                config += &format!(
                    "[[routes]]\nmodel = \"{name}-{behaviour}\"\n{more}\n\
                     candidates = [{{ provider = \"{name}\", model = \"mock-{behaviour}\" }}]\n"
                );
            }
        }
        Self::of(&(config + FALLBACKS))
    }

    /// One with a configuration of its own.
    pub(super) fn of(config: &str) -> Self {
        let client = Client::of(Arc::new(Gateway::start(config)));
        Self { client }
    }

    /// Sends a body, past memory.
    pub(super) async fn send(&self, speaker: Speaker, body: &Value) -> Answer {
        self.dispatch(speaker, body, &[("x-reprise-cache", "off")])
            .await
    }

    /// Sends a body, from memory if that serves, with these headers.
    pub(super) async fn dispatch(
        &self,
        speaker: Speaker,
        body: &Value,
        headers: &[(&str, &str)],
    ) -> Answer {
        let mut ask = self.client.request(Method::POST, speaker.path());
        for (name, value) in headers {
            ask = ask.header(name, value);
        }
        ask.send_raw(body.to_string()).await
    }

    /// Sends a body past memory and reads the answer.
    pub(super) async fn say(&self, speaker: Speaker, body: &Value) -> Said {
        let answer = self.send(speaker, body).await;
        said(speaker, &answer)
    }

    /// The same of one that is refused.
    pub(super) async fn refusal(&self, speaker: Speaker, body: &Value) -> Told {
        let answer = self.send(speaker, body).await;
        speaker.read(answer.status, answer.body()).refused()
    }

    /// The newest body that a mock was sent, and its headers.
    pub(super) fn sent(&self) -> (Value, Value) {
        let mut newest = self.client.gateway().mock().seen().requests();
        let mut newest = newest.pop().unwrap();
        (newest["body"].take(), newest["headers"].take())
    }

    /// Where the requests went that the mocks were sent, oldest first.
    pub(super) fn paths(&self) -> Vec<String> {
        let asked = self.client.gateway().mock().seen().requests();
        let paths = asked.iter().map(|asked| asked["path"].as_str().unwrap());
        paths.map(str::to_owned).collect()
    }

    /// The page of metrics.
    pub(super) async fn metrics(&self) -> String {
        let page = self.client.get("/metrics").send().await;
        page.body().to_owned()
    }

    /// What a mock itself says to a body.
    pub(super) async fn direct(&self, speaker: Speaker, body: &Value) -> String {
        let url = self.client.gateway().mock().root_url() + speaker.path();
        let client = reqwest::Client::builder().tls_certs_only([]).no_proxy();
        let request = client.build().unwrap().post(url).body(body.to_string());
        let request = request.header("content-type", "application/json");
        let request = request
            .header("x-api-key", "k")
            .header("anthropic-version", "2023-06-01");
        request.send().await.unwrap().text().await.unwrap()
    }

    /// Requests for answers so far.
    pub(super) fn calls(&self) -> u64 {
        self.client.gateway().mock().seen().count()
    }
}

/// The answer as its client reads it.
#[track_caller]
pub(super) fn said(speaker: Speaker, answer: &Answer) -> Said {
    match speaker.read(answer.status, answer.body()) {
        Heard::Whole(said) => *said,
        other => panic!("{speaker:?}: {other:?}"),
    }
}

/// The same as a stream.
pub(super) fn streamed(body: &Value, speaker: Speaker) -> Value {
    let mut body = body.clone();
    body["stream"] = true.into();
    if matches!(speaker, Speaker::Chat | Speaker::Completions) {
        body["stream_options"] = serde_json::json!({"include_usage": true});
    }
    body
}

/// Both framings of a body.
pub(super) fn framings(body: &Value, speaker: Speaker) -> [Value; 2] {
    [body.clone(), streamed(body, speaker)]
}
