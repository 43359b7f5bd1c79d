//! The vocabulary every other module speaks: a chat request, its answer, the
//! chunks of a streamed answer and the ids they carry. Pure values, no I/O.

mod accent;
mod answer;
mod canonical;
mod chunk;
mod completion;
mod dialect;
mod frame;
mod ids;
mod json;
mod meaning;
pub mod number;

mod question;
mod readable;
mod record;
mod replay;
mod request;
mod shape;
mod splice;
mod spoken;

pub use accent::Accent;
pub use answer::{Answer, AnswerError, Tokens};
pub use canonical::CanonicalHasher;
pub use chunk::{Chunk, ChunkError, DONE};
pub use dialect::Dialect;
pub use frame::Frame;
pub use ids::{RequestId, completion_id, unix_ms, unix_seconds};
pub use json::{is_exact, parse_strict};
pub use meaning::meaning;
pub use question::{NoQuestion, joined_text};
pub use record::{Recorder, Unstorable};
pub use replay::Replay;
pub use request::{ChatRequest, InvalidRequest, parse_object};
pub(crate) use splice::{Object, members};
