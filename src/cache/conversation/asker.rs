//! Whether a text speaks of the one who asks: `my account`, `am I …`. Frames that anybody would
//! use for the same question (`How do I …`, `tell me`) do not.

use super::words::{Words, list};
use crate::cache::verdict::guards::{Capital, Kind, Reading};

/// Whether the answer to a question depends on who asks it.
#[must_use]
pub fn speaks_of_asker(question: &str) -> bool {
    // Most questions hold no word of the first person, and need not be read.
    if !may_speak(question) || asks_plain_way(question) {
        return false;
    }
    reads_of_asker(question)
}

/// Ways to do something, which are the same for everybody, also with one's own things.
const WAYS: [&str; 10] = [
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

fn reads_of_asker(question: &str) -> bool {
    let reading = Reading::of(question);
    let words = Words::of(&reading);
    if WAYS.iter().any(|p| words.begins(p)) && !states(&words) {
        return false;
    }
    owns(&words) || states(&words) || tells_of_self(&words)
}

/// Whether a text of nothing but plain words asks for a way to do something. Such a question is met with most
/// often of all that hold a first person, and to read it in full would cost a good part of an exact hit.
fn asks_plain_way(text: &str) -> bool {
    let text = text.trim_end_matches(['?', '.', '!', ' ']);
    let plain = |c: u8| c.is_ascii_alphabetic() || c == b' ';
    if !text.bytes().all(plain) {
        return false;
    }
    let words: Vec<&str> = text.split_ascii_whitespace().collect();
    let is = |i: usize, word: &str| words.get(i).is_some_and(|w| w.eq_ignore_ascii_case(word));
    let begins = |way: &&str| way.split(' ').enumerate().all(|(i, word)| is(i, word));
    // A first person other than the one that asks may state something: that is looked at closely.
    let states = ["have", "owe", "qualify"].iter().any(|word| is(3, word));
    WAYS.iter().any(begins) && !states && !words.iter().skip(3).any(|w| is_self(w))
}

fn is_self(word: &str) -> bool {
    let all = ["i", "we", "im", "ive", "id", "ill", "weve", "were", "lets"];
    all.iter().any(|known| known.eq_ignore_ascii_case(word))
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
    owns(words) || states(words) || tells_of_self(words)
}

/// `World War I`, `I/O`; but `the book I ordered` is somebody's.
fn is_numeral(words: &Words<'_>, i: usize) -> bool {
    let named = i.checked_sub(1).and_then(|before| words.tokens.get(before));
    let named = named.filter(|t| t.capital == Capital::First && !t.starts);
    let counts = named.is_some_and(|t| list("numbered").contains(&t.lower.as_str()));
    words.at(i) == "i" && (counts || words.at(i + 1) == "o")
}

/// `my account`, `a friend of mine`; not what everybody has (`our solar system`), nor what is dug (`a coal mine`).
fn owns(words: &Words<'_>) -> bool {
    let shared = |i: usize| {
        let small = |at: usize| {
            words
                .tokens
                .get(at)
                .is_none_or(|t| t.capital == Capital::None)
        };
        let alone = |at: usize| words.tokens.get(at).is_none_or(|t| t.stop);
        let told = |thing: &str| {
            let end = i + thing.split(' ').count();
            words.phrase_at(i, thing) && alone(end) && (i..end).all(small)
        };
        list("shared").iter().any(|thing| told(thing))
    };
    let dug = |i: usize| i > 0 && list("dug").contains(&words.at(i - 1));
    (0..words.len()).any(|i| match words.at(i) {
        "our" => !shared(i + 1),
        "mine" => !dug(i),
        word => list("own").contains(&word),
    })
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
        if !list("self").contains(&words.at(i)) || is_numeral(words, i) {
            return false;
        }
        if was_told(words, i) {
            return true;
        }
        if in_frame(words, i) {
            return false;
        }
        let before = i.checked_sub(1).map_or("", |j| words.at(j));
        match words.at(i) {
            "me" | "us" => of_me(words, i),
            _ if is_their_own(words, i) => true,
            _ => {
                !list("anybody").contains(&before)
                    || list("states").contains(&words.at(i + 1)) && !matches!(words.at(i + 2), "to")
            }
        }
    })
}

/// `When do I graduate?`, `Will I get a refund?`, `How much can I withdraw today?`: behind a helping verb, and yet a fact of
/// one person, by what they do, by when, or by the number of what is theirs. `How do I …` is asked for a way.
fn is_their_own(words: &Words<'_>, i: usize) -> bool {
    let before = |back: usize| i.checked_sub(back).map_or("", |at| words.at(at));
    let way = words.begins("how do") || words.begins("how can") || words.begins("how should");
    if !matches!(
        before(1),
        "do" | "can" | "will" | "could" | "would" | "must" | "should" | "when" | "if"
    ) || way
    {
        return false;
    }
    let next = words.at(i + 1);
    let lived = list("lived").contains(&next);
    let promised = before(1) == "will" && list("received").contains(&next)
        || before(1) == "do" && list("received").contains(&next) && before(2) == "when";
    let due = words.phrase_at(i + 1, "have to be") || words.phrase_at(i + 1, "need to be");
    let asked = before(1) != "should" && before(1) != "must";
    let dated = asked && list("deictic").iter().any(|time| words.says(time));
    // `order 77`, `flight 12`: a thing with a number of its own.
    let numbered = (1..words.len()).any(|n| {
        words.tokens[n].kind == Kind::Number && list("numbered_things").contains(&words.at(n - 1))
    });
    lived || promised || due || dated || numbered
}

