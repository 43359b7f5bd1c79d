//! Measuring: asks labelled pairs, conversations or a timed trace of the real path, scope,
//! index, guards, verdict and policy, and counts what it served right and wrong.
//!
//! Read [`budget`] for whether a bound holds on fresh traffic, [`trial`] for how one row is asked, [`rows`] for what a file holds, [`measure`] for
//! the figures, [`table`] and [`plot`] for how they are shown.

pub mod budget;
pub mod measure;
mod pairs;
pub mod plot;
pub mod progress;
pub mod rows;
pub mod table;
mod trace;
pub mod trial;

pub use measure::{Figures, Measured};
pub use pairs::{Row, measure as measure_rows};
pub use progress::Progress;
pub use trace::{TraceFigures, trace};
pub use trial::Trial;
