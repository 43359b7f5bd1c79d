//! A pattern over model names, compiled once. Does not know what it selects.

use globset::{Glob, GlobMatcher};
use serde::{Deserialize, Deserializer, de};

/// Text that a pattern cannot be made of.
#[derive(Debug, thiserror::Error)]
#[error("is not a pattern: {0}")]
pub struct BadPattern(String);

/// A model name, or a pattern of `*`, `?`, `[…]`, `{a,b}` over model names.
#[derive(Clone, Debug)]
pub struct Pattern {
    text: String,
    /// `None` for a plain name, which is compared and not matched.
    glob: Option<GlobMatcher>,
}

impl Pattern {
    /// Compiles `text`.
    ///
    /// # Errors
    /// When it is empty or its brackets do not close.
    pub fn parse(text: &str) -> Result<Self, BadPattern> {
        if text.trim().is_empty() {
            return Err(BadPattern("it is empty".into()));
        }
        let glob = if text.contains(['*', '?', '[', '{', '\\']) {
            let glob = Glob::new(text).map_err(|e| BadPattern(e.kind().to_string()))?;
            Some(glob.compile_matcher())
        } else {
            None
        };
        Ok(Self {
            text: text.to_owned(),
            glob,
        })
    }

    /// Matches every name.
    #[must_use]
    pub fn any() -> Self {
        Self {
            text: "*".into(),
            glob: Glob::new("*").ok().map(|g| g.compile_matcher()),
        }
    }

    /// Whether `name` is one of those meant.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        match &self.glob {
            Some(glob) => glob.is_match(name),
            None => self.text == name,
        }
    }

    /// Whether it means exactly one name.
    #[must_use]
    pub fn is_exact(&self) -> bool {
        self.glob.is_none()
    }

    /// As it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl<'de> Deserialize<'de> for Pattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::Pattern;

    #[test]
    fn a_star_spans_slashes_because_model_names_contain_them() {
        assert!(
            Pattern::parse("meta-*")
                .unwrap()
                .matches("meta-llama/Llama-3")
        );
        assert!(Pattern::any().matches("a/b"));
    }

    #[test]
    fn a_plain_name_matches_only_itself() {
        let plain = Pattern::parse("gpt-4.1").unwrap();
        assert!(plain.is_exact() && plain.matches("gpt-4.1"));
        assert!(!plain.matches("gpt-4x1") && !plain.matches("gpt-4.1-mini"));
    }

    #[test]
    fn a_bracket_that_does_not_close_is_refused() {
        assert!(Pattern::parse("gpt-[4").is_err());
        assert!(Pattern::parse(" ").is_err());
    }
}
