//! OpenAI's older completions: a prompt without roles, told as the one message of a user, and its answer as text. What a
//! provider of theirs says is told as the answer of an assistant, with all that stands beside its text.

mod answer;
mod request;
mod upstream;

pub use answer::{Writer, answer, replay, tells_of_tokens};
pub use request::{param, request};
pub use upstream::{Said, canonical};

/// Holds what stands beside what a chat has words for, in an answer and in each of its choices.
const BESIDE: &str = "text_completion";
