//! What an API takes, as tables of types, and the check of a body against them: a member that
//! no table knows, or one of another type, is a fault at its path.
//!
//! ```text
//! Request { model!: str(1,)  messages!: [Message]  stop: str | [str]  top_p: num(0,1)? }
//! Message by role { user: User  assistant: Assistant }
//! Source { bytes^: base64  url^: str }
//! ```
//!
//! `!` is required, `?` behind a type allows null, `^` marks members of which one must be there
//! and only one, `*: any` allows unknown members, `{T}` is an object with any names, and
//! `(least,most)` bounds a number, or the length of a text or list.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::table;

/// The types of one API.
#[derive(Default)]
pub(crate) struct Schema(pub(crate) BTreeMap<String, Def>);

/// A type with a name.
pub(crate) enum Def {
    Record {
        members: BTreeMap<String, Member>,
        open: bool,
    },
    /// Which type it is says the member `tag`.
    By {
        tag: String,
        variants: BTreeMap<String, Type>,
    },
}

pub(crate) struct Member {
    pub(crate) required: bool,
    pub(crate) exclusive: bool,
    pub(crate) of: Type,
}

pub(crate) enum Type {
    Str,
    Int,
    Num,
    Bool,
    Any,
    Object,
    Base64,
    Literal(String),
    List(Box<Type>),
    Map(Box<Type>),
    Named(String),
    Union(Vec<Type>),
    Nullable(Box<Type>),
    Sized(Box<Type>, f64, f64),
}

/// What is wrong with a body, and where: `messages.0.content`.
#[derive(Debug, PartialEq)]
pub(crate) struct Fault {
    pub(crate) path: String,
    pub(crate) what: What,
}

#[derive(Debug, PartialEq)]
pub(crate) enum What {
    /// No such member is known.
    Unknown,
    Missing,
    /// It is not what it should be, which is this.
    Wrong(String),
}

impl Fault {
    pub(crate) fn wrong(path: impl Into<String>, should: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            what: What::Wrong(should.into()),
        }
    }

    /// The last name of the path, and what stands before it.
    pub(crate) fn split(&self) -> (&str, &str) {
        self.path.rsplit_once('.').unwrap_or(("", &self.path))
    }
}

impl Schema {
    /// Reads the tables. Where one is wrong, nothing but an error is in the schema, so that each check tells.
    pub(crate) fn of(text: &str) -> Self {
        table::parse(text).unwrap_or_else(|error| {
            let error = Type::Literal(format!("the mock's own table: {error}"));
            let broken = Def::By {
                tag: "\0".to_owned(),
                variants: BTreeMap::from([(String::new(), error)]),
            };
            Self(BTreeMap::from([(String::new(), broken)]))
        })
    }

    /// Whether `body` is a `name`.
    pub(crate) fn check(&self, name: &str, body: &Value) -> Result<(), Fault> {
        if let Some(Def::By { variants, .. }) = self.0.get("")
            && let Some(Type::Literal(error)) = variants.get("")
        {
            return Err(Fault::wrong("", error.clone()));
        }
        self.named(name, body, "")
    }

    fn named(&self, name: &str, value: &Value, at: &str) -> Result<(), Fault> {
        let Some(def) = self.0.get(name) else {
            return Err(Fault::wrong(at, format!("a {name}, which no table has")));
        };
        let Value::Object(object) = value else {
            return Err(Fault::wrong(at, "an object"));
        };
        match def {
            Def::Record { members, open } => self.record(members, *open, object, at),
            Def::By { tag, variants } => {
                let path = join(at, tag);
                let Some(found) = object.get(tag) else {
                    return Err(Fault {
                        path,
                        what: What::Missing,
                    });
                };
                match found.as_str().and_then(|found| variants.get(found)) {
                    Some(variant) => self.of_type(variant, value, at),
                    None => {
                        let known: Vec<_> = variants.keys().map(|k| format!("'{k}'")).collect();
                        Err(Fault::wrong(path, known.join(", ")))
                    }
                }
            }
        }
    }

