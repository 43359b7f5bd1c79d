//! JSON read strictly: a duplicate key is refused, because the provider might
//! read the other one, nesting is bounded, because later walks recurse, so is the
//! number of values, because a byte of text may take fifty of memory, and numbers
//! that a float does not hold are told, because two of them may differ.

use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::map::Entry;
use serde_json::{Map, Number, Value};

/// Deepest nesting accepted in a request body; OpenAI's own JSON-schema limit is 10 levels
/// of objects, each of which takes up to three levels of JSON.
const MAX_DEPTH: usize = 64;

/// Most values accepted in a request body. A conversation of a million tokens in messages of a
/// hundred, with two values to each part of a message and a hundred tool schemas, has about a
/// hundred thousand: this is ten times that.
const MAX_VALUES: usize = 1_000_000;

/// Characters of a name that an error repeats.
const MAX_TOLD: usize = 64;

/// Parses `body` as one JSON value.
///
/// # Errors
/// A syntax error, trailing characters, a duplicate key, nesting beyond 64 levels, or
/// more than a million values; the message is fit for the client.
pub fn parse_strict(body: &[u8]) -> Result<Value, serde_json::Error> {
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    let left = Cell::new(MAX_VALUES);
    let strict = Strict {
        depth: 0,
        left: &left,
    };
    let value = strict.deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok(value)
}

/// Whether the parsed form of a valid JSON text tells all its numbers as they are written there.
#[must_use]
pub fn is_exact(text: &str) -> bool {
    inexact_numbers(text).is_empty()
}

/// The numbers in a valid JSON text that its parsed form may share with others: those of more
/// than 15 significant digits, all that a float tells apart everywhere, or beyond its range.
/// Whole numbers of 64 bits are not among them. Each comes with its place among all numbers.
#[must_use]
pub(super) fn inexact_numbers(text: &str) -> Vec<(u64, &str)> {
    let mut found = Vec::new();
    let mut place = 0;
    let mut rest = text;
    while let Some(at) = rest.find(|c: char| c == '"' || c == '-' || c.is_ascii_digit()) {
        let here = rest.get(at..).unwrap_or_default();
        let end = if here.starts_with('"') {
            string_end(here)
        } else {
            let more = |c: char| !(c.is_ascii_digit() || "+-.eE".contains(c));
            let end = here.find(more).unwrap_or(here.len());
            let number = here.get(..end).filter(|number| !is_exact_number(number));
            found.extend(number.map(|number| (place, number)));
            place += 1;
            end
        };
        rest = here.get(end..).unwrap_or_default();
    }
    found
}

/// Where the string that `text` begins with ends.
fn string_end(text: &str) -> usize {
    let mut escaped = false;
    let closes = |(_, byte): &(usize, u8)| {
        let closes = *byte == b'"' && !escaped;
        escaped = *byte == b'\\' && !escaped;
        closes
    };
    let mut bytes = text.bytes().enumerate().skip(1);
    bytes.find(closes).map_or(text.len(), |(at, _)| at + 1)
}

fn is_exact_number(number: &str) -> bool {
    let whole = number.parse::<i64>().is_ok() || number.parse::<u64>().is_ok();
    let (mantissa, exponent) = number.split_once(['e', 'E']).unwrap_or((number, "0"));
    let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
    let digits = digits.trim_matches('0').len();
    // Far inside of what a float spans, whatever the length of the mantissa.
    let near = exponent.parse::<i32>().is_ok_and(|e| e.abs() <= 250);
    whole || digits <= 15 && near && mantissa.len() <= 40
}

/// A name as it is repeated to the client: it may be as long as the body.
fn shortened(name: &str) -> String {
    match name.char_indices().nth(MAX_TOLD) {
        Some((end, _)) => format!("{}…", name.get(..end).unwrap_or_default()),
        None => name.to_owned(),
    }
}

#[derive(Clone, Copy)]
struct Strict<'a> {
    depth: usize,
    /// Values that may still come, wherever.
    left: &'a Cell<usize>,
}

impl Strict<'_> {
    fn deeper<E: Error>(self) -> Result<Self, E> {
        if self.depth >= MAX_DEPTH {
            return Err(E::custom(format!("nested deeper than {MAX_DEPTH} levels")));
        }
        Ok(Self {
            depth: self.depth + 1,
            left: self.left,
        })
    }

    fn count<E: Error>(self) -> Result<(), E> {
        let left = self.left.get().checked_sub(1);
        let many = || E::custom(format!("more than {MAX_VALUES} values"));
        self.left.set(left.ok_or_else(many)?);
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        self.count()?;
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
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
            match object.entry(key) {
                Entry::Vacant(place) => {
                    place.insert(map.next_value_seed(inner)?);
                }
                Entry::Occupied(taken) => {
                    let key = shortened(taken.key());
                    return Err(A::Error::custom(format!("duplicate key `{key}`")));
                }
            }
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
        let long = "é".repeat(100_000);
        let error = parse_strict(format!("{{\"{long}\":1,\"{long}\":2}}").as_bytes()).unwrap_err();
        assert!(error.to_string().contains("éé…`") && error.to_string().len() < 256);
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
    fn a_body_of_more_values_than_any_conversation_has_is_refused() {
        // The list is a value, too.
        let ones = |count: usize| format!("[{}1]", "1,".repeat(count - 2));
        let pairs = format!("[{}0]", "{\"\":[]},".repeat(MAX_VALUES / 2));
        assert!(parse_strict(ones(MAX_VALUES).as_bytes()).is_ok());
        for body in [ones(MAX_VALUES + 1), pairs] {
            let error = parse_strict(body.as_bytes()).unwrap_err();
            assert!(error.to_string().contains("more than 1000000 values"));
        }
    }

    #[test]
    fn numbers_that_a_float_may_confuse_are_told_as_they_stand() {
        let text = r#"{"0.1234567890123456789":"1.00000000000000000001 \\\" 2e999","a":[
            0.1,1e2,-3.5E-7,18446744073709551615,-9223372036854775808,0.100000000000000000,1.0],
            "b":0.70000000000000001,"c":18446744073709551616,"d":-1e-300}"#;
        assert!(parse_strict(text.as_bytes()).is_ok());
        assert_eq!(
            inexact_numbers(text),
            [
                (7, "0.70000000000000001"),
                (8, "18446744073709551616"),
                (9, "-1e-300")
            ]
        );
    }

    #[test]
    fn trailing_characters_are_refused() {
        assert!(parse_strict(b"{} x").is_err());
    }
}
