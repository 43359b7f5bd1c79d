//! Reprise.

/// The nearest remembered questions of one scope, by int8 codes.
pub mod index;
