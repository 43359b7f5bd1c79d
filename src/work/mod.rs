//! What outlives the request that began it: responses that a later one continues.

mod responses;

pub use responses::{Kept, Responses};
