//! One line of the table: what was measured beside what was asked for.

use std::fmt;

/// The table's head.
pub(crate) const HEAD: &str = "| what | measured | target | met |\n|---|---|---|---|";

/// One line.
pub(crate) struct Row {
    what: String,
    measured: String,
    target: String,
    met: bool,
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
            met: value <= limit,
        }
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let met = if self.met { "yes" } else { "**no**" };
        write!(
            f,
            "| {} | {} | {} | {met} |",
            self.what, self.measured, self.target
        )
    }
}
