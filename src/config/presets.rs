//! Providers that are known by name: where they are, where their key goes and
//! what they take. Data (`presets.toml`); here are the types, and how a preset
//! fills what an entry of `[[providers]]` leaves out.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;
use toml::{Table, Value};

use super::faults::{Faults, Origin};
use super::lists::ProviderKind;
use super::schema::nearest;

/// Sound, as a test sees to.
static PRESETS: LazyLock<Vec<Preset>> =
    LazyLock::new(|| parse(include_str!("presets.toml")).unwrap_or_default());

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    presets: Vec<Preset>,
}

/// A provider that is known by name.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Preset {
    /// Its name, and that of a provider made from it unless it has one of its own.
    pub name: String,
    /// Its dialect.
    pub kind: ProviderKind,
    /// Where it is; empty where everybody has their own.
    #[serde(default)]
    pub base_url: String,
    /// What one's own looks like, where `base_url` is empty.
    #[serde(default)]
    pub base_url_form: String,
    /// Environment variable that holds the key; empty = none is sent.
    #[serde(default)]
    pub api_key_env: String,
    /// The header in which the key goes.
    pub key_header: KeyHeader,
    /// What each call has behind its path.
    #[serde(default)]
    pub query: BTreeMap<String, String>,
    /// Which endpoints it can answer.
    pub endpoints: Vec<Endpoint>,
    /// Whether a stream tells its tokens by itself.
    pub stream_usage: StreamUsage,
    /// Members of a chat request that it takes beyond OpenAI's.
    #[serde(default)]
    pub extra: Vec<String>,
    /// Members of a chat request that it knows by another name.
    #[serde(default)]
    pub renamed: BTreeMap<String, String>,
    /// What of an assistant's message it takes back beyond OpenAI's; `None` = whatever it is.
    #[serde(default)]
    pub hints: Option<Vec<String>>,
    /// The family of its models in the catalogue; `None` = none of them is in it.
    #[serde(default)]
    pub catalogue: Option<String>,
}

/// The header in which a key goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum KeyHeader {
    /// `Authorization: Bearer KEY`.
    #[serde(rename = "authorization")]
    Bearer,
    /// `x-api-key: KEY`, Anthropic's.
    #[serde(rename = "x-api-key")]
    XApiKey,
    /// `api-key: KEY`, Azure's.
    #[serde(rename = "api-key")]
    ApiKey,
    /// `x-goog-api-key: KEY`, Google's.
    #[serde(rename = "x-goog-api-key")]
    Google,
}

impl KeyHeader {
    /// The one that servers of a dialect look at.
    #[must_use]
    pub fn of(kind: ProviderKind) -> Self {
        match kind {
            ProviderKind::Anthropic => Self::XApiKey,
            ProviderKind::Gemini => Self::Google,
            ProviderKind::Openai
            | ProviderKind::Bedrock
            | ProviderKind::Cohere
            | ProviderKind::Demo => Self::Bearer,
        }
    }

    /// Its name, in lower case.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Bearer => "authorization",
            Self::XApiKey => "x-api-key",
            Self::ApiKey => "api-key",
            Self::Google => "x-goog-api-key",
        }
    }

    /// Its value for `key`.
    #[must_use]
    pub fn value(self, key: &str) -> String {
        match self {
            Self::Bearer => format!("Bearer {key}"),
            Self::XApiKey | Self::ApiKey | Self::Google => key.to_owned(),
        }
    }
}

/// One of OpenAI's endpoints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs, reason = "the names say it")]
pub enum Endpoint {
    Chat,
    Completions,
    Embeddings,
    Models,
    Moderations,
    Responses,
}

/// Whether a stream tells its tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StreamUsage {
    /// Where `stream_options.include_usage` asks for them.
    Asked,
    /// In any case; the member is not understood.
    Always,
}

/// All presets.
#[must_use]
pub fn presets() -> &'static [Preset] {
    &PRESETS
}

/// The preset of this name.
#[must_use]
pub fn preset(name: &str) -> Option<&'static Preset> {
    presets().iter().find(|preset| preset.name == name)
}

/// The preset of a server, where an entry of `[[providers]]` names none.
pub(super) fn preset_at(kind: ProviderKind, base_url: &str) -> Option<&'static Preset> {
    let at = |preset: &&Preset| preset.kind == kind && preset.base_url == base_url;
    presets()
        .iter()
        .filter(|preset| !preset.base_url.is_empty())
        .find(at)
}

fn parse(text: &str) -> Result<Vec<Preset>, toml::de::Error> {
    toml::from_str(text).map(|File { presets }| presets)
}

/// Fills what the items of `[[providers]]` leave out, as far as they name a preset. What is no list of tables is
/// left to the checks of types.
pub(super) fn fill(providers: &mut Value, origin: &Origin, faults: &mut Faults) {
    let items = providers.as_array_mut().into_iter().flatten();
    let tables = items
        .enumerate()
        .filter_map(|(i, item)| Some((i, item.as_table_mut()?)));
    for (i, provider) in tables {
        let Some(name) = provider.get("preset").and_then(Value::as_str) else {
            continue;
        };
        let place = format!("providers[{i}]");
        match preset(name) {
            Some(preset) => fill_from(preset, provider, |field, message| {
                faults.add(&format!("{place}.{field}"), origin.clone(), message);
            }),
            None => {
                faults.add(&format!("{place}.preset"), origin.clone(), unknown(name));
                // What it would have filled is not called missing as well.
                leave(provider, "name", &format!("preset-{i}"));
                leave(provider, "base_url", STAND_IN);
            }
        }
    }
}

