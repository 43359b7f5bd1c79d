//! Changes single members of a JSON object's text and leaves every other byte as
//! it came: a number of more digits than a float holds stays what it was.

use std::borrow::Cow;
use std::fmt;

use serde::Deserializer;
use serde::de::{MapAccess, Visitor};
use serde_json::value::RawValue;

/// A member: its name, decoded, and its value as it stands in the text.
pub(crate) type Member<'a> = (Cow<'a, str>, &'a RawValue);

/// The members of the object that `text` is, in order.
///
/// # Errors
/// Text that is not one JSON object.
pub(crate) fn members(text: &str) -> Result<Vec<Member<'_>>, serde_json::Error> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let members = deserializer.deserialize_map(Members)?;
    deserializer.end()?;
    Ok(members)
}

/// `text`, an object, with the values of some members replaced, or added at its end.
///
/// # Errors
/// Text that is not one JSON object.
pub(super) fn with_members(
    text: &str,
    changes: &[(&str, &str)],
) -> Result<String, serde_json::Error> {
    let members = members(text)?;
    let mut object = Object::with_capacity(text.len() + 64);
    for (name, value) in &members {
        let change = changes.iter().find(|(changed, _)| changed == name);
        object.push(name, change.map_or(value.get(), |(_, value)| value));
    }
    for (name, value) in changes {
        if !members.iter().any(|(known, _)| known == name) {
            object.push(name, value);
        }
    }
    Ok(object.end())
}

/// What becomes of a member.
pub(super) enum Changed {
    /// It stays.
    Nothing,
    /// It goes.
    Gone,
    /// It gets another name.
    Name(String),
    /// It gets another value, which is JSON already.
    Value(String),
}

/// The object of `members` after `change` has seen each; none where nothing changes.
pub(super) fn changed_members(
    members: &[Member<'_>],
    change: impl Fn(&str, &str) -> Changed,
) -> Option<String> {
    let mut object = Object::with_capacity(1024);
    let mut changed = false;
    for (name, value) in members {
        let change = change(name, value.get());
        changed |= !matches!(change, Changed::Nothing);
        match change {
            Changed::Nothing => object.push(name, value.get()),
            Changed::Gone => {}
            Changed::Name(name) => object.push(&name, value.get()),
            Changed::Value(value) => object.push(name, &value),
        }
    }
    changed.then(|| object.end())
}

/// The items of the list that `text` is, each as it stands there.
///
/// # Errors
/// Text that is not one JSON list.
pub(super) fn list(text: &str) -> Result<Vec<&str>, serde_json::Error> {
    let items: Vec<&RawValue> = serde_json::from_str(text)?;
    Ok(items.into_iter().map(RawValue::get).collect())
}

/// An object that is written member by member.
pub(crate) struct Object(String);

impl Object {
    /// An empty one with room for `bytes`.
    pub(crate) fn with_capacity(bytes: usize) -> Self {
        let mut text = String::with_capacity(bytes);
        text.push('{');
        Self(text)
    }

    /// Adds a member; `value` is JSON already.
    pub(crate) fn push(&mut self, name: &str, value: &str) {
        if self.0.len() > 1 {
            self.0.push(',');
        }
        let plain = |b: u8| b != b'"' && b != b'\\' && b >= b' ';
        if name.bytes().all(plain) {
            self.0.extend(["\"", name, "\":"]);
        } else {
            self.0.extend([&*quoted(name), ":"]);
        }
        self.0.push_str(value);
    }

    /// The whole text.
    pub(crate) fn end(mut self) -> String {
        self.0.push('}');
        self.0
    }
}

/// A string as JSON.
pub(super) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

struct Members;

impl<'de> Visitor<'de> for Members {
    type Value = Vec<Member<'de>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::with_capacity(8);
        while let Some(Name(name)) = map.next_key()? {
            members.push((name, map.next_value()?));
        }
        Ok(members)
    }
}

/// A name that is borrowed wherever it has no escapes: `Cow` alone never is.
struct Name<'a>(Cow<'a, str>);

impl<'de: 'a, 'a> serde::Deserialize<'de> for Name<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl<'de> Visitor<'de> for Text {
            type Value = Cow<'de, str>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Cow::Borrowed(text))
            }

            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Cow::Owned(text.to_owned()))
            }
        }
        deserializer.deserialize_str(Text).map(Name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_named_members_change_and_the_rest_stays_byte_for_byte() {
        let text = r#" { "model" : "a", "t":1e2, "n": 0.10000000000000000001 ,"x":[ 1.0 ] } "#;
        let changed = with_members(text, &[("model", "\"b\""), ("new", "{}")]).unwrap();
        assert_eq!(
            changed,
            r#"{"model":"b","t":1e2,"n":0.10000000000000000001,"x":[ 1.0 ],"new":{}}"#
        );
    }

    #[test]
    fn a_name_counts_as_it_reads_and_not_as_it_is_written() {
        let changed = with_members(r#"{"mod\u0065l":1,"a\"b":2}"#, &[("model", "3")]);
        assert_eq!(changed.unwrap(), r#"{"model":3,"a\"b":2}"#);
    }

    #[test]
    fn what_is_no_object_is_refused() {
        for text in ["[1]", "{", "{} x", "", "7"] {
            assert!(members(text).is_err(), "{text}");
        }
        assert!(members("{}").unwrap().is_empty());
    }
}
