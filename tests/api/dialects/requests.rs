//! What goes out beside text and tools: system prompts, turns, images, structured output, sampling.

use serde_json::{Value, json};

use super::bench::{Bench, UPSTREAMS};
use crate::clients::Client as Speaker;

/// One red dot as PNG.
const DOT: &str = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg==";

#[tokio::test]
async fn an_image_reaches_the_provider() {
    let bench = Bench::start();
    for upstream in UPSTREAMS {
        for speaker in Speaker::TALKING {
            let mut body = speaker.question(&format!("{upstream}-plain"), "", false);
            let url = format!("data:image/png;base64,{DOT}");
            match speaker {
                Speaker::Messages => {
                    let source = json!({"type": "base64", "media_type": "image/png", "data": DOT});
                    body["messages"][0]["content"] = json!([{"type": "image", "source": source},
                        {"type": "text", "text": "Which colour?"}]);
                }
                Speaker::Responses => {
                    body["input"] = json!([{"role": "user", "content": [
                        {"type": "input_image", "image_url": url, "detail": "auto"},
                        {"type": "input_text", "text": "Which colour?"}]}]);
                }
                _ => {
                    body["messages"][0]["content"] = json!([
                        {"type": "image_url", "image_url": {"url": url}},
                        {"type": "text", "text": "Which colour?"}]);
                }
            }
            let said = bench.say(speaker, &body).await;
            assert_eq!(
                said.text, "Mock answer to: Which colour? 🍎",
                "{speaker:?} of {upstream}"
            );
            let (sent, _) = bench.sent();
            assert!(
                sent.to_string().contains(DOT),
                "{speaker:?} of {upstream}: {sent}"
            );
        }
    }
}

#[tokio::test]
async fn a_document_reaches_the_provider() {
    const PDF: &str = "JVBERi0xLjQKJSBhIGRvY3VtZW50Cg==";
    let bench = Bench::start();
    let url = format!("data:application/pdf;base64,{PDF}");
    for upstream in ["openai", "anthropic", "gemini", "bedrock"] {
        for speaker in Speaker::TALKING {
            let mut body = speaker.question(&format!("{upstream}-plain"), "", false);
            match speaker {
                Speaker::Messages => {
                    let source =
                        json!({"type": "base64", "media_type": "application/pdf", "data": PDF});
                    body["messages"][0]["content"] = json!([{"type": "document", "source": source},
                        {"type": "text", "text": "What is in it?"}]);
                }
                Speaker::Responses => {
                    body["input"] = json!([{"role": "user", "content": [
                        {"type": "input_file", "filename": "a.pdf", "file_data": url},
                        {"type": "input_text", "text": "What is in it?"}]}]);
                }
                _ => {
                    body["messages"][0]["content"] = json!([
                        {"type": "file", "file": {"filename": "a.pdf", "file_data": url}},
                        {"type": "text", "text": "What is in it?"}]);
                }
            }
            let said = bench.say(speaker, &body).await;
            assert_eq!(
                said.text, "Mock answer to: What is in it? 🍎",
                "{speaker:?} of {upstream}"
            );
            let (sent, _) = bench.sent();
            assert!(
                sent.to_string().contains(PDF),
                "{speaker:?} of {upstream}: {sent}"
            );
        }
    }
}

#[tokio::test]
async fn a_schema_for_the_answer_reaches_the_provider() {
    let bench = Bench::start();
    let schema = json!({"type": "object", "properties": {"colour": {"type": "string"}},
        "required": ["colour"], "additionalProperties": false});
    for upstream in UPSTREAMS {
        for speaker in Speaker::TALKING {
            let model = format!("{upstream}-plain");
            let mut body = speaker.question(&model, "Which colour?", false);
            match speaker {
                Speaker::Messages => {
                    body["output_config"] =
                        json!({"format": {"type": "json_schema", "schema": schema}});
                }
                Speaker::Responses => {
                    body["text"] = json!({"format": {"type": "json_schema", "name": "colour",
                        "schema": schema, "strict": true}});
                }
                _ => {
                    body["response_format"] = json!({"type": "json_schema", "json_schema":
                        {"name": "colour", "schema": schema, "strict": true}});
                }
            }
            bench.say(speaker, &body).await;
            let (sent, _) = bench.sent();
            let found = match upstream {
                "openai" => sent["response_format"]["json_schema"]["schema"].clone(),
                "anthropic" => sent["output_config"]["format"]["schema"].clone(),
                "gemini" => sent["generationConfig"]["responseJsonSchema"].clone(),
                "bedrock" => {
                    let format = &sent["outputConfig"]["textFormat"]["structure"]["jsonSchema"];
                    let text = format["schema"].as_str().unwrap_or("null");
                    serde_json::from_str(text).unwrap()
                }
                _ => sent["response_format"]["json_schema"].clone(),
            };
            assert_eq!(
                found["properties"], schema["properties"],
                "{speaker:?} of {upstream}: {sent}"
            );
        }
    }
}

