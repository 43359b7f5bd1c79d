//! Parts of system prompts that a policy says do not matter, such as today's date or a request's id: found by
//! patterns, and left out of what must be equal. Knows nothing of policies or of who asks.

use std::ops::Range;
use std::sync::Arc;

use regex::{Regex, RegexBuilder};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::Value;

use crate::chat::CanonicalHasher;

/// Patterns of one policy.
const PATTERNS: usize = 16;
/// Bytes of one pattern.
const PATTERN_BYTES: usize = 1000;
/// Bytes of a compiled one: what a pattern of that length needs, without counted repeats of repeats.
const COMPILED_BYTES: usize = 1 << 20;
/// A pattern that takes the whole of this takes any prompt.
const ANY_PROMPT: &str = "You are a helpful assistant.";

/// Patterns of what is left out; where one has groups, only what they hold.
#[derive(Debug, Clone, Default)]
pub struct Spans(Arc<[Regex]>);

impl Spans {
    /// Compiles patterns in the syntax of the `regex` crate, which matches in linear time.
    ///
    /// # Errors
    /// What they must be.
    pub fn parse<T: AsRef<str>>(patterns: &[T]) -> Result<Self, &'static str> {
        if patterns.len() > PATTERNS {
            return Err("at most 16 patterns");
        }
        let compiled: Result<Vec<Regex>, _> =
            patterns.iter().map(|p| compiled(p.as_ref())).collect();
        compiled.map(|patterns| Self(patterns.into()))
    }

    /// Whether nothing is left out.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What is left out of `text`, in order and without overlap.
    #[must_use]
    pub fn left_out(&self, text: &str) -> Vec<Range<usize>> {
        let mut found: Vec<Range<usize>> = Vec::new();
        for pattern in self.0.iter() {
            let groups = if pattern.captures_len() > 1 { 1 } else { 0 };
            for captures in pattern.captures_iter(text) {
                let held = captures.iter().skip(groups).flatten();
                found.extend(held.map(|m| m.range()).filter(|r| !r.is_empty()));
            }
        }
        found.sort_unstable_by_key(|r| (r.start, r.end));
        let mut merged: Vec<Range<usize>> = Vec::new();
        for next in found {
            match merged.last_mut() {
                Some(last) if next.start <= last.end => last.end = last.end.max(next.end),
                _ => merged.push(next),
            }
        }
        merged
    }

    /// What is left of `text`: one piece more than there are gaps.
    #[must_use]
    pub fn kept<'a>(&self, text: &'a str) -> Vec<&'a str> {
        let gaps = self.left_out(text);
        let starts = std::iter::once(0).chain(gaps.iter().map(|g| g.end));
        let ends = gaps.iter().map(|g| g.start).chain([text.len()]);
        starts.zip(ends).map(|(from, to)| &text[from..to]).collect()
    }

    /// Adds a system message without what is left out; one of which nothing is, as it stands.
    pub fn hash(&self, message: &Value, hasher: &mut CanonicalHasher) {
        let (Value::Object(turn), true) = (message, self.finds_in(message)) else {
            hasher.value(message);
            return;
        };
        hasher.text("with gaps").object(turn, |k, _| k != "content");
        match turn.get("content") {
            Some(Value::String(text)) => self.hash_kept(text, hasher),
            Some(Value::Array(parts)) => {
                hasher.bytes(&parts.len().to_le_bytes());
                parts.iter().for_each(|part| self.hash_part(part, hasher));
            }
            _ => {}
        }
    }

    fn hash_part(&self, part: &Value, hasher: &mut CanonicalHasher) {
        match (part, part.get("text")) {
            (Value::Object(members), Some(Value::String(text))) => {
                hasher.text("part").object(members, |k, _| k != "text");
                self.hash_kept(text, hasher);
            }
            _ => {
                hasher.text("whole").value(part);
            }
        }
    }

    fn hash_kept(&self, text: &str, hasher: &mut CanonicalHasher) {
        let kept = self.kept(text);
        hasher.bytes(&kept.len().to_le_bytes());
        for piece in kept {
            hasher.text(piece);
        }
    }

    fn finds_in(&self, message: &Value) -> bool {
        let finds = |text: &str| !self.left_out(text).is_empty();
        match message.get("content") {
            Some(Value::String(text)) => finds(text),
            Some(Value::Array(parts)) => {
                let texts = parts.iter().filter_map(|p| p.get("text")?.as_str());
                texts.into_iter().any(finds)
            }
            _ => false,
        }
    }
}

