//! A canonical request as the body of Converse and ConverseStream.

use serde_json::{Map, Value};

use super::family::Family;
use super::fields::{refused, said, says, wrong};
use super::messages::Conversation;
use super::{settings, tools};
use crate::chat::InvalidRequest;
use crate::dialect::Target;
use crate::dialect::messages::with_refusals_said;

/// Members that are translated, each where it belongs.
const TRANSLATED: [&str; 15] = [
    "messages",
    "tools",
    "tool_choice",
    "max_tokens",
    "max_completion_tokens",
    "temperature",
    "top_p",
    "top_k",
    "stop",
    "thinking",
    "reasoning_effort",
    "response_format",
    "metadata",
    "service_tier",
    "foreign",
];

/// Members that stand in the URL, and hints that the dialect has no place for and that never change the answer.
const ELSEWHERE: [&str; 9] = [
    "model",
    "stream",
    "stream_options",
    "user",
    "safety_identifier",
    "store",
    "prompt_cache_key",
    "prompt_cache_retention",
    "cache_control",
];

/// The body that says what `request` says to the model of `target`.
///
/// # Errors
/// What cannot be said, by its canonical path.
pub fn body(
    request: &Map<String, Value>,
    target: &Target<'_>,
) -> Result<Map<String, Value>, InvalidRequest> {
    let family = Family::of(target.model);
    for (name, value) in request {
        let known = TRANSLATED.contains(&name.as_str()) || ELSEWHERE.contains(&name.as_str());
        // Its mere presence asks for a search.
        let searches = name == "web_search_options" && !value.is_null();
        if !known && (searches || says(value)) && !is_default(name, value, request) {
            return Err(refused(name.as_str()));
        }
    }
    let messages = request.get("messages").and_then(Value::as_array);
    let messages = messages.ok_or_else(|| wrong("messages", "an array"))?;
    let mut conversation = Conversation::read(&with_refusals_said(messages), family)?;
    let tools = tools::config(request, family)?;
    if conversation.calls && tools.is_none() {
        let name = super::NAME;
        return Err(InvalidRequest::at(
            "tools",
            format!(
                "`tools` must describe the tools that the messages call, or {name} refuses them."
            ),
        ));
    }
    let mut body = Map::new();
    let system = std::mem::take(&mut conversation.system);
    body.insert("messages".into(), conversation.messages());
    if !system.is_empty() {
        body.insert("system".into(), system.into());
    }
    if let Some(tools) = tools {
        body.insert("toolConfig".into(), tools);
    }
    settings::write(request, family, &mut body)?;
    Ok(body)
}

