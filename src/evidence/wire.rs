//! How entries of the evidence are spelled, on the wire and on disk.

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
