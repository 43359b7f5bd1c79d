//! What is answered to which model name, before any dialect writes it down.

use serde_json::{Value, json};

/// The thought of `thinking`, word for word.
pub(crate) const THOUGHT: &str = "The question is easy, and so is the answer.";

/// `drip` and 50 of `mock-drip-50`; 0 where no number is.
#[derive(Clone, Copy)]
pub(crate) struct Behaviour<'a> {
    pub(crate) name: &'a str,
    pub(crate) number: u64,
}

impl<'a> Behaviour<'a> {
    pub(crate) fn of(model: &'a str) -> Self {
        let Some(name) = model.strip_prefix("mock-") else {
            return Self {
                name: "plain",
                number: 0,
            };
        };
        match name.rsplit_once('-').map(|(n, a)| (n, a.parse())) {
            Some((name, Ok(number))) => Self { name, number },
            _ => Self { name, number: 0 },
        }
    }

    /// What is said, in whatever way it is sent.
    fn content(self) -> &'a str {
        let name = self.name;
        name.strip_prefix("drip-")
            .or_else(|| name.strip_prefix("whole-"))
            .unwrap_or(name)
    }

    /// The number, or another where none was said.
    pub(crate) fn number_or(self, other: u64) -> u64 {
        if self.number == 0 { other } else { self.number }
    }
}

/// Of a request, what an answer depends on.
#[derive(Default)]
pub(crate) struct Asked<'a> {
    /// The last text of the user.
    pub(crate) question: &'a str,
    /// Whether the last turn is what a tool gave back.
    pub(crate) after_tool: bool,
    /// The first text that is to end the answer.
    pub(crate) stop: Option<&'a str>,
    /// Tokens of all that was asked, where a dialect counts more than the question's words.
    pub(crate) tokens: Option<usize>,
}

/// An answer.
pub(crate) struct Reply {
    pub(crate) thinking: Option<&'static str>,
    /// Also there where tools are called instead: what it would have been.
    pub(crate) text: String,
    pub(crate) says_text: bool,
    pub(crate) calls: Vec<Call>,
    pub(crate) end: End,
    pub(crate) usage: Usage,
}

/// A tool to be called.
pub(crate) struct Call {
    pub(crate) number: usize,
    pub(crate) name: &'static str,
    pub(crate) arguments: Value,
}

impl Call {
    /// The arguments as text, in pieces that are no JSON of their own.
    pub(crate) fn pieces(&self) -> Vec<String> {
        let text = self.arguments.to_string();
        let middle = text.find(':').map_or(0, |i| i + 1);
        vec![text[..middle].to_owned(), text[middle..].to_owned()]
    }
}

/// Why an answer ended.
#[derive(Clone, PartialEq)]
pub(crate) enum End {
    Stop,
    Sequence(String),
    Length,
    Tools,
    Filtered,
}

/// Tokens, which are words here.
#[derive(Clone, Copy)]
pub(crate) struct Usage {
    pub(crate) input: usize,
    pub(crate) output: usize,
    /// Of the input, read from the provider's prompt cache.
    pub(crate) cached: usize,
    /// Of the output, thought.
    pub(crate) thought: usize,
}

impl Reply {
    pub(crate) fn to(behaviour: Behaviour<'_>, asked: &Asked<'_>) -> Self {
        let content = behaviour.content();
        let text = text(behaviour, asked.question);
        let count = match content {
            "tools" | "stop-tools" | "text-tools" => 1,
            "tools2" => 2,
            "agent" if !asked.after_tool => 1,
            _ => 0,
        };
        let calls: Vec<_> = ["x", "y"][..count]
            .iter()
            .enumerate()
            .map(|(i, q)| Call {
                number: i + 1,
                name: "look_up",
                arguments: json!({"q": q}),
            })
            .collect();
        let end = match content {
            "length" => End::Length,
            "filtered" => End::Filtered,
            "stopped" => End::Sequence(asked.stop.unwrap_or("\n").to_owned()),
            "stop-tools" => End::Stop,
            _ if count > 0 => End::Tools,
            _ => End::Stop,
        };
        let thinking = (content == "thinking").then_some(THOUGHT);
        let thought = words(thinking.unwrap_or(""));
        let input = asked.tokens.unwrap_or_else(|| words(asked.question));
        let cached = match content {
            "cached" => usize::try_from(behaviour.number).unwrap_or(0).min(input),
            _ => 0,
        };
        let usage = Usage {
            input,
            output: words(&text) + thought,
            cached,
            thought,
        };
        Self {
            thinking,
            text,
            says_text: count == 0 || content == "text-tools",
            calls,
            end,
            usage,
        }
    }

    /// The text in words, none where none is said.
    pub(crate) fn words(&self) -> impl Iterator<Item = &str> {
        let text = if self.says_text { &self.text } else { "" };
        text.split_inclusive(' ')
    }
}

fn text(behaviour: Behaviour<'_>, question: &str) -> String {
    let number = usize::try_from(behaviour.number).unwrap_or(0);
    let lumps = |size: usize| format!("{} ", "x".repeat(size)).repeat(number);
    match behaviour.content() {
        "big" => "x".repeat(number << 10),
        "flood" => lumps(512 << 10),
        "huge" => lumps((512 << 10) - 1).repeat(2),
        "echo" => question.to_owned(),
        "empty" => String::new(),
        "verdict" if number == 0 => "WRONG".to_owned(),
        "verdict" => "**Right.**".to_owned(),
        "chunks" => (0..number).map(|i| format!("w{i} ")).collect(),
        _ => format!("Mock answer to: {question} 🍎"),
    }
}

pub(crate) fn words(text: &str) -> usize {
    text.split_whitespace().count()
}

/// Words in all texts within a value, but for names that the dialect gives.
pub(crate) fn words_within(value: &Value) -> usize {
    match value {
        Value::String(text) => words(text),
        Value::Array(items) => items.iter().map(words_within).sum(),
        Value::Object(members) => {
            let said = members
                .iter()
                .filter(|(name, _)| *name != "role" && *name != "type");
            said.map(|(_, value)| words_within(value)).sum()
        }
        _ => 0,
    }
}

/// What proves that a thought is the mock's own: a thought comes back as it was, or is refused.
pub(crate) fn signature(thinking: &str) -> String {
    let hash = blake3::hash(thinking.as_bytes()).to_hex();
    format!("mock.{}", &hash[..16])
}

/// Whether a signature that the mock gave stands beside another thought.
pub(crate) fn is_forged(thinking: &str, signature: &str) -> bool {
    signature.starts_with("mock.") && signature != self::signature(thinking)
}
