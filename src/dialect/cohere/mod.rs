//! Cohere's chat in its second version, `/v2/chat`: canonical requests are written in it, its answers and streams are
//! read.

mod answer;
mod body;
mod documents;
mod messages;
mod reader;
mod said;
mod settings;
mod tools;

pub use answer::answer;
pub use body::body;
pub use reader::Reader;

/// What people call it.
const NAME: &str = "Cohere's chat API";
