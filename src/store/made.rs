//! What an entry was made with besides its question and answer: what it can be invalidated by, and until when it is
//! fresh. Records without any of it, such as those of earlier builds, lack these fields.

use super::bytes::{Fields, put_prefixed};

/// See the module.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Made {
    /// The newest invalidation that there was when its answer was asked for.
    pub generation: u64,
    /// Unix milliseconds from which on it is stale, where that is before its expiry.
    pub fresh_ms: Option<u64>,
    /// Tags of the request.
    pub tags: Vec<String>,
    /// Version of the prompt that the request was made from.
    pub prompt_version: Option<String>,
}

impl Made {
    /// Bytes of its texts.
    pub(super) fn weight(&self) -> usize {
        let tags = self.tags.iter().map(|tag| tag.len() + 24);
        tags.sum::<usize>() + self.prompt_version.as_ref().map_or(0, String::len)
    }

    /// Appends its fields; says whether there were any to append.
    pub(super) fn put(&self, out: &mut Vec<u8>) -> bool {
        if *self == Self::default() {
            return false;
        }
        out.extend_from_slice(&self.generation.to_le_bytes());
        out.extend_from_slice(&self.fresh_ms.unwrap_or(0).to_le_bytes());
        let texts = self.tags.iter().chain(&self.prompt_version);
        let versions = u8::from(self.prompt_version.is_some());
        out.push(versions);
        out.push(u8::try_from(self.tags.len()).unwrap_or(u8::MAX));
        for text in texts.take(usize::from(u8::MAX)) {
            put_prefixed(out, text.as_bytes());
        }
        true
    }

    pub(super) fn take(fields: &mut Fields<'_>) -> Option<Self> {
        let generation = fields.u64()?;
        let fresh_ms = Some(fields.u64()?).filter(|ms| *ms > 0);
        let versioned = fields.u8()? > 0;
        let count = fields.u8()?;
        let tags = (0..count).map(|_| fields.text()).collect::<Option<_>>()?;
        let prompt_version = match versioned {
            true => Some(fields.text()?),
            false => None,
        };
        Some(Self {
            generation,
            fresh_ms,
            tags,
            prompt_version,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_comes_back_as_it_was_and_takes_no_room_where_there_is_nothing() {
        let mut out = Vec::new();
        assert!(!Made::default().put(&mut out) && out.is_empty());
        for made in [
            Made {
                generation: 7,
                ..Made::default()
            },
            Made {
                fresh_ms: Some(9),
                tags: vec!["a".into(), "b:c".into()],
                ..Made::default()
            },
            Made {
                tags: vec!["a".into()],
                prompt_version: Some("v1.2".into()),
                ..Made::default()
            },
        ] {
            let mut out = Vec::new();
            assert!(made.put(&mut out));
            let mut fields = Fields::new(&out);
            assert_eq!(Made::take(&mut fields), Some(made));
            assert!(fields.is_empty());
            assert_eq!(Made::take(&mut Fields::new(&out[..out.len() - 1])), None);
        }
    }
}
