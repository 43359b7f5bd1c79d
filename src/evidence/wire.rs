//! How entries and hashes of the evidence are spelled, on the wire and on disk.

/// A hash in hexadecimal.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let nibbles = bytes.iter().flat_map(|b| [b >> 4, b & 15]);
    nibbles
        .map(|n| char::from(DIGITS[usize::from(n)]))
        .collect()
}

fn from_hex(text: &str) -> Option<[u8; 32]> {
    let mut hash = [0; 32];
    if text.len() != 2 * hash.len() {
        return None;
    }
    for (byte, pair) in hash.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(hash)
}

/// Hashes of a request.
pub(super) mod hash {
    use serde::{Deserialize, Deserializer, Serializer, de};

    pub(in crate::evidence) fn serialize<S: Serializer>(
        hash: &[u8; 32],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&super::hex(hash))
    }

    pub(in crate::evidence) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<[u8; 32], D::Error> {
        let text = String::deserialize(from)?;
        super::from_hex(&text).ok_or_else(|| de::Error::custom("no hash"))
    }
}

/// Marks of texts.
pub(super) mod mark {
    use serde::{Deserialize, Deserializer, Serializer, de};

    #[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it so")]
    pub(in crate::evidence) fn serialize<S: Serializer>(
        mark: &u64,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&format!("{mark:016x}"))
    }

    pub(in crate::evidence) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<u64, D::Error> {
        let text = String::deserialize(from)?;
        u64::from_str_radix(&text, 16).map_err(|_| de::Error::custom("no mark"))
    }
}

/// Entries as headers and the admin API call them.
pub(super) mod one_entry {
    use serde::{Deserialize, Deserializer, Serializer, de};

    #[allow(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it so")]
    pub(in crate::evidence) fn serialize<S: Serializer>(
        entry: &u64,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&crate::cache::entry::label(*entry))
    }

    pub(in crate::evidence) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<u64, D::Error> {
        let text = String::deserialize(from)?;
        crate::cache::entry::parse_label(&text).ok_or_else(|| de::Error::custom("no entry's id"))
    }
}

/// The same where there may be none.
pub(super) mod entry_label {
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

    #[allow(clippy::ref_option, reason = "serde asks for it so")]
    pub(in crate::evidence) fn serialize<S: Serializer>(
        entry: &Option<u64>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        entry.map(crate::cache::entry::label).serialize(serializer)
    }

    pub(in crate::evidence) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<u64>, D::Error> {
        let Some(text) = Option::<String>::deserialize(from)? else {
            return Ok(None);
        };
        let entry = crate::cache::entry::parse_label(&text);
        entry
            .map(Some)
            .ok_or_else(|| de::Error::custom("no entry's id"))
    }
}
