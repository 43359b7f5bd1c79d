//! Warming: asks a file of questions off-peak, by the same path as live traffic, so
//! that the live ones are answered from memory.
//!
//! Read [`run()`] for the loop and `sender` for one item of it, [`lines`] for what a file may
//! hold, [`driver`] for the ways to a gateway, [`budget`] with its [`tariff`], [`pace`] and
//! [`fold`] for what is held back, and [`journal`] for what an interrupted run leaves to the next.

pub mod budget;
pub mod driver;
pub mod fold;
pub mod journal;
pub mod lines;
pub mod pace;
pub mod progress;
pub mod report;
pub mod run;
mod sender;
pub mod tariff;

pub use budget::Budget;
pub use driver::{Driver, InProcess, Refusal, Remote, Told};
pub use journal::Journal;
pub use lines::Defaults;
pub use pace::Pace;
pub use progress::Progress;
pub use report::{Report, Stopped};
pub use run::{Job, Stop, run};
pub use tariff::Tariff;
