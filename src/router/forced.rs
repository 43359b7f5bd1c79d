//! What a client may say in a header about where its request goes, in place of the routes. Pure; whether it may say
//! so is decided elsewhere.

use std::str::FromStr;

/// Where a request is to go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Forced {
    /// `provider`, with the model that was asked for, or `provider/model`, which may hold further slashes.
    Target {
        /// The provider's name.
        provider: String,
        /// Its own name for the model; none: as requested.
        model: Option<String>,
    },
    /// `group:NAME`.
    Group(String),
}

/// Text that is none of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be PROVIDER, PROVIDER/MODEL or group:NAME")]
pub struct BadForced;

impl FromStr for Forced {
    type Err = BadForced;

    fn from_str(text: &str) -> Result<Self, BadForced> {
        let text = text.trim();
        let filled = |part: &str| (!part.is_empty()).then(|| part.to_owned()).ok_or(BadForced);
        if let Some(name) = text.strip_prefix("group:") {
            return Ok(Self::Group(filled(name.trim())?));
        }
        let (provider, model) = match text.split_once('/') {
            Some((provider, model)) => (provider, Some(filled(model)?)),
            None => (text, None),
        };
        let provider = filled(provider)?;
        Ok(Self::Target { provider, model })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_provider_a_model_of_it_and_a_group_are_told_apart() {
        let target = |provider: &str, model: Option<&str>| {
            let (provider, model) = (provider.to_owned(), model.map(str::to_owned));
            Ok(Forced::Target { provider, model })
        };
        assert_eq!("openai".parse(), target("openai", None));
        assert_eq!(" or/meta/l-3 ".parse(), target("or", Some("meta/l-3")));
        assert_eq!("group:fast".parse(), Ok(Forced::Group("fast".into())));
        for bad in ["", " ", "/m", "p/", "group:", "group: "] {
            assert_eq!(bad.parse::<Forced>(), Err(BadForced), "{bad:?}");
        }
    }
}
