//! What was said before a question, as far as it decides where its answer may come from: whether it
//! counts at all, whether it is about the asker, and which questions it held.

use serde_json::Value;

use super::conversation::{self, Standing};
use super::spans::Spans;
use crate::chat::{CanonicalHasher, ChatRequest, joined_text, meaning};
use crate::embed::{Question, normal_form};

/// Earlier questions that are remembered of a conversation, newest ones.
const REMEMBERED: usize = 32;

/// What of system prompts need not be equal.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum LeftOut<'a> {
    /// Nothing.
    Nothing,
    /// What these patterns find.
    Found(&'a Spans),
    /// All of them.
    All,
}

impl LeftOut<'_> {
    /// Adds a system message as far as it must be equal.
    pub fn hash(&self, message: &Value, hasher: &mut CanonicalHasher) {
        match self {
            Self::Nothing => {
                hasher.value(message);
            }
            Self::Found(spans) => spans.hash(message, hasher),
            Self::All => {}
        }
    }
}

/// The messages before a question, looked at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct History {
    /// Whether the question's answer may depend on them.
    pub standing: Standing,
    /// Whether they or the question speak of the one who asks.
    pub personal: bool,
    /// Marks of the user's earlier questions, oldest first: none of them is answered by this one's answer.
    pub earlier: Vec<u64>,
}

impl History {
    /// Looks at what comes before a request's question.
    #[must_use]
    pub fn of(request: &ChatRequest) -> Self {
        let user = |m: &&Value| is(m, "user");
        let text = |m: &Value| joined_text(m.get("content"));
        let turns: Vec<String> = request.before().iter().filter(user).map(text).collect();
        let turns: Vec<&str> = turns.iter().map(String::as_str).collect();
        let standing = match request.question() {
            Ok(question) => standing(request.before(), question, &turns),
            Err(_) => Standing::Needs("no_question"),
        };
        let before = if standing == Standing::Alone {
            &[][..]
        } else {
            &turns
        };
        // Also where nothing may be compared by meaning: a picture or a seed makes nobody else of the asker.
        let last = request.last().filter(user).map(text);
        let mut said = before
            .iter()
            .copied()
            .chain(last.as_deref())
            .chain(request.suffix());
        Self {
            // Of whom tokens speak nobody can tell.
            personal: request.holds_tokens() || said.any(conversation::speaks_of_asker),
            earlier: marks(&turns),
            standing,
        }
    }

    /// Adds to `hasher` what of the messages before must be equal: system prompts always and word for word but
    /// for what is left out, what user and model said only where it counts, and then in its normal form.
    pub fn hash(
        &self,
        request: &ChatRequest,
        left_out: &LeftOut<'_>,
        hasher: &mut CanonicalHasher,
    ) {
        let counts = self.standing != Standing::Alone;
        for message in request.before() {
            let message = &*meaning(message);
            if is_system(message) {
                if *left_out != LeftOut::All {
                    hasher.text("system");
                }
                left_out.hash(message, hasher);
            } else if counts {
                hash_turn(message, hasher);
            }
        }
        hasher.text(if counts { "after this" } else { "alone" });
    }
}

fn standing(before: &[Value], question: &str, turns: &[&str]) -> Standing {
    if before.iter().all(is_system) {
        return Standing::Alone;
    }
    // What tools found out is not said in words.
    let tool = |m: &Value| !(is(m, "user") || is(m, "assistant") || is_system(m)) || calls(m);
    if before.iter().any(tool) {
        return Standing::Needs("tools");
    }
    // What begins with an answer was set up so: it is a part that somebody plays.
    let spoken = before.iter().find(|m| !is_system(m));
    if spoken.is_some_and(|m| is(m, "assistant")) {
        return Standing::Needs("seeded");
    }
    conversation::stands_alone(question, turns)
}

fn calls(message: &Value) -> bool {
    let set = |key| message.get(key).is_some_and(|v| !v.is_null());
    set("tool_calls") || set("function_call")
}

fn is(message: &Value, role: &str) -> bool {
    message.get("role").and_then(Value::as_str) == Some(role)
}

/// Whether a message is a system prompt.
#[must_use]
pub fn is_system(message: &Value) -> bool {
    is(message, "system") || is(message, "developer")
}

/// A turn whose text is compared in its normal form, and all else of it as it stands. What holds more
/// than text is no prose to be normalised.
fn hash_turn(message: &Value, hasher: &mut CanonicalHasher) {
    match message {
        Value::Object(turn) if is_prose(turn.get("content")) && !calls(message) => {
            hasher
                .text("turn")
                .object(turn, |key, value| key != "content" && !value.is_null());
            hasher.text(&normal_form(&joined_text(turn.get("content"))));
        }
        other => {
            hasher.text("verbatim").value(other);
        }
    }
}

/// Whether a content is text alone.
fn is_prose(content: Option<&Value>) -> bool {
    match content {
        Some(Value::String(_)) => true,
        Some(Value::Array(parts)) => parts
            .iter()
            .all(|part| part.get("type").and_then(Value::as_str) == Some("text")),
        _ => false,
    }
}

fn marks(turns: &[&str]) -> Vec<u64> {
    let newest = &turns[turns.len().saturating_sub(REMEMBERED)..];
    let mark = |turn: &&str| Question::keep(turn, false).mark();
    newest.iter().map(mark).collect()
}
