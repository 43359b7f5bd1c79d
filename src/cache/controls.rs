//! What one request says about how the cache may treat it: `Cache-Control` and
//! the `x-reprise-*` headers. They may only make the cache more careful.

use std::borrow::Cow;
use std::time::Duration;

use super::directives::{Directive, directives};
use super::tags::{self, Tags};

/// Which tiers a request may be answered from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Read {
    /// None: the provider is asked.
    Nothing,
    /// Only the same request, word for word.
    Exact,
    /// Also a question that asks the same thing in other words.
    Semantic,
}

/// The wishes of one request, already merged: where two disagree the stricter one holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Controls {
    /// Tiers that may answer.
    pub read: Read,
    /// Whether the cache is to be left aside altogether.
    pub off: bool,
    /// Answer from memory or not at all.
    pub only: bool,
    /// Why nothing may be read, if the client said so.
    pub reason: Option<&'static str>,
    /// Oldest entry that may answer.
    pub max_age: Option<Duration>,
    /// Time for which an entry must stay fresh to answer.
    pub min_fresh: Option<Duration>,
    /// Similarity below which nothing may answer, on top of the policy's.
    pub threshold: Option<f32>,
    /// Longest time the answer may be remembered; zero: not at all.
    pub ttl: Option<Duration>,
    /// The namespace asked for.
    pub namespace: Option<String>,
    /// What is written on the entry.
    pub tags: Tags,
}

impl Default for Controls {
    fn default() -> Self {
        Self {
            read: Read::Semantic,
            off: false,
            only: false,
            reason: None,
            max_age: None,
            min_fresh: None,
            threshold: None,
            ttl: None,
            namespace: None,
            tags: Tags::default(),
        }
    }
}

/// A control header that cannot be understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{header}`: {message}")]
pub struct BadControl {
    /// The header's name.
    pub header: &'static str,
    /// What is wrong with its value.
    pub message: String,
}

impl Controls {
    /// Reads the headers that `get` gives by name; several of one name come joined by commas.
    ///
    /// # Errors
    /// A header whose value is not understood: guessing could serve what the client refused.
    pub fn parse<'a>(
        get: impl Fn(&'static str) -> Option<Cow<'a, str>>,
    ) -> Result<Self, BadControl> {
        let mut controls = Self::default();
        if let Some(value) = get(CACHE_CONTROL) {
            controls.cache_control(&value)?;
        }
        if let Some(value) = get(MODE) {
            controls.mode(value.trim())?;
        }
        if let Some(value) = get(THRESHOLD) {
            let fits = |t: &f32| (0.0..=1.0).contains(t);
            let threshold = value.trim().parse().ok().filter(fits);
            controls.threshold = Some(threshold.ok_or_else(|| bad(THRESHOLD, NOT_A_COSINE))?);
        }
        if let Some(value) = get(TTL) {
            controls.ttl = Some(seconds(TTL, value.trim())?);
        }
        if let Some(value) = get(NAMESPACE) {
            controls.namespace = Some(value.trim().to_owned());
        }
        if let Some(value) = get(tags::TAGS) {
            controls.tags.tags = tags::tags(&value).map_err(|e| bad(tags::TAGS, e))?;
        }
        if let Some(value) = get(tags::PROMPT_VERSION) {
            let version = tags::prompt_version(&value);
            controls.tags.prompt_version = Some(version.map_err(|e| bad(tags::PROMPT_VERSION, e))?);
        }
        Ok(controls)
    }

