//! The blocks of a streamed message, from their beginning to their end.

use serde_json::{Value, json};

use super::super::answer_of::{malformed, more_of_call, note};
use super::super::fields::text;
use super::{Members, Reader, index};
use crate::dialect::Fault;
use crate::dialect::order::Kind;

/// A block that is not complete.
#[derive(Debug)]
pub(super) enum Block {
    /// With its handle in the order.
    Text(usize),
    /// A thought as it grows, or one that came whole.
    Thinking(Members),
    Call {
        index: usize,
        /// Arguments for the case that none come in pieces.
        input: String,
        heard: bool,
    },
    Foreign,
}

impl Reader {
    pub(super) fn block_start(
        &mut self,
        event: Members,
        chunks: &mut Vec<Value>,
    ) -> Result<(), Fault> {
        let index = index(&event)?;
        let block = event.get("content_block").and_then(Value::as_object);
        let block = block.ok_or_else(|| malformed("a block begins without one"))?;
        let opened = match text(block, "type") {
            Some("text") => {
                let said = text(block, "text").unwrap_or_default().to_owned();
                if self.order.ends_in_text() {
                    // The only word for the end of one text and the beginning of the next.
                    chunks.push(self.foreign(event.clone()));
                }
                let handle = self.order.begin_text();
                self.say(handle, &said, chunks);
                Block::Text(handle)
            }
            Some("thinking" | "redacted_thinking") => {
                self.order.add(Kind::Thinking);
                if let Some(thought) = text(block, "thinking").filter(|thought| !thought.is_empty())
                {
                    let delta = json!({ "reasoning_content": thought });
                    chunks.push(self.delta(delta));
                }
                Block::Thinking(block.clone())
            }
            Some("tool_use") => self.call(block, chunks)?,
            Some(other) => {
                note(&mut self.lost, other);
                chunks.push(self.foreign(event.clone()));
                Block::Foreign
            }
            None => return Err(malformed("a block has no type")),
        };
        match self.open.insert(index, opened) {
            None => Ok(()),
            Some(_) => Err(malformed("a block begins twice")),
        }
    }

    fn say(&mut self, handle: usize, said: &str, chunks: &mut Vec<Value>) {
        if !said.is_empty() {
            self.spoke = true;
            self.order.grow(handle, said.len(), &[]);
            let delta = json!({ "content": said });
            chunks.push(self.delta(delta));
        }
    }

    fn call(&mut self, block: &Members, chunks: &mut Vec<Value>) -> Result<Block, Fault> {
        let (Some(id), Some(name)) = (text(block, "id"), text(block, "name")) else {
            return Err(malformed("a tool_use block has no id or name"));
        };
        let index = self.calls;
        let function = json!({"name": name, "arguments": ""});
        let mut call = json!({"index": index, "id": id, "type": "function", "function": function});
        for (name, value) in more_of_call(block) {
            note(&mut self.lost, &name);
            call[name] = value;
        }
        self.calls += 1;
        self.order.add(Kind::ToolUse);
        let delta = json!({ "tool_calls": [call] });
        chunks.push(self.delta(delta));
        let input = block.get("input").filter(|input| input.is_object());
        Ok(Block::Call {
            index,
            input: input.map_or_else(|| "{}".to_owned(), Value::to_string),
            heard: false,
        })
    }

    pub(super) fn block_delta(
        &mut self,
        event: Members,
        chunks: &mut Vec<Value>,
    ) -> Result<(), Fault> {
        let index = index(&event)?;
        let mut block = self.open.remove(&index);
        let block_of = block
            .as_mut()
            .ok_or_else(|| malformed("a delta has no block"))?;
        let delta = event.get("delta").and_then(Value::as_object);
        let delta = delta.ok_or_else(|| malformed("a content_block_delta has no delta"))?;
        let kind = text(delta, "type").ok_or_else(|| malformed("a delta has no type"))?;
        let piece = |name: &str| text(delta, name).ok_or_else(|| malformed("a delta has no text"));
        match (kind, block_of) {
            (_, Block::Foreign) => chunks.push(self.foreign(event)),
            ("text_delta", Block::Text(handle)) => self.say(*handle, piece("text")?, chunks),
            ("citations_delta", Block::Text(handle)) => {
                let cited = delta.get("citation").cloned();
                self.order.grow(*handle, 0, cited.as_slice());
                note(&mut self.lost, "citations");
                chunks.push(self.foreign(event));
            }
            ("thinking_delta", Block::Thinking(block)) => {
                let more = piece("thinking")?;
                append(block, "thinking", more);
                let delta = json!({ "reasoning_content": more });
                chunks.extend((!more.is_empty()).then(|| self.delta(delta)));
            }
            // It comes whole.
            ("signature_delta", Block::Thinking(block)) => {
                block.insert("signature".into(), piece("signature")?.into());
            }
            ("input_json_delta", Block::Call { index, heard, .. }) => {
                let more = piece("partial_json")?;
                if !more.is_empty() {
                    *heard = true;
                    chunks.push(self.arguments(*index, more));
                }
            }
            ("text_delta" | "thinking_delta" | "signature_delta" | "input_json_delta", _) => {
                return Err(malformed("a delta is not of its block's kind"));
            }
            (other, _) => note(&mut self.lost, other),
        }
        self.open.extend(block.map(|block| (index, block)));
        Ok(())
    }

    pub(super) fn block_stop(
        &mut self,
        block: Block,
        event: Option<Members>,
        chunks: &mut Vec<Value>,
    ) {
        match block {
            Block::Text(_) => {}
            Block::Thinking(block) => {
                let delta = json!({ "thinking_blocks": [block] });
                chunks.push(self.delta(delta));
            }
            Block::Call {
                index,
                input,
                heard,
            } => {
                if !heard {
                    chunks.push(self.arguments(index, &input));
                }
            }
            Block::Foreign => chunks.extend(event.map(|event| self.foreign(event))),
        }
    }

    fn arguments(&mut self, index: usize, more: &str) -> Value {
        let call = json!({"index": index, "function": {"arguments": more}});
        self.delta(json!({ "tool_calls": [call] }))
    }
}

fn append(block: &mut Members, name: &str, more: &str) {
    match block.get_mut(name) {
        Some(Value::String(text)) => text.push_str(more),
        _ => {
            block.insert(name.into(), more.into());
        }
    }
}
