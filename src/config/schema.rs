//! The shape of every setting: its type, and for lists the fields of an item.
//! Types of plain settings are those of their defaults. Knows no ranges and no
//! relations between settings.

use toml::{Table, Value};

use super::faults::{Faults, Origin};
use super::pattern::Pattern;

/// What a value has to be.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    Text,
    Whole,
    Number,
    Flag,
    Choice(&'static [&'static str]),
    Pattern,
    Patterns,
    Texts,
    /// A list of some of these words.
    Words(&'static [&'static str]),
    Table(&'static [Field]),
    Tables(&'static [Field]),
}

/// A field of a table.
#[derive(Debug)]
pub(crate) struct Field {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) required: bool,
}

pub(crate) const fn required(name: &'static str, kind: Kind) -> Field {
    Field {
        name,
        kind,
        required: true,
    }
}

pub(crate) const fn optional(name: &'static str, kind: Kind) -> Field {
    Field {
        name,
        kind,
        required: false,
    }
}

const PROVIDER: Field = optional("provider", Kind::Text);
const MODEL: Field = optional("model", Kind::Text);
const GROUP: Field = optional("group", Kind::Text);

const CANDIDATE: &[Field] = &[PROVIDER, MODEL, GROUP];
const MEMBER: &[Field] = &[PROVIDER, MODEL, GROUP, optional("weight", Kind::Whole)];
const SHARE: &[Field] = &[PROVIDER, MODEL, GROUP, required("share", Kind::Number)];

const STRATEGIES: &[&str] = &[
    "fallback",
    "round_robin",
    "least_connections",
    "weighted",
    "latency",
    "cost",
];

const KINDS: &[&str] = &["openai", "anthropic", "gemini", "bedrock", "cohere", "demo"];

const TTL_CLASSES: &[&str] = &["static", "default", "time_sensitive", "never"];

const LIMIT: &[Field] = &[
    required(
        "per",
        Kind::Choice(&["key", "team", "model", "endpoint", "global"]),
    ),
    optional("match", Kind::Patterns),
    optional("requests_per_minute", Kind::Whole),
    optional("requests_per_day", Kind::Whole),
    optional("tokens_per_minute", Kind::Whole),
    optional("tokens_per_day", Kind::Whole),
    optional("concurrency", Kind::Whole),
    optional("count_hits", Kind::Flag),
];

/// The top-level lists; everything else at the top is a section.
pub(super) const LISTS: &[Field] = &[
    optional(
        "namespaces",
        Kind::Tables(&[
            required("name", Kind::Text),
            optional("read", Kind::Texts),
            optional("write", Kind::Texts),
        ]),
    ),
    optional(
        "providers",
        Kind::Tables(&[
            optional("preset", Kind::Text),
            required("name", Kind::Text),
            optional("kind", Kind::Choice(KINDS)),
            optional("base_url", Kind::Text),
            optional("api_key_env", Kind::Text),
            optional("models", Kind::Patterns),
            optional("max_concurrency", Kind::Whole),
            optional("requests_per_minute", Kind::Whole),
            optional("tokens_per_minute", Kind::Whole),
        ]),
    ),
    optional(
        "groups",
        Kind::Tables(&[
            required("name", Kind::Text),
            optional("strategy", Kind::Choice(STRATEGIES)),
            required("members", Kind::Tables(MEMBER)),
            optional("sticky", Kind::Flag),
        ]),
    ),
    optional(
        "routes",
        Kind::Tables(&[
            required("model", Kind::Pattern),
            required("candidates", Kind::Tables(CANDIDATE)),
            optional("canary", Kind::Table(SHARE)),
            optional("shadow", Kind::Table(SHARE)),
            optional("store_fallback", Kind::Flag),
            optional("store_tool_calls", Kind::Flag),
            optional("store_personal", Kind::Flag),
            optional("ttl_class", Kind::Choice(TTL_CLASSES)),
        ]),
    ),
    optional("limits", Kind::Tables(LIMIT)),
    optional(
        "prices",
        Kind::Tables(&[
            required("model", Kind::Pattern),
            required("input", Kind::Number),
            optional("cached_input", Kind::Number),
            optional("cache_write", Kind::Number),
            required("output", Kind::Number),
        ]),
    ),
];

/// Settings whose default does not tell that only some words are allowed.
const CHOICES: &[(&str, &[&str])] = &[
    ("cache.ineligible", &["exact", "bypass"]),
    ("log.format", &["text", "json"]),
    (
        "routing.override_role",
        &["nobody", "app", "analyst", "admin"],
    ),
];

