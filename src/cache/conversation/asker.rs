//! Whether a text speaks of the one who asks: `my account`, `am I …`. Frames that anybody would
//! use for the same question (`How do I …`, `tell me`) do not.

use std::borrow::Cow;

use super::anybody;
use super::words::{Words, list};
use crate::cache::verdict::guards::{Capital, Reading};

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
    let spoken = without_quotes(question);
    let reading = Reading::of(&spoken);
    let words = Words::of(&reading);
    if WAYS.iter().any(|p| words.begins(p)) && !states(&words) {
        return false;
    }
    says_of_self(&words)
}

/// A text without what it quotes, where it asks about that: `What does "I think, therefore I am" mean?` A quoted question
/// may be somebody's own, handed on, and two words in marks a name for what is somebody's: `"my orders"`.
fn without_quotes(text: &str) -> Cow<'_, str> {
    let parts: Vec<&str> = text.split('"').collect();
    if parts.len() < 3 || parts.len().is_multiple_of(2) {
        return Cow::Borrowed(text);
    }
    let said = |part: &str| part.split_whitespace().count() > 2 && !part.contains('?');
    let spoken = parts.iter().enumerate().map(|(i, part)| {
        let quoted = i % 2 == 1 && said(part);
        if quoted { "that" } else { part }
    });
    let spoken = spoken.collect::<Vec<_>>().join("\"");
    let reading = Reading::of(&spoken);
    let words = Words::of(&reading);
    let asked = matches!(words.at(0), "who" | "what" | "where" | "which" | "when");
    let about = asked && words.has(list("quoting")) && !words.has(list("persons"));
    if about {
        Cow::Owned(spoken)
    } else {
        Cow::Borrowed(text)
    }
}

/// Whether a text of nothing but plain words and numbers asks for a way to do something. Such a question is met with most
/// often of all that hold a first person, and to read it in full would cost a good part of an exact hit.
fn asks_plain_way(text: &str) -> bool {
    let text = text.trim_end_matches(['?', '.', '!', ' ']);
    let plain = |c: u8| c.is_ascii_alphanumeric() || c == b' ';
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
        let mut first = first.chain(&[
            "im",
            "ive",
            "lets",
            "user",
            "account",
            "login",
            "truly",
            "student",
            "employee",
            "customer",
            "member",
            "caller",
            "subscriber",
        ]);
        first.any(|known| known.eq_ignore_ascii_case(word))
    };
    text.split(|c: char| !c.is_alphanumeric()).any(word)
}

/// Whether an earlier turn says something of the one who asks, which a later answer may depend on.
pub(super) fn says_of_self(words: &Words<'_>) -> bool {
    owns(words) || states(words) || tells_of_self(words) || is_named_otherwise(words)
}

/// `this user's balance`, `under this login`: the one who asks, in other words.
fn is_named_otherwise(words: &Words<'_>) -> bool {
    list("asker").iter().any(|phrase| words.says(phrase))
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
        "our" => !shared(i + 1) && !list("body").contains(&words.at(i + 1)) && !is_titled(words, i),
        "mine" => !dug(i),
        word => list("own").contains(&word) && !is_titled(words, i),
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
        if !list("self").contains(&words.at(i)) || is_no_person(words, i) {
            return false;
        }
        if was_told(words, i) {
            return true;
        }
        let frame = in_frame(words, i);
        match words.at(i) {
            // `Show me the invoices` bids for what is somebody's.
            "me" | "us" if bids_for_own(words) => true,
            "us" if i > 0 && list("upon_all").contains(&words.at(i - 1)) => false,
            "me" | "us" => !frame && !anybody::is_bidden(words, i),
            _ => !frame && !anybody::asks(words, i),
        }
    })
}

/// `Show me the invoices`, `emails from Anna`; but not `tell me how a bill becomes law`.
fn bids_for_own(words: &Words<'_>) -> bool {
    let one = |i: usize| i > 0 && matches!(words.at(i - 1), "a" | "an");
    (0..words.len()).any(|i| list("private").contains(&words.at(i)) && !one(i))
}

/// `World War I`, `the US`, `I, Robot` in quotation marks or behind a word that announces a title.
fn is_no_person(words: &Words<'_>, i: usize) -> bool {
    // In a text of capitals `US` is anybody.
    let small = words
        .tokens
        .iter()
        .any(|t| t.raw.chars().any(char::is_lowercase));
    let country = words.at(i) == "us"
        && (small && words.tokens[i].capital == Capital::All || i > 0 && words.at(i - 1) == "the");
    country || is_numeral(words, i) || is_titled(words, i)
}

/// `the song My Way`, `Who directed My Fair Lady?`: two capitals or more behind a word of works.
fn is_titled(words: &Words<'_>, i: usize) -> bool {
    let capital = |at: usize| {
        let token = words.tokens.get(at);
        token.is_some_and(|t| t.capital == Capital::First && !t.starts)
    };
    let first = (0..=i).rev().take_while(|at| capital(*at)).last();
    // `the plot of How I Met Your Mother`, but not `show My Orders`.
    let announced = |first: usize| {
        let of = usize::from(first > 1 && words.at(first - 1) == "of");
        first > of && {
            let at = first - 1 - of;
            let noun = at > 0 && words.at(at - 1) == "the" && list("works").contains(&words.at(at));
            noun || list("authored").contains(&words.at(at))
        }
    };
    let own = |first: usize| {
        let mut run = (first..words.len()).take_while(|at| capital(*at));
        run.any(|at| list("private").contains(&words.at(at)))
    };
    first.is_some_and(|first| announced(first) && !own(first) && (capital(i + 1) || first < i))
}

/// `did you tell me`: what was said is theirs alone, what is to be said is not.
fn was_told(words: &Words<'_>, at: usize) -> bool {
    let before = |back: usize| at.checked_sub(back).map_or("", |i| words.at(i));
    let told = matches!(before(1), "tell" | "show" | "send" | "give");
    told && before(3) == "did" && matches!(words.at(at), "me" | "us")
}

fn in_frame(words: &Words<'_>, at: usize) -> bool {
    // `Can you give me`, but not `What did the teacher give me`.
    let asked = |i: usize| {
        let before = i.checked_sub(1).map_or("", |before| words.at(before));
        let whom = matches!(
            before,
            "" | "you"
                | "please"
                | "kindly"
                | "just"
                | "and"
                | "to"
                | "anybody"
                | "anyone"
                | "somebody"
                | "someone"
        );
        whom || words.tokens[i].starts || matches!(words.at(at), "i" | "we")
    };
    list("frames").iter().any(|frame| {
        let length = frame.split(' ').count();
        (at.saturating_sub(length)..=at)
            .any(|i| words.phrase_at(i, frame) && i + length > at && asked(i))
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
