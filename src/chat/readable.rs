//! Whether JSON can be read and not merely stepped over. A parser that looks for one
//! member skips the others without decoding them: half a surrogate pair, a number that no
//! float holds or endless nesting pass it, and stop whoever wants the whole.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// The names under which `serde_json` hides its own types in an object: one that begins
/// with such a name is read as something else.
const RESERVED: &str = "$serde_json::private::";

/// Whether all of `text` can be read. Decodes it and keeps nothing.
pub(super) fn is_readable(text: &str) -> bool {
    serde_json::from_str::<Readable>(text).is_ok()
}

struct Readable;

impl<'de> Deserialize<'de> for Readable {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Anything)
    }
}

struct Anything;

impl<'de> Visitor<'de> for Anything {
    type Value = Readable;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_unit<E>(self) -> Result<Readable, E> {
        Ok(Readable)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Readable, E> {
        Ok(Readable)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Readable, E> {
        Ok(Readable)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Readable, E> {
        Ok(Readable)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Readable, E> {
        Ok(Readable)
    }

    fn visit_str<E>(self, _: &str) -> Result<Readable, E> {
        Ok(Readable)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Readable, A::Error> {
        while items.next_element::<Readable>()?.is_some() {}
        Ok(Readable)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Readable, A::Error> {
        while members.next_key::<Name>()?.is_some() {
            members.next_value::<Readable>()?;
        }
        Ok(Readable)
    }
}

struct Name;

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = Name;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name")
            }

            fn visit_str<E: Error>(self, name: &str) -> Result<Name, E> {
                if name.starts_with(RESERVED) {
                    return Err(E::custom("a reserved name"));
                }
                Ok(Name)
            }
        }
        deserializer.deserialize_str(Text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    fn deep(levels: usize) -> String {
        format!("{}1{}", "[".repeat(levels), "]".repeat(levels))
    }

    #[test]
    fn it_says_what_a_whole_parse_would_say() {
        let (shallow, deep) = (deep(100), deep(200));
        let digits = "9".repeat(400);
        for text in [
            r#"{"a":[1,-2,3.5,1e300,true,null,"\ud83c\udf4e\n"]}"#,
            &shallow,
            &deep,
            &digits,
            "1e999",
            r#""\ud83d""#,
            r#"{"\udf4e":1}"#,
            r#"{"a":{"b":"\ud83d\ud83d"}}"#,
            r#"{"$serde_json::private::RawValue":7}"#,
            "{} x",
            "",
        ] {
            let parsed = serde_json::from_str::<Value>(text).is_ok();
            assert_eq!(is_readable(text), parsed, "{text:.60}");
        }
    }

    #[test]
    fn an_object_that_would_be_read_as_another_is_not_readable() {
        assert!(!is_readable(
            r#"[{"$serde_json::private::RawValue":"[1]"}]"#
        ));
    }
}
