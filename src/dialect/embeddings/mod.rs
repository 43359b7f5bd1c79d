//! OpenAI's embeddings: what is asked, in which items, and what comes back. The form in which every provider's vectors
//! are asked for and told here.

mod answer;
mod foreign;
mod request;

pub use answer::{Answer, Format, write};
pub use foreign::{
    COHERE_TEXTS, GEMINI_TEXTS, cohere_answer, cohere_body, gemini_answer, gemini_body,
};
pub use request::{MOST_ITEMS, Refusal, Request, apportioned};
