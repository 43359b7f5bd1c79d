//! One entry of the catalogue, as plain values.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::config::Pattern;
use crate::ledger::rate::ListPrice;

/// What is known of a model, or of several that differ in name only.
#[derive(Clone, Debug, Deserialize)]
pub struct Entry {
    /// The family of providers that offers it so.
    pub provider: String,
    /// Its name there, or a pattern of names.
    pub id: Pattern,
    /// Other names, each exact.
    #[serde(default)]
    pub aliases: Vec<String>,
    /// What it is asked for.
    #[serde(default)]
    pub task: Task,
    /// Tokens of prompt and answer together, or of the prompt alone where its provider counts so.
    pub context_window: Option<u64>,
    /// Tokens of an answer at most.
    pub max_output_tokens: Option<u64>,
    /// What goes in and comes out.
    #[serde(default)]
    pub modalities: Modalities,
    /// What it can, besides what its modalities tell.
    #[serde(default)]
    pub capabilities: Vec<Capability>,
    /// What it costs.
    pub price: Option<ListPrice>,
}

/// What a model is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs, reason = "the names say it")]
pub enum Task {
    #[default]
    Chat,
    Completion,
    Embeddings,
    Moderation,
}

/// What a model reads and writes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Modalities {
    /// What goes in.
    pub input: Vec<Modality>,
    /// What comes out; of a model for embeddings or moderation nothing.
    pub output: Vec<Modality>,
}

impl Default for Modalities {
    fn default() -> Self {
        Self {
            input: vec![Modality::Text],
            output: vec![Modality::Text],
        }
    }
}

/// A form of content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs, reason = "the names say it")]
pub enum Modality {
    Text,
    Image,
    Audio,
    Video,
    Pdf,
}

/// What not every model can.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Capability {
    /// Call tools.
    Tools,
    /// Keep to a JSON schema.
    JsonSchema,
    /// See images.
    Vision,
    /// Think before it answers.
    Reasoning,
    /// Read a prompt from a cache at a lower price.
    PromptCaching,
    /// Answer in pieces.
    Streaming,
}

impl Entry {
    /// Whether it can do that.
    #[must_use]
    pub fn can(&self, capability: Capability) -> bool {
        match capability {
            Capability::Vision => self.modalities.input.contains(&Modality::Image),
            other => self.capabilities.contains(&other),
        }
    }

    /// For a list of models: members beside its id.
    #[must_use]
    pub fn describe(&self) -> Map<String, Value> {
        let mut capabilities = self.capabilities.clone();
        if self.can(Capability::Vision) {
            capabilities.push(Capability::Vision);
        }
        let members = [
            ("task", Some(json!(self.task))),
            ("context_window", self.context_window.map(Value::from)),
            ("max_output_tokens", self.max_output_tokens.map(Value::from)),
            ("modalities", Some(json!(self.modalities))),
            ("capabilities", Some(json!(capabilities))),
            ("price", self.price.map(|price| price.describe())),
        ];
        let told = members
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), value?)));
        told.collect()
    }
}
