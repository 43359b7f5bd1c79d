//! One line of the audit trail: how it is read, also when it is damaged, and how it is chained to the one before.

pub(super) type Hash = [u8; 32];

/// One line as far as it can be made out.
pub(super) struct Line<'a> {
    pub(super) hash: Option<Hash>,
    pub(super) json: &'a [u8],
    pub(super) length: usize,
    pub(super) whole: bool,
    pub(super) ended: bool,
}

impl<'a> Line<'a> {
    pub(super) fn parse(bytes: &'a [u8]) -> Self {
        Self::strict(bytes).unwrap_or_else(|| Self::lenient(bytes))
    }

    /// Trusts the length, so that a lost line end does not take the next line with it.
    fn strict(bytes: &'a [u8]) -> Option<Self> {
        let (hex, rest) = bytes.split_at_checked(64)?;
        let hash = blake3::Hash::from_hex(hex).ok()?;
        // Upper case would read as the same number, and a changed byte go unnoticed.
        if hash.to_hex().as_bytes() != hex {
            return None;
        }
        let rest = rest.strip_prefix(b" ")?;
        let digits = rest.iter().take(20).position(|byte| *byte == b' ')?;
        let length: usize = std::str::from_utf8(&rest[..digits]).ok()?.parse().ok()?;
        let json = rest.get(digits + 1..)?.get(..length)?;
        let end = 64 + 1 + digits + 1 + length;
        let ended = bytes.get(end) == Some(&b'\n');
        // A changed length must not swallow the lines that follow.
        if !ended && serde_json::from_slice::<serde::de::IgnoredAny>(json).is_err() {
            return None;
        }
        Some(Self {
            hash: Some(*hash.as_bytes()),
            json,
            length: (end + 1).min(bytes.len()),
            whole: true,
            ended,
        })
    }

    /// Everything up to the line end.
    fn lenient(bytes: &'a [u8]) -> Self {
        let end = bytes
            .iter()
            .position(|byte| *byte == b'\n')
            .unwrap_or(bytes.len());
        let hash = bytes
            .get(..64)
            .and_then(|hex| blake3::Hash::from_hex(hex).ok())
            .map(|hash| *hash.as_bytes());
        let start = bytes[..end]
            .iter()
            .position(|byte| *byte == b'{')
            .unwrap_or(end);
        Self {
            hash,
            json: &bytes[start..end],
            length: (end + 1).min(bytes.len()),
            whole: false,
            ended: true,
        }
    }
}

pub(super) fn chain(before: &Hash, json: &[u8]) -> Hash {
    let mut hasher = blake3::Hasher::new();
    hasher.update(before);
    hasher.update(json);
    *hasher.finalize().as_bytes()
}
