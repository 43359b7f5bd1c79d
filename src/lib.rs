//! Reprise.

/// What must outlive the process: cached entries, keys and policies, the audit trail.
pub mod store;