/// The kind of the setting at `path`; `None` when there is no such setting.
pub(super) fn kind_of(defaults: &Table, path: &str) -> Option<Kind> {
    if let Some(list) = LISTS.iter().find(|list| list.name == path) {
        return Some(list.kind);
    }
    if let Some((_, words)) = CHOICES.iter().find(|(name, _)| *name == path) {
        return Some(Kind::Choice(words));
    }
    let (section, key) = path.split_once('.')?;
    match defaults.get(section)?.get(key)? {
        Value::String(_) => Some(Kind::Text),
        Value::Integer(_) => Some(Kind::Whole),
        Value::Float(_) => Some(Kind::Number),
        Value::Boolean(_) => Some(Kind::Flag),
        Value::Array(_) => Some(Kind::Texts),
        Value::Datetime(_) | Value::Table(_) => None,
    }
}

/// All paths that [`kind_of`] knows.
pub(super) fn paths(defaults: &Table) -> Vec<String> {
    let mut paths: Vec<_> = LISTS.iter().map(|list| list.name.to_owned()).collect();
    for (section, keys) in defaults {
        let keys = keys.as_table().into_iter().flat_map(Table::keys);
        paths.extend(keys.map(|key| format!("{section}.{key}")));
    }
    paths
}

/// Reads what an environment variable or a flag says. Lists are TOML text.
pub(super) fn read_text(kind: Kind, text: &str) -> Result<Value, String> {
    let trimmed = text.trim();
    match kind {
        Kind::Text | Kind::Choice(_) | Kind::Pattern => Ok(Value::String(text.to_owned())),
        Kind::Whole => trimmed
            .parse()
            .map(Value::Integer)
            .map_err(|_| expected(kind)),
        Kind::Number => trimmed
            .parse()
            .map(Value::Float)
            .map_err(|_| expected(kind)),
        Kind::Flag => trimmed
            .parse()
            .map(Value::Boolean)
            .map_err(|_| expected(kind)),
        Kind::Patterns | Kind::Texts | Kind::Words(_) | Kind::Table(_) | Kind::Tables(_) => {
            let wrapped: Result<Table, _> = toml::from_str(&format!("value = {trimmed}"));
            let value = wrapped.ok().and_then(|mut table| table.remove("value"));
            value.ok_or_else(|| format!("{}, written as TOML", expected(kind)))
        }
    }
}

/// Checks `value` against `kind`, reporting under `path`; gives what the typed
/// structs take, with stand-ins for faulty parts so that checking can go on.
pub(super) fn fit(
    kind: Kind,
    value: Value,
    path: &str,
    origin: &Origin,
    faults: &mut Faults,
) -> Option<Value> {
    match (kind, value) {
        (Kind::Number, Value::Integer(n)) =>
        {
            #[allow(clippy::cast_precision_loss, reason = "no setting is near 2^53")]
            Some(Value::Float(n as f64))
        }
        (Kind::Tables(fields), Value::Array(items)) => {
            let item = |(i, item)| fit_item(fields, item, &format!("{path}[{i}]"), origin, faults);
            Some(Value::Array(
                items.into_iter().enumerate().map(item).collect(),
            ))
        }
        (Kind::Table(fields), value) => Some(fit_item(fields, value, path, origin, faults)),
        (kind, value) => match scalar_fault(kind, &value) {
            None => Some(value),
            Some(message) => {
                faults.add(path, origin.clone(), message);
                None
            }
        },
    }
}

fn scalar_fault(kind: Kind, value: &Value) -> Option<String> {
    match (kind, value) {
        (Kind::Text, Value::String(_)) | (Kind::Flag, Value::Boolean(_)) => None,
        (Kind::Whole, Value::Integer(0..)) => None,
        (Kind::Whole, Value::Integer(_)) => Some("must not be negative".into()),
        (Kind::Number, Value::Float(x)) if x.is_finite() => None,
        (Kind::Choice(words), Value::String(word)) if words.contains(&word.as_str()) => None,
        (Kind::Pattern, Value::String(text)) => Pattern::parse(text).err().map(|e| e.to_string()),
        (Kind::Texts, Value::Array(items)) if items.iter().all(Value::is_str) => None,
        (Kind::Words(words), Value::Array(items)) => {
            let known = |item: &Value| item.as_str().is_some_and(|word| words.contains(&word));
            (!items.iter().all(known)).then(|| expected(kind))
        }
        (Kind::Patterns, Value::Array(items)) if items.iter().all(Value::is_str) => {
            let mut texts = items.iter().filter_map(Value::as_str);
            texts
                .find_map(|text| Pattern::parse(text).err())
                .map(|e| e.to_string())
        }
        _ => Some(expected(kind)),
    }
}

