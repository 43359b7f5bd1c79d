//! Content parts of items as those of a canonical message.

use serde_json::{Value, json};

use super::field::{Object, given, missing, object, required, text, unavailable_value, wrong};
use crate::chat::InvalidRequest;

/// What a part says beside its text and is no part of it: written by an answer, never read by a model.
const SAID_ABOUT_TEXT: [&str; 2] = ["annotations", "logprobs"];

/// The parts of `content`, which stands at `at`; a string is one of text.
pub(super) fn parts(content: Option<&Value>, at: &str) -> Result<Vec<Value>, InvalidRequest> {
    match content {
        None | Some(Value::Null) => Err(missing(at)),
        Some(Value::String(text)) => Ok(vec![json!({"type": "text", "text": text})]),
        Some(Value::Array(items)) => {
            let numbered = items.iter().enumerate();
            numbered
                .map(|(i, item)| part(item, &format!("{at}[{i}]")))
                .collect()
        }
        Some(_) => Err(wrong(at, "a string or an array of parts")),
    }
}

/// Parts as the content of a message. A lone text is written as a string, which every server reads.
pub(super) fn content(mut parts: Vec<Value>) -> Value {
    if let [Value::Object(only)] = parts.as_mut_slice()
        && only.len() == 2
        && only.get("type").and_then(Value::as_str) == Some("text")
    {
        return only.remove("text").unwrap_or_default();
    }
    Value::Array(parts)
}

fn part(value: &Value, at: &str) -> Result<Value, InvalidRequest> {
    let members = object(value, at)?;
    let (known, told): (&[&str], Value) = match required(members, at, "type")? {
        "input_text" | "output_text" => (
            &["text"],
            json!({"type": "text", "text": required(members, at, "text")?}),
        ),
        "refusal" => (
            &["refusal"],
            json!({"type": "refusal", "refusal": required(members, at, "refusal")?}),
        ),
        "input_image" => (&["image_url", "detail"], image(members, at)?),
        "input_file" => (
            &["file_data", "file_id", "file_url", "filename", "detail"],
            file(members, at)?,
        ),
        "input_audio" => (&["input_audio"], value.clone()),
        other => {
            let instead = "use input_text, input_image, input_file, output_text or refusal";
            return Err(unavailable_value(format!("{at}.type"), other, instead));
        }
    };
    let expressed = |name: &str| {
        known.contains(&name)
            || matches!(name, "type" | "prompt_cache_breakpoint")
            || SAID_ABOUT_TEXT.contains(&name)
    };
    let mut said = members.iter().filter(|(_, v)| !v.is_null());
    if !said.all(|(name, _)| expressed(name)) {
        return Ok(foreign(value));
    }
    let mut told = told;
    if let Some(mark) = given(members, "prompt_cache_breakpoint") {
        told["prompt_cache_breakpoint"] = mark.clone();
    }
    Ok(told)
}

/// A part or an item for which chat completions has no word.
pub(super) fn foreign(block: &Value) -> Value {
    json!({"type": "foreign", "dialect": "responses", "block": block})
}

fn image(members: &Object, at: &str) -> Result<Value, InvalidRequest> {
    let (url, id) = (
        text(members, at, "image_url")?,
        text(members, at, "file_id")?,
    );
    if url.is_none() && id.is_none() {
        return Err(missing(format!("{at}.image_url")));
    }
    let mut image = json!({"url": url});
    if let Some(detail) = text(members, at, "detail")? {
        image["detail"] = detail.into();
    }
    Ok(json!({"type": "image_url", "image_url": image}))
}

/// How finely a file is looked at is a hint, and chat completions has no place for it.
fn file(members: &Object, at: &str) -> Result<Value, InvalidRequest> {
    let mut file = Object::new();
    for name in ["file_data", "file_id", "file_url", "filename"] {
        if let Some(value) = text(members, at, name)? {
            file.insert(name.to_owned(), value.into());
        }
    }
    text(members, at, "detail")?;
    let holds = |name: &str| members.get(name).is_some_and(Value::is_string);
    if !["file_data", "file_id", "file_url"].into_iter().any(holds) {
        return Err(missing(format!("{at}.file_data")));
    }
    Ok(json!({"type": "file", "file": file}))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(content: &Value) -> Value {
        super::content(parts(Some(content), "c").unwrap())
    }

    fn fault(content: &Value) -> String {
        let fault = parts(Some(content), "input[0].content").unwrap_err();
        fault.param.unwrap()
    }

    #[test]
    fn a_lone_text_is_a_string_and_several_are_parts() {
        assert_eq!(told(&json!("Grüße")), json!("Grüße"));
        let one = json!([{"type": "output_text", "text": "a", "annotations": [], "logprobs": []}]);
        assert_eq!(told(&one), json!("a"));
        let two = json!([{"type": "input_text", "text": "a"}, {"type": "input_text", "text": "b"}]);
        let parts = json!([{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]);
        assert_eq!(told(&two), parts);
    }

    #[test]
    fn a_cache_mark_stays_on_its_part() {
        let marked = json!([{"type": "input_text", "text": "a",
            "prompt_cache_breakpoint": {"mode": "explicit"}}]);
        let kept = json!([{"type": "text", "text": "a",
            "prompt_cache_breakpoint": {"mode": "explicit"}}]);
        assert_eq!(told(&marked), kept);
    }

    #[test]
    fn images_and_files_are_told_in_the_chat_form() {
        let content = json!([
            {"type": "input_image", "image_url": "data:,x", "detail": "low", "file_id": null},
            {"type": "input_file", "filename": "a.pdf", "file_data": "data:,y", "detail": "auto"},
            {"type": "input_file", "file_id": "file-1"},
            {"type": "input_file", "file_url": "https://a.b/c.pdf"},
            {"type": "input_audio", "input_audio": {"data": "aa", "format": "wav"}}]);
        let parts = json!([
            {"type": "image_url", "image_url": {"url": "data:,x", "detail": "low"}},
            {"type": "file", "file": {"file_data": "data:,y", "filename": "a.pdf"}},
            {"type": "file", "file": {"file_id": "file-1"}},
            {"type": "file", "file": {"file_url": "https://a.b/c.pdf"}},
            {"type": "input_audio", "input_audio": {"data": "aa", "format": "wav"}}]);
        assert_eq!(told(&content), parts);
    }

    #[test]
    fn a_part_that_says_more_is_kept_whole_as_foreign() {
        for part in [
            json!({"type": "input_image", "file_id": "file-1"}),
            json!({"type": "input_file", "file_id": "file-1", "pages": [1]}),
            json!({"type": "input_text", "text": "a", "of_tomorrow": 1}),
        ] {
            let kept = json!([{"type": "foreign", "dialect": "responses", "block": part}]);
            assert_eq!(told(&json!([part])), kept);
        }
    }

    #[test]
    fn a_faulty_part_is_named() {
        for (part, at) in [
            (json!(1), ""),
            (json!({"text": "a"}), ".type"),
            (json!({"type": "text", "text": "a"}), ".type"),
            (json!({"type": "input_text"}), ".text"),
            (json!({"type": "input_text", "text": 1}), ".text"),
            (json!({"type": "input_image"}), ".image_url"),
            (json!({"type": "input_file", "filename": "a"}), ".file_data"),
        ] {
            assert_eq!(fault(&json!([part])), format!("input[0].content[0]{at}"));
        }
        assert_eq!(fault(&json!(1)), "input[0].content");
    }
}
