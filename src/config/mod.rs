//! Settings: flags over environment over file over `default.toml`, which is the
//! reference of all of them. Every fault is found before any is reported.

mod check;
mod faults;
mod later;
mod layers;
mod limits;
mod lists;
mod model_dir;
mod pattern;
mod presets;
mod providers;
mod reading;
mod resilience;
mod routes;
mod schema;
mod sections;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use serde::Deserialize;

pub use faults::{Fault, Faults, Origin};
pub use later::{Batch, DayWindow, Files, Later};
pub use limits::{Limit, Overload, Per};
pub use lists::{Namespace, Price, Provider, ProviderKind};
pub use model_dir::{ModelDirError, find_model_dir, find_verifier_dir, model_search_starts};
pub use pattern::{BadPattern, Pattern};
pub use presets::{Endpoint, KeyHeader, Preset, StreamUsage, preset, presets};
pub use providers::ResolvedProvider;
pub use reading::Reading;
pub use resilience::{Breaker, Deadlines, Outbound, OverrideRole, Retry, Routing};
pub use routes::{Candidate, Group, Member, Place, Route, Share, Strategy};
pub(crate) use schema::{Field, Kind, optional, read_data, required};
pub use sections::{
    AskVerifier, Cache, Catalogue, Data, Decide, Embedding, Index, Ineligible, Judge, Log,
    LogFormat, Responses, Server, Store, TtlClass, Verifier,
};

use layers::Layers;

/// The most that `cache.max_entry_bytes` may be (bytes), and what a stored answer may unpack to.
pub const MAX_ENTRY_BYTES: u32 = 2 << 20;

/// Every setting, checked.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "each section's type is documented")]
pub struct Config {
    pub server: Server,
    pub data: Data,
    pub embedding: Embedding,
    pub verifier: Verifier,
    pub index: Index,
    pub store: Store,
    pub cache: Cache,
    pub responses: Responses,
    pub files: Files,
    pub batch: Batch,
    #[serde(rename = "async")]
    pub later: Later,
    pub judge: Judge,
    pub deadlines: Deadlines,
    pub retry: Retry,
    pub breaker: Breaker,
    pub routing: Routing,
    pub outbound: Outbound,
    pub overload: Overload,
    pub log: Log,
    pub catalogue: Catalogue,
    #[serde(default)]
    pub namespaces: Vec<Namespace>,
    #[serde(default)]
    pub providers: Vec<Provider>,
    #[serde(default)]
    pub groups: Vec<Group>,
    #[serde(default)]
    pub routes: Vec<Route>,
    #[serde(default)]
    pub limits: Vec<Limit>,
    #[serde(default)]
    pub prices: Vec<Price>,
}

/// Where settings come from, besides the defaults.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// `--config`; without it `REPRISE_CONFIG`, else `./reprise.toml` if there is one.
    pub file: Option<PathBuf>,
    /// The whole environment; variables that are not ours are ignored.
    pub env: Vec<(String, String)>,
    /// Flags, as (`section.key`, text).
    pub overrides: Vec<(String, String)>,
}

impl Sources {
    /// The environment of this process and nothing else. What is not Unicode
    /// is kept with marks in place, so that the checks see it.
    #[must_use]
    pub fn from_process() -> Self {
        let text = |os: std::ffi::OsString| os.to_string_lossy().into_owned();
        let env = std::env::vars_os()
            .map(|(name, value)| (text(name), text(value)))
            .collect();
        Self {
            env,
            ..Self::default()
        }
    }
}

impl Config {
    /// Reads, merges and checks all `sources`.
    ///
    /// # Errors
    /// All faults of all sources together.
    pub fn load(sources: Sources) -> Result<Self, Faults> {
        Self::read(sources).sound()
    }

    /// As [`Self::load`]; what can be told in spite of faults is told.
    #[must_use]
    pub fn read(sources: Sources) -> Reading {
        let named = sources.file.or_else(|| {
            let set = sources
                .env
                .iter()
                .find(|(name, _)| name == "REPRISE_CONFIG");
            set.filter(|(_, path)| !path.is_empty())
                .map(|(_, path)| PathBuf::from(path))
        });
        let path = named.or_else(|| {
            let usual = PathBuf::from("reprise.toml");
            usual.exists().then_some(usual)
        });
        let mut layers = Layers::new();
        if let Some(path) = path {
            match std::fs::read_to_string(&path) {
                Ok(text) => layers.file(&path, &text),
                Err(e) => layers
                    .faults
                    .add("", Origin::File(path), format!("cannot be read: {e}")),
            }
        }
        layers.env(&sources.env);
        layers.flags(&sources.overrides);
        Reading::of(layers)
    }

    /// The shared namespace called `name`.
    #[must_use]
    pub fn namespace(&self, name: &str) -> Option<&Namespace> {
        self.namespaces
            .iter()
            .find(|namespace| namespace.name == name)
    }

    /// The data folder.
    #[must_use]
    pub fn data_dir(&self) -> &Path {
        Path::new(&self.data.dir)
    }
}
