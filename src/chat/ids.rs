//! Ids and the wall clock they are stamped with.

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use uuid::Uuid;

/// Names one request in logs, headers and the decision log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RequestId(Uuid);

impl RequestId {
    /// A fresh random id.
    #[must_use]
    pub fn fresh() -> Self {
        Self(Uuid::new_v4())
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "req_{}", self.0.as_simple())
    }
}

/// A fresh `chatcmpl-…` id for an answer that this gateway renders itself.
#[must_use]
pub fn completion_id() -> String {
    format!("chatcmpl-{}", Uuid::new_v4().as_simple())
}

/// Milliseconds since the Unix epoch; 0 if the clock stands before it.
#[must_use]
pub fn unix_ms() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |d| u64::try_from(d.as_millis()).unwrap_or(u64::MAX))
}

/// Seconds since the Unix epoch, as OpenAI's `created` counts them.
#[must_use]
pub fn unix_seconds() -> u64 {
    unix_ms() / 1000
}
