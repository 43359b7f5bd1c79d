//! How long each class of questions is remembered, as a policy says it. Pure.

use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{self, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use crate::config::TtlClass;

/// Seconds of each class but the default one, which has the policy's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TtlClasses {
    /// Where the answer does not change; none: as the default class.
    #[serde(rename = "static")]
    pub lasting: Option<u64>,
    /// Where it may change within the day; never above the default class.
    pub time_sensitive: u64,
    /// Where it is true for a moment; 0: neither stored nor looked up.
    pub never: u64,
}

impl Default for TtlClasses {
    /// For policies that were stored before there were classes.
    fn default() -> Self {
        Self {
            lasting: None,
            time_sensitive: 7200,
            never: 0,
        }
    }
}

/// Seconds after its end for which an answer may be served all the same (RFC 5861); 0: not at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StaleWindows {
    /// At once, while one call renews it.
    pub while_revalidate_s: u64,
    /// Where no provider answers.
    pub if_error_s: u64,
}

impl StaleWindows {
    /// Milliseconds of the first.
    #[must_use]
    pub fn while_revalidate_ms(&self) -> u64 {
        self.while_revalidate_s.saturating_mul(1000)
    }

    /// Milliseconds of the second.
    #[must_use]
    pub fn if_error_ms(&self) -> u64 {
        self.if_error_s.saturating_mul(1000)
    }

    /// Milliseconds for which an answer is kept for the sake of either.
    #[must_use]
    pub fn longest_ms(&self) -> u64 {
        self.while_revalidate_ms().max(self.if_error_ms())
    }
}

/// A change to them; what is absent stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TtlClassesDraft {
    #[serde(
        rename = "static",
        deserialize_with = "given",
        skip_serializing_if = "Option::is_none"
    )]
    lasting: Option<Option<u64>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    time_sensitive: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    never: Option<u64>,
}

/// Tells `null` from what is absent.
fn given<'de, D: Deserializer<'de>>(value: D) -> Result<Option<Option<u64>>, D::Error> {
    Option::deserialize(value).map(Some)
}

/// A change to them as a member of an object, where it is there. A list of values in the order of its members, which
/// derived readers take as well, is none.
///
/// # Errors
/// What does not fit.
pub fn draft<'de, D: Deserializer<'de>>(value: D) -> Result<Option<TtlClassesDraft>, D::Error> {
    value.deserialize_any(ObjectOrNull)
}

/// Reads the object itself, so that a member given twice is still told.
struct ObjectOrNull;

impl<'de> Visitor<'de> for ObjectOrNull {
    type Value = Option<TtlClassesDraft>;

    fn expecting(&self, told: &mut fmt::Formatter<'_>) -> fmt::Result {
        told.write_str("`ttl_classes` as an object")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_none<E: de::Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_some<D: Deserializer<'de>>(self, value: D) -> Result<Self::Value, D::Error> {
        value.deserialize_any(self)
    }

    fn visit_seq<A: de::SeqAccess<'de>>(self, _: A) -> Result<Self::Value, A::Error> {
        Err(de::Error::custom("`ttl_classes` is not an object"))
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<Self::Value, A::Error> {
        let draft = TtlClassesDraft::deserialize(MapAccessDeserializer::new(members));
        draft
            .map(Some)
            .map_err(|e| de::Error::custom(format!("`ttl_classes`: {e}")))
    }
}

impl TtlClasses {
    /// Seconds for which a class is remembered where the default class is for `ttl_s`: what may change is never kept
    /// for longer than what is not known to, so a short `ttl_s` bounds all that nobody asked for by name.
    #[must_use]
    pub fn seconds(&self, class: TtlClass, ttl_s: u64) -> u64 {
        match class {
            TtlClass::Default => ttl_s,
            TtlClass::Static => self.lasting.unwrap_or(ttl_s),
            TtlClass::TimeSensitive => self.time_sensitive.min(ttl_s),
            TtlClass::Never => self.never.min(ttl_s),
        }
    }

