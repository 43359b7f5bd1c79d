//! JSON read strictly: a duplicate key is refused, because the provider might
//! read the other one, and nesting is bounded, because later walks recurse.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// Deepest nesting accepted in a request body; OpenAI's own JSON-schema limit is 10 levels
/// of objects, each of which takes up to three levels of JSON.
const MAX_DEPTH: usize = 64;

/// Parses `body` as one JSON value.
///
/// # Errors
/// A syntax error, trailing characters, a duplicate key, or nesting beyond 64 levels;
/// the message is fit for the client.
pub fn parse_strict(body: &[u8]) -> Result<Value, serde_json::Error> {
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    let value = Strict { depth: 0 }.deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok(value)
}

#[derive(Clone, Copy)]
struct Strict {
    depth: usize,
}

impl Strict {
    fn deeper<E: Error>(self) -> Result<Self, E> {
        if self.depth >= MAX_DEPTH {
            return Err(E::custom(format!("nested deeper than {MAX_DEPTH} levels")));
        }
        Ok(Self {
            depth: self.depth + 1,
        })
    }
}

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, v: bool) -> Result<Value, E> {
        Ok(Value::Bool(v))
    }

    fn visit_i64<E>(self, v: i64) -> Result<Value, E> {
        Ok(Value::from(v))
    }

    fn visit_u64<E>(self, v: u64) -> Result<Value, E> {
        Ok(Value::from(v))
    }

    fn visit_f64<E: Error>(self, v: f64) -> Result<Value, E> {
        Number::from_f64(v)
            .map(Value::Number)
            .ok_or_else(|| E::custom("number out of range"))
    }

    fn visit_str<E>(self, v: &str) -> Result<Value, E> {
        Ok(Value::String(v.to_owned()))
    }

    fn visit_string<E>(self, v: String) -> Result<Value, E> {
        Ok(Value::String(v))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut items = Vec::new();
        while let Some(item) = seq.next_element_seed(inner)? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut object = Map::new();
        while let Some(key) = map.next_key::<String>()? {
            if object.contains_key(&key) {
                return Err(A::Error::custom(format!("duplicate key `{key}`")));
            }
            let value = map.next_value_seed(inner)?;
            object.insert(key, value);
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_survives_in_its_own_order() {
        let text = r#"{"b":[1,-2,3.5,null,true],"a":{"z":"ü","y":18446744073709551615}}"#;
        assert_eq!(parse_strict(text.as_bytes()).unwrap().to_string(), text);
    }

    #[test]
    fn a_duplicate_key_is_refused_by_name() {
        let error = parse_strict(br#"{"a":{"model":1,"model":2}}"#).unwrap_err();
        assert!(error.to_string().contains("duplicate key `model`"));
    }

    #[test]
    fn deep_nesting_is_refused_and_does_not_overflow() {
        let fine = format!("{}1{}", "[".repeat(64), "]".repeat(64));
        assert!(parse_strict(fine.as_bytes()).is_ok());
        for depth in [65, 100_000] {
            let body = format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
            let error = parse_strict(body.as_bytes()).unwrap_err();
            assert!(error.to_string().contains("nested deeper"), "{error}");
        }
    }

    #[test]
    fn trailing_characters_are_refused() {
        assert!(parse_strict(b"{} x").is_err());
    }
}
