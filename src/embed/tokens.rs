//! Reads a text into token ids, and refuses what the model would misread. Knows nothing of threads.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use tokenizers::Tokenizer;
use unicode_script::Script;

use super::manifest::Manifest;
use super::{EmbedError, Skip, TokenDigest, text};

/// The tokenizer with the gates in front of it and behind it.
pub(super) struct Reader {
    tokenizer: Tokenizer,
    unknown: u32,
    window: usize,
    scripts: Vec<Script>,
}

impl Reader {
    /// Loads the manifest's tokenizer.
    pub(super) fn new(manifest: &Manifest) -> Result<Self, EmbedError> {
        let path = manifest.files.tokenizer_path();
        let tokenizer = tokenizer(&path, &manifest.files.read_tokenizer()?)?;
        let unknown = id_of(&tokenizer, &path, &manifest.unknown_token)?;
        Ok(Self {
            tokenizer,
            unknown,
            window: manifest.window,
            scripts: manifest.scripts.clone(),
        })
    }

    /// Token ids of `text`, framing tokens included.
    ///
    /// A text that the tokenizer itself cannot read counts as made of unknown tokens.
    pub(super) fn read(&self, text: &str) -> Result<Vec<u32>, Skip> {
        if !text::mainly_in(&self.scripts, text) {
            return Err(Skip::UnsupportedLanguage);
        }
        // Each word is at least one token, and counting them is a hundred times quicker than reading them.
        let mut words = text.split_whitespace().filter(|word| is_word(word));
        if words.nth(self.window).is_some() {
            return Err(Skip::TooLong);
        }
        let encoding = self
            .tokenizer
            .encode_fast(text, true)
            .map_err(|_| Skip::UnknownTokens)?;
        let ids = encoding.get_ids();
        if ids.contains(&self.unknown) {
            return Err(Skip::UnknownTokens);
        }
        if ids.len() > self.window {
            return Err(Skip::TooLong);
        }
        Ok(ids.to_vec())
    }

    /// Token ids of any text, framing tokens included: what the vocabulary lacks, or the model was not trained on, is
    /// for its owner to judge.
    pub(super) fn read_any(&self, text: &str) -> Result<Vec<u32>, Skip> {
        let mut words = text.split_whitespace().filter(|word| is_word(word));
        if words.nth(self.window).is_some() {
            return Err(Skip::TooLong);
        }
        let read = catch_unwind(AssertUnwindSafe(|| self.tokenizer.encode_fast(text, true)));
        let encoding = read.ok().and_then(Result::ok).ok_or(Skip::UnknownTokens)?;
        match encoding.get_ids() {
            ids if ids.len() > self.window => Err(Skip::TooLong),
            ids => Ok(ids.to_vec()),
        }
    }

    /// Why `text` cannot be read, if so. A tokenizer that panics has said nothing.
    pub(super) fn refuses(&self, text: &str) -> Option<Skip> {
        catch_unwind(AssertUnwindSafe(|| self.read(text).err())).ok()?
    }
}

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader")
            .field("window", &self.window)
            .finish_non_exhaustive()
    }
}

/// A tokenizer out of its file's bytes.
pub(super) fn tokenizer(path: &Path, bytes: &[u8]) -> Result<Tokenizer, EmbedError> {
    let mut tokenizer =
        Tokenizer::from_bytes(bytes).map_err(|error| unusable(path, error.to_string()))?;
    // A file may bring its own padding and cutting (the published one does both at 128): neither may happen.
    tokenizer.with_padding(None);
    tokenizer
        .with_truncation(None)
        .map_err(|error| unusable(path, error.to_string()))?;
    // A text that spells "[SEP]" means those letters, not the token.
    tokenizer.set_encode_special_tokens(true);
    Ok(tokenizer)
}

/// The id of a token that the vocabulary must have.
pub(super) fn id_of(tokenizer: &Tokenizer, path: &Path, token: &str) -> Result<u32, EmbedError> {
    let id = tokenizer.token_to_id(token);
    id.ok_or_else(|| unusable(path, format!("it has no token {token:?}")))
}

/// Words of a text, at most as many as its tokens. Counting them is a hundred times quicker than reading them.
pub(super) fn words(text: &str) -> usize {
    text.split_whitespace().filter(|word| is_word(word)).count()
}

/// Whether a tokenizer makes something of it; marks alone may be dropped.
fn is_word(part: &str) -> bool {
    part.bytes().any(|byte| byte.is_ascii_alphanumeric())
}

/// The digest that tells two token sequences apart.
pub(super) fn digest(tokens: &[u32]) -> TokenDigest {
    let mut hasher = blake3::Hasher::new();
    for token in tokens {
        hasher.update(&token.to_le_bytes());
    }
    let mut digest = [0; 16];
    hasher.finalize_xof().fill(&mut digest);
    TokenDigest(digest)
}

fn unusable(path: &Path, reason: String) -> EmbedError {
    EmbedError::Tokenizer {
        path: PathBuf::from(path),
        reason,
    }
}
