//! Ids and the wall clock they are stamped with.

use std::fmt;
use std::str::FromStr;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
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

    /// A number drawn evenly from 0 to 1, the same for the same request.
    #[must_use]
    pub fn draw(self) -> f32 {
        let [a, b, c, ..] = *self.0.as_bytes();
        drawn([a, b, c])
    }

    /// A second such number, which has nothing to do with the first.
    #[must_use]
    pub fn second_draw(self) -> f32 {
        let [_, _, _, a, b, c, ..] = *self.0.as_bytes();
        drawn([a, b, c])
    }
}

fn drawn([a, b, c]: [u8; 3]) -> f32 {
    // 24 bits, which a float holds exactly. The first 48 of such an id are random.
    #[allow(clippy::cast_precision_loss, reason = "24 bits")]
    let bits = u32::from_be_bytes([0, a, b, c]) as f32;
    bits / 16_777_216.0
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "req_{}", self.0.as_simple())
    }
}

/// That is no request's id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a request's id is `req_` and 32 hexadecimal digits")]
pub struct NotAnId;

impl FromStr for RequestId {
    type Err = NotAnId;

    fn from_str(text: &str) -> Result<Self, NotAnId> {
        let digits = text.strip_prefix("req_").filter(|d| d.len() == 32);
        let id = digits.and_then(|d| Uuid::try_parse(d).ok());
        id.map(Self).ok_or(NotAnId)
    }
}

impl Serialize for RequestId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for RequestId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
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
