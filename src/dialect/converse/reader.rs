//! Events of ConverseStream as canonical chunks.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::answer::{Tier, Trace};
use super::said::{Lost, Thought, Usage, exception, finish_reason, stop_sequence};
use crate::chat::{completion_id, unix_seconds};
use crate::dialect::order::{BLOCK_ORDER, Kind, Written};
use crate::dialect::{Fault, Heard};

/// Reads one stream, event by event.
#[derive(Debug)]
pub struct Reader {
    id: String,
    created: u64,
    model: String,
    /// Whether the role was said.
    begun: bool,
    /// Blocks that have begun and not ended, by their index.
    blocks: BTreeMap<u64, Block>,
    /// Calls of tools so far.
    calls: u64,
    lost: Lost,
    order: Written,
    /// Whether a thought is signed: only then the order matters.
    signed: bool,
    stopped: bool,
    done: bool,
}

#[derive(Debug)]
enum Block {
    /// With its place in the order, once it says something.
    Text(Option<usize>),
    /// A call, by its place among calls, and whether it has arguments yet.
    Call(u64, bool),
    Thought(Thought),
    /// What the canonical form cannot hold.
    Lost,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct BlockStart {
    content_block_index: u64,
    #[serde(default)]
    start: Map<String, Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CallStart {
    tool_use_id: String,
    name: String,
    #[serde(rename = "type")]
    kind: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct BlockDelta {
    content_block_index: u64,
    delta: Map<String, Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct BlockStop {
    content_block_index: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct MessageStop {
    stop_reason: String,
    additional_model_response_fields: Option<Map<String, Value>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    usage: Usage,
    trace: Option<Trace>,
    service_tier: Option<Tier>,
}

impl Reader {
    /// A reader of a stream that `model` answers with.
    #[must_use]
    pub fn new(model: &str) -> Self {
        Self {
            id: completion_id(),
            created: unix_seconds(),
            model: model.to_owned(),
            begun: false,
            blocks: BTreeMap::new(),
            calls: 0,
            lost: Lost::default(),
            order: Written::default(),
            signed: false,
            stopped: false,
            done: false,
        }
    }

    /// Takes the event called `name` with the JSON `data`.
    ///
    /// # Errors
    /// [`Fault::Said`] for an exception, [`Fault::Malformed`] for what does not belong into a stream, or not there.
    pub fn event(&mut self, name: Option<&str>, data: &str) -> Result<Heard, Fault> {
        let name = name.ok_or_else(|| malformed("an event without a name"))?;
        if self.done {
            return Err(malformed(format!("{name} behind the end")));
        }
        let chunks = match name {
            "messageStart" => self.start().into_iter().collect(),
            "contentBlockStart" => self.block_start(read(data)?)?,
            "contentBlockDelta" => self.delta(read(data)?)?,
            "contentBlockStop" => self.block_stop(&read(data)?).into_iter().collect(),
            "messageStop" => vec![self.stop(read(data)?)?],
            "metadata" => vec![self.metadata(read(data)?)?],
            name if name.ends_with("Exception") => return Err(exception(name, data)),
            other => {
                self.lost.note(other);
                Vec::new()
            }
        };
        Ok(Heard {
            chunks,
            done: self.done,
        })
    }

    fn start(&mut self) -> Option<Value> {
        // What begins twice begins once.
        (!self.begun).then(|| self.say(json!({"content": ""})))
    }

    fn block_start(&mut self, event: BlockStart) -> Result<Vec<Value>, Fault> {
        let mut chunks = Vec::new();
        let mut block = Block::Text(None);
        for (kind, value) in event.start {
            block = Block::Lost;
            if kind != "toolUse" {
                self.lost.note(&kind);
                continue;
            }
            let call: CallStart = parsed(value)?;
            if let Some(kind) = call.kind {
                // Bedrock makes it itself: it is not the client's to answer.
                self.lost.note(&kind);
                continue;
            }
            block = Block::Call(self.calls, false);
            self.order.add(Kind::ToolUse);
            let function = json!({"name": call.name, "arguments": ""});
            chunks.push(self.say(json!({"tool_calls": [{"index": self.calls,
                "id": call.tool_use_id, "type": "function", "function": function}]})));
            self.calls += 1;
        }
        self.blocks.insert(event.content_block_index, block);
        Ok(chunks)
    }

    fn delta(&mut self, event: BlockDelta) -> Result<Vec<Value>, Fault> {
        let mut deltas = Vec::new();
        for (kind, value) in event.delta {
            // A block of text or of thoughts may begin with its first piece.
            let block = self.blocks.entry(event.content_block_index);
            let block = block.or_insert(Block::Text(None));
            match (kind.as_str(), block) {
                ("text", block) => {
                    let said: String = parsed(value)?;
                    if let Block::Text(place) = block {
                        let place = *place.get_or_insert_with(|| self.order.begin_text());
                        self.order.grow(place, said.len(), &[]);
                    }
                    deltas.push(json!({"content": said}));
                }
                ("toolUse", Block::Call(index, said)) => {
                    let input: String = parsed(value.get("input").cloned().unwrap_or_default())?;
                    *said |= !input.is_empty();
                    deltas.push(arguments(*index, &input));
                }
                ("toolUse", Block::Lost) => {}
                ("toolUse", _) => return Err(malformed("arguments of no call")),
                ("reasoningContent", block) => {
                    if !matches!(block, Block::Thought(_)) {
                        *block = Block::Thought(Thought::default());
                    }
                    if let Block::Thought(thought) = block {
                        deltas.extend(think(thought, parsed(value)?)?);
                    }
                }
                ("citation", _) => self.lost.note("citationsContent"),
                (other, _) => self.lost.note(other),
            }
        }
        Ok(deltas.into_iter().map(|delta| self.say(delta)).collect())
    }

    /// Thoughts are told whole once more, signed, because only so they can be given back.
    fn block_stop(&mut self, event: &BlockStop) -> Option<Value> {
        match self.blocks.remove(&event.content_block_index)? {
            Block::Call(index, false) => Some(self.say(arguments(index, "{}"))),
            Block::Thought(thought) if thought.is_signed() => {
                self.order.add(Kind::Thinking);
                self.signed = true;
                Some(self.say(json!({"thinking_blocks": [thought.block()]})))
            }
            _ => None,
        }
    }

    fn stop(&mut self, event: MessageStop) -> Result<Value, Fault> {
        if std::mem::replace(&mut self.stopped, true) {
            return Err(malformed("a second messageStop"));
        }
        let finish = finish_reason(&event.stop_reason, self.calls > 0, &mut self.lost)?;
        let stop = stop_sequence(event.additional_model_response_fields, &mut self.lost);
        let order = self.order.told().filter(|_| self.signed);
        let order = order.map(|order| json!({BLOCK_ORDER: order}));
        let mut chunk = self.say(order.unwrap_or_else(|| json!({})));
        if let Some(choice) = chunk.pointer_mut("/choices/0") {
            choice["finish_reason"] = finish.into();
            if let Some(stop) = stop {
                choice["stop_reason"] = stop.into();
            }
        }
        Ok(self.with_lost(chunk))
    }

    fn metadata(&mut self, event: Metadata) -> Result<Value, Fault> {
        if !self.stopped {
            return Err(malformed("metadata before messageStop"));
        }
        if let Some(model) = event.trace.and_then(|trace| trace.model(&mut self.lost)) {
            self.model = model;
        }
        self.done = true;
        let mut chunk = self.chunk(json!([]));
        chunk["usage"] = event.usage.canonical();
        if let Some(tier) = event.service_tier {
            chunk["service_tier"] = tier.kind.into();
        }
        Ok(self.with_lost(chunk))
    }

    fn with_lost(&self, mut chunk: Value) -> Value {
        if let Some(foreign) = self.lost.member() {
            chunk["foreign"] = foreign;
        }
        chunk
    }

    /// A chunk with `delta`, and with the role if it is the first.
    fn say(&mut self, delta: Value) -> Value {
        let mut members = Map::new();
        if !std::mem::replace(&mut self.begun, true) {
            members.insert("role".into(), "assistant".into());
        }
        if let Value::Object(delta) = delta {
            members.extend(delta);
        }
        self.chunk(json!([{"index": 0, "delta": members, "logprobs": null,
            "finish_reason": null}]))
    }

    fn chunk(&self, choices: Value) -> Value {
        json!({"id": self.id, "object": "chat.completion.chunk", "created": self.created,
            "model": self.model, "choices": choices})
    }
}

/// Adds a piece to `thought`; the delta is the text that came.
fn think(thought: &mut Thought, piece: Map<String, Value>) -> Result<Option<Value>, Fault> {
    let mut delta = None;
    for (kind, value) in piece {
        let text: String = parsed(value)?;
        match kind.as_str() {
            "text" => {
                thought.text.push_str(&text);
                delta = Some(json!({"reasoning_content": text}));
            }
            "signature" => thought.signature.get_or_insert_default().push_str(&text),
            "redactedContent" => conceal(thought, &text)?,
            other => return Err(malformed(format!("{other} in a thought"))),
        }
    }
    Ok(delta)
}

/// Adds concealed bytes. They come in base64, of which two texts are not one.
fn conceal(thought: &mut Thought, piece: &str) -> Result<(), Fault> {
    let whole = match thought.redacted.take() {
        None => piece.to_owned(),
        Some(before) => {
            let bytes = |text: &str| STANDARD.decode(text).map_err(|e| malformed(e.to_string()));
            STANDARD.encode([bytes(&before)?, bytes(piece)?].concat())
        }
    };
    thought.redacted = Some(whole);
    Ok(())
}

fn arguments(index: u64, fragment: &str) -> Value {
    json!({"tool_calls": [{"index": index, "function": {"arguments": fragment}}]})
}

fn malformed(why: impl Into<String>) -> Fault {
    Fault::Malformed(why.into())
}

fn read<T: DeserializeOwned>(data: &str) -> Result<T, Fault> {
    serde_json::from_str(data).map_err(|e| malformed(e.to_string()))
}

fn parsed<T: DeserializeOwned>(value: Value) -> Result<T, Fault> {
    serde_json::from_value(value).map_err(|e| malformed(e.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::{Chunk, Recorder};

    const END: [(&str, &str); 2] = [
        ("messageStop", r#"{"stopReason":"end_turn","p":"abcdefgh"}"#),
        (
            "metadata",
            r#"{"usage":{"inputTokens":3,"outputTokens":5,"totalTokens":8},"metrics":{"latencyMs":9}}"#,
        ),
    ];

    fn heard(events: &[(&str, &str)]) -> Result<Vec<Value>, Fault> {
        let mut reader = Reader::new("m");
        let mut chunks = Vec::new();
        for (i, (name, data)) in events.iter().enumerate() {
            let heard = reader.event(Some(name), data)?;
            assert_eq!(heard.done, i + 1 == events.len() && *name == "metadata");
            chunks.extend(heard.chunks);
        }
        Ok(chunks)
    }

    fn stream(events: &[(&str, &str)]) -> Vec<Value> {
        heard(&[&[("messageStart", r#"{"role":"assistant"}"#)], events, &END].concat()).unwrap()
    }

    fn delta(chunk: &Value) -> &Value {
        &chunk["choices"][0]["delta"]
    }

    /// The chunks put together by whoever remembers answers.
    fn recorded(chunks: &[Value]) -> Value {
        let mut recorder = Recorder::new(1 << 20);
        for chunk in chunks {
            recorder.push(&Chunk::parse(&chunk.to_string()).unwrap());
        }
        Value::Object(recorder.finish(true).unwrap().members())
    }

    #[test]
    fn text_comes_piece_by_piece_under_one_id() {
        let chunks = stream(&[
            (
                "contentBlockDelta",
                r#"{"contentBlockIndex":0,"delta":{"text":"Grü"},"p":"abc"}"#,
            ),
            (
                "contentBlockDelta",
                r#"{"contentBlockIndex":0,"delta":{"text":"ße 🦀"}}"#,
            ),
            ("contentBlockStop", r#"{"contentBlockIndex":0}"#),
        ]);
        assert_eq!(
            delta(&chunks[0]),
            &json!({"role": "assistant", "content": ""})
        );
        assert_eq!(delta(&chunks[1]), &json!({"content": "Grü"}));
        assert_eq!(delta(&chunks[2]), &json!({"content": "ße 🦀"}));
        assert_eq!(chunks[3]["choices"][0]["finish_reason"], "stop");
        assert_eq!(chunks[4]["choices"], json!([]));
        assert_eq!(
            chunks[4]["usage"],
            json!({"prompt_tokens": 3, "completion_tokens": 5, "total_tokens": 8})
        );
        assert_eq!(chunks.len(), 5);
        for chunk in &chunks {
            assert_eq!(chunk["id"], chunks[0]["id"]);
            assert_eq!(
                (&chunk["model"], &chunk["object"]),
                (&json!("m"), &json!("chat.completion.chunk"))
            );
        }
        let whole = recorded(&chunks);
        assert_eq!(whole["choices"][0]["message"]["content"], "Grüße 🦀");
    }

    #[test]
    fn calls_come_in_fragments_by_their_place() {
        let chunks = stream(&[
            (
                "contentBlockDelta",
                r#"{"contentBlockIndex":0,"delta":{"text":"So:"}}"#,
            ),
            ("contentBlockStop", r#"{"contentBlockIndex":0}"#),
            (
                "contentBlockStart",
                r#"{"contentBlockIndex":1,"start":{"toolUse":{"toolUseId":"a","name":"f"}}}"#,
            ),
            (
                "contentBlockStart",
                r#"{"contentBlockIndex":2,"start":{"toolUse":{"toolUseId":"b","name":"g"}}}"#,
            ),
            (
                "contentBlockDelta",
                r#"{"contentBlockIndex":1,"delta":{"toolUse":{"input":"{\"x\":"}}}"#,
            ),
            (
                "contentBlockDelta",
                r#"{"contentBlockIndex":2,"delta":{"toolUse":{"input":""}}}"#,
            ),
            (
                "contentBlockDelta",
                r#"{"contentBlockIndex":1,"delta":{"toolUse":{"input":" 1.50}"}}}"#,
            ),
            ("contentBlockStop", r#"{"contentBlockIndex":1}"#),
            ("contentBlockStop", r#"{"contentBlockIndex":2}"#),
        ]);
        let message = &recorded(&chunks)["choices"][0]["message"];
        assert_eq!(
            message["tool_calls"],
            json!([{"id": "a", "type": "function", "function": {"name": "f", "arguments": "{\"x\": 1.50}"}},
                {"id": "b", "type": "function", "function": {"name": "g", "arguments": "{}"}}])
        );
        let finish: Vec<_> = chunks
            .iter()
            .filter_map(|c| c["choices"][0]["finish_reason"].as_str())
            .collect();
        assert_eq!(finish, ["tool_calls"]);
    }

    #[test]
    fn thoughts_come_as_text_and_signed_at_their_end() {
        let chunks = stream(&[
            (
                "contentBlockDelta",
                r#"{"contentBlockIndex":0,"delta":{"reasoningContent":{"text":"H"}}}"#,
            ),
            (
                "contentBlockDelta",
                r#"{"contentBlockIndex":0,"delta":{"reasoningContent":{"text":"m."}}}"#,
            ),
            (
                "contentBlockDelta",
                r#"{"contentBlockIndex":0,"delta":{"reasoningContent":{"signature":"c2ln"}}}"#,
            ),
            ("contentBlockStop", r#"{"contentBlockIndex":0}"#),
            (
                "contentBlockDelta",
                r#"{"contentBlockIndex":1,"delta":{"reasoningContent":{"redactedContent":"AA=="}}}"#,
            ),
            (
                "contentBlockDelta",
                r#"{"contentBlockIndex":1,"delta":{"reasoningContent":{"redactedContent":"AQI="}}}"#,
            ),
            ("contentBlockStop", r#"{"contentBlockIndex":1}"#),
            (
                "contentBlockDelta",
                r#"{"contentBlockIndex":2,"delta":{"reasoningContent":{"text":"So."}}}"#,
            ),
            ("contentBlockStop", r#"{"contentBlockIndex":2}"#),
        ]);
        let deltas: Vec<_> = chunks[1..6].iter().map(delta).collect();
        assert_eq!(
            json!(deltas),
            json!([{"reasoning_content": "H"}, {"reasoning_content": "m."},
                {"thinking_blocks": [{"type": "thinking", "thinking": "Hm.", "signature": "c2ln"}]},
                {"thinking_blocks": [{"type": "redacted_thinking", "data": "AAEC"}]},
                {"reasoning_content": "So."}])
        );
        assert_eq!(chunks.len(), 8);
    }

    #[test]
    fn what_the_canonical_form_cannot_hold_is_named_at_the_end() {
        let chunks = stream(&[
            (
                "contentBlockStart",
                r#"{"contentBlockIndex":0,"start":{"toolUse":{"toolUseId":"a","name":"f","type":"server_tool_use"}}}"#,
            ),
            (
                "contentBlockDelta",
                r#"{"contentBlockIndex":0,"delta":{"toolUse":{"input":"{}"}}}"#,
            ),
            ("contentBlockStop", r#"{"contentBlockIndex":0}"#),
            (
                "contentBlockDelta",
                r#"{"contentBlockIndex":1,"delta":{"text":"Cited."}}"#,
            ),
            (
                "contentBlockDelta",
                r#"{"contentBlockIndex":1,"delta":{"citation":{"title":"t"}}}"#,
            ),
            (
                "contentBlockStart",
                r#"{"contentBlockIndex":2,"start":{"image":{"format":"png"}}}"#,
            ),
            (
                "contentBlockDelta",
                r#"{"contentBlockIndex":2,"delta":{"image":{"source":{"bytes":"AA=="}}}}"#,
            ),
            ("somethingNew", "{}"),
        ]);
        let foreign =
            json!({"converse": ["server_tool_use", "citationsContent", "image", "somethingNew"]});
        assert_eq!(chunks.len(), 4);
        assert_eq!(chunks[2]["foreign"], foreign);
        assert_eq!(chunks[3]["foreign"], foreign);
        assert_eq!(
            recorded(&chunks)["choices"][0]["message"]["content"],
            "Cited."
        );
    }

    #[test]
    fn the_stop_sequence_and_the_tier_are_told() {
        let chunks = heard(&[
            ("contentBlockDelta", r#"{"contentBlockIndex":0,"delta":{"text":"a"}}"#),
            ("messageStop", r#"{"stopReason":"stop_sequence","additionalModelResponseFields":{"stop_sequence":"END"}}"#),
            ("metadata", r#"{"usage":{"inputTokens":1,"outputTokens":1,"totalTokens":2},"serviceTier":{"type":"priority"}}"#),
        ]).unwrap();
        assert_eq!(
            delta(&chunks[0]),
            &json!({"role": "assistant", "content": "a"})
        );
        assert_eq!(chunks[1]["choices"][0]["stop_reason"], "END");
        assert_eq!(chunks[2]["service_tier"], "priority");
        assert!(chunks[2].get("foreign").is_none());
    }

    #[test]
    fn an_exception_ends_the_stream_in_the_providers_words() {
        let fault = heard(&[
            ("messageStart", r#"{"role":"assistant"}"#),
            ("throttlingException", r#"{"message":"Slow down."}"#),
        ]);
        let error = json!({"message": "Slow down.", "type": "rate_limit_error", "code": "throttlingException"});
        assert_eq!(fault.unwrap_err(), Fault::Said(error));
        let fault = heard(&[("messageStop", r#"{"stopReason":"malformed_tool_use"}"#)]);
        assert!(matches!(fault, Err(Fault::Said(_))));
    }

    #[test]
    fn a_stream_that_is_not_one_is_refused() {
        let text = (
            "contentBlockDelta",
            r#"{"contentBlockIndex":0,"delta":{"text":"a"}}"#,
        );
        for events in [
            vec![(
                "contentBlockDelta",
                r#"{"contentBlockIndex":0,"delta":{"toolUse":{"input":"{}"}}}"#,
            )],
            vec![("contentBlockDelta", r#"{"delta":{"text":"a"}}"#)],
            vec![("contentBlockDelta", "{")],
            vec![text, END[1]],
            vec![text, END[0], END[0]],
            vec![text, END[0], ("metadata", "{}")],
        ] {
            assert!(
                matches!(heard(&events), Err(Fault::Malformed(_))),
                "{events:?}"
            );
        }
        let mut reader = Reader::new("m");
        for (name, data) in END {
            reader.event(Some(name), data).unwrap();
        }
        assert!(reader.event(Some(END[1].0), END[1].1).is_err());
        assert!(Reader::new("m").event(None, "{}").is_err());
    }
    #[test]
    fn a_stream_says_what_a_whole_answer_says() {
        let streamed = recorded(&stream(&[
            (
                "contentBlockDelta",
                r#"{"contentBlockIndex":0,"delta":{"reasoningContent":{"text":"Hm."}}}"#,
            ),
            ("contentBlockStop", r#"{"contentBlockIndex":0}"#),
            (
                "contentBlockDelta",
                r#"{"contentBlockIndex":1,"delta":{"text":"So"}}"#,
            ),
            (
                "contentBlockDelta",
                r#"{"contentBlockIndex":1,"delta":{"text":":"}}"#,
            ),
            ("contentBlockStop", r#"{"contentBlockIndex":1}"#),
            (
                "contentBlockStart",
                r#"{"contentBlockIndex":2,"start":{"toolUse":{"toolUseId":"a","name":"f"}}}"#,
            ),
            (
                "contentBlockDelta",
                r#"{"contentBlockIndex":2,"delta":{"toolUse":{"input":"{\"x\":1}"}}}"#,
            ),
            ("contentBlockStop", r#"{"contentBlockIndex":2}"#),
        ]));
        let whole = r#"{"output":{"message":{"role":"assistant","content":[
            {"reasoningContent":{"reasoningText":{"text":"Hm."}}},{"text":"So:"},
            {"toolUse":{"toolUseId":"a","name":"f","input":{"x":1}}}]}},
            "stopReason":"end_turn","usage":{"inputTokens":3,"outputTokens":5,"totalTokens":8}}"#;
        let mut whole = Value::Object(crate::dialect::converse::answer(whole.as_bytes()).unwrap());
        whole["model"] = "m".into();
        let message = whole.pointer_mut("/choices/0/message").unwrap();
        message.as_object_mut().unwrap().remove("refusal");
        assert_eq!(streamed, whole);
    }
}
