//! What a message or a tool means, however it is written: the forms that nobody answers differently are one. What goes
//! to a provider stays as it was written.

use std::borrow::Cow;

use serde_json::{Map, Value};

/// Members of a request, a message, a part, a call or a tool that say what is worth keeping and how to deliver, and
/// nothing to the model.
pub(super) const HINTS: [&str; 2] = ["cache_control", "eager_input_streaming"];

/// The plainest message that means the same.
#[must_use]
pub fn meaning(message: &Value) -> Cow<'_, Value> {
    let plain = message.as_object().is_none_or(is_plain);
    if plain {
        return Cow::Borrowed(message);
    }
    let mut message = without_hints(message);
    for list in ["content", "tool_calls"] {
        let items = message.get_mut(list).and_then(Value::as_array_mut);
        for item in items.into_iter().flatten().filter(|item| is_hinted(item)) {
            *item = without_hints(item);
        }
    }
    // The newer name of the same role.
    if is_developers(message.get("role")) {
        message["role"] = "system".into();
    }
    if let Some(text) = message.get("content").and_then(only_text) {
        message["content"] = text.into();
    }
    Cow::Owned(message)
}

/// The tools without hints, where there are some.
pub(super) fn tools(body: &Map<String, Value>) -> Option<Value> {
    let tools = body.get("tools")?.as_array()?;
    let hinted = tools.iter().any(is_hinted);
    hinted.then(|| tools.iter().map(without_hints).collect())
}

/// Whether a choice of tools is what is done without a word of it: with tools, the model's own. That there is to be
/// none says something even where no tools are seen: a server may have some of its own, under any name.
pub(super) fn is_idle_choice(body: &Map<String, Value>) -> bool {
    let tools = body.get("tools").and_then(Value::as_array);
    let some = tools.is_some_and(|tools| !tools.is_empty());
    some && body
        .get("tool_choice")
        .is_some_and(|choice| choice == "auto")
}

fn is_plain(message: &Map<String, Value>) -> bool {
    let hinted = |list: &str| {
        let items = message.get(list).and_then(Value::as_array);
        items.is_some_and(|items| items.iter().any(is_hinted))
    };
    !(is_developers(message.get("role"))
        || HINTS.iter().any(|hint| message.contains_key(*hint))
        || hinted("content")
        || hinted("tool_calls")
        || message.get("content").and_then(only_text).is_some())
}

fn is_developers(role: Option<&Value>) -> bool {
    role.is_some_and(|role| role == "developer")
}

fn is_hinted(value: &Value) -> bool {
    HINTS.iter().any(|hint| value.get(hint).is_some())
}

fn without_hints(value: &Value) -> Value {
    let mut value = value.clone();
    if let Value::Object(members) = &mut value {
        for hint in HINTS {
            members.shift_remove(hint);
        }
    }
    value
}

/// The text of a content that is one text part and no more.
fn only_text(content: &Value) -> Option<&str> {
    let [part] = content.as_array()?.as_slice() else {
        return None;
    };
    let members = part.as_object()?;
    let mut names = members.keys().map(String::as_str);
    let is_text = members.get("type").is_some_and(|kind| kind == "text");
    let plain =
        is_text && names.all(|name| matches!(name, "type" | "text") || HINTS.contains(&name));
    members.get("text").filter(|_| plain)?.as_str()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_only_written_otherwise_means_the_same() {
        let mark = json!({"type": "ephemeral"});
        for (written, plain) in [
            (
                json!({"role": "developer", "content": "a"}),
                json!({"role": "system", "content": "a"}),
            ),
            (
                json!({"role": "user", "content": [{"type": "text", "text": "a", "cache_control": mark}]}),
                json!({"role": "user", "content": "a"}),
            ),
            (
                json!({"role": "user", "content": [{"type": "text", "text": "a"}]}),
                json!({"role": "user", "content": "a"}),
            ),
            (
                json!({"role": "user", "content": [{"type": "text", "text": "a", "cache_control": mark},
                    {"type": "text", "text": "b"}], "cache_control": mark}),
                json!({"role": "user", "content": [{"type": "text", "text": "a"},
                    {"type": "text", "text": "b"}]}),
            ),
            (
                json!({"role": "assistant", "tool_calls": [{"id": "c", "cache_control": mark}]}),
                json!({"role": "assistant", "tool_calls": [{"id": "c"}]}),
            ),
        ] {
            assert_eq!(*meaning(&written), plain);
            assert!(matches!(meaning(&plain), Cow::Borrowed(_)));
        }
    }

    #[test]
    fn what_says_more_stays_as_it_is() {
        for message in [
            json!({"role": "assistant", "content": [{"type": "text", "text": "a", "annotations": [1]}]}),
            json!({"role": "assistant", "content": [{"type": "refusal", "refusal": "a"}]}),
            json!({"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}),
            json!({"role": "user", "content": []}),
            json!({"role": "user", "content": "a", "name": "developer"}),
            json!(7),
        ] {
            assert_eq!(*meaning(&message), message);
        }
    }

    #[test]
    fn a_choice_is_idle_where_its_absence_says_the_same() {
        let tools = json!([{"type": "function"}]);
        for (body, idle) in [
            (json!({"tools": tools, "tool_choice": "auto"}), true),
            (json!({"tools": tools, "tool_choice": "none"}), false),
            (json!({"tools": tools, "tool_choice": "required"}), false),
            (json!({"tools": [], "tool_choice": "none"}), false),
            (json!({"tools": [], "tool_choice": "auto"}), false),
            (json!({"tool_choice": "none"}), false),
            (
                json!({"tool_choice": "none", "foreign": {"anthropic": {"tools": [{}]}}}),
                false,
            ),
            (json!({"tool_choice": "auto"}), false),
            (json!({"functions": tools, "tool_choice": "none"}), false),
            (json!({"tools": tools}), false),
        ] {
            assert_eq!(is_idle_choice(body.as_object().unwrap()), idle, "{body}");
        }
    }
}
