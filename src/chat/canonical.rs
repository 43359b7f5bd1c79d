//! Hashing JSON in a canonical form: two bodies that say the same thing in
//! another key order hash alike, and no two different values can collide by
//! how they are laid out, because each is tagged with its type and length.

use serde_json::{Map, Value};

/// A keyless BLAKE3 hash over tagged values.
#[derive(Default)]
pub struct CanonicalHasher(blake3::Hasher);

impl CanonicalHasher {
    /// Starts a hash for one purpose; different `domain`s never collide.
    #[must_use]
    pub fn new(domain: &str) -> Self {
        let mut hasher = Self::default();
        hasher.text(domain);
        hasher
    }

    /// Adds a string, prefixed with its length.
    pub fn text(&mut self, text: &str) -> &mut Self {
        self.tagged(b's', text.as_bytes())
    }

    /// Adds bytes of a fixed meaning, such as another hash.
    pub fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.tagged(b'b', bytes)
    }

    /// Adds a whole JSON value.
    pub fn value(&mut self, value: &Value) -> &mut Self {
        match value {
            Value::Null => self.tagged(b'0', &[]),
            Value::Bool(v) => self.tagged(b't', &[u8::from(*v)]),
            Value::Number(n) => self.number(n),
            Value::String(s) => self.text(s),
            Value::Array(items) => {
                self.length(b'a', items.len());
                for item in items {
                    self.value(item);
                }
                self
            }
            Value::Object(map) => self.object(map, |_, _| true),
        }
    }

    /// Adds those members of an object that pass `keep`, in key order.
    pub fn object(
        &mut self,
        map: &Map<String, Value>,
        keep: impl Fn(&str, &Value) -> bool,
    ) -> &mut Self {
        let members = map.iter().map(|(key, value)| (key.as_str(), value));
        self.members(members.filter(|(key, value)| keep(key, value)))
    }

    /// Adds members of an object, in key order.
    pub fn members<'a>(
        &mut self,
        members: impl Iterator<Item = (&'a str, &'a Value)>,
    ) -> &mut Self {
        let mut members: Vec<_> = members.collect();
        members.sort_unstable_by_key(|(key, _)| *key);
        self.length(b'o', members.len());
        for (key, value) in members {
            self.text(key).value(value);
        }
        self
    }

    /// The finished hash.
    #[must_use]
    pub fn finish(&self) -> [u8; 32] {
        *self.0.finalize().as_bytes()
    }

    /// A number by value, so that `1` and `1.0` are one: JSON has no integers.
    fn number(&mut self, n: &serde_json::Number) -> &mut Self {
        if let Some(v) = n.as_i64() {
            self.tagged(b'i', &v.to_le_bytes())
        } else if let Some(v) = n.as_u64() {
            self.tagged(b'u', &v.to_le_bytes())
        } else {
            let v = n.as_f64().unwrap_or(f64::NAN);
            // 2^53: below it every whole number is exact in both forms.
            if v.fract() == 0.0 && v.abs() < 9_007_199_254_740_992.0 {
                #[allow(
                    clippy::cast_possible_truncation,
                    reason = "a whole number below 2^53 fits"
                )]
                let whole = v as i64;
                self.tagged(b'i', &whole.to_le_bytes())
            } else {
                self.tagged(b'f', &v.to_bits().to_le_bytes())
            }
        }
    }

    fn tagged(&mut self, tag: u8, bytes: &[u8]) -> &mut Self {
        self.length(tag, bytes.len());
        self.0.update(bytes);
        self
    }

    fn length(&mut self, tag: u8, length: usize) {
        let mut head = [0u8; 9];
        head[0] = tag;
        head[1..].copy_from_slice(&(length as u64).to_le_bytes());
        self.0.update(&head);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn hash(value: &Value) -> [u8; 32] {
        CanonicalHasher::new("test").value(value).finish()
    }

    #[test]
    fn key_order_and_number_form_do_not_matter() {
        let a: Value = serde_json::from_str(r#"{"x":1,"y":{"p":0.5,"q":[1.0]}}"#).unwrap();
        let b: Value = serde_json::from_str(r#"{"y":{"q":[1],"p":5e-1},"x":1.0}"#).unwrap();
        assert_eq!(hash(&a), hash(&b));
    }

    #[test]
    fn a_member_that_is_left_out_does_not_count() {
        let full = json!({"a": 1, "b": 2});
        let kept = CanonicalHasher::new("test")
            .object(full.as_object().unwrap(), |key, _| key != "a")
            .finish();
        assert_eq!(kept, hash(&json!({"b": 2})));
    }

    #[test]
    fn different_values_differ() {
        let values = [
            json!(null),
            json!(false),
            json!(0),
            json!("0"),
            json!(""),
            json!([]),
            json!([[]]),
            json!({}),
            json!(["a", "b"]),
            json!(["ab"]),
            json!([["a"], "b"]),
            json!({"a": "b"}),
            json!({"ab": ""}),
            json!({"ab": null}),
            json!(0.1),
            json!(-1),
            json!(u64::MAX),
        ];
        for (i, a) in values.iter().enumerate() {
            for b in &values[i + 1..] {
                assert_ne!(hash(a), hash(b), "{a} and {b}");
            }
        }
    }
}
