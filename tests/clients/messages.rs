//! Anthropic's messages.

use serde_json::Value;

use super::{Call, Heard, Said, Told, Usage, parse, sse, text};

/// Type, message and no field of an error.
#[track_caller]
pub(super) fn error(body: &Value) -> (String, String, Option<String>) {
    let members: Vec<_> = body.as_object().unwrap().keys().collect();
    assert_eq!(members, ["type", "error", "request_id"], "{body}");
    assert_eq!(body["type"], "error", "{body}");
    let error = &body["error"];
    (text(&error["type"]), text(&error["message"]), None)
}

#[track_caller]
pub(super) fn whole(body: &Value) -> Said {
    assert_eq!(
        (&body["type"], &body["role"]),
        (&"message".into(), &"assistant".into())
    );
    let mut said = Said {
        finish: finish(&body["stop_reason"]),
        sequence: body["stop_sequence"].as_str().map(str::to_owned),
        usage: Some(usage(&body["usage"])),
        ..Said::default()
    };
    for block in body["content"].as_array().unwrap() {
        add(block, &mut said);
    }
    said
}

#[track_caller]
fn add(block: &Value, said: &mut Said) {
    match block["type"].as_str() {
        Some("text") => said.text += &text(&block["text"]),
        Some("thinking") => {
            said.thought += &text(&block["thinking"]);
            said.signature = Some(text(&block["signature"])).filter(|s| !s.is_empty());
        }
        Some("tool_use") => {
            assert!(block["input"].is_object(), "{block}");
            said.calls.push(Call {
                id: text(&block["id"]),
                name: text(&block["name"]),
                arguments: block["input"].clone(),
            });
        }
        _ => panic!("an odd block: {block}"),
    }
}

/// Blocks one after the other, each started, filled and stopped, between `message_start` and `message_stop`; or one
/// `error` as the last of it.
#[track_caller]
pub(super) fn stream(body: &str) -> Heard {
    let events = sse::named(body);
    let mut said = Said::default();
    let (mut open, mut blocks, mut stopped) = (None, 0, false);
    let mut counted = Value::Null;
    for (place, event) in events.iter().enumerate() {
        assert!(!stopped, "words behind the end: {body}");
        let first = event["type"] == "message_start";
        assert!(first == (place == 0), "{body}");
        match event["type"].as_str().unwrap() {
            "message_start" => counted = event["message"]["usage"].clone(),
            "ping" => {}
            "content_block_start" => {
                assert!(
                    open.is_none() && event["index"] == blocks,
                    "{event} in {body}"
                );
                open = Some((event["content_block"].clone(), String::new()));
            }
            "content_block_delta" => {
                assert_eq!(event["index"], blocks, "{body}");
                fill(open.as_mut().unwrap(), &event["delta"]);
            }
            "content_block_stop" => {
                let (mut block, json) = open.take().unwrap();
                if !json.is_empty() {
                    block["input"] = parse(&json);
                }
                add(&block, &mut said);
                blocks += 1;
            }
            "message_delta" => {
                assert!(said.finish.is_empty() && open.is_none(), "{body}");
                said.finish = finish(&event["delta"]["stop_reason"]);
                let sequence = event["delta"]["stop_sequence"].as_str();
                said.sequence = sequence.map(str::to_owned);
                for (name, count) in event["usage"].as_object().unwrap() {
                    if !count.is_null() {
                        counted[name] = count.clone();
                    }
                }
            }
            "message_stop" => stopped = true,
            "error" => {
                assert_eq!(place + 1, events.len(), "words behind an error: {body}");
                let half = open.map_or(String::new(), |(block, _)| {
                    block["text"].as_str().unwrap_or("").to_owned()
                });
                return broken(said.text + &half, event);
            }
            other => panic!("an odd event, {other}: {body}"),
        }
    }
    assert!(stopped && !said.finish.is_empty(), "no end: {body}");
    said.usage = Some(usage(&counted));
    Heard::Whole(Box::new(said))
}

#[track_caller]
fn fill((block, json): &mut (Value, String), delta: &Value) {
    let (member, more) = match delta["type"].as_str() {
        Some("text_delta") => ("text", &delta["text"]),
        Some("thinking_delta") => ("thinking", &delta["thinking"]),
        Some("signature_delta") => ("signature", &delta["signature"]),
        Some("input_json_delta") => {
            *json += &text(&delta["partial_json"]);
            return;
        }
        _ => panic!("an odd delta: {delta}"),
    };
    let filled = text(&block[member]) + &text(more);
    block[member] = filled.into();
}

#[track_caller]
fn broken(text: String, event: &Value) -> Heard {
    // In a stream the id may be left out.
    let error = &event["error"];
    Heard::Broken {
        text,
        told: Told {
            status: 200,
            what: super::text(&error["type"]),
            message: super::text(&error["message"]),
            param: None,
        },
    }
}

fn finish(reason: &Value) -> String {
    match reason.as_str() {
        Some("end_turn" | "stop_sequence") => "stop",
        Some("max_tokens") => "length",
        Some("tool_use") => "tool_calls",
        Some("refusal") => "content_filter",
        _ => panic!("an odd reason to stop: {reason}"),
    }
    .to_owned()
}

#[track_caller]
fn usage(counted: &Value) -> Usage {
    let count = |name: &str| counted[name].as_u64().unwrap_or(0);
    let cached = count("cache_read_input_tokens");
    Usage {
        input: counted["input_tokens"].as_u64().unwrap()
            + cached
            + count("cache_creation_input_tokens"),
        output: counted["output_tokens"].as_u64().unwrap(),
        cached,
    }
}
