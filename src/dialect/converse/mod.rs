//! AWS Bedrock's Converse: canonical requests as its bodies, its answers and stream events as canonical ones.
//! The model's name and whether to stream stand in the URL there, and an answer does not name its model.

mod answer;
mod body;
mod family;
mod fields;
mod media;
mod messages;
mod parts;
mod reader;
mod said;
mod settings;
mod tools;

pub use answer::answer;
pub use body::body;
pub use reader::Reader;
pub use said::exception;

/// As people call the dialect.
const NAME: &str = "Bedrock's Converse";
/// As `foreign` calls it.
const KEY: &str = "converse";
