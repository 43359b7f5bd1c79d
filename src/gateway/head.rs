//! What a request's head says to the gateway, in the form in which it is kept with a request that is answered later.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::ask::ROUTE;
use super::error::{ApiError, Code};
use crate::cache::controls::Controls;
use crate::provider::{ClientHeaders, forwardable};
use crate::router::forced::{BadForced, Forced};

/// Whom an app asks for.
pub const END_USER: &str = "x-reprise-user";
/// What conversation a request is part of.
pub const CONVERSATION: &str = "x-reprise-conversation";
/// Bytes of such a name.
const NAME_BYTES: usize = 256;

/// Headers by name, in lower case: those that steer the cache and those that a provider may see.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Head(Vec<(String, String)>);

impl Head {
    /// Of all headers those that say something later; `ours` are the names of our own that do.
    pub fn of<'a>(
        headers: impl Iterator<Item = (&'a str, Cow<'a, str>)>,
        ours: impl Fn(&str) -> bool,
    ) -> Self {
        let lasting = |name: &str| name == "cache-control" || ours(name) || forwardable(name);
        let kept = headers.filter(|(name, _)| lasting(name));
        Self(
            kept.map(|(name, value)| (name.to_owned(), value.into_owned()))
                .collect(),
        )
    }

    /// How the cache may treat the request.
    ///
    /// # Errors
    /// A header that is not understood.
    pub fn controls(&self) -> Result<Controls, ApiError> {
        Ok(Controls::parse(|name| self.joined(name))?)
    }

    /// Whom it is asked for.
    ///
    /// # Errors
    /// A name that is none.
    pub fn end_user(&self) -> Result<Option<String>, ApiError> {
        printable(self.joined(END_USER), END_USER)
    }

    /// What conversation it is part of.
    ///
    /// # Errors
    /// A name that is none.
    pub fn conversation(&self) -> Result<Option<String>, ApiError> {
        printable(self.joined(CONVERSATION), CONVERSATION)
    }

    /// Where it says that it goes.
    ///
    /// # Errors
    /// What is no place.
    pub fn forced(&self) -> Result<Option<Forced>, ApiError> {
        forced(self.joined(ROUTE))
    }

    /// Those that a provider may see.
    #[must_use]
    pub fn client_headers(&self) -> ClientHeaders {
        let seen = self.0.iter().filter(|(name, _)| forwardable(name));
        seen.cloned().collect()
    }

    /// All values of a header as one list.
    fn joined(&self, name: &str) -> Option<Cow<'_, str>> {
        let mut values = self.0.iter().filter(|(n, _)| n == name);
        let first = Cow::Borrowed(values.next()?.1.as_str());
        Some(values.fold(first, |list, (_, value)| list + ", " + value.as_str()))
    }
}

/// A header that names somebody or something.
///
/// # Errors
/// A name that is none.
pub fn printable(
    named: Option<Cow<'_, str>>,
    header: &'static str,
) -> Result<Option<String>, ApiError> {
    let Some(named) = named else {
        return Ok(None);
    };
    let named = named.trim();
    let fits = (1..=NAME_BYTES).contains(&named.len()) && !named.chars().any(char::is_control);
    if fits && !named.contains('\u{fffd}') {
        return Ok(Some(named.to_owned()));
    }
    let told = format!("`{header}` must be 1 to {NAME_BYTES} printable characters.");
    Err(ApiError {
        param: Some(header.into()),
        ..ApiError::new(Code::InvalidHeader, told)
    })
}

/// Where a request says that it goes.
///
/// # Errors
/// What is no place.
pub fn forced(named: Option<Cow<'_, str>>) -> Result<Option<Forced>, ApiError> {
    let forced = named.map(|named| named.parse()).transpose();
    forced.map_err(|e: BadForced| ApiError {
        param: Some(ROUTE.into()),
        ..ApiError::new(Code::InvalidHeader, format!("`{ROUTE}` {e}."))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_head_says_is_the_same_after_it_was_written_down() {
        let headers = [
            ("cache-control", "no-cache"),
            ("x-reprise-tags", "a"),
            ("x-reprise-tags", "b"),
            ("x-reprise-user", "u-1"),
            ("x-reprise-async", "true"),
            ("authorization", "Bearer secret"),
            ("openai-organization", "org"),
        ];
        let headers = headers.map(|(name, value)| (name, Cow::Borrowed(value)));
        let head = Head::of(headers.into_iter(), |name| {
            name.starts_with("x-reprise-") && name != "x-reprise-async"
        });
        let written = serde_json::to_string(&head).unwrap();
        assert!(!written.contains("secret") && !written.contains("async"));
        let read: Head = serde_json::from_str(&written).unwrap();
        let controls = read.controls().unwrap();
        assert_eq!(controls.tags.tags, ["a", "b"]);
        assert_eq!(controls.reason, Some("no_cache"));
        assert_eq!(read.end_user().unwrap().as_deref(), Some("u-1"));
        assert_eq!(
            *read.client_headers(),
            [("openai-organization".into(), "org".into())]
        );
    }
}
