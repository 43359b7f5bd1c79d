//! How much was used of what may be used in a minute, in a day or at a time. Pure: takes `now`; knows no clock, no
//! lock and no names.

mod meter;
mod window;

pub use meter::{Kind, Left, Meter, Rates, Refusal, Unit, Want, take};
pub use window::{Room, Window};
