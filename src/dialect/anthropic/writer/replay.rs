//! A whole answer as a stream.

use serde_json::{Map, Value, json};

use super::super::BESIDE;
use super::super::answer::{Block, blocks, ending, first_choice, text_block};
use super::{Open, Writer};

/// Bytes of text in one event of a whole answer, so that a client which shows what it reads shows progress.
const PIECE: usize = 256;

/// The events of a whole answer, its blocks in their order.
#[must_use]
pub fn replay(members: &Map<String, Value>) -> String {
    let choice = first_choice(members);
    let mut writer = Writer::new(members.get("usage"));
    writer.ending = ending(members, choice);
    for name in BESIDE {
        if let Some(value) = members.get(name) {
            writer.beside.insert(name.into(), value.clone());
        }
    }
    writer.begin(members.get("model"));
    let message = choice.and_then(|choice| choice.get("message")?.as_object());
    for block in message.map(blocks).unwrap_or_default() {
        writer.block(block);
    }
    writer.end()
}

impl Writer {
    fn block(&mut self, block: Block<'_>) {
        match block {
            Block::Whole(block) if block.get("type").is_some_and(|kind| kind == "thinking") => {
                self.close();
                let thought = text_of(&block, "thinking");
                pieces(thought).for_each(|piece| self.think(piece));
                self.thinking_block(&block, true);
            }
            Block::Whole(block) => self.start(Open::Foreign, block),
            Block::Text(said, cited) => {
                self.start(Open::Text, text_block("", None));
                pieces(said).for_each(|piece| self.say(piece));
                for citation in cited.and_then(Value::as_array).into_iter().flatten() {
                    self.piece(json!({"type": "citations_delta", "citation": citation}));
                }
            }
            Block::Call { head, arguments } => {
                self.start(Open::Foreign, head);
                pieces(arguments).for_each(|piece| {
                    self.piece(json!({"type": "input_json_delta", "partial_json": piece}));
                });
            }
        }
        self.close();
    }
}

fn text_of<'a>(block: &'a Value, name: &str) -> &'a str {
    block.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// Cuts a text between characters.
fn pieces(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let end = (PIECE.min(rest.len())..=rest.len()).find(|end| rest.is_char_boundary(*end))?;
        let (piece, after) = rest.split_at_checked(end)?;
        rest = after;
        (!piece.is_empty()).then_some(piece)
    })
}
