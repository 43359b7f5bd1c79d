//! What is wrong with a configuration: every fault with its path and where the
//! value came from. Values are never repeated: one of them could be a secret.

use std::fmt;
use std::path::PathBuf;

/// Where a value was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Nowhere: the default, or something left out.
    Default,
    /// In this file.
    File(PathBuf),
    /// In this environment variable.
    Env(String),
    /// On the command line.
    Flag,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path) => write!(f, "file {}", path.display()),
            Self::Env(name) => write!(f, "environment {name}"),
            Self::Flag => f.write_str("flag"),
        }
    }
}

/// One thing to correct.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// `section.key`, `list[0].key`, or empty when it concerns a whole source.
    pub path: String,
    /// Where it was given.
    pub origin: Origin,
    /// What is wrong, to be read after the path.
    pub message: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            path,
            origin,
            message,
        } = self;
        match path.as_str() {
            "" => write!(f, "{origin}: {message}"),
            _ => write!(f, "{path} ({origin}): {message}"),
        }
    }
}

/// All faults of a configuration, one a line; never empty as an error.
#[derive(Clone, Debug, Default, PartialEq, Eq, thiserror::Error)]
pub struct Faults(pub Vec<Fault>);

impl Faults {
    /// Adds one, unless this source's value at this path has one already: what
    /// is of the wrong type need not also be called out of range.
    pub(crate) fn add(&mut self, path: &str, origin: Origin, message: impl Into<String>) {
        let told = |fault: &Fault| fault.path == path && fault.origin == origin;
        if path.is_empty() || !self.0.iter().any(told) {
            self.0.push(Fault {
                path: path.to_owned(),
                origin,
                message: message.into(),
            });
        }
    }

    /// `value` when there is nothing to correct.
    pub(crate) fn or<T>(self, value: T) -> Result<T, Self> {
        if self.0.is_empty() {
            Ok(value)
        } else {
            Err(self)
        }
    }

    /// Whether something is wrong at `path`, inside it, or with the list it is in.
    pub(super) fn at(&self, path: &str) -> bool {
        let inside = |outer: &str, inner: &str| {
            let rest = inner.strip_prefix(outer);
            !outer.is_empty() && rest.is_some_and(|r| r.is_empty() || r.starts_with(['.', '[']))
        };
        let mut faults = self.0.iter();
        faults.any(|fault| inside(path, &fault.path) || inside(&fault.path, path))
    }

    /// Whether a whole source could not be read, so that it may say anything.
    pub(crate) fn unread(&self) -> bool {
        self.0.iter().any(|fault| fault.path.is_empty())
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, fault) in self.0.iter().enumerate() {
            let newline = if i == 0 { "" } else { "\n" };
            write!(f, "{newline}{fault}")?;
        }
        Ok(())
    }
}
