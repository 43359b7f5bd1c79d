//! How many tokens a conversation has, for want of anybody who counts them.

use serde_json::{Map, Value, json};

use super::request::request;
use crate::chat::InvalidRequest;

/// Bytes of text that make a token, more or less.
const TOKEN_BYTES: usize = 4;

/// Members that say how something is meant, and no text of the conversation.
const NO_TEXT: [&str; 8] = [
    "type",
    "role",
    "id",
    "tool_use_id",
    "signature",
    "cache_control",
    "media_type",
    "url",
];

/// The answer to a request for the count of a conversation's tokens: a token to each four bytes of the system prompt,
/// of all texts in messages and of the tools' descriptions and schemas. Images and files are not counted.
///
/// # Errors
/// What is wrong with the conversation.
pub fn estimate(body: &Map<String, Value>) -> Result<Value, InvalidRequest> {
    let mut whole = body.clone();
    // A count has no answer that could be limited.
    whole.entry("max_tokens").or_insert_with(|| 1.into());
    request(&whole)?;
    let said = ["system", "messages"].map(|name| body.get(name).map_or(0, text));
    let tools = body.get("tools").and_then(Value::as_array);
    let tools: usize = tools.into_iter().flatten().map(written).sum();
    let bytes = said.iter().sum::<usize>() + tools;
    Ok(json!({"input_tokens": bytes.div_ceil(TOKEN_BYTES)}))
}

/// Bytes of the texts in a value.
fn text(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len(),
        Value::Array(items) => items.iter().map(text).sum(),
        Value::Object(members) => {
            let encoded = members.get("type").is_some_and(|kind| kind == "base64");
            let told = members.iter().map(|(name, value)| match name.as_str() {
                "data" if encoded => 0,
                // The model sees a call's arguments as they are written.
                "input" => value.to_string().len(),
                name if NO_TEXT.contains(&name) => 0,
                _ => text(value),
            });
            told.sum()
        }
        _ => 0,
    }
}

fn written(tool: &Value) -> usize {
    let mut tool = tool.clone();
    if let Some(members) = tool.as_object_mut() {
        members.remove("cache_control");
    }
    tool.to_string().len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(body: &Value) -> u64 {
        let told = estimate(body.as_object().unwrap()).unwrap();
        told["input_tokens"].as_u64().unwrap()
    }

    #[test]
    fn texts_calls_results_and_tools_are_counted_and_images_are_not() {
        let image = json!({"type": "image", "source": {"type": "base64", "media_type": "image/png",
            "data": "A".repeat(4000)}});
        let text = json!({"type": "text", "text": "b".repeat(40)});
        let body = json!({"model": "m", "messages": [{"role": "user", "content": [text, image]}]});
        assert_eq!(tokens(&body), 10);
        let mut body = json!({"model": "m", "system": "s".repeat(8), "messages": [
            {"role": "user", "content": "a".repeat(9)},
            {"role": "assistant", "content": [{"type": "tool_use", "id": "toolu_1", "name": "find",
                "input": {"q": "abc"}}]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_1",
                "content": "found"}]}]});
        // 8 of the system prompt, 9, `find` and `{"q":"abc"}`, `found`.
        assert_eq!(tokens(&body), (8u64 + 9 + 4 + 11 + 5).div_ceil(4));
        let tool = json!({"name": "find", "input_schema": {"type": "object"}});
        body["tools"] = json!([tool]);
        let more = tool.to_string().len() as u64;
        assert_eq!(tokens(&body), (37 + more).div_ceil(4));
    }

    #[test]
    fn what_is_no_conversation_is_refused_by_name() {
        let refused = |body: Value| estimate(body.as_object().unwrap()).unwrap_err().param;
        assert_eq!(refused(json!({"model": "m"})).as_deref(), Some("messages"));
        let odd = json!({"model": "m", "messages": [{"role": "user", "content": 1}]});
        assert!(refused(odd).unwrap().starts_with("messages[0]"));
    }
}