#[tokio::test]
async fn a_system_prompt_and_earlier_turns_reach_the_provider_in_order() {
    let bench = Bench::start();
    for upstream in UPSTREAMS {
        for speaker in Speaker::TALKING {
            let mut body = speaker.question(&format!("{upstream}-plain"), "third", false);
            let said = |role: &str, text: &str| json!({"role": role, "content": text});
            let turns = [
                said("user", "first"),
                said("assistant", "second"),
                said("user", "third"),
            ];
            match speaker {
                Speaker::Messages => {
                    body["system"] = "Be kind.".into();
                    body["messages"] = turns.into_iter().collect();
                }
                Speaker::Responses => {
                    body["instructions"] = "Be kind.".into();
                    body["input"] = turns.into_iter().collect();
                }
                _ => {
                    let system = [said("system", "Be kind.")];
                    body["messages"] = system.into_iter().chain(turns).collect();
                }
            }
            let said = bench.say(speaker, &body).await;
            assert_eq!(
                said.text, "Mock answer to: third 🍎",
                "{speaker:?} of {upstream}"
            );
            let (sent, _) = bench.sent();
            let mut texts = Vec::new();
            gather(&sent, &mut texts);
            let wanted = ["Be kind.", "first", "second", "third"];
            texts.retain(|text| wanted.contains(&text.as_str()));
            if upstream == "gemini" || upstream == "anthropic" || upstream == "bedrock" {
                // Their system prompt is a member of its own.
                texts.sort_by_key(|text| text != "Be kind.");
            }
            assert_eq!(texts, wanted, "{speaker:?} of {upstream}: {sent}");
        }
    }
}

fn gather(value: &Value, texts: &mut Vec<String>) {
    match value {
        Value::String(text) => texts.push(text.clone()),
        Value::Array(items) => items.iter().for_each(|item| gather(item, texts)),
        Value::Object(members) => members.values().for_each(|value| gather(value, texts)),
        _ => {}
    }
}

#[tokio::test]
async fn temperature_top_p_and_length_reach_the_provider() {
    let bench = Bench::start();
    for upstream in UPSTREAMS {
        for speaker in Speaker::TALKING {
            let mut body = speaker.question(&format!("{upstream}-plain"), "How warm?", false);
            body["temperature"] = json!(0.25);
            body["top_p"] = json!(0.5);
            bench.say(speaker, &body).await;
            let (sent, _) = bench.sent();
            let (place, names) = match upstream {
                "gemini" => (
                    &sent["generationConfig"],
                    ["temperature", "topP", "maxOutputTokens"],
                ),
                "bedrock" => (
                    &sent["inferenceConfig"],
                    ["temperature", "topP", "maxTokens"],
                ),
                "cohere" => (&sent, ["temperature", "p", "max_tokens"]),
                "openai" => (&sent, ["temperature", "top_p", "max_completion_tokens"]),
                _ => (&sent, ["temperature", "top_p", "max_tokens"]),
            };
            let mut found = names.map(|name| place[name].clone());
            if upstream == "openai" && found[2].is_null() {
                found[2] = sent["max_tokens"].clone();
            }
            assert_eq!(
                found,
                [json!(0.25), json!(0.5), json!(1000)],
                "{speaker:?} of {upstream}"
            );
        }
    }
}
