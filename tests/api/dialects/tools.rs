//! Tools: what they are, calls, parallel calls, results.

use serde_json::{Value, json};

use super::bench::{Bench, UPSTREAMS, framings};
use crate::clients::{Call, Client as Speaker, Said};

/// The tool that the mocks call.
fn tool(speaker: Speaker) -> Value {
    let (name, description) = ("look_up", "Looks something up.");
    let schema =
        json!({"type": "object", "properties": {"q": {"type": "string"}}, "required": ["q"]});
    match speaker {
        Speaker::Messages => {
            json!({"name": name, "description": description, "input_schema": schema})
        }
        Speaker::Responses => json!({"type": "function", "name": name, "description": description,
            "parameters": schema}),
        _ => json!({"type": "function", "function": {"name": name, "description": description,
            "parameters": schema}}),
    }
}

fn asked(speaker: Speaker, model: &str) -> Value {
    let mut body = speaker.question(model, "What is x?", false);
    body["tools"] = json!([tool(speaker)]);
    body
}

/// The body with what was answered, and a result for each call.
fn continued(speaker: Speaker, body: &Value, calls: &[Call]) -> Value {
    let mut body = body.clone();
    let result = |call: &Call| format!("{} is here.", call.arguments["q"].as_str().unwrap());
    match speaker {
        Speaker::Messages => {
            let uses = calls.iter().map(|call| {
                json!({"type": "tool_use", "id": call.id, "name": call.name, "input": call.arguments})
            });
            let results = calls.iter().map(|call| {
                json!({"type": "tool_result", "tool_use_id": call.id, "content": result(call)})
            });
            let (uses, results) = (uses.collect::<Value>(), results.collect::<Value>());
            let messages = body["messages"].as_array_mut().unwrap();
            messages.push(json!({"role": "assistant", "content": uses}));
            messages.push(json!({"role": "user", "content": results}));
        }
        Speaker::Responses => {
            let mut input = vec![json!({"role": "user", "content": body["input"]})];
            input.extend(calls.iter().map(|call| {
                json!({"type": "function_call", "call_id": call.id, "name": call.name,
                    "arguments": call.arguments.to_string()})
            }));
            input.extend(calls.iter().map(|call| {
                json!({"type": "function_call_output", "call_id": call.id, "output": result(call)})
            }));
            body["input"] = input.into();
        }
        _ => {
            let made = calls.iter().map(|call| {
                json!({"id": call.id, "type": "function", "function":
                    {"name": call.name, "arguments": call.arguments.to_string()}})
            });
            let made: Value = made.collect();
            let messages = body["messages"].as_array_mut().unwrap();
            messages.push(json!({"role": "assistant", "content": null, "tool_calls": made}));
            messages.extend(calls.iter().map(
                |call| json!({"role": "tool", "tool_call_id": call.id, "content": result(call)}),
            ));
        }
    }
    body
}

#[track_caller]
fn calls(said: &Said, values: &[&str]) {
    let arguments: Vec<_> = said
        .calls
        .iter()
        .map(|call| call.arguments.clone())
        .collect();
    let expected: Vec<_> = values.iter().map(|q| json!({"q": q})).collect();
    assert_eq!(arguments, expected, "{said:?}");
    assert!(
        said.calls
            .iter()
            .all(|call| call.name == "look_up" && !call.id.is_empty())
    );
    let mut ids: Vec<_> = said.calls.iter().map(|call| &call.id).collect();
    ids.dedup();
    assert_eq!(ids.len(), values.len(), "{said:?}");
    assert_eq!(said.finish, "tool_calls");
}

#[tokio::test]
async fn a_tool_is_called_and_its_result_answered() {
    let bench = Bench::start();
    for upstream in UPSTREAMS {
        for speaker in Speaker::TALKING {
            let body = asked(speaker, &format!("{upstream}-agent"));
            for body in framings(&body, speaker) {
                let called = bench.say(speaker, &body).await;
                calls(&called, &["x"]);
                let body = continued(speaker, &body, &called.calls);
                let answered = bench.say(speaker, &body).await;
                let told = &answered.text;
                assert!(told.starts_with("Mock answer to: "), "{upstream}: {told}");
                assert_eq!(answered.finish, "stop", "{speaker:?} of {upstream}");
                let (sent, _) = bench.sent();
                assert!(sent.to_string().contains("x is here."), "{sent}");
            }
        }
    }
}

#[tokio::test]
async fn tools_that_are_called_together_are_answered_together() {
    let bench = Bench::start();
    for upstream in UPSTREAMS {
        for speaker in Speaker::TALKING {
            let body = asked(speaker, &format!("{upstream}-tools2"));
            for body in framings(&body, speaker) {
                let called = bench.say(speaker, &body).await;
                calls(&called, &["x", "y"]);
                let body = continued(speaker, &body, &called.calls);
                // The mock refuses what does not answer each call.
                bench.say(speaker, &body).await;
                let (sent, _) = bench.sent();
                let sent = sent.to_string();
                assert!(sent.contains("x is here.") && sent.contains("y is here."));
            }
        }
    }
}

