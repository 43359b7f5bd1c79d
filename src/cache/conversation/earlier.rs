//! What an earlier turn of the user binds later answers to: who they are, how they want to be
//! answered, what they corrected, what they handed over.

use super::asker;
use super::words::Words;
use crate::cache::verdict::guards::Reading;

/// Words by which a turn tells how all later ones are to be answered, or what to take for granted.
const STANDING: [&str; 62] = [
    "from now on",
    "from here on",
    "from this point",
    "going forward",
    "henceforth",
    "always",
    "never",
    "every time",
    "each time",
    "whenever",
    "for the rest",
    "until i",
    "answer in",
    "respond in",
    "reply in",
    "answer as",
    "respond as",
    "speak in",
    "speak like",
    "talk like",
    "write in",
    "act as",
    "act like",
    "pretend",
    "role play",
    "roleplay",
    "you are",
    "imagine",
    "assume",
    "suppose",
    "let us say",
    "given that",
    "call me",
    "remember",
    "keep in mind",
    "bear in mind",
    "note that",
    "only answer",
    "answer only",
    "use only",
    "only use",
    "limit",
    "no more than",
    "at most",
    "keep your",
    "keep it",
    "keep answers",
    "be brief",
    "be concise",
    "be short",
    "be honest",
    "be polite",
    "do not",
    "please use",
    "use metric",
    "use simple",
    "avoid",
    "stop using",
    "in this conversation",
    "for this chat",
    "your answers",
    "your replies",
];
/// Words that take back or set right.
const CORRECTIONS: [&str; 20] = [
    "actually",
    "i meant",
    "i mean",
    "not what",
    "wrong",
    "incorrect",
    "mistake",
    "sorry",
    "correction",
    "rather",
    "instead",
    "that is not",
    "no not",
    "you misunderstood",
    "you missed",
    "oops",
    "scratch",
    "let me rephrase",
    "to be clear",
    "typo",
];
/// Words that hand something over.
const MATERIAL: [&str; 22] = [
    "here is",
    "here are",
    "below",
    "following",
    "attached",
    "this text",
    "this code",
    "this article",
    "this email",
    "this document",
    "this paragraph",
    "this passage",
    "this error",
    "the text",
    "the passage",
    "given the",
    "based on",
    "according to the",
    "context",
    "transcript",
    "excerpt",
    "consider",
];
/// Beginnings of a question or of a request that leaves nothing behind.
const ASKING: [&str; 56] = [
    "what",
    "who",
    "whom",
    "whose",
    "when",
    "where",
    "why",
    "how",
    "which",
    "is",
    "are",
    "was",
    "were",
    "am",
    "do",
    "does",
    "did",
    "can",
    "could",
    "will",
    "would",
    "should",
    "shall",
    "may",
    "might",
    "must",
    "has",
    "have",
    "had",
    "in what",
    "in which",
    "at what",
    "on what",
    "to what",
    "for what",
    "from what",
    "by what",
    "tell me",
    "explain",
    "describe",
    "define",
    "list",
    "name",
    "compare",
    "show me",
    "give me",
    "give examples",
    "find",
    "calculate",
    "convert",
    "translate",
    "summarize",
    "please tell",
    "please explain",
    "please describe",
    "and",
];
/// Words of a turn that is a question: a longer one is likely to hold its own material.
const LONG: usize = 40;

/// Why later answers must heed this turn, if they must.
pub(super) fn binds(turn: &str) -> Option<&'static str> {
    let reading = Reading::of(turn);
    let words = Words::of(&reading);
    let says = |phrases: &[&str]| phrases.iter().any(|p| words.says(p));
    if !reading.is_english() {
        return Some("not_english");
    }
    let lines = turn.lines().filter(|l| !l.trim().is_empty()).count();
    if words.len() > LONG
        || lines > 1
        || turn.contains('`')
        || says(&MATERIAL)
        || turn.contains(": ")
    {
        return Some("material");
    }
    if says(&STANDING) {
        return Some("standing_instruction");
    }
    if words.begins("no") || says(&CORRECTIONS) {
        return Some("correction");
    }
    if asker::says_of_self(&words) {
        return Some("personal_history");
    }
    // What neither asks nor requests tells something.
    let asks = ASKING.iter().any(|p| words.begins(p)) || turn.trim_end().ends_with('?');
    (!asks).then_some("statement")
}
