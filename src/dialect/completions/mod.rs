//! OpenAI's older completions: a prompt without roles, told as the one message of a user, and its answer as text.

mod answer;
mod request;

pub use answer::{Writer, answer};
pub use request::{param, request};
