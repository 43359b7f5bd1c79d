//! Reads two questions as one row of token ids, and refuses what the model would misread.

use std::path::Path;

use tokenizers::Tokenizer;
use unicode_script::Script;

use super::Unread;
use super::manifest::Manifest;
use crate::embed::{EmbedError, text, tokens};

/// A pair as the model reads it; both of one length.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    /// Token ids, framing tokens included.
    pub(super) ids: Vec<u32>,
    /// 0 for the first question, 1 for the second.
    pub(super) types: Vec<u32>,
}

/// The tokenizer with the gates around it.
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
        let tokenizer = tokens::tokenizer(&path, &manifest.files.read_tokenizer()?)?;
        let reader = Self {
            unknown: tokens::id_of(&tokenizer, &path, manifest.unknown_token())?,
            tokenizer,
            window: manifest.window(),
            scripts: manifest.scripts.clone(),
        };
        reader.tells_apart(&path)?;
        Ok(reader)
    }

    /// A tokenizer that does not say where the second question begins is one for single texts.
    fn tells_apart(&self, path: &Path) -> Result<(), EmbedError> {
        let bad = |reason: String| EmbedError::Tokenizer {
            path: path.to_owned(),
            reason,
        };
        let pair = self.tokenizer.encode_fast(("1", "1"), true);
        let pair = pair.map_err(|error| bad(error.to_string()))?;
        if ![0, 1].iter().all(|side| pair.get_type_ids().contains(side)) {
            return Err(bad("it has no form for two texts".to_owned()));
        }
        let shortest = pair.get_ids().len();
        if shortest > self.window {
            return Err(bad(format!(
                "it makes {shortest} tokens of the shortest pair, more than `window`"
            )));
        }
        Ok(())
    }

    /// A stored question and the one asked as one row.
    pub(super) fn read(&self, stored: &str, asked: &str) -> Result<Row, Unread> {
        let both = [stored, asked];
        if both
            .iter()
            .any(|text| !text::mainly_in(&self.scripts, text))
        {
            return Err(Unread::UnsupportedLanguage);
        }
        if tokens::words(stored) + tokens::words(asked) > self.window {
            return Err(Unread::TooLong);
        }
        let encoding = self
            .tokenizer
            .encode_fast((stored, asked), true)
            .map_err(|_| Unread::UnknownTokens)?;
        let ids = encoding.get_ids();
        if ids.contains(&self.unknown) {
            return Err(Unread::UnknownTokens);
        }
        if ids.len() > self.window {
            return Err(Unread::TooLong);
        }
        Ok(Row {
            ids: ids.to_vec(),
            types: encoding.get_type_ids().to_vec(),
        })
    }
}
