//! Orders, strategy by strategy.

mod cases;
mod properties;
mod support;