/// The text of a data file with these members at its top, and every fault of it; stand-ins for faulty parts are in
/// their place so that checking can go on.
pub(crate) fn read_data(text: &str, fields: &[Field], origin: &Origin) -> (Table, Faults) {
    let mut faults = Faults::default();
    let table = match super::layers::parse(text) {
        Ok(table) => fit_item(fields, Value::Table(table), "", origin, &mut faults),
        Err(message) => {
            faults.add("", origin.clone(), message);
            Value::Table(Table::new())
        }
    };
    match table {
        Value::Table(table) => (table, faults),
        _ => (Table::new(), faults),
    }
}

fn fit_item(
    fields: &[Field],
    item: Value,
    path: &str,
    origin: &Origin,
    faults: &mut Faults,
) -> Value {
    let given = match item {
        Value::Table(table) => table,
        _ => {
            faults.add(path, origin.clone(), "must be a table");
            Table::new()
        }
    };
    let mut fitted = Table::new();
    for (name, value) in given {
        let place = inside(path, &name);
        match fields.iter().find(|field| field.name == name) {
            Some(field) => {
                let value = fit(field.kind, value, &place, origin, faults);
                fitted.extend(value.map(|value| (name, value)));
            }
            None => {
                let names = fields.iter().map(|field| field.name.to_owned());
                faults.add(&place, origin.clone(), unknown(&name, names));
            }
        }
    }
    for field in fields.iter().filter(|field| field.required) {
        if !fitted.contains_key(field.name) {
            faults.add(&inside(path, field.name), origin.clone(), "is missing");
            fitted.insert(field.name.to_owned(), stand_in(field.kind));
        }
    }
    Value::Table(fitted)
}

fn inside(path: &str, name: &str) -> String {
    match path {
        "" => name.to_owned(),
        path => format!("{path}.{name}"),
    }
}

/// A value of the right type in place of a faulty one; its fault is already told.
fn stand_in(kind: Kind) -> Value {
    match kind {
        Kind::Text => Value::String(String::new()),
        Kind::Choice(words) => Value::String((*words.first().unwrap_or(&"")).to_owned()),
        Kind::Pattern => Value::String("*".into()),
        Kind::Whole => Value::Integer(0),
        Kind::Number => Value::Float(0.0),
        Kind::Flag => Value::Boolean(false),
        Kind::Table(_) => Value::Table(Table::new()),
        Kind::Patterns | Kind::Texts | Kind::Words(_) | Kind::Tables(_) => Value::Array(Vec::new()),
    }
}

fn expected(kind: Kind) -> String {
    match kind {
        Kind::Text | Kind::Pattern => "must be text".into(),
        Kind::Whole => "must be a whole number".into(),
        Kind::Number => "must be a number".into(),
        Kind::Flag => "must be true or false".into(),
        Kind::Choice(words) => format!("must be one of \"{}\"", words.join("\", \"")),
        Kind::Patterns | Kind::Texts => "must be a list of texts".into(),
        Kind::Words(words) => format!("must be a list out of \"{}\"", words.join("\", \"")),
        Kind::Table(_) => "must be a table".into(),
        Kind::Tables(_) => "must be a list of tables".into(),
    }
}

/// Says that `name` is unknown, and which of `known` was probably meant.
pub(super) fn unknown(name: &str, known: impl IntoIterator<Item = String>) -> String {
    match nearest(name, known) {
        Some(path) => format!("is not a setting; did you mean `{path}`?"),
        None => "is not a setting".into(),
    }
}

/// Which of `known` was probably meant by `name`.
pub(super) fn nearest(name: &str, known: impl IntoIterator<Item = String>) -> Option<String> {
    let key = |path: &str| path.rsplit('.').next().unwrap_or_default().to_owned();
    let nearest = known.into_iter().min_by_key(|path| {
        // A key right but for its section beats a mere resemblance.
        let moved = key(path) == key(name);
        if moved { 1 } else { distance(path, name) }
    });
    nearest.filter(|path| key(path) == key(name) || distance(path, name) <= name.len() / 3)
}

/// Levenshtein's edit distance, in characters.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, to) in b.iter().enumerate() {
            let substituted = diagonal + usize::from(from != *to);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row.last().copied().unwrap_or_default()
}