/// In place of a URL whose lack is told already.
const STAND_IN: &str = "http://localhost";

fn fill_from(preset: &Preset, provider: &mut Table, mut fault: impl FnMut(&str, String)) {
    leave(provider, "name", &preset.name);
    leave(provider, "kind", preset.kind.name());
    leave(provider, "api_key_env", &preset.api_key_env);
    if preset.base_url.is_empty() && !provider.contains_key("base_url") {
        let (name, form) = (&preset.name, &preset.base_url_form);
        fault(
            "base_url",
            format!("is missing: the preset `{name}` needs your own, such as {form}"),
        );
        leave(provider, "base_url", STAND_IN);
    }
    leave(provider, "base_url", &preset.base_url);
}

/// What was written stays as it is, even if it is nothing.
fn leave(provider: &mut Table, field: &str, value: &str) {
    let value = || Value::String(value.to_owned());
    provider.entry(field).or_insert_with(value);
}

fn unknown(name: &str) -> String {
    let names = || presets().iter().map(|preset| preset.name.clone());
    match nearest(name, names()) {
        Some(meant) => format!("is not a preset; did you mean `{meant}`?"),
        None => {
            let names: Vec<_> = names().collect();
            format!("is not a preset; there are {}", names.join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::config::tests::from_file;

    #[test]
    fn what_is_built_in_is_sound() {
        assert!(parse(include_str!("presets.toml")).is_ok());
        for preset in presets() {
            let name = &preset.name;
            assert_ne!(
                preset.base_url.is_empty(),
                preset.base_url_form.is_empty(),
                "{name}"
            );
            assert!(!preset.base_url.ends_with('/'), "{name}");
            assert!(preset.endpoints.contains(&Endpoint::Chat), "{name}");
            let same = presets().iter().filter(|other| other.name == *name);
            assert_eq!(same.count(), 1, "{name}");
        }
    }

    #[test]
    fn each_preset_makes_a_provider_of_one_line() {
        for preset in presets() {
            let url = match preset.base_url_form.as_str() {
                "" => String::new(),
                form => format!("base_url = '{form}'"),
            };
            let file = format!("[[providers]]\npreset = '{}'\n{url}", preset.name);
            let config = from_file(&file).unwrap();
            let provider = &config.providers[0];
            assert_eq!(
                (&provider.name, provider.kind, &provider.api_key_env),
                (&preset.name, preset.kind, &preset.api_key_env)
            );
        }
    }

    #[test]
    fn what_is_written_goes_before_what_the_preset_says() {
        let config = from_file(
            "[[providers]]\npreset = 'groq'\nname = 'mine'\nbase_url = 'http://localhost:1/v1'\napi_key_env = ''",
        );
        let provider = &config.unwrap().providers[0];
        assert_eq!(
            (
                provider.name.as_str(),
                provider.base_url.as_str(),
                provider.api_key_env.as_str()
            ),
            ("mine", "http://localhost:1/v1", "")
        );
    }

    fn told(file: &str) -> Vec<String> {
        let Faults(faults) = from_file(file).unwrap_err();
        let told = faults.iter();
        told.map(|fault| format!("{}: {}", fault.path, fault.message))
            .collect()
    }

    #[test]
    fn a_preset_that_is_not_known_is_told_alone_and_with_what_was_meant() {
        assert_eq!(
            told("[[providers]]\npreset = 'openrouer'"),
            ["providers[0].preset: is not a preset; did you mean `openrouter`?"]
        );
        let far = told("[[providers]]\npreset = 'something-else'").remove(0);
        assert!(far.contains("there are openai, anthropic, "), "{far}");
        assert!(told("[[providers]]\npreset = 1")[0].contains("must be text"));
    }

    #[test]
    fn where_everybody_has_their_own_address_it_is_asked_for() {
        assert_eq!(
            told("[[providers]]\npreset = 'azure'"),
            [
                "providers[0].base_url: is missing: the preset `azure` needs your own, such as \
              https://RESOURCE.openai.azure.com/openai/v1"
            ]
        );
    }

    #[test]
    fn a_key_goes_where_the_server_looks_for_it() {
        let header = |name: &str| preset(name).unwrap().key_header;
        let sent = |name: &str| (header(name).name(), header(name).value("k"));
        assert_eq!(sent("groq"), ("authorization", "Bearer k".to_owned()));
        assert_eq!(sent("azure"), ("api-key", "k".to_owned()));
        assert_eq!(sent("anthropic"), ("x-api-key", "k".to_owned()));
        assert_eq!(sent("gemini"), ("x-goog-api-key", "k".to_owned()));
        for preset in presets().iter().filter(|p| !p.name.starts_with("azure")) {
            assert_eq!(
                KeyHeader::of(preset.kind),
                preset.key_header,
                "{}",
                preset.name
            );
        }
    }

    #[test]
    fn a_server_is_known_by_its_address() {
        let at = |kind, url| preset_at(kind, url).map(|preset| preset.name.as_str());
        assert_eq!(at(ProviderKind::Openai, "https://api.x.ai/v1"), Some("xai"));
        assert_eq!(at(ProviderKind::Gemini, "https://api.x.ai/v1"), None);
        assert_eq!(at(ProviderKind::Openai, ""), None);
    }

    #[test]
    fn presets_come_from_the_environment_too() {
        let config = Config::load(crate::config::Sources {
            env: vec![("REPRISE_PROVIDERS".into(), "[{ preset = 'ollama' }]".into())],
            ..Default::default()
        });
        assert_eq!(config.unwrap().providers[0].name, "ollama");
    }
}
