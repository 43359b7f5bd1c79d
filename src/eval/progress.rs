//! How far a measurement is, and which rows could not be asked, of these a bounded number.

use crate::telemetry::Bar;

/// Rows that could not be asked and are told one by one.
const TOLD: usize = 20;
const FORM: &str = "{msg} {wide_bar} {pos}/{len} rows, {per_sec}, {eta} left";

/// A bar over the rows of one file.
pub struct Progress {
    bar: Bar,
    faults: usize,
}

impl Progress {
    /// Starts at none of `rows`.
    #[must_use]
    pub fn new(rows: usize, name: &str) -> Self {
        let bar = Bar::new("eval", u64::try_from(rows).ok(), FORM);
        bar.words(name.to_owned());
        Self { bar, faults: 0 }
    }

    /// One row more.
    pub fn step(&self) {
        self.bar.step();
    }

    /// Tells of a row that could not be asked; it counts as not served.
    pub fn fault(&mut self, row: usize, why: &dyn std::fmt::Display) {
        self.faults += 1;
        match self.faults {
            n if n < TOLD => {
                let told = format!("row {row} cannot be asked and counts as not served: {why}");
                self.bar.say(&told);
            }
            n if n == TOLD => self
                .bar
                .say("further rows cannot be asked; they are not told"),
            _ => {}
        }
    }

    /// Takes the bar away.
    pub fn done(self) {
        self.bar.done();
    }
}
