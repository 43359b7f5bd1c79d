//! What all sources say together, faults and all: a start takes it only without faults, a check goes
//! on with what can be told in spite of them.

use super::Config;
use super::check;
use super::faults::{Faults, Origin};
use super::layers::Layers;

/// The sources, read and checked.
#[derive(Debug)]
pub struct Reading {
    config: Option<Config>,
    layers: Layers,
}

impl Reading {
    pub(super) fn of(mut layers: Layers) -> Self {
        check::ranges(&mut layers);
        let config = match serde::Deserialize::deserialize(layers.merged.clone()) {
            Ok(config) => {
                check::relations(&config, &mut layers);
                Some(config)
            }
            Err(e) => {
                let e: toml::de::Error = e;
                // What is faulty has been replaced, so there is no other way here.
                if layers.faults.0.is_empty() {
                    layers.faults.add("", Origin::Default, e.message());
                }
                None
            }
        };
        Self { config, layers }
    }

    /// The settings, if nothing is wrong with any.
    ///
    /// # Errors
    /// All faults of all sources together.
    pub fn sound(self) -> Result<Config, Faults> {
        let Self { config, layers } = self;
        match config {
            Some(config) => layers.faults.or(config),
            None => Err(layers.faults),
        }
    }

    /// As [`Self::sound`], to be read further afterwards.
    ///
    /// # Errors
    /// As [`Self::sound`].
    pub fn checked(&self) -> Result<&Config, Faults> {
        match &self.config {
            Some(config) => self.layers.faults.clone().or(config),
            None => Err(self.layers.faults.clone()),
        }
    }

    /// The settings as far as they can be told: [`Self::knows`] says which.
    #[must_use]
    pub fn settings(&self) -> Option<&Config> {
        self.config.as_ref()
    }

    /// Whether something is wrong at `path`.
    #[must_use]
    pub fn faulty(&self, path: &str) -> bool {
        self.layers.faults.at(path)
    }

    /// Whether the setting at `path`, with all that is in it, is what a start would take once the
    /// faults are mended: it has none, and no source that cannot be read may say otherwise.
    #[must_use]
    pub fn knows(&self, path: &str) -> bool {
        let stronger = matches!(self.layers.origin(path), Origin::Env(_) | Origin::Flag);
        !self.layers.faults.at(path) && (stronger || !self.layers.faults.unread())
    }
}