#[tokio::test]
async fn a_text_before_a_call_comes_along() {
    let bench = Bench::start();
    // Cohere says a plan instead.
    for upstream in ["openai", "anthropic", "gemini", "bedrock"] {
        for speaker in Speaker::TALKING {
            let body = asked(speaker, &format!("{upstream}-text-tools"));
            for body in framings(&body, speaker) {
                let said = bench.say(speaker, &body).await;
                calls(&said, &["x"]);
                assert_eq!(said.text, "Mock answer to: What is x? 🍎", "{upstream}");
            }
        }
    }
}

#[tokio::test]
async fn a_choice_of_tools_is_made_in_the_providers_words() {
    let bench = Bench::start();
    for upstream in UPSTREAMS {
        for speaker in Speaker::TALKING {
            let mut body = asked(speaker, &format!("{upstream}-tools"));
            body["tool_choice"] = match speaker {
                Speaker::Messages => json!({"type": "any"}),
                _ => json!("required"),
            };
            calls(&bench.say(speaker, &body).await, &["x"]);
            let (sent, _) = bench.sent();
            let (chosen, expected) = match upstream {
                "openai" => (&sent["tool_choice"], json!("required")),
                "anthropic" => (&sent["tool_choice"]["type"], json!("any")),
                "gemini" => (
                    &sent["toolConfig"]["functionCallingConfig"]["mode"],
                    json!("ANY"),
                ),
                "bedrock" => (&sent["toolConfig"]["toolChoice"], json!({"any": {}})),
                _ => (&sent["tool_choice"], json!("REQUIRED")),
            };
            assert_eq!(chosen, &expected, "{speaker:?} of {upstream}");
        }
    }
}

#[tokio::test]
async fn one_tool_is_forced_in_the_providers_words() {
    let bench = Bench::start();
    // Cohere has no word for it, unless there is no other tool.
    for upstream in ["openai", "anthropic", "gemini", "bedrock"] {
        for speaker in Speaker::TALKING {
            let mut body = asked(speaker, &format!("{upstream}-tools"));
            body["tool_choice"] = match speaker {
                Speaker::Messages => json!({"type": "tool", "name": "look_up"}),
                Speaker::Responses => json!({"type": "function", "name": "look_up"}),
                _ => json!({"type": "function", "function": {"name": "look_up"}}),
            };
            calls(&bench.say(speaker, &body).await, &["x"]);
            let (sent, _) = bench.sent();
            let chosen = match upstream {
                "openai" => &sent["tool_choice"]["function"]["name"],
                "anthropic" => &sent["tool_choice"]["name"],
                "gemini" => &sent["toolConfig"]["functionCallingConfig"]["allowedFunctionNames"][0],
                _ => &sent["toolConfig"]["toolChoice"]["tool"]["name"],
            };
            assert_eq!(chosen, "look_up", "{speaker:?} of {upstream}: {sent}");
        }
    }
    for speaker in Speaker::TALKING {
        let mut body = asked(speaker, "cohere-tools");
        body["tool_choice"] = match speaker {
            Speaker::Messages => json!({"type": "tool", "name": "look_up"}),
            Speaker::Responses => json!({"type": "function", "name": "look_up"}),
            _ => json!({"type": "function", "function": {"name": "look_up"}}),
        };
        calls(&bench.say(speaker, &body).await, &["x"]);
        assert_eq!(bench.sent().0["tool_choice"], "REQUIRED");
        let mut other = tool(speaker);
        match speaker {
            Speaker::Chat => other["function"]["name"] = "other".into(),
            _ => other["name"] = "other".into(),
        }
        body["tools"] = json!([tool(speaker), other]);
        let told = bench.refusal(speaker, &body).await;
        assert!(
            told.message.contains("`tool_choice`"),
            "{speaker:?}: {told:?}"
        );
    }
}

#[tokio::test]
async fn a_result_that_is_an_error_or_an_image_is_told_or_refused_by_name() {
    let bench = Bench::start();
    for upstream in UPSTREAMS {
        let body = asked(Speaker::Messages, &format!("{upstream}-agent"));
        let called = bench.say(Speaker::Messages, &body).await;
        let mut body = continued(Speaker::Messages, &body, &called.calls);
        body["messages"][2]["content"][0]["is_error"] = true.into();
        let answer = bench.send(Speaker::Messages, &body).await;
        assert_eq!(answer.status, 200, "{upstream}: {answer:?}");
        let (sent, _) = bench.sent();
        let told = match upstream {
            "anthropic" => sent["messages"][2]["content"][0]["is_error"] == true,
            "bedrock" => sent["messages"][2]["content"][0]["toolResult"]["status"] == "error",
            // There it can only be read.
            _ => sent.to_string().contains("x is here."),
        };
        assert!(told, "{upstream}: {sent}");
    }
}
