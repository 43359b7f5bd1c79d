//! One line of the table: what was measured beside what was asked for.

use std::fmt;

/// The table's head.
pub(crate) const HEAD: &str = "| what | measured | target | met |\n|---|---|---|---|";

/// One line.
pub(crate) struct Row {
    what: String,
    measured: String,
    target: String,
    met: Option<bool>,
}

impl Row {
    /// A figure that must not exceed `limit`; `target` says so for people.
    pub(crate) fn at_most(
        what: impl Into<String>,
        (value, limit): (f64, f64),
        measured: String,
        target: impl Into<String>,
    ) -> Self {
        Self {
            what: what.into(),
            measured,
            target: target.into(),
            met: Some(value <= limit),
        }
    }

    /// A figure without a target.
    pub(crate) fn plain(what: impl Into<String>, measured: String) -> Self {
        Self {
            what: what.into(),
            measured,
            target: "-".into(),
            met: None,
        }
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let met = match self.met {
            Some(true) => "yes",
            Some(false) => "**no**",
            None => "-",
        };
        write!(
            f,
            "| {} | {} | {} | {met} |",
            self.what, self.measured, self.target
        )
    }
}