    fn cache_control(&mut self, value: &str) -> Result<(), BadControl> {
        let directives = directives(value).ok_or_else(|| {
            let form = "must be a list of `name` or `name=value`, parted by commas";
            bad(CACHE_CONTROL, form)
        })?;
        for Directive { name, argument } in directives {
            let seconds = || match &argument {
                Some(argument) => seconds(CACHE_CONTROL, argument),
                None => Err(bad(
                    CACHE_CONTROL,
                    &format!("`{name}` needs a number of seconds"),
                )),
            };
            // An argument where none belongs makes a restriction no weaker.
            match name.to_ascii_lowercase().as_str() {
                "no-store" => self.turn_off("no_store"),
                "no-cache" => self.stop_reading("no_cache"),
                "max-age" => match seconds()? {
                    Duration::ZERO => self.stop_reading("no_cache"),
                    age => self.max_age = Some(self.max_age.map_or(age, |other| other.min(age))),
                },
                "min-fresh" => self.min_fresh = self.min_fresh.max(Some(seconds()?)),
                // What stale answers may be served is for the policy to say, whatever a client would put up with.
                "max-stale" if argument.is_some() => drop(seconds()?),
                "only-if-cached" => self.only = true,
                // A cache ignores directives that it does not know (RFC 9111, section 5.2.3).
                _ => {}
            }
        }
        Ok(())
    }

    fn mode(&mut self, value: &str) -> Result<(), BadControl> {
        match value.to_ascii_lowercase().as_str() {
            "off" => self.turn_off("off"),
            "exact" => self.read = self.read.min(Read::Exact),
            "semantic" => {}
            "refresh" => self.stop_reading("refresh"),
            "only" => self.only = true,
            _ => {
                return Err(bad(
                    MODE,
                    "must be one of off, exact, semantic, refresh, only",
                ));
            }
        }
        Ok(())
    }

    /// The strictest wish of all, so its reason is the one told.
    fn turn_off(&mut self, reason: &'static str) {
        if !self.off {
            self.reason = Some(reason);
        }
        self.off = true;
        self.read = Read::Nothing;
    }

    fn stop_reading(&mut self, reason: &'static str) {
        self.read = Read::Nothing;
        self.reason.get_or_insert(reason);
    }
}

const CACHE_CONTROL: &str = "cache-control";
const MODE: &str = "x-reprise-cache";
const THRESHOLD: &str = "x-reprise-threshold";
const TTL: &str = "x-reprise-ttl";
const NAMESPACE: &str = "x-reprise-namespace";
const NOT_A_COSINE: &str = "must be a number between 0 and 1";

fn bad(header: &'static str, message: &str) -> BadControl {
    BadControl {
        header,
        message: message.to_owned(),
    }
}

