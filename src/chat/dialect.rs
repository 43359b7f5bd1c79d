//! The names of the wire dialects. What each of them looks like is the business of [`crate::dialect`].

/// A form in which requests and answers are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// OpenAI's chat completions, and the canonical form.
    Chat,
    /// OpenAI's older completions.
    Completions,
    /// OpenAI's responses.
    Responses,
    /// Anthropic's messages.
    Messages,
    /// Google's `generateContent`.
    Gemini,
    /// AWS Bedrock's Converse.
    Converse,
    /// Cohere's chat, version 2.
    Cohere,
}
