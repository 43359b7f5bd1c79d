//! A whole answer of Converse as the canonical members of one.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::said::{Lost, Thought, Usage, exception, finish_reason, stop_sequence};
use crate::dialect::Fault;
use crate::dialect::order::{BLOCK_ORDER, Kind, Written};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Whole<'a> {
    #[serde(borrow)]
    output: Option<Output<'a>>,
    stop_reason: Option<String>,
    usage: Option<Usage>,
    additional_model_response_fields: Option<Map<String, Value>>,
    trace: Option<Trace>,
    service_tier: Option<Tier>,
    /// Only where there is no output.
    #[serde(rename = "__type")]
    exception: Option<String>,
    message: Option<String>,
}

#[derive(Deserialize)]
struct Output<'a> {
    #[serde(borrow)]
    message: Option<Message<'a>>,
}

#[derive(Deserialize)]
struct Message<'a> {
    /// Each block is an object of one member, which says its kind.
    #[serde(borrow)]
    content: Vec<BTreeMap<String, &'a RawValue>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ToolUse<'a> {
    tool_use_id: String,
    name: String,
    /// As it came: numbers lose nothing on the way.
    #[serde(borrow)]
    input: &'a RawValue,
    #[serde(rename = "type")]
    kind: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Reasoning {
    reasoning_text: Option<ReasoningText>,
    redacted_content: Option<String>,
}

#[derive(Deserialize)]
struct ReasoningText {
    text: String,
    signature: Option<String>,
}

#[derive(Deserialize)]
struct Cited {
    #[serde(default)]
    content: Vec<CitedText>,
}

#[derive(Deserialize)]
struct CitedText {
    #[serde(default)]
    text: String,
}

/// What went on around the model.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Trace {
    guardrail: Option<Value>,
    prompt_router: Option<Router>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Router {
    invoked_model_id: Option<String>,
}

impl Trace {
    /// The model that a router chose; what a guardrail says is lost.
    pub(super) fn model(self, lost: &mut Lost) -> Option<String> {
        if self.guardrail.is_some() {
            lost.note("trace");
        }
        self.prompt_router?.invoked_model_id
    }
}

/// How the answer was scheduled.
#[derive(Deserialize)]
pub(super) struct Tier {
    #[serde(rename = "type")]
    pub(super) kind: String,
}

/// The canonical members of `body`, an answer with a good status. The model's name is among them only if a router
/// chose it.
///
/// # Errors
/// [`Fault::Malformed`] if it is not in the dialect, [`Fault::Said`] if it tells of a failure.
pub fn answer(body: &[u8]) -> Result<Map<String, Value>, Fault> {
    let whole: Whole<'_> = read(body)?;
    let Some(message) = whole.output.and_then(|output| output.message) else {
        return Err(no_message(whole.exception, whole.message));
    };
    let missing = |what: &str| Fault::Malformed(format!("an answer without {what}"));
    let stop_reason = whole.stop_reason.ok_or_else(|| missing("stopReason"))?;
    let usage = whole.usage.ok_or_else(|| missing("usage"))?;
    let mut said = Said::default();
    for block in message.content {
        for (kind, block) in block {
            said.block(&kind, block)?;
        }
    }
    let mut lost = std::mem::take(&mut said.lost);
    let calls = !said.calls.is_empty();
    let finish = finish_reason(&stop_reason, calls, &mut lost)?;
    let stop = stop_sequence(whole.additional_model_response_fields, &mut lost);
    let mut choice = json!({"index": 0, "message": said.message(), "logprobs": null,
        "finish_reason": finish});
    if let Some(stop) = stop {
        choice["stop_reason"] = stop.into();
    }
    let mut members = Map::new();
    if let Some(model) = whole.trace.and_then(|trace| trace.model(&mut lost)) {
        members.insert("model".into(), model.into());
    }
    members.insert("choices".into(), json!([choice]));
    members.insert("usage".into(), usage.canonical());
    if let Some(tier) = whole.service_tier {
        members.insert("service_tier".into(), tier.kind.into());
    }
    if let Some(foreign) = lost.member() {
        members.insert("foreign".into(), foreign);
    }
    Ok(members)
}

fn no_message(exception_name: Option<String>, message: Option<String>) -> Fault {
    match (exception_name, message) {
        (None, None) => Fault::Malformed("an answer without a message".into()),
        (name, message) => {
            // A name may come with its namespace before it.
            let name = name.unwrap_or_default();
            let name = name.rsplit('#').next().unwrap_or_default();
            exception(name, &json!({"message": message}).to_string())
        }
    }
}

fn read<'a, T: Deserialize<'a>>(json: &'a [u8]) -> Result<T, Fault> {
    serde_json::from_slice(json).map_err(|e| Fault::Malformed(e.to_string()))
}

/// What the model said, block by block.
#[derive(Default)]
struct Said {
    text: String,
    calls: Vec<Value>,
    thoughts: Vec<Thought>,
    order: Written,
    lost: Lost,
}

impl Said {
    fn text(&mut self, said: &str) {
        let handle = self.order.begin_text();
        self.order.grow(handle, said.len(), &[]);
        self.text.push_str(said);
    }

    fn block(&mut self, kind: &str, block: &RawValue) -> Result<(), Fault> {
        let json = block.get().as_bytes();
        match kind {
            "text" => self.text(&read::<String>(json)?),
            "toolUse" => self.call(read(json)?),
            "reasoningContent" => self.thought(read(json)?),
            "citationsContent" => {
                let cited: Cited = read(json)?;
                let said: String = cited.content.into_iter().map(|c| c.text).collect();
                self.text(&said);
                self.lost.note(kind);
            }
            _ => self.lost.note(kind),
        }
        Ok(())
    }

    fn call(&mut self, call: ToolUse<'_>) {
        if let Some(kind) = call.kind {
            // Bedrock has made it itself: it is not the client's to answer.
            return self.lost.note(&kind);
        }
        let function = json!({"name": call.name, "arguments": call.input.get()});
        let call = json!({"id": call.tool_use_id, "type": "function", "function": function});
        self.order.add(Kind::ToolUse);
        self.calls.push(call);
    }

    fn thought(&mut self, reasoning: Reasoning) {
        let mut thought = Thought {
            redacted: reasoning.redacted_content,
            ..Thought::default()
        };
        if let Some(said) = reasoning.reasoning_text {
            thought.text = said.text;
            thought.signature = said.signature;
        }
        self.order.add(Kind::Thinking);
        self.thoughts.push(thought);
    }

    fn message(self) -> Value {
        let content = match self.text.as_str() {
            "" if !self.calls.is_empty() => Value::Null,
            _ => self.text.into(),
        };
        let mut message = json!({"role": "assistant", "content": content, "refusal": null});
        let thoughts: String = self.thoughts.iter().map(|t| t.text.as_str()).collect();
        if !thoughts.is_empty() {
            message["reasoning_content"] = thoughts.into();
        }
        // Only where thoughts must come back as they stood their order matters.
        let signed = self.thoughts.iter().any(Thought::is_signed);
        if signed {
            let blocks = self.thoughts.into_iter().map(Thought::block);
            message["thinking_blocks"] = blocks.collect();
        }
        if !self.calls.is_empty() {
            message["tool_calls"] = self.calls.into();
        }
        if let Some(order) = self.order.told().filter(|_| signed) {
            message[BLOCK_ORDER] = order;
        }
        message
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(content: &str, stop_reason: &str, more: &str) -> String {
        format!(
            r#"{{"output":{{"message":{{"role":"assistant","content":{content}}}}},
                "stopReason":"{stop_reason}","metrics":{{"latencyMs":12}},
                "usage":{{"inputTokens":3,"outputTokens":5,"totalTokens":8}}{more}}}"#
        )
    }

    fn read_answer(body: &str) -> Value {
        Value::Object(answer(body.as_bytes()).unwrap())
    }

    #[test]
    fn an_answer_is_its_text_byte_for_byte() {
        let content = r#"[{"text":"Gr\u00fc\u00dfe,\n"},{"text":"🦀  \"so\""}]"#;
        let expected = json!({"choices": [{"index": 0, "message": {"role": "assistant",
            "content": "Grüße,\n🦀  \"so\"", "refusal": null}, "logprobs": null,
            "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 3, "completion_tokens": 5, "total_tokens": 8}});
        assert_eq!(read_answer(&whole(content, "end_turn", "")), expected);
        let empty = read_answer(&whole("[]", "end_turn", ""));
        assert_eq!(empty["choices"][0]["message"]["content"], "");
    }

    #[test]
    fn arguments_of_parallel_calls_are_the_text_that_came() {
        let content = r#"[{"text":"So:"},
            {"toolUse":{"toolUseId":"a","name":"f","input":{"x": 1.50, "n": 12345678901234567890123}}},
            {"toolUse":{"toolUseId":"b","name":"g","input":{}}}]"#;
        let read = read_answer(&whole(content, "tool_use", ""));
        let choice = &read["choices"][0];
        assert_eq!(choice["finish_reason"], "tool_calls");
        assert_eq!(choice["message"]["content"], "So:");
        assert_eq!(
            choice["message"]["tool_calls"],
            json!([{"id": "a", "type": "function", "function": {"name": "f",
                    "arguments": r#"{"x": 1.50, "n": 12345678901234567890123}"#}},
                {"id": "b", "type": "function", "function": {"name": "g", "arguments": "{}"}}])
        );
        let alone = r#"[{"toolUse":{"toolUseId":"a","name":"f","input":{}}}]"#;
        let alone = read_answer(&whole(alone, "tool_use", ""));
        assert_eq!(alone["choices"][0]["message"]["content"], Value::Null);
    }

    #[test]
    fn thoughts_are_kept_with_their_signatures() {
        let content = r#"[{"reasoningContent":{"reasoningText":{"text":"Hm.","signature":"c2ln"}}},
            {"reasoningContent":{"redactedContent":"AAEC"}},{"text":"Hi"}]"#;
        let read = read_answer(&whole(content, "end_turn", ""));
        let message = &read["choices"][0]["message"];
        assert_eq!(message["reasoning_content"], "Hm.");
        assert_eq!(
            message["thinking_blocks"],
            json!([{"type": "thinking", "thinking": "Hm.", "signature": "c2ln"},
                {"type": "redacted_thinking", "data": "AAEC"}])
        );
        let unsigned = r#"[{"reasoningContent":{"reasoningText":{"text":"Hm."}}},{"text":"Hi"}]"#;
        let read = read_answer(&whole(unsigned, "end_turn", ""));
        let message = &read["choices"][0]["message"];
        assert_eq!(message["reasoning_content"], "Hm.");
        assert!(message.get("thinking_blocks").is_none());
    }

    #[test]
    fn what_the_canonical_form_cannot_hold_is_named() {
        let content = r#"[{"citationsContent":{"content":[{"text":"Cited."}],"citations":[{}]}},
            {"toolUse":{"toolUseId":"a","name":"f","input":{},"type":"server_tool_use"}},
            {"toolResult":{"toolUseId":"a","content":[]}},{"image":{"format":"png","source":{}}}]"#;
        let more = r#","trace":{"guardrail":{"actionReason":"x"}},
            "additionalModelResponseFields":{"stop_sequence":null,"x":1}"#;
        let read = read_answer(&whole(content, "tool_use", more));
        assert_eq!(read["choices"][0]["message"]["content"], "Cited.");
        assert_eq!(read["choices"][0]["finish_reason"], "stop");
        assert_eq!(
            read["foreign"],
            json!({"converse": ["citationsContent", "server_tool_use", "toolResult", "image",
                "additionalModelResponseFields", "trace"]})
        );
    }

    #[test]
    fn the_stop_sequence_the_tier_and_a_routers_model_are_told() {
        let more = r#","additionalModelResponseFields":{"stop_sequence":"END"},
            "serviceTier":{"type":"flex"},"performanceConfig":{"latency":"standard"},
            "trace":{"promptRouter":{"invokedModelId":"anthropic.claude-x"}}"#;
        let read = read_answer(&whole(r#"[{"text":"a"}]"#, "stop_sequence", more));
        assert_eq!(read["choices"][0]["stop_reason"], "END");
        assert_eq!(read["choices"][0]["finish_reason"], "stop");
        assert_eq!(read["service_tier"], "flex");
        assert_eq!(read["model"], "anthropic.claude-x");
        assert!(read.get("foreign").is_none());
    }

    #[test]
    fn a_failure_under_a_good_status_is_one() {
        let fault = |body: &str| answer(body.as_bytes()).unwrap_err();
        let said = fault(r#"{"__type":"com.amazon#ThrottlingException","message":"Slow down."}"#);
        let Fault::Said(error) = said else {
            panic!("{said:?}");
        };
        assert_eq!(error["code"], "ThrottlingException");
        assert_eq!(error["message"], "Slow down.");
        for body in [
            "<html>",
            "[]",
            "{}",
            r#"{"output":{}}"#,
            r#"{"output":{"message":{"content":[]}},"stopReason":"end_turn"}"#,
            &whole(r#"[{"text":1}]"#, "end_turn", ""),
        ] {
            assert!(matches!(fault(body), Fault::Malformed(_)), "{body}");
        }
    }
}