/// A number that is too large to be held counts as the largest that can be (RFC 9111, section 1.2.2).
fn seconds(header: &'static str, value: &str) -> Result<Duration, BadControl> {
    if value.is_empty() || !value.bytes().all(|b| b.is_ascii_digit()) {
        return Err(bad(
            header,
            &format!("`{value}` is not a whole number of seconds"),
        ));
    }
    Ok(Duration::from_secs(value.parse().unwrap_or(u64::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(headers: &[(&str, &'static str)]) -> Result<Controls, BadControl> {
        Controls::parse(|name| {
            headers
                .iter()
                .find(|(n, _)| *n == name)
                .map(|(_, v)| (*v).into())
        })
    }

    #[test]
    fn without_headers_everything_is_allowed() {
        assert_eq!(parse(&[]).unwrap(), Controls::default());
    }

    #[test]
    fn no_store_neither_reads_nor_writes_and_no_cache_only_writes() {
        for header in [("cache-control", "no-store"), ("x-reprise-cache", "off")] {
            let controls = parse(&[header]).unwrap();
            assert!(controls.off && controls.read == Read::Nothing, "{header:?}");
        }
        for header in [
            ("cache-control", "no-cache"),
            ("cache-control", "max-age=0"),
            ("x-reprise-cache", "refresh"),
        ] {
            let controls = parse(&[header]).unwrap();
            assert_eq!((controls.read, controls.off), (Read::Nothing, false));
        }
    }

    #[test]
    fn the_stricter_of_two_wishes_holds_in_either_order() {
        let off = |headers: &[_]| {
            let controls = parse(headers).unwrap();
            assert_eq!((controls.off, controls.read), (true, Read::Nothing));
            controls.reason.unwrap()
        };
        let store = ("cache-control", "no-store");
        assert_eq!(off(&[store, ("x-reprise-cache", "semantic")]), "no_store");
        assert_eq!(off(&[store, ("x-reprise-cache", "refresh")]), "no_store");
        assert_eq!(off(&[("cache-control", "no-cache, no-store")]), "no_store");
        let both = [("cache-control", "no-cache"), ("x-reprise-cache", "exact")];
        assert_eq!(parse(&both).unwrap().read, Read::Nothing);
        let twice = |value| parse(&[("cache-control", value)]).unwrap();
        for value in ["max-age=5, max-age=60", "max-age=60, max-age=5"] {
            assert_eq!(twice(value).max_age, Some(Duration::from_secs(5)));
        }
        for value in ["min-fresh=5, min-fresh=60", "min-fresh=60, min-fresh=5"] {
            assert_eq!(twice(value).min_fresh, Some(Duration::from_secs(60)));
        }
    }

    #[test]
    fn a_refresh_that_is_not_to_be_remembered_does_not_turn_the_cache_off() {
        let both = [("x-reprise-cache", "refresh"), ("x-reprise-ttl", "0")];
        let controls = parse(&both).unwrap();
        assert_eq!((controls.off, controls.read), (false, Read::Nothing));
        assert_eq!(
            (controls.reason, controls.ttl),
            (Some("refresh"), Some(Duration::ZERO))
        );
    }

    #[test]
    fn numbers_are_read_and_nonsense_is_refused_by_name() {
        let fine = parse(&[
            ("cache-control", "Max-Age=\"60\", min-fresh=5, foo"),
            ("x-reprise-threshold", "0.95"),
            ("x-reprise-ttl", "5"),
        ])
        .unwrap();
        assert_eq!(fine.max_age, Some(Duration::from_secs(60)));
        assert_eq!(fine.min_fresh, Some(Duration::from_secs(5)));
        assert_eq!(fine.threshold, Some(0.95));
        assert_eq!(fine.ttl, Some(Duration::from_secs(5)));
        for (header, value) in [
            ("cache-control", "max-age=soon"),
            ("cache-control", "max-age"),
            ("cache-control", "max-age=\"\""),
            ("cache-control", "max-age=+5"),
            ("cache-control", "min-fresh"),
            ("cache-control", "min-fresh=1.5"),
            ("cache-control", "max-stale=soon"),
            ("cache-control", "no-store;"),
            ("x-reprise-cache", "maybe"),
            ("x-reprise-threshold", "1.5"),
            ("x-reprise-threshold", "NaN"),
            ("x-reprise-ttl", "-1"),
            ("x-reprise-ttl", "+1"),
            ("x-reprise-ttl", ""),
        ] {
            let refused = parse(&[(header, value)]).unwrap_err();
            assert_eq!(refused.header, header, "{value}");
        }
    }

    #[test]
    fn a_number_too_large_to_hold_is_as_good_as_no_limit() {
        let huge = "99999999999999999999999999";
        let age = ["max-age=", huge].concat();
        let get = |name: &str| match name {
            "cache-control" => Some(age.clone().into()),
            "x-reprise-ttl" => Some(huge.into()),
            _ => None,
        };
        let controls = Controls::parse(get).unwrap();
        assert_eq!(controls.max_age, Some(Duration::from_secs(u64::MAX)));
        assert_eq!(controls.ttl, Some(Duration::from_secs(u64::MAX)));
    }

    #[test]
    fn what_a_cache_need_not_know_restricts_nothing() {
        let value = "max-stale, max-stale=5, no-transform, foo=\"no-store, no-cache\", x=only";
        let controls = parse(&[("cache-control", value)]).unwrap();
        assert_eq!(controls, Controls::default());
    }

    #[test]
    fn a_needless_argument_does_not_weaken_a_restriction() {
        let controls = parse(&[("cache-control", "no-store=\"x\", only-if-cached=1")]);
        let controls = controls.unwrap();
        assert!(controls.off && controls.only);
    }
}