/// What is done to somebody by one who knows them: `who billed me`, `what do they owe me`. But not
/// `tell me`, which anybody says.
const KNOWING: [&str; 32] = [
    "for",
    "about",
    "with",
    "like",
    "to",
    "is",
    "hurts",
    "makes",
    "told",
    "sent",
    "gave",
    "owe",
    "owes",
    "owed",
    "charge",
    "charged",
    "bill",
    "billed",
    "pay",
    "pays",
    "paid",
    "promised",
    "assigned",
    "notified",
    "emailed",
    "texted",
    "called",
    "refund",
    "refunded",
    "offered",
    "prescribed",
    "invited",
];

fn of_me(words: &Words<'_>, at: usize) -> bool {
    let before = at.checked_sub(1).map_or("", |i| words.at(i));
    // The message is somebody's, a poem is not.
    let read = before == "read" && matches!(words.at(at + 1), "the" | "this");
    KNOWING.contains(&before) || read
}

/// `did you tell me`: what was said is theirs alone, what is to be said is not.
fn was_told(words: &Words<'_>, at: usize) -> bool {
    let before = |back: usize| at.checked_sub(back).map_or("", |i| words.at(i));
    let told = matches!(before(1), "tell" | "show" | "send" | "give");
    told && before(3) == "did" && matches!(words.at(at), "me" | "us")
}

fn in_frame(words: &Words<'_>, at: usize) -> bool {
    list("frames").iter().any(|frame| {
        let length = frame.split(' ').count();
        (at.saturating_sub(length)..=at).any(|i| words.phrase_at(i, frame) && i + length > at)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const WORDS: [&str; 24] = [
        "How", "do", "can", "should", "would", "I", "i", "we", "to", "my", "our", "me", "us",
        "have", "owe", "am", "did", "if", "im", "qualify", "password", "the", "what", "steps",
    ];

    #[test]
    fn the_common_way_to_ask_is_known_without_reading() {
        assert!(asks_plain_way("How do I reset my password?"));
        assert!(asks_plain_way("how can we pay our bill"));
        for other in [
            "How much do I owe?",
            "How do I pay what I owe?",
            "How do I qualify for a loan?",
            "What is my balance?",
            "How do I's",
        ] {
            assert!(!asks_plain_way(other), "{other}");
        }
    }

    #[test]
    fn what_was_done_to_the_asker_is_theirs_and_what_is_asked_for_is_not() {
        for text in [
            "What did you tell me yesterday about refunds?",
            "Read me the latest message in the inbox",
            "Who billed me twice?",
            "Is the account mine?",
            "When was our war with them?",
            "Which phone plan is closest to mine?",
            "When does our Planet Fitness membership expire?",
            "What are our society dues this year?",
            "When do I graduate?",
            "Which gate do I board at?",
            "When will I get paid?",
            "How much can I withdraw today?",
            "Will I get a refund for order 77?",
            "Who do I report to?",
            "Tell me when I have to be there",
            "Is class I teach full?",
            "Where is the book I ordered?",
            "Which type I need is in stock?",
        ] {
            assert!(speaks_of_asker(text), "{text}");
        }
        for text in [
            "Tell me about the tides",
            "Give me three names for a cat",
            "Can you show me how tides work?",
            "Read me a poem",
            "What happened in World War I?",
            "Who was Elizabeth I?",
            "How do I/O ports work?",
            "What is in our solar system?",
            "How deep is a coal mine?",
            "What should I cook for dinner?",
            "Where can I buy Rust books?",
            "What do I need to renew a passport?",
            "When do I plant tomatoes?",
            "Will I gain weight if I eat at night?",
            "How can I report a bug?",
        ] {
            assert!(!speaks_of_asker(text), "{text}");
        }
    }

    proptest! {
        /// What is known at once is what reading would have told.
        #[test]
        fn a_short_cut_leads_where_the_way_leads(
            way in 0..WAYS.len(),
            words in prop::collection::vec(0..WORDS.len(), 0..8),
            end in "[?.!]{0,2}",
        ) {
            let words: Vec<_> = words.into_iter().map(|i| WORDS[i]).collect();
            let text = format!("{} {}{end}", WAYS[way], words.join(" "));
            if asks_plain_way(&text) {
                prop_assert!(!reads_of_asker(&text), "{text}");
            }
        }
    }
}