    /// The longest that any class is remembered.
    #[must_use]
    pub fn longest(&self, ttl_s: u64) -> u64 {
        self.lasting.unwrap_or(ttl_s).max(ttl_s)
    }

    /// Every class remembered for as long.
    #[must_use]
    pub fn all_as(seconds: u64) -> Self {
        Self {
            lasting: Some(seconds),
            time_sensitive: seconds,
            never: seconds,
        }
    }

    /// The same after a change.
    #[must_use]
    pub fn changed(self, draft: Option<TtlClassesDraft>) -> Self {
        let draft = draft.unwrap_or_default();
        Self {
            lasting: draft.lasting.unwrap_or(self.lasting),
            time_sensitive: draft.time_sensitive.unwrap_or(self.time_sensitive),
            never: draft.never.unwrap_or(self.never),
        }
    }

    /// Whether each is one that a policy may have; at most `most` seconds.
    #[must_use]
    pub fn fit(&self, most: u64) -> bool {
        let lasting = self.lasting.is_none_or(|s| (1..=most).contains(&s));
        lasting && (1..=most).contains(&self.time_sensitive) && self.never <= most
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [TtlClass; 4] = [
        TtlClass::Static,
        TtlClass::Default,
        TtlClass::TimeSensitive,
        TtlClass::Never,
    ];

    fn seconds(classes: TtlClasses, ttl_s: u64) -> [u64; 4] {
        ALL.map(|class| classes.seconds(class, ttl_s))
    }

    #[test]
    fn a_short_default_bounds_every_class_that_nobody_made_longer() {
        let classes = TtlClasses::default();
        assert_eq!(seconds(classes, 86_400), [86_400, 86_400, 7200, 0]);
        assert_eq!(seconds(classes, 60), [60, 60, 60, 0]);
        let named = TtlClasses {
            lasting: Some(604_800),
            never: 30,
            ..classes
        };
        assert_eq!(seconds(named, 60), [604_800, 60, 60, 30]);
    }

    #[test]
    fn what_a_change_does_not_name_stays_and_null_takes_a_number_back() {
        let change =
            |classes: TtlClasses, json| classes.changed(Some(serde_json::from_str(json).unwrap()));
        let longer = change(TtlClasses::default(), r#"{"static":172800}"#);
        assert_eq!(
            (longer.lasting, longer.time_sensitive),
            (Some(172_800), 7200)
        );
        let hour = change(longer, r#"{"time_sensitive":3600}"#);
        assert_eq!((hour.lasting, hour.time_sensitive), (Some(172_800), 3600));
        assert_eq!(change(hour, r#"{"static":null}"#).lasting, None);
        assert_eq!(hour.changed(None), hour);
        assert!(serde_json::from_str::<TtlClassesDraft>(r#"{"sometimes":1}"#).is_err());
    }

    #[test]
    fn a_time_that_makes_no_sense_does_not_fit() {
        let fits = |json: &str| serde_json::from_str::<TtlClasses>(json).unwrap().fit(100);
        assert!(fits(r#"{"static":100,"time_sensitive":1,"never":0}"#));
        for bad in [
            r#"{"static":0,"time_sensitive":1}"#,
            r#"{"time_sensitive":0}"#,
            r#"{"time_sensitive":1,"never":101}"#,
        ] {
            assert!(!fits(bad), "{bad}");
        }
    }

    #[test]
    fn a_class_that_is_given_twice_is_refused_as_any_other_member_is() {
        let read = |text: &str| draft(&mut serde_json::Deserializer::from_str(text));
        assert!(read(r#"{"never":30}"#).unwrap().is_some());
        assert!(read("null").unwrap().is_none());
        for refused in [r#"{"never":30,"never":60}"#, "[1]", "7", r#"{"late":1}"#] {
            assert!(read(refused).is_err(), "{refused}");
        }
    }
}
