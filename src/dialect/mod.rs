//! Wire dialects: pure translations between each one's form and the canonical one, which is that of OpenAI's
//! chat completions as [`crate::chat`] reads it. No I/O, and no knowledge of who is on the other side.
//!
//! What chat completions has no word for and another dialect has is kept in members of its own, under the names
//! that compatible servers use for them:
//!
//! | where | member | what |
//! |---|---|---|
//! | request | `top_k` | integer |
//! | request | `thinking` | `{"type": "enabled", "budget_tokens": N}`, `{"type": "disabled"}` or `{"type": "adaptive"}` |
//! | request | `reasoning_effort` | OpenAI's own: `none`, `minimal`, `low`, `medium`, `high`, `xhigh`, `max` |
//! | content part, tool | `cache_control` | `{"type": "ephemeral", …}`: a hint, never part of the meaning |
//! | content part `file` | `title`, `context`, `citations` | of a document |
//! | assistant message, delta | `reasoning_content` | what was thought, as plain text |
//! | assistant message, delta | `thinking_blocks` | the same in signed blocks: `{"type": "thinking", "thinking", "signature"}`, `{"type": "redacted_thinking", "data"}` |
//! | message, delta | `annotations` | OpenAI's own: what it cites from the web. Anthropic's clients are not told: a citation of the web has an `encrypted_index` there, which nobody else can make |
//! | tool message | `is_error` | the tool failed; its `content` may hold image parts |
//! | choice | `stop_reason` | the stop sequence that ended the answer |
//! | choice | `stop_details` | why the answer was refused |
//! | request, message, tool call | `cache_control` | as on a content part |
//! | tool | `eager_input_streaming` | how its arguments are delivered: a hint |
//! | content part `file` | `file.file_url` | the address of a document |
//! | message, tool call, delta | `extra_content` | `{"google": {"thought_signature"}}`: what Google wants back |
//! | assistant message, last delta | `block_order` | the order of its blocks where thoughts do not come first and calls last |
//! | answer | `foreign` | names of what the provider said and this form cannot hold: such an answer is not remembered |
//! | request | `foreign.completions` | `suffix`, `echo`, `best_of`, `logprobs` of a text completion, `max_tokens` if it is 0, and in `prompt` how many prompts there are if there are several: each is a part of the one message |
//! | content part `foreign` | `block.tokens` | a prompt in tokens |
//! | answer, choice | `text_completion` | what a text completion says beside its text, such as `logprobs` in their older form |
//! | usage | `cache_creation_input_tokens`, `prompt_tokens_details.cached_tokens`, `completion_tokens_details.reasoning_tokens` | tokens written to and read from the provider's prompt cache, and thought |
//! | request, content part | `foreign` | see below |
//!
//! Whatever a client's dialect says beyond that is not dropped: a member of the request goes under
//! `foreign.<dialect>.<name>`, a content part becomes `{"type": "foreign", "dialect": "<dialect>", "block": {…}}`. It
//! is part of the cache key, a provider of the same dialect gets the client's own bytes, and every other one refuses
//! it by name. A text completion goes on in its client's own bytes wherever a provider has them; as a chat it is told
//! only where a chat says the same.

#[cfg(test)]
mod agents;
pub mod anthropic;
pub mod chat;
mod chunks;
pub mod cohere;
pub mod completions;
pub mod converse;
pub mod embeddings;
pub mod gemini;
mod media;
mod members;
mod messages;
mod order;
pub mod responses;
pub mod target;

use serde_json::{Map, Value};

pub use crate::chat::Dialect;
pub use target::{Target, inexpressible};

/// What one event of a provider's stream says.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Heard {
    /// In the canonical form: `chat.completion.chunk` objects, each with `id`, `object`, `created`, `model` and
    /// `choices`; usage in a last one with no choices.
    pub chunks: Vec<Value>,
    /// Whether the stream is complete.
    pub done: bool,
}

/// Understands the events of one stream of a provider's.
pub trait Listener: Send {
    /// What an event says; `name` is its type where that stands beside the data.
    ///
    /// # Errors
    /// It is not in the dialect, or it says that the provider failed.
    fn event(&mut self, name: Option<&str>, data: &str) -> Result<Heard, Fault>;

    /// What the end of the body says, in a dialect that has no last event.
    ///
    /// # Errors
    /// The stream is not complete.
    fn end(&mut self) -> Result<Heard, Fault> {
        Err(Fault::Malformed("the stream has no end".into()))
    }
}

/// Writes one streamed answer for a client, as the text of server-sent events.
pub trait Writer: Send {
    /// A chunk of the answer; it may say nothing yet.
    fn chunk(&mut self, chunk: &Map<String, Value>) -> String;

    /// The end of a complete answer.
    fn end(&mut self) -> String;

    /// The end of one that cannot go on: `error` as OpenAI writes one, and the HTTP status that it would have had.
    fn error(&mut self, error: &Value, status: u16) -> String;
}

/// Makes a [`Listener`] of each reader.
macro_rules! listeners {
    ($($reader:ty),+ $(,)?) => {$(
        impl Listener for $reader {
            fn event(&mut self, name: Option<&str>, data: &str) -> Result<Heard, Fault> {
                self.event(name, data)
            }
        }
    )+};
}

listeners!(anthropic::Reader, cohere::Reader, converse::Reader);

impl Listener for gemini::Reader {
    fn event(&mut self, name: Option<&str>, data: &str) -> Result<Heard, Fault> {
        self.event(name, data)
    }

    fn end(&mut self) -> Result<Heard, Fault> {
        self.end()
    }
}

/// Why a provider's event or answer cannot be taken.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Fault {
    /// It is not in the dialect; the reason is for the log, never for a client.
    #[error("{0}")]
    Malformed(String),
    /// The provider says that it failed: its error as OpenAI writes one, `message`, `type`, `code`.
    #[error("the provider failed")]
    Said(Value),
}
