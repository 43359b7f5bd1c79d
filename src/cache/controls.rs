//! What one request says about how the cache may treat it: `Cache-Control` and
//! the `x-reprise-*` headers. They may only make the cache more careful.

use std::borrow::Cow;
use std::time::Duration;

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
    /// Whether the answer may be remembered.
    pub write: bool,
    /// Answer from memory or not at all.
    pub only: bool,
    /// Why nothing may be read, if the client said so.
    pub reason: Option<&'static str>,
    /// Oldest entry that may answer.
    pub max_age: Option<Duration>,
    /// Similarity below which nothing may answer, on top of the policy's.
    pub threshold: Option<f32>,
    /// Longest time the answer may be remembered.
    pub ttl: Option<Duration>,
    /// The namespace asked for.
    pub namespace: Option<String>,
}

impl Default for Controls {
    fn default() -> Self {
        Self {
            read: Read::Semantic,
            write: true,
            only: false,
            reason: None,
            max_age: None,
            threshold: None,
            ttl: None,
            namespace: None,
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
    pub fn parse<'a>(get: impl Fn(&str) -> Option<Cow<'a, str>>) -> Result<Self, BadControl> {
        let mut controls = Self::default();
        if let Some(value) = get("cache-control") {
            controls.cache_control(&value)?;
        }
        if let Some(value) = get("x-reprise-cache") {
            controls.mode(value.trim())?;
        }
        if let Some(value) = get("x-reprise-threshold") {
            let fits = |t: &f32| (0.0..=1.0).contains(t);
            let threshold = value.trim().parse().ok().filter(fits).ok_or(BadControl {
                header: "x-reprise-threshold",
                message: "must be a number between 0 and 1".into(),
            })?;
            controls.threshold = Some(threshold);
        }
        if let Some(value) = get("x-reprise-ttl") {
            controls.ttl = Some(seconds("x-reprise-ttl", value.trim())?);
        }
        if let Some(value) = get("x-reprise-namespace") {
            controls.namespace = Some(value.trim().to_owned());
        }
        if controls.ttl == Some(Duration::ZERO) {
            controls.write = false;
        }
        Ok(controls)
    }

    /// Whether the client turned the cache off for this request.
    #[must_use]
    pub fn off(&self) -> bool {
        self.read == Read::Nothing && !self.write
    }

    fn cache_control(&mut self, value: &str) -> Result<(), BadControl> {
        for directive in value.split(',').map(str::trim) {
            let (name, argument) = directive.split_once('=').unwrap_or((directive, ""));
            match name.to_ascii_lowercase().as_str() {
                "no-store" => {
                    self.stop_reading("no_store");
                    self.write = false;
                }
                "no-cache" => self.stop_reading("no_cache"),
                "max-age" => match seconds("cache-control", argument.trim_matches('"'))? {
                    Duration::ZERO => self.stop_reading("no_cache"),
                    age => self.max_age = Some(age),
                },
                "only-if-cached" => self.only = true,
                // A cache ignores directives that it does not know (RFC 9111, section 5.2.3).
                _ => {}
            }
        }
        Ok(())
    }

    fn mode(&mut self, value: &str) -> Result<(), BadControl> {
        match value.to_ascii_lowercase().as_str() {
            "off" => {
                self.stop_reading("off");
                self.write = false;
            }
            "exact" => self.read = self.read.min(Read::Exact),
            "semantic" => {}
            "refresh" => self.stop_reading("refresh"),
            "only" => self.only = true,
            _ => {
                return Err(BadControl {
                    header: "x-reprise-cache",
                    message: "must be one of off, exact, semantic, refresh, only".into(),
                });
            }
        }
        Ok(())
    }

    fn stop_reading(&mut self, reason: &'static str) {
        self.read = Read::Nothing;
        self.reason.get_or_insert(reason);
    }
}

fn seconds(header: &'static str, value: &str) -> Result<Duration, BadControl> {
    value
        .parse()
        .map(Duration::from_secs)
        .map_err(|_| BadControl {
            header,
            message: format!("`{value}` is not a whole number of seconds"),
        })
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
            assert!(controls.off(), "{header:?}");
        }
        for header in [
            ("cache-control", "no-cache"),
            ("cache-control", "max-age=0"),
            ("x-reprise-cache", "refresh"),
        ] {
            let controls = parse(&[header]).unwrap();
            assert_eq!((controls.read, controls.write), (Read::Nothing, true));
        }
    }

    #[test]
    fn the_stricter_of_two_headers_holds() {
        let both = [
            ("cache-control", "no-store"),
            ("x-reprise-cache", "semantic"),
        ];
        assert!(parse(&both).unwrap().off());
        let both = [("cache-control", "no-cache"), ("x-reprise-cache", "exact")];
        assert_eq!(parse(&both).unwrap().read, Read::Nothing);
        let both = [
            ("cache-control", "no-store"),
            ("x-reprise-cache", "refresh"),
        ];
        assert!(!parse(&both).unwrap().write);
    }

    #[test]
    fn numbers_are_read_and_nonsense_is_refused_by_name() {
        let fine = parse(&[
            ("cache-control", "Max-Age=60, foo"),
            ("x-reprise-threshold", "0.95"),
            ("x-reprise-ttl", "5"),
        ])
        .unwrap();
        assert_eq!(fine.max_age, Some(Duration::from_secs(60)));
        assert_eq!(fine.threshold, Some(0.95));
        assert_eq!(fine.ttl, Some(Duration::from_secs(5)));
        for (header, value) in [
            ("cache-control", "max-age=soon"),
            ("x-reprise-cache", "maybe"),
            ("x-reprise-threshold", "1.5"),
            ("x-reprise-threshold", "NaN"),
            ("x-reprise-ttl", "-1"),
        ] {
            assert_eq!(parse(&[(header, value)]).unwrap_err().header, header);
        }
    }
}
