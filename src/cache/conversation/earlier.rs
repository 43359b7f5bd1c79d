//! What an earlier turn of the user binds later answers to: who they are, how they want to be
//! answered, what they corrected, what they handed over.

use super::asker;
use super::words::{Words, list};
use crate::cache::verdict::guards::Reading;

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
        || says(list("material"))
        || turn.contains(": ")
    {
        return Some("material");
    }
    if says(list("standing")) || says(list("manner")) || speaks_in(&words) {
        return Some("standing_instruction");
    }
    if words.begins("no") || says(list("corrections")) {
        return Some("correction");
    }
    if asker::says_of_self(&words) {
        return Some("personal_history");
    }
    // What neither asks nor requests tells something.
    let asks = list("asking").iter().any(|p| words.begins(p)) || turn.trim_end().ends_with('?');
    (!asks).then_some("statement")
}

/// `How about in German?`, `Can you do that in French?`: a language to answer in.
fn speaks_in(words: &Words<'_>) -> bool {
    (1..words.len()).any(|i| {
        matches!(words.at(i - 1), "in" | "to" | "into") && list("languages").contains(&words.at(i))
    })
}
