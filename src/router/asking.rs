//! What a request asks of a model, and which conversation it is part of, read from its canonical body. Pure.

use serde_json::{Map, Value};

use super::chance::{mix, tag};
use super::strategy::Needs;
use crate::chat::joined_text;

/// What it needs; `tokens_in` is about how many its prompt has, rather too few than too many: what seems too large for
/// a model is not sent to it.
#[must_use]
pub fn needs(body: &Map<String, Value>, tokens_in: u64) -> Needs {
    let filled = |name: &str| {
        let list = body.get(name).and_then(Value::as_array);
        list.is_some_and(|list| !list.is_empty())
    };
    let format = body.get("response_format").and_then(|f| f.get("type"));
    let mut needs = Needs {
        tools: filled("tools") || filled("functions"),
        audio: speaks(body),
        json_schema: format.and_then(Value::as_str) == Some("json_schema"),
        context_tokens: tokens_in,
        output_tokens: most_output(body),
        ..Needs::default()
    };
    for part in parts(body) {
        match part.get("type").and_then(Value::as_str) {
            Some("image_url") => needs.vision = true,
            Some("input_audio") => needs.audio = true,
            Some("file") => needs.documents = true,
            _ => {}
        }
    }
    needs
}

/// Tokens that an answer may have; 0 where nothing bounds it.
#[must_use]
pub fn most_output(body: &Map<String, Value>) -> u64 {
    let number = |name: &str| body.get(name).and_then(Value::as_u64);
    let most = number("max_completion_tokens").or_else(|| number("max_tokens"));
    most.unwrap_or_default()
}

/// A number that is the same for all requests of a conversation: by the name that the client gives it, else by its own
/// key for the provider's prompt cache, else by all that stands before the first answer. None where nothing does.
#[must_use]
pub fn conversation(body: &Map<String, Value>, named: Option<&str>) -> Option<u64> {
    let key = body.get("prompt_cache_key").and_then(Value::as_str);
    if let Some(name) = named.or(key).filter(|name| !name.is_empty()) {
        return Some(tag(name));
    }
    let messages = body.get("messages")?.as_array()?;
    let before = messages.iter().take_while(|m| role(m) != Some("assistant"));
    let mut first = None;
    for message in before {
        first = Some(mix(first.unwrap_or_default(), words(message)));
        // A second question without an answer between them is a later turn of a client that leaves answers out.
        if role(message) == Some("user") {
            break;
        }
    }
    first
}

/// What a message says. Neither how its text is cut into parts nor where a client asks its provider to cache makes it
/// another one: both change from turn to turn.
fn words(message: &Value) -> u64 {
    let content = message.get("content");
    let said = mix(
        tag(role(message).unwrap_or_default()),
        tag(&joined_text(content)),
    );
    let parts = content.and_then(Value::as_array);
    let shown = parts.into_iter().flatten().filter_map(Value::as_object);
    let shown = shown.filter(|part| !part.contains_key("text"));
    shown.fold(said, |said, part| {
        let mut part = part.clone();
        part.remove("cache_control");
        mix(said, tag(&Value::Object(part).to_string()))
    })
}

fn role(message: &Value) -> Option<&str> {
    message.get("role")?.as_str()
}

fn speaks(body: &Map<String, Value>) -> bool {
    let modalities = body.get("modalities").and_then(Value::as_array);
    modalities.is_some_and(|all| all.iter().any(|m| m == "audio"))
}

fn parts(body: &Map<String, Value>) -> impl Iterator<Item = &Value> {
    let messages = body.get("messages").and_then(Value::as_array);
    let contents = messages.into_iter().flatten();
    let contents = contents.filter_map(|message| message.get("content")?.as_array());
    contents.flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn body(value: Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    fn user(text: &str) -> Value {
        json!({"role": "user", "content": text})
    }

    #[test]
    fn a_plain_question_needs_nothing_but_room() {
        let plain = body(
            json!({"messages": [user("Hi")], "tools": [], "modalities": ["text"],
            "response_format": {"type": "json_object"}, "max_tokens": null}),
        );
        let room = Needs {
            context_tokens: 7,
            ..Needs::default()
        };
        assert_eq!(needs(&plain, 7), room);
    }

    #[test]
    fn each_need_is_seen_where_it_stands() {
        let with = |part: Value| {
            let content = json!([{"type": "text", "text": "x"}, part]);
            let message = json!({"role": "user", "content": content});
            needs(&body(json!({"messages": [user("first"), message]})), 0)
        };
        assert!(with(json!({"type": "image_url"})).vision);
        assert!(with(json!({"type": "input_audio"})).audio);
        assert!(with(json!({"type": "file"})).documents);
        assert_eq!(with(json!({"type": "text"})), Needs::default());
        assert!(needs(&body(json!({"tools": [{}]})), 0).tools);
        assert!(needs(&body(json!({"modalities": ["text", "audio"]})), 0).audio);
        let schema = json!({"response_format": {"type": "json_schema"}});
        assert!(needs(&body(schema), 0).json_schema);
        let sized = needs(
            &body(json!({"max_completion_tokens": 50, "max_tokens": 9})),
            100,
        );
        assert_eq!((sized.context_tokens, sized.output_tokens), (100, 50));
    }

    #[test]
    fn a_conversation_is_known_by_how_it_began() {
        let of = |messages: Value| conversation(&body(json!({"messages": messages})), None);
        let system = json!({"role": "system", "content": "s"});
        let answer = json!({"role": "assistant", "content": "yes"});
        let begun = of(json!([system, user("one")]));
        assert!(begun.is_some());
        assert_eq!(begun, of(json!([system, user("one"), answer, user("two")])));
        assert_eq!(begun, of(json!([system, user("one"), user("two")])));
        assert_ne!(begun, of(json!([system, user("two")])));
        assert_ne!(begun, of(json!([user("one")])));
        assert_eq!(of(json!([])), None);
    }

    #[test]
    fn a_turn_that_is_only_written_otherwise_is_the_same_one() {
        let of = |content: Value| {
            let message = json!({"role": "user", "content": content});
            conversation(&body(json!({"messages": [message]})), None)
        };
        let image = json!({"type": "image_url", "image_url": {"url": "data:,1"}});
        let mut cached = image.clone();
        cached["cache_control"] = json!({"type": "ephemeral"});
        let text = json!({"type": "text", "text": "one"});
        let marked = json!({"type": "text", "text": "one", "cache_control": {"type": "ephemeral"}});
        assert_eq!(of(json!("one")), of(json!([marked])));
        assert_eq!(of(json!([text, image])), of(json!([marked, cached])));
        assert_ne!(of(json!([text, image])), of(json!([text])));
        let other = json!({"type": "image_url", "image_url": {"url": "data:,2"}});
        assert_ne!(of(json!([text, image])), of(json!([text, other])));
    }

    #[test]
    fn a_name_wins_over_the_clients_cache_key_and_that_over_the_words() {
        let words = body(json!({"messages": [user("one")]}));
        let keyed = body(json!({"messages": [user("one")], "prompt_cache_key": "k"}));
        assert_eq!(conversation(&keyed, None), Some(tag("k")));
        assert_eq!(conversation(&keyed, Some("n")), Some(tag("n")));
        assert_eq!(conversation(&words, Some("")), conversation(&words, None));
    }
}
