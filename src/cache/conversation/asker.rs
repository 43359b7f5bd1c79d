//! Whether a text speaks of the one who asks: `my account`, `am I …`. Frames that anybody would
//! use for the same question (`How do I …`, `tell me`) do not.

use super::words::{Words, list};
use crate::cache::verdict::guards::Reading;

/// Whether the answer to a question depends on who asks it.
#[must_use]
pub fn speaks_of_asker(question: &str) -> bool {
    // Most questions hold no word of the first person, and need not be read.
    if !may_speak(question) {
        return false;
    }
    let reading = Reading::of(question);
    let words = Words::of(&reading);
    // The way to do something is the same for everybody, also with one's own things.
    let way = [
        "how do i",
        "how do we",
        "how can i",
        "how can we",
        "how should i",
        "how to",
        "how would i",
        "what is the best way to",
        "steps to",
        "can you explain how",
    ];
    if way.iter().any(|p| words.begins(p)) && !states(&words) {
        return false;
    }
    words.has(list("own")) || states(&words) || tells_of_self(&words)
}

/// Whether a text holds a word of the first person, contractions such as `I'm` and `im` included. Sees at
/// least what the rules below see, and sooner.
fn may_speak(text: &str) -> bool {
    let word = |word: &str| {
        let first = ["own", "self"].iter().flat_map(|name| list(name));
        let mut first = first.chain(&["im", "ive", "lets"]);
        first.any(|known| known.eq_ignore_ascii_case(word))
    };
    text.split(|c: char| !c.is_alphanumeric()).any(word)
}

/// Whether an earlier turn says something of the one who asks, which a later answer may depend on.
pub(super) fn says_of_self(words: &Words<'_>) -> bool {
    words.has(list("own")) || states(words) || tells_of_self(words)
}

/// `am I`, `have I`, `did we`, `do I owe`: but not `what have I to do`.
fn states(words: &Words<'_>) -> bool {
    (1..words.len()).any(|i| {
        let (before, word) = (words.at(i - 1), words.at(i));
        let mine = matches!(word, "i" | "we");
        let asked = matches!(
            before,
            "am" | "are" | "have" | "did" | "was" | "were" | "had"
        ) && mine;
        let owned = mine
            && before == "do"
            && matches!(words.at(i + 1), "have" | "owe" | "qualify")
            && words.at(i + 2) != "to";
        asked || owned
    })
}

/// `I am 45`, `we use Postgres`: a first person that is neither asking nor part of a frame.
fn tells_of_self(words: &Words<'_>) -> bool {
    (0..words.len()).any(|i| {
        if !list("self").contains(&words.at(i)) || in_frame(words, i) {
            return false;
        }
        let before = i.checked_sub(1).map_or("", |j| words.at(j));
        match words.at(i) {
            "me" | "us" => matches!(
                before,
                "for" | "about" | "with" | "like" | "to" | "is" | "hurts" | "makes"
            ),
            _ => {
                !list("anybody").contains(&before)
                    || list("states").contains(&words.at(i + 1)) && !matches!(words.at(i + 2), "to")
            }
        }
    })
}

fn in_frame(words: &Words<'_>, at: usize) -> bool {
    list("frames").iter().any(|frame| {
        let length = frame.split(' ').count();
        (at.saturating_sub(length)..=at).any(|i| words.phrase_at(i, frame) && i + length > at)
    })
}
