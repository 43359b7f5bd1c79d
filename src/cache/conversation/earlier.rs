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
    if sentences(turn).all(is_courtesy) && words.len() > 0 {
        return None;
    }
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
    if asker::says_of_self(&words) || says(list("somebody")) {
        return Some("personal_history");
    }
    let mut told = sentences(turn).filter(|sentence| !is_courtesy(sentence));
    told.find_map(says_more)
}

/// Why a sentence is more than a question.
fn says_more(sentence: &str) -> Option<&'static str> {
    let reading = Reading::of(sentence);
    let words = Words::of(&reading);
    if bids(&words) {
        return Some("standing_instruction");
    }
    // What neither asks nor requests tells something.
    let asks = list("asking").iter().any(|p| words.begins(p)) || sentence.ends_with('?');
    (!asks || words.len() == 0).then_some("statement")
}

/// `Could the replies be shorter?`, `Will you be a sailor?`, `Can we stick to Rust?`: a request that looks like a
/// question. Of the one who answers anything may be asked but to tell something.
fn bids(words: &Words<'_>) -> bool {
    let modal = matches!(
        words.at(0),
        "can" | "could" | "may" | "will" | "would" | "shall" | "should" | "must" | "is" | "are"
    );
    let polite = matches!(words.at(2), "please" | "kindly" | "just" | "maybe" | "also");
    let verb = words.at(2 + usize::from(polite));
    // `Can you list only vegan food?`, `How about rhymes only?`
    let narrowed = words.has(&["only", "just", "without"]);
    // `Can you help me with …`, but not `Can you help a toddler …`.
    let to_me = !matches!(verb, "help" | "teach")
        || matches!(words.at(3 + usize::from(polite)), "me" | "us");
    let told =
        list("telling").contains(&verb) && to_me && !words.has(&["answers", "replies", "code"]);
    // `Will French do?`
    let tongue = words.len() < 6 && words.has(list("languages"));
    match words.at(1) {
        "you" if modal => narrowed || !told,
        "you" => words.at(0) == "do" && (verb == "mind" || tongue),
        "we" if modal => true,
        "it" if modal && matches!(verb, "ok" | "okay" | "fine" | "alright" | "possible") => true,
        "about" if words.at(0) == "how" => narrowed,
        _ => modal && (tongue || words.has(list("replies"))),
    }
}

/// The sentences of a text, each with the mark at its end.
fn sentences(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text.trim();
    std::iter::from_fn(move || {
        let ends = rest.match_indices(['.', '?', '!']).find(|(at, mark)| {
            let blank = rest[at + 1..].starts_with(char::is_whitespace);
            blank && !(*mark == "." && is_abbreviated(&rest[..*at]))
        });
        let end = ends.map_or(rest.len(), |(at, mark)| at + mark.len());
        let (sentence, after) = rest.split_at(end);
        rest = after.trim_start();
        (!sentence.is_empty()).then_some(sentence)
    })
}

/// `Dr.`, `St.`, `U.S.`: no sentence ends here.
fn is_abbreviated(before: &str) -> bool {
    let last = before.rsplit(char::is_whitespace).next().unwrap_or("");
    last.len() < 4 && last.starts_with(char::is_uppercase) && last != "No"
}

/// `Thanks!`, `Hello there.`, `Great answer.`: nothing but such words, and one of them that says so.
fn is_courtesy(sentence: &str) -> bool {
    let reading = Reading::of(sentence);
    let words = Words::of(&reading);
    let all = ["courtesies", "courteous"];
    let known = |i: usize| all.iter().any(|name| list(name).contains(&words.at(i)));
    // `No worries`, but not `no explanation`.
    let said = |i: usize| {
        let phrases = list("kind_words").iter();
        let mut starts =
            phrases.flat_map(|phrase| (0..=i).rev().take(3).map(move |at| (at, phrase)));
        starts.any(|(at, phrase)| words.phrase_at(at, phrase) && i < at + phrase.split(' ').count())
    };
    let any = words.has(list("courtesies")) || said(0);
    any && (0..words.len()).all(|i| known(i) || said(i))
}

/// `How about in German?`, `Can you do that in French?`: a language to answer in.
fn speaks_in(words: &Words<'_>) -> bool {
    (1..words.len()).any(|i| {
        matches!(words.at(i - 1), "in" | "to" | "into") && list("languages").contains(&words.at(i))
    })
}

#[cfg(test)]
mod tests {
    use super::binds;

    #[test]
    fn what_a_turn_says_beside_its_question_binds() {
        for turn in [
            "What is asthma? The baby has it.",
            "Who are you? Your name is Clara.",
            "Are metric units fine for you? They are for all measures here.",
            "Could the replies come as JSON?",
            "Can answers stay under ten words?",
            "Will you please be a grumpy old sailor?",
            "Could you dumb things down a notch?",
            "Could we stick to Python 2 for all code?",
            "Should Pluto count as a planet? Take it that it does.",
            "Would a diabetic, like the reader, be served by a low carb diet?",
            "🇫🇷?",
            "Great, no explanation please.",
            "Ok, one answer please.",
            "What is MS? Grandma has it.",
            "Can you give short answers?",
            "Can you list only vegan food?",
            "Can you help a toddler with a nut allergy?",
            "Do you mind rhyming?",
            "How about rhymes only?",
            "Will French do?",
            "Is it fine to keep to one sentence?",
        ] {
            assert!(binds(turn).is_some(), "{turn}");
        }
    }

    #[test]
    fn a_question_or_a_courtesy_binds_nothing() {
        for turn in [
            "What is asthma?",
            "Hi! Who wrote Faust?",
            "What is asthma? Thanks!",
            "Who was Dr. Seuss?",
            "What is the U.S. economy?",
            "Can you explain how tides work?",
            "Could you please tell me what a fjord is?",
            "Thank you so much, you're great",
            "no worries",
            "ok cool",
            "Great answer.",
        ] {
            assert_eq!(binds(turn), None, "{turn}");
        }
    }
}
