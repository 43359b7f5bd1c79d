//! How a namespace's entries are told apart for their room: by the patterns of models that have one of their own, and
//! the rest together. Pure: knows neither entries nor policies.

use std::collections::BTreeMap;

use super::line::Number;
use crate::cache::policy::Narrowest;

/// How many entries a namespace may hold; 0: any number of them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Bound {
    /// Of all models for which no pattern says otherwise.
    rest: u64,
    /// Of the models of each pattern; none: they belong to the rest.
    models: BTreeMap<String, Option<u64>>,
}

impl Bound {
    /// Takes what is said of the rest, and of patterns; none where nothing is bounded.
    pub(super) fn new<'a>(
        rest: u64,
        models: impl Iterator<Item = (&'a String, Option<u64>)> + Clone,
    ) -> Option<Self> {
        let said = || models.clone().filter_map(|(_, own)| own);
        if rest == 0 && said().all(|own| own == 0) {
            return None;
        }
        // Patterns of which none says anything tell nobody apart: a change of these must not count anew.
        let parted = said().next().is_some();
        let models = models.filter(|_| parted);
        Some(Self {
            rest,
            models: models.map(|(p, own)| (p.clone(), own)).collect(),
        })
    }

    /// Whether two tell the same entries apart, however many of these may be. Else what is counted by one proves
    /// nothing for the other: the narrowest pattern of a model may be another one.
    pub(super) fn parts_as(&self, other: &Self) -> bool {
        let parts = |bound: &Self| {
            let parts = bound
                .models
                .iter()
                .map(|(p, own)| (p.clone(), own.is_some()));
            parts.collect::<Vec<_>>()
        };
        parts(self) == parts(other)
    }

    /// Who has a bound, by pattern, the rest under none, and which.
    pub(super) fn capacities(&self) -> impl Iterator<Item = (Option<&String>, u64)> {
        let rest = std::iter::once((None, self.rest));
        let models = self.models.iter();
        let models = models.filter_map(|(pattern, own)| Some((Some(pattern), (*own)?)));
        rest.chain(models).filter(|(_, capacity)| *capacity > 0)
    }
}

/// The lines of a namespace.
#[derive(Debug, Default)]
pub(super) struct Split {
    /// What they are made for.
    pub(super) bound: Bound,
    /// By pattern, that of the rest under none.
    pub(super) lines: BTreeMap<Option<String>, Number>,
    models: Narrowest<Option<Number>>,
}

impl Split {
    /// Takes the lines of all that a bound bounds.
    pub(super) fn new(bound: Bound, lines: BTreeMap<Option<String>, Number>) -> Self {
        let rest = lines.get(&None).copied();
        let models = bound.models.iter().map(|(pattern, own)| {
            let number = match own {
                Some(_) => lines.get(&Some(pattern.clone())).copied(),
                None => rest,
            };
            (pattern.clone(), number)
        });
        Self {
            models: Narrowest::new(models),
            bound,
            lines,
        }
    }

    /// The line of a model; none: nothing bounds it.
    pub(super) fn of(&self, model: &str) -> Option<Number> {
        let found = self.models.of(model);
        found.map_or_else(|| self.rest(), |(_, number)| *number)
    }

    /// The line of all models without one of their own.
    pub(super) fn rest(&self) -> Option<Number> {
        self.lines.get(&None).copied()
    }

    /// The line of the models of a pattern, as far as that is one.
    pub(super) fn of_pattern(&self, pattern: &str) -> Option<Number> {
        let named = self.models.named(pattern);
        named.map_or_else(|| self.of(pattern), |number| *number)
    }
}
