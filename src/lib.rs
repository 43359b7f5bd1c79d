//! Reprise.

/// Questions to vectors, on threads of their own.
pub mod embed;
