//! What is said for models by patterns: of those that fit a model the narrowest holds, alone.

use std::cmp::Reverse;

use crate::config::Pattern;

/// Something for each of some patterns.
#[derive(Debug, Clone)]
pub(in crate::cache) struct Narrowest<T>(Vec<(Pattern, T)>);

impl<T> Default for Narrowest<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> Narrowest<T> {
    /// Takes patterns, of which those that are none are left out.
    pub(in crate::cache) fn new(said: impl IntoIterator<Item = (String, T)>) -> Self {
        let parsed = said
            .into_iter()
            .filter_map(|(pattern, what)| Some((Pattern::parse(&pattern).ok()?, what)));
        let mut all: Vec<_> = parsed.collect();
        // A plain name before patterns, and of patterns the one that says more.
        all.sort_by_key(|(p, _)| (!p.is_exact(), Reverse(p.as_str().len())));
        Self(all)
    }

    /// What holds for a model, with its pattern.
    pub(in crate::cache) fn of(&self, model: &str) -> Option<(&str, &T)> {
        let found = self.0.iter().find(|(p, _)| p.matches(model));
        found.map(|(pattern, what)| (pattern.as_str(), what))
    }

    /// What a pattern says.
    pub(in crate::cache) fn named(&self, pattern: &str) -> Option<&T> {
        let found = self.0.iter().find(|(p, _)| p.as_str() == pattern);
        found.map(|(_, what)| what)
    }

    /// Something else for each.
    pub(super) fn map<U>(&self, of: impl Fn(&T) -> U) -> Narrowest<U> {
        let all = self.0.iter().map(|(p, what)| (p.clone(), of(what)));
        Narrowest(all.collect())
    }
}
