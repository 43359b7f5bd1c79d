//! What AWS wants around a request and puts around an answer: addresses, signatures and the frames of event
//! streams. Pure values; it knows neither an HTTP client nor a dialect.

mod access;
mod address;
mod frames;
mod sign;

pub use access::{Access, Keys};
pub use address::{endpoint, path};
pub use frames::{Frame, FrameError, Frames, Kind};
pub use sign::{SignError, Unsigned, sign};
