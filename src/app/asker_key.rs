//! The secret that hashes of those who ask are keyed with: made at the first start, kept in the state.

use crate::store::StateStore;

/// Where the state keeps it: table and row.
const PLACE: (&str, &str) = ("secrets", "asker");

/// The key of this data folder. Where none can be kept, one for this start: what was remembered for one
/// person is not found again then, which costs money and nothing else.
pub(super) fn asker_key(state: &StateStore) -> Result<[u8; 32], getrandom::Error> {
    let stored = state.get(PLACE.0, PLACE.1);
    let stored = stored.as_ref().and_then(|row| row.as_str());
    if let Some(key) = stored.and_then(|hex| blake3::Hash::from_hex(hex).ok()) {
        return Ok(*key.as_bytes());
    }
    let mut key = [0; 32];
    // Without randomness anybody could find out whom a hash stands for.
    getrandom::fill(&mut key)?;
    let hex = blake3::Hash::from_bytes(key).to_hex().to_string();
    if let Err(cause) = state.put(PLACE.0, PLACE.1, &hex.into()) {
        tracing::warn!(%cause, "the key of those who ask is not kept");
    }
    Ok(key)
}
