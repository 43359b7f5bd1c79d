//! Who may ask how much, and how many calls are made at a time. A request shows its names and gets an [`Admission`],
//! a permit that frees itself; a call gets a [`Reservation`] of tokens, settled when it is over, and a [`Slot`] among
//! all calls.

mod admission;
mod limits;
mod overload;

pub use admission::{Admission, Estimate, Pass, Refused, Reservation, Standing};
pub use limits::{Limits, Names};
pub use overload::{Overload, Slot};
