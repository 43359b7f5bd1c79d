//! What a policy asks of a candidate, in the form that [`super::judge`] works with. Pure.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use super::features::Features;
use super::guards::GUARDS;
use super::model::Model;
use crate::chat::number::short;

/// What becomes of a hit where the guards cannot read the texts: another language, or too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WhenUnsure {
    /// It is a miss.
    Miss,
    /// It must be surer: halfway from what is asked otherwise to certainty.
    #[default]
    Strict,
    /// As if they could.
    Serve,
}

/// When the verifier is asked of a candidate. It is of none that a guard vetoes, and of none where a cosine decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verify {
    /// Where cosine and guards leave it open.
    #[default]
    Grey,
    /// Whatever they say.
    Always,
    /// Of none.
    Never,
}

/// Probabilities, without the verifier, between which it is open whether a candidate serves.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Grey {
    /// Below this it is a miss, whatever the verifier would say.
    #[serde(serialize_with = "short")]
    pub from: f32,
    /// Above this it is as good as certain.
    #[serde(serialize_with = "short")]
    pub to: f32,
}

/// An object alone: derived readers take a list of its values as well.
impl<'de> Deserialize<'de> for Grey {
    fn deserialize<D: Deserializer<'de>>(value: D) -> Result<Self, D::Error> {
        value.deserialize_map(Members)
    }
}

struct Members;

impl<'de> Visitor<'de> for Members {
    type Value = Grey;

    fn expecting(&self, told: &mut fmt::Formatter<'_>) -> fmt::Result {
        told.write_str("`grey` as an object with `from` and `to`")
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<Grey, A::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Band {
            from: f32,
            to: f32,
        }
        let Band { from, to } = Band::deserialize(MapAccessDeserializer::new(members))?;
        Ok(Grey { from, to })
    }
}

impl Default for Grey {
    /// Chosen on questions that neither model was trained on: of what is served where the verifier is always asked, one in two
    /// hundred lies below, and of what lies above it would refuse one in twenty, two thirds of those wrongly.
    fn default() -> Self {
        Self {
            from: 0.1,
            to: 0.98,
        }
    }
}

/// What a hit must fulfil.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rule {
    /// Least cosine.
    pub cosine: f32,
    /// Least probability; none where the cosine alone decides.
    pub probability: Option<f32>,
    /// Guards that may veto.
    pub guards: GuardSet,
    /// What becomes of it where they cannot read.
    pub when_unsure: WhenUnsure,
    /// When the verifier is asked.
    pub verify: Verify,
    /// Where that is, if it is asked of what is open.
    pub grey: Grey,
}

impl Rule {
    /// One cosine, and the guards that are on by default.
    #[must_use]
    pub fn by_cosine(cosine: f32) -> Self {
        Self {
            cosine,
            probability: None,
            guards: GuardSet::chosen(&BTreeMap::new()),
            when_unsure: WhenUnsure::default(),
            verify: Verify::Never,
            grey: Grey::default(),
        }
    }

    /// The same where nobody reads both questions.
    #[must_use]
    pub fn unverified(&self) -> Self {
        Self {
            verify: Verify::Never,
            ..*self
        }
    }

    /// Whether a candidate of this cosine may serve, whatever its words: if not, it need not be read.
    #[must_use]
    pub fn may_serve(&self, similarity: f32) -> bool {
        similarity >= self.cosine && self.most(similarity) >= self.least()
    }

    /// The greatest measure that a candidate of this cosine can have.
    #[must_use]
    pub fn most(&self, similarity: f32) -> f32 {
        if self.probability.is_none() {
            return similarity;
        }
        let alone = probability(Model::committed(), &Features::at_best(similarity));
        // Whoever looks no better without the verifier is not shown to it; all others may look as well as it ever finds.
        let open = match self.verify {
            Verify::Never => false,
            Verify::Grey => alone >= self.grey.from,
            Verify::Always => true,
        };
        match open {
            true => alone.max(probability(
                Model::with_verifier(),
                &Features::verified_at_best(similarity),
            )),
            false => alone,
        }
    }

    /// Whether the verifier is asked of a candidate that may serve and has this probability without it.
    #[must_use]
    pub(super) fn asks(&self, probability: f32) -> bool {
        let open = match self.verify {
            Verify::Never => false,
            Verify::Grey => (self.grey.from..=self.grey.to).contains(&probability),
            Verify::Always => true,
        };
        open && self.probability.is_some()
    }

    /// A surer rule: halfway from what this one asks of a hit to certainty, as where the guards cannot read. What
    /// the guards may veto stays as it is.
    #[must_use]
    pub fn surer(&self) -> Self {
        match self.probability {
            Some(least) => Self {
                probability: Some(halfway(least)),
                ..*self
            },
            None => Self {
                cosine: halfway(self.cosine),
                ..*self
            },
        }
    }

    /// Least measure of a hit.
    pub(super) fn least(&self) -> f32 {
        self.probability.unwrap_or(self.cosine)
    }

    /// The same where the guards cannot read; none if nothing is enough.
    pub(super) fn strict(&self) -> Option<f32> {
        match self.when_unsure {
            WhenUnsure::Miss => None,
            WhenUnsure::Strict => Some(halfway(self.least())),
            WhenUnsure::Serve => Some(self.least()),
        }
    }
}

/// Without a model nothing is likely.
fn probability(model: Option<&Model>, features: &Features) -> f32 {
    model.map_or(0.0, |model| model.probability(features))
}

/// Halfway from a measure to certainty.
pub(super) fn halfway(least: f32) -> f32 {
    f32::midpoint(least, 1.0)
}

/// Which guards may veto, one bit each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GuardSet(u32);

/// The name that stands for all guards that are not named.
const REST: &str = "*";

impl GuardSet {
    /// Those that are on by default, but for what is `chosen` by name; `*` chooses for all others.
    #[must_use]
    pub fn chosen(chosen: &BTreeMap<String, bool>) -> Self {
        let rest = chosen.get(REST).copied();
        let on = |(_, guard): &(usize, &super::guards::Guard)| {
            let named = chosen.get(guard.name).copied();
            named.or(rest).unwrap_or(guard.by_default)
        };
        let guards = GUARDS.iter().enumerate().filter(on);
        Self(guards.fold(0, |set, (i, _)| set | 1 << i))
    }

    /// A name among `chosen` that is no guard's.
    #[must_use]
    pub fn unknown(chosen: &BTreeMap<String, bool>) -> Option<&str> {
        let known = |name: &str| name == REST || GUARDS.iter().any(|g| g.name == name);
        chosen.keys().map(String::as_str).find(|name| !known(name))
    }

    /// The first of these guards among `different`, one bit each.
    #[must_use]
    pub fn first_of(self, different: u32) -> Option<usize> {
        let both = self.0 & different;
        (both != 0).then(|| both.trailing_zeros() as usize)
    }

    /// All of these guards among `different`.
    #[must_use]
    pub fn all_of(self, different: u32) -> Vec<usize> {
        let both = self.0 & different;
        (0..GUARDS.len()).filter(|i| both & (1 << i) != 0).collect()
    }

    /// These guards but for some.
    #[must_use]
    pub fn without(self, some: u32) -> Self {
        Self(self.0 & !some)
    }
}
