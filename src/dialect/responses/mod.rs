//! OpenAI's responses: a client's request in the canonical form, the canonical answer as a response object or as its
//! stream of events, and what of both a later request can go on from.
//!
//! What the form has and chat completions has not is refused by name where it is known (built-in tools, background
//! runs, conversations, prompt templates, automatic truncation). A member of the request that is not known goes
//! under `foreign.responses`, a content part that is not expressible becomes a foreign part.

mod answer;
mod chain;
mod content;
mod echo;
mod events;
mod field;
mod input;
mod item;
mod output;
mod param;
mod request;
mod thought;
mod tools;
mod turn;
mod usage;
mod writer;

pub use answer::answer;
pub use chain::{references, resolve, turns};
pub use echo::Echo;
pub use param::param;
pub use request::request;
pub use writer::Writer;
