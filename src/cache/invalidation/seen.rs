//! Marks as they are looked up: by whose entries they are about, then by what of them. Pure.

use std::collections::HashMap;

use super::{Features, Mark, Realm, What};

/// A set of marks.
#[derive(Debug, Clone, Default)]
pub(super) struct Seen {
    newest: u64,
    /// The latest date before which any realm has lost its answers.
    latest_date: u64,
    realms: HashMap<Realm, Marked>,
}

/// Marks of one realm; each is the generation of the last one of its kind.
#[derive(Debug, Clone, Default)]
struct Marked {
    all: Option<u64>,
    /// The date, and the generation of its mark.
    made_before: Option<(u64, u64)>,
    tags: HashMap<String, u64>,
    models: HashMap<String, u64>,
    prompt_versions: HashMap<String, u64>,
}

impl Seen {
    pub(super) fn newest(&self) -> u64 {
        self.newest
    }

    pub(super) fn is_empty(&self) -> bool {
        self.realms.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.realms.values().map(Marked::len).sum()
    }

    pub(super) fn with(mut self, mark: Mark) -> Self {
        self.newest = self.newest.max(mark.generation);
        let marked = self.realms.entry(mark.realm).or_default();
        let generation = mark.generation;
        match mark.what {
            What::All => marked.all = marked.all.max(Some(generation)),
            What::Tag(tag) => raise(&mut marked.tags, tag, generation),
            What::Model(model) => raise(&mut marked.models, model, generation),
            What::PromptVersionPrefix(prefix) => {
                raise(&mut marked.prompt_versions, prefix, generation)
            }
            What::MadeBefore(date_ms) => {
                // An earlier date hides nothing that a later one does not.
                marked.made_before = marked.made_before.max(Some((date_ms, generation)));
                self.latest_date = self.latest_date.max(date_ms);
            }
        }
        self
    }

    pub(super) fn without(mut self, mark: &Mark) -> Self {
        if let Some(marked) = self.realms.get_mut(&mark.realm) {
            match &mark.what {
                What::All => marked.all = None,
                What::Tag(tag) => drop(marked.tags.remove(tag)),
                What::Model(model) => drop(marked.models.remove(model)),
                What::PromptVersionPrefix(prefix) => drop(marked.prompt_versions.remove(prefix)),
                What::MadeBefore(_) => marked.made_before = None,
            }
        }
        self.realms.retain(|_, marked| marked.len() > 0);
        self
    }

    /// Whether a mark like this one is there, which a new one takes the place of.
    pub(super) fn knows(&self, mark: &Mark) -> bool {
        let marked = self.realms.get(&mark.realm);
        marked.is_some_and(|marked| match &mark.what {
            What::All => marked.all.is_some(),
            What::Tag(tag) => marked.tags.contains_key(tag),
            What::Model(model) => marked.models.contains_key(model),
            What::PromptVersionPrefix(prefix) => marked.prompt_versions.contains_key(prefix),
            What::MadeBefore(_) => marked.made_before.is_some(),
        })
    }

    /// The date before which a realm has lost its answers; 0 if it has lost none so.
    pub(super) fn date_of(&self, realm: &Realm) -> u64 {
        let made_before = self.realms.get(realm).and_then(|marked| marked.made_before);
        made_before.map_or(0, |(date_ms, _)| date_ms)
    }

    pub(super) fn marks(&self) -> Vec<Mark> {
        let of = |(realm, marked): (&Realm, &Marked)| {
            let mark = |(what, generation)| Mark {
                realm: realm.clone(),
                what,
                generation,
            };
            marked.each().into_iter().map(mark).collect::<Vec<_>>()
        };
        self.realms.iter().flat_map(of).collect()
    }

    pub(super) fn hide(&self, features: &Features<'_>) -> bool {
        // Made after all marks, as most are: nothing need be looked up.
        if features.generation >= self.newest && features.created_ms >= self.latest_date {
            return false;
        }
        let owner = features.namespace.split('/').next().unwrap_or_default();
        let realms = [
            Realm::Everywhere,
            Realm::Tenant(owner.to_owned()),
            Realm::Namespace(features.namespace.to_owned()),
        ];
        let mut marked = realms.iter().filter_map(|realm| self.realms.get(realm));
        marked.any(|marked| marked.hide(features))
    }
}

impl Marked {
    fn len(&self) -> usize {
        let single = usize::from(self.all.is_some()) + usize::from(self.made_before.is_some());
        single + self.tags.len() + self.models.len() + self.prompt_versions.len()
    }

    fn each(&self) -> Vec<(What, u64)> {
        let named = |names: &HashMap<String, u64>, what: fn(String) -> What| {
            let named = names.iter().map(|(name, mark)| (what(name.clone()), *mark));
            named.collect::<Vec<_>>()
        };
        let mut all = named(&self.tags, What::Tag);
        all.extend(named(&self.models, What::Model));
        all.extend(named(&self.prompt_versions, What::PromptVersionPrefix));
        all.extend(self.all.map(|mark| (What::All, mark)));
        all.extend(
            self.made_before
                .map(|(date, mark)| (What::MadeBefore(date), mark)),
        );
        all
    }

    fn hide(&self, features: &Features<'_>) -> bool {
        let later = |mark: Option<&u64>| mark.is_some_and(|mark| features.generation < *mark);
        let prompt = features.prompt_version.unwrap_or_default();
        // Its version is short, so that all beginnings of it are fewer than the marks may be.
        let mut prefixes = (1..=prompt.len()).filter_map(|end| prompt.get(..end));
        let aged = self
            .made_before
            .is_some_and(|(date, _)| features.created_ms < date);
        aged || later(self.all.as_ref())
            || later(self.models.get(features.model))
            || features.tags.iter().any(|tag| later(self.tags.get(tag)))
            || !self.prompt_versions.is_empty()
                && prefixes.any(|prefix| later(self.prompt_versions.get(prefix)))
    }
}

fn raise(marks: &mut HashMap<String, u64>, name: String, generation: u64) {
    let mark = marks.entry(name).or_default();
    *mark = generation.max(*mark);
}
