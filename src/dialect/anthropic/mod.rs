//! Anthropic's Messages API, as a client speaks it and as a provider does.
//!
//! Beside the extension members of [`crate::dialect`], these stand for what chat completions have no place for:
//!
//! | where | member | what |
//! |---|---|---|
//! | request, tool call, tool message | `cache_control` | as on a content part |
//! | tool | `eager_input_streaming` | how its arguments are delivered: a hint |
//! | content part `file` | `file.file_url` | the address of a document |
//! | assistant message | `block_order` | the order of its blocks where thoughts do not come first and calls last: `{"type": "thinking"}`, `{"type": "content"}` or `{"type": "tool_use"}`, each the next of its kind; of an answer, whose `content` is one string, `bytes` and `citations` of each piece, and `{"type": "foreign", "block"}` |
//! | choice | `stop_details` | why the answer was refused |
//! | delta | `foreign` | events of a stream that only this dialect can write again |
//! | answer | `container`, `context_management` | as they came; named in `foreign` too |
//!
//! A part `{"type": "foreign", "dialect": "anthropic"}` whose block has no type holds members of its message.
//!
//! System and developer messages at the head of a conversation are the system prompt. Later ones keep their place as
//! messages of role `system`, which the API takes; a model that does not says so itself.

mod answer;
mod answer_of;
mod blocks;
mod body;
mod content;
mod digits;
mod error;
mod estimate;
mod fields;
mod models;
mod param;
mod parts;
mod reader;
mod request;
mod turns;
mod usage;
mod writer;

pub use answer::answer;
pub use answer_of::answer_of;
pub use body::body;
pub use digits::keep_digits;
pub use error::error;
pub use estimate::estimate;
pub use models::{model, models};
pub use param::param;
pub use reader::Reader;
pub use request::request;
pub use turns::has_unsigned_thoughts;
pub use writer::{Writer, replay};

/// The dialect's name under `foreign`.
const NAME: &str = "anthropic";

/// As people call it.
const TITLE: &str = "Anthropic's Messages API";

/// Words for effort that both sides have.
const EFFORTS: [&str; 5] = ["low", "medium", "high", "xhigh", "max"];

/// What an answer says beside its content that is of use to its own client alone.
const BESIDE: [&str; 4] = [
    "container",
    "context_management",
    "diagnostics",
    "input_transformations",
];

/// A fresh id for an answer that this gateway renders itself.
fn message_id() -> String {
    fresh("msg")
}

fn fresh(prefix: &str) -> String {
    format!("{prefix}_{}", uuid::Uuid::new_v4().as_simple())
}

#[cfg(test)]
mod tests;
