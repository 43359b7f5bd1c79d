//! A `GenerateContentResponse`, whole or one of a stream: its candidates, its token counts, or an error instead.

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::super::Fault;
use super::super::chunks::error;
use crate::chat::is_exact;

/// Parses a response, which may be an error instead; some come in an array of their own.
pub(super) fn parse(text: &[u8]) -> Result<Map<String, Value>, Fault> {
    let parsed = serde_json::from_slice(text);
    let mut parsed: Value = parsed.map_err(|e| Fault::Malformed(e.to_string()))?;
    if let Value::Array(items) = &mut parsed
        && items.len() == 1
    {
        parsed = items.remove(0);
    }
    let Value::Object(response) = parsed else {
        return Err(Fault::Malformed("a response is no JSON object".into()));
    };
    match response.get("error").filter(|e| !e.is_null()) {
        Some(told) => Err(Fault::Said(said_error(told))),
        None => Ok(response),
    }
}

#[derive(Deserialize, Default)]
struct Response<'a> {
    #[serde(borrow, default)]
    candidates: Option<Vec<Candidate<'a>>>,
}

#[derive(Deserialize)]
struct Candidate<'a> {
    #[serde(borrow, default)]
    content: Option<Content<'a>>,
}

#[derive(Deserialize)]
struct Content<'a> {
    #[serde(borrow, default)]
    parts: Option<Vec<Part<'a>>>,
}

#[derive(Deserialize)]
struct Part<'a> {
    #[serde(borrow, default, rename = "functionCall")]
    call: Option<Call<'a>>,
}

#[derive(Deserialize)]
struct Call<'a> {
    #[serde(borrow, default)]
    args: Option<&'a RawValue>,
}

/// Of each part of each candidate of a response the arguments of its call in the provider's own words, where their
/// parsed form would tell less.
pub(super) fn arguments(text: &[u8]) -> Vec<Vec<Option<&str>>> {
    let text = std::str::from_utf8(text).unwrap_or_default();
    if !text.contains("functionCall") || is_exact(text) {
        return Vec::new();
    }
    let response = match text.trim_start().starts_with('[') {
        true => serde_json::from_str(text).map(|[response]: [Response<'_>; 1]| response),
        false => serde_json::from_str(text),
    };
    let candidates = response.unwrap_or_default().candidates.unwrap_or_default();
    let parts = candidates.into_iter().map(|candidate| {
        let parts = candidate.content.and_then(|content| content.parts);
        let parts = parts.unwrap_or_default().into_iter();
        let args = parts.map(|part| part.call?.args.map(RawValue::get));
        args.map(|args| args.filter(|args| !is_exact(args)))
            .collect()
    });
    parts.collect()
}

/// Candidates of a response with their indices.
pub(super) fn candidates(response: &Map<String, Value>) -> impl Iterator<Item = (u64, &Value)> {
    let candidates = response.get("candidates").and_then(Value::as_array);
    (0..)
        .zip(candidates.into_iter().flatten())
        .map(|(i, candidate)| {
            // An index of 0 is left out in this way of writing JSON.
            let index = candidate.get("index").and_then(Value::as_u64);
            (index.unwrap_or(i), candidate)
        })
}

/// Whether the prompt was not let through to the model.
pub(super) fn is_blocked(response: &Map<String, Value>) -> bool {
    let feedback = response.get("promptFeedback");
    feedback.is_some_and(|f| f.get("blockReason").is_some_and(Value::is_string))
}

/// Token counts in OpenAI's form; none if the response has none.
pub(super) fn usage(response: &Map<String, Value>) -> Option<Value> {
    let counts = response.get("usageMetadata")?.as_object()?;
    let count = |key: &str| counts.get(key).and_then(Value::as_u64).unwrap_or(0);
    let sounds = |key: &str| {
        let kinds = counts.get(key).and_then(Value::as_array);
        let sounds = kinds.into_iter().flatten();
        let sounds = sounds.filter(|of| of.get("modality").is_some_and(|m| m == "AUDIO"));
        sounds
            .filter_map(|of| of.get("tokenCount")?.as_u64())
            .fold(0, u64::saturating_add)
    };
    let prompt = count("promptTokenCount").saturating_add(count("toolUsePromptTokenCount"));
    let thoughts = count("thoughtsTokenCount");
    let completion = count("candidatesTokenCount").saturating_add(thoughts);
    Some(json!({
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt.saturating_add(completion),
        "prompt_tokens_details": {
            "cached_tokens": count("cachedContentTokenCount"),
            "audio_tokens": sounds("promptTokensDetails"),
        },
        "completion_tokens_details": {
            "reasoning_tokens": thoughts,
            "audio_tokens": sounds("candidatesTokensDetails"),
        },
    }))
}

fn said_error(told: &Value) -> Value {
    let message = told.get("message").and_then(Value::as_str);
    let message = message.unwrap_or("The provider gave no reason.");
    let number = told.get("code").and_then(Value::as_u64);
    let code = told.get("status").or_else(|| told.get("code"));
    error(message, number, code.cloned().unwrap_or_default())
}
