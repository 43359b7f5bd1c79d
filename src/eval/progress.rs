//! How far a measurement is, on stderr: a bar for people, nothing for pipes.

use std::io::{IsTerminal, Write, stderr};

use indicatif::{ProgressBar, ProgressStyle};

/// Rows that could not be asked and are told one by one.
const TOLD: usize = 20;

/// A bar over the rows of one file.
pub struct Progress {
    bar: Option<ProgressBar>,
    faults: usize,
}

impl Progress {
    /// Starts at none of `rows`.
    #[must_use]
    pub fn new(rows: usize, name: &str) -> Self {
        let bar = stderr().is_terminal().then(|| {
            let bar = ProgressBar::new(u64::try_from(rows).unwrap_or(u64::MAX));
            let form = "{msg} {wide_bar} {pos}/{len} rows, {per_sec}, {eta} left";
            let style = ProgressStyle::with_template(form);
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar.with_message(name.to_owned())
        });
        Self { bar, faults: 0 }
    }

    /// One row more.
    pub fn step(&self) {
        if let Some(bar) = &self.bar {
            bar.inc(1);
        }
    }

    /// Tells of a row that could not be asked; it counts as not served.
    pub fn fault(&mut self, row: usize, why: &dyn std::fmt::Display) {
        self.faults += 1;
        let text = match self.faults {
            n if n < TOLD => format!("row {row} cannot be asked and counts as not served: {why}"),
            n if n == TOLD => "further rows cannot be asked; they are not told".to_owned(),
            _ => return,
        };
        let write = || drop(writeln!(stderr(), "reprise eval: {text}"));
        match &self.bar {
            Some(bar) => bar.suspend(write),
            None => write(),
        }
    }

    /// Takes the bar away.
    pub fn done(self) {
        if let Some(bar) = self.bar {
            bar.finish_and_clear();
        }
    }
}
