//! What answers and streams say alike: how they ended, token counts, probabilities, errors.

use serde_json::{Map, Value, json};

use super::super::Fault;
use super::super::chunks::error;

/// The reason in OpenAI's words of an answer that `calls` tools or does not.
pub(super) fn finish(reason: &str, calls: bool) -> Result<&'static str, Fault> {
    match reason {
        "COMPLETE" | "STOP_SEQUENCE" | "TOOL_CALL" if calls => Ok("tool_calls"),
        "COMPLETE" | "STOP_SEQUENCE" => Ok("stop"),
        "TOOL_CALL" => Err(Fault::Malformed("calls without a call".into())),
        "MAX_TOKENS" => Ok("length"),
        "ERROR" | "TIMEOUT" => {
            let message = format!("The model's answer ended with {reason}.");
            Err(Fault::Said(error(&message, None, reason.into())))
        }
        _ => Ok("content_filter"),
    }
}

/// An error that came with a status of success.
pub(super) fn failure(message: &str) -> Fault {
    Fault::Said(error(message, None, Value::Null))
}

/// Token counts in OpenAI's form, what is billed beside them; none if there are none.
pub(super) fn usage(usage: &Value) -> Option<Value> {
    let count = |path: &str| usage.pointer(path).and_then(whole);
    let of = |key: &str| {
        let tokens = count(&format!("/tokens/{key}"));
        tokens.or_else(|| count(&format!("/billed_units/{key}")))
    };
    let (prompt, completion) = (of("input_tokens"), of("output_tokens"));
    prompt.or(completion)?;
    let (prompt, completion) = (prompt.unwrap_or(0), completion.unwrap_or(0));
    let mut counts = json!({"prompt_tokens": prompt, "completion_tokens": completion,
        "total_tokens": prompt.saturating_add(completion)});
    if let Value::Object(counts) = &mut counts {
        if let Some(cached) = count("/cached_tokens") {
            let details = json!({"cached_tokens": cached});
            counts.insert("prompt_tokens_details".into(), details);
        }
        if let Some(billed) = usage.get("billed_units").filter(|b| b.is_object()) {
            counts.insert("billed_units".into(), billed.clone());
        }
    }
    Some(counts)
}

/// Counts are written with a decimal point there.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a count of tokens"
)]
fn whole(number: &Value) -> Option<u64> {
    let from_float = || Some(number.as_f64()?.max(0.0).round() as u64);
    number.as_u64().or_else(from_float)
}

/// Probabilities of pieces of text. `lost` becomes true if a piece is more than one token: what each of them reads is
/// not said.
pub(super) fn logprobs<'a>(pieces: impl Iterator<Item = &'a Value>, lost: &mut bool) -> Value {
    let mut content = Vec::new();
    for piece in pieces {
        let all = piece.get("logprobs").and_then(Value::as_array);
        let all = all.map_or(&[][..], Vec::as_slice);
        *lost |= all.len() != 1;
        let sum: f64 = all.iter().filter_map(Value::as_f64).sum();
        let text = piece.get("text").and_then(Value::as_str);
        content.push(
            json!({"token": text.unwrap_or_default(), "logprob": sum, "bytes": null,
            "top_logprobs": []}),
        );
    }
    json!({"content": content, "refusal": null})
}

/// A call in OpenAI's form, which is this one as well.
pub(super) fn call(call: &Value) -> Result<Map<String, Value>, Fault> {
    let malformed = |what: &str| Fault::Malformed(format!("a tool call has no {what}"));
    let id = call.get("id").and_then(Value::as_str);
    let name = call.pointer("/function/name").and_then(Value::as_str);
    let arguments = call.pointer("/function/arguments").and_then(Value::as_str);
    let mut written = Map::new();
    written.insert("id".into(), id.ok_or_else(|| malformed("id"))?.into());
    written.insert("type".into(), "function".into());
    let name = name.ok_or_else(|| malformed("name"))?;
    let function = json!({"name": name, "arguments": arguments.unwrap_or_default()});
    written.insert("function".into(), function);
    Ok(written)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_end_has_a_reason() {
        for (reason, calls, finished) in [
            ("COMPLETE", false, "stop"),
            ("STOP_SEQUENCE", false, "stop"),
            ("COMPLETE", true, "tool_calls"),
            ("TOOL_CALL", true, "tool_calls"),
            ("MAX_TOKENS", false, "length"),
            ("MAX_TOKENS", true, "length"),
            ("ERROR_TOXIC", false, "content_filter"),
        ] {
            assert_eq!(finish(reason, calls), Ok(finished), "{reason}");
        }
        for reason in ["ERROR", "TIMEOUT"] {
            let Err(Fault::Said(error)) = finish(reason, false) else {
                panic!("{reason}");
            };
            assert_eq!(
                (&error["type"], &error["code"]),
                (&json!("server_error"), &json!(reason))
            );
        }
        assert!(matches!(
            finish("TOOL_CALL", false),
            Err(Fault::Malformed(_))
        ));
    }

    #[test]
    fn tokens_are_counted_and_what_is_billed_stands_beside() {
        let billed = json!({"input_tokens": 5.0, "output_tokens": 2.0});
        let told = json!({"billed_units": billed, "tokens": {"input_tokens": 71.0,
            "output_tokens": 418}, "cached_tokens": 64.0});
        assert_eq!(
            usage(&told).unwrap(),
            json!({"prompt_tokens": 71, "completion_tokens": 418, "total_tokens": 489,
                "prompt_tokens_details": {"cached_tokens": 64}, "billed_units": billed})
        );
        let only = usage(&json!({ "billed_units": billed })).unwrap();
        assert_eq!(only["total_tokens"], 7);
        assert_eq!(usage(&json!({})), None);
    }

    #[test]
    fn a_piece_of_several_tokens_has_the_probability_of_all_of_them() {
        let one = json!({"text": "a", "token_ids": [1], "logprobs": [-0.5]});
        let two = json!({"text": "bc", "token_ids": [2, 3], "logprobs": [-0.5, -1.0]});
        let mut lost = false;
        let read = logprobs([&one].into_iter(), &mut lost);
        assert!(!lost);
        let entry = |token: &str, p: f64| json!({"token": token, "logprob": p, "bytes": null, "top_logprobs": []});
        assert_eq!(
            read,
            json!({"content": [entry("a", -0.5)], "refusal": null})
        );
        let read = logprobs([&one, &two].into_iter(), &mut lost);
        assert!(lost);
        assert_eq!(read["content"][1], entry("bc", -1.5));
    }
}
