//! What is known of models: who offers them, how much they take, what they can
//! and what they cost. Data (`catalogue.toml`), under a version; a file of one's
//! own is laid over it entry by entry.

mod entry;
mod live;
mod names;
mod sheet;

use std::collections::HashMap;

use super::memo::Memo;

pub use entry::{Capability, Entry, Modalities, Modality, Task};
pub use live::{CatalogueFault, LiveCatalogue, Reloaded};
pub use sheet::Sheet;

/// All entries, to be looked up by provider and name.
#[derive(Debug, Default)]
pub struct Catalogue {
    entries: Vec<Entry>,
    families: HashMap<Box<str>, Family>,
    /// What names resolved to where the provider is of no known family.
    known: Memo<usize>,
    versions: Vec<String>,
}

/// The entries of one provider, by their places.
#[derive(Debug, Default)]
struct Family {
    exact: HashMap<Box<str>, usize>,
    patterns: Vec<usize>,
    known: Memo<usize>,
}

impl Catalogue {
    /// Of `sheets`, the strongest first: an entry of a stronger one gives its members to the entry of the same
    /// provider and id, and its patterns are looked at before those of others.
    #[must_use]
    pub fn of(sheets: &[Sheet]) -> Self {
        let mut catalogue = Self {
            versions: sheets.iter().map(Sheet::version).collect(),
            ..Self::default()
        };
        for entry in sheet::merged(sheets) {
            catalogue.add(entry);
        }
        catalogue
    }

    fn add(&mut self, entry: Entry) {
        let place = self.entries.len();
        let family = self
            .families
            .entry(entry.provider.as_str().into())
            .or_default();
        if entry.id.is_exact() {
            family
                .exact
                .entry(entry.id.as_str().into())
                .or_insert(place);
        } else {
            family.patterns.push(place);
        }
        for alias in &entry.aliases {
            family.exact.entry(alias.as_str().into()).or_insert(place);
        }
        self.entries.push(entry);
    }

    /// The entry of `model` at a provider of `family`: by its exact name or an alias, then by pattern, then the same
    /// without the date at its end; then, if it is `vendor/model`, that of the vendor. Where the family is not known
    /// all are looked at, and of several the dearest counts, so that no estimate is too low.
    #[must_use]
    pub fn find(&self, family: Option<&str>, model: &str) -> Option<&Entry> {
        let place = match family {
            None => self.known.get(model, || self.anywhere(model)),
            Some(name) => match self.families.get(name) {
                Some(family) => family.known.get(model, || {
                    self.within(family, model).or(self.at_vendor(model))
                }),
                None => self.at_vendor(model),
            },
        };
        self.entries.get(place?)
    }

    /// Every entry, the strongest first.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter()
    }

    /// The versions of what it was made of, the strongest first.
    #[must_use]
    pub fn versions(&self) -> &[String] {
        &self.versions
    }

    fn within(&self, family: &Family, model: &str) -> Option<usize> {
        names::spellings(model).find_map(|name| self.named(family, name))
    }

    fn named(&self, family: &Family, name: &str) -> Option<usize> {
        let by_pattern = || {
            let mut patterns = family.patterns.iter().copied();
            patterns.find(|place| {
                let entry = self.entries.get(*place);
                entry.is_some_and(|entry| entry.id.matches(name))
            })
        };
        family.exact.get(name).copied().or_else(by_pattern)
    }

    fn at_vendor(&self, model: &str) -> Option<usize> {
        let (vendor, name) = names::vendor(model)?;
        let family = self.families.get(vendor)?;
        let hyphened = || self.within(family, &name.replace('.', "-"));
        self.within(family, name).or_else(hyphened)
    }

    fn anywhere(&self, model: &str) -> Option<usize> {
        let dearer = |a: &usize, b: &usize| self.weight(*a).total_cmp(&self.weight(*b));
        let dearest = names::spellings(model).find_map(|name| {
            let found = self.families.values().filter_map(|f| self.named(f, name));
            found.max_by(dearer)
        });
        dearest.or_else(|| self.at_vendor(model))
    }

    /// By which the dearer of two entries is told.
    fn weight(&self, place: usize) -> f64 {
        let price = self.entries.get(place).and_then(|entry| entry.price);
        price.map_or(-1.0, |price| price.rate.input + price.rate.output)
    }
}

#[cfg(test)]
mod tests;