fn compiled(pattern: &str) -> Result<Regex, &'static str> {
    if pattern.len() > PATTERN_BYTES {
        return Err("patterns of at most 1000 bytes");
    }
    let built = RegexBuilder::new(pattern)
        .size_limit(COMPILED_BYTES)
        .build();
    let built = built.map_err(|_| "regular expressions in the syntax of Rust's `regex`")?;
    let all = |m: regex::Match<'_>| m.len() == ANY_PROMPT.len();
    if built.is_match("") || built.find(ANY_PROMPT).is_some_and(all) {
        return Err("patterns that do not match just any text");
    }
    Ok(built)
}

impl PartialEq for Spans {
    fn eq(&self, other: &Self) -> bool {
        let texts = |s: &Self| s.0.iter().map(Regex::as_str).map(str::to_owned).collect();
        let (one, two): (Vec<String>, Vec<String>) = (texts(self), texts(other));
        one == two
    }
}

impl Serialize for Spans {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(Regex::as_str))
    }
}

impl<'de> Deserialize<'de> for Spans {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let texts = Vec::<String>::deserialize(from)?;
        Self::parse(&texts).map_err(|expected| de::Error::custom(format!("must be {expected}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn hash(spans: &Spans, content: Value) -> [u8; 32] {
        let mut hasher = CanonicalHasher::new("test");
        let message = json!({"role": "system", "content": content});
        spans.hash(&message, &mut hasher);
        hasher.finish()
    }

    #[test]
    fn what_is_left_out_does_not_count_and_all_else_does() {
        let dates = Spans::parse(&[r"\d{4}-\d{2}-\d{2}"]).unwrap();
        let of = |text: &str| hash(&dates, json!(text));
        assert_eq!(of("It is 2026-11-28."), of("It is 2026-11-29."));
        assert_ne!(of("It is 2026-11-28."), of("It was 2026-11-28."));
        assert_ne!(of("It is 2026-11-28."), of("It is ."));
        assert_ne!(of("2026-11-28 or 2026-11-29"), of("2026-11-28 or "));
        let parts = |text| hash(&dates, json!([{"type": "text", "text": text}]));
        assert_eq!(parts("It is 2026-11-28."), parts("It is 2026-11-29."));
        assert_ne!(parts("It is 2026-11-28."), of("It is 2026-11-28."));
        let none = |text: &str| hash(&Spans::default(), json!(text));
        assert_eq!(of("No date."), none("No date."));
    }

    #[test]
    fn groups_say_which_part_of_a_match_is_left_out() {
        let spans = Spans::parse(&[r"for (\w+) of (\w+)", "Ann"]).unwrap();
        assert_eq!(
            spans.kept("You work for Ann of Acme."),
            ["You work for ", " of ", "."]
        );
        assert_eq!(spans.kept("nothing"), ["nothing"]);
    }

    #[test]
    fn patterns_that_take_any_text_or_none_are_refused() {
        for bad in [".*", ".+", "(?s).*", "x?", "", "(", "(?-u:\\xff)"] {
            assert!(Spans::parse(&[bad]).is_err(), "{bad}");
        }
        assert!(Spans::parse(&vec!["x"; PATTERNS + 1]).is_err());
        assert!(Spans::parse(&["x".repeat(PATTERN_BYTES + 1)]).is_err());
        assert!(Spans::parse(&["(x{1000}){1000}".repeat(3)]).is_err());
    }
}
