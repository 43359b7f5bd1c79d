//! OpenAI's responses.

use serde_json::Value;

use super::{Call, Heard, Said, Told, Usage, parse, sse, text};

#[track_caller]
pub(super) fn whole(body: &Value) -> Said {
    assert_eq!(body["object"], "response", "{body}");
    assert!(text(&body["id"]).starts_with("resp_"), "{body}");
    let mut said = Said {
        usage: usage(&body["usage"]),
        ..Said::default()
    };
    let items = body["output"].as_array().unwrap();
    for item in items {
        add(item, &mut said);
    }
    said.finish = match (
        body["status"].as_str(),
        body["incomplete_details"]["reason"].as_str(),
    ) {
        (Some("completed"), None) if said.calls.is_empty() => "stop",
        (Some("completed"), None) => "tool_calls",
        (Some("incomplete"), Some("max_output_tokens")) => "length",
        (Some("incomplete"), Some("content_filter")) => "content_filter",
        _ => panic!("an odd end: {body}"),
    }
    .to_owned();
    said
}

#[track_caller]
fn add(item: &Value, said: &mut Said) {
    let texts = |list: &Value| -> String {
        let parts = list.as_array().into_iter().flatten();
        parts.filter_map(|part| part["text"].as_str()).collect()
    };
    match item["type"].as_str() {
        Some("message") => said.text += &texts(&item["content"]),
        Some("reasoning") => said.thought += &(texts(&item["summary"]) + &texts(&item["content"])),
        Some("function_call") => said.calls.push(Call {
            id: text(&item["call_id"]),
            name: text(&item["name"]),
            arguments: parse(&text(&item["arguments"])),
        }),
        _ => panic!("an odd item: {item}"),
    }
}

/// Numbered events from `response.created` to the response as it is at its end; or `error` and `response.failed`.
#[track_caller]
pub(super) fn stream(body: &str) -> Heard {
    let events = sse::named(body);
    let mut streamed = String::new();
    for (place, event) in events.iter().enumerate() {
        assert_eq!(event["sequence_number"], place, "{body}");
        let first = event["type"] == "response.created";
        assert!(first == (place == 0), "{body}");
        if event["type"] == "response.output_text.delta" {
            streamed += &text(&event["delta"]);
        }
    }
    let (last, before) = events.split_last().unwrap();
    let ends = |event: &Value| {
        let kind = event["type"].as_str().unwrap();
        matches!(
            kind,
            "response.completed" | "response.incomplete" | "response.failed"
        )
    };
    assert!(ends(last) && !before.iter().any(ends), "{body}");
    if last["type"] == "response.failed" {
        return broken(streamed, before.last().unwrap(), &last["response"]);
    }
    assert!(
        before.iter().all(|event| event["type"] != "error"),
        "{body}"
    );
    let said = whole(&last["response"]);
    assert_eq!(said.text, streamed, "{body}");
    Heard::Whole(Box::new(said))
}

#[track_caller]
fn broken(text: String, error: &Value, response: &Value) -> Heard {
    assert_eq!(error["type"], "error", "{error}");
    assert_eq!(response["status"], "failed", "{response}");
    assert_eq!(response["error"]["message"], error["message"]);
    assert!(response["error"]["code"].is_string(), "{response}");
    Heard::Broken {
        text,
        told: Told {
            status: 200,
            what: super::text(&error["code"]),
            message: super::text(&error["message"]),
            param: error["param"].as_str().map(str::to_owned),
        },
    }
}

#[track_caller]
fn usage(counted: &Value) -> Option<Usage> {
    let count = |name: &str| counted[name].as_u64();
    let (input, output) = (count("input_tokens")?, count("output_tokens")?);
    assert_eq!(count("total_tokens"), Some(input + output), "{counted}");
    let cached = counted["input_tokens_details"]["cached_tokens"].as_u64();
    Some(Usage {
        input,
        output,
        cached: cached.unwrap(),
    })
}