/// Whether a member only says what holds without it.
fn is_default(name: &str, value: &Value, request: &Map<String, Value>) -> bool {
    match name {
        "n" => value.as_u64() == Some(1),
        "presence_penalty" | "frequency_penalty" => value.as_f64() == Some(0.0),
        "logprobs" => value == false,
        "top_logprobs" => value.as_u64() == Some(0),
        "modalities" => value
            .as_array()
            .is_some_and(|all| all.iter().all(|m| m == "text")),
        // Several calls at once are allowed there, and cannot be forbidden.
        "parallel_tool_calls" => value == true || said(request, "tools").is_none(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const CLAUDE: &str = "us.anthropic.claude-sonnet-4-20250514-v1:0";

    fn written(request: &Value, model: &str) -> Result<Value, InvalidRequest> {
        let target = Target {
            model,
            stream: false,
            max_tokens: 4096,
        };
        body(request.as_object().unwrap(), &target).map(Value::Object)
    }

    fn claude(request: &Value) -> Value {
        written(request, CLAUDE).unwrap()
    }

    fn asking(members: Value) -> Value {
        let mut request = json!({"model": "m", "messages": [{"role": "user", "content": "Hi"}]});
        request
            .as_object_mut()
            .unwrap()
            .extend(members.as_object().unwrap().clone());
        request
    }

    /// The path that a request is refused at.
    fn refused_at(request: &Value, model: &str) -> String {
        let refusal = written(request, model).expect_err(&request.to_string());
        refusal.param.unwrap()
    }

    fn tool(name: &str) -> Value {
        json!({"type": "function", "function": {"name": name, "parameters": {"type": "object"}}})
    }

    #[test]
    fn a_question_is_its_text_and_nothing_more() {
        let request = asking(json!({"stream": true, "user": "u", "store": true, "n": 1,
            "stream_options": {"include_usage": true}, "prompt_cache_key": "k", "tools": [],
            "presence_penalty": 0.0, "logprobs": false, "modalities": ["text"], "stop": [],
            "response_format": {"type": "text"}, "tool_choice": "auto", "logit_bias": {},
            "seed": null, "parallel_tool_calls": false, "service_tier": "auto"}));
        let body = json!({"messages": [{"role": "user", "content": [{"text": "Hi"}]}]});
        assert_eq!(claude(&request), body);
    }

    #[test]
    fn a_cache_point_is_only_for_models_that_have_a_cache() {
        let mark = json!({"type": "ephemeral"});
        let mut marked = tool("f");
        marked["cache_control"] = mark.clone();
        let request = json!({"model": "m", "tools": [marked], "messages": [
            {"role": "user", "content": [{"type": "text", "text": "Hi", "cache_control": mark}]}]});
        let point = json!({"cachePoint": {"type": "default"}});
        let [claude, nova, llama] = [CLAUDE, "amazon.nova-pro-v1:0", "meta.llama3-8b-v1:0"]
            .map(|model| written(&request, model).unwrap());
        assert_eq!(claude["toolConfig"]["tools"][1], point);
        assert_eq!(nova["toolConfig"]["tools"].as_array().unwrap().len(), 1);
        assert_eq!(nova["messages"][0]["content"][1], point);
        assert_eq!(llama["messages"][0]["content"], json!([{"text": "Hi"}]));
    }

    #[test]
    fn tools_are_specified_and_chosen() {
        let request = asking(
            json!({"tools": [{"type": "function", "function": {"name": "f",
            "description": "Does f.", "strict": true,
            "parameters": {"type": "object", "properties": {"x": {"type": "string"}}}}},
            {"type": "function", "function": {"name": "g", "description": "", "strict": false}}],
            "tool_choice": "required"}),
        );
        assert_eq!(
            claude(&request)["toolConfig"],
            json!({"tools": [
            {"toolSpec": {"name": "f", "description": "Does f.", "inputSchema": {"json":
                {"type": "object", "properties": {"x": {"type": "string"}}}}, "strict": true}},
            {"toolSpec": {"name": "g", "inputSchema":
                {"json": {"type": "object", "properties": {}}}}}],
            "toolChoice": {"any": {}}})
        );
        let choice = |choice: Value| {
            claude(&asking(
                json!({"tools": [tool("f")], "tool_choice": choice}),
            ))["toolConfig"]
                .get("toolChoice")
                .cloned()
        };
        assert_eq!(choice(json!("auto")), None);
        let named = json!({"type": "function", "function": {"name": "f"}});
        assert_eq!(choice(named), Some(json!({"tool": {"name": "f"}})));
    }

    #[test]
    fn settings_stand_where_the_model_looks_for_them() {
        let request = asking(json!({"max_tokens": 5, "max_completion_tokens": 9,
            "temperature": 0.7, "top_p": 0.9, "top_k": 40, "stop": "END",
            "thinking": {"type": "enabled", "budget_tokens": 2000}, "reasoning_effort": "high",
            "metadata": {"team": "a b", "bad": "ü"}, "service_tier": "flex",
            "response_format": {"type": "json_schema", "json_schema": {"name": "n",
                "strict": true, "schema": {"type": "object", "additionalProperties": false}}}}));
        let mut body = claude(&request);
        body.as_object_mut().unwrap().remove("messages");
        assert_eq!(
            body,
            json!({
            "inferenceConfig": {"maxTokens": 9, "temperature": 0.7, "topP": 0.9,
                "stopSequences": ["END"]},
            "additionalModelRequestFields": {"thinking": {"type": "enabled",
                "budget_tokens": 2000}, "top_k": 40},
            "outputConfig": {"textFormat": {"type": "json_schema", "structure": {"jsonSchema": {
                "schema": "{\"type\":\"object\",\"additionalProperties\":false}", "name": "n"}}},
                "effort": "high"},
            "requestMetadata": {"team": "a b"},
            "additionalModelResponseFieldPaths": ["/stop_sequence"],
            "serviceTier": {"type": "flex"}})
        );
        let nova = written(&asking(json!({"top_k": 40})), "amazon.nova-pro-v1:0").unwrap();
        assert_eq!(
            nova["additionalModelRequestFields"],
            json!({"inferenceConfig": {"topK": 40}})
        );
        let unthinking = claude(&asking(json!({"reasoning_effort": "none"})));
        assert_eq!(
            unthinking["additionalModelRequestFields"],
            json!({"thinking": {"type": "disabled"}})
        );
        assert!(unthinking.get("outputConfig").is_none());
    }

    #[test]
    fn what_is_meant_for_this_dialect_goes_as_it_is() {
        let request = asking(json!({"top_k": 3, "foreign": {"converse": {
            "performanceConfig": {"latency": "optimized"},
            "additionalModelRequestFields": {"x": 1}}}}));
        let body = claude(&request);
        assert_eq!(body["performanceConfig"], json!({"latency": "optimized"}));
        assert_eq!(
            body["additionalModelRequestFields"],
            json!({"top_k": 3, "x": 1})
        );
        let elsewhere = |foreign| refused_at(&asking(json!({"foreign": foreign})), CLAUDE);
        assert_eq!(
            elsewhere(json!({"gemini": {"safetySettings": [1]}})),
            "safetySettings"
        );
        let tier = json!({"serviceTier": {"type": "flex"}});
        assert_eq!(elsewhere(json!({"gemini": tier})), "serviceTier");
        assert_eq!(
            elsewhere(json!({"converse": {"promptVariables": {"a": {}}}})),
            "promptVariables"
        );
    }

    #[test]
    fn what_cannot_be_said_is_refused_by_its_name() {
        for (member, value, path) in [
            ("n", json!(2), "n"),
            ("seed", json!(1), "seed"),
            ("logit_bias", json!({"1": 1}), "logit_bias"),
            ("logprobs", json!(true), "logprobs"),
            ("presence_penalty", json!(0.5), "presence_penalty"),
            ("verbosity", json!("low"), "verbosity"),
            ("x_vendor", json!(1), "x_vendor"),
            ("temperature", json!(1.5), "temperature"),
            ("stop", json!([""]), "stop"),
            ("reasoning_effort", json!("minimal"), "reasoning_effort"),
            (
                "response_format",
                json!({"type": "json_object"}),
                "response_format",
            ),
            (
                "response_format",
                json!({"type": "json_schema", "json_schema": {"name": "n"}}),
                "response_format.json_schema.schema",
            ),
            ("tool_choice", json!("required"), "tool_choice"),
            (
                "tools",
                json!([{"type": "custom", "custom": {"name": "f"}}]),
                "tools[0]",
            ),
        ] {
            let request = asking(json!({member: value}));
            assert_eq!(refused_at(&request, CLAUDE), path, "{request}");
        }
        for (member, value) in [
            ("tool_choice", json!("none")),
            ("parallel_tool_calls", json!(false)),
        ] {
            let request = asking(json!({"tools": [tool("f")], member: value}));
            assert_eq!(refused_at(&request, CLAUDE), member);
        }
        for (member, value) in [
            ("top_k", json!(4)),
            ("thinking", json!({"type": "adaptive"})),
            ("reasoning_effort", json!("none")),
        ] {
            let request = asking(json!({member: value}));
            assert_eq!(
                refused_at(&request, "meta.llama3-70b-instruct-v1:0"),
                member
            );
        }
        let called = json!([{"role": "user", "content": "Go."}, {"role": "assistant", "tool_calls": [
            {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}]}]);
        assert_eq!(
            refused_at(&asking(json!({"messages": called})), CLAUDE),
            "tools"
        );
        let torn = json!({"reasoning_effort": "none", "thinking": {"type": "adaptive"}});
        assert_eq!(refused_at(&asking(torn), CLAUDE), "reasoning_effort");
    }
    #[test]
    fn an_answer_goes_back_as_it_came() {
        let content = json!([
            {"reasoningContent": {"reasoningText": {"text": "Hm.", "signature": "c2ln"}}},
            {"reasoningContent": {"redactedContent": "AAEC"}},
            {"text": "Schön 🦀"},
            {"toolUse": {"toolUseId": "tooluse_a-1", "name": "f", "input": {"x": [1.5, null]}}},
            {"toolUse": {"toolUseId": "tooluse_b-2", "name": "f", "input": {}}}]);
        let answer = json!({"output": {"message": {"role": "assistant", "content": content}},
            "stopReason": "tool_use", "metrics": {"latencyMs": 1},
            "usage": {"inputTokens": 1, "outputTokens": 1, "totalTokens": 2}});
        let members = crate::dialect::converse::answer(answer.to_string().as_bytes()).unwrap();
        let said = Value::Object(members)["choices"][0]["message"].clone();
        let request = json!({"tools": [tool("f")], "messages": [
            {"role": "user", "content": "Go."}, said]});
        assert_eq!(claude(&request)["messages"][1]["content"], content);
    }
}
