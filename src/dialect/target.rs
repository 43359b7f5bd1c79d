//! What a request is written for, and how to refuse what the dialect has no word for.

use crate::chat::InvalidRequest;

/// For whom a request is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Target<'a> {
    /// The provider's own name for the model.
    pub model: &'a str,
    /// Whether the answer is to come in pieces.
    pub stream: bool,
    /// Most tokens of an answer, where the dialect wants a number and the client gave none.
    pub max_tokens: u64,
}

/// The refusal of the field at `path` because `dialect`, as people call it, cannot express it.
#[must_use]
pub fn inexpressible(path: impl Into<String>, dialect: &str) -> InvalidRequest {
    let path = path.into();
    let message = format!(
        "`{path}` is something that {dialect} cannot express; leave it out or ask another model."
    );
    InvalidRequest::at(path, message)
}
