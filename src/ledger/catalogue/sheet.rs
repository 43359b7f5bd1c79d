//! A catalogue file: read, checked with all its faults told at once, and laid
//! over another, member by member of the entries that both have.

use std::collections::{HashMap, HashSet};

use serde::Deserialize;
use toml::{Table, Value};

use super::entry::Entry;
use super::names::is_date;
use crate::config::{Faults, Field, Kind, Origin, optional, read_data, required};

const RATE: [Field; 4] = [
    required("input", Kind::Number),
    optional("cached_input", Kind::Number),
    optional("cache_write", Kind::Number),
    required("output", Kind::Number),
];

const LONG: &[Field] = &{
    let [input, cached_input, cache_write, output] = RATE;
    [
        required("above", Kind::Whole),
        input,
        cached_input,
        cache_write,
        output,
    ]
};

const PRICE: &[Field] = &{
    let [input, cached_input, cache_write, output] = RATE;
    [
        input,
        cached_input,
        cache_write,
        output,
        optional("long", Kind::Table(LONG)),
    ]
};

const MODALITY: Kind = Kind::Words(&["text", "image", "audio", "video", "pdf"]);

/// Vision is told by the modalities.
const CAPABILITIES: &[&str] = &[
    "tools",
    "json_schema",
    "reasoning",
    "prompt_caching",
    "streaming",
];

const ENTRY: &[Field] = &[
    required("provider", Kind::Text),
    required("id", Kind::Pattern),
    optional("aliases", Kind::Texts),
    optional(
        "task",
        Kind::Choice(&["chat", "completion", "embeddings", "moderation"]),
    ),
    optional("context_window", Kind::Whole),
    optional("max_output_tokens", Kind::Whole),
    optional(
        "modalities",
        Kind::Table(&[required("input", MODALITY), required("output", MODALITY)]),
    ),
    optional("capabilities", Kind::Words(CAPABILITIES)),
    optional("price", Kind::Table(PRICE)),
];

const SHEET: &[Field] = &[
    required("version", Kind::Whole),
    required("date", Kind::Text),
    optional("models", Kind::Tables(ENTRY)),
];

/// A catalogue file without faults.
#[derive(Clone, Debug)]
pub struct Sheet {
    version: i64,
    date: String,
    entries: Vec<Table>,
}

impl Sheet {
    /// Reads a file's text; `origin` says in faults which one.
    ///
    /// # Errors
    /// All its faults.
    pub fn read(text: &str, origin: &Origin) -> Result<Self, Faults> {
        let (mut table, mut faults) = read_data(text, SHEET, origin);
        if faults.unread() {
            return Err(faults);
        }
        let version = table.get("version").and_then(Value::as_integer);
        let date = table.get("date").and_then(Value::as_str);
        let mut sheet = Self {
            version: version.unwrap_or_default(),
            date: date.unwrap_or_default().to_owned(),
            entries: Vec::new(),
        };
        if let Some(Value::Array(models)) = table.remove("models") {
            let tables = models.into_iter().filter_map(|model| match model {
                Value::Table(table) => Some(table),
                _ => None,
            });
            sheet.entries = tables.collect();
        }
        sheet.check(&mut |path, message| faults.add(path, origin.clone(), message));
        faults.or(sheet)
    }

    /// Its version and date, as people read them.
    #[must_use]
    pub fn version(&self) -> String {
        format!("{} ({})", self.version, self.date)
    }

    /// Adds what the types do not tell.
    fn check(&self, add: &mut impl FnMut(&str, &str)) {
        if !is_date(&self.date, Some('-')) {
            add("date", "must be a date such as 2026-01-31");
        }
        let mut seen = HashSet::new();
        for (i, entry) in self.entries.iter().enumerate() {
            let mut add = |path: &str, message: &str| add(&format!("models[{i}].{path}"), message);
            let provider = text(entry, "provider");
            if provider.trim().is_empty() {
                add("provider", "must not be empty");
            }
            let id = ("id", text(entry, "id"));
            for (path, name) in std::iter::once(id).chain(aliases(entry)) {
                if !seen.insert((provider, name)) {
                    add(path, "is the name of another entry of this provider too");
                }
            }
            for path in ["context_window", "max_output_tokens"] {
                if entry.get(path).and_then(Value::as_integer) == Some(0) {
                    add(path, "must not be 0");
                }
            }
            check_price(entry, &mut add);
        }
    }
}

fn check_price(entry: &Table, add: &mut impl FnMut(&str, &str)) {
    let Some(price) = entry.get("price").and_then(Value::as_table) else {
        return;
    };
    let long = price.get("long").and_then(Value::as_table);
    for (path, rate) in [("price", Some(price)), ("price.long", long)] {
        for field in &RATE {
            let usd = rate.and_then(|rate| rate.get(field.name)?.as_float());
            if usd.is_some_and(|usd| usd < 0.0) {
                add(&format!("{path}.{}", field.name), "must not be negative");
            }
        }
    }
}

fn text<'a>(entry: &'a Table, name: &str) -> &'a str {
    entry.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn aliases(entry: &Table) -> impl Iterator<Item = (&'static str, &str)> {
    let listed = entry.get("aliases").and_then(Value::as_array);
    let names = listed.into_iter().flatten().filter_map(Value::as_str);
    names.map(|name| ("aliases", name))
}

/// The entries of all sheets, the strongest first. Where several have one provider and id, what the stronger leaves
/// out is the weaker's.
pub(super) fn merged(sheets: &[Sheet]) -> Vec<Entry> {
    let mut tables: Vec<Table> = Vec::new();
    let mut places: HashMap<(&str, &str), usize> = HashMap::new();
    for entry in sheets.iter().flat_map(|sheet| &sheet.entries) {
        let key = (text(entry, "provider"), text(entry, "id"));
        let stronger = places.get(&key).and_then(|place| tables.get_mut(*place));
        match stronger {
            Some(stronger) => {
                for (name, value) in entry {
                    let left_out = || value.clone();
                    stronger.entry(name.clone()).or_insert_with(left_out);
                }
            }
            None => {
                places.insert(key, tables.len());
                tables.push(entry.clone());
            }
        }
    }
    let entry = |table: Table| Entry::deserialize(table).ok();
    tables.into_iter().filter_map(entry).collect()
}
