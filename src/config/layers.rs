//! Lays the sources over each other, weakest first, and remembers who set what.
//! Does not know what a value means.

use std::collections::HashMap;
use std::path::Path;

use toml::{Table, Value};

use super::faults::{Faults, Origin};
use super::presets;
use super::schema::{self, Kind};

const DEFAULTS: &str = include_str!("default.toml");

/// Variables with our prefix that other parts read.
const NOT_SETTINGS: &[&str] = &[
    "REPRISE_ADMIN_KEY",
    "REPRISE_ADMIN_KEY_FILE",
    "REPRISE_API_KEY",
    "REPRISE_CONFIG",
];

/// Short names for settings that scripts set often; the full name wins.
const SHORT: &[(&str, &str)] = &[
    ("REPRISE_DATA", "data.dir"),
    ("REPRISE_LOG", "log.filter"),
    ("REPRISE_MODEL_DIR", "embedding.model_dir"),
];

/// The settings laid so far.
#[derive(Debug)]
pub(super) struct Layers {
    defaults: Table,
    pub(super) merged: Table,
    origins: HashMap<String, Origin>,
    pub(super) faults: Faults,
}

impl Layers {
    /// The defaults alone.
    pub(super) fn new() -> Self {
        let mut faults = Faults::default();
        let defaults = parse(DEFAULTS).unwrap_or_else(|message| {
            faults.add("", Origin::Default, message);
            Table::new()
        });
        Self {
            merged: defaults.clone(),
            defaults,
            origins: HashMap::new(),
            faults,
        }
    }

    /// Lays a file's text over what is there.
    pub(super) fn file(&mut self, path: &Path, text: &str) {
        let origin = Origin::File(path.to_owned());
        let table = match parse(text) {
            Ok(table) => table,
            Err(message) => return self.faults.add("", origin, message),
        };
        for (name, value) in table {
            match value {
                Value::Table(keys) if self.is_section(&name) => {
                    for (key, value) in keys {
                        self.set(&format!("{name}.{key}"), &origin, |_| Ok(value));
                    }
                }
                _ if self.is_section(&name) => {
                    self.faults
                        .add(&name, origin.clone(), "is a section: write it as a table");
                }
                value => self.set(&name, &origin, |_| Ok(value)),
            }
        }
    }

    /// Lays the `REPRISE_…` variables over what is there; others are not ours.
    pub(super) fn env(&mut self, variables: &[(String, String)]) {
        for (name, text) in variables {
            if let Some((_, path)) = SHORT.iter().find(|(short, _)| short == name) {
                self.set(path, &Origin::Env(name.clone()), |kind| {
                    schema::read_text(kind, text)
                });
            }
        }
        let ours = variables.iter().filter(|(name, _)| {
            name.starts_with("REPRISE_")
                && !NOT_SETTINGS.contains(&name.as_str())
                && SHORT.iter().all(|(short, _)| short != name)
        });
        for (name, text) in ours {
            let path = path_of(name);
            self.set(&path, &Origin::Env(name.clone()), |kind| {
                schema::read_text(kind, text)
            });
        }
    }

    /// Lays command line flags over what is there.
    pub(super) fn flags(&mut self, overrides: &[(String, String)]) {
        for (path, text) in overrides {
            self.set(path, &Origin::Flag, |kind| schema::read_text(kind, text));
        }
    }

    /// Who set `path`, or the list it lies in.
    pub(super) fn origin(&self, path: &str) -> Origin {
        let whole = path.split('[').next().unwrap_or(path);
        self.origins.get(whole).cloned().unwrap_or(Origin::Default)
    }

    /// The number at `section.key`, whole or not.
    pub(super) fn number(&self, path: &str) -> Option<f64> {
        let (section, key) = path.split_once('.')?;
        match self.merged.get(section)?.get(key)? {
            #[allow(
                clippy::cast_precision_loss,
                reason = "bounds need no exact number near 2^53"
            )]
            Value::Integer(n) => Some(*n as f64),
            Value::Float(x) => Some(*x),
            _ => None,
        }
    }

    /// Puts the default of `section.key` back in the place of a faulty value.
    pub(super) fn by_default(&mut self, path: &str) {
        let Some((section, key)) = path.split_once('.') else {
            return;
        };
        let default = self.defaults.get(section).and_then(|s| s.get(key)).cloned();
        let section = self.merged.get_mut(section).and_then(Value::as_table_mut);
        if let (Some(section), Some(default)) = (section, default) {
            section.insert(key.to_owned(), default);
        }
    }

    fn is_section(&self, name: &str) -> bool {
        self.defaults.get(name).is_some_and(Value::is_table)
    }

    /// What to say of a name that no setting has. Only a file holds sections as such: a variable or
    /// a flag that names one lacks the setting.
    fn unknown(&self, path: &str, origin: &Origin) -> String {
        let mut known = schema::paths(&self.defaults);
        let in_file = matches!(origin, Origin::File(_));
        if in_file {
            known.extend(self.defaults.keys().cloned());
        } else if self.is_section(path) {
            known.retain(|setting| setting.split('.').next() == Some(path));
            return format!("is a section; its settings are {}", known.join(", "));
        }
        schema::unknown(path, known)
    }

    fn set(
        &mut self,
        path: &str,
        origin: &Origin,
        read: impl FnOnce(Kind) -> Result<Value, String>,
    ) {
        let Some(kind) = schema::kind_of(&self.defaults, path) else {
            let message = self.unknown(path, origin);
            return self.faults.add(path, origin.clone(), message);
        };
        let value = match read(kind) {
            Ok(mut value) if path == "providers" => {
                presets::fill(&mut value, origin, &mut self.faults);
                schema::fit(kind, value, path, origin, &mut self.faults)
            }
            Ok(value) => schema::fit(kind, value, path, origin, &mut self.faults),
            Err(message) => return self.faults.add(path, origin.clone(), message),
        };
        let Some(value) = value else { return };
        self.origins.insert(path.to_owned(), origin.clone());
        let (table, key) = match path.split_once('.') {
            Some((section, key)) => (self.merged.get_mut(section), key),
            None => (None, path),
        };
        match table.and_then(Value::as_table_mut) {
            Some(section) => section.insert(key.to_owned(), value),
            None => self.merged.insert(key.to_owned(), value),
        };
    }
}

/// `REPRISE_CACHE__TTL_S` → `cache.ttl_s`. Lower-case letters stay out of it:
/// such a name is kept as it is, which no setting has.
fn path_of(variable: &str) -> String {
    let rest = variable.trim_start_matches("REPRISE_");
    if rest.contains(|c: char| c.is_ascii_lowercase()) {
        return variable.to_owned();
    }
    rest.to_ascii_lowercase().replacen("__", ".", 1)
}

/// Parses TOML; a fault names the line but does not quote it, as it may hold a secret.
pub(super) fn parse(text: &str) -> Result<Table, String> {
    toml::from_str(text).map_err(|e: toml::de::Error| {
        let line = e.span().map_or(1, |span| {
            1 + text
                .bytes()
                .take(span.start)
                .filter(|b| *b == b'\n')
                .count()
        });
        let message = e.message().lines().next().unwrap_or("not TOML").to_owned();
        format!("line {line}: {message}")
    })
}
