//! The items of the lists as plain values; `default.toml` shows one of each.

use serde::Deserialize;

use super::pattern::Pattern;

/// One of `[[namespaces]]`: shared between tenants.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Namespace {
    /// Its name, `[A-Za-z0-9._-]{1,64}`.
    pub name: String,
    /// Tenants that may be answered from it, or `*`.
    #[serde(default)]
    pub read: Vec<String>,
    /// Tenants whose answers it remembers, or `*`.
    #[serde(default)]
    pub write: Vec<String>,
}

impl Namespace {
    /// Whether `tenant` may be answered from it.
    #[must_use]
    pub fn may_read(&self, tenant: &str) -> bool {
        self.read.iter().any(|t| t == "*" || t == tenant)
    }

    /// Whether `tenant` may add to it.
    #[must_use]
    pub fn may_write(&self, tenant: &str) -> bool {
        self.write.iter().any(|t| t == "*" || t == tenant)
    }
}

/// The wire dialect of a provider.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ProviderKind {
    /// OpenAI and every compatible server.
    #[default]
    Openai,
    /// Anthropic's messages.
    Anthropic,
    /// Google's `generateContent`.
    Gemini,
    /// AWS Bedrock's Converse.
    Bedrock,
    /// Cohere's chat, version 2.
    Cohere,
    /// Built in, deterministic, needs nothing.
    Demo,
}

impl ProviderKind {
    /// As it is written.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Openai => "openai",
            Self::Anthropic => "anthropic",
            Self::Gemini => "gemini",
            Self::Bedrock => "bedrock",
            Self::Cohere => "cohere",
            Self::Demo => "demo",
        }
    }
}

/// One of `[[providers]]` as written; `Config::providers_or_default` adds its key.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Provider {
    /// The preset that fills what is left out.
    #[serde(default)]
    pub preset: Option<String>,
    /// Unique name, used by routes, headers and metrics.
    pub name: String,
    /// Its dialect.
    #[serde(default)]
    pub kind: ProviderKind,
    /// `http(s)://…`, with or without a trailing slash; empty for `demo`.
    #[serde(default)]
    pub base_url: String,
    /// Environment variable that holds the key; empty = send none.
    #[serde(default)]
    pub api_key_env: String,
    /// Model names it answers.
    #[serde(default = "every_model")]
    pub models: Vec<Pattern>,
    /// Calls at a time; `None` = as many as come.
    #[serde(default)]
    pub max_concurrency: Option<u32>,
    /// Requests a minute; `None` = as many as come.
    #[serde(default)]
    pub requests_per_minute: Option<u64>,
    /// Tokens a minute, of prompts and answers; `None` = as many as come.
    #[serde(default)]
    pub tokens_per_minute: Option<u64>,
}

fn every_model() -> Vec<Pattern> {
    vec![Pattern::any()]
}

/// One of `[[prices]]`, in USD per million tokens.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Price {
    /// Model names it is for.
    pub model: Pattern,
    /// Prompt tokens.
    pub input: f64,
    /// Prompt tokens read from the provider's cache; `None` = as any other.
    #[serde(default)]
    pub cached_input: Option<f64>,
    /// Prompt tokens written to the provider's cache; `None` = as any other.
    #[serde(default)]
    pub cache_write: Option<f64>,
    /// Completion tokens.
    pub output: f64,
}