    fn record(
        &self,
        members: &BTreeMap<String, Member>,
        open: bool,
        object: &Map<String, Value>,
        at: &str,
    ) -> Result<(), Fault> {
        for (name, value) in object {
            match members.get(name) {
                Some(member) => self.of_type(&member.of, value, &join(at, name))?,
                None if open => {}
                None => {
                    return Err(Fault {
                        path: join(at, name),
                        what: What::Unknown,
                    });
                }
            }
        }
        for (name, member) in members {
            if member.required && !object.contains_key(name) {
                return Err(Fault {
                    path: join(at, name),
                    what: What::Missing,
                });
            }
        }
        let exclusive = members.iter().filter(|(_, m)| m.exclusive);
        let mut names = exclusive.map(|(name, _)| name.as_str()).peekable();
        if names.peek().is_none() {
            return Ok(());
        }
        let names: Vec<_> = names.collect();
        match names.iter().filter(|n| object.contains_key(**n)).count() {
            1 => Ok(()),
            _ => Err(Fault::wrong(
                at,
                format!("exactly one of {}", names.join(", ")),
            )),
        }
    }

    fn of_type(&self, of: &Type, value: &Value, at: &str) -> Result<(), Fault> {
        let holds = |yes: bool, should: &str| {
            if yes {
                Ok(())
            } else {
                Err(Fault::wrong(at, should))
            }
        };
        match of {
            Type::Any => Ok(()),
            Type::Str => holds(value.is_string(), "a string"),
            Type::Int => holds(is_integer(value), "an integer"),
            Type::Num => holds(value.is_number(), "a number"),
            Type::Bool => holds(value.is_boolean(), "a boolean"),
            Type::Object => holds(value.is_object(), "an object"),
            Type::Base64 => holds(value.as_str().is_some_and(is_base64), "base64"),
            Type::Literal(text) => holds(value.as_str() == Some(text), &format!("'{text}'")),
            Type::Named(name) => self.named(name, value, at),
            Type::Nullable(inner) if value.is_null() => {
                let _ = inner;
                Ok(())
            }
            Type::Nullable(inner) => self.of_type(inner, value, at),
            Type::List(inner) => match value {
                Value::Array(items) => items
                    .iter()
                    .enumerate()
                    .try_for_each(|(i, item)| self.of_type(inner, item, &join(at, &i.to_string()))),
                _ => holds(false, "a list"),
            },
            Type::Map(inner) => match value {
                Value::Object(items) => items
                    .iter()
                    .try_for_each(|(name, item)| self.of_type(inner, item, &join(at, name))),
                _ => holds(false, "an object"),
            },
            Type::Union(types) => self.union(types, value, at),
            Type::Sized(inner, least, most) => {
                self.of_type(inner, value, at)?;
                let size = size(value);
                let should = match (least.is_finite(), most.is_finite()) {
                    (true, true) => format!("{least} at least and {most} at most"),
                    (true, false) => format!("{least} at least"),
                    _ => format!("{most} at most"),
                };
                holds((*least..=*most).contains(&size), &should)
            }
        }
    }

    /// The fault told is that of the alternative which the value was most likely meant for: the one that
    /// went deepest.
    fn union(&self, types: &[Type], value: &Value, at: &str) -> Result<(), Fault> {
        let mut faults = Vec::new();
        for of in types {
            match self.of_type(of, value, at) {
                Ok(()) => return Ok(()),
                Err(fault) => faults.push(fault),
            }
        }
        let here = |fault: &Fault| fault.path == at;
        if faults.iter().all(here) {
            let should: Vec<_> = faults.into_iter().filter_map(|f| f.what.should()).collect();
            return Err(Fault::wrong(at, should.join(" or ")));
        }
        let deepest = faults.into_iter().max_by_key(|fault| fault.path.len());
        deepest.map_or(Ok(()), Err)
    }
}

impl What {
    fn should(self) -> Option<String> {
        match self {
            Self::Wrong(should) => Some(should),
            Self::Unknown | Self::Missing => None,
        }
    }
}

fn join(at: &str, name: &str) -> String {
    if at.is_empty() {
        name.to_owned()
    } else {
        format!("{at}.{name}")
    }
}

fn is_integer(value: &Value) -> bool {
    value.is_i64() || value.is_u64()
}

fn is_base64(text: &str) -> bool {
    use base64::{Engine, prelude::BASE64_STANDARD};
    BASE64_STANDARD.decode(text).is_ok()
}

/// A number's value, the length of anything else.
#[expect(clippy::cast_precision_loss, reason = "no length here comes near 2^52")]
fn size(value: &Value) -> f64 {
    match value {
        Value::String(text) => text.chars().count() as f64,
        Value::Array(items) => items.len() as f64,
        other => other.as_f64().unwrap_or(0.0),
    }
}
