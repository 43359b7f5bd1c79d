//! What an app writes on what is remembered for it, so that it can be invalidated by it later.

/// The header with tags, parted by commas.
pub const TAGS: &str = "x-reprise-tags";
/// The header with the version of the prompt that a request was made from.
pub const PROMPT_VERSION: &str = "x-reprise-prompt-version";

/// Tags that one entry may have.
const MOST: usize = 16;
/// Bytes of one.
const LONGEST: usize = 64;

/// What a request's headers write on its entry.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tags {
    /// Its tags, each once, in order.
    pub tags: Vec<String>,
    /// The version of its prompt.
    pub prompt_version: Option<String>,
}

impl Tags {
    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tags.is_empty() && self.prompt_version.is_none()
    }
}

/// Reads the value of [`TAGS`].
///
/// # Errors
/// What is expected instead.
pub fn tags(value: &str) -> Result<Vec<String>, &'static str> {
    const WRONG: &str = "must be up to 16 tags parted by commas, each 1 to 64 of the characters A-Z a-z 0-9 . _ : / + -";
    let mut tags: Vec<String> = Vec::new();
    for tag in value.split(',').map(str::trim) {
        if !is_tag(tag) {
            return Err(WRONG);
        }
        if !tags.iter().any(|known| known == tag) {
            tags.push(tag.to_owned());
        }
    }
    if tags.len() > MOST {
        return Err(WRONG);
    }
    Ok(tags)
}

/// Reads the value of [`PROMPT_VERSION`].
///
/// # Errors
/// What is expected instead.
pub fn prompt_version(value: &str) -> Result<String, &'static str> {
    match is_tag(value.trim()) {
        true => Ok(value.trim().to_owned()),
        false => Err("must be 1 to 64 of the characters A-Z a-z 0-9 . _ : / + -"),
    }
}

/// Whether a text can be a tag, or the version of a prompt.
#[must_use]
pub fn is_tag(text: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"._:/+-".contains(&b);
    (1..=LONGEST).contains(&text.len()) && text.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_read_once_each_and_bounded() {
        assert_eq!(tags("a, b:1 ,a").unwrap(), ["a", "b:1"]);
        let many = |count: usize| {
            (0..count)
                .map(|i| i.to_string())
                .collect::<Vec<_>>()
                .join(",")
        };
        assert_eq!(tags(&many(16)).unwrap().len(), 16);
        for bad in ["", "a,,b", "a,", "a b", "é", &many(17), &"x".repeat(65)] {
            assert!(tags(bad).is_err(), "{bad}");
        }
        assert_eq!(prompt_version(" v1.2 ").as_deref(), Ok("v1.2"));
        assert!(prompt_version("v1, v2").is_err() && prompt_version("").is_err());
    }
}
