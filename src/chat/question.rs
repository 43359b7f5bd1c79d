//! The one part of a request that may be compared by meaning: the text that its last user message is.

use serde_json::{Map, Value};

use super::meaning::HINTS;

/// Why a request holds no question that could be compared by meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoQuestion {
    /// The last message is not the user's: a tool result, or a prefilled answer.
    LastNotUser,
    /// The last user text is empty or only white space.
    Empty,
    /// The last user message, or one before it, holds an image, audio or a file.
    NonText,
    /// More than one answer was asked for.
    SeveralChoices,
    /// It asks to go on with a text, to which each letter and the last blank count.
    Verbatim,
    /// Token probabilities belong to one run of the model.
    Logprobs,
    /// A seed asks for one particular run of the model.
    Seed,
}

impl NoQuestion {
    /// The reason as headers and metrics spell it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::LastNotUser => "last_not_user",
            Self::Empty => "empty_question",
            Self::NonText => "non_text",
            Self::SeveralChoices => "several_choices",
            Self::Verbatim => "verbatim",
            Self::Logprobs => "logprobs",
            Self::Seed => "seed",
        }
    }
}

/// Finds the last user text, or says why meaning cannot be compared.
pub(super) fn question_of(body: &Map<String, Value>) -> Result<String, NoQuestion> {
    if body.get("n").and_then(Value::as_u64).is_some_and(|n| n > 1) {
        return Err(NoQuestion::SeveralChoices);
    }
    let logprobs = body.get("logprobs").and_then(Value::as_bool) == Some(true);
    if logprobs || body.get("top_logprobs").is_some_and(|v| !v.is_null()) {
        return Err(NoQuestion::Logprobs);
    }
    if body.get("seed").is_some_and(|seed| !seed.is_null()) {
        return Err(NoQuestion::Seed);
    }
    let messages = body.get("messages").and_then(Value::as_array);
    let Some((last, before)) = messages.and_then(|m| m.split_last()) else {
        return Err(NoQuestion::Empty);
    };
    if before.iter().any(has_non_text) {
        return Err(NoQuestion::NonText);
    }
    if last.get("role").and_then(Value::as_str) != Some("user") {
        return Err(NoQuestion::LastNotUser);
    }
    // A question is made of text parts alone: what else it held would be neither compared nor hashed.
    if has_non_text(last) || has_part(last, "refusal") {
        return Err(NoQuestion::NonText);
    }
    let text = joined_text(last.get("content"));
    if text.trim().is_empty() {
        return Err(NoQuestion::Empty);
    }
    Ok(text)
}

fn has_non_text(message: &Value) -> bool {
    let parts = message.get("content").and_then(Value::as_array);
    parts.is_some_and(|parts| {
        parts.iter().any(|part| {
            let kind = part.get("type").and_then(Value::as_str);
            // A text part with members of its own, such as annotations, is more than its text.
            let more = |name: &String| !HINTS.contains(&name.as_str());
            let plain = part
                .as_object()
                .is_some_and(|p| p.keys().filter(|name| more(name)).count() == 2);
            !(plain && matches!(kind, Some("text" | "refusal")))
        })
    })
}

fn has_part(message: &Value, kind: &str) -> bool {
    let parts = message.get("content").and_then(Value::as_array);
    let is_kind = |part: &Value| part.get("type").and_then(Value::as_str) == Some(kind);
    parts.is_some_and(|parts| parts.iter().any(is_kind))
}

/// A message's text: a string, or its text parts on lines of their own.
pub fn joined_text(content: Option<&Value>) -> String {
    match content {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(parts)) => {
            let texts: Vec<_> = parts
                .iter()
                .filter_map(|p| p.get("text").and_then(Value::as_str))
                .collect();
            texts.join("\n")
        }
        _ => String::new(),
    }
}
