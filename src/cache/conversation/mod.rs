//! Turns of a conversation: which questions stand alone, so that what was said before them does
//! not count, and which are about the one who asks. Pure; reads English and trusts nothing else.

mod alone;
mod asker;
mod earlier;
mod words;

pub use alone::stands_alone;
pub use asker::speaks_of_asker;

/// Whether a turn needs what was said before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It says itself all that its answer depends on.
    Alone,
    /// It does not, or may not; why.
    Needs(&'static str),
}
