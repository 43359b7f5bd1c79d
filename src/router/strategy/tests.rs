//! Orders, strategy by strategy.

mod cases;
mod over_time;
mod properties;
mod support;
