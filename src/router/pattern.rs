//! Patterns of model names, as providers claim them and routes lead them.

use globset::{Glob, GlobMatcher};

use super::RouterError;

/// One of them.
pub(super) enum Pattern {
    /// `*`, by far the most common one.
    Any,
    Exact(String),
    Glob(GlobMatcher),
}

impl Pattern {
    pub(super) fn new(text: &str) -> Result<Self, RouterError> {
        if text == "*" {
            return Ok(Self::Any);
        }
        if !text.contains(['*', '?', '[', '{', '\\']) {
            return Ok(Self::Exact(text.to_owned()));
        }
        let glob = Glob::new(text).map_err(|e| RouterError::Pattern {
            pattern: text.to_owned(),
            reason: e.kind().to_string(),
        })?;
        Ok(Self::Glob(glob.compile_matcher()))
    }

    pub(super) fn claims(&self, model: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Exact(name) => name == model,
            Self::Glob(glob) => glob.is_match(model),
        }
    }
}
