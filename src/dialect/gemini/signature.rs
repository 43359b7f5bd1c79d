//! Signatures of thought: how a model came to its words and calls, sealed by its provider, which wants them back with
//! those words and calls.

use serde_json::{Map, Value, json};

/// The signature that Google documents for calls which its model did not make: of another provider, or of a client
/// that does not keep what it does not know.
const UNSIGNED: &str = "skip_thought_signature_validator";

/// A signature as Google's own endpoint in OpenAI's dialect writes one.
pub(super) fn extra(signature: &str) -> Value {
    json!({"google": {"thought_signature": signature}})
}

/// The signature that this provider once gave a message or a call, without which it may refuse to go on.
pub(super) fn of(object: &Map<String, Value>) -> Option<&str> {
    let google = object.get("extra_content")?.get("google")?;
    google.get("thought_signature")?.as_str()
}

/// Signs the last words of a turn, which are empty where it has none.
pub(super) fn of_words(parts: &mut Vec<Value>, signature: &str) {
    let is_words = |part: &Value| part.get("text").is_some() && part.get("thought").is_none();
    let is_call = |part: &Value| part.get("functionCall").is_some();
    let at = parts.iter().rposition(is_words).unwrap_or_else(|| {
        let at = parts.iter().position(is_call).unwrap_or(parts.len());
        parts.insert(at, json!({"text": ""}));
        at
    });
    if let Some(Value::Object(words)) = parts.get_mut(at) {
        words.insert("thoughtSignature".into(), signature.into());
    }
}

/// Signs the first call of a turn in which there is no signed one; the others need none.
pub(super) fn fill_in(parts: &mut [Value]) {
    let mut calls = parts.iter_mut().filter_map(|part| {
        let part = part.as_object_mut()?;
        part.contains_key("functionCall").then_some(part)
    });
    if let Some(first) = calls.next()
        && !first.contains_key("thoughtSignature")
        && !calls.any(|call| call.contains_key("thoughtSignature"))
    {
        first.insert("thoughtSignature".into(), UNSIGNED.into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_read_as_it_is_written() {
        let object = json!({"extra_content": extra("c2ln")});
        assert_eq!(of(object.as_object().unwrap()), Some("c2ln"));
        let other = json!({"extra_content": {"other": {"thought_signature": "x"}}});
        assert_eq!(of(other.as_object().unwrap()), None);
    }

    #[test]
    fn the_first_call_stands_in_for_all_that_nobody_signed() {
        let call = json!({"functionCall": {"name": "f"}});
        let signed = json!({"functionCall": {"name": "f"}, "thoughtSignature": "c2ln"});
        let filled = json!({"functionCall": {"name": "f"}, "thoughtSignature": UNSIGNED});
        let text = json!({"text": "x"});
        for (parts, expected) in [
            ([&text, &call, &call], [&text, &filled, &call]),
            ([&text, &signed, &call], [&text, &signed, &call]),
            ([&text, &call, &signed], [&text, &call, &signed]),
            ([&text, &text, &text], [&text, &text, &text]),
        ] {
            let mut parts = parts.map(Clone::clone);
            fill_in(&mut parts);
            assert_eq!(parts.each_ref(), expected);
        }
    }
}
